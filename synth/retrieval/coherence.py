"""Retrieval of a whole layout is one decision: few photos of one light before the best piece each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from synth.retrieval import score

AGREEMENT = 0.2
SAME_ANCHOR = 0.1
LIGHTING = 1.0
"""Ten times SIMS's: with real streets a tenth let dusk stand beside day, and seams showed more."""
JITTER = 0.05
"""How far chance moves a candidate once the anchors have run out and one is used again."""

Context = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Candidate:
    """A segment offered for a region, with the counts of its score (`synth.retrieval.score`).

    `photo` numbers photos in the order of their SHA-256: ties go to the lower.
    """

    segment: int
    photo: int
    im: int
    um: int
    ic: int
    uc: int


@dataclass(frozen=True, eq=False)
class PhotoLook:
    """A photo at a glance: (16, 16) scene context, and mean and deviation of CIE Lab (L 0-100)."""

    context: Context
    lab_mean: npt.NDArray[np.float64]  # (3,)
    lab_std: npt.NDArray[np.float64]  # (3,)


@dataclass(frozen=True)
class Variation:
    """One assignment: per region the index of its candidate, None where there is none."""

    anchor: int | None  # the photo whose light and place the others follow
    picks: tuple[int | None, ...]
    largest_share: float  # of the layout's area, by the photo that holds most


def look(rgb: npt.NDArray[np.uint8], context: Context) -> PhotoLook:
    """The look of a photo, (H, W, 3) uint8 sRGB; Lab is rounded to hundredths so that it stores exactly."""
    height, width = rgb.shape[:2]
    scale = min(1.0, 256 / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    thumbnail = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lab = cv2.cvtColor(thumbnail, cv2.COLOR_RGB2Lab).reshape(-1, 3).astype(np.float64)
    return PhotoLook(context, lab.mean(axis=0).round(2), lab.std(axis=0).round(2))


def agreement(one: Context, other: Context) -> float:
    """Share of equal cells of two scene contexts."""
    return float(np.count_nonzero(one == other)) / one.size


def lighting_distance(one: PhotoLook, other: PhotoLook) -> float:
    """Euclidean distance of Lab means and deviations, over 100."""
    difference = np.concatenate([one.lab_mean - other.lab_mean, one.lab_std - other.lab_std])
    return float(np.sqrt((difference**2).sum())) / 100


def choose(
    regions_area_px: Sequence[int],
    candidates: Sequence[Sequence[Candidate]],
    layout_context: Context,
    looks: Mapping[int, PhotoLook],
    *,
    variations: int,
    rng: np.random.Generator,
    share_cap: float = 0.6,
    lighting: float = LIGHTING,
) -> list[Variation]:
    """Choose one candidate per region for each variation.

    The anchor is the photo with the best area-weighted score over all
    regions; each further variation takes the next best photo as its anchor.
    Candidates are then ranked by score + 0.2 agreement of photo and layout +
    0.1 if of the anchor - `lighting` x the lighting distance to the anchor. When there
    are fewer photos than variations, anchors come round again and chance
    (`rng`) moves scores by up to 0.05. A photo that would hold more than
    `share_cap` of the area gives up regions, cheapest first, to the next best
    photo that stays under the cap; where there is none it keeps them.
    """
    agreements = {photo: agreement(photo_look.context, layout_context) for photo, photo_look in looks.items()}
    values = [_values(offered, agreements) for offered in candidates]
    anchors = _anchors(regions_area_px, candidates, values)
    chosen = []
    for number in range(variations):
        if not anchors:
            chosen.append(Variation(None, tuple(None for _ in candidates), 0.0))
            continue
        anchor = anchors[number % len(anchors)]
        jitter = JITTER if number >= len(anchors) else 0.0
        lights = {photo: lighting_distance(photo_look, looks[anchor]) for photo, photo_look in looks.items()}
        ranked = []
        for offered, value in zip(candidates, values, strict=True):
            photos = [candidate.photo for candidate in offered]
            final = value + np.array(
                [SAME_ANCHOR * (photo == anchor) - lighting * lights[photo] for photo in photos], dtype=float
            )
            if jitter:
                final = final + jitter * rng.random(len(offered))
            ranked.append(final)
        chosen.append(_assign(regions_area_px, candidates, ranked, anchor=anchor, share_cap=share_cap))
    return chosen


def _values(offered: Sequence[Candidate], agreements: Mapping[int, float]) -> npt.NDArray[np.float64]:
    if not offered:
        return np.zeros(0)
    counts = np.array([(c.im, c.um, c.ic, c.uc) for c in offered], dtype=np.int64)
    keys = score.key(counts[:, 0], counts[:, 1], counts[:, 2], counts[:, 3])
    return keys + AGREEMENT * np.array([agreements[c.photo] for c in offered])


def _anchors(
    areas_px: Sequence[int],
    candidates: Sequence[Sequence[Candidate]],
    values: Sequence[npt.NDArray[np.float64]],
) -> list[int]:
    """Photos, best area-weighted score first; a region for which a photo offers nothing adds nothing."""
    sums: dict[int, float] = {}
    for area_px, offered, value in zip(areas_px, candidates, values, strict=True):
        best: dict[int, float] = {}
        for candidate, worth in zip(offered, value.tolist(), strict=True):
            best[candidate.photo] = max(best.get(candidate.photo, 0.0), worth)
        for photo, worth in best.items():
            sums[photo] = sums.get(photo, 0.0) + area_px * worth
    return sorted(sums, key=lambda photo: (-sums[photo], photo))


def _assign(
    areas_px: Sequence[int],
    candidates: Sequence[Sequence[Candidate]],
    ranked: Sequence[npt.NDArray[np.float64]],
    *,
    anchor: int,
    share_cap: float,
) -> Variation:
    picks: list[int | None] = [int(np.argmax(final)) if len(final) else None for final in ranked]
    total_px = sum(areas_px)
    held: dict[int, int] = {}
    for region, pick in enumerate(picks):
        if pick is not None:
            photo = candidates[region][pick].photo
            held[photo] = held.get(photo, 0) + areas_px[region]

    over = [photo for photo, area_px in held.items() if area_px > share_cap * total_px]
    for photo in over:  # at most one photo can hold more than half
        while held[photo] > share_cap * total_px:
            moves = []
            for region, pick in enumerate(picks):
                if pick is None or candidates[region][pick].photo != photo:
                    continue
                final = ranked[region]
                for other in np.argsort(-final, kind="stable").tolist():
                    taker = candidates[region][other].photo
                    if taker != photo and held.get(taker, 0) + areas_px[region] <= share_cap * total_px:
                        moves.append((float(final[pick] - final[other]), areas_px[region], region, other))
                        break
            if not moves:
                break
            _, area_px, region, other = min(moves)
            picks[region] = other
            taker = candidates[region][other].photo
            held[photo] -= area_px
            held[taker] = held.get(taker, 0) + area_px
    largest = max(held.values(), default=0)
    return Variation(anchor, tuple(picks), largest / total_px if total_px else 0.0)
