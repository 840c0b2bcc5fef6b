"""Ask policy about photos, as rights stand now, with the reading of rights in one place."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from bankd.catalog import service as catalog
from bankd.licensing.facts import use_facts
from bankd.licensing.models import Grant
from bankd.licensing.terms import GrantFacts, GrantTerms
from bankd.licensing.use import Use, UseFacts
from bankd.licensing.vocabulary import WORLD, Action
from bankd.policy import awaiting, engine
from bankd.policy import service as policy
from bankd.policy.engine import Cleared, Offer, Refused
from bankd.policy.facts import NOTHING_KNOWN, Pictured
from bankd.policy.load import Bundle
from bankd.policy.signoff import NOBODY, Signed


@dataclass(frozen=True)
class Adapted:
    """The photo whose arrangement a layout is, and the grant relied on for that."""

    photo_id: UUID
    grant_id: UUID
    facts: GrantFacts
    terms: GrantTerms


@dataclass(frozen=True)
class Terms:
    """What a use is asked against: one bundle, one use at one moment, and what people have signed for it.

    Pictures beside whose sources a photo's arrangement stands, or of which more is known than their
    sources, have that here too.
    """

    bundle: Bundle
    use: UseFacts
    at: datetime
    signed: Signed = NOBODY
    adapted: Adapted | None = None
    pictured: Pictured = NOTHING_KNOWN


@dataclass(frozen=True)
class Rights:
    """What each photo offers now: its grants with today's blocks, and their terms."""

    offers: Mapping[UUID, Sequence[Offer]]
    terms: Mapping[UUID, GrantTerms]


def terms_of(session: Session, use: Use, *, at: datetime, department: str = "") -> Terms:
    """Under the bundle that is active now.

    Args:
        department: who asks, as `access.service.department_called` has it; nobody sees no embargo.

    Raises:
        NoActiveBundle: nothing clears without rules.
    """
    return Terms(policy.active(session), use_facts(use, at=at, department=department), at)


def rights_of(
    session: Session, photo_ids: Collection[UUID], *, at: datetime, reserved: frozenset[UUID] = frozenset()
) -> Rights:
    """Read what photos offer now.

    Args:
        reserved: grants with a place held for what is being decided: their cap
            being full with that very place does not stand in its way.
    """
    read = catalog.offered(session, photo_ids, at=at)
    return _rights(read.offers, read.terms, reserved=reserved)


def offered(
    session: Session,
    facts: Mapping[UUID, catalog.Offers],
) -> Rights:
    """The same, of facts that were read already."""
    grant_ids = {grant_id for grants in facts.values() for grant_id, _ in grants}
    rows = session.execute(select(Grant.id, cast(Grant.terms, Text)).where(Grant.id.in_(grant_ids)))
    return _rights(facts, dict(rows.all()))


def _rights(
    facts: Mapping[UUID, catalog.Offers],
    terms: Mapping[UUID, str],
    *,
    reserved: frozenset[UUID] = frozenset(),
) -> Rights:
    stated = {grant_id: _stated(document) for grant_id, document in terms.items()}
    offers = {
        photo_id: [
            Offer(
                grant_id=grant_id,
                facts=_within_cap(fact) if grant_id in reserved else fact,
                basis=fact.basis,
                capped=stated[grant_id].capped,
                fee_minor=stated[grant_id].fee_minor,
            )
            for grant_id, fact in grants
        ]
        for photo_id, grants in facts.items()
    }
    return Rights(offers, {grant_id: each.terms for grant_id, each in stated.items()})


@dataclass(frozen=True)
class _Stated:
    terms: GrantTerms
    capped: bool
    fee_minor: int


@lru_cache(maxsize=2048)
def _stated(document: str) -> _Stated:
    """Terms never change, and photos under them are asked about again and again."""
    terms = GrantTerms.model_validate_json(document)
    return _Stated(terms, bool(terms.all_caps), terms.dearest_minor)


def _within_cap(facts: GrantFacts) -> GrantFacts:
    if "capped-out" not in facts.blocks:
        return facts
    return facts.model_copy(update={"blocks": facts.blocks - {"capped-out"}})


def clear_photos(
    terms: Terms,
    action: Action,
    rights: Rights,
    *,
    only: Mapping[UUID, UUID] | None = None,
    without: frozenset[UUID] = frozenset(),
) -> dict[UUID, Cleared | Refused]:
    """The grant to rely on for each photo, or why there is none; `Awaiting` where people can sign for it.

    Args:
        only: photo -> the one grant that may be relied on.
        without: grants that may not be relied on.
    """
    photos = list(rights.offers)
    asked = [
        [
            offer
            for offer in rights.offers[photo]
            if offer.grant_id not in without and (only is None or offer.grant_id == only.get(photo))
        ]
        for photo in photos
    ]
    answers = dict(zip(photos, engine.clear_many(terms.bundle, action, terms.use, asked), strict=True))
    offers = dict(zip(photos, asked, strict=True))
    return awaiting.looked_at(terms.bundle, action, terms.use, offers, answers, signed=terms.signed)


def viewable(session: Session, photo_ids: Collection[UUID], *, at: datetime) -> frozenset[UUID]:
    """Photos of which people of the house may see a preview now (action `view`)."""
    today = at.date()
    use = Use(
        purpose="internal",
        channels=frozenset({"internal"}),
        targeted=frozenset({WORLD}),
        accessible=frozenset({WORLD}),
        starts_on=today,
        ends_on=today,
        audience="internal",
    )
    answers = clear_photos(terms_of(session, use, at=at), "view", rights_of(session, photo_ids, at=at))
    return frozenset(photo for photo, answer in answers.items() if isinstance(answer, Cleared))
