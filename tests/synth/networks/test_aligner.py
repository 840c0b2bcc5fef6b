from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from synth.alignment.closed_form import SCALE, align, overlap
from synth.cards import Card
from synth.composition.footprints import warp_mask
from synth.layout import Layout, Region, regions
from synth.networks.aligner import NetworkAligner
from synth.networks.transformation import TransformationNetwork
from synth.networks.windows import Sight, extent, in_fixed_point
from synth.pictures import CategoryFacts, Segment, as_point

CANVAS = (96, 128)
HOUSE = {0: CategoryFacts(0, "void"), 1: CategoryFacts(1, "wall"), 2: CategoryFacts(2, "mug")}
CARD = Card(
    kind="transformation",
    width="small",
    categories=("void", "wall", "mug"),
    snapshot_sha256="0" * 64,
    code_version="0",
    recipe={},
)


class Rigged(TransformationNetwork):
    """Answers what it is told to."""

    def __init__(self, answer: Callable[[Tensor], list[Any]]) -> None:
        super().__init__(3)
        self.answer = answer
        self.asked = 0

    def forward(self, target: Tensor, layout: Tensor, color: Tensor, mask: Tensor) -> Tensor:
        self.asked += len(target)
        assert layout.shape[1] == 3 and target.shape[1:] == (1, *layout.shape[2:]) and color.shape[1] == 3
        assert mask.shape == target.shape
        return torch.tensor(self.answer(target), dtype=torch.float32)


def aligner(network: TransformationNetwork) -> NetworkAligner:
    return NetworkAligner(network, CARD, HOUSE)


def always(matrix: list[list[float]]) -> Rigged:
    return Rigged(lambda target: [matrix] * len(target))


def in_turn(answers: Sequence[np.ndarray]) -> Callable[[Tensor], list[Any]]:
    left = iter(answers)
    return lambda target: [next(left).tolist()] * len(target)


def scene(shape: np.ndarray, x: int, y: int) -> tuple[np.ndarray, Region]:
    labels = np.ones(CANVAS, np.uint8)
    labels[y : y + shape.shape[0], x : x + shape.shape[1]][shape] = 2
    (region,) = [r for r in regions(Layout(labels)) if r.category == 2]
    return labels, region


def segment_of(mask: np.ndarray, x0: int, y0: int) -> Segment:
    height, width = mask.shape
    rng = np.random.Generator(np.random.Philox(3))
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Segment(1, 1, 2, rgb, mask, (x0, y0, x0 + width, y0 + height), CANVAS)


def iou(segment: Segment, affine: tuple[int, ...], region: Region) -> float:
    whole = np.zeros(CANVAS, bool)
    whole[region.y0 : region.y1, region.x0 : region.x1] = region.mask
    warped = warp_mask(segment.mask, affine, box=(0, 0, CANVAS[1], CANVAS[0]))
    return np.count_nonzero(warped & whole) / np.count_nonzero(warped | whole)


def turned(degrees: float) -> np.ndarray:
    """A long box, turned."""
    y, x = np.mgrid[-25:26, -25:26]
    angle = np.deg2rad(degrees)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return (abs(u) <= 22) & (abs(v) <= 6)


def turn(degrees: float) -> list[list[float]]:
    angle = np.deg2rad(degrees)
    return [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]]


def about(linear: list[list[float]], point: tuple[float, float], *, to: tuple[float, float]) -> np.ndarray:
    """From a point of the canvas to that of the crop, and around it as `linear` turns."""
    turned = np.array(linear)[:, :2]
    return np.column_stack([turned, np.array(to) - turned @ np.array(point)])


def test_an_untrained_network_leaves_the_closed_form() -> None:
    labels, region = scene(turned(0), 50, 30)
    segment = segment_of(turned(3), 10, 10)
    found = aligner(TransformationNetwork(3)).align(
        segment, region, labels=labels, frame="scene", planar=False
    )
    assert found == align(segment, region, canvas=CANVAS, frame="scene", planar=False)


def test_a_turn_that_the_closed_form_cannot_make_is_taken() -> None:
    labels, region = scene(turned(0), 40, 20)
    segment = segment_of(turned(10), 40, 20)
    closed, _ = align(segment, region, canvas=CANVAS, frame="scene", planar=False)
    in_place = in_fixed_point(about(turn(10), (65.5, 45.5), to=(25.5, 25.5)))
    window = Sight.of(segment.rgb, segment.mask, closed, region).window
    network = Rigged(in_turn([window.correction(closed, in_place), np.eye(2, 3)]))
    affine, scale = aligner(network).align(segment, region, labels=labels, frame="scene", planar=False)
    assert iou(segment, affine, region) > 0.9 > 0.8 > iou(segment, closed, region)
    assert np.allclose(as_point(affine), as_point(in_place), atol=1e-3)
    assert scale == pytest.approx(1, abs=1e-3)


