"""Renditions: copies of a composite in another format or size, made and signed when it is handed out.

The PNG is the master and stays as it was sealed. A rendition is made of its
pixels, gets its marks, then its XMP packet, and is signed last with the master
as its parent, whose signature and manifest stand in it whole.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any, Literal, Self
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms
from pydantic import Field, model_validator

from bankd.licensing.terms import Value
from bankd.provenance import c2pa, pixels
from bankd.provenance.certificates import Credentials
from bankd.provenance.errors import RenditionRefused
from bankd.provenance.manifest import Manifest

Frame = npt.NDArray[np.uint8]
Format = Literal["png", "jpeg", "webp", "tiff"]

MEDIA_TYPES: Mapping[str, str] = {name: f"image/{name}" for name in ("png", "jpeg", "webp", "tiff")}
ENDINGS: Mapping[str, str] = {"png": "png", "jpeg": "jpg", "webp": "webp", "tiff": "tif"}
LOSSY = frozenset({"jpeg", "webp"})
QUALITY = 90
FULL_CHROMA = 90  # from this quality on a JPEG keeps the colors of each pixel
WEBP_SIDE_MOST = 16383
JPEG_SIDE_MOST = 65500
_XMP_TAG, _PREDICTOR_TAG, _HORIZONTAL = 700, 317, 2


@dataclass(frozen=True)
class Mark:
    """What is put into the pixels before a file is signed, and what its content credentials say of that."""

    put: Callable[[Frame], Frame]
    action: str  # a C2PA action
    says: str


class Rendition(Value):
    """What a copy is to be like. What is left out is as in the master."""

    format: Format = "png"
    quality: int | None = Field(default=None, ge=1, le=100)  # of JPEG and WebP, 90 where left out
    longest_side: int | None = Field(default=None, ge=16, le=JPEG_SIDE_MOST)  # px; never enlarged
    dpi: int | None = Field(default=None, ge=1, le=10_000)  # only said, no pixel is changed by it

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.quality is not None and self.format not in LOSSY:
            raise ValueError(f"`{self.format}` keeps every pixel and takes no quality")
        if self.dpi is not None and self.format == "webp":
            raise ValueError("`webp` cannot say its resolution in dpi")
        return self

    @property
    def is_master(self) -> bool:
        """Whether nothing is asked for that the master is not."""
        return self == MASTER

    def as_json(self) -> dict[str, Any]:
        """What was asked for and nothing else; with the quality that a lossy one has."""
        quality = (self.quality or QUALITY) if self.format in LOSSY else None
        told = self.model_copy(update={"quality": quality}).model_dump()
        return {name: value for name, value in told.items() if value is not None}


MASTER = Rendition()


def asked_for(
    format: str = "png",
    *,
    quality: int | None = None,
    longest_side: int | None = None,
    dpi: int | None = None,
) -> Rendition:
    """Raises: RenditionRefused, in a sentence."""
    try:
        return Rendition.model_validate(
            {"format": format, "quality": quality, "longest_side": longest_side, "dpi": dpi}
        )
    except ValueError as error:  # pydantic's is one
        first = error.errors()[0]  # type: ignore[attr-defined]
        said = str(first["msg"]).removeprefix("Value error, ")
        where = f"`{first['loc'][0]}`: " if first["loc"] else ""
        raise RenditionRefused(f"no such rendition: {where}{said[0].lower()}{said[1:]}") from error


@dataclass(frozen=True)
class Made:
    """A signed copy."""

    file: bytes
    sha256: str
    pixel_sha256: str  # as this machine decodes them; other decoders of a lossy format may differ by a little
    height: int
    width: int
    time_stamped: bool


def make(
    master: bytes,
    manifest: Manifest,
    *,
    rendition: Rendition,
    marks: Sequence[Mark] = (),
    title: str = "rendition",
    credits: Sequence[str] = (),
    house: str | None = None,
    credentials: Credentials,
    clock: c2pa.Clock = c2pa.NO_CLOCK,
) -> Made:
    """A rendition of a sealed file, marked and signed.

    Args:
        marks: put into the pixels at their final size, in order.
        title: what it is a copy as: `rendition of composite ..`.

    Raises:
        NotAnImage: the master is broken.
        RenditionRefused: it would be larger than the master, or than its format can be.
        SigningFailed: the master is not of this bank, or the copy does not verify.
        TimeStampUnavailable: no authority answers, and one has to.
    """
    rgb = pixels.decode(master)
    edits: list[dict[str, Any]] = []
    whole = rgb.shape
    rgb = _resized(rgb, rendition)
    height, width, _ = rgb.shape
    if rgb.shape != whole:
        edits.append({"action": "c2pa.resized", "description": f"to {width} x {height} px"})
    for mark in marks:
        rgb = mark.put(rgb)
        edits.append({"action": mark.action, "description": mark.says})
    if rgb.shape != (height, width, 3) or rgb.dtype != np.uint8:
        raise RenditionRefused("a mark changed the picture's size or kind")
    if rendition.format != "png":
        edits.append({"action": "c2pa.transcoded", "description": _described(rendition)})

    instance_id = uuid4()
    packet = c2pa.packet_of(manifest, credits=credits, house=house, instance_id=instance_id)
    media_type = MEDIA_TYPES[rendition.format]
    source = encode(rgb, rendition, xmp=packet)
    decoded = pixels.pixel_sha256(pixels.decode(source, media_type))
    file, time_stamped = c2pa.sign_derived(
        source,
        media_type=media_type,
        parent=master,
        title=f"{title} of composite {manifest.composite_id}",
        instance_id=instance_id,
        edits=edits,
        states={
            "composite": str(manifest.composite_id),
            "master_pixel_sha256": manifest.pixel_sha256,
            "pixel_sha256": decoded,
            "height": height,
            "width": width,
            **rendition.as_json(),
        },
        credentials=credentials,
        clock=clock,
    )
    return Made(file, sha256(file).hexdigest(), decoded, height, width, time_stamped)


def encode(rgb: Frame, rendition: Rendition, *, xmp: str) -> bytes:
    """The file without its content credentials: sRGB, with the profile embedded.

    Raises:
        RenditionRefused: its format has no such sizes.
    """
    height, width, _ = rgb.shape
    most = {"webp": WEBP_SIDE_MOST, "jpeg": JPEG_SIDE_MOST}.get(rendition.format)
    if most is not None and max(height, width) > most:
        raise RenditionRefused(
            f"`{rendition.format}` holds at most {most} px a side: give a `longest_side`, or another format"
        )
    if rendition.format == "png":
        return pixels.encode(rgb, xmp=xmp, dpi=rendition.dpi)
    out = io.BytesIO()
    image = Image.fromarray(rgb)
    quality = rendition.quality or QUALITY
    resolution: dict[str, Any] = {} if rendition.dpi is None else {"dpi": (rendition.dpi, rendition.dpi)}
    if rendition.format == "jpeg":
        image.save(
            out,
            "JPEG",
            quality=quality,
            subsampling=0 if quality >= FULL_CHROMA else 2,
            optimize=True,
            progressive=True,
            icc_profile=srgb_profile(),
            xmp=xmp.encode(),
            **resolution,
        )
    elif rendition.format == "webp":
        image.save(out, "WEBP", quality=quality, method=4, icc_profile=srgb_profile(), xmp=xmp.encode())
    else:
        image.save(
            out,
            "TIFF",
            compression="tiff_adobe_deflate",
            icc_profile=srgb_profile(),
            tiffinfo={_XMP_TAG: xmp.encode(), _PREDICTOR_TAG: _HORIZONTAL},
            **resolution,
        )
    return out.getvalue()


@cache
def srgb_profile() -> bytes:
    """An ICC profile of sRGB, the same bytes on each day: the day of its making is left out."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07ea00010001000000000000")  # 2026-01-01
    return bytes(profile)


def _resized(rgb: Frame, rendition: Rendition) -> Frame:
    height, width, _ = rgb.shape
    side, longest = rendition.longest_side, max(height, width)
    if side is None or side == longest:
        return rgb
    if side > longest:
        raise RenditionRefused(
            f"the composite is {width} x {height} px, and a rendition is not enlarged:"
            f" give a longest side of at most {longest}"
        )
    size = tuple(max(1, (2 * extent * side + longest) // (2 * longest)) for extent in (width, height))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS), dtype=np.uint8)


def _described(rendition: Rendition) -> str:
    told = rendition.as_json()
    quality = f", quality {told['quality']}" if "quality" in told else ""
    return f"to {rendition.format.upper()} in sRGB{quality}"
