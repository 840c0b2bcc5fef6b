"""What every report is: a value in no language, with a head that says on what it stands. Pure."""

from typing import Literal

from pydantic import Field

from bankd.audit.canonical import canonical
from bankd.licensing.terms import Day, Name, Value

Form = Literal["html", "pdf", "xlsx", "csv", "json"]


class Scope(Value):
    """What a report is asked about: the arguments of its command, as they are kept with a schedule."""


class Checkpoint(Value):
    """The last signed head of the log at the report's moment."""

    size: int
    root: str  # hexadecimal
    at: str


class Head(Value):
    """On what a report stands, and who answers for it."""

    entity: str
    """The house that the report is filed for."""
    as_of: str
    """The moment at which the bank was asked."""
    data_cut_off: int
    """How many log entries were committed then: what came later is not in the report."""
    policy_bundle: str | None
    """The digest of the policies in force; null where none ever was."""
    log_checkpoint: Checkpoint | None
    """The last signed checkpoint of the log, which may lag a few seconds; null where none was signed yet."""
    unverified_facts: int = Field(ge=0)
    """How many of the facts that the report rests on nobody is recorded as having verified."""
    prepared_by: str
    approved_by: Name | None = None
    """Who approved it; null: nobody has, and the report leaves a line for the signature."""
    approved_at: str | None = None
    replaces: str | None = None
    """The SHA-256 of the JSON of the report that this one was issued in the place of."""
    redacted_on: Day | None = None
    """The day on which it was issued again after an erasure, without what was erased."""


class Report(Value):
    """A report as its JSON has it: all that is said, in no language. Each kind names itself and a version."""

    report: str
    version: int
    head: Head

    def as_text(self) -> str:
        """Canonical JSON (RFC 8785) with a newline: the report to be read by programs."""
        return canonical(self.model_dump()).decode() + "\n"
