"""What every report is: a value in no language, with a head that says on what it stands. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission
from bankd.audit.actor import Actor
from bankd.audit.canonical import canonical
from bankd.licensing.terms import Day, Name, Value
from bankd.reports.page import Page
from bankd.reports.writing import Writer
from bankd.storage import Blobs

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


S = TypeVar("S", bound=Scope)
R = TypeVar("R", bound=Report)


@dataclass(frozen=True)
class Context:
    """For whom a report is made, by whom, when, and where its pictures are."""

    entity: str
    by: Actor
    at: datetime
    blobs: Blobs


@dataclass(frozen=True)
class Gathered(Generic[R]):
    """A report with the pixels that it was cleared to show, as JPEG by the names that its page uses."""

    report: R
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Kind(Generic[S, R]):
    """A kind of report.

    `gather` works it out from what is on record. `show` lays it out from the
    report alone, so that one that was kept as JSON reads the same years later.
    `permissions` are needed beside `reports.make`. `about` are the ids that the
    log entry of each one made names.
    """

    name: str  # the word of its command and its route
    scope: type[S]
    model: type[R]
    gather: Callable[[Session, S, Context], Gathered[R]]
    show: Callable[[R, Writer], Page]
    permissions: frozenset[Permission] = frozenset()
    about: Callable[[R], Mapping[str, Any]] = lambda report: {}  # noqa: ARG005


def schema(kind: Kind[Any, Any]) -> dict[str, Any]:
    """The JSON Schema of a kind's report, as `schemas/` publishes it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **kind.model.model_json_schema(mode="serialization"),
    }
