"""What an auditor checks composites with, and by whose keys."""

import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from bankd.access import permissions
from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.proving import auditing, trusting
from bankd.proving.auditing import Asked, Within

router = APIRouter(tags=["reports"], route_class=GuardedRoute, dependencies=[Depends(BEARER)])


@router.get(
    "/reports/audit",
    summary="An audit file, by which a stranger checks composites without the bank",
    openapi_extra=takes(Permission.REPORTS_MAKE),
    response_class=FileResponse,
    responses={
        200: {"description": "The ZIP", "content": {"application/zip": {}}},
        **responses(404, 409, 422),
    },
)
def audit(
    call: Called,
    composite: Annotated[list[UUID] | None, Query(description="Repeatable: its id")] = None,
    start: Annotated[date | None, Query(alias="from", description="First day of seals, UTC")] = None,
    end: Annotated[date | None, Query(alias="to", description="Last day of seals, UTC, inclusive")] = None,
    licensor: Annotated[str | None, Query(description="Its ref: what relies on its grants")] = None,
    prior: Annotated[int | None, Query(ge=1, description="Size of the auditor's checkpoint")] = None,
    checkpoint: Annotated[int | None, Query(ge=1, description="Size of that to prove under")] = None,
    pictures: Annotated[bool, Query(description="With the pictures")] = False,
    disclosures: Annotated[bool, Query(description="With uses, licenses, recipients: confidential")] = False,
) -> FileResponse:
    """That it was given is logged, with its hash. Terms take a key that may read them."""
    if disclosures:
        permissions.require(call.by, Permission.TERMS_READ)
    with tempfile.NamedTemporaryFile(prefix="audit-", suffix=".zip", delete=False) as held:
        path = Path(held.name)
    try:
        with call.transaction() as session:
            auditing.write(
                session,
                path,
                Asked(tuple(composite or ()), start, end, licensor),
                Within(pictures=pictures, disclosures=disclosures),
                signed=auditing.signed(session, checkpoint),
                prior=prior,
                blobs=call.runtime.blobs,
                by=call.by,
                at=call.at,
            )
    except BaseException:
        path.unlink()
        raise
    return FileResponse(
        path, media_type="application/zip", filename="audit.zip", background=BackgroundTask(path.unlink)
    )


@router.get(
    "/log/trust",
    summary="trust.json, by which an auditor checks files; to be handed over by another way than these",
    openapi_extra=takes(Permission.LOG_VERIFY),
    responses=responses(422),
)
def trust(
    call: Called,
    checkpoint: Annotated[bool, Query(description="With the last checkpoint, as one seen before")] = True,
) -> dict[str, Any]:
    with call.transaction() as session:
        return trusting.trust(call.runtime, session, checkpoint=checkpoint)
