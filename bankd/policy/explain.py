"""Refusals in words that a creative can read: which policies stood in the way, and how often."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from bankd.policy.engine import Decision, Refused
from bankd.policy.load import BUILT_IN, Bundle


@dataclass(frozen=True)
class Denial:
    """A policy, its sentence, and of how many answers it was a reason."""

    policy: str
    says: str
    count: int


def says(bundle: Bundle, policy: str) -> str:
    """The sentence of a policy. An id that this bundle does not have is its own sentence."""
    found = bundle.policies.get(policy)
    return found.says if found else BUILT_IN.get(policy, policy)


def explain(bundle: Bundle, answers: Iterable[Refused | Decision | Iterable[str]]) -> list[Denial]:
    """The reasons of many refusals together, the commonest first.

    An answer counts once for each policy that refused it; answers are
    refusals, decisions, or the ids of `compile.denials`.
    """
    counts = Counter(policy for answer in answers for policy in {*_policies(answer)})
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Denial(policy, says(bundle, policy), count) for policy, count in ordered]


def table(bundle: Bundle) -> str:
    """Every id with its sentence and its actions, as the Markdown table of docs/policy.md."""
    rows = [
        f"| `{policy.id}` | {policy.says} | {', '.join(sorted(policy.actions))} | `{policy.file}` |"
        for policy in bundle.policies.values()
    ]
    rows += [f"| `{id}` | {sentence} | all | built in |" for id, sentence in BUILT_IN.items()]
    return "\n".join(["| id | sentence | actions | file |", "| --- | --- | --- | --- |", *rows]) + "\n"


def _policies(answer: Refused | Decision | Iterable[str]) -> Iterable[str]:
    match answer:
        case Refused(reasons=reasons):
            return reasons
        case Decision(policies=policies):
            return policies
    return answer
