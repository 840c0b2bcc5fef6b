"""Which pixels hold more than one photo's, held to the pixels themselves: each photo is changed in turn."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from synth.composition.harmony import UNCHANGED
from synth.composition.joining import SOFT_PX, joined
from synth.composition.ledger import Canvas, area_labels, compose, contact_px, seam_px, thin_ids
from synth.composition.paint import paint
from synth.composition.seams import mixed
from synth.layout import Layout, regions
from synth.pictures import CategoryFacts, Kind, Placement, Segment, masks_of

ONE = 1 << 16
WALL, MUG, TABLE = 1, 2, 3
CATEGORIES = {
    WALL: CategoryFacts(WALL, "wall", planar=True),
    MUG: CategoryFacts(MUG, "mug", front_rank=80),
    TABLE: CategoryFacts(TABLE, "table", front_rank=30),
}


def at(x: int, y: int) -> tuple[int, int, int, int, int, int]:
    return (ONE, 0, -x * ONE, 0, ONE, -y * ONE)


def canvas_of(labels: np.ndarray, placements, masks) -> Canvas:
    areas = regions(Layout(labels))
    return compose(Layout(labels), areas, placements, masks, CATEGORIES, require_cover=False)


@pytest.mark.parametrize(("seed", "rule"), [(1, "strict"), (4, "overlap"), (11, "strict"), (23, "overlap")])
def test_a_pixel_outside_the_seams_is_its_owner_s_photo_s_alone_and_most_inside_are_not(
    scene, seed: int, rule
) -> None:
    made = scene(seed, height=144, width=192, photos=5, per_region=3, least=1)
    layout, categories = made.layout, made.categories
    areas = regions(layout, thin=thin_ids(categories))
    placements = [
        Placement(region.ordinal, key, n, at(region.x0, region.y0))
        for region, keys in zip(areas, made.picks, strict=True)
        for n, key in enumerate(keys)
    ]
    canvas = compose(
        layout, areas, placements, masks_of(made.segments), categories, require_cover=False, rule=rule
    )
    photos = [made.segments[placement.segment].photo for placement in placements]

    def picture(segments: dict[int, Segment]) -> np.ndarray:
        tones = dict.fromkeys(segments, UNCHANGED)  # the light that photos share is another matter
        return joined(paint(canvas, area_labels(layout, areas), placements, segments, categories, tones))

    seams = mixed(canvas, photos)
    photo = np.array([*photos, -1])[canvas.ledger.owner]
    before, others = picture(made.segments), np.zeros(seams.shape, bool)
    for number in set(photos):
        other = {
            key: replace(one, rgb=255 - one.rgb if one.photo == number else one.rgb)
            for key, one in made.segments.items()
        }
        others |= (picture(other) != before).any(axis=2) & (photo != number)

    assert seams.any()
    assert not (others & ~seams).any()
    assert np.count_nonzero(others & seams) > 0.6 * np.count_nonzero(seams)
    assert (canvas.ledger.kind[seams] == Kind.BLENDED).all()


def test_where_two_photos_meet_in_a_wall_the_band_is_both_s() -> None:
    labels = np.full((96, 128), WALL, np.uint8)
    masks = {1: np.ones((96, 64), bool), 2: np.ones((96, 128), bool)}
    canvas = canvas_of(labels, [Placement(0, 1, 1, at(0, 0)), Placement(0, 2, 0, at(0, 0))], masks)
    band = canvas.ledger.kind == Kind.BLENDED

    assert np.array_equal(mixed(canvas, [7, 8]), band)
    assert not mixed(canvas, [7, 7]).any()  # one photo's pieces are joined too, and remain its own


def test_the_shadow_of_another_photo_s_mug_is_no_pixel_of_that_photo() -> None:
    labels = np.full((192, 128), TABLE, np.uint8)
    labels[40:120, 40:72] = MUG
    table, mug = (next(r.ordinal for r in regions(Layout(labels)) if r.category == c) for c in (TABLE, MUG))
    masks = {1: np.ones((192, 128), bool), 2: np.ones((80, 32), bool)}
    canvas = canvas_of(labels, [Placement(table, 1, 0, at(0, 0)), Placement(mug, 2, 1, at(40, 40))], masks)

    seams = mixed(canvas, [0, 1])

    _, across = seam_px(192)
    assert seams[120 : 120 + across, 50].all()
    assert not seams[120 + SOFT_PX : 120 + contact_px(192), 50].any()
    assert (canvas.ledger.kind[120 + SOFT_PX : 120 + contact_px(192), 50] == Kind.BLENDED).all()


def test_softening_reaches_as_far_as_the_seams_say() -> None:
    point = np.zeros((31, 31), np.float32)
    point[15, 15] = 1
    spread = np.nonzero(cv2.GaussianBlur(point, (0, 0), 0.7))[0]
    assert (spread.min(), spread.max()) == (15 - SOFT_PX, 15 + SOFT_PX)
