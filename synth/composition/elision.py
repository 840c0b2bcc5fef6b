"""What a refinement network sees of a painting: borders and contacts withheld, so that it redraws them.

The same step prepares training canvases and the canvases of requests: a network
meets in use what it was trained on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from synth.composition.joining import joined
from synth.composition.paint import Painting
from synth.composition.warp import Colors, extend
from synth.pictures import CategoryFacts, Mask

SEAM_SHARE = 0.035  # of the height: how far behind a border its pixels are withheld
FRONT_SHARE = 0.012  # the same on the side that lies in front
CONTACT_SHARE = 0.08  # of the height: the ground around what stands on it
_LEAST = np.float32(1 / 255)


@dataclass(frozen=True, eq=False)
class Elided:
    """A painting as a refinement network takes it.

    `canvas` (H, W, 3) float32 in [0, 1]: placed pixels as they are, white where a seam
    was withheld, black where a contact was and where nothing is placed. `valid` (H, W)
    bool: the pixels of the canvas that are placed and were kept. `base` (H, W, 3) float32: what `blend` makes
    of the painting; exactly 0 in all channels where nobody owns, and nowhere else.
    """

    canvas: Colors
    valid: Mask
    base: Colors


def elide(
    painting: Painting,
    categories: Mapping[int, CategoryFacts],
    *,
    rng: np.random.Generator,
    smoothed: bool = False,
) -> Elided:
    """Withhold seams and contacts.

    With `smoothed` the base shows nothing of them either, but the smooth continuation of what is kept of
    their region, then of their category: for training, where what was withheld is the answer.

    Along borders between placements a random half of the pixels goes: in a wide
    band of the one behind, a narrow band of the one in front. The ground around
    objects in front of it goes whole: the shadow that it shows is another object's.
    """
    owner = painting.canvas.ledger.owner
    owned = owner >= 0
    placed = owned & (painting.canvas.source < 0)
    order = _order(painting)
    height = owner.shape[0]
    contact = _contacts(painting.canvas.shown, order, categories, reach_px=CONTACT_SHARE * height)
    half = rng.integers(0, 2, owner.shape, dtype=np.uint8).astype(bool)
    seam = _seams(order, wide=round(SEAM_SHARE * height), narrow=max(1, round(FRONT_SHARE * height))) & half
    seam &= ~contact
    valid: Mask = placed & ~seam & ~contact
    canvas = np.where(valid[..., None], painting.colors, np.float32(0))
    canvas[seam & placed] = 1
    base = np.where(owned[..., None], np.maximum(joined(painting), _LEAST), np.float32(0))
    if smoothed:
        _continue(base, withheld=owned & (seam | contact), painting=painting)
    return Elided(canvas.astype(np.float32), valid, base)


def _order(painting: Painting) -> NDArray[np.int32]:
    """(H, W): how far in front a pixel's owner lies, from 0; -1 where nobody owns it."""
    placements = painting.placements
    front = sorted(range(len(placements)), key=lambda i: (placements[i].rank, i))
    place = np.empty(len(placements) + 1, np.int32)
    place[front] = np.arange(len(placements), dtype=np.int32)
    place[-1] = -1
    out: NDArray[np.int32] = place[painting.canvas.ledger.owner]
    return out


def _seams(order: NDArray[np.int32], *, wide: int, narrow: int) -> Mask:
    """Owned pixels near an owner in front (within `wide`), or behind (within `narrow`)."""
    upper = np.where(order < 0, np.iinfo(np.int32).max, order)
    behind = _window(order, wide, maximum_filter1d) > order
    before = _window(upper, narrow, minimum_filter1d) < upper
    out: Mask = (behind | before) & (order >= 0)
    return out


def _contacts(
    labels: NDArray[np.uint8],
    order: NDArray[np.int32],
    categories: Mapping[int, CategoryFacts],
    *,
    reach_px: float,
) -> Mask:
    """Ground near an object that lies in front of it; a pole's shadow is a line, and not worth the ground."""
    owned = order >= 0
    ground = np.isin(labels, [c.id for c in categories.values() if c.ground]) & owned
    standing = [c.id for c in categories.values() if not (c.backdrop or c.ground or c.thin)]
    objects = np.isin(labels, standing) & owned
    if not ground.any() or not objects.any():
        return np.zeros(labels.shape, bool)
    away = cv2.distanceTransform((~objects).astype(np.uint8), cv2.DIST_L2, 5)
    highest = _window(np.where(objects, order, -1), int(reach_px), maximum_filter1d)
    out: Mask = ground & (away <= reach_px) & (highest > order)
    return out


def _continue(base: Colors, *, withheld: Mask, painting: Painting) -> None:
    """Give withheld pixels the smooth continuation of what is kept of their region.

    A region that is withheld whole takes the continuation of its category, or at last of everything.
    """
    kept = (base > 0).any(axis=2) & ~withheld
    own = painting.labels == painting.canvas.shown
    left = withheld.copy()
    for region in painting.canvas.regions:
        part = (slice(region.y0, region.y1), slice(region.x0, region.x1))
        gone = withheld[part] & region.mask
        if gone.any() and _extend(base[part], gone, kept[part] & region.mask & own[part]):
            left[part][gone] = False
    for category in np.unique(painting.labels[left]).tolist():
        same = painting.labels == category
        gone = left & same
        if _extend(base, gone, kept & same & own):
            left &= ~gone
    if left.any():
        _extend(base, left, kept)


def _extend(base: Colors, gone: Mask, kept: Mask) -> bool:
    if not kept.any():
        return False
    weight = kept.astype(np.float32)
    base[gone] = np.maximum(extend(base * weight[..., None], weight)[gone], _LEAST)
    return True


def _window(values: NDArray[np.int32], radius: int, extreme: Any) -> NDArray[np.int32]:
    """The highest or lowest value in the square of `radius` around each pixel."""
    size = 2 * radius + 1
    out: NDArray[np.int32] = extreme(
        extreme(values, size, axis=0, mode="nearest"), size, axis=1, mode="nearest"
    )
    return out
