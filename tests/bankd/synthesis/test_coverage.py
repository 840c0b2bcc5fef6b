"""How findings about layouts are drawn together."""

import pytest

from bankd.policy.explain import Denial
from bankd.synthesis.coverage import LayoutFound, RegionFound, Spread, cover, spread
from bankd.synthesis.quality import Fitted, Line, fitted, predict

PURPOSE = Denial("purpose-not-covered", "The purpose is not covered", 4)
SECTOR = Denial("sector-not-covered", "The sector is not covered", 1)


def layout(name: str, *regions: tuple[str, int, float | None]) -> LayoutFound:
    found = [
        RegionFound(category, px, mask, None if mask is None else 0.25) for category, px, mask in regions
    ]
    return LayoutFound(name, 1000, tuple(found))


def test_quartiles_count_by_area() -> None:
    assert spread([]) is None
    assert spread([(0.5, 7)]) == Spread(0.5, 0.5, 0.5, 0.5, 0.5)
    assert spread([(0.9, 1), (0.1, 50), (0.4, 25), (0.6, 24)]) == Spread(0.1, 0.1, 0.1, 0.4, 0.9)


def test_shares_are_of_all_layouts_and_the_shortest_category_stands_first() -> None:
    found = cover(
        [
            layout("a", ("wall", 600, 0.5), ("mug", 50, None)),
            layout("b", ("wall", 700, 1.0), ("mug", 100, 0.75), ("shelf", 200, None)),
        ],
        {"mug": (4, [PURPOSE]), "shelf": (1, [PURPOSE, SECTOR])},
        blend_bp=1000,
        network_bp=5000,
    )

    assert (found.layouts, found.regions, found.short_share) == (2, 5, 0.125)
    assert (found.blend, found.network) == (1, 2)
    assert [one.category for one in found.categories] == ["shelf", "mug", "wall"]
    shelf, mug, wall = found.categories
    assert (shelf.score, shelf.segments, shelf.short_regions) == (None, 1, 1)
    assert (mug.regions, mug.share, mug.short_share) == (2, 0.075, 0.025)
    assert mug.score == Spread(1.0, 1.0, 1.0, 1.0, 1.0) and mug.mask is not None and mug.mask.median == 0.75
    assert wall.reasons == () and wall.segments is None


def test_a_right_is_charged_with_the_area_of_every_region_that_it_stands_against() -> None:
    found = cover(
        [layout("a", ("mug", 50, None), ("shelf", 200, None))],
        {"mug": (4, [PURPOSE]), "shelf": (1, [PURPOSE, SECTOR])},
        blend_bp=1000,
        network_bp=5000,
    )

    assert [(one.policy, one.categories) for one in found.short_by] == [
        ("purpose-not-covered", ("mug", "shelf")),
        ("sector-not-covered", ("shelf",)),
    ]
    assert [one.share for one in found.short_by] == pytest.approx([0.25, 0.2])


def test_quality_is_predicted_of_the_layouts_that_would_be_blended() -> None:
    line = Line(intercept=0.5, slope=0.25, low=0.5, high=1.0, error=0.03, explained=0.4, pictures=9, scenes=3)
    layouts = [
        layout("fits", ("wall", 1000, 0.5)),  # scores .75
        layout("fits worse", ("wall", 950, 0.0), ("mug", 50, None)),  # scores .2375, less than was ever seen
        layout("refused", ("wall", 500, 1.0), ("mug", 500, None)),
    ]

    found = cover(layouts, {}, blend_bp=1000, network_bp=5000, fitted=Fitted("streets", {"accuracy": line}))

    (quality,) = found.quality
    assert (found.blend, quality.figure, quality.outside) == (2, "accuracy", 1)
    assert (quality.least, quality.mean, quality.most) == pytest.approx((0.625, 0.65625, 0.6875))
    assert (quality.error, quality.explained, quality.fitted_on) == (0.03, 0.4, "streets")


def test_what_was_fitted_can_be_read() -> None:
    found = fitted()
    assert found.fitted_on
    for line in found.lines.values():
        assert line.low < line.high <= 2
        assert line.error > 0
        assert line.scenes >= 3
    assert predict([], found) == ()
