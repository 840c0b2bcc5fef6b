import pytest

from synth.ordering.order import Standing, back_to_front
from synth.pictures import CategoryFacts

WALL = CategoryFacts(1, "wall", planar=True, front_rank=5)
FLOOR = CategoryFacts(2, "floor", planar=True, front_rank=9)
VOID = CategoryFacts(0, "void", void=True, front_rank=50)
MUG = CategoryFacts(3, "mug", front_rank=80)
SHELF = CategoryFacts(4, "shelf", front_rank=20)


def test_flat_things_lie_behind_objects_even_when_they_are_nearer() -> None:
    things = [
        Standing(MUG, 4000, 10),
        Standing(FLOOR, 500, 90),
        Standing(WALL, 800, 50),
        Standing(VOID, 1, 1),
    ]
    assert back_to_front(things) == [3, 2, 1, 0]


def test_objects_go_by_depth_where_each_has_one() -> None:
    assert back_to_front([Standing(SHELF, 900, 1), Standing(MUG, 1000, 1)]) == [1, 0]


@pytest.mark.parametrize("shelf_mm", [None, 900])
def test_else_by_what_they_are(shelf_mm: int | None) -> None:
    assert back_to_front([Standing(MUG, None, 1), Standing(SHELF, shelf_mm, 1)]) == [1, 0]


def test_of_two_alike_the_one_further_down_stands_in_front() -> None:
    assert back_to_front([Standing(MUG, None, 80), Standing(MUG, None, 40)]) == [1, 0]


def test_equal_things_keep_their_order() -> None:
    assert back_to_front([Standing(MUG, 700, 5)] * 3) == [0, 1, 2]
    assert back_to_front([]) == []
