"""The transformation network: how a segment lies better on its region than moments put it (SIMS, stage 3)."""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from synth.cards import Width
from synth.networks.blocks import convolutions, halved, initialise

# (convolutions, channels) between poolings.
SHAPES: dict[Width, tuple[tuple[int, int], ...]] = {
    "small": ((1, 32), (1, 64), (2, 96)),
    "published": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
}


class TransformationNetwork(nn.Module):
    """Correct the closed form: say by which affine a segment that it placed comes to lie in place.

    B windows, K layout categories, H x W pixels of the window (`synth.networks.windows`).
    An untrained network corrects nothing.
    """

    def __init__(
        self, categories: int, width: Width = "small", *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.categories, self.width = categories, width
        shape = SHAPES[width]
        channels = 1 + categories + 3 + 1
        stages = []
        for count, after in shape:
            stages.append(convolutions(channels, after, count))
            channels = after
        self.stages = nn.ModuleList(stages)
        self.affine = nn.Linear(3 * channels, 6)
        initialise(self, generator)
        nn.init.zeros_(self.affine.weight)

    def forward(self, target: Tensor, layout: Tensor, color: Tensor, mask: Tensor) -> Tensor:
        """Correct placements.

        Args:
            target: (B, 1, H, W) float32 in {0, 1}, the region's mask.
            layout: (B, K, H, W) float32, one-hot over K; zeros outside the frame.
            color: (B, 3, H, W) float32 in [0, 1], the segment where it was placed, 0 around it.
            mask: (B, 1, H, W) float32 in {0, 1}, the segment's mask there.

        Returns:
            (B, 2, 3): from a target point to the point of `color` that it shows, both in
            the window's coordinates, [-1, 1] from edge to edge (align_corners=False).
        """
        features = torch.cat([target, layout, color, mask], dim=1)
        if self.width == "small":  # halved edges still say where they were, by their grays
            features = halved(features)
        for at, stage in enumerate(self.stages):
            features = stage(features if at == 0 else halved(features))
        with torch.autocast(features.device.type, enabled=False):  # bfloat16 cannot tell 1.004 from 1
            moved: Tensor = self.affine(field_moments(features.float()))
        return torch.eye(2, 3, device=moved.device) + moved.view(-1, 2, 3)


def field_moments(features: Tensor) -> Tensor:
    """(B, C, H, W) to (B, 3C): the means of each channel, and of it times x and times y.

    All that the least-squares affine of a displacement field takes from it. A plain
    mean, as in the paper, loses where in the window an edge is off.
    """
    height, width = features.shape[2:]
    y = _centers(height, features).view(-1, 1)
    x = _centers(width, features)
    return torch.cat([(features * by).mean(dim=(2, 3)) for by in (torch.ones_like(x), x, y)], dim=1)


def _centers(count: int, like: Tensor) -> Tensor:
    return (2 * torch.arange(count, device=like.device, dtype=like.dtype) + 1) / count - 1


def warped(pixels: Tensor, affine: Tensor) -> Tensor:
    """(B, C, H, W) as the (B, 2, 3) backward affine shows it, bilinear; 0 from outside."""
    grid = functional.affine_grid(affine, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
