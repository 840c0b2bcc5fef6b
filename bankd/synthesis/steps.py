"""The steps between transactions: read, then work, then write in one transaction.

Each step is safe to run twice and at the same time; the row says whose turn
it is. Nothing is held locked while bytes move or keys sign.
"""

import logging
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, func, select
from sqlalchemy.orm import Session

from bankd.audit.kinds import Kind
from bankd.audit.models import LogCheckpoint
from bankd.catalog import labels as maps
from bankd.catalog.labels import Labels
from bankd.catalog.taxonomy import house
from bankd.licensing import caps
from bankd.policy.clearing import Terms
from bankd.policy.facts import Pictured
from bankd.provenance import manifest, pixels
from bankd.provenance.errors import SignatureNotGiven, TimeStampUnavailable
from bankd.provenance.models import Composite
from bankd.runtime import Runtime
from bankd.storage import BlobDamaged, BlobMissing, BlobTooLarge, BlobUnavailable
from bankd.synthesis import (
    asking,
    made_by,
    masks,
    orders,
    origins,
    placed,
    products,
    recording,
    redeclaring,
    sealing,
    service,
    waiting,
)
from bankd.synthesis.clearing import SealRefused
from bankd.synthesis.errors import ArchiveTooLarge
from bankd.synthesis.models import Clearance, Order, OrderState, Request, Variation, VariationState
from bankd.synthesis.plan import Asked, Clashing, Short, plan
from bankd.synthesis.recomputing import work_out
from bankd.synthesis.shortfall import look, told
from bankd.synthesis.verification import clock, credentials
from bankd.training.models import NetworkCheckpoint
from bankd.usage import mapping
from synth import workorder
from synth.layout import Layout
from synth.refinement import Refined
from synth.workorder import RenderedVariation, Result, ResultRefused

logger = logging.getLogger(__name__)

MAX_LAYOUT_BYTES = 64 << 20
SEAL_GRACE = timedelta(minutes=15)  # after an order expired, for an answer that came in time
REPLANS = 10  # plans made while caps fill up under us


class Withdrawn(Exception):
    """Roll the seal back: rights moved while it was made. Carries the refusal out of the transaction."""

    def __init__(self, refused: SealRefused | None) -> None:
        super().__init__("not sealed")
        self.refused = refused


def advance(rt: Runtime, request_id: UUID) -> None:
    """Clear, rank and order a filed request, or refuse it with its reasons.

    Raises:
        BlobUnavailable: the lease was given back, and the sweep hints again.
        DatabaseUnavailable: once the lease has run out the sweep hints again.
    """
    with rt.transaction() as session:
        request = service.claim(session, request_id, at=rt.now())
        if request is None:
            return
        lease_until = request.lease_until
        if request.tries > service.MAX_TRIES:
            why = f"given up after {service.MAX_TRIES} tries"
            service.fail(session, request, why=why, by=rt.actor, at=rt.now())
            return
        if redeclaring.AFTER in request.outcome:
            held = SealRefused(frozenset({redeclaring.REDECLARED}))
            service.refuse_set(session, request, held, by=rt.actor, at=rt.now())
            return
    assert lease_until is not None  # claim sets it
    full: frozenset[UUID] = frozenset()
    for plans in range(REPLANS):
        try:
            _order(rt, request, lease_until=lease_until, full=full, scarce=2 * plans >= REPLANS)
        except CapFull as cap:
            full |= cap.grants
        except RightsMoved:
            continue
        except ArchiveTooLarge as too_large:
            with rt.transaction() as session:
                if (ours := service.held(session, request_id, lease_until=lease_until)) is not None:
                    service.fail(session, ours, why=str(too_large), by=rt.actor, at=rt.now())
            return
        except BlobUnavailable:
            with rt.transaction() as session:
                service.give_back(session, request_id, lease_until=lease_until)
            raise
        else:
            return


