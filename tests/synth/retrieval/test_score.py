from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.retrieval import score
from synth.retrieval.descriptors import Descriptors, pack


def random_descriptors(
    seed: int, count: int, categories: int = 4
) -> tuple[Descriptors, np.ndarray, np.ndarray]:
    rng = np.random.Generator(np.random.Philox(seed))
    masks = rng.random((count, 32, 32)) < rng.random((count, 1, 1))
    masks[:, 0, 0] |= ~masks.any(axis=(1, 2))
    contexts = rng.integers(0, categories, (count, 16, 16)).astype(np.uint8)
    contexts[rng.random(count) < 0.2] = 0
    return pack("scene", masks, contexts), masks, contexts


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_terms_are_the_sizes_of_intersections_and_unions(seed: int) -> None:
    bank, masks, contexts = random_descriptors(seed, 12)

    found = score.terms(bank, 0, bank)

    for at in range(12):
        assert found.im[at] == (masks[0] & masks[at]).sum()
        assert found.um[at] == (masks[0] | masks[at]).sum()
        same = (contexts[0] == contexts[at]) & (contexts[0] > 0)
        assert found.ic[at] == same.sum()
        # As sets of (cell, category): where both are known and differ, two elements stand in the union.
        assert found.uc[at] == (contexts[0] > 0).sum() + (contexts[at] > 0).sum() - same.sum()


@given(st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_the_key_orders_exactly_as_the_sum_of_both_fractions(seed: int) -> None:
    bank, _, _ = random_descriptors(seed, 40, categories=2)

    found = score.terms(bank, 0, bank)

    exact = [
        Fraction(int(im), int(um)) + (Fraction(int(ic), int(uc)) if uc else 0)
        for im, um, ic, uc in zip(found.im, found.um, found.ic, found.uc, strict=True)
    ]
    keys = found.key()
    for one in range(40):
        for other in range(40):
            assert (exact[one] < exact[other]) == (keys[one] < keys[other])


def test_an_empty_context_union_scores_nothing_for_that_term() -> None:
    masks = np.ones((2, 32, 32), dtype=bool)
    bank = pack("scene", masks, np.zeros((2, 16, 16), dtype=np.uint8))

    found = score.terms(bank, 0, bank)

    assert found.uc.tolist() == [0, 0]
    assert found.key().tolist() == [1.0, 1.0]


def test_void_counts_in_neither_intersection_nor_union() -> None:
    masks = np.ones((1, 32, 32), dtype=bool)
    known = np.zeros((1, 16, 16), dtype=np.uint8)
    known[0, 0, :4] = 7
    other = np.zeros((1, 16, 16), dtype=np.uint8)
    other[0, 0, 2:6] = 7

    found = score.terms(pack("scene", masks, known), 0, pack("scene", masks, other))

    assert (found.ic.item(), found.uc.item()) == (2, 6)


def test_a_segment_finds_itself_first_and_equals_keep_the_banks_order() -> None:
    bank, _, _ = random_descriptors(3, 20)
    twice = bank.take(np.array([4, 9, 4, 2, 4], dtype=np.int64))

    order, found = score.top(bank, 4, twice, 3)

    assert order.tolist() == [0, 2, 4]
    assert found.key().tolist() == [found.key()[0]] * 3


def test_descriptors_of_two_frames_do_not_compare() -> None:
    masks, contexts = np.ones((1, 32, 32), dtype=bool), np.ones((1, 16, 16), dtype=np.uint8)

    with pytest.raises(ValueError, match="frames"):
        score.terms(pack("scene", masks, contexts), 0, pack("box", masks, contexts))
