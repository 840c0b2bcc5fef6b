"""Pictures made by the library alone, from photos drawn for it."""

from dataclasses import replace

import numpy as np
import pytest
from streets import CAR, FACTS, ROAD, SKY, street, streets

from synth.composition.paint import Painting
from synth.evaluation.pictures import EvaluationError
from synth.evaluation.scenes import Choice, MemoryBank, without_bank
from synth.layout import Layout, regions
from synth.pictures import Kind
from synth.refinement import Refined
from synth.retrieval import score
from synth.retrieval.descriptors import describe

BANK = streets(100, 12)


@pytest.fixture(scope="module")
def bank() -> MemoryBank:
    return MemoryBank(BANK, FACTS)


class Grey:
    """A refiner that makes a quarter of every pixel, and all of what nobody owns."""

    name = "grey"
    makes_up = True

    def refine(self, painting: Painting, *, seed: int, device: str) -> Refined:
        owned = painting.canvas.ledger.owner >= 0
        gate = np.where(owned, 51, 255).astype(np.uint8)
        return Refined(np.full((*owned.shape, 3), 90, np.uint8), gate)


def test_a_picture_covers_its_layout_from_photos_of_the_bank(bank: MemoryBank) -> None:
    layout = Layout(street(1).labels)
    rgb, trace = bank.make(layout, bank.choose(layout)[0])
    assert rgb.shape == (*layout.frame, 3)
    assert set(trace.photos) <= {photo.name for photo in BANK}
    assert trace.canvas.mean() > 0.95
    assert set(trace.seconds) >= {"align", "compose", "paint", "refine"}
    # Sky is blue and the car red, wherever they came from.
    sky, car = rgb[layout.labels == SKY].mean(axis=0), rgb[layout.labels == CAR].mean(axis=0)
    assert sky[2] > sky[0] + 40
    assert car[0] > car[2] + 60


def test_the_same_layout_gives_the_same_picture(bank: MemoryBank) -> None:
    layout = Layout(street(2).labels)
    one, other = (bank.make(layout, bank.choose(layout)[0]) for _ in range(2))
    assert (one[0] == other[0]).all()
    assert (one[1].owner == other[1].owner).all()


def test_each_region_takes_its_exact_best(bank: MemoryBank) -> None:
    layout = Layout(street(3).labels)
    chosen = bank.choose(layout, Choice(coherence=False, seconds=0))[0]
    areas = regions(layout)
    query = describe(layout.labels, areas, "scene")
    cuts = {photo.name: regions(Layout(photo.labels)) for photo in bank.photos}
    described = {p.name: describe(p.labels, cuts[p.name], "scene") for p in bank.photos}
    for region, keys in zip(areas, chosen.picks, strict=True):
        scores = {
            (name, one.ordinal): float(score.terms(query, region.ordinal, described[name]).key()[one.ordinal])
            for name, cut in cuts.items()
            for one in cut
            if one.category == region.category
        }
        winner = bank.segments[keys[0]]
        name = bank.photos[winner.photo].name
        ordinals = [one.ordinal for one in cuts[name] if (one.x0, one.y0, one.x1, one.y1) == winner.box]
        assert max(scores[name, ordinal] for ordinal in ordinals if (name, ordinal) in scores) == max(
            scores.values()
        )


def test_variations_follow_different_photos(bank: MemoryBank) -> None:
    chosen = bank.choose(Layout(street(4).labels), variations=3)
    assert len({one.anchor for one in chosen}) == 3


def test_without_void_what_nobody_named_gets_no_segment(bank: MemoryBank) -> None:
    layout = Layout(street(5).labels)
    chosen = bank.choose(layout, Choice(void=False))[0]
    for region, keys in zip(regions(layout), chosen.picks, strict=True):
        assert bool(keys) == (region.category != 0)


def test_without_harmony_no_photo_leads(bank: MemoryBank) -> None:
    layout = Layout(street(6).labels)
    assert bank.choose(layout, Choice(harmony=False))[0].anchor is None
    assert bank.choose(layout)[0].anchor is not None


def test_a_category_that_the_bank_lacks_is_offered_nothing() -> None:
    labels = np.where(BANK[0].labels == CAR, ROAD, BANK[0].labels).astype(np.uint8)
    small = MemoryBank([replace(BANK[0], labels=labels)], FACTS)
    layout = Layout(street(7).labels)
    for region, keys in zip(regions(layout), small.choose(layout)[0].picks, strict=True):
        assert bool(keys) == (region.category != CAR)


def test_what_a_refiner_made_is_traced(bank: MemoryBank) -> None:
    layout = Layout(street(8).labels)
    rgb, trace = bank.make(layout, bank.choose(layout)[0], refiner=Grey())
    assert (rgb == 90).all()
    assert trace.gate is not None
    assert (trace.gate[trace.canvas] == 51).all()


def test_the_parametric_path_has_an_empty_canvas() -> None:
    layout = Layout(street(9).labels)
    rgb, trace = without_bank(layout, FACTS, Grey())
    assert rgb.shape == (*layout.frame, 3)
    assert trace.photos == ()
    assert not trace.canvas.any()
    assert (trace.kind == Kind.INPAINTED).all()
    assert trace.gate is not None
    assert (trace.gate == 255).all()


def test_a_bank_needs_a_photo() -> None:
    with pytest.raises(EvaluationError, match="photo"):
        MemoryBank([], FACTS)
