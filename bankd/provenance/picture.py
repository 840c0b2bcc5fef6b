"""The provenance picture: a composite with each placed photo's area outlined, numbered and named.

It shows the canvas before refinement: where a photo was placed, not what of
it can still be seen.
"""

import colorsys
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from bankd.provenance.fonts import font
from bankd.provenance.shares import basis_points

Color = tuple[int, int, int]
Rgb = npt.NDArray[np.uint8]

LONG_SIDE_PX = 1600  # smaller pictures are drawn enlarged, so that lines stay thin and words readable
_INK: Color = (28, 30, 34)
_QUIET: Color = (112, 116, 124)
_PAPER: Color = (255, 255, 255)
_FIRST: tuple[Color, ...] = (
    (232, 93, 58),
    (38, 132, 224),
    (44, 162, 95),
    (240, 176, 32),
    (148, 92, 214),
    (20, 178, 184),
    (222, 76, 146),
    (140, 172, 36),
    (150, 100, 62),
    (92, 108, 200),
)


@dataclass(frozen=True)
class Words:
    """What the legend says, in the reader's language."""

    title: str = "Canvas area before refinement"
    nobody: str = "No placed photo"
    note: str = "The outlines show where photos were placed on the canvas."


def colors(count: int) -> list[Color]:
    """A color for each placed photo: ten chosen ones, then hues a golden angle apart at three lightnesses."""
    more = []
    for number in range(max(0, count - len(_FIRST))):
        hue = (0.08 + number * 0.618033988749895) % 1.0
        lightness = (0.50, 0.38, 0.64)[number % 3]
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.62)
        more.append((round(red * 255), round(green * 255), round(blue * 255)))
    return [*_FIRST[:count], *more]


