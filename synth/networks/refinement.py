"""The refinement network: from a canvas and its layout to one coherent photo.

An encoder looks at the whole frame down to a few pixels; a decoder comes back up,
and at each scale sees the input, the encoder's features and its own coarser
features (SIMS, stage 6). Two widths: `published` redraws every pixel, as the
paper does; `small` is gated and redraws what its gate lets through.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from synth.cards import Width
from synth.networks.blocks import Convolution, convolutions, doubled, halved, initialise

GATE_BIAS = -2.0
INVALID_BIAS = 3.0
_HEAD_DEVIATION = 0.1


class Refinement(NamedTuple):
    """What the network made of a canvas.

    `rgb` (B, 3, H, W) in [0, 1]; `gate` (B, 1, H, W) in [0, 1], how much of each
    pixel the network made: |rgb - base| <= gate; `semantics` (B, K, H, W) logits of
    what the network thinks it drew, an auxiliary head for training.
    """

    rgb: Tensor
    gate: Tensor
    semantics: Tensor


@dataclass(frozen=True)
class Shape:
    """Channels by scale, finest first. The decoder's last scale is the encoder's bottom, pooled once more."""

    encoder: tuple[int, ...]
    decoder: tuple[int, ...]
    gated: bool


SHAPES: dict[Width, Shape] = {
    "small": Shape((16, 32, 64, 128, 192), (24, 40, 72, 136, 216, 256), gated=True),
    "published": Shape((64, 128, 256, 512, 512, 512), (256, 256, 512, 512, 512, 512, 512), gated=False),
}
# What progressive growth adds to `published` above 256 px: encoder and decoder channels.
GROWTH = ((64, 128), (64, 32))
HEIGHTS = (256, 512, 1024)


class RefinementNetwork(nn.Module):
    """Refine a canvas.

    B canvases, K layout categories, any H x W (padded inside to `multiple`).
    `height` is the frame height that a `published` network has grown to; `small` has but one.
    """

    def __init__(
        self,
        categories: int,
        width: Width = "small",
        *,
        height: int = 256,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if height not in HEIGHTS or (width == "small" and height != HEIGHTS[0]):
            raise ValueError(f"a `{width}` network has no height `{height}`")
        shape = SHAPES[width]
        self.categories, self.width, self.height = categories, width, height
        self.gated = shape.gated
        seen = categories + 3 + 1 + (3 if shape.gated else 0)  # a gate has to see what it would let stand
        encoder, decoder = shape.encoder, shape.decoder
        self.encoder = nn.ModuleList(
            Convolution(before, after) for before, after in zip((seen, *encoder), encoder, strict=False)
        )
        bottom = convolutions(seen + encoder[-1], decoder[-1], 2)
        scales = [
            convolutions(seen + encoder[at] + decoder[at + 1], decoder[at], 2) for at in range(len(encoder))
        ]
        self.decoder = nn.ModuleList([*scales, bottom])
        self.finer_encoder, self.finer_decoder = nn.ModuleList(), nn.ModuleList()
        last = decoder[0]
        for skip, after in GROWTH[: HEIGHTS.index(height)]:
            self.finer_encoder.append(Convolution(seen, skip))
            self.finer_decoder.append(convolutions(seen + skip + last, after, 2))
            last = after
        self.paint = nn.Conv2d(last, 3 + int(shape.gated), kernel_size=1)
        self.semantics = nn.Conv2d(last, categories, kernel_size=1)
        initialise(self, generator)
        nn.init.normal_(self.paint.weight, std=_HEAD_DEVIATION, generator=generator)
        nn.init.zeros_(self.paint.weight[3:])  # a gate starts at its bias

    @property
    def multiple(self) -> int:
        """Heights and widths are padded to multiples of this."""
        return int(2 ** (len(self.encoder) + len(self.finer_encoder)))

    @property
    def bytes_per_px(self) -> float:
        """About what one pixel of a frame takes while a picture is made, in float32, on the generous side."""
        shape, finest = SHAPES[self.width], self.paint.in_channels
        seen = self.categories + 3 + 1 + (3 if self.gated else 0)
        finer = len(self.finer_encoder)
        encoder = [skip for skip, _ in reversed(GROWTH[:finer])] + list(shape.encoder)
        decoder = [after for _, after in reversed(GROWTH[:finer])] + list(shape.decoder)
        skips: float = sum(width / 4**scale for scale, width in enumerate(encoder))
        joined = seen + encoder[0] + decoder[1]
        return 4.0 * (3 * seen + skips + 2 * joined + 4 * finest + 2 * self.categories + 16)

    def forward(self, layout: Tensor, canvas: Tensor, valid: Tensor, base: Tensor) -> Refinement:
        """Refine canvases.

        Args:
            layout: (B, K, H, W) float32, one-hot over K.
            canvas: (B, 3, H, W) float32 in [0, 1], seams withheld.
            valid: (B, 1, H, W) float32 in {0, 1}: canvas pixels that are placed and kept.
            base: (B, 3, H, W) float32 in [0, 1], what stands where the gate is shut; exactly 0 in
                all channels where there is nothing, and the network makes the pixel alone.
        """
        height, width = layout.shape[-2:]
        filled = (base != 0).any(dim=1, keepdim=True)  # (B, 1, H, W)
        parts = [layout, canvas, valid, base] if self.gated else [layout, canvas, valid]
        seen = _padded(torch.cat(parts, dim=1), self.multiple)
        if torch.is_autocast_enabled(seen.device.type):  # once, not at each scale
            seen = seen.to(torch.get_autocast_dtype(seen.device.type))
        seen = seen.contiguous(memory_format=torch.channels_last)  # or each convolution turns it itself
        features = self._features(seen)[..., :height, :width]
        painted = self.paint(features).float()
        rgb = torch.sigmoid(painted[:, :3])
        semantics = self.semantics(features).float()
        if not self.gated:
            return Refinement(rgb, torch.ones_like(valid, dtype=torch.float32), semantics)
        # Seams are withheld by single pixels: smoothed, or the gate would glitter as they do.
        invalid = functional.avg_pool2d(1 - valid.float(), 5, 1, 2, count_include_pad=False)
        gate = torch.sigmoid(painted[:, 3:] + GATE_BIAS + INVALID_BIAS * invalid)
        gate = torch.where(filled, gate, torch.ones_like(gate))
        return Refinement((1 - gate) * base.float() + gate * rgb, gate, semantics)

    def grown(self, *, generator: Generator | None = None) -> "RefinementNetwork":
        """The network at twice the height, with this one's weights in it; new scales and heads are fresh."""
        at = HEIGHTS.index(self.height)
        if self.width == "small" or at + 1 == len(HEIGHTS):
            raise ValueError(f"a `{self.width}` network of height `{self.height}` grows no further")
        grown = RefinementNetwork(
            self.categories, self.width, height=HEIGHTS[at + 1], generator=generator
        ).to(next(self.parameters()).device)
        kept = {
            name: weight
            for name, weight in self.state_dict().items()
            if not name.startswith(("paint.", "semantics."))
        }
        grown.load_state_dict({**grown.state_dict(), **kept})
        return grown

    def _features(self, seen: Tensor) -> Tensor:
        """(B, C, H, W) features of the finest scale."""
        finer = len(self.finer_encoder)
        scales = [seen]  # finest first
        for _ in range(finer + len(self.encoder)):
            scales.append(halved(scales[-1]))
        features: Tensor = scales[finer]
        skips = []
        for encode in self.encoder:
            skips.append(encode(features))
            features = halved(skips[-1])
        *decoders, bottom = self.decoder
        features = bottom(torch.cat([scales[-1], features], dim=1))
        for at in reversed(range(len(decoders))):
            features = decoders[at](torch.cat([scales[finer + at], skips[at], doubled(features)], dim=1))
        for at in range(finer):
            own = scales[finer - 1 - at]
            skip = self.finer_encoder[at](own)
            features = self.finer_decoder[at](torch.cat([own, skip, doubled(features)], dim=1))
        return features


def _padded(features: Tensor, multiple: int) -> Tensor:
    height, width = features.shape[-2:]
    below, right = -height % multiple, -width % multiple
    if below == right == 0:
        return features
    return functional.pad(features, (0, right, 0, below), mode="replicate")
