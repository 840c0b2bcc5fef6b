"""Ask the policies: may this grant, or this set of grants, carry that use? Closed on every doubt."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Any
from uuid import UUID

import cedarpy

from bankd.licensing.terms import GrantFacts
from bankd.licensing.use import UseFacts
from bankd.licensing.vocabulary import Action, Basis
from bankd.policy.facts import MOMENT, Facts, SetFacts, document, heard, set_facts, use_attributes
from bankd.policy.load import DEFAULT_DENY, ERROR_IN_EVALUATION, NO_GRANT, Bundle

PRINCIPAL = 'Actor::"house"'
ASKED_ABOUT = "0"  # the id of what is asked about: no policy looks at it
AnyUse = UseFacts | Mapping[str, object]
AnyGrant = GrantFacts | Mapping[str, object]


@dataclass(frozen=True)
class Decision:
    """`policies` are the ids of all that denied, sorted; empty when allowed."""

    allowed: bool
    policies: tuple[str, ...] = ()
    errors: tuple[str, ...] = field(default=(), compare=False)  # for operators, in Cedar's words


@dataclass(frozen=True)
class Offer:
    """A grant that a segment could be used on. `facts` carry the blocks that stand on grant and photo."""

    grant_id: UUID
    facts: AnyGrant
    basis: Basis
    capped: bool
    fee_minor: int

    @property
    def preference(self) -> tuple[bool, bool, int, UUID]:
        """The house's own first, then what no cap limits, then the lowest fee, then the lowest id."""
        return self.basis != "owned", self.capped, self.fee_minor, self.grant_id


@dataclass(frozen=True)
class Cleared:
    """The use may be made, on this one grant."""

    grant_id: UUID


@dataclass(frozen=True)
class Refused:
    """No grant alone covers the use. `reasons` are the ids of every policy that denied any of them."""

    reasons: frozenset[str]
    per_grant: Mapping[UUID, tuple[str, ...]] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Clash:
    """Two grants that cannot stand in one picture; `second` is None where the first cannot even alone."""

    first: UUID
    second: UUID | None
    policies: tuple[str, ...]


UNREADABLE = Decision(False, (ERROR_IN_EVALUATION,), ("the facts cannot be read",))


def decide(bundle: Bundle, action: Action, facts: AnyGrant, use: AnyUse) -> Decision:
    """Whether one grant alone carries the whole use."""
    return decide_many(bundle, action, [facts], use)[0]


def decide_many(
    bundle: Bundle,
    action: Action,
    facts: Sequence[AnyGrant],
    use: AnyUse,
    *,
    aside: frozenset[str] = frozenset(),
) -> list[Decision]:
    """`decide` for each of `facts`, in their order; equal facts are asked once.

    Args:
        aside: policies that are not asked.
    """
    return _ask(bundle, action, "Grant", facts, use, aside)


def decide_set(
    bundle: Bundle, facts: SetFacts, use: AnyUse, *, aside: frozenset[str] = frozenset()
) -> Decision:
    """Whether the grants that a composite relies on may stand together in it (action `compose`)."""
    return _ask(bundle, "compose", "GrantSet", [facts], use, aside)[0]


def clear(bundle: Bundle, action: Action, use: AnyUse, offers: Sequence[Offer]) -> Cleared | Refused:
    """The grant to rely on among those offered for one segment, or every reason why there is none."""
    return clear_many(bundle, action, use, [offers])[0]


def clear_many(
    bundle: Bundle, action: Action, use: AnyUse, segments: Sequence[Sequence[Offer]]
) -> list[Cleared | Refused]:
    """`clear` for the offers of each segment, in their order."""
    answers = iter(decide_many(bundle, action, [o.facts for offers in segments for o in offers], use))
    return [_prefer([(offer, next(answers)) for offer in offers]) for offers in segments]


def _prefer(decided: Sequence[tuple[Offer, Decision]]) -> Cleared | Refused:
    clearing = [offer for offer, decision in decided if decision.allowed]
    if clearing:
        return Cleared(min(clearing, key=lambda offer: offer.preference).grant_id)
    if not decided:
        return Refused(frozenset({NO_GRANT}))
    per_grant = {offer.grant_id: decision.policies for offer, decision in decided}
    return Refused(frozenset(id for policies in per_grant.values() for id in policies), per_grant)


def clashes(bundle: Bundle, use: AnyUse, grants: Sequence[tuple[UUID, GrantFacts]]) -> list[Clash]:
    """Which grants of a refused set to blame: those refused alone, then each pair refused for a reason
    that neither has alone.

    Who makes a meet empty is not asked here: the effective license names that pair.
    """
    groups = [*((one,) for one in grants), *combinations(grants, 2)]
    sets = [set_facts([facts for _, facts in group], meet_empty=False, use=use) for group in groups]
    found: list[Clash] = []
    alone: dict[UUID, frozenset[str]] = {}
    for group, decision in zip(groups, _ask(bundle, "compose", "GrantSet", sets, use), strict=True):
        ids = [id for id, _ in group]
        if len(ids) == 1:
            alone[ids[0]] = frozenset(decision.policies)
            new = alone[ids[0]]
        else:
            new = frozenset(decision.policies) - alone[ids[0]] - alone[ids[1]]
        if new:
            found.append(Clash(ids[0], ids[1] if len(ids) == 2 else None, tuple(sorted(new))))
    return found


