"""Every answer that is not what was asked for: `application/problem+json` (RFC 9457).

A problem's type is the name of its error. What the bank got wrong itself is
answered with a number to look for in the server's log, and nothing else.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from bankd.access.errors import (
    AccessError,
    DepartmentNotFound,
    NotAuthenticated,
    NotPermitted,
    OfTheWholeHouse,
)
from bankd.api.errors import ApiError, BodyTooLarge, DepartmentForeign, HandoutRefused, KeyMissing
from bankd.audit.errors import CheckpointMissing, EntryMissing, LogEmpty, NoteInvalid
from bankd.catalog.errors import (
    CatalogError,
    NoFacesFlagged,
    NotHeldForLikeness,
    PhotoAlreadyDisputed,
    PhotoErased,
    PhotoNotDisputed,
    PhotoNotFound,
    PhotoTombstoned,
    TaxonomyInvalid,
)
from bankd.catalog.superseding import EmbeddedAlreadySuperseded
from bankd.erasure.errors import (
    AlreadyErased,
    ErasureError,
    ErasureNotFound,
    RetentionAlreadyOver,
    RetentionNotFound,
)
from bankd.errors import BankError
from bankd.exposure.errors import ExposureError, TakedownAlreadyDone, TakedownNotFound
from bankd.ingestion.errors import BatchNotFound, IngestionError, ItemNotFound, Refused
from bankd.issued.errors import (
    ApprovalRefused,
    IssuedFileNotFound,
    IssuedReportNotFound,
    ReportDropped,
    ScheduleNotFound,
    ScheduleRefused,
)
from bankd.licensing.errors import (
    AlreadyRecorded,
    AlreadySuperseded,
    AlreadyVerified,
    AlreadyWithdrawn,
    CapOverdrawn,
    GrantAlreadyWithdrawn,
    GrantNotFound,
    HoldAlreadyOver,
    HoldNotFound,
    LicenseAlreadyWithdrawn,
    LicenseIrrevocable,
    LicenseNotFound,
    LicensingError,
    LicensorIrrevocable,
    LicensorNotFound,
    NothingRenews,
    NothingToCompare,
    NoticeAlreadyGiven,
    PersonNotFound,
    ReleaseNotFound,
    RightsFileRefused,
    WithdrawalNotFound,
)
from bankd.lineage.errors import LineageError, NodeNotFound
from bankd.money import MoneyError
from bankd.notices.errors import NoticeAlreadySent, NoticeError, NoticeNotFound
from bankd.policy.errors import InvalidBundle, NoActiveBundle
from bankd.provenance.errors import (
    CertificateUnusable,
    CompositeErased,
    CompositeNotFound,
    RenditionRefused,
    SignatureNotGiven,
    TimeStampRefused,
    TimeStampUnavailable,
)
from bankd.proving.errors import NotYetSigned, ProvingError
from bankd.reports.errors import PeriodRefused, ReportUnknown, ScopeUnreadable
from bankd.royalties.errors import (
    AccrualNotFound,
    EscrowAlreadySettled,
    NothingToSettle,
    PayeeNotFound,
    RateKnown,
    RoyaltiesError,
    StatementNotFound,
)
from bankd.runtime import DatabaseUnavailable
from bankd.signoffs.errors import (
    AlreadySettled,
    AwaitedNotFound,
    SignedAlready,
    SignerIsRequester,
    SignoffError,
    SignoffNotFound,
    SignoffOver,
)
from bankd.storage import BlobUnavailable
from bankd.synthesis.errors import GateIsAnother, KeyReused, RequestNotFound, SynthesisError
from bankd.training.errors import NetworkNotFound, TrainingError
from bankd.usage.errors import (
    AlreadyReplaced,
    AlreadyTakenDown,
    HandoutNotFound,
    PublicationNotFound,
    RefTaken,
    UsageError,
)
from bankd.watermark.errors import WatermarkUnusable
from bankd.witnesses.errors import WitnessInvalid
from bankd.worker.errors import BrokerUnavailable

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:bankd:problem:"
NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

# The first line that an error is an instance of decides. What is in none of them is the bank's own fault.
STATUS: Sequence[tuple[HTTPStatus, tuple[type[BankError], ...]]] = (
    (HTTPStatus.INTERNAL_SERVER_ERROR, (CapOverdrawn, GateIsAnother, TaxonomyInvalid)),
    (HTTPStatus.UNAUTHORIZED, (NotAuthenticated, KeyMissing)),
    (HTTPStatus.FORBIDDEN, (NotPermitted, OfTheWholeHouse, DepartmentForeign, SignerIsRequester)),
    (
        HTTPStatus.NOT_FOUND,
        (
            AccrualNotFound,
            AwaitedNotFound,
            SignoffNotFound,
            BatchNotFound,
            CheckpointMissing,
            EntryMissing,
            LogEmpty,
            CompositeNotFound,
            HandoutNotFound,
            PayeeNotFound,
            PublicationNotFound,
            StatementNotFound,
            ItemNotFound,
            LicenseNotFound,
            NetworkNotFound,
            GrantNotFound,
            HoldNotFound,
            LicensorNotFound,
            NoticeNotFound,
            PersonNotFound,
            ReleaseNotFound,
            TakedownNotFound,
            WithdrawalNotFound,
            NodeNotFound,
            PhotoNotFound,
            RequestNotFound,
            ErasureNotFound,
            RetentionNotFound,
            ReportUnknown,
            IssuedReportNotFound,
            IssuedFileNotFound,
            ScheduleNotFound,
        ),
    ),
    (
        HTTPStatus.CONFLICT,
        (
            AlreadyRecorded,
            AlreadyReplaced,
            AlreadySettled,
            EscrowAlreadySettled,
            NothingToSettle,
            AlreadySuperseded,
            SignedAlready,
            SignoffOver,
            EmbeddedAlreadySuperseded,
            AlreadyTakenDown,
            AlreadyVerified,
            GrantAlreadyWithdrawn,
            HandoutRefused,
            KeyReused,
            LicenseAlreadyWithdrawn,
            LicenseIrrevocable,
            LicensorIrrevocable,
            NothingRenews,
            NothingToCompare,
            NoticeAlreadyGiven,
            NoFacesFlagged,
            NotHeldForLikeness,
            NotYetSigned,
            PhotoAlreadyDisputed,
            PhotoErased,
            PhotoNotDisputed,
            RateKnown,
            RefTaken,
            AlreadyWithdrawn,
            HoldAlreadyOver,
            NoticeAlreadySent,
            TakedownAlreadyDone,
            AlreadyErased,
            CompositeErased,
            PhotoTombstoned,
            RetentionAlreadyOver,
            ApprovalRefused,
        ),
    ),
    (HTTPStatus.GONE, (ReportDropped,)),
    (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, (BodyTooLarge,)),
    (
        HTTPStatus.SERVICE_UNAVAILABLE,
        (
            DatabaseUnavailable,
            BlobUnavailable,
            BrokerUnavailable,
            WatermarkUnusable,
            NoActiveBundle,
            SignatureNotGiven,
            TimeStampRefused,
            TimeStampUnavailable,
        ),
    ),
    (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        (
            AccessError,
            ApiError,
            CatalogError,
            NoteInvalid,
            WitnessInvalid,
            CertificateUnusable,
            DepartmentNotFound,
            ExposureError,
            ErasureError,
            IngestionError,
            InvalidBundle,
            LineageError,
            NoticeError,
            LicensingError,
            MoneyError,
            ProvingError,
            Refused,
            RenditionRefused,
            RoyaltiesError,
            SignoffError,
            ScheduleRefused,
            ScopeUnreadable,
            PeriodRefused,
            SynthesisError,
            TrainingError,
            UsageError,
        ),
    ),
)


class Problem(BaseModel):
    """What went wrong, by RFC 9457."""

    type: str = Field(examples=[TYPE + "license-not-found"])
    title: str
    status: int
    detail: str
    instance: str | None = Field(
        default=None, description="Of a fault of the bank: what to look for in its log"
    )
    errors: list[dict[str, Any]] | None = Field(
        default=None, description="Each thing that is wrong, and where"
    )
    reasons: dict[str, str] | None = Field(default=None, description="Policies with their sentences")
    photos: list[str] | None = None


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems of an operation, for OpenAPI; those that any may answer are among them."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({401, 403, 422, 500, 503, *statuses})
    }


def status_of(error: BankError) -> HTTPStatus:
    for status, kinds in STATUS:
        if isinstance(error, kinds):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def slug(name: str) -> str:
    """`LicenseNotFound` as `license-not-found`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def answer(error: BankError) -> Response:
    """The problem that an error of the bank is."""
    status = status_of(error)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:
        return fault(error)
    more: dict[str, Any] = {}
    detail = str(error)
    match error:
        case BlobUnavailable():
            logger.warning("%s", error)
            detail = "the object store does not answer: try again later"
        case BrokerUnavailable():
            logger.warning("%s", error)
            detail = "the broker does not answer: try again later"
        case DatabaseUnavailable():
            detail = "the database does not answer: try again later"
        case RightsFileRefused(path=path, problems=problems):
            # The path is of our own folder for uploads.
            detail = str(RightsFileRefused(Path(path.name), problems))
            more["errors"] = [{"line": line, "detail": sentence} for line, sentence in problems]
        case HandoutRefused(reasons=reasons, photos=photos):
            more = {"reasons": reasons, "photos": sorted(map(str, photos))}
    headers = {HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="bankd"'}}.get(status, {})
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": "5"}
    return _problem(slug(type(error).__name__), status, detail, headers=headers, **more)


def fault(error: Exception) -> Response:
    """Something is wrong with the bank; the log says what."""
    reference = uuid4()
    logger.error("fault %s", reference, exc_info=error)
    return _problem(
        "fault",
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "the bank could not do this through a fault of its own: give the operator this problem's `instance`",
        instance=reference.urn,
    )


def install(app: FastAPI) -> None:
    """Turn whatever a route raises into a problem."""

    @app.exception_handler(BankError)
    def bank(request: Request, error: BankError) -> Response:  # noqa: ARG001
        return answer(error)

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:  # noqa: ARG001
        found = [{"where": _where(e["loc"]), "detail": _sentence(e)} for e in error.errors()]
        first = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        detail = f"`{first['where']}`: {first['detail']}{more}"
        return _problem("request-invalid", HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=found)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        detail = {
            HTTPStatus.NOT_FOUND: f"there is nothing at `{request.url.path}`",
            HTTPStatus.METHOD_NOT_ALLOWED: f"`{request.method}` cannot be done at `{request.url.path}`",
        }.get(status, f"{error.detail[:1].lower()}{error.detail[1:]}".removesuffix("."))
        name = "-".join(re.findall("[a-z]+", status.phrase.lower()))
        return _problem(name, status, detail, headers=error.headers or {})

    @app.exception_handler(DataError)
    def unstorable(request: Request, error: DataError) -> Response:  # noqa: ARG001
        logger.info("refused by the database: %s", error.orig)
        detail = "something that was sent cannot be stored: a number out of range, or a NUL character"
        return _problem("not-storable", HTTPStatus.UNPROCESSABLE_ENTITY, detail)

    @app.exception_handler(OperationalError)
    @app.exception_handler(PoolTimeout)
    def busy(request: Request, error: Exception) -> Response:  # noqa: ARG001
        logger.warning("database: %s", getattr(error, "orig", error))
        return answer(DatabaseUnavailable())

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:  # noqa: ARG001
        return fault(error)


def _problem(
    name: str,
    status: HTTPStatus,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    content = {"type": TYPE + name, "title": status.phrase, "status": int(status), "detail": detail, **more}
    return JSONResponse(content, status, headers={**NO_STORE, **(headers or {})}, media_type=MEDIA_TYPE)


def _where(location: Sequence[int | str]) -> str:
    return ".".join(map(str, location))


def _sentence(error: Mapping[str, Any]) -> str:
    if error["type"] in ("model_attributes_type", "dict_type") and error["loc"] == ("body",):
        return "send a JSON object, with `Content-Type: application/json`"
    message = str(error.get("ctx", {}).get("error") or error["msg"]).removesuffix(".")
    return f"{message[:1].lower()}{message[1:]}"
