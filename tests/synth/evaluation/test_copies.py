"""What is called a near-copy, and how much one photo gives."""

import numpy as np
import pytest

from synth.evaluation.copies import (
    canvas_share,
    diversity,
    gate_share,
    largest_share,
    near_copy_limit,
    nearest,
)
from synth.evaluation.pictures import Trace
from synth.pictures import Kind


def test_a_photo_slightly_changed_is_a_near_copy_of_it_and_another_is_not() -> None:
    rng = np.random.Generator(np.random.Philox(21))
    bank = rng.uniform(0, 1, (80, 64))
    limit = near_copy_limit(bank)
    copy = bank[[17]] + rng.normal(0, 0.01, (1, 64))
    other = rng.uniform(0, 1, (1, 64))
    found = nearest(np.vstack([copy, other]), bank)
    assert found.photo[0] == 17
    assert found.distance[0] < limit < found.distance[1]


def test_the_limit_is_what_one_photo_in_twenty_undercuts() -> None:
    rng = np.random.Generator(np.random.Philox(22))
    bank = rng.uniform(0, 1, (200, 64))
    limit = near_copy_limit(bank)
    under = 0
    for at in range(len(bank)):
        others = np.delete(bank, at, axis=0)
        under += nearest(bank[[at]], others).distance[0] < limit
    assert under == pytest.approx(10, abs=1)


def test_brightness_alone_moves_no_cosine() -> None:
    row = np.random.Generator(np.random.Philox(23)).uniform(0, 1, (1, 64))
    assert nearest(row * 3, row).distance[0] == pytest.approx(0, abs=1e-12)


def test_the_largest_share_adds_up_a_photo_s_placements() -> None:
    owner = np.array([[0, 0, 1, 2], [3, 3, -1, -1]], np.int32)
    kind = np.where(owner >= 0, Kind.PLACED, Kind.INPAINTED).astype(np.uint8)
    trace = Trace(owner, kind, ("a", "b", "a", "c"), np.full((2, 4), 51, np.uint8))
    assert trace.photo_px() == {"a": 3, "b": 1, "c": 2}
    assert largest_share(trace) == 3 / 8
    assert canvas_share(trace) == 6 / 8
    assert gate_share(trace) == 0.2


def test_an_empty_canvas_has_no_largest_photo() -> None:
    empty = Trace(np.full((2, 2), -1, np.int32), np.full((2, 2), Kind.INPAINTED, np.uint8), ())
    assert (largest_share(empty), canvas_share(empty), gate_share(empty)) == (0, 0, 0)


def test_equal_variations_have_no_diversity() -> None:
    row = np.random.Generator(np.random.Philox(24)).uniform(0, 1, (1, 32))
    assert diversity(np.repeat(row, 3, axis=0)) == pytest.approx(0, abs=1e-12)
    assert diversity(np.eye(3)) == pytest.approx(1)
    assert np.isnan(diversity(row))
