"""From a layout and picked segments to a picture: align, order, compose, refine."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synth.alignment.closed_form import Affine, Frame, align
from synth.composition.footprints import opened, small_hole_px, warp_mask
from synth.composition.harmony import transfers
from synth.composition.ledger import MAX_PER_REGION, area_labels, check_size, compose, thin_ids
from synth.composition.paint import paint
from synth.layout import Layout, Region, regions
from synth.memory import Meter, ResidentMemory
from synth.ordering.order import Standing, back_to_front
from synth.pictures import CanvasRule, CategoryFacts, Mask, Picture, Placement, Segment, SynthError, masks_of
from synth.pictures import Uncovered as Uncovered  # the shells' word for it
from synth.refinement import Blend, Refiner

HOLE_SHARE = 0.10  # of a backdrop's region: up to here its own texture joins better than another photo's
FLAT_HOLE_SHARE = 0.30  # of a flat thing: a wall goes on longer than trees do
OBJECT_HOLE_SHARE = 0.5  # of an object: two halves of two mugs are no mug
MAX_HOLE_CANDIDATES = 4  # looked at for one region


class Cancelled(Exception):
    """The order is wanted no more."""


class Aligner(Protocol):
    """Alignment that looks at the layout too: (H, W) `labels`. Otherwise as `closed_form.align`."""

    def align(
        self, segment: Segment, region: Region, *, labels: NDArray[np.uint8], frame: Frame, planar: bool
    ) -> tuple[Affine, float]: ...


class Sorter(Protocol):
    """Order that looks at the layout too. `areas` are the regions of `things`; as `order.back_to_front`."""

    def back_to_front(
        self, things: Sequence[Standing], areas: Sequence[Region], *, labels: NDArray[np.uint8]
    ) -> list[int]: ...


def synthesize(
    layout: Layout,
    picks: Sequence[Sequence[int]],
    segments: Mapping[int, Segment],
    categories: Mapping[int, CategoryFacts],
    *,
    anchor: int | None,
    frame: Frame,
    seed: int,
    device: str = "cpu",
    refiner: Refiner | None = None,
    aligner: Aligner | None = None,
    sorter: Sorter | None = None,
    device_meter: Meter | None = None,
    rule: CanvasRule = "strict",
    go_on: Callable[[], None] = lambda: None,
) -> Picture:
    """Make one picture.

    Args:
        picks: by region the keys of its segments, best first; empty where there is none.
        anchor: the photo whose light the others follow.
        refiner, aligner, sorter: what takes the place of `Blend`, the closed form and the usual
            order; `synth.networks` has some.
        device_meter: of the device's own memory, where it has some.
        rule: how segments are held to their regions: see `synth.composition`.
        go_on: called between stages; what it raises ends the work.

    Raises:
        LayoutTooLarge: see `check_size`.
        Uncovered: more than a tenth of the frame would have to be made up, and the refiner cannot.
        SynthError: picks and layout do not belong together.
    """
    check_size(layout)
    refiner = refiner or Blend()
    clock = Clock(device_meter)
    areas = regions(layout, thin=thin_ids(categories))
    _check(areas, picks, segments, categories)
    labels = area_labels(layout, areas)
    clock.stage("regions")

    placed = [
        _align_region(
            region, [segments[key] for key in keys], categories, labels=labels, frame=frame, aligner=aligner
        )
        for region, keys in zip(areas, picks, strict=True)
    ]
    clock.stage("align")
    go_on()

    placements = _ordered(areas, placed, categories, labels=labels, sorter=sorter)
    clock.stage("order")

    masks = masks_of(segments)
    canvas = compose(layout, areas, placements, masks, categories, network=refiner.makes_up, rule=rule)
    clock.stage("compose")
    go_on()

    used = {p.segment for p in placements}
    tones = transfers([segments[key] for key in sorted(used)], categories, anchor=anchor)
    painting = paint(canvas, labels, placements, segments, categories, tones)
    clock.stage("paint")
    go_on()

    refined = refiner.refine(painting, seed=seed, device=device)
    clock.stage("refine")
    return Picture(
        refined.rgb,
        tuple(placements),
        canvas.ledger,
        clock.seconds,
        clock.memory,
        clock.device_memory,
        refined.gate,
        refined.base,
    )


def _check(
    areas: Sequence[Region],
    picks: Sequence[Sequence[int]],
    segments: Mapping[int, Segment],
    categories: Mapping[int, CategoryFacts],
) -> None:
    if len(picks) != len(areas):
        raise SynthError(f"the layout has `{len(areas)}` regions, the picks are for `{len(picks)}`")
    for region, keys in zip(areas, picks, strict=True):
        if region.category not in categories:
            raise SynthError(f"category `{region.category}` of the layout is unknown")
        for key in keys:
            if key not in segments:
                raise SynthError(f"segment `{key}` was picked and not given")
            if segments[key].category != region.category:
                raise SynthError(f"segment `{key}` is of another category than region `{region.ordinal}`")


def _align_region(
    region: Region,
    candidates: Sequence[Segment],
    categories: Mapping[int, CategoryFacts],
    *,
    labels: NDArray[np.uint8],
    frame: Frame,
    aligner: Aligner | None,
) -> list[tuple[Segment, Affine, float]]:
    """The best segment, and further ones only while a hole worth it is left that they mostly close."""
    box = (region.x0, region.y0, region.x1, region.y1)
    canvas = labels.shape[0], labels.shape[1]
    facts = categories[region.category]
    share = FLAT_HOLE_SHARE if facts.planar else HOLE_SHARE if facts.backdrop else OBJECT_HOLE_SHARE
    bearable = share * region.area_px
    hole: Mask = region.mask.copy()
    taken: list[tuple[Segment, Affine, float]] = []
    for segment in candidates[:MAX_HOLE_CANDIDATES]:
        short_px = np.count_nonzero(hole)
        if len(taken) == MAX_PER_REGION or (taken and short_px <= bearable):
            break
        if not segment.mask.any() or any(segment.key == other.key for other, _, _ in taken):
            continue
        if aligner is None:
            affine, scale = align(segment, region, canvas=canvas, frame=frame, planar=facts.planar)
        else:
            affine, scale = aligner.align(segment, region, labels=labels, frame=frame, planar=facts.planar)
        hit = hole & warp_mask(segment.mask, affine, box=box)
        hit_px = np.count_nonzero(hit)
        if hit_px == 0 or (taken and 2 * hit_px < short_px):
            continue
        taken.append((segment, affine, scale))
        hole = opened(hole & ~hit, small_hole_px(canvas[0]))
    return taken


def _ordered(
    areas: Sequence[Region],
    placed: Sequence[Sequence[tuple[Segment, Affine, float]]],
    categories: Mapping[int, CategoryFacts],
    *,
    labels: NDArray[np.uint8],
    sorter: Sorter | None,
) -> list[Placement]:
    """Placements by region, ranks counting up to the front; of one region's, the best lies in front."""
    with_any = [region for region, taken in zip(areas, placed, strict=True) if taken]
    standing = []
    for region in with_any:
        segment, _, scale = placed[region.ordinal][0]
        depth_mm = None if segment.depth_mm is None else segment.depth_mm / scale
        standing.append(Standing(categories[region.category], depth_mm, region.y1))
    step = MAX_PER_REGION
    order = sorter.back_to_front(standing, with_any, labels=labels) if sorter else back_to_front(standing)
    rank = {with_any[at].ordinal: step * (n + 1) - 1 for n, at in enumerate(order)}
    return [
        Placement(region.ordinal, segment.key, rank[region.ordinal] - n, affine)
        for region in with_any
        for n, (segment, affine, _) in enumerate(placed[region.ordinal])
    ]


class Clock:
    """Seconds and bytes by stage, for the record of what a picture took."""

    def __init__(self, device_meter: Meter | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, int] = {}
        self.device_memory: dict[str, int] = {}
        self._meters: list[tuple[Meter, dict[str, int]]] = [(ResidentMemory(), self.memory)]
        if device_meter is not None:
            self._meters.append((device_meter, self.device_memory))
        self._start()

    def stage(self, name: str) -> None:
        self.seconds[name] = time.perf_counter() - self._started
        for meter, most in self._meters:
            found = meter.most_bytes()
            if found is not None:
                most[name] = found
        self._start()

    def _start(self) -> None:
        for meter, _ in self._meters:
            meter.lower()
        self._started = time.perf_counter()
