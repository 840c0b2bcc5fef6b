import numpy as np

from synth.training.lessons import fit
from synth.training.prepared import Prepared
from synth.training.shifts import ShiftRecipe, large_rows, shifted, trial

SHIFT = ShiftRecipe(least_share=0.01)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_the_true_answer_puts_a_segment_back(prepared: Prepared) -> None:
    rows = large_rows(prepared, np.arange(10), SHIFT)
    figures = []
    for seed, row in enumerate(rows.tolist()):
        made = trial(prepared, row, SHIFT, rng(seed))
        figures.append([fit(made, made.seen.answer), fit(made, np.eye(2, 3)), fit(made, made.moments)])
    l1, iou = np.moveaxis(np.array(figures), 2, 0)  # (rows, answers) each

    assert iou[:, 0].min() > 0.85 and iou[:, 0].mean() > 0.93
    assert iou[:, 0].mean() > iou[:, 2].mean() > iou[:, 1].mean()
    assert l1[:, 0].mean() < l1[:, 2].mean() < l1[:, 1].mean()


def test_moments_put_back_what_was_only_moved_and_scaled(prepared: Prepared) -> None:
    recipe = ShiftRecipe(scale=1.4, aspect=1, shift=0.1, turn_degrees=0, clipped=0, least_share=0.01)
    mugs = [r for r in large_rows(prepared, np.arange(10), recipe) if prepared.category[r] == 13]
    figures = []
    for seed, row in enumerate(mugs):
        made = trial(prepared, row, recipe, rng(seed))
        figures.append((fit(made, made.moments)[1], fit(made, np.eye(2, 3))[1]))

    moments, still = np.array(figures).T
    assert moments.mean() > 0.9 > still.mean()


def test_clipping_hides_a_part_of_what_the_network_sees_and_nothing_of_what_is_measured(
    prepared: Prepared,
) -> None:
    row = int(large_rows(prepared, np.arange(10), SHIFT)[0])
    whole = trial(prepared, row, SHIFT.model_copy(update={"clipped": 0.0}), rng(3))
    made = trial(prepared, row, SHIFT.model_copy(update={"clipped": 1.0}), rng(3))

    seen, all_of_it = (t.seen.color.any(axis=2).sum() for t in (made, whole))
    assert 0.25 * all_of_it < seen < all_of_it
    assert np.array_equal(made.mask, whole.mask)
    assert np.array_equal(made.color, whole.color)
    assert np.array_equal(made.seen.target, whole.seen.target)


def test_pairs_are_the_same_per_seed(prepared: Prepared) -> None:
    row = int(large_rows(prepared, np.arange(10), SHIFT)[2])
    one, other = shifted(prepared, row, SHIFT, rng(4)), shifted(prepared, row, SHIFT, rng(4))

    assert np.array_equal(one.color, other.color) and np.array_equal(one.answer, other.answer)
    assert not np.array_equal(one.answer, shifted(prepared, row, SHIFT, rng(5)).answer)
