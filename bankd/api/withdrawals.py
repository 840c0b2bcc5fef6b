"""Withdrawals, deny holds, exposure, expiries and notices: what compliance does and looks at."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.licenses import REASON_MOST, Reason
from bankd.api.problems import responses
from bankd.expiries import service as ends
from bankd.exposure import marking, reading, withdrawing
from bankd.exposure.subjects import find
from bankd.licensing import holds as hold_records
from bankd.licensing import withdrawals as records
from bankd.licensing.ending import HoldSubject
from bankd.licensing.withdrawal_effects import Subject, WithdrawalKind
from bankd.notices import service as notice_records
from bankd.royalties import escrow
from bankd.royalties.models import Outcome

PAGE = Query(ge=1, le=500)
MOST_DAYS = 36_600

router = APIRouter(tags=["withdrawals"], route_class=GuardedRoute, dependencies=[Depends(BEARER)])


class NewWithdrawal(BaseModel):
    subject: Subject
    ref: str = Field(max_length=1000, description="A ref; of a grant `<license>/<grant>`; of a photo its id")
    kind: WithdrawalKind = "terminated"
    effective_from: AwareDatetime | None = Field(
        default=None, description="Past or to come; empty for now, or for the start where the kind says so"
    )
    reason: str = Field(min_length=1, max_length=REASON_MOST)
    document_sha256: str | None = Field(default=None, description="Of a document that is recorded")


class TakenBack(BaseModel):
    currency: str
    amount_minor: int


class ToSettle(BaseModel):
    outcome: Outcome = Field(description="`released`: owed after all; `reversed`: not owed any more")
    reason: str = Field(min_length=1, max_length=REASON_MOST)
    document_sha256: str | None = Field(default=None, description="Of a document that is recorded")


class Effects(BaseModel):
    """What the kind does, beside taking its subject out of retrieval and of every new handout."""

    handouts: str
    publications: str
    stock: str
    checkpoints: str
    money: str = Field(description="`escrow`: what is not stated yet is held until this is settled")


class SettlementState(BaseModel):
    """How what a withdrawal held in escrow was let go."""

    outcome: Outcome
    reason: str
    document_sha256: str | None
    entries: int = Field(description="That take back what is not owed any more")
    taken_back: list[TakenBack]
    settled_at: datetime
    settled_by: str


class WithdrawalState(BaseModel):
    withdrawal: UUID
    kind: str
    subject: str
    ref: str
    effective_from: datetime
    reason: str
    document_sha256: str | None
    recorded_at: datetime
    recorded_by: str
    took_effect_at: datetime | None
    marked_at: datetime | None = Field(description="When every composite that it touches was marked")
    effects: Effects
    settled: SettlementState | None = None


class WithdrawalMade(WithdrawalState):
    photos: int
    composites: int
    handouts: int
    publications: int
    networks: list[str]


class ExposedState(BaseModel):
    composite: UUID
    exposed_at: datetime
    why: Literal["relies", "sealed-after"]


class TakedownState(BaseModel):
    """A handout to be called back, or a publication to be taken down."""

    id: UUID
    withdrawal_id: UUID
    composite_id: UUID
    what: str
    subject_id: UUID | None = Field(description="The handout or publication")
    told: str = Field(description="The recipient, or the place of a publication")
    asked_at: datetime
    done_at: datetime | None
    done_by: str | None
    note: str | None


class Note(BaseModel):
    note: str = Field(min_length=1, max_length=REASON_MOST)


class NewHold(BaseModel):
    subject: HoldSubject
    ref: str = Field(max_length=1000)
    reason: str = Field(min_length=1, max_length=REASON_MOST)
    starts_at: AwareDatetime | None = Field(default=None, description="Empty for now")
    ends_at: AwareDatetime | None = Field(default=None, description="Empty for until it is lifted")


class HoldState(BaseModel):
    hold: UUID
    subject: str
    ref: str
    state: Literal["waits", "stands", "over"]
    reason: str
    starts_at: datetime
    ends_at: datetime | None
    set_at: datetime
    set_by: str
    ended_at: datetime | None
    lifted_by: str | None
    lifted_reason: str | None


class NetworkState(BaseModel):
    sha256: str
    kind: str
    snapshot: str
    registered_at: datetime


class CompositeState(BaseModel):
    composite_id: UUID
    request_id: UUID
    sealed_at: datetime
    height: int
    width: int
    canvas_px: int = Field(description="Fed by the subject, before refinement")
    handouts: int
    publications: int
    exposed_at: datetime | None
    why: str | None


class ExposureState(BaseModel):
    """Counts of everything, and a page of the composites."""

    subject: str
    ref: str
    photos: int
    composites: int
    segments: int
    handouts: int
    publications: int
    takedowns_open: int
    snapshots: int
    networks: list[NetworkState]
    lines: list[CompositeState]


class ExpiryState(BaseModel):
    at: datetime
    what: str
    subject: str
    ref: str
    photos: int


class NoticeState(BaseModel):
    notice: UUID
    kind: str
    title: str
    channel: str
    target: str
    state: Literal["waiting", "sent", "dead"]
    tries: int
    made_at: datetime
    next_at: datetime | None
    sent_at: datetime | None
    dead_at: datetime | None
    error: str | None


@router.post(
    "/withdrawals",
    status_code=201,
    summary="Withdraw a license, a grant, a licensor, a release, a person or a photo",
    openapi_extra=takes(Permission.LICENSES_WITHDRAW),
    responses=responses(404, 409, 413, 422),
)
def withdraw(call: Called, body: NewWithdrawal) -> WithdrawalMade:
    """What it takes out of use is out when this answers; composites are marked right after."""
    with call.transaction() as session:
        made = withdrawing.withdraw(
            session,
            body.subject,
            body.ref,
            kind=body.kind,
            since=body.effective_from,
            reason=body.reason,
            document_sha256=body.document_sha256,
            by=call.by,
            at=call.at,
        )
        return WithdrawalMade.model_validate(made.facts())


@router.get(
    "/withdrawals",
    summary="List withdrawals, the latest first",
    openapi_extra=takes(Permission.EXPOSURE_READ, whole_house=True),
    responses=responses(422),
)
def list_withdrawals(
    call: Called,
    subject: Subject | None = None,
    ref: str | None = None,
    limit: Annotated[int, PAGE] = 100,
) -> list[WithdrawalState]:
    with call.transaction() as session:
        found = records.listed(session, subject=subject, ref=ref, limit=limit)
        return [WithdrawalState.model_validate(one) for one in withdrawing.shown(session, found)]


@router.get(
    "/withdrawals/takedowns",
    summary="List what is to be called back or taken down",
    openapi_extra=takes(Permission.EXPOSURE_READ, whole_house=True),
    responses=responses(422),
)
def list_takedowns(
    call: Called,
    withdrawal: UUID | None = None,
    done: bool = False,
    limit: Annotated[int, PAGE] = 100,
) -> list[TakedownState]:
    with call.transaction() as session:
        found = reading.takedowns(session, withdrawal_id=withdrawal, done=done, limit=limit)
        return [TakedownState.model_validate(one, from_attributes=True) for one in found]


@router.post(
    "/withdrawals/takedowns/{takedown}/confirm",
    summary="Record that a handout was called back or a publication taken down",
    openapi_extra=takes(Permission.LICENSES_WITHDRAW, whole_house=True),
    responses=responses(404, 409, 413, 422),
)
def confirm(call: Called, takedown: UUID, body: Note) -> dict[str, Any]:
    with call.transaction() as session:
        done = marking.confirm(session, takedown, note=body.note, by=call.by, at=call.at)
        return {"takedown": done.id, "done_at": done.done_at, "done_by": done.done_by}


@router.get(
    "/withdrawals/{withdrawal}",
    summary="Show a withdrawal",
    openapi_extra=takes(Permission.EXPOSURE_READ, whole_house=True),
    responses=responses(404, 422),
)
def show_withdrawal(call: Called, withdrawal: UUID) -> WithdrawalState:
    with call.transaction() as session:
        (found,) = withdrawing.shown(session, [records.get(session, withdrawal)])
        return WithdrawalState.model_validate(found)


@router.post(
    "/withdrawals/{withdrawal}/settle",
    summary="End what a withdrawal holds in escrow: released, or reversed by new entries",
    openapi_extra=takes(Permission.LICENSES_WITHDRAW),
    responses=responses(404, 409, 413, 422),
)
def settle(call: Called, withdrawal: UUID, body: ToSettle) -> SettlementState:
    """What was withdrawn stays withdrawn: this is about money alone."""
    with call.transaction() as session:
        made = escrow.settle(
            session,
            withdrawal,
            outcome=body.outcome,
            reason=body.reason,
            document_sha256=body.document_sha256,
            by=call.by,
            at=call.at,
        )
        return SettlementState.model_validate(escrow.facts(made))


@router.get(
    "/withdrawals/{withdrawal}/composites",
    summary="List the composites that a withdrawal marked",
    openapi_extra=takes(Permission.EXPOSURE_READ, whole_house=True),
    responses=responses(404, 422),
)
def list_marks(
    call: Called, withdrawal: UUID, after: UUID | None = None, limit: Annotated[int, PAGE] = 100
) -> list[ExposedState]:
    with call.transaction() as session:
        records.get(session, withdrawal)
        return [
            ExposedState(composite=one.composite_id, exposed_at=one.exposed_at, why=one.why)
            for one in reading.marks(session, withdrawal, after=after, limit=limit)
        ]


@router.post(
    "/holds",
    status_code=201,
    summary="Deny every use of a license, a grant, a licensor or a photo for a time",
    openapi_extra=takes(Permission.HOLDS_SET),
    responses=responses(404, 413, 422),
)
def set_hold(call: Called, body: NewHold) -> HoldState:
    with call.transaction() as session:
        made = withdrawing.hold(
            session,
            body.subject,
            body.ref,
            reason=body.reason,
            starts_at=body.starts_at,
            ends_at=body.ends_at,
            by=call.by,
            at=call.at,
        )
        return HoldState.model_validate(withdrawing.hold_facts(made))


@router.get(
    "/holds",
    summary="List deny holds, the latest first",
    openapi_extra=takes(Permission.EXPOSURE_READ, whole_house=True),
    responses=responses(422),
)
def list_holds(
    call: Called,
    over: Annotated[bool, Query(description="Those that are over, too")] = False,
    limit: Annotated[int, PAGE] = 100,
) -> list[HoldState]:
    with call.transaction() as session:
        found = hold_records.listed(session, over=over, limit=limit)
        return [HoldState.model_validate(withdrawing.hold_facts(one)) for one in found]


@router.post(
    "/holds/{hold}/lift",
    summary="End a deny hold before its time",
    openapi_extra=takes(Permission.HOLDS_SET, whole_house=True),
    responses=responses(404, 409, 413, 422),
)
def lift(call: Called, hold: UUID, body: Reason) -> HoldState:
    with call.transaction() as session:
        lifted = withdrawing.lift(session, hold, reason=body.reason, by=call.by, at=call.at)
        return HoldState.model_validate(withdrawing.hold_facts(lifted))


@router.get(
    "/exposure/{subject}",
    summary="Count what was made from something, and list the composites",
    openapi_extra=takes(Permission.EXPOSURE_READ),
    responses=responses(404, 422),
)
def exposure(
    call: Called,
    subject: Subject,
    ref: Annotated[str, Query(max_length=1000, description="As for `POST /withdrawals`")],
    after: Annotated[UUID | None, Query(description="The last composite of the page before")] = None,
    limit: Annotated[int, PAGE] = 100,
) -> ExposureState:
    with call.transaction() as session:
        named = find(session, subject, ref, by=call.by)
        counts = reading.exposure(session, named, by=call.by)
        lines = reading.composites(session, named, by=call.by, after=after, limit=limit)
    return ExposureState(
        **{
            name: getattr(counts, name)
            for name in ExposureState.model_fields
            if name not in ("networks", "lines")
        },
        networks=[NetworkState.model_validate(one, from_attributes=True) for one in counts.networks],
        lines=[CompositeState.model_validate(one, from_attributes=True) for one in lines],
    )


@router.get(
    "/expiries",
    summary="List what ends soon, by itself",
    openapi_extra=takes(Permission.EXPIRIES_READ, whole_house=True),
    responses=responses(422),
)
def expiries(call: Called, within_days: Annotated[int, Query(ge=0, le=MOST_DAYS)] = 90) -> list[ExpiryState]:
    with call.transaction() as session:
        found = ends.expiring(session, at=call.at, within=timedelta(days=within_days))
        return [ExpiryState.model_validate(one, from_attributes=True) for one in found]


@router.get(
    "/notices",
    summary="List notices, the latest first",
    openapi_extra=takes(Permission.NOTICES_READ, whole_house=True),
    responses=responses(422),
)
def list_notices(
    call: Called,
    state: Literal["waiting", "sent", "dead"] | None = None,
    limit: Annotated[int, PAGE] = 100,
) -> list[NoticeState]:
    with call.transaction() as session:
        return [
            NoticeState.model_validate(notice_records.facts(one))
            for one in notice_records.listed(session, state=state, limit=limit)
        ]


@router.post(
    "/notices/{notice}/retry",
    summary="Try a notice again, as if it were new",
    openapi_extra=takes(Permission.NOTICES_RETRY, whole_house=True),
    responses=responses(404, 409, 422),
)
def retry(call: Called, notice: UUID) -> NoticeState:
    with call.transaction() as session:
        again = notice_records.retry(session, notice, by=call.by, at=call.at)
        return NoticeState.model_validate(notice_records.facts(again))
