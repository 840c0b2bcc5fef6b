import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import ndimage

from synth.layout import SPECKLE_PX, SPECKLE_REACH_PX, Layout, components, despeckled, regions

SKY, HOUSE, POLE = 1, 2, 3

label_maps = npst.arrays(
    np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.integers(0, 3)
)


def blocks(picture: str) -> np.ndarray:
    """A label map of 4 x 4 px blocks, one digit each, so that nothing in it is speckle."""
    small = np.array([[int(cell) for cell in row] for row in picture.split()], dtype=np.uint8)
    return np.kron(small, np.ones((4, 4), dtype=np.uint8))


@given(label_maps)
@settings(max_examples=200, deadline=None)
def test_regions_cover_every_pixel_once_with_their_own_category(labels: np.ndarray) -> None:
    settled = despeckled(labels)
    covered = np.zeros(labels.shape, dtype=int)
    for region in regions(Layout(labels)):
        box = np.s_[region.y0 : region.y1, region.x0 : region.x1]
        covered[box] += region.mask
        assert (settled[box][region.mask] == region.category).all()
        assert region.area_px == region.mask.sum()
        assert region.mask.any(axis=0).all() or region.mask.shape[1] > 1
        assert region.mask[0].any() and region.mask[-1].any()
        assert region.mask[:, 0].any() and region.mask[:, -1].any()
    assert (covered == 1).all()


@given(label_maps)
@settings(max_examples=200, deadline=None)
def test_regions_are_the_maximal_8_connected_components(labels: np.ndarray) -> None:
    settled = despeckled(labels)
    wanted = set()
    for category in np.unique(settled):
        numbered, count = ndimage.label(settled == category, structure=np.ones((3, 3)))
        wanted |= {(int(category), np.flatnonzero(numbered == at + 1).tobytes()) for at in range(count)}
    found = set()
    for region in regions(Layout(labels)):
        whole = np.zeros(labels.shape, dtype=bool)
        whole[region.y0 : region.y1, region.x0 : region.x1] = region.mask
        found.add((region.category, np.flatnonzero(whole).tobytes()))
    assert found == wanted


def test_ordinals_go_by_category_then_by_the_first_pixel() -> None:
    found = regions(Layout(blocks("212 121")))

    assert [(r.ordinal, r.category, r.y0, r.x0) for r in found] == [(0, 1, 0, 0), (1, 2, 0, 0)]
    found = regions(Layout(blocks("2012 0000 2102")))
    assert [(r.category, r.y0, r.x0) for r in found] == [
        (0, 0, 0), (1, 0, 8), (1, 8, 4), (2, 0, 0), (2, 0, 12), (2, 8, 0), (2, 8, 12),
    ]  # fmt: skip


def test_speckle_of_three_by_three_goes_to_the_nearest_category_and_four_by_three_stays() -> None:
    labels = np.full((30, 30), SKY, dtype=np.uint8)
    labels[5:8, 5:8] = HOUSE
    labels[20:23, 20:24] = HOUSE

    found = regions(Layout(labels))

    assert [(r.category, r.area_px) for r in found] == [(SKY, 900 - 12), (HOUSE, 12)]


def test_speckle_between_two_categories_goes_to_the_upper_then_to_the_left_one() -> None:
    labels = np.full((20, 20), SKY, dtype=np.uint8)
    labels[10:] = HOUSE
    labels[:10, 10:] = POLE
    labels[10, 4] = 9  # sky above, houses on the other sides
    labels[0, 9:11] = 9  # on the upper edge: sky to the left, poles to the right

    settled = despeckled(labels)

    assert settled[10, 4] == SKY
    assert settled[0, 9:11].tolist() == [SKY, POLE]
    labels[0, 8:11] = 9
    assert despeckled(labels)[0, 8:11].tolist() == [SKY, SKY, POLE]


def test_speckle_far_from_anything_else_is_the_map_itself() -> None:
    """So a map of noise costs no search from each of its pixels to the one block in a corner."""
    rows, columns = np.indices((400, 400))
    labels = ((rows // 2 % 2) * 2 + columns // 2 % 2 + 10).astype(np.uint8)  # 2 x 2 px each: all speckle
    labels[:8, :8] = HOUSE

    settled = despeckled(labels)

    near = (np.maximum(rows - 7, 0) ** 2 + np.maximum(columns - 7, 0) ** 2) <= SPECKLE_REACH_PX**2
    assert (settled[near] == HOUSE).all()
    assert np.array_equal(settled[~near], labels[~near])


def test_a_one_pixel_segment_is_speckle_unless_nothing_else_is_there() -> None:
    labels = np.full((20, 20), SKY, dtype=np.uint8)
    labels[3, 3] = HOUSE

    assert [r.category for r in regions(Layout(labels))] == [SKY]
    assert [r.area_px for r in regions(Layout(np.full((1, 1), HOUSE, dtype=np.uint8)))] == [1]
    assert SPECKLE_PX == 3


def test_a_pole_does_not_cut_a_building_in_two_and_stays_out_of_its_mask() -> None:
    labels = blocks("22322 22322 22322")

    cut_apart = regions(Layout(labels))
    whole = regions(Layout(labels), thin=frozenset({POLE}))

    assert [r.category for r in cut_apart] == [HOUSE, HOUSE, POLE]
    assert [(r.category, r.area_px) for r in whole] == [(HOUSE, 4 * 3 * 16), (POLE, 3 * 16)]
    assert not whole[0].mask[:, 8:12].any()


def test_void_is_a_region_like_any_other() -> None:
    assert [r.category for r in regions(Layout(blocks("012")))] == [0, 1, 2]


def test_touching_instances_of_one_category_are_two_regions() -> None:
    labels = blocks("2222")
    instances = blocks("0775").astype(np.int32) * 100

    found = components(labels, instances=instances)

    assert [(r.category, r.instance, r.area_px) for r in found] == [(2, None, 16), (2, 700, 32), (2, 500, 16)]


def test_a_layout_of_another_kind_of_array_is_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        Layout(np.zeros((4, 4), dtype=np.int64))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="uint8"):
        Layout(np.zeros((0, 4), dtype=np.uint8))
