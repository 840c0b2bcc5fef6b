"""The owner map of a canvas as run lengths, so that a manifest can carry it.

Runs go row by row from the top left, each row from left to right, and on
across row ends: `owner, length, owner, length, ..`. An owner is the number of
a segment in the manifest, or -1 where no segment fed the pixel. Two runs that
touch have different owners, so that a map has one spelling.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Box = tuple[int, int, int, int]  # x0, y0, x1, y1, half-open


def run_lengths(owner: npt.NDArray[np.integer]) -> tuple[int, ...]:
    """Runs of an (H, W) owner map."""
    flat = owner.ravel()
    if flat.size == 0:
        return ()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = np.diff(np.concatenate((starts, [flat.size])))
    return tuple(int(number) for number in np.stack([flat[starts], lengths], axis=1).ravel())


def owner_map(runs: Sequence[int], *, height: int, width: int) -> npt.NDArray[np.int32]:
    """The (H, W) map back from its runs."""
    pairs = np.asarray(runs, dtype=np.int64).reshape(-1, 2)
    return np.repeat(pairs[:, 0], pairs[:, 1]).astype(np.int32).reshape(height, width)


def totals(runs: Sequence[int]) -> dict[int, int]:
    """Pixels of each owner."""
    counted: dict[int, int] = {}
    for owner, length in zip(runs[::2], runs[1::2], strict=True):
        counted[owner] = counted.get(owner, 0) + length
    return counted


def boxes(owner: npt.NDArray[np.integer]) -> dict[int, Box]:
    """The smallest box around all pixels of each owner, -1 left out."""
    found = ndimage.find_objects(owner + 1)  # 0 is nobody; None for a number that is not there
    return {
        number: (box[1].start, box[0].start, box[1].stop, box[0].stop)
        for number, box in enumerate(found)
        if box is not None
    }