def _order(
    rt: Runtime, request: Request, *, lease_until: datetime, full: frozenset[UUID], scarce: bool
) -> None:
    """One plan, brought to an order or a refusal.

    Args:
        full: grants whose cap had no room.
        scarce: so many had none that only those are planned with that have room for every picture.

    Raises:
        CapFull, RightsMoved: plan again.
    """
    taxonomy = house()
    labels = layout_of(rt, request)
    with rt.transaction() as session:
        at = rt.now()
        wanted = service.wanted(session, request)
        full |= caps.short(session, places=len(wanted.variations) if scarce else 1, at=at)
        ready = prepared(session, request, labels, wanted.variations, at=at)
        if isinstance(ready, SealRefused):
            if (ours := service.held(session, request.id, lease_until=lease_until)) is not None:
                service.refuse_set(session, ours, ready, by=rt.actor, at=rt.now())
            return
        asked, terms = ready.asked, ready.terms
        planned = plan(
            session,
            asked,
            terms=terms,
            taxonomy=taxonomy,
            without=wanted.without,
            without_grants=full,
        )
        if isinstance(planned, Short | Clashing):
            wanted_of_people = waiting.awaited(
                session,
                asked,
                terms=terms,
                taxonomy=taxonomy,
                without=wanted.without,
                without_grants=full,
            )
            if wanted_of_people:
                if (ours := service.held(session, request.id, lease_until=lease_until)) is not None:
                    waiting.wait(session, ours, wanted_of_people, terms=terms, by=rt.actor, at=rt.now())
                return
        if isinstance(planned, Short):
            short = [planned.regions[ordinal] for ordinal in planned.uncovered]
            looked = look(
                session,
                short,
                terms=terms,
                taxonomy=taxonomy,
                products=asked.products,
                left_out=planned.left_out,
                full=full,
            )
            clearance = recording.refused(session, request.id, looked, terms)
            if (ours := service.held(session, request.id, lease_until=lease_until)) is not None:
                reasons = told(looked, terms)
                service.refuse(session, ours, clearance, reasons=reasons, by=rt.actor, at=rt.now())
            return
        if isinstance(planned, Clashing):
            refused = SealRefused(planned.refused.reasons, grants=planned.refused.grants)
            if (ours := service.held(session, request.id, lease_until=lease_until)) is not None:
                service.refuse_set(session, ours, refused, by=rt.actor, at=rt.now())
            return
        drafted = orders.draft(
            session, planned, request, labels, networks=ready.networks, blobs=rt.blobs, taxonomy=taxonomy
        )
    try:
        with rt.transaction() as session:
            ours = service.held(session, request.id, lease_until=lease_until)
            if ours is None:
                raise Withdrawn(None)
            made = orders.make(session, ours, drafted, terms=terms, by=rt.actor, at=rt.now())
            if made is None:
                raise RightsMoved
            if isinstance(made, frozenset):
                raise CapFull(made)
    except (Withdrawn, CapFull, RightsMoved) as not_made:
        orders.discard(drafted, blobs=rt.blobs)
        if not isinstance(not_made, Withdrawn):
            raise


@dataclass(frozen=True)
class Prepared:
    """What a request is planned from: what it asks for, against what, made with which networks."""

    asked: Asked
    terms: Terms
    networks: Sequence[NetworkCheckpoint]


def prepared(
    session: Session, request: Request, labels: Labels, variations: tuple[int, ...], *, at: datetime
) -> Prepared | SealRefused:
    """A request before it is planned; or why its networks, or the photo of its layout, may not be used."""
    terms = asking.terms_for(session, request, at=at)
    networks = made_by.networks(session, request, terms)
    if isinstance(networks, SealRefused):
        return networks
    arranged = origins.arranged(session, request, terms)
    if isinstance(arranged, SealRefused):
        return arranged
    asked = Asked(
        Layout(labels),
        request.frame,  # type: ignore[arg-type]
        variations,
        request.seed,
        makes_up=bool(networks),
        products=products.by_region(request.products),
    )
    pictured = Pictured(products=frozenset(request.products.values()))
    return Prepared(asked, replace(arranged, pictured=pictured), networks)


class CapFull(Exception):
    """Roll the order back: there are fewer places under caps than its pictures want."""

    def __init__(self, grants: frozenset[UUID]) -> None:
        super().__init__(f"the caps of grants {sorted(map(str, grants))} are full")
        self.grants = grants


class RightsMoved(Exception):
    """Roll the order back: what it relies on no longer clears."""


def layout_of(rt: Runtime, request: Request) -> Labels:
    return maps.stored(rt.blobs.get(request.layout_key, limit_bytes=MAX_LAYOUT_BYTES))


def publish(rt: Runtime, session: Session, order_id: UUID) -> tuple[str, str] | None:
    """A made order as the render queue gets it, signed with fresh links; None if it is of the past."""
    order = session.get(Order, order_id)
    at = rt.now()
    if order is None or order.state != OrderState.MADE or order.expires_at <= at:
        return None
    return orders.signed(order, key=rt.order_key, blobs=rt.blobs, at=at)


