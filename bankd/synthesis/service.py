"""How a request moves: claimed under a lease, refused, ordered, its pictures settled one by one, finished."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.synthesis import recording
from bankd.synthesis.clearing import SealRefused
from bankd.synthesis.filing import ADVANCE_TASK
from bankd.synthesis.models import (
    Clearance,
    Order,
    OrderState,
    Request,
    RequestState,
    Variation,
    VariationState,
)
from bankd.synthesis.sealing import free_reservations
from bankd.worker import outbox
from bankd.worker.app import BANK_QUEUE

LEASE = timedelta(minutes=2)  # of whoever clears and orders
MAX_VOID = 5  # orders of one request that may be answered wrongly
MAX_TRIES = 10  # times that work on a request was begun and not brought to an order
SEAL_TASK = "synthesis.seal"


@dataclass(frozen=True)
class Wanted:
    """What is still to be made of a request."""

    variations: tuple[int, ...]
    without: frozenset[tuple[UUID, UUID]]  # (photo, grant) refused at an earlier seal


def claim(session: Session, request_id: UUID, *, at: datetime) -> Request | None:
    """Take a filed request on, until the lease runs out; None if it is taken, or no longer filed."""
    request = session.scalar(
        select(Request)
        .where(
            Request.id == request_id,
            Request.state == RequestState.FILED,
            or_(Request.lease_until.is_(None), Request.lease_until <= at),
        )
        .with_for_update(skip_locked=True)
    )
    if request is None:
        return None
    request.lease_until = at + LEASE
    request.tries += 1
    session.flush()
    return request


def claim_order(session: Session, order_id: UUID, *, at: datetime) -> tuple[Order, Request] | None:
    """Take an order's answer on, to seal it; None if it is taken, or no longer the current attempt."""
    found = session.execute(
        select(Order, Request)
        .join(Request, Request.id == Order.request_id)
        .where(
            Order.id == order_id,
            Order.state == OrderState.MADE,
            or_(Order.lease_until.is_(None), Order.lease_until <= at),
        )
        .with_for_update(of=Order, skip_locked=True)
    ).one_or_none()
    if found is None:
        return None
    order, request = found
    if order.attempt != request.attempt:
        return None
    order.lease_until = at + LEASE
    session.flush()
    return order, request


def give_back(session: Session, request_id: UUID, *, lease_until: datetime) -> None:
    """End a lease without a result, through no fault of the request; the try does not count."""
    request = held(session, request_id, lease_until=lease_until)
    if request is not None:
        request.lease_until = None
        request.tries -= 1


def let_go(session: Session, order_id: UUID) -> None:
    """Give an order back that has no answer yet."""
    session.get_one(Order, order_id, with_for_update=True).lease_until = None


def held(session: Session, request_id: UUID, *, lease_until: datetime) -> Request | None:
    """The request, locked, if the lease taken by `claim` is still ours; None if somebody else went on."""
    request = session.get(Request, request_id, with_for_update=True, populate_existing=True)
    ours = request is not None and request.state == RequestState.FILED and request.lease_until == lease_until
    return request if ours else None


def wanted(session: Session, request: Request) -> Wanted:
    variations = session.scalars(
        select(Variation.index)
        .where(Variation.request_id == request.id, Variation.state == VariationState.WAITING)
        .order_by(Variation.index)
    ).all()
    left_out = request.outcome.get("left_out", {})
    return Wanted(
        tuple(variations),
        frozenset((UUID(photo), UUID(grant)) for photo, grants in left_out.items() for grant in grants),
    )


