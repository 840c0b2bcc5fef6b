"""Rows of a CSV or XLSX file, bounded in time and memory, with the line of each. Knows no rights.

A workbook is a ZIP of XML that somebody sent: its parts are bounded by the
sizes that the archive declares (no more is ever unpacked), entities are
refused, and nothing in it is computed or followed.
"""

import codecs
import csv
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl
from openpyxl.utils import column_index_from_string, get_column_letter
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from bankd.licensing.errors import RightsFileRefused

MAX_BYTES = 256 * 1024 * 1024
MAX_ROWS = 250_000
MAX_COLUMNS = 200
MAX_CELL = 32_767  # characters, as spreadsheets bound a cell
SHEET = "rights"

MAX_PARTS = 2000
MAX_SHEET_BYTES = 1024 * 1024 * 1024
MAX_STRINGS_BYTES = 128 * 1024 * 1024
MAX_PART_BYTES = 16 * 1024 * 1024  # of any other part, which is read whole
CHUNK = 1 << 20

MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')

Cell = str | int | float | bool | date | datetime | None


@dataclass(frozen=True)
class Formula:
    """A cell that is computed, or that failed to be: it says nothing by itself."""

    text: str


@dataclass(frozen=True)
class Row:
    """A row by the line on which it begins. `merged`: one of its cells is part of a merged area."""

    line: int
    cells: tuple[Cell | Formula, ...]
    merged: bool = False


@dataclass(frozen=True)
class Table:
    """An open table: its first row, and the others as they come."""

    encoding: str
    from_1904: bool
    head: Row
    rows: Iterator[Row]  # blank ones left out


def is_table(path: Path) -> bool:
    return path.suffix.lower() in (".csv", ".tsv", ".xlsx", ".xlsm")


