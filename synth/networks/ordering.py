"""The ordering network: which of two segments lies in front (SIMS, stage 4)."""

import torch
from torch import Generator, Tensor, nn

from synth.cards import Width
from synth.networks.blocks import initialise

CHANNELS: dict[Width, int] = {"small": 32, "published": 64}


class OrderingNetwork(nn.Module):
    """Score the front-to-back order of a pair of segments.

    B pairs, K layout categories, H x W pixels of the window around the pair (`synth.networks.windows`).
    """

    def __init__(
        self, categories: int, width: Width = "small", *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.categories, self.width = categories, width
        first = CHANNELS[width]
        self.score = nn.Sequential(
            nn.Conv2d(categories + 2, first, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, 2 * first, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * first, 2 * first, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),  # not to a point: who reaches further down is half the answer
            nn.Flatten(),
            nn.Linear(2 * first * 16, 1),
        )
        initialise(self, generator)

    def forward(self, layout: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Say how likely `first` is to cover `second`.

        Args:
            layout: (B, K, H, W) float32, one-hot over K; zeros outside the frame.
            first, second: (B, 1, H, W) float32 masks in {0, 1}, in layout's window.

        Returns:
            (B,) logits, positive where `first` is in front. Scored both ways
            round and subtracted, so swapping the pair only flips the sign.
        """
        ahead: Tensor = self.score(torch.cat([layout, first, second], dim=1))  # (B, 1)
        behind: Tensor = self.score(torch.cat([layout, second, first], dim=1))  # (B, 1)
        return (ahead - behind).squeeze(1)
