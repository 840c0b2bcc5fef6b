"""Record the rows of a sheet in batches: what a rights file would record, in few statements.

A batch is one transaction, so that the log's lock is held briefly; each row
comes out recorded, known or refused by its line. A sheet that was cut off is
imported again: what is in is known.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import service as catalog
from bankd.exchange import attaching, sheets
from bankd.exchange.attaching import AmbiguousPhoto
from bankd.exchange.sheets import RowRefused, SheetRow
from bankd.licensing import caps, renewing, service
from bankd.licensing.contradictions import odd
from bankd.licensing.models import Document, Grant, License, Licensor
from bankd.licensing.rights_entries import DocumentEntry, GrantEntry, LicenseEntry
from bankd.licensing.rights_file import media_type
from bankd.licensing.terms import MAX_DOCUMENT_BYTES, Value
from bankd.storage import Blobs

BATCH = 500  # rows of one transaction

Transactions = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class RowOutcome:
    """What became of a line; `says` is why it was refused, or what is odd about it."""

    line: int
    grant: str | None
    state: Literal["new", "known", "refused"]
    says: str | None = None
    photos: int = 0  # of the bank, that hold the grant now by this line


@dataclass
class Imported:
    """A file in numbers: records that were new and known, by kind; lines that were refused.

    `photos` of the bank hold a grant of it now, `absent` names mean no photo of the bank, and `ended` grants
    were superseded.
    """

    file: str
    sha256: str
    encoding: str
    dry_run: bool
    new: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    refused: list[RowOutcome] = field(default_factory=list)
    photos: int = 0
    absent: int = 0
    ended: int = 0
    notes: tuple[str, ...] = ()  # what is odd about a rights file; of a sheet its lines say so

    def count(self, kind: str, number: int = 1, *, known: bool = False) -> None:
        counts = self.known if known else self.new
        if number:
            counts[kind] = counts.get(kind, 0) + number


def import_sheet(
    path: Path,
    *,
    transactions: Transactions,
    blobs: Blobs,
    by: Actor,
    at: datetime,
    dry_run: bool = False,
    told: Callable[[RowOutcome], None] = lambda outcome: None,  # noqa: ARG005
) -> Imported:
    """Record every row that is sound, and refuse the others by their lines.

    A dry run finds out the same, and writes nothing.

    Args:
        told: is given the outcome of each row, in order.

    Raises:
        RightsFileRefused: the file is no sheet, or its rows break off; the batches before that are in.
        BlobUnavailable: the store does not answer.
    """
    with sheets.opened(path) as sheet:
        report = Imported(path.name, _sha256(path), sheet.encoding, dry_run)
        recorder = _Recorder(path.resolve().parent, blobs=blobs, by=by, at=at, dry_run=dry_run)
        for batch in _batches(sheet.rows):
            with transactions() as session:
                outcomes = recorder.record(session, [row for row in batch if isinstance(row, SheetRow)])
                new = sum(outcome.state == "new" for outcome in outcomes.values())
                if new and not dry_run:
                    log.append(
                        session, Kind.RIGHTS_IMPORTED, by=by, at=at,
                        file=path.name, sha256=report.sha256, new={"grants": new},
                        lines=[batch[0].line, batch[-1].line],
                    )  # fmt: skip
            for row in batch:
                outcome = (
                    RowOutcome(row.line, None, "refused", row.sentence)
                    if isinstance(row, RowRefused)
                    else outcomes[row.line]
                )
                _count(report, outcome)
                told(outcome)
        report.absent, report.ended = recorder.absent, recorder.ended
        for kind, number in recorder.made.items():
            report.count(kind, number)
    return report


def _batches(rows: Iterable[SheetRow | RowRefused]) -> Iterator[list[SheetRow | RowRefused]]:
    waiting = iter(rows)
    while batch := list(islice(waiting, BATCH)):
        yield batch


def _count(report: Imported, outcome: RowOutcome) -> None:
    report.photos += outcome.photos
    if outcome.state == "refused":
        report.refused.append(outcome)
    else:
        report.count("grants", known=outcome.state == "known")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Refused(Exception):
    pass


class _Recorder:
    """`licensors`, `licenses`: what the file has recorded so far, so that a dry run knows it too."""

    def __init__(self, folder: Path, *, blobs: Blobs, by: Actor, at: datetime, dry_run: bool) -> None:
        self.folder, self.blobs, self.by, self.at, self.dry_run = folder, blobs, by, at, dry_run
        self.documents: dict[str, str] = {}
        self.licensors: dict[str, tuple[UUID, str]] = {}
        self.licenses: dict[str, tuple[UUID, str]] = {}
        self.made = {"licensors": 0, "documents": 0, "licenses": 0}
        self.absent = self.ended = 0

    def record(self, session: Session, rows: Sequence[SheetRow]) -> dict[int, RowOutcome]:
        if not self.dry_run:
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": service.RECORDING})
        known = _Known(session, rows, self.licensors, self.licenses)
        outcomes: dict[int, RowOutcome] = {}
        fresh: list[tuple[SheetRow, UUID, UUID]] = []
        licensors: list[dict[str, Any]] = []
        licenses: list[dict[str, Any]] = []
        superseding: list[SheetRow] = []
        holding: list[tuple[SheetRow, UUID, tuple[UUID, ...]]] = []
        meant = attaching.resolve(session, {name for row in rows for name in row.files}, by=self.by)
        for row in rows:
            try:
                found = attaching.photos(meant, row.files)
                document = self._document(session, row)
                licensor_id = known.licensor(row)
                license_id = known.license(row, licensor_id, document)
                grant_id = known.grant(row, license_id)
            except (_Refused, AmbiguousPhoto) as refusal:
                outcomes[row.line] = RowOutcome(row.line, row.ref, "refused", str(refusal))
                continue
            self.absent += found.absent
            if licensor_id is None:
                assert row.licensor is not None
                licensor_id = uuid4()
                licensors.append({"id": licensor_id, "ref": row.licensor.ref, "name": row.licensor.name})
                known.licensors[row.licensor.ref] = (licensor_id, row.licensor.name)
            if license_id is None:
                license_id = uuid4()
                facts = {"licensor_id": licensor_id, **license_facts(row.license, document)}
                licenses.append({"id": license_id, "ref": row.license.ref, **facts})
                known.licenses[row.license.ref] = (license_id, _digest(facts))
                if row.license.supersedes is not None:
                    superseding.append(row)
            state: Literal["new", "known"] = "known"
            if grant_id is None:
                state, grant_id = "new", uuid4()
                fresh.append((row, grant_id, license_id))
                known.grants[license_id, row.grant.ref] = grant_id
            says = odd(row.grant.terms)
            outcomes[row.line] = RowOutcome(row.line, row.ref, state, says, photos=len(found.ids))
            if found.ids:
                holding.append((row, grant_id, found.ids))
        self.made["licensors"] += len(licensors)
        self.made["licenses"] += len(licenses)
        if not self.dry_run:
            self._write(session, licensors, licenses, fresh)
            self._supersede(session, superseding, known)
            for row, grant_id, photo_ids in holding:
                held, kept_from = attaching.attach(
                    session, photo_ids, [grant_id], product=row.product, by=self.by, at=self.at
                )
                says = kept_from or outcomes[row.line].says
                outcomes[row.line] = replace(outcomes[row.line], photos=held, says=says)
        return outcomes

    def _write(
        self,
        session: Session,
        licensors: list[dict[str, Any]],
        licenses: list[dict[str, Any]],
        fresh: list[tuple[SheetRow, UUID, UUID]],
    ) -> None:
        stamp: dict[str, Any] = {"recorded_at": self.at, "recorded_by": self.by.name}
        who: Any = {"by": self.by, "at": self.at}
        session.add_all(Licensor(**values, **stamp) for values in licensors)
        session.flush()
        session.add_all(License(**values, **stamp) for values in licenses)
        session.flush()
        for row, grant_id, license_id in fresh:
            grant = Grant(id=grant_id, license_id=license_id, **grant_facts(row), **stamp)
            renewing.begin(grant, notice_on=None, at=self.at)
            session.add(grant)
        session.flush()
        for row, grant_id, _ in fresh:
            if row.grant.terms.counted:
                caps.open_counters(session, grant_id, row.grant.terms)
        for values in licensors:
            objects = {"licensor": values["id"], "ref": values["ref"], "name": values["name"]}
            log.append(session, Kind.LICENSOR_RECORDED, **who, **objects)
        for values in licenses:
            facts = {name: value for name, value in values.items() if name != "id"}
            log.append(session, Kind.LICENSE_RECORDED, **who, license=values["id"], **facts)
        for row, grant_id, license_id in fresh:
            facts = grant_facts(row) | {"terms": row.grant.terms.as_json()}
            log.append(session, Kind.GRANT_RECORDED, **who, grant=grant_id, license=license_id, **facts)

    def _supersede(self, session: Session, rows: Sequence[SheetRow], known: "_Known") -> None:
        ended: list[UUID] = []
        for row in rows:
            old, new = known.licenses[row.license.supersedes or ""][0], known.licenses[row.license.ref][0]
            ended += service.supersede(session, old, successor_id=new, by=self.by, at=self.at)
        for row, old in known.superseded:
            new = known.grants[known.licenses[row.license.ref][0], row.grant.ref]
            ended += service.supersede_grant(session, old, successor_id=new, by=self.by, at=self.at)
        if ended:
            catalog.block_grants(session, ended, by=self.by, at=self.at)
        self.ended += len(ended)

    def _document(self, session: Session, row: SheetRow) -> str | None:
        """The hash of the row's document, which is in the store and recorded once this returns."""
        named = row.document
        if named is None or named in self.documents:
            return None if named is None else self.documents[named]
        if len(named) == 64 and all(mark in "0123456789abcdef" for mark in named):
            if session.get(Document, named) is None:
                raise _Refused(
                    f"no document `{named}` is recorded; record it, or name a file beside the sheet"
                )
            self.documents[named] = named
            return named
        entry = DocumentEntry(ref="document", path=named)
        file = (self.folder / named).resolve()
        kind = media_type(entry)
        if not file.is_relative_to(self.folder) or not file.is_file():
            raise _Refused(f"document `{named}` is not there; put it beside the sheet")
        if file.stat().st_size > MAX_DOCUMENT_BYTES:
            raise _Refused(f"document `{named}` is larger than {MAX_DOCUMENT_BYTES // 2**20} MiB")
        if kind is None:
            raise _Refused(f"the media type of `{named}` is not known; save it as one that is, such as PDF")
        content = file.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        self.made["documents"] += session.get(Document, sha256) is None
        if not self.dry_run:
            service.record_document(
                session, content, name=file.name, media_type=kind, blobs=self.blobs, by=self.by, at=self.at
            )
        self.documents[named] = sha256
        return sha256


