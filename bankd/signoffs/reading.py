"""What of sign-offs is looked up, and how it is shown to those who sign."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from bankd.signoffs.errors import AwaitedNotFound, SignoffNotFound
from bankd.signoffs.models import AwaitedSignoff, AwaitedState, Signoff


def lapsing(session: Session, *, at: datetime) -> Sequence[AwaitedSignoff]:
    """What nobody settled in time."""
    return session.scalars(
        select(AwaitedSignoff)
        .where(AwaitedSignoff.state == AwaitedState.AWAITING, AwaitedSignoff.due_at <= at)
        .order_by(AwaitedSignoff.due_at, AwaitedSignoff.id)
    ).all()


def open_of(session: Session, request_id: UUID) -> int:
    """How many sign-offs a request still waits for."""
    waiting = select(func.count()).where(
        AwaitedSignoff.request_id == request_id, AwaitedSignoff.state == AwaitedState.AWAITING
    )
    return session.scalar(waiting) or 0


def queue(
    session: Session,
    *,
    state: str | None = AwaitedState.AWAITING,
    request_id: UUID | None = None,
    among: Select[Any] | None = None,
    limit: int = 100,
) -> Sequence[AwaitedSignoff]:
    """What people are asked for, the soonest due first; `state` None is all of it.

    Args:
        among: ids of the requests to look at; all if None.
    """
    wanted = select(AwaitedSignoff).order_by(AwaitedSignoff.due_at, AwaitedSignoff.id).limit(limit)
    if state is not None:
        wanted = wanted.where(AwaitedSignoff.state == state)
    if request_id is not None:
        wanted = wanted.where(AwaitedSignoff.request_id == request_id)
    if among is not None:
        wanted = wanted.where(AwaitedSignoff.request_id.in_(among))
    return session.scalars(wanted.execution_options(populate_existing=True)).all()


def get(session: Session, awaited_id: UUID) -> AwaitedSignoff:
    """Raises: AwaitedNotFound."""
    found = session.get(AwaitedSignoff, awaited_id, populate_existing=True)
    if found is None:
        raise AwaitedNotFound(awaited_id)
    return found


def signoff(session: Session, signoff_id: UUID) -> Signoff:
    """Raises: SignoffNotFound."""
    found = session.get(Signoff, signoff_id)
    if found is None:
        raise SignoffNotFound(signoff_id)
    return found


def signatures(session: Session, awaited_ids: Collection[UUID]) -> dict[UUID, list[Signoff]]:
    """What was signed of each, the oldest first, superseded ones and what took their place included."""
    rows = session.scalars(
        select(Signoff).where(Signoff.awaited_id.in_(awaited_ids)).order_by(Signoff.signed_at, Signoff.id)
    ).all()
    return {id: [row for row in rows if row.awaited_id == id] for id in awaited_ids}


def facts(awaited: AwaitedSignoff, signed: Sequence[Signoff], *, says: str, at: datetime) -> dict[str, Any]:
    """An entry of the queue as compliance sees it."""
    return {
        "awaited": awaited.id,
        "request": awaited.request_id,
        "requester": awaited.requester,
        "policy": awaited.policy,
        "says": says,
        "role": awaited.role,
        "signers": awaited.signers,
        "signed": len({one.signed_by for one in signed if one.state(at=at) == "stands"}),
        "together": awaited.together,
        "photos": awaited.photos,
        "grants": awaited.grants,
        "bundle": awaited.bundle_digest,
        "state": awaited.state,
        "made_at": awaited.made_at,
        "due_at": awaited.due_at,
        "settled_at": awaited.settled_at,
        "settled_by": awaited.settled_by,
        "reason": awaited.reason,
        "signoffs": [signoff_facts(one, at=at) for one in signed],
    }


def signoff_facts(one: Signoff, *, at: datetime) -> dict[str, Any]:
    """A sign-off as it is shown."""
    return {
        "signoff": one.id,
        "policy": one.policy,
        "scope": one.scope,
        "state": one.state(at=at),
        "reason": one.reason,
        "document_sha256": one.document_sha256,
        "signed_by": one.signed_by,
        "signed_at": one.signed_at,
        "expires_at": one.expires_at,
        "withdrawn_at": one.withdrawn_at,
        "withdrawn_by": one.withdrawn_by,
        "withdrawn_reason": one.withdrawn_reason,
        "superseded_at": one.superseded_at,
        "superseded_by": one.superseded_by,
    }
