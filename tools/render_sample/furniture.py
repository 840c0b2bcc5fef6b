"""Furniture and soft furnishing: tables to chairs and sofas, rugs, curtains, pictures, windows."""

from __future__ import annotations

import numpy as np
import textures as tx
from meshes import (
    Mesh,
    box,
    lathe,
    rectangle,
    rounded,
    smooth,
    soft_box,
    tube,
)
from textiles import cloth
from things import WOODS, Material, Palette, Thing, thing

Rng = np.random.Generator
BRASS = Material((0.76, 0.6, 0.32), rough=0.28, metal=1.0)
STEEL = Material((0.7, 0.7, 0.69), rough=0.3, metal=1.0)
BLACK = Material((0.09, 0.09, 0.09), rough=0.45, coat=0.2)


def timber(rng: Rng, *names: str) -> Material:
    name = names[int(rng.integers(len(names)))] if names else list(WOODS)[int(rng.integers(len(WOODS)))]
    base = tx.shifted(WOODS[name], rng, 0.02)
    texture = tx.wood(rng, base, contrast=0.02 if name == "white" else 0.075)
    return Material(texture, size=(1.3, 0.4), rough=float(rng.uniform(0.35, 0.55)), coat=0.15)


def worktop(rng: Rng) -> Material:
    """What a table's top is made of."""
    kind = rng.random()
    if kind < 0.62:
        return timber(rng)
    if kind < 0.76:
        return Material(
            tx.marble(rng, (0.9, 0.89, 0.87), (0.5, 0.48, 0.47)), size=(1.2, 1.2), rough=0.18, coat=0.4
        )
    if kind < 0.88:
        return Material(
            tx.terrazzo(rng, (0.86, 0.84, 0.8), [(0.62, 0.42, 0.33), (0.35, 0.37, 0.36), (0.75, 0.66, 0.5)]),
            size=(0.7, 0.7),
            rough=0.3,
            coat=0.3,
        )
    return Material(
        tx.painted((0.46, 0.46, 0.45), 1 + 0.05 * tx.noise(rng, 768, 1.6)), size=(1.5, 1.5), rough=0.5
    )


def table(
    rng: Rng, width: float, depth: float, height: float, *, top: Material | None = None, low: bool = False
) -> Thing:
    """A rectangular table with tapered or trestle legs."""
    top = top or worktop(rng)
    thick = rng.uniform(0.022, 0.04)
    parts: list[tuple[Mesh, Material]] = [(box(width, depth, thick, 0.005).moved(z=height - thick), top)]
    wooden = isinstance(top.color, np.ndarray) and top.rough > 0.34
    leg = (
        top if wooden and rng.random() < 0.6 else BLACK if rng.random() < 0.6 else timber(rng, "oak", "teak")
    )
    inset = 0.06
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (width / 2 - inset), sy * (depth / 2 - inset)
            splay = 0.03 if low else 0.015
            path = np.array([[x + sx * splay, y + sy * splay, 0.0], [x, y, height - thick]])
            parts.append(
                (tube(np.linspace(path[0], path[1], 8), np.linspace(0.014, 0.024, 8)).turned_uv(), leg)
            )
    apron = 0.05 if low else 0.075
    along, across = box(width - 2 * inset, 0.02, apron, 0.003), box(0.02, depth - 2 * inset, apron, 0.003)
    z = height - thick - apron
    parts += [(along.moved(y=side * (depth / 2 - inset), z=z), leg) for side in (-1, 1)]
    parts += [(across.moved(x=side * (width / 2 - inset), z=z), leg) for side in (-1, 1)]
    return thing("table", *parts)


