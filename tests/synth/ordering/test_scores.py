"""An order from scores of pairs: what is known is never broken, and the surest score wins."""

import numpy as np
import pytest

from synth.ordering.order import Standing, back_to_front, ordered_by_scores
from synth.pictures import CategoryFacts

WALL = CategoryFacts(1, "wall", planar=True, front_rank=5)
FLOOR = CategoryFacts(2, "floor", planar=True, ground=True, front_rank=10)
VOID = CategoryFacts(0, "void", void=True)
CHAIR = CategoryFacts(3, "chair", front_rank=40)
MUG = CategoryFacts(4, "mug", front_rank=80)


def thing(category: CategoryFacts, lower_edge_px: int = 0, depth_mm: float | None = None) -> Standing:
    return Standing(category, depth_mm, lower_edge_px)


def test_without_scores_and_depth_everything_stands_as_usual() -> None:
    things = [thing(MUG, 9), thing(FLOOR), thing(CHAIR, 5), thing(VOID), thing(WALL), thing(MUG, 3)]
    assert ordered_by_scores(things, {}) == back_to_front(things)


def test_a_score_turns_a_pair_around() -> None:
    things = [thing(CHAIR, 50), thing(MUG, 50)]
    assert ordered_by_scores(things, {(0, 1): -2.0}) == [0, 1]
    assert ordered_by_scores(things, {(0, 1): 2.0}) == [1, 0]
    assert ordered_by_scores(things, {(1, 0): -0.1}) == [1, 0]


def test_depth_is_never_broken_among_those_that_have_it() -> None:
    things = [thing(MUG, depth_mm=900), thing(MUG, depth_mm=400), thing(CHAIR)]
    assert ordered_by_scores(things, {(0, 1): 50.0, (2, 0): -1.0}) == [2, 0, 1]
    # Between the two by scores of its own.
    assert ordered_by_scores(things, {(0, 2): -3.0, (1, 2): 3.0}) == [0, 2, 1]


def test_what_is_flat_stays_behind_whatever_the_scores() -> None:
    things = [thing(MUG), thing(WALL), thing(FLOOR), thing(VOID)]
    assert ordered_by_scores(things, {(1, 0): 9.0, (3, 2): 9.0}) == [3, 1, 2, 0]


def test_in_a_circle_the_least_sure_score_gives_way() -> None:
    things = [thing(MUG), thing(MUG), thing(MUG)]
    circle = {(0, 1): 3.0, (1, 2): 2.0, (2, 0): 1.0}  # 0 before 1 before 2 before 0
    assert ordered_by_scores(things, circle) == [2, 1, 0]


def test_what_follows_from_two_scores_outweighs_a_weaker_third() -> None:
    things = [thing(MUG) for _ in range(4)]
    scores = {(3, 2): 5.0, (2, 1): 4.0, (1, 0): 3.0, (0, 3): 2.0}
    assert ordered_by_scores(things, scores) == [0, 1, 2, 3]


@pytest.mark.parametrize("seed", range(20))
def test_every_thing_stands_once_and_rules_hold_by_chance(seed: int) -> None:
    rng = np.random.Generator(np.random.Philox(seed))
    kinds = [WALL, FLOOR, VOID, CHAIR, MUG]
    things = [
        thing(
            kinds[int(rng.integers(5))],
            int(rng.integers(100)),
            float(rng.integers(1, 20)) if rng.random() < 0.5 else None,
        )
        for _ in range(12)
    ]
    scores = {(i, j): float(rng.normal()) for i in range(12) for j in range(i) if rng.random() < 0.4}
    order = ordered_by_scores(things, scores)
    assert sorted(order) == list(range(12))
    assert order == ordered_by_scores(things, dict(reversed(scores.items())))
    flat = [things[i].category.planar or things[i].category.void for i in order]
    assert flat == sorted(flat, reverse=True)
    depths = [d for i in order if not flat[order.index(i)] and (d := things[i].depth_mm) is not None]
    assert depths == sorted(depths, reverse=True)
    surest = max(
        (
            pair
            for pair in scores
            if all(things[i].category in (CHAIR, MUG) for i in pair)
            and any(things[i].depth_mm is None for i in pair)
        ),
        key=lambda pair: abs(scores[pair]),
        default=None,
    )
    if surest is not None and not any(d for d in depths):
        ahead = scores[surest] > 0
        assert (order.index(surest[0]) > order.index(surest[1])) == ahead
