import pytest
import torch

from synth.networks.transformation import TransformationNetwork, field_moments, warped

K = 4
IDENTITY = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def window(batch: int = 1, side: int = 64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = seeded(3)
    labels = torch.randint(K, (batch, side, side), generator=draw)
    layout = torch.nn.functional.one_hot(labels, K).permute(0, 3, 1, 2).float()
    mask = torch.zeros(batch, 1, side, side)
    mask[..., 20:46, 14:40] = 1
    return mask, layout, torch.rand(batch, 3, side, side, generator=draw) * mask, mask


@pytest.mark.parametrize("width", ["small", "published"])
def test_an_untrained_network_corrects_nothing(width: str) -> None:
    network = TransformationNetwork(K, width, generator=seeded())  # type: ignore[arg-type]
    with torch.inference_mode():
        affine = network(*window(2))
    assert affine.shape == (2, 2, 3)
    assert torch.equal(affine, IDENTITY.expand(2, 2, 3))


def test_the_small_network_leaves_room_for_the_others_in_twenty_megabytes() -> None:
    assert sum(w.numel() for w in TransformationNetwork(60, "small").parameters()) < 600_000


def test_what_stands_elsewhere_is_told_apart_by_the_moments_of_its_field() -> None:
    field = torch.zeros(3, 1, 8, 16)
    field[0, 0, 2, 3] = field[1, 0, 2, 12] = field[2, 0, 5, 3] = 128.0
    mean, by_x, by_y = field_moments(field).T
    assert mean.tolist() == [1, 1, 1]
    assert by_x.tolist() == [-9 / 16, 9 / 16, -9 / 16]
    assert by_y.tolist() == [-3 / 8, -3 / 8, 3 / 8]


def test_under_bfloat16_a_correction_keeps_its_last_digits() -> None:
    network = TransformationNetwork(K, "small", generator=seeded())
    with torch.no_grad():
        network.affine.bias[0] = 0.001
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        affine = network(*window())
    assert affine.dtype == torch.float32 and affine[0, 0, 0].item() == pytest.approx(1.001, abs=1e-6)


def test_the_identity_shows_every_pixel_where_it_is() -> None:
    pixels = torch.rand(1, 3, 20, 30, generator=seeded())
    assert torch.allclose(warped(pixels, IDENTITY), pixels, atol=1e-5)


def test_a_shift_is_in_halves_of_the_window_and_backward() -> None:
    pixels = torch.rand(1, 1, 16, 32, generator=seeded())
    right = torch.tensor([[[1.0, 0, 2 * 4 / 32], [0, 1, 0]]])  # each point shows what lies four pixels right
    moved = warped(pixels, right)
    assert torch.allclose(moved[..., :-4], pixels[..., 4:], atol=1e-5)
    assert (moved[..., -3:] == 0).all()


def test_it_learns_to_undo_one_misalignment() -> None:
    network = TransformationNetwork(K, "small", generator=seeded())
    target, layout, color, mask = window()
    off = torch.tensor([[[1.1, 0, 0.15], [0, 1.1, -0.1]]])
    shifted, seen = warped(color, off), warped(mask, off)
    adam = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(15):
        back = warped(shifted, network(target, layout, shifted, seen))
        loss = ((back - color).abs() * target).sum() / target.sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert min(losses[-3:]) < 0.9 * losses[0]
    assert all(w.grad is not None and torch.isfinite(w.grad).all() for w in network.parameters())
