"""Issued reports: filed with their digests in the log, looked up, checked, dropped after an erasure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, insert, select, update
from sqlalchemy.orm import Session, aliased

from bankd.access.permissions import Permission, require
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.canonical import parse
from bankd.audit.kinds import Kind
from bankd.audit.models import LogPayload
from bankd.issued import naming
from bankd.issued.errors import (
    ApprovalRefused,
    IssuedFileNotFound,
    IssuedReportNotFound,
    ReportDamaged,
    ReportDropped,
)
from bankd.issued.models import DueReport, IssuedFile, IssuedReport, ReportSubject, Why, prefix
from bankd.storage import BlobDamaged, BlobMissing, Blobs


@dataclass(frozen=True)
class NewFile:
    """A file of a report that is to be issued."""

    name: str
    media_type: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class NewReport:
    """A report that is to be issued; `text` is its JSON, whose digest is the report's."""

    kind: str
    text: str = field(repr=False)
    asked: Mapping[str, Any]
    locale: str
    department_id: UUID | None
    first_day: date | None
    last_day: date | None
    as_of: datetime
    cutoff: int
    prepared_by: str
    why: Why = "made"
    approved_by: str | None = None
    approved_at: datetime | None = None
    schedule_id: UUID | None = None
    replaces_id: UUID | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def put(blobs: Blobs, report_id: UUID, files: Sequence[NewFile]) -> None:
    """Store a report's bytes before it is recorded, in place of what a try that died left there."""
    blobs.delete_prefix(prefix(report_id))
    for file in {file.sha256: file for file in files}.values():
        blobs.put(f"{prefix(report_id)}/{file.sha256}", file.content, media_type=file.media_type)


def record(
    session: Session, report_id: UUID, new: NewReport, files: Sequence[NewFile], *, by: Actor, at: datetime
) -> IssuedReport:
    """File a report whose bytes are stored, with its digests in the log."""
    issued = IssuedReport(
        id=report_id,
        kind=new.kind,
        asked=dict(new.asked),
        locale=new.locale,
        department_id=new.department_id,
        first_day=new.first_day,
        last_day=new.last_day,
        as_of=new.as_of,
        cutoff=new.cutoff,
        sha256=new.sha256,
        prepared_by=new.prepared_by,
        approved_by=new.approved_by,
        approved_at=new.approved_at,
        issued_at=at,
        why=new.why,
        schedule_id=new.schedule_id,
        replaces_id=new.replaces_id,
    )
    session.add(issued)
    session.flush()
    session.add_all(
        IssuedFile(
            report_id=report_id,
            name=file.name,
            media_type=file.media_type,
            sha256=file.sha256,
            size_bytes=len(file.content),
        )
        for file in files
    )
    session.flush()
    asked = naming.named(session, naming.texts(dict(new.asked)))
    told = naming.named(session, naming.texts(json.loads(new.text)))
    if told | asked:
        session.execute(
            insert(ReportSubject),
            [
                {
                    "report_id": report_id,
                    "subject": subject,
                    "subject_id": id,
                    "asked": (subject, id) in asked,
                }
                for subject, id in sorted(told | asked)
            ],
        )
    entry = log.append(
        session, Kind.REPORT_ISSUED, by=by, at=at,
        report=report_id, report_kind=new.kind, sha256=new.sha256, why=new.why,
        files={file.name: file.sha256 for file in files},
        as_of=new.as_of, cutoff=new.cutoff, first_day=new.first_day, last_day=new.last_day,
        prepared_by=new.prepared_by, approved_by=new.approved_by,
        schedule=new.schedule_id, replaces=new.replaces_id,
    )  # fmt: skip
    log.settle(session)
    issued.log_index = entry.index
    session.flush()
    return issued


def get(session: Session, report_id: UUID, *, by: Actor) -> IssuedReport:
    """Raises: NotPermitted, IssuedReportNotFound: there is none, or it is another department's."""
    require(by, Permission.REPORTS_MAKE)
    found = session.get(IssuedReport, report_id)
    if found is None or (by.department_id is not None and by.department_id != found.department_id):
        raise IssuedReportNotFound(report_id)
    return found


def listed(
    session: Session, *, by: Actor, kind: str | None = None, schedule_id: UUID | None = None, limit: int = 100
) -> Sequence[IssuedReport]:
    """Issued reports, the latest first, those included that were redacted since."""
    require(by, Permission.REPORTS_MAKE)
    wanted = select(IssuedReport).order_by(IssuedReport.issued_at.desc(), IssuedReport.id).limit(limit)
    if by.department_id is not None:
        wanted = wanted.where(IssuedReport.department_id == by.department_id)
    if kind is not None:
        wanted = wanted.where(IssuedReport.kind == kind)
    if schedule_id is not None:
        wanted = wanted.where(IssuedReport.schedule_id == schedule_id)
    return session.scalars(wanted).all()


def files(session: Session, report_id: UUID) -> Sequence[IssuedFile]:
    return session.scalars(
        select(IssuedFile).where(IssuedFile.report_id == report_id).order_by(IssuedFile.name)
    ).all()


def fetch(session: Session, issued: IssuedReport, name: str, *, blobs: Blobs) -> tuple[IssuedFile, bytes]:
    """A file of a report, byte for byte as it was issued.

    Raises:
        ReportDropped: it was redacted since.
        IssuedFileNotFound: it has no such file.
        ReportDamaged: the store has other bytes, or none.
    """
    if issued.dropped_at is not None:
        raise ReportDropped(issued.id, issued.dropped_at, successor(session, issued.id))
    found = session.get(IssuedFile, (issued.id, name))
    if found is None:
        raise IssuedFileNotFound(issued.id, name, [file.name for file in files(session, issued.id)])
    try:
        content = blobs.get(found.key, limit_bytes=found.size_bytes)
    except BlobMissing as error:
        raise ReportDamaged(issued.id, name, "the store does not have it") from error
    except BlobDamaged as error:
        raise ReportDamaged(issued.id, name, "its bytes were changed") from error
    return found, content


