"""Small things that stand on tables and shelves: mugs, bottles, vases, bowls, boxes, books."""

from __future__ import annotations

import numpy as np
import textures as tx
from meshes import Mesh, box, lathe, rectangle, rounded, smooth, tube
from things import WOODS, Material, Palette, Thing, thing

Rng = np.random.Generator


def walled(outside: np.ndarray, wall: float, floor: float) -> np.ndarray:
    """An outside profile (from the foot's rim up) made hollow, with a rounded lip."""
    inside = outside.copy()
    inside[:, 0] = np.maximum(inside[:, 0] - wall, 0.0)
    inside = inside[inside[:, 1] > outside[0, 1] + floor][::-1]
    top = outside[-1]
    arc = np.linspace(0, np.pi, 7)[1:-1]
    lip = np.stack([top[0] - wall / 2 + wall / 2 * np.cos(arc), top[1] + wall / 2 * np.sin(arc)], 1)
    z0 = outside[0, 1]
    parts = [
        [(0.0, z0)],
        [(outside[0, 0] * 0.9, z0)],
        outside,
        lip,
        inside,
        [(inside[-1, 0] * 0.75, z0 + floor), (0.0, z0 + floor)],
    ]
    return np.concatenate([np.asarray(p, dtype=float) for p in parts])


def fit_uv(mesh: Mesh) -> Mesh:
    """Texture v as height from 0 to 1, for glazes that meet at a line."""
    low, high = mesh.bounds()
    uv = mesh.uv.copy()
    uv[:, 0] /= max(uv[:, 0].max(), 1e-6)
    uv[:, 1] = (mesh.points[:, 2] - low[2]) / (high[2] - low[2])
    return Mesh(mesh.points, mesh.normals, uv, mesh.faces)


def glaze(rng: Rng, palette: Palette) -> Material:
    """Ceramic of some finish; wants fitted uv."""
    color = palette.accent(rng) if rng.random() < 0.6 else palette.pale(rng)
    kind = rng.random()
    if kind < 0.3:
        return Material(
            tx.speckled(rng, color, (0.25, 0.17, 0.12)), rough=float(rng.uniform(0.25, 0.5)), coat=0.3
        )
    if kind < 0.55:
        other = (0.72, 0.58, 0.45) if rng.random() < 0.5 else palette.pale(rng)
        return Material(tx.banded(rng, other, color, float(rng.uniform(0.2, 0.5))), rough=0.3, coat=0.4)
    if kind < 0.85:
        return Material(color, rough=float(rng.uniform(0.08, 0.2)), coat=0.8)
    return Material(color, rough=0.6)


def mug(rng: Rng, palette: Palette) -> Thing:
    height, radius = rng.uniform(0.085, 0.105), rng.uniform(0.038, 0.046)
    kind = int(rng.integers(3))
    if kind == 0:
        outside = rounded([(radius * 0.86, 0), (radius, 0.004), (radius, height)], 0.008, 8)
    elif kind == 1:
        outside = smooth(
            [
                (radius * 0.7, 0),
                (radius * 0.98, height * 0.25),
                (radius * 1.04, height * 0.55),
                (radius * 0.93, height),
            ]
        )
    else:
        outside = rounded([(radius * 0.68, 0), (radius * 0.74, 0.003), (radius * 1.06, height)], 0.006, 8)
    outside = np.concatenate(
        [
            np.linspace(outside[:-1], outside[1:], 4, endpoint=False).swapaxes(0, 1).reshape(-1, 2),
            outside[-1:],
        ]
    )
    body = fit_uv(lathe(walled(outside, 0.0035, 0.005), 72))
    t = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 24)
    at = np.interp([height * 0.25, height * 0.78], outside[:, 1], outside[:, 0])
    lean = np.linspace(at[0], at[1], 24)
    path = np.stack(
        [lean - 0.003 + rng.uniform(0.026, 0.034) * np.cos(t), 0 * t, height * (0.515 + 0.265 * np.sin(t))], 1
    )
    handle = fit_uv(tube(path, 0.0048, 14, oval=1.5))
    material = glaze(rng, palette)
    parts = [
        (body, material),
        (
            handle,
            Material(
                material.color
                if isinstance(material.color, tuple)
                else tuple(material.color[-60, 10] / 255.0),
                rough=material.rough,
                coat=material.coat,
            ),
        ),
    ]
    if rng.random() < 0.4:
        top = float(np.interp(height * 0.86, outside[:, 1], outside[:, 0])) - 0.004
        drink = (0.12, 0.07, 0.04) if rng.random() < 0.6 else (0.42, 0.22, 0.08)
        parts.append(
            (
                lathe(np.array([(top, height * 0.86), (0.0, height * 0.86)])[::1], 48),
                Material(drink, rough=0.08),
            )
        )
    return thing("mug", *parts).turned(yaw=float(rng.uniform(-1.0, 0.9)))


