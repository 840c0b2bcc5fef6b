"""Cutting a photo into segments by its label map."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synth.layout import Labels, Pieces, Region, pieces

SMALL_SHARE = (76, 10_000)
"""Below 0.76% of the frame a segment is flagged small: SIMS gives it no retrieval, the bank keeps it."""


@dataclass(frozen=True, eq=False)
class SegmentCut:
    """One segment of a photo: its region in the label map and what is known of it."""

    region: Region
    small: bool
    depth_mm: int | None  # lower median over the pixels whose depth is known


def cut(
    labels: Labels,
    instances: npt.NDArray[np.int32] | None = None,
    depth: npt.NDArray[np.uint16] | None = None,
    *,
    thin: frozenset[int] = frozenset(),
) -> list[SegmentCut]:
    """Cut a photo into segments, void ones too.

    Args:
        labels: (H, W) uint8 house category ids.
        instances: (H, W) int32, 0 = belongs to no instance; different instances are different segments.
        depth: (H, W) uint16 millimetres, 0 = unknown.
        thin: categories merged into others for labelling only, see `synth.layout.regions`.

    A segment of one pixel, or any that fits into 3 x 3, is speckle and goes to
    its surroundings, unless the whole map is speckle.
    """
    if instances is not None and instances.shape != labels.shape:
        raise ValueError("instances and labels differ in size")
    return cut_pieces(pieces(labels, instances), depth, thin=thin)


def cut_pieces(
    found: Pieces, depth: npt.NDArray[np.uint16] | None = None, *, thin: frozenset[int] = frozenset()
) -> list[SegmentCut]:
    """As `cut`, for a label map that was taken apart already."""
    height, width = found.frame
    if depth is not None and depth.shape != found.frame:
        raise ValueError("depth and labels differ in size")
    return [
        SegmentCut(
            region=region,
            small=region.area_px * SMALL_SHARE[1] < SMALL_SHARE[0] * height * width,
            depth_mm=None if depth is None else _median_mm(depth, region),
        )
        for region in found.regions(thin)
    ]


def _median_mm(depth: npt.NDArray[np.uint16], region: Region) -> int | None:
    inside = depth[region.y0 : region.y1, region.x0 : region.x1][region.mask]
    known = inside[inside > 0]
    if known.size == 0:
        return None
    middle = (known.size - 1) // 2
    return int(np.partition(known, middle)[middle])
