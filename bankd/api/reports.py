"""Reports that can be filed."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.reports import making
from bankd.reports.making import Form, House
from bankd.reports.strings import Locale

# The report is a page that people open in a browser: it may show what is inside it, and nothing else.
PAGE_ONLY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; sandbox"
MEDIA_TYPES = {"html": "text/html; charset=utf-8", "pdf": "application/pdf", "json": "application/json"}

router = APIRouter(
    prefix="/reports", tags=["reports"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)


@router.get(
    "/provenance/{composite}",
    summary="Report which photos a composite was made from, and on which grants",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    response_class=Response,
    responses={
        200: {
            "description": "The report",
            "content": {
                "text/html": {"schema": {"type": "string"}},
                "application/pdf": {"schema": {"type": "string", "format": "binary"}},
                "application/json": {"schema": {"type": "object"}},
            },
        },
        **responses(404, 422),
    },
)
def provenance(
    call: Called,
    composite: UUID,
    form: Annotated[Form, Query(alias="format")] = "html",
    locale: Annotated[Locale, Query()] = "en",
) -> Response:
    """As of now. That it was made is logged, with the hash of what was given."""
    house = House(call.runtime.settings.house, locale)
    with call.transaction() as session:
        content = making.provenance(
            session, composite, form=form, house=house, blobs=call.runtime.blobs, by=call.by, at=call.at
        )
    headers = {"Content-Disposition": f'inline; filename="provenance-{composite}.{form}"'}
    if form == "html":
        headers["Content-Security-Policy"] = PAGE_ONLY
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)
