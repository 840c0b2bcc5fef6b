"""The scene families of the studio catalogue: each arranges a scene from a generator alone."""

from __future__ import annotations

from collections.abc import Callable

import crockery as cr
import furniture as fu
import lamps_plants as lp
import numpy as np
import textiles as te
from ensembles import bouquet, fill_board, flanked_window, on_stack, pictures, small
from meshes import box
from scenes import Camera, Scene, begin, choose, light, outside, room, stand
from things import Material, Thing, thing

Rng = np.random.Generator


def tabletop(scene: Scene, rng: Rng) -> None:
    """Products on a table before a wall, seen close."""
    p = scene.palette
    room(scene, rng)
    height, depth = 0.74, float(rng.uniform(0.6, 0.8))
    width = float(rng.choice([1.3, 1.7, 2.4]))
    gap = float(rng.uniform(0.02, 0.3))
    scene.add(fu.table(rng, width, depth, height).moved(y=-gap - depth / 2))
    front = -gap - depth
    if rng.random() < 0.4:
        scene.add(
            te.runner(rng, p, float(rng.uniform(0.5, 0.9)), depth * 0.6).moved(
                y=-gap - depth * 0.55, z=height
            )
        )
    kinds = list(
        rng.choice(
            ["mug", "bottle", "vase", "bowl", "box", "book", "plant", "mug", "bottle", "bowl"],
            int(rng.integers(5, 8)),
            replace=False,
        )
    )
    groups = [small(scene, rng, k) for k in kinds]
    if rng.random() < 0.3 or (scene.mood == "evening" and rng.random() < 0.8):
        groups.append(small(scene, rng, "lamp"))
    if rng.random() < 0.35:
        groups.append(on_stack(scene, rng))
    stand(scene, rng, groups, x=(-0.41, 0.41), y=(front + 0.1, -gap - 0.03), z=height, lean=0.6)
    backdrop = rng.random()
    if backdrop < 0.3:
        w = float(rng.uniform(0.3, 0.5))
        scene.adds_if_free(
            fu.picture(rng, p, w, w * choose(rng, 1.0, 1.3)).moved(x=float(rng.uniform(-0.35, 0.35)), z=1.22)
        )
    elif backdrop < 0.5:
        w = float(rng.uniform(0.4, 0.6))
        scene.adds_if_free(
            te.curtain(rng, p, w, 2.4).moved(x=choose(rng, -1, 1) * (0.62 + w / 2 - 0.18), y=-0.06, z=0.02),
            0.0,
        )
    elif backdrop < 0.68:
        scene.adds_if_free(
            fu.window(rng, 0.8, 1.1, outside(scene, rng)).moved(x=choose(rng, -0.5, 0.5), z=1.0), 0.0
        )
    elif backdrop < 0.8:
        scene.adds_if_free(
            fu.board(1.6, 0.16, fu.timber(rng), brackets=False).moved(x=float(rng.uniform(-0.5, 0.5)), z=1.3)
        )
    away = float(rng.uniform(1.0, 1.3))
    up = float(rng.uniform(0.2, 0.42))
    yaw = float(rng.normal(0, 0.12))
    cy = -gap - depth * 0.5
    scene.camera = Camera(
        (away * np.sin(yaw), cy - away * np.cos(yaw), height + 0.12 + up),
        (0.0, cy, height + 0.12),
        float(rng.uniform(37, 44)),
    )
    scene.portrait = bool(rng.random() < 0.2)
    light(scene, rng, (0.0, cy, height + 0.1), side=choose(rng, -1, 1), reach=1.5)


