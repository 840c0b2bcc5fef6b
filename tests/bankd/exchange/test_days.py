"""Days as desks write them: one reading each, or none."""

from datetime import date, datetime

import pytest

from bankd.exchange import days


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-03-31", date(2026, 3, 31)),
        ("2026/3/31", date(2026, 3, 31)),
        ("2026.03.31", date(2026, 3, 31)),
        ("20260331", date(2026, 3, 31)),
        ("2026年3月31日", date(2026, 3, 31)),
        ("2026年2月末日", date(2026, 2, 28)),
        ("２０２６／３／３１", date(2026, 3, 31)),
        ("令和8年3月31日", date(2026, 3, 31)),
        ("令和８年３月３１日", date(2026, 3, 31)),
        ("令和元年5月1日", date(2019, 5, 1)),
        ("㋿8年3月31日", date(2026, 3, 31)),
        ("R8.3.31", date(2026, 3, 31)),
        ("R08/03/31", date(2026, 3, 31)),
        ("r8-3-31", date(2026, 3, 31)),
        ("令和10年2月29日", date(2028, 2, 29)),
        ("令和10年2月末日", date(2028, 2, 29)),
        ("平成31年4月30日", date(2019, 4, 30)),
        ("平成32年3月31日", date(2020, 3, 31)),  # as contracts before 2019 named what was to come
        ("H1.1.8", date(1989, 1, 8)),
        ("昭和64年1月7日", date(1989, 1, 7)),
        ("S元.12.25", date(1926, 12, 25)),
        ("46112", date(2026, 3, 31)),
        ("46112.0", date(2026, 3, 31)),
        ("2026-03-31 00:00:00", date(2026, 3, 31)),
        (" 2026-03-31 ", date(2026, 3, 31)),
    ],
)
def test_a_day_is_read(text: str, found: date) -> None:
    assert days.day(text) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2026-02-29", "not a day of the calendar"),
        ("令和9年2月29日", "not a day of the calendar"),
        ("2026/13/1", "not a day of the calendar"),
        ("令和1年4月30日", "not a day of 令和"),
        ("令和0年1月1日", "not a day of 令和"),
        ("昭和64年1月8日", "not a day of 昭和"),
        ("平成1年1月7日", "not a day of 平成"),
        ("3/4/2026", "can be read as several days"),
        ("26/3/31", "can be read as several days"),
        ("31.3.26", "can be read as several days"),
        ("2026-3/31", "not a day"),
        ("2026-03-31 09:00", "not a day"),
        ("8年3月31日", "not a day"),
        ("X8.3.31", "not a day"),
        ("March 2026", "not a day"),
        ("461", "not a day"),
        ("", "not a day"),
        ("9" * 5000, "not a day"),
    ],
)
def test_what_is_no_day_or_several_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        days.day(text)


def test_workbooks_that_count_from_1904_say_another_day_by_the_same_number() -> None:
    assert days.day("46112") != days.day("46112", from_1904=True)
    assert days.day("44650", from_1904=True) == date(2026, 3, 31)


def test_a_cell_with_a_time_of_day_is_no_day() -> None:
    assert days.of_cell(datetime(2026, 3, 31)) == date(2026, 3, 31)  # noqa: DTZ001
    with pytest.raises(ValueError, match="time of day"):
        days.of_cell(datetime(2026, 3, 31, 9))  # noqa: DTZ001
