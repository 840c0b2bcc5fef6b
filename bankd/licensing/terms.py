"""What a grant says and what a photo shows, as plain values.

Whatever a term does not state is not allowed: every default here is the
narrow one. Dates are in the term's own zone and inclusive; instants are
derived from them, never stored beside them.
"""

from datetime import date
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from bankd.licensing.vocabulary import (
    TERRITORIES,
    WORLD,
    AgeStatus,
    Alteration,
    Audience,
    Basis,
    Channel,
    Purpose,
    ReleaseStatus,
    Subject,
    TerritoryTest,
)


class Value(BaseModel):
    """An immutable value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, with sets in order, so that equal values are equal JSON."""
        return {name: _plain(getattr(self, name)) for name in type(self).model_fields}


def _plain(value: Any) -> Any:
    if isinstance(value, Value):
        return value.as_json()
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def known_territories(codes: frozenset[str]) -> frozenset[str]:
    unknown = codes - TERRITORIES - {WORLD}
    if unknown:
        raise ValueError(f"unknown territory `{sorted(unknown)[0]}` (ISO 3166-1 alpha-2 codes or `WORLD`)")
    return frozenset({WORLD}) if WORLD in codes or codes == TERRITORIES else codes


def known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"unknown time zone `{name}`") from error
    return name


class Exclusivity(Value):
    """A field that another holder has to itself, carved out of this grant."""

    holder: str
    sectors: frozenset[str]  # {"any"}: every sector
    territories: frozenset[str]
    channels: frozenset[Channel]
    starts_on: date | None = None
    ends_on: date | None = None

    _check_territories = field_validator("territories")(known_territories)


class Credit(Value):
    """Words owed beside the picture, verbatim."""

    text: str = Field(min_length=1)
    placement: str = "adjacent"  # adjacent | credits-page | metadata


class GrantTerms(Value):
    """The uses that one grant allows. Immutable: new terms are a new grant."""

    territories: frozenset[str] = Field(min_length=1)
    territories_excepted: frozenset[str] = frozenset()
    territories_tested: TerritoryTest = "accessible"
    channels: frozenset[Channel] = Field(min_length=1)
    purposes: frozenset[Purpose] = Field(min_length=1)
    sectors: frozenset[str] = Field(min_length=1)  # {"any"}: every sector
    audiences: frozenset[Audience] = Field(min_length=1)
    alterations: frozenset[Alteration] = frozenset()
    generative: bool = False
    train: bool = False
    licensees: frozenset[str] = frozenset({"house"})  # {"any"}: anyone
    subjects_excluded: frozenset[Subject] = frozenset()
    max_copies: int | None = Field(default=None, ge=0)  # None: as many as wanted
    exclusivity: tuple[Exclusivity, ...] = ()
    starts_on: date
    ends_on: date | None  # inclusive; None: until withdrawn
    zone: str = "UTC"
    create_by: date | None = None
    publish_by: date | None = None
    cap: int | None = Field(default=None, ge=0)  # composites that may be sealed on this grant
    fee_minor: int = Field(default=0, ge=0)  # whole minor units, per sealed composite
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")  # ISO 4217
    credit: Credit | None = None
    sublicense: bool = False
    share_alike: str | None = None  # SPDX id of the license that a derivative must carry

    _check_territories = field_validator("territories", "territories_excepted")(known_territories)
    _check_zone = field_validator("zone")(known_zone)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError(f"term ends on `{self.ends_on}` before it starts on `{self.starts_on}`")
        if self.fee_minor and self.currency is None:
            raise ValueError("a fee needs its currency")
        return self


class Depictions(Value):
    """What a photo shows that needs a release. Unknown is not allowed, whatever else is."""

    persons: bool | None = None  # None: nobody has said
    model_release: ReleaseStatus = "unknown"
    youngest: AgeStatus = "unknown"
    property_release: ReleaseStatus = "unknown"


class EmbeddedRights(Value):
    """Rights that came inside the photo's own bytes (IPTC, XMP, PLUS). They can only tighten."""

    image_alteration_constraints: frozenset[str] = frozenset()  # PLUS ids: AL-MRG, AL-CRP, ..
    data_mining: str | None = None  # PLUS DMI-..
    model_release: str | None = None  # PLUS MR-..
    property_release: str | None = None  # PLUS PR-..
    minor_disclosure: str | None = None  # PLUS AG-..
    expires_at: str | None = None  # as written


class GrantFacts(Value):
    """One grant applied to one photo: what policy sees as its resource.

    Flat, because Cedar compares sets and cannot loop; value facts only, so
    that equal photos share one rights profile. Datetimes are ISO 8601 in UTC
    with milliseconds (`2026-01-31T15:00:00.000Z`), half-open at the end.
    `blocks` is mutable state and empty inside a profile.
    """

    basis: Basis
    worldwide: bool
    territories: frozenset[str]  # empty when worldwide
    territories_tested: TerritoryTest
    channels: frozenset[Channel]
    purposes: frozenset[Purpose]
    any_sector: bool
    sectors: frozenset[str]
    audiences: frozenset[Audience]
    alterations: frozenset[Alteration]
    generative: bool
    train: bool
    any_licensee: bool
    licensees: frozenset[str]
    subjects_excluded: frozenset[Subject]
    max_copies: int | None
    carved: frozenset[str]  # exclusivity atoms `territory/channel/sector`
    starts_at: str
    ends_at: str | None
    create_before: str | None
    publish_before: str | None
    co_owners_agreed: bool
    credit_owed: bool
    share_alike: str | None
    persons: str  # "none" | "present" | "unknown"
    model_release: ReleaseStatus
    youngest: AgeStatus
    property_release: ReleaseStatus
    alteration_constraints: frozenset[str]  # PLUS AL-..
    data_mining: str  # PLUS DMI-..; "unstated"
    embedded_ends_at: str | None
    blocks: frozenset[str] = frozenset()