def round_table(rng: Rng, radius: float, height: float) -> Thing:
    top = worktop(rng)
    thick = 0.024
    disc = lathe(
        rounded(
            [
                (0.0, height - thick),
                (radius * 0.98, height - thick),
                (radius, height - thick / 2),
                (radius, height),
                (0.0, height),
            ],
            0.006,
            6,
        ),
        96,
    )
    uv = disc.points[:, :2] + radius
    disc = Mesh(disc.points, disc.normals, uv, disc.faces)
    leg = BLACK if rng.random() < 0.4 else timber(rng, "oak", "walnut", "birch")
    parts: list[tuple[Mesh, Material]] = [(disc, top)]
    if rng.random() < 0.5:
        foot = lathe(
            rounded(
                [
                    (0.0, 0.0),
                    (radius * 0.62, 0.0),
                    (radius * 0.62, 0.015),
                    (0.03, 0.03),
                    (0.026, height - thick),
                    (0.0, height - thick),
                ],
                0.02,
                8,
            ),
            64,
        )
        parts.append((foot, leg))
    else:
        for k in range(3):
            angle = 2 * np.pi * k / 3 + 0.5
            a = np.array([np.cos(angle), np.sin(angle)])
            ends = np.array([[*(a * radius * 0.82), 0.0], [*(a * radius * 0.45), height - thick]])
            parts.append(
                (tube(np.linspace(ends[0], ends[1], 8), np.linspace(0.012, 0.019, 8)).turned_uv(), leg)
            )
    return thing("table", *parts)


def board(width: float, depth: float, material: Material, *, brackets: bool, thick: float = 0.028) -> Thing:
    """A wall board whose top is z = 0 and whose back is y = 0."""
    parts = [(box(width, depth, thick, 0.003).moved(y=-depth / 2, z=-thick), material)]
    if brackets:
        for side in (-1, 1):
            x = side * width * 0.38
            path = np.array(
                [[x, -0.006, -0.17], [x, -0.006, -thick - 0.004], [x, -depth * 0.85, -thick - 0.004]]
            )
            parts.append((tube(np.linspace(path[0], path[1], 6), 0.005, 10), BLACK))
            parts.append((tube(np.linspace(path[1], path[2], 6), 0.005, 10), BLACK))
    return thing("shelf", *parts)


def bookcase(
    width: float, height: float, depth: float, levels: int, material: Material
) -> tuple[Thing, list[float]]:
    """An open case with its back at y = 0, and the heights of what stands in it."""
    t = 0.024
    parts = [
        (box(t, depth, height, 0.002).moved(x=s * (width - t) / 2, y=-depth / 2), material) for s in (-1, 1)
    ]
    parts.append((box(width, 0.008, height, 0.001).moved(y=-0.004), material))
    tops = []
    for k in range(levels + 1):
        z = 0.06 + k * (height - 0.06 - t) / levels
        parts.append(
            (box(width - 2 * t + 0.002, depth - 0.01, t, 0.002).moved(y=-depth / 2 - 0.003, z=z), material)
        )
        tops.append(z + t)
    return thing("shelf", *parts), tops


def chair(rng: Rng, palette: Palette) -> Thing:
    """A dining chair facing -y; seat at 0.46 m."""
    wood = timber(rng, "oak", "birch", "teak", "walnut", "ebony", "white")
    width, depth, seat = 0.44, 0.43, 0.46
    kind = int(rng.integers(3))
    parts: list[tuple[Mesh, Material]] = []
    pad = rng.random() < 0.5
    if pad:
        parts.append(
            (
                soft_box(width, depth, 0.05, puff=0.012, rng=rng, bevel=0.02).moved(z=seat - 0.03),
                cloth(rng, palette, plain=True),
            )
        )
        parts.append((box(width - 0.02, depth - 0.02, 0.03, 0.006).moved(z=seat - 0.055), wood))
    else:
        parts.append((box(width, depth, 0.03, 0.012).moved(z=seat - 0.03), wood))
    lean = 0.09
    for sx in (-1, 1):
        x = sx * (width / 2 - 0.03)
        front = np.array([[x + sx * 0.02, -depth / 2 + 0.01, 0], [x, -depth / 2 + 0.04, seat - 0.03]])
        parts.append(
            (tube(np.linspace(front[0], front[1], 8), np.linspace(0.012, 0.019, 8)).turned_uv(), wood)
        )
        back = smooth(
            [
                (depth / 2 + 0.05, 0.0),
                (depth / 2 - 0.025, seat - 0.03),
                (depth / 2 - 0.012, seat + 0.1),
                (depth / 2 + lean, 0.84),
            ],
            24,
        )
        path = np.stack([np.full(24, x) + sx * np.linspace(0.02, 0.0, 24), back[:, 0], back[:, 1]], 1)
        parts.append((tube(path, np.linspace(0.013, 0.017, 24)).turned_uv(), wood))
    rail_x = np.linspace(-(width / 2 - 0.03), width / 2 - 0.03, 20)
    bow = 0.03 * (1 - (rail_x / (width / 2)) ** 2)

    def back_y(z: float) -> float:
        return float(
            np.interp(z, [seat, seat + 0.1, 0.84], [depth / 2 - 0.02, depth / 2 - 0.012, depth / 2 + lean])
        )

    for z in (0.82,) if kind == 0 else (0.8, 0.66):
        path = np.stack([rail_x, back_y(z) + bow, np.full(20, z)], 1)
        parts.append((tube(path, 0.011, 14, oval=3.0 if kind else 2.2), wood))
    if kind == 0:
        for x in np.linspace(-0.13, 0.13, 6):
            y1 = back_y(0.82) + 0.03 * (1 - (x / (width / 2)) ** 2)
            path = np.array([[x, depth / 2 - 0.03, seat - 0.01], [x * 1.15, y1, 0.82]])
            parts.append((tube(np.linspace(path[0], path[1], 6), 0.0065, 10), wood))
    for z, y in ((0.2, -depth / 2 + 0.025), (0.24, depth / 2 + 0.01)):
        path = np.array([[-(width / 2 - 0.025), y, z], [width / 2 - 0.025, y, z]])
        parts.append((tube(np.linspace(path[0], path[1], 5), 0.009, 10), wood))
    return thing("chair", *parts)


