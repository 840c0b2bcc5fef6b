"""Reports that can be filed."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Call, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.licensing.withdrawal_effects import Subject
from bankd.reports import making
from bankd.reports.kind import Context, schema
from bankd.reports.marks import opener
from bankd.reports.registry import KINDS, kind_of
from bankd.reports.rendering import MEDIA_TYPES, render
from bankd.reports.report import Form
from bankd.reports.strings import Locale

# The report is a page that people open in a browser: it may show what is inside it, and nothing else.
PAGE_ONLY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; sandbox"

router = APIRouter(
    prefix="/reports", tags=["reports"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)

AsForm = Annotated[Form, Query(alias="format")]
InLocale = Annotated[Locale, Query()]
FILE: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {
            "description": "The report",
            "content": {
                media_type.partition(";")[0]: {
                    "schema": {"type": "object"}
                    if form == "json"
                    else {"type": "string", **({"format": "binary"} if form in ("pdf", "xlsx") else {})}
                }
                for form, media_type in MEDIA_TYPES.items()
            },
        },
        **responses(403, 404, 422),
    },
}


def made(
    call: Call, name: str, asked: Mapping[str, Any], *, form: Form, locale: Locale, file: str
) -> Response:
    """The report as of now. That it was made is logged, with the hashes of what was given."""
    with call.runtime.snapshot() as session:
        context = Context(
            call.runtime.settings.house, call.by, call.at, call.runtime.blobs, marks=opener(call.runtime)
        )
        gathered = making.gather(session, name, asked, context=context)
    content = render(gathered.report, form, locale, pictures=gathered.pictures)
    with call.transaction() as session:
        making.made(session, gathered.report, form=form, rendered=content, by=call.by, at=call.at)
    headers = {"Content-Disposition": f'inline; filename="{file}.{form}"'}
    if form == "html":
        headers["Content-Security-Policy"] = PAGE_ONLY
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)


@router.get(
    "",
    summary="List the kinds of reports",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    responses=responses(),
)
def kinds(call: Called) -> list[str]:  # noqa: ARG001
    return sorted(KINDS)


@router.get(
    "/schemas/{kind}",
    summary="The JSON Schema of a report",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    responses=responses(404),
)
def schemas(call: Called, kind: str) -> dict[str, Any]:  # noqa: ARG001
    return schema(kind_of(kind))


@router.get(
    "/provenance/{composite}",
    summary="Report which photos a composite was made from, and on which grants",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    **FILE,
)
def provenance(call: Called, composite: UUID, form: AsForm = "html", locale: InLocale = "en") -> Response:
    """As of now. That it was made is logged, with the hash of what was given."""
    asked = {"composite": composite}
    return made(call, "provenance", asked, form=form, locale=locale, file=f"provenance-{composite}")


@router.get(
    "/exposure/{subject}/{ref:path}",
    summary="Report everything that was made from a subject",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    **FILE,
)
def exposure(
    call: Called, subject: Subject, ref: str, form: AsForm = "html", locale: InLocale = "en"
) -> Response:
    """As of now. That it was made is logged, with the hash of what was given."""
    return made(call, "exposure", {"subject": subject, "ref": ref}, form=form, locale=locale, file="exposure")


@router.get(
    "/expiries",
    summary="Report what ends by itself within a time to come",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    **FILE,
)
def expiries(
    call: Called,
    within_days: Annotated[int, Query(ge=1, le=36_600)] = 365,
    form: AsForm = "html",
    locale: InLocale = "en",
) -> Response:
    """As of now. That it was made is logged, with the hash of what was given."""
    return made(call, "expiries", {"days": within_days}, form=form, locale=locale, file="expiries")


@router.get(
    "/statement/{statement_id}",
    summary="Report what is owed to a payee for a period",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    **FILE,
)
def statement(call: Called, statement_id: UUID, form: AsForm = "html", locale: InLocale = "en") -> Response:
    """As of now. That it was made is logged, with the hash of what was given."""
    return made(
        call,
        "statement",
        {"statement": statement_id},
        form=form,
        locale=locale,
        file=f"statement-{statement_id}",
    )


@router.get(
    "/training/{network}",
    summary="Report what a network was trained on",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    **FILE,
)
def training(call: Called, network: str, form: AsForm = "html", locale: InLocale = "en") -> Response:
    """As of now. That it was made is logged, with the hash of what was given."""
    return made(call, "training", {"network": network}, form=form, locale=locale, file="training")


@router.get(
    "/inventory",
    summary="Report what the bank holds, by right",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    **FILE,
)
def inventory(call: Called, form: AsForm = "html", locale: InLocale = "en") -> Response:
    """As of now. That it was made is logged, with the hash of what was given."""
    return made(call, "inventory", {}, form=form, locale=locale, file="inventory")


@router.get(
    "/period",
    summary="Report what was asked of the bank in a period, what was refused and why, and what changed",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    **FILE,
)
def period(
    call: Called,
    first_day: Annotated[date, Query(alias="from")],
    last_day: Annotated[date, Query(alias="to", description="Included")],
    zone: str = "UTC",
    form: AsForm = "html",
    locale: InLocale = "en",
) -> Response:
    """Of whole days in a time zone. Of a period that is not over it tells what there was by now."""
    asked = {"first_day": first_day, "last_day": last_day, "zone": zone}
    return made(call, "period", asked, form=form, locale=locale, file=f"period-{first_day}-{last_day}")


@router.get(
    "/marking",
    summary="Report which files of a period carry which marks, found by reading them",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    **FILE,
)
def marking(
    call: Called,
    first_day: Annotated[date, Query(alias="from")],
    last_day: Annotated[date, Query(alias="to", description="Included")],
    zone: str = "UTC",
    form: AsForm = "html",
    locale: InLocale = "en",
) -> Response:
    """Composites sealed and files handed out on whole days in a time zone. Reads each file that is kept."""
    asked = {"first_day": first_day, "last_day": last_day, "zone": zone}
    return made(call, "marking", asked, form=form, locale=locale, file=f"marking-{first_day}-{last_day}")