def bottle(rng: Rng, palette: Palette) -> Thing:
    height, radius = rng.uniform(0.2, 0.32), rng.uniform(0.032, 0.046)
    neck = radius * rng.uniform(0.3, 0.42)
    kind = int(rng.integers(4))
    shoulder = height * rng.uniform(0.55, 0.68)
    if kind == 0:
        outside = rounded(
            [
                (radius * 0.9, 0),
                (radius, 0.004),
                (radius, shoulder),
                (neck, shoulder + radius * 1.3),
                (neck, height),
            ],
            radius * 0.5,
            10,
        )
    elif kind == 1:  # squat apothecary
        height *= 0.72
        radius *= 1.15
        outside = rounded(
            [
                (radius * 0.9, 0),
                (radius, 0.006),
                (radius, height * 0.66),
                (neck * 1.2, height * 0.74),
                (neck * 1.2, height * 0.9),
                (neck * 1.6, height * 0.9),
                (neck * 1.6, height),
            ],
            0.012,
            8,
        )
    elif kind == 2:  # carafe
        outside = smooth(
            [
                (radius * 0.95, 0),
                (radius * 1.35, height * 0.18),
                (radius * 1.1, height * 0.42),
                (neck * 1.2, height * 0.68),
                (neck * 1.2, height * 0.85),
                (neck * 1.7, height),
            ]
        )
    else:  # tall
        outside = rounded(
            [
                (radius * 0.85, 0),
                (radius * 0.95, 0.004),
                (radius * 0.8, height * 0.72),
                (neck, height * 0.82),
                (neck, height),
            ],
            0.02,
            10,
        )
    fine = np.linspace(outside[:-1], outside[1:], 4, endpoint=False).swapaxes(0, 1).reshape(-1, 2)
    outside = np.concatenate([fine, outside[-1:]])
    finish = rng.random()
    parts = []
    if finish < 0.6:
        tints = [(0.35, 0.18, 0.05), (0.16, 0.3, 0.2), (0.72, 0.83, 0.8), (0.2, 0.32, 0.4), (0.55, 0.33, 0.3)]
        tint = tints[int(rng.integers(len(tints)))]
        material = Material(tint, rough=0.12, glass=float(rng.uniform(0.55, 0.85)), coat=1.0)
        profile = np.concatenate([[(0.0, outside[0, 1])], outside])
        body = lathe(profile, 72)
        parts.append((body, material))
        if rng.random() < 0.6:  # what is in it
            level = height * rng.uniform(0.3, 0.55)
            inner = outside[outside[:, 1] < level]
            inner = np.concatenate(
                [[(0.0, 0.004)], np.maximum(inner - [0.004, -0.004], 0.002), [(0.0, inner[-1, 1] + 0.004)]]
            )
            liquids = [(0.35, 0.16, 0.03), (0.55, 0.45, 0.12), (0.16, 0.05, 0.04), (0.5, 0.52, 0.45)]
            parts.append((lathe(inner, 48), Material(liquids[int(rng.integers(4))], rough=0.1)))
    else:
        body = fit_uv(
            lathe(
                np.concatenate([[(0.0, outside[0, 1])], outside, [(neck * 0.6, height)], [(0.0, height)]]), 72
            )
        )
        parts.append((body, glaze(rng, palette)))
    stop = outside[-1, 0]
    if rng.random() < 0.75:
        cork = lathe(
            rounded(
                [
                    (0.0, height - 0.01),
                    (stop * 0.8, height - 0.01),
                    (stop * 0.95, height + 0.02),
                    (0.0, height + 0.02),
                ],
                0.003,
            ),
            32,
        )
        cap = Material(
            tx.speckled(rng, (0.72, 0.53, 0.36), (0.4, 0.26, 0.16), 0.08), size=(0.05, 0.05), rough=0.8
        )
        if rng.random() < 0.35:
            cap = Material((0.75, 0.62, 0.36), rough=0.25, metal=1.0)
        parts.append((cork, cap))
    if kind in (0, 1) and rng.random() < 0.6:  # a plain paper band, no lettering
        low, high = (0.2, 0.52) if kind == 0 else (0.18, 0.55)
        band = lathe(np.array([(radius + 0.0006, height * low), (radius + 0.0006, height * high)]), 72)
        parts.append(
            (
                fit_uv(band),
                Material(tx.cover(rng, palette.pale(rng), palette.accent(rng)), size=(0.25, 1.0), rough=0.85),
            )
        )
    return thing("bottle", *parts).turned(yaw=float(rng.uniform(0, 6.28)))


