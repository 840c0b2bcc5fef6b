"""Issued reports, what they name, the schedules they come by, and those that are still to be made."""

from datetime import date, datetime
from typing import Literal, get_args
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

import bankd.access.models  # noqa: F401  reports belong to departments
from bankd.db import Base, Json, Sha256

Every = Literal["day", "week", "month", "quarter", "year"]
EVERY: tuple[Every, ...] = get_args(Every)
Why = Literal["made", "scheduled", "approved", "redacted"]


class ReportSchedule(Base):
    """A report to be made of each period that is over, from the one that holds `first_day` on.

    Never edited but for its end.
    """

    __tablename__ = "report_schedules"
    __table_args__ = (
        CheckConstraint("every IN ('day', 'week', 'month', 'quarter', 'year')", name="every"),
        CheckConstraint("cardinality(forms) > 0", name="forms"),
        CheckConstraint("(removed_at IS NULL) = (removed_by IS NULL)", name="removed"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str] = mapped_column(Text)
    asked: Mapped[Json]  # what the kind needs to know beside the period
    every: Mapped[Every] = mapped_column(Text)
    zone: Mapped[str] = mapped_column(Text)
    first_day: Mapped[date]
    locale: Mapped[str] = mapped_column(Text)
    forms: Mapped[list[str]] = mapped_column(ARRAY(Text))
    added_at: Mapped[datetime]
    added_by: Mapped[str] = mapped_column(Text)
    removed_at: Mapped[datetime | None]
    removed_by: Mapped[str | None] = mapped_column(Text)


class IssuedReport(Base):
    """A report as it was given: never edited, but its bytes can be erased.

    `sha256` is of its JSON. `replaces_id` is the report that this one takes the place of, because it was
    approved or because what that one named was erased. `dropped_at` says that it was; `gone_at` that the
    store has none of its bytes any more.
    """

    __tablename__ = "issued_reports"
    __table_args__ = (
        UniqueConstraint("replaces_id", "why"),
        CheckConstraint("why IN ('made', 'scheduled', 'approved', 'redacted')", name="why"),
        CheckConstraint("(why IN ('approved', 'redacted')) = (replaces_id IS NOT NULL)", name="replaces"),
        CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="approved"),
        CheckConstraint("approved_by <> prepared_by", name="two_people"),
        CheckConstraint("(dropped_at IS NULL) = (erasure_id IS NULL)", name="dropped"),
        CheckConstraint("gone_at IS NULL OR dropped_at IS NOT NULL", name="gone"),
        Index("ix_issued_reports_issued_at", "issued_at"),
        Index(
            "ix_issued_reports_going",
            "dropped_at",
            postgresql_where=text("dropped_at IS NOT NULL AND gone_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str] = mapped_column(Text)
    asked: Mapped[Json]
    locale: Mapped[str] = mapped_column(Text)
    department_id: Mapped[UUID | None] = mapped_column(ForeignKey("departments.id"))  # of who prepared it
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    as_of: Mapped[datetime]
    cutoff: Mapped[int] = mapped_column(BigInteger)  # the log's size that its data go up to
    sha256: Mapped[Sha256]
    prepared_by: Mapped[str] = mapped_column(Text)
    approved_by: Mapped[str | None] = mapped_column(Text)
    approved_at: Mapped[datetime | None]
    issued_at: Mapped[datetime]
    why: Mapped[Why] = mapped_column(Text)
    schedule_id: Mapped[UUID | None] = mapped_column(ForeignKey("report_schedules.id"))
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("issued_reports.id"))
    log_index: Mapped[int | None] = mapped_column(BigInteger)
    dropped_at: Mapped[datetime | None]
    erasure_id: Mapped[UUID | None] = mapped_column(index=True)  # because of which it was dropped
    gone_at: Mapped[datetime | None]


class IssuedFile(Base):
    """One file of an issued report, below `reports/<report>/` in the store."""

    __tablename__ = "issued_files"
    __table_args__ = (CheckConstraint("size_bytes >= 0", name="size"),)

    report_id: Mapped[UUID] = mapped_column(ForeignKey("issued_reports.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    media_type: Mapped[str] = mapped_column(Text)
    sha256: Mapped[Sha256]
    size_bytes: Mapped[int] = mapped_column(BigInteger)

    @property
    def key(self) -> str:
        return f"{prefix(self.report_id)}/{self.sha256}"


class ReportSubject(Base):
    """A photo or a release that an issued report names; when it is erased the report goes too."""

    __tablename__ = "report_subjects"
    __table_args__ = (
        CheckConstraint("subject IN ('photo', 'release')", name="subject"),
        Index(None, "subject", "subject_id"),
    )

    report_id: Mapped[UUID] = mapped_column(ForeignKey("issued_reports.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    asked: Mapped[bool]  # the report was asked about it, and did not merely come upon it


class DueReport(Base):
    """A report that the clerk is to make: of a schedule's period, or in the place of one that was dropped.

    Whoever makes it has until `next_at`. Each try has an id of its own for the report to be (`tried`), so
    that nobody deletes what another stores, and what a try that died left in the store is known.
    """

    __tablename__ = "due_reports"
    __table_args__ = (
        UniqueConstraint("schedule_id", "first_day"),
        UniqueConstraint("replaces_id"),
        CheckConstraint("num_nonnulls(schedule_id, replaces_id) = 1", name="cause"),
        CheckConstraint("(schedule_id IS NULL) = (first_day IS NULL)", name="period"),
        Index("ix_due_reports_open", "next_at", postgresql_where=text("issued_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    schedule_id: Mapped[UUID | None] = mapped_column(ForeignKey("report_schedules.id"))
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    replaces_id: Mapped[UUID | None] = mapped_column(ForeignKey("issued_reports.id"))
    due_at: Mapped[datetime]
    next_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
    tried: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), server_default="{}", default=list)
    issued_at: Mapped[datetime | None]


def prefix(report_id: UUID) -> str:
    """Where the bytes of a report are, so that erasing it is erasing its prefix."""
    return f"reports/{report_id}"
