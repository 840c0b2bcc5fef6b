"""Who is covered by which release, and when somebody comes of age."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankd.licensing.people import Cover, PersonSegment, majority_on, uncovered

ONE = (PersonSegment(4, None),)
TWO = (PersonSegment(4, None), PersonSegment(7, None))
IN_PIECES = (PersonSegment(4, 26001), PersonSegment(5, 26001), PersonSegment(9, 26002))


@pytest.mark.parametrize(
    ("born_on", "country", "of_age_on"),
    [
        ("2008-11-23", "JP", "2026-11-23"),
        ("2008-02-29", "JP", "2026-03-01"),  # a leap day, and no leap year
        ("2000-02-29", "TW", "2018-03-01"),
        ("2004-02-29", "XX", "2025-03-01"),  # not listed: 21
        ("2007-05-01", "KR", "2026-05-01"),
    ],
)
def test_full_age_comes_on_the_birthday_that_the_law_names(
    born_on: str, country: str, of_age_on: str
) -> None:
    assert majority_on(date.fromisoformat(born_on), country) == date.fromisoformat(of_age_on)


@pytest.mark.parametrize(
    ("segments", "strays", "covers", "left"),
    [
        (ONE, 0, [], 1),
        (ONE, 0, [Cover()], 0),
        (ONE, 0, [Cover(segments=frozenset({4}))], 0),
        (TWO, 0, [Cover()], 2),  # whom of the two, nobody says
        (TWO, 0, [Cover(), Cover()], 2),
        (TWO, 0, [Cover(segments=frozenset({4}))], 1),
        (TWO, 0, [Cover(segments=frozenset({4})), Cover(segments=frozenset({7}))], 0),
        (TWO, 0, [Cover(whole=True)], 0),
        (IN_PIECES, 0, [Cover(instances=frozenset({26001}))], 1),
        (IN_PIECES, 0, [Cover(segments=frozenset({4, 9}))], 1),  # a piece of the first is not named
        (IN_PIECES, 0, [Cover(segments=frozenset({4, 5})), Cover(instances=frozenset({26002}))], 0),
        (ONE, 1, [Cover(segments=frozenset({4}))], 1),  # a face in the mirror
        (ONE, 1, [Cover()], 2),
        ((), 1, [Cover()], 0),  # the face is the person
        ((), 2, [Cover()], 2),
        ((), 0, [Cover()], 0),  # said to show a person whom the label map does not know
        ((), 0, [], 1),
        ((), 0, [Cover(segments=frozenset({4}))], 1),
    ],
)
def test_each_person_needs_a_release(
    segments: tuple[PersonSegment, ...], strays: int, covers: list[Cover], left: int
) -> None:
    assert uncovered(segments, strays=strays, covers=covers) == left


@given(
    st.lists(
        st.builds(PersonSegment, st.integers(0, 9), st.none() | st.integers(1, 3)),
        unique_by=lambda one: one.ordinal,
    ),
    st.integers(0, 2),
    st.lists(
        st.builds(
            Cover,
            st.just(False),
            st.frozensets(st.integers(0, 9), max_size=4),
            st.frozensets(st.integers(1, 3), max_size=2),
        )
    ),
)
def test_another_stray_face_never_covers_anybody_and_another_release_never_uncovers(
    segments: list[PersonSegment], strays: int, covers: list[Cover]
) -> None:
    left = uncovered(segments, strays=strays, covers=covers)

    assert 0 <= left <= max(len(segments) + strays, 1)
    assert uncovered(segments, strays=strays, covers=[*covers, Cover(whole=True)]) == 0
    assert uncovered(segments, strays=strays, covers=[*covers, Cover(instances=frozenset({1}))]) <= left
    if segments or strays:
        assert uncovered(segments, strays=strays + 1, covers=covers) > left
