"""Sheets brought into a bank on a real Postgres and store: the same rows as a rights file, line by line."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bankd.audit import log
from bankd.exchange import recording
from bankd.exchange.importing import read
from bankd.licensing import service
from bankd.licensing.errors import RightsFileRefused
from bankd.licensing.models import Document, Grant, GrantCounter, License, Licensor
from tests.bankd.exchange.conftest import Bring, csv_file, row

FULL = {
    "title": "写真利用許諾契約書", "spdx": "LicenseRef-Agency", "license_clause": "1",
    "license_quote": "許諾する。",
    "verified_by": "R. Hayashi", "author": "株式会社葵フォト", "grant_verified_by": "M. Sato",
    "language": "ja", "co_owners": "name=Bo | agreed=yes", "clause": "4.10",
    "quote": "日本国内での利用を許諾する。", "cap": "40", "fee_minor": "8000", "currency": "JPY",
    "credit": "葵フォト", "territories_excepted": "", "document": "contract.md",
    "exclusivity": "holder=Rival | sectors=cosmetics | territories=JP | channels=web",
}  # fmt: skip


def rights_yaml(cells: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": 1,
        "licensors": [{"ref": "aoi", "name": "株式会社葵フォト"}],
        "documents": [{"ref": "contract", "path": "contract.md"}],
        "licenses": [
            {
                "ref": "AOI-1", "licensor": "aoi", "title": cells["title"], "basis": "licensed",
                "spdx": cells["spdx"], "document": "contract", "clause": "1", "quote": "許諾する。",
                "verified_by": "R. Hayashi", "author": "株式会社葵フォト",
                "co_owners": [{"name": "Bo", "agreed": True}],
                "grants": [
                    {
                        "ref": "web", "language": "ja", "verified_by": "M. Sato", "clause": "4.10",
                        "quote": cells["quote"],
                        "terms": {
                            "territories": "JP", "channels": ["web"], "purposes": ["commercial"],
                            "sectors": ["any"], "audiences": ["public", "internal"],
                            "alterations": ["crop", "combine"], "generative": True,
                            "starts_on": "2026-04-01", "ends_on": "2027-03-31", "zone": "Asia/Tokyo",
                            "cap": "40", "fee_minor": "8000", "currency": "JPY",
                            "credit": {"text": "葵フォト"},
                            "exclusivity": [
                                {"holder": "Rival", "sectors": ["cosmetics"], "territories": "JP",
                                 "channels": ["web"]}
                            ],
                        },
                    }
                ],
            }
        ],
    }  # fmt: skip


def recorded(session: Session) -> list[Any]:
    """All rows of rights but for ids, and the log's payloads in order of their kinds."""
    found: list[Any] = []
    for table in (Licensor, Document, License, Grant, GrantCounter):
        names = [column.key for column in table.__table__.columns if not column.key.endswith("id")]
        rows = session.execute(select(*(getattr(table, name) for name in names)))
        found += [(table.__name__, dict(zip(names, one, strict=True))) for one in rows]
    for entry in log.read(session):
        if entry.kind != "rights.imported":
            objects = (entry.payload or {})["objects"]
            kept = {
                name: value
                for name, value in objects.items()
                if name not in ("license", "licensor", "grant", "licensor_id")
            }
            found.append((entry.kind, kept))
    return sorted(found, key=lambda one: (one[0], json.dumps(one[1], default=str, sort_keys=True)))


