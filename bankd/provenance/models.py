"""Composites, what each used, and to whom it was given."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bankd.db import Base, BigInt, Json, Sha256


class Composite(Base):
    """A sealed picture with its signed manifest. Never edited and never deleted.

    `pixel_sha256` is not unique: the same seed asked for twice gives the same
    pixels under two clearances. `disclosures` hold the words behind the
    manifest's commitments. `log_index` is the entry that sealed it; the log
    assigns it at the end of the transaction, so it may be filled in later.
    """

    __tablename__ = "composites"
    __table_args__ = (
        UniqueConstraint("request_id", "variation"),
        CheckConstraint("variation >= 0", name="variation"),
        CheckConstraint("height > 0 AND width > 0", name="frame"),
        CheckConstraint("length(manifest_signature) = 128", name="manifest_signature"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    request_id: Mapped[UUID]
    order_id: Mapped[UUID] = mapped_column(index=True)
    variation: Mapped[int]
    department_id: Mapped[UUID | None] = mapped_column(ForeignKey("departments.id"), index=True)
    blob_key: Mapped[str] = mapped_column(Text, unique=True)
    file_sha256: Mapped[Sha256] = mapped_column(unique=True)
    pixel_sha256: Mapped[Sha256] = mapped_column(index=True)
    height: Mapped[int]
    width: Mapped[int]
    manifest: Mapped[str] = mapped_column(Text)  # canonical; its bytes are what is signed
    manifest_signature: Mapped[str] = mapped_column(Text)  # Ed25519, hexadecimal
    disclosures: Mapped[Json]
    sealed_at: Mapped[datetime]
    log_index: Mapped[int | None] = mapped_column(BigInteger)

    usages: Mapped[list["Usage"]] = relationship(lazy="raise_on_sql", order_by="Usage.segment_id")
    handouts: Mapped[list["Handout"]] = relationship(lazy="raise_on_sql", order_by="Handout.at")


class Usage(Base):
    """One segment in one composite: its photo, the grant relied on, and what it fed before refinement."""

    __tablename__ = "usages"
    __table_args__ = (
        CheckConstraint(
            "placed_px >= 0 AND filled_px >= 0 AND blended_px >= 0 AND canvas_px > 0"
            " AND canvas_px = placed_px + filled_px + blended_px",
            name="areas",
        ),
    )

    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"), primary_key=True)
    segment_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"), index=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("grants.id"), index=True)
    canvas_px: Mapped[int]
    placed_px: Mapped[int]
    filled_px: Mapped[int]
    blended_px: Mapped[int]


class Handout(Base):
    """A composite given to a recipient for a channel, cleared by the rights of that day."""

    __tablename__ = "handouts"
    __table_args__ = (CheckConstraint("recipient <> '' AND channel <> ''", name="named"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"), index=True)
    recipient: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(Text)
    file_sha256: Mapped[Sha256]
    epoch: Mapped[BigInt]  # rights were looked at up to this log index
    bundle_digest: Mapped[Sha256]
    clearance: Mapped[Json]  # deciding policies, grants relied on that day, the use as declared
