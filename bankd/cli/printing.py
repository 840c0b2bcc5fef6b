"""How commands print: JSON for programs, plain columns for people."""

import dataclasses
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

import click
from pydantic import BaseModel

as_json = click.option("--json", "in_json", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    click.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def plain(value: Any) -> Any:
    """A value as JSON has it: sets in order, moments in ISO 8601."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, UUID | PurePath) else value


def print_rows(head: Sequence[str], rows: Iterable[Sequence[object]], *, none: str) -> None:
    """Rows in columns under their head, or the sentence that there is none."""
    shown = [[word(cell) for cell in row] for row in rows]
    if not shown:
        click.echo(none)
        return
    widths = [max(_columns(row[place]) for row in [list(head), *shown]) for place in range(len(head))]
    for row in [list(head), *shown]:
        cells = (cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_fields(fields: Mapping[str, object]) -> None:
    """One fact a line, its name before it; what is None is left out."""
    shown = {name: value for name, value in fields.items() if value is not None}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        click.echo(f"{name.ljust(width)}  {word(value)}")


def _columns(text: str) -> int:
    """How many columns of a terminal a text takes: Japanese letters take two each."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in order, those that follow on one another as `3-7`."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def word(value: object) -> str:
    """A value as people read it."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%SZ")
        case Enum():
            return str(value.value)
        case Mapping():
            return ", ".join(f"{name}: {word(item)}" for name, item in value.items()) or "none"
        case set() | frozenset():
            return ", ".join(sorted(map(word, value))) or "none"
        case list() | tuple():
            return ", ".join(map(word, value)) or "none"
    return str(value)


def count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
