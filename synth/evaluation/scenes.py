"""Pictures for measuring, made by the library alone: a bank in memory, exact retrieval, the real pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synth.composition.elision import elide
from synth.composition.ledger import area_labels, compose, thin_ids
from synth.composition.paint import Painting, paint
from synth.evaluation.pictures import EvaluationError, LabelledPhoto, Trace
from synth.layout import Layout, Region, regions
from synth.pictures import CanvasRule, CategoryFacts, Rgb, Segment
from synth.pipeline import Aligner, Clock, Sorter, synthesize
from synth.refinement import Blend, Refined, Refiner
from synth.retrieval import score
from synth.retrieval.coherence import LIGHTING, Candidate, PhotoLook, choose, look
from synth.retrieval.descriptors import Descriptors, Frame, describe, scene_context
from synth.segments import cut


@dataclass(frozen=True)
class Choice:
    """How sources are chosen. The defaults are what the bank does; the rest is for ablations.

    `candidates` are kept per region; `seconds` further ones of photos in the
    picture stand by for holes. Without `coherence` each region takes its best
    segment; without `void` regions that nobody named get none; without
    `harmony` every photo keeps its light. `lighting` weighs how far a photo's light is from the anchor's.
    """

    candidates: int = 50
    seconds: int = 2
    coherence: bool = True
    void: bool = True
    harmony: bool = True
    share_cap: float = 0.6
    lighting: float = LIGHTING


DEFAULT = Choice()


@dataclass(frozen=True)
class Chosen:
    """For one picture: by region the keys of its segments, and the photo whose light the others follow."""

    anchor: int | None
    picks: list[list[int]]


class MemoryBank:
    """Photos cut into segments and described, all in memory: exact, for a few hundred photos."""

    def __init__(
        self,
        photos: Sequence[LabelledPhoto],
        categories: Mapping[int, CategoryFacts],
        *,
        frame: Frame = "scene",
    ) -> None:
        if not photos:
            raise EvaluationError("a bank needs a photo")
        self.photos = sorted(photos, key=lambda photo: photo.name)
        self.categories = categories
        self.frame: Frame = frame
        self.thin = thin_ids(categories)
        self.segments: list[Segment] = []
        self.looks: list[PhotoLook] = []
        described: list[Descriptors] = []
        for number, photo in enumerate(self.photos):
            cuts = [made.region for made in cut(photo.labels, thin=self.thin)]
            described.append(describe(photo.labels, cuts, frame))
            self.looks.append(look(photo.rgb, scene_context(photo.labels)))
            self.segments += [self._segment(number, photo, region) for region in cuts]
        self._index = _by_category(described, [segment.category for segment in self.segments])

    def _segment(self, number: int, photo: LabelledPhoto, region: Region) -> Segment:
        height, width = photo.labels.shape
        return Segment(
            key=len(self.segments) + region.ordinal,
            photo=number,
            category=region.category,
            rgb=photo.rgb[region.y0 : region.y1, region.x0 : region.x1],
            mask=region.mask,
            box=(region.x0, region.y0, region.x1, region.y1),
            frame=(height, width),
        )

    def choose(
        self, layout: Layout, choice: Choice = DEFAULT, *, variations: int = 1, seed: int = 0
    ) -> list[Chosen]:
        """The sources of each variation, chosen as the bank's plan does."""
        areas = regions(layout, thin=self.thin)
        query = describe(layout.labels, areas, self.frame)
        offered = [
            self._rank(query, region, choice)
            if choice.void or not self.categories[region.category].void
            else []
            for region in areas
        ]
        if not choice.coherence:
            return [self._best(areas, offered, choice)] * variations
        chosen = choose(
            [region.area_px for region in areas],
            offered,
            scene_context(layout.labels),
            {photo: self.looks[photo] for photo in {one.photo for row in offered for one in row}},
            variations=variations,
            rng=np.random.Generator(np.random.Philox(seed)),
            share_cap=choice.share_cap,
            lighting=choice.lighting,
        )
        return [
            Chosen(
                one.anchor if choice.harmony else None,
                _with_seconds(offered, one.picks, choice.seconds),
            )
            for one in chosen
        ]

    def fits(self, layout: Layout) -> float:
        """How well the bank could serve a layout: by area, the mean score of each region's best segment, from
        0 to 2; 0 where there is none. What `bankd models coverage` works out too."""
        areas = regions(layout, thin=self.thin)
        query = describe(layout.labels, areas, self.frame)
        best = [self._rank(query, region, Choice(candidates=1)) for region in areas]
        scores = [
            row[0].im / row[0].um + (row[0].ic / row[0].uc if row[0].uc else 0.0) if row else 0.0
            for row in best
        ]
        return sum(s * area.area_px for s, area in zip(scores, areas, strict=True)) / layout.labels.size

    def _rank(self, query: Descriptors, region: Region, choice: Choice) -> list[Candidate]:
        if region.category not in self._index:
            return []
        keys, rows = self._index[region.category]
        order, terms = score.top(query, region.ordinal, rows, choice.candidates)
        counts = zip(terms.im.tolist(), terms.um.tolist(), terms.ic.tolist(), terms.uc.tolist(), strict=True)
        return [
            Candidate(key, self.segments[key].photo, im, um, ic, uc)
            for key, (im, um, ic, uc) in zip(keys[order].tolist(), counts, strict=True)
        ]

    def _best(
        self, areas: Sequence[Region], offered: Sequence[Sequence[Candidate]], choice: Choice
    ) -> Chosen:
        """Each region's own best; the light follows the photo that holds most."""
        held: dict[int, int] = {}
        for region, row in zip(areas, offered, strict=True):
            if row:
                held[row[0].photo] = held.get(row[0].photo, 0) + region.area_px
        anchor = max(held, key=lambda photo: (held[photo], -photo)) if held and choice.harmony else None
        return Chosen(anchor, [[one.segment for one in row[: 1 + choice.seconds]] for row in offered])

    def used(self, chosen: Chosen) -> dict[int, Segment]:
        return {key: self.segments[key] for keys in chosen.picks for key in keys}

    def make(
        self,
        layout: Layout,
        chosen: Chosen,
        *,
        refiner: Refiner | None = None,
        aligner: Aligner | None = None,
        sorter: Sorter | None = None,
        rule: CanvasRule = "strict",
        seed: int = 0,
        device: str = "cpu",
    ) -> tuple[Rgb, Trace]:
        """One picture, and what its ledger says.

        Raises:
            Uncovered: see `synth.pipeline.synthesize`.
        """
        watched = _Watched(refiner or Blend())
        picture = synthesize(
            layout,
            chosen.picks,
            self.used(chosen),
            self.categories,
            anchor=chosen.anchor,
            frame=self.frame,
            seed=seed,
            device=device,
            refiner=watched,
            aligner=aligner,
            sorter=sorter,
            rule=rule,
        )
        photos = tuple(self.photos[self.segments[p.segment].photo].name for p in picture.placements)
        ledger = picture.ledger
        shown = watched.shown(self.categories, seed=seed)
        return picture.rgb, Trace(
            ledger.owner, ledger.kind, photos, picture.gate, picture.timings, picture.memory, shown
        )


