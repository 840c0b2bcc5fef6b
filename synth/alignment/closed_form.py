"""Alignment without learning: match the moments of two masks, within limits.

The baseline that a network has to beat. Segments are moved and scaled along
the axes, never turned: what stands upright in a photo stands upright here.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from synth.composition.footprints import FIXED, warp_mask
from synth.layout import Region
from synth.pictures import Mask, Segment

Frame = Literal["scene", "box"]
Affine = tuple[int, int, int, int, int, int]

SCALE = 2.0  # at most twice as large or half as large as it started
ASPECT = 1.5  # at most this change of width against height
COVERED = 0.98


@dataclass(frozen=True)
class Fit:
    """Upright map from crop to canvas: canvas = scale * crop + offset, per axis."""

    sx: float
    sy: float
    tx: float
    ty: float

    def affine(self) -> Affine:
        one = 1 << FIXED
        return (
            round(one / self.sx),
            0,
            round(-self.tx / self.sx * one),
            0,
            round(one / self.sy),
            round(-self.ty / self.sy * one),
        )


def align(
    segment: Segment, region: Region, *, canvas: tuple[int, int], frame: Frame, planar: bool
) -> tuple[Affine, float]:
    """Where the segment goes, and how much larger it got than it started.

    It starts where it stood: at its absolute place in the frame (`scene`), or
    with its box on the region's box (`box`, its own proportions kept within
    `ASPECT`). Shifts and scales by moments, or by boxes, are taken only where they raise
    the overlap (IoU) of the two masks. A flat thing that already covers its
    region stays where it is: moving it could only bend its perspective.
    """
    start = started(segment, region, canvas=canvas, frame=frame)
    if planar and covers(segment.mask, start, region):
        return start.affine(), 1.0
    best, best_iou = start, _iou(segment.mask, start, region, canvas)
    for fit in _better(segment.mask, region, start):
        iou = _iou(segment.mask, fit, region, canvas)
        if iou > best_iou:
            best, best_iou = fit, iou
    return best.affine(), float(np.sqrt(best.sx * best.sy / (start.sx * start.sy)))


def started(segment: Segment, region: Region, *, canvas: tuple[int, int], frame: Frame) -> Fit:
    """Where a segment stands before anything is moved: see `align`."""
    x0, y0, x1, y1 = segment.box
    if frame == "scene":
        sx, sy = canvas[1] / segment.frame[1], canvas[0] / segment.frame[0]
        return Fit(sx, sy, x0 * sx, y0 * sy)
    sx, sy = (region.x1 - region.x0) / (x1 - x0), (region.y1 - region.y0) / (y1 - y0)
    stretch = sx / sy
    if not 1 / ASPECT <= stretch <= ASPECT:
        # Keep the area and give up the proportions: what sticks out is clipped, what is missing is filled.
        size, kept = float(np.sqrt(sx * sy)), float(np.sqrt(np.clip(stretch, 1 / ASPECT, ASPECT)))
        sx, sy = size * kept, size / kept
    middle_x, middle_y = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
    return Fit(sx, sy, middle_x - sx * (x1 - x0) / 2, middle_y - sy * (y1 - y0) / 2)


def _better(mask: Mask, region: Region, start: Fit) -> list[Fit]:
    (ux, uy), (us, vs) = _moments(mask)
    (rx, ry), (rs, ts) = _moments(region.mask)
    rx, ry = rx + region.x0, ry + region.y0
    shifted = Fit(start.sx, start.sy, rx - start.sx * ux, ry - start.sy * uy)
    by_x, by_y = rs / (us * start.sx), ts / (vs * start.sy)
    size = float(np.clip(np.sqrt(by_x * by_y), 1 / SCALE, SCALE))
    stretch = float(np.sqrt(np.clip(by_x / by_y, 1 / ASPECT, ASPECT)))
    fits = [shifted]
    for kept in (1.0, stretch):
        sx, sy = start.sx * size * kept, start.sy * size / kept
        fits.append(Fit(sx, sy, rx - sx * ux, ry - sy * uy))
    return [*fits, _by_boxes(mask, region, start)]


def _by_boxes(mask: Mask, region: Region, start: Fit) -> Fit:
    """Box on box, within the limits: what is cut off at one side has moments that mislead."""
    height, width = mask.shape
    by_x = (region.x1 - region.x0) / (width * start.sx)
    by_y = (region.y1 - region.y0) / (height * start.sy)
    size = float(np.clip(np.sqrt(by_x * by_y), 1 / SCALE, SCALE))
    stretch = float(np.sqrt(np.clip(by_x / by_y, 1 / ASPECT, ASPECT)))
    sx, sy = start.sx * size * stretch, start.sy * size / stretch
    middle_x, middle_y = (region.x0 + region.x1) / 2, (region.y0 + region.y1) / 2
    return Fit(sx, sy, middle_x - sx * width / 2, middle_y - sy * height / 2)


def _moments(mask: Mask) -> tuple[tuple[float, float], tuple[float, float]]:
    """Center of mass and deviation along x and y, in pixels; a single pixel deviates by its own width."""
    columns, rows = mask.sum(axis=0, dtype=np.int64), mask.sum(axis=1, dtype=np.int64)

    def of(weights: NDArray[np.int64]) -> tuple[float, float]:
        at = np.arange(weights.size) + 0.5
        mean = float((weights * at).sum() / weights.sum())
        variance = float((weights * (at - mean) ** 2).sum() / weights.sum())
        return mean, float(np.sqrt(variance + 1 / 12))

    (x, sx), (y, sy) = of(columns), of(rows)
    return (x, y), (sx, sy)


def covers(mask: Mask, fit: Fit, region: Region) -> bool:
    """Whether the segment covers its region, but for a few pixels at most."""
    warped = warp_mask(mask, fit.affine(), box=(region.x0, region.y0, region.x1, region.y1))
    return bool(np.count_nonzero(warped & region.mask) / region.area_px >= COVERED)


def _iou(mask: Mask, fit: Fit, region: Region, canvas: tuple[int, int]) -> float:
    height, width = mask.shape
    extent = (fit.tx, fit.ty, fit.tx + fit.sx * width, fit.ty + fit.sy * height)
    return overlap(mask, fit.affine(), region, canvas=canvas, extent=extent)


def overlap(
    mask: Mask,
    affine: Affine,
    region: Region,
    *,
    canvas: tuple[int, int],
    extent: tuple[float, float, float, float],
) -> float:
    """IoU of region and placed mask, inside the frame.

    Args:
        extent: a box of the canvas, in pixels, that the placed mask does not leave.
    """
    x0 = min(max(int(np.floor(extent[0])), 0), region.x0)
    y0 = min(max(int(np.floor(extent[1])), 0), region.y0)
    x1 = max(min(int(np.ceil(extent[2])), canvas[1]), region.x1)
    y1 = max(min(int(np.ceil(extent[3])), canvas[0]), region.y1)
    warped = warp_mask(mask, affine, box=(x0, y0, x1, y1))
    inside = warped[region.y0 - y0 : region.y1 - y0, region.x0 - x0 : region.x1 - x0] & region.mask
    both = np.count_nonzero(inside)
    return both / (np.count_nonzero(warped) + region.area_px - both)