def outlined(rgb: Rgb, photo_map: npt.NDArray[np.integer]) -> Rgb:
    """The composite with outlines and numbers.

    Args:
        rgb: (H, W, 3) uint8.
        photo_map: (H, W), the number of the placed photo that fed each pixel, from 0, or -1.
    """
    height, width = photo_map.shape
    scale = max(1.0, LONG_SIDE_PX / max(height, width))
    size = (round(width * scale), round(height * scale))
    enlarged = cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC) if scale > 1 else rgb
    drawn: Rgb = np.array(enlarged, dtype=np.uint8)  # a copy, to be drawn on
    count = int(photo_map.max(initial=-1)) + 1
    palette = colors(count)
    thickness = max(3, round(max(size) / 460))
    labels: list[tuple[int, int, int]] = []
    for number in range(count):
        whole = _enlarged(photo_map == number, size, scale)
        x0, y0, wide, high = cv2.boundingRect(whole)
        left, top = max(0, x0 - 2), max(0, y0 - 2)  # what is around it is empty, and need not be looked at
        mask = whole[top : y0 + high + 2, left : x0 + wide + 2]
        # A little inside its own area, so that the lines of two neighbours run side by side.
        inner = cv2.erode(mask, np.ones((3, 3), np.uint8), iterations=max(1, thickness // 2))
        contours, _ = cv2.findContours(
            inner if inner.any() else mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_TC89_L1, offset=(left, top)
        )
        shown = [contour for contour in contours if len(contour) > 2] or list(contours)
        cv2.polylines(drawn, shown, True, _PAPER, thickness + 2, cv2.LINE_AA)
        cv2.polylines(drawn, shown, True, palette[number], thickness, cv2.LINE_AA)
        points = _label_points(mask, radius=1.3 * _badge_radius(size))
        labels += [(number, left + x, top + y) for x, y in points]
    return _numbered(drawn, labels, palette)


def with_legend(
    rgb: Rgb, photo_map: npt.NDArray[np.integer], *, names: Sequence[str], words: Words | None = None
) -> Rgb:
    """The outlined composite with a legend beside it: number, licensor, canvas area.

    Args:
        names: the licensor of each placed photo, in the order of their numbers.
    """
    words = words or Words()
    picture = outlined(rgb, photo_map)
    counts = np.bincount(photo_map.ravel() + 1, minlength=len(names) + 1)
    nobody_px, *fed_px = (int(count) for count in counts)
    areas_px = [*fed_px, nobody_px]
    points = basis_points(areas_px)

    height, width, _ = picture.shape
    unit = max(15, round(max(height, width) / 76))  # the size of the text
    margin, row = 2 * unit, round(unit * 2.1)
    head, foot = round(4.2 * unit), round(3.4 * unit)
    rows_px = len(names) * row + (row * 2 if nobody_px else 0)
    columns = max(1, math.ceil(rows_px / max(row, height - head - foot)))
    lines = math.ceil((len(names) + (1 if nobody_px else 0)) / columns)
    column = min(
        24 * unit,
        max(12 * unit, round(max((font(unit).getlength(name) for name in names), default=0)) + 9 * unit),
    )
    tall = max(height + 2 * margin, head + foot + lines * row + 2 * margin)
    legend = max(columns * column, round(font(round(unit * 1.25)).getlength(words.title)) + unit)
    column = legend // columns
    sheet = Image.new("RGB", (margin + width + margin + legend + margin, tall), _PAPER)
    sheet.paste(Image.fromarray(picture), (margin, margin))
    pen = ImageDraw.Draw(sheet)
    left, top = 2 * margin + width, margin
    pen.text((left, top), words.title, font=font(round(unit * 1.25)), fill=_INK)
    pen.line([(left, top + 3 * unit), (left + legend, top + 3 * unit)], fill=(214, 216, 220), width=1)

    entries = [
        (str(n + 1), color, name)
        for n, (name, color) in enumerate(zip(names, colors(len(names)), strict=True))
    ]
    if nobody_px:
        entries.append(("", (176, 178, 182), words.nobody))
    for place, (number, color, name) in enumerate(entries):
        x, y = left + (place // lines) * column, top + head + (place % lines) * row
        _badge(pen, x + unit, y + unit // 2 + 2, number, color, radius=round(unit * 0.86))
        room = column - 8 * unit
        pen.text((x + 2.6 * unit, y - unit * 0.22), _fitting(name, unit, room), font=font(unit), fill=_INK)
        tiny = areas_px[place] > 0 and points[place] == 0
        percent = "< 0.01 %" if tiny else f"{points[place] / 100:.2f} %"
        pen.text(
            (x + column - (1.4 * unit if columns > 1 else 0), y - unit * 0.22),
            percent,
            font=font(unit),
            fill=_QUIET,
            anchor="ra",
        )
    for number_of_line, line in enumerate(_wrapped(words.note, round(unit * 0.86), legend)):
        small = round(unit * 0.86)
        pen.text(
            (left, tall - margin - foot + round(1.2 * unit) + number_of_line * round(small * 1.5)),
            line,
            font=font(small),
            fill=_QUIET,
        )
    return np.asarray(sheet, dtype=np.uint8)


def _enlarged(mask: npt.NDArray[np.bool_], size: tuple[int, int], scale: float) -> npt.NDArray[np.uint8]:
    """The mask at drawing size, its stairs smoothed where it was enlarged."""
    plain = mask.astype(np.uint8)
    if scale <= 1:
        return plain
    soft = cv2.GaussianBlur(cv2.resize(plain * 255, size, interpolation=cv2.INTER_LINEAR), (0, 0), scale / 2)
    smooth: npt.NDArray[np.uint8] = (soft > 127).astype(np.uint8)
    if smooth.any():
        return smooth
    return np.asarray(cv2.resize(plain, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def _badge_radius(size: tuple[int, int]) -> int:
    return max(11, round(max(size) / 78))


def _label_points(mask: npt.NDArray[np.uint8], *, radius: float) -> list[tuple[int, int]]:
    """Where numbers stand: deepest inside each piece that has room, in the largest in any case."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return []
    areas = stats[1:, cv2.CC_STAT_AREA]
    largest = int(areas.argmax())
    points = []
    for piece in [int(i) for i in np.flatnonzero(areas > 3 * radius**2)] or [largest]:
        left, top, wide, tall, _ = (int(number) for number in stats[piece + 1])
        inside = np.pad((pieces[top : top + tall, left : left + wide] == piece + 1).astype(np.uint8), 1)
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1]
        if piece == largest or depth.max() >= radius:
            y, x = np.unravel_index(int(depth.argmax()), depth.shape)
            points.append((left + int(x), top + int(y)))
    return points


def _numbered(drawn: Rgb, labels: Sequence[tuple[int, int, int]], palette: Sequence[Color]) -> Rgb:
    """Badges drawn at twice the size and reduced, so that their edges are smooth."""
    height, width, _ = drawn.shape
    radius = _badge_radius((width, height))
    image = Image.fromarray(drawn)
    for number, x, y in labels:
        box = 2 * radius + 6
        x, y = min(max(x, radius + 2), width - radius - 2), min(max(y, radius + 2), height - radius - 2)
        stamp = Image.new("RGBA", (4 * box, 4 * box), (0, 0, 0, 0))
        pen = ImageDraw.Draw(stamp)
        _badge(pen, 2 * box, 2 * box, str(number + 1), palette[number], radius=4 * radius, rim=5)
        stamp = stamp.resize((box, box), Image.Resampling.LANCZOS)
        image.paste(stamp, (x - box // 2, y - box // 2), stamp)
    return np.asarray(image, dtype=np.uint8)


def _badge(
    pen: ImageDraw.ImageDraw, x: float, y: float, text: str, color: Color, *, radius: int, rim: int = 0
) -> None:
    if rim:
        pen.ellipse((x - radius - rim, y - radius - rim, x + radius + rim, y + radius + rim), fill=_PAPER)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
    bright = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2] > 150
    size = round(radius * (1.15 if len(text) < 2 else 0.98))
    pen.text((x, y), text, font=font(size), fill=_INK if bright else _PAPER, anchor="mm")


def _fitting(text: str, size: int, room: float) -> str:
    """The text, cut with an ellipsis where it is wider than its room."""
    if font(size).getlength(text) <= room:
        return text
    while text and font(size).getlength(text + "…") > room:
        text = text[:-1]
    return text.rstrip() + "…"


def _wrapped(text: str, size: int, room: float) -> list[str]:
    """Lines of words, or of characters in a script without spaces."""
    parts = text.split(" ") if " " in text else list(text)
    glue = " " if " " in text else ""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = lines[-1] + glue + part
        if font(size).getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines
