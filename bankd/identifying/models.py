"""What composites and comps look like, and which photos turned out to be composites."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

import bankd.catalog.models
import bankd.provenance.models  # noqa: F401  fingerprints point at composites, origins at photos too
from bankd.db import Base, Sha256


class CompositeFingerprint(Base):
    """What a composite looks like; with `handout_id`, what was given in its place (a comp). Never changed.

    `pdq`, `phash`: upright, see `likeness.hashing.Fingerprint`. `as_photo_sha256`: of the pixels, as
    ingestion computes it of a photo.
    """

    __tablename__ = "composite_fingerprints"
    __table_args__ = (
        CheckConstraint("length(pdq) = 32 AND length(phash) = 32 AND length(crops) % 32 = 0", name="hashes"),
        CheckConstraint("quality BETWEEN 0 AND 100", name="quality"),
        Index(
            "uq_composite_fingerprints_of",
            "composite_id",
            "handout_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"))
    handout_id: Mapped[UUID | None] = mapped_column(ForeignKey("handouts.id"), index=True)
    pixel_sha256: Mapped[Sha256] = mapped_column(index=True)
    as_photo_sha256: Mapped[Sha256] = mapped_column(index=True)
    pdq: Mapped[bytes]
    phash: Mapped[bytes]
    quality: Mapped[int] = mapped_column(SmallInteger)
    crops: Mapped[bytes]


class PhotoOrigin(Base):
    """That a photo is a composite of this bank which came back, or a handout of one; by which evidence.

    Never edited. Lineage goes on through it; whether such a photo may be used is its own grants' to say.
    """

    __tablename__ = "photo_origins"
    __table_args__ = (
        CheckConstraint("how IN ('file', 'pixels', 'pdq')", name="how"),
        CheckConstraint("distance BETWEEN 0 AND 256", name="distance"),
        Index(None, "composite_id"),
        Index(None, "handout_id"),
    )

    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"), primary_key=True)
    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"), primary_key=True)
    handout_id: Mapped[UUID | None] = mapped_column(ForeignKey("handouts.id"))
    how: Mapped[str] = mapped_column(Text)
    distance: Mapped[int] = mapped_column(SmallInteger)
    found_at: Mapped[datetime]
