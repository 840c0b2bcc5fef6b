import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from synth.layout import Layout, Region, regions
from synth.retrieval.descriptors import context_cells, describe, mask_cells, scene_context

label_maps = npst.arrays(
    np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70)), elements=st.integers(0, 200)
)


def a_region(x0: int, y0: int, x1: int, y1: int, category: int = 5) -> Region:
    mask = np.ones((y1 - y0, x1 - x0), dtype=bool)
    return Region(0, category, x0, y0, x1, y1, mask.size, mask)


def slow_mask_cells(region: Region, frame: tuple[int, int] | None) -> np.ndarray:
    """The definition, cell by cell."""
    if frame is None:
        whole = region.mask
    else:
        whole = np.zeros(frame, dtype=bool)
        whole[region.y0 : region.y1, region.x0 : region.x1] = region.mask
    height, width = whole.shape
    share = np.zeros((32, 32))
    for r in range(32):
        for c in range(32):
            y0, x0 = r * height // 32, c * width // 32
            y1, x1 = max((r + 1) * height // 32, y0 + 1), max((c + 1) * width // 32, x0 + 1)
            share[r, c] = whole[y0:y1, x0:x1].mean()
    cells = share >= 0.5
    if not cells.any():
        cells.flat[share.argmax()] = True
    return cells


@given(label_maps)
@settings(max_examples=60, deadline=None)
def test_mask_cells_are_set_where_half_is_covered_and_never_all_empty(labels: np.ndarray) -> None:
    for region in regions(Layout(labels))[:4]:
        for frame in (None, labels.shape):
            found = mask_cells(region, frame)
            assert np.array_equal(found, slow_mask_cells(region, frame))
            assert found.any()


def test_exactly_half_a_cell_counts_and_less_does_not() -> None:
    frame = (64, 64)  # cells of 2 x 2 px

    assert mask_cells(a_region(0, 0, 1, 2), frame).sum() == 1
    assert mask_cells(a_region(0, 0, 3, 2), frame).sum() == 2
    three_of_eight = a_region(0, 0, 2, 2)
    three_of_eight.mask[1, 1] = False
    assert mask_cells(three_of_eight, frame)[0, 0]


def test_a_sliver_too_thin_for_any_cell_sets_the_fullest_one() -> None:
    sliver = a_region(7, 3, 8, 5)  # in cells of 10 x 10 px

    cells = mask_cells(sliver, (320, 320))

    assert cells.sum() == 1
    assert cells[0, 0]


def test_scene_context_is_void_outside_the_box_enlarged_by_an_eighth() -> None:
    labels = np.full((160, 160), 9, dtype=np.uint8)  # cells of 10 px, centers at 5, 15, ..
    region = a_region(40, 40, 80, 80)  # enlarged by 5 px a side: 35 to 85

    cells = context_cells(labels, region, "scene")

    assert np.array_equal(np.flatnonzero(cells.any(axis=0)), np.arange(3, 8))  # centers 35 to 75
    assert np.array_equal(np.flatnonzero(cells.any(axis=1)), np.arange(3, 8))
    wider = context_cells(labels, a_region(41, 40, 80, 80), "scene")  # enlarged from 36: 35 is outside
    assert np.array_equal(np.flatnonzero(wider.any(axis=0)), np.arange(4, 8))


def test_box_context_is_void_outside_the_photo() -> None:
    labels = np.full((100, 100), 9, dtype=np.uint8)
    labels[:, 50:] = 4

    cells = context_cells(labels, a_region(0, 0, 100, 100), "box")  # -13 to 113, cells of 7.875 px

    centers = -13 + (2 * np.arange(16) + 1) * 126 // 32
    wanted = np.where((centers < 0) | (centers >= 100), 0, np.where(centers < 50, 9, 4))
    assert np.array_equal(cells[8], wanted)
    assert not cells[0].any()


def test_void_pixels_are_void_cells() -> None:
    labels = np.zeros((64, 64), dtype=np.uint8)
    labels[:32] = 3
    described = describe(labels, [a_region(0, 0, 64, 64)], "scene")

    assert described.context_n.tolist() == [128]


def test_bits_are_packed_row_by_row_with_the_first_cell_highest_and_planes_hold_the_numbers() -> None:
    labels = np.full((32, 32), 0b10000001, dtype=np.uint8)
    described = describe(labels, [a_region(0, 0, 1, 1), a_region(31, 31, 32, 32)], "scene")

    assert described.masks[0].tobytes() == b"\x80" + bytes(127)
    assert described.masks[1].tobytes() == bytes(127) + b"\x01"
    assert described.mask_n.tolist() == [1, 1]
    whole = describe(labels, [a_region(0, 0, 32, 32)], "scene")
    assert whole.planes.shape == (1, 8, 32)
    assert [bool(plane.all()) for plane in whole.planes[0] == 255] == [True, *[False] * 6, True]


@given(label_maps)
@settings(max_examples=60, deadline=None)
def test_a_context_can_be_read_back_from_its_planes(labels: np.ndarray) -> None:
    region = regions(Layout(labels))[0]
    for frame in ("scene", "box"):
        cells = context_cells(labels, region, frame)
        planes = np.unpackbits(describe(labels, [region], frame).planes[0], axis=1)  # (8, 256)
        assert np.array_equal((planes << np.arange(8)[:, None]).sum(axis=0).reshape(16, 16), cells)


def test_no_segments_make_no_descriptors() -> None:
    assert len(describe(np.zeros((4, 4), dtype=np.uint8), [], "box")) == 0


def test_scene_context_of_a_frame_takes_the_pixel_that_holds_each_center() -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)

    assert np.array_equal(scene_context(labels), labels)
    assert scene_context(labels[:1, :1]).shape == (16, 16)
