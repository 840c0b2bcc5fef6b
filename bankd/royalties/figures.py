"""The arithmetic of a statement: periods, conversion, taxes, what is paid and what is carried. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Self

from pydantic import Field, field_validator, model_validator

from bankd import money
from bankd.licensing.terms import MAX_COUNT, Name, Value, known_zone
from bankd.licensing.vocabulary import TERRITORIES
from bankd.royalties.errors import PeriodRefused

_PERIOD = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2])|-Q([1-4]))?", re.ASCII)


class PayeeTerms(Value):
    """Who is paid, in what, and under which taxes. Rates are in hundredths of a percent: 1021 is 10.21%."""

    name: Name
    """The name that the statement is made out to."""
    country: str
    """Where the payee is taxed: ISO 3166-1 alpha-2."""
    currency: str
    """ISO 4217 code of what is paid."""
    zone: str = "UTC"
    """The IANA time zone in which the payee's months begin and end."""
    registration_number: str | None = Field(default=None, min_length=1, max_length=100)
    """Under which the payee accounts for consumption tax; in Japan `T` and 13 digits."""
    consumption_tax_bp: int = Field(default=0, ge=0, le=10_000)
    """What is added as consumption tax."""
    withholding_bp: int = Field(default=0, ge=0, le=10_000)
    """What is kept back as income tax, of the amount before consumption tax."""
    withholding_above_minor: int | None = Field(default=None, ge=0, le=MAX_COUNT)
    """From which amount on another rate is kept back, where there are two."""
    withholding_above_bp: int | None = Field(default=None, ge=0, le=10_000)
    """The rate of what goes beyond that amount."""
    least_payout_minor: int = Field(default=0, ge=0, le=MAX_COUNT)
    """Less than that is carried forward."""

    _check_zone = field_validator("zone")(known_zone)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.country not in TERRITORIES:
            raise ValueError(f"unknown country `{self.country}` (an ISO 3166-1 alpha-2 code)")
        if self.currency not in money.CURRENCIES:
            raise ValueError(f"unknown currency `{self.currency}` (an ISO 4217 code such as `JPY`)")
        number = self.registration_number
        if self.country == "JP" and number is not None and not re.fullmatch(r"T\d{13}", number, re.ASCII):
            raise ValueError(f"`{number}` is no registration number: in Japan it is `T` and 13 digits")
        if (self.withholding_above_minor is None) != (self.withholding_above_bp is None):
            raise ValueError(
                "a second rate of withholding needs both its rate and the amount above which it holds"
            )
        return self


@dataclass(frozen=True)
class Rate:
    """What one major unit of another currency is worth in the payee's."""

    exact: Fraction
    told: str  # the number as it was recorded
    on: date
    source: str


@dataclass(frozen=True)
class Part:
    """What is owed in one currency: for uses of the period, for earlier ones, and by corrections."""

    period_minor: int = 0
    earlier_minor: int = 0
    corrections_minor: int = 0
    entries: int = 0

    @property
    def amount_minor(self) -> int:
        return self.period_minor + self.earlier_minor + self.corrections_minor

    def __add__(self, other: "Part") -> "Part":
        return Part(
            self.period_minor + other.period_minor,
            self.earlier_minor + other.earlier_minor,
            self.corrections_minor + other.corrections_minor,
            self.entries + other.entries,
        )


@dataclass(frozen=True)
class InEscrow:
    """How what is held in one currency came to be what it is now.

    `brought + held - released + reassigned = closing`. Reassigned is what a split that was
    recorded since gave to others, or took from them, while it was held.
    """

    brought_minor: int = 0
    held_minor: int = 0
    released_minor: int = 0
    closing_minor: int = 0

    @classmethod
    def moved(cls, amount_minor: int, *, held: bool, waited: bool) -> Self:
        """One entry's part: it begins or goes on to wait, or ends to, or never did."""
        return cls(
            held_minor=amount_minor if held and not waited else 0,
            released_minor=amount_minor if waited and not held else 0,
            closing_minor=amount_minor if held else 0,
        )

    def __add__(self, other: "InEscrow") -> "InEscrow":
        return InEscrow(
            self.brought_minor + other.brought_minor,
            self.held_minor + other.held_minor,
            self.released_minor + other.released_minor,
            self.closing_minor + other.closing_minor,
        )

    @property
    def reassigned_minor(self) -> int:
        return self.closing_minor - self.brought_minor - self.held_minor + self.released_minor

    def as_json(self) -> dict[str, int]:
        return {
            "brought_minor": self.brought_minor,
            "held_minor": self.held_minor,
            "released_minor": self.released_minor,
            "reassigned_minor": self.reassigned_minor,
            "closing_minor": self.closing_minor,
        }


@dataclass(frozen=True)
class Figures:
    """From what was earned to what is paid, all in the payee's currency.

    `gross + brought = payable`, and either all of it is carried forward or
    `payable + consumption_tax - withholding = net`.
    """

    gross_minor: int
    brought_minor: int
    payable_minor: int
    consumption_tax_minor: int
    withholding_minor: int
    net_minor: int
    carried_minor: int


def bounds(period: str) -> tuple[date, date]:
    """First and last day of `2026`, `2026-Q4` or `2026-11`. Raises PeriodRefused."""
    found = _PERIOD.fullmatch(period)
    if found is None or not 1900 <= int(found[1]) <= 2998:
        raise PeriodRefused(f"`{period[:20]}` is not a period (write it as `2026-11`, `2026-Q4` or `2026`)")
    year, month, quarter = int(found[1]), found[2], found[3]
    first, months = (int(month), 1) if month else (3 * int(quarter) - 2, 3) if quarter else (1, 12)
    after = first + months
    end = date(year + (after > 12), after - 12 if after > 12 else after, 1)
    return date(year, first, 1), end - timedelta(days=1)


def converted(parts: Mapping[str, Part], rates: Mapping[str, Rate], *, into: str) -> dict[str, int]:
    """Each currency's amount in the payee's, rounded once for each; its own needs no rate."""
    return {
        code: part.amount_minor
        if code == into
        else money.converted(part.amount_minor, code, into, rate=rates[code].exact)
        for code, part in parts.items()
    }


def settle(payee: PayeeTerms, *, gross_minor: int, brought_minor: int = 0) -> Figures:
    """What is paid now. What is under the least payout, or owed back, is carried forward untaxed."""
    payable = gross_minor + brought_minor
    if payable <= 0 or payable < payee.least_payout_minor:
        return Figures(gross_minor, brought_minor, payable, 0, 0, 0, payable)
    tax = money.portion(payable, payee.consumption_tax_bp)
    above = payee.withholding_above_minor
    withheld = money.portion(payable if above is None else min(payable, above), payee.withholding_bp)
    if above is not None and payee.withholding_above_bp is not None:
        withheld += money.portion(max(0, payable - above), payee.withholding_above_bp)
    return Figures(gross_minor, brought_minor, payable, tax, withheld, payable + tax - withheld, 0)
