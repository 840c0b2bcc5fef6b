"""Days as the instants between which they lie. Pure."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def start_of(day: date, zone: str) -> datetime:
    """The instant in UTC at which `day` begins in `zone`.

    Where the clocks skip midnight, the day begins at the skip; where they
    show it twice, the first time counts.
    """
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def end_of(day: date, zone: str) -> datetime:
    """The instant in UTC just after the whole of `day` in `zone`."""
    return start_of(day + timedelta(days=1), zone)


def instant(at: datetime) -> str:
    """An aware moment as facts write it: UTC, milliseconds cut off."""
    if at.tzinfo is None:
        raise ValueError("the moment has no time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
