"""For how long something that was handed out or published may go on, and what is to be done with it. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from bankd.licensing.terms import GrantFacts

Verdict = Literal["stands", "sell-off", "archive", "take-down"]
PRINTED = frozenset({"print", "packaging"})
FOR_GOOD = "9999-12-30T00:00:00.000Z"
"""The end of what nothing ends: later than any day that a term names."""

ENDS = (
    "ends_at",
    "sell_off_before",
    "embedded_ends_at",
    "basis_ends_at",
    "release_ends_at",
    "reconfirm_before",
    "data_basis_ends_at",
)
"""The facts of a grant at which a use that goes on may have to end."""


@dataclass(frozen=True)
class Answer:
    """Whether it may go on over all of the asked days.

    Where it may, `until` is the last day on which it still may, and None: nothing ends it. Where it may
    not, `reasons` are policies with their sentences, and `until` the last day of a part that it still may;
    None: not even on the first.
    """

    allowed: bool
    until: date | None = None
    reasons: Mapping[str, str] | None = None
    photos: frozenset[UUID] = frozenset()

    @property
    def begins(self) -> bool:
        """Whether it may go on at least on the first of the asked days."""
        return self.allowed or self.until is not None

    def as_json(self) -> dict[str, Any]:
        return {
            "allowed": self.allowed,
            "until": self.until,
            "reasons": dict(self.reasons or {}),
            "photos": sorted(self.photos, key=str),
        }


def moments(facts: Iterable[GrantFacts], *, after: str) -> list[str]:
    """The moments at which a use that goes on after one may have to end, the last first."""
    named = {getattr(one, name) for one in facts for name in ENDS}
    return [FOR_GOOD, *sorted((one for one in named if one is not None and one > after), reverse=True)]


def latest(candidates: Iterable[str], clears: Callable[[str], bool]) -> str | None:
    """The last of them to which it clears; they come last first. None: to none of them."""
    return next((one for one in candidates if clears(one)), None)


def last_day(moment: str, zone: str) -> date | None:
    """The day before a moment that ends something, in its zone; None for one that nothing ends."""
    if moment == FOR_GOOD:
        return None
    return (datetime.fromisoformat(moment) - timedelta(microseconds=1)).astimezone(ZoneInfo(zone)).date()


def verdict(channel: str, *, stock: Answer | None, archive: Answer, in_period: bool) -> Verdict:
    """What is to be done with a publication on the first of the asked days.

    Printed copies ask for stock first, all else for its archive. `stands` is what is still within the
    period that was cleared.
    """
    if channel in PRINTED and stock is not None and stock.begins:
        return "stands" if in_period else "sell-off"
    if archive.begins:
        return "stands" if in_period and channel not in PRINTED else "archive"
    return "take-down"
