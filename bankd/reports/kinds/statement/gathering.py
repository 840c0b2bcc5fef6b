"""A payee's statement, from the figures that were computed once."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from bankd.audit.canonical import moment
from bankd.licensing import evidence
from bankd.licensing.models import Grant, License
from bankd.reports.heading import head
from bankd.reports.kind import Context, Gathered
from bankd.reports.kinds.statement.model import (
    ByLicense,
    Earned,
    EscrowMovement,
    Held,
    Line,
    Payee,
    Rate,
    RecordedUses,
    Share,
    StatementReport,
    StatementScope,
)
from bankd.royalties import payees, statements
from bankd.royalties.models import Statement
from bankd.usage import covering

MOST_LINES = 20_000


def gather(session: Session, scope: StatementScope, context: Context) -> Gathered[StatementReport]:
    """Raises: StatementNotFound."""
    statement = statements.get(session, scope.statement)
    figures = statement.figures
    licenses = _licenses(session, {one["license"] for one in figures["by_license"]})
    lines = [_line(one) for one in statements.lines(session, statement.id, limit=MOST_LINES)]
    corrected = statements.lines(session, statement.id, corrections=True, limit=MOST_LINES)
    unverified = {ref for ref, (_, verified) in licenses.items() if not verified}
    report = StatementReport(
        head=head(session, context, unverified=len(unverified)),
        statement_id=statement.id,
        figures_sha256=statement.figures_sha256,
        computed_at=moment(statement.computed_at),
        computed_by=statement.computed_by,
        payee=Payee.model_validate({name: figures["payee"].get(name) for name in Payee.model_fields}),
        period=statement.period,
        starts_on=statement.starts_on,
        ends_on=statement.ends_on,
        currency=statement.currency,
        earned=tuple(Earned.model_validate(one) for one in figures["earned"]),
        rates=tuple(Rate.model_validate(one) for one in figures["rates"]),
        by_license=tuple(
            ByLicense(
                license=one["license"],
                title=licenses[one["license"]][0].title,
                licensor=licenses[one["license"]][0].licensor.name,
                trigger=one["trigger"],
                currency=one["currency"],
                amount_minor=one["amount_minor"],
                verified=licenses[one["license"]][1],
            )
            for one in figures["by_license"]
        ),
        shares=_shares(session, statement, licenses),
        held=tuple(Held.model_validate(one) for one in figures["escrow"]),
        escrow=tuple(EscrowMovement.model_validate(one) for one in figures.get("escrow_movement", ())),
        **{
            name: figures[name]
            for name in (
                "gross_minor",
                "brought_forward_minor",
                "brought_forward_from",
                "payable_minor",
                "consumption_tax_minor",
                "withholding_minor",
                "net_minor",
                "carried_forward_minor",
            )
        },
        lines_in_all=statements.count_lines(session, statement.id),
        lines=tuple(lines),
        corrections=tuple(_line(one) for one in corrected),
        recorded_uses=_recorded(session, statement),
    )
    return Gathered(report)


def _recorded(session: Session, statement: Statement) -> RecordedUses | None:
    found = covering.of(session, statement)
    if found is None or found.to is None or found.licensor_id is None:
        return None
    start = None if found.start is None else found.start.size
    return RecordedUses(start=start, to=found.to.size, count=found.uses)


def _licenses(session: Session, refs: set[str]) -> dict[str, tuple[License, bool]]:
    """Licenses by ref, and whether somebody vouches for each of their grants."""
    rows = session.scalars(
        select(Grant)
        .join(License, License.id == Grant.license_id)
        .where(License.ref.in_(refs))
        .options(joinedload(Grant.license).joinedload(License.licensor))
    )
    found: dict[str, tuple[License, bool]] = {}
    for grant in rows:
        before = found.get(grant.license.ref, (grant.license, True))[1]
        verified = evidence.verified_by(grant.license, grant) is not None
        found[grant.license.ref] = (grant.license, before and verified)
    return found


def _shares(
    session: Session, statement: Statement, licenses: dict[str, tuple[License, bool]]
) -> tuple[Share, ...]:
    """The splits of the statement's licenses that name the payee and count within the period."""
    found = []
    refs = {license.id: ref for ref, (license, _) in licenses.items()}
    for license_id, splits in payees.splits(session).items():
        begun = [one for one in splits if one.starts_on <= statement.ends_on]
        last_before = max(
            (one.starts_on for one in begun if one.starts_on <= statement.starts_on), default=None
        )
        for one in begun if license_id in refs else ():
            weight = next((weight for ref, weight in one.shares if ref == statement.payee_ref), None)
            if weight is not None and (last_before is None or one.starts_on >= last_before):
                whole = sum(weight for _, weight in one.shares)
                found.append(
                    Share(license=refs[license_id], starts_on=one.starts_on, weight=weight, of=whole)
                )
    return tuple(sorted(found, key=lambda share: (share.license, share.starts_on)))


def _line(one: dict[str, Any]) -> Line:
    return Line(
        accrual=one["accrual"],
        at=moment(one["at"]),
        trigger=one["trigger"],
        grant=one["grant"],
        composite_id=one["composite"],
        photo_id=one["photo"],
        handout_id=one["handout"],
        publication_id=one["publication"],
        units=one["units"],
        canvas_px=one["canvas_px"],
        frame_px=one["frame_px"],
        of_minor=one["of_minor"],
        amount_minor=one["amount_minor"],
        currency=one["currency"],
        reason=one["reason"],
    )
