"""Layouts as networks take them: one channel for each category that a checkpoint knows."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.networks.windows import OUTSIDE
from synth.pictures import CategoryFacts, SynthError


class UnknownCategory(SynthError):
    """The layout holds a category that the network was never shown."""

    def __init__(self, names: Sequence[str]) -> None:
        listed = ", ".join(f"`{name}`" for name in names)
        super().__init__(f"the network knows no category {listed}")
        self.names = tuple(names)


class Encoding:
    """House category ids to a checkpoint's channels, by name.

    The order of `names` is the checkpoint's; `categories` are the house's, by id.
    """

    def __init__(self, names: Sequence[str], categories: Mapping[int, CategoryFacts]) -> None:
        self._names = {c.id: c.name for c in categories.values()}
        channel = {name: n for n, name in enumerate(names)}
        self.channels = len(channel)
        self._channel = np.full(256, -1, np.int64)
        for category in categories.values():
            self._channel[category.id] = channel.get(category.name, -1)

    def one_hot(self, labels: NDArray[np.uint8]) -> Tensor:
        """(B, H, W) house category ids to (B, K, H, W) float32; zeros where labels are `OUTSIDE`.

        Raises:
            UnknownCategory: naming all that the checkpoint does not know.
        """
        unknown = [i for i in np.unique(labels).tolist() if i != OUTSIDE and self._channel[i] < 0]
        if unknown:
            raise UnknownCategory([self._names.get(i, str(i)) for i in unknown])
        at = torch.from_numpy(self._channel[labels])
        hot = torch.nn.functional.one_hot(at.clamp(min=0), self.channels)  # (B, H, W, K)
        hot = hot * (at >= 0).unsqueeze(-1)
        return hot.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last)
