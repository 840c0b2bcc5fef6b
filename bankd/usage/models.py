"""The chains of licensors as they are stored: a link for each use, in the order of the log."""

from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

import bankd.licensing.models  # noqa: F401  links point at licensors
from bankd.audit.models import LogEntry
from bankd.db import Base


class UsageLink(Base):
    """That a log entry is the licensor's use of this number, from 1. Never edited, never deleted."""

    __tablename__ = "usage_links"
    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("length(link) = 32 AND length(head) = 32", name="hashes"),
        Index(None, "licensor_id", "entry"),
    )

    entry: Mapped[int] = mapped_column(
        BigInteger, ForeignKey(LogEntry.index), primary_key=True, autoincrement=False
    )
    licensor_id: Mapped[UUID] = mapped_column(ForeignKey("licensors.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    link: Mapped[bytes]
    head: Mapped[bytes]  # of the chain, this link included


class UsageLinkPayload(Base):
    """What a link commits to. Erased with the payload of its log entry: the chain holds without it."""

    __tablename__ = "usage_link_payloads"
    __table_args__ = (
        ForeignKeyConstraint(["entry", "licensor_id"], ["usage_links.entry", "usage_links.licensor_id"]),
        CheckConstraint("length(salt) = 32", name="salt"),
    )

    entry: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    licensor_id: Mapped[UUID] = mapped_column(primary_key=True)
    salt: Mapped[bytes]
    payload: Mapped[str] = mapped_column(Text)  # canonical JSON, byte for byte what was hashed


class UsageTail(Base):
    """The root of the map's subtree at `usage_map.TAIL` in which a licensor is alone, with so many uses.

    It follows from the chain, and is kept so that a proof need not hash it: whoever uses it compares the root
    that comes out with a signed one.
    """

    __tablename__ = "usage_tails"
    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("length(tail) = 32", name="hash"),
    )

    licensor_id: Mapped[UUID] = mapped_column(ForeignKey("licensors.id"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    tail: Mapped[bytes]
