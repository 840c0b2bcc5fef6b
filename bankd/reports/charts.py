"""Charts as SVG, the same bytes for the same counts; in HTML as they are, in PDF by typst. Pure."""

from html import escape
from unicodedata import east_asian_width

from bankd.reports.page import Chart, Money
from bankd.reports.writing import Writer

WIDTH = 680  # of the drawing, in its own units; text is 10 units high
COLUMNS_HEIGHT = 190
BAR_HEIGHT = 22
TITLE_HEIGHT = 20
LEGEND_HEIGHT = 22
PALETTE = ("#2f6f8f", "#d98a1c", "#6aa06f", "#8d6cab", "#b9bcc1", "#c0564f")
_INK, _QUIET, _LINE = "#1c1e22", "#6b6f77", "#dcdee2"
FONT = "'Noto Sans CJK JP', 'Noto Sans JP', 'Hiragino Sans', 'Yu Gothic', Meiryo, 'Segoe UI', sans-serif"


def ratio(chart: Chart) -> float:
    return WIDTH / _height(chart)


def svg(chart: Chart, writer: Writer) -> str:
    """Upright columns or lying bars under their title, their series stacked, each whole with its count."""
    drawn = _columns(chart, writer) if chart.shape == "columns" else _bars(chart, writer)
    height = _height(chart)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-label="{_escaped(chart.title)}" font-family="{escape(FONT)}"'
        f' font-size="10">{"".join([_text(0, 11, chart.title, _QUIET), *_legend(chart), *drawn])}</svg>'
    )


def _height(chart: Chart) -> int:
    body = COLUMNS_HEIGHT if chart.shape == "columns" else BAR_HEIGHT * max(1, len(chart.labels)) + 6
    return body + _top(chart)


def _top(chart: Chart) -> int:
    return TITLE_HEIGHT + (LEGEND_HEIGHT if len(chart.series) > 1 else 2)


def _legend(chart: Chart) -> list[str]:
    if len(chart.series) < 2:
        return []
    drawn, x = [], 0.0
    for number, series in enumerate(chart.series):
        drawn.append(_rect(x, TITLE_HEIGHT + 3, 9, 9, PALETTE[number % len(PALETTE)]))
        drawn.append(_text(x + 13, TITLE_HEIGHT + 11, series.name, _INK))
        x += 13 + _wide(series.name) + 18
    return drawn


def _columns(chart: Chart, writer: Writer) -> list[str]:
    top, bottom = _top(chart) + 14, _height(chart) - 18
    totals = _totals(chart)
    step = WIDTH / max(1, len(totals))
    wide = min(38.0, step * 0.62)
    most = max([*totals, 1])
    drawn = [_line(0, bottom, WIDTH, bottom)]
    every = max(1, -(-max([_wide(label) + 8 for label in chart.labels] or [1]) // max(1, int(step))))
    for place, label in enumerate(chart.labels):
        middle = step * (place + 0.5)
        y = float(bottom)
        for number, series in enumerate(chart.series):
            size = series.values[place] * (bottom - top) / most
            y -= size
            if series.values[place] > 0:
                drawn.append(_rect(middle - wide / 2, y, wide, size, PALETTE[number % len(PALETTE)]))
        if totals[place]:
            drawn.append(_text(middle, y - 4, _told(chart, totals[place], writer), _INK, anchor="middle"))
        if place % every == 0:
            drawn.append(_text(middle, bottom + 13, label, _QUIET, anchor="middle"))
    return drawn


def _bars(chart: Chart, writer: Writer) -> list[str]:
    totals = _totals(chart)
    most = max([*totals, 1])
    left = min(330.0, max([_wide(label) for label in chart.labels] or [0.0]) + 12)
    right = max(_wide(_told(chart, most, writer)) + 10, 34)
    drawn = []
    for place, label in enumerate(chart.labels):
        y = _top(chart) + BAR_HEIGHT * place
        drawn.append(_text(left - 8, y + 14, _cut(label, left - 8), _QUIET, anchor="end"))
        x = left
        for number, series in enumerate(chart.series):
            size = series.values[place] * (WIDTH - left - right) / most
            if series.values[place] > 0:
                drawn.append(_rect(x, y + 3, size, BAR_HEIGHT - 7, PALETTE[number % len(PALETTE)]))
            x += size
        drawn.append(_text(x + 5, y + 14, _told(chart, totals[place], writer), _INK))
    drawn.append(_line(left, _top(chart), left, _top(chart) + BAR_HEIGHT * len(chart.labels)))
    return drawn


def _told(chart: Chart, number: int, writer: Writer) -> str:
    return writer.money(Money(number, chart.currency)) if chart.currency else writer.count(number)


def _totals(chart: Chart) -> list[int]:
    return [sum(series.values[place] for series in chart.series) for place in range(len(chart.labels))]


def _wide(text: str) -> float:
    """About how wide a text is at 10 units: East Asian characters are square."""
    return sum(10.0 if east_asian_width(character) in "WF" else 5.7 for character in text)


def _cut(text: str, room: float) -> str:
    if _wide(text) <= room:
        return text
    while text and _wide(text) > room - 10:
        text = text[:-1]
    return text + "…"


def _rect(x: float, y: float, width: float, height: float, color: str) -> str:
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" fill="{color}"/>'


def _line(x0: float, y0: float, x1: float, y1: float) -> str:
    return f'<line x1="{x0:.2f}" y1="{y0:.2f}" x2="{x1:.2f}" y2="{y1:.2f}" stroke="{_LINE}"/>'


def _text(x: float, y: float, text: str, color: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.2f}" y="{y:.2f}" fill="{color}" text-anchor="{anchor}">{_escaped(text)}</text>'


def _escaped(text: str) -> str:
    """Without what no XML may hold."""
    return escape("".join(one if one.isprintable() else " " for one in text))
