"""Notice that ends a term which would renew itself, and the renewals that come about without one.

The end that counts stands on the grant as a stamp, worked out by `renewal.ends_on`
and by nothing else. What moves it returns the grants, and **the caller must hand
them to `bankd.catalog.reprofiling.reprofile` in the same transaction**.
"""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, joinedload

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.licensing import renewal
from bankd.licensing.errors import LicenseNotFound, NothingRenews, NoticeAlreadyGiven, NoticeInFuture
from bankd.licensing.models import Grant, License


def give_notice(
    session: Session, ref: str, *, on: date, given_by: str, by: Actor, at: datetime
) -> tuple[UUID, ...]:
    """Record that an agreement was given notice of; returns the grants of which the end moved.

    Notice that came too late for one end counts for the next. Notice that is recorded late
    takes back a renewal that it was in time for.

    Args:
        on: the day on which it was given, by whichever side.
        given_by: who gave it.

    Raises:
        LicenseNotFound.
        NothingRenews: no grant of the license goes on by itself.
        NoticeInFuture: the day is not there yet.
        NoticeAlreadyGiven: the first notice stands.
    """
    license = session.scalar(
        select(License).where(License.ref == ref).with_for_update().execution_options(populate_existing=True)
    )
    if license is None:
        raise LicenseNotFound(ref)
    grants = _renewing(session, Grant.license_id == license.id)
    if not grants:
        raise NothingRenews(ref)
    if on > max(_today(grant, at) for grant in grants):
        raise NoticeInFuture(ref, on)
    if license.notice_on is not None:
        raise NoticeAlreadyGiven(ref, license.notice_on)
    license.notice_on, license.notice_by, license.notice_recorded_at = on, given_by, at
    session.flush()
    log.append(
        session, Kind.LICENSE_NOTICE_GIVEN, by=by, at=at,
        license=license.id, ref=ref, on=on.isoformat(), given_by=given_by,
    )  # fmt: skip
    return _renew(session, grants, by=by, at=at)


def renew(session: Session, *, by: Actor, at: datetime) -> tuple[UUID, ...]:
    """Move the end of every grant that has gone on by itself; returns those. Twice is as once."""
    over = (Grant.withdrawn_at, Grant.superseded_at, License.withdrawn_at, License.superseded_at)
    in_force = and_(*(stamp.is_(None) for stamp in over))
    return _renew(session, _renewing(session, in_force), by=by, at=at)


def begin(grant: Grant, *, notice_on: date | None, at: datetime) -> None:
    """Give a grant that is recorded the end that it has come to, if its first one is over."""
    end = renewal.ends_on(grant.terms, on=_today(grant, at), notice_on=notice_on)
    grant.renewed_until = None if end == grant.terms.ends_on else end


def notice_by(license: License, grant: Grant) -> date | None:
    """The last day on which notice keeps a grant from going on after its end; None: it ends there anyhow."""
    renews, end, first = grant.terms.renewal, grant.ends_on, grant.terms.ends_on
    if renews is None or end is None or first is None or license.notice_on is not None:
        return None
    if renews.times is not None and end >= renewal.months_after(first, renews.months * renews.times):
        return None
    return renewal.last_notice_on(end, renews)


def _renewing(session: Session, condition: ColumnElement[bool]) -> list[Grant]:
    return list(
        session.scalars(
            select(Grant)
            .join(License, License.id == Grant.license_id)
            .where(func.jsonb_typeof(type_coerce(Grant.terms, JSONB)["renewal"]) == "object", condition)
            .options(joinedload(Grant.license))
            .order_by(Grant.id)
        )
    )


def _renew(session: Session, grants: Iterable[Grant], *, by: Actor, at: datetime) -> tuple[UUID, ...]:
    moved = []
    for grant in grants:
        end = renewal.ends_on(grant.terms, on=_today(grant, at), notice_on=grant.license.notice_on)
        stamp = None if end == grant.terms.ends_on else end
        if stamp == grant.renewed_until:
            continue
        before, grant.renewed_until = grant.ends_on, stamp
        session.flush()
        log.append(
            session, Kind.GRANT_RENEWED, by=by, at=at,
            grant=grant.id, license=grant.license_id, before=_written(before), until=_written(end),
        )  # fmt: skip
        moved.append(grant.id)
    return tuple(moved)


def _written(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _today(grant: Grant, at: datetime) -> date:
    return at.astimezone(ZoneInfo(grant.terms.zone)).date()
