"""What pictures come to, told from how well the bank fits their layouts: by lines that were fitted once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from synth.evaluation.quality import Line


@dataclass(frozen=True)
class Fitted:
    """Lines by figure, and what they were fitted on."""

    fitted_on: str
    lines: Mapping[str, Line]


@dataclass(frozen=True)
class Quality:
    """One figure, predicted for layouts: the least, the mean, the most.

    A layout's own is off by `error` (root mean square, on scenes that the prediction did not know);
    `explained` is the share of the variance that it explains. `outside` counts layouts whose scores lie
    beyond all that the line was fitted on: their prediction is that of its nearest end.
    """

    figure: str
    least: float
    mean: float
    most: float
    error: float
    explained: float
    outside: int
    fitted_on: str


@cache
def fitted() -> Fitted:
    """As `tools/camvid_quality.py` wrote it."""
    text = resources.files("bankd.synthesis").joinpath("quality.json").read_text(encoding="utf-8")
    document = json.loads(text)
    return Fitted(document["fitted_on"], {figure: Line(**line) for figure, line in document["lines"].items()})


def predict(scores: Sequence[float], by: Fitted) -> tuple[Quality, ...]:
    """Of layouts, by their scores: the area's mean of the best that can be retrieved, from 0 to 2."""
    if not scores:
        return ()
    return tuple(_predicted(figure, line, scores, by.fitted_on) for figure, line in by.lines.items())


def _predicted(figure: str, line: Line, scores: Sequence[float], fitted_on: str) -> Quality:
    values = [line.intercept + line.slope * min(max(score, line.low), line.high) for score in scores]
    return Quality(
        figure=figure,
        least=min(values),
        mean=sum(values) / len(values),
        most=max(values),
        error=line.error,
        explained=line.explained,
        outside=sum(not line.low <= score <= line.high for score in scores),
        fitted_on=fitted_on,
    )
