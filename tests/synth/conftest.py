"""Scenes of plain shapes for the tests of composition: photos cut by the real cutter, picks by chance."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from synth.layout import Layout, regions
from synth.pictures import CategoryFacts, Segment
from synth.segments import cut

VOID, WALL, FLOOR, MUG, LAMP = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class Scene:
    layout: Layout
    picks: list[list[int]]
    segments: dict[int, Segment]
    categories: dict[int, CategoryFacts]


MakeScene = Callable[..., Scene]


def categories() -> dict[int, CategoryFacts]:
    every = [
        CategoryFacts(VOID, "void", void=True, front_rank=0),
        CategoryFacts(WALL, "wall", planar=True, front_rank=5),
        CategoryFacts(FLOOR, "floor", ground=True, planar=True, front_rank=10),
        CategoryFacts(MUG, "mug", front_rank=80),
        CategoryFacts(LAMP, "lamp", thin=True, front_rank=70),
    ]
    return {c.id: c for c in every}


def random_labels(rng: np.random.Generator, height: int, width: int, things: int = 4) -> np.ndarray:
    labels = np.full((height, width), WALL, np.uint8)
    labels[int(rng.integers(1, height)) :] = FLOOR
    for _ in range(things):
        h, w = int(rng.integers(1, height // 2 + 1)), int(rng.integers(1, width // 2 + 1))
        y, x = int(rng.integers(0, height)), int(rng.integers(0, width))
        labels[y : y + h, x : x + w] = rng.choice([VOID, MUG, LAMP, MUG])
    return labels


def make_scene(
    seed: int,
    height: int = 48,
    width: int = 64,
    photos: int = 3,
    per_region: int = 2,
    depth: bool = False,
    least: int = 0,
) -> Scene:
    rng = np.random.Generator(np.random.Philox(seed))
    facts = categories()
    thin = frozenset(c.id for c in facts.values() if c.thin)
    segments: dict[int, Segment] = {}
    for photo in range(photos):
        h, w = int(rng.integers(24, 80)), int(rng.integers(24, 80))
        rgb = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
        for made in cut(random_labels(rng, h, w), thin=thin):
            r = made.region
            segments[len(segments)] = Segment(
                key=len(segments),
                photo=photo,
                category=r.category,
                rgb=rgb[r.y0 : r.y1, r.x0 : r.x1],
                mask=r.mask,
                box=(r.x0, r.y0, r.x1, r.y1),
                frame=(h, w),
                depth_mm=int(rng.integers(300, 5000)) if depth else None,
            )
    layout = Layout(random_labels(rng, height, width))
    picks = []
    for region in regions(layout, thin=thin):
        same = [key for key, s in segments.items() if s.category == region.category]
        count = min(len(same), int(rng.integers(least, per_region + 1)))
        picks.append([int(k) for k in rng.choice(same, count, replace=False)] if count else [])
    return Scene(layout, picks, segments, facts)


@pytest.fixture(scope="session")
def scene() -> MakeScene:
    return make_scene
