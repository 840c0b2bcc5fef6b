"""The evaluation as one HTML page: what was aimed at, every figure, and contact sheets; nothing is loaded from elsewhere."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synth.evaluation.charts import intervals, spectrum_chart
from synth.evaluation.folder import Folder
from synth.evaluation.measure import (
    CELL_FRECHET,
    FIGURES,
    FRECHET,
    KID,
    MEAN_IOU,
    NEAREST,
    REAL,
    SEAMS,
    Measured,
    Row,
)
from synth.evaluation.pictures import LabelledPhoto, System, Trace
from synth.pictures import Kind, Rgb

SHEET_ROWS = 18
ORDER = ("blend", "parametric", "full")
_NOTES = {
    KID: "kernel distance to the real photos, cubic kernel, unbiased; lower is better",
    CELL_FRECHET: "on 3 x 4 cells of the feature map, 64 components fitted on the bank; lower is better",
    FRECHET: "reported only: on this few pictures it is mostly bias",
    MEAN_IOU: "a segmenter trained on other real photos finds what the layout asks for; mean over its seeds",
    SEAMS: "Lab gradient where two sources meet, over the real photo's at the same place",
    NEAREST: "how far the nearest photo of the bank is; near 0 is a copy",
}


def page(
    given: Folder, measured: Measured, rows: Sequence[Row], *, title: str, digests: Mapping[str, str]
) -> str:
    """The whole page. `digests` names the weights that features come from."""
    systems = sorted(given.systems, key=lambda one: (_place(one.name), one.name))
    aims = [row for row in rows if row.target is not None]
    scenes = len({photo.scene for photo in given.real})
    height, width = given.real[0].labels.shape
    judges = ", ".join(f"seed {judge.training.seed}" for judge in given.judges) or "none"
    weights = ", ".join(f"{name} {digest[:16]}" for name, digest in digests.items())
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">{len(given.real)} layouts of {scenes} scenes at {width} x {height} px, '
        f"{len(given.bank)} photos in the bank, {len(systems)} systems. Intervals are 95%, by drawing scenes "
        "again, the same draws for every system.</p>",
        _aims(aims),
        _figures(measured, [one.name for one in systems]),
        '<section class="charts">',
        intervals(measured, KID, [one.name for one in systems]),
        intervals(measured, MEAN_IOU, [REAL, *(one.name for one in systems)]),
        spectrum_chart(measured.spectra, [REAL, *(one.name for one in systems if one.name in ORDER)]),
        "</section>",
        _sheet(given, systems, measured),
        f'<p class="foot">Feature weights (SHA-256): {escape(weights)}. Segmenters: {escape(judges)}. A near-copy '
        f"is nearer to a photo of the bank than {measured.near_copy_limit:.3f}, which one photo of the bank in "
        "twenty is to another.</p>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_CSS}</style></head><body><main>\n" + "\n".join(parts) + "\n</main></body></html>\n"
    )


def _place(system: str) -> int:
    return ORDER.index(system) if system in ORDER else len(ORDER)


def _aims(aims: Sequence[Row]) -> str:
    if not aims:
        return ""
    lines = "".join(
        f"<tr><td>{escape(row.name)}</td><td class=n>{row.value:.3g}</td><td class=n>{_interval(row)}</td>"
        f"<td>{escape(row.target or '')}</td>"
        f'<td><span class="{"yes" if row.holds else "no"}">{"holds" if row.holds else "missed"}</span></td></tr>'
        for row in aims
    )
    return (
        "<h2>What was aimed at</h2><table><thead><tr><th>figure</th><th class=n>value</th><th class=n>95%</th>"
        f"<th>target</th><th></th></tr></thead><tbody>{lines}</tbody></table>"
    )


def _figures(measured: Measured, systems: Sequence[str]) -> str:
    columns = [REAL, *systems]
    head = "".join(f"<th class=n>{escape(name)}</th>" for name in columns)
    lines = []
    for figure in FIGURES:
        found = [measured.figures[name].get(figure) for name in columns]
        if not any(found):
            continue
        cells = "".join(
            "<td></td>"
            if one is None
            else f"<td class=n>{_short(one.value)}<small>{_short(one.interval[0])} to {_short(one.interval[1])}</small></td>"
            for one in found
        )
        note = f"<small>{escape(_NOTES[figure])}</small>" if figure in _NOTES else ""
        lines.append(f"<tr><td>{escape(figure)}{note}</td>{cells}</tr>")
    return (
        f"<h2>Every figure</h2><div class=wide><table><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _sheet(given: Folder, systems: Sequence[System], measured: Measured) -> str:
    """Layouts side by side, taken evenly over all of them."""
    chosen = np.unique(
        np.linspace(0, len(given.real) - 1, min(SHEET_ROWS, len(given.real))).round().astype(int)
    )
    by_name = {system.name: system for system in systems}
    shown = [by_name[name] for name in ORDER if name in by_name]
    with_canvas = next((one for one in systems if any(trace.photos for trace in one.traces)), None)
    last = next((by_name[name] for name in ("full", "blend") if name in by_name), None)
    heads = ["layout", *(["canvas"] if with_canvas else []), *(one.name for one in shown), "real"]
    if last is not None:
        heads.append(f"photo nearest to {last.name}")
    lines = []
    for at in chosen.tolist():
        photo = given.real[at]
        cells = [_image(_colored(photo), "png")]
        if with_canvas is not None:
            cells.append(_image(_canvas(with_canvas.pictures[at], with_canvas.traces[at]), "jpeg"))
        cells += [_image(one.pictures[at], "jpeg") for one in shown]
        cells.append(_image(photo.rgb, "jpeg"))
        if last is not None:
            cells.append(_image(given.bank[int(measured.nearest[last.name][at])].rgb, "jpeg"))
        lines.append(
            "<tr>"
            + "".join(
                f'<td><img src="{source}" alt="{escape(head)} of {escape(photo.name)}"></td>'
                for head, source in zip(heads, cells, strict=True)
            )
            + "</tr>"
        )
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return (
        f"<h2>Contact sheet</h2><p>{len(chosen)} of {len(given.real)} layouts, evenly taken. The canvas shows what was "
        "placed; white is a seam, grey is filled or empty.</p>"
        f'<div class=wide><table class="sheet"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
        + _legend(given)
    )


def _legend(given: Folder) -> str:
    present = sorted({int(number) for photo in given.real for number in np.unique(photo.labels)})
    marks = "".join(
        f'<span><i style="background:rgb{_color(number)}"></i>{escape(given.categories.get(number, str(number)))}</span>'
        for number in present
    )
    return f'<p class="legend">{marks}</p>'


def _canvas(rgb: Rgb, trace: Trace) -> Rgb:
    canvas = rgb.copy()
    canvas[trace.kind == Kind.BLENDED] = 255
    canvas[np.isin(trace.kind, (Kind.FILLED, Kind.INPAINTED, Kind.REFINER))] = 128
    return canvas


def _colored(photo: LabelledPhoto) -> Rgb:
    table = np.array([_color(number) for number in range(256)], dtype=np.uint8)
    colored: Rgb = table[photo.labels]
    return colored


def _color(category: int) -> tuple[int, int, int]:
    """Far apart for neighbouring ids; void is black."""
    if category == 0:
        return (0, 0, 0)
    hue = category * 0.618034 % 1
    light, strength = (200, 150) if category % 2 else (235, 110)
    pixel = np.array([[[round(hue * 179), strength, light]]], np.uint8)
    red, green, blue = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0].tolist()
    return red, green, blue


def _image(pixels: NDArray[np.uint8], kind: str) -> str:
    content = BytesIO()
    Image.fromarray(pixels).save(content, kind, **({"quality": 88} if kind == "jpeg" else {"optimize": True}))
    return f"data:image/{kind};base64,{b64encode(content.getvalue()).decode()}"


def _interval(row: Row) -> str:
    return "" if row.interval is None else f"{row.interval[0]:.3g} to {row.interval[1]:.3g}"


def _short(value: float) -> str:
    return f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.1g}" if abs(value) >= 1e-6 else "0"


_CSS = """
:root { --ink: #1c2430; --soft: #5c6675; --line: #dde2e8; --blue: #2f6fb3; }
* { box-sizing: border-box }
body { margin: 0; background: #fff; color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
main { max-width: 1560px; margin: 0 auto; padding: 36px 32px 60px }
h1 { font-size: 28px; margin: 0 0 6px; letter-spacing: -.01em } h2 { font-size: 18px; margin: 36px 0 10px }
.lead { color: var(--soft); margin: 0; max-width: 80ch }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: 6px 14px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600; color: var(--soft); font-size: 13px } .n { text-align: right; white-space: nowrap }
small { display: block; color: var(--soft); font-size: 12px; max-width: 44ch }
.yes, .no { padding: 1px 9px; border-radius: 9px; font-size: 13px } .yes { background: #dff2e3; color: #14632b }
.no { background: #fbe3df; color: #93261a }
.wide { overflow-x: auto } .charts { display: flex; flex-wrap: wrap; gap: 32px; margin-top: 28px }
figure { margin: 0 } figcaption { font-weight: 600; font-size: 14px; margin-bottom: 6px }
.sheet td { padding: 3px; border: 0 } .sheet th { padding: 0 3px 4px } .sheet img { display: block; width: 212px; border-radius: 3px }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--soft) }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 2px; margin-right: 5px; vertical-align: -1px }
.foot { color: var(--soft); font-size: 13px; margin-top: 28px; max-width: 110ch }
"""
