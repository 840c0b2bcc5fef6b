"""Label maps, instance maps and depth as they are written: PNGs with a number a pixel. Pure."""

import io
import warnings
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from bankd.catalog.errors import NumbersUnreadable, UnknownNumbers

Labels = npt.NDArray[np.uint8]

DEEP = "I;16B"
NUMBERED = frozenset({"P", "P;1", "P;2", "P;4", "L", DEEP})
"""Raw modes whose values Pillow hands out as they were written (grey below 8 bits is stretched)."""


def read_numbers(
    content: bytes, *, fits: Callable[[int, int], None], modes: frozenset[str] = NUMBERED
) -> npt.NDArray[np.uint16]:
    """(H, W) numbers of an indexed PNG or a grey one of 8 or 16 bits; colors are not looked at.

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
            return np.asarray(image).astype(np.uint16)
        except Exception as error:
            raise NumbersUnreadable("is truncated or corrupt", "corrupt") from error


def house_ids(numbers: npt.NDArray[np.uint16], classes: Mapping[int, int]) -> Labels:
    """The house category of each pixel; `classes` maps the numbers of a map to house ids.

    Raises:
        UnknownNumbers: names all that `classes` lacks.
    """
    house = np.full(0x10000, -1, dtype=np.int16)
    for number, category in classes.items():
        house[number] = category
    mapped = house[numbers]
    if (mapped < 0).any():
        raise UnknownNumbers([int(number) for number in np.unique(numbers[mapped < 0])])
    return mapped.astype(np.uint8)


def encode(numbers: Labels | npt.NDArray[np.uint16]) -> bytes:
    """Numbers as they are stored: a grey PNG of as many bits, the same bytes for the same numbers."""
    out = io.BytesIO()
    Image.fromarray(numbers).save(out, "PNG", compress_level=6)
    return out.getvalue()


def stored(content: bytes) -> Labels:
    """House ids that `encode` wrote."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        return np.asarray(image, dtype=np.uint8)
