import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial import cKDTree

from synth.distance import nearest


def by_looking_at_all(holes: np.ndarray, sources: np.ndarray, reach_px: int) -> dict[int, tuple[int, int]]:
    width = holes.shape[1]
    out = {}
    for hole in np.flatnonzero(holes).tolist():
        best = min(
            (
                ((s // width - hole // width) ** 2 + (s % width - hole % width) ** 2, s)
                for s in np.flatnonzero(sources).tolist()
            ),
            default=None,
        )
        if best is not None and best[0] <= reach_px**2:
            out[hole] = (best[1], best[0])
    return out


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_each_hole_finds_its_nearest_source_and_ties_go_up_then_left(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    kind = data.draw(arrays.arrays(np.uint8, shape, elements=st.integers(0, 2)))
    reach = data.draw(st.integers(0, 12))

    hole, source, squared = nearest(kind == 1, kind == 2, reach_px=reach)

    found = {h: (s, d) for h, s, d in zip(hole.tolist(), source.tolist(), squared.tolist(), strict=True)}
    assert found == by_looking_at_all(kind == 1, kind == 2, reach)


def test_the_upper_of_two_equally_near_sources_wins() -> None:
    sources = np.zeros((5, 5), bool)
    sources[[0, 2, 2, 4], [2, 0, 4, 2]] = True
    holes = np.zeros((5, 5), bool)
    holes[2, 2] = True

    _, source, squared = nearest(holes, sources, reach_px=9)

    assert source.tolist() == [2]  # row 0, column 2
    assert squared.tolist() == [4]


def test_distances_of_a_large_picture_are_a_library_s_own() -> None:
    rng = np.random.Generator(np.random.Philox(5))
    sources = rng.random((384, 512)) < 0.002
    holes = ~sources

    hole, source, squared = nearest(holes, sources, reach_px=512)

    points = np.argwhere(sources)
    distance, _ = cKDTree(points).query(np.argwhere(holes))
    assert len(hole) == np.count_nonzero(holes)
    assert np.array_equal(squared, np.rint(distance**2).astype(np.int64))
    assert sources.ravel()[source].all()


def test_no_source_leaves_all_holes() -> None:
    hole, source, squared = nearest(np.ones((3, 3), bool), np.zeros((3, 3), bool), reach_px=9)
    assert hole.size == source.size == squared.size == 0


def test_a_few_holes_find_the_same_sources_near_and_far() -> None:
    """A few look around themselves first; where many do, none does."""
    rng = np.random.Generator(np.random.Philox(6))
    for _ in range(20):
        few = rng.random((60, 70)) < 0.03
        few[20:28, 30:45] |= rng.random((8, 15)) < 0.9  # too deep for a look around
        sources = ~few & (rng.random(few.shape) < rng.choice([1.0, 0.3, 0.01]))
        many = ~sources

        found = {
            hole: (source, squared)
            for hole, source, squared in zip(*nearest(few, sources, reach_px=9), strict=True)
        }
        whole = {
            hole: (source, squared)
            for hole, source, squared in zip(*nearest(many, sources, reach_px=9), strict=True)
        }

        assert found == {hole: whole[hole] for hole in np.flatnonzero(few).tolist() if hole in whole}