def vase_profile(rng: Rng, height: float) -> np.ndarray:
    r = height * rng.uniform(0.22, 0.34)
    kinds = [
        [(0.55, 0), (1.0, 0.3), (0.95, 0.55), (0.4, 0.82), (0.42, 0.92), (0.55, 1.0)],
        [(0.5, 0), (0.75, 0.3), (1.0, 0.68), (0.8, 0.88), (0.5, 0.95), (0.56, 1.0)],
        [(0.62, 0), (0.66, 0.3), (0.72, 0.7), (0.78, 1.0)],
        [(0.45, 0), (1.1, 0.25), (1.05, 0.42), (0.34, 0.62), (0.3, 0.9), (0.42, 1.0)],
        [(0.6, 0), (1.05, 0.35), (1.1, 0.6), (0.8, 0.9), (0.7, 1.0)],
    ]
    chosen = kinds[int(rng.integers(len(kinds)))]
    return smooth([(x * r, z * height) for x, z in chosen], 60)


def vase(rng: Rng, palette: Palette, height: float | None = None) -> Thing:
    height = float(height or rng.uniform(0.16, 0.32))
    outside = vase_profile(rng, height)
    if rng.random() < 0.22:
        ribs = Material((0.7, 0.8, 0.78), rough=0.1, glass=0.75, coat=1.0)
        return thing("vase", (lathe(walled(outside, 0.004, 0.012), 72), ribs))
    body = lathe(walled(outside, 0.006, 0.02), 96)
    if rng.random() < 0.3:  # fluted
        angle = np.arctan2(body.points[:, 1], body.points[:, 0])
        wave = 1 + 0.025 * np.cos(angle * 24)
        body = Mesh(
            body.points * np.stack([wave, wave, np.ones_like(wave)], 1), body.normals, body.uv, body.faces
        )
        n = body.normals + 0.5 * (np.sin(angle * 24) * 0.6)[:, None] * np.stack(
            [-np.sin(angle), np.cos(angle), 0 * angle], 1
        )
        body = Mesh(body.points, n / np.linalg.norm(n, axis=1, keepdims=True), body.uv, body.faces)
    return thing("vase", (fit_uv(body), glaze(rng, palette)))


