"""What releases say, and what those of one photo come to together."""

from typing import Any

import pytest
from pydantic import ValidationError

from bankd.licensing.consents import HeldRelease, ReleaseTerms, Seen, facts_of_releases
from bankd.licensing.depicted import Depictions
from bankd.licensing.people import Cover, PersonSegment
from bankd.licensing.terms import LATER_FACTS
from bankd.licensing.vocabulary import CHANNELS, PURPOSES, SUBJECTS

SHOWN = Depictions(persons=True, model_release="released", youngest="adult", property_release="released")
NOBODY = Depictions(
    persons=False, model_release="not-needed", youngest="adult", property_release="not-needed"
)


def held(ref: str = "R-1", *, covers: Cover | None = None, **terms: Any) -> HeldRelease:
    stated = {"kind": "model", "status": "released", "youngest": "adult", "synthetic_depiction": True}
    return HeldRelease(ref, ReleaseTerms.model_validate(stated | terms), covers or Cover())


def facts(*releases: HeldRelease, shown: Depictions = SHOWN, seen: Seen | None = None) -> dict[str, Any]:
    return facts_of_releases(shown, releases, seen or Seen())


def test_without_a_release_nothing_new_is_said_so_old_profiles_keep_their_digests() -> None:
    found = facts(shown=NOBODY)

    assert {name: value for name, value in found.items() if name in LATER_FACTS} == {
        name: LATER_FACTS[name] for name in found if name in LATER_FACTS
    }
    assert (found["persons"], found["model_release"]) == ("none", "not-needed")


@pytest.mark.parametrize("kind", ["model", "property"])
def test_a_record_that_says_released_counts_with_a_release_only(kind: str) -> None:
    assert facts()[f"{kind}_release"] == "none"
    assert facts(held(kind=kind))[f"{kind}_release"] == "released"
    assert facts(held(kind=kind, status="unknown"))[f"{kind}_release"] == "unknown"


def test_a_release_never_raises_a_status_and_shows_a_person_of_its_age() -> None:
    found = facts(held(youngest="minor"), shown=Depictions())

    assert (found["persons"], found["model_release"], found["youngest"]) == ("present", "unknown", "minor")


def test_all_releases_bind_together() -> None:
    found = facts(
        held(territories={"JP", "KR"}, channels={"web", "print"}, purposes={"commercial", "editorial"},
             sectors={"food", "travel"}, starts_on="2026-05-01", ends_on="2026-12-31", zone="Asia/Tokyo",
             subjects_excluded=["alcohol"]),
        held("R-2", kind="property", territories={"KR", "FR"}, channels={"web"}, purposes={"commercial"},
             sectors={"travel"}, starts_on="2026-04-01", ends_on="2026-06-30", subjects_excluded=["health"]),
    )  # fmt: skip

    assert (found["release_worldwide"], found["release_territories"]) == (False, {"KR"})
    assert (found["release_channels"], found["release_purposes"]) == ({"web"}, {"commercial"})
    assert (found["release_any_sector"], found["release_sectors"]) == (False, {"travel"})
    assert found["release_starts_at"] == "2026-04-30T15:00:00.000Z"
    assert found["release_ends_at"] == "2026-07-01T00:00:00.000Z"
    assert found["release_subjects_excluded"] == {"alcohol", "health"}


def test_releases_that_share_no_territory_hold_nowhere() -> None:
    found = facts(held(territories={"JP"}), held("R-2", territories={"US"}))

    assert (found["release_worldwide"], found["release_territories"]) == (False, frozenset())


def test_one_release_without_synthesized_pictures_is_enough_to_exclude_them() -> None:
    assert facts(held(), held("R-2"))["release_synthetic"]
    assert not facts(held(), held("R-2", synthetic_depiction=False))["release_synthetic"]


def test_unstated_subjects_are_excluded_for_a_person_and_not_for_a_property() -> None:
    assert facts(held())["release_subjects_excluded"] == SUBJECTS
    assert facts(held(kind="property"))["release_subjects_excluded"] == frozenset()
    assert facts(held(subjects_excluded=[]))["release_subjects_excluded"] == frozenset()


def test_unstated_channels_and_purposes_are_all() -> None:
    found = facts(held())

    assert (found["release_channels"], found["release_purposes"]) == (CHANNELS, PURPOSES)


# Persons


def test_a_person_left_out_is_uncovered_until_every_segment_is_named() -> None:
    seen = Seen((PersonSegment(2, None), PersonSegment(5, None)))
    first = held(covers=Cover(segments=frozenset({2})))

    assert not facts(held(), seen=seen)["persons_covered"]
    assert not facts(first, seen=seen)["persons_covered"]
    assert facts(first, held("R-2", covers=Cover(segments=frozenset({5}))), seen=seen)["persons_covered"]


