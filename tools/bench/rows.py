"""What is measured, row by row, and how it is shown: a table, a chart and a list in JSON."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Self

RATIO = "x"
"""The unit of a row that compares two things of one run; these come first."""


@dataclass(frozen=True)
class Row:
    """One figure. `target` says what it should be, `holds` whether it is; None where nothing is set."""

    name: str
    value: float
    unit: str
    target: str | None = None
    holds: bool | None = None

    @classmethod
    def at_least(cls, name: str, value: float, unit: str, least: float) -> Self:
        return cls(name, value, unit, f">= {least:g}", value >= least)

    @classmethod
    def at_most(cls, name: str, value: float, unit: str, most: float) -> Self:
        return cls(name, value, unit, f"<= {most:g}", value <= most)

    @classmethod
    def above(cls, name: str, value: float, unit: str, least: float) -> Self:
        return cls(name, value, unit, f"> {least:g}", value > least)

    @classmethod
    def below(cls, name: str, value: float, unit: str, most: float) -> Self:
        return cls(name, value, unit, f"< {most:g}", value < most)


def ratios_first(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.unit != RATIO)


def table(rows: Sequence[Row]) -> str:
    """Markdown that is read as it stands."""
    head = ("", "value", "unit", "target", "holds")
    said = {True: "yes", False: "**no**", None: ""}
    cells = [
        (row.name, figure(row.value), row.unit, row.target or "", said[row.holds])
        for row in ratios_first(rows)
    ]
    widths = [max(len(line[column]) for line in (head, *cells)) for column in range(5)]
    aligned = ["<", ">", "<", "<", "<"]

    def line(texts: Sequence[str]) -> str:
        fitted = [f"{text:{side}{width}}" for text, side, width in zip(texts, aligned, widths, strict=True)]
        return f"| {' | '.join(fitted)} |"

    rule = [
        "-" * (width - 1) + (":" if side == ">" else "-") for width, side in zip(widths, aligned, strict=True)
    ]
    return "\n".join([line(head), line(rule), *map(line, cells)])


def figure(value: float) -> str:
    """Three digits that mean something, and no exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def write_json(path: Path, rows: Sequence[Row]) -> None:
    path.write_text(json.dumps([asdict(row) for row in ratios_first(rows)], indent=1) + "\n")


LINE_PX, NAME_PX, BARS_PX, FIGURE_PX = 22, 470, 420, 150
COLORS = {True: "#3b7a57", False: "#b5483a", None: "#5b6b7b"}


def write_chart(path: Path, rows: Sequence[Row], *, title: str) -> None:
    """Every ratio as a bar on a logarithmic scale, SVG; a stroke stands where its target is."""
    shown = [row for row in ratios_first(rows) if row.unit == RATIO and row.value > 0]
    targets = {row.name: float(row.target.split()[-1]) for row in shown if row.target}
    reach = [row.value for row in shown] + list(targets.values()) + [1.0]
    low, high = math.floor(math.log10(min(reach))), math.ceil(math.log10(max(reach)))
    high = max(high, low + 1)

    def x(value: float) -> float:
        return NAME_PX + (math.log10(value) - low) / (high - low) * BARS_PX

    width, height = NAME_PX + BARS_PX + FIGURE_PX, LINE_PX * (len(shown) + 3)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        f' font-size="12"><rect width="{width}" height="{height}" fill="white"/>'
        f'<text x="8" y="16" font-weight="bold">{escape(title)}</text>'
    ]
    bottom = LINE_PX * (len(shown) + 2)
    for power in range(low, high + 1):
        at = x(10.0**power)
        drawn.append(
            f'<line x1="{at:.1f}" y1="{LINE_PX * 1.4:.1f}" x2="{at:.1f}" y2="{bottom}"'
            f' stroke="{"#888" if power == 0 else "#ddd"}"/>'
            f'<text x="{at:.1f}" y="{bottom + 14}" text-anchor="middle" fill="#555">{10.0**power:g}</text>'
        )
    for number, row in enumerate(shown):
        top = LINE_PX * (number + 1.6)
        left, right = sorted((x(1.0), x(row.value)))
        drawn.append(
            f'<text x="{NAME_PX - 10}" y="{top + 12}" text-anchor="end">{escape(row.name)}</text>'
            f'<rect x="{left:.1f}" y="{top}" width="{max(right - left, 1):.1f}" height="15"'
            f' fill="{COLORS[row.holds]}"/>'
        )
        if row.name in targets:
            at = x(targets[row.name])
            drawn.append(
                f'<line x1="{at:.1f}" y1="{top - 3}" x2="{at:.1f}" y2="{top + 18}"'
                ' stroke="black" stroke-width="2"/>'
            )
        said = figure(row.value) + (f" ({row.target})" if row.target else "")
        drawn.append(f'<text x="{NAME_PX + BARS_PX + 8}" y="{top + 12}">{escape(said)}</text>')
    drawn.append("</svg>\n")
    path.write_text("".join(drawn))
