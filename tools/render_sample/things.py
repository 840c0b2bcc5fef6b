"""What a thing is: parts with materials, one category, a place. And the palettes they are made in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import meshes
import numpy as np
from meshes import Mesh
from textures import Color, hexed, shifted


@dataclass(frozen=True)
class Material:
    """A surface. `color` is one sRGB color or a texture; `size` is the metres (u, v) that it spans.

    `relief` (N, N) bends the normals by `depth` metres. `glass` is the share of light let
    through; `glow` is linear radiance (a color or a texture), and makes the surface a light.
    """

    color: Any = (0.8, 0.8, 0.8)
    size: tuple[float, float] = (1.0, 1.0)
    rough: float = 0.5
    metal: float = 0.0
    coat: float = 0.0
    sheen: float = 0.0
    relief: Any = None
    depth: float = 0.002
    glass: float = 0.0
    glow: Any = None


@dataclass(frozen=True)
class Part:
    mesh: Mesh
    material: Material


@dataclass(frozen=True)
class Thing:
    """One instance of a category. Built standing on z = 0 about the origin."""

    category: str
    parts: tuple[Part, ...]

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Thing:
        return Thing(self.category, tuple(Part(p.mesh.moved(x, y, z), p.material) for p in self.parts))

    def turned(self, **angles: float) -> Thing:
        return Thing(self.category, tuple(Part(p.mesh.turned(**angles), p.material) for p in self.parts))

    def bounds(self) -> tuple[Any, Any]:
        ends = [p.mesh.bounds() for p in self.parts]
        return np.min([e[0] for e in ends], axis=0), np.max([e[1] for e in ends], axis=0)

    def grounded(self) -> Thing:
        return self.moved(z=-float(self.bounds()[0][2]))


def thing(category: str, *parts: tuple[Mesh, Material]) -> Thing:
    return Thing(category, tuple(Part(m, s) for m, s in parts))


@dataclass(frozen=True)
class Palette:
    """Colors that go together. `accents` are for objects and cloth, `woods` light to dark."""

    name: str
    walls: list[Color]
    accents: list[Color]
    soft: list[Color]
    woods: list[Color] = field(default_factory=list)

    def accent(self, rng: np.random.Generator) -> Color:
        return shifted(self.accents[int(rng.integers(len(self.accents)))], rng)

    def cloth(self, rng: np.random.Generator) -> Color:
        both = self.soft + self.accents[:3]
        return shifted(both[int(rng.integers(len(both)))], rng)

    def wall(self, rng: np.random.Generator) -> Color:
        return shifted(self.walls[int(rng.integers(len(self.walls)))], rng, 0.02)

    def pale(self, rng: np.random.Generator) -> Color:
        return shifted(self.soft[int(rng.integers(len(self.soft)))], rng, 0.02)


def _palette(name: str, walls: str, accents: str, soft: str) -> Palette:
    def colors(text: str) -> list[Color]:
        return [hexed(t) for t in text.split()]

    return Palette(name, colors(walls), colors(accents), colors(soft))


PALETTES = [
    _palette(
        "clay", "e6dacb dcc6b2 d8b9a2", "b5573a d08b5b 8a4b38 6f7a5a c9a14a 3f4a46", "efe6d8 ddcdb8 c9b49a"
    ),
    _palette(
        "sage", "d5dccb b9c4ae e8e6da", "6d8264 3f5a4a c58f5c a8b59a 8c5a3c d9c27a", "ecebe0 cfd3c2 b7bfa8"
    ),
    _palette(
        "harbour", "d3dde2 a9bcc6 e9ebea", "2f4d66 5d87a1 d9a441 b85c45 8aa7b0 1f2f3d", "eceff0 cfd9dd b3c2c8"
    ),
    _palette(
        "blush", "ecd9d2 e3c3b9 f0e9e4", "b86b6b d99c8f 6b4a52 c9a27e 8f8f86 4a5a5a", "f3e9e4 e4cfc7 d9d2cc"
    ),
    _palette(
        "chalk", "edebe6 dedbd4 d2cfc9", "3a3a3a 8c8479 b9a58a 5f6b66 c46a45 a3a8a0", "f2f0ec dcd8d0 bcb6ab"
    ),
    _palette(
        "dusk", "9aa6a0 7e8f93 c9c6bd", "c57b3c 2e4a4f d6b370 8b3f35 57706b e0d5bf", "e3ddd0 c4c4b8 a3aaa4"
    ),
    _palette(
        "meadow", "eee6cc e9dcb0 e2e4d0", "c9922e 5f7d4e d8683f 4a6a7a a3b06a 8b5e3c", "f2ecd9 e0d6b9 cbd0b2"
    ),
]
WOODS = {
    "birch": hexed("d9bd94"),
    "oak": hexed("bd9463"),
    "honey": hexed("b07d4a"),
    "teak": hexed("94613a"),
    "walnut": hexed("6a4730"),
    "ebony": hexed("3b2a21"),
    "ash": hexed("cbb89a"),
    "white": hexed("e6e2d9"),
}


def is_apart(a: Thing, b: Thing, gap: float) -> bool:
    """Whether the bounding boxes of both leave `gap` between them in x, y or z."""
    (a0, a1), (b0, b1) = a.bounds(), b.bounds()
    return bool(
        np.any(a0[:2] > b1[:2] + gap)
        or np.any(b0[:2] > a1[:2] + gap)
        or a0[2] > b1[2] + 1e-4
        or b0[2] > a1[2] + 1e-4
    )


__all__ = ["PALETTES", "WOODS", "Material", "Palette", "Part", "Thing", "is_apart", "meshes", "thing"]
