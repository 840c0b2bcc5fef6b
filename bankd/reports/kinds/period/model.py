"""The period audit as a value: everything it says, in no language yet. Pure."""

from datetime import datetime
from typing import Literal, Self

from pydantic import field_validator, model_validator

from bankd.licensing.days import end_of, start_of
from bankd.licensing.terms import Day, Name, Value, known_zone
from bankd.reports.report import Report, Scope


class Counted(Value):
    """How often a word of a closed or small list came up."""

    word: str
    count: int


class Span(Value):
    """A week or a month of the period, by its first day; cut off where the period begins or ends in it."""

    starts_on: Day
    filed: int
    states: tuple[Counted, ...]  # of those that were filed in it, at the data cut-off
    refused: int  # requests that were refused in it, whenever they were filed


class Row(Value):
    """Requests of one department, or for one purpose, by the state they are in at the cut-off."""

    name: str
    filed: int
    states: tuple[Counted, ...]


class Requests(Value):
    filed: int
    pictures: int  # asked for by these requests
    states: tuple[Counted, ...]  # at the data cut-off
    departments: tuple[Row, ...]
    purposes: tuple[Row, ...]
    by: Literal["week", "month"]
    spans: tuple[Span, ...]


class Reason(Value):
    """A policy that refused, with its sentence. One refusal may have several reasons and counts for each."""

    policy: str
    says: str
    requests: int
    pictures: int  # refused when they were to be sealed
    handouts: int


class Refusals(Value):
    """What was refused in the period, as the log has it."""

    requests: int
    pictures: int
    handouts: int
    reasons: tuple[Reason, ...]  # the commonest first
    erased: int  # refusals whose reasons were erased since


class SignoffRow(Value):
    policy: str
    says: str
    awaited: int
    given: int
    declined: int
    lapsed: int
    withdrawn: int
    superseded: int


class HandoutRow(Value):
    channel: str
    composites: int
    comps: int


class PublicationRow(Value):
    channel: str
    recorded: int
    outside: int  # of these, beyond what their handout cleared


class Uses(Value):
    """What left the house."""

    sealed: int
    handouts: tuple[HandoutRow, ...]
    publications: tuple[PublicationRow, ...]
    replaced: int
    taken_down: int


class WithdrawalRow(Value):
    kind: str
    subject: str
    recorded: int


class Withdrawals(Value):
    recorded: tuple[WithdrawalRow, ...]
    took_effect: int
    marked: int  # withdrawals of which all that they touch was found
    composites: int  # touched by those; one touched by two counts twice
    takedowns_asked: int
    takedowns_done: int
    takedowns_open: int  # at the data cut-off, of whatever period


class Holds(Value):
    set: int
    began: int
    ended: int  # by themselves or lifted
    lifted: int
    standing: int  # at the data cut-off


class ErasureRow(Value):
    subject: str
    ground: str
    decided: int


class Erasures(Value):
    decided: tuple[ErasureRow, ...]
    finished: int
    photos: int
    duties_set: int  # legal holds and other duties to keep
    duties_lifted: int


class Activation(Value):
    at: str
    bundle: str
    by: str
    log_index: int


class Policies(Value):
    before: str | None  # in force when the period began
    activations: tuple[Activation, ...]


class Checkpoints(Value):
    """Heads of the log signed in the period."""

    signed: int
    first_size: int | None
    last_size: int | None
    longest_gap_s: int | None  # between two of them; entries may have waited so long for a signature


class KeyChange(Value):
    """A new key signs from here on: the log's heads, or manifests."""

    at: str
    kind: str
    log_index: int


class Witness(Value):
    """What a witness of the log took in the period."""

    witness: str
    checkpoints: int
    last_size: int


class Log(Value):
    entries: int
    first_index: int | None
    last_index: int | None
    kinds: tuple[Counted, ...]
    checkpoints: Checkpoints
    witnesses: tuple[Witness, ...]
    keys: tuple[KeyChange, ...]


class Access(Value):
    keys_created: int
    keys_revoked: int
    departments: int


class Agreement(Value):
    """Whether records and log tell the same of one kind of thing, id by id.

    An entry that was erased names no id any more, so as many records may be without one.
    """

    what: str
    entries: int  # of the period, in the log
    erased: int  # entries whose words were erased, a day around the period included
    without_record: int
    records: int  # of the period
    without_entry: int

    @property
    def agree(self) -> bool:
        return self.without_record == 0 and self.without_entry <= self.erased


class WeakGrant(Value):
    license: str
    grant: str
    why: tuple[Literal["no-document", "unverified"], ...]


class Unverified(Value):
    """Grants that composites sealed in the period rely on, and that nobody compared with a document."""

    relied_on: int
    no_document: int
    unverified: int
    grants: tuple[WeakGrant, ...]  # the first of them by ref
    left_off: int


class Annex(Value):
    """A listing beside the report: a CSV file, and what its bytes are."""

    name: str
    rows: int
    sha256: str


class Period(Value):
    first_day: Day
    last_day: Day  # included
    zone: str
    since: str
    until: str  # not included


class PeriodScope(Scope):
    """Whole days in a time zone; the last one is included."""

    first_day: Day
    last_day: Day
    zone: Name = "UTC"

    _check_zone = field_validator("zone")(known_zone)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last_day < self.first_day:
            raise ValueError(f"the period ends on `{self.last_day}`, before it begins")
        return self

    @property
    def since(self) -> datetime:
        return start_of(self.first_day, self.zone)

    @property
    def until(self) -> datetime:
        return end_of(self.last_day, self.zone)


class PeriodReport(Report):
    report: Literal["period"] = "period"
    version: Literal[1] = 1
    period: Period
    requests: Requests
    refusals: Refusals
    failures: tuple[Counted, ...]
    signoffs: tuple[SignoffRow, ...]
    uses: Uses
    withdrawals: Withdrawals
    holds: Holds
    erasures: Erasures
    policies: Policies
    log: Log
    access: Access
    agreement: tuple[Agreement, ...]
    unverified: Unverified
    annexes: tuple[Annex, ...] = ()
