"""From a worker's claim to a composite: bounded, recomputed, cleared again, signed, recorded.

What came back is an untrusted claim. The bank recomputes the ledger from the
placements and its own masks and requires equality; it cannot tell whether the
pixels of a placed segment are the photo's (docs/architecture.md says so).
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Integer, Uuid, bindparam, delete, select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import fingerprints
from bankd.catalog import service as catalog
from bankd.catalog.taxonomy import Taxonomy
from bankd.identifying import kept
from bankd.identifying.looks import Looks
from bankd.licensing import caps
from bankd.licensing.caps import Spent
from bankd.licensing.terms import GrantTerms
from bankd.licensing.use import Use
from bankd.policy.clearing import Adapted, clear_photos, rights_of
from bankd.policy.engine import Cleared
from bankd.policy.facts import NOTHING_KNOWN, Pictured
from bankd.provenance import c2pa, manifest, shares
from bankd.provenance import service as provenance
from bankd.provenance.certificates import Credentials
from bankd.provenance.chains import Chain
from bankd.provenance.effective import EffectiveLicense
from bankd.provenance.manifest import LayoutPhoto, LogCheckpoint, Manifest, Source
from bankd.provenance.models import Composite
from bankd.provenance.pixels import Packed
from bankd.royalties import accrual
from bankd.royalties.accrual import Subject
from bankd.royalties.fees import Fed
from bankd.synthesis import asking, made_by, origins, products, recording
from bankd.synthesis import placed as placed_facts
from bankd.synthesis.clearing import SealRefused, SetRefused, clear_set, relied_on
from bankd.synthesis.deciding import Arrangement, Decided, Look
from bankd.synthesis.models import Clearance, Order, Request, Reservation, Variation, VariationState
from bankd.synthesis.recomputing import Worked, canvas
from synth.layout import Layout
from synth.pictures import Ledger, Mask
from synth.refinement import Refined
from synth.workorder import RenderedVariation

RECIPES = {"blend": "blend-1", "network": "network-1"}


@dataclass(frozen=True)
class Examined:
    """A claim that holds: its ledger is the bank's own, and its sources clear at `epoch`."""

    ledger: Ledger
    seams: Mask  # where pixels of more than one photo may have been mixed
    placements: tuple[int, ...]  # the segment id of each
    areas: shares.Areas
    sources: Mapping[int, Source]
    relied: Mapping[UUID, UUID]  # placed photo -> grant
    license: EffectiveLicense
    bundle_digest: str
    epoch: int
    refiner: manifest.Refiner
    looks: Looks
    layout_photo: LayoutPhoto | None = None
    shown: tuple[products.Shown, ...] = ()
    product_of: Mapping[int, str | None] = field(default_factory=dict)  # of placed segments, where it matters
    pictured: Pictured = NOTHING_KNOWN


