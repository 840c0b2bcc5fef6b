"""What people decide about photos that are held for their likeness, and how one comes to be held later."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import fingerprints, likenesses, service
from bankd.catalog.errors import NotHeldForLikeness
from bankd.catalog.likenesses import Found
from bankd.catalog.models import LikenessReview, Photo, PhotoLikeness
from bankd.licensing.depicted import Depictions


def release(session: Session, photo_id: UUID, *, reason: str, by: Actor, at: datetime) -> Photo:
    """Let a held photo in: what it looks like is another photo, or may be here beside it.

    What it is found to look like later holds it again. A photo that was refused can be released.

    Raises:
        PhotoNotFound, PhotoErased, NotHeldForLikeness.
    """
    photo = _held(session, photo_id)
    _review(session, photo, "released", reason=reason, by=by, at=at)
    _recompute(session, photo)
    _log(session, photo, "released", reason=reason, by=by, at=at)
    return photo


def refuse(session: Session, photo_id: UUID, *, reason: str, by: Actor, at: datetime) -> Photo:
    """Keep a held photo out. One that looks like a tombstone gets one of its own: it was not to come back.
    One that looks like a photo here stays in quarantine: a tombstone would keep out the other one too.

    Raises:
        PhotoNotFound, PhotoErased, NotHeldForLikeness.
    """
    fingerprints.lock(session)
    photo = _held(session, photo_id)
    _review(session, photo, "refused", reason=reason, by=by, at=at)
    if session.scalar(
        select(PhotoLikeness.id)
        .where(PhotoLikeness.photo_id == photo_id, PhotoLikeness.tombstone_id.is_not(None))
        .limit(1)
    ):
        photo = service.tombstone(session, photo_id, reason=reason, by=by, at=at)
    _log(session, photo, "refused", reason=reason, by=by, at=at)
    return photo


def found_alike(session: Session, photo_id: UUID, found: Iterable[Found], *, by: Actor, at: datetime) -> bool:
    """Record what a photo that is here turned out to look like; whether it is held for it now.

    Raises:
        PhotoNotFound, PhotoErased.
    """
    likeness = list(found)
    photo = service.held_for_rights(session, photo_id)
    if likenesses.keep(session, photo_id, likeness, at=at):
        _recompute(session, photo)
        log.append(
            session, Kind.PHOTO_LIKENESS_FOUND, by=by, at=at,
            photo=photo_id, alike=[one.as_json() for one in likeness], profile=photo.profile_id,
            state=photo.state,
        )  # fmt: skip
    return photo.quarantine_reason == "likeness"


def _held(session: Session, photo_id: UUID) -> Photo:
    photo = service.held_for_rights(session, photo_id)
    if photo.quarantine_reason != "likeness":
        raise NotHeldForLikeness(photo_id)
    return photo


def _review(session: Session, photo: Photo, verdict: str, *, reason: str, by: Actor, at: datetime) -> None:
    seen_to = session.scalar(
        select(func.coalesce(func.max(PhotoLikeness.id), 0)).where(
            or_(PhotoLikeness.photo_id == photo.id, PhotoLikeness.other_photo_id == photo.id)
        )
    )
    session.add(
        LikenessReview(
            photo_id=photo.id, verdict=verdict, reason=reason, seen_to=seen_to,
            reviewed_by=by.name, reviewed_at=at,
        )
    )  # fmt: skip
    session.flush()


def _recompute(session: Session, photo: Photo) -> None:
    recorded = Depictions.model_validate(photo.depictions)
    service.record_rights(session, photo, grant_ids=(), covers={}, depictions=recorded)
    session.flush()
    service.spread(session, photo)


def _log(session: Session, photo: Photo, verdict: str, *, reason: str, by: Actor, at: datetime) -> None:
    log.append(
        session, Kind.PHOTO_LIKENESS_REVIEWED, by=by, at=at,
        photo=photo.id, verdict=verdict, reason=reason, profile=photo.profile_id, state=photo.state,
    )  # fmt: skip
