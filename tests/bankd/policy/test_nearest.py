"""The nearest use that clears: asked of the engine, and never another story than the one declared."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from bankd.licensing.facts import use_facts
from bankd.licensing.terms import GrantFacts
from bankd.licensing.use import Use
from bankd.policy.engine import Offer, decide_many
from bankd.policy.load import Bundle
from bankd.policy.nearest import Nearest, nearest
from bankd.policy.obtainable import obtainable

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
Facts = Callable[..., dict[str, Any]]


def use(**other: Any) -> Use:
    return Use.model_validate(
        {
            "purpose": "commercial",
            "channels": ["web"],
            "targeted": ["JP"],
            "accessible": ["JP"],
            "starts_on": "2026-06-01",
            "ends_on": "2027-12-31",
            "sector": "food",
            "audience": "public",
            **other,
        }
    )


@pytest.fixture
def grant(a_grant: Facts) -> Callable[..., GrantFacts]:
    """One that allows everything for ever, but for what is said."""

    def made(**other: Any) -> GrantFacts:
        return GrantFacts.model_validate(
            {
                **a_grant(),
                "worldwide": True,
                "territories": [],
                "channels": ["web", "print", "social"],
                "purposes": ["commercial", "research"],
                "any_sector": True,
                "sectors": [],
                "audiences": ["public"],
                "alterations": ["crop", "flip", "recolor", "retouch", "combine"],
                "starts_at": "2026-01-01T00:00:00.000Z",
                "ends_at": None,
                **other,
            }
        )

    return made


def suggested(bundle: Bundle, declared: Use, *categories: Sequence[GrantFacts]) -> list[Nearest]:
    """Each category needs one grant that clears; every suggestion is asked again."""

    def clears(changed: Use) -> bool:
        asked = use_facts(changed, at=AT)
        return all(
            any(one.allowed for one in decide_many(bundle, "synthesize", facts, asked))
            for facts in categories
        )

    assert not clears(declared)
    found = nearest(declared, clears)
    for one in found:
        assert clears(one.use)
        kept = {"purpose", "audience", "subjects", "sector", "brand", "licensee", "beneficiaries", "zone"}
        assert all(getattr(one.use, name) == getattr(declared, name) for name in kept)
        assert one.use.alterations >= declared.alterations - {"flip"}
    return found


def test_a_territory_that_no_grant_covers_is_left_out(bundle: Bundle, grant: Any) -> None:
    wide = use(targeted=["JP", "FR", "KR"], accessible=["JP", "FR", "KR"])
    found = suggested(bundle, wide, [grant(worldwide=False, territories=["JP", "KR"])])

    assert [one.says for one in found] == ["without FR"]
    assert found[0].use.accessible == {"JP", "KR"}


def test_all_territories_in_the_way_are_named_together(bundle: Bundle, grant: Any) -> None:
    wide = use(targeted=["JP", "FR", "KR", "US"], accessible=["JP", "FR", "KR", "US"])
    found = suggested(
        bundle,
        wide,
        [grant(worldwide=False, territories=["JP", "KR"])],
        [grant(worldwide=False, territories=["JP", "US"])],
    )

    assert [one.says for one in found] == ["without FR, KR and US"]


def test_a_license_that_ends_early_gives_the_last_day(bundle: Bundle, grant: Any) -> None:
    found = suggested(bundle, use(), [grant(ends_at="2027-04-01T00:00:00.000Z")])

    assert [one.says for one in found] == ["until 2027-03-31"]
    assert found[0].use.ends_on == date(2027, 3, 31)


def test_a_license_that_began_after_the_use_gives_the_first_day(bundle: Bundle, grant: Any) -> None:
    early = use(starts_on="2026-05-01")
    found = suggested(bundle, early, [grant(starts_at="2026-05-20T00:00:00.000Z")])

    assert [one.says for one in found] == ["from 2026-05-20"]


def test_what_does_not_hold_yet_is_not_put_off_to_a_later_day(bundle: Bundle, grant: Any) -> None:
    """The picture would be made now."""
    assert suggested(bundle, use(), [grant(starts_at="2026-09-01T00:00:00.000Z")]) == []


def test_a_channel_copies_and_flipping_each_give_way(bundle: Bundle, grant: Any) -> None:
    channels = suggested(bundle, use(channels=["web", "packaging"]), [grant()])
    copies = suggested(bundle, use(channels=["print"], copies=5000), [grant(max_copies=1200)])
    flipped = suggested(
        bundle, use(alterations=["crop", "flip", "recolor", "retouch", "combine"]),
        [grant(alterations=["crop", "recolor", "retouch", "combine"])],
    )  # fmt: skip

    assert [one.says for one in channels] == ["without packaging"]
    assert [one.says for one in copies] == ["with at most 1200 copies"]
    assert [one.says for one in flipped] == ["without flipping"]


def test_a_web_page_for_all_the_world_may_be_geo_blocked(bundle: Bundle, grant: Any) -> None:
    found = suggested(
        bundle, use(accessible=["WORLD"]),
        [grant(worldwide=False, territories=["JP"], territories_tested="accessible")],
    )  # fmt: skip

    assert [one.says for one in found] == ["seen only where it is aimed at (a geo-block)"]


def test_where_no_change_alone_clears_several_are_said_and_none_too_many(bundle: Bundle, grant: Any) -> None:
    wide = use(targeted=["JP", "FR"], accessible=["JP", "FR"], channels=["web", "packaging"])
    found = suggested(
        bundle, wide, [grant(worldwide=False, territories=["JP"], ends_at="2027-04-01T00:00:00.000Z")]
    )

    assert [one.says for one in found] == ["without FR, without packaging, until 2027-03-31"]


@pytest.mark.parametrize(
    "terms",
    [
        {"purposes": ["research"]},
        {"audiences": ["internal"]},
        {"any_sector": False, "sectors": ["travel"]},
        {"any_licensee": False, "licensees": ["acme"]},
        {"generative": False},
    ],
)
def test_what_only_another_story_would_clear_is_suggested_nothing(
    bundle: Bundle, grant: Any, terms: dict[str, Any]
) -> None:
    assert suggested(bundle, use(), [grant(**terms)]) == []


def test_excluded_subjects_are_not_talked_away(bundle: Bundle, grant: Any) -> None:
    assert suggested(bundle, use(subjects=["alcohol"]), [grant(subjects_excluded=["alcohol"])]) == []


def offers(*facts: GrantFacts) -> list[tuple[UUID, Offer]]:
    return [
        (UUID(int=number), Offer(UUID(int=100 + number), each, each.basis, capped=False, fee_minor=0))
        for number, each in enumerate(facts)
    ]


def test_a_missing_model_release_is_named_and_an_unreleased_minor_never(bundle: Bundle, grant: Any) -> None:
    person = {"persons": "present", "model_release": "none", "youngest": "adult", "data_basis": "consent"}
    asked = use_facts(use(), at=AT)

    found = obtainable(bundle, asked, offers(grant(**person)))

    assert found is not None and found.rights == ("model-release",) and found.photo_id == UUID(int=0)
    assert obtainable(bundle, asked, offers(grant(**{**person, "youngest": "minor"}))) is None


def test_a_wider_license_is_asked_for_last_and_not_of_what_the_house_owns(bundle: Bundle, grant: Any) -> None:
    asked = use_facts(use(), at=AT)
    narrow = {"purposes": ["research"], "generative": False, "worldwide": False, "territories": ["FR"]}

    found = obtainable(bundle, asked, offers(grant(**narrow, basis="licensed")))

    assert found is not None and found.rights == ("license",)
    assert obtainable(bundle, asked, offers(grant(**narrow, basis="owned"))) is None
    merging = grant(**narrow, basis="licensed", alteration_constraints=["AL-MRG"])
    assert obtainable(bundle, asked, offers(merging)) is None
