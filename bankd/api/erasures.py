"""Erasures, their certificates, and the duties that put them off."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, Field

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.licenses import REASON_MOST, Reason
from bankd.api.problems import responses
from bankd.erasure import certificates, retaining, service
from bankd.erasure.models import CLASSES, ErasureSubject, Ground, Scope
from bankd.erasure.service import Handling
from bankd.licensing.withdrawal_effects import Subject

PAGE = Query(ge=1, le=500)
CERTIFICATE_MOST = 16 << 20  # bytes
LEGAL = "legal-hold"
DUTIES = tuple(one for one in CLASSES if one != LEGAL)

router = APIRouter(tags=["erasures"], route_class=GuardedRoute, dependencies=[Depends(BEARER)])


class NewRetention(BaseModel):
    subject: Subject
    ref: str = Field(max_length=1000, description="As for `POST /withdrawals`")
    reason: str = Field(min_length=1, max_length=REASON_MOST)
    document_sha256: str | None = Field(default=None, description="Of a document that is recorded")


class NewLegalHold(NewRetention):
    ends_at: AwareDatetime | None = Field(default=None, description="Empty for until it is lifted")


class NewDuty(NewRetention):
    class_: Literal["tax", "contract", "claim"] = Field(alias="class")
    ends_at: AwareDatetime


class RetentionState(BaseModel):
    retention: UUID
    class_: str = Field(alias="class")
    subject: str
    ref: str
    state: Literal["stands", "over"]
    reason: str
    document_sha256: str | None
    ends_at: datetime | None
    set_at: datetime
    set_by: str
    lifted_at: datetime | None
    lifted_by: str | None
    lifted_reason: str | None


class KeptState(BaseModel):
    """A photo or release that may not be erased yet, and the duties that say so."""

    what: Literal["photo", "release"]
    id: UUID
    by: list[RetentionState]


class PlanState(BaseModel):
    """What an erasure would touch."""

    subject: str
    ref: str
    scope: str
    photos: list[UUID]
    photos_left_to_others: int = Field(description="Others gave grants for them too: they stay")
    releases: list[UUID]
    segments: int
    composites: int
    handouts: int
    publications: int
    networks: list[str]
    kept: list[KeptState]


class NewErasure(BaseModel):
    subject: ErasureSubject
    ref: str = Field(max_length=1000)
    reason: str = Field(min_length=1, max_length=REASON_MOST, description="In words that name nobody")
    ground: Ground
    composites: Literal["kept", "blurred", "deleted"] = "blurred"
    gates: Literal["kept", "deleted"] = "deleted"
    reports: Literal["kept", "deleted"] = "kept"
    backups: Literal["kept", "deleted"] = "kept"
    backups_until: AwareDatetime | None = None
    scope: Scope | None = Field(default=None, description="Whom tombstones refuse")
    delete_after: AwareDatetime | None = Field(default=None, description="When tombstones go; empty: never")


class ErasureState(BaseModel):
    erasure: UUID
    state: Literal["under way", "kept", "done"]
    subject: str
    ref: str = Field(description="`erased` once a person or a release is")
    subject_digest: str
    ground: str
    reason: str
    scope: str
    delete_after: datetime | None
    handling: dict[str, str]
    backups_until: datetime | None
    decided_at: datetime
    decided_by: str
    log_index: int | None
    finished_at: datetime | None
    photos: int
    photos_done: int
    releases: int
    releases_done: int
    composites: int
    composites_done: int
    kept: list[KeptState]


class CertificateFile(BaseModel):
    """A certificate with what it takes to check it: Ed25519 over `bankd erasure 1`, a line feed and its RFC
    8785 form; `key` is the SHA-256 of the raw public key."""

    certificate: dict[str, Any]
    signature: str
    key: str


@router.get(
    "/erasures/plan/{subject}",
    summary="Say what an erasure would touch, and what has to be kept",
    openapi_extra=takes(Permission.EXPOSURE_READ),
    responses=responses(404, 422),
)
def plan(call: Called, subject: ErasureSubject, ref: Annotated[str, Query(max_length=1000)]) -> PlanState:
    with call.transaction() as session:
        return PlanState.model_validate(
            service.plan(session, subject, ref, by=call.by, at=call.at).facts(at=call.at)
        )


@router.post(
    "/erasures",
    status_code=201,
    summary="Carry out an erasure",
    openapi_extra=takes(Permission.PHOTOS_ERASE),
    responses=responses(404, 409, 413, 422),
)
def carry_out(call: Called, body: NewErasure) -> ErasureState:
    """Its photos are out of every use when this answers; rows and bytes go right after, for good."""
    with call.transaction() as session:
        made = service.carry_out(
            session,
            body.subject,
            body.ref,
            reason=body.reason,
            ground=body.ground,
            handling=Handling(body.composites, body.gates, body.reports, body.backups, body.backups_until),
            scope=body.scope,
            delete_after=body.delete_after,
            by=call.by,
            at=call.at,
        )
        far = service.progress(session, made, at=call.at)
        return ErasureState.model_validate(service.facts(made, far, at=call.at))


@router.get(
    "/erasures",
    summary="List erasures, the latest first",
    openapi_extra=takes(Permission.EXPOSURE_READ, whole_house=True),
    responses=responses(422),
)
def list_erasures(call: Called, limit: Annotated[int, PAGE] = 100) -> list[ErasureState]:
    with call.transaction() as session:
        found = service.overview(session, by=call.by, at=call.at, limit=limit)
        return [ErasureState.model_validate(one) for one in found]


@router.get(
    "/erasures/{erasure}",
    summary="Show an erasure: how far it is, and what it waits for",
    openapi_extra=takes(Permission.EXPOSURE_READ, whole_house=True),
    responses=responses(404, 422),
)
def show(call: Called, erasure: UUID) -> ErasureState:
    with call.transaction() as session:
        found = service.get(session, erasure, by=call.by)
        far = service.progress(session, found, at=call.at)
        return ErasureState.model_validate(service.facts(found, far, at=call.at))


@router.get(
    "/erasures/{erasure}/certificate",
    summary="The signed certificate; of an erasure under way, of what is done by now",
    openapi_extra=takes(Permission.EXPOSURE_READ, whole_house=True),
    responses=responses(404, 422),
)
def certificate(call: Called, erasure: UUID) -> CertificateFile:
    rt = call.runtime
    with call.transaction() as session:
        found = service.get(session, erasure, by=call.by)
        return CertificateFile.model_validate(
            service.certificate(session, found, house=rt.log_origin, key=rt.manifest_key, at=call.at)
        )


@router.post(
    "/erasures/verify",
    summary="Check a certificate against the bank's key",
    openapi_extra=takes(Permission.LOG_VERIFY, body=CERTIFICATE_MOST),
    responses=responses(413, 422),
)
def verify(call: Called, body: CertificateFile) -> dict[str, Any]:
    found = certificates.check(body.model_dump_json().encode(), call.runtime.manifest_key.public_key())
    return {"holds": True, "erasure": found["erasure"], "complete": found["complete"]}


@router.post(
    "/holds/legal",
    status_code=201,
    summary="Keep something from being erased until that is lifted",
    openapi_extra=takes(Permission.HOLDS_SET),
    responses=responses(404, 413, 422),
)
def set_legal(call: Called, body: NewLegalHold) -> RetentionState:
    return _set(call, body, LEGAL, body.ends_at)


@router.get(
    "/holds/legal",
    summary="List legal holds, the latest first",
    openapi_extra=takes(Permission.EXPOSURE_READ, whole_house=True),
    responses=responses(422),
)
def list_legal(call: Called, over: bool = False, limit: Annotated[int, PAGE] = 100) -> list[RetentionState]:
    with call.transaction() as session:
        found = retaining.listed(session, classes=[LEGAL], over=over, at=call.at, limit=limit)
        return [RetentionState.model_validate(retaining.facts(one, at=call.at)) for one in found]


@router.post(
    "/holds/legal/{hold}/lift",
    summary="End a legal hold; erasures that waited for it go on by themselves",
    openapi_extra=takes(Permission.HOLDS_SET, whole_house=True),
    responses=responses(404, 409, 413, 422),
)
def lift_legal(call: Called, hold: UUID, body: Reason) -> RetentionState:
    return _lift(call, hold, body.reason)


@router.post(
    "/retentions",
    status_code=201,
    summary="Keep something for a time, for taxes, a contract or a claim",
    openapi_extra=takes(Permission.HOLDS_SET),
    responses=responses(404, 413, 422),
)
def retain(call: Called, body: NewDuty) -> RetentionState:
    return _set(call, body, body.class_, body.ends_at)


@router.get(
    "/retentions",
    summary="List duties to keep, the latest first",
    openapi_extra=takes(Permission.EXPOSURE_READ, whole_house=True),
    responses=responses(422),
)
def list_retentions(
    call: Called, over: bool = False, limit: Annotated[int, PAGE] = 100
) -> list[RetentionState]:
    with call.transaction() as session:
        found = retaining.listed(session, classes=DUTIES, over=over, at=call.at, limit=limit)
        return [RetentionState.model_validate(retaining.facts(one, at=call.at)) for one in found]


@router.post(
    "/retentions/{retention}/lift",
    summary="End a duty to keep before its time",
    openapi_extra=takes(Permission.HOLDS_SET, whole_house=True),
    responses=responses(404, 409, 413, 422),
)
def lift(call: Called, retention: UUID, body: Reason) -> RetentionState:
    return _lift(call, retention, body.reason)


def _set(call: Called, body: NewRetention, class_: str, ends_at: datetime | None) -> RetentionState:
    with call.transaction() as session:
        made = retaining.retain(
            session,
            body.subject,
            body.ref,
            class_=class_,
            reason=body.reason,
            ends_at=ends_at,
            document_sha256=body.document_sha256,
            by=call.by,
            at=call.at,
        )
        return RetentionState.model_validate(retaining.facts(made, at=call.at))


def _lift(call: Called, retention: UUID, reason: str) -> RetentionState:
    with call.transaction() as session:
        lifted = retaining.lift(session, retention, reason=reason, by=call.by, at=call.at)
        return RetentionState.model_validate(retaining.facts(lifted, at=call.at))
