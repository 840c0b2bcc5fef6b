"""Texture for holes: behind what stood before it a thing goes on as it does nearby."""

import cv2
import numpy as np

from synth.composition.warp import Colors, extend
from synth.pictures import Mask

RING_PX = 5  # of known pixels around a hole that a copy has to agree with
MIN_PX = 24  # smaller holes need no texture
MAX_HOLES = 12  # of one placement, the largest
MAX_RMS = 0.08  # of colors in [0, 1], along the ring: worse, and no texture is truer
REACH = 3  # how many times the hole's own size away a copy may come from
MIN_REACH_PX = 48
LIGHT = 0.1
FARTHER = 0.02  # rms that a copy from the far end of the reach has to be better by


def copy_texture(patch: Colors, filled: Mask, own: Mask) -> Mask:
    """Fill holes of `patch` (h, w, 3) from `own` pixels of it, in place; which pixels were given texture.

    Each hole takes one shifted copy of its surroundings: the one whose colors agree best with
    the known ring around the hole. What they still differ by is spread smoothly over the copy, so
    that no edge shows. A hole around which nothing agrees is left as it was.
    """
    done = np.zeros(filled.shape, bool)
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(filled.astype(np.uint8), connectivity=8)
    largest = sorted(range(1, count), key=lambda n: (-stats[n, cv2.CC_STAT_AREA], n))[:MAX_HOLES]
    height, width = filled.shape
    for number in largest:
        x, y, w, h, area_px = (int(v) for v in stats[number, :5])
        if area_px < MIN_PX:
            break
        x0, y0 = max(0, x - RING_PX), max(0, y - RING_PX)
        x1, y1 = min(width, x + w + RING_PX), min(height, y + h + RING_PX)
        hole = numbered[y0:y1, x0:x1] == number
        near = cv2.dilate(hole.astype(np.uint8), np.ones((2 * RING_PX + 1,) * 2, np.uint8)) > 0
        ring = near & own[y0:y1, x0:x1]
        shift = _shift(patch, own, hole, ring, (x0, y0, x1, y1))
        if shift is None:
            continue
        dx, dy = shift
        copy = patch[y0 + dy : y1 + dy, x0 + dx : x1 + dx]
        known = own[y0 + dy : y1 + dy, x0 + dx : x1 + dx]
        weight = (ring & known).astype(np.float32)
        gap = extend((patch[y0:y1, x0:x1] - copy) * weight[..., None], weight)
        take = hole & known
        target = patch[y0:y1, x0:x1]
        target[take] = np.clip(copy + gap, 0, 1)[take]
        done[y0:y1, x0:x1] |= take
    return done


def _shift(
    patch: Colors, own: Mask, hole: Mask, ring: Mask, box: tuple[int, int, int, int]
) -> tuple[int, int] | None:
    x0, y0, x1, y1 = box
    ring_px, hole_px = int(np.count_nonzero(ring)), int(np.count_nonzero(hole))
    if ring_px < MIN_PX:
        return None
    reach = max(MIN_REACH_PX, REACH * max(x1 - x0, y1 - y0))
    height, width = own.shape
    left, top = max(0, x0 - reach), max(0, y0 - reach)
    part = np.s_[top : min(height, y1 + reach), left : min(width, x1 + reach)]
    template = np.ascontiguousarray(patch[y0:y1, x0:x1])
    known = ring.astype(np.float32)
    around = np.ascontiguousarray(patch[part])
    squares = cv2.matchTemplate(around, template, cv2.TM_SQDIFF, mask=np.repeat(known[..., None], 3, axis=2))
    # What differs a little and all around alike is light, not texture.
    offsets = [
        cv2.matchTemplate(np.ascontiguousarray(around[..., c]), known, cv2.TM_CCORR) / ring_px
        - template[ring][:, c].mean()
        for c in range(3)
    ]
    light = np.square(offsets).mean(axis=0)
    unknown = (~own[part]).astype(np.float32)
    lost = cv2.matchTemplate(unknown, (hole | ring).astype(np.float32), cv2.TM_CCORR)
    rms = np.sqrt(np.maximum(squares / (3 * ring_px) - np.minimum(light, LIGHT**2), 0))
    rows, columns = np.indices(rms.shape)
    far = np.hypot(rows + top - y0, columns + left - x0) / reach
    cost = np.where(lost <= 0.02 * (hole_px + ring_px) + 0.5, rms + FARTHER * far, np.inf)
    at = int(np.argmin(cost))
    row, column = divmod(at, cost.shape[1])
    if not np.isfinite(cost[row, column]) or rms[row, column] > MAX_RMS:
        return None
    return column + left - x0, row + top - y0
