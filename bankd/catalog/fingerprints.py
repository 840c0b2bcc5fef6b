"""What every photo and tombstone looks like: recorded, and compared with what comes in.

One lock is taken by who writes a fingerprint, or decides by them all, and held until the commit. So of two
photos that look alike the second sees the first, whoever brings them; and ids are in the order of commits, so
that what a process keeps in memory is brought up to date by asking for what is above the last it has. The
lock comes before those of grants and photos, as the log's comes after them.
"""

import threading
from collections.abc import Iterator
from dataclasses import astuple, fields
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, case, func, insert, or_, select, text
from sqlalchemy.orm import Session

from bankd.catalog.likenesses import Found
from bankd.catalog.models import Photo, PhotoFingerprint, Tombstone
from bankd.likeness.comparing import Kept
from bankd.likeness.hashing import Fingerprint

LOCK = 0x62616E6B_6C696B65  # "banklike"; no other code takes this advisory lock
PAGE = 10_000
HASHES = tuple(field.name for field in fields(Fingerprint))
BURY = text(
    f"""
    WITH dug AS (DELETE FROM fingerprints WHERE photo_id = :photo RETURNING {", ".join(HASHES)})
    INSERT INTO fingerprints (tombstone_id, {", ".join(HASHES)}) SELECT :tombstone, dug.* FROM dug
    """  # noqa: S608  names of our own columns
)


def lock(session: Session) -> None:
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))


def record(session: Session, photo_id: UUID, fingerprint: Fingerprint) -> None:
    """Keep what a photo looks like. Call it under the lock."""
    values = dict(zip(HASHES, astuple(fingerprint), strict=True))
    session.execute(insert(PhotoFingerprint).values(photo_id=photo_id, **values))


def bury(session: Session, photo_id: UUID, tombstone_id: int) -> None:
    """Give a photo's fingerprint, where it has one, to its tombstone. Call it under the lock."""
    session.execute(BURY, {"photo": photo_id, "tombstone": tombstone_id})


def alike(session: Session, fingerprint: Fingerprint, *, but: UUID | None = None) -> list[Found]:
    """The photos and tombstones that a picture looks like; without the lock, of those committed.

    Photos in which there is too little to see are like no other photo; to tombstones they may be.
    """
    found = _followed(session).alike(session, fingerprint)
    return _standing(session, [one for one in found if but is None or one.photo_id != but])


def like_tombstones(session: Session, fingerprint: Fingerprint) -> list[Found]:
    """As `alike`, of tombstones alone, and of those that refuse everyone: what one licensor took back may be
    here by way of another."""
    found = _standing(session, _followed(session).alike(session, fingerprint, photos=False))
    ids = [one.tombstone_id for one in found]
    everyone = set(
        session.scalars(select(Tombstone.id).where(Tombstone.id.in_(ids), Tombstone.scope == "everyone"))
    )
    return [one for one in found if one.tombstone_id in everyone]


def any_buried(session: Session) -> bool:
    """Whether there is anything at all that `like_tombstones` could find."""
    return _followed(session).buried(session) > 0


def risen(session: Session) -> Iterator[tuple[UUID, list[Found]]]:
    """Photos that are here and equal or look like a tombstone: from before it was made, or out of a backup.

    Asked without the lock: what comes in meanwhile is compared as it comes.
    """
    same = or_(Photo.sha256 == Tombstone.sha256, Photo.pixel_sha256 == Tombstone.pixel_sha256)
    equal = session.execute(
        select(Photo.id, Tombstone.id).join(Tombstone, same).where(Photo.state != "erased")
    ).all()
    for photo_id, tombstone_id in equal:
        yield photo_id, [Found(None, tombstone_id, "pixels", 0, sure=True)]
    if not any_buried(session):
        return
    followed = _followed(session)
    there = set(session.scalars(select(Tombstone.id)))
    columns = [getattr(PhotoFingerprint, name) for name in HASHES]
    rows = session.execute(
        select(PhotoFingerprint.photo_id, *columns)
        .join(Photo, Photo.id == PhotoFingerprint.photo_id)
        .where(Photo.state != "erased")
        .order_by(PhotoFingerprint.id)
        .execution_options(yield_per=PAGE // 10)
    )
    for photo_id, *hashes in rows:
        if found := [one for one in followed.buried_alike(Fingerprint(*hashes)) if one.tombstone_id in there]:
            yield photo_id, found


def _followed(session: Session) -> "_Followed":
    engine = session.connection().engine
    with _OPENING:
        return _FOLLOWED.setdefault(engine, _Followed())


def _standing(session: Session, found: list[Found]) -> list[Found]:
    """Without those that are no more: erased since, or of a transaction that came to nothing."""
    if not found:
        return []
    kept = PhotoFingerprint
    of_photos = kept.photo_id.in_([one.photo_id for one in found if one.photo_id is not None])
    of_tombstones = kept.tombstone_id.in_([one.tombstone_id for one in found if one.tombstone_id is not None])
    rows = session.execute(select(kept.photo_id, kept.tombstone_id).where(or_(of_photos, of_tombstones)))
    there = {(row.photo_id, row.tombstone_id) for row in rows}
    return [one for one in found if (one.photo_id, one.tombstone_id) in there]


class _Followed:
    """The fingerprints of one database, as far as they were there when somebody last asked."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._last = 0
        self._photos: list[UUID] = []
        self._tombstones: list[int] = []
        self._living, self._buried = Kept(crops=False), Kept(crops=True)

    def buried(self, session: Session) -> int:
        with self._turn:
            self._catch_up(session)
            return len(self._buried)

    def buried_alike(self, fingerprint: Fingerprint) -> list[Found]:
        """As of the last time that somebody asked with a session."""
        with self._turn:
            return self._buried_alike(fingerprint)

    def _buried_alike(self, fingerprint: Fingerprint) -> list[Found]:
        return [
            Found(None, self._tombstones[one.row], one.how, one.distance, one.sure)
            for one in self._buried.alike(fingerprint)
        ]

    def alike(self, session: Session, fingerprint: Fingerprint, *, photos: bool = True) -> list[Found]:
        with self._turn:
            self._catch_up(session)
            found = self._buried_alike(fingerprint)
            if photos:
                found += [
                    Found(self._photos[one.row], None, one.how, one.distance, one.sure)
                    for one in self._living.alike(fingerprint)
                    if one.telling
                ]
            return found

    def _catch_up(self, session: Session) -> None:
        kept = PhotoFingerprint
        # Those of photos are compared with nothing, and are most of the bytes.
        crops = case((kept.tombstone_id.is_not(None), kept.crops), else_=b"")
        hashes = (kept.pdq, kept.phash, kept.quality, crops, kept.iscc)
        full = True
        while full:
            rows = session.execute(
                select(kept.id, kept.photo_id, kept.tombstone_id, *hashes)
                .where(kept.id > self._last)
                .order_by(kept.id)
                .limit(PAGE)
            ).all()
            for number, photo_id, tombstone_id, *values in rows:
                if photo_id is not None:
                    self._photos.append(photo_id)
                    self._living.add(Fingerprint(*values))
                else:
                    self._tombstones.append(tombstone_id)
                    self._buried.add(Fingerprint(*values))
                self._last = number
            full = len(rows) == PAGE


_FOLLOWED: "WeakKeyDictionary[Engine, _Followed]" = WeakKeyDictionary()
_OPENING = threading.Lock()
