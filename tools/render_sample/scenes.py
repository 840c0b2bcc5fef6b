"""A scene: what stands where, the camera, the light. Everything follows from (seed, index)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import textures as tx
from meshes import Mesh, box, ground, rectangle
from things import PALETTES, WOODS, Material, Palette, Thing, is_apart, thing

Rng = np.random.Generator
MOODS = ("daylight", "sun", "evening", "overcast")


@dataclass(frozen=True)
class Camera:
    """`fov` is across the longer side, in degrees."""

    origin: tuple[float, float, float]
    target: tuple[float, float, float]
    fov: float


@dataclass
class Scene:
    family: str
    mood: str
    seed: int
    palette: Palette
    camera: Camera
    portrait: bool = False
    things: list[Thing] = field(default_factory=list)
    lights: list[dict[str, Any]] = field(default_factory=list)
    key: float = 0.3
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    saturation: float = 1.0

    @property
    def lit(self) -> float:
        """How bright this scene's lamps are (0: off)."""
        return 7.0 if self.mood == "evening" else 0.0

    def add(self, *things: Thing) -> None:
        self.things.extend(things)

    def adds_if_free(self, new: Thing, gap: float = 0.02) -> bool:
        """Adds `new` unless it would touch something other than walls, floor and flat cloth."""
        solid = [t for t in self.things if t.category not in ("wall", "floor")]
        if all(is_apart(new, other, gap) for other in solid):
            self.add(new)
            return True
        return False


def choose(rng: Rng, *options: Any) -> Any:
    return options[int(rng.integers(len(options)))]


def room(scene: Scene, rng: Rng, *, side: int = 0, kind: str | None = None, far: float = 2.1) -> None:
    """Back wall at y = 0, floor, skirting, and a side wall at x = side * far (0: none)."""
    color = scene.palette.wall(rng)
    kind = kind or str(rng.choice(["plaster", "plaster", "plaster", "panels"]))
    if kind == "tiles":
        tall = rng.random() < 0.5
        glaze = tuple(0.55 + 0.45 * c for c in color) if rng.random() < 0.6 else scene.palette.accent(rng)
        texture, relief = tx.tiles(rng, glaze, (0.78, 0.76, 0.72), 6, 12 if not tall else 6, brick=not tall)
        paint = Material(
            texture, size=(1.2, 1.2 if not tall else 0.9), rough=0.16, coat=0.6, relief=relief, depth=0.0025
        )
    elif kind == "panels":
        texture, relief = tx.panels(rng, color)
        paint = Material(texture, size=(1.1, 1.1), rough=0.55, relief=relief, depth=0.004)
    else:
        texture, relief = tx.plaster(rng, color)
        paint = Material(texture, size=(2.2, 2.2), rough=0.85, relief=relief, depth=0.004)
    wide, tall_m = 14.0, 4.5
    wall = _metric(rectangle(wide, tall_m), wide, tall_m)
    skirting = Material(tuple(min(1.0, 0.5 + 0.5 * c) for c in color), rough=0.5)
    scene.add(thing("wall", (wall, paint), (box(wide, 0.016, 0.09, 0.003).moved(y=-0.008), skirting)))
    if side:
        turned = wall.turned(yaw=-side * np.pi / 2).moved(x=side * far)
        board = box(wide, 0.016, 0.09, 0.003).turned(yaw=-side * np.pi / 2).moved(x=side * (far - 0.008))
        scene.add(thing("wall", (turned, paint), (board, skirting)))
    scene.add(floor(rng))


def _metric(mesh: Mesh, sx: float, sy: float) -> Mesh:
    return Mesh(mesh.points, mesh.normals, mesh.uv * [sx, sy], mesh.faces)


def floor(rng: Rng) -> Thing:
    wood = tx.shifted(WOODS[choose(rng, "oak", "honey", "birch", "ash", "teak", "walnut", "oak")], rng, 0.02)
    kind = rng.random()
    if kind < 0.55:
        texture, relief = tx.planks(rng, wood)
        made = Material(texture, size=(2.4, 1.2), rough=0.38, coat=0.12, relief=relief, depth=0.002)
    elif kind < 0.8:
        texture, relief = tx.herringbone(rng, wood)
        made = Material(texture, size=(1.4, 1.4), rough=0.36, coat=0.12, relief=relief, depth=0.002)
    elif kind < 0.9:
        made = Material(
            tx.painted((0.6, 0.58, 0.55), 1 + 0.05 * tx.noise(rng, 1024, 1.7)), size=(3.0, 3.0), rough=0.4
        )
    else:
        texture, relief = tx.tiles(rng, (0.72, 0.66, 0.58), (0.6, 0.56, 0.5), 4, 4, brick=False)
        made = Material(texture, size=(2.0, 2.0), rough=0.35, relief=relief, depth=0.002)
    return thing("floor", (ground(14.0, 10.0).moved(y=-5.0), made))


