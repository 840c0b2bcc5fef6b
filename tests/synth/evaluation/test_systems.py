"""Which systems are compared, and what becomes of one that cannot answer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streets import FACTS, ROAD, SKY, streets

from synth.composition.paint import Painting
from synth.evaluation.scenes import MemoryBank
from synth.evaluation.systems import Method, Networks, make, methods
from synth.layout import Layout
from synth.refinement import Refined


class Flat:
    """A refiner of one color that makes all that nobody owns."""

    name = "flat"
    makes_up = True

    def refine(self, painting: Painting, *, seed: int, device: str) -> Refined:
        return Refined(np.full((*painting.labels.shape, 3), 90, np.uint8))


class Still:
    """An aligner and a sorter, never asked."""

    def align(self, *args: object, **kwargs: object) -> None: ...

    def back_to_front(self, *args: object, **kwargs: object) -> None: ...


def test_blend_and_full_share_a_canvas_and_the_others_have_none() -> None:
    still, first, second, alone = Still(), Flat(), Flat(), Flat()
    networks = Networks({2: second, 1: first}, {1: alone}, aligner=still, sorter=still)
    found = {method.name: method for method in methods(networks)}
    assert list(found) == ["blend", "full", "empty bank", "full, seed 2", "empty bank, seed 2", "parametric"]
    assert found["full"] == replace(found["blend"], name="full", refiner=first)
    assert found["full, seed 2"].refiner is second
    assert found["blend"].aligner is still
    assert [name for name, method in found.items() if not method.memory] == [
        "empty bank", "empty bank, seed 2", "parametric",
    ]  # fmt: skip


def test_an_ablation_lacks_one_part_and_no_other() -> None:
    still, first = Still(), Flat()
    networks = Networks({1: first}, gateless=Flat(), aligner=still, sorter=still)
    found = {method.name: method for method in methods(networks, ablations=True)}
    whole = found["full"]
    parts = {name: method for name, method in found.items() if name.startswith("full, ")}
    assert set(parts) == {
        *("full, no void segments", "full, no coherence", "full, no harmony", "full, no second segments"),
        *("full, moments", "full, usual order", "full, gate open"),
        *("full, overlap", "full, overlap, usual order"),
    }
    for name, method in parts.items():
        assert len(differing(method, found[name.rpartition(", ")[0]])) == 1, name
    assert differing(found["full, overlap, usual order"], whole) == {"sorter", "rule"}
    assert {name for name in found if name.startswith("blend, ")} == {
        "blend, overlap", "blend, overlap, usual order",
    }  # fmt: skip
    assert found["blend, overlap"] == replace(found["blend"], name="blend, overlap", rule="overlap")
    alone = {method.name for method in methods(Networks(), ablations=True)}
    assert alone >= {"blend, no coherence", "blend, overlap"}


def test_networks_that_were_trained_otherwise_stand_beside_full_on_the_canvas_that_they_are_for() -> None:
    first, judged, spilled = Flat(), Flat(), Flat()
    networks = Networks({1: first}, otherwise={"adversarial": judged, "overlapping": spilled})
    found = {method.name: method for method in methods(networks)}
    assert differing(found["full, adversarial"], found["full"]) == {"refiner"}
    assert found["full, overlap, overlapping"].refiner is spilled
    assert differing(found["full, overlap, overlapping"], found["full"]) == {"refiner", "rule"}


def differing(one: Method, other: Method) -> set[str]:
    parts = ("refiner", "aligner", "sorter", "choice", "memory", "rule")
    return {part for part in parts if getattr(one, part) != getattr(other, part)}


def test_weights_of_light_differ_from_blend_in_how_sources_are_chosen_alone() -> None:
    found = {method.name: method for method in methods(Networks(), lightings=(0, 0.5))}
    assert list(found) == ["blend", "blend, lighting 0", "blend, lighting 0.5"]
    assert [method.choice.lighting for method in found.values()] == [1, 0, 0.5]
    assert differing(found["blend, lighting 0"], found["blend"]) == {"choice"}


@pytest.fixture(scope="module")
def poor() -> MemoryBank:
    """A bank that has seen no road."""
    photos = [
        replace(one, labels=np.where(one.labels == ROAD, SKY, one.labels).astype(np.uint8))
        for one in streets(50, 3)
    ]
    return MemoryBank(photos, FACTS)


def test_a_system_that_refuses_a_layout_is_left_out_and_says_why(poor: MemoryBank, tmp_path: Path) -> None:
    asked = streets(0, 2)
    told: list[tuple[str, int, int]] = []
    refused = make(
        tmp_path,
        [Method("blend"), Method("flat", Flat()), Method("nothing", Flat(), memory=False)],
        asked,
        poor,
        variations=2,
        progress=lambda *what: told.append(what),
    )
    assert list(refused) == ["blend"]
    assert asked[0].name in refused["blend"]
    assert not (tmp_path / "systems" / "blend").exists()
    assert told == [("flat", 1, 2), ("flat", 2, 2), ("nothing", 1, 2), ("nothing", 2, 2)]
    assert len(list((tmp_path / "systems" / "flat").glob("*.png"))) == 4
    assert len(list((tmp_path / "systems" / "nothing").glob("*.png"))) == 2  # it has one answer


def test_a_bank_says_how_well_it_could_serve(poor: MemoryBank) -> None:
    asked = streets(0, 1)[0]
    rich = MemoryBank(streets(50, 3), FACTS)
    assert 0 < poor.fits(Layout(asked.labels)) < rich.fits(Layout(asked.labels)) <= 2
    own = MemoryBank([asked], FACTS)
    assert own.fits(Layout(asked.labels)) > 1.5
