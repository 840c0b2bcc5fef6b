import itertools
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankd.licensing.terms import Credit, GrantFacts, Indemnity
from bankd.provenance.effective import Clash, EffectiveLicense, LeastIndemnity, Relied, effective

Facts = Callable[..., GrantFacts]
A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)


def meet(*facts: GrantFacts) -> EffectiveLicense:
    license = effective([Relied(UUID(int=number), one) for number, one in enumerate(facts, 1)])
    assert isinstance(license, EffectiveLicense)
    return license


def only(*words: str) -> frozenset[str]:
    return frozenset(words)


SELLS_OFF = {"ends_at": "2027-01-01T00:00:00.000Z", "sell_off_before": "2027-04-01T00:00:00.000Z"}
RULED = {
    "basis": "ruling",
    "basis_territories": only("JP"),
    "basis_ends_at": "2026-12-01T00:00:00.000Z",
    "territories_tested": "targeted",
}


@pytest.mark.parametrize(
    ("first", "second", "attribute", "expected"),
    [
        ({}, {}, "territories", None),
        ({"worldwide": False, "territories": only("JP", "US")}, {}, "territories", only("JP", "US")),
        (
            {"worldwide": False, "territories": only("JP", "US")},
            {"worldwide": False, "territories": only("FR", "JP")},
            "territories",
            only("JP"),
        ),
        (
            {"territories_tested": "targeted"},
            {"territories_tested": "targeted"},
            "territories_tested",
            "targeted",
        ),
        ({"territories_tested": "targeted"}, {}, "territories_tested", "accessible"),
        ({"channels": only("web", "print")}, {"channels": only("web", "app")}, "channels", only("web")),
        ({"purposes": only("internal")}, {}, "purposes", only("internal")),
        ({"any_sector": False, "sectors": only("food")}, {}, "sectors", only("food")),
        ({"audiences": only("comp", "public")}, {"audiences": only("comp")}, "audiences", only("comp")),
        ({"alterations": only("crop", "combine")}, {}, "alterations", only("crop", "combine")),
        ({"any_licensee": True}, {"any_licensee": True}, "licensees", None),
        ({"any_licensee": True}, {}, "licensees", only("house")),
        ({}, {}, "max_copies", None),
        ({"max_copies": 900}, {"max_copies": 100}, "max_copies", 100),
        ({"max_copies": 0}, {}, "max_copies", 0),
        ({"subjects_excluded": only("alcohol")}, {"subjects_excluded": only("health")}, "subjects_excluded",
         only("alcohol", "health")),
        ({"carved": only("JP/web/food")}, {}, "carved", only("JP/web/food")),
        ({"alteration_constraints": only("AL-CLR")}, {}, "alteration_constraints", only("AL-CLR")),
        ({"generative": True}, {"generative": False}, "generative", False),
        ({"train": True}, {"train": True}, "train", True),
        ({"train": True}, {"train": False}, "train", False),
        ({"starts_at": "2026-03-01T00:00:00.000Z"}, {}, "starts_at", "2026-03-01T00:00:00.000Z"),
        ({}, {}, "ends_at", None),
        ({"ends_at": "2027-01-01T00:00:00.000Z"}, {}, "ends_at", "2027-01-01T00:00:00.000Z"),
        (
            {"ends_at": "2027-01-01T00:00:00.000Z"},
            {"embedded_ends_at": "2026-12-01T00:00:00.000Z"},
            "ends_at",
            "2026-12-01T00:00:00.000Z",
        ),
        ({"create_before": "2026-09-01T00:00:00.000Z"}, {}, "create_before", "2026-09-01T00:00:00.000Z"),
        ({"publish_before": "2026-09-01T00:00:00.000Z"}, {}, "publish_before", "2026-09-01T00:00:00.000Z"),
        ({"ends_at": "2027-01-01T00:00:00.000Z"}, {}, "sell_off_before", None),
        (SELLS_OFF, {}, "sell_off_before", "2027-04-01T00:00:00.000Z"),
        (SELLS_OFF, SELLS_OFF | {"sell_off_before": "2027-03-01T00:00:00.000Z"}, "sell_off_before",
         "2027-03-01T00:00:00.000Z"),
        (SELLS_OFF, {"ends_at": "2027-02-01T00:00:00.000Z"}, "sell_off_before", "2027-02-01T00:00:00.000Z"),
        (SELLS_OFF, {"ends_at": "2027-01-01T00:00:00.000Z"}, "sell_off_before", None),
        (SELLS_OFF, {"embedded_ends_at": "2027-01-15T00:00:00.000Z"}, "sell_off_before",
         "2027-01-15T00:00:00.000Z"),
        ({"ends_at": "2027-01-01T00:00:00.000Z", "archive": True}, {}, "archive", True),
        ({"ends_at": "2027-01-01T00:00:00.000Z", "archive": True}, {"ends_at": "2028-01-01T00:00:00.000Z"},
         "archive", False),
        (RULED, {}, "territories", only("JP")),
        (RULED, {"territories_tested": "targeted"}, "territories_tested", "accessible"),
        (RULED, {}, "ends_at", "2026-12-01T00:00:00.000Z"),
    ],
)  # fmt: skip
def test_scopes_intersect_limits_narrow_and_prohibitions_unite(
    grant_facts: Facts, first: dict[str, Any], second: dict[str, Any], attribute: str, expected: object
) -> None:
    one, other = grant_facts(**first), grant_facts(**second)

    assert getattr(meet(one, other), attribute) == expected
    assert meet(one, other) == meet(other, one)


