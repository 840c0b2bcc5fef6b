"""Training canvases: photos as the bank could have shown them, had it been asked for their own layouts.

Each region of a photo keeps its pixels only where a similar segment of another
photo would have brought some, aligned and composed as a request's would be. So a
network learns to finish what composition leaves, with the photo to hold it to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer
from scipy.ndimage import find_objects

from synth.alignment.closed_form import align
from synth.composition.elision import Elided, elide
from synth.composition.footprints import FIXED, TRIM_PX
from synth.composition.harmony import UNCHANGED
from synth.composition.ledger import compose
from synth.composition.overlap import overlap_px
from synth.composition.paint import paint
from synth.composition.warp import extend
from synth.layout import Layout, Region
from synth.ordering.order import Standing, back_to_front
from synth.pictures import Mask, Placement, Rgb, Segment
from synth.training.prepared import Prepared

Share = Annotated[float, Field(ge=0, le=1)]
_ONE = 1 << FIXED
_FINER = 0.3  # log of how much finer than the canvas a segment may be: then it is as sharp as it gets
_STEADY = 1e-3  # added to color variances: what is of one color has no inverse


class CanvasRecipe(BaseModel):
    """How canvases are made. `parametric` leaves them all empty: the network that knows no bank.

    Of all canvases that are not `emptied`, a share is `smoothed`: their base shows nothing of what is
    withheld. Segments are seen as if they had been enlarged from down to `coarsest` of their size. Of the
    same canvases a share is `overlapping`: segments reach beyond their regions, and show there the
    continuation of their own colors, so that a network learns to draw outlines where the layout has them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parametric: bool = False
    draws: int = Field(default=100, ge=1)
    neighbor_margin: int = Field(default=150, ge=0)
    recolored: Share = 0.2
    dropped: Share = 0.1
    emptied: Share = 0.2
    smoothed: Share = 0.3
    coarsest: Annotated[float, Field(gt=0, le=1)] = 0.95
    jitter: float = Field(default=0.008, ge=0, le=0.1)  # of the height
    flips: bool = True
    overlapping: Share = 0

    @model_serializer(mode="wrap")
    def _as_before_overlap(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A recipe without overlap reads as it did before there was any, and its runs go on."""
        said: dict[str, Any] = written(self)
        if not self.overlapping:
            del said["overlapping"]
        return said


@dataclass(frozen=True, eq=False)
class Sample:
    """`layout` (H, W) uint8 places in the snapshot's categories; `canvas`, `base`, `target` (H, W, 3)
    uint8; `valid` (H, W) bool. `base` is 0 in all channels where it is empty, and nowhere else."""

    layout: NDArray[np.uint8]
    canvas: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    base: NDArray[np.uint8]
    target: NDArray[np.uint8]


class Canvases:
    """Samples by number: the same number, seed and recipe give the same sample, in any process."""

    def __init__(self, prepared: Prepared, recipe: CanvasRecipe, *, seed: int) -> None:
        self._prepared = prepared
        self._recipe = recipe
        self._seed = seed
        self._facts = prepared.facts()
        self._places = prepared.places()
        order = np.argsort(prepared.category, kind="stable")
        bounds = np.searchsorted(prepared.category[order], np.arange(257))
        self._of_category = [order[bounds[c] : bounds[c + 1]] for c in range(256)]

    def photo_of(self, number: int) -> int:
        """Which photo a sample shows: every photo once before any comes again."""
        count = len(self._prepared.photos)
        turn = np.random.Generator(np.random.Philox(key=[self._seed, 1 + 2 * (number // count)]))
        return int(turn.permutation(count)[number % count])

    def sample(self, number: int) -> Sample:
        rng = np.random.Generator(np.random.Philox(key=[self._seed, 2 * number]))
        return self.version(self.photo_of(number), rng)

    def version(self, photo: int, rng: np.random.Generator) -> Sample:
        """One canvas of a photo, among as many as `rng` has."""
        prepared, recipe = self._prepared, self._recipe
        target = prepared.photos[photo]
        layout = self._places[prepared.labels[photo]]
        if recipe.parametric or rng.random() < recipe.emptied:
            nothing = np.zeros_like(target)
            made = Sample(layout, nothing, np.zeros(layout.shape, bool), nothing, np.asarray(target))
        else:
            seen = self._elided(photo, rng)
            made = Sample(layout, _bytes(seen.canvas), seen.valid, _bytes(seen.base), np.asarray(target))
        return _flipped(made) if recipe.flips and rng.random() < 0.5 else made

    def stencil(self, row: int, rng: np.random.Generator) -> int | None:
        """The row of the most similar segment among `draws` of other scenes; None where there is none."""
        prepared = self._prepared
        rows = self._of_category[prepared.category[row]]
        rows = rows[~np.isin(prepared.photo[rows], prepared.near[prepared.photo[row]])]
        if rows.size == 0:
            return None
        if rows.size > self._recipe.draws:
            rows = rng.choice(rows, self._recipe.draws, replace=False)
        both = np.bitwise_count(prepared.mask[rows] & prepared.mask[row]).sum(axis=1, dtype=np.int64)
        either = prepared.mask_n[rows] + prepared.mask_n[row] - both
        return int(rows[np.argmax(both / either)])

    def _elided(self, photo: int, rng: np.random.Generator) -> Elided:
        prepared, facts = self._prepared, self._facts
        labels, areas = self._areas(photo, rng)
        rows = [prepared.rows(photo)[area.ordinal] for area in areas]
        areas = [replace(area, ordinal=at) for at, area in enumerate(areas)]
        stencils: dict[int, int] = {}
        for at, row in enumerate(rows):
            if rng.random() >= self._recipe.dropped and (found := self.stencil(row, rng)) is not None:
                stencils[at] = found
        placements, masks = self._placed(areas, rows, stencils)
        # Without a share nothing is drawn: a seed gives the canvases that it gave before there was one.
        overlap = self._recipe.overlapping > 0 and rng.random() < self._recipe.overlapping
        canvas = compose(
            Layout(labels),
            areas,
            placements,
            masks,
            facts,
            require_cover=False,
            rule="overlap" if overlap else "strict",
        )
        beyond = overlap_px(labels.shape[0]) if overlap else 0
        owner = np.where(canvas.source < 0, canvas.ledger.owner, -1)
        shown: dict[int, Segment] = {}
        upright: list[Placement] = []
        for index, placement in enumerate(placements):
            at = placement.region
            rgb = prepared.photos[photo]
            if rng.random() < self._recipe.recolored:
                rgb = self._recolored(rgb, rows[at], stencils[at])
            coarse = float(np.exp(rng.uniform(np.log(self._recipe.coarsest), _FINER)))
            kept = (owner == index) & (labels == canvas.shown)  # what it spills shows no photo's own pixels
            shown[at], moved = _show(rgb, kept, areas[at], photo=photo, coarse=coarse, beyond=beyond)
            upright.append(replace(placement, affine=moved))
        painting = paint(canvas, labels, upright, shown, facts, dict.fromkeys(shown, UNCHANGED))
        return elide(painting, facts, rng=rng, smoothed=bool(rng.random() < self._recipe.smoothed))

    def _areas(self, photo: int, rng: np.random.Generator) -> tuple[NDArray[np.uint8], list[Region]]:
        """The photo's regions with their borders moved a little: label maps are drawn by hand."""
        prepared = self._prepared
        ordinals = np.asarray(prepared.ordinals[photo])
        reach = self._recipe.jitter * prepared.size[0]
        if reach > 0:
            ordinals = _shaken(ordinals, reach, rng)
        categories = prepared.category[prepared.rows(photo)[0] : prepared.rows(photo)[-1] + 1]
        areas = []
        for ordinal, where in enumerate(find_objects(ordinals.astype(np.int32) + 1)):
            if where is not None:
                mask = ordinals[where] == ordinal
                y, x = where
                areas.append(
                    Region(
                        ordinal,
                        int(categories[ordinal]),
                        x.start,
                        y.start,
                        x.stop,
                        y.stop,
                        int(np.count_nonzero(mask)),
                        mask,
                    )
                )
        labels: NDArray[np.uint8] = categories[ordinals]
        return labels, areas

    def _placed(
        self, areas: Sequence[Region], rows: Sequence[int], stencils: Mapping[int, int]
    ) -> tuple[list[Placement], dict[int, Mask]]:
        """A placement for each stencil, keyed by its region's number, aligned and ordered as in a request."""
        prepared, facts = self._prepared, self._facts
        known = [at for at in range(len(areas)) if at in stencils]
        standing = []
        for at in known:
            depth = int(prepared.depth_mm[rows[at]])
            standing.append(
                Standing(facts[areas[at].category], None if depth < 0 else float(depth), areas[at].y1)
            )
        rank = {known[n]: place for place, n in enumerate(back_to_front(standing))}
        placements, masks = [], {}
        for at in known:
            region = prepared.region(stencils[at])
            box = (region.x0, region.y0, region.x1, region.y1)
            segment = Segment(
                at,
                int(prepared.photo[stencils[at]]),
                region.category,
                np.zeros((0, 0, 3), np.uint8),
                region.mask,
                box,
                prepared.size,
            )
            affine, _ = align(
                segment,
                areas[at],
                canvas=prepared.size,
                frame=prepared.frame,
                planar=facts[region.category].planar,
            )
            placements.append(Placement(at, at, rank[at], affine))
            masks[at] = region.mask
        return placements, masks

    def _recolored(self, rgb: Rgb, row: int, stencil: int) -> Rgb:
        """The photo in the light of the stencil's, as far as the two segments tell."""
        prepared = self._prepared
        matrix = monge_kantorovich(prepared.cov[row], prepared.cov[stencil])
        x0, y0, x1, y1 = prepared.box[row].tolist()
        margin = 4 * TRIM_PX + round(2 * self._recipe.jitter * prepared.size[0])
        part = (slice(max(0, y0 - margin), y1 + margin), slice(max(0, x0 - margin), x1 + margin))
        out = rgb.copy()
        moved = (rgb[part] / np.float32(255) - prepared.mean[row]) @ matrix.T + prepared.mean[stencil]
        out[part] = _bytes(moved)
        return out


def monge_kantorovich(source: NDArray[np.float64], onto: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (3, 3) map that gives colors of covariance `source` the covariance `onto`, moving them least."""
    steady = _STEADY * np.eye(3)
    root, unroot = _roots(source + steady)
    middle, _ = _roots(root @ (onto + steady) @ root)
    return unroot @ middle @ unroot


def _roots(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, vectors = np.linalg.eigh(matrix)
    root = np.sqrt(np.maximum(values, 1e-12))
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T


def _show(
    rgb: Rgb, kept: Mask, area: Region, *, photo: int, coarse: float, beyond: int = 0
) -> tuple[Segment, tuple[int, int, int, int, int, int]]:
    """The photo's pixels that the stencil kept, as a segment in place, and its affine.

    What was not kept shows only the smooth continuation of what was: the
    network must not find the answer in the question.
    """
    height, width = kept.shape
    margin = 2 * TRIM_PX + beyond
    x0, y0 = max(0, area.x0 - margin), max(0, area.y0 - margin)
    x1, y1 = min(width, area.x1 + margin), min(height, area.y1 + margin)
    part = (slice(y0, y1), slice(x0, x1))
    weight = kept[part].astype(np.float32)
    colors = _coarsened(rgb[part], coarse) / np.float32(255)
    if weight.any():
        colors = np.where(kept[part][..., None], colors, extend(colors * weight[..., None], weight))
    segment = Segment(
        area.ordinal,
        photo,
        area.category,
        _bytes(colors),
        np.ones(weight.shape, bool),
        (x0, y0, x1, y1),
        (height, width),
    )
    return segment, (_ONE, 0, -x0 * _ONE, 0, _ONE, -y0 * _ONE)


def _coarsened(rgb: Rgb, share: float) -> NDArray[np.float32]:
    """As a segment looks that was enlarged from `share` of its size; from 1 on as it is."""
    height, width = rgb.shape[:2]
    if share >= 1 or min(height, width) < 4:
        return rgb.astype(np.float32)
    size = max(2, round(width * share)), max(2, round(height * share))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _shaken(ordinals: NDArray[np.uint16], reach_px: float, rng: np.random.Generator) -> NDArray[np.uint16]:
    height, width = ordinals.shape
    coarse = rng.uniform(-reach_px, reach_px, (max(3, height // 16), max(3, width // 16), 2))
    moves = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    shaken = cv2.remap(
        ordinals, x + moves[..., 0], y + moves[..., 1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(shaken, np.uint16)


def _bytes(colors: NDArray[Any]) -> NDArray[np.uint8]:
    out: NDArray[np.uint8] = np.clip(colors * 255 + 0.5, 0, 255).astype(np.uint8)
    return out


def _flipped(sample: Sample) -> Sample:
    return Sample(*(np.ascontiguousarray(getattr(sample, f.name)[:, ::-1]) for f in fields(sample)))
