"""What a crash left: hints that were lost, leases that ran out, answers that nobody told us of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bankd.storage import Blobs
from bankd.synthesis.filing import ADVANCE_TASK
from bankd.synthesis.models import Order, OrderState, Request, RequestState
from bankd.synthesis.orders import PUBLISH_TASK, RENDER_QUEUE, result_key
from bankd.synthesis.service import SEAL_TASK
from bankd.worker import outbox
from bankd.worker.app import BANK_QUEUE
from bankd.worker.outbox import HINT_AGAIN, HINT_LOST


@dataclass(frozen=True)
class Published:
    """Which orders the broker still has: those that wait for a render worker, those that one has taken."""

    waiting: frozenset[UUID]
    taken: frozenset[UUID]


def sweep_requests(session: Session, *, drained: bool, at: datetime) -> int:
    """Hint at filed requests that nobody works on; how many hints were made.

    Args:
        drained: nothing waits in the queue `bank`.
    """
    stuck = session.scalars(
        select(Request)
        .where(
            Request.state == RequestState.FILED,
            or_(Request.lease_until.is_(None), Request.lease_until <= at),
            outbox.overdue(Request.filed_at, Request.hinted_at, at=at, drained=drained),
        )
        .with_for_update(skip_locked=True)
    ).all()
    for request in stuck:
        request.hinted_at = at
        outbox.enqueue(session, ADVANCE_TASK, queue=BANK_QUEUE, at=at, request_id=request.id)
    return len(stuck)


def sweep_orders(
    session: Session, *, published: Published | None, drained: bool, blobs: Blobs, at: datetime
) -> int:
    """Seal orders that were answered or have expired, publish those again that are lost; how many hints.

    An order that waits in the queue is left there. One that the broker does
    not have any more, and that nobody answered, is published again after ten
    seconds, twenty, forty and so on. One that a worker has taken, and has
    perhaps taken to its grave, after one minute, two, four.

    Args:
        published: None if the broker does not say, and any order may be in a worker's hands.
        drained: nothing waits in the queue `bank`, no hint to seal either.

    Raises:
        BlobUnavailable: nothing was hinted.
    """
    unanswered = session.scalars(
        select(Order)
        .where(Order.state == OrderState.MADE, or_(Order.lease_until.is_(None), Order.lease_until <= at))
        .with_for_update(skip_locked=True)
    ).all()
    hints = 0
    for order in unanswered:
        may_seal = drained or order.published_at + HINT_AGAIN <= at
        may_publish = _is_lost(order, published, at=at)
        if not (may_seal or may_publish):
            continue
        if order.expires_at <= at or blobs.exists(result_key(order)):
            if may_seal:
                order.published_at = at
                outbox.enqueue(session, SEAL_TASK, queue=BANK_QUEUE, at=at, order_id=order.id)
                hints += 1
        elif may_publish:
            order.published += 1
            order.published_at = at
            outbox.enqueue(session, PUBLISH_TASK, queue=RENDER_QUEUE, at=at, order_id=order.id)
            hints += 1
    return hints


def _is_lost(order: Order, published: Published | None, *, at: datetime) -> bool:
    wait = HINT_AGAIN
    if published is not None and order.id not in published.taken:
        if order.id in published.waiting:
            return False
        wait = HINT_LOST
    again_at: datetime = order.published_at + wait * 2 ** (order.published - 1)
    return again_at <= at


def over(session: Session, orders: Collection[UUID], *, at: datetime) -> set[UUID]:
    """Which of these orders need no rendering any more: answered, replaced or expired."""
    waited_for = session.scalars(
        select(Order.id).where(Order.id.in_(orders), Order.state == OrderState.MADE, Order.expires_at > at)
    )
    return set(orders) - set(waited_for)
