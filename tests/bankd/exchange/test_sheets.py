"""Rows of sheets: what each says, and what refuses a row or the whole file."""

import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from bankd.exchange import sheets, tables
from bankd.exchange.columns import SAMPLE, columns
from bankd.exchange.sheets import RowRefused, SheetRow
from bankd.licensing.errors import RightsFileRefused
from tests.bankd.exchange.conftest import ROW, book, csv_file, csv_text, row


def read(path: Path) -> list[SheetRow | RowRefused]:
    with sheets.opened(path) as sheet:
        return list(sheet.rows)


def refusal(path: Path) -> str:
    with pytest.raises(RightsFileRefused) as refused:
        read(path)
    return str(refused.value)


def test_a_row_is_a_grant_with_its_license(tmp_path: Path) -> None:
    [found] = read(csv_file(tmp_path / "a.csv", ROW))

    assert isinstance(found, SheetRow)
    assert (found.line, found.ref) == (2, "AOI-1/web")
    assert found.licensor is not None and found.licensor.name == "株式会社葵フォト"
    terms = found.grant.terms
    assert (terms.starts_on, terms.ends_on, terms.zone) == (date(2026, 4, 1), date(2027, 3, 31), "Asia/Tokyo")
    assert terms.audiences == {"public", "internal"}
    assert (terms.generative, terms.train) == (True, False)


def test_headers_words_and_marks_of_a_japanese_desk_are_understood(tmp_path: Path) -> None:
    japanese = {
        "許諾番号": "AOI-1", "許諾者コード": "aoi", "許諾者": "株式会社葵フォト", "契約名": "ウェブ利用",
        "根拠": "許諾", "許諾地域": "日本、KR", "媒体": "ウェブ、SNS", "利用目的": "商用", "業種": "全業種",
        "公開範囲": "一般公開、社内", "改変": "トリミング、合成", "生成利用": "可", "学習利用": "不可",
        "許諾開始日": "令和８年４月１日", "許諾終了日": "無期限", "タイムゾーン": "Asia/Tokyo", "料金": "８，０００",  # noqa: E501
        "通貨": "JPY", "クレジット": "葵フォト",
    }  # fmt: skip

    for path in (
        csv_file(tmp_path / "a.csv", japanese, encoding="cp932"),
        csv_file(tmp_path / "b.csv", japanese, encoding="utf-8-sig"),
        book(tmp_path / "c.xlsx", [list(japanese), list(japanese.values())]),
    ):
        [found] = read(path)
        assert isinstance(found, SheetRow), found
        terms = found.grant.terms
        assert terms.territories == {"JP", "KR"}
        assert (terms.channels, terms.alterations) == ({"web", "social"}, {"crop", "combine"})
        assert (terms.generative, terms.train, terms.fee_minor) == (True, False, 8000)
        assert (terms.starts_on, terms.ends_on) == (date(2026, 4, 1), None)
        assert terms.credit is not None and terms.credit.text == "葵フォト"


def test_cells_of_a_workbook_are_days_numbers_and_marks(tmp_path: Path) -> None:
    cells = row(
        starts_on=datetime(2026, 4, 1),  # noqa: DTZ001
        ends_on=46477,
        generative=True,
        fee_minor=8000.0,
        currency="JPY",
    )

    [found] = read(book(tmp_path / "a.xlsx", [list(cells), list(cells.values())]))

    assert isinstance(found, SheetRow), found
    assert (found.grant.terms.starts_on, found.grant.terms.ends_on) == (date(2026, 4, 1), date(2027, 3, 31))
    assert (found.grant.terms.generative, found.grant.terms.fee_minor) == (True, 8000)


def test_what_repeats_in_a_field_stands_in_one_cell(tmp_path: Path) -> None:
    cells = row(
        exclusivity="holder=Rival K.K. | sectors=cosmetics, food | territories=JP | channels=web;",
        co_owners="name=Bo | agreed=yes; name=Cy",
    )

    [found] = read(csv_file(tmp_path / "a.csv", cells))

    assert isinstance(found, SheetRow), found
    [held] = found.grant.terms.exclusivity
    assert (held.holder, held.sectors, held.channels) == ("Rival K.K.", {"cosmetics", "food"}, {"web"})
    assert [(owner.name, owner.agreed) for owner in found.license.co_owners] == [("Bo", True), ("Cy", False)]


def test_a_creative_commons_id_stands_for_its_grant(tmp_path: Path) -> None:
    public = {
        "license": "BY", "licensor": "lumen", "licensor_name": "Lumen", "title": "Lumen", "zone": "UTC",
        "spdx": "CC-BY-4.0", "starts_on": "2023-06-01", "credit": "Lumen, CC BY 4.0",
    }  # fmt: skip

    found, other = read(csv_file(tmp_path / "a.csv", public, {**public, "license": "BY2", "channels": "web"}))

    assert isinstance(found, SheetRow), found
    assert (found.ref, found.grant.terms.generative) == ("BY/cc", True)
    assert isinstance(other, RowRefused) and "`spdx` stands for the whole grant" in other.sentence


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"territories": "JPN"}, "unknown territory `JPN`"),
        ({"channels": "telegraph"}, "`telegraph` is no word for `channels`"),
        ({"starts_on": "3/4/2026"}, "can be read as several days"),
        ({"ends_on": ""}, "`ends_on` is missing"),
        ({"ends_on": "2025-01-01"}, "before it starts"),
        ({"zone": ""}, "`zone` is empty"),
        ({"zone": "Tokyo"}, "unknown time zone `Tokyo`"),
        ({"license": ""}, "`license` is empty"),
        ({"license": "a b"}, "is not a valid `ref`"),
        ({"generative": "perhaps"}, "neither `yes` nor `no`"),
        ({"fee_minor": "12.50", "currency": "EUR"}, "no whole number"),
        ({"fee_minor": "-1", "currency": "EUR"}, "must be 0 or more"),
        ({"cap": "-3"}, "must be 0 or more"),
        ({"fee_minor": "1"}, "a fee needs its `currency`"),
        ({"title": "=HYPERLINK(1)"}, "begins with `=`"),
        ({"licensor_name": "@SUM(A1)"}, "begins with `@`"),
        ({"title": "+cmd|' /C calc'!A0"}, "begins with `+`"),
        ({"title": "-1+1"}, "begins with `-`"),
        ({"title": "a\0b"}, "control character"),
        ({"exclusivity": "holder=X | sector=food"}, "is not one of"),
        ({"supersedes": "AOI-1"}, "cannot supersede itself"),
        ({"fees": "trigger=seal | amount_minor=5 | tiers=1", "currency": "EUR"}, "use a rights file"),
    ],
)
def test_a_wrong_row_is_refused_alone(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    before, wrong, after = read(
        csv_file(tmp_path / "a.csv", row(license="A"), row(**changes), row(license="B"))
    )

    assert isinstance(before, SheetRow) and isinstance(after, SheetRow)
    assert isinstance(wrong, RowRefused)
    assert wrong.line == 3
    assert sentence in wrong.sentence


def test_rows_agree_with_those_above(tmp_path: Path) -> None:
    found = read(
        csv_file(
            tmp_path / "a.csv",
            row(),
            row(grant="print", channels="print"),
            row(grant="app", title="Another title"),
            row(grant="web"),
        )
    )

    assert [isinstance(one, SheetRow) for one in found] == [True, True, False, False]
    sentences = [one.sentence for one in found if isinstance(one, RowRefused)]
    assert "says other things of the license `AOI-1` than line 2" in sentences[0]
    assert "the grant `AOI-1/web` is on line 2 already" in sentences[1]


def test_lines_are_those_of_the_file_even_where_a_cell_has_several(tmp_path: Path) -> None:
    found = read(csv_file(tmp_path / "a.csv", row(quote="one\ntwo\nthree"), row(license="")))

    assert [one.line for one in found] == [2, 5]


def test_columns_with_tabs_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text(csv_text([ROW], delimiter="\t"))

    assert isinstance(read(path)[0], SheetRow)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"license,nonsense\nA,B\n", "`nonsense` is no column of a rights sheet"),
        (b"license,license\nA,B\n", "`license` is two columns"),
        (b"license,,title\nA,B,C\n", "a column has no name"),
        (b"title\nA\n", "the column `license` is missing"),
        (b"license;title\nA;B\n", "apart by `;`"),
        (b'license,licensor,title,zone\n"A,B\n', "quotes or line ends"),
        ("license,契約名\nA,B".encode("utf-16"), "is UTF-16"),
        (b"\xef\xbb\xbflicense,\x83\n", "begins as UTF-8 and is not"),
        ("license,title\nCaf\xe9 ,B".encode("latin-1"), "neither UTF-8 nor CP932"),
        (b"license,title\n\x80\xa0\xff,B", "neither UTF-8 nor CP932"),
        (b"\xd0\xcf\x11\xe0old", "an old or a protected workbook"),
        (b"PK\x03\x04 no zip", "is no sound workbook"),
    ],
)
def test_what_is_no_sheet_is_refused_whole(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)

    assert sentence in refusal(path)


def test_merged_headers_are_refused_with_a_sentence_and_merged_rows_alone(tmp_path: Path) -> None:
    rows = [list(ROW), list(ROW.values()), list(row(license="B").values())]

    assert "cells of the header are merged" in refusal(book(tmp_path / "a.xlsx", rows, merge=["A1:B1"]))
    assert "cells of the header are merged" in refusal(book(tmp_path / "b.xlsx", rows, merge=["C1:C2"]))
    first, second = read(book(tmp_path / "c.xlsx", rows, merge=["D2:E2"]))
    assert isinstance(first, RowRefused) and "merged" in first.sentence
    assert isinstance(second, SheetRow)


def test_formulas_and_errors_are_no_values(tmp_path: Path) -> None:
    computed, failed = row(license="A", cap="=1+1"), row(license="B", cap="#N/A")

    found = read(book(tmp_path / "a.xlsx", [list(computed), list(computed.values()), list(failed.values())]))

    assert all(isinstance(one, RowRefused) and "formula or an error" in one.sentence for one in found)


def test_of_several_sheets_the_one_named_rights_is_read(tmp_path: Path) -> None:
    rows = [list(ROW), list(ROW.values())]

    assert len(read(book(tmp_path / "a.xlsx", rows, more=["notes"]))) == 1
    path = book(tmp_path / "b.xlsx", rows, more=["notes"])
    made = openpyxl.load_workbook(path)
    made["rights"].title = "Tabelle1"
    made.save(path)
    assert "none is named `rights`" in refusal(path)


def test_a_workbook_that_unpacks_beyond_its_bounds_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = book(tmp_path / "a.xlsx", [list(ROW), list(ROW.values())])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros", bytes(tables.MAX_PART_BYTES + 1))
    assert path.stat().st_size < 100_000
    assert "`xl/media/zeros` unpacks to more than 16 MiB" in refusal(path)

    monkeypatch.setattr(tables, "MAX_PARTS", 5)
    assert "more than 5 parts" in refusal(book(tmp_path / "b.xlsx", [list(ROW), list(ROW.values())]))


def test_a_workbook_with_entities_is_refused(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", [list(ROW), list(ROW.values())])
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><sst>&b;</sst>'
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, bomb if name.endswith("sheet1.xml") else content)

    assert openpyxl.DEFUSEDXML
    assert "cannot be read as a workbook" in refusal(path)


def test_a_row_at_the_end_of_the_world_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "MAX_ROWS", 1000)
    path = book(tmp_path / "a.xlsx", [list(ROW), list(ROW.values())])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            far = content.replace(b'r="2"', b'r="999999999999"').replace(
                b'<row r="999999999999"', b'<row r="999999999999"'
            )
            archive.writestr(name, far if name.endswith("sheet1.xml") else content)

    assert "more than 1000 rows" in refusal(path)


def test_a_cell_far_to_the_right_is_refused(tmp_path: Path) -> None:
    wide = [*ROW.values(), *[None] * 300, "x"]

    assert "200 columns are the most" in refusal(book(tmp_path / "a.xlsx", [list(ROW), wide]))


def test_the_template_row_is_sound(tmp_path: Path) -> None:
    assert set(SAMPLE) <= set(columns())
    [found] = read(csv_file(tmp_path / "a.csv", dict(SAMPLE)))

    assert isinstance(found, SheetRow), found


def test_photos_of_a_product_are_named_with_it(tmp_path: Path) -> None:
    files = {"files": "mug-1.jpg; mug-2.jpg"}
    [found] = read(csv_file(tmp_path / "a.csv", {**ROW, **files, "品番": "MUG-1"}))
    assert isinstance(found, SheetRow) and found.product == "MUG-1"
    record = sheets.whole(tmp_path / "a.csv").record_for("mug-2.jpg")
    assert record is not None and record.depictions.product == "MUG-1"

    for number, (wrong, why) in enumerate(
        [
            ({**files, "product": "two words"}, "product"),
            ({"files": "", "product": "MUG-1"}, "name them in `files`"),
        ]
    ):
        [refused] = read(csv_file(tmp_path / f"{number}.csv", {**ROW, **wrong}))
        assert isinstance(refused, RowRefused) and why in refused.sentence
