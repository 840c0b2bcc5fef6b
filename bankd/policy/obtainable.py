"""Which rights would clear a photo for a use if they were obtained: asked of the engine, on facts as they
would be then.

A release or license that nobody has yet is taken to cover the use that is asked for, and nothing else is
taken to change: an unreleased minor stays one, a photo that forbids merging goes on forbidding it, and what
is withdrawn, disputed or erased stays so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from bankd.licensing.terms import LATER_FACTS, GrantFacts
from bankd.licensing.use import UseFacts
from bankd.policy.engine import Offer, decide_many
from bankd.policy.load import Bundle

Right = Literal["model-release", "property-release", "license"]

STEPS: tuple[tuple[Right, ...], ...] = (
    ("model-release",),
    ("property-release",),
    ("model-release", "property-release"),
    ("license",),
    ("license", "model-release"),
    ("license", "property-release"),
    ("license", "model-release", "property-release"),
)
"""From what is least to ask of others to what is most."""

SAYS: dict[Right, str] = {
    "model-release": "a model release of everybody in it for this use",
    "property-release": "a property release for this use",
    "license": "a license that covers this use",
}


@dataclass(frozen=True)
class Obtainable:
    """A photo that would clear on a grant, once these rights were obtained."""

    photo_id: UUID
    grant_id: UUID
    rights: tuple[Right, ...]

    @property
    def says(self) -> str:
        return " and ".join(SAYS[right] for right in self.rights)


def obtainable(bundle: Bundle, use: UseFacts, offers: Sequence[tuple[UUID, Offer]]) -> Obtainable | None:
    """The least that would clear one of these photos for the use; None where no release or license would."""
    known = [(photo, offer, offer.facts) for photo, offer in offers if isinstance(offer.facts, GrantFacts)]
    for rights in STEPS:
        tried = [
            (photo, offer.grant_id, changed)
            for photo, offer, facts in known
            if (changed := _with(facts, rights, use)) is not None
        ]
        decisions = decide_many(bundle, "synthesize", [facts for _, _, facts in tried], use)
        for (photo, grant_id, _), decision in zip(tried, decisions, strict=True):
            if decision.allowed:
                return Obtainable(photo, grant_id, rights)
    return None


def _with(facts: GrantFacts, rights: Sequence[Right], use: UseFacts) -> GrantFacts | None:
    """The facts with each right added; None where one of them would add nothing."""
    for right in rights:
        changed = facts.model_copy(update=ADDED[right](facts, use))
        if changed == facts:
            return None
        facts = changed
    return facts


def _released(facts: GrantFacts, _: UseFacts) -> dict[str, Any]:
    limits = {name: LATER_FACTS[name] for name in LATER_FACTS if name.startswith("release_")}
    return {} if facts.persons == "none" else {**limits, "model_release": "released", "persons_covered": True}


def _property_released(_: GrantFacts, __: UseFacts) -> dict[str, Any]:
    return {"property_release": "released"}


def _licensed(facts: GrantFacts, use: UseFacts) -> dict[str, Any]:
    if facts.basis != "licensed":
        return {}
    return {
        "worldwide": True,
        "territories": frozenset[str](),
        "channels": facts.channels | use.channels,
        "purposes": facts.purposes | {use.purpose},
        "any_sector": True,
        "sectors": frozenset[str](),
        "audiences": facts.audiences | {use.audience},
        "alterations": facts.alterations | use.alterations | {"combine"},
        "generative": True,
        "any_licensee": True,
        "licensees": frozenset[str](),
        "subjects_excluded": facts.subjects_excluded - use.subjects,
        "max_copies": None,
        "carved": frozenset[str](),
        "starts_at": min(facts.starts_at, use.starts_at, use.now),
        "ends_at": None,
        "create_before": None,
        "publish_before": None,
        "available_before": None,
    }


ADDED = {"model-release": _released, "property-release": _property_released, "license": _licensed}
