"""Ask policy about photos, as rights stand now, with the reading of rights in one place."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.catalog import service as catalog
from bankd.licensing.facts import use_facts
from bankd.licensing.models import Grant
from bankd.licensing.terms import GrantFacts, GrantTerms
from bankd.licensing.use import Use, UseFacts
from bankd.licensing.vocabulary import WORLD, Action
from bankd.policy import engine
from bankd.policy import service as policy
from bankd.policy.engine import Cleared, Offer, Refused
from bankd.policy.facts import set_facts
from bankd.policy.load import Bundle
from bankd.provenance.effective import Clash, EffectiveLicense, Relied, effective

MEET_EMPTY = "meet-empty"


@dataclass(frozen=True)
class Terms:
    """What a use is asked against: one bundle, one use at one moment."""

    bundle: Bundle
    use: UseFacts
    at: datetime


@dataclass(frozen=True)
class Rights:
    """What each photo offers now: its grants with today's blocks, and their terms."""

    offers: Mapping[UUID, Sequence[Offer]]
    terms: Mapping[UUID, GrantTerms]

    def relied(self, photo_id: UUID, grant_id: UUID) -> Relied:
        """The grant as the set of a composite sees it."""
        offer = next(offer for offer in self.offers[photo_id] if offer.grant_id == grant_id)
        terms = self.terms[grant_id]
        return Relied(grant_id, offer.facts, credit=terms.credit, sublicense=terms.sublicense)  # type: ignore[arg-type]


@dataclass(frozen=True)
class SetRefused:
    """Grants that clear alone and not together; `pairs` name who clashes with whom, and by which policies."""

    reasons: frozenset[str]
    pairs: tuple[engine.Clash, ...]

    @property
    def grants(self) -> tuple[UUID, ...]:
        """Those of the first clash; empty where no two are to blame."""
        pair = next(iter(self.pairs), None)
        return () if pair is None else tuple(g for g in (pair.first, pair.second) if g is not None)


def terms_of(session: Session, use: Use, *, at: datetime) -> Terms:
    """Under the bundle that is active now.

    Raises:
        NoActiveBundle: nothing clears without rules.
    """
    return Terms(policy.active(session), use_facts(use, at=at), at)


def rights_of(
    session: Session, photo_ids: Collection[UUID], *, at: datetime, reserved: frozenset[UUID] = frozenset()
) -> Rights:
    """Read what photos offer now.

    Args:
        reserved: grants with a place held for what is being decided: their cap
            being full with that very place does not stand in its way.
    """
    facts = catalog.facts_of(session, photo_ids, at=at)
    grant_ids = {grant_id for offered in facts.values() for grant_id, _ in offered}
    terms = {grant.id: grant.terms for grant in session.scalars(select(Grant).where(Grant.id.in_(grant_ids)))}
    offers = {
        photo_id: [
            Offer(
                grant_id=grant_id,
                facts=_within_cap(offered) if grant_id in reserved else offered,
                basis=offered.basis,
                capped=terms[grant_id].cap is not None,
                fee_minor=terms[grant_id].fee_minor,
            )
            for grant_id, offered in grants
        ]
        for photo_id, grants in facts.items()
    }
    return Rights(offers, terms)


def _within_cap(facts: GrantFacts) -> GrantFacts:
    return facts.model_copy(update={"blocks": facts.blocks - {"capped-out"}})


def clear_photos(
    terms: Terms,
    action: Action,
    rights: Rights,
    *,
    only: Mapping[UUID, UUID] | None = None,
    without: frozenset[UUID] = frozenset(),
) -> dict[UUID, Cleared | Refused]:
    """The grant to rely on for each photo, or why there is none.

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
    return dict(zip(photos, engine.clear_many(terms.bundle, action, terms.use, asked), strict=True))


def clear_set(terms: Terms, relied: Sequence[Relied]) -> EffectiveLicense | SetRefused:
    """The license of a picture that relies on these, or why they may not stand in one (action `compose`)."""
    met = effective(relied)
    facts = set_facts([one.facts for one in relied], meet_empty=isinstance(met, Clash))
    decision = engine.decide_set(terms.bundle, facts, terms.use)
    if decision.allowed and isinstance(met, EffectiveLicense):
        return met
    pairs = engine.clashes(terms.bundle, terms.use, [(one.grant_id, one.facts) for one in relied])
    if isinstance(met, Clash):
        pairs.insert(0, engine.Clash(met.first, met.second, (MEET_EMPTY,)))
    return SetRefused(frozenset(decision.policies) or frozenset({MEET_EMPTY}), tuple(pairs))


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
