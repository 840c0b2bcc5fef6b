"""Which releases a photo holds, and whom of those it shows each of them covers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.catalog import taxonomy
from bankd.catalog.errors import CoverInvalid
from bankd.catalog.models import Photo, PhotoRelease, Segment
from bankd.licensing.consents import Seen
from bankd.licensing.errors import ReleaseNotFound
from bankd.licensing.models import Release
from bankd.licensing.people import WHOM_UNSAID, Cover, PersonSegment

Covers = Mapping[UUID, Cover]


@dataclass(frozen=True)
class FlaggedFaces:
    """What a face detector flagged in a photo, and whether somebody has looked and seen nobody."""

    found: Mapping[str, Any] | None = None  # as `Photo.faces`
    dismissed: bool = False

    @classmethod
    def of(cls, photo: Photo) -> "FlaggedFaces":
        return cls(photo.faces, photo.faces_dismissed_at is not None)

    @property
    def count(self) -> int:
        return len(self._boxes)

    @property
    def strays(self) -> int:
        """How many lie outside of all that the label map calls a person."""
        return sum(not box["labelled"] for box in self._boxes)

    @property
    def _boxes(self) -> Sequence[Mapping[str, Any]]:
        boxes: Sequence[Mapping[str, Any]] = (self.found or {}).get("faces", ())
        return boxes


NO_FACES = FlaggedFaces()


def add(session: Session, photo_id: UUID, covers: Covers) -> None:
    """Attach releases; one that is attached already gets the cover, where one is said.

    Raises:
        ReleaseNotFound.
    """
    if not covers:
        return
    missing = covers.keys() - set(session.scalars(select(Release.id).where(Release.id.in_(covers))))
    if missing:
        raise ReleaseNotFound(str(min(missing)))
    columns = ("whole", "segments", "instances")
    for release_id, cover in sorted(covers.items()):
        row = postgresql.insert(PhotoRelease).values(
            photo_id=photo_id,
            release_id=release_id,
            whole=cover.whole,
            segments=sorted(cover.segments),
            instances=sorted(cover.instances),
        )
        keys = [PhotoRelease.photo_id, PhotoRelease.release_id]
        if cover == WHOM_UNSAID:
            session.execute(row.on_conflict_do_nothing(index_elements=keys))
        else:
            said = {name: row.excluded[name] for name in columns}
            session.execute(row.on_conflict_do_update(index_elements=keys, set_=said))


def held(session: Session, photo_id: UUID) -> dict[UUID, Cover]:
    """The releases that a photo holds, with what each covers."""
    rows = session.scalars(select(PhotoRelease).where(PhotoRelease.photo_id == photo_id))
    return {
        row.release_id: Cover(row.whole, frozenset(row.segments), frozenset(row.instances)) for row in rows
    }


def persons(session: Session, photo_id: UUID) -> tuple[PersonSegment, ...]:
    """The segments of a photo that its label map calls persons."""
    rows = session.execute(
        select(Segment.ordinal, Segment.instance)
        .where(Segment.photo_id == photo_id, Segment.category_id.in_(taxonomy.house().person))
        .order_by(Segment.ordinal)
    )
    return tuple(PersonSegment(ordinal, instance) for ordinal, instance in rows)


def seen(segments: Sequence[PersonSegment], faces: FlaggedFaces) -> Seen:
    return Seen(tuple(segments), 0 if faces.dismissed else faces.strays)


def check(covers: Iterable[Cover], segments: Sequence[PersonSegment]) -> None:
    """Raises: CoverInvalid: one names a segment or an instance that is no person of the photo."""
    ordinals = {segment.ordinal for segment in segments}
    instances = {segment.instance for segment in segments}
    for cover in covers:
        for number in sorted(cover.segments - ordinals):
            raise CoverInvalid("segment", number)
        for number in sorted(cover.instances - instances):
            raise CoverInvalid("instance", number)


def quarantine(
    *, unreadable: bool, licensed: bool, persons: bool | None, faces: FlaggedFaces, likeness: bool
) -> str | None:
    """Why a photo waits for a person to look at it; None: it does not.

    A face that was flagged in a photo of which the record says that it shows
    nobody: one of the two is wrong, and neither is believed. `likeness`: see `catalog.likenesses.holds`.
    """
    if unreadable:
        return "unreadable-rights"
    if not licensed:
        return "unlicensed"
    if persons is False and faces.count and not faces.dismissed:
        return "faces-found"
    return "likeness" if likeness else None


@dataclass(frozen=True)
class Covered:
    """A photo that holds a release, and whom of those it shows the release covers there."""

    photo: UUID
    name: str
    whole: bool
    segments: tuple[int, ...]
    instances: tuple[int, ...]


def photos_of(session: Session, release_id: UUID, *, by: Actor) -> list[Covered]:
    """The photos that hold a release and that `by` may know of, by name."""
    wanted = (
        select(Photo.id, Photo.name, PhotoRelease)
        .join(PhotoRelease, PhotoRelease.photo_id == Photo.id)
        .where(PhotoRelease.release_id == release_id, Photo.state != "erased")
        .order_by(Photo.name, Photo.id)
    )
    if by.department_id is not None:
        wanted = wanted.where(Photo.department_id == by.department_id)
    return [
        Covered(photo_id, name, held.whole, tuple(held.segments), tuple(held.instances))
        for photo_id, name, held in session.execute(wanted)
    ]