def examine(
    session: Session,
    order: Order,
    request: Request,
    claim: RenderedVariation,
    made: Refined,
    *,
    layout: Layout,
    working: Callable[[], Worked],
    taxonomy: Taxonomy,
    at: datetime,
) -> Examined | SealRefused:
    """Look at one claim, against the rights of this moment. Changes nothing.

    Args:
        working: gives what the bank works out of the claim, which may go on meanwhile.
    """
    clearance = session.get_one(Clearance, order.clearance_id)
    relied = {UUID(photo): UUID(grant) for photo, grant in clearance.relied.items()}
    segments = {int(key): (int(ids[0]), UUID(ids[1])) for key, ids in order.segments.items()}
    # Of this picture's own: places under caps are held for each picture alone.
    picks = next(v["picks"] for v in order.spec["variations"] if v["index"] == claim.index)
    if any(
        not 0 <= region < len(picks) or segment not in picks[region]
        for region, segment, *_ in claim.placements
    ):
        return SealRefused(frozenset({"result-forged"}))

    used = {segments[p[1]][1] for p in claim.placements}
    epoch = log.epoch(session)
    placed_on = {photo: relied[photo] for photo in used}
    held = reserved(session, order.id, claim.index)
    network = made_by.refinement(order)
    arrangement = recording.arrangement(clearance.facts)
    on = None if arrangement is None else arrangement[1]
    cleared = _clear(session, request, placed_on, network=network, held=held, layout_on=on, at=at)
    if isinstance(cleared, SealRefused):
        return cleared

    worked = working()
    ledger = worked.ledger
    if ledger is None:
        return SealRefused(frozenset({"result-forged"}))
    if not made_by.admitted(order, made, ledger):
        return SealRefused(frozenset({"gate-exceeded"}))
    if _like_tombstone(session, worked.looks):
        return SealRefused(frozenset({"tombstone-likeness"}))

    placed = tuple(segments[segment][0] for segment in worked.placements)
    product_of = products.recorded(session, placed) if request.products else {}
    seen, pictured = placed_facts.pictured_of(
        request,
        layout,
        ledger,
        made,
        placed,
        product_of=product_of,
        thin=worked.thin,
    )
    if pictured != NOTHING_KNOWN:  # more is known of the picture than when its sources were looked at
        cleared = _clear(
            session, request, placed_on, network=network, held=held, layout_on=on, pictured=pictured, at=at
        )
        if isinstance(cleared, SealRefused):
            return cleared
    areas = shares.count(ledger.owner, ledger.kind, placed, seams=worked.seams)
    sources = placed_facts.sources_of(session, {area.segment_id for area in areas.segments}, relied, taxonomy)
    refiner = made_by.stated(session, order, made.gate)
    return Examined(
        ledger,
        worked.seams,
        placed,
        areas,
        sources,
        placed_on,
        cleared.license,
        cleared.bundle_digest,
        epoch,
        refiner,
        worked.looks,
        placed_facts.layout_photo(session, cleared.adapted),
        seen,
        product_of,
        pictured,
    )


def _like_tombstone(session: Session, looks: Looks) -> bool:
    """Whether the picture shows what was erased and may not come back, by whichever segments."""
    if not fingerprints.any_buried(session):
        return False
    return any(one.sure for one in fingerprints.like_tombstones(session, looks.fingerprint))


def reserved(session: Session, order_id: UUID, index: int) -> frozenset[UUID]:
    """Grants on which a place is held for one picture."""
    return frozenset(
        session.scalars(
            select(Reservation.grant_id).where(
                Reservation.order_id == order_id, Reservation.variation == index
            )
        )
    )


def _released(session: Session, order_id: UUID, index: int) -> frozenset[UUID]:
    """The same, no longer held: the transaction spends them, or frees them, or is rolled back."""
    mine = delete(Reservation).where(Reservation.order_id == order_id, Reservation.variation == index)
    return frozenset(session.execute(mine.returning(Reservation.grant_id)).scalars())


@dataclass(frozen=True)
class _Clears:
    """With the bundle asked, and the terms of the grants."""

    license: EffectiveLicense
    bundle_digest: str
    terms: Mapping[UUID, GrantTerms]
    adapted: Adapted | None
    look: Look


def _clear(
    session: Session,
    request: Request,
    relied: Mapping[UUID, UUID],
    *,
    network: str | None,
    held: frozenset[UUID],
    layout_on: UUID | None,
    pictured: Pictured = NOTHING_KNOWN,
    at: datetime,
) -> _Clears | SealRefused:
    """Each photo on the very grant that was relied on, then all of them together, and the network.

    Args:
        layout_on: the grant on which the layout was taken from a photo.
        pictured: what is known of the picture by now.
    """
    terms = asking.terms_for(session, request, at=at)
    arranged = origins.arranged(session, request, terms, on=layout_on)
    if isinstance(arranged, SealRefused):
        return SealRefused(arranged.reasons)  # without other sources it would be the same
    terms = replace(arranged, pictured=pictured)
    if network is not None and (withheld := made_by.withheld(session, network, terms)) is not None:
        return withheld
    rights = rights_of(session, relied, at=at, reserved=held)
    answers = clear_photos(terms, "synthesize", rights, only=relied)
    refused = {photo: answer for photo, answer in answers.items() if not isinstance(answer, Cleared)}
    if missing := relied.keys() - answers.keys():
        return SealRefused(frozenset({"no-grant"}), frozenset(missing))
    if refused:
        reasons = frozenset(reason for answer in refused.values() for reason in answer.reasons)
        return SealRefused(reasons, frozenset(refused))
    together = [relied_on(rights, photo, grant) for photo, grant in sorted(relied.items())]
    answer = clear_set(terms, together, photos=relied.keys())
    if isinstance(answer, SetRefused):
        leave = frozenset(photo for photo, grant in relied.items() if grant in answer.grants[-1:])
        return SealRefused(answer.reasons, leave, answer.grants)
    layout = None
    if (adapted := terms.adapted) is not None:
        action = origins.asked_of(terms.bundle, "adapt")
        layout = Arrangement(adapted.photo_id, adapted.grant_id, action, adapted.facts)
    look = Look("synthesize", terms, rights, relied, layout)
    return _Clears(answer, terms.bundle.digest, rights.terms, terms.adapted, look)