def armchair(rng: Rng, palette: Palette) -> Thing:
    """An upholstered chair facing -y."""
    stuff = cloth(rng, palette, coarse=0.3, plain=True)
    wood = timber(rng, "oak", "walnut", "ebony", "birch")
    w, d, seat = rng.uniform(0.68, 0.78), 0.72, 0.40
    parts = [
        (
            soft_box(w - 0.2, d - 0.12, 0.16, puff=0.02, rng=rng, bevel=0.05).moved(y=-0.05, z=seat - 0.14),
            stuff,
        ),
        (
            soft_box(w - 0.16, 0.15, 0.56, puff=0.03, rng=rng, bevel=0.07)
            .turned(pitch=-0.2)
            .moved(y=d / 2 - 0.12, z=seat - 0.1),
            stuff,
        ),
        (box(w - 0.06, d - 0.1, 0.13, 0.02).moved(y=-0.02, z=0.16), stuff),
    ]
    for s in (-1, 1):
        parts.append(
            (
                soft_box(0.12, d - 0.06, 0.34, puff=0.012, rng=rng, bevel=0.05).moved(
                    x=s * (w / 2 - 0.06), y=-0.02, z=0.22
                ),
                stuff,
            )
        )
        for y in (-1, 1):
            path = np.array(
                [[s * (w / 2 - 0.07), y * (d / 2 - 0.1), 0.0], [s * (w / 2 - 0.1), y * (d / 2 - 0.13), 0.2]]
            )
            parts.append(
                (tube(np.linspace(path[0], path[1], 6), np.linspace(0.013, 0.02, 6)).turned_uv(), wood)
            )
    return thing("chair", *parts)


