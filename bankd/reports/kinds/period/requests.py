"""What was asked for in the period, what became of it, and why it was refused."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Literal

from bankd.audit.kinds import Kind
from bankd.reports.kinds.period import annexes
from bankd.reports.kinds.period.asking import Asking, counted
from bankd.reports.kinds.period.model import (
    Counted,
    Reason,
    Refusals,
    Requests,
    Row,
    SignoffRow,
    Span,
)

WEEKS = 70  # in a longer period months are told
MOST_WHY = 20  # failures by sentence


def requests(asking: Asking) -> Requests:
    cube = asking.all(
        """
        SELECT coalesce(d.name, '') AS department, r.use ->> 'purpose' AS purpose, r.state,
            count(*) AS count, sum(r.variations) AS pictures
        FROM requests AS r LEFT JOIN departments AS d ON d.id = r.department_id
        WHERE r.filed_at >= :since AND r.filed_at < :until
        GROUP BY 1, 2, 3
        """
    )
    states: Counter[str] = Counter()
    departments: dict[str, Counter[str]] = defaultdict(Counter)
    purposes: dict[str, Counter[str]] = defaultdict(Counter)
    for row in cube:
        states[row.state] += row.count
        departments[row.department][row.state] += row.count
        purposes[row.purpose][row.state] += row.count
    by, by_span = _spans(asking)
    return Requests(
        filed=states.total(),
        pictures=int(sum(row.pictures for row in cube)),
        states=counted(states),
        departments=_rows(departments),
        purposes=_rows(purposes),
        by=by,
        spans=by_span,
    )


def _spans(asking: Asking) -> tuple[Literal["week", "month"], tuple[Span, ...]]:
    """How many were filed and refused by week or month, weeks in which nothing was included."""
    weeks = (asking.scope.last_day - asking.scope.first_day).days / 7 <= WEEKS
    unit: Literal["week", "month"] = "week" if weeks else "month"
    rows = asking.all(
        """
        WITH spans AS (
            SELECT span::date AS starts_on FROM generate_series(
                date_trunc(:unit, CAST(:first AS date)), CAST(:last AS date), CAST(:step AS interval)
            ) AS span
        ), filed AS (
            SELECT starts_on, sum(count)::bigint AS count, jsonb_object_agg(state, count) AS states FROM (
                SELECT date_trunc(:unit, filed_at AT TIME ZONE :zone)::date AS starts_on, state,
                    count(*) AS count
                FROM requests WHERE filed_at >= :since AND filed_at < :until GROUP BY 1, 2
            ) AS by_state GROUP BY 1
        ), refused AS (
            SELECT date_trunc(:unit, at AT TIME ZONE :zone)::date AS starts_on, count(*) AS count
            FROM log_entries
            WHERE kind = :refused AND index < :cutoff AND at >= :since AND at < :until GROUP BY 1
        )
        SELECT starts_on, coalesce(filed.count, 0) AS filed, coalesce(states, '{}') AS states,
            coalesce(refused.count, 0) AS refused
        FROM spans LEFT JOIN filed USING (starts_on) LEFT JOIN refused USING (starts_on)
        ORDER BY starts_on
        """,
        unit=unit,
        step=f"1 {unit}",
        first=asking.scope.first_day,
        last=asking.scope.last_day,
        refused=Kind.REQUEST_REFUSED.value,
    )
    first = asking.scope.first_day
    return unit, tuple(
        Span(
            starts_on=max(row.starts_on, first),
            filed=row.filed,
            states=counted(row.states),
            refused=row.refused,
        )
        for row in rows
    )


def refusals(asking: Asking, counts: Counter[str]) -> Refusals:
    rows = asking.told(
        annexes.REFUSED,
        """
        , reasons AS (
            SELECT index, kind, jsonb_array_elements_text(objects -> 'reasons') AS policy
            FROM told WHERE jsonb_typeof(objects -> 'reasons') = 'array'
            UNION
            SELECT index, kind, jsonb_path_query(objects, 'lax $.regions[*].reasons[*]') #>> '{}' AS policy
            FROM told WHERE jsonb_typeof(objects -> 'regions') = 'array'
        )
        SELECT kind, policy, count(*) AS count FROM reasons GROUP BY kind, policy
        UNION ALL SELECT kind, NULL, count(*) FROM told WHERE told IS NULL GROUP BY kind
        """,
    )
    by_policy: dict[str, Counter[str]] = defaultdict(Counter)
    erased = 0
    for row in rows:
        if row.policy is None:
            erased += row.count
        else:
            by_policy[row.policy][row.kind] = row.count
    sentences = asking.sentences(by_policy)
    ordered = sorted(by_policy, key=lambda policy: (-by_policy[policy].total(), policy))
    return Refusals(
        requests=counts[Kind.REQUEST_REFUSED],
        pictures=counts[Kind.COMPOSITE_REFUSED],
        handouts=counts[Kind.HANDOUT_REFUSED],
        reasons=tuple(
            Reason(
                policy=policy,
                says=sentences[policy],
                requests=by_policy[policy][Kind.REQUEST_REFUSED],
                pictures=by_policy[policy][Kind.COMPOSITE_REFUSED],
                handouts=by_policy[policy][Kind.HANDOUT_REFUSED],
            )
            for policy in ordered
        ),
        erased=erased,
    )


def failures(asking: Asking) -> tuple[Counted, ...]:
    rows = asking.told(
        [Kind.REQUEST_FAILED],
        """
        SELECT coalesce(objects ->> 'why', 'erased') AS word, count(*) AS count
        FROM told GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT :most
        """,
        most=MOST_WHY,
    )
    return tuple(Counted(word=row.word, count=row.count) for row in rows)


def signoffs(asking: Asking) -> tuple[SignoffRow, ...]:
    kinds = {
        Kind.SIGNOFF_AWAITED: "awaited",
        Kind.SIGNOFF_GIVEN: "given",
        Kind.SIGNOFF_DECLINED: "declined",
        Kind.SIGNOFF_LAPSED: "lapsed",
        Kind.SIGNOFF_WITHDRAWN: "withdrawn",
        Kind.SIGNOFF_SUPERSEDED: "superseded",
    }
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in asking.grouped(kinds, "policy"):
        found[row.policy or "erased"][kinds[Kind(row.kind)]] += row.count
    sentences = asking.sentences(found)
    return tuple(
        SignoffRow(
            policy=policy,
            says=sentences[policy],
            **{word: found[policy][word] for word in kinds.values()},
        )
        for policy in sorted(found)
    )


def _rows(found: Mapping[str, Counter[str]]) -> tuple[Row, ...]:
    ordered = sorted(found.items(), key=lambda item: (-item[1].total(), item[0]))
    return tuple(Row(name=name, filed=of.total(), states=counted(of)) for name, of in ordered)
