"""Which photos look alike, which of them wait for a person because of it, and what people see of that."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from bankd.access.permissions import sees
from bankd.audit.actor import Actor
from bankd.catalog.errors import PhotoNotFound
from bankd.catalog.models import (
    LikenessReview,
    Photo,
    PhotoFingerprint,
    PhotoGrant,
    PhotoLikeness,
    Tombstone,
)
from bankd.licensing.models import Grant, License

LINKS_MOST = 20  # of one photo with those of the same licensors
How = Literal["pixels", "pdq", "phash", "crop"]


@dataclass(frozen=True)
class Found:
    """A photo or a tombstone that a picture looks like: by which hash, and how many of its 256 bits differ.

    `sure`: a photo that looks so like a tombstone is refused; otherwise a person looks.
    """

    photo_id: UUID | None
    tombstone_id: int | None
    how: How
    distance: int
    sure: bool

    def as_json(self) -> dict[str, Any]:
        other = {"photo": self.photo_id} if self.tombstone_id is None else {"tombstone": self.tombstone_id}
        return {**other, "how": self.how, "distance": self.distance}


def keep(session: Session, photo_id: UUID, found: Iterable[Found], *, at: datetime) -> int:
    """Record what a photo looks like; how many of these were not on record.

    Of very many photos that look alike, the nearest of each licensor: thousands of pictures of one still
    camera say nothing more.
    """
    rows = [
        {
            "photo_id": photo_id,
            "other_photo_id": one.photo_id,
            "tombstone_id": one.tombstone_id,
            "how": one.how,
            "distance": one.distance,
            "found_at": at,
        }
        for one in _nearest(session, list(found))
    ]
    if not rows:
        return 0
    statement = postgresql.insert(PhotoLikeness).values(rows).on_conflict_do_nothing()
    return len(session.execute(statement.returning(PhotoLikeness.id)).all())


def holds(session: Session, found: Iterable[Found], grant_ids: Collection[UUID]) -> bool:
    """Whether a photo waits for a person because of what it looks like.

    It does for a tombstone that refuses it; and for a photo whose licensors are others than those of its
    grants, as one of the two may have sold what is not theirs. A photo without a grant has no licensor yet,
    and waits for that.
    """
    likenesses = list(found)
    if refusing(session, likenesses, grant_ids):
        return True
    others = {one.photo_id for one in likenesses if one.photo_id is not None}
    if not others or not grant_ids:
        return False
    mine = set(
        session.scalars(
            select(License.licensor_id)
            .join(Grant, Grant.license_id == License.id)
            .where(Grant.id.in_(grant_ids), License.licensor_id.is_not(None))
        )
    )
    theirs = _licensors(session, others).values()
    return bool(mine) and any(mine.isdisjoint(licensors) for licensors in theirs)


def refusing(session: Session, found: Iterable[Found], grant_ids: Collection[UUID]) -> list[Found]:
    """The tombstones among them that refuse a photo under these grants; under none, all do."""
    buried = {one.tombstone_id: one for one in found if one.tombstone_id is not None}
    if not buried:
        return []
    refuses = select(Tombstone.id).where(Tombstone.id.in_(buried))
    if grant_ids:
        whose = (
            select(License.licensor_id)
            .join(Grant, Grant.license_id == License.id)
            .where(Grant.id.in_(grant_ids))
        )
        refuses = refuses.where(or_(Tombstone.scope == "everyone", Tombstone.licensor_id.in_(whose)))
    return [buried[id] for id in session.scalars(refuses.order_by(Tombstone.id))]


def _licensors(session: Session, photo_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Of each photo that is not erased and has any."""
    found: dict[UUID, set[UUID]] = {}
    rows = session.execute(
        select(PhotoGrant.photo_id, License.licensor_id)
        .join(Grant, Grant.id == PhotoGrant.grant_id)
        .join(License, License.id == Grant.license_id)
        .join(Photo, Photo.id == PhotoGrant.photo_id)
        .where(PhotoGrant.photo_id.in_(photo_ids), License.licensor_id.is_not(None), Photo.state != "erased")
    )
    for photo_id, licensor_id in rows:
        found.setdefault(photo_id, set()).add(licensor_id)
    return found


def _nearest(session: Session, found: Sequence[Found]) -> list[Found]:
    photos = sorted((one for one in found if one.photo_id is not None), key=lambda one: one.distance)
    if len(photos) <= LINKS_MOST:
        return list(found)
    licensors = _licensors(session, {one.photo_id for one in photos if one.photo_id is not None})
    kept = [one for one in found if one.photo_id is None]
    links: Counter[frozenset[UUID]] = Counter()
    for one in photos:
        assert one.photo_id is not None
        of = frozenset(licensors.get(one.photo_id, ()))
        links[of] += 1
        if links[of] <= LINKS_MOST:
            kept.append(one)
    return kept


