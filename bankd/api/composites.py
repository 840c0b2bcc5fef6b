"""Composites: looked at, handed out, verified."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, File, Query, Response, UploadFile
from pydantic import BaseModel, Field
from sqlalchemy import select, tuple_

from bankd.access.permissions import Permission
from bankd.api.errors import HandoutRefused
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.api.uploads import content
from bankd.identifying.marking import marks_of
from bankd.ingestion.identified import identify_file
from bankd.provenance.models import Composite
from bankd.provenance.renditions import ENDINGS, MEDIA_TYPES, Format, asked_for
from bankd.synthesis import handouts, reading, verification
from bankd.synthesis.handouts import MAX_COMPOSITE_BYTES, NotHandedOut
from bankd.watermark.opening import opened

router = APIRouter(
    prefix="/composites", tags=["composites"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)


class HandoutState(BaseModel):
    handout: UUID
    recipient: str
    channel: str
    comp: bool
    format: str
    rendition: dict[str, Any] | None = Field(description="What a copy was asked to be, and its size")
    file_sha256: str
    at: datetime
    by: str


class CompositeSummary(BaseModel):
    composite: UUID
    request: UUID
    variation: int
    department: UUID | None
    height: int
    width: int
    file_sha256: str
    pixel_sha256: str
    sealed_at: datetime
    log_index: int | None


class CompositeState(CompositeSummary):
    manifest: dict[str, Any] = Field(description="As it was signed")
    manifest_signature: str = Field(description="Ed25519 of the manifest's canonical JSON, hexadecimal")
    handouts: list[HandoutState]


class ToHandOut(BaseModel):
    recipient: str = Field(min_length=1, max_length=500, description="Who gets the picture")
    channel: str = Field(min_length=1, max_length=100, description="One that the composite was made for")
    comp: bool = Field(default=False, description="Only a comp: with a visible watermark, and free")
    format: Format = Field(
        default="png", description="PNG is the master; the others are made of it, with it as their parent"
    )
    quality: int | None = Field(default=None, ge=1, le=100, description="Of JPEG and WebP; 90 where left out")
    longest_side: int | None = Field(default=None, ge=16, description="In pixels; never enlarged")
    dpi: int | None = Field(default=None, ge=1, description="The resolution that the file says")


class TimeStampKept(BaseModel):
    at: datetime = Field(description="As the authority says")
    authority: str
    trusted: bool = Field(description="Whether it ends in the roots that the bank trusts for time")


class VerificationCheck(BaseModel):
    name: str
    outcome: str
    sentence: str


class Verified(BaseModel):
    """Whether a file is a composite of this bank, and whole."""

    verdict: str
    authentic: bool
    composite: UUID | None
    checks: list[VerificationCheck]


class EvidenceState(BaseModel):
    by: Literal["file", "pixels", "watermark", "pdq", "phash", "crop"]
    distance: int | None = Field(description="Bits of 256 that differ, of what is compared")
    false_at_most: float | None = Field(
        description="An upper bound on the chance that a picture which has nothing to do with it is taken"
        " for it; empty where none below 1 can be given"
    )
    says: str


class GivenState(BaseModel):
    handout_id: UUID
    recipient: str
    channel: str
    comp: bool


class MatchState(BaseModel):
    composite_id: UUID | None = Field(description="Empty where it is another department's")
    handouts: list[GivenState]
    evidence: list[EvidenceState]


class IdentifiedState(BaseModel):
    """Which composite, or which handout of one, a picture is, and on which evidence."""

    verdict: Literal["identified", "likely", "ambiguous", "unknown"]
    matches: list[MatchState]
    compared: int = Field(description="With so many composites and comps")
    notes: list[str]


@router.get(
    "",
    summary="List composites, the newest first",
    openapi_extra=takes(Permission.COMPOSITES_READ),
    responses=responses(404, 422),
)
def list_all(
    call: Called,
    request: Annotated[UUID | None, Query(description="Only those of this request")] = None,
    after: Annotated[UUID | None, Query(description="The last composite of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[CompositeSummary]:
    wanted = select(Composite).order_by(Composite.sealed_at.desc(), Composite.id.desc()).limit(limit)
    if call.by.department_id is not None:
        wanted = wanted.where(Composite.department_id == call.by.department_id)
    if request is not None:
        wanted = wanted.where(Composite.request_id == request)
    with call.transaction() as session:
        if after is not None:
            last = reading.composite_of(session, after, by=call.by)
            wanted = wanted.where(tuple_(Composite.sealed_at, Composite.id) < (last.sealed_at, last.id))
        return [CompositeSummary(**_summary(composite)) for composite in session.scalars(wanted)]


@router.get(
    "/{composite}",
    summary="Show a composite with its manifest and to whom it was handed out",
    openapi_extra=takes(Permission.COMPOSITES_READ),
    responses=responses(404, 422),
)
def show(call: Called, composite: UUID) -> CompositeState:
    with call.transaction() as session:
        found = reading.composite_of(session, composite, by=call.by)
        return CompositeState(
            **_summary(found),
            manifest=json.loads(found.manifest),
            manifest_signature=found.manifest_signature,
            handouts=[
                HandoutState(
                    handout=h.id,
                    recipient=h.recipient,
                    channel=h.channel,
                    comp=h.comp,
                    format=h.format,
                    rendition=h.rendition,
                    file_sha256=h.file_sha256,
                    at=h.at,
                    by=h.by,
                )
                for h in found.handouts
            ],
        )


@router.post(
    "/{composite}/handouts",
    summary="Hand a composite out, if it clears today",
    openapi_extra=takes(Permission.COMPOSITES_EXPORT),
    response_class=Response,
    responses={
        200: {
            "description": "The signed file",
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()
            },
            "headers": {"Bankd-Handout": {"description": "Its id", "schema": {"type": "string"}}},
        },
        **responses(404, 409, 413, 422),
    },
)
def hand_out(call: Called, composite: UUID, body: ToHandOut) -> Response:
    """The rights of this day decide. What is refused is on record too, and the problem gives the reasons."""
    rendition = asked_for(body.format, quality=body.quality, longest_side=body.longest_side, dpi=body.dpi)
    with call.transaction() as session:
        wanted = handouts.want(
            session,
            composite,
            recipient=body.recipient,
            channel=body.channel,
            comp=body.comp,
            rendition=rendition,
            marks=marks_of(opened(call.runtime.settings), call.runtime.settings.watermark),
            by=call.by,
        )
    ready = handouts.make(wanted, signing=verification.signing(call.runtime), blobs=call.runtime.blobs)
    with call.transaction() as session:
        given = handouts.give(session, ready, by=call.by, at=call.runtime.now())
    # Only now, so that the record of either answer is kept.
    if isinstance(given, NotHandedOut):
        raise HandoutRefused(composite, given.reasons, given.photos)
    name = "comp" if given.handout.comp else "composite"
    return Response(
        given.file,
        media_type=MEDIA_TYPES[given.handout.format],
        headers={
            "Bankd-Handout": str(given.handout.id),
            "Content-Disposition": (
                f'attachment; filename="{name}-{composite}.{ENDINGS[given.handout.format]}"'
            ),
        },
    )


@router.post(
    "/{composite}/time-stamps",
    status_code=201,
    summary="Have a time-stamp authority say that the file is there now",
    openapi_extra=takes(Permission.COMPOSITES_EXPORT),
    responses=responses(404, 409, 422, 503),
)
def stamp(call: Called, composite: UUID) -> TimeStampKept:
    """Each call adds a stamp, kept beside the file and handed out with it."""
    found = verification.time_stamp(call.runtime, composite, by=call.by)
    return TimeStampKept(at=found.at, authority=found.authority, trusted=found.trusted)


@router.post(
    "/verify",
    summary="Say whether a file is a composite of this bank, and whole",
    openapi_extra=takes(Permission.COMPOSITES_VERIFY, body=MAX_COMPOSITE_BYTES + (1 << 20)),
    responses=responses(400, 413, 422),
)
def verify(
    call: Called, file: Annotated[UploadFile, File(description="A PNG, JPEG, WebP or TIFF")]
) -> Verified:
    data = content(file, most_bytes=MAX_COMPOSITE_BYTES)
    found = verification.verify_file(call.runtime, data, by=call.by)
    return Verified(
        verdict=found.verdict,
        authentic=found.authentic,
        composite=found.composite_id,
        checks=[VerificationCheck(name=c.name, outcome=c.outcome, sentence=c.sentence) for c in found.checks],
    )


@router.post(
    "/identify",
    summary="Say which composite or handout a picture is, whatever was done to it",
    openapi_extra=takes(Permission.COMPOSITES_IDENTIFY, body=MAX_COMPOSITE_BYTES + (1 << 20)),
    responses=responses(400, 413, 422),
)
def identify(
    call: Called, file: Annotated[UploadFile, File(description="A PNG, JPEG, WebP or TIFF")]
) -> IdentifiedState:
    """By its bytes, its pixels, the mark in them and its looks. Another department's picture is not named."""
    data = content(file, most_bytes=MAX_COMPOSITE_BYTES)
    found = identify_file(call.runtime, data, name=file.filename or "picture", by=call.by)
    return IdentifiedState.model_validate(found, from_attributes=True)


def _summary(composite: Composite) -> dict[str, Any]:
    return {
        "composite": composite.id,
        "request": composite.request_id,
        "variation": composite.variation,
        "department": composite.department_id,
        "height": composite.height,
        "width": composite.width,
        "file_sha256": composite.file_sha256,
        "pixel_sha256": composite.pixel_sha256,
        "sealed_at": composite.sealed_at,
        "log_index": composite.log_index,
    }
