"""Requests: a layout and a use in; what became of them, and why not, out."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Header, Query, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.api.uploads import content
from bankd.catalog.taxonomy import house
from bankd.ingestion.folder import CLASSES_MOST_BYTES
from bankd.licensing.use import Use
from bankd.policy import service as policy
from bankd.policy.explain import says
from bankd.synthesis import advising, filing, reading, replaying
from bankd.synthesis.errors import LayoutRefused
from bankd.synthesis.filing import MAX_SEED, Asked
from bankd.synthesis.layouts import MAX_FILE_BYTES, read_layout
from bankd.synthesis.models import Request, RequestState, Variation
from bankd.synthesis.replayed import Of

USE_MOST = 64 << 10

router = APIRouter(
    prefix="/requests", tags=["requests"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)


class Waits(BaseModel):
    """A sign-off that the request waits for. Who signs, and of which photos, is compliance's to see."""

    policy: str
    says: str
    role: str = Field(description="Who is asked")
    signers: int = Field(description="How many different people it takes")
    signed: int
    due_at: datetime = Field(description="From then on the request is refused")


class VariationState(BaseModel):
    """One of the pictures asked for."""

    index: int
    state: str
    composite: UUID | None


class RequestAnswer(BaseModel):
    """A request as it stands. `filed` and `rendering` move on by themselves, `awaiting` once people have
    signed; the other states are final."""

    request: UUID
    state: str
    filed_by: str
    filed_at: datetime
    finished_at: datetime | None
    department: UUID | None
    height: int
    width: int
    use: dict[str, Any] = Field(description="The whole use, with what the bank took for what was left out")
    frame: str
    refiner: str
    canvas: str
    layout_origin: str
    products: dict[str, str] = Field(description="By region, the product that it is declared as")
    variations: int
    seed: int
    pictures: list[VariationState]
    waits: list[Waits]
    timings_ms: dict[str, Any] | None = Field(description="By picture and stage, as the render worker says")
    memory_mb: dict[str, Any] | None = Field(
        description="The most its process held in RAM (`pictures`), and its device (`on_device`), meanwhile"
    )


class PolicyReason(BaseModel):
    policy: str
    says: str
    segments: int | None = Field(description="For how many segments it is a reason")


class RegionReasons(BaseModel):
    """A region of the layout that no cleared segment could fill."""

    region: int
    category: str
    product: str | None = Field(default=None, description="That the region is declared as")
    area_px: int
    box: list[int]
    segments: int = Field(description="How many the bank holds of the category")
    sampled: int | None = Field(
        description="Where it is not null, policies were asked about so many of the segments only,"
        " and for how many they are a reason is an estimate"
    )
    reasons: list[PolicyReason]


class PictureReasons(BaseModel):
    index: int
    state: str
    reasons: list[PolicyReason]
    uncovered: list[int] = Field(description="Regions that could not be covered")
    failed: str | None


class UseChange(BaseModel):
    what: str = Field(description="territories, geo-block, channels, from, until, copies or flip")
    values: list[str] = Field(description="What is left out, or the new bound")


class NearestUse(BaseModel):
    """A use for which the request would be served today, with less of what it asked for."""

    says: str
    changes: list[UseChange]
    use: dict[str, Any]


class RightWanted(BaseModel):
    """A release or license with which a category would have a photo for the use as it is declared."""

    category: str
    says: str
    rights: list[str]
    photo: UUID | None = Field(description="Named to those who may look at photos")
    license: str | None = Field(description="Named to those who may read terms")


class Advice(BaseModel):
    request: UUID
    nearest: list[NearestUse]
    rights: list[RightWanted]
    none: str | None = Field(description="Why there is nothing to suggest")


class ClearanceReplayed(BaseModel):
    """A past clearance made again: of a request, or of a picture at its seal or a handout."""

    clearance: UUID
    of: Of = Field(description="What was cleared, or `handout-refused`")
    composite: UUID | None = Field(description="Of a picture")
    at: datetime
    bundle: str | None = Field(description="Digest of the policies that it was made under")
    log_index: int | None
    outcome: str = Field(description="same, differs, altered, erased or not-kept")
    says: str
    photos: int
    recorded_sha256: str | None = Field(description="Of the answer then")
    replayed_sha256: str | None = Field(description="Of the answer now; null where nothing was decided")
    erased: list[UUID]
    differing: list[UUID] = Field(description="Photos that would rely on another grant, or on none")