def refuse(
    session: Session,
    request: Request,
    clearance: Clearance | None = None,
    *,
    reasons: Sequence[dict[str, Any]],
    by: Actor,
    at: datetime,
) -> None:
    """End a request's waiting pictures for want of cleared segments; what was sealed before stays.

    Args:
        clearance: the refusal with its facts, not recorded yet.
    """
    kept: dict[str, Any] = {}
    if clearance is not None:
        session.add(clearance)
        kept = {
            "bundle": clearance.bundle_digest,
            "facts": recording.digest(clearance.facts or {}),
            "answer": clearance.answer_sha256,
        }
    for variation in _waiting(session, request):
        variation.state = VariationState.REFUSED
        variation.reasons = {
            "reasons": sorted({r["policy"] for region in reasons for r in region["reasons"]})
        }
    request.outcome = {**request.outcome, "regions": list(reasons)}
    entry = log.append(
        session,
        Kind.REQUEST_REFUSED,
        by=by,
        at=at,
        request=request.id,
        regions=[
            {"region": r["region"], "category": r["category"], "reasons": [x["policy"] for x in r["reasons"]]}
            for r in reasons
        ],
        **kept,
    )
    finish(session, request, at=at)
    if clearance is not None:
        log.settle(session)
        clearance.log_index = entry.index


def refuse_set(session: Session, request: Request, refused: SealRefused, *, by: Actor, at: datetime) -> None:
    """End a request whose cleared sources cannot stand together."""
    for variation in _waiting(session, request):
        variation.state = VariationState.REFUSED
        variation.reasons = _reasons(refused)
    log.append(
        session,
        Kind.REQUEST_REFUSED,
        by=by,
        at=at,
        request=request.id,
        reasons=refused.reasons,
        grants=refused.grants,
    )
    finish(session, request, at=at)


def fail(session: Session, request: Request, *, why: str, by: Actor, at: datetime) -> None:
    """Give a request up, with the reason; sealed pictures stay."""
    for variation in _waiting(session, request):
        variation.state = VariationState.REFUSED
        variation.reasons = {"failed": why}
    request.outcome = {**request.outcome, "failed": why}
    log.append(session, Kind.REQUEST_FAILED, by=by, at=at, request=request.id, why=why)
    finish(session, request, at=at)


def void(session: Session, order: Order, *, why: str, kind: Kind, by: Actor, at: datetime) -> None:
    """End an order that came to nothing; its request is cleared anew.

    To expire in a long queue is ordinary, however often. A request whose
    orders are answered wrongly is given up after `MAX_VOID` of them.
    """
    request = session.get_one(Request, order.request_id, with_for_update=True, populate_existing=True)
    session.refresh(order, with_for_update=True)
    if order.state != OrderState.MADE:
        return
    order.state = OrderState.EXPIRED if kind is Kind.ORDER_EXPIRED else OrderState.VOID
    free_reservations(session, order)
    log.append(session, kind, by=by, at=at, order=order.id, request=request.id, why=why)
    if request.attempt != order.attempt or request.state != RequestState.RENDERING:
        return
    session.flush()
    wrong = select(func.count()).where(Order.request_id == request.id, Order.state == OrderState.VOID)
    if (session.scalar(wrong) or 0) >= MAX_VOID:
        fail(session, request, why=why, by=by, at=at)
    else:
        again(session, request, at=at)


def settle_refused(
    session: Session, order_id: UUID, index: int, refused: SealRefused, *, by: Actor, at: datetime
) -> None:
    """Record that a picture was refused at seal.

    One more attempt is made without its sources: without those photos, that
    is, on the grants that were relied on. Another grant may carry them still.
    """
    order = session.get_one(Order, order_id)
    request = session.get_one(Request, order.request_id, with_for_update=True, populate_existing=True)
    variation = session.get_one(Variation, (request.id, index), populate_existing=True)
    if order.attempt != request.attempt or variation.state != VariationState.WAITING:
        return
    log.append(
        session,
        Kind.COMPOSITE_REFUSED,
        by=by,
        at=at,
        request=request.id,
        order=order.id,
        variation=index,
        reasons=refused.reasons,
        photos=refused.photos,
        grants=refused.grants,
    )
    variation.reasons = _reasons(refused)
    if request.reordered or not refused.photos:
        variation.state = VariationState.REFUSED
    relied = session.get_one(Clearance, order.clearance_id).relied
    left_out = {**request.outcome.get("left_out", {})}
    for photo in sorted(map(str, refused.photos)):
        left_out[photo] = sorted({*left_out.get(photo, ()), relied[photo]})
    request.outcome = {**request.outcome, "left_out": left_out}


