"""Groups of things that scene families share: a full board, a stack with a load, hung pictures."""

from __future__ import annotations

import crockery as cr
import furniture as fu
import lamps_plants as lp
import numpy as np
import textiles as te
from meshes import box, joined
from scenes import Scene, choose, outside
from things import Thing, is_apart, thing

Rng = np.random.Generator


def bouquet(scene: Scene, rng: Rng, height: float | None = None, full: float = 0.6) -> list[Thing]:
    """A vase, at times with branches."""
    pot = cr.vase(rng, scene.palette, height)
    if rng.random() > full:
        return [pot]
    tall = float(pot.bounds()[1][2])
    return [
        pot,
        lp.twigs(rng, tall * rng.uniform(1.1, 1.6), tall * rng.uniform(0.35, 0.6)).moved(z=tall * 0.82),
    ]


def small(scene: Scene, rng: Rng, kind: str, top: float = 0.4) -> list[Thing]:
    """One of the things that stand on tables and boards, at most about `top` metres tall."""
    p = scene.palette
    if kind == "mug":
        return [cr.mug(rng, p)]
    if kind == "bottle":
        return [cr.bottle(rng, p)]
    if kind == "vase":
        return bouquet(
            scene, rng, float(rng.uniform(0.12, min(0.28, top * 0.6))), 0.5 if top > 0.36 else 0.25
        )
    if kind == "bowl":
        return cr.bowl(rng, p)
    if kind == "box":
        return [cr.carton(rng, p, largest=min(0.24, top * 0.7)).turned(yaw=float(rng.normal(0, 0.25)))]
    if kind == "book":
        return [cr.stack(rng, p).turned(yaw=float(rng.normal(0, 0.15)))]
    if kind == "plant":
        return [lp.potted(rng, p, float(rng.uniform(0.2, min(0.4, top * 0.95))))]
    if kind == "lamp":
        return [lp.table_lamp(rng, p, scene.lit)]
    return [te.napkin(rng, p)]


def on_stack(scene: Scene, rng: Rng) -> list[Thing]:
    """Books with a mug, a bowl or a small vase on them."""
    books = cr.stack(rng, scene.palette, int(rng.integers(2, 4)))
    top = float(books.bounds()[1][2])
    load = choose(rng, "mug", "vase", "plant")
    if load == "vase":
        above = bouquet(scene, rng, float(rng.uniform(0.11, 0.15)), 0.4)
    elif load == "plant":
        above = [lp.potted(rng, scene.palette, 0.19)]
    else:
        above = [cr.mug(rng, scene.palette)]
    return [books, *[t.moved(z=top) for t in above]]


def flanked_window(scene: Scene, rng: Rng, x: float, z: float, width: float, height: float) -> None:
    """A window in the back wall with curtains."""
    scene.add(
        fu.window(
            rng, width, height, outside(scene, rng), panes=(choose(rng, 1, 2), choose(rng, 1, 2, 3))
        ).moved(x=x, z=z)
    )
    drop = z + height + 0.12
    rod_z = drop + 0.015
    for side in (-1, 1):
        w = float(rng.uniform(0.32, 0.5))
        scene.add(
            te.curtain(rng, scene.palette, w, drop - 0.03).moved(
                x=x + side * (width / 2 + w / 2 - 0.12), y=-0.22, z=0.03
            )
        )
        if side == -1 and rng.random() < 0.25:
            break
    rod = joined(box(width + 1.0, 0.018, 0.018, 0.008).moved(x=x, y=-0.22, z=rod_z - 0.009))
    scene.add(thing("void", (rod, fu.BLACK)))


def fill_board(
    scene: Scene, rng: Rng, x0: float, x1: float, z: float, free: float, depth: float, *, crown: bool
) -> None:
    """Fills a board from left to right with what is not too tall."""
    p = scene.palette
    x = x0 + float(rng.uniform(0.01, 0.08))
    last = ""
    while x < x1 - 0.08:
        kind = str(
            rng.choice(
                [
                    "row",
                    "row",
                    "book",
                    "vase",
                    "mug",
                    "bottle",
                    "bowl",
                    "box",
                    "plant",
                    "trail",
                    "picture",
                    "mugs",
                    "lamp",
                ]
            )
        )
        if kind == last:
            continue
        room_left = x1 - x
        if kind == "row":
            group = [
                cr.row(
                    rng,
                    p,
                    float(rng.uniform(0.14, min(0.42, max(0.15, room_left)))),
                    tallest=min(0.27, free - 0.02),
                )
            ]
        elif kind == "trail":
            group = (
                [lp.trailing(rng, p, float(rng.uniform(0.15, 0.34)))]
                if depth < 0.29
                else [lp.potted(rng, p, free * 0.85)]
            )
        elif kind == "picture":
            w = float(rng.uniform(0.16, 0.24))
            tilt = fu.picture(rng, p, w, min(w * 1.3, free - 0.03)).turned(pitch=-0.12)
            group = [tilt.grounded().moved(y=depth / 2 - 0.035)]
        elif kind == "mugs":
            first, second = cr.mug(rng, p), cr.mug(rng, p)
            group = [first.moved(x=-0.07), second.moved(x=0.07, y=0.01)]
        elif kind == "lamp":
            if not crown or scene.mood != "evening":
                last = kind
                continue
            group = [lp.table_lamp(rng, p, scene.lit)]
        else:
            group = small(scene, rng, kind, free)
        last = kind
        low = np.min([t.bounds()[0] for t in group], axis=0)
        high = np.max([t.bounds()[1] for t in group], axis=0)
        fits = high[2] < (free - 0.012 if not crown else 0.5) and high[0] - low[0] < room_left
        if not fits and kind != "trail":
            x += 0.03
            continue
        if kind == "trail" and (high[2] > free or high[0] - low[0] > room_left):
            x += 0.03
            continue
        span = max(float(high[1] - low[1]), 0.0)
        y = (
            -depth / 2
            if kind in ("trail", "picture")
            else -max(depth / 2, min(depth - span / 2 - 0.005, depth / 2 + float(rng.uniform(-0.01, 0.03))))
        )
        shifted = [
            t.moved(x - low[0], y - (0 if kind in ("trail", "picture") else (low[1] + high[1]) / 2), z)
            for t in group
        ]
        others = [t for t in scene.things if t.category not in ("wall", "floor", "shelf", "table")]
        back = max(float(t.bounds()[1][1]) for t in shifted)
        if back > -0.004:
            shifted = [t.moved(y=-0.006 - back) for t in shifted]
        if all(is_apart(s, o, 0.004) for s in shifted for o in others):
            scene.add(*shifted)
        x += float(high[0] - low[0]) + float(rng.uniform(0.015, 0.11))


def pictures(scene: Scene, rng: Rng, x: float, z: float, count: int) -> None:
    """Hung side by side about `x`, lower edges about at `z`."""
    gap = float(rng.uniform(0.06, 0.12))
    sizes = []
    base = float(rng.uniform(0.3, 0.5)) if count > 1 else float(rng.uniform(0.5, 0.8))
    for _ in range(count):
        w = base * float(rng.uniform(0.85, 1.05))
        sizes.append((w, w * choose(rng, 1.0, 1.25, 1.4)))
    if rng.random() < 0.6:
        sizes = [sizes[0]] * count
    total = sum(w for w, _ in sizes) + gap * (count - 1)
    at = x - total / 2
    for w, h in sizes:
        scene.adds_if_free(fu.picture(rng, scene.palette, w, h).moved(x=at + w / 2, z=z), 0.0)
        at += w + gap
