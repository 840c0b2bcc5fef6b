"""What photos look like, and what is decided about those that are held for it."""

from dataclasses import asdict
from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.licenses import Reason
from bankd.api.problems import responses
from bankd.catalog import likenesses, reviewing

router = APIRouter(
    prefix="/photos", tags=["photos"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)


class LikenessOf(BaseModel):
    """What a photo looks like. Other departments' photos and tombstones have neither id nor name here."""

    photo: UUID | None
    name: str | None
    tombstone: datetime | None = Field(description="When what it looks like was erased")
    how: Literal["pixels", "pdq", "phash", "crop"]
    distance: int = Field(description="In how many of 256 bits the hashes differ")
    found_at: datetime


class PhotoLikenesses(BaseModel):
    photo: UUID
    name: str
    state: str
    quarantine_reason: str | None
    iscc: str | None
    quality: int | None = Field(description="0 to 100, of its PDQ: how much there is to see")
    alike: list[LikenessOf]
    verdict: Literal["released", "refused"] | None = Field(description="Of the last review")
    reason: str | None
    reviewed_by: str | None
    reviewed_at: datetime | None


class Review(Reason):
    verdict: Literal["release", "refuse"]


@router.get(
    "/review",
    summary="List the photos that are held for what they look like",
    openapi_extra=takes(Permission.PHOTOS_READ),
    responses=responses(),
)
def waiting(call: Called) -> list[PhotoLikenesses]:
    with call.transaction() as session:
        return [_likenesses(one) for one in likenesses.waiting(session, by=call.by)]


@router.get(
    "/{photo}/likeness",
    summary="Show which photos and tombstones a photo looks like",
    openapi_extra=takes(Permission.PHOTOS_READ),
    responses=responses(404, 422),
)
def likeness(call: Called, photo: UUID) -> PhotoLikenesses:
    with call.transaction() as session:
        return _likenesses(likenesses.likenesses(session, photo, by=call.by))


@router.post(
    "/{photo}/review",
    summary="Decide about a photo that is held for what it looks like",
    openapi_extra=takes(Permission.LIKENESS_REVIEW),
    responses=responses(404, 409, 413, 422),
)
def review(call: Called, photo: UUID, body: Review) -> PhotoLikenesses:
    """Refused, a photo that looks like a tombstone gets one of its own; any other stays in quarantine."""
    decide = reviewing.release if body.verdict == "release" else reviewing.refuse
    with call.transaction() as session:
        likenesses.likenesses(session, photo, by=call.by)
        decide(session, photo, reason=body.reason, by=call.by, at=call.at)
        return _likenesses(likenesses.likenesses(session, photo, by=call.by))


def _likenesses(found: likenesses.Likenesses) -> PhotoLikenesses:
    return PhotoLikenesses.model_validate(asdict(found))
