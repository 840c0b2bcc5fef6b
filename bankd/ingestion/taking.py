"""Taking in one photo: everything between its filed bytes and its rows."""

import logging
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.catalog import admission, fingerprints, likenesses, taxonomy
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo
from bankd.catalog.releases import FlaggedFaces
from bankd.identifying import origins
from bankd.ingestion import arriving, decode, metadata
from bankd.ingestion.cutting import CutPhoto, Stored, cut_photo
from bankd.ingestion.decode import BYTES_MOST, Decoded
from bankd.ingestion.errors import (
    DuplicatePixels,
    LikeTombstone,
    NoLabelMap,
    OfAnotherDepartment,
    SourceMissing,
    Tombstoned,
)
from bankd.ingestion.faces import Detector
from bankd.ingestion.models import Batch, BatchItem
from bankd.licensing.depicted import Depictions
from bankd.licensing.people import WHOM_UNSAID, Cover
from bankd.licensing.terms import EmbeddedRights
from bankd.provenance import sidecars
from bankd.provenance.errors import SigningFailed
from bankd.provenance.sidecars import Signs
from bankd.storage import BlobMissing, Blobs, key

logger = logging.getLogger(__name__)

HELD = frozenset({"faces-found", "likeness"})  # a known photo that waits for a person, and not for a license
STORE_TYPE = "application/c2pa"
UPLOADS = 4  # at once, of one photo: pack, maps and thumbnail wait for the store together


def take(
    session: Session,
    item: BatchItem,
    batch: Batch,
    *,
    blobs: Blobs,
    detect: Detector,
    anchors_pem: str = "",
    signs: Signs | None = None,
    by: Actor,
    at: datetime,
) -> tuple[Photo, str]:
    """Admit, quarantine or recognise a photo; its bytes are in the store before its rows are written.

    Returns the photo and the item's new state.

    Args:
        signs: what a photo is signed with that arrived without content credentials; None: nothing.

    Raises:
        Refused: with its reason; no row was written.
        TooManyGrants: the photo would hold more than 63; no row was written that still stands.
        CoverInvalid: a release names what is no person in the photo; as above.
        BlobUnavailable: the store does not answer.
    """
    sha256 = str(item.photo_sha256)
    seen = admission.seen(session, sha256=sha256, grant_ids=item.grant_ids)
    content, decoded, pixel_sha256 = b"", None, None
    if not (seen.tombstoned or seen.same_bytes):
        content = _filed(blobs, item, key(item.id, sha256))
        decoded = decode.decode(content, name=item.name)
        pixel_sha256 = decoded.pixel_sha256()
    # Once more, now that nobody else can bring them in; what was seen before only spared the decoding.
    _take_turns(session, sha256, pixel_sha256)
    seen = admission.seen(session, sha256=sha256, pixel_sha256=pixel_sha256, grant_ids=item.grant_ids)
    if seen.tombstoned:
        raise Tombstoned(item.name)
    if seen.same_bytes is not None:
        _of_our_department(session, seen.same_bytes, item, batch)
        photo = _known(session, seen.same_bytes, item, by=by, at=at)
        return photo, "quarantined" if photo.quarantine_reason in HELD else "known"
    if seen.same_pixels is not None:
        _of_our_department(session, seen.same_pixels, item, batch)
        raise DuplicatePixels(item.name, seen.same_pixels)
    if item.labels_sha256 is None:
        raise NoLabelMap(item.name)
    assert decoded is not None and pixel_sha256 is not None  # what was known once stays known
    house = taxonomy.house()
    cut = cut_photo(
        decoded,
        name=item.name,
        labels=_map(blobs, item, item.labels_sha256),
        instances=_map(blobs, item, item.instances_sha256) if item.instances_sha256 else None,
        depth=_map(blobs, item, item.depth_sha256) if item.depth_sha256 else None,
        classes=house.map_classes(batch.classes),
        thin=house.thin,
        persons=house.person,
        detect=detect,
    )
    arrived = arriving.read(content, decoded.media_type, anchors_pem=anchors_pem)
    maps = (cut.labels,) if cut.depth is None else (cut.labels, cut.depth)
    chain: tuple[Stored, ...] = () if arrived is None else (Stored(arrived.store, STORE_TYPE),)
    if arrived is None and signs is not None:
        chain = _signed(item, content, decoded.media_type, sha256, signs)
    _store(blobs, item.id, (cut.pack, *maps, cut.thumbnail, *chain))
    fingerprints.lock(session)  # from here to the commit nothing comes in or goes out that may look like it
    alike = fingerprints.alike(session, cut.fingerprint)
    if any(one.sure for one in likenesses.refusing(session, alike, item.grant_ids)):
        raise LikeTombstone(item.name)
    photo = admission.admit(
        session,
        _photo_facts(item, batch, decoded, cut, len(content), pixel_sha256, arrived, chain),
        segments=cut.segments,
        descriptors=cut.descriptors,
        grant_ids=item.grant_ids,
        release_ids=item.release_ids,
        people=covers(item),
        depictions=_depictions(item) or Depictions(),
        alike=alike,
        by=by,
        at=at,
    )
    origins.trace(
        session,
        photo.id,
        sha256=sha256,
        pixel_sha256=pixel_sha256,
        fingerprint=cut.fingerprint,
        by=by,
        at=at,
    )
    item.segments = len(cut.segments)
    _restrict(session, photo, item, by=by, at=at)
    return photo, "taken" if photo.state == "admitted" else "quarantined"


def _known(session: Session, photo_id: UUID, item: BatchItem, *, by: Actor, at: datetime) -> Photo:
    """Give a photo that is here already what the rights record says of it, or nothing of it."""
    with session.begin_nested():
        photo = catalog.attach_grants(
            session,
            photo_id,
            item.grant_ids,
            release_ids=item.release_ids,
            people=covers(item),
            depictions=_depictions(item),
            by=by,
            at=at,
        )
        _restrict(session, photo, item, by=by, at=at)
        return photo


