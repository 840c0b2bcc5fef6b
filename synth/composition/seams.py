"""Which pixels of a canvas hold more than one photo's: whole numbers only, like the ledger.

Where `joining` mixes nothing, a pixel is its owner's photo's alone. Where it mixes, this errs on the side of
"more than one": what reaches a pixel so faintly that eight bits do not show it counts too.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synth.composition.footprints import window
from synth.composition.joining import BANDS, SOFT_PX
from synth.composition.ledger import Canvas, own_seams, seam_px
from synth.pictures import Kind, Mask

# A blender of n bands reaches 2 * (2^n - 1) pixels down its pyramid and as far up again.
REACH_PX = 1 << (BANDS + 2)
_NONE = np.int16(-1)


def mixed(canvas: Canvas, photos: Sequence[int]) -> Mask:
    """Where pixels of two photos or more may have been mixed; all of it is `BLENDED`.

    The order of things: along a category's own seams its placements are blended into each other, then the
    whole band is softened.

    Args:
        photos: a number of each placement's photo, from 0, fewer than 32,768 of them.
    """
    ledger, shown = canvas.ledger, canvas.shown
    owned = ledger.owner >= 0
    if len(set(photos)) < 2 or not owned.any():
        return np.zeros(owned.shape, bool)
    photo = np.array([*photos, _NONE], np.int16)[ledger.owner]  # -1 takes the last
    band = ledger.kind == Kind.BLENDED
    joined = np.zeros(owned.shape, bool)
    seams = own_seams(ledger.owner, shown)
    along, _ = seam_px(owned.shape[0])
    for category in np.unique(shown[seams]).tolist():
        of_category = owned & (shown == category)
        if len(np.unique(photo[of_category])) < 2:
            continue
        part = _around(seams & of_category, along + REACH_PX)
        near = window(seams[part] & of_category[part], along, highest=True) & of_category[part]
        joined[part] |= near & _several(photo[part], of_category[part], REACH_PX)
    joined &= band
    out: Mask = band & (_several(photo, owned, SOFT_PX) | window(joined, SOFT_PX, highest=True))
    return out


def _several(photo: NDArray[np.int16], among: Mask, radius: int) -> Mask:
    """Where pixels `among` these within `radius` are of more than one photo."""
    none = np.iinfo(np.int16).max
    lowest = window(np.where(among, photo, none), radius, highest=False)
    out: Mask = lowest < window(np.where(among, photo, _NONE), radius, highest=True)
    return out


def _around(found: Mask, margin: int) -> tuple[slice, slice]:
    """The box around what was found, and a margin; whatever lies further away reaches nothing in it."""
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return (
        slice(max(0, int(rows[0]) - margin), int(rows[-1]) + 1 + margin),
        slice(max(0, int(columns[0]) - margin), int(columns[-1]) + 1 + margin),
    )
