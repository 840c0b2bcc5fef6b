"""What is measured: pictures of one system for one list of layouts, with what their ledgers say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.pictures import Mask, Rgb, SynthError

NOBODY = -1


class EvaluationError(SynthError):
    """Something that cannot be measured, in one clear sentence."""


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """A real photo, (H, W, 3) uint8, and its (H, W) uint8 label map of house ids.

    `scene` names what photos of one place share: the unit of the bootstrap.
    """

    name: str
    scene: str
    rgb: Rgb
    labels: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Trace:
    """What a ledger says of a picture, as far as it is measured.

    `owner` (H, W) int32 indexes placements, -1 nobody; `kind` (H, W) uint8;
    `photos` gives the source photo of each placement; `gate` (H, W) uint8 is
    the refiner's share of each pixel in 255ths, None where it made nothing;
    `seconds` are what each stage took, `memory` the most bytes that the process held meanwhile, where the
    system says. `shown` (H, W, 3) uint8 is the canvas as a refinement network sees it.
    """

    owner: NDArray[np.int32]
    kind: NDArray[np.uint8]
    photos: tuple[str, ...]
    gate: NDArray[np.uint8] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)
    shown: Rgb | None = None

    @property
    def canvas(self) -> Mask:
        """Pixels that a placed photo owns."""
        owned: Mask = self.owner >= 0
        return owned

    def photo_px(self) -> dict[str, int]:
        """Canvas pixels by photo."""
        counts = np.bincount(self.owner[self.canvas], minlength=len(self.photos))
        by_photo: dict[str, int] = {}
        for photo, px in zip(self.photos, counts.tolist(), strict=True):
            by_photo[photo] = by_photo.get(photo, 0) + px
        return by_photo


@dataclass(frozen=True, eq=False)
class System:
    """One way to make pictures: a picture for each layout, in the layouts' order.

    `traces` is empty where no canvas was used. `variations` holds further
    pictures of each layout: (layouts) lists, the first picture not repeated.
    """

    name: str
    pictures: Sequence[Rgb]
    traces: Sequence[Trace] = ()
    variations: Sequence[Sequence[Rgb]] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        for beside in (self.traces, self.variations):
            if beside and len(beside) != len(self.pictures):
                raise EvaluationError(f"system `{self.name}` has not one trace or variation list per picture")


def stack(pictures: Sequence[Rgb]) -> NDArray[np.uint8]:
    """(n, H, W, 3) uint8.

    Raises:
        EvaluationError: there is none, or two differ in size.
    """
    shapes = {picture.shape for picture in pictures}
    if len(shapes) != 1:
        raise EvaluationError("pictures to be measured together must have one size")
    return np.stack(list(pictures))


Weights = NDArray[np.floating[Any]]
