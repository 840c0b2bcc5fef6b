"""Days, weeks, months, quarters and years as periods that follow each other; weeks begin on Monday. Pure."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from bankd.issued.models import Every
from bankd.licensing.days import end_of

MONTHS = {"month": 1, "quarter": 3, "year": 12}


def first_of(every: Every, day: date) -> date:
    """The first day of the period that a day lies in."""
    if every == "day":
        return day
    if every == "week":
        return day - timedelta(days=day.weekday())
    months = MONTHS[every]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def next_of(every: Every, first: date) -> date:
    """The first day of the period after the one that begins on `first`."""
    if every in ("day", "week"):
        return first + timedelta(days=1 if every == "day" else 7)
    month = first.month - 1 + MONTHS[every]
    return date(first.year + month // 12, month % 12 + 1, 1)


def over(every: Every, first: date, *, zone: str, at: datetime) -> Iterator[tuple[date, date]]:
    """First and last days of the periods from `first` on that are over by `at`, the earliest first."""
    first = first_of(every, first)
    while end_of(last := next_of(every, first) - timedelta(days=1), zone) <= at:
        yield first, last
        first = next_of(every, first)
