"""From a plan to a work order: an archive of approved segments, caps reserved, one row to rule it."""

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog.labels import Labels
from bankd.catalog.models import Photo, Segment
from bankd.catalog.taxonomy import VOID, Taxonomy
from bankd.licensing import caps
from bankd.policy import service as policy
from bankd.policy.clearing import Terms
from bankd.storage import Blobs
from bankd.synthesis import asking, masks, origins, recording
from bankd.synthesis.clearing import SealRefused
from bankd.synthesis.errors import ArchiveTooLarge
from bankd.synthesis.models import Clearance, Order, OrderState, Request, RequestState, Reservation
from bankd.synthesis.plan import Plan, still_clears
from bankd.training.importing import key as network_key
from bankd.training.models import NetworkCheckpoint
from bankd.worker import outbox
from synth import workorder
from synth.workorder import Linked, OrderedCategory, OrderedNetwork, OrderedVariation, WorkOrder

ORDER_LIFE = timedelta(minutes=15)  # to be cleared anew after it
PUBLISH_TASK = "synth.render"
RENDER_QUEUE = "render"
MAX_PACK_BYTES = 256 << 20
PACKS_AT_ONCE = 4


@dataclass(frozen=True)
class Drafted:
    """An order that is in the store and not yet in the database."""

    id: UUID
    plan: Plan
    spec: dict[str, Any]
    segments: dict[str, list[str]]  # key in the archive -> [segment id, photo id]
    archive_key: str
    archive_sha256: str
    archive_size_bytes: int
    masks_sha256: str


def draft(
    session: Session,
    plan: Plan,
    request: Request,
    labels: Labels,
    *,
    networks: Sequence[NetworkCheckpoint] = (),
    blobs: Blobs,
    taxonomy: Taxonomy,
) -> Drafted:
    """Put the approved segments of a plan into an archive and store it. Changes no row.

    Pixels are read here on the strength of the plan alone: it names the
    grant relied on for every photo that is opened.

    Raises:
        BlobUnavailable, BlobMissing: nothing was ordered.
        ArchiveTooLarge: a render worker would not take it.
    """
    order_id = uuid4()
    wanted = sorted({segment for picture in plan.pictures for picks in picture.picks for segment in picks})
    key_of = {segment: number for number, segment in enumerate(wanted)}
    photos = sorted({plan.photo_of[segment] for segment in wanted}, key=str)
    number_of = {photo: number for number, photo in enumerate(photos)}
    rows = {row.id: row for row in session.scalars(select(Segment).where(Segment.id.in_(wanted)))}
    frames = {row.id: row for row in session.scalars(select(Photo).where(Photo.id.in_(photos)))}

    entries = []
    shapes: dict[int, masks.Mask] = {}
    of_photo = {photo: [segment for segment in wanted if plan.photo_of[segment] == photo] for photo in photos}
    ordinals = {photo: [rows[segment].ordinal for segment in mine] for photo, mine in of_photo.items()}
    read = read_crops(blobs, [frames[photo] for photo in photos], ordinals, relied=plan.relied)
    for photo_id, crops in zip(photos, read, strict=True):
        photo = frames[photo_id]
        for segment, (png, mask) in zip(of_photo[photo_id], crops, strict=True):
            row = rows[segment]
            facts = {
                "key": key_of[segment],
                "photo": number_of[photo_id],
                "category": row.category_id,
                "box": [row.x0, row.y0, row.x1, row.y1],
                "frame": [photo.work_height, photo.work_width],
                "depth_mm": row.depth_mm,
            }
            entries.append((facts, png))
            shapes[key_of[segment]] = mask
    content = workorder.pack_archive(labels, entries)
    if len(content) > workorder.MAX_ARCHIVE_BYTES:
        raise ArchiveTooLarge(len(content), workorder.MAX_ARCHIVE_BYTES)
    sha256 = hashlib.sha256(content).hexdigest()
    archive_key = f"orders/{order_id}/{sha256}"
    blobs.put(archive_key, content, media_type="application/zip")
    masks_sha256 = masks.keep(blobs, order_id, shapes)

    spec = {
        "height": request.height,
        "width": request.width,
        "frame": request.frame,
        "refiner": request.refiner,
        "canvas": request.canvas,
        "networks": [
            {"kind": one.kind, "sha256": one.sha256, "size_bytes": one.size_bytes} for one in networks
        ],
        "categories": [
            OrderedCategory(
                id=category.id,
                name=category.name,
                ground=category.ground,
                planar=category.planar,
                thin=category.thin,
                void=category.id == VOID,
                front_rank=category.front_rank,
            ).model_dump()
            for category in taxonomy.categories
        ],
        "variations": [
            OrderedVariation(
                index=picture.index,
                seed=picture.seed,
                anchor=number_of.get(picture.anchor) if picture.anchor else None,
                picks=tuple(tuple(key_of[segment] for segment in picks) for picks in picture.picks),
            ).model_dump(mode="json")
            for picture in plan.pictures
        ],
    }
    return Drafted(
        id=order_id,
        plan=plan,
        spec=spec,
        segments={str(key_of[s]): [str(s), str(plan.photo_of[s])] for s in wanted},
        archive_key=archive_key,
        archive_sha256=sha256,
        archive_size_bytes=len(content),
        masks_sha256=masks_sha256,
    )


