"""Photos taken out of use as a whole: withdrawn themselves, by a release, or on a deny hold."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, exists, func, or_, select, text, update
from sqlalchemy.orm import Session, aliased

from bankd.catalog.models import Photo, PhotoRelease
from bankd.licensing import holds, withdrawals
from bankd.licensing.ending import DenyHold, Withdrawal
from bankd.licensing.models import Release

IN_EFFECT = Withdrawal.took_effect_at.is_not(None)


def settle(session: Session, photo_ids: Collection[UUID]) -> int:
    """Bring what is withdrawn of these photos, and held, into line with the records; how many changed.

    A release that was withdrawn, or whose person was, takes its photos out
    whole, until they hold one of the same subject and kind that was recorded
    later and stands.
    """
    if not photo_ids:
        return 0
    wanted = sorted(set(photo_ids))
    session.execute(
        select(Photo.id).where(Photo.id.in_(wanted)).order_by(Photo.id).with_for_update(key_share=True)
    ).all()
    since, until = _withdrawn_since(), _held_until()
    changed = session.execute(
        update(Photo)
        .where(
            Photo.id.in_(wanted),
            or_(Photo.withdrawn_at.is_distinct_from(since), Photo.held_until.is_distinct_from(until)),
        )
        .values(withdrawn_at=since, held_until=until)
        .returning(Photo.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(changed)


@dataclass(frozen=True)
class Overdue:
    """Blocks that hold by the clock and were not carried out yet, by grant and by photo."""

    grants: Mapping[UUID, frozenset[str]]
    photos: Mapping[UUID, frozenset[str]]


NOTHING = Overdue({}, {})


def overdue(session: Session, photo_ids: Collection[UUID], *, at: datetime) -> Overdue:
    """What withdrawals and holds that fell due at `at` add to these photos, until the clerk has seen to them.

    Ask it before the facts themselves: what is carried out in between is then in both.
    """
    due = withdrawals.due(session, at=at)
    if due == withdrawals.Due():
        return NOTHING
    grants: dict[UUID, frozenset[str]] = dict.fromkeys(due.withdrawn, frozenset({"withdrawn"}))
    for grant in due.denied:
        grants[grant] = grants.get(grant, frozenset()) | {"denied"}
    pulled = set(due.withdrawn_photos)
    if due.withdrawn_releases:
        pulled |= set(
            session.scalars(photos_with(due.withdrawn_releases).where(PhotoRelease.photo_id.in_(photo_ids)))
        )
    photos: dict[UUID, frozenset[str]] = dict.fromkeys(pulled, frozenset({"photo-withdrawn"}))
    for photo in due.held_photos:
        photos[photo] = photos.get(photo, frozenset()) | {"photo-held"}
    return Overdue(grants, photos)


def photos_with(release_ids: Collection[UUID]) -> Select[Any]:
    """The photos that hold one of these releases."""
    return select(PhotoRelease.photo_id).where(PhotoRelease.release_id.in_(release_ids)).distinct()


def photos_of_person(ref: str) -> Select[Any]:
    """The photos that hold a release of this person."""
    return (
        select(PhotoRelease.photo_id)
        .join(Release, Release.id == PhotoRelease.release_id)
        .where(Release.subject == ref)
        .distinct()
    )


def _withdrawn_since() -> Any:
    held, gone = aliased(PhotoRelease), aliased(Release)
    later_held, later = aliased(PhotoRelease), aliased(Release)
    of_later = aliased(Withdrawal)
    replaced = exists().where(
        later_held.photo_id == Photo.id,
        later_held.release_id == later.id,
        later.subject == gone.subject,
        later.kind == gone.kind,
        later.recorded_at > Withdrawal.recorded_at,
        ~exists().where(
            of_later.subject == "release",
            of_later.subject_id == later.id,
            of_later.took_effect_at.is_not(None),
        ),
    )
    by_release = exists().where(
        held.photo_id == Photo.id,
        held.release_id == gone.id,
        or_(
            and_(Withdrawal.subject == "release", Withdrawal.subject_id == gone.id),
            and_(Withdrawal.subject == "person", Withdrawal.ref == gone.subject),
        ),
        ~replaced,
    )
    return (
        select(func.min(Withdrawal.effective_from))
        .where(
            IN_EFFECT,
            or_(and_(Withdrawal.subject == "photo", Withdrawal.subject_id == Photo.id), by_release),
        )
        .correlate(Photo)
        .scalar_subquery()
    )


def _held_until() -> Any:
    """The end of the last hold that stands on a photo; for one without an end, `infinity`."""
    end = case((DenyHold.ends_at.is_(None), text("'infinity'::timestamptz")), else_=DenyHold.ends_at)
    return (
        select(func.max(end))
        .where(holds.STANDING, DenyHold.subject == "photo", DenyHold.subject_id == Photo.id)
        .correlate(Photo)
        .scalar_subquery()
    )
