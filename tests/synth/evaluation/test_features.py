"""Lite0 features, from the weights that are installed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from streets import streets

from synth.evaluation.features import Components, Lite0, blurred, cosine_distances
from synth.evaluation.pictures import EvaluationError


@pytest.fixture(scope="module")
def lite0() -> Lite0:
    return Lite0()


PHOTOS = [photo.rgb for photo in streets(0, 5)]


def test_features_are_pooled_over_the_frame_and_over_its_cells(lite0: Lite0) -> None:
    described = lite0.describe(PHOTOS)
    assert described.pooled.shape == (5, 1280)
    assert described.cells.shape == (5, 12, 1280)
    # 96 x 128 px is a map of 3 x 4 places: a cell each, and the frame is their mean.
    assert described.cells.mean(axis=1) == pytest.approx(described.pooled, abs=1e-5)


def test_a_mirrored_picture_has_mirrored_cells(lite0: Lite0) -> None:
    left = np.zeros((96, 128, 3), np.uint8)
    left[:, :64] = np.random.Generator(np.random.Philox(1)).integers(0, 256, (96, 64, 3))
    cells = lite0.describe([left]).cells[0].reshape(3, 4, -1)
    assert np.linalg.norm(cells[:, 0] - cells[:, 3]) > np.linalg.norm(cells[:, 2] - cells[:, 3])


def test_the_same_pictures_have_the_same_features_whatever_stands_beside_them(lite0: Lite0) -> None:
    alone, among = lite0.describe(PHOTOS[:1]), lite0.describe(PHOTOS)
    assert among.pooled[0] == pytest.approx(alone.pooled[0], abs=1e-4)


def test_a_blur_moves_a_picture_further_than_noise_that_nobody_sees(lite0: Lite0) -> None:
    noisy = [np.clip(rgb.astype(int) + 1, 0, 255).astype(np.uint8) for rgb in PHOTOS]
    real = lite0.describe(PHOTOS).pooled
    near = np.diag(cosine_distances(lite0.describe(noisy).pooled, real))
    far = np.diag(cosine_distances(lite0.describe(blurred(PHOTOS, 4)).pooled, real))
    assert (near < far).all()


def test_the_digest_is_of_the_weights(lite0: Lite0, tmp_path: Path) -> None:
    assert len(lite0.digest) == 64
    wrong = tmp_path / "wrong.pth"
    torch.save({"_fc.bias": torch.zeros(3)}, wrong)
    with pytest.raises(EvaluationError, match=r"`wrong.pth` holds no weights"):
        Lite0(wrong)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (ran,))  # type: ignore[return-value]

    torch.save(Hostile(), tmp_path / "hostile.pth")
    with pytest.raises(EvaluationError):
        Lite0(tmp_path / "hostile.pth")
    assert not ran.exists()


def test_components_keep_the_directions_in_which_cells_differ_most() -> None:
    rng = np.random.Generator(np.random.Philox(2))
    spread = np.array([5.0, 3.0, 0.1, 0.1])
    cells = rng.normal(size=(50, 12, 4)) * spread + 7
    components = Components.fit(cells, count=2)
    assert np.abs(components.axes[:2]).max(axis=0) == pytest.approx([1, 1], abs=0.02)
    assert components.project(cells).mean(axis=(0, 1)) == pytest.approx([0, 0], abs=1e-9)
    with pytest.raises(EvaluationError, match="too few"):
        Components.fit(cells[:1], count=64)


def test_pictures_too_small_or_of_two_sizes_are_not_described(lite0: Lite0) -> None:
    with pytest.raises(EvaluationError, match="too small"):
        lite0.describe([PHOTOS[0][:64]])
    with pytest.raises(EvaluationError, match="one size"):
        lite0.describe([PHOTOS[0], PHOTOS[0][:, :96]])
