"""The use that a request declares: its whole context, nothing left to be guessed."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from bankd.licensing.terms import MAX_COUNT, Day, Name, Slug, Value, known_territories, known_zone
from bankd.licensing.vocabulary import Alteration, Audience, Channel, Circulation, Purpose, Subject


class Use(Value):
    """What will be done with a picture, where, when, by and for whom.

    `targeted` is where the picture is aimed at; `accessible` where it can be
    seen (the web without a geo-block is WORLD). Dates are inclusive, in `zone`.
    """

    purpose: Purpose
    channels: frozenset[Channel] = Field(min_length=1)
    targeted: frozenset[str] = Field(min_length=1)
    accessible: frozenset[str] = Field(min_length=1)
    starts_on: Day
    ends_on: Day
    zone: str = "UTC"
    sector: Slug = "general"
    brand: str | None = None
    subjects: frozenset[Subject] = frozenset()
    audience: Audience
    copies: int = Field(default=0, ge=0, le=MAX_COUNT)  # 0: no print run
    licensee: Name = "house"
    beneficiaries: frozenset[str] = frozenset()
    alterations: frozenset[Alteration] = frozenset({"crop", "recolor", "retouch", "combine"})

    _check_territories = field_validator("targeted", "accessible")(known_territories)
    _check_zone = field_validator("zone")(known_zone)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_on < self.starts_on:
            raise ValueError(f"the use ends on `{self.ends_on}` before it starts on `{self.starts_on}`")
        return self


class UseFacts(Value):
    """A use at a moment, flat: what policy sees as its context. `now` and period as in `GrantFacts`."""

    now: str
    purpose: Purpose
    channels: frozenset[Channel]
    targeted_world: bool
    targeted: frozenset[str]  # empty when targeted_world
    accessible_world: bool
    accessible: frozenset[str]
    starts_at: str
    ends_at: str  # half-open
    sector: str
    subjects: frozenset[Subject]
    audience: Audience
    copies: int
    licensee: str
    beneficiaries: frozenset[str] = frozenset()  # others in whose interest it is used
    alterations: frozenset[Alteration]
    fields: frozenset[str]  # exclusivity atoms that the use touches, as `GrantFacts.carved`
    department: str = ""  # who asks, by name; `house`: somebody of none; empty: nobody, who sees no embargo
    brand: str | None = None  # the one that the picture is made for
    circulation: Circulation = "new"  # never declared: what is done with something handed out before
