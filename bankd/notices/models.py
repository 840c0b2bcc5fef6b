"""Notices that are still to be sent, and those that were."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bankd.db import Base, Json


class Notice(Base):
    """One message to one target. Its id goes with it, so that who gets it twice can tell.

    It waits until `next_at`, then is sent, or tried again later, or given up
    (`dead_at`) after the last try. `key` says what it is about: nobody is
    told the same thing twice.
    """

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("key", "channel", "target"),
        CheckConstraint("channel IN ('smtp', 'webhook')", name="channel"),
        CheckConstraint("tries >= 0", name="tries"),
        CheckConstraint("num_nonnulls(next_at, sent_at, dead_at) = 1", name="state"),
        Index("ix_notices_waiting", "next_at", postgresql_where=text("next_at IS NOT NULL")),
        Index("ix_notices_dead", "dead_at", postgresql_where=text("dead_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    key: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    target: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    words: Mapped[str] = mapped_column(Text)  # for people
    facts: Mapped[Json]  # for programs
    made_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    dead_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(Text)

    @property
    def state(self) -> str:
        """`waiting`, `sent` or `dead`."""
        return "waiting" if self.next_at else "sent" if self.sent_at else "dead"
