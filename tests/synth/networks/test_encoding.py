import numpy as np
import pytest

from synth.networks.encoding import Encoding, UnknownCategory
from synth.networks.windows import OUTSIDE
from synth.pictures import CategoryFacts

HOUSE = {i: CategoryFacts(i, name) for i, name in ((0, "void"), (4, "wall"), (9, "mug"), (7, "lamp"))}


def test_channels_are_the_checkpoints_whatever_ids_the_house_uses() -> None:
    labels = np.array([[[9, 4], [0, OUTSIDE]]], np.uint8)
    hot = Encoding(["mug", "void", "wall"], HOUSE).one_hot(labels)
    assert hot.shape == (1, 3, 2, 2)
    assert hot[0, :, 0, 0].tolist() == [1, 0, 0]
    assert hot[0, :, 0, 1].tolist() == [0, 0, 1]
    assert hot[0, :, 1, 0].tolist() == [0, 1, 0]
    assert hot[0, :, 1, 1].tolist() == [0, 0, 0]


def test_a_category_the_network_was_never_shown_is_named() -> None:
    with pytest.raises(UnknownCategory, match=r"the network knows no category `lamp`, `77`") as unknown:
        Encoding(["mug", "void", "wall"], HOUSE).one_hot(np.array([[[9, 7, 77]]], np.uint8))
    assert unknown.value.names == ("lamp", "77")
