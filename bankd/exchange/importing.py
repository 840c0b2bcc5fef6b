"""Import a file of rights, whichever of the kinds it is: rights file, sheet or ODRL policy."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from bankd.audit.actor import Actor
from bankd.catalog import importing
from bankd.exchange import recording, sheets, tables
from bankd.exchange.recording import Imported, RowOutcome, Transactions
from bankd.licensing import rights_file
from bankd.licensing.rights_entries import RightsFile
from bankd.storage import Blobs


class _OnTrial(Exception):
    """Ends the transaction of a dry run."""


class _Unkept:
    """Where the documents of a dry run go."""

    def put(self, key: str, content: bytes, *, media_type: str) -> bool:  # noqa: ARG002
        return True


def import_file(
    path: Path,
    *,
    transactions: Transactions,
    blobs: Blobs,
    by: Actor,
    at: datetime,
    dry_run: bool = False,
    told: Callable[[RowOutcome], None] = lambda outcome: None,  # noqa: ARG005
) -> Imported:
    """Record what a file says; a dry run says the same and writes nothing.

    A sheet is recorded row by row, and `told` hears of each; the others are
    recorded whole or not at all.

    Raises:
        RightsFileRefused: every problem with its line, where there are lines.
        BlobUnavailable: the store does not answer.
    """
    if tables.is_table(path):
        return recording.import_sheet(
            path, transactions=transactions, blobs=blobs, by=by, at=at, dry_run=dry_run, told=told
        )
    file = rights_file.load(path)
    report = Imported(path.name, _sha256(path), "UTF-8", dry_run)
    with suppress(_OnTrial), transactions() as session:
        found = importing.import_rights(session, file, blobs=_Unkept() if dry_run else blobs, by=by, at=at)  # type: ignore[arg-type]
        report.new, report.known, report.ended = found.new, found.known, len(found.ended)
        report.notes = found.notes
        if dry_run:
            raise _OnTrial
    return report


def read(path: Path) -> RightsFile:
    """The rights of a file as a whole, for photos that are ingested with it.

    Raises:
        RightsFileRefused: something in it is wrong.
    """
    return sheets.whole(path) if tables.is_table(path) else rights_file.load(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
