"""Comparing photos that are here already: those that no version has hashed yet, and all of them with the
tombstones, as after a backup was restored.

Reading a photo to hash it is the rest of its admission, as ingestion would do it today.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.catalog import fingerprints, reviewing
from bankd.catalog.errors import PhotoErased
from bankd.catalog.models import Photo, PhotoFingerprint
from bankd.ingestion import decode
from bankd.ingestion.decode import BYTES_MOST
from bankd.ingestion.errors import Refused, SourceMissing
from bankd.likeness.hashing import look
from bankd.storage import BlobMissing, Blobs, key

Transaction = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class Compared:
    """`hashed`: photos that had no fingerprint; `held`: those that wait for a person now; `unreadable`: those
    whose bytes are missing or damaged, each with why."""

    hashed: int
    held: tuple[UUID, ...]
    unreadable: dict[UUID, str]


def compare(
    transaction: Transaction, *, blobs: Blobs, by: Actor, at: datetime, said: Callable[[int, int], None]
) -> Compared:
    """Hash every photo that is not hashed, and compare all with the tombstones. Can be stopped and run again.

    One transaction for each photo: others come in meanwhile. `said` is told how many of how many are hashed.

    Raises:
        BlobUnavailable: the store does not answer.
    """
    with transaction() as session:
        waiting = unhashed(session)
    held: list[UUID] = []
    unreadable: dict[UUID, str] = {}
    hashed = 0
    for number, photo_id in enumerate(waiting, 1):
        try:
            with transaction() as session:
                if hash_photo(session, photo_id, blobs=blobs, by=by, at=at):
                    held.append(photo_id)
            hashed += 1
        except Refused as error:
            unreadable[photo_id] = str(error)
        except PhotoErased:
            pass  # meanwhile: nothing is left to compare
        said(number, len(waiting))
    with transaction() as session:
        risen = list(fingerprints.risen(session))
    for photo_id, found in risen:
        with transaction() as session:
            try:
                if reviewing.found_alike(session, photo_id, found, by=by, at=at):
                    held.append(photo_id)
            except PhotoErased:
                continue
    return Compared(hashed, tuple(dict.fromkeys(held)), unreadable)


def unhashed(session: Session) -> list[UUID]:
    """The photos without a fingerprint, the oldest first."""
    return list(
        session.scalars(
            select(Photo.id)
            .outerjoin(PhotoFingerprint, PhotoFingerprint.photo_id == Photo.id)
            .where(PhotoFingerprint.id.is_(None), Photo.state != "erased")
            .order_by(Photo.taken_at, Photo.id)
        )
    )


def hash_photo(session: Session, photo_id: UUID, *, blobs: Blobs, by: Actor, at: datetime) -> bool:
    """Give a photo its fingerprint and compare it with all others; whether it is held for what it looks like.

    Raises:
        Refused: its bytes are missing or cannot be read any more.
        PhotoErased, BlobUnavailable.
    """
    photo = session.get_one(Photo, photo_id)
    if photo.state == "erased":
        raise PhotoErased(photo_id)
    try:
        content = blobs.get(key(photo_id, photo.sha256), limit_bytes=BYTES_MOST)
    except BlobMissing as error:
        raise SourceMissing(photo.name) from error
    fingerprint = look(decode.working(decode.decode(content, name=photo.name).rgb))
    fingerprints.lock(session)
    session.refresh(photo)
    if photo.state == "erased":
        raise PhotoErased(photo_id)
    if session.scalar(select(PhotoFingerprint.id).where(PhotoFingerprint.photo_id == photo_id)) is not None:
        return photo.quarantine_reason == "likeness"
    found = fingerprints.alike(session, fingerprint, but=photo_id)
    fingerprints.record(session, photo_id, fingerprint)
    return reviewing.found_alike(session, photo_id, found, by=by, at=at)
