"""What a grant says and what a photo shows, as plain values.

Whatever a term does not state is not allowed: every default here is the
narrow one. Dates are in the term's own zone and inclusive; instants are
derived from them, never stored beside them.
"""

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from bankd import money
from bankd.licensing.vocabulary import (
    CHANNELS,
    PURPOSES,
    TERRITORIES,
    WORLD,
    AgeStatus,
    Alteration,
    Audience,
    Basis,
    Channel,
    Claim,
    Integrity,
    Per,
    Purpose,
    ReleaseStatus,
    RightKind,
    Subject,
    TerritoryTest,
    Trigger,
)

MAX_COUNT = 2**53 - 1
"""The largest integer that JSON carries exactly everywhere (RFC 8785 allows no larger one)."""

MAX_DOCUMENT_BYTES = 32 * 1024 * 1024


class Value(BaseModel):
    """An immutable value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, with sets in order, so that equal values are equal JSON."""
        return self.as_json_but(())

    def as_json_but(self, left_out: Collection[str]) -> dict[str, Any]:
        """The same without some fields."""
        return {name: _plain(getattr(self, name)) for name in type(self).model_fields if name not in left_out}


def _plain(value: Any) -> Any:
    if isinstance(value, Value):
        return value.as_json()
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


Day = Annotated[date, BeforeValidator(lambda value: _as_day(value))]
"""A calendar day, written `2027-03-31`; days far outside of any contract are slips of the pen and refused."""

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""One spelling per word, since sets are compared letter by letter and exclusivity must not miss one."""

Name = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]
Words = Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"\S")]


def _as_day(value: object) -> object:
    if isinstance(value, str):
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            raise ValueError(f"`{value}` is not a day (write it as `2027-03-31`)")
        try:
            value = date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"`{value}` is not a day of the calendar") from error
    if type(value) is not date:
        raise ValueError(f"`{value}` is not a day (write it as `2027-03-31`)")
    if not 1800 <= value.year <= 2999:
        raise ValueError(f"`{value}` is not a day that a contract can name (years 1800 to 2999)")
    return value


def known_territories(codes: frozenset[str]) -> frozenset[str]:
    unknown = codes - TERRITORIES - {WORLD}
    if unknown:
        raise ValueError(f"unknown territory `{min(unknown)}` (ISO 3166-1 alpha-2 codes or `WORLD`)")
    return frozenset({WORLD}) if WORLD in codes or codes == TERRITORIES else codes


def known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone `{name}` (an IANA name such as `Asia/Tokyo`)") from error
    return name


Territories = Annotated[
    frozenset[str],
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    AfterValidator(known_territories),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": "^([A-Z]{2}|WORLD)$"},
                {"type": "array", "items": {"type": "string", "pattern": "^([A-Z]{2}|WORLD)$"}},
            ]
        }
    ),
]
"""ISO 3166-1 alpha-2 codes, or `WORLD`; one may stand without its list."""


class Exclusivity(Value):
    """A field that another holder has to itself, carved out of this grant."""

    holder: Name
    """Who has the field to itself; a holder who is a licensee of the grant carves nothing out of it."""
    sectors: frozenset[Slug] = Field(min_length=1)
    """The sectors that are taken; `any` takes every sector."""
    territories: Territories = Field(min_length=1)
    """Where the field is taken: ISO 3166-1 alpha-2 codes, or `WORLD`."""
    channels: frozenset[Channel] = Field(min_length=1)
    """The channels that are taken."""
    starts_on: Day | None = None
    """First day; kept as written. The field counts as taken whenever the row exists."""
    ends_on: Day | None = None
    """Last day, inclusive; kept as written. Record a new grant without the row when it is over."""


class Credit(Value):
    """Words owed beside the picture, verbatim."""

    text: Words | None = None
    """The credit line, letter by letter as it must appear."""
    text_ja: Words | None = None
    """The credit line for Japanese readers; left out, `text` stands there too."""
    placement: Literal["adjacent", "credits-page", "metadata"] = "adjacent"
    """Where it must stand: beside the picture, on a credits page, or in the file's metadata."""
    suppressed: bool = False
    """Whether the author must not be named at all. Then no text is stated."""

    @model_validator(mode="after")
    def _text_or_none(self) -> Self:
        if self.suppressed and (self.text or self.text_ja):
            raise ValueError("a credit that is `suppressed` has no text; remove one of them")
        if not self.suppressed and not self.text:
            raise ValueError("a credit needs its `text`; where nobody may be named, state `suppressed: true`")
        return self


