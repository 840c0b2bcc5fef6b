"""What a withdrawal touched, written down composite by composite."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

import bankd.licensing.ending
import bankd.provenance.models  # noqa: F401  marks point at withdrawals, composites and handouts
from bankd.db import Base
from bankd.licensing.withdrawal_effects import Why


class ExposedComposite(Base):
    """A composite that relies on what was withdrawn, or was even sealed after that counted."""

    __tablename__ = "exposed_composites"
    __table_args__ = (
        CheckConstraint("why IN ('relies', 'sealed-after')", name="why"),
        Index(None, "composite_id"),
    )

    withdrawal_id: Mapped[UUID] = mapped_column(ForeignKey("withdrawals.id"), primary_key=True)
    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"), primary_key=True)
    exposed_at: Mapped[datetime]
    why: Mapped[Why] = mapped_column(Text)


class Takedown(Base):
    """A handout to be called back or a publication to be taken down; once done, by whom and on what proof."""

    __tablename__ = "takedowns"
    __table_args__ = (
        UniqueConstraint("withdrawal_id", "handout_id"),
        UniqueConstraint("withdrawal_id", "publication_id"),
        CheckConstraint("num_nonnulls(handout_id, publication_id) = 1", name="one"),
        CheckConstraint(
            "(done_at IS NULL) = (done_by IS NULL) AND (done_at IS NULL) = (note IS NULL)", name="done"
        ),
        Index(None, "composite_id"),
        Index("ix_takedowns_open", "asked_at", "id", postgresql_where=text("done_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    withdrawal_id: Mapped[UUID] = mapped_column(ForeignKey("withdrawals.id"))
    composite_id: Mapped[UUID] = mapped_column(ForeignKey("composites.id"))
    handout_id: Mapped[UUID | None] = mapped_column(ForeignKey("handouts.id"))
    publication_id: Mapped[UUID | None] = mapped_column(ForeignKey("publications.id"))
    asked_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    done_by: Mapped[str | None] = mapped_column(Text)
    note: Mapped[str | None] = mapped_column(Text)
