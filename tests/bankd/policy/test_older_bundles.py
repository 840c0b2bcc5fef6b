"""A bundle older than a fact goes on deciding where the fact says nothing, and refuses where it does."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from grants_drawn import Row, stored
from sqlalchemy import Table
from sqlalchemy.orm import Session

from bankd.licensing.facts import canonical, value_facts
from bankd.licensing.terms import LATER_FACTS, GrantFacts
from bankd.policy import compile
from bankd.policy.engine import decide, decide_set
from bankd.policy.facts import LATER, SetFacts
from bankd.policy.filters import filter_for
from bankd.policy.load import ERROR_IN_EVALUATION, SCHEMA, Bundle

Facts = Callable[..., dict[str, Any]]
SAYS = {str: "odd", int: 1, frozenset: ["JP"], type(None): "2026-12-31T15:00:00.000Z"}


def other_than(nothing: object) -> Any:
    return not nothing if isinstance(nothing, bool) else SAYS[type(nothing)]


def without(bundle: Bundle, names: set[str]) -> Bundle:
    """The bundle as it was before there were these facts: no rule about them, and none in the schema."""
    texts = []
    for name, text in bundle.texts:
        if name == SCHEMA:
            text = re.sub(rf"^  ({'|'.join(names)})\??:.*\n", "", text, flags=re.MULTILINE)
        else:
            rules = re.split(r"(?=^@id)", text, flags=re.MULTILINE)
            text = "".join(
                rule
                for rule in rules
                if not re.search(rf"(resource|context)\.({'|'.join(names)})\b", rule)
                and not re.search(rf"resource has ({'|'.join(names)})\b", rule)
            )
        texts.append((name, text))
    return Bundle.of(texts)


@pytest.fixture
def silent(a_grant: Facts) -> Facts:
    """A grant of which the later facts say nothing, less what the test says."""
    nothing = {
        name: sorted(value) if isinstance(value, frozenset) else value for name, value in LATER_FACTS.items()
    }
    return lambda **said: a_grant(**nothing | said)


@pytest.fixture(scope="module")
def older(bundle: Bundle) -> Bundle:
    later = {name for kind in LATER.values() for name in kind}
    return without(bundle, later)


def test_every_later_fact_is_lacking_in_an_older_bundle_and_in_none_of_today(
    bundle: Bundle, older: Bundle
) -> None:
    assert {kind: {*names} for kind, names in bundle.lacking.items()} == {kind: set() for kind in LATER}
    assert {kind: {*names} for kind, names in older.lacking.items()} == {
        kind: {*names} for kind, names in LATER.items()
    }


def test_an_older_bundle_decides_as_before_where_later_facts_say_nothing(
    older: Bundle, silent: Facts, a_use: Facts
) -> None:
    facts = GrantFacts.model_validate(silent())
    assert decide(older, "synthesize", facts, a_use()).allowed
    assert not decide(older, "synthesize", facts, a_use(targeted=["FR"])).allowed
    # It has no rule about what is younger in a use, and decides by those that it has.
    asked = a_use(circulation="stock", department="Launch")
    assert decide(older, "publish", facts, asked).allowed
    assert not decide(older, "publish", facts, asked | {"targeted": ["FR"]}).allowed


@pytest.mark.parametrize("name", sorted(LATER_FACTS))
def test_what_an_older_bundle_cannot_hear_refuses_in_engine_and_sql(
    session: Session, unconstrained: Table, older: Bundle, silent: Facts, a_use: Facts, name: str
) -> None:
    said = silent(**{name: other_than(LATER_FACTS[name])})
    assert decide(older, "synthesize", said, a_use()).policies == (ERROR_IN_EVALUATION,)

    stored(session, unconstrained, [Row(1, 0, silent()), Row(2, 0, said)])
    found = session.execute(filter_for(older, "synthesize", a_use(), source=unconstrained).profiles)
    assert [row.profile_id for row in found] == [1]
    denied = session.execute(compile.denials(older, "synthesize", a_use(), source=unconstrained)).all()
    assert [tuple(row) for row in denied] == [(2, 0, [ERROR_IN_EVALUATION])]


def test_a_set_that_an_older_bundle_knows_is_decided(older: Bundle, a_use: Facts) -> None:
    stated = {"sources": 1, "share_alike": [], "has_noncommercial": False, "has_rights_managed": False,
              "credits_owed": 0, "meet_empty": False}  # fmt: skip
    assert decide_set(older, SetFacts.model_validate(stated), a_use()).allowed


def test_what_networks_made_is_no_news_to_an_older_bundle_and_products_are(
    older: Bundle, bundle: Bundle, a_use: Facts
) -> None:
    stated = {"sources": 1, "share_alike": [], "has_noncommercial": False, "has_rights_managed": False,
              "credits_owed": 0, "meet_empty": False}  # fmt: skip
    made = SetFacts.model_validate({**stated, "generated_bp": 5000})
    assert decide_set(older, made, a_use(brand="Acme")).allowed
    assert not decide_set(bundle, made, a_use(brand="Acme")).allowed
    declared = SetFacts.model_validate({**stated, "products": ["MUG-1"]})
    assert decide_set(older, declared, a_use()).policies == (ERROR_IN_EVALUATION,)
    assert decide_set(bundle, declared, a_use()).allowed


def test_a_profile_keeps_its_digest_when_facts_come_along(silent: Facts) -> None:
    facts = GrantFacts.model_validate(silent())
    assert not LATER_FACTS.keys() & value_facts(facts).keys()
    for name, nothing in LATER_FACTS.items():
        said = other_than(nothing)
        other = facts.model_copy(update={name: frozenset(said) if isinstance(said, list) else said})
        assert canonical(other) != canonical(facts), name
