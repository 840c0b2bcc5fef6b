"""From a photo's bytes to upright sRGB pixels, refusing what is not safely a photo. Pure."""

import hashlib
import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from bankd.ingestion.errors import (
    CorruptImage,
    ImageTooLarge,
    ImageTooSmall,
    Refused,
    TransparentImage,
    UnsupportedImage,
)

PIXELS_MOST = 160_000_000  # below the 179 million from which Pillow refuses by itself
BYTES_MOST = 512 * 1024 * 1024
SIDE_LEAST_PX = 16
WORK_SIDE_PX = 2048
THUMBNAIL_SIDE_PX = 256

MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "TIFF": "image/tiff"}

Rgb = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Packets:
    """Rights and credits as they lie in the file, not yet read."""

    xmp: bytes | None
    iptc: bytes | None  # IPTC-IIM records
    exif_artist: str | None
    exif_copyright: str | None


@dataclass(frozen=True, eq=False)
class Decoded:
    """A photo, upright: (H, W, 3) uint8 sRGB at full size."""

    rgb: Rgb
    media_type: str
    packets: Packets

    @property
    def frame(self) -> tuple[int, int]:
        return self.rgb.shape[0], self.rgb.shape[1]

    def pixel_sha256(self) -> str:
        """Of height and width (4 bytes each, big-endian) and the pixels row by row."""
        found = hashlib.sha256(struct.pack(">II", *self.frame))
        found.update(np.ascontiguousarray(self.rgb).data)
        return found.hexdigest()


def decode(content: bytes, *, name: str) -> Decoded:
    """Decode a JPEG, PNG, WebP or TIFF.

    EXIF orientation is applied and an ICC profile converted to sRGB (one
    that cannot be used is ignored; without one sRGB is assumed, and CMYK
    converted by the plain formula). 16-bit samples are reduced to 8. Alpha is
    dropped where it is fully opaque.

    Raises:
        CorruptImage, UnsupportedImage, ImageTooLarge, ImageTooSmall, TransparentImage.
    """
    if len(content) > BYTES_MOST:
        raise ImageTooLarge(name, f"{len(content)} bytes", f"{BYTES_MOST}")
    with warnings.catch_warnings():
        # Pillow warns of large pictures (bounded below) and of slips in EXIF; but in a TIFF, a tag that it
        # passes over could be the one that holds rights.
        warnings.simplefilter("ignore")
        warnings.filterwarnings(
            "error", module=r"PIL\.TiffImagePlugin", message=".*(orrupt|larger than file).*"
        )
        try:
            return _decoded(content, name=name)
        except Refused:
            raise
        except UnidentifiedImageError as error:
            raise UnsupportedImage(name, "it is no JPEG, PNG, WebP or TIFF") from error
        except Image.DecompressionBombError as error:
            raise ImageTooLarge(name, "far too many pixels", f"{PIXELS_MOST} pixels") from error
        except Exception as error:  # decoders fail in as many ways as files are broken
            raise CorruptImage(name, _words(error)) from error


