import numpy as np
import pytest

from synth.composition.elision import CONTACT_SHARE, SEAM_SHARE, Elided, elide
from synth.composition.harmony import UNCHANGED
from synth.composition.ledger import compose
from synth.composition.paint import Painting, paint
from synth.layout import Layout, regions
from synth.networks.windows import standing
from synth.pictures import CategoryFacts, Placement, Segment
from synth.refinement import Blend

WALL, FLOOR, MUG, POLE = 1, 2, 3, 4
CATEGORIES = {
    c.id: c
    for c in (
        CategoryFacts(WALL, "wall", planar=True, front_rank=5),
        CategoryFacts(FLOOR, "floor", ground=True, planar=True, front_rank=10),
        CategoryFacts(MUG, "mug", front_rank=80),
        CategoryFacts(POLE, "pole", thin=True, front_rank=70),
    )
}
HEIGHT, WIDTH = 100, 120


def scene(thing: int, *, without: int | None = None) -> tuple[Painting, np.ndarray]:
    """A thing on a floor before a wall, each placed whole from one photo; `without` one category."""
    labels = np.full((HEIGHT, WIDTH), WALL, np.uint8)
    labels[50:] = FLOOR
    labels[40:70, 50:70] = thing
    layout = Layout(labels)
    areas = regions(layout)
    rgb = np.random.Generator(np.random.Philox(1)).integers(40, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    rank = {WALL: 0, FLOOR: 1, thing: 2}
    segments, placements = {}, []
    for r in areas:
        if r.category == without:
            continue
        box = (r.x0, r.y0, r.x1, r.y1)
        crop = rgb[r.y0 : r.y1, r.x0 : r.x1]
        segments[r.ordinal] = Segment(r.ordinal, 7, r.category, crop, r.mask, box, (HEIGHT, WIDTH))
        placements.append(Placement(r.ordinal, r.ordinal, rank[r.category], standing(box)))
    masks = {key: segment.mask for key, segment in segments.items()}
    canvas = compose(layout, areas, placements, masks, CATEGORIES, require_cover=False)
    transfers = dict.fromkeys(segments, UNCHANGED)
    return paint(canvas, labels, placements, segments, CATEGORIES, transfers), labels


def seen(painting: Painting, seed: int = 3, *, smoothed: bool = False) -> Elided:
    rng = np.random.Generator(np.random.Philox(seed))
    return elide(painting, CATEGORIES, rng=rng, smoothed=smoothed)


def test_equal_seeds_withhold_the_same_pixels() -> None:
    painting, _ = scene(MUG)
    one, again, other = seen(painting), seen(painting), seen(painting, seed=4)

    assert np.array_equal(one.valid, again.valid) and np.array_equal(one.base, again.base)
    assert not np.array_equal(one.valid, other.valid)


def test_the_ground_around_an_object_goes_whole_and_a_wall_only_at_its_seam() -> None:
    painting, _ = scene(MUG)
    made = seen(painting)
    reach = int(CONTACT_SHARE * HEIGHT)

    assert not made.valid[70 : 70 + reach, 50:70].any()
    assert not made.canvas[70 : 70 + reach, 50:70].any()
    assert made.valid[70 + reach + 1 :, 50:70].all()
    wall_beside = made.valid[10:45, 50 - round(SEAM_SHARE * HEIGHT) - 1 : 50]
    assert wall_beside.any() and made.valid[:30].all()
    assert made.valid[45:65, 55:65].all()  # the middle of the mug


def test_a_share_of_a_seam_turns_white_behind_an_object_and_none_inside_it() -> None:
    painting, _ = scene(MUG)
    white = (seen(painting).canvas == 1).all(axis=2)

    behind = white[44:46, 50 - round(SEAM_SHARE * HEIGHT) : 50]  # wall, left of the mug
    in_front = white[44:66, 54:66]
    assert 0.1 < behind.mean() < 0.9
    assert not in_front.any()


def test_a_pole_takes_no_ground_with_it() -> None:
    painting, _ = scene(POLE)

    assert seen(painting).valid[70 + round(SEAM_SHARE * HEIGHT) + 1 :, 50:70].all()


@pytest.mark.parametrize("without", [None, MUG])
def test_the_base_is_empty_where_nothing_is_near_and_nowhere_else(without: int | None) -> None:
    painting, labels = scene(MUG, without=without)
    made = seen(painting)

    empty = (made.base == 0).all(axis=2)
    assert np.array_equal(empty, (labels == MUG) if without else np.zeros(labels.shape, bool))
    assert not made.valid[empty].any()
    assert made.base.min() >= 0 and made.base.max() <= 1 and made.base.dtype == np.float32


def test_the_base_is_what_blend_makes() -> None:
    painting, _ = scene(MUG)
    blended = Blend().refine(painting, seed=3, device="cpu").rgb

    assert np.array_equal(np.clip(seen(painting).base * 255 + 0.5, 0, 255).astype(np.uint8), blended)


def test_a_smoothed_base_does_not_show_what_is_withheld() -> None:
    painting, _ = scene(MUG)
    withheld = ~seen(painting).valid & (painting.canvas.source < 0)
    assert withheld.any()
    colors = painting.colors.copy()
    colors[withheld] = 1 - colors[withheld]
    changed = Painting(painting.canvas, painting.placements, painting.labels, colors, painting.layer)

    def differs(*, smoothed: bool) -> float:
        bases = (seen(one, smoothed=smoothed).base[withheld] for one in (painting, changed))
        return float(np.abs(next(bases) - next(bases)).mean())

    assert differs(smoothed=False) > 0.2
    assert differs(smoothed=True) < 0.02  # joining a seam leaves a little of it in the pixels beside it
