"""Deny holds: compliance takes something out of use from a moment until another. There is no temporary allow.

As withdrawals do, `begin` and `end` return the grants concerned, for the
caller to block or free on their photos in the same transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.licensing.ending import DenyHold, HoldSubject
from bankd.licensing.errors import HoldAlreadyOver, HoldNotFound, HoldUnfit
from bankd.licensing.models import Grant, License
from bankd.licensing.withdrawals import grants_of

STANDING = and_(DenyHold.began_at.is_not(None), DenyHold.ended_at.is_(None))

DENIED = exists().where(
    STANDING,
    or_(
        and_(DenyHold.subject == "grant", DenyHold.subject_id == Grant.id),
        and_(DenyHold.subject == "license", DenyHold.subject_id == Grant.license_id),
        and_(DenyHold.subject == "licensor", DenyHold.subject_id == License.licensor_id),
    ),
)
"""Whether a hold stands on a grant: for statements over `Grant` and its `License`."""


def record(
    session: Session,
    *,
    subject: HoldSubject,
    subject_id: UUID,
    ref: str,
    reason: str,
    starts_at: datetime | None,
    ends_at: datetime | None,
    by: Actor,
    at: datetime,
) -> DenyHold:
    """Write down a hold; it blocks from `begin` on. Several may stand on one thing at a time.

    Args:
        starts_at: None for now.
        ends_at: None for until it is lifted.

    Raises:
        HoldUnfit: it would begin in the past, or be over before it begins.
    """
    starts = starts_at or at
    if starts < at:
        raise HoldUnfit("a hold cannot begin in the past: what was handed out then stays so")
    if ends_at is not None and ends_at <= starts:
        raise HoldUnfit(f"the hold would end at {ends_at.isoformat()}, which is not after it begins")
    hold = DenyHold(
        subject=subject,
        subject_id=subject_id,
        ref=ref,
        reason=reason,
        starts_at=starts,
        ends_at=ends_at,
        set_at=at,
        set_by=by.name,
    )
    session.add(hold)
    session.flush()
    log.append(
        session, Kind.HOLD_SET, by=by, at=at,
        hold=hold.id, subject=subject, subject_id=subject_id, ref=ref, reason=reason,
        starts_at=starts, ends_at=ends_at,
    )  # fmt: skip
    return hold


def begin(session: Session, hold: DenyHold, *, by: Actor, at: datetime) -> tuple[UUID, ...]:
    """Let a hold stand from now on."""
    hold.began_at = at
    session.flush()
    log.append(session, Kind.HOLD_BEGAN, by=by, at=at, hold=hold.id, subject=hold.subject, ref=hold.ref)
    return grants_of(session, hold.subject, hold.subject_id)


def end(session: Session, hold: DenyHold, *, by: Actor, at: datetime) -> tuple[UUID, ...]:
    """Let a hold be over; grants on which another one stands stay blocked by that."""
    hold.ended_at = at
    session.flush()
    log.append(session, Kind.HOLD_ENDED, by=by, at=at, hold=hold.id, subject=hold.subject, ref=hold.ref)
    return grants_of(session, hold.subject, hold.subject_id)


def lift(session: Session, hold_id: UUID, *, reason: str, by: Actor, at: datetime) -> DenyHold:
    """Note who lifted a hold and why; `end` then frees what it blocked.

    Raises:
        HoldNotFound, HoldAlreadyOver.
    """
    hold = session.get(DenyHold, hold_id, with_for_update=True, populate_existing=True)
    if hold is None:
        raise HoldNotFound(hold_id)
    if hold.ended_at is not None or (hold.ends_at is not None and hold.ends_at <= at):
        raise HoldAlreadyOver(hold_id, hold.ended_at or hold.ends_at or at)
    hold.ended_at = hold.lifted_at = at
    hold.lifted_by, hold.lifted_reason = by.name, reason
    session.flush()
    log.append(session, Kind.HOLD_LIFTED, by=by, at=at, hold=hold_id, ref=hold.ref, reason=reason)
    return hold


def beginning(session: Session, *, at: datetime) -> Sequence[DenyHold]:
    """Holds that should stand by now and do not yet."""
    return _open(session, DenyHold.began_at.is_(None), DenyHold.starts_at <= at)


def ending(session: Session, *, at: datetime) -> Sequence[DenyHold]:
    """Holds whose end has come."""
    return _open(session, DenyHold.ends_at <= at)


def listed(session: Session, *, over: bool = False, limit: int = 100) -> Sequence[DenyHold]:
    """Holds that wait or stand, with `over` those of the past too; the latest first."""
    wanted = select(DenyHold).order_by(DenyHold.set_at.desc(), DenyHold.id).limit(limit)
    return session.scalars(wanted if over else wanted.where(DenyHold.ended_at.is_(None))).all()


def _open(session: Session, *more: ColumnElement[bool]) -> Sequence[DenyHold]:
    return session.scalars(
        select(DenyHold)
        .where(DenyHold.ended_at.is_(None), *more)
        .order_by(DenyHold.starts_at, DenyHold.id)
        .with_for_update(skip_locked=True)
    ).all()
