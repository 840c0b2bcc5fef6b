"""The pixels of a composite: their hash, and the PNG that carries them."""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from bankd.errors import BankError

MAX_PX = 1 << 28
# Of the PNG specification: its first bytes, RGB of 8 bits, the filter that takes the row above.
SIGNATURE = b"\x89PNG\r\n\x1a\n"
TRUECOLOR = 2
UP = 2
METER = 1
CHUNK_BYTES = 12  # of a chunk beside its data: length, kind, checksum
LOSSY = frozenset({"image/jpeg", "image/webp"})


class NotAnImage(BankError):
    """The bytes are no picture that can be read whole."""


def pixel_sha256(rgb: npt.NDArray[np.uint8]) -> str:
    """SHA-256 of an (H, W, 3) uint8 picture: `height x width` in decimal, a newline, the bytes row by row."""
    height, width, _ = rgb.shape
    return sha256(f"{height}x{width}\n".encode() + np.ascontiguousarray(rgb).tobytes()).hexdigest()


@dataclass(frozen=True)
class Packed:
    """A picture's pixels as a PNG holds them."""

    height: int
    width: int
    rows: bytes  # the data of the one IDAT chunk
    pixel_sha256: str  # of the pixels that were read back out of it


def packed(rgb: npt.NDArray[np.uint8]) -> Packed:
    """Pack a picture, and read it back. Needs nothing else of the file, nor anybody's leave."""
    height, width, _ = rgb.shape
    rows = _rows(rgb)
    bare = Packed(height, width, rows, "")
    return Packed(height, width, rows, pixel_sha256(decode(file_of(bare))))


def encode(rgb: npt.NDArray[np.uint8], *, xmp: str = "", dpi: int | None = None) -> bytes:
    """A PNG of an sRGB picture with its XMP packet. The same input gives the same bytes."""
    height, width, _ = rgb.shape
    return file_of(Packed(height, width, _rows(rgb), ""), xmp=xmp, dpi=dpi)


def _rows(rgb: npt.NDArray[np.uint8]) -> bytes:
    """Each row is written as its difference to the one above, and of what Deflate could look for only runs:
    a tenth more bytes than the best that Pillow does, in a tenth of its time.
    """
    height, width, _ = rgb.shape
    rows = np.empty((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = UP
    flat = rgb.reshape(height, -1)
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    squeezed = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_RLE)
    return squeezed.compress(rows.data) + squeezed.flush()


def file_of(packed: Packed, *, xmp: str = "", dpi: int | None = None) -> bytes:
    """The PNG of packed pixels."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", packed.width, packed.height, 8, TRUECOLOR, 0, 0, 0)),
        (b"sRGB", b"\x00"),  # perceptual intent
        *([(b"pHYs", struct.pack(">IIB", _per_meter(dpi), _per_meter(dpi), METER))] if dpi else ()),
        *([(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + xmp.encode())] if xmp else ()),
        (b"IDAT", packed.rows),
        (b"IEND", b""),
    ]
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def without(file: bytes, kind: bytes) -> bytes:
    """A PNG without its chunks of one kind.

    Raises:
        NotAnImage: no PNG, or cut off.
    """
    if not file.startswith(SIGNATURE):
        raise NotAnImage("the file is no PNG")
    parts, at = [SIGNATURE], len(SIGNATURE)
    while at < len(file):
        end = at + CHUNK_BYTES + int.from_bytes(file[at : at + 4], "big")
        if end > len(file):
            raise NotAnImage("the file is truncated or broken")
        if file[at + 4 : at + 8] != kind:
            parts.append(file[at:end])
        at = end
    return b"".join(parts)


def _per_meter(dpi: int) -> int:
    return round(dpi / 0.0254)


def media_type(data: bytes) -> str:
    """What the first bytes say that a file is: what `decode` takes, or a PNG.

    It only chooses who reads it; whether it is that, the reader finds out.
    """
    for begins, kind in (
        (b"\xff\xd8\xff", "jpeg"),
        (b"RIFF", "webp"),
        (b"II*\0", "tiff"),
        (b"MM\0*", "tiff"),
    ):
        if data.startswith(begins):
            return f"image/{kind}"
    return "image/png"


def decode(data: bytes, media_type: str = "image/png") -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB as it is stored, whole or not at all.

    Raises:
        NotAnImage: not of this kind, truncated, broken or absurdly large.
    """
    kind = media_type.removeprefix("image/").upper()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=(kind,)) as image:
                if image.width * image.height > MAX_PX:
                    raise NotAnImage("the picture is too large to be read")
                if image.mode != "RGB":
                    raise NotAnImage("the picture is not 8-bit RGB, so no composite of a bank")
                if getattr(image, "n_frames", 1) > 1:
                    raise NotAnImage("the file holds several pictures, so no composite of a bank")
                image.load()
                return np.asarray(image, dtype=np.uint8)
    except NotAnImage:
        raise
    except UnidentifiedImageError as error:
        raise NotAnImage("the file is no PNG, JPEG, WebP or TIFF") from error
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        Image.DecompressionBombWarning,
        Image.DecompressionBombError,
    ) as error:
        raise NotAnImage("the file is truncated or broken") from error