def test_a_property_release_covers_no_person() -> None:
    seen = Seen((PersonSegment(2, None), PersonSegment(5, None)))
    property_release = held("R-2", kind="property", covers=Cover(whole=True))

    assert not facts(held(), property_release, seen=seen)["persons_covered"]


def test_a_guardian_has_to_sign_for_every_minor() -> None:
    by_guardian = {"youngest": "minor", "signed_by": "guardian", "majority_on": "2030-04-01"}

    assert not facts(held())["guardian_released"]
    assert not facts(held(youngest="minor"))["guardian_released"]
    assert facts(held(), held("R-2", **by_guardian))["guardian_released"]
    assert not facts(held(youngest="unknown"), held("R-2", **by_guardian))["guardian_released"]


def test_a_guardians_signature_ends_with_the_last_day_of_reconfirmation_in_its_own_zone() -> None:
    minor = {"youngest": "minor", "signed_by": "guardian", "zone": "Asia/Tokyo"}
    soon = held(**minor, majority_on="2030-04-01")
    later = held("R-2", **minor, majority_on="2031-04-01", reconfirm_by="2031-06-30")

    assert facts(soon)["reconfirm_before"] == "2030-04-01T15:00:00.000Z"
    assert facts(later)["reconfirm_before"] == "2031-06-30T15:00:00.000Z"
    assert facts(soon, later)["reconfirm_before"] == "2030-04-01T15:00:00.000Z"
    assert facts(held())["reconfirm_before"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"signed_by": "guardian", "youngest": "minor"},
        {"signed_by": "guardian", "youngest": "adult", "majority_on": "2030-04-01"},
        {"signed_by": "guardian", "kind": "property", "youngest": "minor", "majority_on": "2030-04-01"},
        {"majority_on": "2030-04-01"},
        {"starts_on": "2026-02-01", "ends_on": "2026-01-31"},
        {"channels": []},
    ],
    ids=str,
)
def test_a_release_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        held(**wrong)


def test_the_basis_for_personal_data_is_no_part_of_a_release() -> None:
    shown = SHOWN.model_copy(
        update={"data_basis": Depictions.model_validate(
            {"data_basis": {"basis": "consent", "until": "2027-03-31", "zone": "Asia/Tokyo"}}
        ).data_basis}
    )  # fmt: skip

    assert facts(held())["data_basis"] == "none"
    found = facts(held(), shown=shown)
    assert (found["data_basis"], found["data_basis_ends_at"]) == ("consent", "2027-03-31T15:00:00.000Z")


# Depicted rights


def rights(*stated: dict[str, Any]) -> Depictions:
    return Depictions.model_validate({**NOBODY.as_json(), "rights": stated})


def test_what_is_released_needs_the_property_release_it_names() -> None:
    logo = {"kind": "trademark", "what": "logo", "status": "released", "release": "PR-1"}

    assert facts(shown=rights(logo))["depicted_unreleased"] == {"trademark"}
    assert facts(held("PR-1"), shown=rights(logo))["depicted_unreleased"] == {"trademark"}  # a person's
    assert facts(held("PR-1", kind="property"), shown=rights(logo))["depicted_unreleased"] == frozenset()


def test_what_is_unknown_is_not_released() -> None:
    found = facts(shown=rights({"kind": "design", "what": "a chair"}, {"kind": "venue", "what": "a hall"}))

    assert found["depicted_unreleased"] == {"design", "venue"}


def test_exceptions_hold_where_all_of_them_hold() -> None:
    tower = {"kind": "architecture", "what": "a tower", "status": "exception", "clause": "section 59 UrhG"}
    found = facts(
        shown=rights(
            {**tower, "territories": ["DE", "AT"]}, {**tower, "what": "a hall", "territories": ["DE"]}
        )
    )

    assert (found["depicted_everywhere"], found["depicted_territories"]) == (False, {"DE"})
    assert facts(shown=rights({**tower, "territories": ["WORLD"]}))["depicted_everywhere"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "released"},
        {"status": "unknown", "release": "PR-1"},
        {"status": "exception", "clause": "section 59"},
        {"status": "exception", "territories": ["DE"]},
        {"sector": "food"},
    ],
    ids=str,
)
def test_a_depicted_right_says_what_its_status_rests_on(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rights({"kind": "artwork", "what": "a mural", **wrong})


def test_brands_are_compared_by_letters_and_digits() -> None:
    found = facts(
        shown=rights(
            {"kind": "trademark", "what": "logo", "brand": "Blue-Bird Tea", "sector": "food"},
            {"kind": "trademark", "what": "sign", "brand": "小鳥"},
        )
    )

    assert found["brands"] == {"food/bluebirdtea", "any/小鳥"}
