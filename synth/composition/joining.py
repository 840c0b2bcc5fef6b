"""Seams joined inside the ledger's band, and the dark line where things touch."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.composition.ledger import contact_px, own_seams, seam_px
from synth.composition.paint import Painting
from synth.composition.warp import Colors
from synth.pictures import Kind, Mask

BANDS = 4
_CONTACT = 0.5
_SOFT_SIGMA = 0.7
SOFT_PX = 3  # the radius of the kernel that OpenCV makes of that


def joined(painting: Painting) -> Colors:
    """The painting with its seams joined, (H, W, 3) in [0, 1]; black where nobody owns."""
    colors = painting.colors.copy()
    ledger = painting.canvas.ledger
    band = ledger.kind == Kind.BLENDED
    _join_own_seams(painting, colors, band)
    _shade_contacts(painting, colors, band)
    owned = (ledger.owner >= 0).astype(np.float32)
    soft = cv2.GaussianBlur(colors * owned[..., None], (0, 0), _SOFT_SIGMA)
    near = cv2.GaussianBlur(owned, (0, 0), _SOFT_SIGMA)
    colors[band] = np.clip(soft[band] / near[band][:, None], 0, 1)
    return colors


def _join_own_seams(painting: Painting, colors: NDArray[Any], band: Mask) -> None:
    """Blend placements of one category into each other where they touch, by bands of frequency."""
    owner, labels = painting.canvas.ledger.owner, painting.canvas.shown
    seams = own_seams(owner, labels)
    height, width = owner.shape
    along, _ = seam_px(height)
    for category in np.unique(labels[seams]).tolist():
        of_category = labels == category
        rows, columns = np.nonzero(seams & of_category)
        margin = along + (1 << BANDS)
        x0, x1 = max(0, int(columns.min()) - margin), min(width, int(columns.max()) + 1 + margin)
        y0, y1 = max(0, int(rows.min()) - margin), min(height, int(rows.max()) + 1 + margin)
        part = (slice(y0, y1), slice(x0, x1))
        blender = cv2.detail.MultiBandBlender(0, BANDS, cv2.CV_32F)
        blender.prepare((0, 0, x1 - x0, y1 - y0))
        for index in np.unique(owner[part][of_category[part] & (owner[part] >= 0)]).tolist():
            mine = (owner[part] == index) & of_category[part]
            layer = np.where(mine[..., None], colors[part], painting.layer(index, (x0, y0, x1, y1)))
            # The blender takes 16-bit integers: 4096 steps keep what eight bits show.
            blender.feed((layer * 4095 + 0.5).astype(np.int16), mine.astype(np.uint8) * 255, (0, 0))
        blended, _ = blender.blend(np.zeros(0, np.int16), np.zeros(0, np.uint8))
        blended = np.clip(blended.astype(np.float32) / 4095, 0, 1)
        away = np.where(seams[part] & of_category[part], 0, 255).astype(np.uint8)
        distance = cv2.distanceTransform(away, cv2.DIST_L2, 5)
        # Full at the seam, nothing at the band's edge: no new seam there.
        share = np.clip(1 - distance / (along + 1), 0, 1)[..., None]
        mixed = share * blended + (1 - share) * colors[part]
        inside = band[part] & of_category[part]
        colors[part][inside] = mixed[inside]


def _shade_contacts(painting: Painting, colors: NDArray[Any], band: Mask) -> None:
    """Darken what an object stands on right below it, softly: without it objects float.

    No shadow of the photo's light is claimed: this is the dark line where two
    things touch, which every light leaves.
    """
    under = painting.canvas.under
    reach = contact_px(under.shape[0])
    depth = np.where(under > 0, 1 - (under.astype(np.float32) - 1) / reach, 0) ** 2
    depth = cv2.GaussianBlur(depth.astype(np.float32), (0, 0), reach / 4)
    shaded = band & (under > 0)
    colors[shaded] *= 1 - _CONTACT * depth[shaded][:, None]
