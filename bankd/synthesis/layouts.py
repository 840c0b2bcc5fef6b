"""Layouts as they are filed: an indexed or greyscale PNG and the names of its classes. Pure."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from bankd.catalog.taxonomy import Taxonomy, read_classes
from bankd.synthesis.errors import LayoutRefused
from synth.pictures import MAX_AREA_PX, MAX_SIDE_PX

MIN_SIDE_PX = 16
MAX_FILE_BYTES = 64 << 20

Labels = npt.NDArray[np.uint8]


def read_layout(content: bytes, classes: bytes | None, *, taxonomy: Taxonomy) -> Labels:
    """(H, W) uint8 house category ids.

    Args:
        content: a PNG with a class id a pixel (palette, 8 or 16 bits; colors are not looked at).
        classes: a `classes.json`; None where ids are the house's own already.

    Raises:
        LayoutRefused: no such PNG, too small or too large, an id that the classes do not name.
        ClassesInvalid, UnknownCategories: from the taxonomy.
    """
    if len(content) > MAX_FILE_BYTES:
        raise LayoutRefused(f"the layout's file is over {MAX_FILE_BYTES >> 20} MiB")
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            width, height = image.size
            if max(width, height) > MAX_SIDE_PX or width * height > MAX_AREA_PX:
                raise LayoutRefused(
                    f"the layout is `{width}x{height}` px: make it at most {MAX_SIDE_PX} px a side"
                    f" and {MAX_AREA_PX} px in all"
                )
            if min(width, height) < MIN_SIDE_PX:
                raise LayoutRefused(
                    f"the layout is `{width}x{height}` px: make it at least {MIN_SIDE_PX} px a side"
                )
            if image.mode not in ("P", "L", "I;16", "I"):
                raise LayoutRefused("the layout must be a PNG with one class id a pixel, not a color picture")
            ids: npt.NDArray[Any] = np.asarray(image).astype(np.int64)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise LayoutRefused("the layout cannot be read as a PNG") from error
    known = (
        {category.id: category.id for category in taxonomy.categories}
        if classes is None
        else taxonomy.map_classes(read_classes(classes))
    )
    present = np.unique(ids).tolist()
    if unknown := [number for number in present if number not in known]:
        raise LayoutRefused(
            f"the layout holds class id `{unknown[0]}`, which its classes do not name"
            + ("; give them with --classes" if classes is None else "")
        )
    table = np.zeros(int(max(present)) + 1, dtype=np.uint8)
    for number in present:
        table[number] = known[number]
    labels: Labels = table[ids]
    return labels


def to_png(labels: Labels) -> bytes:
    """House labels as stored: an 8-bit greyscale PNG, the same bytes for the same labels."""
    out = io.BytesIO()
    Image.fromarray(labels).save(out, "PNG", compress_level=6)
    return out.getvalue()


def from_png(content: bytes) -> Labels:
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        return np.asarray(image, dtype=np.uint8)