def bowl(rng: Rng, palette: Palette, *, fruit: bool | None = None) -> list[Thing]:
    """A bowl, and at times fruit in it (which nobody labelled: void)."""
    radius = rng.uniform(0.07, 0.14)
    height = radius * rng.uniform(0.45, 0.75)
    foot = radius * 0.42
    outside = smooth(
        [(foot, 0), (foot * 1.02, height * 0.08), (radius * 0.8, height * 0.45), (radius, height)], 50
    )
    if rng.random() < 0.3:
        wood = WOODS[["oak", "teak", "walnut"][int(rng.integers(3))]]
        material = Material(tx.wood(rng, wood), size=(0.8, 0.25), rough=0.4, coat=0.2)
        body = lathe(walled(outside, 0.006, 0.012), 80)
    else:
        material = glaze(rng, palette)
        body = fit_uv(lathe(walled(outside, 0.005, 0.01), 80))
    things = [thing("bowl", (body, material))]
    if rng.random() < 0.35 if fruit is None else fruit:
        kinds = [
            ((0.78, 0.22, 0.1), 0.036),
            ((0.9, 0.68, 0.15), 0.031),
            ((0.45, 0.55, 0.16), 0.034),
            ((0.85, 0.45, 0.1), 0.035),
        ]
        color, size = kinds[int(rng.integers(len(kinds)))]
        balls = []
        count = 1 if radius < 0.09 else 3 if radius < 0.115 else 4
        for k in range(count):
            angle = 2 * np.pi * k / count + rng.uniform(-0.2, 0.2)
            ring = 0.0 if count == 1 else size * (1.16 if count == 3 else 1.44)
            t = np.linspace(-np.pi / 2, np.pi / 2, 24)
            squash = rng.uniform(0.9, 1.0)
            profile = np.stack(
                [
                    np.maximum(size * np.cos(t), 0),
                    size * squash * np.sin(t) * (1 - 0.12 * np.cos(2 * t) * (t > 0.9)),
                ],
                1,
            )
            # rests on the bowl's inside where the wall reaches under it
            reach = float(np.interp(min(ring + size * 0.55, radius * 0.93), outside[:, 0], outside[:, 1]))
            z = max(0.012 + size, reach + size * 0.9)
            balls.append(
                (
                    lathe(profile, 32).moved(ring * np.cos(angle), ring * np.sin(angle), z),
                    Material(
                        tx.speckled(rng, tx.shifted(color, rng, 0.05), (0.35, 0.2, 0.05), 0.03),
                        size=(0.12, 0.12),
                        rough=0.35,
                        coat=0.2,
                    ),
                )
            )
        things.append(thing("void", *balls))
    return things


def carton(rng: Rng, palette: Palette, *, largest: float = 0.26) -> Thing:
    """A gift box, a lidded box, a wooden crate or a tin."""
    sx, sy, sz = rng.uniform(0.1, largest), rng.uniform(0.1, largest * 0.8), rng.uniform(0.07, largest * 0.75)
    kind = int(rng.integers(4))
    if kind == 0:  # lidded
        paper = palette.accent(rng) if rng.random() < 0.6 else palette.pale(rng)
        body = Material(tx.painted(paper, 1 + 0.02 * tx.noise(rng, 256, 0.7)), size=(0.3, 0.3), rough=0.7)
        lid_color = paper if rng.random() < 0.5 else palette.pale(rng)
        lid_h = sz * rng.uniform(0.22, 0.4)
        lid = Material(lid_color, rough=0.65)
        parts = [
            (box(sx - 0.006, sy - 0.006, sz - 0.004, 0.0015), body),
            (box(sx, sy, lid_h, 0.002).moved(z=sz - lid_h), lid),
        ]
        if rng.random() < 0.5:  # ribbon
            ribbon = Material(palette.accent(rng), rough=0.4, sheen=0.5)
            w = 0.018
            parts += [
                (box(w, sy + 0.003, sz + 0.003, 0.001), ribbon),
                (box(sx + 0.003, w, sz + 0.003, 0.001), ribbon),
            ]
        return thing("box", *parts)
    if kind == 1:  # kraft carton with a printed face
        kraft = tx.painted((0.72, 0.56, 0.39), 1 + 0.03 * tx.noise(rng, 256, 0.6, (6, 1)))
        parts = [(box(sx, sy, sz, 0.002), Material(kraft, size=(0.25, 0.25), rough=0.85))]
        tape = Material((0.78, 0.66, 0.5), rough=0.3)
        parts.append((box(0.045, sy + 0.001, sz + 0.001, 0.0015), tape))
        return thing("box", *parts)
    if kind == 2:  # wooden crate, open slats
        wood = Material(
            tx.wood(rng, WOODS[["birch", "oak", "honey"][int(rng.integers(3))]]), size=(0.6, 0.3), rough=0.6
        )
        sx, sy = sx * 1.1, sy * 1.05
        inner = Material((0.3, 0.2, 0.13), rough=0.9)
        parts = [(box(sx - 0.02, sy - 0.02, sz * 0.8, 0.001), inner)]
        slat = sz / 3.3
        for k in range(3):
            z = k * (slat * 1.15)
            for side in (-1, 1):
                parts.append((box(sx, 0.009, slat, 0.0015).moved(y=side * (sy / 2 - 0.0045), z=z), wood))
                parts.append(
                    (box(0.009, sy - 0.019, slat, 0.0015).moved(x=side * (sx / 2 - 0.0045), z=z), wood)
                )
        return thing("box", *parts)
    paper = tx.cover(rng, palette.accent(rng), palette.pale(rng))  # upright package
    sx, sy, sz = rng.uniform(0.07, 0.12), rng.uniform(0.05, 0.08), rng.uniform(0.13, 0.22)
    front = box(sx, sy, sz, 0.0018)
    plain = tuple(paper[3, 3] / 255.0)
    label = rectangle(sx * 0.985, sz * 0.985).moved(y=-sy / 2 - 0.0004, z=sz * 0.0075)
    return thing(
        "box", (front, Material(plain, rough=0.55, coat=0.2)), (label, Material(paper, rough=0.55, coat=0.2))
    )


