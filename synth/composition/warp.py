"""Bring a segment's colors to the canvas."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.pictures import Mask, Rgb, as_point

Colors = NDArray[np.float32]
Box = tuple[int, int, int, int]


def lift(rgb: Rgb, mask: Mask, affine: tuple[int, ...], *, box: Box) -> Colors:
    """The segment's colors on the canvas pixels of `box`, (h, w, 3) float32 in [0, 1].

    Colors are continued smoothly beyond the mask, so that every pixel has
    one; only pixels that the ledger gives to the segment are its own.
    """
    matrix = as_point(affine)
    shrink_x = max(1.0, float(np.hypot(matrix[0, 0], matrix[1, 0])))
    shrink_y = max(1.0, float(np.hypot(matrix[0, 1], matrix[1, 1])))
    height, width = mask.shape
    small = (max(1, round(width / shrink_x)), max(1, round(height / shrink_y)))
    weight: Colors = mask.astype(np.float32)
    colors: Colors = (rgb * (weight[..., None] / 255)).astype(np.float32)
    if small != (width, height):  # average before sampling: a 2048 px photo on a 512 px canvas would glitter
        colors = np.asarray(cv2.resize(colors, small, interpolation=cv2.INTER_AREA), np.float32)
        weight = np.asarray(cv2.resize(weight, small, interpolation=cv2.INTER_AREA), np.float32)
    colors = extend(colors, weight)
    # Centers at half-integers to OpenCV's centers at integers, and from the crop to the shrunk crop.
    x0, y0, x1, y1 = box
    scale = np.array([small[0] / width, small[1] / height])
    moved = matrix[:, :2] * scale[:, None]
    offset = matrix[:, 2] * scale + moved @ np.array([x0 + 0.5, y0 + 0.5]) - 0.5
    out = cv2.warpAffine(
        colors,
        np.column_stack([moved, offset]),
        (x1 - x0, y1 - y0),
        # On real streets bilinear kept a third of the finest detail's power, bicubic half.
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(np.clip(out, 0, 1), np.float32)


def extend(colors: NDArray[Any], weight: NDArray[Any]) -> Colors:
    """Fill what has no weight from what has, smoothly: down a pyramid and up again.

    Args:
        colors: (h, w, 3) float32, already multiplied by `weight` (h, w) in [0, 1].
    """
    levels = [(colors, weight)]
    while min(levels[-1][1].shape) > 1:
        levels.append((cv2.pyrDown(levels[-1][0]), cv2.pyrDown(levels[-1][1])))
        if levels[-1][1].min() > 1e-3:
            break
    out = _known(*levels[-1])
    total = float(levels[-1][1].sum())
    if total > 0:  # what even the coarsest level does not know takes the mean
        mean = levels[-1][0].reshape(-1, 3).sum(axis=0) / total
        out = np.where(levels[-1][1][..., None] > 1e-6, out, mean.astype(np.float32))
    for level_colors, level_weight in reversed(levels[:-1]):
        up = cv2.pyrUp(out, dstsize=(level_weight.shape[1], level_weight.shape[0]))
        share = np.minimum(level_weight * 2, 1)[..., None]  # half known is known: edges stay as they were
        out = share * _known(level_colors, level_weight) + (1 - share) * up
    return out.astype(np.float32)


def _known(colors: NDArray[Any], weight: NDArray[Any]) -> Colors:
    out: Colors = colors / np.maximum(weight, 1e-6)[..., None]
    return out