def shelves(scene: Scene, rng: Rng) -> None:
    """Boards on a wall, or an open bookcase, seen from the front."""
    p = scene.palette
    room(scene, rng)
    case = rng.random() < 0.4
    levels: list[tuple[float, float, float, float]] = []  # x0, x1, top, free height
    if case:
        width, depth = float(rng.uniform(1.1, 1.5)), 0.3
        rows = int(rng.integers(4, 6))
        made, tops = fu.bookcase(width, 1.95, depth, rows, fu.timber(rng))
        scene.add(made.moved(y=-0.003))
        free = tops[1] - tops[0] - 0.03
        levels = [(-width / 2 + 0.04, width / 2 - 0.04, z, free) for z in tops[:-1]]
        if width < 1.35 and rng.random() < 0.7:
            side = choose(rng, -1, 1)
            scene.adds_if_free(
                lp.potted(rng, p, float(rng.uniform(0.8, 1.2))).moved(x=side * (width / 2 + 0.36), y=-0.42)
            )
        focus = float(rng.uniform(0.95, 1.2))
    else:
        depth = float(rng.uniform(0.2, 0.26))
        wood = fu.timber(rng)
        count = choose(rng, 2, 2, 3)
        pitch = 0.42 if count == 2 else 0.38
        base = 1.22 if count == 2 else 1.05
        shift = 0.0
        for k in range(count):
            width = float(rng.uniform(1.15, 1.6))
            scene.add(
                fu.board(width, depth, wood, brackets=k % 2 == 0 and rng.random() < 0.0).moved(
                    x=shift, z=base + k * pitch
                )
            )
            levels.append(
                (shift - width / 2 + 0.03, shift + width / 2 - 0.03, base + k * pitch, pitch - 0.05)
            )
            shift = float(rng.uniform(-0.22, 0.22))
        focus = base + 0.24 if count == 2 else base + 0.4
        if rng.random() < 0.7:  # a sideboard below
            top = 0.74
            scene.add(fu.table(rng, 2.0, 0.42, top).moved(y=-0.23))
            kinds = list(
                rng.choice(
                    ["lamp", "vase", "book", "bowl", "box", "plant", "mug", "bottle"], 4, replace=False
                )
            )
            groups = [small(scene, rng, k, 0.36) for k in kinds]
            groups = [g for g in groups if max(float(t.bounds()[1][2]) for t in g) < base - top - 0.06]
            stand(scene, rng, groups, x=(-0.72, 0.72), y=(-0.4, -0.05), z=top, lean=0.1)
            focus -= 0.16
    for number, (x0, x1, z, free) in enumerate(levels):
        fill_board(scene, rng, x0, x1, z, free, depth, crown=not case and number == len(levels) - 1)
    away = float(rng.uniform(2.0, 2.5)) if case else float(rng.uniform(1.7, 2.1))
    yaw = float(rng.normal(0, 0.16))
    scene.camera = Camera(
        (away * np.sin(yaw), -away * np.cos(yaw), focus + float(rng.uniform(-0.05, 0.18))),
        (0.0, -0.1, focus),
        float(rng.uniform(40, 47)),
    )
    scene.portrait = bool(case and rng.random() < 0.5)
    light(scene, rng, (0.0, -0.2, focus), side=choose(rng, -1, 1), reach=1.8)


def desk(scene: Scene, rng: Rng) -> None:
    """A place to work: desk, lamp, chair, something on the wall."""
    p = scene.palette
    room(scene, rng)
    width, depth, height = float(rng.uniform(1.2, 1.5)), 0.62, 0.74
    scene.add(
        fu.table(rng, width, depth, height, top=fu.timber(rng) if rng.random() < 0.8 else None).moved(
            y=-0.03 - depth / 2
        )
    )
    groups: list[list[Thing]] = []
    lamp = lp.desk_lamp(rng, p, scene.lit) if rng.random() < 0.6 else lp.table_lamp(rng, p, scene.lit)
    lamp_side = choose(rng, -1, 1)
    if lamp_side > 0:
        lamp = lamp.turned(yaw=np.pi - 0.3)
    low, high = lamp.bounds()
    lx = -width / 2 + 0.1 - float(low[0]) if lamp_side < 0 else width / 2 - 0.1 - float(high[0])
    scene.add(lamp.moved(x=lx, y=-0.2, z=height))
    kinds = list(
        rng.choice(
            ["mug", "book", "box", "plant", "vase", "book", "bowl", "bottle"],
            int(rng.integers(4, 6)),
            replace=False,
        )
    )
    groups = [small(scene, rng, k) for k in kinds]
    if rng.random() < 0.5:
        groups.append([cr.row(rng, p, float(rng.uniform(0.2, 0.35)))])
    stand(scene, rng, groups, x=(-width / 2 + 0.04, width / 2 - 0.04), y=(-depth, -0.05), z=height, lean=0.0)
    above = rng.random()
    if above < 0.4:
        pictures(scene, rng, 0.0, 1.2, choose(rng, 1, 2, 2, 3))
    elif above < 0.65:
        z = 1.32
        w = float(rng.uniform(0.9, 1.2))
        scene.add(fu.board(w, 0.22, fu.timber(rng), brackets=False).moved(z=z))
        fill_board(scene, rng, -w / 2, w / 2, z, 0.4, 0.22, crown=True)
    else:
        x = choose(rng, -0.35, 0.0, 0.35)
        scene.adds_if_free(fu.window(rng, 0.95, 1.15, outside(scene, rng)).moved(x=x, z=1.02), 0.0)
    side = choose(rng, -1, 1)
    if rng.random() < 0.85:
        turn = float(rng.uniform(0.35, 1.1)) * side
        seat = (
            fu.chair(rng, p)
            .turned(yaw=np.pi + turn)
            .moved(x=side * float(rng.uniform(0.1, 0.35)), y=-depth - float(rng.uniform(0.3, 0.42)))
        )
        scene.add(seat)
    if rng.random() < 0.55:
        scene.add(te.rug(rng, p, 1.9, 1.3).moved(y=-1.1)) if rng.random() < 0.6 else scene.add(
            te.round_rug(rng, p, 0.85).moved(y=-1.0)
        )
    if rng.random() < 0.5:
        scene.adds_if_free(
            lp.potted(rng, p, float(rng.uniform(0.7, 1.2))).moved(x=-side * (width / 2 + 0.4), y=-0.45)
        )
    away = float(rng.uniform(2.0, 2.4))
    yaw = float(rng.normal(0, 0.2))
    scene.camera = Camera(
        (away * np.sin(yaw), -0.3 - away * np.cos(yaw), float(rng.uniform(1.2, 1.5))),
        (0.0, -0.3, float(rng.uniform(0.82, 0.92))),
        float(rng.uniform(40, 47)),
    )
    light(scene, rng, (0.0, -0.4, 0.85), side=-side, reach=2.1)


