import numpy as np
import pytest

from synth.composition.warp import lift

ONE = 1 << 16


def crop(height: int = 20, width: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.Generator(np.random.Philox(3))
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return rgb, np.ones((height, width), bool)


def test_the_identity_lifts_the_very_pixels() -> None:
    rgb, mask = crop()
    colors = lift(rgb, mask, (ONE, 0, 0, 0, ONE, 0), box=(4, 3, 25, 18))
    assert np.array_equal(np.rint(colors * 255).astype(np.uint8), rgb[3:18, 4:25])


def test_a_shift_by_whole_pixels_lifts_the_pixels_that_the_ledger_means() -> None:
    rgb, mask = crop()
    colors = lift(rgb, mask, (ONE, 0, -7 * ONE, 0, ONE, 2 * ONE), box=(7, 0, 37, 18))
    assert np.array_equal(np.rint(colors * 255).astype(np.uint8), rgb[2:20])


def test_shrinking_averages_instead_of_picking() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    colors = lift(checks, np.ones((64, 64), bool), (4 * ONE, 0, 0, 0, 4 * ONE, 0), box=(0, 0, 16, 16))
    assert colors == pytest.approx(0.5, abs=0.01)


def test_what_lies_outside_the_mask_never_shows() -> None:
    rgb = np.full((40, 40, 3), 200, np.uint8)
    mask = np.zeros((40, 40), bool)
    mask[10:30, 5:20] = True
    rgb[~mask] = (0, 255, 0)
    for affine in ((ONE, 0, 0, 0, ONE, 0), (3 * ONE, 0, 0, 0, 3 * ONE, 0), (ONE // 2, 0, 0, 0, ONE // 2, 0)):
        colors = lift(rgb, mask, affine, box=(-5, -5, 45, 45))
        assert np.abs(colors - 200 / 255).max() < 0.01


def test_one_pixel_lifts_to_one_color() -> None:
    colors = lift(
        np.full((1, 1, 3), 90, np.uint8), np.ones((1, 1), bool), (ONE, 0, 0, 0, ONE, 0), box=(0, 0, 3, 2)
    )
    assert colors == pytest.approx(90 / 255)
