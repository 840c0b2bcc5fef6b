"""Label maps, instance maps and depth: PNGs of numbers, checked against their photo. Pure."""

import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

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
NUMBERED = frozenset({"P", "P;1", "P;2", "P;4", "L", "I;16B"})
"""Raw modes whose values Pillow hands out as they were written (grey below 8 bits is stretched)."""


def decode_labels(
    content: bytes, *, name: str, frame: tuple[int, int], classes: Mapping[int, int]
) -> npt.NDArray[np.uint8]:
    """(H, W) uint8 house ids of an indexed, 8-bit or 16-bit PNG; `classes` maps its ids to house ids.

    Raises:
        SizesDiffer: it has not the size of the upright photo.
        UnknownIds: ids that `classes` lacks.
        EmptyLabelMap: it labels nothing but void.
    """
    numbers = _numbers(content, what="label map", name=name, frame=frame)
    house = np.full(0x10000, -1, dtype=np.int16)
    for number, category in classes.items():
        house[number] = category
    mapped = house[numbers]
    if (mapped < 0).any():
        raise UnknownIds(name, [int(number) for number in np.unique(numbers[mapped < 0])])
    if not (mapped != VOID).any():
        raise EmptyLabelMap(name)
    return mapped.astype(np.uint8)


def decode_instances(content: bytes, *, name: str, frame: tuple[int, int]) -> npt.NDArray[np.int32]:
    """(H, W) int32, 0 = of no instance."""
    return _numbers(content, what="instance map", name=name, frame=frame).astype(np.int32)


def decode_depth(content: bytes, *, name: str, frame: tuple[int, int]) -> npt.NDArray[np.uint16]:
    """(H, W) uint16 millimetres of a 16-bit grey PNG, 0 = unknown."""
    return _numbers(content, what="depth", name=name, frame=frame, bits=16)


def nearest(values: npt.NDArray[Any], frame: tuple[int, int]) -> npt.NDArray[Any]:
    """The map in another frame, each pixel taken from the one that holds its center."""
    height, width = values.shape
    if frame == (height, width):
        return values
    rows = (2 * np.arange(frame[0]) + 1) * height // (2 * frame[0])
    columns = (2 * np.arange(frame[1]) + 1) * width // (2 * frame[1])
    return np.ascontiguousarray(values[np.ix_(rows, columns)])


def encode(labels: npt.NDArray[np.uint8]) -> bytes:
    """A label map of house ids as an 8-bit grey PNG."""
    out = io.BytesIO()
    Image.fromarray(labels).save(out, "PNG")
    return out.getvalue()


def _numbers(
    content: bytes, *, what: str, name: str, frame: tuple[int, int], bits: int | None = None
) -> npt.NDArray[np.uint16]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of large pictures: the size is compared before a pixel is decoded
            image = Image.open(io.BytesIO(content), formats=("PNG",))
    except UnidentifiedImageError as error:
        raise UnsupportedImage(name, f"its {what} is no PNG") from error
    except Image.DecompressionBombError as error:
        raise ImageTooLarge(name, f"a {what} of far too many pixels", f"{PIXELS_MOST} pixels") from error
    except Exception as error:  # decoders fail in as many ways as files are broken
        raise CorruptImage(name, f"its {what} cannot be read") from error
    if (image.height, image.width) != frame:  # before a pixel is decoded: the photo's own bound holds
        raise SizesDiffer(what, name, (image.height, image.width), frame)
    raw_mode = image.tile[0][3] if image.tile else None
    raw_mode = raw_mode[0] if isinstance(raw_mode, tuple) else raw_mode
    if raw_mode not in NUMBERED or getattr(image, "n_frames", 1) > 1:
        raise UnsupportedImage(name, f"its {what} is no indexed, 8-bit or 16-bit grey PNG")
    if bits == 16 and raw_mode != "I;16B":
        raise UnsupportedImage(name, f"its {what} is no 16-bit grey PNG of millimetres")
    try:
        return np.asarray(image).astype(np.uint16)
    except Exception as error:
        raise CorruptImage(name, f"its {what} is truncated or corrupt") from error
