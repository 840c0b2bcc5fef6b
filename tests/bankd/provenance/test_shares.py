from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bankd.provenance import regions, shares
from bankd.provenance.errors import AreasDoNotAddUp
from bankd.provenance.shares import BLENDED, FILLED, INPAINTED, PLACED, REFINER, SEAM, Areas, SegmentArea

counts = st.lists(st.integers(0, 10**7), min_size=1, max_size=50)


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[int]]:
    segments = draw(st.lists(st.integers(1, 5), min_size=1, max_size=8))
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    owner = draw(arrays.arrays(np.int32, shape, elements=st.integers(-1, len(segments) - 1)))
    fed = draw(arrays.arrays(np.uint8, shape, elements=st.sampled_from([PLACED, FILLED, BLENDED])))
    alone = draw(arrays.arrays(np.uint8, shape, elements=st.sampled_from([INPAINTED, REFINER])))
    return owner, np.where(owner < 0, alone, fed), segments


@given(ledgers())
def test_areas_of_any_ledger_add_up_to_the_frame(ledger: tuple[np.ndarray, np.ndarray, list[int]]) -> None:
    owner, kind, segments = ledger

    seams = (owner + kind) % 2 == 0
    areas = shares.count(owner, kind, segments, seams=seams)

    fed = sum(area.canvas_px for area in areas.segments)
    assert fed + areas.inpainted_px + areas.refiner_px == owner.size == areas.frame_px
    for area in areas.segments:
        mine = np.isin(owner, [at for at, segment in enumerate(segments) if segment == area.segment_id])
        assert area.placed_px == np.count_nonzero(mine & (kind == PLACED))
        assert area.filled_px == np.count_nonzero(mine & (kind == FILLED))
        assert area.blended_px == np.count_nonzero(mine & (kind == BLENDED) & ~seams)
        assert area.seam_px == np.count_nonzero(mine & (kind == BLENDED) & seams)
    assert areas.seam_px == np.count_nonzero(seams & (kind == BLENDED))


def test_segment_placed_twice_is_one_area_and_one_that_fed_nothing_is_none() -> None:
    owner = np.array([[0, 1, 1], [-1, 1, 0]])
    kind = np.array([[PLACED, FILLED, PLACED], [REFINER, BLENDED, PLACED]])

    areas = shares.count(owner, kind, [77, 77, 88])

    assert areas == Areas((SegmentArea(77, 3, 1, 1),), inpainted_px=0, refiner_px=1, frame_px=6)


@pytest.mark.parametrize(
    ("owner", "kind"),
    [
        (-1, PLACED),
        (0, INPAINTED),
        (0, REFINER),
        (1, PLACED),  # a placement that does not exist
        (-2, REFINER),
        (0, 0),
        (0, SEAM),  # which no ledger knows
    ],
)
def test_ledger_whose_owner_and_kind_disagree_is_refused(owner: int, kind: int) -> None:
    with pytest.raises(AreasDoNotAddUp) as refused:
        shares.count(np.array([[0, owner]]), np.array([[PLACED, kind]]), [5])

    assert (refused.value.counted_px, refused.value.frame_px) == (1, 2)


def test_areas_that_do_not_add_up_cannot_be_made() -> None:
    with pytest.raises(AreasDoNotAddUp, match="areas of 9 px do not add up to the frame's 10 px"):
        Areas((SegmentArea(1, 4, 3, 2),), inpainted_px=0, refiner_px=0, frame_px=10)


@given(counts)
def test_basis_points_add_up_and_stay_within_one_of_the_truth(counts: list[int]) -> None:
    points = shares.basis_points(counts)

    assert sum(points) == (10_000 if sum(counts) else 0)
    for count, point in zip(counts, points, strict=True):
        assert abs(point - Fraction(10_000 * count, sum(counts) or 1)) < 1


@given(counts, st.integers(0, 10**7))
def test_basis_points_of_a_part_never_exceed_the_part(counts: list[int], rest: int) -> None:
    whole = sum(counts) + rest
    assert sum(shares.basis_points(counts, whole=whole)) == (sum(counts) * 10_000 // whole if whole else 0)


def test_share_of_a_photo_is_rounded_down() -> None:
    assert [shares.ppm(part, 3) for part in range(4)] == [0, 333_333, 666_666, 1_000_000]


@given(
    arrays.arrays(np.int32, st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.integers(-1, 3))
)
def test_owner_map_survives_its_run_lengths(owner: np.ndarray) -> None:
    runs = regions.run_lengths(owner)

    height, width = owner.shape
    assert np.array_equal(regions.owner_map(runs, height=height, width=width), owner)
    assert all(left != right for left, right in zip(runs[::2], runs[2::2], strict=False))
    numbers, totals = np.unique(owner, return_counts=True)
    assert regions.totals(runs) == dict(zip(numbers.tolist(), totals.tolist(), strict=True))


def test_boxes_hold_all_pixels_of_an_owner_and_no_row_more() -> None:
    owner = np.full((5, 7), -1)
    owner[1, 2] = owner[3, 5] = 0
    owner[4, 0] = 1

    assert regions.boxes(owner) == {0: (2, 1, 6, 4), 1: (0, 4, 1, 5)}
    assert regions.boxes(np.full((2, 2), -1)) == {}
