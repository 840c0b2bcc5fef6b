"""Photos and what was cut from them, as they are stored.

The profile of a photo is repeated on its segments and descriptors, so that
the filter of a ranking statement needs no join to know it; what blocks a
photo stands on the photo alone, so that a withdrawal moves one row.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    case,
    func,
    literal,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import BIT, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

import bankd.access.models  # photos point at departments
import bankd.licensing.models  # noqa: F401  and at rights profiles and grants
from bankd.db import Base, BigInt, Json, Sha256

FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""How `infinity` reads in Python, which has no such moment."""


class Until(TypeDecorator[datetime]):
    """A moment that may be `infinity`, which reads as `FOREVER`; what is NULL reads as None.

    Compared in SQL, the column is what it is: no moment is later than one that is blocked for good.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        moment = DateTime(timezone=True)
        # Not LEAST: it passes over NULL, and what was never blocked would read as blocked for good.
        return case(
            (func.isfinite(column), type_coerce(column, moment)),
            (column.is_not(None), literal(FOREVER, moment)),
        )


class Category(Base):
    """A category of the house taxonomy, as last recorded. Ids are never given anew."""

    __tablename__ = "categories"
    __table_args__ = (
        CheckConstraint("id BETWEEN 0 AND 254", name="id"),
        CheckConstraint("front_rank BETWEEN 0 AND 100", name="front_rank"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text, unique=True)
    ground: Mapped[bool]
    planar: Mapped[bool]
    thin: Mapped[bool]
    person: Mapped[bool]
    front_rank: Mapped[int] = mapped_column(SmallInteger)


class Photo(Base):
    """One photo, known by its bytes and by its pixels.

    Quarantined while it holds no grant or the rights embedded in it cannot be
    read, then admitted, and erased for good. `grant_blocks` has a bit for each grant ordinal that is
    withdrawn, superseded, capped out or denied. `blocked_until` follows from
    dispute, embargo, erasure, withdrawal (of the photo, or of a release for what
    it shows) and deny hold; the photo is blocked while it lies ahead.
    Everything in the store is under `<id>/`.
    """

    __tablename__ = "photos"
    __table_args__ = (
        CheckConstraint("state IN ('quarantined', 'admitted', 'erased')", name="state"),
        CheckConstraint("(state = 'quarantined') = (quarantine_reason IS NOT NULL)", name="quarantined"),
        CheckConstraint("(state = 'erased') = (erased_at IS NOT NULL)", name="erased"),
        CheckConstraint("state <> 'admitted' OR profile_id IS NOT NULL", name="admitted"),
        CheckConstraint("state <> 'quarantined' OR profile_id IS NULL", name="unprofiled"),
        CheckConstraint("(disputed_at IS NULL) = (dispute_reason IS NULL)", name="disputed"),
        CheckConstraint(
            "(faces_dismissed_at IS NULL) = (faces_dismissed_by IS NULL)"
            " AND (faces_dismissed_at IS NULL) = (faces_dismissed_reason IS NULL)",
            name="faces_dismissed",
        ),
        CheckConstraint("grant_blocks >= 0", name="grant_blocks"),
        CheckConstraint(
            "height > 0 AND width > 0 AND work_height > 0 AND work_width > 0"
            " AND work_height <= 2048 AND work_width <= 2048",
            name="frame",
        ),
        CheckConstraint("length(scene_context) = 256", name="scene_context"),
        CheckConstraint("array_length(lab_mean, 1) = 3 AND array_length(lab_std, 1) = 3", name="lab"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    department_id: Mapped[UUID] = mapped_column(ForeignKey("departments.id"), index=True)
    name: Mapped[str] = mapped_column(Text)  # as it was filed
    media_type: Mapped[str] = mapped_column(Text)
    size_bytes: Mapped[BigInt]
    sha256: Mapped[Sha256] = mapped_column(unique=True)  # of the bytes as they came
    pixel_sha256: Mapped[Sha256] = mapped_column(unique=True)  # of size and upright sRGB pixels
    height: Mapped[int]  # upright, as it came
    width: Mapped[int]
    work_height: Mapped[int]  # the frame of segments, descriptors and packs
    work_width: Mapped[int]
    pack_sha256: Mapped[Sha256]
    labels_sha256: Mapped[Sha256] = mapped_column(index=True)  # PNG of house ids in the working frame
    depth_sha256: Mapped[Sha256 | None]  # 16-bit PNG of millimetres in the working frame, 0 = unknown
    thumbnail_sha256: Mapped[Sha256]  # at most 256 px, for action `view`
    taxonomy_version: Mapped[int]
    scene_context: Mapped[bytes]  # 16 x 16 category numbers, row by row
    lab_mean: Mapped[list[float]] = mapped_column(ARRAY(Double))
    lab_std: Mapped[list[float]] = mapped_column(ARRAY(Double))
    depictions: Mapped[Json]  # licensing.depicted.Depictions
    # Of a face detector: {"detector": .., "faces": [{"box": [..], "score": .., "labelled": ..}, ..]}
    faces: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    faces_dismissed_at: Mapped[datetime | None]  # somebody looked, and no person can be recognised
    faces_dismissed_by: Mapped[str | None] = mapped_column(Text)
    faces_dismissed_reason: Mapped[str | None] = mapped_column(Text)
    embedded: Mapped[Json]  # licensing.terms.EmbeddedRights
    credentials: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))  # ingestion.arriving: facts
    store_sha256: Mapped[Sha256 | None]  # of the C2PA manifest store that the house signed at ingestion
    embedded_credit: Mapped[Json]  # creator, credit, copyright and the like, as written in the photo
    state: Mapped[str] = mapped_column(Text)
    quarantine_reason: Mapped[str | None] = mapped_column(Text)  # see `catalog.releases.quarantine`
    taken_at: Mapped[datetime]

    profile_id: Mapped[int | None] = mapped_column(ForeignKey("rights_profiles.id"), index=True)
    grant_blocks: Mapped[BigInt] = mapped_column(server_default="0", default=0)
    disputed_at: Mapped[datetime | None]
    dispute_reason: Mapped[str | None] = mapped_column(Text)
    embargo_until: Mapped[datetime | None] = mapped_column(index=True)
    # Departments, by name, that prepare for the day while others see nothing; `house`: those of none.
    embargo_visible_to: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}", default=list)
    erased_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]  # see `catalog.pulling`, as for the next
    held_until: Mapped[datetime | None] = mapped_column(Until)
    # The transaction that wrote the row last, set by a trigger whatever is written here.
    last_xid: Mapped[BigInt] = mapped_column(index=True, server_default="0")
    blocked_until: Mapped[datetime | None] = mapped_column(
        Until,
        Computed(
            "CASE WHEN disputed_at IS NOT NULL OR erased_at IS NOT NULL OR withdrawn_at IS NOT NULL"
            " THEN 'infinity'::timestamp with time zone ELSE GREATEST(embargo_until, held_until) END",
            persisted=True,
        ),
    )


class PhotoGrant(Base):
    """A grant that a photo holds. The ordinal is its place in the photo's rights profile."""

    __tablename__ = "photo_grants"
    __table_args__ = (
        CheckConstraint("ordinal BETWEEN 0 AND 62", name="ordinal"),
        UniqueConstraint("photo_id", "grant_id"),
    )

    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"), primary_key=True)
    ordinal: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("grants.id"), index=True)


