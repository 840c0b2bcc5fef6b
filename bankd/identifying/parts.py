"""The parts of composites and comps in a file of this machine, so that comparing with them reads no rows.

The file holds whole pages, in the order of the rows' ids, which is that of commits; what is of no whole
page yet is read from the database. A page that was written does not change, since no row does. The file is a
copy: whatever it says is near is compared again with the row, and one that is damaged, or of another database
(one that was put back, say), is written anew.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib
from sqlalchemy.orm import Session

from bankd.likeness.comparing import WORDS, Bits, Words, as_words, bits, nearest
from bankd.likeness.hashing import HASH_BYTES

PAGE = 1_000  # rows
SCANNED = 1 << 15  # hashes at a time: what is worked on stays in the processor's cache
HEAD = struct.Struct(
    "<8sqqq64sI4x"
)  # magic, rows, hashes, last id, pixel hash of that row, CRC-32 of the rest
MAGIC = b"parts  1"
NEXT = "SELECT id, pixel_sha256, crops FROM composite_fingerprints WHERE id > %s ORDER BY id LIMIT %s"
SAME = "SELECT 1 FROM composite_fingerprints WHERE id = %s AND pixel_sha256 = %s"


@dataclass(frozen=True)
class _Page:
    ids: np.ndarray[Any, np.dtype[np.int64]]  # of the rows
    ends: np.ndarray[Any, np.dtype[np.int64]]  # of each: where its hashes end
    words: Words  # (4, hashes)
    last: int
    last_sha256: bytes
    body: np.ndarray[Any, np.dtype[np.uint8]]
    crc: int

    @property
    def sound(self) -> bool:
        """Whether it is what was written. Reads all of it."""
        return bool(isal_zlib.crc32(self.body) == self.crc)


class Parts:
    """The file in a folder. Several processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "parts"

    def follow(self, session: Session, *, pages: int | None = None) -> int:
        """Write the pages that became whole since, at most so many; how many were written.

        Raises: OSError: the file cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        written = 0
        with self._locked():
            last, size = self._held(session)
            with self._file.open("r+b" if size else "wb") as file:
                file.truncate(size)  # what a crash left of a page
                file.seek(size)
                while pages is None or written < pages:
                    rows = _read(session, NEXT, (last, PAGE))
                    if len(rows) < PAGE:
                        break
                    file.write(_packed(rows))
                    last, written = rows[-1][0], written + 1
                file.flush()
                os.fsync(file.fileno())
        return written

    def near(self, asked: Bits, most: int) -> tuple[int, list[int]]:
        """Up to which row the file told, and the ids of the rows with a part that is near.

        A damaged page ends it, and the file goes: the next `follow` writes it anew.

        Args:
            asked: (k, 32).
            most: bits in which a part may differ.
        """
        last, found = 0, []
        for page in self._pages():
            if not page.sound:
                self._file.unlink(missing_ok=True)
                break
            distances = np.concatenate(
                [
                    nearest(asked, page.words[:, at : at + SCANNED])
                    for at in range(0, page.words.shape[1], SCANNED)
                ]
            )
            hits = np.flatnonzero(distances <= most)
            found += page.ids[np.unique(np.searchsorted(page.ends, hits, "right"))].tolist()
            last = page.last
        return last, found

    def _held(self, session: Session) -> tuple[int, int]:
        """The last row of the file and where its last page ends; 0 where it has to be written anew."""
        last: _Page | None = None
        size = 0
        for page in self._pages():
            last, size = page, size + _size(len(page.ids), page.words.shape[1])
        if last is None:
            return self._anew()
        if not _read(session, SAME, (last.last, last.last_sha256.decode())):
            return self._anew()
        return last.last, size

    def _anew(self) -> tuple[int, int]:
        """Another file from here on: whoever reads the old one goes on with it."""
        self._file.unlink(missing_ok=True)
        return 0, 0

    def _pages(self) -> Iterator[_Page]:
        """Whole pages from the first on, without a copy."""
        try:
            size = self._file.stat().st_size
            mapped = np.memmap(self._file, np.uint8, mode="r") if size else np.zeros(0, np.uint8)
        except FileNotFoundError:
            return
        at = 0
        while at + HEAD.size <= len(mapped):
            magic, rows, hashes, last, sha256, crc = HEAD.unpack(mapped[at : at + HEAD.size].tobytes())
            end = at + _size(rows, hashes)
            if magic != MAGIC or rows < 1 or hashes < 0 or end > len(mapped):
                return
            body = mapped[at + HEAD.size : end]
            numbers = np.frombuffer(body[: 16 * rows].tobytes(), np.int64).reshape(2, rows)
            words = np.frombuffer(body[16 * rows :], np.uint64).reshape(WORDS, hashes)
            yield _Page(numbers[0], numbers[1], words, last, sha256, body, crc)
            at = end

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _size(rows: int, hashes: int) -> int:
    return HEAD.size + 16 * rows + HASH_BYTES * hashes


def _packed(rows: list[Any]) -> bytes:
    ids = np.array([row[0] for row in rows], np.int64)
    ends = np.cumsum([len(row[2]) // HASH_BYTES for row in rows], dtype=np.int64)
    words = as_words(bits(b"".join(row[2] for row in rows)))
    body = ids.tobytes() + ends.tobytes() + words.tobytes()
    sha256 = rows[-1][1].encode()
    return HEAD.pack(MAGIC, len(rows), int(ends[-1]), int(ids[-1]), sha256, isal_zlib.crc32(body)) + body


def _read(session: Session, statement: str, values: tuple[Any, ...]) -> list[Any]:
    """As bytes: as text they would be twice as long."""
    connection: Any = session.connection().connection
    with connection.cursor(binary=True) as cursor:
        rows: list[Any] = cursor.execute(statement, values).fetchall()
    return rows