class Indemnity(Value):
    """What the licensor makes good if somebody else has rights in the photo after all."""

    scope: frozenset[Claim] = Field(min_length=1)
    """The claims that it covers."""
    cap_minor: int | None = Field(ge=0, le=MAX_COUNT)
    """The most that is paid, in whole minor units of `currency`; `null` for no limit, and it must be said."""
    currency: str | None = None
    """ISO 4217 code of the cap."""

    @model_validator(mode="after")
    def _in_a_currency(self) -> Self:
        if (self.cap_minor is None) != (self.currency is None):
            raise ValueError("an indemnity has a `cap_minor` and its `currency`, or neither")
        if self.currency is not None and self.currency not in money.CURRENCIES:
            raise ValueError(f"unknown currency `{self.currency}` (an ISO 4217 code such as `JPY`)")
        return self


class Renewal(Value):
    """A term that goes on by itself unless notice was given in time."""

    months: int = Field(ge=1, le=1200)
    """How long each further term is."""
    notice_days: int = Field(ge=0, le=3660)
    """How many days before the end notice must have been given at the latest."""
    times: int | None = Field(default=None, ge=1, le=1200)
    """How often it goes on; empty for until notice."""


class Cap(Value):
    """How often something may be done on the grant; what would go beyond it is refused."""

    trigger: Trigger
    """What is counted: composites sealed (`seal`), handed out (`handout`), published (`publication`), or the
    copies that were published (`copies`)."""
    most: int = Field(ge=0, le=MAX_COUNT)
    """How many."""
    per: Per = "term"
    """Whether that many in the whole term, or in each calendar `month`, `quarter` or `year` of the grant's
    zone (a subscription's quota). What was not used in one is not added to the next."""


class Tier(Value):
    """A price that holds from some count on."""

    above: int = Field(ge=1, le=MAX_COUNT)
    """How many come before the first one at this price, counted over the whole grant."""
    amount_minor: int = Field(ge=0, le=MAX_COUNT)
    """The price of each one from there on, in minor units."""


class Fee(Value):
    """What is owed when something is done on the grant, in the grant's `currency`."""

    trigger: Trigger
    """What it is owed for: a composite sealed, handed out or published, or each copy published."""
    basis: Literal["use", "canvas", "once"] = "use"
    """`use`: for each; `canvas`: in proportion to the canvas area before refinement that photos on this grant
    feed; `once`: at the first one only."""
    amount_minor: int = Field(ge=0, le=MAX_COUNT)
    """For each one (`use`), for a whole canvas (`canvas`), or altogether (`once`), in minor units."""
    least_minor: int = Field(default=0, ge=0, le=MAX_COUNT)
    """The least that is owed each time, whatever the proportion."""
    tiers: tuple[Tier, ...] = ()
    """Other prices from some count on, in the order of their counts."""

    @model_validator(mode="after")
    def _tiers_rise(self) -> Self:
        counts = [tier.above for tier in self.tiers]
        if counts != sorted(set(counts)):
            raise ValueError("the tiers of a fee go up, each `above` a higher count")
        if self.basis == "once" and self.tiers:
            raise ValueError("a fee that is owed once has no tiers")
        return self


class CoOwner(Value):
    """One of several owners; a grant counts only when all of them gave it."""

    name: Name
    """The owner's name."""
    agreed: bool = False
    """Whether this owner's consent is at hand. Unstated: no."""


