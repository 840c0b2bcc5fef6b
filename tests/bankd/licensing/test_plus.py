"""Embedded PLUS and IPTC values: known ones by their meaning, all others by the strictest."""

from datetime import UTC, datetime

import pytest

from bankd.licensing import plus
from bankd.licensing.terms import EmbeddedRights


@pytest.mark.parametrize(
    ("value", "persons", "status"),
    [
        (None, False, "not-needed"),
        ("MR-NON", False, "none"),
        ("MR-NAP", False, "not-needed"),
        ("MR-UMR", False, "released"),
        ("MR-LMR", None, "unknown"),
        ("http://ns.useplus.org/ldf/vocab/MR-NON", False, "none"),
        (" mr-non ", False, "none"),
        ("PR-UPR", None, "unknown"),  # a property release where a model release belongs
        ("MR-???", None, "unknown"),
        ("", None, "unknown"),
    ],
)
def test_model_releases(value: str | None, persons: bool | None, status: str) -> None:
    shown = plus.depictions(EmbeddedRights(model_release=value))

    assert (shown.persons, shown.model_release) == (persons, status)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (None, "not-needed"),
        ("PR-NON", "none"),
        ("PR-NAP", "not-needed"),
        ("PR-UPR", "released"),
        ("PR-LPR", "unknown"),
        ("MR-UMR", "unknown"),
        ("yes", "unknown"),
    ],
)
def test_property_releases(value: str | None, status: str) -> None:
    assert plus.depictions(EmbeddedRights(property_release=value)).property_release == status


@pytest.mark.parametrize(
    ("value", "youngest", "persons"),
    [
        (None, "adult", False),
        ("AG-A25", "adult", False),
        ("AG-A18", "adult", False),
        ("AG-A17", "minor", True),
        ("AG-A15", "minor", True),
        ("AG-U14", "minor", True),
        ("AG-UNK", "unknown", False),
        ("AG-A99", "unknown", False),
        ("12", "unknown", False),
    ],
)
def test_ages(value: str | None, youngest: str, persons: bool) -> None:
    shown = plus.depictions(EmbeddedRights(minor_disclosure=value))

    assert (shown.youngest, shown.persons) == (youngest, persons)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (set(), set()),
        ({"AL-CRP", "http://ns.useplus.org/ldf/vocab/AL-RET"}, {"AL-CRP", "AL-RET"}),
        ({"AL-NEW"}, plus.ALTERATION_CONSTRAINTS),
        ({"AL-CRP", "no changes please"}, plus.ALTERATION_CONSTRAINTS),
    ],
)
def test_alteration_constraints(values: set[str], found: set[str]) -> None:
    assert plus.alteration_constraints(frozenset(values)) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "unstated"),
        ("DMI-ALLOWED", "DMI-ALLOWED"),
        ("http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING", "DMI-PROHIBITED-AIMLTRAINING"),
        ("DMI-PERHAPS", "DMI-PROHIBITED"),
        ("", "DMI-PROHIBITED"),
    ],
)
def test_data_mining(value: str | None, found: str) -> None:
    assert plus.data_mining(value) == found


def test_the_standard_has_nine_values_for_data_mining() -> None:
    assert len(plus.DATA_MINING) == 9


@pytest.mark.parametrize(
    ("text", "forbids_from"),
    [
        ("2026-12-31", "2026-12-31T10:00"),  # its end where that day ends first
        ("20261231", "2026-12-31T10:00"),
        ("2026:12:31", "2026-12-31T10:00"),
        ("2026-12-31T18:00:00+09:00", "2026-12-31T09:00"),
        ("2026-12-31T18:00:00Z", "2026-12-31T18:00"),
        ("20261231T180000+0900", "2026-12-31T09:00"),
        ("2026-12-31T18:00", "2026-12-31T04:00"),  # no zone: the easternmost
        ("2026", "1970-01-01T00:00"),
        ("31.12.2026", "1970-01-01T00:00"),
        ("2026-02-30", "1970-01-01T00:00"),
        ("9999-12-31", "1970-01-01T00:00"),
        ("0001-01-01T00:00+14:00", "1970-01-01T00:00"),
        ("", "1970-01-01T00:00"),
        ("never", "1970-01-01T00:00"),
    ],
)
def test_an_expiry_is_read_narrowly_and_forbids_where_it_cannot_be_read(text: str, forbids_from: str) -> None:
    assert plus.expiry(text) == datetime.fromisoformat(forbids_from).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "allowed_from"),
    [
        ("2026-12-31", "2026-12-31T12:00"),  # where that day begins last
        ("20261231", "2026-12-31T12:00"),
        ("2026-12-31T18:00:00+09:00", "2026-12-31T09:00"),
        ("20261231T180000+0900", "2026-12-31T09:00"),
        ("soon", "2999-12-31T00:00"),
        ("2026-02-30", "2999-12-31T00:00"),
    ],
)
def test_a_release_date_is_read_narrowly_and_forbids_where_it_cannot_be_read(
    text: str, allowed_from: str
) -> None:
    assert plus.beginning(text) == datetime.fromisoformat(allowed_from).replace(tzinfo=UTC)