@pytest.mark.parametrize(
    ("dimension", "first", "second"),
    [
        (
            "territories",
            {"worldwide": False, "territories": only("JP")},
            {"worldwide": False, "territories": only("US")},
        ),
        ("channels", {"channels": only("web")}, {"channels": only("print")}),
        ("purposes", {"purposes": only("editorial")}, {"purposes": only("commercial")}),
        (
            "sectors",
            {"any_sector": False, "sectors": only("food")},
            {"any_sector": False, "sectors": only("toys")},
        ),
        ("audiences", {"audiences": only("comp")}, {"audiences": only("public")}),
        ("alterations", {"alterations": only("crop")}, {"alterations": frozenset()}),
        ("licensees", {"licensees": only("house")}, {"licensees": only("Ogawa Foods")}),
        (
            "term",
            {"starts_at": "2026-07-01T00:00:00.000Z"},
            {"ends_at": "2026-07-01T00:00:00.000Z"},  # half-open: not one moment in common
        ),
    ],
)  # fmt: skip
def test_clash_names_the_two_grants_that_leave_nothing(
    grant_facts: Facts, dimension: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    clash = effective(
        [Relied(A, grant_facts(**first)), Relied(C, grant_facts()), Relied(B, grant_facts(**second))]
    )

    assert isinstance(clash, Clash)
    assert (clash.dimension, {clash.first, clash.second}) == (dimension, {A, B})


def test_three_grants_can_clash_where_no_two_do(grant_facts: Facts) -> None:
    channels = [only("web", "print"), only("print", "app"), only("app", "web")]
    relied = [Relied(UUID(int=n), grant_facts(channels=scope)) for n, scope in enumerate(channels, 1)]

    assert effective(relied) == Clash("channels", B, C)
    for pair in itertools.combinations(relied, 2):
        assert isinstance(effective(pair), EffectiveLicense)


def test_term_that_ends_a_millisecond_after_it_starts_is_a_term(grant_facts: Facts) -> None:
    license = meet(
        grant_facts(starts_at="2026-07-01T00:00:00.000Z"), grant_facts(ends_at="2026-07-01T00:00:00.001Z")
    )

    assert (license.starts_at, license.ends_at) == ("2026-07-01T00:00:00.000Z", "2026-07-01T00:00:00.001Z")


def test_credits_unite_and_equal_words_are_owed_once(grant_facts: Facts) -> None:
    license = effective(
        [
            Relied(B, grant_facts(), Credit(text="© Aiko Mori")),
            Relied(A, grant_facts(), Credit(text="© Aiko Mori")),
            Relied(A, grant_facts(), Credit(text="© Aiko Mori")),  # the same grant on another photo
            Relied(C, grant_facts(), Credit(text="© Aiko Mori", placement="credits-page")),
        ]
    )

    assert isinstance(license, EffectiveLicense)
    assert [(owed.placement, owed.grant_ids) for owed in license.credits] == [
        ("adjacent", (A, B)),
        ("credits-page", (C,)),
    ]


def test_sublicense_needs_every_grant(grant_facts: Facts) -> None:
    for both in itertools.product([True, False], repeat=2):
        license = effective(
            [Relied(A, grant_facts(), sublicense=both[0]), Relied(B, grant_facts(), sublicense=both[1])]
        )
        assert isinstance(license, EffectiveLicense)
        assert license.sublicense is all(both)


def indemnity(scope: set[str], cap_minor: int | None = None, currency: str | None = None) -> Indemnity:
    return Indemnity.model_validate({"scope": scope, "cap_minor": cap_minor, "currency": currency})


@pytest.mark.parametrize(
    ("given", "least"),
    [
        ([None], None),
        ([indemnity({"copyright"}), None], None),
        ([indemnity({"copyright"}), indemnity({"likeness"}, 100, "JPY")], None),
        ([indemnity({"copyright"})], LeastIndemnity(scope=only("copyright"), caps=())),
        (
            [indemnity({"copyright", "likeness"}, 500, "JPY"), indemnity({"copyright"}, 300, "JPY")],
            LeastIndemnity(scope=only("copyright"), caps=(("JPY", 300),)),
        ),
        (
            [
                indemnity({"copyright"}, 500, "JPY"),
                indemnity({"copyright"}, 9, "EUR"),
                indemnity({"copyright"}),
            ],
            LeastIndemnity(scope=only("copyright"), caps=(("EUR", 9), ("JPY", 500))),
        ),
    ],
)
def test_the_indemnity_of_a_picture_is_the_least(
    grant_facts: Facts, given: list[Indemnity | None], least: LeastIndemnity | None
) -> None:
    license = effective([Relied(UUID(int=n), grant_facts(), indemnity=one) for n, one in enumerate(given)])
    assert isinstance(license, EffectiveLicense)
    assert license.indemnity == least


def test_nobody_is_credited_who_must_not_be_named(grant_facts: Facts) -> None:
    license = effective(
        [
            Relied(A, grant_facts(), Credit(suppressed=True)),
            Relied(B, grant_facts(), Credit(text="© Aiko Mori", text_ja="© 森 愛子")),
        ]
    )
    assert isinstance(license, EffectiveLicense)
    assert [(one.text, one.text_ja, one.grant_ids) for one in license.credits] == [
        ("© Aiko Mori", "© 森 愛子", (B,))
    ]


def test_one_grant_on_two_photos_keeps_the_narrower_facts_of_either(grant_facts: Facts) -> None:
    license = effective(
        [Relied(A, grant_facts()), Relied(A, grant_facts(embedded_ends_at="2026-08-01T00:00:00.000Z"))]
    )

    assert isinstance(license, EffectiveLicense)
    assert license.ends_at == "2026-08-01T00:00:00.000Z"


def test_share_alike_is_kept_with_the_grants_that_demand_it(grant_facts: Facts) -> None:
    license = meet(
        grant_facts(share_alike="CC-BY-SA-4.0"), grant_facts(), grant_facts(share_alike="CC-BY-SA-4.0")
    )

    assert [(demand.license, demand.grant_ids) for demand in license.share_alike] == [
        ("CC-BY-SA-4.0", (A, C))
    ]


def test_license_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="needs a grant"):
        effective([])


