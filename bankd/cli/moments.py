"""Moments and spans of time as people type them."""

import re
from datetime import UTC, date, datetime, timedelta

import click

from bankd.licensing.days import end_of, start_of

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
SPAN = re.compile(r"(?P<number>\d{1,5})(?P<unit>[dwmy])", re.ASCII)
MOST_DAYS = 36_600
DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


class Moment(click.ParamType):  # type: ignore[type-arg]
    """`2026-11-30` or `2026-11-30T12:00+09:00`. A day is in UTC: its first moment, or the first after it."""

    name = "moment"

    def __init__(self, *, last: bool = False) -> None:
        self._last = last

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value)
        try:
            if DAY.fullmatch(text):
                day = date.fromisoformat(text)
                return end_of(day, "UTC") if self._last else start_of(day, "UTC")
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"`{text}` is no moment: write `2026-11-30` or `2026-11-30T12:00+09:00`", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"`{text}` does not say its zone: write `{text}+09:00` or `{text}Z`", param, ctx)
        return moment.astimezone(UTC)


class Span(click.ParamType):  # type: ignore[type-arg]
    """`90d`, `12w`, `3m` (of 30 days) or `1y` (of 365)."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        found = SPAN.fullmatch(str(value))
        if found is None:
            self.fail(f"`{value}` is no span of time: write `90d`, `12w`, `3m` or `1y`", param, ctx)
        days = int(found["number"]) * DAYS[found["unit"]]
        if days > MOST_DAYS:
            self.fail(f"`{value}` is more than a hundred years", param, ctx)
        return timedelta(days=days)
