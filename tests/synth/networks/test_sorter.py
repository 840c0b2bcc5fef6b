import numpy as np
import pytest
import torch
from torch import Tensor

from synth.cards import Card
from synth.layout import Layout, Region, regions
from synth.networks.encoding import UnknownCategory
from synth.networks.ordering import OrderingNetwork
from synth.networks.sorter import NetworkSorter, touching
from synth.ordering.order import Standing
from synth.pictures import CategoryFacts

WALL, MUG = CategoryFacts(1, "wall", planar=True), CategoryFacts(2, "mug", front_rank=80)
LAMP = CategoryFacts(3, "lamp", front_rank=60)
HOUSE = {c.id: c for c in (CategoryFacts(0, "void", void=True), WALL, MUG, LAMP)}
CARD = Card(
    kind="ordering",
    width="small",
    categories=("void", "wall", "mug", "lamp"),
    snapshot_sha256="0" * 64,
    code_version="0",
    recipe={},
)


class HigherUp(OrderingNetwork):
    """Says that what lies further up is in front, and counts what it was asked."""

    def __init__(self) -> None:
        super().__init__(4)
        self.asked = 0

    def forward(self, layout: Tensor, first: Tensor, second: Tensor) -> Tensor:
        self.asked += len(layout)
        rows = torch.arange(first.shape[2], dtype=torch.float32)[None, None, :, None]
        heights = [(mask * rows).sum(dim=(1, 2, 3)) / mask.sum(dim=(1, 2, 3)) for mask in (first, second)]
        return heights[1] - heights[0]


def scene() -> tuple[np.ndarray, list[Region]]:
    """A wall with a mug above a lamp, which touch, and a lamp elsewhere."""
    labels = np.ones((64, 96), np.uint8)
    labels[10:30, 10:30] = 2
    labels[30:50, 10:30] = 3
    labels[40:60, 70:90] = 3
    return labels, regions(Layout(labels))


def standings(areas: list[Region], depths: dict[int, float] | None = None) -> list[Standing]:
    return [Standing(HOUSE[a.category], (depths or {}).get(a.ordinal), a.y1) for a in areas]


def test_only_areas_near_each_other_touch() -> None:
    labels, areas = scene()
    names = {a.ordinal: (a.category, a.x0) for a in areas}
    pairs = [{names[i], names[j]} for i, j in touching(areas, shape=labels.shape)]
    assert {(2, 10), (3, 10)} in pairs
    assert {(2, 10), (3, 70)} not in pairs and {(3, 10), (3, 70)} not in pairs
    assert pairs[0] == {(1, 0), (3, 70)}  # the longest border


def test_the_network_decides_between_objects_that_touch_and_about_nothing_else() -> None:
    labels, areas = scene()
    network = HigherUp()
    sorter = NetworkSorter(network, CARD, HOUSE)
    order = [areas[i].category for i in sorter.back_to_front(standings(areas), areas, labels=labels)]
    assert network.asked == 1
    assert order[0] == 1
    mug = next(a.ordinal for a in areas if a.category == 2)
    lamp = next(a.ordinal for a in areas if (a.category, a.x0) == (3, 10))
    indexes = sorter.back_to_front(standings(areas), areas, labels=labels)
    assert indexes.index(mug) > indexes.index(lamp)


def test_where_depth_says_it_the_network_is_not_asked() -> None:
    labels, areas = scene()
    network = HigherUp()
    depths = {a.ordinal: 500.0 + 100 * (a.category == 2) for a in areas}
    indexes = NetworkSorter(network, CARD, HOUSE).back_to_front(
        standings(areas, depths), areas, labels=labels
    )
    assert network.asked == 0
    assert areas[indexes[1]].category == 2  # behind both lamps: it is further away


def test_one_area_and_none_have_an_order_too() -> None:
    labels = np.full((8, 8), 2, np.uint8)
    areas = regions(Layout(labels))
    sorter = NetworkSorter(HigherUp(), CARD, HOUSE)
    assert sorter.back_to_front(standings(areas), areas, labels=labels) == [0]
    assert sorter.back_to_front([], [], labels=labels) == []


def test_a_category_the_network_was_never_shown_is_named() -> None:
    labels, areas = scene()
    sorter = NetworkSorter(
        HigherUp(), CARD.model_copy(update={"categories": ("void", "wall", "mug", "x")}), HOUSE
    )
    with pytest.raises(UnknownCategory, match=r"`lamp`"):
        sorter.back_to_front(standings(areas), areas, labels=labels)
