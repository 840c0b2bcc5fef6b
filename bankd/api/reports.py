"""Reports that can be filed."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission
from bankd.api.composites import seen
from bankd.api.gate import BEARER, Call, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.catalog.models import Photo
from bankd.policy.clearing import viewable
from bankd.provenance import manifest
from bankd.reports import html, pdf
from bankd.reports import service as reports
from bankd.reports.provenance import Illustrated
from bankd.reports.service import Asked
from bankd.reports.strings import Locale
from bankd.storage import BlobMissing
from bankd.synthesis import filing
from bankd.synthesis.handouts import MAX_COMPOSITE_BYTES

THUMBNAIL_MOST_BYTES = 1 << 20

# The report is a page that people open in a browser: it may show what is inside it, and nothing else.
PAGE_ONLY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; sandbox"
MEDIA_TYPES = {"html": "text/html; charset=utf-8", "pdf": "application/pdf", "json": "application/json"}

Form = Literal["html", "pdf", "json"]

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
    with call.transaction() as session:
        report = _report(session, call, composite)
        content = _rendered(report, form, locale)
        reports.made(session, report.report, form=form, rendered=content, by=call.by, at=call.at)
    headers = {"Content-Disposition": f'inline; filename="provenance-{composite}.{form}"'}
    if form == "html":
        headers["Content-Security-Policy"] = PAGE_ONLY
    return Response(content, media_type=MEDIA_TYPES[form], headers=headers)


def _rendered(report: Illustrated, form: Form, locale: Locale) -> bytes:
    match form:
        case "html":
            return html.render(report, locale=locale).encode()
        case "pdf":
            return pdf.render(report, locale=locale)
        case "json":
            return report.report.as_text().encode()


def _report(session: Session, call: Call, composite_id: UUID) -> Illustrated:
    """With thumbnails of photos that clear for `view` today, and the composite if all of its photos do."""
    composite = seen(session, composite_id, by=call.by)
    request = filing.get(session, composite.request_id)
    placed = [photo.photo_id for photo in manifest.read(composite.manifest).placed_photos]
    shown = viewable(session, placed, at=call.at)
    file = None
    if shown.issuperset(placed):
        file = call.runtime.blobs.get(composite.blob_key, limit_bytes=MAX_COMPOSITE_BYTES)

    def view(photos: Sequence[UUID]) -> Mapping[UUID, bytes | None]:
        return {photo: _thumbnail(session, call, photo) for photo in photos if photo in shown}

    return reports.provenance_report(
        session,
        composite_id,
        entity=call.runtime.settings.house,
        asked=Asked(request.filed_by, request.filed_at),
        view=view,
        file=file,
        at=call.at,
    )


def _thumbnail(session: Session, call: Call, photo_id: UUID) -> bytes | None:
    photo = session.get_one(Photo, photo_id)
    try:
        return call.runtime.blobs.get(
            f"{photo_id}/{photo.thumbnail_sha256}", limit_bytes=THUMBNAIL_MOST_BYTES
        )
    except BlobMissing:
        return None  # erased since: the report shows a grey box
