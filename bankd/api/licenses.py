"""Licenses: imported by rights files, looked at, withdrawn."""

import tempfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, File, Query, Response, UploadFile
from pydantic import BaseModel, Field
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from bankd.access.permissions import Permission, may, require
from bankd.api.gate import BEARER, Call, Called, GuardedRoute, takes
from bankd.api.problems import responses
from bankd.api.uploads import below, save
from bankd.catalog import importing as catalog
from bankd.catalog.reprofiling import reprofile
from bankd.exchange import exporting, importing
from bankd.exchange import template as sheet_template
from bankd.exchange.odrl import MEDIA_TYPE as JSON_LD
from bankd.exchange.recording import RowOutcome
from bankd.exposure import withdrawing
from bankd.licensing import creative_commons, evidence, renewing
from bankd.licensing.errors import LicenseNotFound
from bankd.licensing.models import Grant, License
from bankd.licensing.rights_entries import RightsFile
from bankd.licensing.rights_import import ImportReport

IMPORT_MOST_BYTES = 512 << 20
REASON_MOST = 2000
TEMPLATES = ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "text/csv")

router = APIRouter(
    prefix="/licenses", tags=["licenses"], route_class=GuardedRoute, dependencies=[Depends(BEARER)]
)


class Reason(BaseModel):
    reason: str = Field(min_length=1, max_length=REASON_MOST)


class Verified(BaseModel):
    grant: str | None = Field(default=None, max_length=100, description="One grant alone, by its ref")


class Notice(BaseModel):
    given_on: date
    given_by: str = Field(min_length=1, max_length=500, description="Who gave it: the licensor or the house")


class Line(BaseModel):
    """What became of a line of a sheet."""

    line: int
    grant: str | None = Field(description="`<license ref>/<grant ref>`, where the line says so much")
    state: Literal["new", "known", "refused"]
    says: str | None = Field(description="Why it was refused, or what of it could not be done")
    photos: int = Field(description="How many photos of the bank hold the grant by this line")


class Imported(BaseModel):
    """How many records of each kind were new, and how many the bank knew already."""

    dry_run: bool = Field(description="Nothing was written")
    sha256: str = Field(description="Of the file")
    encoding: str
    new: dict[str, int]
    known: dict[str, int]
    superseded: int = Field(description="How many grants have newer ones in their place now")
    photos: int = Field(description="How many photos of the bank hold a grant by this file")
    absent: int = Field(description="How many names of photos mean none that the bank has")
    refused: list[Line] = Field(description="Lines of a sheet that were refused; the others were recorded")
    notes: list[str] = Field(
        description="What was recorded and is likely not meant, such as a term that is over"
    )
    rows: list[Line] | None = Field(description="Of a dry run of a sheet: every line")


class Terms(BaseModel):
    """What a grant says. Confidential: only for roles that may read terms."""

    allows: dict[str, Any]
    clause: str | None
    quote: str | None
    language: str | None = Field(description="Of the quote")
    translation: str | None = Field(description="To read; the quote prevails")
    document_sha256: str | None
    ends_on: date | None = Field(description="Last day, with the renewals that came about")
    notice_by: date | None = Field(description="Last day on which notice keeps it from going on after that")


class GrantState(BaseModel):
    id: UUID
    ref: str
    recorded_at: datetime
    verified: bool = Field(description="Whether somebody compared it with the document")
    withdrawn_at: datetime | None
    superseded_at: datetime | None
    terms: Terms | None


class Evidence(BaseModel):
    """What a license rests on. Confidential: only for roles that may read terms."""

    document_sha256: str | None
    clause: str | None
    quote: str | None
    language: str | None
    translation: str | None
    verified_by: str | None
    verified_at: datetime | None
    author: str | None
    title_chain: list[dict[str, Any]]
    co_owners: list[dict[str, Any]]
    ruling: dict[str, Any] | None
    statute: dict[str, Any] | None
    notice_on: date | None
    notice_given_by: str | None


class LicenseState(BaseModel):
    """That a license exists, of whom, and whether it is in force."""

    license: UUID
    ref: str
    title: str
    licensor: str
    basis: str
    spdx: str | None
    recorded_at: datetime
    template: str | None
    verified: bool = Field(description="Whether somebody compared the record with its document")
    title_state: Literal["complete", "incomplete", "unstated"] = Field(
        description="Whether documents lead from the author to the licensor"
    )
    irrevocable: bool = Field(description="Nobody can end it for photos that were obtained under it")
    in_force: bool = Field(description="Neither withdrawn nor superseded")
    withdrawn_at: datetime | None
    superseded_at: datetime | None
    evidence: Evidence | None
    grants: list[GrantState]


class Withdrawn(BaseModel):
    license: LicenseState
    photos: int = Field(description="How many photos hold one of its grants")
    composites: int = Field(description="How many composites rely on one of its grants")
    networks: list[str] = Field(description="Networks trained on photos that held one, by SHA-256")


