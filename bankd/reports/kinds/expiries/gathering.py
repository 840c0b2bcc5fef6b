"""The expiry calendar, from what is on record."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from bankd.audit.canonical import moment
from bankd.expiries import service as expiries
from bankd.licensing import evidence
from bankd.licensing.models import Grant, License
from bankd.provenance.models import Usage
from bankd.reports.heading import head
from bankd.reports.kind import Context, Gathered
from bankd.reports.kinds.expiries.model import End, ExpiriesReport, ExpiriesScope


def gather(session: Session, scope: ExpiriesScope, context: Context) -> Gathered[ExpiriesReport]:
    span = timedelta(days=scope.days)
    found = expiries.expiring(session, at=context.at, within=span)
    grants = _grants(session, {one.ref for one in found if one.subject == "grant"})
    relying = _relying(session, grants)
    ends = []
    for one in found:
        grant = grants.get(one.ref) if one.subject == "grant" else None
        ends.append(
            End(
                at=moment(one.at),
                what=one.what,
                subject=one.subject,
                ref=one.ref,
                title=None if grant is None else grant.license.title,
                licensor=None if grant is None else grant.license.licensor.name,
                photos=one.photos,
                zone=one.zone,
                composites=None if grant is None else relying.get(one.ref, 0),
                verified=None if grant is None else evidence.verified_by(grant.license, grant) is not None,
            )
        )
    unverified = {end.ref for end in ends if end.verified is False}
    report = ExpiriesReport(
        head=head(session, context, unverified=len(unverified)),
        days=scope.days,
        until=moment(context.at + span),
        ends=tuple(ends),
    )
    return Gathered(report)


def _grants(session: Session, refs: Iterable[str]) -> dict[str, Grant]:
    """Grants by `<license>/<grant>`."""
    wanted = set(refs)
    rows = session.scalars(
        select(Grant)
        .join(License, License.id == Grant.license_id)
        .where((License.ref + "/" + Grant.ref).in_(wanted))
        .options(joinedload(Grant.license).joinedload(License.licensor))
    )
    return {f"{grant.license.ref}/{grant.ref}": grant for grant in rows}


def _relying(session: Session, grants: dict[str, Grant]) -> dict[str, int]:
    ids = {grant.id: ref for ref, grant in grants.items()}
    rows = session.execute(
        select(Usage.grant_id, func.count(Usage.composite_id.distinct()))
        .where(Usage.grant_id.in_(ids))
        .group_by(Usage.grant_id)
    )
    return {ids[grant_id]: count for grant_id, count in rows}