@contextmanager
def opened(path: Path) -> Iterator[Table]:
    """The table of a file.

    Raises:
        RightsFileRefused: it is none, or is beyond the bounds; also while its rows are read.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            begins = file.read(4)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}") from error
    if size > MAX_BYTES:
        raise _refused(path, f"is larger than {MAX_BYTES // 2**20} MiB; split it")
    if begins.startswith(b"PK"):
        with _workbook(path) as table:
            yield table
    elif begins.startswith(b"\xd0\xcf\x11\xe0"):
        raise _refused(path, "is an old or a protected workbook; save it as .xlsx without a password")
    else:
        with _text(path) as table:
            yield table


@contextmanager
def _text(path: Path) -> Iterator[Table]:
    encoding = _encoding(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            first = file.readline(MAX_CELL)
            file.seek(0)
            delimiter = "\t" if "\t" in first and "," not in first else ","
            rows = _text_rows(path, csv.reader(file, delimiter=delimiter, strict=True))
            name = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "cp932": "CP932"}[encoding]
            yield Table(name, False, _head(path, rows), rows)
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}") from error


def _encoding(path: Path) -> str:
    """UTF-8 if every byte of the file is; else CP932 if every byte is. Nothing is guessed or replaced."""
    with path.open("rb") as file:
        begins = file.read(4)
    if begins.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _refused(path, "is UTF-16 text; save it as UTF-8")
    if _decodes(path, "utf-8"):
        return "utf-8-sig"
    if begins.startswith(codecs.BOM_UTF8):
        raise _refused(path, "begins as UTF-8 and is not; save it as UTF-8")
    if _decodes(path, "cp932"):
        return "cp932"
    raise _refused(path, "is neither UTF-8 nor CP932 (Shift_JIS) text; save it as UTF-8")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                # Bytes that CP932 leaves open come out as C1 controls and private characters.
                if encoding == "cp932" and re.search("[\x80-\x9f\xa0\uf8f0-\uf8ff]", decoder.decode(chunk)):
                    return False
                if encoding != "cp932":
                    decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _text_rows(path: Path, reader: Any) -> Iterator[Row]:
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError) as error:
            raise RightsFileRefused(
                path, [(line, f"the quotes or line ends of this row are broken ({error})")]
            ) from error
        row = Row(line, tuple(cells))
        line = reader.line_num + 1
        _bounded(path, row)
        if any(cell.strip() for cell in cells):
            yield row


@contextmanager
def _workbook(path: Path) -> Iterator[Table]:
    with path.open("rb") as file:  # of our own: the reader leaves it open where it fails
        _unpacked(path, file)
        with _failures(path), _quiet():
            book = openpyxl.load_workbook(file, read_only=True, data_only=False, keep_links=False)
        names = [sheet.title for sheet in book.worksheets]
        if len(names) != 1 and SHEET not in names:
            raise _refused(
                path, f"has {len(names)} sheets and none is named `{SHEET}`; name the one to import"
            )
        sheet: Any = book[SHEET if SHEET in names else names[0]]
        with _failures(path):
            sheet.reset_dimensions()  # what it declares may be anything
            merged = _merged(path, file, sheet._worksheet_path.lstrip("/"))
        rows = _sheet_rows(path, sheet, merged)
        head = _head(path, rows)
        if head.merged:
            raise RightsFileRefused(
                path,
                [(head.line, "cells of the header are merged; unmerge them and name each column in one row")],
            )
        yield Table("XLSX", book.epoch == CALENDAR_MAC_1904, head, rows)


def _unpacked(path: Path, file: BinaryIO) -> None:
    """Refuse an archive that would unpack to more than its bounds, or whose bytes are damaged."""
    with _failures(path), zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if len(parts) > MAX_PARTS:
            raise _refused(path, f"holds more than {MAX_PARTS} parts")
        for part in parts:
            most = MAX_PART_BYTES
            if part.filename.lower().startswith("xl/worksheets/"):
                most = MAX_SHEET_BYTES
            elif part.filename.lower().endswith("sharedstrings.xml"):
                most = MAX_STRINGS_BYTES
            if part.file_size > most:
                raise _refused(path, f"its part `{part.filename}` unpacks to more than {most // 2**20} MiB")
        if sum(part.file_size for part in parts) > MAX_SHEET_BYTES:
            raise _refused(path, f"unpacks to more than {MAX_SHEET_BYTES // 2**20} MiB")
        damaged = archive.testzip()
        if damaged is not None:
            raise _refused(path, f"its part `{damaged}` is damaged")


def _merged(path: Path, file: BinaryIO, part: str) -> list[tuple[int, int]]:
    """The first and last row of each merged area."""
    found: list[tuple[int, int]] = []
    with zipfile.ZipFile(file) as archive, archive.open(part) as stream:
        tail = b""
        while chunk := stream.read(CHUNK):
            text = tail + chunk
            for match in MERGED.finditer(text):
                left, right = (column_index_from_string(match[number].decode()) for number in (1, 3))
                first, last = int(match[2]), int(match[4])
                if (left, first) != (right, last):
                    found.append((first, last))
            # What the border cuts is found whole next time.
            cut = text.rfind(b"<")
            tail = text[cut:] if cut >= 0 and len(text) - cut < 4096 else b""
            if len(found) > MAX_ROWS:
                raise _refused(path, "has more merged areas than rows are allowed; unmerge them")
    return found


def _sheet_rows(path: Path, sheet: Any, merged: list[tuple[int, int]]) -> Iterator[Row]:
    touched: set[int] = set()
    for first, last in merged:
        if last - first > MAX_ROWS:
            raise _refused(path, "has a merged area over more rows than are allowed; unmerge it")
        touched.update(range(first, last + 1))
        if len(touched) > MAX_ROWS:
            raise _refused(path, "has merged areas over more rows than are allowed; unmerge them")
    rows = iter(sheet.rows)
    line = 0
    while True:
        line += 1
        with _failures(path), _quiet():
            try:
                cells = next(rows)
            except StopIteration:
                return
        if line > MAX_ROWS:
            raise _refused(path, f"has more than {MAX_ROWS} rows; split it")
        row = Row(line, tuple(map(_cell, cells)), line in touched)
        _bounded(path, row)
        if any(cell is not None and cell != "" for cell in row.cells):
            yield row


def _cell(cell: Any) -> Cell | Formula:
    if cell.value is None:
        return None
    if cell.data_type in ("f", "e") or not isinstance(cell.value, str | int | float | bool | date):
        return Formula(str(cell.value)[:100])
    value: Cell = cell.value
    return value


def _head(path: Path, rows: Iterator[Row]) -> Row:
    head = next(rows, None)
    if head is None:
        raise _refused(path, "is empty")
    return head


def _bounded(path: Path, row: Row) -> None:
    if len(row.cells) > MAX_COLUMNS:
        at = get_column_letter(len(row.cells)) if len(row.cells) <= 18278 else str(len(row.cells))
        raise RightsFileRefused(
            path, [(row.line, f"has cells up to column {at}; {MAX_COLUMNS} columns are the most")]
        )
    if row.line > MAX_ROWS:
        raise _refused(path, f"has more than {MAX_ROWS} rows; split it")


def _refused(path: Path, sentence: str) -> RightsFileRefused:
    return RightsFileRefused(path, [(None, sentence)])


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except (RightsFileRefused, StopIteration, GeneratorExit):
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _refused(path, "is no sound workbook; open it and save it anew as .xlsx") from error
    except Exception as error:  # readers fail in as many ways as files are broken
        raise _refused(path, f"cannot be read as a workbook ({type(error).__name__})") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """The reader warns of what it passes over (styles, validations); none of that is a cell's value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