class GrantTerms(Value):
    """The uses that one grant allows. Immutable: new terms are a new grant.

    What a field does not state is not allowed.
    """

    territories: Territories = Field(min_length=1)
    """Where the picture may be used: ISO 3166-1 alpha-2 codes, or `WORLD`."""
    territories_excepted: Territories = frozenset()
    """Codes taken out of `territories`."""
    territories_tested: TerritoryTest = "accessible"
    """Whether the territories bind where the picture can be seen (`accessible`, the narrow reading), or only
    where it is aimed at (`targeted`)."""
    channels: frozenset[Channel] = Field(min_length=1)
    """The channels that the picture may appear in."""
    purposes: frozenset[Purpose] = Field(min_length=1)
    """What the picture may be used for."""
    sectors: frozenset[Slug] = Field(min_length=1)
    """The sectors of business that it may be used in; `any` for every sector."""
    audiences: frozenset[Audience] = Field(min_length=1)
    """Who may see it: a layout draft (`comp`), the house (`internal`), everybody (`public`)."""
    alterations: frozenset[Alteration] = frozenset()
    """What may be done to the photo; `combine` is placing parts of it beside parts of others."""
    generative: bool = False
    """Whether a part of the photo may go into a synthesized picture. Unstated: no."""
    train: bool = False
    """Whether a network may be trained on the photo. Unstated: no."""
    training_survives: bool = False
    """Whether networks trained while it was in force may be used on when the agreement is terminated.
    Unstated: no."""
    licensees: frozenset[Name] = Field(default=frozenset({"house"}), min_length=1)
    """Who may use it; `any` for anyone."""
    subjects_excluded: frozenset[Subject] = frozenset()
    """Sensitive subjects that the photo may not appear with."""
    max_copies: int | None = Field(default=None, ge=0, le=MAX_COUNT)
    """The largest print run of one use; empty for as many as wanted."""
    exclusivity: tuple[Exclusivity, ...] = ()
    """Fields that others have to themselves, taken out of this grant."""
    starts_on: Day
    """First day of the term, in `zone`."""
    ends_on: Day | None
    """Last day of the term, inclusive, in `zone`; `null` for until withdrawn, and it must be said."""
    zone: str = "UTC"
    """The IANA time zone that the days are meant in, such as `Asia/Tokyo`."""
    create_by: Day | None = None
    """Last day, inclusive, on which a new picture may be made with the photo."""
    publish_by: Day | None = None
    """Last day, inclusive, on which a use may begin."""
    available_until: Day | None = None
    """Last day, inclusive, on which the photo may be chosen: looked at, composed, trained on. What was made
    by then may be published until the term ends."""
    renewal: Renewal | None = None
    """How the term goes on by itself after `ends_on`. The end that counts is computed from it."""
    sell_off_days: int | None = Field(default=None, ge=1, le=36600)
    """For how many days after the term copies may be sold off that were handed out within it. Unstated:
    none."""
    sell_off_until: Day | None = None
    """The same as a last day, inclusive."""
    archive: bool = False
    """Whether what was published within the term may stay in archives after it. Unstated: no."""
    integrity: Integrity = "unstated"
    """Whether the author has promised not to object to alterations (`covenanted`), or keeps the right to
    (`reserved`), which keeps the photo out of composites."""
    indemnity: Indemnity | None = None
    """What the licensor makes good if somebody else turns out to have rights; empty for nothing."""
    cap: int | None = Field(default=None, ge=0, le=MAX_COUNT)
    """How many composites may be sealed on this grant; empty for no limit."""
    caps: tuple[Cap, ...] = ()
    """Other limits: on handouts, publications or copies, or for each month, quarter or year."""
    fee_minor: int = Field(default=0, ge=0, le=MAX_COUNT)
    """Fee for each sealed composite, in whole minor units of `currency`."""
    fees: tuple[Fee, ...] = ()
    """Everything else that is owed: by handout, publication or copy, by canvas share, once, in tiers."""
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$")
    """ISO 4217 code of all fees of the grant."""
    credit: Credit | None = None
    """The credit that is owed; empty when none is."""
    sublicense: bool = False
    """Whether the licensee may pass the rights on."""
    share_alike: str | None = None
    """SPDX id of the license that a derivative must carry."""

    _check_zone = field_validator("zone")(known_zone)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.ends_on is not None and self.ends_on < self.starts_on:
            raise ValueError(f"term ends on `{self.ends_on}` before it starts on `{self.starts_on}`")
        if (self.fee_minor or self.fees) and self.currency is None:
            raise ValueError("a fee needs its `currency`")
        if self.currency is not None and self.currency not in money.CURRENCIES:
            raise ValueError(f"unknown currency `{self.currency}` (an ISO 4217 code such as `JPY`)")
        stated = [(cap.trigger, cap.per) for cap in self.all_caps]
        if twice := next((cap for cap in stated if stated.count(cap) > 1), None):
            raise ValueError(f"the cap on `{twice[0]}` per {twice[1]} is stated twice")
        if not allowed_territories(self.territories, self.territories_excepted):
            raise ValueError("the exceptions leave no territory")
        sells_off = [self.sell_off_days, self.sell_off_until]
        if self.ends_on is None:
            if self.renewal is not None:
                raise ValueError(
                    "a term without end has nothing to renew; state `ends_on`, or remove `renewal`"
                )
            if sells_off != [None, None]:
                raise ValueError("a term without end leaves nothing to sell off after it; state `ends_on`")
        if None not in sells_off:
            raise ValueError("`sell_off_days` and `sell_off_until` are both stated; keep one")
        if self.sell_off_until and self.renewal:
            raise ValueError("a term that renews sells off by `sell_off_days`, counted from its last end")
        if self.sell_off_until and self.ends_on and self.sell_off_until <= self.ends_on:
            raise ValueError(
                f"stock may be sold off until `{self.sell_off_until}`, which is not after the term's end on "
                f"`{self.ends_on}`"
            )
        return self

    @property
    def all_caps(self) -> tuple[Cap, ...]:
        """`cap`, which counts composites over the whole term, and `caps`."""
        return (() if self.cap is None else (Cap(trigger="seal", most=self.cap),)) + self.caps

    @property
    def all_fees(self) -> tuple[Fee, ...]:
        """`fee_minor`, which is owed for each composite sealed, and `fees`; the place of each names it."""
        plain = (Fee(trigger="seal", amount_minor=self.fee_minor),) if self.fee_minor else ()
        return plain + self.fees

    @property
    def counted(self) -> frozenset[Trigger]:
        """What has to be counted on the grant, for a cap or for the tiers of a fee."""
        return frozenset(cap.trigger for cap in self.all_caps) | frozenset(
            fee.trigger for fee in self.all_fees if fee.tiers
        )

    @property
    def dearest_minor(self) -> int:
        """What a picture sealed, handed out and published once, one copy of it, comes to at the most."""
        return sum(max(fee.amount_minor, fee.least_minor) for fee in self.all_fees)


