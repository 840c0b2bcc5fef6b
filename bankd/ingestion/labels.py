"""Label maps, instance maps and depth, checked against their photo. Pure."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bankd.catalog import labels
from bankd.catalog.errors import NumbersUnreadable, UnknownNumbers
from bankd.ingestion.decode import PIXELS_MOST
from bankd.ingestion.errors import (
    CorruptImage,
    EmptyLabelMap,
    ImageTooLarge,
    SizesDiffer,
    UnknownIds,
    UnsupportedImage,
)

VOID = 0


def decode_labels(
    content: bytes,
    *,
    name: str,
    frame: tuple[int, int],
    working: tuple[int, int] | None = None,
    classes: Mapping[int, int],
) -> npt.NDArray[np.uint8]:
    """(H, W) uint8 house ids of an indexed, 8-bit or 16-bit PNG, in the working frame where one is given;
    `classes` maps its ids to house ids.

    Raises:
        SizesDiffer: it has not the size of the upright photo.
        UnknownIds: ids that `classes` lacks.
        EmptyLabelMap: it labels nothing but void.
    """
    numbers = _numbers(content, what="label map", name=name, frame=frame)
    try:
        house, present = labels.house_table(numbers, classes)
    except UnknownNumbers as error:
        raise UnknownIds(name, error.numbers) from error
    if present <= {VOID}:
        raise EmptyLabelMap(name)
    return labels.by_table(nearest(numbers, working or frame), house)


def decode_instances(content: bytes, *, name: str, frame: tuple[int, int]) -> npt.NDArray[np.int32]:
    """(H, W) int32, 0 = of no instance."""
    return _numbers(content, what="instance map", name=name, frame=frame).astype(np.int32)


def decode_depth(content: bytes, *, name: str, frame: tuple[int, int]) -> npt.NDArray[np.uint16]:
    """(H, W) uint16 millimetres of a 16-bit grey PNG, 0 = unknown."""
    return _numbers(content, what="depth", name=name, frame=frame, deep=True).astype(np.uint16, copy=False)


def nearest(values: npt.NDArray[Any], frame: tuple[int, int]) -> npt.NDArray[Any]:
    """The map in another frame, each pixel taken from the one that holds its center."""
    height, width = values.shape
    if frame == (height, width):
        return values
    rows = (2 * np.arange(frame[0]) + 1) * height // (2 * frame[0])
    columns = (2 * np.arange(frame[1]) + 1) * width // (2 * frame[1])
    found: npt.NDArray[Any] = values.take(rows, axis=0).take(columns, axis=1)
    return found


def _numbers(
    content: bytes, *, what: str, name: str, frame: tuple[int, int], deep: bool = False
) -> labels.Numbers:
    def fits(height: int, width: int) -> None:  # the photo's own bound holds
        if (height, width) != frame:
            raise SizesDiffer(what, name, (height, width), frame)

    modes = frozenset({labels.DEEP}) if deep else labels.NUMBERED
    try:
        return labels.read_numbers(content, fits=fits, modes=modes)
    except NumbersUnreadable as error:
        match error.reason:
            case "too-large":
                most = f"{PIXELS_MOST} pixels"
                raise ImageTooLarge(name, f"a {what} of far too many pixels", most) from error
            case "corrupt":
                raise CorruptImage(name, f"its {what} cannot be read") from error
            case "no-numbers" if deep:
                raise UnsupportedImage(name, f"its {what} is no 16-bit grey PNG of millimetres") from error
            case _:
                raise UnsupportedImage(name, f"its {what} {error.why}") from error
