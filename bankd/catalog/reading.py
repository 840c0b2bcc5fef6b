"""What the catalog tells people about photos."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bankd.access.permissions import sees
from bankd.audit.actor import Actor
from bankd.catalog.errors import PhotoNotFound
from bankd.catalog.models import Category, Photo, PhotoGrant, PhotoRelease, Segment
from bankd.catalog.superseding import SupersededStatement, superseded
from bankd.licensing import service as licensing
from bankd.licensing.models import Grant, License, Release


@dataclass(frozen=True)
class PhotoLine:
    """One photo in a list."""

    id: UUID
    name: str
    state: str
    quarantine_reason: str | None
    disputed_at: datetime | None
    embargo_until: datetime | None
    withdrawn_at: datetime | None
    held_until: datetime | None
    segments: int
    taken_at: datetime

    def held_back(self, at: datetime) -> bool:
        """Whether it is out of every use at `at`, whatever its grants say."""
        ahead = any(until is not None and until > at for until in (self.embargo_until, self.held_until))
        ended = self.disputed_at is not None or self.withdrawn_at is not None
        return self.state != "admitted" or ended or ahead


@dataclass(frozen=True)
class HeldGrant:
    """A grant of a photo and what stands against it now, nothing where it may be relied on."""

    ref: str  # <license ref>/<grant ref>
    license_title: str
    against: frozenset[str]


@dataclass(frozen=True)
class PhotoShown:
    """All that is on record of one photo, but for its bytes."""

    id: UUID
    name: str
    department_id: UUID
    media_type: str
    size_bytes: int
    sha256: str
    height: int
    width: int
    state: str
    quarantine_reason: str | None
    disputed_at: datetime | None
    dispute_reason: str | None
    embargo_until: datetime | None
    embargo_visible_to: tuple[str, ...]
    withdrawn_at: datetime | None  # itself, or a release that it holds
    held_until: datetime | None
    erased_at: datetime | None
    taken_at: datetime
    depictions: dict[str, object]
    embedded: dict[str, object]  # as the file says it
    superseded_embedded: tuple[SupersededStatement, ...]
    credentials: dict[str, object] | None  # content credentials that it arrived with
    store_sha256: str | None  # of the manifest store that the house signed for it at ingestion
    faces: dict[str, object] | None  # flagged, see `catalog.models.Photo`
    faces_dismissed_at: datetime | None
    faces_dismissed_reason: str | None
    releases: tuple[str, ...]  # refs
    grants: tuple[HeldGrant, ...]
    categories: dict[str, int]  # how many segments of each


@dataclass(frozen=True)
class SegmentLine:
    """One segment of a photo, by the ordinal that rights files and `photos product` name it by.

    `share` is of the photo's area, from 0 to 1; `box` is x0, y0, x1, y1 in pixels of the upright photo.
    """

    ordinal: int
    category: str
    instance: int | None
    share: float
    box: tuple[int, int, int, int]


def photos(
    session: Session, *, by: Actor, state: str | None = None, limit: int = 100, offset: int = 0
) -> list[PhotoLine]:
    """Photos that `by` may know of, the newest first."""
    counted = (
        select(func.count())
        .select_from(Segment)
        .where(Segment.photo_id == Photo.id)
        .correlate(Photo)
        .scalar_subquery()
    )
    wanted = (
        select(
            Photo.id,
            Photo.name,
            Photo.state,
            Photo.quarantine_reason,
            Photo.disputed_at,
            Photo.embargo_until,
            Photo.withdrawn_at,
            Photo.held_until,
            counted,
            Photo.taken_at,
        )
        .order_by(Photo.taken_at.desc(), Photo.id)
        .limit(limit)
        .offset(offset)
    )
    if state is not None:
        wanted = wanted.where(Photo.state == state)
    if by.department_id is not None:
        wanted = wanted.where(Photo.department_id == by.department_id)
    return [PhotoLine(*row) for row in session.execute(wanted)]


def segments(session: Session, photo_id: UUID, *, by: Actor) -> list[SegmentLine]:
    """Raises: PhotoNotFound: there is none, or it is another department's."""
    found = session.get(Photo, photo_id)
    if found is None or not sees(by, found.department_id):
        raise PhotoNotFound(photo_id)
    wide, high = found.width / found.work_width, found.height / found.work_height
    rows = session.execute(
        select(Segment, Category.name)
        .join(Category, Category.id == Segment.category_id)
        .where(Segment.photo_id == photo_id)
        .order_by(Segment.ordinal)
    )
    return [
        SegmentLine(
            one.ordinal,
            category,
            one.instance,
            one.area_px / (found.work_width * found.work_height),
            (round(one.x0 * wide), round(one.y0 * high), round(one.x1 * wide), round(one.y1 * high)),
        )
        for one, category in rows
    ]


def photo(session: Session, photo_id: UUID, *, by: Actor) -> PhotoShown:
    """Raises: PhotoNotFound: there is none, or it is another department's."""
    found = session.get(Photo, photo_id)
    if found is None or not sees(by, found.department_id):
        raise PhotoNotFound(photo_id)
    held = session.execute(
        select(Grant.id, License.ref + "/" + Grant.ref, License.title)
        .join(PhotoGrant, PhotoGrant.grant_id == Grant.id)
        .join(License, License.id == Grant.license_id)
        .where(PhotoGrant.photo_id == photo_id)
        .order_by(PhotoGrant.ordinal)
    ).all()
    standing = licensing.standing(session, [grant_id for grant_id, *_ in held])
    names = session.scalars(
        select(Category.name)
        .join(Segment, Segment.category_id == Category.id)
        .where(Segment.photo_id == photo_id)
    )
    return PhotoShown(
        id=found.id,
        name=found.name,
        department_id=found.department_id,
        media_type=found.media_type,
        size_bytes=found.size_bytes,
        sha256=found.sha256,
        height=found.height,
        width=found.width,
        state=found.state,
        quarantine_reason=found.quarantine_reason,
        disputed_at=found.disputed_at,
        dispute_reason=found.dispute_reason,
        embargo_until=found.embargo_until,
        embargo_visible_to=tuple(found.embargo_visible_to),
        withdrawn_at=found.withdrawn_at,
        held_until=found.held_until,
        erased_at=found.erased_at,
        taken_at=found.taken_at,
        depictions=found.depictions,
        embedded=found.embedded,
        superseded_embedded=superseded(session, photo_id, by=by),
        credentials=found.credentials,
        store_sha256=found.store_sha256,
        faces=found.faces,
        faces_dismissed_at=found.faces_dismissed_at,
        faces_dismissed_reason=found.faces_dismissed_reason,
        releases=tuple(
            session.scalars(
                select(Release.ref)
                .join(PhotoRelease, PhotoRelease.release_id == Release.id)
                .where(PhotoRelease.photo_id == photo_id)
                .order_by(Release.ref)
            )
        ),
        grants=tuple(HeldGrant(ref, title, standing[grant_id]) for grant_id, ref, title in held),
        categories=dict(sorted(Counter(names).items())),
    )
