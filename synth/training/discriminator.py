"""A small patch discriminator: does each patch look like a photo of its layout?"""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional


class PatchDiscriminator(nn.Module):
    """Judge overlapping patches of about 46 pixels. B pictures, K layout categories."""

    def __init__(self, categories: int, *, generator: Generator | None = None) -> None:
        super().__init__()
        self.judge = nn.Sequential(
            nn.Conv2d(categories + 3, 32, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, kernel_size=4, stride=2, padding=1),
            nn.InstanceNorm2d(64, affine=True),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, kernel_size=4, stride=2, padding=1),
            nn.InstanceNorm2d(128, affine=True),
            nn.LeakyReLU(0.2),
            nn.Conv2d(128, 1, kernel_size=4, padding=1),
        )
        for module in self.judge:
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.02, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, layout: Tensor, rgb: Tensor) -> Tensor:
        """Layout (B, K, H, W) one-hot and pictures (B, 3, H, W) in [0, 1] to (B, 1, h, w), high if real."""
        out: Tensor = self.judge(torch.cat([layout, rgb * 2 - 1], dim=1))
        return out


def judging_loss(real: Tensor, made: Tensor) -> Tensor:
    """What the discriminator minimises (hinge)."""
    return functional.relu(1 - real).mean() + functional.relu(1 + made).mean()


def making_loss(made: Tensor) -> Tensor:
    """What the refinement network minimises."""
    return -made.mean()
