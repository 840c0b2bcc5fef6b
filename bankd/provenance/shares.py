"""Who fed the canvas: areas from a ledger's arrays, and shares that add up exactly.

Everything is a count of pixels of the canvas before refinement. Percentages
are for reading only and come from the counts by largest remainder.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bankd.provenance.errors import AreasDoNotAddUp

# How a canvas pixel came to be, as the ledger numbers it.
PLACED, FILLED, BLENDED, INPAINTED, REFINER = 1, 2, 3, 4, 5
SEAM = 6  # of what is blended, where more than one photo is
UNOWNED = -1


@dataclass(frozen=True)
class SegmentArea:
    """What one segment owns: pixels of its own, filled from it, blended within its photo, and those of a
    seam, into which another photo's were mixed."""

    segment_id: int
    placed_px: int
    filled_px: int
    blended_px: int
    seam_px: int = 0

    @property
    def canvas_px(self) -> int:
        return self.placed_px + self.filled_px + self.blended_px + self.seam_px


@dataclass(frozen=True)
class Areas:
    """A whole canvas. Segments that fed no pixel are not in it."""

    segments: tuple[SegmentArea, ...]
    inpainted_px: int
    refiner_px: int
    frame_px: int

    def __post_init__(self) -> None:
        counted = sum(area.canvas_px for area in self.segments) + self.inpainted_px + self.refiner_px
        if counted != self.frame_px:
            raise AreasDoNotAddUp(counted, self.frame_px)

    @property
    def seam_px(self) -> int:
        return sum(area.seam_px for area in self.segments)


def count(
    owner: npt.NDArray[np.integer],
    kind: npt.NDArray[np.integer],
    segments: Sequence[int],
    *,
    seams: npt.NDArray[np.bool_] | None = None,
) -> Areas:
    """Areas of a ledger.

    Args:
        owner: (H, W), the placement that fed each pixel, or -1.
        kind: (H, W), PLACED to REFINER.
        segments: the segment id of each placement; one segment may be placed more than once.
        seams: (H, W), which of the blended pixels may hold more than one photo's; none if left out.

    Raises:
        AreasDoNotAddUp: a pixel has an owner where its kind has none, none where it needs one,
            a placement that does not exist, or a kind that does not exist.
    """
    frame_px = int(owner.size)
    if owner.shape != kind.shape or owner.ndim != 2:
        raise AreasDoNotAddUp(int(kind.size), frame_px)
    kinds = SEAM + 1
    known = (owner >= UNOWNED) & (owner < len(segments)) & (kind >= 0) & (kind < SEAM)
    if not known.all():
        owner, kind = np.where(known, owner, UNOWNED), np.where(known, kind, 0)  # which is not sound
    if seams is not None:
        kind = np.where(seams & (kind == BLENDED), SEAM, kind)
    # By who owns a pixel, nobody first, and its kind.
    each = (owner.astype(np.int64) + 1) * kinds + kind
    counted = np.bincount(each.ravel(), minlength=kinds * (len(segments) + 1)).reshape(-1, kinds)
    nobodys, owned = counted[0], counted[1:, [PLACED, FILLED, BLENDED, SEAM]]
    sound_px = int(owned.sum() + nobodys[INPAINTED] + nobodys[REFINER])
    if sound_px != frame_px:
        raise AreasDoNotAddUp(sound_px, frame_px)

    index = {segment: number for number, segment in enumerate(dict.fromkeys(segments))}
    by_segment = np.zeros((len(index), 4), dtype=np.int64)
    np.add.at(by_segment, [index[segment] for segment in segments], owned)
    areas = (SegmentArea(segment, *map(int, by_segment[number])) for segment, number in index.items())
    return Areas(
        tuple(area for area in areas if area.canvas_px),
        int(nobodys[INPAINTED]),
        int(nobodys[REFINER]),
        frame_px,
    )


def basis_points(counts: Sequence[int], *, whole: int | None = None) -> list[int]:
    """Hundredths of a percent by largest remainder; they add up to 10000 when the counts add up to `whole`.

    Ties go to the earlier count.

    >>> basis_points([1, 1, 1])
    [3334, 3333, 3333]
    """
    return apportion(10_000, counts, whole=sum(counts) if whole is None else whole)


def ppm(part: int, whole: int) -> int:
    """Parts per million, rounded down: a share is never overstated by more than it is."""
    return part * 1_000_000 // whole


def apportion(units: int, counts: Sequence[int], *, whole: int) -> list[int]:
    """`units` shared out by largest remainder; all of them when the counts add up to `whole`."""
    if whole <= 0:
        return [0 for _ in counts]
    shares = [count * units // whole for count in counts]
    # What the counts together deserve, rounded down: all units when they are the whole.
    left = sum(counts) * units // whole - sum(shares)
    order = sorted(range(len(counts)), key=lambda i: (-(counts[i] * units % whole), i))
    for i in order[:left]:
        shares[i] += 1
    return shares
