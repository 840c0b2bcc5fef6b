"""What is aimed at, what each part adds, and what trainings measured, line by line."""

import numpy as np
import pytest

from synth.cards import Card
from synth.evaluation.bootstrap import Estimate
from synth.evaluation.measure import GATE, KID, MEAN_IOU, OWN_SEAMS, SEAMS, Measured
from synth.evaluation.rows import Row, parts, rows, targets, trained


def measured(values: dict[str, float]) -> Measured:
    """Each system by its KID; other figures as named after two underscores."""
    figures: dict[str, dict[str, Estimate]] = {}
    for name, value in values.items():
        system, _, figure = name.partition("__")
        named = {"": KID, "iou": MEAN_IOU, "seams": SEAMS, "own": OWN_SEAMS, "gate": GATE}[figure]
        figures.setdefault(system, {})[named] = Estimate(np.array([value, value * 0.98, value * 1.02]))
    return of(figures)


def of(figures: dict[str, dict[str, Estimate]]) -> Measured:
    return Measured(figures, {}, {}, 0.1, {}, {})


def aimed(found: list[Row]) -> dict[str, bool | None]:
    return {row.name: row.holds for row in found}


def card(kind: str, **metrics: float) -> Card:
    return Card(
        kind=kind, width="small", categories=("sky",), snapshot_sha256="0" * 64, code_version="1",
        recipe={"seed": 1}, metrics=metrics,
    )  # fmt: skip


def test_targets_hold_at_their_edge_and_not_beyond() -> None:
    at = {"full": 57, "parametric": 95, "blend": 60, "full__iou": 0.34, "real__iou": 0.4, "blend__iou": 0.34}
    assert aimed(targets(measured(at))) == {
        f"{KID}: full / parametric": True,
        f"{KID}: full / blend": True,
        f"{MEAN_IOU}: full / blend": True,
        f"{MEAN_IOU}: full / real": True,
    }
    beyond = measured(at | {"full": 58, "full__iou": 0.339})
    assert not any(aimed(targets(beyond)).values())


def test_seams_and_an_empty_bank_have_targets_of_their_own() -> None:
    assert aimed(targets(measured({"full__seams": 1.15}))) == {"seam ratio: full": True}
    assert aimed(targets(measured({"full__seams": 1.16}))) == {"seam ratio: full": False}
    reaching, ones = Estimate(np.array([1.2, 1.04, 1.4])), Estimate(np.ones(3))
    assert targets(of({"empty bank": {KID: reaching}, "parametric": {KID: ones}}))[0].holds is True
    beyond = Estimate(np.array([1.2, 1.06, 1.4]))
    assert targets(of({"empty bank": {KID: beyond}, "parametric": {KID: ones}}))[0].holds is False


def test_each_seed_is_judged_and_so_is_their_mean() -> None:
    found = targets(
        measured({"full": 40, "full, seed 2": 70, "parametric": 100, "parametric, seed 2": 100, "blend": 90})
    )
    values = {row.name: row.value for row in found}
    assert values[f"{KID}: full / parametric"] == pytest.approx(0.4)
    assert values[f"{KID}: full / parametric, seed 2"] == pytest.approx(0.7)
    assert values[f"{KID}: full / parametric, mean of seeds"] == pytest.approx(0.55)
    assert aimed(found)[f"{KID}: full / parametric, seed 2"] is False
    assert aimed(found)[f"{KID}: full / parametric, mean of seeds"] is True


def test_a_part_shows_by_the_system_that_lacks_it() -> None:
    over = {"full, overlap": 44, "full, overlap, usual order": 48.4}
    found = parts(measured({"full": 40, "full, seed 2": 41, "blend": 50, **over}))
    assert [(row.name, row.target) for row in found] == [
        (f"{KID}: full, overlap / full", None),
        (f"{KID}: full, overlap, usual order / full, overlap", None),
    ]
    assert [row.value for row in found] == pytest.approx([1.1, 1.1])


def test_nothing_is_aimed_at_where_a_system_was_not_measured() -> None:
    assert targets(measured({"blend": 10, "real__iou": 0.4})) == []
    assert [row.name for row in rows(measured({"blend": 10}))] == [f"blend: {KID}"]


def test_alignment_has_to_beat_moments_by_color_and_by_overlap() -> None:
    better = trained({"alignment": card("transformation", l1_network=0.1, l1_moments=0.12, iou_network=0.7)})
    assert aimed(better) == {
        "alignment: l1_network, by its training": None,
        "alignment: l1_moments, by its training": None,
        "alignment: iou_network, by its training": None,
        "alignment: masked L1, network / moments": True,
    }
    worse = trained({"alignment": card("transformation", iou_network=0.7, iou_moments=0.7)})
    assert aimed(worse)["alignment: IoU, network / moments"] is False
