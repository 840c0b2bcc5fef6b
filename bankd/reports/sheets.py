"""Reports as spreadsheets: XLSX and CSV, the same bytes for the same report, and nothing in them that runs.

Numbers, amounts and days stay what they are. Text is text: in XLSX by its
cells' type; in CSV, which has no types, a text that a spreadsheet would take
for a formula stands behind an apostrophe.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from bankd import money
from bankd.reports.layout import head_facts, written
from bankd.reports.page import (
    Cell,
    CellKind,
    Chart,
    Column,
    Facts,
    Money,
    Page,
    Paragraph,
    Quote,
    Rich,
    Shown,
    Table,
    Thumb,
)
from bankd.reports.report import Report
from bankd.reports.writing import Writer

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # the wide ones count in Japanese
SHEET_NAME = 31  # the longest that spreadsheets take
FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
CELL_TEXT = 32_000  # spreadsheets hold 32,767
EXACT = 10**15  # whole numbers and digits that a spreadsheet's numbers hold exactly

Plain = str | int | Decimal | date | datetime | None


def render_csv(report: Report, page: Page, writer: Writer) -> bytes:
    """The head, then each table under its title, a blank line between: UTF-8 with the mark by which
    spreadsheets know it. Moments are UTC."""
    out = io.StringIO(newline="")
    lines = csv.writer(out, lineterminator="\r\n")

    def line(cells: Sequence[Plain], kinds: Sequence[CellKind] = ()) -> None:
        lines.writerow([_guarded(cell, kind) for cell, kind in zip_longest(cells, kinds, fillvalue="text")])

    for row in _front(report, page, writer):
        line(row)
    for title, table in _tables(page):
        line([])
        line([title])
        columns, rows = _plain(table, writer)
        line([label for label, _ in columns])
        for values in rows:
            line(values, [kind for _, kind in columns])
    return out.getvalue().encode("utf-8-sig")


def render_xlsx(report: Report, page: Page, writer: Writer) -> bytes:
    """A sheet with the head and what the report says in words, then one for each table, then the charts."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "default_date_format": "yyyy-mm-dd",
        },
    )
    made = datetime.fromisoformat(report.head.as_of).replace(tzinfo=None, microsecond=0)
    book.set_properties(
        {"title": page.title, "subject": page.subject, "author": report.head.entity, "created": made}
    )
    _Book(book, writer).write(report, page)
    book.close()
    return out.getvalue()


