"""Releases: looked at. They are recorded by rights files."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from bankd.access.permissions import Permission, may
from bankd.api.gate import BEARER, Call, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.catalog.releases import Covered, photos_of
from bankd.licensing import releases as reading

router = APIRouter(
    prefix="/releases", tags=["releases"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)


class ReleaseTermsShown(BaseModel):
    """What was signed. Confidential: only for roles that may read terms."""

    subject: str = Field(description="Opaque reference to the person or property")
    covers: dict[str, Any]
    clause: str | None
    quote: str | None
    document_sha256: str | None


class ReleaseState(BaseModel):
    """That a release exists, for what, and whether it is in force."""

    release: UUID
    ref: str
    kind: str
    state: str = Field(description="`in force`, `superseded` or `withdrawn`")
    verified: bool = Field(description="Whether somebody compared the record with the form")
    recorded_at: datetime
    superseded_at: datetime | None
    superseded_by: str | None
    terms: ReleaseTermsShown | None


class PhotoCovered(BaseModel):
    """A photo that holds the release. Where nothing is named it covers the one person of the photo."""

    photo: UUID
    name: str
    whole: bool
    segments: list[int]
    instances: list[int]


class ReleaseWithPhotos(ReleaseState):
    photos: list[PhotoCovered] = Field(description="Those that the caller may know of")


@router.get(
    "",
    summary="List releases by their refs",
    openapi_extra=takes(Permission.LICENSES_READ),
    responses=responses(422),
)
def list_all(
    call: Called,
    after: Annotated[str | None, Query(description="The last ref of the page before", max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[ReleaseState]:
    with call.transaction() as session:
        return [
            ReleaseState(**_state(one, call)) for one in reading.releases(session, after=after, limit=limit)
        ]


@router.get(
    "/{release}",
    summary="Show a release by its ref, and the photos that hold it",
    openapi_extra=takes(Permission.LICENSES_READ),
    responses=responses(404),
)
def show(call: Called, release: str) -> ReleaseWithPhotos:
    with call.transaction() as session:
        found = reading.release(session, release)
        # Whoever may not read terms may not learn of photos by way of persons.
        photos = photos_of(session, found.id, by=call.by) if may(call.by, Permission.PHOTOS_READ) else []
        return ReleaseWithPhotos(**_state(found, call), photos=[_covered(one) for one in photos])


def _state(found: reading.ReleaseShown, call: Call) -> dict[str, Any]:
    terms = None
    if may(call.by, Permission.TERMS_READ):
        terms = ReleaseTermsShown(
            subject=found.subject,
            covers=found.terms,
            clause=found.clause,
            quote=found.quote,
            document_sha256=found.document_sha256,
        )
    return {
        "release": found.id,
        "ref": found.ref,
        "kind": found.kind,
        "state": found.state,
        "verified": found.verified_by is not None,
        "recorded_at": found.recorded_at,
        "superseded_at": found.superseded_at,
        "superseded_by": found.superseded_by,
        "terms": terms,
    }


def _covered(one: Covered) -> PhotoCovered:
    return PhotoCovered(
        photo=one.photo,
        name=one.name,
        whole=one.whole,
        segments=list(one.segments),
        instances=list(one.instances),
    )