@dataclass(frozen=True)
class Checked:
    """What a check of an issued report found; `problems` are sentences, none where all holds."""

    files: int
    log_index: int | None
    problems: tuple[str, ...]


def check(session: Session, issued: IssuedReport, *, blobs: Blobs) -> Checked:
    """Compare a report's files with their digests, and these with what the log says was issued.

    Of one that was redacted only the record is compared.
    """
    problems = []
    rows = files(session, issued.id)
    told = None
    if issued.log_index is not None:
        told = session.scalar(select(LogPayload.payload).where(LogPayload.index == issued.log_index))
    if told is None:
        problems.append("the log does not tell of it")
    else:
        objects = parse(told)["objects"]
        if objects.get("report") != str(issued.id) or objects.get("sha256") != issued.sha256:
            problems.append(f"entry {issued.log_index} of the log tells of another report")
        if objects.get("files") != {row.name: row.sha256 for row in rows}:
            problems.append(f"its files are not those that entry {issued.log_index} of the log names")
    if issued.dropped_at is None:
        for row in rows:
            try:
                fetch(session, issued, row.name, blobs=blobs)
            except ReportDamaged as damaged:
                problems.append(str(damaged))
    return Checked(len(rows), issued.log_index, tuple(problems))


def successor(session: Session, report_id: UUID) -> UUID | None:
    """The last report that was issued in the place of this one, or of what took its place."""
    found, of = None, report_id
    while (
        after := session.scalar(
            select(IssuedReport.id)
            .where(IssuedReport.replaces_id == of)
            .order_by(IssuedReport.issued_at.desc())
            .limit(1)
        )
    ) is not None:
        found = of = after
    return found


def approvable(session: Session, report_id: UUID, *, by: Actor) -> IssuedReport:
    """A report that this person may approve now.

    Raises:
        NotPermitted, IssuedReportNotFound, ReportDropped.
        ApprovalRefused: somebody has approved it, or it was prepared by the same person.
    """
    require(by, Permission.REPORTS_APPROVE)
    issued = get(session, report_id, by=by)
    if issued.dropped_at is not None:
        raise ReportDropped(issued.id, issued.dropped_at, successor(session, issued.id))
    if issued.approved_by is not None:
        raise ApprovalRefused(report_id, f"`{issued.approved_by}` has approved it")
    after = successor(session, report_id)
    if after is not None:
        raise ApprovalRefused(report_id, f"`{after}` took its place")
    if by.kind != "user":
        raise ApprovalRefused(report_id, "a person approves it, not a service")
    if by.name == issued.prepared_by:
        raise ApprovalRefused(report_id, f"`{by.name}` prepared it: another person approves it")
    return issued


def drop(
    session: Session, report_id: UUID, *, erasure_id: UUID, about: bool, by: Actor, at: datetime
) -> bool:
    """Take a report out of use because of an erasure; its bytes go once this is committed. False if it is.

    It is to be issued again, unless another took its place, which then goes too, or it was `about` what was
    erased: then nothing is left to tell of, and what was asked is blanked.
    """
    issued = session.get(IssuedReport, report_id, with_for_update=True, populate_existing=True)
    if issued is None or issued.dropped_at is not None:
        return False
    issued.dropped_at, issued.erasure_id = at, erasure_id
    if about:
        issued.asked = {}
    session.flush()
    later = aliased(IssuedReport)
    replaced = session.scalar(select(exists().where(later.replaces_id == report_id)))
    again = not about and not replaced
    if again:
        session.add(DueReport(replaces_id=report_id, due_at=at, next_at=at))
        session.flush()
    log.append(
        session, Kind.REPORT_REDACTED, by=by, at=at,
        report=report_id, sha256=issued.sha256, erasure=erasure_id, again=again,
    )  # fmt: skip
    return True


def going(session: Session) -> Sequence[UUID]:
    """Dropped reports whose bytes are to be deleted."""
    return session.scalars(
        select(IssuedReport.id).where(IssuedReport.dropped_at.is_not(None), IssuedReport.gone_at.is_(None))
    ).all()


def gone(session: Session, report_id: UUID, *, at: datetime) -> None:
    """Note that the store has nothing of a dropped report any more."""
    session.execute(
        update(IssuedReport)
        .where(IssuedReport.id == report_id, IssuedReport.gone_at.is_(None))
        .values(gone_at=at)
    )


def facts(issued: IssuedReport, has: Sequence[IssuedFile] = ()) -> dict[str, Any]:
    """An issued report as it is shown."""
    return {
        "report": issued.id,
        "kind": issued.kind,
        "state": "redacted" if issued.dropped_at else "approved" if issued.approved_by else "issued",
        "why": issued.why,
        "first_day": issued.first_day,
        "last_day": issued.last_day,
        "locale": issued.locale,
        "as_of": issued.as_of,
        "cutoff": issued.cutoff,
        "sha256": issued.sha256,
        "prepared_by": issued.prepared_by,
        "approved_by": issued.approved_by,
        "approved_at": issued.approved_at,
        "issued_at": issued.issued_at,
        "log_index": issued.log_index,
        "schedule": issued.schedule_id,
        "replaces": issued.replaces_id,
        "redacted_at": issued.dropped_at,
        "files": [
            {"name": file.name, "media_type": file.media_type, "size_bytes": file.size_bytes,
             "sha256": file.sha256}
            for file in has
        ],
    }  # fmt: skip
