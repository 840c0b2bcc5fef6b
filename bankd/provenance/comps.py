"""Comps: copies of a composite to look at, under a plain watermark, signed with the composite as parent."""

from uuid import UUID

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from bankd.provenance import fonts
from bankd.provenance.renditions import Mark

STRENGTH = 0.45  # of the words over the picture; enough that no tile of it is of use without them
WORDS = "COMP - NOT FOR PUBLICATION"


def mark(composite_id: UUID) -> Mark:
    """The watermark of a comp."""
    words = f"{WORDS}  {str(composite_id)[:8]}"
    return Mark(
        put=lambda rgb: watermarked(rgb, words=words),
        action="c2pa.edited",
        says="a visible watermark was put over the whole picture",
    )


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
