import numpy as np
import pytest
import torch

from synth.layout import Region
from synth.networks.transformation import warped
from synth.networks.windows import OUTSIDE, Sight, Window, composed, extent, in_fixed_point, standing
from synth.pictures import as_point

ONE = 1 << 16


def disc(side: int = 41) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side // 2
    return x**2 + 2 * y**2 <= (side // 2) ** 2


def test_a_window_holds_both_boxes_with_an_eighth_around() -> None:
    assert Window.around((8, 8, 24, 16), (16, 0, 40, 32)) == Window(4, -4, 44, 36)


def test_beyond_the_frame_there_is_no_category() -> None:
    labels = np.full((20, 30), 3, np.uint8)
    seen = Window(-10, -10, 10, 10).labels(labels, 8)
    assert (seen[4:, 4:] == 3).all()
    assert (seen[:4] == OUTSIDE).all() and (seen[:, :4] == OUTSIDE).all()


def test_at_the_windows_own_size_labels_and_masks_are_the_canvas_to_the_pixel() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    labels = rng.integers(0, 5, (40, 50), dtype=np.uint8)
    window = Window(6, 3, 38, 35)
    assert np.array_equal(window.labels(labels, 32), labels[3:35, 6:38])
    mask = rng.random((10, 12)) < 0.5
    shown = window.mask(mask, standing((8, 5, 20, 15)), 32)
    assert np.array_equal(shown[2:12, 2:14], mask) and shown.sum() == mask.sum()


def test_colors_end_at_the_mask_and_are_the_segments_own() -> None:
    mask = disc()
    rgb = np.where(mask[..., None], 200, np.full((41, 41, 3), 13)).astype(np.uint8)
    window = Window.around((10, 10, 51, 51))
    color = window.color(rgb, mask, standing((10, 10, 51, 51)), 64)
    shown = window.mask(mask, standing((10, 10, 51, 51)), 64)
    assert color.dtype == np.float32
    assert np.allclose(color[shown], 200 / 255, atol=1e-4)
    assert (color[~shown] == 0).all()


def test_a_segment_elsewhere_leaves_the_window_black() -> None:
    color = Window(0, 0, 32, 32).color(
        np.full((9, 9, 3), 50, np.uint8), disc(9), standing((90, 90, 99, 99)), 32
    )
    assert color.shape == (32, 32, 3) and (color == 0).all()


def test_the_identity_corrects_nothing() -> None:
    affine = (2 * ONE, 0, -60 * ONE, 0, ONE + 77, -40 * ONE)
    identity = np.array([[1.0, 0, 0], [0, 1, 0]])
    assert Window.around((3, 5, 90, 61)).corrected(affine, identity) == affine


@pytest.mark.parametrize(
    "correction",
    [
        [[1, 0, 0.2], [0, 1, -0.1]],
        [[1.3, 0, 0], [0, 0.8, 0.1]],
        [[0.95, 0.2, 0.05], [-0.2, 0.95, 0]],
    ],
)
def test_a_corrected_placement_shows_what_the_network_was_trained_to_show(
    correction: list[list[float]],
) -> None:
    """The integer rasteriser of the ledger and the bilinear warp of training mean the same transformation."""
    mask, box, side = disc(), (30, 20, 71, 61), 96
    window = Window.around(box, (20, 10, 80, 70))
    before = window.mask(mask, standing(box), side)
    matrix = np.array(correction, float)
    trained = warped(
        torch.from_numpy(before[None, None].astype(np.float32)), torch.tensor(matrix[None]).float()
    )
    placed = window.mask(mask, window.corrected(standing(box), matrix), side)
    expected = trained[0, 0].numpy() > 0.5
    both = np.count_nonzero(placed & expected) / np.count_nonzero(placed | expected)
    assert both > 0.94
    assert np.count_nonzero(placed & before) / np.count_nonzero(placed | before) < 0.9


def test_a_correction_after_a_placement_is_their_composition_in_the_windows_coordinates() -> None:
    """The closed form's placement of what the network says: point for point to a hundred thousandth."""
    rng = np.random.Generator(np.random.Philox(5))
    for _ in range(50):
        placed = np.array([[1.0, 0, 0], [0, 1, 0]]) + rng.normal(0, 0.1, (2, 3)) * [1, 1, 90]
        correction = np.array([[1.0, 0, 0], [0, 1, 0]]) + rng.normal(0, 0.1, (2, 3))
        window = Window(*rng.uniform(-20, 40, 2), *rng.uniform(60, 200, 2))
        made = composed(placed, window.on_canvas(correction))
        fixed = as_point(window.corrected(in_fixed_point(placed), correction))
        half = np.array([window.x1 - window.x0, window.y1 - window.y0]) / 2
        middle = np.array([window.x0 + window.x1, window.y0 + window.y1]) / 2
        for target in rng.uniform(-1, 1, (8, 2)):
            shown = (correction[:, :2] @ target + correction[:, 2]) * half + middle
            crop = placed[:, :2] @ shown + placed[:, 2]
            point = target * half + middle
            assert np.allclose(made[:, :2] @ point + made[:, 2], crop, atol=1e-5)
            # Placements are written in 1/65536, of which a canvas's width makes hundredths.
            assert np.allclose(fixed[:, :2] @ point + fixed[:, 2], crop, atol=1e-2)


def test_corrections_and_placements_are_each_others_way_back() -> None:
    rng = np.random.Generator(np.random.Philox(6))
    window = Window.around((10, 20, 110, 95))
    for _ in range(50):
        placed = in_fixed_point(np.array([[1.3, 0, -40], [0, 0.8, 12]]) + rng.normal(0, 0.05, (2, 3)))
        correction = np.array([[1.0, 0, 0], [0, 1, 0]]) + rng.normal(0, 0.1, (2, 3))
        assert np.allclose(window.in_window(window.on_canvas(correction)), correction, atol=1e-12)
        again = window.correction(placed, window.corrected(placed, correction))
        assert np.allclose(again, correction, atol=1e-4)  # less than a hundredth of a pixel
        assert np.allclose(window.correction(placed, placed), np.eye(2, 3), atol=1e-12)


def test_affines_compose_as_their_points_do() -> None:
    rng = np.random.Generator(np.random.Philox(7))
    outer, inner = rng.normal(0, 1, (2, 2, 3))
    point = rng.normal(0, 1, 2)
    within = inner[:, :2] @ point + inner[:, 2]
    made = composed(outer, inner)
    assert np.allclose(made[:, :2] @ point + made[:, 2], outer[:, :2] @ within + outer[:, 2], atol=1e-12)


def test_the_extent_of_a_turned_mask_is_its_own_and_not_its_crops() -> None:
    mask, angle = disc(), np.deg2rad(30)
    turn = np.array([[np.cos(angle), -np.sin(angle), 3], [np.sin(angle), np.cos(angle), -5]])
    affine = in_fixed_point(turn)
    x0, y0, x1, y1 = extent(mask, affine)
    shown = np.argwhere(Window(-64, -64, 64, 64).mask(mask, affine, 128)) - 64
    assert np.allclose([y0, x0], shown.min(axis=0), atol=1.5)
    assert np.allclose([y1, x1], shown.max(axis=0) + 1, atol=1.5)


def test_what_the_network_sees_of_a_segment_in_place_is_its_region() -> None:
    mask = disc()
    region = Region(0, 1, 30, 20, 71, 61, int(mask.sum()), mask)
    rgb = np.full((41, 41, 3), 90, np.uint8)
    sight = Sight.of(rgb, mask, standing((30, 20, 71, 61)), region)
    assert np.array_equal(sight.mask, sight.target) and sight.target.any()
    assert (sight.color[~sight.mask] == 0).all() and np.allclose(sight.color[sight.mask], 90 / 255, atol=1e-3)
