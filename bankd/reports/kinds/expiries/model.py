"""The expiry calendar as a value. Pure."""

from typing import Literal

from pydantic import Field

from bankd.licensing.terms import Value
from bankd.reports.report import Report, Scope


class ExpiriesScope(Scope):
    days: int = Field(default=365, ge=1, le=36_600)
    """How far ahead it looks."""


class End(Value):
    """Something that ends at a moment. Photos and composites are those that hold or rely on it."""

    at: str
    what: str
    subject: str
    ref: str
    title: str | None
    licensor: str | None
    photos: int
    composites: int | None  # of a grant: that rely on it
    verified: bool | None  # of a grant
    zone: str | None = None  # of the contract, whose last day is meant; null: it ends at the moment


class ExpiriesReport(Report):
    report: Literal["expiries"] = "expiries"
    version: Literal[1] = 1
    days: int
    until: str
    ends: tuple[End, ...]
    """The next first."""
