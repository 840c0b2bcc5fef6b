"""Batches of photos on their way in."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from bankd.db import Base, Json, Sha256


class Batch(Base):
    """Photos that were filed together, with one list of classes."""

    __tablename__ = "batches"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    department_id: Mapped[UUID] = mapped_column(ForeignKey("departments.id"), index=True)
    name: Mapped[str] = mapped_column(Text)
    classes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)  # [{"id": int, "name": str}]
    opened_by: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime]


class BatchItem(Base):
    """One photo of a batch.

    `waiting` until a worker claims it (`working`, with a lease, then under this
    row's lock: when both are gone, the item waits again), then final: `taken` (admitted), `known` (these
    bytes are a photo already), `quarantined` (kept, but without a license),
    `refused` (with its reason) or `failed` (after the last attempt). The photo's bytes are in the
    store under `<id>/` from the beginning, where they stay if it is taken or quarantined:
    it then has the id of its item, and a second attempt writes the same keys as the first.
    The maps are under `batches/<batch id>/<id>/`. `sources_dropped` says that the
    maps are gone, and the photo too where it was not taken.
    """

    __tablename__ = "batch_items"
    __table_args__ = (
        UniqueConstraint("batch_id", "name"),
        CheckConstraint(
            "state IN ('waiting', 'working', 'taken', 'known', 'quarantined', 'refused', 'failed')",
            name="state",
        ),
        CheckConstraint("(state = 'working') = (lease_until IS NOT NULL)", name="lease"),
        CheckConstraint("(state IN ('refused', 'failed')) = (reason IS NOT NULL)", name="reason"),
        CheckConstraint(
            "state NOT IN ('taken', 'known', 'quarantined') OR photo_id IS NOT NULL", name="photo"
        ),
        CheckConstraint("(state IN ('waiting', 'working')) = (finished_at IS NULL)", name="finished"),
        Index(
            None, "hinted_at", postgresql_where=text("state IN ('waiting', 'working') OR NOT sources_dropped")
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id"))
    name: Mapped[str] = mapped_column(Text)  # of the photo's file
    photo_sha256: Mapped[Sha256 | None]  # None: refused before its bytes were stored
    labels_sha256: Mapped[Sha256 | None]
    instances_sha256: Mapped[Sha256 | None]
    depth_sha256: Mapped[Sha256 | None]
    grant_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    release_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    people: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")  # see `taking.covers`
    depictions: Mapped[Json | None] = mapped_column(
        JSONB
    )  # licensing.depicted.Depictions, where a record says
    disputed: Mapped[str | None] = mapped_column(Text)  # why, where the rights record says so
    embargo_until: Mapped[datetime | None]
    visible_to: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}", default=list)
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)  # a short name that reports count by
    detail: Mapped[str | None] = mapped_column(Text)  # the sentence a person reads
    photo_id: Mapped[UUID | None] = mapped_column(ForeignKey("photos.id"), index=True)
    segments: Mapped[int] = mapped_column(server_default="0", default=0)
    attempts: Mapped[int] = mapped_column(server_default="0", default=0)
    lease_until: Mapped[datetime | None]
    hinted_at: Mapped[datetime]  # when a task was last sent for it
    finished_at: Mapped[datetime | None]
    sources_dropped: Mapped[bool] = mapped_column(server_default="false", default=False)
