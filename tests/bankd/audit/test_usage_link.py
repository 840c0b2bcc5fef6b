"""A link has one spelling, whatever people call places and editions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankd.audit.canonical import canonical
from bankd.audit.usage_link import Fed, Publication, read

ID = "6b1f0b5e-4c1e-4a53-9d57-0f2a4c0c8d11"
WORDS = st.text(st.characters(exclude_categories=["Cs"]))


def publication(place: str, territories: list[str], px: int, copies: int) -> Publication:
    return Publication(
        licensor=ID,
        entry=3,
        leaf="0" * 64,
        at="2026-06-01T11:00:00.000000Z",
        composite=ID,
        frame_px=1 << 40,
        canvas_px=px,
        photos=(Fed(photo=ID, grant=ID, canvas_px=px),),
        publication=ID,
        handout=None,
        channel="web",
        place=place,
        territories=tuple(territories),
        copies=copies,
        starts_on="2026-06-01",
        ends_on=None,
    )


@given(WORDS, st.lists(WORDS, max_size=3), st.integers(0, 1 << 40), st.integers(0, (1 << 53) - 1))
def test_a_payload_is_canonical_and_reads_as_what_it_was(
    place: str, territories: list[str], px: int, copies: int
) -> None:
    made = publication(place, territories, px, copies)
    assert made.payload() == canonical(made.model_dump(mode="json"))
    assert read(made.payload().decode()) == made


@pytest.mark.parametrize("payload", ["", "[]", "{}", "1", '{"v":1}', "null", '{"kind":"seal","v":1}', "NaN"])
def test_what_is_no_link_is_not_read_as_one(payload: str) -> None:
    with pytest.raises(ValueError):
        read(payload)
