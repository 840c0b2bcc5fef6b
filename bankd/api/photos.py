"""Photos: ingested in batches, looked at, disputed."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Query, Response, UploadFile
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.access.permissions import Permission, sees
from bankd.api.errors import DepartmentForeign, UploadInvalid
from bankd.api.gate import BEARER, Call, Called, GuardedRoute, takes
from bankd.api.licenses import REASON_MOST, Reason, import_rights, read_rights
from bankd.api.problems import responses
from bankd.api.uploads import content, save
from bankd.audit.actor import Actor
from bankd.catalog import products, reading, renewing, superseding
from bankd.catalog import service as catalog
from bankd.catalog.embedded import FIELDS as EMBEDDED_FIELDS
from bankd.catalog.errors import PhotoNotFound
from bankd.catalog.models import Category, Photo, PhotoGrant, PhotoRelease, Segment
from bankd.catalog.releases import FlaggedFaces
from bankd.catalog.taxonomy import read_classes
from bankd.ingestion import service as ingestion
from bankd.ingestion.errors import BatchNotFound
from bankd.ingestion.folder import CLASSES_MOST_BYTES
from bankd.ingestion.models import Batch
from bankd.ingestion.service import NewPhoto
from bankd.licensing import service as licensing
from bankd.licensing.errors import GrantNotFound, ReleaseNotFound
from bankd.licensing.models import Grant, License, Release
from bankd.licensing.rights_entries import PhotoRights
from bankd.licensing.terms import MAX_DOCUMENT_BYTES

BATCH_MOST_BYTES = 2 << 30

router = APIRouter(
    prefix="/photos", tags=["photos"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)

Files = list[UploadFile]
RightsByName = TypeAdapter(dict[str, PhotoRights])


class BatchPhoto(BaseModel):
    """One photo of a batch and what became of it."""

    name: str
    state: str
    reason: str | None
    detail: str | None
    photo: UUID | None
    segments: int


class BatchState(BaseModel):
    """A batch in numbers and photo by photo. It is finished when nothing waits."""

    batch: UUID
    name: str
    department: UUID
    opened_by: str
    opened_at: datetime
    finished: bool
    photos: int
    waiting: int
    taken: int
    known: int
    quarantined: int
    refused: dict[str, int] = Field(description="How many were refused for each reason")
    failed: int
    segments: int
    items: list[BatchPhoto]


class HeldGrant(BaseModel):
    """A grant that a photo holds, by `<license ref>/<grant ref>`; blocked ones clear nothing."""

    grant: str
    blocked: bool


class SupersededStatementState(BaseModel):
    field: str
    value: Any = Field(description="As the file says it")
    document_sha256: str
    document: str = Field(description="Its name")
    clause: str | None = Field(description="Null for who may not read terms; so is the reason")
    reason: str | None
    superseded_at: datetime
    superseded_by: str


class PhotoState(BaseModel):
    photo: UUID
    name: str
    department: UUID
    state: str
    quarantine_reason: str | None
    media_type: str
    size_bytes: int
    sha256: str
    height: int
    width: int
    taken_at: datetime
    segments: dict[str, int] = Field(description="How many of each category")
    grants: list[HeldGrant]
    releases: list[str]
    depictions: dict[str, Any]
    embedded: dict[str, Any] = Field(description="What its own file says of its rights, counting or not")
    superseded_embedded: list[SupersededStatementState] = Field(
        description="What of that counts no more, by the licensor's document"
    )
    faces: int = Field(description="How many a face detector flagged, where nobody has dismissed them")
    credentials: dict[str, Any] | None = Field(description="Content credentials that it arrived with")
    store_sha256: str | None = Field(description="Of the C2PA manifest that the house signed at ingestion")
    disputed_at: datetime | None
    dispute_reason: str | None
    embargo_until: datetime | None
    embargo_visible_to: list[str] = Field(description="Departments that may prepare for its end")
    withdrawn_at: datetime | None = Field(description="Itself, or a release that it holds")
    held_until: datetime | None = Field(description="By a deny hold; year 9999: until it is lifted")


class EmbeddedSuperseded(BaseModel):
    """A statement in a photo's own file that no longer counts, and the document by which."""

    photo: UUID
    field: str
    value: Any = Field(description="As the file says it")
    document_sha256: str
    clause: str
    reason: str
    state: str = Field(description="Of the photo")
    profile_changed: bool = Field(description="Whether its rights come to something else now")


