"""The sheet to begin from: every column with an example, and what each means."""

import csv
import io

import openpyxl
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from bankd.exchange.columns import HEADERS, SAMPLE, STATED, columns
from bankd.exchange.tables import SHEET

COMMON = (*SAMPLE, "document", "clause", "quote", "verified_by")


def workbook() -> bytes:
    """An XLSX: the sheet `rights` with an example, and the sheet `columns`, which explains it."""
    book = openpyxl.Workbook()
    rights: Worksheet = book.worksheets[0]
    rights.title = SHEET
    rights.append(list(COMMON))
    rights.append([SAMPLE.get(name) for name in COMMON])
    rights.freeze_panes = "B2"
    for number in range(1, len(COMMON) + 1):
        rights.cell(1, number).font = Font(bold=True)
        rights.cell(2, number).number_format = "@"  # text: a program may not turn it into something else
        rights.column_dimensions[get_column_letter(number)].width = 18
    explained: Worksheet = book.create_sheet("columns")
    explained.append(["column", "also called", "must be filled", "what it holds", "meaning"])
    for line in explanations():
        explained.append(list(line))
    for letter, width in zip("ABCDE", (24, 28, 14, 24, 100), strict=True):
        explained.column_dimensions[letter].width = width
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def text() -> bytes:
    """The same first sheet as CSV: UTF-8 with the mark by which spreadsheets know it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COMMON)
    writer.writerow([SAMPLE.get(name, "") for name in COMMON])
    return out.getvalue().encode("utf-8-sig")


HOLDS = {
    "text": "text",
    "words": "words, apart by `;`",
    "yes-no": "yes or no",
    "number": "a whole number",
    "day": "a day",
    "items": "`field=value | field=value`, several apart by `;`",
}


def explanations() -> list[tuple[str, str, str, str, str]]:
    """Name, other names, whether it must be filled, what it holds, and the meaning of each column."""
    others: dict[str, list[str]] = {}
    for other, name in HEADERS.items():
        others.setdefault(name, []).append(other)
    return [
        (
            column.name,
            ", ".join(others.get(column.name, ())),
            "yes" if column.name in STATED else "",
            HOLDS[column.kind],
            column.says,
        )
        for column in columns().values()
    ]
