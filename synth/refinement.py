"""Refiners: from a painted canvas to the finished picture."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.composition.joining import joined
from synth.composition.paint import Painting
from synth.pictures import Rgb


@dataclass(frozen=True, eq=False)
class Refined:
    """`rgb` (H, W, 3) uint8.

    `gate` (H, W) uint8 says how much of each pixel the refiner made, in 255ths and rounded up;
    `base` (H, W, 3) uint8 what it made it from. None for both: nothing. `within_gate` holds.
    """

    rgb: Rgb
    gate: NDArray[np.uint8] | None = None
    base: Rgb | None = None


def within_gate(rgb: Rgb, base: Rgb, gate: NDArray[np.uint8]) -> bool:
    """Whether a refiner changed each pixel by no more than it said: |rgb - base| <= gate in each channel."""
    difference = np.abs(rgb.astype(np.int16) - base.astype(np.int16)).max(axis=2)
    return bool((difference <= gate).all())


class Refiner(Protocol):
    """Finishes a painting. Given the same painting and seed on the same machine, the same pixels.

    `makes_up` says whether it can make what nobody owns by itself; where it cannot, a
    picture that lacks too much is refused.
    """

    @property
    def name(self) -> str: ...

    @property
    def makes_up(self) -> bool: ...

    def refine(self, painting: Painting, *, seed: int, device: str) -> Refined: ...


class Blend:
    """The refiner that makes nothing: it joins seams inside the ledger's band, and inpaints what is left.

    Placed and filled pixels leave it as they came.
    """

    name = "blend"
    makes_up = False

    def refine(self, painting: Painting, *, seed: int, device: str) -> Refined:  # noqa: ARG002  no network
        rgb: Rgb = np.clip(joined(painting) * 255 + 0.5, 0, 255).astype(np.uint8)
        empty = painting.canvas.ledger.owner < 0
        if empty.any():
            rgb = np.asarray(cv2.inpaint(rgb, empty.astype(np.uint8), 3, cv2.INPAINT_TELEA), np.uint8)
        return Refined(rgb)
