"""What the networks are built of: 3x3 convolutions, layer norm over the whole frame, leaky ReLU."""

from torch import Generator, Tensor, nn
from torch.nn import functional

SLOPE = 0.2


class Convolution(nn.Module):
    """One 3x3 convolution, layer norm, leaky ReLU. (B, C, H, W) to (B, width, H, W)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.weights = nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False)
        # One group is layer norm over channels and frame, with a scale and shift by channel.
        self.norm = nn.GroupNorm(1, width)

    def forward(self, features: Tensor) -> Tensor:
        return functional.leaky_relu(self.norm(self.weights(features)), SLOPE)


def convolutions(channels: int, width: int, count: int) -> nn.Sequential:
    """`count` convolutions of `width`, one after the other."""
    return nn.Sequential(*(Convolution(channels if n == 0 else width, width) for n in range(count)))


def doubled(features: Tensor) -> Tensor:
    """(B, C, H, W) to (B, C, 2H, 2W), bilinear."""
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)


def halved(features: Tensor) -> Tensor:
    """(B, C, H, W) to (B, C, H // 2, W // 2), the mean of four."""
    return functional.avg_pool2d(features, 2)


def initialise(network: nn.Module, generator: Generator | None) -> None:
    """Draw all weights anew from `generator`: the same seed, the same network. Scales stay 1, shifts 0."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(part.weight, a=SLOPE, generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
