"""The log: entries, checkpoints, proofs, its keys and witnesses."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from bankd.access.permissions import Permission
from bankd.api.gate import BEARER, Call, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.audit import checkpoints, exporting, proofs, signing_keys
from bankd.audit import log as entries
from bankd.audit.errors import LogEmpty
from bankd.audit.models import LogCheckpoint
from bankd.audit.proofs import Extension, Proof
from bankd.audit.rotations import Signs
from bankd.usage import mapping
from bankd.usage.recounting import Recount
from bankd.witnesses import telling, verifying
from bankd.witnesses.setup import witnesses

PAGE = 500
NOTES_MOST_BYTES = 1 << 20

router = APIRouter(prefix="/log", tags=["log"], route_class=GuardedRoute, dependencies=[Depends(BEARER)])


class EntryState(BaseModel):
    index: int
    at: datetime
    kind: str
    payload: dict[str, Any] | None = Field(description="Empty where it was erased")


class CheckpointState(BaseModel):
    size: int
    root: str
    at: datetime
    extensions: list[str]
    note: str = Field(description="C2SP checkpoint, with what witnesses signed below it")


class KeyState(BaseModel):
    signs: Signs
    key: str
    index: int | None = Field(description="The entry by which it came; empty of the first")
    at: datetime | None


class WitnessState(BaseModel):
    name: str
    kind: str
    where: str
    size: int = Field(description="Entries of the last checkpoint that it holds")
    at: datetime | None
    behind: int
    failures: int
    failing_since: datetime | None
    next_at: datetime | None
    last_error: str | None
    contradicts: bool


class Given(BaseModel):
    checkpoints: list[str] = Field(
        default=[], max_length=1000, description="Notes that were kept outside of the bank"
    )


class ProblemState(BaseModel):
    name: str
    first: int
    last: int
    what: str


class VerifiedState(BaseModel):
    holds: bool
    entries: int
    erased: int
    checkpoints: int
    signed: int
    root: str
    nodes: int
    rotations: int
    history: str = Field(description="`proven` where a witness or a given checkpoint says what it was before")
    proven: int
    witnesses: dict[str, int]
    silent: dict[str, str]
    usage_links: int = Field(description="Links of licensors' chains of uses that are what the log makes")
    usage_links_erased: int
    uses_unlinked: int = Field(description="Uses erased before links were made of them")
    problem: ProblemState | None


@router.get(
    "/entries",
    summary="List entries",
    openapi_extra=takes(Permission.LOG_READ, whole_house=True),
    responses=responses(),
)
def show(
    call: Called,
    start: Annotated[int, Query(alias="from", ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = 100,
) -> list[EntryState]:
    with call.transaction() as session:
        found = entries.read(session, start=start, stop=start + limit)
        return [EntryState.model_validate(one, from_attributes=True) for one in found]


@router.get(
    "/entries/{index}/proof",
    summary="Prove that an entry stands in the log",
    openapi_extra=takes(Permission.LOG_READ, whole_house=True),
    responses=responses(404),
)
def prove(call: Called, index: int) -> Proof:
    """Under the first checkpoint that covers it; it can be checked without the bank."""
    with call.transaction() as session:
        signed = checkpoints.first_over(session, index) or _signed(call, session)
        return proofs.prove(session, index, signed)


@router.get(
    "/checkpoints/latest",
    summary="Show the last checkpoint",
    openapi_extra=takes(Permission.LOG_VERIFY),
    responses=responses(404),
)
def latest(call: Called) -> CheckpointState:
    with call.transaction() as session:
        found = checkpoints.latest(session)
        if found is None:
            raise LogEmpty
        return _state(session, found)


@router.post(
    "/checkpoints",
    summary="Sign the log as it is now",
    openapi_extra=takes(Permission.LOG_VERIFY),
    responses=responses(404),
)
def checkpoint(call: Called) -> CheckpointState:
    with call.transaction() as session:
        return _state(session, _signed(call, session))


@router.get(
    "/consistency",
    summary="Prove that one checkpoint extends another",
    openapi_extra=takes(Permission.LOG_VERIFY),
    responses=responses(404),
)
def consistency(
    call: Called, first: Annotated[int, Query(ge=1)] = 1, second: Annotated[int | None, Query(ge=1)] = None
) -> Extension:
    """Sizes of both; the last checkpoint where no second is named."""
    with call.transaction() as session:
        return proofs.between(session, first, second)


@router.get(
    "/keys",
    summary="List the keys that signed the log and the manifests",
    openapi_extra=takes(Permission.LOG_VERIFY),
    responses=responses(),
)
def keys(call: Called) -> list[KeyState]:
    with call.transaction() as session:
        rt = call.runtime
        found = signing_keys.facts(rt.signing_keys(session), rt.log_origin)
        return [KeyState.model_validate(one) for one in found]


@router.get(
    "/witnesses",
    summary="List who keeps checkpoints outside of the bank, and how telling them goes",
    openapi_extra=takes(Permission.LOG_VERIFY),
    responses=responses(),
)
def list_witnesses(call: Called) -> list[WitnessState]:
    with call.transaction() as session:
        found = telling.states(session, witnesses(call.runtime.settings))
        return [WitnessState.model_validate(one, from_attributes=True) for one in found]


@router.post(
    "/verify",
    summary="Work the whole log out again",
    openapi_extra=takes(Permission.LOG_VERIFY, body=NOTES_MOST_BYTES),
    responses=responses(413),
)
def verify(call: Called, body: Given) -> VerifiedState:
    """Takes as long as the log is: some seconds for each 100,000 entries."""
    rt = call.runtime
    recount = Recount()
    with call.transaction() as session:
        found = verifying.verify(
            session, witnesses(rt.settings), rt.log_key.public_key(), seen=body.checkpoints, extend=recount
        )
    return VerifiedState.model_validate(found.facts() | recount.facts())


@router.get(
    "/export",
    summary="Fetch the whole log up to the last checkpoint, one JSON document a line",
    openapi_extra=takes(Permission.LOG_READ, whole_house=True),
    response_class=StreamingResponse,
    responses={
        200: {"description": "The log", "content": {"application/x-ndjson": {"schema": {"type": "string"}}}},
        **responses(),
    },
)
def export(call: Called, payloads: bool = True) -> StreamingResponse:
    """Without payloads it tells nothing of what was done, and every proof can be worked out from it."""

    def lines() -> Iterator[bytes]:
        with call.transaction() as session:
            for line in exporting.lines(session, payloads=payloads):
                yield f"{json.dumps(line, ensure_ascii=False)}\n".encode()

    return StreamingResponse(lines(), media_type="application/x-ndjson")


def _signed(call: Call, session: Any) -> LogCheckpoint:
    rt = call.runtime
    signed = mapping.signer(rt).sign(session, at=call.at) or checkpoints.latest(session)
    if signed is None:
        raise LogEmpty
    return signed


def _state(session: Any, checkpoint: LogCheckpoint) -> CheckpointState:
    return CheckpointState(
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        at=checkpoint.at,
        extensions=list(checkpoint.extensions),
        note=checkpoints.cosigned(session, checkpoint),
    )
