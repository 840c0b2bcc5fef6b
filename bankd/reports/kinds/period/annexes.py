"""The listings beside a period audit, read and written row by row: memory does not grow with them.

They name no person outside of the house: what a withdrawal or an erasure is about stands in the log's
entry, to which the index leads whoever may read that.
"""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from bankd.audit.canonical import moment
from bankd.audit.kinds import Kind
from bankd.reports.kinds.period.model import Annex, PeriodScope

AT_ONCE = 1000  # rows that the database sends together
REFUSED = (Kind.REQUEST_REFUSED, Kind.COMPOSITE_REFUSED, Kind.HANDOUT_REFUSED)

# What is decided by people, or changes what may be used.
DECISIONS = tuple(
    kind
    for kind in Kind
    if kind.partition(".")[0]
    in ("signoff", "withdrawal", "takedown", "hold", "erasure", "retention", "bundle")
    or kind.endswith(".key-rotated")
    or kind in (Kind.KEY_CREATED, Kind.KEY_REVOKED, Kind.DEPARTMENT_RECORDED, Kind.PHOTO_ERASED)
)


@dataclass(frozen=True)
class Listing:
    """A statement over the entries of some kinds, `told` being what an entry says, and its columns."""

    name: str
    kinds: tuple[Kind, ...]
    statement: str
    columns: tuple[str, ...]


_TOLD = """
    WITH told AS (
        SELECT e.index, e.at, e.kind, p.payload::jsonb AS told,
            p.payload::jsonb -> 'objects' AS objects, p.payload::jsonb #>> '{by,name}' AS name
        FROM log_entries AS e LEFT JOIN log_payloads AS p ON p.index = e.index
        WHERE e.kind = ANY(:kinds) AND e.index < :cutoff AND e.at >= :since AND e.at < :until
    )
"""

LISTINGS: Mapping[str, Listing] = {
    one.name: one
    for one in (
        Listing(
            "requests",
            (Kind.REQUEST_FILED,),
            """
            SELECT t.index, t.at, objects ->> 'request', t.name, d.name, objects #>> '{use,purpose}',
                objects #>> '{use,audience}', r.variations, r.state, r.finished_at
            FROM told AS t LEFT JOIN requests AS r ON r.id = (objects ->> 'request')::uuid
                LEFT JOIN departments AS d ON d.id = r.department_id
            ORDER BY t.index
            """,
            (
                "log_index", "filed_at", "request", "filed_by", "department", "purpose", "audience",
                "pictures", "state_at_cutoff", "finished_at",
            ),
        ),
        Listing(
            "refusals",
            REFUSED,
            """
            SELECT index, at, kind, objects ->> 'request', objects ->> 'composite', (
                SELECT string_agg(DISTINCT reason, ' ') FROM (
                    SELECT jsonb_path_query(objects, 'lax $.reasons[*]') #>> '{}' AS reason
                    UNION SELECT jsonb_path_query(objects, 'lax $.regions[*].reasons[*]') #>> '{}'
                ) AS reasons)
            FROM told ORDER BY index
            """,
            ("log_index", "at", "what", "request", "composite", "reasons"),
        ),
        Listing(
            "uses",
            (
                Kind.COMPOSITE_SEALED, Kind.COMPOSITE_HANDED_OUT, Kind.PUBLICATION_RECORDED,
                Kind.PUBLICATION_REPLACED, Kind.PUBLICATION_TAKEN_DOWN,
            ),
            """
            SELECT index, at, kind, name, objects ->> 'composite',
                coalesce(objects ->> 'publication', objects ->> 'handout'), objects ->> 'channel',
                objects ->> 'comp', objects ->> 'file_sha256'
            FROM told ORDER BY index
            """,
            (
                "log_index", "at", "what", "by", "composite", "handout_or_publication", "channel", "comp",
                "file_sha256",
            ),
        ),
        Listing(
            "decisions",
            DECISIONS,
            """
            SELECT index, at, kind, name, coalesce(objects ->> 'policy', objects ->> 'bundle',
                objects ->> 'withdrawn', objects ->> 'ground'),
                coalesce(objects ->> 'signoff', objects ->> 'awaited', objects ->> 'takedown',
                    objects ->> 'withdrawal', objects ->> 'hold', objects ->> 'erasure',
                    objects ->> 'retention', objects ->> 'key')
            FROM told ORDER BY index
            """,
            ("log_index", "at", "what", "by", "which", "id"),
        ),
    )
}  # fmt: skip


def rows(session: Session, listing: Listing, asked: PeriodScope, *, cutoff: int) -> Iterator[Sequence[Any]]:
    """Its rows, through a cursor of the server, so that few of them are here at a time."""
    found = session.execute(
        text(_TOLD + listing.statement),
        {
            "kinds": [kind.value for kind in listing.kinds],
            "since": asked.since,
            "until": asked.until,
            "cutoff": cutoff,
        },
        execution_options={"stream_results": True, "yield_per": AT_ONCE},
    )
    yield from found


def write(
    session: Session,
    folder: Path,
    asked: PeriodScope,
    *,
    cutoff: int,
) -> tuple[Annex, ...]:
    """Write each listing as `<folder>/<name>.csv`, and say what was written."""
    made = []
    for listing in LISTINGS.values():
        found = rows(session, listing, asked, cutoff=cutoff)
        count, digest = written(folder / f"{listing.name}.csv", listing.columns, found)
        made.append(Annex(name=f"{listing.name}.csv", rows=count, sha256=digest))
    return tuple(made)


def written(path: Path, columns: Sequence[str], found: Iterator[Sequence[Any]]) -> tuple[int, str]:
    """Write a listing as CSV row by row; how many rows it has, and the SHA-256 of the file."""
    hashed, count = hashlib.sha256(), 0
    with path.open("wb") as out:
        line = io.StringIO()
        writer = csv.writer(line, lineterminator="\r\n")

        def put(row: Sequence[Any]) -> None:
            writer.writerow(row)
            content = line.getvalue().encode()
            hashed.update(content)
            out.write(content)
            line.seek(0)
            line.truncate()

        put(columns)
        for row in found:
            put([_cell(cell) for cell in row])
            count += 1
    return count, hashed.hexdigest()


def _cell(cell: Any) -> Any:
    match cell:
        case None:
            return ""
        case datetime():
            return moment(cell)
        case UUID():
            return str(cell)
        case str() if cell[:1] in "=+-@\t\r" and cell:
            return "'" + cell  # a spreadsheet would take it for a formula
    return cell
