"""Order by network: scores of pairs that touch, made one order."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from synth.cards import Card
from synth.layout import Region
from synth.networks.encoding import Encoding
from synth.networks.ordering import OrderingNetwork
from synth.networks.windows import ORDER_SIDE_PX, Window, standing
from synth.ordering.order import Standing, ordered_by_scores
from synth.pictures import CategoryFacts

MAX_PAIRS = 256  # the network looks at those with the longest borders
_BATCH = 32
_NEAR_PX = 2


class NetworkSorter:
    """Order with a trained network: it decides between objects that touch, where depth does not."""

    def __init__(
        self,
        network: OrderingNetwork,
        card: Card,
        categories: Mapping[int, CategoryFacts],
        *,
        device: str = "cpu",
    ) -> None:
        self._network = network.eval().to(device)
        self._encoding = Encoding(card.categories, categories)
        self._device = device

    def back_to_front(
        self, things: Sequence[Standing], areas: Sequence[Region], *, labels: NDArray[np.uint8]
    ) -> list[int]:
        """As `order.back_to_front`; `areas` are the regions of `things`, in the same sequence, and
        `labels` (H, W) the layout's house category ids.

        Raises:
            UnknownCategory: the layout holds what the network was never shown.
        """
        pairs = [
            (one, other)
            for one, other in touching(areas, shape=(labels.shape[0], labels.shape[1]))
            if not any(things[i].category.planar or things[i].category.void for i in (one, other))
            and (things[one].depth_mm is None or things[other].depth_mm is None)
        ][:MAX_PAIRS]
        return ordered_by_scores(things, self.scores(pairs, areas, labels))

    def scores(
        self, pairs: Sequence[tuple[int, int]], areas: Sequence[Region], labels: NDArray[np.uint8]
    ) -> dict[tuple[int, int], float]:
        """How surely the first of each pair of `areas` lies in front of the second, negative where it does
        not; a pair of which the network says nothing is not there."""
        scores: dict[tuple[int, int], float] = {}
        for at in range(0, len(pairs), _BATCH):
            batch = pairs[at : at + _BATCH]
            windows = [Window.around(_box(areas[one]), _box(areas[other])) for one, other in batch]
            layouts = self._encoding.one_hot(np.stack([w.labels(labels, ORDER_SIDE_PX) for w in windows]))
            first = np.stack([_mask(w, areas[one]) for w, (one, _) in zip(windows, batch, strict=True)])
            second = np.stack([_mask(w, areas[other]) for w, (_, other) in zip(windows, batch, strict=True)])
            with torch.inference_mode():
                logits = self._network(
                    layouts.to(self._device),
                    torch.from_numpy(first[:, None]).to(self._device),
                    torch.from_numpy(second[:, None]).to(self._device),
                )
            scores.update(zip(batch, logits.double().cpu().tolist(), strict=True))
        return {pair: score for pair, score in scores.items() if np.isfinite(score)}


def touching(areas: Sequence[Region], *, shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Pairs of areas, by index, that come within two pixels of each other, the longest border first."""
    index = np.full(shape, -1, np.int64)
    for at, area in enumerate(areas):
        index[area.y0 : area.y1, area.x0 : area.x1][area.mask] = at
    count = len(areas)
    codes = []
    for step in range(1, _NEAR_PX + 1):
        for one, other in ((index[step:], index[:-step]), (index[:, step:], index[:, :-step])):
            differ = (one != other) & (one >= 0) & (other >= 0)
            low, high = np.minimum(one, other)[differ], np.maximum(one, other)[differ]
            codes.append(low * count + high)
    found, lengths = np.unique(np.concatenate(codes), return_counts=True)
    longest = np.lexsort((found, -lengths))
    return [divmod(int(found[at]), count) for at in longest]


def _box(area: Region) -> tuple[int, int, int, int]:
    return area.x0, area.y0, area.x1, area.y1


def _mask(window: Window, area: Region) -> NDArray[np.float32]:
    return window.mask(area.mask, standing(_box(area)), ORDER_SIDE_PX).astype(np.float32)