def _seed(order: Order, index: int) -> int:
    return next(int(v["seed"]) for v in order.spec["variations"] if v["index"] == index)


@dataclass(frozen=True)
class Signed:
    """A picture as it will leave the bank; nothing of it is recorded yet."""

    composite_id: UUID
    blob_key: str
    sealed: c2pa.Sealed
    disclosures: manifest.Disclosures
    gate: bytes | None  # a PNG


def sign(
    examined: Examined,
    made: Refined,
    *,
    order: Order,
    request: Request,
    index: int,
    clearance_log_index: int,
    checkpoint: LogCheckpoint,
    manifest_key: Ed25519PrivateKey,
    credentials: Credentials,
    clock: c2pa.Clock = c2pa.NO_CLOCK,
    house: str | None = None,
    photo_chains: Mapping[UUID, Chain] = MappingProxyType({}),
    photo_stores: Mapping[UUID, c2pa.Store] = MappingProxyType({}),
    salt: bytes,
    packed: Packed | None = None,
    at: datetime,
) -> Signed:
    """Draw up and sign the manifest, then the file. No session: signing is slow and holds no lock.

    Args:
        packed: the picture's pixels, where they are packed already.

    Raises:
        SigningFailed: the file does not verify after signing.
        TimeStampUnavailable: no authority answers, and the settings ask for one.
    """
    composite_id = uuid4()
    use = Use.model_validate(request.use)
    disclosures = manifest.disclose(
        use=use,
        license=examined.license,
        layout_origin=request.layout_origin,
        products=[one.as_json() for one in examined.shown],
        salt=salt,
    )
    drawn: Manifest = manifest.draw_up(
        composite_id=composite_id,
        request_id=request.id,
        variation=index,
        sealed_at=at,
        pixel_sha256=examined.looks.pixel_sha256,
        owner=examined.ledger.owner,
        seams=examined.seams,
        placements=examined.placements,
        areas=examined.areas,
        sources=examined.sources,
        policy_bundle=examined.bundle_digest,
        clearance_log_index=clearance_log_index,
        log_checkpoint=checkpoint,
        recipe=RECIPES[examined.refiner.name],
        frame=order.spec["frame"],
        canvas=canvas(order.spec),
        seed=_seed(order, index),
        refiner=examined.refiner,
        commitments=disclosures.commitments(),
        layout_photo=examined.layout_photo,
    )
    sealed = c2pa.sign(
        made.rgb,
        manifest=drawn,
        manifest_key=manifest_key,
        credentials=credentials,
        credits=[credit.text for credit in examined.license.credits],
        clock=clock,
        house=house,
        photo_chains=photo_chains,
        photo_stores=photo_stores,
        packed=packed,
    )
    blob_key = f"composites/{composite_id}/{hashlib.sha256(sealed.file).hexdigest()}"
    gate = None if made.gate is None else made_by.png(made.gate)
    return Signed(composite_id, blob_key, sealed, disclosures, gate)


