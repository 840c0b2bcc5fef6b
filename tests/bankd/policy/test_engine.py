"""What the engine answers when all is well, and that it refuses when anything is not."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import cedarpy
import pytest
from grants_drawn import DRAW_FACT, MOMENTS, altered

from bankd.licensing.depicted import Depictions
from bankd.licensing.facts import grant_facts, use_facts
from bankd.licensing.terms import EmbeddedRights, GrantFacts, GrantTerms
from bankd.licensing.use import Use
from bankd.policy import engine
from bankd.policy.engine import (
    Clash,
    Cleared,
    Decision,
    Offer,
    Refused,
    clashes,
    clear,
    clear_many,
    decide,
    decide_many,
    decide_set,
)
from bankd.policy.facts import set_facts
from bankd.policy.load import Bundle

ALLOWED = Decision(True)
UNREADABLE = Decision(False, ("error-in-evaluation",))
FIRST, SECOND, THIRD = (UUID(int=number) for number in (1, 2, 3))

Facts = Callable[..., dict[str, Any]]

REQUIRED = [name for name, field in GrantFacts.model_fields.items() if "None" not in str(field.annotation)]


def an_offer(id: UUID, facts: dict[str, Any], *, capped: bool = False, fee_minor: int = 0) -> Offer:
    return Offer(id, facts, facts["basis"], capped, fee_minor)


def test_grant_that_covers_the_use_is_allowed(bundle: Bundle, a_grant: Facts, a_use: Facts) -> None:
    assert decide(bundle, "synthesize", a_grant(), a_use()) == ALLOWED


def test_every_denying_policy_is_named(bundle: Bundle, a_grant: Facts, a_use: Facts) -> None:
    facts = a_grant(generative=False, purposes=["editorial"], blocks=["dispute", "withdrawn"])
    assert decide(bundle, "synthesize", facts, a_use()) == Decision(
        False, ("generative-not-granted", "license-withdrawn", "photo-disputed", "purpose-not-covered")
    )


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("action", ["view", "synthesize", "publish", "train"])
def test_missing_fact_denies(bundle: Bundle, a_grant: Facts, a_use: Facts, name: str, action: Any) -> None:
    use = a_use(audience="internal")
    assert decide(bundle, action, a_grant(), use) == ALLOWED
    facts = a_grant()
    del facts[name]
    assert decide(bundle, action, facts, use) == UNREADABLE
    assert decide(bundle, action, a_grant(**{name: None}), use) == UNREADABLE


@pytest.mark.parametrize(
    "wrong",
    [
        {"generative": "yes"},
        {"channels": "web"},
        {"channels": [1]},
        {"max_copies": "many"},
        {"max_copies": 2**63},
        {"ends_at": "next year"},
        {"ends_at": 1790000000000},
        {"starts_at": "2026-13-01T00:00:00.000Z"},
        {"sectors": [["food"]]},
        {"sectors": ["fo\0od"]},
        {"sectors": ["\ud800"]},
        {"surprise": True},
        {"persons": {"__entity": {"type": "Actor", "id": "house"}}},
        {"max_copies": float("nan")},
        {"channels": [{}]},
    ],
    ids=str,
)
def test_fact_that_cannot_be_read_denies(bundle: Bundle, a_grant: Facts, a_use: Facts, wrong: Any) -> None:
    assert decide(bundle, "synthesize", a_grant(**wrong), a_use()) == UNREADABLE


@pytest.mark.parametrize(
    "wrong",
    [
        {"now": "today"},
        {"now": "2026-06-01"},
        {"now": "٢026-06-01T03:00:00.000Z"},
        {"now": "2026-06-01T03:00:00.000Z\n"},
        {"ends_at": "2026-02-30T00:00:00.000Z"},
        {"now": None},
        {"purpose": "resale"},
        {"channels": ["fax"]},
        {"copies": -1, "channels": None},
        {"sector": "fo\0od"},
        {"licensee": "\ud800"},
        {"copies": 2**63},
        {"surprise": 1},
    ],
    ids=str,
)
def test_use_that_cannot_be_read_denies(bundle: Bundle, a_grant: Facts, a_use: Facts, wrong: Any) -> None:
    assert decide(bundle, "synthesize", a_grant(), a_use(**wrong)) == UNREADABLE


@pytest.mark.parametrize(
    ("unknown", "policies"),
    [
        ({"basis": "found"}, ("basis-unknown",)),
        ({"territories_tested": "felt"}, ("territory-not-covered",)),
        ({"persons": "some"}, ("data-basis-missing", "model-release-missing", "minor-depicted")),
        (
            {"persons": "present", "model_release": "released", "youngest": "adult", "data_basis": "because"},
            ("data-basis-missing",),
        ),
        ({"property_release": "perhaps"}, ("property-release-missing",)),
        ({"alteration_constraints": ["AL-NEW"]}, ("constraint-unknown",)),
        ({"blocks": ["new"]}, ("block-unknown",)),
        ({"purposes": ["COMMERCIAL"]}, ("purpose-not-covered",)),
        ({"channels": ["Web"]}, ("channel-not-covered",)),
    ],
    ids=str,
)
def test_unknown_value_denies(
    bundle: Bundle, a_grant: Facts, a_use: Facts, unknown: Any, policies: Any
) -> None:
    decision = decide(bundle, "synthesize", a_grant(**unknown), a_use())
    assert decision == Decision(False, tuple(sorted(policies)))


def test_action_that_is_not_asked_of_a_grant_denies(bundle: Bundle, a_grant: Facts, a_use: Facts) -> None:
    assert decide(bundle, "compose", a_grant(), a_use()) == UNREADABLE


def test_policy_that_errs_denies_though_cedar_skips_it(bundle: Bundle, a_grant: Facts, a_use: Facts) -> None:
    """Cedar counts on: `copies + 1` overflows, the forbid is skipped, and Cedar allows."""
    overflowing = """
        @id("overflowing") @says("The use prints one copy too many for anyone")
        forbid (principal, action == Action::"synthesize", resource)
        unless { context.copies + 1 > 0 };
    """
    broken = Bundle.of([*bundle.texts, ("overflowing.cedar", overflowing)])
    assert decide(broken, "synthesize", a_grant(), a_use()) == ALLOWED
    decision = decide(broken, "synthesize", a_grant(), a_use(copies=2**63 - 1))
    assert not decision.allowed
    assert set(decision.policies) == {*UNREADABLE.policies, "title-unshown-for-large-run"}
    assert "overflow" in decision.errors[0]


def test_nothing_is_allowed_where_no_policy_permits(bundle: Bundle, a_grant: Facts, a_use: Facts) -> None:
    forbidding = Bundle.of([pair for pair in bundle.texts if pair[0] != "permits.cedar"])
    assert decide(forbidding, "synthesize", a_grant(), a_use()) == Decision(False, ("default-deny",))


def test_one_unreadable_grant_denies_none_beside_it(bundle: Bundle, a_grant: Facts, a_use: Facts) -> None:
    facts = [a_grant(), a_grant(generative=None), a_grant(), a_grant(train=False)]
    assert decide_many(bundle, "synthesize", facts, a_use()) == [ALLOWED, UNREADABLE, ALLOWED, ALLOWED]


def test_no_facts_are_no_decisions(bundle: Bundle, a_use: Facts) -> None:
    assert decide_many(bundle, "synthesize", [], a_use()) == []


def test_order_of_a_set_makes_no_difference(bundle: Bundle, a_grant: Facts, a_use: Facts) -> None:
    use = a_use(targeted=["JP", "KR"], accessible=["KR", "JP"])
    for territories in (["JP", "KR"], ["KR", "JP"], ["KR", "JP", "KR"]):
        assert decide(bundle, "synthesize", a_grant(territories=territories), use) == ALLOWED


def test_refusal_gives_the_reasons_of_each_grant(bundle: Bundle, a_grant: Facts, a_use: Facts) -> None:
    offers = [
        an_offer(FIRST, a_grant(channels=["web"], territories=["US"])),
        an_offer(SECOND, a_grant(channels=["print"], territories=["JP"])),
    ]
    refused = clear(bundle, "synthesize", a_use(), offers)
    assert refused == Refused(frozenset({"territory-not-covered", "channel-not-covered"}))
    assert refused.per_grant == {FIRST: ("territory-not-covered",), SECOND: ("channel-not-covered",)}


def test_segments_are_cleared_each_for_itself(bundle: Bundle, a_grant: Facts, a_use: Facts) -> None:
    own, dear, cheap = a_grant(basis="owned"), a_grant(), a_grant(credit_owed=True)
    segments = [
        [an_offer(THIRD, own, capped=True, fee_minor=9), an_offer(FIRST, dear)],
        [],
        [an_offer(FIRST, dear, fee_minor=2), an_offer(SECOND, cheap, fee_minor=1)],
        [an_offer(SECOND, dear), an_offer(FIRST, cheap)],
        [an_offer(FIRST, a_grant(blocks=["capped-out"])), an_offer(SECOND, dear, capped=True)],
    ]
    assert clear_many(bundle, "synthesize", a_use(), segments) == [
        Cleared(THIRD),
        Refused(frozenset({"no-grant"})),
        Cleared(SECOND),
        Cleared(FIRST),
        Cleared(SECOND),
    ]


NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
STILL_LIFE = Depictions(persons=False, property_release="not-needed")


def facts_of(terms: GrantTerms, **embedded: Any) -> GrantFacts:
    return grant_facts(
        terms,
        basis="licensed",
        co_owners_agreed=True,
        depictions=STILL_LIFE,
        embedded=EmbeddedRights(**embedded),
    )


def terms(**stated: Any) -> GrantTerms:
    return GrantTerms.model_validate(
        {
            "territories": ["JP"],
            "channels": ["web"],
            "purposes": ["commercial"],
            "sectors": ["any"],
            "audiences": ["public"],
            "alterations": ["crop", "recolor", "retouch", "combine"],
            "generative": True,
            "starts_on": "2026-01-01",
            "ends_on": "2026-12-31",
            "zone": "Asia/Tokyo",
            **stated,
        }
    )


def a_campaign(**stated: Any) -> Use:
    return Use.model_validate(
        {
            "purpose": "commercial",
            "channels": ["web"],
            "targeted": ["JP"],
            "accessible": ["JP"],
            "starts_on": "2026-07-01",
            "ends_on": "2026-07-31",
            "zone": "Asia/Tokyo",
            "audience": "public",
            **stated,
        }
    )


NON_COMMERCIAL = terms(
    territories=["WORLD"], purposes=["education", "research"], licensees=["any"], ends_on=None
)
BOUGHT = terms(fee_minor=5000, currency="JPY")


@pytest.mark.parametrize(
    ("stated", "answer"),
    [
        ({}, Cleared(SECOND)),
        ({"targeted": ["FR"], "accessible": ["FR"]}, ("purpose-not-covered", "territory-not-covered")),
        ({"accessible": ["WORLD"]}, ("purpose-not-covered", "territory-not-covered")),
        ({"purpose": "research", "accessible": ["WORLD"]}, Cleared(FIRST)),
        ({"ends_on": "2026-12-31"}, Cleared(SECOND)),
        ({"ends_on": "2027-01-01"}, ("purpose-not-covered", "period-outside-term")),
    ],
    ids=str,
)
def test_terms_and_uses_as_people_write_them(bundle: Bundle, stated: Any, answer: Any) -> None:
    offers = [
        Offer(FIRST, facts_of(NON_COMMERCIAL), "licensed", False, 0),
        Offer(SECOND, facts_of(BOUGHT), "licensed", False, 5000),
    ]
    expected = answer if isinstance(answer, Cleared) else Refused(frozenset(answer))
    assert clear(bundle, "synthesize", use_facts(a_campaign(**stated), at=NOON), offers) == expected


def test_exclusive_field_of_another_party_is_carved_out(bundle: Bundle) -> None:
    row = {"holder": "acme", "sectors": ["food"], "territories": ["JP"], "channels": ["web"]}
    facts = facts_of(terms(exclusivity=[row]))
    food = use_facts(a_campaign(sector="food"), at=NOON)
    travel = use_facts(a_campaign(sector="travel"), at=NOON)
    assert decide(bundle, "synthesize", facts, food) == Decision(False, ("field-held-by-another",))
    assert decide(bundle, "synthesize", facts, travel) == ALLOWED


def test_use_may_begin_on_the_last_day_to_publish_by(bundle: Bundle) -> None:
    use = use_facts(a_campaign(), at=NOON)
    in_time = facts_of(terms(publish_by=date(2026, 7, 1)))
    too_late = facts_of(terms(publish_by=date(2026, 6, 30)))
    assert decide(bundle, "synthesize", in_time, use) == ALLOWED
    assert decide(bundle, "synthesize", too_late, use) == Decision(False, ("publish-by-passed",))


BY_SA = facts_of(terms(share_alike="CC-BY-SA-4.0", licensees=["any"]))
BY_NC_SA = facts_of(terms(share_alike="CC-BY-NC-SA-4.0", licensees=["any"], purposes=["research"]))
CREDITED = facts_of(terms(credit={"text": "Photo: A"}, licensees=["any"]))
FREE = facts_of(terms(licensees=["any"]))


@pytest.mark.parametrize(
    ("grants", "channels", "blamed"),
    [
        ([FREE, FREE], ["web"], []),
        ([FREE, BY_SA], ["web"], []),
        (
            [FREE, BY_SA, facts_of(BOUGHT)],
            ["web"],
            [Clash(SECOND, THIRD, ("share-alike-beside-rights-managed",))],
        ),
        (
            [BY_SA, facts_of(NON_COMMERCIAL), FREE],
            ["web"],
            [Clash(FIRST, SECOND, ("share-alike-beside-noncommercial",))],
        ),
        ([BY_SA, FREE, BY_NC_SA], ["web"], [Clash(FIRST, THIRD, ("share-alike-clash",))]),
        ([BY_SA, BY_SA], ["web"], []),
        ([FREE, CREDITED], ["web", "out-of-home"], [Clash(SECOND, None, ("credit-not-carried",))]),
        ([FREE, CREDITED], ["web"], []),
    ],
)
def test_refused_set_names_whom_to_leave_out(
    bundle: Bundle, grants: list[GrantFacts], channels: list[str], blamed: list[Clash]
) -> None:
    use = use_facts(a_campaign(channels=channels), at=NOON)
    allowed = decide_set(bundle, set_facts(grants, meet_empty=False, use=use), use).allowed
    assert allowed == (blamed == [])
    ids = (FIRST, SECOND, THIRD)
    assert clashes(bundle, use, [*zip(ids, grants, strict=False)]) == blamed


def test_own_photos_stand_beside_share_alike(bundle: Bundle) -> None:
    own = FREE.model_copy(update={"basis": "owned", "any_licensee": False})
    use = use_facts(a_campaign(), at=NOON)
    assert decide_set(bundle, set_facts([own, BY_SA], meet_empty=False, use=use), use) == ALLOWED


def test_empty_meet_and_empty_set_are_refused(bundle: Bundle) -> None:
    use = use_facts(a_campaign(), at=NOON)
    empty_meet = decide_set(bundle, set_facts([FREE], meet_empty=True, use=use), use)
    assert empty_meet == Decision(False, ("meet-empty",))
    assert decide_set(bundle, set_facts([], meet_empty=False, use=use), use) == Decision(
        False, ("set-empty",)
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many requests each call of Cedar carried; nothing is kept from before."""
    calls: list[int] = []

    def counted(requests: Any, *more: Any) -> Any:
        calls.append(len(requests))
        return cedarpy.is_authorized_batch(requests, *more)

    monkeypatch.setattr(engine, "_kept", {})
    monkeypatch.setattr(
        engine, "cedarpy", SimpleNamespace(**vars(cedarpy) | {"is_authorized_batch": counted})
    )
    return calls