def held(session: Session, photo: Photo, grant_ids: Collection[UUID]) -> bool:
    """As `holds`, for a photo that is there, by what is on record and what a person has said since.

    One that was admitted beside a photo that it looks like stays so: it came first, or was released. And one
    that came first answers for one that came later only if that had a license before it had.
    """
    rows = session.execute(
        select(
            PhotoLikeness.id,
            PhotoLikeness.photo_id,
            PhotoLikeness.other_photo_id,
            PhotoLikeness.tombstone_id,
        ).where(or_(PhotoLikeness.photo_id == photo.id, PhotoLikeness.other_photo_id == photo.id))
    ).all()
    if not rows:
        return False
    review = last_review(session, photo.id)
    if review is not None and review.verdict == "refused":
        return True
    seen_to = 0 if review is None else review.seen_to
    found = [
        Found(other if mine == photo.id else mine, tombstone, "pdq", 0, sure=False)
        for number, mine, other, tombstone in rows
        if number > seen_to
        and (
            mine == photo.id or (tombstone is None and photo.quarantine_reason in ("unlicensed", "likeness"))
        )
    ]
    if photo.state == "admitted":
        found = [one for one in found if one.tombstone_id is not None]
    return holds(session, found, grant_ids)


def last_review(session: Session, photo_id: UUID) -> LikenessReview | None:
    return session.scalar(
        select(LikenessReview)
        .where(LikenessReview.photo_id == photo_id)
        .order_by(LikenessReview.id.desc())
        .limit(1)
    )


@dataclass(frozen=True)
class LikenessLine:
    """One likeness of a photo. `photo` and `name` are None for a tombstone, and for a photo of a department
    whose photos the asker may not know of; `tombstone` is when it was made."""

    photo: UUID | None
    name: str | None
    tombstone: datetime | None
    how: str
    distance: int
    found_at: datetime


@dataclass(frozen=True)
class Likenesses:
    """What a photo looks like. `verdict`: of the last review."""

    photo: UUID
    name: str
    state: str
    quarantine_reason: str | None
    iscc: str | None  # None: hashed by no version yet, see `bankd photos compare`
    quality: int | None
    alike: tuple[LikenessLine, ...]
    verdict: str | None
    reason: str | None
    reviewed_by: str | None
    reviewed_at: datetime | None


def likenesses(session: Session, photo_id: UUID, *, by: Actor) -> Likenesses:
    """Raises: PhotoNotFound: there is none, or it is another department's."""
    photo = session.get(Photo, photo_id)
    if photo is None or not sees(by, photo.department_id):
        raise PhotoNotFound(photo_id)
    return _shown(session, [photo], by=by)[0]


def waiting(session: Session, *, by: Actor) -> list[Likenesses]:
    """The photos that are held for their likeness and that `by` may know of, the oldest first."""
    wanted = select(Photo).where(Photo.quarantine_reason == "likeness").order_by(Photo.taken_at, Photo.id)
    if by.department_id is not None:
        wanted = wanted.where(Photo.department_id == by.department_id)
    return _shown(session, session.scalars(wanted).all(), by=by)


def _shown(session: Session, photos: Sequence[Photo], *, by: Actor) -> list[Likenesses]:
    ids = [photo.id for photo in photos]
    lines: dict[UUID, list[LikenessLine]] = {photo_id: [] for photo_id in ids}
    for mine, theirs in (
        (PhotoLikeness.photo_id, PhotoLikeness.other_photo_id),
        (PhotoLikeness.other_photo_id, PhotoLikeness.photo_id),
    ):
        rows = session.execute(
            select(mine, PhotoLikeness, Photo, Tombstone.made_at)
            .outerjoin(Photo, Photo.id == theirs)
            .outerjoin(Tombstone, Tombstone.id == PhotoLikeness.tombstone_id)
            .where(mine.in_(ids))
        )
        for photo_id, row, other, buried_at in rows:
            assert photo_id is not None  # it is one of `ids`
            known = other is not None and row.tombstone_id is None and sees(by, other.department_id)
            lines[photo_id].append(
                LikenessLine(
                    other.id if known else None,
                    other.name if known else None,
                    buried_at,
                    row.how,
                    row.distance,
                    row.found_at,
                )
            )
    hashed = {
        photo_id: (iscc, quality)
        for photo_id, iscc, quality in session.execute(
            select(PhotoFingerprint.photo_id, PhotoFingerprint.iscc, PhotoFingerprint.quality).where(
                PhotoFingerprint.photo_id.in_(ids)
            )
        )
    }
    latest = select(func.max(LikenessReview.id)).where(LikenessReview.photo_id.in_(ids))
    reviews = {
        review.photo_id: review
        for review in session.scalars(
            select(LikenessReview).where(LikenessReview.id.in_(latest.group_by(LikenessReview.photo_id)))
        )
    }
    shown = []
    for photo in photos:
        review = reviews.get(photo.id)
        iscc, quality = hashed.get(photo.id, (None, None))
        shown.append(
            Likenesses(
                photo=photo.id,
                name=photo.name,
                state=photo.state,
                quarantine_reason=photo.quarantine_reason,
                iscc=iscc,
                quality=quality,
                alike=tuple(sorted(lines[photo.id], key=lambda one: (one.tombstone is None, one.distance))),
                verdict=review.verdict if review else None,
                reason=review.reason if review else None,
                reviewed_by=review.reviewed_by if review else None,
                reviewed_at=review.reviewed_at if review else None,
            )
        )
    return shown
