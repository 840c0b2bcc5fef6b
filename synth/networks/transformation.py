"""The transformation network: where a segment has to go to lie on its region (SIMS, stage 3)."""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from synth.cards import Width
from synth.networks.blocks import convolutions, halved, initialise

# (convolutions, channels) between poolings.
SHAPES: dict[Width, tuple[tuple[int, int], ...]] = {
    "small": ((1, 16), (1, 32), (2, 48), (2, 96), (2, 128)),
    "published": ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)),
}


class TransformationNetwork(nn.Module):
    """Say by which affine a segment comes to lie on a target mask.

    B windows, K layout categories, H x W pixels of the window (`synth.networks.windows`).
    An untrained network moves nothing.
    """

    def __init__(
        self, categories: int, width: Width = "small", *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.categories, self.width = categories, width
        shape = SHAPES[width]
        channels = categories + 1 + 3
        stages = []
        for count, after in shape:
            stages.append(convolutions(channels, after, count))
            channels = after
        self.stages = nn.ModuleList(stages)
        self.affine = nn.Linear(channels, 6)
        initialise(self, generator)
        nn.init.zeros_(self.affine.weight)
        with torch.no_grad():
            self.affine.bias.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))

    def forward(self, target: Tensor, layout: Tensor, color: Tensor) -> Tensor:
        """Align segments.

        Args:
            target: (B, 1, H, W) float32 in {0, 1}, the region's mask.
            layout: (B, K, H, W) float32, one-hot over K; zeros outside the frame.
            color: (B, 3, H, W) float32 in [0, 1], the segment where it starts, 0 around it.

        Returns:
            (B, 2, 3): from a target point to the point of `color` that it shows, both in
            the window's coordinates, [-1, 1] from edge to edge (align_corners=False).
        """
        features = torch.cat([target, layout, color], dim=1)
        for at, stage in enumerate(self.stages):
            features = stage(features if at == 0 else halved(features))
        affine: Tensor = self.affine(features.mean(dim=(2, 3)).float())
        return affine.view(-1, 2, 3)


def warped(pixels: Tensor, affine: Tensor) -> Tensor:
    """(B, C, H, W) as the (B, 2, 3) backward affine shows it, bilinear; 0 from outside."""
    grid = functional.affine_grid(affine, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
