"""What is to be done with what was handed out or published: sold off, kept in an archive, taken down."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.licensing.vocabulary import Channel
from bankd.synthesis import circulating, outlasting
from bankd.synthesis.lasting import Verdict

MOST_DAYS = 36_600
ON = Query(description="Today or a day to come; empty for today")
UNTIL = Query(description="The last day asked for; empty for that day alone")

router = APIRouter(route_class=GuardedRoute, dependencies=[Depends(BEARER)])


class AnswerState(BaseModel):
    """Whether it may go on so over the asked days."""

    allowed: bool
    until: date | None = Field(description="The last day to which it may; null: to none, or nothing ends it")
    reasons: dict[str, str] = Field(description="Where it may not: policies, each with its sentence")
    photos: list[UUID]


class StandingState(BaseModel):
    composite: UUID
    publication: UUID | None
    ref: str | None
    place: str | None
    channel: str
    territories: list[str] | None
    copies: int | None
    starts_on: date | None
    state: str | None = Field(description="Of the publication")
    on: date
    until: date
    verdict: Verdict
    may_until: date | None = Field(description="The last day of that; null: nothing ends it")
    stock: AnswerState | None = Field(description="Of print and packaging: the copies on the shelf")
    archive: AnswerState = Field(description="To stay where it is")
    recalled_by: list[UUID] = Field(description="Withdrawals")


class EndState(BaseModel):
    at: datetime
    what: str
    subject: str
    ref: str
    photos: int


class OutlastingState(StandingState):
    ends: EndState


@router.get(
    "/publications/{publication}/standing",
    tags=["publications"],
    summary="Say whether a publication may go on: be sold off, stay where it is",
    openapi_extra=takes(Permission.COMPOSITES_READ),
    responses=responses(404, 422),
)
def of_publication(
    call: Called,
    publication: str,
    on: Annotated[date | None, ON] = None,
    until: Annotated[date | None, UNTIL] = None,
) -> StandingState:
    with call.transaction() as session:
        found = circulating.of_publication(session, publication, on=on, until=until, by=call.by, at=call.at)
        return _state(found.as_json())


@router.get(
    "/composites/{composite}/standing",
    tags=["composites"],
    summary="Say whether what was handed out of a composite may go on, by channel",
    openapi_extra=takes(Permission.COMPOSITES_READ),
    responses=responses(404, 422),
)
def of_composite(
    call: Called,
    composite: UUID,
    channel: Channel | None = None,
    on: Annotated[date | None, ON] = None,
    until: Annotated[date | None, UNTIL] = None,
) -> list[StandingState]:
    with call.transaction() as session:
        found = circulating.of_composite(
            session, composite, channel=channel, on=on, until=until, by=call.by, at=call.at
        )
        return [_state(one.as_json()) for one in found]


@router.get(
    "/withdrawals/{withdrawal}/publications",
    tags=["withdrawals"],
    summary="List what is to be done with each publication that a withdrawal touches",
    openapi_extra=takes(Permission.EXPOSURE_READ),
    responses=responses(404, 422),
)
def of_withdrawal(
    call: Called,
    withdrawal: UUID,
    on: Annotated[date | None, ON] = None,
    after: Annotated[UUID | None, Query(description="The last publication of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[StandingState]:
    with call.transaction() as session:
        found = outlasting.touched(
            session, withdrawal, on=on, after=after, limit=limit, by=call.by, at=call.at
        )
        return [_state(one.as_json()) for one in found]


@router.get(
    "/expiries/publications",
    tags=["withdrawals"],
    summary="List what is to be done with each publication that outlasts an end to come",
    openapi_extra=takes(Permission.EXPIRIES_READ),
    responses=responses(422),
)
def of_expiries(
    call: Called,
    within_days: Annotated[int, Query(ge=0, le=MOST_DAYS)] = 90,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[OutlastingState]:
    with call.transaction() as session:
        found = outlasting.ending(
            session, within=timedelta(days=within_days), limit=limit, by=call.by, at=call.at
        )
        return [OutlastingState.model_validate(one.as_json()) for one in found]


def _state(facts: dict[str, Any]) -> StandingState:
    return StandingState.model_validate(facts)
