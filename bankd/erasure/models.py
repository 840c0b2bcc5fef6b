"""Erasures, what each one covers and how far it is, and the duties that keep things from being erased."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

import bankd.catalog.models
import bankd.provenance.models  # noqa: F401  erasures point at photos, releases and composites
from bankd.db import Base, Json, Sha256
from bankd.licensing.withdrawal_effects import Subject

Class = Literal["legal-hold", "tax", "contract", "claim"]
CLASSES: tuple[Class, ...] = get_args(Class)
ErasureSubject = Literal["photo", "person", "release", "licensor"]
ERASURE_SUBJECTS: tuple[ErasureSubject, ...] = get_args(ErasureSubject)
Ground = Literal["gdpr-17", "appi", "contract", "house"]
GROUNDS: tuple[Ground, ...] = get_args(Ground)
Scope = Literal["everyone", "licensor"]


class Retention(Base):
    """A duty to keep: what it is on is taken out of use by an erasure, and not erased before it is over.

    A `legal-hold` stands until it is lifted or its end comes, one of another
    class until its end. `subject_id` has no foreign key, since subjects lie in
    several tables; a person has none.
    """

    __tablename__ = "retentions"
    __table_args__ = (
        CheckConstraint("class IN ('legal-hold', 'tax', 'contract', 'claim')", name="class"),
        CheckConstraint(
            "subject IN ('license', 'grant', 'licensor', 'release', 'person', 'photo')", name="subject"
        ),
        CheckConstraint("(subject = 'person') = (subject_id IS NULL)", name="subject_id"),
        CheckConstraint("ends_at > set_at AND (class = 'legal-hold' OR ends_at IS NOT NULL)", name="term"),
        CheckConstraint(
            "(lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lifted_reason IS NULL)",
            name="lifted",
        ),
        Index("ix_retentions_standing", "subject", "subject_id", postgresql_where=text("lifted_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    class_: Mapped[Class] = mapped_column("class", Text)
    subject: Mapped[Subject] = mapped_column(Text)
    subject_id: Mapped[UUID | None]
    ref: Mapped[str] = mapped_column(Text)  # as it was called then
    reason: Mapped[str] = mapped_column(Text)
    document_sha256: Mapped[Sha256 | None] = mapped_column(ForeignKey("documents.sha256"))
    ends_at: Mapped[datetime | None]
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(Text)
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(Text)
    lifted_reason: Mapped[str | None] = mapped_column(Text)


class Erasure(Base):
    """The decision to erase, what becomes of what was made before, and the certificate once all is done.

    `ref` of a person or a release is blank once it is done: `subject_digest`
    tells whoever knows the ref that this was it. `orders` are those whose
    archives held segments, as long as links to them live: until `links_until`.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        CheckConstraint("subject IN ('photo', 'person', 'release', 'licensor')", name="subject"),
        CheckConstraint("ground IN ('gdpr-17', 'appi', 'contract', 'house')", name="ground"),
        CheckConstraint("scope IN ('everyone', 'licensor')", name="scope"),
        CheckConstraint("composites IN ('kept', 'blurred', 'deleted')", name="composites"),
        CheckConstraint("gates IN ('kept', 'deleted')", name="gates"),
        CheckConstraint("reports IN ('kept', 'deleted')", name="reports"),
        CheckConstraint("backups IN ('kept', 'deleted')", name="backups"),
        CheckConstraint(
            "(finished_at IS NULL) = (certificate IS NULL) AND (finished_at IS NULL) = (signature IS NULL)",
            name="finished",
        ),
        Index("ix_erasures_open", "decided_at", postgresql_where=text("finished_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    subject: Mapped[ErasureSubject] = mapped_column(Text)
    subject_id: Mapped[UUID | None]
    ref: Mapped[str] = mapped_column(Text)
    subject_digest: Mapped[Sha256]
    ground: Mapped[Ground] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    scope: Mapped[Scope] = mapped_column(Text)  # whom its tombstones refuse
    delete_after: Mapped[datetime | None]  # when its tombstones go
    composites: Mapped[str] = mapped_column(Text)
    gates: Mapped[str] = mapped_column(Text)
    reports: Mapped[str] = mapped_column(Text)
    backups: Mapped[str] = mapped_column(Text)
    backups_until: Mapped[datetime | None]
    decided_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(Text)
    log_index: Mapped[int | None] = mapped_column(BigInteger)
    orders: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid), server_default="{}", default=list)
    links_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    certificate: Mapped[str | None] = mapped_column(Text)  # canonical; its bytes are what is signed
    signature: Mapped[str | None] = mapped_column(Text)  # Ed25519, hexadecimal


class ErasurePhoto(Base):
    """One photo of an erasure: out of use from the decision on, then rows, then payloads, bytes last."""

    __tablename__ = "erasure_photos"
    __table_args__ = (
        UniqueConstraint("photo_id"),
        CheckConstraint(
            "(gathered_at IS NULL OR rows_erased_at IS NOT NULL)"
            " AND (bytes_erased_at IS NULL OR gathered_at IS NOT NULL)",
            name="order",
        ),
        Index("ix_erasure_photos_open", "erasure_id", postgresql_where=text("bytes_erased_at IS NULL")),
    )

    erasure_id: Mapped[UUID] = mapped_column(ForeignKey("erasures.id"), primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"), primary_key=True)
    prefixes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}", default=list)
    found: Mapped[Json] = mapped_column(server_default="{}", default=dict)  # counts, and snapshots by digest
    payloads: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}", default=list)
    rows_erased_at: Mapped[datetime | None]
    gathered_at: Mapped[datetime | None]  # composites and orders that used it are known, payloads gone
    bytes_erased_at: Mapped[datetime | None]


class ErasureRelease(Base):
    """One release of an erasure by person or by release; `documents` go with it, by hash until they have."""

    __tablename__ = "erasure_releases"
    __table_args__ = (
        UniqueConstraint("release_id"),
        CheckConstraint("bytes_erased_at IS NULL OR rows_erased_at IS NOT NULL", name="order"),
    )

    erasure_id: Mapped[UUID] = mapped_column(ForeignKey("erasures.id"), primary_key=True)
    release_id: Mapped[UUID] = mapped_column(ForeignKey("releases.id"), primary_key=True)
    documents: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}", default=list)
    payloads: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}", default=list)
    rows_erased_at: Mapped[datetime | None]
    bytes_erased_at: Mapped[datetime | None]


class ErasureComposite(Base):
    """A composite in which a photo of an erasure was placed; done once it is what the erasure says."""

    __tablename__ = "erasure_composites"
    __table_args__ = (Index(None, "composite_id"),)

    erasure_id: Mapped[UUID] = mapped_column(ForeignKey("erasures.id"), primary_key=True)
    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"), primary_key=True)
    leftover: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}", default=list)  # keys to go
    done_at: Mapped[datetime | None]
