"""The declarative base, the column types all tables share, and how sessions are made."""

import select
import time
from datetime import datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import BigInteger, DateTime, Engine, LargeBinary, MetaData, String, Uuid, create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, sessionmaker

Sha256 = Annotated[str, mapped_column(String(64))]
"""A SHA-256 in lower-case hexadecimal."""

BigInt = Annotated[int, mapped_column(BigInteger)]
Json = Annotated[dict[str, Any], mapped_column(JSONB)]


class Base(DeclarativeBase):
    """One metadata for all tables; constraint names are predictable so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        UUID: Uuid(),
        bytes: LargeBinary(),
    }


UNASKED_S = 5.0  # a connection that was alive so short a time ago is not asked whether it still is


def make_engine(url: str, *, pool_size: int = 5) -> Engine:
    """Engine for one process. Sessions run in UTC; a dead connection is noticed before use."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        pool_pre_ping=True,
        connect_args={"options": "-c timezone=UTC", "connect_timeout": 10},
    )
    ping = engine.dialect.do_ping
    alive_at: WeakKeyDictionary[Any, float] = WeakKeyDictionary()

    def do_ping(connection: Any) -> bool:
        """A server that ends a connection says so, and there is something to read: that takes no answer to
        find out. Only one that vanished without a word has to be asked."""
        now = time.monotonic()
        if now - alive_at.get(connection, -UNASKED_S) < UNASKED_S and _silent(connection.fileno()):
            return True
        alive = ping(connection)
        alive_at[connection] = now
        return alive

    engine.dialect.do_ping = do_ping  # type: ignore[method-assign,assignment]
    return engine


def _silent(file: int) -> bool:
    waiting = select.poll()
    waiting.register(file, select.POLLIN)
    return not waiting.poll(0)


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    return sessionmaker(engine, expire_on_commit=False)
