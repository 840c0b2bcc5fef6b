"""Alignment by network, behind the closed form: it moves a segment only where that raises the overlap."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from synth.alignment.closed_form import (
    ASPECT,
    SCALE,
    Affine,
    Frame,
    align,
    covers,
    overlap,
    started,
)
from synth.cards import Card
from synth.layout import Region
from synth.networks.encoding import Encoding
from synth.networks.transformation import TransformationNetwork
from synth.networks.windows import ALIGNMENT_SIDE_PX, Sight, extent
from synth.pictures import CategoryFacts, Mask, Rgb, Segment, as_point

LOOKS = 2  # the second, from nearer, took a fifth off what the first had left, a seventh where undone
_MAX_TURN = 0.26  # sine of 15 degrees: what stands upright in a photo still stands here


class NetworkAligner:
    """Align with a trained network.

    The network corrects the closed form: it looks at the segment where that puts it, and again
    where its own answer does. An answer is quantized as placements are and undone unless it overlaps the
    region more than what it corrects, and keeps within the limits of scale and proportion; it may
    turn a little.
    """

    def __init__(
        self,
        network: TransformationNetwork,
        card: Card,
        categories: Mapping[int, CategoryFacts],
        *,
        device: str = "cpu",
    ) -> None:
        self._network = network.eval().to(device)
        self._encoding = Encoding(card.categories, categories)
        self._device = device

    def align(
        self,
        segment: Segment,
        region: Region,
        *,
        labels: NDArray[np.uint8],
        frame: Frame,
        planar: bool,
    ) -> tuple[Affine, float]:
        """As `closed_form.align`; `labels` (H, W) are the layout's house category ids.

        Raises:
            UnknownCategory: the layout holds what the network was never shown.
        """
        canvas = labels.shape[0], labels.shape[1]
        closed, scale = align(segment, region, canvas=canvas, frame=frame, planar=planar)
        start = started(segment, region, canvas=canvas, frame=frame)
        if planar and covers(segment.mask, start, region):
            return closed, scale
        first = start.affine()
        best = improved(
            segment.rgb,
            segment.mask,
            closed,
            region,
            lambda sight: self._correction(sight, labels),
            first=first,
            canvas=canvas,
        )
        if best == closed:
            return closed, scale
        return best, float(np.sqrt(_shrink(first) / _shrink(best)))

    def _correction(self, sight: Sight, labels: NDArray[np.uint8]) -> NDArray[np.float64]:
        layout = self._encoding.one_hot(sight.window.labels(labels, ALIGNMENT_SIDE_PX)[None])
        target, mask = (
            torch.from_numpy(m[None, None].astype(np.float32)) for m in (sight.target, sight.mask)
        )
        color = torch.from_numpy(sight.color[None]).permute(0, 3, 1, 2)
        with torch.inference_mode():
            given = (t.to(self._device) for t in (target, layout, color, mask))
            answer: NDArray[np.float64] = self._network(*given)[0].double().cpu().numpy()
        return answer


def improved(
    rgb: Rgb,
    mask: Mask,
    closed: Affine,
    region: Region,
    answer: Callable[[Sight], NDArray[np.float64]],
    *,
    first: Affine,
    canvas: tuple[int, int],
    undo: bool = True,
) -> Affine:
    """A crop's placement after all looks of a network, from `closed` on.

    With `undo`, an answer is dropped where it does not raise the overlap of the crop's `mask` with the
    region, or goes too far from where the segment lay at `first`.
    """
    best = closed
    for _ in range(LOOKS):
        sight = Sight.of(rgb, mask, best, region)
        correction = answer(sight)
        if not np.isfinite(correction).all() or abs(np.linalg.det(correction[:, :2])) <= 1e-3:
            break
        moved = sight.window.corrected(best, correction)
        if moved == best or (undo and not _better(mask, best, moved, region, first, canvas)):
            break
        best = moved
    return best


def _better(
    mask: Mask, best: Affine, moved: Affine, region: Region, first: Affine, canvas: tuple[int, int]
) -> bool:
    return _bearable(moved, first) and overlap_of(mask, moved, region, canvas) > overlap_of(
        mask, best, region, canvas
    )


def overlap_of(mask: Mask, affine: Affine, region: Region, canvas: tuple[int, int]) -> float:
    """IoU of a region and a crop's placed mask, inside the frame."""
    return overlap(mask, affine, region, canvas=canvas, extent=extent(mask, affine))


def _shrink(affine: Affine) -> float:
    """Pixels of the crop for one of the canvas."""
    return float(abs(np.linalg.det(as_point(affine)[:, :2])))


def _bearable(affine: Affine, first: Affine) -> bool:
    """Whether the way from where the segment started keeps scale, proportions and upright within limits."""
    moved = np.linalg.solve(as_point(affine)[:, :2], as_point(first)[:, :2])
    across, down = np.hypot(moved[0, 0], moved[1, 0]), np.hypot(moved[0, 1], moved[1, 1])
    if np.linalg.det(moved) <= 0 or moved[0, 0] <= 0 or moved[1, 1] <= 0:
        return False
    return bool(
        1 / SCALE <= np.sqrt(across * down) <= SCALE
        and 1 / ASPECT <= across / down <= ASPECT
        and abs(moved[1, 0]) <= _MAX_TURN * across
        and abs(moved[0, 1]) <= _MAX_TURN * down
    )