class _Known:
    """What the bank, or a batch before, holds under the refs of a batch."""

    def __init__(
        self,
        session: Session,
        rows: Sequence[SheetRow],
        licensors: dict[str, tuple[UUID, str]],
        licenses: dict[str, tuple[UUID, str]],
    ) -> None:
        self.licensors, self.licenses = licensors, licenses
        self.superseded: list[tuple[SheetRow, UUID]] = []
        wanted = {row.license.licensor for row in rows} - licensors.keys()
        for licensor in session.scalars(select(Licensor).where(Licensor.ref.in_(wanted))):
            licensors[licensor.ref] = (licensor.id, licensor.name)
        refs = {ref for row in rows for ref in (row.license.ref, row.license.supersedes) if ref}
        columns = ("licensor_id", "document_sha256", *FACTS)
        self.withdrawn: set[str] = set()
        for license in session.scalars(select(License).where(License.ref.in_(refs - licenses.keys()))):
            facts = {name: getattr(license, name) for name in columns}
            licenses[license.ref] = (license.id, _digest(facts))
            if license.withdrawn_at is not None:
                self.withdrawn.add(license.ref)
        ids = {licenses[row.license.ref][0] for row in rows if row.license.ref in licenses}
        self.grants: dict[tuple[UUID, str], UUID] = {}
        self.recorded: dict[UUID, Grant] = {}
        for grant in session.scalars(select(Grant).where(Grant.license_id.in_(ids))):
            self.grants[grant.license_id, grant.ref] = grant.id
            self.recorded[grant.id] = grant

    def licensor(self, row: SheetRow) -> UUID | None:
        """Of the row's licensor; None: it is new."""
        found = self.licensors.get(row.license.licensor)
        if found is None and row.licensor is None:
            raise _Refused(f"no licensor has the ref `{row.license.licensor}`; state its `licensor_name`")
        if found is not None and row.licensor is not None and found[1] != row.licensor.name:
            raise _Refused(
                f"licensor `{row.license.licensor}` is already recorded with other content; "
                "give the new licensor a ref of its own"
            )
        return None if found is None else found[0]

    def license(self, row: SheetRow, licensor_id: UUID | None, document: str | None) -> UUID | None:
        ref, supersedes = row.license.ref, row.license.supersedes
        found = self.licenses.get(ref)
        if found is None:
            if supersedes is not None and supersedes not in self.licenses:
                raise _Refused(f"no license `{supersedes}` is recorded; put it on a line above")
            return None
        if found[1] != _digest({"licensor_id": licensor_id, **license_facts(row.license, document)}):
            raise _Refused(
                f"license `{ref}` is already recorded with other content; give the new terms a new ref with"
                f" `supersedes: {ref}`"
            )
        return found[0]

    def grant(self, row: SheetRow, license_id: UUID | None) -> UUID | None:
        old = None
        if row.grant.supersedes is not None:
            old = None if license_id is None else self.grants.get((license_id, row.grant.supersedes))
            if old is None:
                raise _Refused(
                    f"unknown grant `{row.grant.supersedes}` of license `{row.license.ref}`; "
                    "put it on a line above"
                )
        found = None if license_id is None else self.grants.get((license_id, row.grant.ref))
        if found is None:
            if row.license.ref in self.withdrawn:
                raise _Refused(f"license `{row.license.ref}` was withdrawn already")
            if old is not None:
                self.superseded.append((row, old))
            return None
        recorded = self.recorded.get(found)
        facts = grant_facts(row)
        if recorded is not None and any(getattr(recorded, name) != facts[name] for name in facts):
            raise _Refused(
                f"grant of license `{row.license.ref}` `{row.grant.ref}` is already recorded with other "
                "content; "
                "record the new terms under a new ref that supersedes this one"
            )
        return found


FACTS, GRANT_FACTS = (
    tuple(name for name in table.__table__.columns.keys() if name in entry.model_fields and name != "ref")  # noqa: SIM118
    for table, entry in ((License, LicenseEntry), (Grant, GrantEntry))
)
"""What an entry says that stands in a column of the same name."""


def license_facts(entry: LicenseEntry, document_sha256: str | None) -> dict[str, Any]:
    """The columns of a license that an entry fills, but for its licensor."""
    return {"document_sha256": document_sha256, **{name: _stored(getattr(entry, name)) for name in FACTS}}


def grant_facts(row: SheetRow) -> dict[str, Any]:
    """The columns of a grant that a row fills, but for its license."""
    facts = {name: getattr(row.grant, name) for name in GRANT_FACTS}
    return {"ref": row.grant.ref, "document_sha256": None, **facts}


def _digest(facts: dict[str, Any]) -> str:
    """Of what is recorded of a license, so that a hundred thousand of them can be kept in mind."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _stored(value: Any) -> Any:
    if isinstance(value, Value):
        return value.as_json()
    if isinstance(value, tuple):
        return [_stored(item) for item in value]
    return sorted(value) if isinstance(value, frozenset) else value