@router.post(
    "/import",
    summary="Import a rights file with its documents, a sheet, or an ODRL agreement",
    openapi_extra=takes(Permission.LICENSES_RECORD, body=IMPORT_MOST_BYTES),
    responses=responses(400, 413, 422),
)
def import_file(
    call: Called,
    rights: Annotated[
        UploadFile, File(description="Rights file (YAML), sheet (CSV, XLSX) or ODRL (JSON-LD)")
    ],
    documents: Annotated[
        list[UploadFile], File(description="Each under the `path` by which the rights file names it")
    ] = [],  # noqa: B006
    dry_run: Annotated[bool, Query(description="Say what would become of it, and write nothing")] = False,
    house: Annotated[
        str | None, Query(description="The `uid` by which an ODRL agreement calls this house", max_length=500)
    ] = None,
) -> Imported:
    """Record what the file says and the bank does not know yet. One fault refuses the whole rights file, and
    the problem names every faulty line; of a sheet the faulty lines alone are refused, and the answer names
    them."""
    rows: list[RowOutcome] = []
    with tempfile.TemporaryDirectory(prefix="bankd-upload-") as folder:
        path = saved_rights(Path(folder), rights, documents)
        report = importing.import_file(
            path,
            transactions=call.transaction,
            blobs=call.runtime.blobs,
            by=call.by,
            at=call.at,
            dry_run=dry_run,
            house=house,
            told=rows.append if dry_run else lambda _: None,
        )
    return Imported(
        dry_run=dry_run,
        sha256=report.sha256,
        encoding=report.encoding,
        new=report.new,
        known=report.known,
        superseded=report.ended,
        photos=report.photos,
        absent=report.absent,
        notes=list(report.notes),
        refused=[_line(row) for row in report.refused],
        rows=[_line(row) for row in rows] if rows else None,
    )


@router.get(
    "/template",
    summary="The sheet to fill in",
    openapi_extra=takes(Permission.LICENSES_READ),
    responses={200: {"content": dict.fromkeys(TEMPLATES), "description": "The file"}, **responses(422)},
    response_class=Response,
)
def template(
    call: Called,  # noqa: ARG001
    format: Annotated[Literal["xlsx", "csv"], Query()] = "xlsx",
) -> Response:
    """Its sheet `columns` says what each column means."""
    content = sheet_template.workbook() if format == "xlsx" else sheet_template.text()
    return Response(
        content,
        media_type=TEMPLATES[0] if format == "xlsx" else TEMPLATES[1],
        headers={"Content-Disposition": f'attachment; filename="rights.{format}"'},
    )


