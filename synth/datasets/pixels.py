"""Pictures of numbers and of colors, decoded with a sentence for what is wrong with them."""

import io
import warnings
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from synth.datasets.sample import SampleRefused

PIXELS_MOST = 160_000_000
PHOTO_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
NUMBERED = frozenset({"1", "L", "P", "I;16", "I;16B"})
STRETCHED = frozenset({"L;2", "L;4"})
"""Raw modes whose values Pillow spreads over 0 to 255."""


def upright_frame(content: bytes, *, name: str) -> tuple[int, int]:
    """(height, width) of a photo after its EXIF orientation; decoded whole, so that a torn file shows."""
    image = _opened(content, what="photo", name=name, formats=PHOTO_FORMATS)
    exif = ImageOps.exif_transpose(image)
    return exif.height, exif.width


def numbers(content: bytes, *, what: str, name: str, wide: bool = False) -> NDArray[np.uint16]:
    """(H, W) of an indexed, 8-bit or 16-bit grey PNG, only of a 16-bit one where `wide`.

    Raises:
        SampleRefused: it is no such PNG, or is torn.
    """
    image = _opened(content, what=what, name=name, formats=("PNG",))
    if wide and image.mode not in ("I", "I;16", "I;16B"):
        raise SampleRefused(f"{what} of `{name}` is no 16-bit grey PNG")
    if image.mode == "I":  # 16-bit grey, as older Pillow reads it
        return np.asarray(image).astype(np.uint16)
    if image.mode not in NUMBERED:
        raise SampleRefused(f"{what} of `{name}` holds colors, not numbers: it must be indexed or grey")
    return np.asarray(image).astype(np.uint16)


def colors(content: bytes, *, what: str, name: str) -> NDArray[np.uint32]:
    """(H, W) of the colors of a PNG, each as red + 256 green + 65536 blue. Raises: SampleRefused."""
    image = _opened(content, what=what, name=name, formats=("PNG",)).convert("RGB")
    rgb = np.asarray(image).astype(np.uint32)
    return np.asarray(rgb[..., 0] + 256 * rgb[..., 1] + 65536 * rgb[..., 2], dtype=np.uint32)


def is_numbered(content: bytes, *, what: str, name: str) -> bool:
    """Whether a PNG holds plain grey numbers, neither colors nor a palette. Raises: SampleRefused."""
    return _opened(content, what=what, name=name, formats=("PNG",)).mode in NUMBERED - {"P"} | {"I"}


def packed(color: tuple[int, int, int]) -> int:
    return color[0] + 256 * color[1] + 65536 * color[2]


def numbered(found: NDArray[np.uint32], palette: Mapping[int, int], *, name: str) -> NDArray[np.uint16]:
    """Class ids by color. Raises: SampleRefused: a color of no class."""
    seen, at = np.unique(found, return_inverse=True)
    unknown = [int(color) for color in seen if int(color) not in palette]
    if unknown:
        shown = ", ".join(f"`{c & 255} {c >> 8 & 255} {c >> 16}`" for c in unknown[:5])
        more = " and more" if len(unknown) > 5 else ""
        raise SampleRefused(f"label map of `{name}` holds colors of no class: {shown}{more}")
    ids = np.array([palette[int(color)] for color in seen], dtype=np.uint16)
    return ids[at].reshape(found.shape)


def png(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=4)
    return out.getvalue()


def renumbered(values: NDArray[np.uint32], *, of_none: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Any numbers as 1, 2, .. in their order, and 0 where `of_none`."""
    known, at = np.unique(values[~of_none], return_inverse=True)
    if known.size > 0xFFFF:
        raise SampleRefused(f"an instance map holds {known.size} instances, more than 65535")
    out = np.zeros(values.shape, dtype=np.uint16)
    out[~of_none] = at + 1
    return out


def _opened(content: bytes, *, what: str, name: str, formats: tuple[str, ...]) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures and slips in EXIF; ingestion looks closer
            image = Image.open(io.BytesIO(content), formats=formats)
            if image.width * image.height > PIXELS_MOST:
                raise SampleRefused(f"{what} of `{name}` has more than {PIXELS_MOST} pixels")
            if what != "photo" and image.tile and image.tile[0][3] in STRETCHED:
                raise SampleRefused(f"{what} of `{name}` has fewer than 8 bits of grey: save it with 8")
            image.load()
            return image
    except SampleRefused:
        raise
    except UnidentifiedImageError as error:
        kind = "PNG" if formats == ("PNG",) else "JPEG, PNG, WebP or TIFF"
        raise SampleRefused(f"{what} of `{name}` is no {kind}") from error
    except Exception as error:  # decoders fail in as many ways as files are broken
        raise SampleRefused(f"{what} of `{name}` is truncated or corrupt") from error