def gobo(rng: Rng, size: int = 256) -> np.ndarray:
    """The shape of sunlight that falls through a window, at times through leaves: (N, N, 3)."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    columns, rows = int(rng.integers(2, 4)), int(rng.integers(2, 5))
    w, h = 0.36, 0.44
    fx, fy = (x + w) / (2 * w) * columns % 1, (y + h) / (2 * h) * rows % 1
    bar = 0.09
    open_ = (np.abs(x) < w) & (np.abs(y) < h) & (fx > bar) & (fx < 1 - bar) & (fy > bar) & (fy < 1 - bar)
    mask = open_.astype(float)
    if rng.random() < 0.5:
        leaves = np.clip(tx.noise(rng, size, 1.35) * 1.6 + 1.1, 0.1, 1)
        mask = mask * leaves
    spread = rng.uniform(0.006, 0.014)
    fyq, fxq = np.fft.fftfreq(size)[:, None] * size, np.fft.fftfreq(size)[None, :] * size
    mask = np.real(np.fft.ifft2(np.fft.fft2(mask) * np.exp(-2 * (np.pi * spread) ** 2 * (fxq**2 + fyq**2))))
    return np.repeat(np.clip(mask, 0, 1)[..., None], 3, 2).astype(np.float32)


def sky(below: tuple[float, ...], above: tuple[float, ...], side: int, lean: float) -> dict[str, Any]:
    """An environment that is brighter above and on one side."""
    v, u = np.mgrid[0:32, 0:64]
    up = (0.5 - (v + 0.5) / 32)[..., None] + 0.5
    ring = (1 + lean * side * np.sin(2 * np.pi * (u + 0.5) / 64))[..., None]
    sky_map = (np.array(below) * (1 - up) + np.array(above) * up) * ring
    return {"kind": "sky", "map": sky_map.astype(np.float32)}


def light(scene: Scene, rng: Rng, focus: tuple[float, float, float], *, side: int, reach: float) -> None:
    """Lights the scene by its mood; `side` is where the key light stands, `reach` metres away."""
    fx, fy, fz = focus
    tint = rng.normal(0, 0.012, 2)
    scene.balance = (1.0 + float(tint[0]), 1.0, 1.0 + float(tint[1]))
    scene.saturation = float(rng.uniform(0.98, 1.1))

    def softbox(
        x: float, y: float, z: float, size: tuple[float, float], power: float, color: tuple[float, ...]
    ) -> None:
        scene.lights.append(
            {
                "kind": "softbox",
                "origin": [x, y, z],
                "target": [fx, fy, fz],
                "size": size,
                "radiance": [power * c for c in color],
            }
        )

    if scene.mood == "daylight":
        scene.lights.append(sky((0.20, 0.19, 0.18), (0.30, 0.32, 0.35), side, 0.4))
        softbox(
            fx + side * reach,
            fy - 0.55 * reach,
            fz + 0.75 * reach,
            (0.9 * reach, 0.9 * reach),
            rng.uniform(3.8, 5.2),
            (1.0, 0.96, 0.9),
        )
        scene.key = float(rng.uniform(0.24, 0.29))
    elif scene.mood == "sun":
        scene.lights.append(sky((0.26, 0.25, 0.26), (0.36, 0.40, 0.48), side, 0.2))
        softbox(fx - side * reach, fy - reach, fz + reach, (reach, reach), 0.6, (0.85, 0.93, 1.0))
        angle = rng.uniform(0.75, 1.1)
        away = 2.6 * reach
        origin = [
            fx + side * away * np.sin(angle),
            fy - away * np.cos(angle) * 0.8,
            fz + away * rng.uniform(0.42, 0.62),
        ]
        scene.lights.append(
            {
                "kind": "projector",
                "origin": origin,
                "target": [fx, fy, fz],
                "fov": float(rng.uniform(36, 46)),
                "pattern": gobo(rng) * np.array([1.0, 0.83, 0.62], dtype=np.float32),
                "scale": float(rng.uniform(5.5, 7.0)) * (away / 2.6) ** 2 * 3.2,
            }
        )
        scene.key = float(rng.uniform(0.21, 0.26))
    elif scene.mood == "evening":
        scene.lights.append(sky((0.045, 0.040, 0.04), (0.07, 0.072, 0.09), side, 0.3))
        softbox(
            fx + side * reach,
            fy - 0.7 * reach,
            fz + 0.9 * reach,
            (0.6 * reach, 0.6 * reach),
            rng.uniform(0.9, 1.4),
            (1.0, 0.70, 0.42),
        )
        scene.key = float(rng.uniform(0.13, 0.17))
        scene.balance = (scene.balance[0] * 0.90, 1.0, scene.balance[2] * 1.16)
    else:
        scene.lights.append(sky((0.52, 0.53, 0.55), (0.90, 0.95, 1.0), side, 0.25))
        softbox(
            fx + side * reach,
            fy - 0.9 * reach,
            fz + 1.1 * reach,
            (1.4 * reach, 1.4 * reach),
            0.8,
            (0.93, 0.97, 1.0),
        )
        scene.key = float(rng.uniform(0.25, 0.30))
        scene.saturation *= 0.93


def outside(scene: Scene, rng: Rng) -> np.ndarray:
    """What windows show in this mood: radiance."""
    if scene.mood == "evening":
        return 0.3 * tx.view(rng, (0.72, 0.62, 0.56), (0.44, 0.5, 0.6), trees=float(rng.uniform(0.1, 0.4)))
    if scene.mood == "overcast":
        return 1.5 * tx.view(rng, (0.93, 0.95, 0.97), (0.88, 0.92, 0.97), trees=float(rng.uniform(0.0, 0.4)))
    return 1.9 * tx.view(rng, (0.95, 0.96, 0.95), (0.62, 0.78, 0.94), trees=float(rng.uniform(0.1, 0.45)))


def begin(family: str, seed: int, index: int, rng: Rng) -> Scene:
    mood = MOODS[index // 6 % 4] if rng.random() < 0.7 else str(rng.choice(MOODS))
    palette = PALETTES[int(rng.integers(len(PALETTES)))]
    return Scene(family, mood, seed * 100_003 + index, palette, Camera((0, -3, 1), (0, 0, 1), 40))


def is_flat(thing: Thing) -> bool:
    """Whether things stand on it as on the table: a cloth spread out."""
    low, high = thing.bounds()
    return thing.category == "fabric" and bool(high[2] - low[2] < 0.008)


def stand(
    scene: Scene,
    rng: Rng,
    things: list[list[Thing]],
    *,
    x: tuple[float, float],
    y: tuple[float, float],
    z: float,
    gap: float = 0.012,
    lean: float = 1.0,
) -> None:
    """Stands groups (each moved as one) on a level, tall ones towards the back, none touching another.

    What finds no free place in the rectangle is left out.
    """
    placed = [
        t for t in scene.things if t.category not in ("wall", "floor", "table", "shelf") and not is_flat(t)
    ]

    def height(group: list[Thing]) -> float:
        return max(float(t.bounds()[1][2]) for t in group)

    for group in sorted(things, key=height, reverse=True):
        low = np.min([t.bounds()[0] for t in group], axis=0)
        high = np.max([t.bounds()[1] for t in group], axis=0)
        x0, x1 = x[0] - low[0], x[1] - high[0]
        y0, y1 = y[0] - low[1], y[1] - high[1]
        if x0 > x1 or y0 > y1:
            continue
        best: tuple[float, list[Thing]] | None = None
        for _ in range(40):
            px = rng.uniform(x0, x1)
            back = min(1.0, height(group) / 0.3)
            py = y0 + (y1 - y0) * float(np.clip(rng.normal(0.12 + 0.75 * back, 0.22), 0, 1))
            moved = [t.moved(px, py, z) for t in group]
            if all(is_apart(m, p, gap) for m in moved for p in placed):
                spread = min(
                    (abs(px - float(np.mean([p.bounds()[0][0], p.bounds()[1][0]]))) for p in placed),
                    default=0.3,
                )
                score = -lean * abs(px - sum(x) / 2) + min(spread, 0.16) * 2 + rng.normal(0, 0.05)
                if best is None or score > best[0]:
                    best = (score, moved)
        if best is not None:
            scene.add(*best[1])
            placed.extend(best[1])
