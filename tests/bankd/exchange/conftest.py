"""Sheets written for a test, and a bank to bring them into."""

import csv
import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pytest
from sqlalchemy.orm import Session, sessionmaker

from bankd.exchange.importing import import_file
from bankd.exchange.recording import Imported, RowOutcome
from bankd.storage import Blobs

ROW = {
    "license": "AOI-1", "grant": "web", "licensor": "aoi", "licensor_name": "株式会社葵フォト",
    "title": "Web in Japan", "basis": "licensed", "territories": "JP", "channels": "web",
    "purposes": "commercial", "sectors": "any", "audiences": "public; internal",
    "alterations": "crop; combine", "generative": "yes", "starts_on": "2026-04-01",
    "ends_on": "令和9年3月31日", "zone": "Asia/Tokyo",
}  # fmt: skip


def row(**changes: Any) -> dict[str, Any]:
    return {**ROW, **changes}


def csv_text(rows: Sequence[dict[str, Any]], delimiter: str = ",") -> str:
    out = io.StringIO(newline="")
    head = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, head, delimiter=delimiter, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def csv_file(path: Path, *rows: dict[str, Any], encoding: str = "utf-8") -> Path:
    path.write_bytes(csv_text(rows).encode(encoding))
    return path


def book(
    path: Path, rows: Sequence[Sequence[Any]], *, merge: Sequence[str] = (), more: Sequence[str] = ()
) -> Path:
    made = openpyxl.Workbook()
    sheet: Any = made.active
    sheet.title = "rights"
    for one in rows:
        sheet.append(list(one))
    for area in merge:
        sheet.merge_cells(area)
    for title in more:
        made.create_sheet(title)
    made.save(path)
    return path


Bring = Callable[..., tuple[Imported, list[RowOutcome]]]


@pytest.fixture
def bring(sessions: sessionmaker[Session], blobs: Blobs, BY: SimpleNamespace, AT: datetime) -> Bring:
    """Import a file into a bank of the test's own; the report, and the outcome of each row."""

    @contextmanager
    def transaction() -> Any:
        with sessions.begin() as session:
            yield session

    def bring(path: Path, **options: Any) -> tuple[Imported, list[RowOutcome]]:
        outcomes: list[RowOutcome] = []
        opened: Callable[[], AbstractContextManager[Session]] = transaction
        report = import_file(
            path, transactions=opened, blobs=blobs, by=BY.librarian, at=AT, told=outcomes.append, **options
        )
        return report, outcomes

    return bring
