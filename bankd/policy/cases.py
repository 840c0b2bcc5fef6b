"""Decisions worked out by hand, which the policies must reach: `policies/cases/*.yaml`.

A file states a use and a grant that agree with each other; each case says
what differs from them, and what must come of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import yaml
from pydantic import Field, ValidationError, model_validator

from bankd.licensing.terms import Value
from bankd.licensing.vocabulary import Action
from bankd.policy.awaiting import Awaiting, looked_at, looked_at_set
from bankd.policy.engine import Cleared, Offer, clear, decide_set
from bankd.policy.errors import InvalidBundle
from bankd.policy.facts import SetFacts
from bankd.policy.load import Bundle
from bankd.policy.signoff import MOST_SIGNERS, Given, Signed

PHOTO = UUID(int=0)

Overrides = Annotated[Mapping[str, Any], Field(default_factory=dict)]


class OfferedCase(Value):
    """What a case changes in the grant, and what the house weighs beside its facts."""

    facts: Overrides
    capped: bool = False
    fee_minor: int = 0


class CaseText(Value):
    """One case as it is written: of `grants`, of a `set`, or else of the one grant that the file states."""

    case: str
    action: Action
    use: Overrides
    grant: Overrides
    grants: dict[str, OfferedCase] | None = None
    set: Mapping[str, Any] | None = None
    signed: tuple[str, ...] = ()  # policies that people have signed off for it, as many as it takes
    decision: Literal["cleared", "awaiting", "refused"]
    relies_on: str | None = None  # the grant relied on, where there are several
    policies: tuple[str, ...] = ()  # the deciding ids of a refusal, or those that wait for people
    per_grant: dict[str, tuple[str, ...]] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "CaseText":
        if (self.decision == "cleared") == bool(self.policies):
            raise ValueError("a refusal or what waits, and nothing else, names its deciding policies")
        if (self.relies_on is not None) != (self.grants is not None and self.decision == "cleared"):
            raise ValueError("`relies_on` names the grant relied on among several, and nothing else")
        return self


class CaseFile(Value):
    use: Overrides
    grant: Overrides
    set: Overrides
    cases: tuple[CaseText, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Case:
    """A case with its file's use and grant under it."""

    file: str
    text: CaseText
    use: Mapping[str, Any]
    grant: Mapping[str, Any]
    set: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.file}: {self.text.case}"


def read(folder: Path) -> list[Case]:
    """Every case in a folder.

    Raises:
        InvalidBundle: a file is not YAML, or a case is not whole.
    """
    found = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            written = CaseFile.model_validate(yaml.safe_load(path.read_bytes()))
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise InvalidBundle([f"`{path.name}`: {' '.join(str(error).split())}"]) from error
        found += [Case(path.name, text, written.use, written.grant, written.set) for text in written.cases]
    return found


def failure(bundle: Bundle, case: Case) -> str | None:
    """What came out instead; None if the case holds."""
    text = case.text
    use = {**case.use, **text.use}
    if text.set is not None:
        facts = SetFacts(**{**case.set, **text.set})
        decision, waits = looked_at_set(
            bundle, facts, use, decide_set(bundle, facts, use), photos=(), signed=_signed(text)
        )
        outcome = "cleared" if decision.allowed else "awaiting" if waits else "refused"
        return _differs(text, outcome, None, waits or decision.policies, {})
    offered = {"": OfferedCase(facts={})} if text.grants is None else text.grants
    names = {UUID(int=number): name for number, name in enumerate(offered, 1)}
    offers = {PHOTO: _offers(case, offered, [*names])}
    answers = {PHOTO: clear(bundle, text.action, use, offers[PHOTO])}
    answer = looked_at(bundle, text.action, use, offers, answers, signed=_signed(text))[PHOTO]
    if isinstance(answer, Cleared):
        return _differs(text, "cleared", names[answer.grant_id] or None, (), {})
    per_grant = {names[id]: policies for id, policies in answer.per_grant.items()}
    if isinstance(answer, Awaiting):
        return _differs(text, "awaiting", None, answer.policies, per_grant)
    return _differs(text, "refused", None, tuple(sorted(answer.reasons)), per_grant)


def _signed(text: CaseText) -> Signed:
    return Signed(
        tuple(
            Given(UUID(int=number), policy, f"signer {number}", "use")
            for policy in text.signed
            for number in range(MOST_SIGNERS)
        )
    )


def _offers(case: Case, offered: Mapping[str, OfferedCase], ids: Sequence[UUID]) -> list[Offer]:
    offers = []
    for id, offer in zip(ids, offered.values(), strict=True):
        facts = {**case.grant, **case.text.grant, **offer.facts}
        offers.append(Offer(id, facts, facts.get("basis", "licensed"), offer.capped, offer.fee_minor))
    return offers


def _differs(
    text: CaseText,
    outcome: str,
    relied_on: str | None,
    policies: tuple[str, ...],
    per_grant: Mapping[str, tuple[str, ...]],
) -> str | None:
    if outcome != text.decision:
        return f"{outcome}{' by ' if policies else ''}{', '.join(policies)}, not {text.decision}"
    if relied_on != text.relies_on:
        return f"relies on `{relied_on}`, not on `{text.relies_on}`"
    if policies != tuple(sorted(text.policies)):
        return f"{outcome} by {', '.join(policies)}, not by {', '.join(sorted(text.policies))}"
    expected = {name: tuple(sorted(ids)) for name, ids in (text.per_grant or per_grant).items()}
    if {**per_grant} != expected:
        return f"the grants are refused by {dict(per_grant)}, not by {expected}"
    return None
