"""A large sheet: the wrong lines refused, the rest in, in bounded memory.

`BANKD_SHEET_ROWS=100000` is the size of the measurements in the docs; by default it is a small one.
"""

import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bankd.exchange import sheets
from bankd.licensing.models import Grant, License
from tests.bankd.exchange.conftest import ROW, Bring, csv_text, row

ROWS = int(os.environ.get("BANKD_SHEET_ROWS", "1500"))
WRONG = {
    ROWS // 3: {"territories": "Atlantis"},
    ROWS // 2: {"ends_on": "令和9年2月29日"},
    ROWS - 1: {"cap": "-1"},
}


def rows() -> list[dict[str, Any]]:
    head = dict.fromkeys(["cap", "fee_minor", "currency"], "") | ROW
    made = [
        head | row(license=f"L-{number}", title=f"契約 {number}", fee_minor=number % 977, currency="JPY")
        for number in range(ROWS)
    ]
    for number, changes in WRONG.items():
        made[number] |= changes
    return made


def rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_wrong_lines_of_a_large_sheet_are_refused_and_the_rest_is_in(
    bring: Bring, sessions: sessionmaker[Session], tmp_path: Path, record_property: Any
) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(csv_text(rows()).encode("cp932"))
    before, started, used = rss_mb(), time.perf_counter(), time.process_time()

    report, outcomes = bring(path)

    taken, grown = time.perf_counter() - started, rss_mb() - before
    record_property("seconds", round(taken, 1))
    record_property("grown_mb", round(grown, 1))
    print(
        f"{ROWS} rows, {path.stat().st_size} bytes: {taken:.1f} s "
        f"({time.process_time() - used:.1f} s of CPU), +{grown:.0f} MB"
    )
    assert [one.line for one in report.refused] == [number + 2 for number in sorted(WRONG)]
    assert len(outcomes) == ROWS and report.encoding == "CP932"
    with sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(License)) == ROWS - 3
        assert session.scalar(select(func.count()).select_from(Grant)) == ROWS - 3
    assert grown < 400


@pytest.mark.skipif(
    "BANKD_SHEET_ROWS" not in os.environ, reason="a workbook of this size takes long to write"
)
def test_a_large_workbook_is_read_in_bounded_memory(tmp_path: Path) -> None:
    import openpyxl

    made = rows()
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("rights")
    sheet.append(list(made[0]))
    for one in made:
        sheet.append(list(one.values()))
    book.save(tmp_path / "large.xlsx")
    del made
    before, started = rss_mb(), time.perf_counter()

    with sheets.opened(tmp_path / "large.xlsx") as found:
        refused = [one.line for one in found.rows if isinstance(one, sheets.RowRefused)]

    taken, grown = time.perf_counter() - started, rss_mb() - before
    print(f"{ROWS} rows of a workbook: {taken:.1f} s, +{grown:.0f} MB")
    assert refused == [number + 2 for number in sorted(WRONG)]
    assert grown < 400
