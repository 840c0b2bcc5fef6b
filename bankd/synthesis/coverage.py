"""How well the bank could serve layouts, before anything is ordered or trained: what fits, what is short.

Shares are of the area of all layouts together, void included, from 0 to 1. A
region counts by its area wherever regions are taken together, as a picture does.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bankd.policy.explain import Denial
from bankd.synthesis.quality import Fitted, Quality, predict


@dataclass(frozen=True)
class RegionFound:
    """A region and how well the best segment that clears fits it; None where nothing clears.

    `mask` is the overlap of their masks, `context` how far their surroundings
    agree, each from 0 to 1. The score is their sum.
    """

    category: str
    area_px: int
    mask: float | None
    context: float | None


@dataclass(frozen=True)
class LayoutFound:
    name: str
    area_px: int
    regions: tuple[RegionFound, ...]

    @property
    def short_px(self) -> int:
        return sum(region.area_px for region in self.regions if region.mask is None)

    @property
    def score(self) -> float:
        """By area, the mean of the best scores, from 0 to 2; 0 where nothing clears."""
        total = sum(region.area_px * ((region.mask or 0) + (region.context or 0)) for region in self.regions)
        return total / self.area_px


@dataclass(frozen=True)
class Spread:
    """Quartiles by area: a quarter of it scores `low` or less, half `median`, three quarters `high`."""

    least: float
    low: float
    median: float
    high: float
    most: float


@dataclass(frozen=True)
class CategoryCoverage:
    """One category. The spreads are over its regions that something clears for, None where nothing does.

    `segments` are those that the bank holds, counted where some region is short.
    """

    category: str
    regions: int
    share: float
    short_regions: int
    short_share: float
    segments: int | None
    score: Spread | None
    mask: Spread | None
    context: Spread | None
    reasons: tuple[Denial, ...]


@dataclass(frozen=True)
class ShortBy:
    """A right that stands in the way of segments of short regions, and the share that these regions cover."""

    policy: str
    says: str
    share: float
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Coverage:
    """`blend` and `network` count the layouts that would be ordered with that refiner, cap by cap aside.

    `quality` predicts what `blend` would make of those that it would be ordered for.
    """

    layouts: int
    regions: int
    short_share: float
    blend: int
    network: int
    categories: tuple[CategoryCoverage, ...]  # the largest short share first, then the largest share
    short_by: tuple[ShortBy, ...]  # the largest share first
    quality: tuple[Quality, ...] = ()


def cover(
    layouts: Sequence[LayoutFound],
    held: Mapping[str, tuple[int, Sequence[Denial]]],
    *,
    blend_bp: int,
    network_bp: int,
    fitted: Fitted | None = None,
) -> Coverage:
    """Draw findings together.

    Args:
        held: for each category that is short somewhere, how many segments
            the bank holds and why none of them clears.
        blend_bp: of a layout's area may be short, in hundredths of a percent, before `blend` refuses it.
        network_bp: before a network refuses it.
        fitted: what predicts quality; None predicts nothing.
    """
    whole_px = sum(layout.area_px for layout in layouts)
    by_category: defaultdict[str, list[RegionFound]] = defaultdict(list)
    for layout in layouts:
        for region in layout.regions:
            by_category[region.category].append(region)
    categories = [
        _category(name, regions, held.get(name), whole_px=whole_px) for name, regions in by_category.items()
    ]
    categories.sort(key=lambda one: (-one.short_share, -one.share, one.category))

    def served(most_bp: int) -> list[LayoutFound]:
        return [layout for layout in layouts if layout.short_px * 10_000 <= most_bp * layout.area_px]

    return Coverage(
        layouts=len(layouts),
        regions=sum(len(layout.regions) for layout in layouts),
        short_share=sum(layout.short_px for layout in layouts) / whole_px,
        blend=len(served(blend_bp)),
        network=len(served(network_bp)),
        categories=tuple(categories),
        short_by=_short_by(categories),
        quality=predict([layout.score for layout in served(blend_bp)], fitted) if fitted else (),
    )


def spread(values: Sequence[tuple[float, int]]) -> Spread | None:
    """Quartiles of values that each stand for so many pixels; each is one of the values."""
    if not values:
        return None
    ordered = sorted(values)
    whole_px = sum(area_px for _, area_px in ordered)

    def at(percent: int) -> float:
        seen_px = 0
        for value, area_px in ordered:
            seen_px += area_px
            if seen_px * 100 >= percent * whole_px:
                return value
        return ordered[-1][0]

    return Spread(ordered[0][0], at(25), at(50), at(75), ordered[-1][0])


def _category(
    name: str,
    regions: Sequence[RegionFound],
    held: tuple[int, Sequence[Denial]] | None,
    *,
    whole_px: int,
) -> CategoryCoverage:
    found = [(one.mask, one.context, one.area_px) for one in regions]
    served = [(mask, context, px) for mask, context, px in found if mask is not None and context is not None]
    short = [region for region in regions if region.mask is None]
    return CategoryCoverage(
        category=name,
        regions=len(regions),
        share=sum(region.area_px for region in regions) / whole_px,
        short_regions=len(short),
        short_share=sum(region.area_px for region in short) / whole_px,
        segments=held[0] if short and held is not None else None,
        score=spread([(mask + context, px) for mask, context, px in served]),
        mask=spread([(mask, px) for mask, _, px in served]),
        context=spread([(context, px) for _, context, px in served]),
        reasons=tuple(held[1]) if short and held is not None else (),
    )


def _short_by(categories: Sequence[CategoryCoverage]) -> tuple[ShortBy, ...]:
    says: dict[str, str] = {}
    standing: defaultdict[str, list[CategoryCoverage]] = defaultdict(list)
    for one in categories:
        for denial in one.reasons:
            says[denial.policy] = denial.says
            standing[denial.policy].append(one)
    found = [
        ShortBy(
            policy,
            says[policy],
            sum(one.short_share for one in short),
            tuple(sorted(one.category for one in short)),
        )
        for policy, short in standing.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.share, one.policy)))
