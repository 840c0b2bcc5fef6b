"""Requests that wait for people look again by themselves: what they wait for may not be needed any more.

Rights come, a license is renewed, somebody signs for more than one request. Then one more plan is made
with what there is by now. If it serves the request it goes on, and nobody is asked any more; if not, it
goes on waiting, and nothing about it changes.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import TOUCHES_RIGHTS, Kind
from bankd.catalog.taxonomy import house
from bankd.licensing import caps
from bankd.runtime import Runtime
from bankd.signoffs import service as signoffs
from bankd.synthesis import service, steps
from bankd.synthesis.clearing import SealRefused
from bankd.synthesis.models import Request, RequestState
from bankd.synthesis.plan import Plan, plan
from bankd.worker import outbox
from bankd.worker.app import BANK_QUEUE

LOOK_AGAIN_TASK = "synthesis.look-again"
LEAST = timedelta(minutes=1)  # between two looks at one request
MOST = 16  # looks that one sweep asks for
MAY_SERVE = TOUCHES_RIGHTS | {Kind.SIGNOFF_GIVEN, Kind.PHOTO_ADMITTED}
"""After one of these a request that waits may be served without those whom it waits for."""


def sweep(session: Session, *, at: datetime) -> int:
    """Have requests that wait looked at that were not since rights last moved; how many."""
    idle = session.scalars(
        select(Request)
        .where(Request.state == RequestState.AWAITING, Request.hinted_at <= at - LEAST)
        .order_by(Request.hinted_at, Request.id)
        .limit(MOST)
        .with_for_update(skip_locked=True)
    ).all()
    moved = log.last_of(session, MAY_SERVE) if idle else None
    stale = [one for one in idle if moved is not None and one.hinted_at < moved]
    for request in stale:
        request.hinted_at = at
        outbox.enqueue(session, LOOK_AGAIN_TASK, queue=BANK_QUEUE, at=at, request_id=request.id)
    return len(stale)


def look_again(rt: Runtime, request_id: UUID) -> None:
    """Send a request on that clears by now without those whom it waits for. Safe to run twice.

    Raises:
        BlobUnavailable, DatabaseUnavailable: it goes on waiting until rights move again.
    """
    with rt.transaction() as session:
        request = session.get(Request, request_id)
        if request is None or request.state != RequestState.AWAITING:
            return
    labels = steps.layout_of(rt, request)
    with rt.transaction() as session:
        at = rt.now()
        wanted = service.wanted(session, request)
        ready = steps.prepared(session, request, labels, wanted.variations, at=at)
        if isinstance(ready, SealRefused):
            return
        planned = plan(
            session,
            ready.asked,
            terms=ready.terms,
            taxonomy=house(),
            without=wanted.without,
            without_grants=caps.short(session, places=1, at=at),
        )
    if isinstance(planned, Plan):
        with rt.transaction() as session:
            _send_on(session, request_id, by=rt.actor, at=rt.now())


def _send_on(session: Session, request_id: UUID, *, by: Actor, at: datetime) -> None:
    request = session.get_one(Request, request_id, with_for_update=True)
    if request.state != RequestState.AWAITING:
        return
    signoffs.drop(session, request_id, by=by, at=at)
    log.append(session, Kind.REQUEST_RESUMED, by=by, at=at, request=request_id)
    service.again(session, request, at=at)
