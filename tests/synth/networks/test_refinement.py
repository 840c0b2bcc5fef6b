import pytest
import torch
from torch import Tensor

from synth.networks.device import autocast, has_bfloat16, prepared
from synth.networks.refinement import GATE_BIAS, INVALID_BIAS, Refinement, RefinementNetwork

K = 5
Taken = tuple[Tensor, Tensor, Tensor, Tensor]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(**how: object) -> RefinementNetwork:
    return RefinementNetwork(K, "small", generator=seeded(), **how)  # type: ignore[arg-type]


def taken(height: int, width: int, batch: int = 1, seed: int = 1) -> Taken:
    """A layout by chance and a canvas that is whole."""
    draw = seeded(seed)
    labels = torch.randint(K, (batch, height, width), generator=draw)
    layout = torch.nn.functional.one_hot(labels, K).permute(0, 3, 1, 2).float()
    canvas = torch.rand(batch, 3, height, width, generator=draw).clamp(min=1 / 255)
    return layout, canvas, torch.ones(batch, 1, height, width), canvas


def empty(height: int, width: int) -> Taken:
    layout, canvas, valid, base = taken(height, width)
    return layout, torch.zeros_like(canvas), torch.zeros_like(valid), torch.zeros_like(base)


def made(of: RefinementNetwork, what: Taken) -> Refinement:
    with torch.inference_mode():
        refined: Refinement = of.eval()(*what)
    return refined


@pytest.mark.parametrize("size", [(64, 96), (33, 70), (1, 1), (100, 7)])
def test_any_size_comes_out_as_it_went_in(size: tuple[int, int]) -> None:
    out = made(network(), taken(*size, batch=2))
    assert out.rgb.shape == (2, 3, *size)
    assert out.gate.shape == (2, 1, *size)
    assert out.semantics.shape == (2, K, *size)
    for shown in (out.rgb, out.gate):
        assert shown.dtype == torch.float32 and shown.min() >= 0 and shown.max() <= 1


@pytest.mark.parametrize("categories", [2, 12, 60])
def test_the_small_network_has_three_to_four_million_weights(categories: int) -> None:
    count = sum(w.numel() for w in RefinementNetwork(categories, "small").parameters())
    assert 3e6 <= count <= 4e6


def test_an_untrained_gate_is_nearly_shut_on_the_canvas_and_open_where_it_is_invalid() -> None:
    layout, canvas, valid, base = taken(64, 64)
    valid[..., 32:] = 0
    gate = made(network(), (layout, canvas, valid, base)).gate
    shut, open_ = torch.sigmoid(torch.tensor([GATE_BIAS, GATE_BIAS + INVALID_BIAS])).tolist()
    assert gate[..., :28].mean() == pytest.approx(shut, abs=0.001)
    assert gate[..., 36:].mean() == pytest.approx(open_, abs=0.001)


def test_no_pixel_moves_further_from_its_base_than_its_gate_is_open() -> None:
    layout, canvas, valid, base = taken(40, 40)
    base = base.clone()
    base[..., :10] = 0
    out = made(network(), (layout, canvas, valid, base))
    assert ((out.rgb - base).abs() <= out.gate + 1e-6).all()


def test_the_network_alone_makes_what_has_no_base() -> None:
    layout, canvas, valid, base = taken(32, 32)
    base = base.clone()
    base[:, :, 5:9, 5:9] = 0
    gate = made(network(), (layout, canvas, valid, base)).gate
    assert (gate[:, :, 5:9, 5:9] == 1).all()
    assert (gate.sum() - 16) < 32 * 32 - 16


def test_on_an_empty_canvas_it_is_a_parametric_network_whatever_its_gate_has_learned() -> None:
    of = network()
    before = made(of, empty(48, 32))
    assert (before.gate == 1).all()
    with torch.no_grad():
        of.paint.weight[3:] = torch.randn(of.paint.weight[3:].shape, generator=seeded(9))
        of.paint.bias[3:] = 4
    after = made(of, empty(48, 32))
    assert torch.equal(before.rgb, after.rgb)
    assert not torch.equal(before.rgb, made(of, (taken(48, 32, seed=7)[0], *empty(48, 32)[1:])).rgb)


def test_the_same_seed_is_the_same_network_and_the_same_picture() -> None:
    what = taken(32, 48)
    assert torch.equal(made(network(), what).rgb, made(network(), what).rgb)
    other = RefinementNetwork(K, "small", generator=seeded(1))
    assert not torch.equal(made(network(), what).rgb, made(other, what).rgb)


def test_it_learns_one_pair_in_a_few_steps() -> None:
    of = network().train()
    layout, canvas, valid, base = taken(32, 32)
    layout = torch.zeros_like(layout)
    layout[:, 0, :16], layout[:, 1, 16:] = 1, 1
    valid[..., 16:] = 0
    labels = layout.argmax(1)
    aim = torch.where(labels == 0, 0.9, 0.2)[:, None].expand(1, 3, 32, 32)
    adam = torch.optim.Adam(of.parameters(), 4e-3)
    losses, named = [], []
    for _ in range(16):
        out: Refinement = of(layout, canvas, valid, base)
        loss = (out.rgb - aim).abs().mean()
        naming = torch.nn.functional.cross_entropy(out.semantics, labels)
        adam.zero_grad()
        (loss + 0.2 * naming).backward()
        adam.step()
        losses.append(loss.item())
        named.append(naming.item())
    assert losses[-1] < 0.8 * losses[0]
    assert named[-1] < 0.5 * named[0]
    assert all(w.grad is not None and torch.isfinite(w.grad).all() for w in of.parameters())


def test_half_precision_changes_a_picture_by_less_than_the_eye_sees() -> None:
    of, what = network(), taken(64, 96)
    exact = made(of, what).rgb
    prepared(of, "cpu")
    with autocast("cpu"):
        quick = made(of, what).rgb
    assert (exact - quick).abs().max() < 6 / 255
    assert has_bfloat16("cpu") or torch.allclose(exact, quick, atol=1e-5)


def test_a_published_network_calls_every_pixel_its_own() -> None:
    of = RefinementNetwork(K, "published", generator=seeded())
    layout, canvas, valid, base = taken(64, 128)
    out = made(of, (layout, canvas, valid, base))
    assert out.rgb.shape == (1, 3, 64, 128)
    assert (out.gate == 1).all()
    assert torch.equal(out.rgb, made(of, (layout, canvas, valid, torch.zeros_like(base))).rgb)


def test_a_published_network_grows_and_keeps_what_it_has_learned() -> None:
    of = RefinementNetwork(K, "published", generator=seeded())
    grown = of.grown(generator=seeded(1))
    assert (of.height, grown.height, grown.multiple) == (256, 512, 128)
    theirs = grown.state_dict()
    shared = [n for n in of.state_dict() if not n.startswith(("paint.", "semantics."))]
    assert all(torch.equal(of.state_dict()[n], theirs[n]) for n in shared)
    assert made(grown, taken(128, 128)).rgb.shape == (1, 3, 128, 128)
    highest = grown.grown()
    assert highest.height == 1024
    with pytest.raises(ValueError, match=r"grows no further"):
        highest.grown()
    with pytest.raises(ValueError, match=r"grows no further"):
        network().grown()


def test_a_small_network_has_one_height() -> None:
    with pytest.raises(ValueError, match=r"has no height `512`"):
        network(height=512)
