"""Every figure of every system on the same layouts, with intervals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.evaluation import copies, distances, faithfulness, seams
from synth.evaluation.bootstrap import Draws, Estimate, mean_of
from synth.evaluation.features import Components, Described, Lite0
from synth.evaluation.pictures import EvaluationError, LabelledPhoto, System
from synth.evaluation.segmenter import Judge

KID = "lite0 KID x 1000"
CELL_FRECHET = "lite0 cell Frechet distance"
FRECHET = "lite0 Frechet distance"
MEAN_IOU = "mIoU"
ACCURACY = "pixel accuracy"
SEAMS = "seam ratio"
OWN_SEAMS = "seam ratio inside a category"
SPECTRUM = "spectrum difference, log10"
DIVERSITY = "lite0 diversity"
LARGEST = "largest photo's share"
NEAREST = "lite0 distance to the nearest photo"
NEAR_COPIES = "near-copies"
CANVAS = "canvas area"
GATE = "gate area"

FIGURES = (
    *(KID, CELL_FRECHET, FRECHET, MEAN_IOU, ACCURACY, SEAMS, OWN_SEAMS, SPECTRUM),
    *(DIVERSITY, LARGEST, NEAREST, NEAR_COPIES, CANVAS, GATE),
)
REAL = "real"


@dataclass(frozen=True, eq=False)
class Measured:
    """`figures[system][figure]`; a figure that a system cannot have is not there.

    `spectra` by system is the mean power spectrum; `nearest` by system the row
    in the bank of each picture's nearest photo; `near_copy_limit` the distance that
    makes it a near-copy. By system and stage, `seconds` is the median over pictures and `memory_mb` the most
    that the process held for any of them.
    """

    figures: Mapping[str, Mapping[str, Estimate]]
    spectra: Mapping[str, NDArray[np.float64]]
    nearest: Mapping[str, NDArray[np.int64]]
    near_copy_limit: float
    seconds: Mapping[str, Mapping[str, float]]
    memory_mb: Mapping[str, Mapping[str, float]]


class Measure:
    """Measures systems against the same real photos, by the same bank, features and judges.

    Args:
        real: the photos whose layouts were asked for, in order.
        bank: photos that the components are fitted on and copies are looked for in; none of `real`.
        judges: segmenters; a figure of theirs is the mean over them. May be empty.
    """

    def __init__(
        self,
        real: Sequence[LabelledPhoto],
        bank: Sequence[LabelledPhoto],
        *,
        features: Lite0,
        judges: Sequence[Judge] = (),
        draws: Draws | None = None,
    ) -> None:
        if {photo.name for photo in real} & {photo.name for photo in bank}:
            raise EvaluationError("a photo cannot be asked for and be in the bank")
        self.real = list(real)
        self.draws = draws or Draws.of([photo.scene for photo in real])
        self._features = features
        self._judges = list(judges)
        self._real = features.describe([photo.rgb for photo in real])
        self._bank = features.describe([photo.rgb for photo in bank])
        self._components = Components.fit(self._bank.cells)
        self._limit = copies.near_copy_limit(self._bank.pooled)
        self._spectra = np.stack([seams.power_spectrum(photo.rgb) for photo in real])

    def nearest_photos(self) -> NDArray[np.int64]:
        """By layout the row of the bank's photo most like the real one: the floor `nearest photo`."""
        return copies.nearest(self._real.pooled, self._bank.pooled).photo

    def __call__(self, systems: Sequence[System]) -> Measured:
        """Raises EvaluationError where a system has not one picture per layout, of the photos' size."""
        for system in systems:
            self._check(system)
        figures: dict[str, dict[str, Estimate]] = {
            REAL: self._faithfulness([photo.rgb for photo in self.real])
        }
        spectra = {REAL: self._spectra.mean(axis=0)}
        nearest: dict[str, NDArray[np.int64]] = {}
        for system in systems:
            described = self._features.describe(system.pictures)
            own = np.stack([seams.power_spectrum(picture) for picture in system.pictures])
            near = copies.nearest(described.pooled, self._bank.pooled)
            spectra[system.name], nearest[system.name] = own.mean(axis=0), near.photo
            figures[system.name] = {
                **self._realism(described),
                **self._faithfulness(system.pictures),
                SPECTRUM: self._spectrum(own),
                NEAREST: self.draws.mean(near.distance),
                NEAR_COPIES: self.draws.mean((near.distance < self._limit).astype(np.float64)),
                **self._variety(system, described),
                **self._traces(system),
            }
        seconds = {system.name: _seconds(system) for system in systems}
        memory = {system.name: _memory_mb(system) for system in systems}
        return Measured(figures, spectra, nearest, self._limit, seconds, memory)

    def _check(self, system: System) -> None:
        if system.name == REAL or len(system.pictures) != len(self.real):
            raise EvaluationError(
                f"system `{system.name}` needs `{len(self.real)}` pictures and a name of its own"
            )
        for picture, photo in zip(system.pictures, self.real, strict=True):
            if picture.shape != photo.rgb.shape:
                raise EvaluationError(
                    f"system `{system.name}`: the picture for `{photo.name}` has another size"
                )

    def _realism(self, made: Described) -> dict[str, Estimate]:
        kid = distances.kid_over(made.pooled, self._real.pooled, self.draws)
        cells = distances.frechet_over(
            self._components.project(made.cells), self._components.project(self._real.cells), self.draws
        )
        return {
            KID: Estimate(kid.values * distances.KID_SCALE),
            CELL_FRECHET: cells,
            FRECHET: distances.frechet_over(made.pooled[:, None], self._real.pooled[:, None], self.draws),
        }

    def _faithfulness(self, pictures: Sequence[NDArray[np.uint8]]) -> dict[str, Estimate]:
        if not self._judges:
            return {}
        ious, accuracies = [], []
        for judge in self._judges:
            seen = judge.segment(pictures)
            counted = np.stack(
                [
                    faithfulness.confusion(
                        faithfulness.classes_of(photo.labels, judge.categories), one, len(judge.categories)
                    )
                    for photo, one in zip(self.real, seen, strict=True)
                ]
            )
            ious.append(faithfulness.mean_iou_over(counted, self.draws))
            accuracies.append(faithfulness.accuracy_over(counted, self.draws))
        return {MEAN_IOU: mean_of(ious), ACCURACY: mean_of(accuracies)}

    def _spectrum(self, own: NDArray[np.float64]) -> Estimate:
        def apart(weights: NDArray[np.float64]) -> float:
            shares = weights / weights.sum()
            return float(np.abs(shares @ (own - self._spectra)).mean())

        return self.draws.each(apart)

    def _variety(self, system: System, described: Described) -> dict[str, Estimate]:
        if not system.variations:
            return {}
        every = [
            np.vstack([described.pooled[at : at + 1], self._features.describe(further).pooled])
            for at, further in enumerate(system.variations)
        ]
        return {DIVERSITY: self.draws.mean(np.array([copies.diversity(rows) for rows in every]))}

    def _traces(self, system: System) -> dict[str, Estimate]:
        if not system.traces:
            return {}

        def mean(figure: Callable[..., float]) -> Estimate:
            return self.draws.mean(np.array([figure(trace) for trace in system.traces]))

        figures = {CANVAS: mean(copies.canvas_share), GATE: mean(copies.gate_share)}
        if not any(trace.photos for trace in system.traces):
            return figures
        triples = list(zip(system.pictures, self.real, system.traces, strict=True))
        for name, inside in ((SEAMS, False), (OWN_SEAMS, True)):
            sums = [
                seams.seam_sums(made, photo.rgb, trace, photo.labels if inside else None)
                for made, photo, trace in triples
            ]
            figures[name] = self.draws.ratio(
                np.array([one.made for one in sums]), np.array([one.real for one in sums])
            )
        return {**figures, LARGEST: mean(copies.largest_share)}


def _seconds(system: System) -> dict[str, float]:
    stages = list(system.traces[0].seconds) if system.traces else []
    return {
        stage: float(np.median([trace.seconds.get(stage, 0.0) for trace in system.traces]))
        for stage in stages
    }


def _memory_mb(system: System) -> dict[str, float]:
    stages = list(system.traces[0].memory) if system.traces else []
    return {stage: max(trace.memory.get(stage, 0) for trace in system.traces) / 1e6 for stage in stages}
