"""Publications from a table (CSV, XLSX), row by row: a wrong row is refused alone, by its line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.errors import BankError
from bankd.exchange import days, tables
from bankd.exchange.tables import Formula, Row
from bankd.licensing.errors import RightsFileRefused
from bankd.usage import publications
from bankd.usage.errors import PublicationRefused
from bankd.usage.within import Published

COLUMNS: Mapping[str, str] = {
    "ref": "what the publication is called elsewhere; told again it is known",
    "handout": "id of the handout that the picture came from",
    "composite": "id of the composite, where no handout is known",
    "channel": "web, social, email, app, print, packaging, out-of-home, broadcast or internal",
    "place": "address on the web, or edition",
    "territories": "ISO 3166-1 alpha-2 codes with spaces between, or WORLD",
    "copies": "how many; empty for none",
    "from": "first day",
    "to": "last day; empty while it is public",
    "taken_down": "day on which it was taken down",
    "evidence": "where it can be seen that it happened",
}
NEEDED = ("channel", "place", "territories", "from")


@dataclass(frozen=True)
class Outcome:
    """What became of one row."""

    line: int
    outcome: Literal["recorded", "known", "refused"]
    ref: str | None = None
    publication_id: UUID | None = None
    outside: tuple[str, ...] = ()
    problem: str | None = None


def import_file(
    session: Session, path: Path, *, dry_run: bool = False, by: Actor, at: datetime
) -> list[Outcome]:
    """Record each row of a table; a dry run says what would become of each, and records nothing.

    Raises:
        RightsFileRefused: the file as a whole cannot be read, or its header is not understood.
    """
    with session.begin_nested() as whole:
        with tables.opened(path) as table:
            head = _head(path, table.head)
            outcomes = [
                _row(session, row, head, from_1904=table.from_1904, by=by, at=at) for row in table.rows
            ]
        if dry_run:
            whole.rollback()
    return outcomes


def _head(path: Path, head: Row) -> list[str | None]:
    names = [None if cell is None else str(cell).strip().lower() or None for cell in head.cells]
    told = [name for name in names if name is not None]
    for name in told:
        if name not in COLUMNS:
            raise _refused(path, head, f"unknown column `{name[:50]}`: use {', '.join(COLUMNS)}")
        if told.count(name) > 1:
            raise _refused(path, head, f"column `{name}` stands there twice")
    if missing := [name for name in NEEDED if name not in told]:
        raise _refused(path, head, f"column `{missing[0]}` is missing")
    if not {"handout", "composite"} & set(told):
        raise _refused(path, head, "column `handout` or `composite` is missing")
    return names


def _row(
    session: Session, row: Row, head: list[str | None], *, from_1904: bool, by: Actor, at: datetime
) -> Outcome:
    try:
        told = dict(_cells(row, head))
        facts = Published.model_validate(
            {
                "channel": told.get("channel", ""),
                "place": told.get("place", ""),
                "territories": told.get("territories", "").replace(",", " ").replace(";", " ").split(),
                "copies": told.get("copies") or 0,
                "starts_on": _day(told, "from", from_1904=from_1904),
                "ends_on": _day(told, "to", from_1904=from_1904),
                "evidence": told.get("evidence"),
            }
        )
        with session.begin_nested():
            made = publications.record(
                session,
                facts,
                handout_id=_id(told, "handout"),
                composite_id=_id(told, "composite"),
                ref=told.get("ref"),
                by=by,
                at=at,
            )
            down = _day(told, "taken_down", from_1904=from_1904)
            if down is not None and made.publication.taken_down_on != down:
                publications.take_down(session, made.publication.id, on=down, by=by, at=at)
    except ValidationError as error:
        return Outcome(row.line, "refused", problem=sentence(error))
    except (BankError, ValueError) as error:
        return Outcome(row.line, "refused", problem=str(error))
    found = made.publication
    outcome: Literal["recorded", "known"] = "recorded" if made.new else "known"
    return Outcome(row.line, outcome, found.ref, found.id, tuple(found.outside))


def _cells(row: Row, head: list[str | None]) -> Iterator[tuple[str, Any]]:
    """What a row tells, by column; empty cells are left out. Numbers and days come as texts too."""
    if row.merged:
        raise PublicationRefused("cells of this row are merged; unmerge them")
    for place, cell in enumerate(row.cells):
        if isinstance(cell, Formula):
            raise PublicationRefused("a cell of this row is a formula; write what it comes to")
        name = head[place] if place < len(head) else None
        if isinstance(cell, date):
            cell = days.of_cell(cell).isoformat()
        if isinstance(cell, float) and cell.is_integer():
            cell = int(cell)  # a spreadsheet has no other numbers
        text = "" if cell is None else str(cell).strip()
        if not text:
            continue
        if name is None:
            raise PublicationRefused(f"`{text[:50]}` stands in no column that has a name")
        yield name, text


def _day(told: Mapping[str, str], name: str, *, from_1904: bool) -> date | None:
    return days.day(told[name], from_1904=from_1904) if name in told else None


def _id(told: Mapping[str, str], name: str) -> UUID | None:
    if name not in told:
        return None
    try:
        return UUID(told[name])
    except ValueError as error:
        raise PublicationRefused(f"`{told[name][:50]}` is not the id of a {name}") from error


def sentence(error: ValidationError) -> str:
    """The first thing that is wrong with a publication's facts, in the words of commands and columns."""
    names = {"starts_on": "from", "ends_on": "to"}
    first = error.errors()[0]
    words = first["msg"].removeprefix("Value error, ")
    words = words[:1].lower() + words[1:]
    if not first["loc"]:
        return words
    name = str(first["loc"][0])
    return f"{names.get(name, name)}: {words}"


def _refused(path: Path, row: Row, sentence: str) -> RightsFileRefused:
    return RightsFileRefused(path, [(row.line, sentence)])