def sofa(rng: Rng, palette: Palette, width: float) -> Thing:
    """A sofa facing -y, its back at y = 0; seat at 0.44 m."""
    stuff = cloth(rng, palette, coarse=0.35, plain=True)
    wood = timber(rng, "oak", "walnut", "ebony", "birch")
    depth, seat = 0.86, 0.44
    arm = rng.uniform(0.12, 0.18)
    inner = width - 2 * arm
    seats = 2 if width < 1.85 else 3
    arm_height = rng.uniform(0.56, 0.64)
    parts: list[tuple[Mesh, Material]] = [
        (box(width - 0.04, depth - 0.06, 0.18, 0.02).moved(y=-depth / 2, z=0.13), stuff)
    ]
    parts.append(
        (soft_box(width - 0.04, 0.18, 0.62, puff=0.01, rng=rng, bevel=0.05).moved(y=-0.1, z=0.15), stuff)
    )
    for k in range(seats):
        x = -inner / 2 + (k + 0.5) * inner / seats
        parts.append(
            (
                soft_box(inner / seats - 0.004, depth - 0.22, 0.15, puff=0.022, rng=rng, bevel=0.04).moved(
                    x=x, y=-depth / 2 - 0.08, z=seat - 0.14
                ),
                stuff,
            )
        )
        parts.append(
            (
                soft_box(inner / seats - 0.01, 0.16, 0.42, puff=0.035, rng=rng, bevel=0.06)
                .turned(pitch=-0.2)
                .moved(x=x, y=-0.26, z=seat),
                stuff,
            )
        )
    for s in (-1, 1):
        parts.append(
            (
                soft_box(arm, depth - 0.02, arm_height - 0.13, puff=0.012, rng=rng, bevel=0.05).moved(
                    x=s * (width - arm) / 2, y=-depth / 2, z=0.13
                ),
                stuff,
            )
        )
        foot = tube(np.array([[0, 0, 0.0], [0, 0, 0.07], [0, 0, 0.14]]), np.array([0.015, 0.018, 0.022]))
        parts += [(foot.moved(x=s * (width / 2 - 0.1), y=y), wood) for y in (-0.08, -depth + 0.1)]
    return thing("sofa", *parts)


def picture(rng: Rng, palette: Palette, width: float, height: float) -> Thing:
    """A framed print hung flat on a wall at y = 0, its foot at z = 0."""
    bar, deep = rng.uniform(0.014, 0.028), 0.022
    wood = timber(rng, "oak", "walnut", "white", "ebony", "birch") if rng.random() < 0.8 else BRASS
    parts = [(box(width, deep, bar, 0.0015).moved(y=-deep / 2, z=z), wood) for z in (0.0, height - bar)]
    parts += [
        (box(bar, deep, height - 2 * bar, 0.0015).moved(x=s * (width - bar) / 2, y=-deep / 2, z=bar), wood)
        for s in (-1, 1)
    ]
    mat = rng.uniform(0.0, 0.16) * min(width, height) if rng.random() < 0.75 else 0.0
    parts.append(
        (
            rectangle(width - bar, height - bar).moved(y=-0.006, z=bar / 2),
            Material((0.93, 0.92, 0.89), rough=0.9),
        )
    )
    w, h = width - 2 * bar - 2 * mat, height - 2 * bar - 2 * mat
    parts.append(
        (
            rectangle(w, h).moved(y=-0.0075, z=bar + mat),
            Material(tx.art(rng, palette.accents, w / h), rough=0.7, coat=0.2),
        )
    )
    return thing("picture", *parts)


def window(
    rng: Rng, width: float, height: float, glow: np.ndarray, *, panes: tuple[int, int] = (2, 2)
) -> Thing:
    """A window set in a wall at y = 0, its foot at z = 0; shows `glow`, linear radiance."""
    paint = (
        Material((0.9, 0.89, 0.86), rough=0.4, coat=0.2)
        if rng.random() < 0.75
        else Material((0.16, 0.17, 0.17), rough=0.4)
    )
    bar, deep = 0.055, 0.07
    parts = [(rectangle(width - 0.02, height - 0.02).moved(y=-0.004, z=0.01), Material((0, 0, 0), glow=glow))]
    parts += [(box(width, deep, bar, 0.004).moved(y=-deep / 2, z=z), paint) for z in (0.0, height - bar)]
    parts += [
        (box(bar, deep, height - 2 * bar, 0.004).moved(x=s * (width - bar) / 2, y=-deep / 2, z=bar), paint)
        for s in (-1, 1)
    ]
    for k in range(1, panes[0]):
        parts.append(
            (
                box(0.03, 0.04, height - 2 * bar, 0.003).moved(
                    x=-width / 2 + k * width / panes[0], y=-0.025, z=bar
                ),
                paint,
            )
        )
    for k in range(1, panes[1]):
        parts.append(
            (box(width - 2 * bar, 0.04, 0.03, 0.003).moved(y=-0.025, z=k * height / panes[1] - 0.015), paint)
        )
    parts.append((box(width + 0.1, 0.16, 0.028, 0.005).moved(y=-0.08, z=-0.028), paint))
    return thing("window", *parts)
