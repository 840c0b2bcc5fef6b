"""Composites, what each used, and to whom it was given."""

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bankd.db import Base, BigInt, Json, Sha256


class Composite(Base):
    """A sealed picture with its signed manifest. Never edited; its file alone can be erased.

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
        CheckConstraint(
            "(erased_at IS NULL) = (erased_as IS NULL) AND erased_as IN ('blurred', 'deleted')"
            " AND (blurred_key IS NOT NULL) = (erased_as = 'blurred')",
            name="erased",
        ),
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
    erased_at: Mapped[datetime | None]  # its file, for a photo that was placed in it
    erased_as: Mapped[str | None] = mapped_column(Text)
    blurred_key: Mapped[str | None] = mapped_column(Text)  # what is kept in its place
    time_stamped: Mapped[bool | None]  # inside the file; None in rows from before it was kept

    usages: Mapped[list["Usage"]] = relationship(lazy="raise_on_sql", order_by="Usage.segment_id")
    handouts: Mapped[list["Handout"]] = relationship(lazy="raise_on_sql", order_by="Handout.at")


class FileTimeStamp(Base):
    """What a time-stamp authority answered for a file, kept beside it. Several authorities may have."""

    __tablename__ = "file_time_stamps"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    file_sha256: Mapped[Sha256] = mapped_column(index=True)
    response: Mapped[bytes]  # RFC 3161, whole
    authority: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]


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


class LayoutUsage(Base):
    """That a composite has a photo's arrangement: its layout was the photo's label map. No canvas area."""

    __tablename__ = "layout_usages"

    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"), primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"), index=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("grants.id"), index=True)


class NetworkUsage(Base):
    """A network that had a part in a composite, by the manifest: as its refiner, aligner or sorter."""

    __tablename__ = "network_usages"
    __table_args__ = (CheckConstraint("role IN ('refiner', 'aligner', 'sorter')", name="role"),)

    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"), primary_key=True)
    role: Mapped[str] = mapped_column(Text, primary_key=True)
    checkpoint_sha256: Mapped[Sha256] = mapped_column(index=True)


class Handout(Base):
    """A composite given to a recipient for a channel, cleared by the rights of that day.

    A comp is a copy with a visible watermark, a rendition one in another format
    or size; both are signed with the composite as their parent. `file_sha256`
    is of what was given, and `pixel_sha256` of its pixels as they were decoded
    where it was made; handouts from before there were renditions do not say it.
    """

    __tablename__ = "handouts"
    __table_args__ = (
        CheckConstraint("recipient <> '' AND channel <> ''", name="named"),
        CheckConstraint("format IN ('png', 'jpeg', 'webp', 'tiff')", name="format"),
        Index("ix_handouts_unstamped", "at", postgresql_where=text("time_stamped IS FALSE")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"), index=True)
    recipient: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    by: Mapped[str] = mapped_column(Text)
    file_sha256: Mapped[Sha256] = mapped_column(index=True)
    comp: Mapped[bool] = mapped_column(server_default="false", default=False)
    format: Mapped[str] = mapped_column(Text, server_default="png", default="png")
    rendition: Mapped[Json | None] = mapped_column(
        JSONB(none_as_null=True)
    )  # as asked for, with its size; None: the composite itself
    pixel_sha256: Mapped[Sha256 | None] = mapped_column(index=True)
    time_stamped: Mapped[bool | None]  # inside a copy; None: no copy, or from before it was kept
    epoch: Mapped[BigInt]  # rights were looked at up to this log index
    bundle_digest: Mapped[Sha256]
    clearance: Mapped[Json]  # deciding policies, grants relied on that day, the use as declared


class HandoutHold(Base):
    """Places under caps that a handout holds for its publications, until they come or its period is over."""

    __tablename__ = "handout_holds"
    __table_args__ = (
        CheckConstraint("trigger IN ('publication', 'copies')", name="trigger"),
        CheckConstraint("count > 0", name="count"),
    )

    handout_id: Mapped[UUID] = mapped_column(ForeignKey("handouts.id"), primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("grants.id"), primary_key=True)
    trigger: Mapped[str] = mapped_column(Text, primary_key=True)
    count: Mapped[BigInt]
    until: Mapped[datetime] = mapped_column(index=True)


class Publication(Base):
    """That a composite was made public, as it happened.

    What happened is never refused: `outside` names how it goes beyond what its
    handout cleared, for compliance, and is empty where it does not. Never
    edited: what was recorded wrongly is replaced by another record, and a
    takedown stamps its day alone. The app role may update those stamps and
    nothing else.
    """

    __tablename__ = "publications"
    __table_args__ = (
        CheckConstraint("copies >= 0", name="copies"),
        CheckConstraint("ends_on >= starts_on", name="period"),
        CheckConstraint("cardinality(territories) > 0", name="territories"),
        CheckConstraint("place <> '' AND ref <> ''", name="named"),
        CheckConstraint("taken_down_on >= starts_on", name="takedown"),
        CheckConstraint(
            "(taken_down_on IS NULL) = (taken_down_at IS NULL)"
            " AND (taken_down_on IS NULL) = (taken_down_by IS NULL)",
            name="taken_down",
        ),
        CheckConstraint("replaced_by_id <> id", name="own_replacement"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    ref: Mapped[str] = mapped_column(Text, unique=True)  # told by whoever records it, or made of its facts
    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"), index=True)
    handout_id: Mapped[UUID | None] = mapped_column(ForeignKey("handouts.id"), index=True)
    channel: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)  # an address on the web, or an edition
    territories: Mapped[list[str]] = mapped_column(ARRAY(Text))  # where it could be seen; {WORLD}: everywhere
    copies: Mapped[BigInt] = mapped_column(server_default="0")
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]  # inclusive; None: until it is taken down
    zone: Mapped[str] = mapped_column(Text, server_default="UTC")
    evidence: Mapped[str | None] = mapped_column(Text)  # where it can be seen that it happened
    document_sha256: Mapped[Sha256 | None] = mapped_column(ForeignKey("documents.sha256"))
    outside: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    recorded_at: Mapped[datetime] = mapped_column(index=True)
    recorded_by: Mapped[str] = mapped_column(Text)
    taken_down_on: Mapped[date | None]
    taken_down_at: Mapped[datetime | None]
    taken_down_by: Mapped[str | None] = mapped_column(Text)
    taken_down_evidence: Mapped[str | None] = mapped_column(Text)
    replaced_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("publications.id"))
