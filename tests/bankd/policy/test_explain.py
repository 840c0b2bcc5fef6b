"""Refusals are said in sentences that a creative can read."""

from pathlib import Path
from uuid import UUID

from bankd.policy.engine import Decision, Refused
from bankd.policy.explain import Denial, explain, says, table
from bankd.policy.load import BUILT_IN, Bundle

DOCS = Path(__file__).parents[3] / "docs" / "policy.md"


def test_reasons_are_counted_once_an_answer_and_the_commonest_come_first(bundle: Bundle) -> None:
    answers = [
        Refused(
            frozenset({"term-over", "purpose-not-covered"}),
            {UUID(int=1): ("purpose-not-covered",), UUID(int=2): ("purpose-not-covered", "term-over")},
        ),
        Decision(False, ("purpose-not-covered",)),
        ["no-grant"],
        Decision(True),
    ]
    assert explain(bundle, answers) == [
        Denial("purpose-not-covered", "The license does not allow this purpose", 2),
        Denial("no-grant", BUILT_IN["no-grant"], 1),
        Denial("term-over", "The license has expired", 1),
    ]


def test_policy_of_another_bundle_is_still_named(bundle: Bundle) -> None:
    assert says(bundle, "a-rule-of-old") == "a-rule-of-old"


def test_sentences_are_each_their_own(bundle: Bundle) -> None:
    sentences = [policy.says for policy in bundle.policies.values()] + [*BUILT_IN.values()]
    assert len({*sentences}) == len(sentences)


def test_documented_table_is_the_bundles(bundle: Bundle) -> None:
    assert table(bundle) in DOCS.read_text()
