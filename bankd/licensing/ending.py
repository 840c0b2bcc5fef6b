"""What ends or suspends rights, as it is stored: withdrawals and deny holds."""

from datetime import datetime
from typing import Literal, get_args
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

import bankd.licensing.models  # noqa: F401  withdrawals point at documents
from bankd.db import Base, Sha256
from bankd.licensing.withdrawal_effects import Subject, WithdrawalKind

HoldSubject = Literal["license", "grant", "licensor", "photo"]
HOLD_SUBJECTS: tuple[HoldSubject, ...] = get_args(HoldSubject)


class Withdrawal(Base):
    """The end of what somebody gave: on what evidence, and from which moment on.

    Never edited but for two stamps. One whose moment lies ahead takes effect
    by itself; `took_effect_at` says when that was done, `marked_at` when every
    composite that it touches was marked. `subject_id` has no foreign key,
    since subjects lie in several tables; a person has none: `ref` is what
    releases call him.
    """

    __tablename__ = "withdrawals"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('terminated', 'void-from-start', 'release-revoked', 'consent-withdrawn', 'objection',"
            " 'claim', 'court-order')",
            name="kind",
        ),
        CheckConstraint(
            "subject IN ('license', 'grant', 'licensor', 'release', 'person', 'photo')", name="subject"
        ),
        CheckConstraint("(subject = 'person') = (subject_id IS NULL)", name="subject_id"),
        CheckConstraint("marked_at IS NULL OR took_effect_at IS NOT NULL", name="marked"),
        Index("ix_withdrawals_subject", "subject", "subject_id"),
        Index("ix_withdrawals_ref", "ref"),
        Index("ix_withdrawals_due", "effective_from", postgresql_where=text("took_effect_at IS NULL")),
        Index("ix_withdrawals_unmarked", "recorded_at", postgresql_where=text("marked_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[WithdrawalKind] = mapped_column(Text)
    subject: Mapped[Subject] = mapped_column(Text)
    subject_id: Mapped[UUID | None]
    ref: Mapped[str] = mapped_column(Text)  # as it was called then
    effective_from: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text)
    document_sha256: Mapped[Sha256 | None] = mapped_column(ForeignKey("documents.sha256"))
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str] = mapped_column(Text)
    took_effect_at: Mapped[datetime | None]
    marked_at: Mapped[datetime | None]


class DenyHold(Base):
    """An order of compliance that nothing of a photo, grant, license or licensor is used for a time.

    It waits until `starts_at`, stands, and is over at `ends_at` or once it is
    lifted. `began_at` and `ended_at` say when that was carried out; between
    the two it blocks.
    """

    __tablename__ = "deny_holds"
    __table_args__ = (
        CheckConstraint("subject IN ('license', 'grant', 'licensor', 'photo')", name="subject"),
        CheckConstraint("ends_at > starts_at", name="term"),
        CheckConstraint(
            "(lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lifted_reason IS NULL)",
            name="lifted",
        ),
        CheckConstraint("lifted_at IS NULL OR ended_at IS NOT NULL", name="ended"),
        Index("ix_deny_holds_open", "subject", "subject_id", postgresql_where=text("ended_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    subject: Mapped[HoldSubject] = mapped_column(Text)
    subject_id: Mapped[UUID]
    ref: Mapped[str] = mapped_column(Text)  # as it was called then
    reason: Mapped[str] = mapped_column(Text)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    set_at: Mapped[datetime]
    set_by: Mapped[str] = mapped_column(Text)
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None] = mapped_column(Text)
    lifted_reason: Mapped[str | None] = mapped_column(Text)
