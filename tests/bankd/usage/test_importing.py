"""Tables of publications: each row is its own, and a dry run leaves nothing behind."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select

from bankd.licensing.errors import RightsFileRefused
from bankd.provenance.models import Publication
from bankd.usage import importing


def rows_of(session: Any) -> int:
    return session.scalar(select(func.count()).select_from(Publication)) or 0


def test_rows_are_recorded_marked_known_or_refused_each_alone(desk: Any, tmp_path: Path) -> None:
    desk = desk()
    composite = desk.composite(channels=["web"])
    handout = desk.handout(composite.id)
    given = str(handout.id)
    head = [
        "ref",
        "handout",
        "composite",
        "channel",
        "place",
        "territories",
        "from",
        "to",
        "copies",
        "taken_down",
    ]
    told: list[tuple[list[Any], str | tuple[str, ...]]] = [
        (["P-1", given, "", "web", "a", "JP", "2026-06-01", "", "", "2026-06-01"], ()),
        (["P-2", given, "", "web", "b", "JP; KR", "令和8年6月1日", "", "", ""], ("other-territories",)),
        (["P-3", "", str(composite.id), "web", "c", "JP", "2026-06-01", "", 5.0, ""], ("more-copies",)),
        (["P-4", "nonsense", "", "web", "d", "JP", "2026-06-01", "", "", ""], "`nonsense` is not the id"),
        (["P-5", given, "", "web", "e", "XX", "2026-06-01", "", "", ""], "territories: unknown territory"),
        (["P-6", given, "", "web", "f", "JP", "2026-06-01", "2026-05-01", "", ""], "before it starts"),
        (["P-7", given, "", "web", "g", "JP", "2026-07-01", "", "", ""], "still to come"),
        (["P-8", given, "", "web", "h", "JP", "2026-06-01", "", "-3", ""], "copies: "),
        (["P-9", given, "", "web", "i", "JP", "2026-06-01", "", "", "2026-05-01"], "was not taken down on"),
        (["P-1", given, "", "web", "z", "JP", "2026-06-01", "", "", ""], "already recorded with other facts"),
        (["P-10", "", "", "web", "j", "JP", "2026-06-01", "", "", ""], "needs its handout"),
    ]
    book = openpyxl.Workbook()
    book.active.append(head)
    for row, _ in told:
        book.active.append(row)
    path = tmp_path / "uses.xlsx"
    book.save(path)
    rt = desk.bank.rt

    with rt.transaction() as session:
        dry = importing.import_file(session, path, dry_run=True, **desk.who)
        assert rows_of(session) == 0
    with rt.transaction() as session:
        found = importing.import_file(session, path, **desk.who)
        assert rows_of(session) == 3
    with rt.transaction() as session:
        again = importing.import_file(session, path, **desk.who)

    assert [one.outcome for one in dry] == [one.outcome for one in found]
    for one, (_, expected) in zip(found, told, strict=True):
        if isinstance(expected, str):
            assert one.outcome == "refused" and expected in (one.problem or ""), one
        else:
            assert (one.outcome, one.outside) == ("recorded", expected), one
    assert [one.line for one in found] == list(range(2, 13))
    assert [one.outcome for one in again[:3]] == ["known"] * 3


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ("handout,channel,place,territories", "column `from` is missing"),
        ("channel,place,territories,from", "column `handout` or `composite` is missing"),
        ("handout,channel,place,territories,from,from", "column `from` stands there twice"),
        ("handout,channel,place,territories,from,price", "unknown column `price`"),
        ("", "is empty"),
    ],
)
def test_a_header_that_is_not_understood_refuses_the_file(
    session: Any, BY: Any, AT: Any, tmp_path: Path, head: str, sentence: str
) -> None:
    path = tmp_path / "uses.csv"
    path.write_text(head)
    with pytest.raises(RightsFileRefused, match=sentence):
        importing.import_file(session, path, by=BY.compliance, at=AT)