def _of_our_department(session: Session, photo_id: UUID, item: BatchItem, batch: Batch) -> None:
    """Who has a copy of another department's photo may neither say what it shows nor learn which it is."""
    if session.get_one(Photo, photo_id).department_id != batch.department_id:
        raise OfAnotherDepartment(item.name)


def _photo_facts(
    item: BatchItem,
    batch: Batch,
    decoded: Decoded,
    cut: CutPhoto,
    size_bytes: int,
    pixel_sha256: str,
    arrived: arriving.Arrived | None,
    chain: Sequence[Stored],
) -> admission.PhotoFacts:
    unreadable = False
    try:
        embedded = metadata.read(decoded.packets)
    except metadata.RightsUnreadable as error:
        unreadable = True
        embedded = metadata.Embedded(EmbeddedRights(), {"unreadable": str(error)})
    return admission.PhotoFacts(
        id=item.id,
        department_id=batch.department_id,
        name=item.name,
        media_type=decoded.media_type,
        size_bytes=size_bytes,
        sha256=str(item.photo_sha256),
        pixel_sha256=pixel_sha256,
        frame=decoded.frame,
        work_frame=cut.frame,
        pack_sha256=cut.pack.sha256,
        labels_sha256=cut.labels.sha256,
        thumbnail_sha256=cut.thumbnail.sha256,
        taxonomy_version=taxonomy.house().version,
        scene_context=cut.look.context.tobytes(),
        lab_mean=tuple(cut.look.lab_mean.tolist()),
        lab_std=tuple(cut.look.lab_std.tolist()),
        embedded=embedded.rights if arrived is None else arrived.tighten(embedded.rights),
        embedded_credit=embedded.credit,
        rights_unreadable=unreadable,
        depth_sha256=None if cut.depth is None else cut.depth.sha256,
        faces=FlaggedFaces(cut.faces),
        fingerprint=cut.fingerprint,
        credentials=None if arrived is None else arrived.facts,
        store_sha256=chain[0].sha256 if chain and arrived is None else None,
    )


def _signed(
    item: BatchItem, content: bytes, media_type: str, sha256: str, signs: Signs
) -> tuple[Stored, ...]:
    """What the house signs for the photo. A file that C2PA cannot bind comes in as it would without."""
    try:
        store = sidecars.sign(content, media_type=media_type, photo_id=item.id, sha256=sha256, signs=signs)
    except SigningFailed as error:
        logger.warning("photo `%s` is taken in unsigned: %s", item.name, error)
        return ()
    return (Stored(store, sidecars.MEDIA_TYPE),)


def covers(item: BatchItem) -> dict[UUID, Cover]:
    """Whom each release covers, of those of which the rights record says it."""
    covered: dict[UUID, Cover] = {}
    for person in item.people:
        release_id = UUID(person["release"])
        said = covered.get(release_id, WHOM_UNSAID)
        covered[release_id] = Cover(
            said.whole or person["whole"],
            said.segments | {*person["segments"]},
            said.instances | {*person["instances"]},
        )
    return covered


def _restrict(session: Session, photo: Photo, item: BatchItem, *, by: Actor, at: datetime) -> None:
    """A rights record can dispute or embargo a photo; it lifts neither."""
    if item.disputed is not None and photo.disputed_at is None:
        catalog.dispute(session, photo.id, reason=item.disputed, by=by, at=at)
    if item.embargo_until is not None and (
        photo.embargo_until is None or photo.embargo_until < item.embargo_until
    ):
        catalog.embargo(session, photo.id, until=item.embargo_until, visible_to=item.visible_to, by=by, at=at)


def _depictions(item: BatchItem) -> Depictions | None:
    return None if item.depictions is None else Depictions.model_validate(item.depictions)


def _map(blobs: Blobs, item: BatchItem, sha256: str) -> bytes:
    return _filed(blobs, item, f"{prefix(item.batch_id, item.id)}/{sha256}")


def _filed(blobs: Blobs, item: BatchItem, place: str) -> bytes:
    try:
        return blobs.get(place, limit_bytes=BYTES_MOST)
    except BlobMissing as error:
        raise SourceMissing(item.name) from error


def _store(blobs: Blobs, photo_id: UUID, what: Iterable[Stored]) -> None:
    """Upload all at once; what fails raises when no upload runs any more."""
    threads = _uploading(os.getpid())
    running = [
        threads.submit(blobs.put, key(photo_id, one.sha256), one.content, media_type=one.media_type)
        for one in what
    ]
    wait(running)
    for upload in running:
        upload.result()


@cache
def _uploading(process: int) -> ThreadPoolExecutor:  # noqa: ARG001
    """The threads of this process, kept from photo to photo; those of one that forked stayed behind."""
    return ThreadPoolExecutor(UPLOADS, thread_name_prefix="upload")


def prefix(batch_id: UUID, item_id: UUID) -> str:
    """Where the maps that were filed for an item lie; its photo lies below the item's id, where it stays."""
    return f"batches/{batch_id}/{item_id}"


def _take_turns(session: Session, sha256: str, pixel_sha256: str | None) -> None:
    """Of two items with the same bytes or pixels the second waits for the first to commit.

    Bytes before pixels, always: so no two wait for each other.
    """
    turns = [sha256] if pixel_sha256 is None else [sha256, pixel_sha256]
    numbers = [int.from_bytes(bytes.fromhex(one)[:7], "big") for one in turns]
    session.execute(select(*(func.pg_advisory_xact_lock(number) for number in numbers)))