class _Book:
    def __init__(self, book: xlsxwriter.Workbook, writer: Writer) -> None:
        self.book, self.writer = book, writer
        self.formats: dict[str, Format] = {}
        self.names: set[str] = set()

    def format(self, name: str, **properties: object) -> Format:
        if name not in self.formats:
            font = {"font_name": "Yu Gothic" if self.writer.locale == "ja" else "Calibri", "font_size": 10}
            self.formats[name] = self.book.add_format({**font, "valign": "top", **properties})
        return self.formats[name]

    def sheet(self, title: str) -> Worksheet:
        """A sheet of its own name, as short as spreadsheets want it."""
        clean = " ".join(title.translate(FORBIDDEN).split()) or "-"
        name, number = clean[:SHEET_NAME], 2
        while name.lower() in self.names:
            ending = f" {number}"
            name, number = clean[: SHEET_NAME - len(ending)] + ending, number + 1
        self.names.add(name.lower())
        sheet: Worksheet = self.book.add_worksheet(name)
        sheet.hide_gridlines(2)
        sheet.set_paper(9)  # A4
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        return sheet

    def write(self, report: Report, page: Page) -> None:
        first = self.sheet(self.writer.say("sheet.report"))
        first.set_column(0, 0, 34)
        first.set_column(1, 1, 96)
        strong, wrap = self.format("strong", bold=True), self.format("wrap", text_wrap=True)
        for at, row in enumerate(_front(report, page, self.writer)):
            for column, cell in enumerate(row):
                style = self.format("title", bold=True, font_size=16) if at == 0 else wrap
                if at and len(row) == 1:
                    style = strong
                first.write_string(at, column, _short(str(cell)), style)
        for title, table in _tables(page):
            self.table(title, table)
        self.charts(page)

    def table(self, title: str, table: Table) -> None:
        sheet = self.sheet(title)
        columns, rows = _plain(table, self.writer)
        head = self.format("head", bold=True, bottom=1, text_wrap=True)
        for at, (label, _) in enumerate(columns):
            sheet.write_string(0, at, label, head)
        for at, (label, kind) in enumerate(columns):
            widest = max([len(label) / 1.6, *(_width(row[at]) for row in rows[:500])])
            sheet.set_column(at, at, min(60, max(9, widest + 2)))
            for number, row in enumerate(rows, 1):
                last = table.total and number == len(rows)
                self.cell(sheet, number, at, row[at], kind, total=last)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        if rows:
            sheet.autofilter(0, 0, len(rows) - int(table.total), len(columns) - 1)

    def cell(
        self,
        sheet: Worksheet,
        row: int,
        column: int,
        value: Plain,
        kind: CellKind,
        *,
        total: bool,
    ) -> None:
        name = f"total {kind}" if total else kind
        more: dict[str, object] = {"bold": True, "top": 1} if total else {}
        match value:
            case None:
                sheet.write_blank(row, column, None, self.format(name, **more))
            case Decimal() if kind == "percent":
                sheet.write_number(row, column, float(value), self.format(name, num_format="0.00%", **more))
            case Decimal() | int() if _exact(value):
                places = -int(value.as_tuple().exponent) if isinstance(value, Decimal) else 0
                shape = "#,##0" + ("." + "0" * places if places else "")
                style = self.format(f"{name} {places}", num_format=shape, **more)
                sheet.write_number(row, column, float(value), style)
            case datetime():
                style = self.format(f"{name} moment", num_format="yyyy-mm-dd hh:mm:ss", align="left", **more)
                sheet.write_datetime(row, column, value, style)
            case date():
                style = self.format(f"{name} day", num_format="yyyy-mm-dd", align="left", **more)
                sheet.write_datetime(row, column, value, style)
            case _:
                style = self.format(f"{name} text", num_format="@", text_wrap=kind == "rich", **more)
                sheet.write_string(row, column, _short(str(value)), style)

    def charts(self, page: Page) -> None:
        found = [block for section in page.sections for block in section.blocks if isinstance(block, Chart)]
        found = [chart for chart in found if chart.labels]
        if not found:
            return
        sheet = self.sheet(self.writer.say("sheet.chart"))
        sheet.set_column(0, 0, 34)
        top = 0
        for chart in found:
            sheet.write_string(top, 0, _short(chart.title), self.format("strong", bold=True))
            for at, series in enumerate(chart.series, 1):
                sheet.write_string(top, at, series.name, self.format("head", bold=True, bottom=1))
                digits = money.digits(chart.currency) if chart.currency else 0
                shape = "#,##0" + ("." + "0" * digits if digits else "")
                for row, count in enumerate(series.values, 1):
                    number = float(Decimal(count).scaleb(-digits))
                    sheet.write_number(
                        top + row, at, number, self.format(f"chart {digits}", num_format=shape)
                    )
            for row, label in enumerate(chart.labels, 1):
                sheet.write_string(top + row, 0, _short(label), self.format("label"))
            lying = chart.shape == "bars"
            drawn: Any = self.book.add_chart({"type": "bar" if lying else "column", "subtype": "stacked"})
            last = top + len(chart.labels)
            for at, _ in enumerate(chart.series, 1):
                drawn.add_series(
                    {
                        "name": [sheet.name, top, at],
                        "categories": [sheet.name, top + 1, 0, last, 0],
                        "values": [sheet.name, top + 1, at, last, at],
                        "gap": 60,
                    }
                )
            drawn.set_title({"name": chart.title, "name_font": {"size": 11, "bold": False}})
            if lying:
                drawn.set_y_axis({"reverse": True})
            if len(chart.series) < 2:
                drawn.set_legend({"none": True})
            drawn.set_size({"width": 720, "height": 120 + 22 * (len(chart.labels) if lying else 10)})
            sheet.insert_chart(top, len(chart.series) + 2, drawn)
            top += max(len(chart.labels) + 3, 20)


