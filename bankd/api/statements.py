"""Money: payees, splits, exchange rates, what uses owe, and statements. Confidential throughout."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.licensing.terms import MAX_COUNT
from bankd.royalties import accrual, payees
from bankd.royalties import statements as service
from bankd.royalties.figures import PayeeTerms
from bankd.royalties.models import Accrual, Statement
from bankd.usage import covering

router = APIRouter(tags=["statements"], route_class=GuardedRoute, dependencies=[Depends(BEARER)])

Ref = Annotated[str, Field(min_length=1, max_length=100)]


class PayeeState(BaseModel):
    ref: str
    version: int
    terms: PayeeTerms


class Share(BaseModel):
    payee: Ref
    weight: int = Field(ge=1, le=MAX_COUNT)


class ToSplit(BaseModel):
    license: Ref
    starts_on: date = Field(description="From which day on")
    shares: list[Share] = Field(min_length=1, max_length=1000)


class SplitState(BaseModel):
    license: str
    starts_on: date
    shares: list[Share]


class RateState(BaseModel):
    """What one major unit of `base` was worth in `quote` on a day."""

    base: str
    quote: str
    rate: str = Field(max_length=40, examples=["151.23"])
    on: date
    source: str = Field(min_length=1, max_length=500)


class ToCompute(BaseModel):
    period: str = Field(max_length=10, examples=["2026-11", "2026-Q4", "2026"])
    payee: Ref | None = Field(default=None, description="Only this one's")


class StatementState(BaseModel):
    statement: UUID
    payee: str
    period: str
    currency: str
    net_minor: int
    carried_minor: int
    computed_at: datetime
    figures_sha256: str = Field(description="SHA-256 of the figures' RFC 8785 form")


class RecordedUses(BaseModel):
    """What a usage proof between these checkpoints lists; their sizes are entries of the log."""

    licensor: UUID | None = Field(
        description="Null: the payee is no licensor, and shares in what others earn"
    )
    start: int | None = Field(alias="from", description="Null: from the first entry on")
    to: int
    uses: int
    not_covered: str


class StatementShown(StatementState):
    figures: dict[str, Any]
    lines: list[dict[str, Any]]
    recorded_uses: RecordedUses | None = Field(description="Null until a checkpoint covers the statement")


class Entry(BaseModel):
    """What one fee of a grant owes for one use, for the part of one photo; a correction has a reason."""

    accrual: int
    at: datetime
    trigger: str
    grant: UUID
    fee: int
    photo: UUID | None
    entry: int
    composite: UUID
    handout: UUID | None
    publication: UUID | None
    units: int
    canvas_px: int
    frame_px: int
    amount_minor: int
    currency: str
    reason: str | None


class ToCorrect(BaseModel):
    amount_minor: int = Field(ge=0, le=MAX_COUNT, description="What is owed in truth")
    reason: str = Field(min_length=1, max_length=2000)


class Held(BaseModel):
    payee: str
    reason: str
    currency: str
    amount_minor: int


@router.put(
    "/payees/{payee}",
    summary="Record a payee, or new facts of one",
    openapi_extra=takes(Permission.ROYALTIES_MANAGE),
    responses=responses(413, 422),
)
def record_payee(call: Called, payee: str, body: PayeeTerms) -> PayeeState:
    with call.transaction() as session:
        found = payees.record(session, payee, body, by=call.by, at=call.at)
        return PayeeState(ref=found.ref, version=found.version, terms=payees.terms(found))


@router.get(
    "/payees",
    summary="List payees",
    openapi_extra=takes(Permission.ROYALTIES_READ, whole_house=True),
    responses=responses(),
)
def list_payees(call: Called) -> list[PayeeState]:
    with call.transaction() as session:
        return [
            PayeeState(ref=one.ref, version=one.version, terms=payees.terms(one))
            for one in payees.all_of(session)
        ]


@router.post(
    "/payees/splits",
    summary="Split what a license earns among payees, from a day on",
    openapi_extra=takes(Permission.ROYALTIES_MANAGE),
    responses=responses(404, 413, 422),
)
def split(call: Called, body: ToSplit) -> SplitState:
    with call.transaction() as session:
        payees.split(
            session,
            body.license,
            [(share.payee, share.weight) for share in body.shares],
            starts_on=body.starts_on,
            by=call.by,
            at=call.at,
        )
    return SplitState(license=body.license, starts_on=body.starts_on, shares=body.shares)


@router.post(
    "/statements/rates",
    summary="Record an exchange rate",
    openapi_extra=takes(Permission.ROYALTIES_MANAGE),
    responses=responses(409, 413, 422),
)
def record_rate(call: Called, body: RateState) -> RateState:
    with call.transaction() as session:
        payees.record_rate(
            session, body.base, body.quote, body.rate, on=body.on, source=body.source, by=call.by, at=call.at
        )
    return body


@router.post(
    "/statements",
    summary="Compute the statements of a period that is over",
    openapi_extra=takes(Permission.ROYALTIES_MANAGE, whole_house=True),
    responses=responses(404, 413, 422),
)
def compute(call: Called, body: ToCompute) -> list[StatementState]:
    """One that was computed stays as it is and is given back."""
    with call.transaction() as session:
        found = service.compute(session, body.period, payee=body.payee, by=call.by, at=call.at)
        return [StatementState(**_state(one)) for one in found]


@router.get(
    "/statements",
    summary="List statements",
    openapi_extra=takes(Permission.ROYALTIES_READ, whole_house=True),
    responses=responses(422),
)
def list_all(
    call: Called,
    payee: Annotated[str | None, Query(max_length=100)] = None,
    period: Annotated[str | None, Query(max_length=10)] = None,
) -> list[StatementState]:
    with call.transaction() as session:
        return [StatementState(**_state(one)) for one in service.of(session, payee=payee, period=period)]


@router.get(
    "/statements/escrow",
    summary="List what is held now, for whom and why",
    openapi_extra=takes(Permission.ROYALTIES_READ, whole_house=True),
    responses=responses(),
)
def escrow(call: Called) -> list[Held]:
    with call.transaction() as session:
        return [Held(**one) for one in service.escrow(session, at=call.at)]


@router.get(
    "/statements/entries",
    summary="List what uses owe, entry by entry, with corrections",
    openapi_extra=takes(Permission.ROYALTIES_READ, whole_house=True),
    responses=responses(422),
)
def entries(
    call: Called,
    composite: UUID | None = None,
    publication: UUID | None = None,
    after: Annotated[int, Query(ge=0, le=MAX_COUNT, description="The last number of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[Entry]:
    with call.transaction() as session:
        found = accrual.entries_of(
            session, composite_id=composite, publication_id=publication, after=after, limit=limit
        )
        return [_entry(one) for one in found]


@router.post(
    "/statements/entries/{entry}/correct",
    summary="Correct what is owed for one use, by an entry of the difference",
    openapi_extra=takes(Permission.ROYALTIES_MANAGE, whole_house=True),
    responses=responses(404, 413, 422),
)
def correct(call: Called, entry: int, body: ToCorrect) -> Entry | None:
    """Nothing comes back where the entries add up to that already."""
    with call.transaction() as session:
        made = accrual.correct(
            session, entry, amount_minor=body.amount_minor, reason=body.reason, by=call.by, at=call.at
        )
        return None if made is None else _entry(made)


@router.get(
    "/statements/{statement}",
    summary="Show a statement's figures and what it lists",
    openapi_extra=takes(Permission.ROYALTIES_READ, whole_house=True),
    responses=responses(404, 422),
)
def show(call: Called, statement: UUID) -> StatementShown:
    with call.transaction() as session:
        found = service.get(session, statement)
        return StatementShown(
            **_state(found),
            figures=found.figures,
            lines=service.lines(session, found.id),
            recorded_uses=covering.facts(covering.of(session, found)),
        )


def _state(found: Statement) -> dict[str, Any]:
    return {
        "statement": found.id,
        "payee": found.payee_ref,
        "period": found.period,
        "currency": found.currency,
        "net_minor": found.net_minor,
        "carried_minor": found.carried_minor,
        "computed_at": found.computed_at,
        "figures_sha256": found.figures_sha256,
    }


def _entry(found: Accrual) -> Entry:
    return Entry(
        accrual=found.id,
        at=found.at,
        trigger=found.trigger,
        grant=found.grant_id,
        fee=found.fee,
        photo=found.photo_id,
        entry=found.entry,
        composite=found.composite_id,
        handout=found.handout_id,
        publication=found.publication_id,
        units=found.units,
        canvas_px=found.canvas_px,
        frame_px=found.frame_px,
        amount_minor=found.amount_minor,
        currency=found.currency,
        reason=found.reason,
    )
