import pytest
import torch

from synth.networks.ordering import OrderingNetwork

K = 4


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pairs(batch: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = seeded(2)
    labels = torch.randint(K, (batch, 64, 64), generator=draw)
    layout = torch.nn.functional.one_hot(labels, K).permute(0, 3, 1, 2).float()
    masks = torch.randint(2, (2, batch, 1, 64, 64), generator=draw).float()
    return layout, masks[0], masks[1]


@pytest.mark.parametrize("width", ["small", "published"])
def test_swapping_a_pair_only_flips_the_sign(width: str) -> None:
    network = OrderingNetwork(K, width, generator=seeded())  # type: ignore[arg-type]
    layout, first, second = pairs(5)
    with torch.inference_mode():
        ahead, behind = network(layout, first, second), network(layout, second, first)
        itself = network(layout, first, first)
    assert ahead.shape == (5,)
    assert torch.equal(ahead, -behind)
    assert (ahead != 0).all() and (itself == 0).all()


def test_it_learns_that_what_reaches_further_down_lies_in_front() -> None:
    network = OrderingNetwork(K, generator=seeded())
    layout = torch.zeros(8, K, 64, 64)
    layout[:, 0] = 1
    low, high = torch.zeros(8, 1, 64, 64), torch.zeros(8, 1, 64, 64)
    for at in range(8):
        top = 4 + 2 * at
        high[at, :, top : top + 16, 8:40] = 1
        low[at, :, top + 12 : top + 30, 20:56] = 1
    adam = torch.optim.Adam(network.parameters(), 2e-3)
    for _ in range(15):
        loss = torch.nn.functional.softplus(-network(layout[:6], low[:6], high[:6])).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    with torch.inference_mode():
        assert (network(layout[6:], low[6:], high[6:]) > 0).all()
        assert (network(layout[6:], high[6:], low[6:]) < 0).all()
