"""A refusal looked at again for what people have signed, or could: cleared, awaiting, or refused. Pure.

The engine is asked once more without the rules that a sign-off answers: what it then allows
was denied by these alone. So nothing is allowed that any other rule denies.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bankd.licensing.vocabulary import Action
from bankd.policy import engine
from bankd.policy.engine import AnyUse, Cleared, Decision, Offer, Refused
from bankd.policy.facts import SetFacts
from bankd.policy.load import Bundle
from bankd.policy.signoff import NEVER_BLOCKS, Needs, Signed


@dataclass(frozen=True, kw_only=True)
class Awaiting(Refused):
    """Refused as things stand, and by nothing but rules that people can sign off: on this one grant.

    A refusal in every other respect, so that whoever knows nothing of sign-offs refuses.
    """

    grant_id: UUID
    policies: tuple[str, ...]  # that are not signed off


def waivable(bundle: Bundle, action: Action) -> Mapping[str, Needs]:
    """The policies of an action that people may sign off, and who."""
    return {policy.id: policy.signoff for policy in bundle.about(action) if policy.signoff is not None}


def looked_at(
    bundle: Bundle,
    action: Action,
    use: AnyUse,
    offers: Mapping[UUID, Sequence[Offer]],
    answers: Mapping[UUID, Cleared | Refused],
    *,
    signed: Signed,
) -> dict[UUID, Cleared | Refused]:
    """The answers about photos, with what sign-offs make of those that were refused.

    Args:
        offers: what was asked of each photo.
    """
    needs = waivable(bundle, action)
    found = dict(answers)
    if not needs:
        return found
    asked = [
        (photo, offer, frozenset(answer.per_grant[offer.grant_id]))
        for photo, answer in answers.items()
        if isinstance(answer, Refused)
        for offer in offers[photo]
        if _left_to_people(answer.per_grant.get(offer.grant_id, ()), offer.facts, needs)
    ]
    clearing: dict[UUID, list[tuple[Offer, tuple[str, ...]]]] = {}
    for aside in {policies for _, _, policies in asked}:
        alike = [(photo, offer) for photo, offer, policies in asked if policies == aside]
        decided = engine.decide_many(bundle, action, [offer.facts for _, offer in alike], use, aside=aside)
        for (photo, offer), decision in zip(alike, decided, strict=True):
            if decision.allowed:
                unsigned = tuple(
                    policy
                    for policy in sorted(aside)
                    if not signed.covers(policy, needs[policy], photo, offer.grant_id)
                )
                clearing.setdefault(photo, []).append((offer, unsigned))
    for photo, candidates in clearing.items():
        offer, unsigned = min(candidates, key=lambda each: (bool(each[1]), each[0].preference))
        if not unsigned:
            found[photo] = Cleared(offer.grant_id)
            continue
        refused = answers[photo]
        assert isinstance(refused, Refused)
        found[photo] = Awaiting(
            reasons=refused.reasons, per_grant=refused.per_grant, grant_id=offer.grant_id, policies=unsigned
        )
    return found


def looked_at_set(
    bundle: Bundle,
    facts: SetFacts,
    use: AnyUse,
    decision: Decision,
    *,
    photos: Collection[UUID],
    signed: Signed,
) -> tuple[Decision, tuple[str, ...]]:
    """The decision about a set with what sign-offs make of it, and the policies that still wait for one.

    Args:
        photos: those of the set; without them only a sign-off of the whole use covers it.
    """
    needs = waivable(bundle, "compose")
    aside = frozenset(decision.policies)
    if decision.allowed or decision.errors or not aside <= needs.keys():
        return decision, ()
    if not engine.decide_set(bundle, facts, use, aside=aside).allowed:
        return decision, ()
    unsigned = tuple(
        policy for policy in sorted(aside) if not signed.covers_set(policy, needs[policy], photos)
    )
    return (decision, unsigned) if unsigned else (Decision(True), ())


def _left_to_people(policies: Collection[str], facts: Any, needs: Mapping[str, Needs]) -> bool:
    blocks = facts.get("blocks", ()) if isinstance(facts, Mapping) else facts.blocks
    return bool(policies) and needs.keys() >= {*policies} and not NEVER_BLOCKS & {*blocks}