def _ask(
    bundle: Bundle,
    action: Action,
    kind: str,
    facts: Sequence[Facts],
    use: AnyUse,
    aside: frozenset[str] = frozenset(),
) -> list[Decision]:
    asked = [_document(bundle, kind, each) for each in facts]
    context = use_attributes(use)
    if context is None:
        return [UNREADABLE] * len(asked)
    context = heard(context, bundle.lacking["Use"])
    different = [each for each in dict.fromkeys(asked) if each is not None]
    answers = _answers(bundle, action, kind, different, context, aside)
    return [UNREADABLE if each is None else answers[each] for each in asked]


def _document(bundle: Bundle, kind: str, facts: Facts) -> str | None:
    return (
        _written(bundle, kind, facts)
        if isinstance(facts, GrantFacts)
        else document(facts, lacking=bundle.lacking[kind])
    )


@lru_cache(maxsize=4096)
def _written(bundle: Bundle, kind: str, facts: GrantFacts) -> str | None:
    """The same facts are asked about again and again: when ranked, chosen, recorded and sealed."""
    return document(facts, lacking=bundle.lacking[kind])


def _answers(
    bundle: Bundle,
    action: Action,
    kind: str,
    documents: Sequence[str],
    context: dict[str, Any],
    aside: frozenset[str],
) -> dict[str, Decision]:
    """By document. What was asked before is not asked again, until a moment could change the answer.

    An answer turns on the facts, the use and the moment alone, and policies that call no function can but
    compare moments: between two that the facts or the use name it stays the same.
    """
    text = json.dumps(context, sort_keys=True)
    if not _compares_only(bundle, action):
        return dict(zip(documents, _decide(bundle, action, kind, documents, text, aside), strict=True))
    now = context["now"]
    lasting = json.dumps({**context, "now": None}, sort_keys=True)
    about = (bundle.digest, action, kind, lasting, *sorted(aside))
    answers = {
        each: kept.decision
        for each in documents
        if (kept := _kept.get((about, each))) is not None and kept.since <= now < kept.until
    }
    new = [each for each in documents if each not in answers]
    for each, decision in zip(
        new, _decide(bundle, action, kind, new, text, aside) if new else (), strict=True
    ):
        answers[each] = decision
        moments = _moments(lasting + each)
        if moments is None or now in moments or decision.errors:
            continue  # an answer of that very moment may be of it alone
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[about, each] = _Kept(decision, now, min((m for m in moments if m > now), default=NEVER))
    return answers


@dataclass(frozen=True)
class _Kept:
    decision: Decision
    since: str
    until: str  # not included


MOST_KEPT = 20_000
NEVER = "9999-12-31T23:59:59.999Z"
_DAY = re.compile(r'"(\d{4}-\d\d-\d\d[^"]*)"', re.ASCII)
_kept: dict[tuple[tuple[str, ...], str], _Kept] = {}


def _moments(text: str) -> list[str] | None:
    """Every moment that JSON names; None if one may be meant that is written in another way."""
    found: list[str] = _DAY.findall(text)
    return found if all(MOMENT.fullmatch(one) for one in found) else None


@lru_cache(maxsize=32)
def _compares_only(bundle: Bundle, action: Action) -> bool:
    """Whether no policy about the action calls a function, such as one that moves a moment."""
    bodies = [c["body"] for policy in bundle.about(action) for c in policy.source["conditions"]]
    return not any(_calls(body) for body in bodies)


def _calls(node: object) -> bool:
    """In Cedar's JSON a call is a list of arguments under its name, or an extension's value."""
    if isinstance(node, Mapping):
        return any(
            kind == "__extn" or (isinstance(inside, list) and kind != "Set") or _calls(inside)
            for kind, inside in node.items()
        )
    return isinstance(node, list) and any(_calls(each) for each in node)


def _decide(
    bundle: Bundle,
    action: Action,
    kind: str,
    documents: Sequence[str],
    context: str,
    aside: frozenset[str],
) -> list[Decision]:
    # The facts stand as entities read against the schema, which raises where
    # one is missing or of another type; Cedar alone would skip a `forbid` that
    # meets such a fact, and allow.
    answers = []
    policies = bundle.policy_set_without(aside) if aside else bundle.policy_set
    request = {
        "principal": PRINCIPAL,
        "action": f'Action::"{action}"',
        "resource": f'{kind}::"{ASKED_ABOUT}"',
        "context": context,
    }
    for text in documents:
        try:
            entities = _entities(bundle, kind, text)
        except ValueError as error:
            answers.append(Decision(False, (ERROR_IN_EVALUATION,), (str(error),)))
        else:
            [answer] = cedarpy.is_authorized_batch([request], policies, entities, bundle.schema)
            answers.append(_decision(answer))
    return answers


@lru_cache(maxsize=2048)
def _entities(bundle: Bundle, kind: str, document: str) -> cedarpy.Entities:
    """Read against the schema, which takes a third of the time of an answer: facts are asked about again,
    for other uses."""
    return cedarpy.Entities.from_json_str(
        f'[{{"uid":{{"type":"{kind}","id":"{ASKED_ABOUT}"}},"attrs":{document},"parents":[]}}]',
        schema=bundle.schema,
    )


def _decision(result: Any) -> Decision:
    """Allowed only if Cedar allowed and had nothing to complain about."""
    errors = tuple(result.diagnostics.errors)
    if result.allowed and not errors:
        return Decision(True)
    denying = () if result.allowed else result.diagnostics.reasons
    policies = {*denying, *((ERROR_IN_EVALUATION,) if errors else ())}
    return Decision(False, tuple(sorted(policies or {DEFAULT_DENY})), errors)
