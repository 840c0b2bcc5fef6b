"""Nearest pixels, exactly: integers only, with ties decided here and not by a library."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.pictures import Mask

_FAR = 1 << 20  # rows; beyond any picture, and its square stays far below 2**63

# Where a hole's nearest source mostly is: the places around it in the order in which they win, some 60.
_BESIDE = 4
_NEAR = np.array(
    sorted(
        ((y, x) for y in range(-4, 5) for x in range(-4, 5) if y * y + x * x <= _BESIDE * _BESIDE + 4),
        key=lambda place: (place[0] ** 2 + place[1] ** 2, place),
    )
)
_FIRST = 13  # of these places: up to two pixels away, where most find it
_FEW = 16  # holes are few where less than one pixel of so many is one


def nearest(holes: Mask, sources: Mask, *, reach_px: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """For each hole the source pixel at the least Euclidean distance.

    Of equally near sources the one in the upper row wins, then the one
    further left. Holes with no source within `reach_px` are left out.

    Args:
        holes, sources: (H, W) bool.

    Returns:
        Row-major indexes of holes (N,) and of their sources (N,), and squared distances (N,).
    """
    hole = np.flatnonzero(holes)
    if hole.size == 0 or not sources.any():
        return (np.zeros(0, np.int64),) * 3
    if hole.size * _FEW < holes.size and reach_px * reach_px >= 20:
        return _around(hole, sources, reach_px=reach_px)
    return _across(hole, sources, reach_px=reach_px)


def _around(
    hole: NDArray[Any], sources: Mask, *, reach_px: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """As `nearest`, for a few holes: first right beside each, then across the map for those left."""
    height, width = sources.shape
    wide = width + 2 * _BESIDE  # nobody beyond the edge is a source
    around = np.zeros((height + 2 * _BESIDE, wide), bool)
    around[_BESIDE:-_BESIDE, _BESIDE:-_BESIDE] = sources
    flat = around.reshape(-1)
    center = hole // width * wide + hole % width + _BESIDE * (wide + 1)
    found, squared = np.full(hole.size, -1, np.int64), np.zeros(hole.size, np.int64)
    left = np.arange(hole.size)
    for places in (_NEAR[:_FIRST], _NEAR[_FIRST:]):
        hit = flat[center[left][:, None] + (places[:, 0] * wide + places[:, 1])]
        first = hit.argmax(axis=1)
        some = hit[np.arange(left.size), first]
        down, right = places[first[some]].T
        taken = left[some]
        found[taken] = hole[taken] + down * width + right
        squared[taken] = down * down + right * right
        left = left[~some]
    if left.size:
        kept, source, further = _across(hole[left], sources, reach_px=reach_px)
        reached = left[np.searchsorted(hole[left], kept)]
        found[reached], squared[reached] = source, further
    within = found >= 0
    return hole[within], found[within], squared[within]


def _across(
    hole: NDArray[Any], sources: Mask, *, reach_px: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    height, width = sources.shape
    rows = np.arange(height, dtype=np.int32)[:, None]
    above = np.maximum.accumulate(np.where(sources, rows, -_FAR), axis=0)
    below = np.minimum.accumulate(np.where(sources, rows, _FAR)[::-1], axis=0)[::-1]
    # One candidate a column: the nearer of above and below, the upper one of two as near.
    column = np.where(rows - above <= below - rows, above, below).ravel()

    # Squared distance and index in one number: its minimum is the nearest, ties settled.
    span = height * width
    best = np.full(hole.size, np.iinfo(np.int64).max, np.int64)
    left = np.arange(hole.size)
    y, x = hole // width, hole % width
    for step in range(min(reach_px, width - 1) + 1):
        for side in (-step, step) if step else (0,):
            at = x + side
            inside = (at >= 0) & (at < width)
            row = column[np.where(inside, y * width + at, 0)].astype(np.int64)
            inside &= np.abs(row) < _FAR
            key = ((row - y) ** 2 + step * step) * span + row * width + at
            best[left] = np.where(inside, np.minimum(best[left], key), best[left])
        # A column further away than the best so far cannot win; one as far away still can, by its row.
        open_ = best[left] // span >= (step + 1) ** 2
        left, y, x = left[open_], y[open_], x[open_]
        if left.size == 0:
            break
    squared = best // span
    found = squared <= reach_px * reach_px
    return hole[found], best[found] % span, squared[found]