def seal(rt: Runtime, order_id: UUID) -> None:
    """Seal what came back for an order, picture by picture.

    A hint without a result changes nothing before the order expires: whoever
    can write to the queue can only make us look.

    Raises:
        BlobUnavailable, TimeStampUnavailable, SignatureNotGiven: the lease was given back, and the sweep
            hints again.
        DatabaseUnavailable: once the lease has run out the sweep hints again.
    """
    with rt.transaction() as session:
        claimed = service.claim_order(session, order_id, at=rt.now())
        if claimed is None:
            return
        order, request = claimed
    try:
        _seal(rt, order, request)
    except (BlobUnavailable, TimeStampUnavailable, SignatureNotGiven):
        with rt.transaction() as session:
            service.let_go(session, order.id)
        raise
    except (BlobMissing, BlobDamaged) as lost:
        # Bytes of the bank's own. They do not come back by waiting, and without them nothing is sealed.
        logger.error("order `%s` cannot be sealed: %s", order.id, lost)
        _void(rt, order, why="bytes that the bank needs to seal it are lost", kind=Kind.ORDER_FAILED)


def _seal(rt: Runtime, order: Order, request: Request) -> None:
    if order.expires_at + SEAL_GRACE <= rt.now() and rt.blobs.exists(orders.result_key(order)):
        # Whatever fails at the seal time and again must come to an end.
        _void(rt, order, why="it could not be sealed in time", kind=Kind.ORDER_FAILED)
        return
    # What asks no database goes on beside what does.
    with ThreadPoolExecutor(1, "seal") as beside:
        laid = beside.submit(layout_of, rt, request)
        kept = beside.submit(masks.of_order, order, blobs=rt.blobs)
        answer = _answer(rt, order, request)
        if answer is None:
            return
        result, pictures = answer
        own = Own(Layout(laid.result()), kept.result(), beside)
        concluded = _settle(rt, order, request, result, pictures, own)
    if not concluded:
        with rt.transaction() as session:
            service.conclude(session, order, took=_took(result), by=rt.actor, at=rt.now())
    rt.blobs.delete_prefix(f"orders/{order.id}")


@dataclass(frozen=True)
class Own:
    """What a seal works with of the bank's own: the layout, the masks of what was ordered, a second core."""

    layout: Layout
    masks: Mapping[int, masks.Mask]
    beside: Executor


def _settle(
    rt: Runtime,
    order: Order,
    request: Request,
    result: Result,
    pictures: Mapping[int, Refined],
    own: Own,
) -> bool:
    """Picture by picture, sealed or refused. True: the order is concluded, as by its only picture's seal."""
    ordered = {int(variation["index"]) for variation in order.spec["variations"]}
    claims = {claim.index: claim for claim in result.variations if claim.index in ordered}
    for index, claim in sorted(claims.items()):
        if claim.outcome == "uncovered":
            with rt.transaction() as session:
                service.settle_uncovered(session, order.id, index, claim.uncovered, by=rt.actor, at=rt.now())
            continue
        took = _took(result) if len(ordered) == 1 else None
        settled = _seal_one(rt, order, request, claim, pictures[index], own, took=took)
        if isinstance(settled, SealRefused):
            with rt.transaction() as session:
                service.settle_refused(session, order.id, index, settled, by=rt.actor, at=rt.now())
        elif settled is not None and took is not None:
            return True
    return False


def _answer(rt: Runtime, order: Order, request: Request) -> tuple[Result, Mapping[int, Refined]] | None:
    """What came back; None if there is nothing to seal, which then has been seen to."""
    try:
        content = rt.blobs.get(orders.result_key(order), limit_bytes=workorder.MAX_RESULT_BYTES)
        return workorder.unpack_result(
            content,
            order_id=str(order.id),
            attempt=order.attempt,
            height=request.height,
            width=request.width,
            network=order.spec["refiner"] == "network",
        )
    except BlobMissing:
        if order.expires_at <= rt.now():
            _void(rt, order, why="the order expired before it was answered", kind=Kind.ORDER_EXPIRED)
        else:
            with rt.transaction() as session:
                service.let_go(session, order.id)
    except (BlobTooLarge, ResultRefused) as refused:
        _void(rt, order, why=str(refused), kind=Kind.RESULT_REFUSED)
    return None


