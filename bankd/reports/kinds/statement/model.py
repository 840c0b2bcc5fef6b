"""A payee's statement as a value: all amounts in whole minor units of their currency. Pure."""

from datetime import date
from typing import Literal
from uuid import UUID

from bankd.licensing.terms import Value
from bankd.reports.report import Report, Scope


class StatementScope(Scope):
    statement: UUID


class Payee(Value):
    """To whom the statement is made out, as recorded when it was computed. Rates are in hundredths of a
    percent."""

    ref: str
    name: str
    country: str
    zone: str
    registration_number: str | None
    consumption_tax_bp: int
    withholding_bp: int
    withholding_above_minor: int | None
    withholding_above_bp: int | None
    least_payout_minor: int


class Earned(Value):
    """What came together in one currency, and what it is in the payee's."""

    currency: str
    entries: int
    period_minor: int  # for uses of the period
    earlier_minor: int  # for earlier uses that were recorded or freed since
    corrections_minor: int
    amount_minor: int
    converted_minor: int


class Rate(Value):
    """What one major unit of `base` was worth in the payee's currency, by whose word."""

    base: str
    rate: str
    on: date
    source: str


class ByLicense(Value):
    license: str
    title: str
    licensor: str
    trigger: str
    currency: str
    amount_minor: int
    verified: bool


class Share(Value):
    """The payee's part of a license's fees, from a day on; without one it is the licensor's, whole."""

    license: str
    starts_on: date
    weight: int
    of: int


class Held(Value):
    reason: Literal["photo-disputed", "court-order", "claim", "void-from-start", "deny-hold", "payee-unknown"]
    currency: str
    amount_minor: int


class EscrowMovement(Value):
    """How what is held came to be what it is: `brought + held - released + reassigned = closing`."""

    currency: str
    brought_minor: int  # held by the statement before
    held_minor: int  # begins to wait
    released_minor: int  # is in this statement
    reassigned_minor: int  # by a split that was recorded meanwhile
    closing_minor: int


class Line(Value):
    """The payee's part of one entry. `reason` is of a correction."""

    accrual: int
    at: str
    trigger: str
    grant: str
    composite_id: UUID
    photo_id: UUID | None
    handout_id: UUID | None = None
    publication_id: UUID | None = None
    units: int
    canvas_px: int
    frame_px: int
    of_minor: int  # what the entry is in all
    amount_minor: int
    currency: str
    reason: str | None


class RecordedUses(Value):
    """What the licensor's usage proof between two log checkpoints lists, by their sizes.

    `start` None: since the first entry of the log.
    """

    start: int | None
    to: int
    count: int


class StatementReport(Report):
    report: Literal["statement"] = "statement"
    version: Literal[1] = 1
    statement_id: UUID
    figures_sha256: str
    computed_at: str
    computed_by: str
    payee: Payee
    period: str
    starts_on: date
    ends_on: date
    currency: str
    earned: tuple[Earned, ...]
    rates: tuple[Rate, ...]
    by_license: tuple[ByLicense, ...]
    shares: tuple[Share, ...]
    held: tuple[Held, ...]
    escrow: tuple[EscrowMovement, ...] = ()
    """Empty: nothing was held before or is now, or the statement is older than these figures."""
    gross_minor: int
    brought_forward_minor: int
    brought_forward_from: str | None
    payable_minor: int
    consumption_tax_minor: int
    withholding_minor: int
    net_minor: int
    carried_forward_minor: int
    lines_in_all: int
    lines: tuple[Line, ...]
    """The first of them, in the order of the entries; all where there are no more than that."""
    corrections: tuple[Line, ...]
    recorded_uses: RecordedUses | None = None
    """None: the payee is no licensor, or no log checkpoint covers the statement yet."""
