"""Batches of photos: opened, taken in one by one, reported.

A photo is taken in by two transactions. `claim` leases its item; `ingest_item`
does the work and writes all of its rows at once. What a crash leaves behind
is a lease that runs out and bytes that the next attempt writes again under
the same keys.
"""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import taxonomy
from bankd.catalog.errors import CoverInvalid
from bankd.ingestion.decode import BYTES_MOST, media_type
from bankd.ingestion.errors import (
    BatchEmpty,
    BatchNotFound,
    CorruptImage,
    CoverRefused,
    GrantsRefused,
    ImageTooLarge,
    NameInvalid,
    NameTwice,
    Refused,
)
from bankd.ingestion.faces import Detector, detector
from bankd.ingestion.models import Batch, BatchItem
from bankd.ingestion.taking import prefix, take
from bankd.licensing import service as licensing
from bankd.licensing.errors import TooManyGrants
from bankd.licensing.rights_entries import PhotoRights
from bankd.provenance.sidecars import Signs
from bankd.storage import Blobs, BlobUnavailable, key
from bankd.worker import outbox
from bankd.worker.app import INGEST_QUEUE

TASK = "ingestion.ingest_photo"
LEASE = timedelta(seconds=30)
"""How long a claim may take to become work; work holds the item's row lock, which no claim can pass."""

ATTEMPTS_MOST = 3
NAME_MOST = 200

FINAL = frozenset({"taken", "known", "quarantined", "refused", "failed"})


@dataclass(frozen=True)
class NewPhoto:
    """A photo as it is filed: bytes, or paths that are read once; `rights` as a rights file says."""

    name: str
    photo: bytes | Path
    labels: bytes | Path | None
    instances: bytes | Path | None = None
    depth: bytes | Path | None = None
    rights: PhotoRights | None = None


@dataclass(frozen=True)
class Claim:
    """The right to work on one item until the lease runs out."""

    item_id: UUID
    attempt: int


@dataclass(frozen=True)
class Outcome:
    """What became of one item."""

    state: str
    reason: str | None
    detail: str | None
    photo_id: UUID | None
    segments: int


@dataclass(frozen=True)
class BatchReport:
    """A batch in numbers. `segments` counts those of the photos it brought in, quarantined ones too."""

    batch_id: UUID
    name: str
    photos: int
    waiting: int  # working ones too
    taken: int
    known: int
    quarantined: int
    refused: dict[str, int]  # per reason
    failed: int
    segments: int

    @property
    def finished(self) -> bool:
        return self.waiting == 0


def open_batch(
    session: Session,
    items: Iterable[NewPhoto],
    *,
    classes: Sequence[dict[str, Any]],
    name: str,
    department_id: UUID,
    blobs: Blobs,
    by: Actor,
    at: datetime,
) -> Batch:
    """File photos to be taken in. Their bytes go into the store first, then rows and hints commit together.

    What is wrong with one photo is found when it is taken in and refuses that
    one alone; what is wrong with the batch refuses it here, before a byte is stored.

    Raises:
        BatchEmpty, NameInvalid, NameTwice.
        UnknownCategories, ClassesInvalid: the classes do not map to the house taxonomy.
        BlobUnavailable: the store does not answer.
        GrantNotFound, ReleaseNotFound: a rights record names one that is not recorded.
    """
    photos = list(items)
    if not photos:
        raise BatchEmpty
    seen: set[str] = set()
    for photo in photos:
        if photo.name in seen:
            raise NameTwice(photo.name)
        seen.add(checked_name(photo.name))
    taxonomy.house().map_classes(classes)
    grants = licensing.grants_by_ref(session, _refs(photos, "grants"))
    releases = licensing.releases_by_ref(session, _refs(photos, "attached"))

    batch = Batch(
        id=uuid4(),
        department_id=department_id,
        name=name,
        classes=[{"id": entry["id"], "name": entry["name"]} for entry in classes],
        opened_by=by.name,
        opened_at=at,
    )
    rows: list[BatchItem] = []
    for photo in photos:
        rights = photo.rights
        item = BatchItem(
            id=uuid4(),
            batch_id=batch.id,
            name=photo.name,
            grant_ids=[grants[ref].id for ref in rights.grants] if rights else [],
            release_ids=[releases[ref].id for ref in rights.attached] if rights else [],
            people=[
                {**person.as_json(), "release": str(releases[person.release].id)} for person in rights.people
            ]
            if rights
            else [],
            depictions=rights.depictions.as_json() if rights else None,
            disputed=rights.disputed if rights else None,
            embargo_until=rights.embargo_until if rights else None,
            visible_to=list(rights.visible_to) if rights else [],
            state="waiting",
            attempts=0,
            segments=0,
            hinted_at=at,
            sources_dropped=False,
        )
        try:
            _store_sources(blobs, item, photo)
        except Refused as refusal:
            _finish(item, state="refused", refusal=refusal, at=at)
        except BlobUnavailable:
            with suppress(BlobUnavailable):  # no row will name what is there already
                blobs.delete_prefix(f"batches/{batch.id}")
                for filed in (*rows, item):
                    blobs.delete_prefix(str(filed.id))
            raise
        rows.append(item)
    session.add(batch)
    session.flush()
    session.add_all(rows)
    session.flush()
    log.append(
        session, Kind.BATCH_OPENED, by=by, at=at,
        batch=batch.id, name=name, department=department_id, photos=len(rows),
    )  # fmt: skip
    for item in rows:
        if item.state == "waiting":
            outbox.enqueue(session, TASK, queue=INGEST_QUEUE, at=at, item_id=item.id)
        else:
            _log_refusal(session, item, by=by, at=at)
    return batch


