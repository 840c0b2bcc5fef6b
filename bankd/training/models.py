"""Snapshots of training photos, and the networks made from them. Never edited."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

import bankd.licensing.models  # noqa: F401  photos of a snapshot point at rights profiles
from bankd.db import Base, BigInt, Json, Sha256


class Snapshot(Base):
    """Photos that cleared for `train` at one moment, by content alone.

    `digest` is of the photos' bytes, their label maps' bytes and their rights
    profiles, so that two houses with the same photos under the same terms have
    the same digest. A snapshot that came with a network names photos that this
    bank may never have held.
    """

    __tablename__ = "snapshots"
    __table_args__ = (CheckConstraint("photos > 0", name="photos"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    digest: Mapped[Sha256] = mapped_column(index=True)
    use: Mapped[Json]  # licensing.use.Use
    photos: Mapped[int]
    bundle_digest: Mapped[Sha256]
    epoch: Mapped[int] = mapped_column(BigInteger)  # log index up to which rights were looked at
    pinned_at: Mapped[datetime]
    imported: Mapped[bool]


class SnapshotPhoto(Base):
    """One training photo. `grant_ids` are those of its profile, by ordinal, when it was pinned."""

    __tablename__ = "snapshot_photos"
    __table_args__ = (Index(None, "grant_ids", postgresql_using="gin"),)

    snapshot_id: Mapped[UUID] = mapped_column(ForeignKey("snapshots.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    photo_sha256: Mapped[Sha256] = mapped_column(index=True)
    label_sha256: Mapped[Sha256]
    profile_id: Mapped[int] = mapped_column(ForeignKey("rights_profiles.id"))
    grant_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    sequence: Mapped[str | None] = mapped_column(Text)  # frames of one sequence show the same things
    frame: Mapped[int | None]  # place in the sequence
    erased_at: Mapped[datetime | None]


class NetworkCheckpoint(Base):
    """A trained network, named by the SHA-256 of its file."""

    __tablename__ = "network_checkpoints"
    __table_args__ = (
        CheckConstraint("kind IN ('refinement', 'transformation', 'ordering')", name="kind"),
        CheckConstraint("size_bytes > 0", name="size_bytes"),
    )

    sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    snapshot_id: Mapped[UUID] = mapped_column(ForeignKey("snapshots.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    card: Mapped[Json]  # recipe, code version, categories, metrics: as the file carries it
    size_bytes: Mapped[BigInt]
    registered_at: Mapped[datetime]
    ordinal: Mapped[BigInt] = mapped_column(Identity(always=True), unique=True)  # the highest is the newest