def discard(drafted: Drafted, *, blobs: Blobs) -> None:
    """Delete what was stored for an order that was not made."""
    blobs.delete(drafted.archive_key)
    blobs.delete(masks.key_of(drafted.id, drafted.masks_sha256))


def read_crops(
    blobs: Blobs,
    photos: Sequence[Photo],
    ordinals: Mapping[UUID, Sequence[int]],
    *,
    relied: Mapping[UUID, UUID],
) -> list[list[tuple[bytes, masks.Mask]]]:
    """RGBA crops of segments as PNG bytes, each with its mask, photo by photo; packs are read a few at once.

    Raises:
        KeyError: no grant is relied on for a photo. A fault of ours, and no pixel is read.
    """
    for photo in photos:
        relied[photo.id]

    def read(photo: Photo) -> list[tuple[bytes, masks.Mask]]:
        content = blobs.get(f"{photo.id}/{photo.pack_sha256}", limit_bytes=MAX_PACK_BYTES)
        with zipfile.ZipFile(io.BytesIO(content)) as pack:
            crops = [pack.read(f"{ordinal}.png") for ordinal in ordinals[photo.id]]
        return [(png, masks.of_crop(png)) for png in crops]

    packs = ThreadPoolExecutor(PACKS_AT_ONCE, "packs")
    try:
        return list(packs.map(read, photos))
    finally:
        packs.shutdown(cancel_futures=True)


