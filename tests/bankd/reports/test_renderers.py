import base64
import csv
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from fontTools.ttLib import TTFont
from pypdf import PdfReader

from bankd.provenance.manifest import Refiner
from bankd.reports.carried import CJK, carried
from bankd.reports.kind import Gathered
from bankd.reports.kinds.provenance import KIND
from bankd.reports.kinds.provenance.model import (
    Area,
    LayoutSource,
    Mark,
    ProvenanceReport,
    ReportedProduct,
)
from bankd.reports.layout import laid_out
from bankd.reports.rendering import render
from bankd.reports.strings import LOCALES, TABLES, Locale
from bankd.reports.writing import Writer, ranges

Make = Callable[..., Gathered[ProvenanceReport]]
NETWORK = Refiner(
    name="network",
    checkpoint="d" * 64,
    training_snapshot="e" * 64,
    training_photos=4800,
    gate_sha256="f" * 64,
    made_px=4_321,
    sorter="a" * 64,
)
REFINED = {"refiner": NETWORK, "network_made": Area(px=4_321, basis_points=2880)}


def page(report: ProvenanceReport, *, locale: Locale) -> dict[str, Any]:
    """A report's sections by title, as templates have them."""
    writer = Writer(locale)
    content = laid_out(report, KIND.show(report, writer), writer, pictures=())
    return {section["title"]: section["blocks"] for section in content["sections"]}


def texts(rows: list[list[dict[str, Any]]]) -> list[list[str]]:
    return [[cell["text"] for cell in row] for row in rows]


def html(made: Gathered[ProvenanceReport], locale: Locale = "en") -> str:
    return render(made.report, "html", locale, pictures=made.pictures).decode()


def pdf(made: Gathered[ProvenanceReport], locale: Locale = "en") -> bytes:
    return render(made.report, "pdf", locale, pictures=made.pictures)


class Page(HTMLParser):
    """What a browser would see: tags in order, text without styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._in_style = False
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("locale", LOCALES)
def test_html_says_everything_that_the_report_holds(illustrated: Make, locale: Locale) -> None:
    made = illustrated(3)

    seen = Page(html(made, locale=locale)).text

    report = made.report
    for photo in report.photos:
        for fact in (photo.licensor, photo.license, photo.license_title, photo.grant, str(photo.photo_id)):
            assert fact in seen
    for fact in (
        report.head.entity,
        str(report.composite_id),
        str(report.request_id),
        report.asked_by,
        report.clearance.policy_bundle,
        report.clearance.log_checkpoint.root,
        report.file_sha256,
        report.pixel_sha256,
        report.manifest_sha256,
        "© Aiko Mori",
        "Kirishima Tea",
        "CC-BY-SA-4.0",
        "13,500 px",
        "1,500 px",
        "25,000",
        "57",
        "41",
    ):
        assert fact in seen, fact


def test_photos_that_may_not_be_viewed_are_grey_boxes(illustrated: Make) -> None:
    seen = Page(html(illustrated(6)))

    images = [attributes["src"] for tag, attributes in seen.tags if tag == "img"]
    boxes = [attributes for tag, attributes in seen.tags if (attributes.get("class") or "") == "withheld"]
    assert len(images) == 1 + 4 and len(boxes) == 2
    nothing = Page(html(illustrated(3, picture="withheld")))
    assert "The picture may not be shown in this report." in nothing.text


def test_html_is_one_file_without_script_or_fetch(illustrated: Make) -> None:
    source = html(illustrated(3))
    seen = Page(source)

    assert not {tag for tag, _ in seen.tags} & {"script", "link", "iframe", "object", "form", "a"}
    for _, attributes in seen.tags:
        assert (attributes.get("src") or "data:").startswith(
            "data:image/jpeg;base64,"
        ) or "src" not in attributes
    assert re.findall(r"url\((.{14})", source) in ([], ['"data:font/otf'])
    assert "@import" not in source
    assert "default-src 'none'" in source


def test_names_cannot_become_markup(illustrated: Make) -> None:
    made = illustrated(1)
    attack = """"><script>alert('x')</script><img src=x onerror=1> {{ 7*7 }} #panic("x") $x$"""
    photo = made.report.photos[0].model_copy(
        update={"licensor": attack, "license_title": attack, "license": attack, "grant": attack}
    )
    credit = made.report.credits_owed[0].model_copy(update={"text": attack})
    use = made.report.declared_use.model_copy(update={"brand": attack, "sector": attack})
    report = made.report.model_copy(
        update={
            "photos": (photo,),
            "credits_owed": (credit,),
            "head": made.report.head.model_copy(update={"entity": attack, "prepared_by": attack}),
            "asked_by": attack,
            "declared_use": use,
        }
    )
    hostile = Gathered(report, made.pictures)

    seen = Page(html(hostile))

    assert "script" not in {tag for tag, _ in seen.tags}
    assert not any("onerror" in attributes for _, attributes in seen.tags)
    assert seen.text.count("alert('x')") >= 7
    assert "{{ 7*7 }}" in seen.text
    assert pdf(hostile).startswith(b"%PDF")  # `#panic` would have stopped it


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("photos", [1, 3, 40])
def test_pdf_is_the_same_every_time(illustrated: Make, locale: Locale, photos: int) -> None:
    first, second = (pdf(illustrated(photos), locale=locale) for _ in range(2))

    assert first == second
    assert b"pdfaid:part" in first or b"<pdfaid" in first
    assert b"pdfuaid" in first


