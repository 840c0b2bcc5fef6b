"""What a subject touches, as a value. Pure."""

from datetime import date
from typing import Literal
from uuid import UUID

from bankd.licensing.terms import Value
from bankd.licensing.withdrawal_effects import Subject, Why
from bankd.reports.report import Report, Scope


class ExposureScope(Scope):
    subject: Subject
    ref: str


class Agreement(Value):
    """A license behind the composites: all of a license's or a licensor's, else those relied on."""

    license: str
    title: str
    licensor: str
    verified: bool
    withdrawn_at: str | None


class Touched(Value):
    composite_id: UUID
    request_id: UUID
    sealed_at: str
    canvas_px: int  # fed by the subject, before refinement
    frame_px: int
    handouts: int
    publications: int
    exposed_at: str | None  # when a withdrawal of the subject reached it
    why: Why | None


class Given(Value):
    composite_id: UUID
    recipient: str
    channel: str
    at: str
    comp: bool


class Published(Value):
    composite_id: UUID
    ref: str
    place: str
    channel: str
    territories: tuple[str, ...]
    copies: int
    starts_on: date
    ends_on: date | None
    taken_down_on: date | None
    outside: bool  # goes beyond what its handout cleared


class Network(Value):
    sha256: str
    kind: str
    snapshot: str
    registered_at: str


class ExposureReport(Report):
    report: Literal["exposure"] = "exposure"
    version: Literal[1] = 1
    subject: Subject
    ref: str
    title: str | None  # of a license; the name of a licensor
    photos: int
    segments: int
    composites: int
    handouts: int
    publications: int
    takedowns_open: int
    snapshots: int
    networks: tuple[Network, ...]
    agreements: tuple[Agreement, ...]
    touched: tuple[Touched, ...]
    """In the order in which they were sealed; all where there are no more than are listed, as below."""
    given: tuple[Given, ...]
    published: tuple[Published, ...]
