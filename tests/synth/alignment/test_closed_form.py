import numpy as np
import pytest

from synth.alignment.closed_form import ASPECT, SCALE, Frame, align
from synth.composition.footprints import FIXED, warp_mask
from synth.layout import Region
from synth.pictures import Segment

ONE = 1 << FIXED
CANVAS = (96, 128)


def region_of(mask: np.ndarray, x0: int, y0: int) -> Region:
    height, width = mask.shape
    return Region(0, 1, x0, y0, x0 + width, y0 + height, int(np.count_nonzero(mask)), mask)


def segment_of(mask: np.ndarray, x0: int, y0: int, frame: tuple[int, int] = CANVAS) -> Segment:
    height, width = mask.shape
    return Segment(
        1, 1, 1, np.zeros((height, width, 3), np.uint8), mask, (x0, y0, x0 + width, y0 + height), frame
    )


def disc(radius_x: int, radius_y: int) -> np.ndarray:
    y, x = np.mgrid[-radius_y : radius_y + 1, -radius_x : radius_x + 1]
    return (x / (radius_x + 0.5)) ** 2 + (y / (radius_y + 0.5)) ** 2 <= 1


def iou(segment: Segment, affine: tuple[int, ...], region: Region) -> float:
    whole = np.zeros(CANVAS, bool)
    whole[region.y0 : region.y1, region.x0 : region.x1] = region.mask
    warped = warp_mask(segment.mask, affine, box=(0, 0, CANVAS[1], CANVAS[0]))
    return np.count_nonzero(warped & whole) / np.count_nonzero(warped | whole)


@pytest.mark.parametrize("frame", ["scene", "box"])
def test_a_segment_that_fits_already_is_not_moved(frame: Frame) -> None:
    shape = disc(20, 15)
    affine, scale = align(
        segment_of(shape, 30, 20), region_of(shape, 30, 20), canvas=CANVAS, frame=frame, planar=False
    )
    assert affine == (ONE, 0, -30 * ONE, 0, ONE, -20 * ONE)
    assert scale == 1


def test_a_shifted_and_smaller_like_is_brought_onto_its_region() -> None:
    segment, region = segment_of(disc(12, 9), 10, 10), region_of(disc(20, 15), 60, 40)
    affine, scale = align(segment, region, canvas=CANVAS, frame="scene", planar=False)
    assert iou(segment, affine, region) > 0.95
    assert scale == pytest.approx(41 / 25, rel=0.03)


def test_the_scene_frame_starts_at_the_absolute_place_scaled_to_the_canvas() -> None:
    shape = disc(20, 15)
    twice = shape.repeat(2, axis=0).repeat(2, axis=1)
    segment = segment_of(twice, 60, 40, frame=(192, 256))
    affine, scale = align(segment, region_of(shape, 30, 20), canvas=CANVAS, frame="scene", planar=False)
    assert affine == (2 * ONE, 0, -60 * ONE, 0, 2 * ONE, -40 * ONE)
    assert scale == 1


def test_moments_that_do_not_raise_the_overlap_are_undone() -> None:
    """A far speck drags the center of mass away; standing still overlaps better."""
    shape = np.ones((20, 20), bool)
    with_tail = np.zeros((20, 100), bool)
    with_tail[:, :20] = True
    with_tail[9:11, 20:] = True
    affine, scale = align(
        segment_of(with_tail, 10, 30), region_of(shape, 10, 30), canvas=CANVAS, frame="scene", planar=False
    )
    assert affine == (ONE, 0, -10 * ONE, 0, ONE, -30 * ONE)
    assert scale == 1


@pytest.mark.parametrize("frame", ["scene", "box"])
@pytest.mark.parametrize("size", [(2, 2), (4, 40), (80, 3), (90, 120)])
def test_scale_and_proportions_stay_within_limits(frame: Frame, size: tuple[int, int]) -> None:
    segment, region = segment_of(np.ones((12, 12), bool), 50, 40), region_of(np.ones(size, bool), 3, 2)
    affine, scale = align(segment, region, canvas=CANVAS, frame=frame, planar=False)
    assert 1 / SCALE - 1e-6 <= scale <= SCALE + 1e-6
    starts = 1 if frame == "scene" else ASPECT  # the box frame may have spent its stretch already
    assert 1 / (ASPECT * starts) - 1e-3 <= affine[4] / affine[0] <= ASPECT * starts + 1e-3
    assert affine[1] == affine[3] == 0  # never turned


def test_a_flat_thing_that_covers_its_region_is_left_where_it_stands() -> None:
    segment, region = segment_of(np.ones((60, 100), bool), 5, 20), region_of(np.ones((20, 30), bool), 60, 40)
    planar, _ = align(segment, region, canvas=CANVAS, frame="scene", planar=True)
    thing, _ = align(segment, region, canvas=CANVAS, frame="scene", planar=False)
    assert planar == (ONE, 0, -5 * ONE, 0, ONE, -20 * ONE)
    assert thing != planar


def test_one_pixel_on_one_pixel_is_an_ordinary_case() -> None:
    one = np.ones((1, 1), bool)
    region = region_of(one, 127, 95)
    affine, _ = align(segment_of(one, 0, 0), region, canvas=CANVAS, frame="box", planar=False)
    assert warp_mask(one, affine, box=(127, 95, 128, 96)).all()
