"""One light for pieces of many photos: Lab statistics moved towards the anchor's."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.composition.warp import Colors
from synth.pictures import CategoryFacts, Segment

RATIO = (0.6, 1.6)  # of standard deviations
GAIN = (0.8, 1.2)  # of the exposure of a whole photo
MAX_CAST = 10.0  # Lab a, b together; beyond this it is other paint, not another light
_SAMPLE_PX = 20_000
_TRUST = 0.7  # in a difference of photos that also show different things
_KNEE = 88.0  # lightness above which brightening runs out
_WHITE = 100.0


@dataclass(frozen=True, eq=False)
class Tone:
    """Lab mean and deviation (L 0-100) over a number of pixels."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    area_px: int


@dataclass(frozen=True, eq=False)
class Transfer:
    """lab -> (lab - about) * ratio + about + shift; highlights are compressed, never blown out."""

    about: NDArray[np.float64]
    ratio: NDArray[np.float64]
    shift: NDArray[np.float64]

    def apply(self, colors: Colors) -> Colors:
        """(h, w, 3) float32 RGB in [0, 1] to the same."""
        if np.allclose(self.ratio, 1) and np.allclose(self.shift, 0):
            return colors
        lab = cv2.cvtColor(np.ascontiguousarray(colors), cv2.COLOR_RGB2Lab)
        moved = (lab - self.about) * self.ratio + (self.about + self.shift)
        moved[..., 0] = _held(lab[..., 0], moved[..., 0])
        out: Colors = np.clip(cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_Lab2RGB), 0, 1)
        return out


def _held(before: NDArray[Any], after: NDArray[Any]) -> NDArray[Any]:
    """Lightness that rose, bent towards white above the knee: shape still shows in what is bright."""
    room = _WHITE - _KNEE
    bent = _KNEE + room * (1 - np.exp(-np.maximum(after - _KNEE, 0) / room))
    return np.where(after > np.maximum(before, _KNEE), np.maximum(before, bent), after)


UNCHANGED = Transfer(np.zeros(3), np.ones(3), np.zeros(3))


def tone(segment: Segment) -> Tone:
    """Of the segment's own pixels; of an even sample where there are very many."""
    pixels = segment.rgb[segment.mask]
    pixels = pixels[:: max(1, len(pixels) // _SAMPLE_PX)]
    lab = cv2.cvtColor(pixels[None].astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[0].astype(np.float64)
    return Tone(lab.mean(axis=0), lab.std(axis=0), int(np.count_nonzero(segment.mask)))


def transfers(
    segments: Collection[Segment], categories: Mapping[int, CategoryFacts], *, anchor: int | None
) -> dict[int, Transfer]:
    """By segment key how its colors move towards the anchor photo's.

    A flat thing takes mean and deviation of the anchor's same category. An
    object, and what the anchor has no like of, changes as its whole photo
    differs from the anchor: exposure and cast only, so that its own color stays its own.
    """
    tones = {s.key: tone(s) for s in segments}
    by_photo: dict[int, dict[int, Tone]] = {}
    for segment in sorted(segments, key=lambda s: s.key):
        seen = by_photo.setdefault(segment.photo, {})
        mine = tones[segment.key]
        if segment.category not in seen or seen[segment.category].area_px < mine.area_px:
            seen[segment.category] = mine
    of_anchor = by_photo.get(anchor, {}) if anchor is not None else {}
    whole = {photo: _between(seen, of_anchor, categories) for photo, seen in by_photo.items()}
    out: dict[int, Transfer] = {}
    for segment in segments:
        mine = tones[segment.key]
        like = of_anchor.get(segment.category)
        facts = categories[segment.category]
        if segment.photo == anchor:
            out[segment.key] = UNCHANGED
        elif like is not None and (facts.planar or facts.ground):
            out[segment.key] = _onto(mine, like)
        else:
            out[segment.key] = whole[segment.photo]
    return out


def _between(
    seen: Mapping[int, Tone], of_anchor: Mapping[int, Tone], categories: Mapping[int, CategoryFacts]
) -> Transfer:
    """Exposure and cast that separate two photos: the middle over the flat things that both show.

    Two mugs of different color say nothing about the light, nor do two walls of different paint.
    Lightness is scaled, not moved: black stays black, where a shift would leave a haze.
    """
    alike = [
        (seen[c], of_anchor[c])
        for c in sorted(seen.keys() & of_anchor.keys())
        if (categories[c].planar or categories[c].ground) and _is_light(of_anchor[c].mean - seen[c].mean)
    ]
    if not alike:
        return UNCHANGED
    gain = np.median([theirs.mean[0] / max(float(mine.mean[0]), 1.0) for mine, theirs in alike])
    shift = _TRUST * np.median([theirs.mean - mine.mean for mine, theirs in alike], axis=0)
    shift[0] = 0
    return Transfer(np.zeros(3), np.array([float(np.clip(gain**_TRUST, *GAIN)), 1.0, 1.0]), shift)


def _onto(mine: Tone, like: Tone) -> Transfer:
    """Mean and deviation of `mine` onto `like`'s, whatever the paint: two walls of a room are one wall."""
    ratio = np.clip(like.std / np.maximum(mine.std, 1e-3), *RATIO)
    return Transfer(mine.mean, ratio, like.mean - mine.mean)


def _is_light(difference: NDArray[np.float64]) -> bool:
    return float(np.hypot(difference[1], difference[2])) <= MAX_CAST
