"""A PostgreSQL of a benchmark's own, migrated, and rows put into it in bulk."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from bankd import embedded
from bankd.db import make_engine, make_sessions
from bankd.embedded import postgres
from bankd.embedded.folder import credentials

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END = b"\xff\xff"
CHUNK = 1 << 14  # rows sent at once


@dataclass(frozen=True)
class Database:
    """`engine` and `sessions` are the app role's; `superuser` opens a connection that may do all."""

    engine: Engine
    sessions: sessionmaker[Session]
    owner_url: str
    superuser: Mapping[str, str]

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(**self.superuser, autocommit=True)  # type: ignore[arg-type]


@contextmanager
def database(scratch: Path, *, durability: bool = True) -> Iterator[Database]:
    """The embedded PostgreSQL as `bankd up` starts it, with the bank's tables and nothing in them."""
    folder = scratch / "stack"
    folder.mkdir()
    try:
        embedded.up(folder, services=frozenset({postgres.NAME}), durability=durability)
        known = credentials(folder)
        owner_url = postgres.url(known, postgres.OWNER)
        config = Config(Path(__file__).parents[2] / "alembic.ini")
        config.attributes["url"] = owner_url
        command.upgrade(config, "head")
        engine = make_engine(postgres.url(known, postgres.APP))
        mine = known[postgres.NAME]
        try:
            yield Database(
                engine, make_sessions(engine), owner_url,
                {"host": mine["sockets"], "dbname": postgres.DATABASE, "user": postgres.SUPERUSER,
                 "password": mine[postgres.SUPERUSER]},
            )  # fmt: skip
        finally:
            engine.dispose()
    finally:
        embedded.down(folder)


Column = tuple[str, npt.NDArray[Any]]
"""A name and its values as binary COPY sends them: (n,) big-endian numbers, or (n, bytes) uint8."""


def copy_in(connection: "psycopg.Connection[Any]", name: str, columns: Sequence[Column]) -> None:
    """Put rows into a table by binary COPY: no column may be NULL, and each has one length."""
    layout: list[tuple[Any, ...]] = [("fields", ">i2")]
    for column, values in columns:
        layout += [(f"{column} length", ">i4"), (column, values.dtype, values.shape[1:])]
    row = np.dtype(layout)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(name), sql.SQL(", ").join(sql.Identifier(column) for column, _ in columns)
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(SIGNATURE)
        for start in range(0, len(columns[0][1]), CHUNK):
            stop = min(start + CHUNK, len(columns[0][1]))
            laid = np.empty(stop - start, row)
            laid["fields"] = len(columns)
            for column, values in columns:
                laid[f"{column} length"] = row.fields[column][0].itemsize  # type: ignore[index]
                laid[column] = values[start:stop]
            copy.write(laid.tobytes())
        copy.write(END)


def text(values: npt.NDArray[np.bytes_]) -> npt.NDArray[np.uint8]:
    """(n,) ASCII of one length to what `copy_in` takes."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)


def bits(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(n, bytes) packed to `bit`: its length in bits goes before it."""
    head = np.full(len(packed), packed.shape[1] * 8, ">i4").view(np.uint8).reshape(-1, 4)
    return np.concatenate([head, packed], axis=1)
