import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import ndimage

from synth.runs import connected, runs_in, runs_of

label_maps = npst.arrays(
    np.uint8, st.tuples(st.integers(1, 25), st.integers(1, 25)), elements=st.integers(0, 2)
)
masks = npst.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(label_maps, st.booleans())
@settings(max_examples=100, deadline=None)
def test_runs_are_the_longest_equal_stretches_and_cover_each_pixel_once(
    labels: np.ndarray, parted: bool
) -> None:
    halves = (np.arange(labels.shape[1]) * 2 // labels.shape[1] + np.zeros(labels.shape)).astype(np.int32)
    maps = (labels, halves) if parted else (labels,)

    runs = runs_of(*maps)

    assert np.array_equal(runs.pixels(labels.shape[1]), np.arange(labels.size))
    for values in maps:
        first = values[runs.row, runs.start]
        assert np.array_equal(np.repeat(first, runs.length).reshape(labels.shape), values)
    keys = labels * 10 + (halves if parted else 0)
    same_row = runs.row[1:] == runs.row[:-1]
    ends = keys[runs.row, runs.stop - 1][:-1] == keys[runs.row, runs.start][1:]
    assert not (same_row & ends).any()


@given(label_maps)
@settings(max_examples=150, deadline=None)
def test_connected_runs_are_the_8_connected_components(labels: np.ndarray) -> None:
    runs = runs_of(labels)

    count, numbers = connected(runs, labels[runs.row, runs.start])

    numbered = np.repeat(numbers, runs.length).reshape(labels.shape)
    assert set(numbers.tolist()) == set(range(count))
    found = 0
    for value in np.unique(labels):
        wanted, pieces = ndimage.label(labels == value, structure=np.ones((3, 3)))
        found += pieces
        for piece in range(1, pieces + 1):
            assert len(np.unique(numbered[wanted == piece])) == 1
    assert count == found


@given(st.lists(masks, max_size=6))
@settings(max_examples=100, deadline=None)
def test_runs_in_masks_are_their_set_pixels(some: list[np.ndarray]) -> None:
    runs, of = runs_in(some)

    assert (np.diff(of) >= 0).all()
    for at, mask in enumerate(some):
        own = runs.take(of == at)
        assert np.array_equal(own.pixels(mask.shape[1]), np.flatnonzero(mask))


def test_noise_of_a_million_runs_is_taken_apart() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    labels = rng.integers(0, 3, (700, 1000)).astype(np.uint8)
    runs = runs_of(labels)

    count, _ = connected(runs, labels[runs.row, runs.start])

    structure = np.ones((3, 3))
    assert count == sum(ndimage.label(labels == value, structure=structure)[1] for value in range(3))
