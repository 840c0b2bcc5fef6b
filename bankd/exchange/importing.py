"""Import a file of rights, whichever of the kinds it is: rights file, sheet or ODRL policy."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import cast

from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.catalog import importing
from bankd.exchange import attaching, odrl, recording, sheets, tables
from bankd.exchange.attaching import AmbiguousPhoto
from bankd.exchange.odrl import Agreements
from bankd.exchange.recording import Imported, RowOutcome, Transactions
from bankd.licensing import rights_file
from bankd.licensing import service as licensing
from bankd.licensing.errors import RightsFileRefused
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
    house: str | None = None,
    told: Callable[[RowOutcome], None] = lambda outcome: None,  # noqa: ARG005
) -> Imported:
    """Record what a file says, and give what it grants to the photos of the bank that it names.

    A sheet is recorded row by row, and `told` hears of each; the others are
    recorded whole or not at all. A dry run says the same and writes nothing.

    Args:
        house: the address by which an ODRL policy calls this house.

    Raises:
        RightsFileRefused: every problem with its line, where there are lines.
        BlobUnavailable: the store does not answer.
    """
    if tables.is_table(path):
        return recording.import_sheet(
            path, transactions=transactions, blobs=blobs, by=by, at=at, dry_run=dry_run, told=told
        )
    report = Imported(path.name, _sha256(path), "UTF-8", dry_run)
    agreements = odrl.load(path, house=house) if is_odrl(path) else None
    file = rights_file.load(path) if agreements is None else agreements.file
    with suppress(_OnTrial), transactions() as session:
        kept = cast(Blobs, _Unkept()) if dry_run else blobs
        found = importing.import_rights(session, file, blobs=kept, by=by, at=at)
        report.new, report.known, report.ended = found.new, found.known, len(found.ended)
        report.notes = found.notes
        if agreements is None and file.photos:
            report.notes += ("what it says of `photos` counts when they are ingested with it as `--rights`",)
        if agreements is not None:
            report.notes += _unlimited(agreements)
            _attach(session, agreements, report, by=by, at=at)
        if dry_run:
            raise _OnTrial
    return report


def read(path: Path) -> RightsFile:
    """The rights of a file as a whole, for photos that are ingested with it.

    Raises:
        RightsFileRefused: something in it is wrong.
    """
    if is_odrl(path):
        return odrl.load(path).file
    return sheets.whole(path) if tables.is_table(path) else rights_file.load(path)


def is_odrl(path: Path) -> bool:
    return path.suffix.lower() in (".jsonld", ".json")


def _attach(session: Session, agreements: Agreements, report: Imported, *, by: Actor, at: datetime) -> None:
    """Give the photos of the bank that an agreement is about the grants that it gives."""
    grants = licensing.grants_by_ref(session, agreements.assets)
    names = {ref: (*assets.names, *assets.others) for ref, assets in agreements.assets.items()}
    meant = attaching.resolve(session, {name for each in names.values() for name in each}, by=by)
    for ref, named in names.items():
        try:
            found = attaching.photos(meant, named)
        except AmbiguousPhoto as error:
            raise RightsFileRefused(agreements.file.path, [(None, str(error))]) from error
        report.absent += found.absent
        held, kept_from = attaching.attach(session, found.ids, [grants[ref].id], by=by, at=at)
        report.photos += held
        if kept_from is not None:
            report.notes += (kept_from,)


def _unlimited(agreements: Agreements) -> tuple[str, ...]:
    """Said aloud, since a person may have meant otherwise."""
    return tuple(
        f"grant `{ref}` is not limited in {', '.join(f'`{name}`' for name in names)}: "
        "its policy lays no such constraint"
        for ref, names in agreements.unlimited.items()
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