def kitchen(scene: Scene, rng: Rng) -> None:
    """A counter before tiles, a board above."""
    p = scene.palette
    room(scene, rng, kind=choose(rng, "tiles", "tiles", "panels"))
    height, depth = 0.9, 0.62
    top = fu.worktop(rng)
    front_color = p.accent(rng) if rng.random() < 0.5 else p.pale(rng)
    front = Material(front_color, rough=0.5)
    parts = [
        (box(5.0, depth, 0.035, 0.004).moved(y=-depth / 2, z=height - 0.035), top),
        (box(5.0, depth - 0.05, height - 0.035, 0.002).moved(y=-depth / 2 + 0.02), front),
    ]
    for k in range(-4, 5):
        parts.append((box(0.58, 0.018, 0.7, 0.003).moved(x=0.6 * k + 0.1, y=-depth + 0.042, z=0.12), front))
        parts.append(
            (box(0.14, 0.02, 0.012, 0.004).moved(x=0.6 * k + 0.1, y=-depth + 0.02, z=0.76), fu.BRASS)
        )
    scene.add(thing("table", *parts))
    kinds = list(
        rng.choice(
            ["bottle", "bottle", "mug", "mug", "bowl", "bowl", "vase", "plant", "box", "cloth", "book"],
            int(rng.integers(6, 9)),
            replace=False,
        )
    )
    shelf_z = float(rng.uniform(1.38, 1.46))
    has_window = rng.random() < 0.4
    groups = [small(scene, rng, k, 0.36) for k in kinds]
    if not has_window:
        groups = [g for g in groups if max(float(t.bounds()[1][2]) for t in g) < shelf_z - height - 0.05]
    stand(scene, rng, groups, x=(-0.75, 0.75), y=(-depth + 0.03, -0.03), z=height, lean=0.15)
    if has_window:
        scene.adds_if_free(
            fu.window(rng, float(rng.uniform(0.8, 1.1)), 0.95, outside(scene, rng)).moved(
                x=choose(rng, -0.35, 0.35, 0.0), z=1.28
            ),
            0.0,
        )
    else:
        w = float(rng.uniform(1.3, 2.2))
        shift = float(rng.uniform(-0.2, 0.2))
        scene.add(fu.board(w, 0.22, fu.timber(rng), brackets=True).moved(x=shift, z=shelf_z))
        fill_board(scene, rng, shift - w / 2, shift + w / 2, shelf_z, 0.4, 0.22, crown=True)
    if rng.random() < 0.3 or scene.mood == "evening":
        x = choose(rng, -0.45, 0.45)
        scene.adds_if_free(lp.pendant(rng, p, scene.lit, 1.6).moved(x=x, y=-0.75, z=1.62), 0.0)
    away = float(rng.uniform(1.7, 2.1))
    yaw = float(rng.normal(0, 0.2))
    aim = float(rng.uniform(1.1, 1.2))
    scene.camera = Camera(
        (away * np.sin(yaw), -0.3 - away * np.cos(yaw), aim + float(rng.uniform(0.1, 0.35))),
        (0.0, -0.3, aim),
        float(rng.uniform(42, 50)),
    )
    light(scene, rng, (0.0, -0.35, 1.1), side=choose(rng, -1, 1), reach=1.9)


