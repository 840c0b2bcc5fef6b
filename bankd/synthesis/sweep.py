"""What a crash left: hints that were lost, leases that ran out, answers that nobody told us of."""

from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bankd.storage import Blobs
from bankd.synthesis.filing import ADVANCE_TASK
from bankd.synthesis.models import Order, OrderState, Request, RequestState
from bankd.synthesis.orders import PUBLISH_TASK, RENDER_QUEUE, result_key
from bankd.synthesis.service import SEAL_TASK
from bankd.worker import outbox
from bankd.worker.app import BANK_QUEUE

HINT_AGAIN = timedelta(minutes=1)


def sweep(session: Session, *, blobs: Blobs, at: datetime) -> int:
    """Hint at whatever should be moving and is not; how many hints were made.

    Requests are hinted again a minute after the last time, orders are
    published again after one minute, two, four and so on: a hint that only
    waits in a long queue is not doubled for ever.

    Raises:
        BlobUnavailable: nothing was hinted.
    """
    hints = 0
    stuck = session.scalars(
        select(Request)
        .where(
            Request.state == RequestState.FILED,
            or_(Request.lease_until.is_(None), Request.lease_until <= at),
            Request.hinted_at <= at - HINT_AGAIN,
        )
        .with_for_update(skip_locked=True)
    ).all()
    for request in stuck:
        request.hinted_at = at
        outbox.enqueue(session, ADVANCE_TASK, queue=BANK_QUEUE, at=at, request_id=request.id)
        hints += 1
    unanswered = session.scalars(
        select(Order)
        .where(Order.state == OrderState.MADE, or_(Order.lease_until.is_(None), Order.lease_until <= at))
        .with_for_update(skip_locked=True)
    ).all()
    for order in unanswered:
        if order.expires_at <= at or blobs.exists(result_key(order)):
            outbox.enqueue(session, SEAL_TASK, queue=BANK_QUEUE, at=at, order_id=order.id)
            hints += 1
        elif order.published_at + HINT_AGAIN * 2 ** (order.published - 1) <= at:
            order.published += 1
            order.published_at = at
            outbox.enqueue(session, PUBLISH_TASK, queue=RENDER_QUEUE, at=at, order_id=order.id)
            hints += 1
    return hints
