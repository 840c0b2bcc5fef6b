"""From terms and uses to facts: days to instants, places to atoms, and what only tightens."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankd.licensing.days import end_of, instant, start_of
from bankd.licensing.depicted import Depictions
from bankd.licensing.errors import TooManyGrants
from bankd.licensing.facts import (
    canonical,
    carved,
    fields,
    grant_facts,
    in_order,
    profile_digest,
    use_facts,
)
from bankd.licensing.terms import EmbeddedRights, Exclusivity, GrantFacts, GrantTerms
from bankd.licensing.use import Use
from bankd.licensing.vocabulary import CHANNELS, TERRITORIES

TERMS: dict[str, Any] = {
    "territories": {"JP"},
    "channels": {"web"},
    "purposes": {"commercial"},
    "sectors": {"any"},
    "audiences": {"public"},
    "starts_on": "2026-04-01",
    "ends_on": "2027-03-31",
    "zone": "Asia/Tokyo",
}
USE: dict[str, Any] = {
    "purpose": "commercial",
    "channels": {"web"},
    "targeted": {"JP"},
    "accessible": {"JP"},
    "starts_on": "2026-12-01",
    "ends_on": "2026-12-31",
    "audience": "public",
}
NOBODY = Depictions(
    persons=False, model_release="not-needed", youngest="adult", property_release="not-needed"
)


def facts(
    *,
    shown: Depictions = NOBODY,
    embedded: EmbeddedRights | None = None,
    **terms: Any,
) -> GrantFacts:
    return grant_facts(
        GrantTerms.model_validate(TERMS | terms),
        basis="licensed",
        co_owners_agreed=True,
        depictions=shown,
        embedded=embedded or EmbeddedRights(),
    )


def a_use(**fields: Any) -> Use:
    return Use.model_validate(USE | fields)


# Days and instants


def test_the_last_day_counts_to_its_end_in_its_own_zone() -> None:
    found = facts()

    assert found.starts_at == "2026-03-31T15:00:00.000Z"
    assert found.ends_at == "2027-03-31T15:00:00.000Z"


@pytest.mark.parametrize(
    ("day", "zone", "starts", "ends"),
    [
        ("2028-02-29", "UTC", "2028-02-29T00:00", "2028-03-01T00:00"),  # leap day
        ("2027-02-28", "UTC", "2027-02-28T00:00", "2027-03-01T00:00"),
        ("2026-03-29", "Europe/Berlin", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
        ("2026-10-25", "Europe/Berlin", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
        ("2018-11-04", "America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:00"),  # no midnight
        ("2026-11-01", "America/Havana", "2026-11-01T04:00", "2026-11-02T05:00"),  # midnight twice
        ("2026-01-01", "Pacific/Kiritimati", "2025-12-31T10:00", "2026-01-01T10:00"),  # UTC+14
        ("2026-01-01", "Etc/GMT+12", "2026-01-01T12:00", "2026-01-02T12:00"),  # UTC-12
        ("2011-12-30", "Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00"),  # a day that never was
    ],
)
def test_a_day_is_as_long_as_its_zone_makes_it(day: str, zone: str, starts: str, ends: str) -> None:
    assert start_of(date.fromisoformat(day), zone) == datetime.fromisoformat(starts).replace(tzinfo=UTC)
    assert end_of(date.fromisoformat(day), zone) == datetime.fromisoformat(ends).replace(tzinfo=UTC)


@given(
    st.dates(date(1990, 1, 1), date(2037, 12, 30)),
    st.sampled_from(["UTC", "Asia/Tokyo", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia"]),
)
def test_a_day_ends_where_the_next_begins(day: date, zone: str) -> None:
    assert start_of(day, zone) <= end_of(day, zone) == start_of(day + timedelta(days=1), zone)


def test_moments_are_cut_to_milliseconds_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))

    assert instant(datetime(2026, 2, 1, 0, 0, 0, 999_999, tzinfo=tokyo)) == "2026-01-31T15:00:00.999Z"


def test_a_moment_without_a_zone_is_no_moment() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        instant(datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_grant_until_withdrawn_has_no_end() -> None:
    assert facts(ends_on=None).ends_at is None


def test_create_by_and_publish_by_are_inclusive_days() -> None:
    found = facts(create_by="2026-06-30", publish_by="2026-12-31")

    assert found.create_before == "2026-06-30T15:00:00.000Z"
    assert found.publish_before == "2026-12-31T15:00:00.000Z"


# Places


@pytest.mark.parametrize(
    ("territories", "excepted", "worldwide", "codes"),
    [
        ({"WORLD"}, set(), True, set()),
        (TERRITORIES, set(), True, set()),
        ({"WORLD", "JP"}, set(), True, set()),
        ({"JP", "KR"}, set(), False, {"JP", "KR"}),
        ({"JP", "KR"}, {"KR"}, False, {"JP"}),
        ({"JP"}, {"US"}, False, {"JP"}),
        ({"WORLD"}, {"US"}, False, TERRITORIES - {"US"}),
    ],
)
def test_exceptions_are_taken_out_of_the_territories(
    territories: set[str], excepted: set[str], worldwide: bool, codes: set[str]
) -> None:
    found = facts(territories=territories, territories_excepted=excepted)

    assert (found.worldwide, found.territories) == (worldwide, codes)


def test_any_is_a_flag_and_no_member() -> None:
    found = facts(licensees={"any"})

    assert (found.any_sector, found.sectors) == (True, frozenset())
    assert (found.any_licensee, found.licensees) == (True, frozenset())


def test_named_sectors_and_licensees_stay_names() -> None:
    found = facts(sectors={"food", "travel"}, licensees={"Acme"})

    assert (found.any_sector, found.sectors) == (False, {"food", "travel"})
    assert (found.any_licensee, found.licensees) == (False, {"Acme"})


def test_what_terms_leave_out_is_not_allowed() -> None:
    found = facts()

    assert (found.generative, found.train, found.alterations) == (False, False, frozenset())
    assert found.licensees == {"house"}
    assert found.territories_tested == "accessible"


def test_what_nobody_said_of_a_photo_is_unknown() -> None:
    found = facts(shown=Depictions())

    assert (found.persons, found.model_release, found.youngest, found.property_release) == (("unknown",) * 4)


def test_a_credit_and_share_alike_are_facts() -> None:
    found = facts(credit={"text": "© Ada"}, share_alike="CC-BY-SA-4.0")

    assert (found.credit_owed, found.share_alike) == (True, "CC-BY-SA-4.0")
    assert not facts().credit_owed


# Exclusivity


def a_row(**fields: Any) -> Exclusivity:
    return Exclusivity.model_validate(
        {"holder": "Rival", "sectors": {"cosmetics"}, "territories": {"JP"}, "channels": {"web"}} | fields
    )


@pytest.mark.parametrize(
    ("row", "use", "taken"),
    [
        ({}, {"sector": "cosmetics"}, True),
        ({}, {"sector": "food"}, False),
        ({}, {"sector": "general"}, False),
        ({}, {"sector": "cosmetics", "channels": {"print"}}, False),
        ({}, {"sector": "cosmetics", "channels": {"print", "web"}}, True),
        ({}, {"sector": "cosmetics", "targeted": {"US"}, "accessible": {"US"}}, False),
        ({}, {"sector": "cosmetics", "targeted": {"US"}, "accessible": {"US", "JP"}}, True),
        ({}, {"sector": "cosmetics", "targeted": {"JP"}, "accessible": {"US"}}, True),
        ({}, {"sector": "cosmetics", "targeted": {"US"}, "accessible": {"WORLD"}}, True),
        ({}, {"sector": "food", "targeted": {"US"}, "accessible": {"WORLD"}}, False),
        ({"sectors": {"any"}}, {"sector": "food"}, True),
        ({"channels": CHANNELS}, {"sector": "cosmetics", "channels": {"email"}}, True),
        ({"territories": {"WORLD"}}, {"sector": "cosmetics", "accessible": {"AQ"}}, True),
        ({"territories": {"WORLD"}}, {"sector": "cosmetics", "accessible": {"WORLD"}}, True),
        ({"territories": {"WORLD"}}, {"sector": "cosmetics", "channels": {"print"}}, False),
        ({"starts_on": "2020-01-01", "ends_on": "2020-12-31"}, {"sector": "cosmetics"}, True),
    ],
)
def test_a_use_meets_a_carved_field_exactly_if_they_share_an_atom(
    row: dict[str, Any], use: dict[str, Any], taken: bool
) -> None:
    atoms = carved([a_row(**row)], licensees=frozenset({"house"}))

    assert bool(atoms & fields(a_use(**use))) is taken


PLACES = st.one_of(
    st.just(frozenset({"WORLD"})), st.frozensets(st.sampled_from(["JP", "US", "FR"]), min_size=1)
)
SOME_CHANNELS = st.frozensets(st.sampled_from(["web", "print", "app"]), min_size=1)


@given(
    PLACES,
    st.one_of(SOME_CHANNELS, st.just(CHANNELS)),
    st.frozensets(st.sampled_from(["food", "travel", "any"]), min_size=1),
    PLACES,
    PLACES,
    SOME_CHANNELS,
    st.sampled_from(["food", "travel", "general"]),
)
def test_atoms_say_what_the_fields_of_both_say(
    row_places: frozenset[str],
    row_channels: frozenset[str],
    row_sectors: frozenset[str],
    targeted: frozenset[str],
    accessible: frozenset[str],
    channels: frozenset[str],
    sector: str,
) -> None:
    row = a_row(territories=row_places, channels=row_channels, sectors=row_sectors)
    use = a_use(targeted=targeted, accessible=accessible, channels=channels, sector=sector)
    places = targeted | accessible

    meets = (
        ("WORLD" in row_places or "WORLD" in places or bool(row_places & places))
        and bool(row_channels & channels)
        and ("any" in row_sectors or sector in row_sectors)
    )

    assert bool(carved([row], licensees=frozenset()) & fields(use)) is meets


def test_a_holder_who_is_the_licensee_takes_nothing_from_its_own_grant() -> None:
    found = facts(exclusivity=[a_row()], licensees={"Rival"})

    assert found.carved == frozenset()


def test_a_row_of_very_many_atoms_is_widened_to_the_world() -> None:
    row = a_row(territories=TERRITORIES - {"JP"}, channels=CHANNELS - {"web"}, sectors={"food", "travel"})

    atoms = carved([row], licensees=frozenset())

    assert len(atoms) == 2 * 8 * 2
    assert atoms & fields(a_use(sector="food", channels={"print"}))


# Embedded rights only tighten


def test_embedded_rights_that_allow_more_change_nothing() -> None:
    shown = Depictions(persons=True, model_release="none", youngest="minor", property_release="unknown")
    mild = EmbeddedRights(
        model_release="MR-UMR",
        property_release="PR-UPR",
        minor_disclosure="AG-A25",
        data_mining="DMI-ALLOWED",
    )

    found = facts(shown=shown, embedded=mild)

    assert (found.persons, found.model_release, found.youngest, found.property_release) == (
        ("present", "none", "minor", "unknown")
    )


def test_embedded_rights_that_forbid_win_over_the_record() -> None:
    shown = Depictions(persons=True, model_release="released", youngest="adult", property_release="released")
    strict = EmbeddedRights(
        model_release="MR-NON",
        property_release="PR-LPR",
        minor_disclosure="AG-A16",
        image_alteration_constraints=frozenset({"http://ns.useplus.org/ldf/vocab/AL-MRG"}),
        data_mining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-GENAIMLTRAINING",
        expires_at="2026-12-31",
    )

    found = facts(shown=shown, embedded=strict)

    assert (found.model_release, found.youngest, found.property_release) == ("none", "minor", "unknown")
    assert found.alteration_constraints == {"AL-MRG"}
    assert found.data_mining == "DMI-PROHIBITED-GENAIMLTRAINING"
    assert found.embedded_ends_at == "2026-12-31T10:00:00.000Z"


# Uses


def test_a_use_is_flat_and_dated() -> None:
    found = use_facts(
        a_use(zone="Asia/Tokyo", accessible={"WORLD"}), at=datetime(2026, 11, 23, 12, tzinfo=UTC)
    )

    assert found.now == "2026-11-23T12:00:00.000Z"
    assert (found.starts_at, found.ends_at) == ("2026-11-30T15:00:00.000Z", "2026-12-31T15:00:00.000Z")
    assert (found.targeted_world, found.targeted) == (False, {"JP"})
    assert (found.accessible_world, found.accessible) == (True, frozenset())


def test_a_worldwide_use_on_every_channel_stays_small() -> None:
    found = use_facts(a_use(accessible={"WORLD"}, channels=CHANNELS), at=datetime(2026, 11, 23, tzinfo=UTC))

    assert len(found.fields) == 2 * 10 * 2


# Canonical profiles


def an_id(number: int) -> UUID:
    return UUID(int=number)


MANY = [
    facts(),
    facts(territories={"WORLD"}),
    facts(channels={"print", "web", "app"}),
    facts(ends_on=None, credit={"text": "© Ada"}),
    facts(max_copies=500),
]


@given(st.permutations(range(len(MANY))))
def test_the_order_in_which_grants_come_does_not_matter(order: list[int]) -> None:
    pairs = [(an_id(index), MANY[index]) for index in range(len(MANY))]

    assert in_order(pairs[index] for index in order) == in_order(pairs)


def test_photos_with_equal_grants_share_a_digest_whatever_their_ids() -> None:
    first = in_order((an_id(index), each) for index, each in enumerate(MANY))
    second = in_order((an_id(90 - index), each) for index, each in enumerate(MANY))

    assert profile_digest([each for _, each in first]) == profile_digest([each for _, each in second])


def test_grants_of_equal_facts_are_ordered_by_id() -> None:
    ordered = in_order([(an_id(9), facts()), (an_id(2), facts())])

    assert [grant_id for grant_id, _ in ordered] == [an_id(2), an_id(9)]


def test_one_day_more_is_another_profile() -> None:
    assert profile_digest([facts()]) != profile_digest([facts(ends_on="2027-04-01")])


def test_blocks_are_no_part_of_a_profile() -> None:
    blocked = facts().model_copy(update={"blocks": frozenset({"withdrawn"})})

    assert canonical(blocked) == canonical(facts())


def test_a_profile_once_hashed_keeps_its_digest() -> None:
    """Frozen: a change here parts every photo of a running bank from its profile."""
    assert canonical(facts()).startswith(
        b'{"alteration_constraints":[],"alterations":[],"any_licensee":false,"any_sector":true,'
        b'"audiences":["public"],"basis":"licensed","carved":[],"chan'
    )
    assert profile_digest([facts()]) == "cb3972467ddf5a8f2c7e55dd3e04fc4bf8a2cff9fe55cf3f384163fc368ada53"
    assert profile_digest([]) == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"


def test_a_photo_can_hold_63_grants_and_not_64() -> None:
    pairs = [(an_id(number), facts(max_copies=number)) for number in range(64)]

    assert len(in_order(pairs[:63])) == 63
    with pytest.raises(TooManyGrants, match="63 grants and this one would have 64"):
        in_order(pairs)


def test_a_photo_that_says_when_it_is_released_is_not_used_before() -> None:
    stated = facts(embedded=EmbeddedRights(begins_at="2026-06-01"))

    assert stated.starts_at == "2026-06-01T12:00:00.000Z"
    assert facts(embedded=EmbeddedRights(begins_at="1999-01-01")).starts_at == facts().starts_at