def test_an_answer_is_kept_until_a_moment_of_the_facts_or_the_use_could_change_it(
    bundle: Bundle, a_grant: Facts, a_use: Facts, asked: list[int]
) -> None:
    use, facts = a_use(now="2026-06-01T00:00:00.000Z"), a_grant(create_before="2026-08-01T00:00:00.000Z")
    assert decide(bundle, "synthesize", facts, use) == ALLOWED

    assert decide(bundle, "synthesize", facts, {**use, "now": "2026-06-01T00:00:00.001Z"}) == ALLOWED
    assert asked == [1]
    late = decide(bundle, "synthesize", facts, {**use, "now": "2026-08-01T00:00:00.000Z"})
    assert not late.allowed and "create-by-passed" in late.policies
    early = decide(bundle, "synthesize", facts, {**use, "now": "2026-05-31T23:59:59.999Z"})
    assert early == ALLOWED
    assert asked == [1, 1, 1]


@pytest.mark.parametrize(
    ("facts", "use", "action"),
    [
        ({"blocks": ["withdrawn"]}, {}, "synthesize"),
        ({"sectors": ["food"]}, {}, "synthesize"),
        ({}, {"channels": ["print"]}, "synthesize"),
        ({}, {}, "publish"),
    ],
)
def test_other_facts_another_use_and_another_action_are_asked_anew(
    bundle: Bundle, a_grant: Facts, a_use: Facts, asked: list[int], facts: Any, use: Any, action: Any
) -> None:
    decide(bundle, "synthesize", a_grant(), a_use())

    decide(bundle, action, a_grant(**facts), a_use(**use))

    assert asked == [1, 1]


