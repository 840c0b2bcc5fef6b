"""What a licensor is given to check, without us, that its list of uses is whole."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.usage import proving

Size = Annotated[int | None, Query(ge=1, le=(1 << 53) - 1)]

router = APIRouter(
    prefix="/reports", tags=["reports"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)


@router.get(
    "/usage/{licensor}",
    summary="Prove every recorded use of a licensor's photos between two checkpoints",
    openapi_extra=takes(Permission.REPORTS_MAKE, whole_house=True),
    response_class=Response,
    responses={
        200: {
            "description": "The usage proof, canonical JSON",
            "content": {"application/json": {"schema": {"type": "object"}}},
        },
        **responses(404, 422),
    },
)
def usage(
    call: Called,
    licensor: Annotated[str, Path(min_length=1, max_length=200)],
    start: Annotated[Size, Query(alias="from", description="Size of the checkpoint from which on")] = None,
    to: Size = None,
) -> Response:
    """From the first entry of the log up to its last checkpoint where nothing else is asked. That it was
    made is logged, with the hash of what was given."""
    with call.transaction() as session:
        content = proving.prove(session, licensor, start=start, to=to, by=call.by, at=call.at)
    headers = {"Content-Disposition": 'attachment; filename="usage-proof.json"'}
    return Response(content, media_type="application/json", headers=headers)