def living(scene: Scene, rng: Rng) -> None:
    """A sofa against the wall with what belongs around it."""
    p = scene.palette
    room(scene, rng)
    width = float(rng.uniform(1.65, 2.15))
    shift = float(rng.uniform(-0.25, 0.25))
    y0 = -0.1
    scene.add(te.rug(rng, p, float(rng.uniform(2.2, 2.8)), 1.6).moved(x=shift, y=-1.55))
    scene.add(fu.sofa(rng, p, width).moved(x=shift, y=y0))
    seat = 0.45
    spots = [(-1, 0.0), (1, 0.0), (-1, 0.3), (1, 0.3)]
    for s, inward in [spots[i] for i in rng.permutation(4)[: int(rng.integers(2, 4))]]:
        pillow = te.scatter_cushion(rng, p, 0.4 if inward == 0 else 0.36).turned(
            yaw=-s * float(rng.uniform(0.1, 0.35))
        )
        scene.add(
            pillow.moved(
                x=shift + s * (width / 2 - 0.38 - inward), y=y0 - 0.46 - 0.2 * inward, z=seat + 0.012
            )
        )
    if rng.random() < 0.5:
        s = choose(rng, -1, 1)
        drape = te.throw(rng, p, float(rng.uniform(0.4, 0.55)), over=0.16, front=0.3, back=0.2)
        scene.add(drape.moved(x=shift + s * width * 0.22, y=y0 - 0.02, z=0.775))
    lamp_side = choose(rng, -1, 1)
    if rng.random() < 0.55:
        radius = 0.23
        top = 0.5
        x = shift + lamp_side * (width / 2 + radius + 0.08)
        scene.add(fu.round_table(rng, radius, top).moved(x=x, y=y0 - 0.36))
        if rng.random() < 0.75:
            scene.add(lp.table_lamp(rng, p, scene.lit).moved(x=x, y=y0 - 0.28, z=top))
            scene.adds_if_free(cr.mug(rng, p).moved(x=x - 0.02, y=y0 - 0.5, z=top), 0.003)
        else:
            scene.add(*[t.moved(x=x, y=y0 - 0.34, z=top) for t in bouquet(scene, rng, 0.28, 1.0)])
    else:
        scene.adds_if_free(
            lp.floor_lamp(rng, p, scene.lit).moved(x=shift + lamp_side * (width / 2 + 0.32), y=y0 - 0.3), 0.0
        )
    other = -lamp_side
    tall = float(rng.uniform(0.9, 1.4))
    scene.adds_if_free(
        lp.potted(rng, p, tall).moved(x=shift + other * (width / 2 + 0.26 + tall * 0.17), y=-0.55), 0.0
    )
    if rng.random() < 0.7:
        cx, cy, top = shift + float(rng.uniform(-0.2, 0.2)), -1.75, float(rng.uniform(0.36, 0.42))
        if rng.random() < 0.5:
            scene.add(fu.table(rng, 1.0, 0.55, top, low=True).moved(x=cx, y=cy))
            area = (0.42, 0.2)
        else:
            scene.add(fu.round_table(rng, 0.4, top).moved(x=cx, y=cy))
            area = (0.27, 0.24)
        kinds = list(rng.choice(["mug", "book", "bowl", "vase", "box"], 3, replace=False))
        stand(
            scene,
            rng,
            [small(scene, rng, k, 0.3) for k in kinds],
            x=(cx - area[0], cx + area[0]),
            y=(cy - area[1], cy + area[1]),
            z=top,
            lean=0.2,
        )
    above = rng.random()
    if above < 0.55:
        pictures(scene, rng, shift, 1.22, choose(rng, 1, 2, 3))
    elif above < 0.8:
        flanked_window(scene, rng, shift + other * 0.5, 0.95, 1.2, 1.25)
    else:
        z = 1.4
        scene.add(fu.board(1.4, 0.22, fu.timber(rng), brackets=False).moved(x=shift, z=z))
        fill_board(scene, rng, shift - 0.7, shift + 0.7, z, 0.5, 0.22, crown=True)
    away = float(rng.uniform(2.9, 3.4))
    yaw = float(rng.normal(0, 0.15))
    scene.camera = Camera(
        (shift + away * np.sin(yaw), -0.6 - away * np.cos(yaw), float(rng.uniform(1.1, 1.45))),
        (shift, -0.6, float(rng.uniform(0.72, 0.86))),
        float(rng.uniform(42, 49)),
    )
    light(scene, rng, (shift, -0.8, 0.7), side=choose(rng, -1, 1), reach=2.8)