def make(
    session: Session, request: Request, drafted: Drafted, *, terms: Terms, by: Actor, at: datetime
) -> Order | frozenset[UUID] | None:
    """Commit to an order: caps, clearance, hint and log in the caller's transaction.

    The log's lock is taken before the last look at rights, so no clearance
    stands in the log behind the withdrawal of what it relies on.

    Returns:
        The order; or the grants whose caps had no room: roll back and plan
        without them; or None, rights moved since the plan and it no longer
        clears: roll back and plan anew.
    """
    plan = drafted.plan
    facts = recording.record(plan, terms)  # before any lock is taken
    answer_sha256 = recording.digest(recording.answer_of(plan, terms))
    places = _places(plan)
    wanted = Counter((grant_id, caps.SEAL) for grant_id, _ in places)
    if full := caps.reserve(session, wanted, at=at):
        return frozenset(grant_id for grant_id, _ in full)
    request.attempt += 1
    request.state = RequestState.RENDERING
    request.lease_until = at + ORDER_LIFE
    clearance = Clearance(
        request_id=request.id,
        at=terms.at,
        epoch=plan.epoch,
        bundle_digest=terms.bundle.digest,
        relied={str(photo): str(grant) for photo, grant in plan.relied.items()},
        facts=facts,
        answer_sha256=answer_sha256,
    )
    session.add(clearance)
    session.flush()
    order = Order(
        id=drafted.id,
        request_id=request.id,
        attempt=request.attempt,
        clearance_id=clearance.id,
        made_at=at,
        expires_at=at + ORDER_LIFE,
        state=OrderState.MADE,
        spec=drafted.spec,
        segments=drafted.segments,
        archive_key=drafted.archive_key,
        archive_sha256=drafted.archive_sha256,
        archive_size_bytes=drafted.archive_size_bytes,
        masks_sha256=drafted.masks_sha256,
        published_at=at,
    )
    session.add(order)
    session.flush()
    if places:
        held = [{"order_id": order.id, "variation": i, "grant_id": grant} for grant, i in places]
        session.execute(insert(Reservation), held)
    outbox.enqueue(session, PUBLISH_TASK, queue=RENDER_QUEUE, at=at, order_id=order.id)
    cleared = log.append(
        session,
        Kind.REQUEST_CLEARED,
        by=by,
        at=at,
        request=request.id,
        order=order.id,
        attempt=order.attempt,
        bundle=terms.bundle.digest,
        epoch=plan.epoch,
        use=terms.use.as_json(),
        relied=clearance.relied,
        facts=recording.digest(facts),
        answer=answer_sha256,
        **({"signoffs": relied_on} if (relied_on := terms.signed.about(plan.relied)) else {}),
        **(
            {}
            if terms.adapted is None
            else {"layout_photo": terms.adapted.photo_id, "layout_grant": terms.adapted.grant_id}
        ),
    )
    log.append(
        session,
        Kind.ORDER_MADE,
        by=by,
        at=at,
        order=order.id,
        request=request.id,
        archive=order.archive_sha256,
        networks=[one["sha256"] for one in order.spec["networks"]],
        expires_at=order.expires_at,
    )
    session.flush()
    log.locked(session)
    if log.last_rights_change(session) >= plan.epoch:
        now = policy.active(session)
        if now.digest != terms.bundle.digest:
            return None
        terms = replace(terms, signed=asking.signed_for(session, request, now, at=at))
        if terms.adapted is not None:
            arranged = origins.arranged(session, request, terms, on=terms.adapted.grant_id)
            if isinstance(arranged, SealRefused):
                return None
            terms = arranged
        promised = frozenset(grant_id for grant_id, _ in places)
        if not still_clears(session, plan, terms=terms, held=promised, at=at):
            return None
    log.settle(session)
    clearance.log_index = cleared.index
    return order


def _places(plan: Plan) -> list[tuple[UUID, int]]:
    """(grant, picture) pairs that need a place under a cap, in the order of grant ids, so that two
    orders that want the same grants never wait for each other."""
    pairs = set()
    for picture in plan.pictures:
        for picks in picture.picks:
            for segment in picks:
                grant_id = plan.relied[plan.photo_of[segment]]
                if caps.SEAL in plan.rights.terms[grant_id].counted:
                    pairs.add((grant_id, picture.index))
    return sorted(pairs, key=lambda pair: (str(pair[0]), pair[1]))


def signed(order: Order, *, key: Ed25519PrivateKey, blobs: Blobs, at: datetime) -> tuple[str, str]:
    """The work order as it is published, its text and signature; links are made here and kept nowhere."""
    life = order.expires_at - at
    public = key.public_key()
    spec = dict(order.spec)
    networks = [
        OrderedNetwork(url=blobs.presigned_get(network_key(one["sha256"]), expires=life), **one)
        for one in spec.pop("networks")
    ]
    work = WorkOrder(
        bank=workorder.fingerprint(public),
        order_id=str(order.id),
        attempt=order.attempt,
        expires_at=int(order.expires_at.timestamp()),
        archive=Linked(
            url=blobs.presigned_get(order.archive_key, expires=life),
            sha256=order.archive_sha256,
            size_bytes=order.archive_size_bytes,
        ),
        result_url=blobs.presigned_put(result_key(order), expires=life),
        cancel_url=blobs.presigned_get(cancel_key(order), expires=life),
        networks=tuple(networks),
        **spec,
    )
    return workorder.sign(work, key)


def result_key(order: Order) -> str:
    return f"orders/{order.id}/result"


def cancel_key(order: Order) -> str:
    return f"orders/{order.id}/cancelled"