def _seal_one(
    rt: Runtime,
    order: Order,
    request: Request,
    claim: RenderedVariation,
    made: Refined,
    own: Own,
    *,
    took: service.Took | None,
) -> Composite | SealRefused | None:
    """One picture; None where it is wanted no more.

    Args:
        took: what it took, if it is the order's only one: then its seal concludes the order.
    """
    network = made_by.refinement(order) is not None
    worked = own.beside.submit(
        work_out,
        order.spec,
        claim,
        made,
        layout=own.layout,
        masks=own.masks,
        photo_of={int(key): photo for key, (_, photo) in order.segments.items()},
        network=network,
    )
    packed = own.beside.submit(pixels.packed, made.rgb)
    with rt.transaction() as session:
        at = rt.now()
        asked = {"request": request.id, "index": claim.index, "clearance": order.clearance_id}
        variation, clearance, checkpoint = session.execute(_BEFORE, asked).one()
        if variation.state != VariationState.WAITING:
            return None
        examined = sealing.examine(
            session,
            order,
            request,
            claim,
            made,
            layout=own.layout,
            working=worked.result,
            taxonomy=house(),
            at=at,
        )
        if isinstance(examined, SealRefused):
            return examined
        assert clearance.log_index is not None  # set in the transaction that made the order
        if checkpoint is None:
            checkpoint = mapping.signer(rt).sign(session, at=rt.now())
        assert checkpoint is not None
        chained = rt.settings.embed_photo_credentials
        photo_chains = placed.chains_of(session, examined.sources.values(), blobs=rt.blobs) if chained else {}
        signed_with = credentials(rt)
        photo_stores = {}
        if rt.settings.sign_photos:
            photo_stores = placed.stores_of(
                session,
                examined.sources.values(),
                blobs=rt.blobs,
                anchors_pem=signed_with.anchors_pem,
                stamped=bool(clock(rt).authorities),
            )
    signed = sealing.sign(
        examined,
        made,
        order=order,
        request=request,
        index=claim.index,
        clearance_log_index=clearance.log_index,
        checkpoint=manifest.LogCheckpoint(size=checkpoint.size, root=checkpoint.root.hex()),
        manifest_key=rt.manifest_key,
        credentials=signed_with,
        clock=clock(rt),
        house=rt.settings.house,
        photo_chains=photo_chains,
        photo_stores=photo_stores,
        salt=secrets.token_bytes(32),
        packed=packed.result(),
        at=at,
    )
    rt.blobs.put(signed.blob_key, signed.sealed.file, media_type="image/png")
    if signed.gate is not None:
        rt.blobs.put(made_by.gate_key(signed.composite_id), signed.gate, media_type="image/png")
    try:
        with rt.transaction() as session:
            at = rt.now()
            closing = None
            if took is not None:
                closing = partial(service.close, session, order, took=took, by=rt.actor, at=at)
            outcome = sealing.commit(
                session,
                signed,
                examined,
                order=order,
                index=claim.index,
                closing=closing,
                by=rt.actor,
                at=at,
            )
            if outcome is None or isinstance(outcome, SealRefused):
                raise Withdrawn(outcome)
    except Withdrawn as withdrawn:
        rt.blobs.delete_prefix(f"composites/{signed.composite_id}")
        return withdrawn.refused
    return outcome


# The last signed head of the log is one that the clearance came after.
_BEFORE = (
    select(Variation, Clearance, LogCheckpoint)
    .select_from(Variation)
    .join(Clearance, Clearance.id == bindparam("clearance", type_=Uuid))
    .outerjoin(
        LogCheckpoint,
        LogCheckpoint.size
        == select(func.max(LogCheckpoint.size))
        .where(LogCheckpoint.size <= Clearance.log_index)
        .correlate(Clearance)
        .scalar_subquery(),
    )
    .where(
        Variation.request_id == bindparam("request", type_=Uuid),
        Variation.index == bindparam("index", type_=Integer),
    )
)


def _void(rt: Runtime, order: Order, *, why: str, kind: Kind) -> None:
    with rt.transaction() as session:
        current = session.get_one(Order, order.id)
        service.void(session, current, why=why, kind=kind, by=rt.actor, at=rt.now())
    rt.blobs.delete_prefix(f"orders/{order.id}")


def _took(result: Result) -> dict[str, dict[str, object]]:
    """What the worker says that pictures took, by stage."""
    claims = {str(claim.index): claim for claim in result.variations}
    return {
        "timings_ms": {
            "device": result.device,
            "pictures": {index: claim.timings_ms for index, claim in claims.items()},
        },
        "memory_mb": {
            "pictures": {index: claim.memory_mb for index, claim in claims.items()},
            "on_device": {index: claim.device_memory_mb for index, claim in claims.items()},
        },
    }
