"""For how long something may go on, by its terms, and what is to be done with it then."""

from datetime import date

import pytest

from bankd.synthesis.lasting import FOR_GOOD, Answer, last_day, latest, verdict

NO = Answer(False)
YES = Answer(True, date(2027, 3, 31))
PARTLY = Answer(False, date(2027, 3, 31), {"sell-off-over": "Stock may no longer be sold off"})


def test_the_last_moment_to_which_it_clears_is_the_end_that_is_told() -> None:
    ends = [FOR_GOOD, "2027-03-31T15:00:00.000Z", "2026-12-31T15:00:00.000Z"]
    assert latest(ends, lambda until: until <= "2027-03-31T15:00:00.000Z") == ends[1]
    assert latest(ends, lambda until: False) is None
    assert last_day(ends[1], "Asia/Tokyo") == date(2027, 3, 31)
    assert last_day(ends[1], "UTC") == date(2027, 3, 31)
    assert last_day("2027-04-01T00:00:00.000Z", "UTC") == date(2027, 3, 31)
    assert last_day(FOR_GOOD, "UTC") is None


@pytest.mark.parametrize(
    ("channel", "stock", "archive", "in_period", "told"),
    [
        ("print", YES, NO, True, "stands"),
        ("print", YES, NO, False, "sell-off"),
        ("print", PARTLY, NO, False, "sell-off"),
        ("print", NO, YES, True, "archive"),  # what is out may stay, and nothing more goes out
        ("packaging", NO, NO, True, "take-down"),
        ("web", None, YES, True, "stands"),
        ("web", None, YES, False, "archive"),
        ("web", None, Answer(True), False, "archive"),
        ("web", None, NO, True, "take-down"),
    ],
)
def test_printed_copies_are_sold_off_and_all_else_stays_where_it_is_or_comes_down(
    channel: str, stock: Answer | None, archive: Answer, in_period: bool, told: str
) -> None:
    assert verdict(channel, stock=stock, archive=archive, in_period=in_period) == told