class PhotoRelease(Base):
    """A release that covers what a photo shows."""

    __tablename__ = "photo_releases"

    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"), primary_key=True)
    release_id: Mapped[UUID] = mapped_column(ForeignKey("releases.id"), primary_key=True, index=True)
    # Whom of those shown; see `licensing.people.Coverage`.
    whole: Mapped[bool] = mapped_column(server_default="false")
    segments: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default="{}")
    instances: Mapped[list[int]] = mapped_column(ARRAY(Integer), server_default="{}")


class Segment(Base):
    """A maximal connected piece of one category in a photo. Its box is in the working frame, half-open."""

    __tablename__ = "segments"
    __table_args__ = (
        UniqueConstraint("photo_id", "ordinal"),
        CheckConstraint("x0 >= 0 AND y0 >= 0 AND x1 > x0 AND y1 > y0", name="box"),
        CheckConstraint("area_px > 0 AND area_px <= (x1 - x0) * (y1 - y0)", name="area"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"))
    ordinal: Mapped[int]
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id"))
    profile_id: Mapped[int | None] = mapped_column(ForeignKey("rights_profiles.id"))
    instance: Mapped[int | None]
    area_px: Mapped[int]
    x0: Mapped[int]
    y0: Mapped[int]
    x1: Mapped[int]
    y1: Mapped[int]
    small: Mapped[bool]  # under 0.76% of the frame
    depth_mm: Mapped[int | None]  # lower median


class Descriptor(Base):
    """A segment in one format and frame: see `synth.retrieval.descriptors` for what each bit means."""

    __tablename__ = "descriptors"
    __table_args__ = (
        CheckConstraint("frame IN ('scene', 'box')", name="frame"),
        CheckConstraint("mask_n BETWEEN 1 AND 1024 AND context_n BETWEEN 0 AND 256", name="counts"),
        Index(None, "category_id", "frame", "format", "profile_id"),
        Index(None, "photo_id"),
    )

    segment_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("segments.id"), primary_key=True, autoincrement=False
    )
    format: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    frame: Mapped[str] = mapped_column(Text, primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"))
    category_id: Mapped[int] = mapped_column(ForeignKey("categories.id"))
    profile_id: Mapped[int | None] = mapped_column(ForeignKey("rights_profiles.id"))
    mask_n: Mapped[int] = mapped_column(SmallInteger)
    context_n: Mapped[int] = mapped_column(SmallInteger)
    mask: Mapped[str] = mapped_column(BIT(1024))
    c0: Mapped[str] = mapped_column(BIT(256))
    c1: Mapped[str] = mapped_column(BIT(256))
    c2: Mapped[str] = mapped_column(BIT(256))
    c3: Mapped[str] = mapped_column(BIT(256))
    c4: Mapped[str] = mapped_column(BIT(256))
    c5: Mapped[str] = mapped_column(BIT(256))
    c6: Mapped[str] = mapped_column(BIT(256))
    c7: Mapped[str] = mapped_column(BIT(256))


class Tombstone(Base):
    """Hashes of a photo that may not come back. Nothing else of it is kept here.

    To nobody, or not by way of the licensor who withdrew it; for good, or until `delete_after`.
    """

    __tablename__ = "tombstones"
    __table_args__ = (
        CheckConstraint(
            "scope IN ('everyone', 'licensor') AND (scope = 'licensor') = (licensor_id IS NOT NULL)",
            name="scope",
        ),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    sha256: Mapped[Sha256] = mapped_column(index=True)
    pixel_sha256: Mapped[Sha256] = mapped_column(index=True)
    reason: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime]
    scope: Mapped[str] = mapped_column(Text, server_default="everyone", default="everyone")
    licensor_id: Mapped[UUID | None] = mapped_column(ForeignKey("licensors.id"))
    delete_after: Mapped[datetime | None]


class PhotoFingerprint(Base):
    """What a photo looks like, or what looked so and may not come back; see `likeness.hashing.Fingerprint`.

    Written under one lock that is held until the commit (`catalog.fingerprints`), and never changed: so ids
    are in the order of commits, and who has seen one has seen all before it.
    """

    __tablename__ = "fingerprints"
    __table_args__ = (
        CheckConstraint("num_nonnulls(photo_id, tombstone_id) = 1", name="of_one"),
        CheckConstraint(
            "length(pdq) IN (256, 512) AND length(phash) = length(pdq) AND length(crops) % 32 = 0",
            name="hashes",
        ),
        CheckConstraint("quality BETWEEN 0 AND 100", name="quality"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    photo_id: Mapped[UUID | None] = mapped_column(ForeignKey("photos.id"), unique=True)
    tombstone_id: Mapped[int | None] = mapped_column(
        ForeignKey("tombstones.id", ondelete="CASCADE"), unique=True
    )
    pdq: Mapped[bytes]
    phash: Mapped[bytes]
    quality: Mapped[int] = mapped_column(SmallInteger)
    crops: Mapped[bytes]
    iscc: Mapped[str] = mapped_column(Text)


class PhotoLikeness(Base):
    """That a photo looks like one there before it, or like a tombstone: by which hash, how nearly."""

    __tablename__ = "photo_likenesses"
    __table_args__ = (
        CheckConstraint("num_nonnulls(other_photo_id, tombstone_id) = 1", name="of_one"),
        CheckConstraint("photo_id <> other_photo_id", name="other"),
        CheckConstraint("how IN ('pixels', 'pdq', 'phash', 'crop')", name="how"),
        CheckConstraint("distance BETWEEN 0 AND 256", name="distance"),
        UniqueConstraint("photo_id", "other_photo_id"),
        UniqueConstraint("photo_id", "tombstone_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"))
    other_photo_id: Mapped[UUID | None] = mapped_column(ForeignKey("photos.id"), index=True)
    tombstone_id: Mapped[int | None] = mapped_column(
        ForeignKey("tombstones.id", ondelete="CASCADE"), index=True
    )
    how: Mapped[str] = mapped_column(Text)
    distance: Mapped[int] = mapped_column(SmallInteger)
    found_at: Mapped[datetime]


class LikenessReview(Base):
    """What a person decided about a photo that was held for its likeness. The last one counts."""

    __tablename__ = "likeness_reviews"
    __table_args__ = (CheckConstraint("verdict IN ('released', 'refused')", name="verdict"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"), index=True)
    verdict: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    seen_to: Mapped[BigInt]  # the last likeness that was there to look at
    reviewed_by: Mapped[str] = mapped_column(Text)
    reviewed_at: Mapped[datetime]
