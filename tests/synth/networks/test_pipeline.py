"""The whole way with networks: the ledger is the bank's own, and the gate tells what a network made."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from synth.cards import Card
from synth.composition.ledger import recompute
from synth.networks.aligner import NetworkAligner
from synth.networks.ordering import OrderingNetwork
from synth.networks.refinement import RefinementNetwork
from synth.networks.refiner import NetworkRefiner
from synth.networks.sorter import NetworkSorter
from synth.networks.transformation import TransformationNetwork
from synth.pictures import Kind, Picture, masks_of
from synth.pipeline import synthesize
from synth.refinement import within_gate

NAMES = ("lamp", "mug", "floor", "wall", "void")


def card(kind: str) -> Card:
    return Card.model_validate(
        {
            "kind": kind,
            "width": "small",
            "categories": NAMES,
            "snapshot_sha256": "0" * 64,
            "code_version": "0",
            "recipe": {},
        }
    )


def rendered(made: Any) -> Picture:
    draw = torch.Generator().manual_seed(3)
    turning = TransformationNetwork(5, generator=draw)
    torch.nn.init.normal_(turning.affine.weight, std=0.02, generator=draw)
    return synthesize(
        made.layout,
        made.picks,
        made.segments,
        made.categories,
        anchor=None,
        frame="scene",
        seed=4,
        refiner=NetworkRefiner(RefinementNetwork(5, generator=draw), card("refinement"), made.categories),
        aligner=NetworkAligner(turning, card("transformation"), made.categories),
        sorter=NetworkSorter(OrderingNetwork(5, generator=draw), card("ordering"), made.categories),
    )


def test_a_picture_by_networks_repeats_and_its_ledger_is_recomputed_by_the_bank(
    scene: Callable[..., Any],
) -> None:
    made_up = turned = 0
    for seed in range(8):
        made = scene(seed, depth=seed % 2 == 0)
        picture, again = rendered(made), rendered(made)
        assert np.array_equal(picture.rgb, again.rgb) and picture.placements == again.placements
        ledger = recompute(
            made.layout, picture.placements, masks_of(made.segments), made.categories, network=True
        )
        assert ledger.digest() == picture.ledger.digest()
        assert picture.gate is not None and picture.base is not None
        assert within_gate(picture.rgb, picture.base, picture.gate)
        assert not (ledger.kind == Kind.INPAINTED).any()
        assert (picture.gate[ledger.kind == Kind.REFINER] == 255).all()
        made_up += np.count_nonzero(ledger.kind == Kind.REFINER)
        turned += sum(p.affine[1] != 0 for p in picture.placements)
    assert made_up and turned