def test_policies_that_reckon_with_moments_are_asked_each_time(
    bundle: Bundle, a_grant: Facts, a_use: Facts, asked: list[int]
) -> None:
    reckons = (
        '@id("too-late")\n@says("Nothing is made after the last day of the house")\n'
        'forbid (principal, action == Action::"synthesize", resource)\n'
        'when { context.now >= datetime("2026-06-01T00:00:00.500Z") };\n'
    )
    stricter = Bundle.of([*bundle.texts, ("zz.cedar", reckons)])
    use = a_use(now="2026-06-01T00:00:00.000Z")

    assert decide(stricter, "synthesize", a_grant(), use) == ALLOWED
    late = decide(stricter, "synthesize", a_grant(), {**use, "now": "2026-06-01T00:00:01.000Z"})

    assert late == Decision(False, ("too-late",))


def test_what_is_kept_is_what_would_be_answered_anew_at_every_moment(
    bundle: Bundle, a_grant: Facts, a_use: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(7)
    grants = [altered(chance, a_grant(), DRAW_FACT) for _ in range(30)]
    between = ["2026-01-01T00:00:00.000Z", "2026-06-15T00:00:00.000Z", "2026-07-01T00:00:00.000Z"]
    moments = chance.sample([*MOMENTS, *between], len(MOMENTS) + len(between))
    monkeypatch.setattr(engine, "_kept", {})
    for now in [*moments, *reversed(moments)]:
        use = a_use(now=now)
        kept = decide_many(bundle, "synthesize", grants, use)
        with monkeypatch.context() as anew:
            anew.setattr(engine, "_kept", {})
            assert kept == decide_many(bundle, "synthesize", grants, use)
