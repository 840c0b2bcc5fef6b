"""The evaluation as one HTML page that loads nothing: what was aimed at, every figure, contact sheets."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from importlib import resources
from io import BytesIO
from typing import Any

import cv2
import jinja2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synth.cards import Card
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
)
from synth.evaluation.pictures import LabelledPhoto, Trace
from synth.evaluation.rows import Row
from synth.evaluation.systems import BLEND, FULL, PARAMETRIC
from synth.pictures import Kind, Rgb

SHEET_ROWS = 18
ORDER = (BLEND, PARAMETRIC, FULL)
_JPEG_QUALITY = 88
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
    systems = sorted((one.name for one in given.systems), key=lambda name: (_place(name), name))
    columns = [REAL, *systems]
    height, width = given.real[0].labels.shape
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["short"] = _short
    return environment.from_string(_file("report.html")).render(
        title=title,
        style=_file("report.css"),
        layouts=len(given.real),
        scenes=len({photo.scene for photo in given.real}),
        width=width,
        height=height,
        bank=len(given.bank),
        aims=[row for row in rows if row.target is not None],
        columns=columns,
        figures=_figures(measured, columns),
        charts=[
            intervals(measured, KID, systems),
            intervals(measured, MEAN_IOU, columns),
            spectrum_chart(measured.spectra, [name for name in columns if name in (REAL, *ORDER)]),
        ],
        **_sheet(given, measured),
        legend=_legend(given),
        weights=", ".join(f"{name} {digest[:16]}" for name, digest in digests.items()),
        networks="; ".join(_trained(name, card) for name, card in given.networks.items()),
        judges=", ".join(f"seed {judge.training.seed}" for judge in given.judges) or "none",
        limit=measured.near_copy_limit,
    )


def _trained(name: str, card: Card) -> str:
    step, seed = card.metrics.get("step"), card.recipe.get("seed")
    return f"{name}: {step:.0f} steps, seed {seed}, snapshot {card.snapshot_sha256[:12]}" if step else name


def _figures(measured: Measured, columns: Sequence[str]) -> list[dict[str, Any]]:
    lines = []
    for figure in FIGURES:
        cells = [measured.figures[name].get(figure) for name in columns]
        if any(cells):
            lines.append({"name": figure, "note": _NOTES.get(figure), "cells": cells})
    return lines


def _sheet(given: Folder, measured: Measured) -> dict[str, Any]:
    """Layouts taken evenly over all of them, with what each system made of them."""
    count = len(given.real)
    chosen = np.unique(np.linspace(0, count - 1, min(SHEET_ROWS, count)).round().astype(int)).tolist()
    systems = {system.name: system for system in given.systems}
    canvas = next(
        (one for one in map(systems.get, (FULL, BLEND)) if one and any(trace.photos for trace in one.traces)),
        None,
    )
    columns: dict[str, list[str]] = {"layout": [_png(_colored(given.real[at])) for at in chosen]}
    if canvas is not None:
        columns["canvas"] = [_jpeg(_canvas(canvas.pictures[at], canvas.traces[at])) for at in chosen]
    for name in ORDER:
        if name in systems:
            columns[name] = [_jpeg(systems[name].pictures[at]) for at in chosen]
    columns[REAL] = [_jpeg(given.real[at].rgb) for at in chosen]
    for name in ("full", "blend"):
        if name in systems:
            near = measured.nearest[name]
            columns[f"photo nearest to {name}"] = [_jpeg(given.bank[int(near[at])].rgb) for at in chosen]
            break
    lines = zip(chosen, zip(*columns.values(), strict=True), strict=True)
    return {
        "heads": list(columns),
        "sheet": [{"name": given.real[at].name, "images": images} for at, images in lines],
        "canvas": canvas is not None,
    }


def _legend(given: Folder) -> list[dict[str, Any]]:
    present = sorted({int(number) for photo in given.real for number in np.unique(photo.labels)})
    return [{"name": given.categories.get(one, str(one)), "color": _color(one)} for one in present]


def _place(system: str) -> int:
    return ORDER.index(system) if system in ORDER else len(ORDER)


def _canvas(rgb: Rgb, trace: Trace) -> Rgb:
    """As a network sees it; where that was not kept, the picture with all that is no photo's painted over."""
    if trace.shown is not None:
        return trace.shown
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


def _png(pixels: NDArray[np.uint8]) -> str:
    content = BytesIO()
    Image.fromarray(pixels).save(content, "png", optimize=True)
    return f"data:image/png;base64,{b64encode(content.getvalue()).decode()}"


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    content = BytesIO()
    Image.fromarray(pixels).save(content, "jpeg", quality=_JPEG_QUALITY)
    return f"data:image/jpeg;base64,{b64encode(content.getvalue()).decode()}"


def _short(value: float) -> str:
    return "0" if abs(value) < 1e-6 else f"{value:.3g}"


def _file(name: str) -> str:
    return resources.files("synth.evaluation").joinpath(name).read_text(encoding="utf-8")