few = st.frozensets(st.sampled_from(["web", "print", "app"]), min_size=1)
moments = st.sampled_from([f"2026-0{month}-01T00:00:00.000Z" for month in range(1, 6)])


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "channels": few,
                "worldwide": st.booleans(),
                "places": st.frozensets(st.sampled_from(["JP", "US", "FR"]), min_size=1),
                "starts_at": moments,
                "ends_at": st.none() | moments,
                "embedded_ends_at": st.none() | moments,
            }
        ),
        min_size=1,
        max_size=4,
    )
)
def test_clash_is_exactly_a_dimension_with_nothing_in_common(
    grant_facts: Facts, drawn: list[dict[str, Any]]
) -> None:
    grants = [
        grant_facts(**{key: value for key, value in one.items() if key != "places"},
                    territories=frozenset() if one["worldwide"] else one["places"])
        for one in drawn
    ]  # fmt: skip
    places = [one["places"] for one in drawn if not one["worldwide"]]
    ends = [end for one in drawn for end in (one["ends_at"], one["embedded_ends_at"]) if end]

    met = effective([Relied(UUID(int=n), one) for n, one in enumerate(grants)])

    assert isinstance(met, Clash) == (
        not frozenset.intersection(*(one["channels"] for one in drawn))
        or not frozenset({"JP", "US", "FR"}).intersection(*places)
        or max(one["starts_at"] for one in drawn) >= min(ends, default="9")
    )
