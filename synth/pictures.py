"""The values that stages of a synthesis hand to one another.

Sizes are (height, width), boxes (x0, y0, x1, y1) half-open, pixel centers at
half-integers. Nothing here knows where a segment came from.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

LEDGER_FORMAT = 1
MAX_SIDE_PX = 2048
MAX_AREA_PX = 2048 * 1024
BACKDROP_RANK = 20
FURNITURE_RANK = 40
UNCOVERED_SHARE = 0.10  # of the frame: beyond it the bank is short

CanvasRule = Literal["strict", "overlap"]
"""Whether segments are clipped to their regions, or reach a little beyond where the order lets them."""
Mask = NDArray[np.bool_]
Rgb = NDArray[np.uint8]


class SynthError(Exception):
    """Something asked of the synthesis that cannot be done, in one clear sentence."""


class LayoutTooLarge(SynthError):
    def __init__(self, height: int, width: int) -> None:
        super().__init__(
            f"the layout is `{width}x{height}` px; make it at most {MAX_SIDE_PX} px a side"
            f" and {MAX_AREA_PX} px in all"
        )
        self.height = height
        self.width = width


class BadPlacement(SynthError):
    """A placement names what is not there, or lies outside the numbers that placements may use."""


class Uncovered(SynthError):
    """Too much of the frame has no segment. `regions` are those short of cover, the largest lack first."""

    def __init__(self, regions: Sequence[int], share: float) -> None:
        super().__init__(
            f"{share:.0%} of the frame has no segment, and at most {UNCOVERED_SHARE:.0%} may be made up"
        )
        self.regions = tuple(regions)
        self.share = share


class Kind(IntEnum):
    """What a canvas pixel is made of, before refinement. Every pixel is exactly one of these."""

    PLACED = 1  # a pixel of the owner, where the owner's mask covers it
    FILLED = 2  # a hole, continued from the owner's pixels nearby
    BLENDED = 3  # the owner's pixel, mixed with a neighbour's along a seam
    INPAINTED = 4  # no owner: guessed from what surrounds it
    REFINER = 5  # no owner: a network made it alone


@dataclass(frozen=True, eq=False)
class Segment:
    """Pixels of one photo that the order may use.

    `rgb` (h, w, 3) uint8 and `mask` (h, w) cover `box` of a photo whose working
    size is `frame`; what `rgb` holds outside the mask is never looked at.
    """

    key: int
    photo: int
    category: int
    rgb: Rgb
    mask: Mask
    box: tuple[int, int, int, int]
    frame: tuple[int, int]
    depth_mm: int | None = None


@dataclass(frozen=True)
class CategoryFacts:
    """What composition knows of a category: flat things lie behind, `front_rank` orders the rest."""

    id: int
    name: str
    ground: bool = False
    planar: bool = False
    thin: bool = False
    void: bool = False
    front_rank: int = 50

    @property
    def backdrop(self) -> bool:
        """Something that goes on behind: a wall, a building, trees, a curtain. Texture continues it,
        and a seam in it shows less than a hole. Anything else is an object with a shape of its own."""
        return self.planar or self.void or self.front_rank < BACKDROP_RANK

    @property
    def bearing(self) -> bool:
        """Something that others stand on or before: a floor, a wall, a table, a sofa."""
        return self.planar or self.ground or BACKDROP_RANK <= self.front_rank < FURNITURE_RANK


@dataclass(frozen=True)
class Placement:
    """One segment put into one region.

    `affine` is (a, b, c, d, e, f) in 16.16 fixed point: the canvas point
    (x, y) shows the crop's point (ax + by + c, dx + ey + f). A higher `rank`
    lies in front.
    """

    region: int
    segment: int
    rank: int
    affine: tuple[int, int, int, int, int, int]


@dataclass(frozen=True)
class Counts:
    """Canvas pixels by placement and kind; they add up to the frame."""

    placed: tuple[int, ...]
    filled: tuple[int, ...]
    blended: tuple[int, ...]
    inpainted: int
    refiner: int

    @property
    def total(self) -> int:
        return sum(self.placed) + sum(self.filled) + sum(self.blended) + self.inpainted + self.refiner


@dataclass(frozen=True, eq=False)
class Ledger:
    """Which placement fed each canvas pixel, and how.

    `owner` (H, W) int32 indexes the picture's placements, -1 where nobody owns
    the pixel; `kind` (H, W) uint8 holds `Kind`.
    """

    owner: NDArray[np.int32]
    kind: NDArray[np.uint8]

    def digest(self) -> str:
        """SHA-256 over format, size, owners (int32, little-endian) and kinds, row by row."""
        sha = hashlib.sha256(b"bankd ledger %d %d %d\n" % (LEDGER_FORMAT, *self.owner.shape))
        sha.update(np.ascontiguousarray(self.owner, dtype="<i4").tobytes())
        sha.update(np.ascontiguousarray(self.kind, dtype=np.uint8).tobytes())
        return sha.hexdigest()

    def counts(self, placements: int) -> Counts:
        """Pixels of each of the first `placements` placements, and of none."""

        def of(kind: Kind) -> tuple[int, ...]:
            return tuple(np.bincount(self.owner[self.kind == kind], minlength=placements).tolist())

        return Counts(
            placed=of(Kind.PLACED),
            filled=of(Kind.FILLED),
            blended=of(Kind.BLENDED),
            inpainted=int(np.count_nonzero(self.kind == Kind.INPAINTED)),
            refiner=int(np.count_nonzero(self.kind == Kind.REFINER)),
        )


@dataclass(frozen=True, eq=False)
class Picture:
    """One finished picture. `rgb` (H, W, 3) uint8; `timings` in seconds by stage.

    `memory` and `device_memory` are the most bytes held during a stage, by the process in RAM and by the
    device that networks run on, as far as the system says. `gate` and `base` are what a network says of its
    part: see `synth.refinement.Refined`.
    """

    rgb: Rgb
    placements: tuple[Placement, ...]
    ledger: Ledger
    timings: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)
    device_memory: Mapping[str, int] = field(default_factory=dict)
    gate: NDArray[np.uint8] | None = None
    base: Rgb | None = None


def masks_of(segments: Mapping[int, Segment]) -> dict[int, Mask]:
    return {key: segment.mask for key, segment in segments.items()}


def as_point(affine: tuple[int, ...]) -> NDArray[np.floating[Any]]:
    """The 2x3 matrix of a placement as floats: canvas point to crop point."""
    return np.array(affine, dtype=np.float64).reshape(2, 3) / 65536