def settle_uncovered(
    session: Session, order_id: UUID, index: int, regions: Sequence[int], *, by: Actor, at: datetime
) -> None:
    """Record that a worker could not cover the frame with what it was given."""
    order = session.get_one(Order, order_id)
    request = session.get_one(Request, order.request_id, with_for_update=True, populate_existing=True)
    variation = session.get_one(Variation, (request.id, index), populate_existing=True)
    if order.attempt == request.attempt and variation.state == VariationState.WAITING:
        variation.state = VariationState.REFUSED
        variation.reasons = {"uncovered": list(regions)}
        log.append(
            session,
            Kind.COMPOSITE_REFUSED,
            by=by,
            at=at,
            request=request.id,
            order=order.id,
            variation=index,
            reasons=["uncovered"],
            regions=list(regions),
        )


Took = Mapping[str, Mapping[str, object]]
"""What pictures took, for the record: `timings_ms` and `memory_mb`."""


def conclude(session: Session, order: Order, *, took: Took, by: Actor, at: datetime) -> None:
    """After all of an order's claims were settled: finish the request, or order once more what is left."""
    request = session.get_one(Request, order.request_id, with_for_update=True, populate_existing=True)
    close(session, order, request, took=took, by=by, at=at)


def close(session: Session, order: Order, request: Request, *, took: Took, by: Actor, at: datetime) -> None:
    """`conclude`, in the transaction that settled the last claim. Before the log's lock.

    Args:
        request: locked, as every change of an order's state wants it.
    """
    made = Order.id == order.id, Order.state == OrderState.MADE
    done = update(Order).where(*made).values(state=OrderState.DONE).returning(Order.id)
    if session.scalar(done, execution_options={"synchronize_session": False}) is None:
        return
    free_reservations(session, order)
    pictures = _pictures(session, request)
    if request.attempt != order.attempt or request.state != RequestState.RENDERING:
        return
    request.outcome = {
        **request.outcome,
        **{what: _with_earlier(found, request.outcome.get(what, {})) for what, found in took.items()},
    }
    if all(picture.state != VariationState.WAITING for picture in pictures):
        _finish(request, pictures, at=at)
    elif request.reordered:
        fail(session, request, why="the render worker left pictures out", by=by, at=at)
    else:
        request.reordered = True
        again(session, request, at=at)


def _with_earlier(found: Mapping[str, object], earlier: Mapping[str, Any]) -> dict[str, object]:
    """Also of the pictures that an earlier attempt made."""
    return {
        name: {**earlier.get(name, {}), **value} if isinstance(value, dict) else value
        for name, value in found.items()
    }


def finish(session: Session, request: Request, *, at: datetime) -> None:
    """Put a request with no waiting picture into its final state."""
    session.flush()
    _finish(request, _pictures(session, request), at=at)


def _finish(request: Request, pictures: Sequence[Variation], *, at: datetime) -> None:
    if any(picture.state == VariationState.SEALED for picture in pictures):
        request.state = RequestState.COMPLETED
    else:
        request.state = RequestState.FAILED if "failed" in request.outcome else RequestState.REFUSED
    request.lease_until = None
    request.finished_at = at


def again(session: Session, request: Request, *, at: datetime) -> None:
    """Clear a request anew, from the start."""
    request.state = RequestState.FILED
    request.lease_until = None
    request.tries = 0
    request.hinted_at = at
    outbox.enqueue(session, ADVANCE_TASK, queue=BANK_QUEUE, at=at, request_id=request.id)


def _waiting(session: Session, request: Request) -> list[Variation]:
    return [one for one in _pictures(session, request) if one.state == VariationState.WAITING]


def _pictures(session: Session, request: Request) -> Sequence[Variation]:
    return session.scalars(
        select(Variation)
        .where(Variation.request_id == request.id)
        .order_by(Variation.index)
        .execution_options(populate_existing=True)
    ).all()


def _reasons(refused: SealRefused) -> dict[str, Any]:
    return {
        "reasons": sorted(refused.reasons),
        "photos": sorted(str(photo) for photo in refused.photos),
        "grants": [str(grant) for grant in refused.grants],
    }
