import numpy as np
import pytest

from synth.composition.footprints import TRIM_PX
from synth.composition.harmony import UNCHANGED
from synth.composition.ledger import compose, contact_px, seam_px
from synth.composition.paint import Painting, paint
from synth.layout import Layout, regions
from synth.pictures import CategoryFacts, Kind, Placement, Segment
from synth.refinement import Blend, within_gate

ONE = 1 << 16
IDENTITY = (ONE, 0, 0, 0, ONE, 0)
CATEGORIES = {
    1: CategoryFacts(1, "wall", planar=True),
    2: CategoryFacts(2, "mug", front_rank=80),
    3: CategoryFacts(3, "floor", ground=True, planar=True, front_rank=8),
}
SIZE = (96, 128)


def flat(key: int, mask: np.ndarray, color: int, category: int = 1) -> Segment:
    height, width = mask.shape
    rgb = np.full((height, width, 3), color, np.uint8)
    return Segment(key, key, category, rgb, mask, (0, 0, width, height), (height, width))


def painted(labels: np.ndarray, placements: list[Placement], segments: list[Segment]) -> Painting:
    layout = Layout(labels)
    by_key = {s.key: s for s in segments}
    masks = {s.key: s.mask for s in segments}
    canvas = compose(layout, regions(layout), placements, masks, CATEGORIES, require_cover=False)
    return paint(canvas, labels, placements, by_key, CATEGORIES, dict.fromkeys(by_key, UNCHANGED))


def halves(left: int, right: int) -> Painting:
    half = np.ones(SIZE, bool)
    half[:, 64:] = False
    return painted(
        np.ones(SIZE, np.uint8),
        [Placement(0, 1, 1, IDENTITY), Placement(0, 2, 0, IDENTITY)],
        [flat(1, half, left), flat(2, np.ones(SIZE, bool), right)],
    )


def test_a_seam_between_two_of_a_kind_becomes_a_slope_within_its_band() -> None:
    painting = halves(100, 140)
    row = Blend().refine(painting, seed=0, device="cpu").rgb[48, :, 0].astype(int)
    along, _ = seam_px(SIZE[0])
    seam = 64 - TRIM_PX
    assert (row[: seam - 1 - along] == 100).all() and (row[seam + 1 + along :] == 140).all()
    steps = np.diff(row)
    assert (steps >= -1).all()
    assert steps.max() <= 40 / 2  # the step of 40 is spread


def test_placed_and_filled_pixels_leave_as_they_came() -> None:
    painting = halves(90, 200)
    refined = Blend().refine(painting, seed=0, device="cpu")
    kept = np.isin(painting.canvas.ledger.kind, [Kind.PLACED, Kind.FILLED])
    assert np.array_equal(refined.rgb[kept], np.rint(painting.colors[kept] * 255).astype(np.uint8))
    assert refined.gate is None


def test_an_object_darkens_the_floor_right_below_it_and_less_further_down() -> None:
    labels = np.full(SIZE, 3, np.uint8)
    labels[20:60, 40:80] = 2
    mug = Placement(0, 2, 1, (ONE, 0, -40 * ONE, 0, ONE, -20 * ONE))
    painting = painted(
        labels,
        [mug, Placement(1, 1, 0, IDENTITY)],
        [flat(2, np.ones((40, 40), bool), 200, 2), flat(1, np.ones(SIZE, bool), 200, 3)],
    )
    column = Blend().refine(painting, seed=0, device="cpu").rgb[:, 60, 0].astype(int)
    reach = contact_px(SIZE[0])
    assert column[60] < 195
    assert (np.diff(column[60 : 60 + reach + 1]) >= 0).all()
    assert (column[60 + reach :] == 200).all() and (column[:19] == 200).all()


def test_the_painting_itself_is_not_touched() -> None:
    painting = halves(90, 200)
    before = painting.colors.copy()
    Blend().refine(painting, seed=0, device="cpu")
    assert np.array_equal(before, painting.colors)


def test_filled_pixels_carry_texture_and_not_a_smear() -> None:
    rng = np.random.Generator(np.random.Philox(4))
    mask = np.ones(SIZE, bool)
    mask[:, 80:] = False
    wall = flat(1, mask, 0)
    noise = rng.integers(80, 180, (*SIZE, 1), dtype=np.uint8).repeat(3, axis=2)
    wall = Segment(1, 1, 1, noise, mask, wall.box, wall.frame)
    painting = painted(np.ones(SIZE, np.uint8), [Placement(0, 1, 0, IDENTITY)], [wall])
    filled = painting.canvas.ledger.kind == Kind.FILLED
    assert filled[:, 80 + 8 : 110].all()
    texture = painting.colors[:, 88:110, 0].std(axis=1).mean()
    assert texture > 0.5 * painting.colors[:, :80, 0].std(axis=1).mean()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (3, 3)])
def test_the_smallest_canvases_come_out(size: tuple[int, int]) -> None:
    painting = painted(
        np.ones(size, np.uint8), [Placement(0, 1, 0, IDENTITY)], [flat(1, np.ones(size, bool), 77)]
    )
    assert (Blend().refine(painting, seed=0, device="cpu").rgb == 77).all()
    nothing = painted(np.ones(size, np.uint8), [], [])
    assert Blend().refine(nothing, seed=0, device="cpu").rgb.shape == (*size, 3)


@pytest.mark.parametrize(("gate", "holds"), [(4, False), (5, True), (255, True)])
def test_a_pixel_may_change_by_its_gate_and_no_more_up_or_down(gate: int, holds: bool) -> None:
    base = np.full((2, 2, 3), 100, np.uint8)
    for change in (5, -5):
        rgb = base.copy()
        rgb[1, 0, 2] = 100 + change
        gates = np.zeros((2, 2), np.uint8)
        gates[1, 0] = gate
        assert within_gate(rgb, base, gates) is holds
    far = np.array([[[0, 255, 0]]], np.uint8)
    assert not within_gate(far, 255 - far, np.full((1, 1), 254, np.uint8))
    assert within_gate(far, 255 - far, np.full((1, 1), 255, np.uint8))