def book(
    rng: Rng, palette: Palette, *, tall: float, thick: float, deep: float
) -> list[tuple[Mesh, Material]]:
    """A closed book lying on its back cover: spine towards -y, `tall` along x."""
    board = 0.0025
    cloth = palette.accent(rng) if rng.random() < 0.7 else palette.pale(rng)
    ink = palette.pale(rng) if rng.random() < 0.7 else (0.78, 0.64, 0.36)
    skin = Material(tx.painted(cloth, 1 + 0.03 * tx.noise(rng, 256, 0.5)), size=(0.12, 0.12), rough=0.6)
    block = box(tall - 0.008, deep - 0.007, thick - 2 * board, 0.0008).moved(y=0.0015, z=board)
    parts = [
        (box(tall, deep, board, 0.001), skin),
        (box(tall, deep, board, 0.001).moved(z=thick - board), skin),
        (box(tall, board, thick - 0.001, 0.001).moved(y=-deep / 2 + board / 2, z=0.0005), skin),
        (block, Material(tx.pages(rng), size=(0.3, 0.02), rough=0.9)),
    ]
    gilt = Material(ink, rough=0.35, metal=0.3)
    line = box(tall * 0.03, board, thick * 0.96, 0.0004).moved(
        y=-deep / 2 + board / 2 - 0.0006, z=thick * 0.02
    )
    at = (-0.36, 0.36) if rng.random() < 0.6 else (0.3,)
    parts.extend((line.moved(x=x * tall), gilt) for x in at)
    return parts


def stack(rng: Rng, palette: Palette, count: int | None = None) -> Thing:
    """Books lying on one another, spines about towards the camera."""
    parts: list[tuple[Mesh, Material]] = []
    z = 0.0
    tall = rng.uniform(0.2, 0.27)
    for _ in range(count or int(rng.integers(2, 5))):
        thick = rng.uniform(0.016, 0.042)
        yaw = rng.normal(0, 0.09)
        shift = rng.normal(0, 0.004, 2)
        for mesh, material in book(rng, palette, tall=tall, thick=thick, deep=tall * rng.uniform(0.68, 0.76)):
            parts.append((mesh.turned(yaw=yaw).moved(shift[0], shift[1], z), material))
        z += thick
        tall *= rng.uniform(0.88, 1.0)
    return thing("book", *parts)


def row(rng: Rng, palette: Palette, length: float, *, tallest: float = 0.26) -> Thing:
    """Books standing side by side along x, the last one at times leaning."""
    parts: list[tuple[Mesh, Material]] = []
    x = 0.0
    while True:
        thick = rng.uniform(0.015, 0.045)
        if x + thick > length:
            break
        tall = rng.uniform(0.72, 1.0) * tallest
        deep = min(tall * 0.72, 0.17)
        for mesh, material in book(rng, palette, tall=tall, thick=thick, deep=deep):
            parts.append(
                (
                    mesh.turned(roll=np.pi / 2).moved(
                        x=x + 0.0, y=deep / 2 - 0.085 + rng.normal(0, 0.002), z=tall / 2
                    ),
                    material,
                )
            )
        x += thick + 0.0008
    parts = [(m.moved(x=-x / 2), s) for m, s in parts]
    return thing("book", *parts).grounded()
