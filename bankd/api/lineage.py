"""Lineage: what a thing was made of, and what was made of it."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.lineage import drawing, prov, service
from bankd.lineage.graph import WAYS, NodeKind, Relation, Way
from bankd.lineage.pseudonyms import pseudonyms

router = APIRouter(
    prefix="/lineage", tags=["lineage"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)


class AgentState(BaseModel):
    kind: str
    id: str = Field(description="Opaque; of a person a pseudonym")
    role: str


class ActivityState(BaseModel):
    """How something came about, and after what."""

    kind: str
    id: str
    started_at: str | None
    ended_at: str | None
    agents: list[AgentState]
    policy_bundle: str | None
    grants: list[str] = Field(description="Relied on")
    after: list["ActivityState"]


class RightsState(BaseModel):
    grant: str
    license: str
    licensor: str
    in_force: bool
    terms: dict[str, Any] | None = Field(default=None, description="For those who may read terms")


class NodeState(BaseModel):
    id: str = Field(description="`<kind>:<key>`")
    kind: NodeKind
    key: str
    way: Way | None = Field(description="Empty where the walk began")
    depth: int
    facts: dict[str, Any]
    made: ActivityState | None = None
    rights: list[RightsState] = []


class EdgeState(BaseModel):
    """From what was there before to what was made of it."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    relation: Relation
    grant: str | None = Field(default=None, description="Relied on, of a segment that was placed")
    canvas_px: int | None = None
    how: str | None = Field(default=None, description="By what a photo was found to be a composite")
    distance: int | None = None


class LineageState(BaseModel):
    """A page of nodes with the edges that lead to them, and the exact totals of all pages."""

    start: str
    scope: Literal["house", "department"]
    depth: int
    totals: dict[Way, dict[NodeKind, int]]
    complete: dict[Way, bool] = Field(description="Whether nothing lies deeper than was asked")
    nodes: list[NodeState]
    edges: list[EdgeState]
    after: str | None = Field(description="Where the next page begins; empty on the last")


@router.get(
    "/{named:path}",
    summary="Show what something was made of, and what was made of it",
    openapi_extra=takes(Permission.LINEAGE_READ),
    response_model=LineageState,
    responses={
        200: {"content": {"image/svg+xml": {}, "text/vnd.graphviz": {}}, "description": "As `format` says"},
        **responses(404, 422),
    },
)
def show(
    call: Called,
    named: str,
    ways: Annotated[
        Literal["up", "down", "both"], Query(description="What it was made of, or what of it")
    ] = "both",
    depth: Annotated[int, Query(ge=0, le=service.DEPTH_MOST)] = service.DEPTH,
    limit: Annotated[int, Query(ge=1, le=service.LIMIT_MOST)] = service.LIMIT,
    after: Annotated[str | None, Query(max_length=200, description="Of the page before")] = None,
    networks: Annotated[
        bool, Query(description="Go on through networks, from training photos to composites")
    ] = False,
    format: Literal["json", "prov-json", "svg", "dot"] = "json",
) -> Response:
    """Takes an id or `<kind>:<id>`. A department sees its own composites, and what hangs on them."""
    with call.transaction() as session:
        found = service.lineage(
            session,
            named,
            ways=WAYS if ways == "both" else (ways,),
            depth=depth,
            limit=limit,
            after=after,
            networks=networks,
            pseudonym=pseudonyms(call.runtime.manifest_key.private_bytes_raw()),
            by=call.by,
        )
    match format:
        case "prov-json":
            return JSONResponse(prov.document(found, origin=call.runtime.log_origin))
        case "svg":
            return Response(drawing.svg(found), media_type="image/svg+xml")
        case "dot":
            return Response(drawing.dot(found), media_type="text/vnd.graphviz")
    told = LineageState.model_validate(found.as_json())
    return JSONResponse(told.model_dump(mode="json", by_alias=True))