def media_type(content: bytes) -> str:
    """What the first bytes of a file say that it is; whether it is that, only `decode` knows."""
    for begins, kind in (
        (b"\xff\xd8\xff", "JPEG"),
        (b"\x89PNG", "PNG"),
        (b"RIFF", "WEBP"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
    ):
        if content.startswith(begins):
            return MEDIA_TYPES[kind]
    return "application/octet-stream"


def working_size(frame: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the working frame: at most 2048 px on the long side, never enlarged."""
    return _within(frame, WORK_SIDE_PX)


def working(rgb: Rgb) -> Rgb:
    """The photo in its working frame."""
    return _shrunk(rgb, working_size((rgb.shape[0], rgb.shape[1])))


def thumbnail(rgb: Rgb) -> bytes:
    """A JPEG of at most 256 px a side, without metadata; of a photo in its working frame."""
    small = _shrunk(rgb, _within((rgb.shape[0], rgb.shape[1]), THUMBNAIL_SIDE_PX))
    out = io.BytesIO()
    Image.fromarray(small).save(out, "JPEG", quality=90)
    return out.getvalue()


def _decoded(content: bytes, *, name: str) -> Decoded:
    image = Image.open(io.BytesIO(content), formats=tuple(MEDIA_TYPES))
    _bounded(image.size, name=name)
    kind = str(image.format)
    if kind == "MPO":
        kind = "JPEG"  # a camera's, with a preview behind it
    elif getattr(image, "n_frames", 1) > 1:
        raise UnsupportedImage(name, "it is animated or has several pages")
    upright = _plain_jpeg(image, content) if kind == "JPEG" else None
    if upright is not None:
        return Decoded(upright, MEDIA_TYPES[kind], _packets(image))
    image.load()
    packets = _packets(image)
    pixels = np.asarray(_to_srgb(ImageOps.exif_transpose(image), name=name), dtype=np.uint8)
    return Decoded(np.ascontiguousarray(pixels), MEDIA_TYPES[kind], packets)


def _plain_jpeg(image: Image.Image, content: bytes) -> Rgb | None:
    """The upright pixels of a JPEG in which there is nothing to convert, in half of Pillow's time.

    The same pixels: both are libjpeg-turbo's. None for every other JPEG, and for any that is not wholly
    sound, so that what is refused is for Pillow to say.
    """
    if image.mode != "RGB" or image.info.get("icc_profile") or image.has_transparency_data:
        return None
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(content, strict=True)
        if (width, height) != image.size:
            return None
        rgb: Rgb = simplejpeg.decode_jpeg(content, "RGB", strict=True)
    except (ValueError, RuntimeError):
        return None
    turn = _UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return rgb if turn is None else turn(rgb).astype(np.uint8, copy=False)


_UPRIGHT: dict[int, Callable[[Rgb], Any]] = {  # as EXIF numbers them
    2: lambda rgb: cv2.flip(rgb, 1),
    3: lambda rgb: cv2.rotate(rgb, cv2.ROTATE_180),
    4: lambda rgb: cv2.flip(rgb, 0),
    5: cv2.transpose,
    6: lambda rgb: cv2.rotate(rgb, cv2.ROTATE_90_CLOCKWISE),
    7: lambda rgb: cv2.transpose(cv2.rotate(rgb, cv2.ROTATE_180)),
    8: lambda rgb: cv2.rotate(rgb, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def _bounded(size: tuple[int, int], *, name: str) -> None:
    width, height = size
    if width * height > PIXELS_MOST:
        raise ImageTooLarge(name, f"{width} x {height} pixels", f"{PIXELS_MOST} pixels")
    if min(width, height) < SIDE_LEAST_PX:
        raise ImageTooSmall(name, height, width, SIDE_LEAST_PX)


def _to_srgb(image: Image.Image, *, name: str) -> Image.Image:
    profile = image.info.get("icc_profile")
    image = _opaque(image, name=name)
    if image.mode.startswith("I;16"):
        samples = np.asarray(image, dtype=np.uint32)
        image = Image.fromarray(((samples * 255 + 32767) // 65535).astype(np.uint8))
    elif image.mode in ("1", "P"):
        image = image.convert("RGB" if image.mode == "P" else "L")
    elif image.mode not in ("L", "RGB", "CMYK", "YCbCr"):
        raise UnsupportedImage(name, f"its pixels are of the kind `{image.mode}`")
    if profile:
        converted = _by_profile(image, profile)
        if converted is not None:
            return converted
    return image.convert("RGB")


def _by_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _opaque(image: Image.Image, *, name: str) -> Image.Image:
    """The image without alpha, refused where any pixel lets the background through."""
    if not image.has_transparency_data:
        return image
    whole = image if "A" in image.getbands() else image.convert("RGBA")
    lowest = whole.getchannel("A").getextrema()[0]
    if isinstance(lowest, tuple) or lowest < 255:
        raise TransparentImage(name)
    return whole.convert("L" if whole.mode == "LA" else "RGB")


def _packets(image: Image.Image) -> Packets:
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    exif = image.getexif()
    return Packets(
        xmp=xmp.encode() if isinstance(xmp, str) else xmp,
        iptc=_iptc_block(image),
        exif_artist=_text(exif.get(0x013B)),
        exif_copyright=_text(exif.get(0x8298)),
    )


def _iptc_block(image: Image.Image) -> bytes | None:
    blocks = image.info.get("photoshop")
    if isinstance(blocks, dict):
        return blocks.get(0x0404)
    tags: Any = getattr(image, "tag_v2", {})
    found = tags.get(33723)
    if isinstance(found, tuple):  # written as 32-bit numbers by old programs
        return struct.pack(f"{'>' if tags.prefix == b'MM' else '<'}{len(found)}I", *found)
    return found if isinstance(found, bytes) else None


def _text(value: object) -> str | None:
    return value.strip("\0 ") or None if isinstance(value, str) else None


def _within(frame: tuple[int, int], side_px: int) -> tuple[int, int]:
    longest = max(frame)
    if longest <= side_px:
        return frame
    height, width = ((2 * extent * side_px + longest) // (2 * longest) for extent in frame)
    return max(1, height), max(1, width)


def _shrunk(rgb: Rgb, frame: tuple[int, int]) -> Rgb:
    if frame == (rgb.shape[0], rgb.shape[1]):
        return rgb
    small: Rgb = cv2.resize(rgb, (frame[1], frame[0]), interpolation=cv2.INTER_AREA).astype(
        np.uint8, copy=False
    )
    return small


def _words(error: Exception) -> str:
    said = str(error).strip().splitlines()
    return said[0][:120].rstrip(".") if said else type(error).__name__
