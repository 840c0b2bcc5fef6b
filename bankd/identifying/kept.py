"""The looks of all composites and comps: recorded, and compared with what is asked about.

They are written under the log's lock, which is held until the commit: so ids are in the order of commits, and
what a process keeps in memory is brought up to date by asking for what is above the last it has. Crops are
two hundred times as many and stay in the database; they are read through when nothing else was found.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import numpy as np
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from bankd.identifying.looks import Looks
from bankd.identifying.models import CompositeFingerprint
from bankd.likeness.comparing import (
    CROP_MOST,
    QUALITY_LEAST,
    Alike,
    How,
    Kept,
    as_words,
    bits,
    nearest,
)
from bankd.likeness.hashing import HASH_BYTES, ORIENTATIONS, Fingerprint

PAGE = 20_000
CROPS_PAGE = 1_000
MIRRORED = 2  # of a fingerprint's orientations the first two: as it is, and mirrored


CROPS = 4
EVERY = (
    "SELECT id, composite_id, handout_id, quality, crops FROM composite_fingerprints"
    " WHERE id > %s ORDER BY id LIMIT %s"
)


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


def cropped_from(session: Session, fingerprint: Fingerprint) -> list[Like]:
    """Every composite or comp of which the picture is like a part, the nearest first. Reads all of them.

    The picture as it is, and mirrored: parts that were turned are not looked for.
    """
    turn = ORIENTATIONS * HASH_BYTES
    asked = bits(
        b"".join(
            fingerprint.pdq[at : at + MIRRORED * HASH_BYTES] for at in range(0, len(fingerprint.pdq), turn)
        )
    )
    found = []
    for rows in _crops(session):
        distances = nearest(asked, as_words(bits(b"".join(row[CROPS] for row in rows))))
        ends = np.cumsum([len(row[CROPS]) // HASH_BYTES for row in rows])
        near = np.flatnonzero(distances <= CROP_MOST)
        best: dict[int, int] = {}
        for of, distance in zip(np.searchsorted(ends, near, "right").tolist(), distances[near], strict=True):
            best[of] = min(int(distance), best.get(of, CROP_MOST))
        for of, distance in best.items():
            _, composite_id, handout_id, quality, _ = rows[of]
            telling = min(quality, fingerprint.quality) >= QUALITY_LEAST
            found.append(Like(composite_id, handout_id, "crop", distance, telling))
    return sorted(found, key=lambda one: (one.distance, str(one.composite_id)))


def count(session: Session) -> int:
    """With how many looks a picture is compared."""
    return _followed(session).count(session)


def _crops(session: Session) -> Iterator[list[Any]]:
    """Pages of (id, composite, handout, quality, crops), as bytes: as text they would be twice as long."""
    connection: Any = session.connection().connection
    last = 0
    while True:
        with connection.cursor(binary=True) as cursor:
            page = cursor.execute(EVERY, (last, CROPS_PAGE)).fetchall()
        if not page:
            return
        last = page[-1][0]
        yield page


class _Followed:
    """The looks in one database, as far as they were there when somebody last asked."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._last = 0
        self._of: list[tuple[UUID, UUID | None]] = []
        self._kept = Kept(crops=False)

    def count(self, session: Session) -> int:
        with self._turn:
            self._catch_up(session)
            return len(self._of)

    def alike(self, session: Session, fingerprint: Fingerprint) -> list[Like]:
        with self._turn:
            self._catch_up(session)
            return [self._like(one) for one in self._kept.alike(fingerprint)]

    def _like(self, one: Alike) -> Like:
        return Like(*self._of[one.row], one.how, one.distance, one.telling)

    def _catch_up(self, session: Session) -> None:
        of = CompositeFingerprint
        full = True
        while full:
            rows = session.execute(
                select(of.id, of.composite_id, of.handout_id, of.pdq, of.phash, of.quality)
                .where(of.id > self._last)
                .order_by(of.id)
                .limit(PAGE)
            ).all()
            for number, composite_id, handout_id, pdq, phash, quality in rows:
                self._of.append((composite_id, handout_id))
                self._kept.add(Fingerprint(pdq, phash, quality, b"", ""))
                self._last = number
            full = len(rows) == PAGE


def _followed(session: Session) -> _Followed:
    engine = session.connection().engine
    with _OPENING:
        return _FOLLOWED.setdefault(engine, _Followed())


_FOLLOWED: "WeakKeyDictionary[Engine, _Followed]" = WeakKeyDictionary()
_OPENING = threading.Lock()