def test_a_sheet_leaves_the_same_rows_and_entries_as_a_rights_file(
    bring: Bring, sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    (tmp_path / "contract.md").write_text("Signed.\n")
    file = tmp_path / "rights.yaml"
    file.write_text(yaml.safe_dump(rights_yaml(FULL), allow_unicode=True))
    bring(file)
    with sessions.begin() as session:
        by_file = recorded(session)

    again, _ = bring(csv_file(tmp_path / "a.csv", row(**FULL)))

    assert (again.new, again.known) == ({}, {"grants": 1})  # one that a file gave is known to a sheet
    with sessions.begin() as session:
        assert recorded(session) == by_file


def test_what_a_sheet_gave_is_known_to_a_rights_file(
    bring: Bring, sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    (tmp_path / "contract.md").write_text("Signed.\n")
    report, _ = bring(csv_file(tmp_path / "a.csv", row(**FULL)))
    assert report.new == {"licensors": 1, "documents": 1, "licenses": 1, "grants": 1}
    with sessions.begin() as session:
        by_sheet = recorded(session)

    file = tmp_path / "rights.yaml"
    file.write_text(yaml.safe_dump(rights_yaml(FULL), allow_unicode=True))
    again, _ = bring(file)

    assert again.new == {}
    assert again.known == {"licensors": 1, "documents": 1, "licenses": 1, "grants": 1}
    with sessions.begin() as session:
        assert recorded(session) == by_sheet


def test_three_wrong_lines_are_refused_and_the_rest_is_in(
    bring: Bring, sessions: sessionmaker[Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "BATCH", 7)
    rows = [row(license=f"A-{number}") for number in range(30)]
    rows[4] = row(license="A-4", territories="Atlantis")
    rows[17] = row(license="A-17", ends_on="令和9年2月29日")
    rows[29] = row(license="A-29", cap="-1")

    report, outcomes = bring(csv_file(tmp_path / "a.csv", *rows))

    assert [one.line for one in report.refused] == [6, 19, 31]
    assert (report.new["grants"], len(outcomes)) == (27, 30)
    with sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(License)) == 27
        assert session.scalar(select(func.count()).select_from(Licensor)) == 1
    again, _ = bring(csv_file(tmp_path / "a.csv", *rows))
    assert (again.new, again.known, len(again.refused)) == ({}, {"grants": 27}, 3)


def test_a_dry_run_says_the_same_and_writes_nothing(
    bring: Bring,
    sessions: sessionmaker[Session],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recording, "BATCH", 2)
    (tmp_path / "contract.md").write_text("Signed.\n")
    path = csv_file(
        tmp_path / "a.csv",
        row(**FULL),
        row(license="B", licensor_name=""),
        row(license="C", territories="Atlantis"),
        row(license="D", supersedes="B"),
        row(license="E", supersedes="nothing"),
    )

    dry, said = bring(path, dry_run=True)

    with sessions.begin() as session:
        assert session.scalar(select(func.count()).select_from(Licensor)) == 0
        assert session.scalar(select(func.count()).select_from(Document)) == 0
        assert log.epoch(session) == 0
    wet, done = bring(path)
    assert [(one.line, one.state, one.says) for one in said] == [
        (one.line, one.state, one.says) for one in done
    ]
    assert (dry.new, dry.known, dry.refused) == (wet.new, wet.known, wet.refused)
    assert [one.line for one in wet.refused] == [4, 6]
    assert wet.ended == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"title": "Another"}, "license `AOI-1` is already recorded with other content"),
        ({"licensor_name": "Another"}, "licensor `aoi` is already recorded with other content"),
        ({"channels": "print"}, "grant of license `AOI-1` `web` is already recorded with other content"),
        ({"license": "N", "licensor": "nobody", "licensor_name": ""}, "no licensor has the ref `nobody`"),
        ({"license": "N", "document": "absent.md"}, "document `absent.md` is not there"),
        ({"license": "N", "document": "../up.md"}, "document `../up.md` is not there"),
        ({"license": "N", "document": "a" * 64}, "no document `aaa"),
        ({"grant": "n", "grant_supersedes": "no"}, "unknown grant `no` of license `AOI-1`"),
    ],
)
def test_what_the_bank_says_otherwise_is_refused_by_line(
    bring: Bring, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    (tmp_path.parent / "up.md").write_text("outside")
    bring(csv_file(tmp_path / "a.csv", row()))

    report, outcomes = bring(csv_file(tmp_path / "b.csv", row(**changes), row(license="OTHER")))

    assert [one.state for one in outcomes] == ["refused", "new"]
    assert report.refused[0].line == 2
    assert sentence in (report.refused[0].says or "")


def test_new_terms_supersede_old_ones_and_withdrawn_licenses_grant_nothing_new(
    bring: Bring, sessions: sessionmaker[Session], tmp_path: Path, BY: Any, NOON: Any
) -> None:
    bring(csv_file(tmp_path / "a.csv", row(), row(grant="print", channels="print"), row(license="W")))

    report, _ = bring(csv_file(tmp_path / "b.csv", row(grant="web-2", grant_supersedes="web")))

    assert report.ended == 1
    with sessions.begin() as session:
        held = service.grants_by_ref(session, ["AOI-1/web", "AOI-1/web-2", "W/web"])
        standing = service.standing(session, [grant.id for grant in held.values()])
        assert standing[held["AOI-1/web"].id] == {"superseded"}
        assert standing[held["AOI-1/web-2"].id] == frozenset()
        service.withdraw(session, held["W/web"].license_id, reason="left", by=BY.compliance, at=NOON)
    report, _ = bring(csv_file(tmp_path / "c.csv", row(license="W", grant="app", channels="app")))
    assert "license `W` was withdrawn already" in (report.refused[0].says or "")


def test_photos_can_be_ingested_with_a_sheet(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path / "a.csv",
        row(files="desk-1.jpg; mug*.png"),
        row(grant="print", channels="print", files="desk-1.jpg"),
    )

    rights = read(path)

    found = rights.record_for("photos/desk-1.jpg")
    assert found is not None and found.grants == ("AOI-1/web", "AOI-1/print")
    assert rights.record_for("mug-7.png") is not None and rights.record_for("cup.png") is None
    with pytest.raises(RightsFileRefused, match="line 3"):
        read(csv_file(tmp_path / "b.csv", row(), row(license="B", territories="Atlantis")))
