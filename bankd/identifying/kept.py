"""The looks of all composites and comps: recorded, and compared with what is asked about.

They are written under the log's lock, which is held until the commit: so ids are in the order of commits, and
what a process keeps in memory is brought up to date by asking for what is above the last it has. Parts are
two hundred times as many: a file of this machine keeps them (`parts`), and they are compared with when
nothing else was found.
"""

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from bankd.identifying.looks import Looks
from bankd.identifying.models import CompositeFingerprint
from bankd.identifying.parts import Parts
from bankd.likeness.comparing import (
    CROP_MOST,
    QUALITY_LEAST,
    Alike,
    Bits,
    How,
    Kept,
    as_words,
    bits,
    nearest,
)
from bankd.likeness.hashing import HASH_BYTES, ORIENTATIONS, Fingerprint

logger = logging.getLogger(__name__)

PAGE = 20_000
CROPS_PAGE = 1_000
MIRRORED = 2  # of a fingerprint's orientations the first two: as it is, and mirrored


CROPS = 4
EVERY = (
    "SELECT id, composite_id, handout_id, quality, crops FROM composite_fingerprints"
    " WHERE id > %s ORDER BY id LIMIT %s"
)
THESE = (
    "SELECT id, composite_id, handout_id, quality, crops FROM composite_fingerprints"
    " WHERE id = ANY(%s) ORDER BY id"
)
# A page as one row of texts of bytes: a row for each would take longer to be read than to be sent.
LOOKS = """
    SELECT count(*), max(id), string_agg(pdq, ''::bytea ORDER BY id),
        string_agg(phash, ''::bytea ORDER BY id),
        string_agg(set_byte('\\x00'::bytea, 0, quality), ''::bytea ORDER BY id),
        string_agg(uuid_send(composite_id) || uuid_send(coalesce(handout_id, %s)), ''::bytea
            ORDER BY id)
    FROM (
        SELECT id, composite_id, handout_id, pdq, phash, quality FROM composite_fingerprints
        WHERE id > %s ORDER BY id LIMIT %s
    ) AS page
"""
NOBODY = UUID(int=0)  # for: no handout


@dataclass(frozen=True)
class Like:
    """A composite, or the comp of one, that a picture is like."""

    composite_id: UUID
    handout_id: UUID | None
    how: How
    distance: int  # bits of 256
    telling: bool  # there is enough to see in both


def record(session: Session, composite_id: UUID, looks: Looks, *, handout_id: UUID | None = None) -> None:
    """Keep what a composite looks like, or a comp of it. Call it under the log's lock (`log.locked`)."""
    session.add(
        CompositeFingerprint(
            composite_id=composite_id,
            handout_id=handout_id,
            pixel_sha256=looks.pixel_sha256,
            as_photo_sha256=looks.as_photo_sha256,
            pdq=looks.pdq,
            phash=looks.phash,
            quality=looks.fingerprint.quality,
            crops=looks.fingerprint.crops,
        )
    )


def alike(session: Session, fingerprint: Fingerprint) -> list[Like]:
    """Every composite or comp that the picture is like as a whole, the nearest first."""
    found = _followed(session).alike(session, fingerprint)
    return sorted(found, key=lambda one: (one.how != "pdq", one.distance, str(one.composite_id)))


def cropped_from(session: Session, fingerprint: Fingerprint, *, parts: Parts | None = None) -> list[Like]:
    """Every composite or comp of which the picture is like a part, the nearest first.

    The picture as it is, and mirrored: parts that were turned are not looked for.

    Args:
        parts: where this machine keeps what it read before; None: all rows are read through.
    """
    turn = ORIENTATIONS * HASH_BYTES
    asked = bits(
        b"".join(
            fingerprint.pdq[at : at + MIRRORED * HASH_BYTES] for at in range(0, len(fingerprint.pdq), turn)
        )
    )
    found: list[Like] = []
    last = 0
    if parts is not None:
        last, near = _near(session, parts, asked)
        for start in range(0, len(near), CROPS_PAGE):
            found += _compared(_rows(session, THESE, (near[start : start + CROPS_PAGE],)), asked, fingerprint)
    for rows in _crops(session, after=last):
        found += _compared(rows, asked, fingerprint)
    return sorted(found, key=lambda one: (one.distance, str(one.composite_id)))


