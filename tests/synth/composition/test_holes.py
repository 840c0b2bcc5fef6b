import numpy as np
import pytest

from synth.composition.holes import MIN_PX, copy_texture

SIZE = (90, 120)


def tiles(pitch: int = 12) -> np.ndarray:
    """A wall of tiles in a slanting light."""
    rows, columns = np.indices(SIZE)
    lines = (rows % pitch < 2) | (columns % pitch < 2)
    light = 0.4 + 0.3 * columns / SIZE[1]
    return (light * np.where(lines, 1.3, 1.0))[..., None].repeat(3, axis=2).astype(np.float32)


def hole(top: int = 30, left: int = 40, height: int = 25, width: int = 30) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[top : top + height, left : left + width] = True
    return mask


def test_the_joints_of_a_tiled_wall_go_on_through_a_hole() -> None:
    truth, filled = tiles(), hole()
    patch = truth.copy()
    patch[filled] = truth[~filled].mean(axis=0)
    flat_error = np.abs(patch - truth)[filled].mean()

    done = copy_texture(patch, filled, ~filled)

    assert np.array_equal(done, filled)
    assert np.abs(patch - truth)[filled].mean() < 0.15 * flat_error
    assert np.array_equal(patch[~filled], truth[~filled])


def test_a_hole_around_which_nothing_agrees_is_left_as_it_was() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    patch = rng.random((*SIZE, 3), dtype=np.float32)
    before, filled = patch.copy(), hole()
    assert not copy_texture(patch, filled, ~filled).any()
    assert np.array_equal(patch, before)


def test_a_copy_comes_from_own_pixels_alone() -> None:
    patch, filled = tiles(), hole(left=80)
    foreign = np.zeros(SIZE, bool)
    foreign[:, :50] = True
    patch[foreign] = (1.0, 0.0, 1.0)
    own = ~filled & ~foreign
    copy_texture(patch, filled, own)
    assert np.abs(patch[filled] - patch[filled].mean(axis=1, keepdims=True)).max() < 0.02  # no magenta


@pytest.mark.parametrize("size", [(1, 1), (4, 5)])
def test_a_hole_too_small_for_texture_is_left(size: tuple[int, int]) -> None:
    filled = hole(height=size[0], width=size[1])
    assert filled.sum() < MIN_PX
    assert not copy_texture(tiles(), filled, ~filled).any()


def test_a_patch_without_own_pixels_stays() -> None:
    everything = np.ones(SIZE, bool)
    assert not copy_texture(tiles(), everything, ~everything).any()