def test_it_looks_again_from_where_its_first_answer_led_and_undoes_each_answer_by_itself() -> None:
    labels, region = scene(turned(0), 40, 20)
    segment = segment_of(turned(10), 40, 20)
    closed, _ = align(segment, region, canvas=CANVAS, frame="scene", planar=False)
    by_half, in_place, away = (
        in_fixed_point(about(turn(angle), (65.5, 45.5), to=(25.5, 25.5))) for angle in (5, 10, 14)
    )

    def aligned(*ways: tuple[int, ...]) -> tuple[int, ...]:
        """By a network that wants to have the segment first in one place, then in the other."""
        answers, at = [], closed
        for way in ways:
            answers.append(Sight.of(segment.rgb, segment.mask, at, region).window.correction(at, way))
            at = way
        network = Rigged(in_turn(answers))
        return aligner(network).align(segment, region, labels=labels, frame="scene", planar=False)[0]

    assert np.allclose(as_point(aligned(by_half, in_place)), as_point(in_place), atol=1e-2)
    assert np.allclose(as_point(aligned(in_place, away)), as_point(in_place), atol=1e-2)


@pytest.mark.parametrize(
    "answer",
    [
        turn(-10),  # the wrong way
        turn(60),  # lying down
        [[-1, 0, 0], [0, 1, 0]],  # mirrored
        [[0, 0, 0], [0, 0, 0]],
        [[float("nan"), 0, 0], [0, 1, 0]],
        [[1e6, 0, 0], [0, 1e6, 0]],
        [[1, 0, 3], [0, 1, 0]],  # out of the window
    ],
)
def test_what_does_not_raise_the_overlap_or_cannot_be_borne_is_undone(answer: list[list[float]]) -> None:
    labels, region = scene(turned(0), 40, 20)
    segment = segment_of(turned(10), 40, 20)
    found = aligner(always(answer)).align(segment, region, labels=labels, frame="scene", planar=False)
    assert found == align(segment, region, canvas=CANVAS, frame="scene", planar=False)


def test_a_network_by_chance_never_overlaps_less_than_the_closed_form() -> None:
    rng = np.random.Generator(np.random.Philox(8))
    moved = 0
    for _ in range(40):
        answer = np.array([[1.0, 0, 0], [0, 1, 0]]) + rng.normal(0, 0.03, (2, 3))
        labels, region = scene(turned(rng.uniform(-15, 15)), int(rng.integers(70)), int(rng.integers(40)))
        segment = segment_of(turned(rng.uniform(-15, 15)), int(rng.integers(70)), int(rng.integers(40)))
        affine, scale = aligner(always(answer.tolist())).align(
            segment, region, labels=labels, frame="box", planar=False
        )
        closed, _ = align(segment, region, canvas=CANVAS, frame="box", planar=False)
        assert iou(segment, affine, region) >= iou(segment, closed, region)
        assert 1 / SCALE <= scale <= SCALE
        moved += affine != closed
    assert moved > 0


def test_a_flat_thing_that_covers_its_region_is_not_asked_about() -> None:
    labels, region = scene(np.ones((20, 30), bool), 60, 40)
    segment = segment_of(np.ones((60, 100), bool), 5, 20)
    network = always(turn(5))
    affine, scale = aligner(network).align(segment, region, labels=labels, frame="scene", planar=True)
    assert (affine, scale) == align(segment, region, canvas=CANVAS, frame="scene", planar=True)
    assert network.asked == 0


def test_one_pixel_on_one_pixel_is_an_ordinary_case() -> None:
    one = np.ones((1, 1), bool)
    labels = np.full(CANVAS, 2, np.uint8)
    region = Region(0, 2, 127, 95, 128, 96, 1, one)
    affine, _ = aligner(TransformationNetwork(3)).align(
        segment_of(one, 0, 0), region, labels=labels, frame="box", planar=False
    )
    assert warp_mask(one, affine, box=(127, 95, 128, 96)).all()


def test_the_extent_of_a_placed_crop_holds_it() -> None:
    segment = segment_of(turned(10), 40, 20)
    angle = np.deg2rad(20)
    one = 1 << 16
    c, s = int(np.cos(angle) * one), int(np.sin(angle) * one)
    affine = (c, s, -60 * one, -s, c, 0)
    x0, y0, x1, y1 = extent(segment.mask, affine)
    shown = warp_mask(segment.mask, affine, box=(0, 0, CANVAS[1], CANVAS[0]))
    rows, columns = np.nonzero(shown)
    assert len(rows) > 50
    assert x0 <= columns.min() and columns.max() + 1 <= x1 + 1e-6
    assert y0 <= rows.min() and rows.max() + 1 <= y1 + 1e-6
    assert as_point(affine).shape == (2, 3)
    region = scene(turned(0), 40, 20)[1]
    assert overlap(segment.mask, affine, region, canvas=CANVAS, extent=(x0, y0, x1, y1)) == pytest.approx(
        iou(segment, affine, region)
    )
