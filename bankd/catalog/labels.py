"""Label maps, instance maps and depth as they are written: PNGs with a number a pixel. Pure."""

import io
import warnings
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from bankd.catalog import png
from bankd.catalog.errors import NumbersUnreadable, UnknownNumbers

Labels = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

DEEP = "I;16B"
NUMBERED = frozenset({"P", "P;1", "P;2", "P;4", "L", DEEP})
"""Raw modes whose values Pillow hands out as they were written (grey below 8 bits is stretched)."""


def read_numbers(
    content: bytes, *, fits: Callable[[int, int], None], modes: frozenset[str] = NUMBERED
) -> Numbers:
    """(H, W) numbers of an indexed PNG or a grey one, as wide as 8 or 16 bits; colors are not looked at.

    Args:
        fits: is told height and width before a pixel is decoded, and raises where they do not fit.

    Raises:
        NumbersUnreadable: it is no such PNG.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures: `fits` is asked before a pixel is decoded
            image = Image.open(io.BytesIO(content), formats=("PNG",))
    except UnidentifiedImageError as error:
        raise NumbersUnreadable("is no PNG" if content else "is an empty file", "no-png") from error
    except Image.DecompressionBombError as error:
        raise NumbersUnreadable("has far too many pixels", "too-large") from error
    except Exception as error:  # decoders fail in as many ways as files are broken
        raise NumbersUnreadable("is truncated or corrupt", "corrupt") from error
    with image:
        fits(image.height, image.width)
        raw_mode = image.tile[0][3] if image.tile else None
        raw_mode = raw_mode[0] if isinstance(raw_mode, tuple) else raw_mode
        if raw_mode not in modes or getattr(image, "n_frames", 1) > 1:
            raise NumbersUnreadable("is no indexed, 8-bit or 16-bit grey PNG", "no-numbers")
        try:
            found = np.asarray(image)
            return found if found.dtype == np.uint8 else found.astype(np.uint16)
        except Exception as error:
            raise NumbersUnreadable("is truncated or corrupt", "corrupt") from error


def house_ids(numbers: Numbers, classes: Mapping[int, int]) -> Labels:
    """The house category of each pixel; `classes` maps the numbers of a map to house ids.

    Raises:
        UnknownNumbers: names all that `classes` lacks.
    """
    return by_table(numbers, house_table(numbers, classes)[0])


def house_table(numbers: Numbers, classes: Mapping[int, int]) -> tuple[Labels, frozenset[int]]:
    """The house category by number, for numbers that occur in a map; and the categories that occur.

    Raises:
        UnknownNumbers: names all that occur and `classes` lacks.
    """
    width = 1 << 8 * numbers.dtype.itemsize
    counts = cv2.calcHist([np.ascontiguousarray(numbers)], [0], None, [width], [0, width])
    present = np.flatnonzero(counts).tolist()
    if unknown := [number for number in present if number not in classes]:
        raise UnknownNumbers(unknown)
    house = np.zeros(width, dtype=np.uint8)
    for number in present:
        house[number] = classes[number]
    return house, frozenset(classes[number] for number in present)


def by_table(numbers: Numbers, house: Labels) -> Labels:
    """Each number replaced by what the table has at its place."""
    return (
        cv2.LUT(numbers, house).astype(np.uint8, copy=False) if numbers.dtype == np.uint8 else house[numbers]
    )


def encode(numbers: Numbers) -> bytes:
    """Numbers as they are stored: a grey PNG of as many bits."""
    return png.encode(numbers)


def stored(content: bytes) -> Labels:
    """House ids that `encode` wrote."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        return np.asarray(image, dtype=np.uint8)
