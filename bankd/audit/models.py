"""The log as it is stored."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
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
    extensions: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, server_default=text("'{}'"))


class LogNode(Base):
    """A part of the tree that no later entry changes, stored so that proofs need not hash the log again.

    `height` 0: the 16 leaf hashes of block `number`; `height` 4 and more: the root of the subtree over the
    `2 ** height` entries from `number << height` on. Written with the checkpoint that first covers it.
    """

    __tablename__ = "log_nodes"
    __table_args__ = (
        CheckConstraint("height = 0 OR height BETWEEN 4 AND 62", name="height"),
        CheckConstraint("number >= 0", name="number"),
        CheckConstraint("length(hash) = CASE height WHEN 0 THEN 512 ELSE 32 END", name="hash"),
    )

    height: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes]


class LogWitnessed(Base):
    """That a witness holds a checkpoint. `lines`: its cosignatures; empty of one that signs nothing."""

    __tablename__ = "log_witnessed"
    __table_args__ = (Index(None, "witness", "size"),)

    size: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("log_checkpoints.size"), primary_key=True, autoincrement=False
    )
    witness: Mapped[str] = mapped_column(Text, primary_key=True)
    at: Mapped[datetime]
    lines: Mapped[str] = mapped_column(Text)


class LogWitness(Base):
    """How telling a witness went the last time; what it holds is in `log_witnessed`."""

    __tablename__ = "log_witnesses"

    witness: Mapped[str] = mapped_column(Text, primary_key=True)
    tried_at: Mapped[datetime]
    failures: Mapped[int]  # since it last went well
    failing_since: Mapped[datetime | None]
    next_at: Mapped[datetime]
    last_error: Mapped[str | None] = mapped_column(Text)
    contradicts: Mapped[bool]  # it holds what this log is not: no retry will mend it
