"""What photos offer to the engine: their grants, with all that stands against them at a moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, any_, bindparam, case, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from bankd.catalog import pulling
from bankd.catalog.models import Photo, PhotoGrant
from bankd.licensing import service as licensing
from bankd.licensing import withdrawals
from bankd.licensing.days import instant
from bankd.licensing.facts import read
from bankd.licensing.models import Grant, GrantCounter, License, RightsProfile
from bankd.licensing.terms import GrantFacts

Offers = tuple[tuple[UUID, GrantFacts], ...]

_AT = bindparam("at", type_=DateTime(timezone=True))
# Made once: to make it takes longer than to have it answered.
_FACTS = (
    select(
        withdrawals.ANYTHING_DUE,
        Photo.id,
        PhotoGrant.grant_id,
        cast(Grant.terms, Text),
        cast(RightsProfile.facts[PhotoGrant.ordinal], Text),
        Photo.grant_blocks.op(">>")(PhotoGrant.ordinal).op("&")(1),
        Photo.disputed_at.is_not(None),
        case((Photo.embargo_until > _AT, Photo.embargo_until), else_=None),
        Photo.embargo_visible_to,
        Photo.erased_at.is_not(None),
        Photo.withdrawn_at.is_not(None),
        func.coalesce(Photo.held_until > _AT, False),
        *licensing.AGAINST.values(),
    )
    .join(RightsProfile, Photo.profile_id == RightsProfile.id)
    .join(PhotoGrant, PhotoGrant.photo_id == Photo.id)
    .join(Grant, Grant.id == PhotoGrant.grant_id)
    .join(License, License.id == Grant.license_id)
    .outerjoin(GrantCounter, licensing.SEALED)
    .where(Photo.id == any_(bindparam("photos", type_=ARRAY(Uuid))))
    .order_by(Photo.id, PhotoGrant.ordinal)
)


@dataclass(frozen=True)
class Offered:
    """What photos offer, and the terms of the grants, as the database writes them."""

    offers: Mapping[UUID, Offers]
    terms: Mapping[UUID, str]


def offered(session: Session, photo_ids: Iterable[UUID], *, at: datetime) -> Offered:
    """What each photo offers to the engine: its grants in order, with all that stands against them at `at`.

    A photo that is unknown or quarantined offers nothing. Embargo, deny holds of photos and withdrawals
    that fall due are judged at `at`; everything else as it is recorded now. One statement reads it
    all: an ordinal says nothing beside a profile, or a block bit, of another moment.
    """
    wanted = set(photo_ids)
    asked = {"photos": [*wanted], "at": at}
    overdue = pulling.NOTHING
    rows = session.execute(_FACTS, asked).all()
    if rows and rows[0][0]:
        overdue = pulling.overdue(session, wanted, at=at)
        rows = session.execute(_FACTS, asked).all()
    offers: dict[UUID, list[tuple[UUID, GrantFacts]]] = {photo_id: [] for photo_id in wanted}
    terms: dict[UUID, str] = {}
    for (
        _,
        photo_id,
        grant_id,
        stated,
        document,
        bit,
        disputed,
        embargo_until,
        seers,
        erased,
        pulled,
        held,
        *holding,
    ) in rows:
        on_photo = {
            "dispute": disputed,
            "embargo": embargo_until is not None,
            "erased": erased,
            "photo-withdrawn": pulled,
            "photo-held": held,
        }
        blocks = {name for name, holds in on_photo.items() if holds}
        blocks |= overdue.photos.get(photo_id, frozenset()) | overdue.grants.get(grant_id, frozenset())
        # A bit for which no record stands is a hold of the house's own.
        blocks |= licensing.against(holding) or ({"denied"} if bit else set())
        embargo = () if embargo_until is None else (frozenset(seers), instant(embargo_until))
        offers[photo_id].append((grant_id, read(document, frozenset(blocks), *embargo)))
        terms[grant_id] = stated
    return Offered({photo_id: tuple(grants) for photo_id, grants in offers.items()}, terms)


def facts_of(session: Session, photo_ids: Iterable[UUID], *, at: datetime) -> Mapping[UUID, Offers]:
    """The same without the terms."""
    return offered(session, photo_ids, at=at).offers
