"""An index in a file: mapped into memory at once, and trusted only where the catalog says the same.

The file holds the arrays of each piece one after the other, what they are at the
end, and a SHA-256 of it all: a file that was cut short or damaged is no index. It is of the
moment at which it was written; whoever reads it catches up, and then asks the catalog.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from psycopg import Cursor

from bankd.retrieval import copying
from bankd.retrieval.copying import Moment
from bankd.retrieval.index import Index, Piece
from synth.retrieval.descriptors import FORMAT, Frame
from synth.retrieval.resident import FOREVER_US, Part

VERSION = 1
"""Moves with whatever `Part` keeps in its arrays."""
ALIGN = 64  # bytes: no row of 64 begins within another's cache line
DIGEST = 32
SIZE = 8  # bytes that say how long the description is


def path(folder: Path, frame: Frame) -> Path:
    return folder / f"{frame}.index"


def write(index: Index, file: Path) -> None:
    """Write an index; a reader sees the whole of it or what was there before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    digest = hashlib.sha256()
    pieces: list[dict[str, Any]] = []
    written = 0
    try:
        with beside.open("wb") as out:

            def put(content: Any) -> None:
                nonlocal written
                out.write(content)
                digest.update(content)
                written += len(content)

            for piece in index.pieces:
                arrays = {}
                ids = np.frombuffer(b"".join(piece.photos), np.uint8)
                named: dict[str, npt.NDArray[Any]] = {"ids": ids, "profile": piece.profile}
                for name, array in (named | piece.part.arrays()).items():
                    put(bytes(-written % ALIGN))
                    arrays[name] = {"at": written, "type": array.dtype.str, "shape": array.shape}
                    put(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
                pieces.append(arrays)
            described = json.dumps(
                {
                    "version": VERSION, "format": FORMAT, "frame": index.frame,
                    "epoch": index.moment.epoch, "snapshot": index.moment.snapshot, "pieces": pieces,
                }
            ).encode()  # fmt: skip
            put(described)
            put(len(described).to_bytes(SIZE, "big"))
            out.write(digest.digest())
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def read(file: Path, frame: Frame) -> Index | None:
    """The index that a file holds, mapped. None where there is none, or it is damaged or of another kind."""
    try:
        # What blocks a photo is written to; such pages become this process's own.
        mapped = np.memmap(file, np.uint8, mode="c")
    except (OSError, ValueError):
        return None
    body = mapped[:-DIGEST]
    if len(body) < SIZE or hashlib.sha256(body.data).digest() != mapped[-DIGEST:].tobytes():
        return None
    end = len(body) - SIZE
    described = json.loads(body[end - int.from_bytes(body[end:].tobytes(), "big") : end].tobytes())
    if (described["version"], described["format"], described["frame"]) != (VERSION, FORMAT, frame):
        return None
    pieces = []
    for arrays in described["pieces"]:
        found = {name: _array(mapped, **array) for name, array in arrays.items()}
        ids = found.pop("ids").tobytes()
        photos = {ids[at : at + 16]: at // 16 for at in range(0, len(ids), 16)}
        profile = found.pop("profile")
        pieces.append(
            Piece(Part.of(found, frame=frame), photos, [UUID(bytes=photo) for photo in photos], profile)
        )
    return Index(frame, Moment(described["epoch"], described["snapshot"]), tuple(pieces))


def being_written(file: Path) -> bool:
    """Whether a process that runs is writing this; what one left that died is a file like others."""
    writer = file.suffix.removeprefix(".")
    if not (file.name.startswith(".") and writer.isdecimal()):
        return False
    try:
        os.kill(int(writer), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def holds(file: Path, photos: frozenset[bytes]) -> bool:
    """Whether a file has rows of any of these photos, as far as can be told: what cannot be read, may."""
    try:
        mapped = np.memmap(file, np.uint8, mode="r")
        end = len(mapped) - DIGEST - SIZE
        size = int.from_bytes(mapped[end : end + SIZE].tobytes(), "big")
        described = json.loads(mapped[end - size : end].tobytes())
        return any(
            not photos.isdisjoint(ids[at : at + 16] for at in range(0, len(ids), 16))
            for ids in (_array(mapped, **piece["ids"]).tobytes() for piece in described["pieces"])
        )
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError):
        return True


def agrees(cursor: Cursor[Any], index: Index) -> bool:
    """Whether an index of this transaction's moment has what the catalog has.

    That is: every admitted photo with its hash, its profile and what blocks it, and no
    other photo that is not blocked for good. What a photo was cut into never changes.
    """
    standing = 0
    admitted = copying.admitted(cursor)
    for photo in admitted:
        place = index.place(photo["id"].item())
        if place is None:
            return False
        piece, at = index.pieces[place[0]], place[1]
        blocked = (int(piece.part.blocked[at]), int(piece.part.until_us[at]))
        if (
            piece.part.sha[at].astype(">u8").tobytes() != photo["sha256"].tobytes()
            or piece.profile[at] != photo["profile"]
            or blocked != (photo["blocked"], photo["until_us"])
        ):
            return False
        standing += blocked[1] != FOREVER_US
    return standing == sum(int((piece.part.until_us != FOREVER_US).sum()) for piece in index.pieces)


def _array(mapped: Any, *, at: int, type: str, shape: list[int]) -> Any:
    kind = np.dtype(type)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    return np.asarray(mapped[at : at + size]).view(kind).reshape(shape)
