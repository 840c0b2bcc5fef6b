"""The policies of the tree hold together, and what should be refused is."""

import shutil
from pathlib import Path

import pytest

from bankd.policy import cases, compile, load
from bankd.policy.check import check
from bankd.policy.load import SCHEMA, Bundle

POLICIES = Path(__file__).parents[3] / "policies"
CASES = cases.read(POLICIES / "cases")

WHY_REJECTED = {
    "every-action": "must name its actions",
    "for-one-grant": "must stand for every actor and every grant",
    "id-reserved": "is reserved",
    "id-taken-twice": "is taken in",
    "no-id": "is no id of words joined by hyphens",
    "no-sentence": "needs `@says`",
    "no-syntax": "unexpected token",
    "not-in-sql": "cannot be compiled to SQL: `like`",
    "set-in-set": "the types String and Set<String> are not compatible",
    "set-rule-on-a-grant": "attribute `meet_empty` on entity type `Grant` not found",
    "sets-compared-in-sql": "cannot be compiled to SQL: `==`",
    "signers-too-many": "it can be 1 to 2",
    "signoff-by-nobody": "sign-offs are given by",
    "signoff-for-training": "names actions for which no request waits",
    "signoff-of-block": "can never be signed off: it reads `blocks`",
    "signoff-of-minor": "can never be signed off: an unreleased minor",
    "signoff-of-permit": "only what forbids can wait for a sign-off",
    "signoff-of-term": "can never be signed off: it reads `ends_at`",
    "template": "a template is not a policy",
    "text-as-moment": "expected datetime but saw String",
    "typo-in-attribute": "attribute `territorys` on entity type `Grant` not found",
    "typo-in-context": "attribute `market` in context",
    "unguarded-optional": "unable to guarantee safety of access to optional attribute `ends_at`",
    "unknown-action": 'unrecognized action `Action::"resell"`',
    "unknown-entity": "unrecognized entity type `Visitor`",
    "wrong-type": "are not compatible",
}


def test_policies_of_the_tree_have_no_problem(policies: Path) -> None:
    assert check(policies) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case_is_decided_as_worked_out_by_hand(bundle: Bundle, case: cases.Case) -> None:
    assert cases.failure(bundle, case) is None


def test_every_policy_decides_some_case(bundle: Bundle) -> None:
    decided = {policy for case in CASES for policy in case.text.policies}
    forbidding = {policy.id for policy in bundle.policies.values() if policy.effect == "forbid"}
    assert forbidding <= decided


def test_every_file_of_rejected_says_why_it_is(policies: Path) -> None:
    assert {path.stem for path in (policies / "rejected").glob("*.cedar")} == {*WHY_REJECTED}


@pytest.mark.parametrize("name", sorted(WHY_REJECTED))
def test_rejected_policy_is_refused_for_its_own_reason(policies: Path, bundle: Bundle, name: str) -> None:
    text = (policies / "rejected" / f"{name}.cedar").read_text()
    alone = [(SCHEMA, dict(bundle.texts)[SCHEMA]), (f"{name}.cedar", text)]
    problems = load.problems(alone) or compile.problems(Bundle.of(alone))
    assert any(WHY_REJECTED[name] in problem for problem in problems)


@pytest.fixture
def copied(policies: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(policies, tmp_path / "policies"))


def replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_rule_that_changes_a_case_is_a_problem(copied: Path) -> None:
    replaced(copied / "term.cedar", "context.now < resource.ends_at", "context.now <= resource.ends_at")
    assert check(copied) == [
        "case `term.yaml: the moment that ends the term`: cleared, not refused",
    ]


def test_rejected_policy_that_is_valid_is_a_problem(copied: Path) -> None:
    shutil.copy(copied / "training.cedar", copied / "rejected" / "training.cedar")
    assert check(copied) == ["`rejected/training.cedar` is valid, and should not be"]


def test_schema_that_lets_a_fact_be_absent_is_a_problem(copied: Path) -> None:
    replaced(copied / SCHEMA, "credit_owed: Bool", "credit_owed?: Bool")
    assert check(copied) == [f"`{SCHEMA}`: `Grant` must demand `credit_owed`"]


def test_schema_without_a_fact_is_a_problem(copied: Path) -> None:
    replaced(copied / SCHEMA, "  share_alike?: String,\n", "")
    assert f"`{SCHEMA}`: `Grant` has not the attributes of grant facts" in check(copied)


def test_broken_policy_names_its_file_and_id(copied: Path) -> None:
    replaced(copied / "term.cedar", "context.now < resource.ends_at", "context.now < resource.end_at")
    assert check(copied) == [
        "`term.cedar`: policy `term-over`: attribute `end_at` on entity type `Grant` not found"
    ]


def test_empty_folder_has_no_schema(tmp_path: Path) -> None:
    [problem] = check(tmp_path)
    assert problem.startswith(f"`{SCHEMA}` cannot be read")


def test_case_that_is_not_whole_is_a_problem(copied: Path) -> None:
    replaced(copied / "cases" / "set.yaml", "    policies: [meet-empty]\n", "")
    [problem] = check(copied)
    assert problem.startswith("`set.yaml`") and "names its deciding policies" in problem
