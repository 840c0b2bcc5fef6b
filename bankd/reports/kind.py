"""A kind of report: what it is asked about, how it is gathered, how it is shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy.orm import Session

from bankd.access.permissions import Permission
from bankd.audit.actor import Actor
from bankd.reports.marks import MarkReader
from bankd.reports.page import Page
from bankd.reports.report import Report, Scope
from bankd.reports.writing import Writer
from bankd.storage import Blobs

S = TypeVar("S", bound=Scope)
R = TypeVar("R", bound=Report)


@dataclass(frozen=True)
class Context:
    """For whom a report is made, by whom, when, and where its pictures are.

    `aside` is a folder for the files that go beside a report; None: none of them are made. `marks` opens
    what reads the marks of files, where a report asks for that.
    """

    entity: str
    by: Actor
    at: datetime
    blobs: Blobs
    aside: Path | None = None
    marks: Callable[[], MarkReader] | None = None


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
    log entry of each one made names. What tells of the `whole_house` is made for
    nobody of one department.
    """

    name: str  # the word of its command and its route
    scope: type[S]
    model: type[R]
    gather: Callable[[Session, S, Context], Gathered[R]]
    show: Callable[[R, Writer], Page]
    permissions: frozenset[Permission] = frozenset()
    about: Callable[[R], Mapping[str, Any]] = lambda report: {}  # noqa: ARG005
    whole_house: bool = False


def schema(kind: Kind[Any, Any]) -> dict[str, Any]:
    """The JSON Schema of a kind's report, as `schemas/` publishes it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **kind.model.model_json_schema(mode="serialization"),
    }