def words_of(data: bytes) -> str:
    """The text of a PDF, with the spaces of its layout taken out."""
    return re.sub(r"\s+", "", "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(data)).pages))


def test_japanese_is_text_in_the_pdf(illustrated: Make) -> None:
    text = words_of(pdf(illustrated(3), locale="ja"))

    for words in (
        "来歴報告書",
        "配置写真",
        "リファイン前のキャンバス面積",
        "写真事務所",
        "春の茶器撮影契約",
        "記録された事実に基づき",
    ):
        assert words in text, words


def test_pdf_and_html_say_the_same(illustrated: Make) -> None:
    made = illustrated(3)
    text = words_of(pdf(made))

    content = page(made.report, locale="en")
    facts = [
        row
        for blocks in content.values()
        for block in blocks
        if block["type"] == "facts"
        for row in block["rows"]
    ]
    assert len(facts) > 30
    for label, value in facts:
        assert re.sub(r"\s+", "", value["text"])[:60] in text, label
    for photo in made.report.photos:
        assert str(photo.photo_id) in text
    for _, sentence in texts(content["Facts that need attention"][0]["rows"]):
        assert re.sub(r"\s+", "", sentence)[:40] in text


@pytest.mark.parametrize("changes", [{"picture": "withheld"}, {"height": 300, "width": 100}, REFINED])
def test_unusual_composites_are_laid_out_too(illustrated: Make, changes: dict[str, Any]) -> None:
    for locale in LOCALES:
        assert pdf(illustrated(2, **changes), locale=locale).startswith(b"%PDF")
        html(illustrated(2, **changes), locale=locale)


def test_json_is_complete_and_read_back(illustrated: Make) -> None:
    report = illustrated(3).report

    text = report.as_text()

    assert type(report).model_validate(json.loads(text)) == report
    assert text == report.as_text() and text.endswith("}\n")


def test_network_and_its_training_photos_stand_apart(illustrated: Make) -> None:
    made = illustrated(1, **REFINED)
    seen = Page(html(made)).text

    assert "nine tenths or more of each pixel on 28.80 % of the picture's area" in seen
    assert "4,321 px" in seen and "does not add up with them" in seen
    assert "4,321px" in words_of(pdf(made))
    assert json.loads(made.report.as_text())["network_made"] == {"basis_points": 2880, "px": 4321}
    assert "a" * 64 in seen and "f" * 64 in seen and "aligned segments" not in seen
    assert "was trained on 4,800 photos, which are not placed photos" in seen
    assert "d" * 64 in seen and "e" * 64 in seen
    assert "None: the refiner blend has no trained network." in Page(html(illustrated(1))).text


@pytest.mark.parametrize(
    ("photos", "says"),
    [
        (1, "One placed photo of one licensor fed 90.00\u202f% of the canvas before refinement."),
        (3, "3 placed photos of 3 licensors fed 90.00\u202f% of the canvas before refinement."),
    ],
)
def test_summary_counts_photos_licensors_and_facts(illustrated: Make, photos: int, says: str) -> None:
    first, allowed, last = [block["text"] for block in page(illustrated(photos).report, locale="en")[""]]

    assert first == says
    assert "allowed on recorded facts" in allowed
    assert last == (
        "No fact relied on is marked as unverified."
        if photos == 1
        else "3 facts relied on need attention; they are marked and listed below."
    )


def test_marks_name_the_license_the_photos_and_the_day(illustrated: Make) -> None:
    (table,) = page(illustrated(6).report, locale="en")["Facts that need attention"]

    assert texts(table["rows"]) == [
        ["Photos 2, 5", "Nobody is recorded as having verified license L1."],
        ["Photos 3, 6", "License L2 has no document on record."],
        [
            "Photos 3, 6",
            "License L2 was withdrawn on 11 July 2026, 12:00 UTC, after this composite was sealed.",
        ],
    ]


@pytest.mark.parametrize("locale", LOCALES)
def test_the_layouts_photo_and_products_are_told_apart_from_placed_photos(
    illustrated: Make, locale: Locale
) -> None:
    layout = LayoutSource(
        photo_id=UUID(int=77),
        sha256="7" * 64,
        licensor="Kiri Archive",
        license="L-77",
        license_title="Arrangements",
        grant="all",
        grant_id=UUID(int=77),
        basis="licensed",
        marks=(Mark(code="unverified", license="L-77", grant="all"),),
        thumbnail="withheld",
    )
    product = ReportedProduct(region=2, product="MUG-1", area=Area(px=780, basis_points=520), generated_px=12)
    plain = illustrated().report
    made = illustrated(layout_origin="photo", layout=layout, products=(product,)).report
    said = render(made, "csv", locale).decode("utf-8-sig")
    rows = {row[0]: row for row in csv.reader(io.StringIO(said, newline="")) if row}

    assert rows["MUG-1"][1:] == ["3", "780", "5.20%", "12"]
    assert rows[str(UUID(int=77))][2:6] == ["Kiri Archive", "L-77", "Arrangements", "all"]
    assert made.marks()[layout.marks[0]] == (0,) and len(made.marks()) == len(plain.marks()) + 1
    for form in ("html", "pdf"):
        assert render(made, form, locale)  # type: ignore[arg-type]
    words = TABLES[locale]
    assert (
        words["layout.photo"] in said and words["layout.photo"] not in render(plain, "csv", locale).decode()
    )
    own = render(illustrated(layout_origin="own").report, "csv", locale).decode()
    assert words["layout.own"] in own


def test_numbers_in_a_row_are_drawn_together() -> None:
    assert ranges([1, 2, 3, 5, 7, 8]) == "1–3, 5, 7, 8"
    assert ranges([4]) == "4"


def test_what_there_is_is_never_said_to_be_nothing_and_a_part_never_all(illustrated: Make) -> None:
    report = illustrated(1, height=1000, width=1000).report
    whole = report.height * report.width
    tiny = Area(px=3, basis_points=0)
    rest = Area(px=whole - 3, basis_points=10_000)
    report = report.model_copy(update={"placed": rest, "inpainted": tiny})

    def said(locale: Locale) -> dict[str, str]:
        title = Writer(locale).say("area")
        return {label: percent for label, _, percent in texts(page(report, locale=locale)[title][1]["rows"])}

    assert said("en")["Placed photos"] == "> 99.99\u202f%"
    assert said("en")["Filled without a photo"] == "< 0.01\u202f%"
    assert said("en")["Made by the refiner alone"] == "0.00\u202f%"
    assert said("en")["Whole canvas"] == "100.00\u202f%"
    assert {"0.01%未満", "99.99%超"} <= set(said("ja").values())


def test_html_carries_the_japanese_characters_it_holds_and_no_font_where_it_holds_none(
    illustrated: Make,
) -> None:
    made = illustrated(3)

    source = html(made, locale="ja")
    (found,) = re.findall(r"data:font/otf;base64,([A-Za-z0-9+/=]+)", source)
    font = TTFont(io.BytesIO(base64.b64decode(found)))

    writer = Writer("ja")
    whole = laid_out(made.report, KIND.show(made.report, writer), writer, pictures=made.pictures)
    content = json.dumps(whole, ensure_ascii=False)
    assert {character for character in content if ord(character) >= CJK} <= set(map(chr, font.getBestCmap()))
    assert "font-src data:" in source
    assert len(found) < 200_000
    assert html(made, locale="ja") == source
    assert carried("Report of 3 photos: \u201cCaf\u00e9\u201d") is None
