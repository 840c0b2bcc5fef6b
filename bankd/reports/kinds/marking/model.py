"""The marking report as a value: which marks were found in which outputs. Pure."""

from typing import Literal
from uuid import UUID

from bankd.licensing.terms import Value
from bankd.reports.kinds.period.model import Annex, Period, PeriodScope
from bankd.reports.report import Report

Remark = Literal[
    "no-c2pa",
    "c2pa-broken",
    "c2pa-untrusted",
    "no-c2pa-source-type",
    "no-xmp-source-type",
    "source-types-differ",
    "network-not-said",
]
Unread = Literal["copy-not-kept", "erased", "lost", "damaged", "too-large"]


class MarkingScope(PeriodScope):
    """Composites sealed, and files handed out, in a period."""


class MarkCount(Value):
    """In how many of the files that were read the mark was found, and in how many it was looked for."""

    mark: str
    composites: int
    composites_looked: int
    handouts: int
    handouts_looked: int


class SourceType(Value):
    """A term of the digital source type vocabulary, and in how many composites it stands where."""

    term: str
    c2pa: int
    xmp: int


class Output(Value):
    """A file, by its composite; `handout` and `channel` where it was handed out."""

    composite: UUID
    handout: UUID | None
    channel: str | None
    sha256: str


class Remarked(Value):
    """A file that was read and in which something is missing, or does not agree."""

    output: Output
    remarks: tuple[Remark, ...]


class NotRead(Value):
    """A file that was not read, so that nothing is said about its marks; `recorded` is what is on record."""

    output: Output
    why: Unread
    recorded: tuple[Literal["comp", "rendition"], ...]


class Totals(Value):
    composites: int
    composites_read: int
    by_network: int  # composites that a trained network had a part in, by their manifests
    handouts: int
    handouts_read: int
    comps: int
    watermark_looked: bool


class MarkingReport(Report):
    report: Literal["marking"] = "marking"
    version: Literal[1] = 1
    period: Period
    totals: Totals
    marks: tuple[MarkCount, ...]
    source_types: tuple[SourceType, ...]
    remarked: tuple[Remarked, ...]  # the first of them
    remarked_left_off: int
    not_read: tuple[NotRead, ...]
    not_read_left_off: int
    annexes: tuple[Annex, ...] = ()
