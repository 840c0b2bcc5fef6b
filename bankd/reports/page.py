"""What a report shows, in one language, in no format: sections of text, facts, tables, charts and pictures.

A kind of report describes its page in these words alone; HTML, PDF and
spreadsheets are all made of them. Values stay what they are (counts, amounts,
days), so that a spreadsheet can reckon with them; `Shown` says a value otherwise
than its column would. Pure.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

CellKind = Literal[
    "text",
    "mono",  # a hash or an id; on paper the first twelve digits of a hash stand in a table
    "count",
    "money",  # `Money`
    "percent",  # in hundredths of a percent
    "day",  # a date
    "moment",  # ISO 8601 text, UTC
    "badge",  # `Badge`
    "picture",  # `Thumb`
    "rich",  # `Rich`
]
NUMBERS = frozenset({"count", "money", "percent"})
Tone = Literal["", "quiet", "alert", "note"]


@dataclass(frozen=True)
class Money:
    minor: int
    currency: str


@dataclass(frozen=True)
class Shown:
    """A value that reads otherwise than its column would write it; `small` stands under it."""

    text: str
    value: "str | int | Money | date | None" = None
    small: str = ""


@dataclass(frozen=True)
class Flag:
    """A word to look out for, such as that nobody verified something."""

    text: str


@dataclass(frozen=True)
class Badge:
    """A number in a colored disc, as on the picture beside it."""

    number: int
    color: str  # `#rrggbb`


@dataclass(frozen=True)
class Thumb:
    """A small picture by name; `withheld` stands in its place where it may not be shown."""

    name: str
    alt: str
    withheld: str


@dataclass(frozen=True)
class Rich:
    """Several lines in one cell: a first one, smaller ones, one of an id, and marks to look out for."""

    text: str
    small: tuple[str, ...] = ()
    mono: str = ""
    marks: tuple[str, ...] = ()


Cell = str | int | date | Money | Shown | Flag | Badge | Thumb | Rich | None


@dataclass(frozen=True)
class Column:
    """Numbers, days and ids are as wide as what they hold, or `mm`; text shares the rest, by `share`."""

    label: str
    kind: CellKind = "text"
    share: int = 1
    mm: int | None = None


@dataclass(frozen=True)
class Table:
    """Rows under their columns.

    Args:
        none: the sentence in place of an empty table.
        total: the last row adds up the ones before.
        parts: rows, by number, that are part of the row before them.
        groups: what stands over a row, by number, as the title of the rows that follow.
        sheet: what a spreadsheet has in its place, where cells hold more than one value.
        head: whether the labels of columns stand above it.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    none: str = ""
    total: bool = False
    parts: frozenset[int] = frozenset()
    groups: tuple[tuple[int, str], ...] = ()
    sheet: "Table | None" = None
    head: bool = True


@dataclass(frozen=True)
class Fact:
    label: str
    value: Cell
    kind: CellKind = "text"


@dataclass(frozen=True)
class Facts:
    rows: tuple[Fact, ...]


@dataclass(frozen=True)
class Paragraph:
    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Quote:
    """Words that are given verbatim, and where they belong."""

    text: str
    where: str


@dataclass(frozen=True)
class Picture:
    """A picture by name, over the whole width; `ratio` is width by height."""

    name: str
    ratio: float
    caption: str
    withheld: str


@dataclass(frozen=True)
class Bar:
    """One bar of parts that make a whole: color and size of each."""

    parts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Series:
    name: str
    values: tuple[int, ...]


@dataclass(frozen=True)
class Chart:
    """Counts by label: upright `columns` along time, or lying `bars` of things; series are stacked."""

    shape: Literal["columns", "bars"]
    title: str  # said instead of it to who cannot see it
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    currency: str = ""  # what is counted are minor units of it


Block = Table | Facts | Paragraph | Quote | Picture | Bar | Chart


@dataclass(frozen=True)
class Section:
    """`title` empty: its blocks follow the head."""

    title: str
    blocks: tuple[Block, ...]
    together: bool = False  # not broken across pages


@dataclass(frozen=True)
class Page:
    """The whole of a report. The framework adds the head, signatures and numbers of pages.

    `subject` is what it is about, in one line, as it stands on each page;
    `facts` come first in the head, `note` last on the page.
    """

    title: str
    subject: str
    sections: tuple[Section, ...]
    note: str
    facts: tuple[Fact, ...] = ()
    landscape: bool = False
