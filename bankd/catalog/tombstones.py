"""Photos that may not come back: their hashes, whom these refuse, and until when."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, true
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import fingerprints
from bankd.catalog.errors import PhotoErased, PhotoNotFound
from bankd.catalog.models import Photo, Tombstone
from bankd.licensing.models import Grant, License


def tombstone(
    session: Session,
    photo_id: UUID,
    *,
    reason: str,
    licensor_id: UUID | None = None,
    delete_after: datetime | None = None,
    by: Actor,
    at: datetime,
) -> Photo:
    """Take a photo out for good and refuse its bytes and pixels, and what looks like them, from now on.

    Its rows and bytes stay until they are erased; nothing reads them any more. Takes the fingerprints' lock:
    who holds other locks already has taken that one first.

    Args:
        licensor_id: by way of whom alone they are refused; None refuses them to everyone.
        delete_after: when the tombstone goes; None keeps it.

    Raises:
        PhotoNotFound, PhotoErased.
    """
    fingerprints.lock(session)
    photo = changeable(session, photo_id)
    made = Tombstone(
        sha256=photo.sha256,
        pixel_sha256=photo.pixel_sha256,
        reason=reason,
        made_at=at,
        scope="everyone" if licensor_id is None else "licensor",
        licensor_id=licensor_id,
        delete_after=delete_after,
    )
    session.add(made)
    session.flush()
    fingerprints.bury(session, photo_id, made.id)
    photo.state = "erased"
    photo.quarantine_reason = None
    photo.erased_at = at
    session.flush()
    log.append(session, Kind.PHOTO_ERASED, by=by, at=at, photo=photo_id, reason=reason)
    return photo


def buried(session: Session, *, sha256: str, pixel_sha256: str | None, grant_ids: Iterable[UUID]) -> bool:
    """Whether a tombstone refuses these bytes or pixels under these grants; under none, any does."""
    return bool(session.scalar(select(burying(sha256, pixel_sha256, grant_ids))))


def burying(sha256: str, pixel_sha256: str | None, grant_ids: Iterable[UUID]) -> ColumnElement[bool]:
    """`buried`, as SQL."""
    wanted = list(grant_ids)
    whose = (
        select(License.licensor_id).join(Grant, Grant.license_id == License.id).where(Grant.id.in_(wanted))
    )
    refuses = or_(Tombstone.scope == "everyone", Tombstone.licensor_id.in_(whose)) if wanted else true()
    same = or_(Tombstone.sha256 == sha256, Tombstone.pixel_sha256 == pixel_sha256)
    return exists().where(same, refuses)


def changeable(session: Session, photo_id: UUID) -> Photo:
    """A photo for this transaction alone to change. Raises: PhotoNotFound, PhotoErased."""
    # Not against rows that only point at it, or a seal that has written its own and this
    # would wait for each other.
    photo = session.get(Photo, photo_id, with_for_update={"key_share": True}, populate_existing=True)
    if photo is None:
        raise PhotoNotFound(photo_id)
    if photo.state == "erased":
        raise PhotoErased(photo_id)
    return photo
