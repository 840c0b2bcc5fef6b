"""Publications: recorded as they happened, taken down, imported."""

import tempfile
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Query, UploadFile
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Call, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.api.uploads import below, save
from bankd.provenance.models import Publication
from bankd.usage import importing
from bankd.usage import publications as service
from bankd.usage.within import OUTSIDE, Published

IMPORT_MOST_BYTES = 64 << 20

router = APIRouter(
    prefix="/publications", tags=["publications"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)

Named = Annotated[str, Field(min_length=1, max_length=200)]


class ToRecord(BaseModel):
    handout: UUID | None = Field(default=None, description="The handout that the picture came from")
    composite: UUID | None = Field(default=None, description="The composite, where no handout is known")
    ref: Named | None = Field(default=None, description="What it is called elsewhere")
    facts: Published


class ToReplace(BaseModel):
    reason: str = Field(min_length=1, max_length=2000)
    ref: Named | None = None
    facts: Published


class ToTakeDown(BaseModel):
    on: date | None = Field(default=None, description="Since when it is not public any more; empty: today")
    evidence: str | None = Field(default=None, max_length=2000)


class PublicationState(BaseModel):
    publication: UUID
    ref: str
    composite: UUID
    handout: UUID | None
    channel: str
    place: str
    territories: list[str]
    copies: int
    starts_on: date
    ends_on: date | None
    zone: str
    evidence: str | None
    state: str = Field(description="`live`, `overdue`, `ended`, `taken-down` or `replaced`")
    outside: dict[str, str] = Field(description="How it goes beyond its clearance, each in a sentence")
    taken_down_on: date | None
    taken_down_evidence: str | None
    replaced_by: UUID | None
    recorded_at: datetime
    recorded_by: str


class RowOutcome(BaseModel):
    line: int
    outcome: str
    ref: str | None
    publication: UUID | None
    outside: list[str]
    problem: str | None


@router.post(
    "",
    summary="Record a publication that happened",
    openapi_extra=takes(Permission.PUBLICATIONS_RECORD),
    responses=responses(404, 409, 413, 422),
)
def record(call: Called, body: ToRecord) -> PublicationState:
    """One that goes beyond its clearance is recorded too, and marked. Told again, it is known."""
    with call.transaction() as session:
        made = service.record(
            session,
            body.facts,
            handout_id=body.handout,
            composite_id=body.composite,
            ref=body.ref,
            by=call.by,
            at=call.at,
        )
        return _state(session, made.publication, call)


@router.get(
    "",
    summary="List publications, the newest records first",
    openapi_extra=takes(Permission.COMPOSITES_READ),
    responses=responses(404, 422),
)
def list_all(
    call: Called,
    composite: UUID | None = None,
    handout: UUID | None = None,
    outside: Annotated[bool, Query(description="Only those that go beyond their clearance")] = False,
    after: Annotated[UUID | None, Query(description="The last publication of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[PublicationState]:
    with call.transaction() as session:
        found = service.publications(
            session,
            by=call.by,
            composite_id=composite,
            handout_id=handout,
            outside_only=outside,
            after=after,
            limit=limit,
        )
        return [_state(session, one, call) for one in found]


@router.get(
    "/{publication}",
    summary="Show a publication, by its id or ref",
    openapi_extra=takes(Permission.COMPOSITES_READ),
    responses=responses(404, 422),
)
def show(call: Called, publication: str) -> PublicationState:
    with call.transaction() as session:
        return _state(session, service.get(session, publication, by=call.by), call)


@router.post(
    "/{publication}/takedown",
    summary="Record that a publication is no longer public",
    openapi_extra=takes(Permission.PUBLICATIONS_RECORD),
    responses=responses(404, 409, 413, 422),
)
def take_down(call: Called, publication: str, body: ToTakeDown) -> PublicationState:
    with call.transaction() as session:
        found = service.take_down(
            session, publication, on=body.on, evidence=body.evidence, by=call.by, at=call.at
        )
        return _state(session, found, call)


@router.post(
    "/{publication}/replace",
    summary="Record what a publication really was",
    openapi_extra=takes(Permission.PUBLICATIONS_RECORD),
    responses=responses(404, 409, 413, 422),
)
def replace(call: Called, publication: str, body: ToReplace) -> PublicationState:
    """The old record stays; what it owed is corrected by further entries."""
    with call.transaction() as session:
        made = service.replace(
            session, publication, body.facts, reason=body.reason, ref=body.ref, by=call.by, at=call.at
        )
        return _state(session, made, call)


@router.post(
    "/import",
    summary="Record the publications of a table (CSV, XLSX)",
    openapi_extra=takes(Permission.PUBLICATIONS_RECORD, body=IMPORT_MOST_BYTES),
    responses=responses(400, 413, 422),
)
def import_file(
    call: Called,
    file: Annotated[UploadFile, File(description="One row for each publication")],
    dry_run: Annotated[bool, Form(description="Record nothing")] = False,
) -> list[RowOutcome]:
    """A wrong row is refused alone, by its line."""
    with tempfile.TemporaryDirectory() as folder:
        path = save(file, below(Path(folder), PurePosixPath(file.filename or "publications.csv").name))
        with call.transaction() as session:
            outcomes = importing.import_file(session, path, dry_run=dry_run, by=call.by, at=call.at)
    return [
        RowOutcome(
            line=one.line,
            outcome=one.outcome,
            ref=one.ref,
            publication=one.publication_id,
            outside=list(one.outside),
            problem=one.problem,
        )
        for one in outcomes
    ]


def _state(session: Session, found: Publication, call: Call) -> PublicationState:
    return PublicationState(
        publication=found.id,
        ref=found.ref,
        composite=found.composite_id,
        handout=found.handout_id,
        channel=found.channel,
        place=found.place,
        territories=found.territories,
        copies=found.copies,
        starts_on=found.starts_on,
        ends_on=found.ends_on,
        zone=found.zone,
        evidence=found.evidence,
        state=service.state(session, found, at=call.at),
        outside={reason: OUTSIDE[reason] for reason in found.outside},
        taken_down_on=found.taken_down_on,
        taken_down_evidence=found.taken_down_evidence,
        replaced_by=found.replaced_by_id,
        recorded_at=found.recorded_at,
        recorded_by=found.recorded_by,
    )