def allowed_territories(territories: frozenset[str], excepted: frozenset[str]) -> frozenset[str]:
    """The territories less the exceptions: `{WORLD}` or codes, since WORLD less a code is the other codes."""
    if WORLD in excepted:
        return frozenset()
    if not excepted:
        return territories
    return (TERRITORIES if WORLD in territories else territories) - excepted


class EmbeddedRights(Value):
    """Rights that came inside the photo's own bytes (IPTC, XMP, PLUS). They can only tighten."""

    image_alteration_constraints: frozenset[str] = frozenset()  # PLUS ids: AL-MRG, AL-CRP, ..
    data_mining: str | None = None  # PLUS DMI-..
    model_release: str | None = None  # PLUS MR-..
    property_release: str | None = None  # PLUS PR-..
    minor_disclosure: str | None = None  # PLUS AG-..
    expires_at: str | None = None  # as written
    begins_at: str | None = None  # date released, embargo: as written
    ai_inference: str | None = None  # of content credentials: `notAllowed`, the photo feeds no network


MUTABLE = frozenset({"blocks", "embargo_visible_to", "embargo_ends_at"})
"""Facts of the day, outside of profiles and their hashes."""


class GrantFacts(Value):
    """One grant applied to one photo: what policy sees as its resource.

    Flat, because Cedar compares sets and cannot loop; value facts only, so
    that equal photos share one rights profile. Datetimes are ISO 8601 in UTC
    with milliseconds (`2026-01-31T15:00:00.000Z`), half-open at the end.
    What is `MUTABLE` has its default inside a profile. A fact that profiles had
    not from the start has a default too, which says nothing: it is written into
    a profile only where it differs, so that profiles keep their digests.
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
    available_before: str | None = None
    sell_off_before: str | None = None  # after `ends_at`; None: not allowed, or nothing ends
    archive: bool = False
    basis_ends_at: str | None = None  # of a ruling
    basis_territories: frozenset[str] = frozenset()  # where a ruling holds; empty: nothing is said
    title: str = "unstated"  # "complete" | "incomplete" | "unstated"
    integrity: Integrity = "unstated"
    # What all releases of the photo cover together; without one they say nothing.
    release_worldwide: bool = True
    release_territories: frozenset[str] = frozenset()  # empty when worldwide
    release_channels: frozenset[str] = CHANNELS
    release_purposes: frozenset[str] = PURPOSES
    release_any_sector: bool = True
    release_sectors: frozenset[str] = frozenset()
    release_subjects_excluded: frozenset[Subject] = frozenset()
    release_synthetic: bool = True
    release_starts_at: str | None = None
    release_ends_at: str | None = None
    persons_covered: bool = True  # where there is a model release: none is left out
    guardian_released: bool = False  # a guardian signed for every minor who is released
    reconfirm_before: str | None = None  # until then a guardian's signature counts
    data_basis: str = "none"  # a word of `DataBasis`
    data_basis_ends_at: str | None = None
    depicted_unreleased: frozenset[RightKind] = frozenset()
    depicted_everywhere: bool = True  # no exception ends at a border
    depicted_territories: frozenset[str] = frozenset()  # where all exceptions hold
    subjects_shown: frozenset[Subject] = frozenset()
    brands: frozenset[str] = frozenset()  # `sector/brand`, `any` for every sector
    blocks: frozenset[str] = frozenset()
    embargo_visible_to: frozenset[str] = frozenset()  # departments that prepare for the day while it holds
    embargo_ends_at: str | None = None  # while it holds


LATER_FACTS: Mapping[str, Any] = {
    name: field.default
    for name, field in GrantFacts.model_fields.items()
    if not field.is_required() and name not in MUTABLE
}
"""Facts that a profile, or a bundle's schema, may be older than, and what they are then."""