def without_bank(
    layout: Layout,
    categories: Mapping[int, CategoryFacts],
    refiner: Refiner,
    *,
    seed: int = 0,
    device: str = "cpu",
) -> tuple[Rgb, Trace]:
    """The parametric path: the canvas is empty, and the refiner has the layout alone."""
    areas = regions(layout, thin=thin_ids(categories))
    canvas = compose(layout, areas, [], {}, categories, require_cover=False)
    painting = paint(canvas, area_labels(layout, areas), [], {}, categories, {})
    clock = Clock()
    refined = refiner.refine(painting, seed=seed, device=device)
    clock.stage("refine")
    return refined.rgb, Trace(
        canvas.ledger.owner, canvas.ledger.kind, (), refined.gate, clock.seconds, clock.memory
    )


class _Watched:
    """A refiner that remembers the painting, which a picture does not carry."""

    def __init__(self, refiner: Refiner) -> None:
        self.name = refiner.name
        self.makes_up = refiner.makes_up
        self._refiner = refiner
        self._painting: Painting | None = None

    def refine(self, painting: Painting, *, seed: int, device: str) -> Refined:
        self._painting = painting
        return self._refiner.refine(painting, seed=seed, device=device)

    def shown(self, categories: Mapping[int, CategoryFacts], *, seed: int) -> Rgb | None:
        """The canvas as a network of this seed sees it."""
        if self._painting is None:
            return None
        rng = np.random.Generator(np.random.Philox(seed))
        canvas = elide(self._painting, categories, rng=rng).canvas
        shown: Rgb = np.clip(canvas * 255 + 0.5, 0, 255).astype(np.uint8)
        return shown


def _with_seconds(
    offered: Sequence[Sequence[Candidate]], picks: Sequence[int | None], seconds: int
) -> list[list[int]]:
    """Each pick, then what may fill its holes: the next best of photos in the picture already."""
    taken = {row[pick].photo for row, pick in zip(offered, picks, strict=True) if pick is not None}
    keys: list[list[int]] = []
    for row, pick in zip(offered, picks, strict=True):
        if pick is None:
            keys.append([])
            continue
        others = [one.segment for at, one in enumerate(row) if at != pick and one.photo in taken]
        keys.append([row[pick].segment, *others[:seconds]])
    return keys


def _by_category(
    described: Sequence[Descriptors], categories: Sequence[int]
) -> dict[int, tuple[np.ndarray, Descriptors]]:
    """By category the keys of its segments and their descriptors, in the order of keys."""
    every = Descriptors(
        described[0].frame,
        np.concatenate([one.masks for one in described]),
        np.concatenate([one.planes for one in described]),
        np.concatenate([one.mask_n for one in described]),
        np.concatenate([one.context_n for one in described]),
    )
    of = np.array(categories)
    index = {}
    for category in sorted(set(categories)):
        keys = np.flatnonzero(of == category)
        index[category] = (keys, every.take(keys))
    return index
