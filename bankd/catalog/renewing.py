"""What changes on photos when a release is signed anew, or when somebody has looked at flagged faces."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import releases, service
from bankd.catalog.errors import NoFacesFlagged
from bankd.catalog.models import Photo, PhotoRelease
from bankd.licensing.depicted import Depictions
from bankd.licensing.people import Cover


def renew(session: Session, renewed: Iterable[tuple[UUID, UUID]], *, by: Actor, at: datetime) -> int:
    """Give each photo that holds a superseded release its successor, which covers the same of it.

    Call it in the transaction that superseded them. Returns how many photos changed.
    """
    successors = dict(renewed)
    rows = session.scalars(
        select(PhotoRelease)
        .where(PhotoRelease.release_id.in_(successors))
        .order_by(PhotoRelease.photo_id, PhotoRelease.release_id)
    ).all()
    photos: dict[UUID, dict[UUID, Cover]] = {}
    for row in rows:
        cover = Cover(row.whole, frozenset(row.segments), frozenset(row.instances))
        photos.setdefault(row.photo_id, {})[successors[row.release_id]] = cover
    changed = 0
    for photo_id, people in photos.items():
        if session.get_one(Photo, photo_id).state == "erased":
            continue
        service.attach_grants(session, photo_id, (), people=people, by=by, at=at)
        changed += 1
    return changed


def dismiss_faces(session: Session, photo_id: UUID, *, reason: str, by: Actor, at: datetime) -> Photo:
    """Record that somebody looked at the faces flagged in a photo, and that nobody can be recognised by them.

    A photo that was held for them goes on; what its rights record says of persons stays as it is.

    Raises:
        PhotoNotFound, PhotoErased.
        NoFacesFlagged: there is nothing to dismiss.
    """
    photo = service.held_for_rights(session, photo_id)
    if not releases.FlaggedFaces.of(photo).count:
        raise NoFacesFlagged(photo_id)
    photo.faces_dismissed_at = at
    photo.faces_dismissed_by = by.name
    photo.faces_dismissed_reason = reason
    service.record_rights(session, photo, grant_ids=(), covers={}, depictions=_recorded(photo))
    session.flush()
    service.spread(session, photo)
    log.append(
        session, Kind.PHOTO_FACES_DISMISSED, by=by, at=at,
        photo=photo_id, reason=reason, profile=photo.profile_id, state=photo.state,
    )  # fmt: skip
    return photo


def _recorded(photo: Photo) -> Depictions:
    return Depictions.model_validate(photo.depictions)
