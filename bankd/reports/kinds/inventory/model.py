"""The bank's inventory by right, as a value. Pure."""

from datetime import date
from typing import Literal

from bankd.licensing.terms import Value
from bankd.reports.report import Report, Scope

Ending = Literal["within-30-days", "within-90-days", "within-a-year", "later", "open"]


class InventoryScope(Scope):
    """Of all photos that the one who asks may see."""


class Right(Value):
    """Photos with a grant in force that names it, and with one that names it and allows the action as well:
    a use is always covered by one grant alone."""

    code: str
    photos: int
    synthesize: int
    train: int


class LicenseHeld(Value):
    licensor: str
    license: str
    title: str
    basis: str
    template: str | None
    photos: int
    grants_in_force: int
    synthesize: bool
    train: bool
    worldwide: bool
    ends_on: date | None  # the last day of the grant that lasts longest; null: without end
    verified: bool


class InventoryReport(Report):
    report: Literal["inventory"] = "inventory"
    version: Literal[1] = 1
    department: str | None
    """Whose photos alone are counted; null: all of the house's."""
    admitted: int
    blocked: int
    """Of them, in dispute, under embargo, held or withdrawn."""
    lapsed: int
    """Of the rest, without any grant in force."""
    in_force: int
    synthesize: int
    train: int
    quarantined: int
    erased: int
    bases: tuple[Right, ...]
    purposes: tuple[Right, ...]
    channels: tuple[Right, ...]
    audiences: tuple[Right, ...]
    territories: tuple[Right, ...]
    """`WORLD` are those that are allowed everywhere; they count under no single country."""
    endings: tuple[Right, ...]
    """By when the right that lasts longest ends. Codes as `Ending`."""
    licenses: tuple[LicenseHeld, ...]
