"""Which releases a photo holds, and whom of those it shows each of them covers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from bankd.catalog import taxonomy
from bankd.catalog.errors import CoverageInvalid
from bankd.catalog.models import Photo, PhotoRelease, Segment
from bankd.licensing.consents import Seen
from bankd.licensing.errors import ReleaseNotFound
from bankd.licensing.models import Release
from bankd.licensing.people import WHOM_UNSAID, Coverage, PersonSegment

Coverages = Mapping[UUID, Coverage]


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


def add(session: Session, photo_id: UUID, coverages: Coverages) -> None:
    """Attach releases; one that is attached already gets the coverage, where one is said.

    Raises:
        ReleaseNotFound.
    """
    if not coverages:
        return
    missing = coverages.keys() - set(session.scalars(select(Release.id).where(Release.id.in_(coverages))))
    if missing:
        raise ReleaseNotFound(str(min(missing)))
    columns = ("whole", "segments", "instances")
    for release_id, coverage in sorted(coverages.items()):
        row = postgresql.insert(PhotoRelease).values(
            photo_id=photo_id,
            release_id=release_id,
            whole=coverage.whole,
            segments=sorted(coverage.segments),
            instances=sorted(coverage.instances),
        )
        keys = [PhotoRelease.photo_id, PhotoRelease.release_id]
        if coverage == WHOM_UNSAID:
            session.execute(row.on_conflict_do_nothing(index_elements=keys))
        else:
            said = {name: row.excluded[name] for name in columns}
            session.execute(row.on_conflict_do_update(index_elements=keys, set_=said))


def held(session: Session, photo_id: UUID) -> dict[UUID, Coverage]:
    """The releases that a photo holds, with what each covers."""
    rows = session.scalars(select(PhotoRelease).where(PhotoRelease.photo_id == photo_id))
    return {
        row.release_id: Coverage(row.whole, frozenset(row.segments), frozenset(row.instances)) for row in rows
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


def check(coverages: Iterable[Coverage], segments: Sequence[PersonSegment]) -> None:
    """Raises: CoverageInvalid: one names a segment or an instance that is no person of the photo."""
    ordinals = {segment.ordinal for segment in segments}
    instances = {segment.instance for segment in segments}
    for coverage in coverages:
        for number in sorted(coverage.segments - ordinals):
            raise CoverageInvalid("segment", number)
        for number in sorted(coverage.instances - instances):
            raise CoverageInvalid("instance", number)


def quarantine(*, unreadable: bool, licensed: bool, persons: bool | None, faces: FlaggedFaces) -> str | None:
    """Why a photo waits for a person to look at it; None: it does not.

    A face that was flagged in a photo of which the record says that it shows
    nobody: one of the two is wrong, and neither is believed.
    """
    if unreadable:
        return "unreadable-rights"
    if not licensed:
        return "unlicensed"
    if persons is False and faces.count and not faces.dismissed:
        return "faces-found"
    return None
