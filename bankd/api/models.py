"""Networks: what they were trained on, and whether that clears. Training itself is a command."""

import json
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, UploadFile
from pydantic import BaseModel, Field, ValidationError

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.api.requests import declared_use
from bankd.api.uploads import below, content, save
from bankd.catalog.taxonomy import house
from bankd.ingestion.folder import CLASSES_MOST_BYTES
from bankd.synthesis.coverage import Coverage
from bankd.synthesis.declaring import declare_training
from bankd.synthesis.errors import UseRefused
from bankd.synthesis.layouts import MAX_FILE_BYTES, read_layout
from bankd.synthesis.surveying import Frame, Named, survey
from bankd.training import importing, reading, service

IMPORT_MOST_BYTES = 1 << 30
USE_MOST = 10_000
COVERAGE_MOST_BYTES = 128 << 20

router = APIRouter(
    prefix="/models", tags=["models"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)


class TrainingUse(BaseModel):
    """What a network is for. It is used inside the house; pictures made with it are cleared on their own."""

    purpose: str = Field(max_length=100)
    starts_on: date | None = Field(default=None, description="Today, where left out")
    ends_on: date | None = Field(default=None, description="In a year, where left out")
    sector: str | None = Field(default=None, max_length=100)
    licensee: str | None = Field(default=None, max_length=200)
    subjects: tuple[str, ...] = ()


class ToPin(BaseModel):
    use: TrainingUse
    sequences: bool = Field(
        default=False, description="Names that differ in the number at their end alone are one sequence"
    )


class SnapshotState(BaseModel, from_attributes=True):
    digest: str
    photos: int
    use: dict[str, Any]
    pinned_at: datetime
    imported: bool


class Pinned(SnapshotState):
    left_out: dict[str, int] = Field(description="How many photos each policy kept out")


class NetworkState(BaseModel):
    sha256: str
    kind: str
    size_bytes: int
    registered_at: datetime
    card: dict[str, Any] = Field(description="Recipe, code version, categories, metrics")
    snapshot: SnapshotState
    clears: bool = Field(description="Whether every training photo clears today, for the use pinned for")
    refused: int = Field(description="How many do not")
    reasons: list[str] = Field(description="The policies that refuse them")


@router.get(
    "",
    summary="List networks, the newest first",
    openapi_extra=takes(Permission.MODELS_READ),
    responses=responses(),
)
def list_all(call: Called) -> list[NetworkState]:
    with call.transaction() as session:
        return [_state(one) for one in reading.networks(session, at=call.at)]


@router.get(
    "/{sha256}",
    summary="Show a network, by its SHA-256 or how that begins",
    openapi_extra=takes(Permission.MODELS_READ),
    responses=responses(404),
)
def show(call: Called, sha256: str) -> NetworkState:
    with call.transaction() as session:
        return _state(reading.network(session, sha256, at=call.at))


@router.post(
    "/snapshots",
    status_code=201,
    summary="Pin every photo that clears for training with a use, now",
    openapi_extra=takes(Permission.MODELS_PIN),
    responses=responses(413, 422),
)
def pin(call: Called, body: ToPin) -> Pinned:
    use = declare_training(today=call.at.date(), **dict(body.use))
    with call.transaction() as session:
        pinned = service.pin(session, use, sequences=body.sequences, by=call.by, at=call.at)
        return Pinned(**vars(reading.snapshot(pinned.snapshot)), left_out=dict(pinned.left_out))


@router.post(
    "/import",
    summary="Register networks with the list of their training photos and the rights in them",
    openapi_extra=takes(Permission.MODELS_PIN, body=IMPORT_MOST_BYTES),
    responses=responses(400, 413, 422),
)
def import_files(
    call: Called,
    use: Annotated[str, Form(description="JSON: see the schema `TrainingUse`", max_length=USE_MOST)],
    files: Annotated[
        list[UploadFile],
        File(description="Checkpoints, `snapshot.json`, `rights.yaml` and its documents, by their paths"),
    ],
) -> list[NetworkState]:
    """Whether their photos clear is not asked here: the answer says it, and each request asks again."""
    try:
        stated = TrainingUse.model_validate(json.loads(use))
    except (ValidationError, ValueError, RecursionError) as error:
        raise UseRefused("`use` is not the JSON of a training use") from error
    declared = declare_training(today=call.at.date(), **dict(stated))
    with tempfile.TemporaryDirectory(prefix="bankd-upload-") as folder:
        for file in files:
            save(file, below(Path(folder), file.filename or ""))
        with call.transaction() as session:
            made = importing.import_networks(
                session,
                Path(folder),
                declared,
                blobs=call.runtime.blobs,
                taxonomy=house(),
                by=call.by,
                at=call.at,
            )
            return [_state(reading.network(session, one.sha256, at=call.at)) for one in made]


@router.post(
    "/coverage",
    summary="Say how well the bank could serve layouts for a use",
    openapi_extra=takes(Permission.MODELS_READ, body=COVERAGE_MOST_BYTES),
    responses=responses(400, 413, 422),
)
def coverage(
    call: Called,
    layouts: Annotated[
        list[UploadFile], File(description="PNGs with one class id a pixel", min_length=1, max_length=20)
    ],
    use: Annotated[str, Form(description="The use (JSON): see the schema `Use`", max_length=USE_MOST)],
    classes: Annotated[
        UploadFile | None, File(description="`classes.json` of all; without it ids are the house taxonomy's")
    ] = None,
    frame: Annotated[Frame, Form()] = "scene",
) -> Coverage:
    """Nothing is ordered. What is short is named by the policies that refuse it, never by licenses."""
    declared = declared_use(use)
    known = None if classes is None else content(classes, most_bytes=CLASSES_MOST_BYTES)
    named = [
        Named(
            layout.filename or "",
            read_layout(content(layout, most_bytes=MAX_FILE_BYTES), known, taxonomy=house()),
        )
        for layout in layouts
    ]
    with call.transaction() as session:
        return survey(session, named, declared, frame=frame, taxonomy=house(), by=call.by, at=call.at)


def _state(found: reading.NetworkShown) -> NetworkState:
    return NetworkState.model_validate(found, from_attributes=True)