class Explanation(BaseModel):
    """Why the bank did not serve all of a request. Names policies, never the terms of a contract."""

    request: UUID
    state: str
    failed: str | None
    regions: list[RegionReasons]
    pictures: list[PictureReasons]
    waits: list[Waits]


@router.post(
    "",
    status_code=202,
    summary="Ask for pictures of a layout, for a use",
    openapi_extra=takes(Permission.REQUESTS_CREATE, body=MAX_FILE_BYTES + (2 << 20)),
    responses=responses(400, 409, 413, 422),
)
def create(
    call: Called,
    response: Response,
    layout: Annotated[UploadFile, File(description="A PNG with one class id a pixel")],
    use: Annotated[str, Form(description="The use (JSON): see the schema `Use`", max_length=USE_MOST)],
    classes: Annotated[
        UploadFile | None, File(description="`classes.json`; without it ids are the house taxonomy's")
    ] = None,
    frame: Annotated[Literal["scene", "box"], Form()] = "scene",
    refiner: Annotated[Literal["blend", "network"], Form()] = "blend",
    canvas: Annotated[
        Literal["strict", "overlap"],
        Form(description="Whether segments keep to their regions, or reach a little beyond"),
    ] = "strict",
    layout_origin: Annotated[
        str,
        Form(
            description="Where the layout comes from: `own`, `licensed`, or `photo:<id>` for its label map",
            max_length=42,
        ),
    ] = "own",
    products: Annotated[
        str,
        Form(
            description="Regions that are products (JSON): a category, or a pixel as `X,Y`, to the article"
            " number. They are filled from photos that are recorded as that product alone",
            max_length=16_384,
        ),
    ] = "{}",
    variations: Annotated[int, Form(ge=1, le=16)] = 1,
    seed: Annotated[int, Form(ge=0, le=MAX_SEED)] = 0,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="The same request twice is then one")
    ] = None,
) -> RequestAnswer:
    """File a request. Workers clear, render and seal it; `GET /requests/{request}` says how far it
    is, and `GET /requests/{request}/explain` why something could not be served."""
    declared = declared_use(use)
    labels = read_layout(
        content(layout, most_bytes=MAX_FILE_BYTES),
        None if classes is None else content(classes, most_bytes=CLASSES_MOST_BYTES),
        taxonomy=house(),
    )
    asked = Asked(
        labels,
        declared,
        frame=frame,
        variations=variations,
        seed=seed,
        refiner=refiner,
        canvas=canvas,
        layout_origin=layout_origin,
        products=declared_products(products),
    )
    with call.transaction() as session:
        request = filing.file(
            session,
            asked,
            blobs=call.runtime.blobs,
            taxonomy=house(),
            idempotency_key=idempotency_key,
            by=call.by,
            at=call.at,
        )
        session.flush()
        answer = _answer(session, request)
    response.headers["Location"] = f"/requests/{answer.request}"
    return answer


