"""Hints that are still to be sent."""

from datetime import datetime

from sqlalchemy import BigInteger, Identity
from sqlalchemy.orm import Mapped, mapped_column

from bankd.db import Base, Json


class Outgoing(Base):
    """One hint, committed together with what it is about and deleted once the broker has it.

    A hint may be sent twice, when the relay dies between sending and
    deleting. Tasks are safe to run twice.
    """

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    queue: Mapped[str]
    task: Mapped[str]
    arguments: Mapped[Json]  # ids only
    created_at: Mapped[datetime]
