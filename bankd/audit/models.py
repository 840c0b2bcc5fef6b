"""The log as it is stored."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from bankd.db import Base


class LogEntry(Base):
    """One leaf. The index is given under the log's lock, from 0, without gaps, in the order of commits."""

    __tablename__ = "log_entries"
    __table_args__ = (
        CheckConstraint("index >= 0", name="index"),
        CheckConstraint("length(commitment) = 32", name="commitment"),
        Index(None, "kind", "index"),
    )

    index: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(Text)
    commitment: Mapped[bytes]  # SHA-256 of salt and payload


class LogPayload(Base):
    """What a leaf commits to. Can be erased: the leaf and every proof hold without it."""

    __tablename__ = "log_payloads"
    __table_args__ = (CheckConstraint("length(salt) = 32", name="salt"),)

    index: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("log_entries.index"), primary_key=True, autoincrement=False
    )
    salt: Mapped[bytes]
    payload: Mapped[str] = mapped_column(Text)  # canonical JSON, byte for byte what was hashed


class LogCheckpoint(Base):
    """A signed head of the tree over the first `size` entries."""

    __tablename__ = "log_checkpoints"
    __table_args__ = (
        CheckConstraint("size >= 0", name="size"),
        CheckConstraint("length(root) = 32", name="root"),
    )

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes]
    at: Mapped[datetime]
    origin: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)  # C2SP signed note, byte for byte