@router.post(
    "/batches",
    status_code=202,
    summary="Ingest photos with their label maps",
    openapi_extra=takes(Permission.PHOTOS_INGEST, body=BATCH_MOST_BYTES),
    responses=responses(400, 413, 422),
)
def ingest(
    call: Called,
    response: Response,
    photos: Annotated[Files, File(description="Each under its own file name")],
    classes: Annotated[UploadFile, File(description="`classes.json`: [{id, name}, ..]")],
    name: Annotated[str, Form(min_length=1, max_length=200)],
    labels: Annotated[Files, File(description="A PNG of the same stem for each photo")] = [],  # noqa: B006
    instances: Annotated[Files, File(description="As labels, where there are any")] = [],  # noqa: B006
    depth: Annotated[Files, File(description="As labels, where there are any")] = [],  # noqa: B006
    rights: Annotated[
        UploadFile | None, File(description="A rights file (YAML), which is imported with the batch")
    ] = None,
    documents: Annotated[Files, File(description="As for `POST /licenses/import`")] = [],  # noqa: B006
    records: Annotated[
        str | None, Form(description="Instead of a rights file: a rights record by photo name (JSON)")
    ] = None,
    department: Annotated[str | None, Form(description="Its name; a key of a department has it")] = None,
) -> BatchState:
    """File a batch. Workers take its photos in one by one; `GET /photos/batches/{batch}` says how far they
    are. A photo for which nothing states rights is quarantined."""
    if rights is not None and records is not None:
        raise UploadInvalid("give `rights` or `records`, not both")
    with tempfile.TemporaryDirectory(prefix="bankd-upload-") as folder:
        filed = _new_photos(Path(folder), photos, {"labels": labels, "instances": instances, "depth": depth})
        names = [photo.name for photo in filed]
        by_name = _records(names, records)
        read = read_classes(content(classes, most_bytes=CLASSES_MOST_BYTES))
        file = None if rights is None else read_rights(Path(folder) / "rights", rights, documents)
        with call.transaction() as session:
            if file is not None:
                import_rights(session, call, file)
                by_name = {name: record for name in names if (record := file.record_for(name)) is not None}
            try:
                batch = ingestion.open_batch(
                    session,
                    [replace(photo, rights=by_name.get(photo.name)) for photo in filed],
                    classes=read,
                    name=name,
                    department_id=_department(session, call, department),
                    blobs=call.runtime.blobs,
                    by=call.by,
                    at=call.at,
                )
            except (GrantNotFound, ReleaseNotFound) as error:
                raise UploadInvalid(str(error)) from error  # what was sent is at fault, no address is
            answer = _batch(session, batch)
    response.headers["Location"] = f"/photos/batches/{answer.batch}"
    return answer


class PhotoListed(BaseModel):
    """One photo of a list."""

    photo: UUID
    name: str
    state: str
    quarantine_reason: str | None
    held_back: bool = Field(description="Whether it is out of every use now, whatever its grants say")
    segments: int
    taken_at: datetime


