"""Sign-offs: what policy leaves to people, and what they say to it."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.licenses import REASON_MOST, Reason
from bankd.api.problems import responses
from bankd.policy.signoff import Scope
from bankd.signoffs import reading
from bankd.signoffs.models import AwaitedState
from bankd.synthesis import waiting

router = APIRouter(
    prefix="/signoffs", tags=["signoffs"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)


class SignoffFact(BaseModel):
    """One person's word that a rule shall not stand in the way, of what its scope names."""

    signoff: UUID
    policy: str
    scope: Scope
    state: str = Field(description="`stands`, `expired`, `withdrawn` or `superseded`")
    reason: str
    document_sha256: str | None
    signed_by: str
    signed_at: datetime
    expires_at: datetime
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    withdrawn_reason: str | None
    superseded_at: datetime | None
    superseded_by: UUID | None


class AwaitedLine(BaseModel):
    """What a request waits for."""

    awaited: UUID
    request: UUID
    requester: str
    policy: str
    says: str
    role: str
    signers: int = Field(description="How many different people it takes")
    signed: int
    together: bool = Field(description="Whether the rule is about the photos of a picture together")
    photos: list[UUID]
    grants: list[UUID]
    bundle: str
    state: AwaitedState
    made_at: datetime
    due_at: datetime = Field(description="From then on the request is refused")
    settled_at: datetime | None
    settled_by: str | None
    reason: str | None
    signoffs: list[SignoffFact]


class AwaitedFact(AwaitedLine):
    refs: list[str] = Field(description="The grants, as `<license>/<grant>`")
    use: dict[str, Any]
    request_state: str


class Stated(BaseModel):
    reason: str = Field(min_length=1, max_length=REASON_MOST)
    document_sha256: str | None = Field(default=None, description="Of a document that is recorded")
    expires_at: AwareDatetime


class NewSignoff(Stated):
    scope: Scope = Field(
        default="request",
        description="This request alone; or every request: for these photos, for their licenses, for the use",
    )


@router.get(
    "",
    summary="List what people are asked to sign, the soonest due first",
    openapi_extra=takes(Permission.SIGNOFFS_READ),
    responses=responses(422),
)
def list_all(
    call: Called,
    state: AwaitedState | Literal["all"] = AwaitedState.AWAITING,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[AwaitedLine]:
    with call.transaction() as session:
        found = waiting.listed(
            session, state=None if state == "all" else state, limit=limit, by=call.by, at=call.at
        )
        return [AwaitedLine.model_validate(one) for one in found]


@router.get(
    "/{awaited}",
    summary="Show what is asked, of which photos, and what was signed",
    openapi_extra=takes(Permission.SIGNOFFS_READ),
    responses=responses(404),
)
def show(call: Called, awaited: UUID) -> AwaitedFact:
    with call.transaction() as session:
        return AwaitedFact.model_validate(waiting.shown(session, awaited, by=call.by, at=call.at))


@router.post(
    "/{awaited}/give",
    status_code=201,
    summary="Sign what a request waits for",
    openapi_extra=takes(Permission.SIGNOFFS_GIVE),
    responses=responses(403, 404, 409, 422),
)
def give(call: Called, awaited: UUID, stated: NewSignoff) -> SignoffFact:
    """Whoever filed the request cannot sign it. With the last signature that it needs it goes on."""
    with call.transaction() as session:
        made = waiting.give(session, awaited, by=call.by, at=call.at, **stated.model_dump())
        return SignoffFact.model_validate(reading.signoff_facts(made, at=call.at))


@router.post(
    "/{awaited}/decline",
    summary="Say no: the request is refused",
    openapi_extra=takes(Permission.SIGNOFFS_GIVE),
    responses=responses(403, 404, 409, 422),
)
def decline(call: Called, awaited: UUID, why: Reason) -> AwaitedFact:
    with call.transaction() as session:
        waiting.decline(session, awaited, reason=why.reason, by=call.by, at=call.at)
        return AwaitedFact.model_validate(waiting.shown(session, awaited, by=call.by, at=call.at))


@router.post(
    "/given/{signoff}/withdraw",
    summary="Take a sign-off back",
    openapi_extra=takes(Permission.SIGNOFFS_GIVE),
    responses=responses(404, 409, 422),
)
def withdraw(call: Called, signoff: UUID, why: Reason) -> SignoffFact:
    """Nothing is sealed or handed out on it any more."""
    with call.transaction() as session:
        withdrawn = waiting.withdraw(session, signoff, reason=why.reason, by=call.by, at=call.at)
        return SignoffFact.model_validate(reading.signoff_facts(withdrawn, at=call.at))


@router.post(
    "/given/{signoff}/supersede",
    status_code=201,
    summary="Sign anew for the same, with another end or document",
    openapi_extra=takes(Permission.SIGNOFFS_GIVE),
    responses=responses(403, 404, 409, 422),
)
def supersede(call: Called, signoff: UUID, stated: Stated) -> SignoffFact:
    with call.transaction() as session:
        made = waiting.supersede(session, signoff, by=call.by, at=call.at, **stated.model_dump())
        return SignoffFact.model_validate(reading.signoff_facts(made, at=call.at))
