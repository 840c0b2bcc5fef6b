"""A pixel is inside where its center is."""

import numpy as np

from synth.datasets.shapes import ellipse, polygon, runs


def test_a_polygon_on_pixel_borders_covers_whole_pixels() -> None:
    found = polygon(np.array([[2.0, 1], [5, 1], [5, 3], [2, 3]]), (4, 6))

    assert found.astype(int).tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 1, 0],
        [0, 0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_neighbours_that_share_an_edge_share_no_pixel_and_leave_none() -> None:
    middle = [[0.0, 3.3], [4.7, 1.2], [9.1, 4.9], [16, 0.4]]
    above = polygon(np.array([[0.0, 0], [16, 0], *middle[::-1]]), (8, 16))
    below = polygon(np.array([*middle, [16.0, 8], [0, 8]]), (8, 16))

    assert not (above & below).any()
    assert (above | below).all()


def test_a_polygon_is_cut_at_the_frame_and_even_odd_where_it_crosses_itself() -> None:
    beyond = polygon(np.array([[-5.0, -5], [50, -5], [50, 50], [-5, 50]]), (4, 4))
    outside = polygon(np.array([[10.0, 10], [20, 10], [20, 20]]), (4, 4))
    twice = polygon(np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]] * 2), (4, 4))

    assert beyond.all()
    assert not outside.any()
    assert not twice.any()


def test_an_ellipse_turns_with_the_clock() -> None:
    flat, turned = ellipse(8, 8, 7, 2, 0, (16, 16)), ellipse(8, 8, 7, 2, 90, (16, 16))
    falling = ellipse(8, 8, 7, 2, 45, (16, 16))

    assert np.array_equal(flat.T, turned)
    assert falling[11, 11]
    assert not falling[11, 4]
    assert abs(int(flat.sum()) - np.pi * 7 * 2) < 5


def test_runs_fill_their_box_row_by_row_or_are_none() -> None:
    found = runs([1, 2, 1, 4], (1, 1, 4, 2), (4, 6))

    assert found is not None
    assert found.astype(int).tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 1, 1, 1, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert runs([1, 2, 1, 5], (1, 1, 4, 2), (4, 6)) is None
    assert runs([8], (3, 1, 4, 2), (4, 6)) is None
    assert runs([], (0, 0, 0, 0), (4, 6)) is None
