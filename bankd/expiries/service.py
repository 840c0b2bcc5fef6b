"""What ends within a time to come, and the daily notice of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Text, cast, func, or_, select, type_coerce
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, joinedload

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog.models import Photo, PhotoGrant, PhotoRelease
from bankd.expiries.models import Foretold
from bankd.licensing import renewing
from bankd.licensing.days import end_of
from bankd.licensing.ending import DenyHold, Withdrawal
from bankd.licensing.models import Grant, License, Release
from bankd.notices import service as notices
from bankd.notices.channels import Channel

AHEAD = (timedelta(days=90), timedelta(days=30), timedelta(days=7), timedelta(days=1))
"""How long before each end people are told of it: once for each of these."""
SHOWN = 200  # ends that a notice spells out; the rest are counted
MARGIN = timedelta(days=2)  # days are compared as UTC's first, and each zone's moment then decides
DAYS_OF_TERMS = ("create_by", "publish_by", "available_until", "sell_off_until")


@dataclass(frozen=True, order=True)
class Expiry:
    """Something that ends at a moment, by itself. `photos` are those that hold it."""

    at: datetime
    what: str  # "term", "create-by", "publish-by", "notice of renewal", "release", "hold", "embargo", ..
    subject: str
    ref: str
    photos: int
    zone: str | None = None  # in which its last day is meant; None: it ends at a moment


def expiring(session: Session, *, at: datetime, within: timedelta) -> list[Expiry]:
    """What ends after `at` and within the span, the next first; what is over or withdrawn is left out."""
    until = at + within
    found = [
        *_grants(session, at=at, until=until),
        *_releases(session, at=at, until=until),
        *_holds(session, at=at, until=until),
        *_embargoes(session, at=at, until=until),
    ]
    return sorted(one for one in found if at < one.at <= until)


def tell(session: Session, *, to: Mapping[str, Channel], by: Actor, at: datetime) -> int:
    """Store one notice of what came nearer than a step of `AHEAD` since last told; how many ends it names.

    Each end is told of once for each step, however often this runs.
    """
    near = expiring(session, at=at, within=AHEAD[0])
    rows = [
        {
            "subject": one.subject,
            "ref": one.ref,
            "what": one.what,
            "ends_at": one.at,
            "days_ahead": min(step.days for step in AHEAD if one.at - at <= step),
            "told_at": at,
        }
        for one in near
    ]
    if not rows:
        return 0
    fresh = {
        tuple(row)
        for row in session.execute(
            postgresql.insert(Foretold)
            .values(rows)
            .on_conflict_do_nothing()
            .returning(Foretold.subject, Foretold.ref, Foretold.what, Foretold.ends_at)
        )
    }
    told = [one for one in near if (one.subject, one.ref, one.what, one.at) in fresh]
    if not told:
        return 0
    log.append(session, Kind.EXPIRIES_FORETOLD, by=by, at=at, ends=len(told))
    notices.tell(
        session,
        "expiries",
        key=f"expiries {at.isoformat()}",
        title=f"{len(told)} {'right ends' if len(told) == 1 else 'rights end'} within {AHEAD[0].days} days",
        words=written(told),
        facts={"ends": [facts(one) for one in told[:SHOWN]], "count": len(told)},
        to=to,
        at=at,
    )
    return len(told)


def facts(one: Expiry) -> dict[str, Any]:
    """As JSON has it."""
    return {
        "at": one.at.isoformat(),
        "what": one.what,
        "subject": one.subject,
        "ref": one.ref,
        "photos": one.photos,
    }


def written(ends: Sequence[Expiry]) -> str:
    """A line for each end, for people."""
    lines = [
        f"{one.at:%Y-%m-%d %H:%M}Z  {one.what} of {one.subject} {one.ref} ({one.photos} photos)"
        for one in ends[:SHOWN]
    ]
    if len(ends) > SHOWN:
        lines.append(f"and {len(ends) - SHOWN} more: `bankd expiries --within {AHEAD[0].days}d`")
    return "\n".join(lines) + "\n"


def _grants(session: Session, *, at: datetime, until: datetime) -> Iterator[Expiry]:
    terms = type_coerce(Grant.terms, JSONB)
    first, last = (at - MARGIN).date(), (until + MARGIN).date()
    # Days are written as ISO 8601, so that their order is that of their letters. A renewal, and a sell-off
    # that is counted in days, hang on the end: whatever has one is looked at.
    near: list[Any] = [
        cast(terms[name].astext, Text).between(first.isoformat(), last.isoformat())
        for name in ("ends_on", *DAYS_OF_TERMS)
    ]
    rows = session.execute(
        select(Grant, select(func.count()).where(PhotoGrant.grant_id == Grant.id).scalar_subquery())
        .join(License, License.id == Grant.license_id)
        .where(
            *(
                stamp.is_(None)
                for stamp in (
                    Grant.withdrawn_at,
                    Grant.superseded_at,
                    License.withdrawn_at,
                    License.superseded_at,
                )
            ),
            or_(
                *near,
                func.jsonb_typeof(terms["renewal"]) == "object",
                func.jsonb_typeof(terms["sell_off_days"]) == "number",
            ),
        )
        .options(joinedload(Grant.license))
    )
    for grant, photos in rows:
        ref = f"{grant.license.ref}/{grant.ref}"
        for what, day in _days(grant):
            yield Expiry(end_of(day, grant.terms.zone), what, "grant", ref, photos, grant.terms.zone)


def _days(grant: Grant) -> Iterable[tuple[str, date]]:
    """Each last day that a grant names, with what ends on it."""
    terms = grant.terms
    notice_by = renewing.notice_by(grant.license, grant)
    named: list[tuple[str, date | None]] = [
        ("term", None if notice_by else grant.ends_on),
        ("notice of renewal", notice_by),
        ("create-by", terms.create_by),
        ("publish-by", terms.publish_by),
        ("available-until", terms.available_until),
        ("sell-off", terms.sell_off_until),
    ]
    if terms.sell_off_days is not None and grant.ends_on is not None and not notice_by:
        named.append(("sell-off", grant.ends_on + timedelta(days=terms.sell_off_days)))
    return [(what, day) for what, day in named if day is not None]


def _releases(session: Session, *, at: datetime, until: datetime) -> Iterator[Expiry]:
    withdrawn = select(Withdrawal.subject_id).where(
        Withdrawal.subject == "release", Withdrawal.took_effect_at.is_not(None)
    )
    days = ((at - MARGIN).date(), (until + MARGIN).date())
    rows = session.execute(
        select(
            Release, select(func.count()).where(PhotoRelease.release_id == Release.id).scalar_subquery()
        ).where(
            or_(Release.ends_on.between(*days), Release.reconfirm_by.between(*days)),
            Release.superseded_at.is_(None),
            Release.id.not_in(withdrawn),
        )
    )
    for release, photos in rows:
        for what, day in (("release", release.ends_on), ("reconfirm-by", release.reconfirm_by)):
            if day is not None:
                yield Expiry(end_of(day, release.zone), what, "release", release.ref, photos, release.zone)


def _holds(session: Session, *, at: datetime, until: datetime) -> Iterator[Expiry]:
    for hold in session.scalars(
        select(DenyHold).where(DenyHold.ended_at.is_(None), DenyHold.ends_at.between(at, until))
    ):
        if hold.ends_at is not None:
            yield Expiry(hold.ends_at, "hold", hold.subject, hold.ref, int(hold.subject == "photo"))


def _embargoes(session: Session, *, at: datetime, until: datetime) -> Iterator[Expiry]:
    rows = session.execute(
        select(Photo.id, Photo.embargo_until).where(
            Photo.embargo_until.between(at, until), Photo.state != "erased"
        )
    )
    for photo_id, ends in rows:
        if ends is not None:
            yield Expiry(ends, "embargo", "photo", str(photo_id), 1)
