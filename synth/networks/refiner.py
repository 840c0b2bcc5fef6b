"""The refiner that is a network: what a painting withholds or lacks, redrawn by its layout."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.cards import Card
from synth.composition.elision import elide
from synth.composition.ledger import check_size
from synth.composition.paint import Painting
from synth.layout import Layout
from synth.networks.device import (
    OutOfMemory,
    autocast,
    fitting,
    free_bytes,
    is_out_of_memory,
    prepared,
    repeatable,
    require_memory,
)
from synth.networks.encoding import Encoding
from synth.networks.refinement import RefinementNetwork
from synth.pictures import CategoryFacts, SynthError
from synth.refinement import Refined


class NoPicture(SynthError):
    def __init__(self) -> None:
        super().__init__("the network made pixels that are no numbers; use another checkpoint")


class NetworkRefiner:
    """Refine with a trained network.

    The base, which stands where the gate is shut, is the picture that `blend` makes of what is owned: the
    gate says how far the network went from there. Where nobody owns a pixel there is no base, and the gate
    is 1.

    Deterministic for the same device and versions: the seed decides which pixels of a seam are withheld.
    """

    name = "network"
    makes_up = True

    def __init__(
        self, network: RefinementNetwork, card: Card, categories: Mapping[int, CategoryFacts]
    ) -> None:
        """`categories` are the house's, by id, as the layouts use them."""
        self._network = network.eval()
        self._categories = categories
        self._encoding = Encoding(card.categories, categories)

    def refine(self, painting: Painting, *, seed: int, device: str) -> Refined:
        """Refine a painting.

        Raises:
            LayoutTooLarge: see `check_size`.
            UnknownCategory: the layout holds what the network was never shown.
            OutOfMemory: naming the size that fits.
            NoPicture: what came out are no numbers.
        """
        check_size(Layout(painting.labels))
        layout = self._encoding.one_hot(painting.labels[None])  # (1, K, H, W)
        size = painting.labels.shape[0], painting.labels.shape[1]
        bytes_per_px = self._network.bytes_per_px
        require_memory(size, bytes_per_px=bytes_per_px, device=device)
        rng = np.random.Generator(np.random.Philox(seed))
        elided = elide(painting, self._categories, rng=rng)
        base = np.rint(elided.base * 255).astype(np.uint8)
        try:
            rgb, gate = self._run(layout, elided.canvas, elided.valid, base, device)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            fits = fitting(size, bytes_per_px=bytes_per_px, free=free_bytes(device) or 0)
            raise OutOfMemory(size, device, fits) from error
        if not (np.isfinite(rgb).all() and np.isfinite(gate).all()):
            raise NoPicture
        open_up = np.ceil(gate * 255).astype(np.uint8)
        made = np.rint(rgb * 255).astype(np.int16)
        return Refined(_within(made, base, open_up), open_up, base)

    def _run(
        self,
        layout: Tensor,
        canvas: NDArray[np.float32],
        valid: NDArray[np.bool_],
        base: NDArray[np.uint8],
        device: str,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(H, W, 3) and (H, W), both in [0, 1]."""
        prepared(self._network, device)
        taken = [layout, _tensor(canvas), _tensor(valid[..., None]), _tensor(base) / 255]
        with torch.inference_mode(), autocast(device), repeatable():
            made = self._network(*(t.to(device, memory_format=torch.channels_last) for t in taken))
        rgb: NDArray[np.float32] = made.rgb[0].permute(1, 2, 0).cpu().numpy()
        gate: NDArray[np.float32] = made.gate[0, 0].cpu().numpy()
        return rgb, gate


def _tensor(pixels: NDArray[np.generic]) -> Tensor:
    """(H, W, C) to (1, C, H, W) float32."""
    return torch.from_numpy(np.ascontiguousarray(pixels, np.float32)).permute(2, 0, 1)[None]


def _within(made: NDArray[np.int16], base: NDArray[np.uint8], gate: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`made`, held to the gate's word where float arithmetic was a rounding beyond it."""
    wide, stand = gate[..., None].astype(np.int16), base.astype(np.int16)
    return np.clip(np.clip(made, stand - wide, stand + wide), 0, 255).astype(np.uint8)
