"""Comps: copies of a composite to look at, under a plain watermark, signed with the composite as parent."""

import hashlib
from dataclasses import dataclass
from uuid import UUID, uuid4

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from bankd.provenance import c2pa, fonts, pixels
from bankd.provenance.certificates import Credentials

STRENGTH = 0.45  # of the words over the picture; enough that no tile of it is of use without them
WORDS = "COMP - NOT FOR PUBLICATION"


@dataclass(frozen=True)
class Comp:
    file: bytes
    sha256: str


def make(
    master: bytes, *, composite_id: UUID, credentials: Credentials, time_stamp_url: str | None = None
) -> Comp:
    """The watermarked copy of a sealed file: the watermark goes in first, then the file is signed.

    Raises:
        NotAnImage: the master is broken.
        SigningFailed: the master is not of this bank, or the comp does not verify.
    """
    file = c2pa.sign_derived(
        watermarked(pixels.decode(master), words=f"{WORDS}  {str(composite_id)[:8]}"),
        parent=master,
        title=f"comp of composite {composite_id}",
        instance_id=uuid4(),
        edits="a visible watermark was put over the whole picture",
        credentials=credentials,
        time_stamp_url=time_stamp_url,
    )
    return Comp(file, hashlib.sha256(file).hexdigest())


def watermarked(rgb: npt.NDArray[np.uint8], *, words: str) -> npt.NDArray[np.uint8]:
    """The picture under rising lines of words, light on dark and dark on light.

    Args:
        rgb: (H, W, 3) uint8. So is what comes back.
    """
    height, width, _ = rgb.shape
    size = max(10, min(height, width) // 12)
    font = fonts.font(size)
    side = int((height**2 + width**2) ** 0.5) + 2
    lines = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(lines)
    step = int(draw.textlength(words, font=font)) + 2 * size
    for number, y in enumerate(range(0, side, 2 * size)):
        for x in range(-(number % 2) * step // 2, side, step):
            draw.text((x, y), words, font=font, fill=255)
    turned = lines.rotate(30, resample=Image.Resampling.BILINEAR)
    left, top = (side - width) // 2, (side - height) // 2
    mask = np.asarray(turned.crop((left, top, left + width, top + height)), np.float32)[..., None] / 255
    picture = rgb.astype(np.float32)
    ink = np.where(picture.mean(axis=2, keepdims=True) < 128, np.float32(255), np.float32(0))
    made = picture + (ink - picture) * mask * STRENGTH
    return np.rint(made).astype(np.uint8)
