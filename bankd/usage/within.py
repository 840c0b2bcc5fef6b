"""Whether a publication lies within what its handout was cleared for. Pure: facts against the use declared.

This decides nothing that may be done, which is policy's: it says which facts
go beyond what policy was asked, for people to look at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Self

from pydantic import Field, model_validator

from bankd.licensing.terms import MAX_COUNT, Day, Name, Territories, Value, Words
from bankd.licensing.use import Use
from bankd.licensing.vocabulary import WORLD, Channel

OUTSIDE: Mapping[str, str] = {
    "no-handout": "The picture was never handed out",
    "comp": "What was published is a comp, with its watermark",
    "other-channel": "It was handed out for another channel",
    "other-territories": "It could be seen in territories that were not cleared",
    "before-handout": "It was published before it was handed out",
    "other-period": "It was public outside the period that was cleared",
    "more-copies": "More copies were published than were cleared",
    "over-cap": "A grant that it relies on had nothing left of its cap",
}
"""How a publication can go beyond its clearance, each in a sentence."""


class Published(Value):
    """What is told of one publication."""

    channel: Channel
    """The channel in which it appeared."""
    place: Name
    """The address on the web, or the edition: what somebody needs to find it."""
    territories: Territories = Field(min_length=1)
    """Where it could be seen: ISO 3166-1 alpha-2 codes, or `WORLD`."""
    copies: int = Field(default=0, ge=0, le=MAX_COUNT)
    """How many were printed or pressed; 0 where there is no print run."""
    starts_on: Day
    """First day on which it was public, in the zone of the use."""
    ends_on: Day | None = None
    """Last day, inclusive; empty while it is public."""
    evidence: Words | None = None
    """Where it can be seen that it happened: an address, a file number, a specimen."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError(
                f"the publication ends on `{self.ends_on}` before it starts on `{self.starts_on}`"
            )
        return self


@dataclass(frozen=True)
class HandedOut:
    """What a handout was cleared for, and what was published of it before."""

    use: Use
    channel: str
    on: date  # in the use's zone
    comp: bool
    copies_before: int


def outside(published: Published, handed_out: HandedOut | None) -> tuple[str, ...]:
    """The ways in which it goes beyond its clearance, in the order of `OUTSIDE`; none if it does not."""
    if handed_out is None:
        return ("no-handout",)
    use = handed_out.use
    last = published.ends_on or published.starts_on
    found = {
        "comp": handed_out.comp,
        "other-channel": published.channel != handed_out.channel,
        "other-territories": WORLD not in use.accessible and not published.territories <= use.accessible,
        "before-handout": published.starts_on < handed_out.on,
        "other-period": published.starts_on < use.starts_on or last > use.ends_on,
        "more-copies": 0 < published.copies > use.copies - handed_out.copies_before,
    }
    return tuple(reason for reason in OUTSIDE if found.get(reason))
