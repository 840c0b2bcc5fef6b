"""The pixels of a composite: their hash, and the PNG that carries them."""

import io
import warnings
from hashlib import sha256

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from bankd.errors import BankError

MAX_PX = 1 << 28


class NotAnImage(BankError):
    """The bytes are no picture that can be read whole."""


def pixel_sha256(rgb: npt.NDArray[np.uint8]) -> str:
    """SHA-256 of an (H, W, 3) uint8 picture: `height x width` in decimal, a newline, the bytes row by row."""
    height, width, _ = rgb.shape
    return sha256(f"{height}x{width}\n".encode() + np.ascontiguousarray(rgb).tobytes()).hexdigest()


def encode(rgb: npt.NDArray[np.uint8], *, xmp: str = "") -> bytes:
    """A PNG of an sRGB picture with its XMP packet. The same input gives the same bytes."""
    info = PngInfo()
    info.add(b"sRGB", b"\x00")  # perceptual intent
    if xmp:
        info.add_itxt("XML:com.adobe.xmp", xmp)
    buffer = io.BytesIO()
    Image.fromarray(rgb, "RGB").save(buffer, "PNG", pnginfo=info, compress_level=6)
    return buffer.getvalue()


def decode(data: bytes) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, whole or not at all.

    Raises:
        NotAnImage: not a PNG, truncated, broken or absurdly large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
                if image.width * image.height > MAX_PX:
                    raise NotAnImage("the picture is too large to be read")
                if image.mode != "RGB":
                    raise NotAnImage("the picture is not 8-bit RGB, so no composite of a bank")
                image.load()
                return np.asarray(image, dtype=np.uint8)
    except NotAnImage:
        raise
    except UnidentifiedImageError as error:
        raise NotAnImage("the file is not a PNG") from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        Image.DecompressionBombWarning,
        Image.DecompressionBombError,
    ) as error:
        raise NotAnImage("the file is truncated or broken") from error
