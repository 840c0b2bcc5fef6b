"""What waits for people, and what they signed."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Uuid

import bankd.licensing.models  # noqa: F401  sign-offs point at documents
from bankd.db import Base, Sha256
from bankd.policy.signoff import Scope

SETTLED_CHECK = "(settled_at IS NULL) = (state = 'awaiting')"


class AwaitedState(StrEnum):
    AWAITING = "awaiting"
    GIVEN = "given"
    DECLINED = "declined"
    LAPSED = "lapsed"  # its due date passed


class AwaitedSignoff(Base):
    """One rule that a request waits on, until people have signed for the photos named, or nobody did in time.

    `photos` and `grants` are those that the request would rely on, of the same place each; a rule about
    the photos of a picture together (`together`) names all of them. `rule_sha256` is of the rule as it
    read when people were asked, `use_sha256` of the use without its period.
    """

    __tablename__ = "awaited_signoffs"
    __table_args__ = (
        CheckConstraint("state IN ('awaiting', 'given', 'declined', 'lapsed')", name="state"),
        CheckConstraint(SETTLED_CHECK, name="settled"),
        CheckConstraint("signers BETWEEN 1 AND 2", name="signers"),
        CheckConstraint(
            "cardinality(photos) > 0 AND cardinality(photos) = cardinality(grants)", name="photos"
        ),
        CheckConstraint("due_at > made_at", name="due"),
        CheckConstraint("told BETWEEN 0 AND 2", name="told"),
        Index(
            "ix_awaited_signoffs_open",
            "request_id",
            "policy",
            unique=True,
            postgresql_where=text("state = 'awaiting'"),
        ),
        Index("ix_awaited_signoffs_due", "due_at", postgresql_where=text("state = 'awaiting'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    request_id: Mapped[UUID] = mapped_column(index=True)
    requester: Mapped[str] = mapped_column(Text)
    policy: Mapped[str] = mapped_column(Text)
    rule_sha256: Mapped[Sha256]
    bundle_digest: Mapped[Sha256] = mapped_column(ForeignKey("policy_bundles.digest"))
    role: Mapped[str] = mapped_column(Text)
    signers: Mapped[int]
    together: Mapped[bool]
    photos: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    grants: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    use_sha256: Mapped[Sha256]
    made_at: Mapped[datetime]
    due_at: Mapped[datetime]
    told: Mapped[int] = mapped_column(default=0)  # 1: that it waits, 2: that it is nearly due
    state: Mapped[str] = mapped_column(Text, default=AwaitedState.AWAITING)
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)  # why it was declined


class Signoff(Base):
    """One person's word that a rule shall not stand in the way of what is named here, until a moment.

    Never edited but for its end: withdrawn, or superseded by a later one of the same scope. What counts
    beside `scope` are `request_id`, `photos`, `licenses` or `use_sha256`, as the scope says.
    """

    __tablename__ = "signoffs"
    __table_args__ = (
        CheckConstraint("scope IN ('request', 'photo', 'license', 'use')", name="scope"),
        CheckConstraint("expires_at > signed_at", name="term"),
        CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)"
            " AND (withdrawn_at IS NULL) = (withdrawn_reason IS NULL)",
            name="withdrawn",
        ),
        CheckConstraint("(superseded_at IS NULL) = (superseded_by IS NULL)", name="superseded"),
        CheckConstraint("withdrawn_at IS NULL OR superseded_at IS NULL", name="over_once"),
        CheckConstraint("reason <> ''", name="reason"),
        Index(
            "ix_signoffs_standing",
            "policy",
            "scope",
            postgresql_where=text("withdrawn_at IS NULL AND superseded_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    awaited_id: Mapped[UUID] = mapped_column(ForeignKey("awaited_signoffs.id"), index=True)
    policy: Mapped[str] = mapped_column(Text)
    rule_sha256: Mapped[Sha256]
    scope: Mapped[Scope] = mapped_column(Text)
    request_id: Mapped[UUID] = mapped_column(index=True)  # the one that waited
    photos: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    licenses: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    use_sha256: Mapped[Sha256]
    reason: Mapped[str] = mapped_column(Text)
    document_sha256: Mapped[Sha256 | None] = mapped_column(ForeignKey("documents.sha256"))
    signed_by: Mapped[str] = mapped_column(Text)
    signed_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(Text)
    withdrawn_reason: Mapped[str | None] = mapped_column(Text)
    superseded_at: Mapped[datetime | None]
    superseded_by: Mapped[UUID | None] = mapped_column(ForeignKey("signoffs.id"))

    def state(self, *, at: datetime) -> str:
        """`stands`, `expired`, `withdrawn` or `superseded`."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        if self.superseded_at is not None:
            return "superseded"
        return "stands" if at < self.expires_at else "expired"
