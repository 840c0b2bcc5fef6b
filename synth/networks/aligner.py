"""Alignment by network, behind the closed form: it moves a segment only where that raises the overlap."""

from collections.abc import Mapping

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
from synth.networks.windows import ALIGNMENT_SIDE_PX, Window, standing
from synth.pictures import CategoryFacts, Segment, as_point

_MAX_TURN = 0.26  # sine of 15 degrees: what stands upright in a photo still stands here


class NetworkAligner:
    """Align with a trained network.

    The network looks at the segment where it starts and where the closed form puts it. Each
    answer is quantized as placements are and undone unless it overlaps the region more than
    the closed form does, and keeps within its limits of scale and proportion; it may turn a little.
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
        places = [first] if closed == first else [first, closed]
        best, best_overlap = closed, _overlap(segment, closed, region, canvas)
        for affine in self._corrected(segment, region, labels, places):
            if _bearable(affine, first):
                reached = _overlap(segment, affine, region, canvas)
                if reached > best_overlap:
                    best, best_overlap = affine, reached
        if best == closed:
            return closed, scale
        return best, float(np.sqrt(_shrink(first) / _shrink(best)))

    def _corrected(
        self, segment: Segment, region: Region, labels: NDArray[np.uint8], places: list[Affine]
    ) -> list[Affine]:
        side = ALIGNMENT_SIDE_PX
        target_box = (region.x0, region.y0, region.x1, region.y1)
        windows = [Window.around(target_box, extent(segment, affine)) for affine in places]
        targets = np.stack([w.mask(region.mask, standing(target_box), side) for w in windows])
        colors = np.stack(
            [w.color(segment.rgb, segment.mask, a, side) for w, a in zip(windows, places, strict=True)]
        )
        layouts = self._encoding.one_hot(np.stack([w.labels(labels, side) for w in windows]))
        with torch.inference_mode():
            corrections = self._network(
                torch.from_numpy(targets[:, None].astype(np.float32)).to(self._device),
                layouts.to(self._device),
                torch.from_numpy(colors).permute(0, 3, 1, 2).to(self._device),
            )
        numbers = corrections.double().cpu().numpy()
        return [
            window.corrected(affine, correction)
            for window, affine, correction in zip(windows, places, numbers, strict=True)
            if np.isfinite(correction).all() and abs(np.linalg.det(correction[:, :2])) > 1e-3
        ]


def extent(segment: Segment, affine: Affine) -> tuple[float, float, float, float]:
    """The box of the canvas that a placed crop takes up."""
    matrix = as_point(affine)
    height, width = segment.mask.shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) - matrix[:, 2]
    points = np.linalg.solve(matrix[:, :2], corners.T)
    (x0, y0), (x1, y1) = points.min(axis=1), points.max(axis=1)
    return float(x0), float(y0), float(x1), float(y1)


def _overlap(segment: Segment, affine: Affine, region: Region, canvas: tuple[int, int]) -> float:
    return overlap(segment.mask, affine, region, canvas=canvas, extent=extent(segment, affine))


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
