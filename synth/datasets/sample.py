"""What readers hand out: a dataset, its classes, and photos that are read when they are wanted."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from synth.pictures import SynthError

Labels = NDArray[np.uint16]
Instances = NDArray[np.uint16]
Depth = NDArray[np.uint16]

DEPTH_MOST_MM = 65535


class DatasetError(SynthError):
    """A dataset that as a whole cannot be read, in one clear sentence."""


class SampleRefused(SynthError):
    """One photo that cannot be taken, in one clear sentence; the others go on."""


@dataclass(frozen=True)
class DatasetClass:
    """A class as the dataset numbers and names it; `house` where the name alone does not say the category."""

    id: int
    name: str
    house: str | None = None
    color: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class License:
    """The license that a dataset states for one photo; what it allows is not judged here."""

    name: str
    url: str
    credit: str  # whose photo, as far as the dataset says
    since: date | None  # a day on which it was offered so


@dataclass(frozen=True, eq=False)
class Parts:
    """One photo, read. `photo` is its file as it was; maps are (H, W) in the upright photo's frame.

    Instances: 0 = of none. Depth: millimetres, 0 = unknown, 65535 = that or farther.
    """

    photo: bytes
    labels: Labels
    instances: Instances | None = None
    depth_mm: Depth | None = None


@dataclass(frozen=True, eq=False)
class Sample:
    """One photo, not yet read. `group` and `number` say which photos are neighbours in a sequence.

    `read` raises SampleRefused.
    """

    name: str  # a file name
    read: Callable[[], Parts]
    split: str = ""
    group: str = ""
    number: int = 0
    license: License | None = None


@dataclass(frozen=True, eq=False)
class Dataset:
    """`notes` are sentences about what is there and belongs to no photo."""

    name: str
    classes: tuple[DatasetClass, ...]
    photos: Iterable[Sample]
    notes: tuple[str, ...] = ()


def unused(names: Sequence[str]) -> tuple[str, ...]:
    """The note that label maps belong to no photo."""
    if not names:
        return ()
    shown = ", ".join(f"`{name}`" for name in names[:3]) + (", .." if len(names) > 3 else "")
    return (f"label maps that belong to no photo: {len(names)} ({shown})",)