def corner(scene: Scene, rng: Rng) -> None:
    """A chair in a room's corner: lamp, plant, side table, window."""
    p = scene.palette
    side = choose(rng, -1, 1)
    room(scene, rng, side=side, far=1.35)
    scene.add(
        te.round_rug(rng, p, float(rng.uniform(0.8, 1.0))).moved(x=side * 0.25, y=-1.05)
        if rng.random() < 0.5
        else te.rug(rng, p, 1.8, 1.3).moved(x=side * 0.1, y=-1.15)
    )
    x = side * float(rng.uniform(0.25, 0.45))
    turn = -side * float(rng.uniform(0.25, 0.7))
    if rng.random() < 0.62:
        scene.add(fu.armchair(rng, p).turned(yaw=turn).moved(x=x, y=-0.85))
        if rng.random() < 0.75:
            scene.add(
                te.scatter_cushion(rng, p, 0.36).moved(y=0.09, z=0.425).turned(yaw=turn).moved(x=x, y=-0.85)
            )
    else:
        scene.add(fu.chair(rng, p).turned(yaw=turn).moved(x=x, y=-0.8))
        if rng.random() < 0.6:
            scene.add(
                te.scatter_cushion(rng, p, 0.34).moved(y=0.1, z=0.475).turned(yaw=turn).moved(x=x, y=-0.8)
            )
    tx_, ty = x - side * 0.72, -0.72
    top = float(rng.uniform(0.45, 0.55))
    scene.add(fu.round_table(rng, 0.24, top).moved(x=tx_, y=ty))
    if rng.random() < 0.5:
        scene.add(*[t.moved(tx_, ty, top) for t in on_stack(scene, rng)])
    else:
        kinds = list(rng.choice(["mug", "vase", "bowl", "book", "bottle"], 3, replace=False))
        stand(
            scene,
            rng,
            [small(scene, rng, k, 0.34) for k in kinds],
            x=(tx_ - 0.19, tx_ + 0.19),
            y=(ty - 0.16, ty + 0.17),
            z=top,
            lean=0.2,
        )
    if rng.random() < 0.75 or scene.lit > 0:
        scene.adds_if_free(lp.floor_lamp(rng, p, scene.lit).moved(x=side * 1.05, y=-0.3), 0.0)
    tall = float(rng.uniform(0.75, 1.25))
    scene.adds_if_free(lp.potted(rng, p, tall).moved(x=-side * float(rng.uniform(0.95, 1.1)), y=-0.42), 0.0)
    above = rng.random()
    if above < 0.5:
        flanked_window(scene, rng, -side * float(rng.uniform(0.1, 0.5)), 0.9, 1.0, 1.3)
    elif above < 0.85:
        pictures(scene, rng, -side * 0.2, 1.2, choose(rng, 1, 2))
    else:
        scene.add(fu.board(1.1, 0.22, fu.timber(rng), brackets=False).moved(x=-side * 0.4, z=1.35))
        fill_board(scene, rng, -side * 0.4 - 0.55, -side * 0.4 + 0.55, 1.35, 0.45, 0.22, crown=True)
    away = float(rng.uniform(2.5, 2.9))
    yaw = -side * float(rng.uniform(0.05, 0.38))
    scene.camera = Camera(
        (away * np.sin(yaw), -0.5 - away * np.cos(yaw), float(rng.uniform(1.1, 1.45))),
        (side * 0.02, -0.5, float(rng.uniform(0.68, 0.8))),
        float(rng.uniform(42, 48)),
    )
    scene.portrait = bool(rng.random() < 0.2)
    light(scene, rng, (0.0, -0.8, 0.7), side=-side, reach=2.5)


FAMILIES: dict[str, Callable[[Scene, Rng], None]] = {
    "tabletop": tabletop,
    "shelves": shelves,
    "desk": desk,
    "kitchen": kitchen,
    "living": living,
    "corner": corner,
}


def opened(seed: int, index: int) -> tuple[Scene, Rng]:
    """Scene number `index` of a sample before anything stands in it; families take turns."""
    rng = np.random.Generator(np.random.Philox(key=[seed, index]))
    return begin(list(FAMILIES)[index % len(FAMILIES)], seed, index, rng), rng


def arranged(seed: int, index: int) -> Scene:
    """Scene number `index` of a sample, whole."""
    scene, rng = opened(seed, index)
    FAMILIES[scene.family](scene, rng)
    return scene