def commit(
    session: Session,
    signed: Signed,
    examined: Examined,
    *,
    order: Order,
    index: int,
    closing: Callable[[Request], None] | None = None,
    by: Actor,
    at: datetime,
) -> Composite | SealRefused | None:
    """Record a signed picture, unless what it relies on no longer clears.

    The log's lock is taken before the last look at rights, so a withdrawal is
    either before this composite in the log, and refuses it, or after it.

    Args:
        closing: what else the request comes to with its only picture, in the same transaction.

    Returns:
        None where the picture is wanted no more (sealed already, or the order
        is of the past). For anything but a composite the caller rolls back.
    """
    request, variation = session.execute(_OPEN, {"request": order.request_id, "index": index}).one()
    if order.attempt != request.attempt or variation.state != VariationState.WAITING:
        return None
    held = _released(session, order.id, index)
    # The clock moves rights too, and signing takes its time.
    network = examined.refiner.checkpoint
    on = None if examined.layout_photo is None else examined.layout_photo.grant_id
    now = _clear(
        session,
        request,
        examined.relied,
        network=network,
        held=held,
        layout_on=on,
        pictured=examined.pictured,
        at=at,
    )
    if isinstance(now, SealRefused):
        return now
    decided = Decided.of(now.look)
    composite, entry = provenance.record(
        session,
        signed.sealed,
        order_id=order.id,
        department_id=request.department_id,
        blob_key=signed.blob_key,
        disclosures=signed.disclosures,
        decided=decided.words,
        by=by,
        at=at,
    )
    variation.state = VariationState.SEALED
    variation.composite_id = composite.id
    placed = frozenset(examined.relied.values())
    spent = _spend(session, order, held=held, placed=placed, by=by, at=at)
    session.flush()
    if request.use["audience"] != "comp":  # which is only ever given with a watermark, and costs nothing
        accrual.accrue(
            session,
            Subject(composite.id),
            {"seal": 1},
            fed=_fed(examined),
            terms=now.terms,
            before=spent.before,
            by=by,
            at=at,
        )
    if closing is not None:
        closing(request)
    log.locked(session)
    if log.last_rights_change(session) >= examined.epoch:
        again = _clear(
            session,
            request,
            examined.relied,
            network=network,
            held=held,
            layout_on=on,
            pictured=_as_recorded_now(session, examined),
            at=at,
        )
        if isinstance(again, SealRefused):
            return again
    kept.record(session, composite.id, examined.looks)  # under the lock, see there
    log.settle(session)
    composite.log_index = entry.index
    session.add(decided.row("seal", composite.id, epoch=entry.index, at=at))
    session.flush()
    return composite


# The request's row first, as everywhere.
_OPEN = (
    select(Request, Variation)
    .join(Variation, Variation.request_id == Request.id)
    .where(
        Request.id == bindparam("request", type_=Uuid),
        Variation.index == bindparam("index", type_=Integer),
    )
    .with_for_update(of=[Request, Variation])
    .execution_options(populate_existing=True)
)


def _as_recorded_now(session: Session, examined: Examined) -> Pictured:
    """What is known of a picture, if what its segments are recorded to show has changed meanwhile, too."""
    if not examined.shown or products.recorded(session, examined.placements) == examined.product_of:
        return examined.pictured
    return examined.pictured.model_copy(update={"products_foreign": examined.pictured.products})


def _fed(examined: Examined) -> dict[UUID, Fed]:
    """What photos on each grant feed of the canvas, in the pixels of the bank's own ledger."""
    photos: dict[UUID, Counter[UUID]] = {}
    for area in examined.areas.segments:
        source = examined.sources[area.segment_id]
        photos.setdefault(source.grant_id, Counter())[source.photo_id] += area.canvas_px
    return {grant_id: Fed(fed, examined.areas.frame_px) for grant_id, fed in photos.items()}


def _spend(
    session: Session,
    order: Order,
    *,
    held: frozenset[UUID],
    placed: frozenset[UUID],
    by: Actor,
    at: datetime,
) -> Spent:
    """Consume the places held for a picture on the grants it was placed on, and free the others."""
    spent = caps.consume(
        session,
        {(grant_id, caps.SEAL): 1 for grant_id in held & placed},
        unwanted={(grant_id, caps.SEAL): 1 for grant_id in held - placed},
        reserved_at=order.made_at,
    )
    if full := sorted((grant_id for grant_id, _ in spent.last), key=str):
        for grant_id in full:
            log.append(session, Kind.GRANT_CAPPED_OUT, by=by, at=at, grant=grant_id)
        catalog.block_grants(session, full, by=by, at=at)
    return spent


def free_reservations(session: Session, order: Order) -> None:
    """Give back every place that an order still holds."""
    held = session.execute(
        delete(Reservation).where(Reservation.order_id == order.id).returning(Reservation.grant_id)
    ).scalars()
    caps.free(session, Counter((grant_id, caps.SEAL) for grant_id in held), reserved_at=order.made_at)