def _front(report: Report, page: Page, writer: Writer) -> Iterator[tuple[str, ...]]:
    """Title, head, and what the report says in words and facts."""
    yield (page.title,)
    for fact in (*page.facts, *head_facts(report.head, writer)):
        yield (fact.label, written(fact.value, fact.kind, writer, short=False))
    for section in page.sections:
        lines: list[tuple[str, ...]] = []
        for block in section.blocks:
            match block:
                case Paragraph(text):
                    lines.append(("", text))
                case Quote(text, where):
                    lines.append((where, text))
                case Facts(rows):
                    lines += [
                        (fact.label, written(fact.value, fact.kind, writer, short=False)) for fact in rows
                    ]
        if lines:
            yield ()
            if section.title:
                yield (section.title,)
            yield from lines
    yield ()
    yield ("", page.note)


def _tables(page: Page) -> Iterator[tuple[str, Table]]:
    for section in page.sections:
        for block in section.blocks:
            if isinstance(block, Table) and block.rows:
                yield section.title or page.title, block.sheet or block


def _plain(table: Table, writer: Writer) -> tuple[list[tuple[str, CellKind]], list[list[Plain]]]:
    """Columns as (label, kind) and rows of plain values; an amount has its currency beside it."""
    columns: list[tuple[str, CellKind]] = []
    rows: list[list[Plain]] = [[] for _ in table.rows]
    for at, column in enumerate(table.columns):
        cells = [row[at] for row in table.rows]
        columns.append((writer.label(column), column.kind))
        for row, cell in zip(rows, cells, strict=True):
            row.append(_value(cell, column, writer))
        if column.kind == "money":
            columns.append((writer.say("sheet.currency", label=column.label), "text"))
            for row, cell in zip(rows, cells, strict=True):
                amount = cell.value if isinstance(cell, Shown) else cell
                row.append(amount.currency if isinstance(amount, Money) else None)
    return columns, rows


def _value(cell: Cell, column: Column, writer: Writer) -> Plain:
    if isinstance(cell, Shown) and cell.value is not None:
        cell = cell.value
    match cell:
        case None:
            return None
        case Money(minor, currency):
            return Decimal(minor).scaleb(-money.digits(currency))
        case bool():
            return str(cell)
        case int() if column.kind == "percent":
            return Decimal(cell).scaleb(-4)
        case int() | date():
            return cell
        case str() if column.kind == "moment":
            return datetime.fromisoformat(cell).replace(tzinfo=None, microsecond=0)
        case Rich(text, small, mono):
            return "\n".join([text, *small, *([mono] if mono else [])])
        case Thumb():
            return None
        case Shown(text, _, small):
            return f"{text} ({small})" if small else text
    return written(cell, column.kind, writer, short=False)


def _guarded(cell: Plain, kind: str) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return cell.isoformat() + "Z"
        case date():
            return cell.isoformat()
        case Decimal():
            return f"{cell * 100:.2f}%" if kind == "percent" else f"{cell:f}"
        case int():
            return str(cell)
    return f"'{cell}" if cell.startswith(FORMULA) or cell.lstrip().startswith(FORMULA) else cell


def _exact(number: Decimal | int) -> bool:
    return -EXACT < number < EXACT


def _short(text: str) -> str:
    return text if len(text) <= CELL_TEXT else text[:CELL_TEXT] + "…"


def _width(value: Plain) -> float:
    """About how many characters wide it stands; those of East Asia take two."""
    text = "" if value is None else str(value)
    longest = max(text.split("\n"), key=len)
    return sum(2 if ord(character) > 0x2E7F else 1 for character in longest) + (
        len(text) / 3 if not text else 0
    )
