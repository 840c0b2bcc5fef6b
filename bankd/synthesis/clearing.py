"""Whether photos that clear alone may stand in one picture, and under which license it then stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from bankd.policy import engine
from bankd.policy.clearing import Rights, Terms
from bankd.policy.facts import set_facts
from bankd.provenance.effective import Clash, EffectiveLicense, Relied, effective

MEET_EMPTY = "meet-empty"


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


def relied_on(rights: Rights, photo_id: UUID, grant_id: UUID) -> Relied:
    """The grant as the set of a composite sees it."""
    offer = next(offer for offer in rights.offers[photo_id] if offer.grant_id == grant_id)
    terms = rights.terms[grant_id]
    return Relied(grant_id, offer.facts, credit=terms.credit, sublicense=terms.sublicense)  # type: ignore[arg-type]


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