def checked_name(name: str) -> str:
    """The name, if it is a plain file name. Raises: NameInvalid."""
    plain = 0 < len(name) <= NAME_MOST and name.isprintable() and not name.startswith(".")
    if not plain or "/" in name or "\\" in name:
        raise NameInvalid(name)
    return name


def claim(session: Session, item_id: UUID, *, at: datetime) -> Claim | None:
    """Lease an item; None if it is done, unknown, given up, leased to another or being worked on."""
    free = or_(BatchItem.state == "waiting", (BatchItem.state == "working") & (BatchItem.lease_until <= at))
    chosen = (
        select(BatchItem.id)
        .where(BatchItem.id == item_id, BatchItem.attempts < ATTEMPTS_MOST, free)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    attempt = session.scalar(
        update(BatchItem)
        .where(BatchItem.id == chosen)
        .values(state="working", lease_until=at + LEASE, attempts=BatchItem.attempts + 1)
        .returning(BatchItem.attempts)
        .execution_options(synchronize_session=False)
    )
    return None if attempt is None else Claim(item_id, attempt)


def give_back(session: Session, claimed: Claim) -> None:
    """End a lease without a result, through no fault of the photo; the attempt does not count."""
    session.execute(
        update(BatchItem)
        .where(
            BatchItem.id == claimed.item_id,
            BatchItem.state == "working",
            BatchItem.attempts == claimed.attempt,
        )
        .values(state="waiting", lease_until=None, attempts=BatchItem.attempts - 1)
        .execution_options(synchronize_session=False)
    )


def ingest_item(
    session: Session,
    claimed: Claim,
    *,
    blobs: Blobs,
    detect: Detector | None = None,
    anchors_pem: str = "",
    signs: Signs | None = None,
    by: Actor,
    at: datetime,
) -> Outcome | None:
    """Take in one photo, refuse it, or find that it is known; None if the claim is no longer the current one.

    All rows and the item's state commit together or not at all. The photo
    takes the item's id, so that what a failed attempt stored is stored again
    under the same keys.

    Args:
        detect: what flags faces; None: the detector that comes with bankd.
        anchors_pem: roots that signers of content credentials are held to.
        signs: what photos are signed with that arrive without content credentials.

    Raises:
        BlobUnavailable: the store does not answer; `give_back` the claim and try again.
    """
    found = session.execute(
        select(BatchItem, Batch)
        .join(Batch, Batch.id == BatchItem.batch_id)
        .where(
            BatchItem.id == claimed.item_id,
            BatchItem.state == "working",
            BatchItem.attempts == claimed.attempt,
        )
        .with_for_update(of=BatchItem)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        return None
    item, batch = found
    try:
        photo, state = take(
            session,
            item,
            batch,
            blobs=blobs,
            detect=detect or detector(),
            anchors_pem=anchors_pem,
            signs=signs,
            by=by,
            at=at,
        )
    except (Refused, TooManyGrants, CoverInvalid) as error:
        refusal = error if isinstance(error, Refused) else _refusal(item.name, error)
        _finish(item, state="refused", refusal=refusal, at=at)
        session.flush()
        _log_refusal(session, item, by=by, at=at)
        return outcome(item)
    item.photo_id = photo.id
    _finish(item, state=state, refusal=None, at=at)
    session.flush()
    return outcome(item)


def outcome(item: BatchItem) -> Outcome:
    return Outcome(item.state, item.reason, item.detail, item.photo_id, item.segments)


def drop_sources(session: Session, item_id: UUID, *, blobs: Blobs) -> None:
    """Delete what was filed for a finished item and no photo needs: its maps, and a photo not taken."""
    found = session.execute(
        update(BatchItem)
        .where(BatchItem.id == item_id, BatchItem.state.in_(FINAL - {"failed"}), ~BatchItem.sources_dropped)
        .values(sources_dropped=True)
        .returning(BatchItem.batch_id, BatchItem.photo_id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if found is None:
        return
    batch_id, photo_id = found
    blobs.delete_prefix(prefix(batch_id, item_id))
    if photo_id != item_id:
        blobs.delete_prefix(str(item_id))  # the photo, and what an earlier attempt may have stored


def sweep(session: Session, *, drained: bool, by: Actor, at: datetime) -> int:
    """Bring back what a crash left: leases that ran out, hints that were lost, sources not deleted yet.

    An item whose workers died three times is failed. Returns how many hints were staged.

    Args:
        drained: nothing waits in the queue `ingest`.
    """
    hint_lost = outbox.overdue(Batch.opened_at, BatchItem.hinted_at, at=at, drained=drained)
    overdue = session.scalars(
        select(BatchItem)
        .join(Batch, Batch.id == BatchItem.batch_id)
        .where(
            or_(
                (BatchItem.state == "working") & (BatchItem.lease_until <= at),
                (BatchItem.state == "waiting") & hint_lost,
                BatchItem.state.in_(FINAL - {"failed"}) & ~BatchItem.sources_dropped & hint_lost,
            )
        )
        .order_by(BatchItem.hinted_at, BatchItem.id)
        .limit(1000)
        .with_for_update(of=BatchItem, skip_locked=True)
    ).all()
    hinted = 0
    for item in overdue:
        if item.state == "working":
            if item.attempts >= ATTEMPTS_MOST:
                item.reason = "gave-up"
                item.detail = f"`{item.name}` stopped its worker {item.attempts} times"
                _finish(item, state="failed", refusal=None, at=at)
                session.flush()
                _log_refusal(session, item, by=by, at=at)
                continue
            item.state = "waiting"
            item.lease_until = None
        item.hinted_at = at
        outbox.enqueue(session, TASK, queue=INGEST_QUEUE, at=at, item_id=item.id)
        hinted += 1
    session.flush()
    return hinted


def report(session: Session, batch_id: UUID) -> BatchReport:
    """Raises: BatchNotFound."""
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise BatchNotFound(batch_id)
    rows = session.execute(
        select(
            BatchItem.state,
            BatchItem.reason,
            func.count(),
            func.coalesce(func.sum(BatchItem.segments), 0),
        )
        .where(BatchItem.batch_id == batch_id)
        .group_by(BatchItem.state, BatchItem.reason)
    ).all()
    counts: dict[str, int] = {}
    refused: dict[str, int] = {}
    for state, reason, count, _ in rows:
        counts[state] = counts.get(state, 0) + count
        if state == "refused":
            refused[str(reason)] = count
    return BatchReport(
        batch_id=batch_id,
        name=batch.name,
        photos=sum(counts.values()),
        waiting=counts.get("waiting", 0) + counts.get("working", 0),
        taken=counts.get("taken", 0),
        known=counts.get("known", 0),
        quarantined=counts.get("quarantined", 0),
        refused=dict(sorted(refused.items())),
        failed=counts.get("failed", 0),
        segments=sum(segments for *_, segments in rows),
    )


def items(session: Session, batch_id: UUID) -> list[BatchItem]:
    """Every photo of a batch and what became of it, by name."""
    return list(
        session.scalars(select(BatchItem).where(BatchItem.batch_id == batch_id).order_by(BatchItem.name))
    )


def _finish(item: BatchItem, *, state: str, refusal: Refused | None, at: datetime) -> None:
    item.state = state
    item.lease_until = None
    item.finished_at = at
    if refusal is not None:
        item.reason = refusal.reason
        item.detail = str(refusal)


def _log_refusal(session: Session, item: BatchItem, *, by: Actor, at: datetime) -> None:
    log.append(
        session, Kind.PHOTO_REFUSED, by=by, at=at,
        batch=item.batch_id, item=item.id, sha256=item.photo_sha256, reason=item.reason, detail=item.detail,
    )  # fmt: skip


def _store_sources(blobs: Blobs, item: BatchItem, photo: NewPhoto) -> None:
    for field, source in (
        ("photo_sha256", photo.photo),
        ("labels_sha256", photo.labels),
        ("instances_sha256", photo.instances),
        ("depth_sha256", photo.depth),
    ):
        if source is None:
            continue
        content = _read(source, name=photo.name)
        sha256 = hashlib.sha256(content).hexdigest()
        if field == "photo_sha256":  # where it stays: it is uploaded once
            blobs.put(key(item.id, sha256), content, media_type=media_type(content))
        else:
            blobs.put(
                f"{prefix(item.batch_id, item.id)}/{sha256}", content, media_type="application/octet-stream"
            )
        setattr(item, field, sha256)


def _read(source: bytes | Path, *, name: str) -> bytes:
    if isinstance(source, Path):
        try:
            if source.stat().st_size <= BYTES_MOST:
                source = source.read_bytes()
        except OSError as error:
            raise CorruptImage(name, f"its file cannot be read ({error.strerror})") from error
    if isinstance(source, Path) or len(source) > BYTES_MOST:
        raise ImageTooLarge(name, f"more than {BYTES_MOST} bytes", f"{BYTES_MOST}")
    return source


def _refusal(name: str, error: TooManyGrants | CoverInvalid) -> Refused:
    refused = GrantsRefused if isinstance(error, TooManyGrants) else CoverRefused
    return refused(name, error)


def _refs(photos: Sequence[NewPhoto], kind: str) -> set[str]:
    return {ref for photo in photos if photo.rights is not None for ref in getattr(photo.rights, kind)}
