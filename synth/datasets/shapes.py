"""Areas that people drew, as pixels: a pixel is inside where its center is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def polygon(points: NDArray[np.float64], frame: tuple[int, int]) -> Mask:
    """(H, W) of a polygon by its (N, 2) corners x, y; where it crosses itself, even-odd."""
    height, width = frame
    x0, y0 = points[:, 0], points[:, 1]
    x1, y1 = np.roll(x0, -1), np.roll(y0, -1)
    toggles = np.zeros((height, width + 1), dtype=np.int32)
    first = max(0, int(np.floor(points[:, 1].min())))
    last = min(height, int(np.ceil(points[:, 1].max())) + 1)
    centers = np.arange(first, max(first, last)) + 0.5
    crossed = (y0 <= centers[:, None]) != (y1 <= centers[:, None])  # (rows, edges)
    row, edge = np.nonzero(crossed)
    x = x0[edge] + (centers[row] - y0[edge]) * (x1[edge] - x0[edge]) / (y1[edge] - y0[edge])
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
    np.add.at(toggles, (row + first, column), 1)
    inside: Mask = np.cumsum(toggles, axis=1)[:, :width] % 2 == 1
    return inside


def ellipse(cx: float, cy: float, rx: float, ry: float, degrees: float, frame: tuple[int, int]) -> Mask:
    """(H, W) of an ellipse turned clockwise, as seen with y down."""
    turn = np.deg2rad(degrees)
    x = np.arange(frame[1])[None, :] + 0.5 - cx
    y = np.arange(frame[0])[:, None] + 0.5 - cy
    along = x * np.cos(turn) + y * np.sin(turn)
    across = y * np.cos(turn) - x * np.sin(turn)
    inside: Mask = (along / rx) ** 2 + (across / ry) ** 2 < 1
    return inside


def runs(counts: Sequence[int], box: tuple[int, int, int, int], frame: tuple[int, int]) -> Mask | None:
    """(H, W) of run lengths, row by row within the box (left, top, width, height), outside first.

    None where they do not fill the box, or the box leaves the frame.
    """
    left, top, width, height = box
    fits = left >= 0 and top >= 0 and left + width <= frame[1] and top + height <= frame[0]
    if not fits or width < 1 or height < 1 or min(counts, default=-1) < 0 or sum(counts) != width * height:
        return None
    inside = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(height, width)
    whole = np.zeros(frame, dtype=np.bool_)
    whole[top : top + height, left : left + width] = inside
    return whole
