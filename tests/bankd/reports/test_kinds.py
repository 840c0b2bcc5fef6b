"""Reports of every kind: in each form and language, the same bytes, and nothing in them that runs."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import openpyxl
import pytest
from pypdf import PdfReader
from reported import EXPIRIES, EXPOSURE, INVENTORY, REPORTS, STATEMENT

import bankd.reports
from bankd.reports.errors import ReportUnknown, ReportUnreadable, ScopeUnreadable
from bankd.reports.kind import schema
from bankd.reports.page import Money
from bankd.reports.registry import KINDS, kind_of, scope_of
from bankd.reports.rendering import MEDIA_TYPES, read, render
from bankd.reports.report import Form, Report
from bankd.reports.strings import LOCALES, Locale
from bankd.reports.writing import Writer

KIND_NAMES = sorted(REPORTS)
DIGESTS = """
import hashlib, json
from reported import REPORTS
from bankd.reports.rendering import render
print(json.dumps({
    f"{name} {form} {locale}": hashlib.sha256(render(report, form, locale)).hexdigest()
    for name, report in REPORTS.items()
    for form in ("html", "pdf", "xlsx", "csv", "json")
    for locale in ("en", "ja")
    if form != "html" or name == "statement"
}))
"""


@cache
def made(name: str, form: Form, locale: Locale) -> bytes:
    """A made-up report as a file: made once, looked at often."""
    return render(REPORTS[name], form, locale)


def sheet(report: Report, locale: Locale = "en") -> Any:
    return openpyxl.load_workbook(io.BytesIO(render(report, "xlsx", locale)))


def lines(report: Report, locale: Locale = "en") -> list[list[str]]:
    return list(csv.reader(io.StringIO(render(report, "csv", locale).decode("utf-8-sig"), newline="")))


def test_the_same_report_gives_the_same_bytes_in_another_process_zone_and_year() -> None:
    here = {
        f"{name} {form} {locale}": hashlib.sha256(made(name, form, locale)).hexdigest()
        for name in REPORTS
        for form in MEDIA_TYPES
        for locale in LOCALES
        if form != "html" or name == "statement"  # its font is cut out anew, which takes a while
    }
    elsewhere = subprocess.run(
        [sys.executable, "-c", DIGESTS],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "TZ": "Pacific/Apia",
             "PYTHONHASHSEED": "4", "LC_ALL": "C", "SOURCE_DATE_EPOCH": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout  # fmt: skip

    assert json.loads(elsewhere) == here
    assert len(set(here.values())) == 2 + len(REPORTS) * (3 * 2 + 1)  # the JSON is of no language


@pytest.mark.parametrize("name", KIND_NAMES)
@pytest.mark.parametrize("locale", LOCALES)
def test_pdf_is_an_archive_of_the_report_with_its_json_attached(name: str, locale: Locale) -> None:
    report = REPORTS[name]
    pdf = PdfReader(io.BytesIO(made(name, "pdf", locale)))
    root: Any = pdf.trailer["/Root"]

    xmp = root["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in xmp and "<pdfaid:conformance>B</pdfaid:conformance>" in xmp
    assert "<pdfuaid:part>1</pdfuaid:part>" in xmp
    assert root["/OutputIntents"][0].get_object()["/S"] == "/GTS_PDFA1"
    assert root["/Lang"] == locale and root["/MarkInfo"]["/Marked"]
    (attached,) = (one.get_object() for one in root["/AF"])
    assert attached["/AFRelationship"] == "/Source"
    assert pdf.attachments["report.json"][0] == report.as_text().encode()
    assert pdf.metadata is not None and pdf.metadata.creation_date is not None
    assert pdf.metadata.creation_date.isoformat() == "2026-11-23T12:00:00+00:00"
    fonts = {font for page in pdf.pages for font in page["/Resources"]["/Font"].values()}  # type: ignore[index]
    for font in (one.get_object() for one in fonts):
        descendant = font["/DescendantFonts"][0].get_object()
        assert {"/FontFile3", "/FontFile2"} & set(descendant["/FontDescriptor"].get_object())


@pytest.mark.parametrize("name", KIND_NAMES)
@pytest.mark.parametrize("locale", LOCALES)
def test_every_form_names_on_what_the_report_stands(name: str, locale: Locale) -> None:
    report, writer = REPORTS[name], Writer(locale)
    head = report.head
    assert head.policy_bundle is not None and head.log_checkpoint is not None
    said = [head.entity, head.policy_bundle, head.log_checkpoint.root, head.prepared_by]
    said += [writer.say("head.unverified.many", count=2), writer.say("head.approved_by.none"), "48,213"]

    page = made(name, "html", locale).decode()
    first = " ".join(str(cell) for row in sheet(report, locale).worksheets[0].values for cell in row)
    text = "\n".join(cell for row in lines(report, locale) for cell in row)
    pages = PdfReader(io.BytesIO(made(name, "pdf", locale))).pages
    paper = "".join("".join(page.extract_text().split()) for page in pages)
    for fact in said:
        assert fact in page and fact in first and fact in text, fact
        assert "".join(fact.split()) in paper, fact


def test_approved_and_redacted_reports_say_so_in_each_form() -> None:
    head = STATEMENT.head.model_copy(
        update={
            "approved_by": "Naoko Abe 法務部",
            "approved_at": "2026-11-24T01:30:00.000000Z",
            "replaces": "9f" * 32,
            "redacted_on": date(2026, 11, 24),
        }
    )
    report = STATEMENT.model_copy(update={"head": head})

    for form in ("html", "csv"):
        text = render(report, form).decode()
        for said in ("Naoko Abe 法務部, 24 November 2026, 01:30 UTC", "9f" * 32, "24 November 2026"):
            assert said in text
    assert read("statement", render(report, "json")) == report


@pytest.mark.parametrize("name", KIND_NAMES)
def test_spreadsheets_hold_values_and_no_formulas(name: str) -> None:
    for locale in LOCALES:
        book = sheet(REPORTS[name], locale)
        cells = [cell for one in book.worksheets for row in one.iter_rows() for cell in row]
        assert not [cell.coordinate for cell in cells if cell.data_type == "f"]
        assert (
            book.properties.created == book.properties.modified == datetime.fromisoformat("2026-11-23T12:00")
        )
    archive = zipfile.ZipFile(io.BytesIO(render(REPORTS[name], "xlsx", "ja")))
    assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert not [
        entry for entry in archive.namelist() if "vba" in entry.lower() or "external" in entry.lower()
    ]


def test_amounts_and_days_are_numbers_and_days_in_spreadsheets() -> None:
    book = sheet(STATEMENT)
    found = list(book["Earned, by currency"].values)
    euro = dict(zip(found[0], found[1], strict=True))
    assert euro["Uses of the period"] == 1234.5 and euro["Uses of the period, currency"] == "EUR"
    assert euro["Corrections"] == -15.0 and euro["Converted"] == 202_781
    assert euro["Day of the rate"] == datetime.fromisoformat("2026-10-30")
    entries = list(book["Entries"].values)
    assert entries[1][0] == 1000 and entries[1][1] == datetime.fromisoformat("2026-10-01T00:12")
    assert len(entries) == 61

    told = lines(STATEMENT)
    at = told.index(["Earned, by currency"])
    assert told[at + 2][:5] == ["EUR", "31", "1234.50", "EUR", "20.00"]
    assert told[told.index(["Entries"]) + 2][:2] == ["1000", "2026-10-01T00:12:00Z"]


@pytest.mark.parametrize(
    "attack", ['=HYPERLINK("http://x","y")', "+1", "-2+3", "@SUM(A1)", "\t=1", " =1", "\r=1"]
)
def test_what_a_spreadsheet_would_run_is_text(attack: str) -> None:
    line = STATEMENT.corrections[0].model_copy(update={"reason": attack, "grant": attack})
    report = STATEMENT.model_copy(update={"corrections": (line,), "lines": (line,)})

    for row in lines(report):
        for cell in row:
            assert not cell.lstrip(" ").startswith(("=", "+", "@", "\t", "\r")), cell
            if cell.startswith("-"):
                float(cell)  # an amount taken back
    book = sheet(report)
    (cells,) = (
        [cell for row in book["Corrections of earlier entries"].iter_rows(min_row=2) for cell in row],
    )
    reasons = [cell for cell in cells if "_x" in str(cell.value) or str(cell.value).strip() == attack.strip()]
    assert reasons and all(cell.data_type == "s" for cell in reasons)


def test_what_nobody_verified_is_marked_where_it_stands() -> None:
    page = made("statement", "html", "en").decode()
    assert page.count('<span class="mark">Unverified</span>') == 1
    assert made("exposure", "html", "ja").decode().count('<span class="mark">未確認</span>') == 1
    assert [row[5] for row in list(sheet(STATEMENT)["Earned, by license"].values)[1:]] == [
        650_000, 300_000, 100_000,
    ]  # fmt: skip
    assert "66.67%" in next(row for row in lines(STATEMENT) if row[:1] == ["HANAMI-2026"] and "2 of 3" in row)


def test_charts_of_a_report_are_in_its_spreadsheet_too() -> None:
    for report in (STATEMENT, EXPOSURE, EXPIRIES, INVENTORY):
        archive = zipfile.ZipFile(io.BytesIO(render(report, "xlsx")))
        assert "xl/charts/chart1.xml" in archive.namelist()


def test_words_cannot_become_markup_in_a_chart() -> None:
    attack = "<script>alert('x')</script>"
    license = STATEMENT.by_license[0].model_copy(update={"title": attack})
    report = STATEMENT.model_copy(update={"by_license": (license, *STATEMENT.by_license[2:])})

    assert "<script>" not in render(report, "html").decode()
    assert render(report, "pdf").startswith(b"%PDF")


def test_csv_is_marked_as_utf_8_for_spreadsheets() -> None:
    data = render(STATEMENT, "csv", "ja")
    assert data.startswith(b"\xef\xbb\xbf") and "支払明細書".encode() in data and b"\r\n" in data


def test_a_last_day_is_that_of_the_contracts_zone_and_what_ends_at_a_moment_says_when() -> None:
    at = "2027-01-01T05:00:00.000000Z"  # midnight in New York
    grant = EXPIRIES.ends[0].model_copy(update={"at": at, "zone": "America/New_York"})
    hold = EXPIRIES.ends[4].model_copy(update={"at": at, "zone": None})
    told = EXPIRIES.model_copy(update={"ends": (grant, hold)})

    rows = [row for row in lines(told) if len(row) > 6 and row[2].startswith("2027-01-01T05")]
    assert [row[:2] for row in rows] == [["2026-12-31", "America/New_York"], ["2027-01-01", ""]]
    shown = render(told, "html", "en").decode()
    assert "31 Dec 2026<small>America/New_York" in shown and "01 Jan 2027<small>until 05:00 UTC" in shown


@pytest.mark.parametrize("name", sorted(KINDS))
def test_published_schemas_are_the_models_own(name: str) -> None:
    published = Path(bankd.reports.__file__).parent / "schemas" / f"{name}.schema.json"
    own = schema(kind_of(name))
    text = json.dumps(own, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    assert published.read_text() == text
    jsonschema.Draft202012Validator.check_schema(own)
    if name in REPORTS:
        jsonschema.validate(json.loads(REPORTS[name].as_text()), own)
        assert read(name, REPORTS[name].as_text()) == REPORTS[name]


def test_what_is_asked_is_read_from_plain_values_and_refused_by_name() -> None:
    assert scope_of("expiries", {"days": "90"}).model_dump() == {"days": 90}
    with pytest.raises(ReportUnknown, match="there is no report `horoscope`"):
        kind_of("horoscope")
    with pytest.raises(ScopeUnreadable, match="`statement` of the statement report cannot be read"):
        scope_of("statement", {"statement": "x"})
    with pytest.raises(ScopeUnreadable, match="`moon` of the expiries report"):
        scope_of("expiries", {"moon": 1})
    with pytest.raises(ReportUnreadable, match="the file is no statement report"):
        read("statement", "{}")


@pytest.mark.parametrize("form", ["html", "pdf", "xlsx", "csv"])
def test_empty_reports_are_laid_out_too(form: Form) -> None:
    nothing = [
        STATEMENT.model_copy(
            update={
                **dict.fromkeys(
                    ("earned", "rates", "by_license", "shares", "held", "lines", "corrections"), ()
                ),
                "net_minor": 0,
                "carried_forward_minor": 4_000,
                "lines_in_all": 0,
            }
        ),
        EXPOSURE.model_copy(
            update={
                **dict.fromkeys(("networks", "agreements", "touched", "given", "published"), ()),
                **dict.fromkeys(("composites", "handouts", "publications", "takedowns_open"), 0),
            }
        ),
        EXPIRIES.model_copy(update={"ends": ()}),
        INVENTORY.model_copy(
            update=dict.fromkeys(
                ("bases", "purposes", "channels", "audiences", "territories", "endings", "licenses"), ()
            )
        ),
    ]
    for report in nothing:
        assert len(render(report, form, "ja")) > 500


def test_amounts_are_written_by_the_digits_of_their_currency() -> None:
    english, japanese = Writer("en"), Writer("ja")
    assert english.money(Money(123_456, "JPY")) == "123,456\u00a0JPY"
    assert english.money(Money(-5, "EUR")) == "\u22120.05\u00a0EUR"
    assert english.money(Money(1_234_567, "KWD")) == "1,234.567\u00a0KWD"
    assert japanese.money(Money(-123_456, "JPY")) == "\u2212123,456円"
    assert japanese.money(Money(100, "USD")) == "1.00\u00a0USD"
    assert [english.rate(bp).replace("\u202f", " ") for bp in (1000, 1021, 2042, 850)] == [
        "10 %", "10.21 %", "20.42 %", "8.5 %",
    ]  # fmt: skip