@router.get(
    "",
    summary="List requests, the newest first",
    openapi_extra=takes(Permission.REQUESTS_READ),
    responses=responses(404, 422),
)
def list_all(
    call: Called,
    state: RequestState | None = None,
    after: Annotated[UUID | None, Query(description="The last request of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> list[RequestAnswer]:
    wanted = select(Request).order_by(Request.filed_at.desc(), Request.id.desc()).limit(limit)
    if call.by.department_id is not None:
        wanted = wanted.where(Request.department_id == call.by.department_id)
    if state is not None:
        wanted = wanted.where(Request.state == state)
    with call.transaction() as session:
        if after is not None:
            last = filing.get(session, after, by=call.by)
            wanted = wanted.where(tuple_(Request.filed_at, Request.id) < (last.filed_at, last.id))
        return [_answer(session, request) for request in session.scalars(wanted).all()]


@router.get(
    "/{request}",
    summary="Show a request",
    openapi_extra=takes(Permission.REQUESTS_READ),
    responses=responses(404, 422),
)
def show(call: Called, request: UUID) -> RequestAnswer:
    with call.transaction() as session:
        return _answer(session, filing.get(session, request, by=call.by))


@router.get(
    "/{request}/explain",
    summary="Explain what of a request could not be served",
    openapi_extra=takes(Permission.REQUESTS_READ),
    responses=responses(404, 422),
)
def explain(call: Called, request: UUID) -> Explanation:
    with call.transaction() as session:
        found = filing.get(session, request, by=call.by)
        variations = _variations(session, found)
        sentences = _sentences(session, {r for v in variations for r in v.reasons.get("reasons", ())})
        return Explanation(
            request=found.id,
            state=found.state,
            failed=found.outcome.get("failed"),
            regions=[RegionReasons.model_validate(region) for region in found.outcome.get("regions", ())],
            waits=_waits(session, found),
            pictures=[
                PictureReasons(
                    index=v.index,
                    state=v.state,
                    reasons=[
                        PolicyReason(policy=reason, says=sentences[reason], segments=None)
                        for reason in v.reasons.get("reasons", ())
                    ],
                    uncovered=v.reasons.get("uncovered", []),
                    failed=v.reasons.get("failed"),
                )
                for v in variations
            ],
        )


@router.get(
    "/{request}/nearest",
    summary="Say what would let a refused request be served",
    openapi_extra=takes(Permission.REQUESTS_READ),
    responses=responses(404, 422),
)
def nearest(call: Called, request: UUID) -> Advice:
    """The nearest uses that clear and rights to be obtained, tried on the rights of now, reserving none."""
    with call.transaction() as session:
        found = advising.advise(
            session, request, blobs=call.runtime.blobs, taxonomy=house(), by=call.by, at=call.at
        )
    return Advice(
        request=found.request_id,
        nearest=[
            NearestUse(
                says=one.says,
                changes=[UseChange(what=c.dimension, values=list(c.values)) for c in one.changes],
                use=one.use,
            )
            for one in found.nearest
        ],
        rights=[
            RightWanted(
                category=one.category,
                says=one.says,
                rights=list(one.rights),
                photo=one.photo_id,
                license=one.license,
            )
            for one in found.rights
        ],
        none=found.none,
    )


@router.get(
    "/{request}/replay",
    summary="Make the past clearances of a request and its pictures again",
    openapi_extra=takes(Permission.LOG_READ),
    responses=responses(404, 422),
)
def replay(call: Called, request: UUID) -> list[ClearanceReplayed]:
    """Each on its recorded facts, under its own bundle, and compared with the answer of then by its bytes."""
    with call.transaction() as session:
        return [
            ClearanceReplayed(
                clearance=one.clearance_id,
                of=one.of,
                composite=one.composite_id,
                at=one.at,
                bundle=one.bundle,
                log_index=one.log_index,
                outcome=one.outcome,
                says=one.says,
                photos=one.photos,
                recorded_sha256=one.recorded_sha256,
                replayed_sha256=one.replayed_sha256,
                erased=list(one.erased),
                differing=list(one.differing),
            )
            for one in replaying.replay(session, request, by=call.by)
        ]


def declared_use(text: str) -> Use:
    try:
        return Use.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise RequestValidationError(
            [{**one, "loc": ("body", "use", *one["loc"])} for one in found]
        ) from error


Products = TypeAdapter(dict[str, str])


def declared_products(text: str) -> dict[str, str]:
    try:
        return Products.validate_json(text)
    except ValidationError as error:
        raise LayoutRefused(
            "`products` is no JSON object of regions, each with the article number of its product"
        ) from error


def _answer(session: Session, request: Request) -> RequestAnswer:
    return RequestAnswer(
        request=request.id,
        state=request.state,
        filed_by=request.filed_by,
        filed_at=request.filed_at,
        finished_at=request.finished_at,
        department=request.department_id,
        height=request.height,
        width=request.width,
        use=request.use,
        frame=request.frame,
        refiner=request.refiner,
        canvas=request.canvas,
        layout_origin=request.layout_origin,
        products=request.products,
        variations=request.variations,
        seed=request.seed,
        timings_ms=request.outcome.get("timings_ms"),
        memory_mb=request.outcome.get("memory_mb"),
        pictures=[
            VariationState(index=v.index, state=v.state, composite=v.composite_id)
            for v in _variations(session, request)
        ],
        waits=_waits(session, request),
    )


def _waits(session: Session, request: Request) -> list[Waits]:
    return [Waits.model_validate(one, from_attributes=True) for one in reading.waits(session, request)]


def _variations(session: Session, request: Request) -> list[Variation]:
    wanted = select(Variation).where(Variation.request_id == request.id).order_by(Variation.index)
    return list(session.scalars(wanted))


def _sentences(session: Session, policies: set[str]) -> dict[str, str]:
    if not policies:
        return {}
    bundle = policy.active(session)
    return {one: reading.OUTSIDE_POLICY.get(one) or says(bundle, one) for one in policies}