def _near(session: Session, parts: Parts, asked: Bits) -> tuple[int, list[int]]:
    """As `Parts.near`; where there is no room for a file, nothing, and rows are read through."""
    try:
        parts.follow(session)
        return parts.near(asked, CROP_MOST)
    except OSError as error:
        logger.warning("parts of composites are read from the database: %s", error)
        return 0, []


def _compared(rows: list[Any], asked: Bits, fingerprint: Fingerprint) -> list[Like]:
    """Those of some rows, as `EVERY` has them, of which the picture is like a part."""
    if not rows:
        return []
    distances = nearest(asked, as_words(bits(b"".join(row[CROPS] for row in rows))))
    ends = np.cumsum([len(row[CROPS]) // HASH_BYTES for row in rows])
    near = np.flatnonzero(distances <= CROP_MOST)
    best: dict[int, int] = {}
    for of, distance in zip(np.searchsorted(ends, near, "right").tolist(), distances[near], strict=True):
        best[of] = min(int(distance), best.get(of, CROP_MOST))
    found = []
    for of, distance in best.items():
        _, composite_id, handout_id, quality, _ = rows[of]
        telling = min(quality, fingerprint.quality) >= QUALITY_LEAST
        found.append(Like(composite_id, handout_id, "crop", distance, telling))
    return found


def count(session: Session) -> int:
    """With how many looks a picture is compared."""
    return _followed(session).count(session)


def _crops(session: Session, *, after: int) -> Iterator[list[Any]]:
    """Pages of (id, composite, handout, quality, crops)."""
    last = after
    while page := _rows(session, EVERY, (last, CROPS_PAGE)):
        last = page[-1][0]
        yield page


def _rows(session: Session, statement: str, values: tuple[Any, ...]) -> list[Any]:
    """As bytes: as text they would be twice as long."""
    connection: Any = session.connection().connection
    with connection.cursor(binary=True) as cursor:
        rows: list[Any] = cursor.execute(statement, values).fetchall()
    return rows


class _Followed:
    """The looks in one database, as far as they were there when somebody last asked."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._last = 0
        self._of = bytearray()  # of each row 32 bytes: the composite and the handout
        self._kept = Kept(crops=False)

    def count(self, session: Session) -> int:
        with self._turn:
            self._catch_up(session)
            return len(self._kept)

    def alike(self, session: Session, fingerprint: Fingerprint) -> list[Like]:
        with self._turn:
            self._catch_up(session)
            return [self._like(one) for one in self._kept.alike(fingerprint)]

    def _like(self, one: Alike) -> Like:
        composite, handout = (
            UUID(bytes=bytes(self._of[at : at + 16])) for at in (32 * one.row, 32 * one.row + 16)
        )
        return Like(composite, None if handout == NOBODY else handout, one.how, one.distance, one.telling)

    def _catch_up(self, session: Session) -> None:
        count = PAGE
        while count == PAGE:
            ((count, last, pdq, phash, qualities, of),) = _rows(session, LOOKS, (NOBODY, self._last, PAGE))
            if count:
                self._kept.add_upright(pdq, phash, qualities)
                self._of += of
                self._last = last


def _followed(session: Session) -> _Followed:
    engine = session.connection().engine
    with _OPENING:
        return _FOLLOWED.setdefault(engine, _Followed())


_FOLLOWED: "WeakKeyDictionary[Engine, _Followed]" = WeakKeyDictionary()
_OPENING = threading.Lock()
