from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankd.audit.canonical import canonical, parse, plain
from bankd.audit.errors import NotCanonical


class Color(StrEnum):
    RED = "red"


def test_rfc_8785s_own_example_of_sorting() -> None:
    text = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert list(parse(canonical(text).decode()).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]


def test_what_the_bank_records_has_one_form() -> None:
    tokyo = timezone(timedelta(hours=9))
    value = {
        "at": datetime(2026, 6, 1, 21, 0, 0, 5, tzinfo=tokyo),
        "on": date(2026, 6, 1),
        "id": UUID(int=1),
        "hash": b"\x00\xff",
        "set": frozenset({"b", "a"}),
        "color": Color.RED,
        "pair": (1, None, True),
    }
    assert canonical(value) == (
        b'{"at":"2026-06-01T12:00:00.000005Z","color":"red","hash":"00ff",'
        b'"id":"00000000-0000-0000-0000-000000000001","on":"2026-06-01","pair":[1,null,true],"set":["a","b"]}'
    )


def test_a_moment_is_the_same_wherever_it_was_said() -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    assert canonical(noon) == canonical(noon.astimezone(timezone(timedelta(hours=-5))))


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        1.0,
        float("nan"),
        {"deep": [{"er": 0.1}]},
        2**53,
        -(2**53),
        datetime(2026, 6, 1, 12),  # noqa: DTZ001
        {1: "a"},
        {"a": object()},
        "\ud800",
    ],
)
def test_what_has_no_one_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


def test_integers_that_every_reader_keeps_are_taken() -> None:
    assert canonical([2**53 - 1, -(2**53) + 1]) == b"[9007199254740991,-9007199254740991]"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_what_is_read_back_is_written_the_same(value: object) -> None:
    written = canonical(value)
    assert parse(written.decode()) == value == plain(value)
    assert canonical(parse(written.decode())) == written


@given(st.lists(st.text() | st.integers(0, 10), max_size=6))
def test_a_set_has_no_order(members: list[object]) -> None:
    assert canonical(set(members)) == canonical(sorted(set(members), key=canonical))
