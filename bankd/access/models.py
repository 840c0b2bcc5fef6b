"""Who may call the bank."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bankd.db import Base


class Department(Base):
    """A part of the house that owns photos and requests."""

    __tablename__ = "departments"
    __table_args__ = (CheckConstraint("name <> ''", name="name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(Text, unique=True)
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A secret that lets its holder act in some roles. Never edited: revoked, once, and made anew."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("cardinality(roles) > 0", name="roles"),
        CheckConstraint("expires_at > created_at", name="expiry"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(Text)
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    department_id: Mapped[UUID | None] = mapped_column(ForeignKey("departments.id"), index=True)
    secret_hash: Mapped[str] = mapped_column(Text)  # argon2id
    last_four: Mapped[str] = mapped_column(String(4))  # of the secret, to tell keys apart
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]  # half-open; None: until revoked
    revoked_at: Mapped[datetime | None]
