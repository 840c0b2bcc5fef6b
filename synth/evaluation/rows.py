"""What was measured, line by line: figures, what each part contributes, and what was aimed at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from synth.cards import Card
from synth.evaluation.bootstrap import Estimate, mean_of
from synth.evaluation.measure import CELL_FRECHET, FIGURES, KID, MEAN_IOU, OWN_SEAMS, REAL, SEAMS, Measured
from synth.evaluation.systems import BLEND, EMPTY, FULL, PARAMETRIC, SEED

_MEAN = ", mean of seeds"
_SHOWN_BY_PARTS = (KID, CELL_FRECHET, MEAN_IOU, SEAMS, OWN_SEAMS)


@dataclass(frozen=True)
class Row:
    """One line of `evaluation.json`. `holds` is None where nothing was aimed at."""

    name: str
    value: float
    interval: tuple[float, float] | None
    target: str | None = None
    holds: bool | None = None


def rows(measured: Measured, networks: Mapping[str, Card] | None = None) -> list[Row]:
    """All figures, then what was aimed at, as far as its systems were measured."""
    out = [
        Row(f"{system}: {figure}", figures[figure].value, figures[figure].interval)
        for system, figures in measured.figures.items()
        for figure in FIGURES
        if figure in figures
    ]
    for what, of in (("seconds", measured.seconds), ("peak memory in MB", measured.memory_mb)):
        out += [
            Row(f"{system}: {what}, {stage}", value, None)
            for system, stages in of.items()
            for stage, value in stages.items()
        ]
    return [*out, *parts(measured), *targets(measured), *trained(networks or {})]


def parts(measured: Measured) -> list[Row]:
    """Each system that differs from another in one part, over that one."""
    found = []
    for system, figures in measured.figures.items():
        whole = system.rpartition(", ")[0]
        if SEED in system or whole not in measured.figures:
            continue
        for figure in _SHOWN_BY_PARTS:
            one, other = figures.get(figure), measured.figures[whole].get(figure)
            if one is not None and other is not None:
                ratio = one.over(other)
                found.append(Row(f"{figure}: {system} / {whole}", ratio.value, ratio.interval))
    return found


def targets(measured: Measured) -> list[Row]:
    """What the product promises on photos, held against the figures: of each seed, and of their mean."""
    seeds = [system.removeprefix(FULL) for system in measured.figures if system.startswith(f"{FULL}, {SEED}")]
    suffixes = ["", *seeds]
    found = [row for suffix in suffixes for row in _targets(_with(measured, suffix), suffix)]
    if len(suffixes) > 1:
        found += _targets(_mean(measured, suffixes), _MEAN)
    return found


def trained(networks: Mapping[str, Card]) -> list[Row]:
    """What the training of each network measured on what it held out."""
    found: list[Row] = []
    for name, card in networks.items():
        found += [
            Row(f"{name}: {metric}, by its training", value, None) for metric, value in card.metrics.items()
        ]
        of = card.metrics
        if card.kind != "transformation":
            continue
        for what, label, lower in (("l1", "masked L1", True), ("iou", "IoU", False)):
            for how in ("network", "used"):
                ours, theirs = of.get(f"{what}_{how}"), of.get(f"{what}_moments")
                if ours is not None and theirs:
                    ratio = ours / theirs
                    holds = ratio < 1 if lower else ratio > 1
                    aim = "< 1" if lower else "> 1"
                    found.append(Row(f"{name}: {label}, {how} / moments", ratio, None, aim, holds))
    return found


_Figures = Mapping[str, Mapping[str, Estimate]]


def _targets(figures: _Figures, suffix: str) -> list[Row]:
    found: list[Row] = []

    def ratio(
        figure: str, above: str, below: str, target: str, holds: Callable[[float, float, float], bool]
    ) -> None:
        one, other = (figures.get(system, {}).get(figure) for system in (above, below))
        if one is None or other is None:
            return
        both = one.over(other)
        low, high = both.interval
        name = f"{figure}: {above} / {below}{suffix}"
        found.append(Row(name, both.value, (low, high), target, holds(both.value, low, high)))

    for figure in (KID, CELL_FRECHET):
        ratio(figure, FULL, PARAMETRIC, "<= 0.6, aim 0.4", lambda value, _low, _high: value <= 0.6)
        ratio(
            figure, FULL, BLEND, "<= 0.95, interval below 1",
            lambda value, _low, high: value <= 0.95 and high < 1,
        )  # fmt: skip
    ratio(MEAN_IOU, FULL, BLEND, ">= 1", lambda value, _low, _high: value >= 1)
    ratio(MEAN_IOU, FULL, REAL, ">= 0.85, aim 0.92", lambda value, _low, _high: value >= 0.85)
    ratio(MEAN_IOU, FULL, PARAMETRIC, ">= 1.2", lambda value, _low, _high: value >= 1.2)
    ratio(KID, EMPTY, PARAMETRIC, "interval reaches below 1.05", lambda _value, low, _high: low < 1.05)
    seam = figures.get(FULL, {}).get(SEAMS)
    if seam is not None:
        found.append(
            Row(f"{SEAMS}: {FULL}{suffix}", seam.value, seam.interval, "<= 1.15", seam.value <= 1.15)
        )
    return found


def _with(measured: Measured, suffix: str) -> _Figures:
    """Figures by role, of the networks of one seed."""
    of = measured.figures
    roles = {role: of[role + suffix] for role in (FULL, PARAMETRIC, EMPTY) if role + suffix in of}
    return {system: of[system] for system in (BLEND, REAL) if system in of} | roles


def _mean(measured: Measured, suffixes: Sequence[str]) -> _Figures:
    """Figures by role, each the mean over the seeds that the role has."""
    every = [_with(measured, suffix) for suffix in suffixes]
    mean: dict[str, Mapping[str, Estimate]] = {}
    for role in (FULL, PARAMETRIC, EMPTY, BLEND, REAL):
        of_role = [figures[role] for figures in every if role in figures]
        if of_role:
            shared = [figure for figure in of_role[0] if all(figure in one for one in of_role)]
            mean[role] = {figure: mean_of([one[figure] for one in of_role]) for figure in shared}
    return mean
