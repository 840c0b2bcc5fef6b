"""Which facts of a publication go beyond its clearance: the edges."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from bankd.licensing.use import Use
from bankd.usage.within import OUTSIDE, HandedOut, Published, outside

USE = Use.model_validate(
    {
        "purpose": "commercial",
        "channels": ["print"],
        "targeted": ["JP"],
        "accessible": ["JP", "TW"],
        "starts_on": "2026-06-01",
        "ends_on": "2026-12-31",
        "audience": "public",
        "copies": 1000,
    }
)


def published(**facts: Any) -> Published:
    return Published.model_validate(
        {
            "channel": "print",
            "place": "Kurashi 7/2026",
            "territories": "JP",
            "starts_on": "2026-06-10",
            **facts,
        }
    )


def given(**facts: Any) -> HandedOut:
    return HandedOut(
        **{"use": USE, "channel": "print", "on": date(2026, 6, 10), "comp": False, "copies_before": 0} | facts
    )


@pytest.mark.parametrize(
    ("facts", "handed_out", "expected"),
    [
        ({}, {}, ()),
        ({"copies": 1000, "territories": ["JP", "TW"], "ends_on": "2026-12-31"}, {}, ()),
        ({"channel": "web"}, {}, ("other-channel",)),
        ({"territories": ["JP", "KR"]}, {}, ("other-territories",)),
        ({"territories": "WORLD"}, {}, ("other-territories",)),
        ({"starts_on": "2026-06-09"}, {}, ("before-handout",)),
        ({"starts_on": "2026-05-31"}, {"on": date(2026, 5, 1)}, ("other-period",)),
        ({"ends_on": "2027-01-01"}, {}, ("other-period",)),
        ({"starts_on": "2027-01-01"}, {}, ("other-period",)),
        ({"copies": 1001}, {}, ("more-copies",)),
        ({"copies": 1}, {"copies_before": 1000}, ("more-copies",)),
        ({"copies": 0}, {"copies_before": 1000}, ()),
        ({"channel": "web", "copies": 9999}, {"comp": True}, ("comp", "other-channel", "more-copies")),
    ],
)
def test_a_publication_is_held_against_what_was_cleared(
    facts: dict[str, Any], handed_out: dict[str, Any], expected: tuple[str, ...]
) -> None:
    found = outside(published(**facts), given(**handed_out))

    assert found == expected
    assert set(found) <= set(OUTSIDE)


def test_without_a_handout_nothing_covers_it() -> None:
    assert outside(published(), None) == ("no-handout",)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"ends_on": "2026-06-09"}, "the publication ends on `2026-06-09` before it starts on `2026-06-10`"),
        ({"copies": -1}, "greater than or equal to 0"),
        ({"territories": []}, "at least 1"),
        ({"territories": "XX"}, "unknown territory `XX`"),
        ({"channel": "carrier-pigeon"}, "Input should be"),
        ({"place": " "}, "should match pattern"),
    ],
)
def test_what_cannot_be_a_fact_is_refused(facts: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        published(**facts)