@router.get(
    "",
    summary="List licenses by their refs",
    openapi_extra=takes(Permission.LICENSES_READ),
    responses=responses(422),
)
def list_all(
    call: Called,
    after: Annotated[str | None, Query(description="The last ref of the page before", max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[LicenseState]:
    with call.transaction() as session:
        wanted = _licenses().order_by(License.ref).limit(limit)
        if after is not None:
            wanted = wanted.where(License.ref > after)
        return [_state(license, call) for license in session.scalars(wanted)]


@router.get(
    "/{license}",
    summary="Show a license, by id or ref",
    openapi_extra=takes(Permission.LICENSES_READ),
    responses=responses(404),
)
def show(call: Called, license: str) -> LicenseState:
    with call.transaction() as session:
        return _state(_find(session, license), call)


@router.get(
    "/{license}/odrl",
    summary="Write a license out as an ODRL agreement",
    openapi_extra=takes(Permission.TERMS_READ, whole_house=True),
    responses={200: {"content": {JSON_LD: {}}, "description": "The agreement"}, **responses(404, 422)},
    response_class=Response,
)
def export(call: Called, license: str) -> Response:
    """Its terms, its parties and the photos that hold it. Imported elsewhere, it says the same terms."""
    with call.transaction() as session:
        content = exporting.agreement(session, _find(session, license).ref)
    return Response(content, media_type=JSON_LD)


@router.post(
    "/{license}/withdraw",
    summary="Withdraw a license from this moment on",
    openapi_extra=takes(Permission.LICENSES_WITHDRAW),
    responses=responses(404, 409, 413, 422),
)
def withdraw(call: Called, license: str, body: Reason) -> Withdrawn:
    """Its photos are out of retrieval at once, but for those that hold another grant."""
    with call.transaction() as session:
        found = _find(session, license)
        made = withdrawing.withdraw(
            session, "license", str(found.id), reason=body.reason, by=call.by, at=call.at
        )
        return Withdrawn(
            license=_state(found, call),
            photos=made.exposure.photos,
            composites=made.exposure.composites,
            networks=[one.sha256 for one in made.exposure.networks],
        )


@router.post(
    "/{license}/verify",
    summary="Record that you compared a license with its document",
    openapi_extra=takes(Permission.LICENSES_RECORD),
    responses=responses(404, 409, 422),
)
def verify(call: Called, license: str, body: Verified) -> LicenseState:
    with call.transaction() as session:
        found = _find(session, license)
        evidence.verify(session, found.ref, grant=body.grant, by=call.by, at=call.at)
        return _state(found, call)


@router.post(
    "/{license}/notice",
    summary="Record notice of a license that would renew itself",
    openapi_extra=takes(Permission.LICENSES_RECORD),
    responses=responses(404, 409, 422),
)
def notice(call: Called, license: str, body: Notice) -> LicenseState:
    """The ends of its grants follow from it, also back to a renewal that it was in time for."""
    with call.transaction() as session:
        found = _find(session, license)
        moved = renewing.give_notice(
            session, found.ref, on=body.given_on, given_by=body.given_by, by=call.by, at=call.at
        )
        reprofile(session, moved)
        return _state(found, call)


def read_rights(folder: Path, rights: UploadFile, documents: Sequence[UploadFile]) -> RightsFile:
    """A file of rights as a whole.

    Raises:
        RightsFileRefused: something in it is wrong.
        UploadInvalid: a document names itself by no relative path.
    """
    return importing.read(saved_rights(folder, rights, documents))


def saved_rights(folder: Path, rights: UploadFile, documents: Sequence[UploadFile]) -> Path:
    """A file of rights with its documents laid beside it, as on a librarian's disk. Raises: UploadInvalid."""
    folder.mkdir(exist_ok=True)
    path = save(rights, below(folder, PurePosixPath(rights.filename or "rights.yaml").name))
    for document in documents:
        save(document, below(folder, document.filename or ""))
    return path


def import_rights(session: Session, call: Call, file: RightsFile) -> ImportReport:
    """Raises: NotPermitted, RightsFileRefused."""
    require(call.by, Permission.LICENSES_RECORD)
    return catalog.import_rights(session, file, blobs=call.runtime.blobs, by=call.by, at=call.at)


def _line(row: RowOutcome) -> Line:
    return Line(line=row.line, grant=row.grant, state=row.state, says=row.says, photos=row.photos)


def _licenses() -> Any:
    return select(License).options(selectinload(License.licensor), selectinload(License.grants))


def _find(session: Session, license: str) -> License:
    try:
        by = or_(License.id == UUID(license), License.ref == license)
    except ValueError:
        by = License.ref == license
    found: Sequence[License] = session.scalars(_licenses().where(by)).all()
    if len(found) != 1:
        raise LicenseNotFound(license)
    return found[0]


def _state(license: License, call: Call) -> LicenseState:
    confidential = may(call.by, Permission.TERMS_READ)
    return LicenseState(
        license=license.id,
        ref=license.ref,
        title=license.title,
        licensor=license.licensor.name,
        basis=license.basis,
        spdx=license.spdx,
        recorded_at=license.recorded_at,
        template=license.template,
        verified=license.verified_by is not None,
        title_state=license.title_stated,
        irrevocable=creative_commons.irrevocable(license.spdx),
        in_force=license.withdrawn_at is None and license.superseded_at is None,
        withdrawn_at=license.withdrawn_at,
        superseded_at=license.superseded_at,
        evidence=_evidence(license) if confidential else None,
        grants=[_grant(license, grant, confidential=confidential) for grant in license.grants],
    )


def _evidence(license: License) -> Evidence:
    return Evidence(
        document_sha256=license.document_sha256,
        clause=license.clause,
        quote=license.quote,
        language=license.language,
        translation=license.translation,
        verified_by=license.verified_by,
        verified_at=license.verified_at,
        author=license.author,
        title_chain=license.title_chain,
        co_owners=license.co_owners,
        ruling=None if license.ruling is None else license.ruling.as_json(),
        statute=None if license.statute is None else license.statute.as_json(),
        notice_on=license.notice_on,
        notice_given_by=license.notice_by,
    )


def _grant(license: License, grant: Grant, *, confidential: bool) -> GrantState:
    terms = Terms(
        allows=grant.terms.as_json(),
        clause=grant.clause,
        quote=grant.quote,
        language=grant.language,
        translation=grant.translation,
        document_sha256=grant.document_sha256 or license.document_sha256,
        ends_on=grant.ends_on,
        notice_by=renewing.notice_by(license, grant),
    )
    return GrantState(
        id=grant.id,
        ref=grant.ref,
        recorded_at=grant.recorded_at,
        verified=evidence.verified_by(license, grant) is not None,
        withdrawn_at=grant.withdrawn_at,
        superseded_at=grant.superseded_at,
        terms=terms if confidential else None,
    )
