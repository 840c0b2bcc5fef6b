"""Descriptors, format v1: where a segment is, what shape it has and what stands around it.

Mask: 32 x 32 cells, a bit each. A cell is set where the mask covers at least
half of the cell's pixels; where that sets no cell, the fullest one is set
(the first of equals in raster order), so a mask is never empty. Cell r of n
over an extent of E pixels holds the pixels from floor(r E / n) up to
floor((r + 1) E / n), at least one.

Context: 16 x 16 cells, a category number each: the label of the pixel that
holds the cell's center. Void is 0 and stands for "nothing known": it counts in
neither intersection nor union. The context reaches over the segment's box
enlarged by an eighth of its side (rounded up) on each side.

Two frames. `scene`: both grids lie over the whole photo, and context cells
whose center is outside the enlarged box are void. `box`: the mask's grid lies
over the segment's box, the context's over the enlarged box; cells outside
the photo are void.

Bits are packed row by row, the first cell in the highest bit of the first
byte: the binary form of PostgreSQL's `bit`. A context is kept as 8 planes,
plane p holding bit p of each cell's category number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from synth.layout import Labels, Region

FORMAT = 1
MASK_CELLS = 32
CONTEXT_CELLS = 16
PLANES = 8

Frame = Literal["scene", "box"]
FRAMES: tuple[Frame, ...] = ("scene", "box")
Packed = npt.NDArray[np.uint8]
Cells = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Descriptors:
    """n descriptors of one frame, in the order of their segments.

    masks (n, 128) and planes (n, 8, 32) uint8, packed; mask_n and context_n
    (n,) int32 count the set mask bits and the context cells that are not void.
    """

    frame: Frame
    masks: Packed
    planes: Packed
    mask_n: npt.NDArray[np.int32]
    context_n: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.masks)

    def take(self, which: npt.NDArray[np.int64]) -> "Descriptors":
        return Descriptors(
            self.frame, self.masks[which], self.planes[which], self.mask_n[which], self.context_n[which]
        )


def describe(labels: Labels, regions: Sequence[Region], frame: Frame) -> Descriptors:
    """Describe regions of a label map (H, W) uint8 in one frame."""
    masks = np.zeros((len(regions), MASK_CELLS, MASK_CELLS), dtype=bool)
    contexts = np.zeros((len(regions), CONTEXT_CELLS, CONTEXT_CELLS), dtype=np.uint8)
    for at, region in enumerate(regions):
        masks[at] = mask_cells(region, labels.shape if frame == "scene" else None)
        contexts[at] = context_cells(labels, region, frame)
    return pack(frame, masks, contexts)


def pack(frame: Frame, masks: npt.NDArray[np.bool_], contexts: npt.NDArray[np.uint8]) -> Descriptors:
    """Pack (n, 32, 32) bool and (n, 16, 16) uint8 category numbers."""
    count = len(masks)
    shifts = np.arange(PLANES, dtype=np.uint8)[:, None]
    bits = (contexts.reshape(count, 1, CONTEXT_CELLS**2) >> shifts) & 1  # (n, 8, 256)
    return Descriptors(
        frame=frame,
        masks=np.packbits(masks.reshape(count, MASK_CELLS**2), axis=1),
        planes=np.packbits(bits, axis=2),
        mask_n=masks.reshape(count, MASK_CELLS**2).sum(axis=1, dtype=np.int32),
        context_n=np.count_nonzero(contexts.reshape(count, CONTEXT_CELLS**2), axis=1).astype(np.int32),
    )


def mask_cells(region: Region, shape: tuple[int, ...] | None) -> npt.NDArray[np.bool_]:
    """(32, 32) bool over a frame of `shape` (H, W), or over the region's own box."""
    if shape is None:
        top, left, (height, width) = 0, 0, region.mask.shape
    else:
        top, left, height, width = region.y0, region.x0, shape[0], shape[1]
    upper, lower = _edges(height)
    near, far = _edges(width)
    sums = cv2.integral(region.mask.astype(np.uint8))  # (h + 1, w + 1) int32
    rows_from, rows_to = _inside(upper - top, sums.shape[0]), _inside(lower - top, sums.shape[0])
    columns_from, columns_to = _inside(near - left, sums.shape[1]), _inside(far - left, sums.shape[1])
    covered = (
        sums[np.ix_(rows_to, columns_to)]
        - sums[np.ix_(rows_from, columns_to)]
        - sums[np.ix_(rows_to, columns_from)]
        + sums[np.ix_(rows_from, columns_from)]
    ).astype(np.int64)
    cell_px = (lower - upper)[:, None] * (far - near)[None, :]
    cells: npt.NDArray[np.bool_] = 2 * covered >= cell_px
    if not cells.any():
        cells.flat[int(np.argmax(covered / cell_px))] = True
    return cells


def context_cells(labels: Labels, region: Region, frame: Frame) -> npt.NDArray[np.uint8]:
    """(16, 16) uint8 category numbers around a region."""
    pad_x = -(-(region.x1 - region.x0) // 8)
    pad_y = -(-(region.y1 - region.y0) // 8)
    x0, y0, x1, y1 = region.x0 - pad_x, region.y0 - pad_y, region.x1 + pad_x, region.y1 + pad_y
    if frame == "scene":
        rows, columns = _centers(labels.shape[0]), _centers(labels.shape[1])
    else:
        rows, columns = y0 + _centers(y1 - y0), x0 + _centers(x1 - x0)
    known_rows = (rows >= max(y0, 0)) & (rows < min(y1, labels.shape[0]))
    known_columns = (columns >= max(x0, 0)) & (columns < min(x1, labels.shape[1]))
    cells = np.zeros((CONTEXT_CELLS, CONTEXT_CELLS), dtype=np.uint8)
    cells[np.ix_(known_rows, known_columns)] = labels[np.ix_(rows[known_rows], columns[known_columns])]
    return cells


def scene_context(labels: Labels) -> npt.NDArray[np.uint8]:
    """(16, 16) uint8: the whole frame's context, by which photos and layouts are compared."""
    cells: npt.NDArray[np.uint8] = labels[np.ix_(_centers(labels.shape[0]), _centers(labels.shape[1]))]
    return cells


def _edges(extent: int) -> tuple[Cells, Cells]:
    steps = np.arange(MASK_CELLS + 1, dtype=np.int64) * extent // MASK_CELLS
    return steps[:-1], np.maximum(steps[1:], steps[:-1] + 1)


def _centers(extent: int) -> Cells:
    return (2 * np.arange(CONTEXT_CELLS, dtype=np.int64) + 1) * extent // (2 * CONTEXT_CELLS)


def _inside(edges: Cells, size: int) -> Cells:
    return np.clip(edges, 0, size - 1)
