"""Reports that were issued: listed, fetched, checked, approved; and the schedules that they come by."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.issued import scheduling, service
from bankd.issued.models import Every, Why
from bankd.reports import issuing
from bankd.reports.report import Form
from bankd.reports.strings import Locale

router = APIRouter(
    prefix="/reports", tags=["reports"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)

# A kept HTML report is a page that people open in a browser: it may show what is inside it, and nothing else.
PAGE_ONLY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; sandbox"


class FileFact(BaseModel):
    name: str
    media_type: str
    size_bytes: int
    sha256: str


class IssuedFact(BaseModel):
    """A report as it was issued. Its digest stays when its bytes were redacted."""

    report: UUID
    kind: str
    state: str = Field(description="`issued`, `approved` or `redacted`")
    why: Why
    first_day: date | None
    last_day: date | None
    locale: str
    as_of: datetime
    cutoff: int = Field(description="How many log entries its data go up to")
    sha256: str = Field(description="Of its JSON")
    prepared_by: str
    approved_by: str | None
    approved_at: datetime | None
    issued_at: datetime
    log_index: int | None
    schedule: UUID | None
    replaces: UUID | None
    redacted_at: datetime | None
    files: list[FileFact]


class Wanted(BaseModel):
    kind: str
    asked: dict[str, Any] = Field(default_factory=dict, description="As the report's own route takes it")
    forms: list[Form] = Field(default=["pdf"], min_length=1)
    locale: Locale = "en"


class NewSchedule(Wanted):
    every: Every
    first_day: date | None = Field(default=None, description="Also of earlier periods, from its on")
    zone: str = "UTC"


class ScheduleFact(BaseModel):
    schedule: UUID
    state: str = Field(description="`kept up`, `due`, `failing` or `removed`")
    kind: str
    asked: dict[str, Any]
    every: Every
    zone: str
    first_day: date
    locale: str
    forms: list[str]
    added_at: datetime
    added_by: str
    removed_at: datetime | None
    last_period: date | None
    last_report: UUID | None
    waiting: int
    error: str | None
    tries: int
    next_at: datetime | None


class CheckFact(BaseModel):
    report: UUID
    holds: bool
    files: int
    log_index: int | None
    problems: list[str]


@router.get(
    "/issued",
    summary="List issued reports, the latest first",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    responses=responses(422),
)
def list_all(
    call: Called, kind: str | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> list[IssuedFact]:
    with call.transaction() as session:
        return [
            IssuedFact.model_validate(service.facts(one, service.files(session, one.id)))
            for one in service.listed(session, by=call.by, kind=kind, limit=limit)
        ]


@router.post(
    "/issued",
    status_code=201,
    summary="Make a report and issue it: kept, and its digests in the log",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    responses=responses(403, 404, 422),
)
def issue(call: Called, wanted: Wanted) -> IssuedFact:
    made = issuing.keep(
        call.runtime, wanted.kind, wanted.asked, forms=wanted.forms, locale=wanted.locale, by=call.by
    )
    return _fact(call, made.id)


@router.get(
    "/issued/{report}",
    summary="Show an issued report and its files' digests",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    responses=responses(404),
)
def show(call: Called, report: UUID) -> IssuedFact:
    return _fact(call, report)


@router.get(
    "/issued/{report}/files/{name}",
    summary="A file of an issued report, byte for byte as it was issued",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    response_class=Response,
    responses={
        200: {"description": "The file", "content": {"application/octet-stream": {}}},
        **responses(404, 410),
    },
)
def fetch(call: Called, report: UUID, name: str) -> Response:
    with call.transaction() as session:
        found = service.get(session, report, by=call.by)
        file, content = service.fetch(session, found, name, blobs=call.runtime.blobs)
    headers = {"Content-Disposition": f'inline; filename="{report}.{file.name}"'}
    if file.media_type.startswith("text/html"):
        headers["Content-Security-Policy"] = PAGE_ONLY
    return Response(content, media_type=file.media_type, headers=headers)


@router.get(
    "/issued/{report}/check",
    summary="Compare an issued report with its digests, and these with the log",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    responses=responses(404),
)
def check(call: Called, report: UUID) -> CheckFact:
    with call.transaction() as session:
        found = service.check(session, service.get(session, report, by=call.by), blobs=call.runtime.blobs)
    return CheckFact(
        report=report,
        holds=not found.problems,
        files=found.files,
        log_index=found.log_index,
        problems=list(found.problems),
    )


@router.post(
    "/issued/{report}/approve",
    status_code=201,
    summary="Issue a report again with the caller's name as its approver's; not by who prepared it",
    openapi_extra=takes(Permission.REPORTS_APPROVE),
    responses=responses(403, 404, 409, 410),
)
def approve(call: Called, report: UUID) -> IssuedFact:
    return _fact(call, issuing.approve(call.runtime, report, by=call.by).id)


@router.get(
    "/schedules",
    summary="List the schedules by which reports are issued",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    responses=responses(422),
)
def schedules(call: Called, removed: bool = False) -> list[ScheduleFact]:
    with call.transaction() as session:
        found = scheduling.listed(session, by=call.by, removed=removed)
    return [ScheduleFact.model_validate(one) for one in found]


@router.post(
    "/schedules",
    status_code=201,
    summary="Have a report issued of each period that is over; said twice it is one",
    openapi_extra=takes(Permission.REPORTS_SCHEDULE),
    responses=responses(403, 404, 422),
)
def add(call: Called, new: NewSchedule) -> ScheduleFact:
    with call.transaction() as session:
        made = issuing.schedule(
            session,
            new.kind,
            new.asked,
            every=new.every,
            first_day=new.first_day,
            zone=new.zone,
            locale=new.locale,
            forms=new.forms,
            by=call.by,
            at=call.at,
        )
        [found] = [one for one in scheduling.listed(session, by=call.by) if one["schedule"] == made.id]
    return ScheduleFact.model_validate(found)


@router.post(
    "/schedules/{schedule}/remove",
    summary="End a schedule; what it issued stays",
    openapi_extra=takes(Permission.REPORTS_SCHEDULE),
    responses=responses(403, 404),
)
def remove(call: Called, schedule: UUID) -> ScheduleFact:
    with call.transaction() as session:
        scheduling.remove(session, schedule, by=call.by, at=call.at)
        [found] = [
            one for one in scheduling.listed(session, by=call.by, removed=True) if one["schedule"] == schedule
        ]
    return ScheduleFact.model_validate(found)


def _fact(call: Called, report: UUID) -> IssuedFact:
    with call.transaction() as session:
        found = service.get(session, report, by=call.by)
        return IssuedFact.model_validate(service.facts(found, service.files(session, report)))
