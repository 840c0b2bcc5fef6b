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

import numpy as np
import numpy.typing as npt

from synth.layout import Labels, Region
from synth.runs import Runs, runs_in

FORMAT = 1
MASK_CELLS = 32
CONTEXT_CELLS = 16
PLANES = 8

_AT_ONCE = 512  # regions described together, which bounds the memory that a map of noise takes

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
    (described,) = describe_in((frame,), labels, regions)
    return described


def describe_in(frames: Sequence[Frame], labels: Labels, regions: Sequence[Region]) -> list[Descriptors]:
    """As `describe`, in several frames at less than their sum."""
    parts: list[list[Descriptors]] = [[] for _ in frames]
    for at in range(0, len(regions), _AT_ONCE) or (0,):
        some = regions[at : at + _AT_ONCE]
        boxes = np.array([(r.x0, r.y0, r.x1, r.y1) for r in some], dtype=np.int64).reshape(-1, 4)
        runs, of = runs_in([region.mask for region in some])
        for frame, found in zip(frames, parts, strict=True):
            masks = _mask_cells(runs, of, boxes, labels.shape if frame == "scene" else None)
            found.append(pack(frame, masks, _context_cells(labels, boxes, frame)))
    return [_joined(found) for found in parts]


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
    cells: npt.NDArray[np.bool_] = _mask_cells(*runs_in([region.mask]), _box(region), shape)[0]
    return cells


def context_cells(labels: Labels, region: Region, frame: Frame) -> npt.NDArray[np.uint8]:
    """(16, 16) uint8 category numbers around a region."""
    cells: npt.NDArray[np.uint8] = _context_cells(labels, _box(region), frame)[0]
    return cells


def scene_context(labels: Labels) -> npt.NDArray[np.uint8]:
    """(16, 16) uint8: the whole frame's context, by which photos and layouts are compared."""
    cells: npt.NDArray[np.uint8] = labels[np.ix_(_centers(labels.shape[0]), _centers(labels.shape[1]))]
    return cells


def _box(region: Region) -> Cells:
    return np.array([[region.x0, region.y0, region.x1, region.y1]], dtype=np.int64)


def _joined(parts: Sequence[Descriptors]) -> Descriptors:
    if len(parts) == 1:
        return parts[0]
    fields = ("masks", "planes", "mask_n", "context_n")
    return Descriptors(
        parts[0].frame, *(np.concatenate([getattr(part, field) for part in parts]) for field in fields)
    )


def _mask_cells(runs: Runs, of: Cells, boxes: Cells, shape: tuple[int, ...] | None) -> npt.NDArray[np.bool_]:
    """(n, 32, 32) bool for n masks, given as runs within their boxes, `of` saying whose each is."""
    count = len(boxes)
    left, top = boxes[:, 0], boxes[:, 1]
    if shape is None:
        height, width = boxes[:, 3] - top, boxes[:, 2] - left
        left = top = np.zeros(count, dtype=np.int64)
    else:
        height, width = np.full(count, shape[0]), np.full(count, shape[1])
    row, _ = _cell(runs.row + top[of], height[of])
    lines = (of * MASK_CELLS + row) * (MASK_CELLS + 1)
    # What a run covers is what lies before its end without what lies before its start; and before a column
    # lie all cells up to that column's own, and a part of that one.
    whole = np.zeros(count * MASK_CELLS * (MASK_CELLS + 1), dtype=np.int64)
    part = np.zeros_like(whole)
    for ends, sign in ((runs.stop, 1), (runs.start, -1)):
        cell, inside = _cell(ends + left[of], width[of])
        whole += sign * np.bincount(lines + cell, minlength=whole.size)
        part += sign * np.bincount(lines + cell, weights=inside, minlength=part.size).astype(np.int64)
    cells_shape = (count, MASK_CELLS, MASK_CELLS + 1)
    up_to = np.cumsum(whole.reshape(cells_shape)[..., ::-1], axis=2)[..., ::-1]
    # Where there are fewer pixels than cells, each pixel was counted as a cell, and cells share pixels.
    rows_px, columns_px = _extents(height), _extents(width)
    covered = part.reshape(cells_shape)[..., :-1] + up_to[..., 1:] * columns_px[:, None, :]
    if (few := np.minimum(height, width) < MASK_CELLS).any():
        spread = np.take_along_axis(covered[few], _first_of(height[few])[:, :, None], axis=1)
        covered[few] = np.take_along_axis(spread, _first_of(width[few])[:, None, :], axis=2)
    cell_px = rows_px[:, :, None] * columns_px[:, None, :]
    cells: npt.NDArray[np.bool_] = 2 * covered >= cell_px
    for empty in np.flatnonzero(~cells.any(axis=(1, 2))):
        cells[empty].flat[int(np.argmax(covered[empty] / cell_px[empty]))] = True
    return cells


def _context_cells(labels: Labels, boxes: Cells, frame: Frame) -> npt.NDArray[np.uint8]:
    """(n, 16, 16) uint8 category numbers around n boxes."""
    x0, y0, x1, y1 = boxes.T[:, :, None]
    pad_x, pad_y = -(-(x1 - x0) // 8), -(-(y1 - y0) // 8)
    x0, y0, x1, y1 = x0 - pad_x, y0 - pad_y, x1 + pad_x, y1 + pad_y
    height, width = labels.shape
    if frame == "scene":
        rows, columns = _centers(height)[None], _centers(width)[None]
    else:
        rows, columns = y0 + _centers(y1 - y0), x0 + _centers(x1 - x0)
    known_rows = (rows >= np.maximum(y0, 0)) & (rows < np.minimum(y1, height))
    known_columns = (columns >= np.maximum(x0, 0)) & (columns < np.minimum(x1, width))
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    known = known_rows[:, :, None] & known_columns[:, None, :]
    cells: npt.NDArray[np.uint8] = labels[rows[:, :, None], columns[:, None, :]] * known
    return cells


def _cell(at: Cells, extent: Cells) -> tuple[Cells, Cells]:
    """In which mask cell of its extent each pixel lies, and how many pixels of the cell lie before it."""
    cell = np.where(extent >= MASK_CELLS, (MASK_CELLS * (at + 1) - 1) // extent, at)
    return cell, np.where(extent >= MASK_CELLS, at - cell * extent // MASK_CELLS, 0)


def _first_of(extent: Cells) -> Cells:
    """(n, 32): by what `_cell` says, the cell that each cell's first pixel is counted in."""
    cells = np.arange(MASK_CELLS, dtype=np.int64)
    few = extent[:, None] < MASK_CELLS
    return np.where(few, cells * extent[:, None] // MASK_CELLS, cells)


def _extents(extent: Cells) -> Cells:
    """(n, 32): pixels of each mask cell along its extent."""
    steps = np.arange(MASK_CELLS + 1, dtype=np.int64) * extent[:, None] // MASK_CELLS
    return np.maximum(np.diff(steps, axis=1), 1)


def _centers(extent: int | Cells) -> Cells:
    return (2 * np.arange(CONTEXT_CELLS, dtype=np.int64) + 1) * extent // (2 * CONTEXT_CELLS)
