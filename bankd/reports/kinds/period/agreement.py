"""Whether records and log tell the same, and what of the facts relied on nobody verified."""

from bankd.audit.kinds import Kind
from bankd.reports.kinds.period.asking import Asking
from bankd.reports.kinds.period.model import Agreement, Unverified, WeakGrant

MOST_WEAK = 100  # grants named

# What, the kinds of entries, the table, the column of its moment, and what the log calls the new one's id.
AGREEING: tuple[tuple[str, tuple[Kind, ...], str, str, tuple[str, ...]], ...] = (
    ("requests", (Kind.REQUEST_FILED,), "requests", "filed_at", ("request",)),
    ("composites", (Kind.COMPOSITE_SEALED,), "composites", "sealed_at", ("composite",)),
    ("handouts", (Kind.COMPOSITE_HANDED_OUT,), "handouts", "at", ("handout",)),
    (
        "publications",
        (Kind.PUBLICATION_RECORDED, Kind.PUBLICATION_REPLACED),
        "publications",
        "recorded_at",
        ("publication",),
    ),
    ("withdrawals", (Kind.WITHDRAWAL_RECORDED,), "withdrawals", "recorded_at", ("withdrawal",)),
    ("holds", (Kind.HOLD_SET,), "deny_holds", "set_at", ("hold",)),
    (
        "signoffs",
        (Kind.SIGNOFF_GIVEN, Kind.SIGNOFF_SUPERSEDED),
        "signoffs",
        "signed_at",
        ("with_signoff", "signoff"),
    ),
    ("erasures", (Kind.ERASURE_DECIDED,), "erasures", "decided_at", ("erasure",)),
)


def agreement(asking: Asking) -> tuple[Agreement, ...]:
    """By ids: what the log tells of and no record has, and records of the period that the log never told."""
    found = []
    for what, kinds, table, moment_, names in AGREEING:
        id_ = ", ".join(f"p.payload::jsonb #>> '{{objects,{name}}}'" for name in names)
        row = asking.one(
            f"""
            WITH told AS MATERIALIZED (
                SELECT e.at, coalesce({id_})::uuid AS id
                FROM log_entries AS e LEFT JOIN log_payloads AS p ON p.index = e.index
                WHERE e.kind = ANY(:kinds) AND e.index < :cutoff
                    AND e.at >= CAST(:since AS timestamptz) - interval '1 day'
                    AND e.at < CAST(:until AS timestamptz) + interval '1 day'
            ), inside AS (
                SELECT id FROM told WHERE at >= :since AND at < :until
            ), records AS (
                SELECT id FROM {table} WHERE {moment_} >= :since AND {moment_} < :until
            )
            SELECT
                (SELECT count(*) FROM inside) AS entries,
                (SELECT count(*) FROM told WHERE id IS NULL) AS erased,
                (SELECT count(*) FROM inside WHERE id IS NOT NULL AND NOT EXISTS (
                    SELECT FROM {table} AS r WHERE r.id = inside.id)) AS without_record,
                (SELECT count(*) FROM records) AS records,
                (SELECT count(*) FROM records WHERE NOT EXISTS (
                    SELECT FROM told WHERE told.id = records.id)) AS without_entry
            """,  # noqa: S608  our own words
            kinds=[kind.value for kind in kinds],
        )
        found.append(
            Agreement(
                what=what,
                entries=row.entries,
                erased=row.erased,
                without_record=row.without_record,
                records=row.records,
                without_entry=row.without_entry,
            )
        )
    return tuple(found)


RELIED = """
    WITH relied AS (
        SELECT DISTINCT u.grant_id FROM composites AS c JOIN usages AS u ON u.composite_id = c.id
        WHERE c.sealed_at >= :since AND c.sealed_at < :until
    ), looked_at AS (
        SELECT l.ref AS license_ref, g.ref AS grant_ref,
            coalesce(g.document_sha256, l.document_sha256) IS NULL AS no_document,
            CASE WHEN g.verified_by IS NOT NULL OR g.document_sha256 IS NOT NULL
                THEN g.verified_by ELSE l.verified_by END IS NULL AS unverified
        FROM relied JOIN grants AS g ON g.id = relied.grant_id JOIN licenses AS l ON l.id = g.license_id
    )
"""
WEAK = """
    SELECT count(*) AS relied_on, count(*) FILTER (WHERE no_document) AS no_document,
        count(*) FILTER (WHERE unverified) AS unverified,
        count(*) FILTER (WHERE no_document OR unverified) AS weak
    FROM looked_at
"""
NAMED = """
    SELECT license_ref, grant_ref, no_document, unverified FROM looked_at
    WHERE no_document OR unverified ORDER BY license_ref, grant_ref LIMIT :most
"""


def unverified(asking: Asking) -> Unverified:
    counts = asking.one(RELIED + WEAK)
    named = asking.all(RELIED + NAMED, most=MOST_WEAK)
    return Unverified(
        relied_on=counts.relied_on,
        no_document=counts.no_document,
        unverified=counts.unverified,
        grants=tuple(
            WeakGrant(
                license=row.license_ref,
                grant=row.grant_ref,
                why=(("no-document",) if row.no_document else ())
                + (("unverified",) if row.unverified else ()),
            )
            for row in named
        ),
        left_off=counts.weak - len(named),
    )
