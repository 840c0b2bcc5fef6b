"""Rights embedded in a photo's own bytes, less what a newer document of the licensor put out of force."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Text, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, Session, mapped_column

from bankd.catalog.models import Photo
from bankd.db import Base, Sha256
from bankd.licensing.terms import EmbeddedRights

UNREADABLE = "unreadable"
FIELDS = (*EmbeddedRights.model_fields, UNREADABLE)
"""What can be superseded: each statement that tightens, and packets that could not be read."""


class SupersededEmbedded(Base):
    """A statement in a photo's file that a newer document of the licensor has put out of force.

    Never edited: the file goes on saying what it says, and this says why the bank does not heed it.
    """

    __tablename__ = "superseded_embedded"
    __table_args__ = (UniqueConstraint("photo_id", "field"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    photo_id: Mapped[UUID] = mapped_column(ForeignKey("photos.id"))
    field: Mapped[str] = mapped_column(Text)
    value: Mapped[Any] = mapped_column(JSONB)  # as the file says it
    document_sha256: Mapped[Sha256] = mapped_column(ForeignKey("documents.sha256"))
    clause: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    superseded_at: Mapped[datetime]
    superseded_by: Mapped[str] = mapped_column(Text)


def heeded(session: Session, photo: Photo) -> EmbeddedRights:
    """What the photo's file says and still counts."""
    over = select(SupersededEmbedded.field).where(SupersededEmbedded.photo_id == photo.id)
    fields = set(session.scalars(over))
    return EmbeddedRights.model_validate(
        {name: value for name, value in photo.embedded.items() if name not in fields}
    )