@router.get(
    "",
    summary="List photos, the newest first",
    openapi_extra=takes(Permission.PHOTOS_READ),
    responses=responses(422),
)
def list_all(
    call: Called,
    state: Literal["quarantined", "admitted", "erased"] | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> list[PhotoListed]:
    with call.transaction() as session:
        found = reading.photos(session, by=call.by, state=state, limit=limit, offset=offset)
    return [
        PhotoListed(
            photo=one.id,
            name=one.name,
            state=one.state,
            quarantine_reason=one.quarantine_reason,
            held_back=one.held_back(call.at),
            segments=one.segments,
            taken_at=one.taken_at,
        )
        for one in found
    ]


class SegmentListed(BaseModel):
    """A segment, by the ordinal that rights files and `product` name it by."""

    ordinal: int
    category: str
    instance: int | None = Field(description="Its number in the photo's instance map")
    share: float = Field(description="Of the photo's area, from 0 to 1")
    box: tuple[int, int, int, int] = Field(description="x0, y0, x1, y1 in pixels of the upright photo")


@router.get(
    "/{photo}/segments",
    summary="List a photo's segments",
    openapi_extra=takes(Permission.PHOTOS_READ),
    responses=responses(404, 422),
)
def list_segments(call: Called, photo: UUID) -> list[SegmentListed]:
    with call.transaction() as session:
        return [
            SegmentListed(
                ordinal=one.ordinal,
                category=one.category,
                instance=one.instance,
                share=one.share,
                box=one.box,
            )
            for one in reading.segments(session, photo, by=call.by)
        ]


@router.get(
    "/batches/{batch}",
    summary="Say how far a batch is",
    openapi_extra=takes(Permission.PHOTOS_READ),
    responses=responses(404, 422),
)
def show_batch(call: Called, batch: UUID) -> BatchState:
    with call.transaction() as session:
        found = session.get(Batch, batch)
        if found is None or not sees(call.by, found.department_id):
            raise BatchNotFound(batch)
        return _batch(session, found)


@router.get(
    "/{photo}",
    summary="Show a photo and the rights it holds",
    openapi_extra=takes(Permission.PHOTOS_READ),
    responses=responses(404, 422),
)
def show(call: Called, photo: UUID) -> PhotoState:
    with call.transaction() as session:
        return _photo(session, _seen(session, call, photo), by=call.by)


@router.post(
    "/{photo}/dispute",
    summary="Take a photo out of every use until the dispute is lifted",
    openapi_extra=takes(Permission.PHOTOS_DISPUTE),
    responses=responses(404, 409, 413, 422),
)
def dispute(call: Called, photo: UUID, body: Reason) -> PhotoState:
    with call.transaction() as session:
        _seen(session, call, photo)
        disputed = catalog.dispute(session, photo, reason=body.reason, by=call.by, at=call.at)
        return _photo(session, disputed, by=call.by)


@router.post(
    "/{photo}/lift-dispute",
    summary="Lift the dispute about a photo",
    openapi_extra=takes(Permission.PHOTOS_DISPUTE),
    responses=responses(404, 409, 413, 422),
)
def lift_dispute(call: Called, photo: UUID, body: Reason) -> PhotoState:
    with call.transaction() as session:
        _seen(session, call, photo)
        lifted = catalog.lift_dispute(session, photo, reason=body.reason, by=call.by, at=call.at)
        return _photo(session, lifted, by=call.by)


@router.post(
    "/{photo}/supersede-embedded",
    summary="Put a statement in a photo's own file out of force, by the licensor's newer document",
    openapi_extra=takes(Permission.EMBEDDED_SUPERSEDE, body=MAX_DOCUMENT_BYTES + (1 << 20)),
    responses=responses(400, 404, 409, 413, 422),
)
def supersede_embedded(
    call: Called,
    photo: UUID,
    field: Annotated[Literal[EMBEDDED_FIELDS], Form(description="Which statement")],  # type: ignore[valid-type]
    clause: Annotated[str, Form(min_length=1, max_length=500)],
    reason: Annotated[str, Form(min_length=1, max_length=REASON_MOST)],
    document: Annotated[UploadFile | None, File(description="The licensor's document")] = None,
    document_sha256: Annotated[
        str | None, Form(pattern="^[0-9a-f]{64}$", description="Instead: one that is recorded")
    ] = None,
) -> EmbeddedSuperseded:
    """Every other statement of the file still tightens the photo's rights, which are worked out anew."""
    if (document is None) == (document_sha256 is None):
        raise UploadInvalid("give `document` or `document_sha256`, one of them")
    with call.transaction() as session:
        _seen(session, call, photo)
        if document is not None:
            document_sha256 = licensing.record_document(
                session, content(document, most_bytes=MAX_DOCUMENT_BYTES),
                name=PurePosixPath(document.filename or "document").name,
                media_type=document.content_type or "application/octet-stream",
                blobs=call.runtime.blobs, by=call.by, at=call.at,
            ).sha256  # fmt: skip
        done = superseding.supersede_embedded(
            session, photo, field,
            document_sha256=str(document_sha256), clause=clause, reason=reason, by=call.by, at=call.at,
        )  # fmt: skip
        return EmbeddedSuperseded(
            photo=photo, field=field, value=done.value, document_sha256=done.document_sha256,
            clause=clause, reason=reason, state=done.state, profile_changed=done.profile_changed,
        )  # fmt: skip


@router.post(
    "/{photo}/dismiss-faces",
    summary="Say that nobody can be recognised by the faces flagged in a photo",
    openapi_extra=takes(Permission.PHOTOS_DISPUTE),
    responses=responses(404, 409, 413, 422),
)
def dismiss_faces(call: Called, photo: UUID, body: Reason) -> PhotoState:
    """A photo that is held for them goes on, with what its rights record says of persons."""
    with call.transaction() as session:
        _seen(session, call, photo)
        found = renewing.dismiss_faces(session, photo, reason=body.reason, by=call.by, at=call.at)
        return _photo(session, found, by=call.by)


class ProductSaid(BaseModel):
    """Which product a photo shows, or some of its segments do."""

    product: str | None = Field(description="Its article number (SKU); null: none any more")
    segments: list[int] = Field(
        default=[], max_length=10_000, description="Their ordinals; none: all of them"
    )


@router.put(
    "/{photo}/product",
    summary="Say which product a photo shows",
    openapi_extra=takes(Permission.PHOTOS_INGEST),
    responses=responses(404, 409, 413, 422),
)
def product(call: Called, photo: UUID, body: ProductSaid) -> PhotoState:
    """Regions that a request declares to be a product are filled from photos recorded as it alone."""
    with call.transaction() as session:
        _seen(session, call, photo)
        said = products.record(session, photo, body.product, segments=body.segments, by=call.by, at=call.at)
        return _photo(session, said, by=call.by)


def _new_photos(folder: Path, photos: Files, maps: dict[str, Files]) -> list[NewPhoto]:
    """Files of a form matched by stem, as those of a folder are."""
    stems: dict[str, str] = {}
    for photo in photos:
        name = ingestion.checked_name(photo.filename or "")
        if Path(name).stem in stems:
            raise UploadInvalid(f"`{name}` and `{stems[Path(name).stem]}` have the same stem: rename one")
        stems[Path(name).stem] = name
    found: dict[str, dict[str, Path]] = {kind: {} for kind in maps}
    for kind, files in maps.items():
        for number, file in enumerate(files):
            stem = Path(file.filename or "").stem
            if stem not in stems:
                raise UploadInvalid(f"`{kind}` holds `{file.filename}`, and no photo has its stem")
            if stem in found[kind]:
                raise UploadInvalid(f"`{kind}` holds two files for `{stems[stem]}`")
            found[kind][stem] = save(file, folder / f"{kind}-{number}")
    return [
        NewPhoto(
            name,
            save(photo, folder / f"photo-{number}"),
            labels=found["labels"].get(stem),
            instances=found["instances"].get(stem),
            depth=found["depth"].get(stem),
        )
        for number, (photo, (stem, name)) in enumerate(zip(photos, stems.items(), strict=True))
    ]


def _records(names: Sequence[str], records: str | None) -> dict[str, PhotoRights]:
    if records is None:
        return {}
    try:
        given = RightsByName.validate_python(json.loads(records))
    except (ValueError, RecursionError) as error:
        raise UploadInvalid(f"`records`: {_first(error)}") from error
    if unknown := sorted(given.keys() - set(names)):
        raise UploadInvalid(f"`records` names `{unknown[0]}`, which is no photo of this batch")
    return given


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        message = first["msg"]
        return f"`{'.'.join(map(str, first['loc']))}`: {message[:1].lower()}{message[1:]}"
    return "no JSON object of rights records by photo name"


def _department(session: Session, call: Call, name: str | None) -> UUID:
    if name is None:
        if call.by.department_id is None:
            raise UploadInvalid("this key is of no department: name the `department` that owns the photos")
        return call.by.department_id
    if call.by.department_id is None:
        return access.department(session, name).id
    known = {department.name: department.id for department in access.departments(session)}
    if known.get(name) != call.by.department_id:
        raise DepartmentForeign(name)
    return call.by.department_id


def _seen(session: Session, call: Call, photo_id: UUID) -> Photo:
    photo = session.get(Photo, photo_id)
    if photo is None or not sees(call.by, photo.department_id):
        raise PhotoNotFound(photo_id)
    return photo


def _batch(session: Session, batch: Batch) -> BatchState:
    report = ingestion.report(session, batch.id)
    return BatchState(
        batch=batch.id,
        name=batch.name,
        department=batch.department_id,
        opened_by=batch.opened_by,
        opened_at=batch.opened_at,
        finished=report.finished,
        photos=report.photos,
        waiting=report.waiting,
        taken=report.taken,
        known=report.known,
        quarantined=report.quarantined,
        refused=report.refused,
        failed=report.failed,
        segments=report.segments,
        items=[
            BatchPhoto(
                name=item.name,
                state=item.state,
                reason=item.reason,
                detail=item.detail,
                photo=item.photo_id,
                segments=item.segments,
            )
            for item in ingestion.items(session, batch.id)
        ],
    )


def _photo(session: Session, photo: Photo, *, by: Actor) -> PhotoState:
    grants = session.execute(
        select(License.ref, Grant.ref, PhotoGrant.ordinal)
        .join(Grant, PhotoGrant.grant_id == Grant.id)
        .join(License, Grant.license_id == License.id)
        .where(PhotoGrant.photo_id == photo.id)
        .order_by(PhotoGrant.ordinal)
    )
    releases = session.scalars(
        select(Release.ref)
        .join(PhotoRelease, PhotoRelease.release_id == Release.id)
        .where(PhotoRelease.photo_id == photo.id)
        .order_by(Release.ref)
    )
    segments = session.execute(
        select(Category.name, func.count())
        .join(Segment, Segment.category_id == Category.id)
        .where(Segment.photo_id == photo.id)
        .group_by(Category.name)
        .order_by(Category.name)
    )
    return PhotoState(
        photo=photo.id,
        name=photo.name,
        department=photo.department_id,
        state=photo.state,
        quarantine_reason=photo.quarantine_reason,
        media_type=photo.media_type,
        size_bytes=photo.size_bytes,
        sha256=photo.sha256,
        height=photo.height,
        width=photo.width,
        taken_at=photo.taken_at,
        segments={category: count for category, count in segments},  # noqa: C416
        grants=[
            HeldGrant(grant=f"{license}/{grant}", blocked=bool(photo.grant_blocks >> ordinal & 1))
            for license, grant, ordinal in grants
        ],
        releases=list(releases),
        credentials=photo.credentials,
        store_sha256=photo.store_sha256,
        depictions=photo.depictions,
        embedded={field: value for field, value in photo.embedded.items() if value},
        superseded_embedded=[
            SupersededStatementState.model_validate(one, from_attributes=True)
            for one in superseding.superseded(session, photo.id, by=by)
        ],
        faces=0 if photo.faces_dismissed_at else FlaggedFaces.of(photo).count,
        disputed_at=photo.disputed_at,
        dispute_reason=photo.dispute_reason,
        embargo_until=photo.embargo_until,
        embargo_visible_to=list(photo.embargo_visible_to),
        withdrawn_at=photo.withdrawn_at,
        held_until=photo.held_until,
    )
