"""Policies: the rules in force, and what another bundle would change."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, File, Query, UploadFile
from pydantic import BaseModel, Field

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.api.uploads import content
from bankd.catalog.taxonomy import house
from bankd.policy import service
from bankd.policy.errors import InvalidBundle
from bankd.policy.explain import Denial
from bankd.policy.load import Bundle
from bankd.synthesis import comparing

FILE_MOST_BYTES = 1 << 20
FILES_MOST = 100

router = APIRouter(
    prefix="/policies", tags=["policies"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)


class PolicyShown(BaseModel):
    id: str
    effect: str
    actions: list[str]
    says: str
    file: str


class PoliciesInForce(BaseModel):
    digest: str
    policies: list[PolicyShown]


class Reason(BaseModel):
    policy: str
    says: str


class RequestDiffers(BaseModel):
    """A request that would come out otherwise. Of one that would be cleared, `reasons` are today's."""

    request: UUID
    filed_at: datetime
    purpose: str
    change: str = Field(description="refused, cleared, other reasons or other sources")
    reasons: list[Reason]
    photos: int = Field(description="Sources placed anew, where only these differ")


class CompositeDiffers(BaseModel):
    """A composite that could be handed out under one of the two bundles alone."""

    composite: UUID
    request: UUID
    sealed_at: datetime
    change: str = Field(description="refused or cleared")
    reasons: list[Reason]
    handouts: int


class Difference(BaseModel):
    """What a bundle would change, with the rights of today."""

    in_force: str = Field(description="Digest of the bundle that decides now")
    other: str
    added: list[str]
    removed: list[str]
    changed: list[str] = Field(description="Policies with the same id and another text")
    requests_asked: int
    composites_asked: int
    requests: list[RequestDiffers]
    composites: list[CompositeDiffers]


@router.get(
    "",
    summary="Show the policies in force",
    openapi_extra=takes(Permission.POLICIES_READ),
    responses=responses(),
)
def show(call: Called) -> PoliciesInForce:
    with call.transaction() as session:
        bundle = service.active(session)
    return PoliciesInForce(
        digest=bundle.digest,
        policies=[
            PolicyShown(
                id=one.id, effect=one.effect, actions=sorted(one.actions), says=one.says, file=one.file
            )
            for one in bundle.policies.values()
        ],
    )


@router.post(
    "/diff",
    summary="Say what other policies would change",
    openapi_extra=takes(Permission.POLICIES_ACTIVATE, body=16 << 20, whole_house=True),
    responses=responses(400, 413, 422),
)
def diff(
    call: Called,
    files: Annotated[
        list[UploadFile],
        File(description="All `*.cedar` files and the schema, by their names", max_length=FILES_MOST),
    ],
    last: Annotated[int, Query(ge=1, le=1000, description="How many requests and composites to ask")] = 100,
) -> Difference:
    """Nothing is written, and nothing comes into force."""
    with call.transaction() as session:
        found = comparing.compare(
            session,
            _bundle(files),
            last=last,
            blobs=call.runtime.blobs,
            taxonomy=house(),
            by=call.by,
            at=call.at,
        )
    return Difference(
        in_force=found.in_force,
        other=found.other,
        added=list(found.added),
        removed=list(found.removed),
        changed=list(found.reworded),
        requests_asked=found.requests,
        composites_asked=found.composites,
        requests=[
            RequestDiffers(
                request=one.request_id,
                filed_at=one.filed_at,
                purpose=one.purpose,
                change=one.change,
                reasons=_reasons(one.reasons),
                photos=one.photos,
            )
            for one in found.changed
        ],
        composites=[
            CompositeDiffers(
                composite=one.composite_id,
                request=one.request_id,
                sealed_at=one.sealed_at,
                change=one.change,
                reasons=_reasons(one.reasons),
                handouts=one.handouts,
            )
            for one in found.handouts_changed
        ],
    )


def _bundle(files: list[UploadFile]) -> Bundle:
    texts: dict[str, str] = {}
    for file in files:
        name = file.filename or ""
        if name in texts:
            raise InvalidBundle([f"`{name}` is given twice"])
        try:
            texts[name] = content(file, most_bytes=FILE_MOST_BYTES).decode()
        except UnicodeDecodeError as error:
            raise InvalidBundle([f"`{name}` is no UTF-8"]) from error
    return Bundle.of(texts.items())


def _reasons(reasons: tuple[Denial, ...]) -> list[Reason]:
    return [Reason(policy=one.policy, says=one.says) for one in reasons]
