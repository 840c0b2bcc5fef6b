"""Photos and descriptors read from Postgres in bulk, all of one moment.

Every row of a binary COPY without NULLs has the same length, so what comes is
laid out as an array and never parsed row by row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import Cursor, sql

from synth.retrieval.descriptors import FORMAT, PLANES, Descriptors, Frame
from synth.retrieval.resident import FOREVER_US, NEVER_US, Ints

PREAMBLE = 19  # bytes before the first row: signature, flags, no extension
CHUNK = 1 << 24  # bytes laid out at once

Field = tuple[str, str, tuple[Any, ...]]  # name, SQL, dtype; a `bit` goes with its length before it
BITS = ("bits", ">i4")

PHOTO: tuple[Field, ...] = (
    ("id", "id", ("V16",)),
    ("sha256", "decode(sha256, 'hex')", ("u1", 32)),
    ("profile", "coalesce(profile_id, -1)::bigint", (">i8",)),
    ("admitted", "(state = 'admitted')", ("?",)),
    ("blocked", "grant_blocks", (">i8",)),
    (
        "until_us",
        f"CASE WHEN blocked_until IS NULL THEN {NEVER_US}::numeric"
        f" WHEN NOT isfinite(blocked_until) THEN {FOREVER_US}::numeric"
        " ELSE extract(epoch FROM blocked_until) * 1000000 END::bigint",
        (">i8",),
    ),
)
DESCRIPTOR: tuple[Field, ...] = (
    ("segment", "d.segment_id", (">i8",)),
    ("photo", "d.photo_id", ("V16",)),
    ("ordinal", "s.ordinal", (">i4",)),
    ("category", "d.category_id::integer", (">i4",)),
    ("profile", "d.profile_id::bigint", (">i8",)),
    ("mask_n", "d.mask_n::integer", (">i4",)),
    ("context_n", "d.context_n::integer", (">i4",)),
    ("mask", "d.mask", ([BITS, ("value", "u1", 128)],)),
    *((f"c{plane}", f"d.c{plane}", ([BITS, ("value", "u1", 32)],)) for plane in range(PLANES)),
)


@dataclass(frozen=True)
class Moment:
    """What a snapshot sees: the log before `epoch`, and of transactions what `snapshot` says."""

    epoch: int
    snapshot: str  # xmin:xmax:those in between that are not seen

    @property
    def xmin(self) -> int:
        return int(self.snapshot.split(":")[0])

    @property
    def xmax(self) -> int:
        return int(self.snapshot.split(":")[1])


@dataclass(frozen=True, eq=False)
class Described:
    """Rows of descriptors as they are stored, `photo` by id."""

    photo: list[bytes]
    segment: Ints
    ordinal: npt.NDArray[np.int32]
    category: npt.NDArray[np.uint8]
    profile: Ints
    descriptors: Descriptors


def moment(cursor: Cursor[Any]) -> Moment:
    """What this transaction sees. It has to be REPEATABLE READ, so that all it reads is of this moment."""
    row = cursor.execute(
        "SELECT coalesce(max(index) + 1, 0), pg_current_snapshot()::text FROM log_entries"
    ).fetchone()
    assert row is not None  # an aggregate always has one
    return Moment(int(row[0]), str(row[1]))


def admitted(cursor: Cursor[Any], photos: Sequence[bytes] | None = None) -> npt.NDArray[Any]:
    """The photos that may be ranked, all or of these: an array with the fields of `PHOTO`."""
    source: sql.Composable = sql.SQL("FROM photos WHERE state = 'admitted'")
    if photos is not None:
        source += sql.SQL(" AND id = ANY({}::uuid[])").format(_uuids(photos))
    return _copied(cursor, PHOTO, source)


def erased(cursor: Cursor[Any], photos: Sequence[bytes]) -> bool:
    """Whether any of these has no descriptors any more since it was erased."""
    if not photos:
        return False
    row = cursor.execute(
        sql.SQL(
            "SELECT EXISTS (SELECT FROM photos AS p WHERE p.state = 'erased' AND p.id = ANY({}::uuid[])"
            " AND NOT EXISTS (SELECT FROM descriptors AS d WHERE d.photo_id = p.id))"
        ).format(_uuids(photos))
    ).fetchone()
    return row is not None and bool(row[0])


def last_emptied(cursor: Cursor[Any]) -> int:
    """The index of the last entry of the log by which a photo lost its rows; -1 if there is none."""
    row = cursor.execute(
        "SELECT coalesce(max(index), -1) FROM log_entries WHERE kind = 'photo.emptied'"
    ).fetchone()
    assert row is not None  # an aggregate always has one
    return int(row[0])


def changed(cursor: Cursor[Any], *, since: Moment, now: Moment) -> npt.NDArray[Any]:
    """The photos, of whatever state, that were written in between, with the fields of `PHOTO`.

    Exact, however late a transaction commits. A number that this server has not
    given yet came with a dump from another server, and says nothing.
    """
    return _copied(
        cursor,
        PHOTO,
        sql.SQL(
            "FROM photos WHERE last_xid >= {} AND last_xid < {}"
            " AND NOT pg_visible_in_snapshot(last_xid::text::xid8, {}::pg_snapshot)"
        ).format(since.xmin, now.xmax, since.snapshot),
    )


def described(cursor: Cursor[Any], frame: Frame, photos: Sequence[bytes] | None = None) -> Described:
    """The descriptors of admitted photos in one frame: of all of them, or of these."""
    source = sql.SQL(
        "FROM descriptors AS d"
        " JOIN photos AS p ON p.id = d.photo_id JOIN segments AS s ON s.id = d.segment_id"
        " WHERE d.frame = {} AND d.format = {} AND p.state = 'admitted' AND d.profile_id IS NOT NULL"
    ).format(frame, FORMAT)
    if photos is not None:
        source += sql.SQL(" AND d.photo_id = ANY({}::uuid[])").format(_uuids(photos))
    rows = _copied(cursor, DESCRIPTOR, source)
    return Described(
        photo=rows["photo"].tolist(),
        segment=rows["segment"].astype(np.int64),
        ordinal=rows["ordinal"].astype(np.int32),
        category=rows["category"].astype(np.uint8),
        profile=rows["profile"].astype(np.int64),
        descriptors=Descriptors(
            frame=frame,
            masks=np.ascontiguousarray(rows["mask"]["value"]),
            planes=np.stack([rows[f"c{plane}"]["value"] for plane in range(PLANES)], axis=1),
            mask_n=rows["mask_n"].astype(np.int32),
            context_n=rows["context_n"].astype(np.int32),
        ),
    )


def _uuids(photos: Sequence[bytes]) -> list[str]:
    return [photo.hex() for photo in photos]


def _copied(cursor: Cursor[Any], fields: Sequence[Field], source: sql.Composable) -> npt.NDArray[Any]:
    layout: list[tuple[Any, ...]] = [("fields", ">i2")]
    for name, _, kind in fields:
        layout += [(f"{name} length", ">i4"), (name, *kind)]
    row = np.dtype(layout)
    columns = sql.SQL(", ").join(sql.SQL(text) for _, text, _ in fields)
    statement = sql.SQL("COPY (SELECT {} {}) TO STDOUT (FORMAT binary)").format(columns, source)
    # One array, so that only rows that are whole are in it; what came is dropped as it is laid out.
    laid: list[npt.NDArray[Any]] = []
    held = bytearray()
    skip = PREAMBLE
    with cursor.copy(statement) as copy:
        for data in copy:
            held += data
            if len(held) >= CHUNK:
                skip = _lay(held, row, skip, laid)
    _lay(held, row, skip, laid)
    rows = np.concatenate(laid) if laid else np.empty(0, row)
    if bytes(held) != b"\xff\xff" or np.any(rows["fields"] != len(fields)):
        raise RuntimeError("a COPY did not have the shape of its columns")
    return rows


def _lay(held: bytearray, row: np.dtype[Any], skip: int, laid: list[npt.NDArray[Any]]) -> int:
    """Lay out the whole rows of what is held and keep the rest; how much of a preamble is still to come."""
    whole = (len(held) - skip) // row.itemsize
    laid.append(np.frombuffer(bytes(held[skip : skip + whole * row.itemsize]), row))
    del held[: skip + whole * row.itemsize]
    return 0
