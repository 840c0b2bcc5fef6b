"""Lamps (lit or not) and plants."""

from __future__ import annotations

import numpy as np
import textures as tx
from crockery import fit_uv, glaze, vase_profile, walled
from furniture import BLACK, BRASS, STEEL, timber
from meshes import Mesh, joined, lathe, leaf, rounded, smooth, tube
from things import Material, Palette, Thing, thing

Rng = np.random.Generator
WARM = np.array([1.0, 0.62, 0.30])


def shade(
    rng: Rng, bottom: float, top: float, height: float, *, lit: float, color: tuple[float, float, float]
) -> list[tuple[Mesh, Material]]:
    """A fabric shade standing on z = 0; `lit` is its radiance at the brightest."""
    mesh = fit_uv(lathe(np.array([(bottom, 0.0), (bottom, 0.002), (top, height - 0.002), (top, height)]), 80))
    stuff = Material(tx.weave(rng, color, threads=64)[0], size=(0.2, 0.5), rough=0.9, sheen=0.3)
    if lit <= 0:
        return [
            (mesh, stuff),
            (lathe(np.array([(top * 0.98, height * 0.97), (0.0, height * 0.97)]), 48), stuff),
        ]
    v = np.arange(64)[:, None] / 63
    bump = (0.35 + 0.65 * np.exp(-(((v - 0.42) / 0.33) ** 2))) * np.ones((64, 64))
    texture = bump[..., None] * WARM * (0.35 + 0.65 * np.array(color) ** 1.2)
    return [
        (mesh, Material((0.5, 0.45, 0.38), glow=(lit * texture).astype(np.float32))),
        (
            lathe(np.array([(0.0, height * 0.985), (top * 0.98, height * 0.985)]), 48),
            Material((0.3, 0.3, 0.3), glow=tuple(lit * 1.3 * WARM)),
        ),
    ]


def table_lamp(rng: Rng, palette: Palette, lit: float) -> Thing:
    height = rng.uniform(0.2, 0.3)
    kind = int(rng.integers(3))
    parts: list[tuple[Mesh, Material]] = []
    if kind == 0:
        profile = vase_profile(rng, height)
        parts.append(
            (fit_uv(lathe(np.concatenate([[(0.0, 0.0)], profile, [(0.0, height)]]), 72)), glaze(rng, palette))
        )
    elif kind == 1:
        metal = BRASS if rng.random() < 0.6 else BLACK
        parts.append(
            (
                lathe(
                    rounded(
                        [
                            (0.0, 0.0),
                            (0.075, 0.0),
                            (0.075, 0.014),
                            (0.009, 0.02),
                            (0.008, height),
                            (0.0, height),
                        ],
                        0.006,
                        6,
                    ),
                    64,
                ),
                metal,
            )
        )
    else:
        wood = timber(rng, "oak", "walnut", "birch")
        beads = smooth(
            [
                (0.06, 0.0),
                (0.065, 0.03),
                (0.03, 0.05),
                (0.055, 0.1),
                (0.028, 0.14),
                (0.045, 0.18),
                (0.02, height),
            ],
            70,
        )
        parts.append((lathe(np.concatenate([[(0.0, 0.0)], beads, [(0.0, height)]]), 64), wood))
    parts.append(
        (tube(np.array([[0, 0, height - 0.01], [0, 0, height + 0.03], [0, 0, height + 0.07]]), 0.006), BRASS)
    )
    bottom = rng.uniform(0.11, 0.15)
    color = palette.pale(rng) if rng.random() < 0.7 else palette.accent(rng)
    for mesh, material in shade(
        rng, bottom, bottom * rng.uniform(0.6, 0.95), rng.uniform(0.15, 0.2), lit=lit, color=color
    ):
        parts.append((mesh.moved(z=height + 0.005), material))
    return thing("lamp", *parts)


def floor_lamp(rng: Rng, palette: Palette, lit: float) -> Thing:
    height = rng.uniform(1.25, 1.45)
    metal = BRASS if rng.random() < 0.5 else BLACK
    parts: list[tuple[Mesh, Material]] = []
    if rng.random() < 0.5:
        parts.append(
            (
                lathe(
                    rounded(
                        [
                            (0.0, 0.0),
                            (0.14, 0.0),
                            (0.14, 0.02),
                            (0.011, 0.026),
                            (0.011, height),
                            (0.0, height),
                        ],
                        0.006,
                        6,
                    ),
                    64,
                ),
                metal,
            )
        )
    else:
        wood = timber(rng, "oak", "walnut")
        for k in range(3):
            angle = 2 * np.pi * k / 3 + 0.4
            foot = np.array([0.26 * np.cos(angle), 0.26 * np.sin(angle), 0.0])
            parts.append(
                (
                    tube(
                        np.linspace(foot, [0.02 * np.cos(angle), 0.02 * np.sin(angle), height], 8),
                        np.linspace(0.014, 0.011, 8),
                    ).turned_uv(),
                    wood,
                )
            )
    color = palette.pale(rng)
    bottom = rng.uniform(0.19, 0.23)
    for mesh, material in shade(rng, bottom, bottom * rng.uniform(0.7, 0.95), 0.27, lit=lit, color=color):
        parts.append((mesh.moved(z=height - 0.02), material))
    return thing("lamp", *parts)


def desk_lamp(rng: Rng, palette: Palette, lit: float) -> Thing:
    """Two arms and a metal head that looks down to +x."""
    metal = [BLACK, BRASS, STEEL, Material(palette.accent(rng), rough=0.25, coat=0.6)][int(rng.integers(4))]
    base = lathe(
        rounded(
            [(0.0, 0.0), (0.085, 0.0), (0.085, 0.016), (0.012, 0.024), (0.012, 0.04), (0.0, 0.04)], 0.006, 6
        ),
        64,
    )
    elbow = np.array([-rng.uniform(0.06, 0.12), 0.0, rng.uniform(0.24, 0.3)])
    wrist = elbow + np.array([rng.uniform(0.18, 0.24), 0.0, rng.uniform(0.1, 0.16)])
    arm = [tube(np.linspace([0, 0, 0.03], elbow, 6), 0.0055), tube(np.linspace(elbow, wrist, 6), 0.0055)]
    knob = [
        lathe(smooth([(0.0, -0.012), (0.011, -0.006), (0.012, 0.004), (0.0, 0.012)], 16), 24).moved(*p)
        for p in (elbow, wrist)
    ]
    outer = smooth([(0.022, 0.1), (0.03, 0.085), (0.05, 0.045), (0.082, 0.0)], 24)[::-1]
    inner = outer[::-1] - [0.0015, 0.0]
    head = lathe(np.concatenate([outer, [(0.0, 0.102)]]), 64)
    lining = lathe(np.concatenate([[(0.0, 0.099)], inner]), 64)
    bulb = lathe(smooth([(0.0, 0.02), (0.024, 0.032), (0.024, 0.05), (0.01, 0.08), (0.0, 0.085)], 24), 32)
    tilt = {"roll": -0.55}
    place = wrist + np.array([0.035, 0.0, -0.085])
    glow = tuple(lit * 9 * WARM) if lit > 0 else None
    return thing(
        "lamp",
        (joined(base, *arm, *knob), metal),
        (head.turned(**tilt).moved(*place), metal),
        (lining.turned(**tilt).moved(*place), Material((0.9, 0.88, 0.84), rough=0.4)),
        (bulb.turned(**tilt).moved(*place), Material((0.9, 0.9, 0.88), rough=0.3, glow=glow)),
    )


def pendant(rng: Rng, palette: Palette, lit: float, drop: float) -> Thing:
    """Hangs from z = drop down to z = 0."""
    metal = [BLACK, BRASS, Material(palette.accent(rng), rough=0.4, coat=0.3)][int(rng.integers(3))]
    r = rng.uniform(0.15, 0.22)
    h = r * rng.uniform(0.7, 1.1)
    outer = smooth([(r, 0.0), (r * 0.95, h * 0.3), (r * 0.6, h * 0.75), (0.03, h), (0.02, h + 0.03)], 40)
    bell = lathe(np.concatenate([outer, [(0.0, h + 0.03)]]), 80)
    lining = lathe(
        np.concatenate([[(0.0, h - 0.006)], (outer - [0.002, 0.002])[outer[:, 1] < h * 0.98][::-1]]), 80
    )
    cord = tube(np.linspace([0, 0, h + 0.02], [0, 0, drop], 4), 0.003, 8)
    globe = lathe(smooth([(0.0, h * 0.08), (0.05, h * 0.2), (0.05, h * 0.4), (0.0, h * 0.6)], 24), 32)
    glow = tuple(lit * 5 * WARM) if lit > 0 else None
    inside = Material((0.9, 0.87, 0.8), rough=0.5)
    return thing(
        "lamp",
        (bell, metal),
        (lining, inside),
        (cord, BLACK),
        (globe, Material((0.92, 0.9, 0.86), rough=0.3, glow=glow)),
    )


GREENS = [(0.20, 0.34, 0.13), (0.26, 0.40, 0.18), (0.16, 0.29, 0.14), (0.34, 0.44, 0.22), (0.30, 0.38, 0.28)]


def pot(rng: Rng, palette: Palette, radius: float, height: float) -> list[tuple[Mesh, Material]]:
    kind = rng.random()
    if kind < 0.45:
        material = Material(
            tx.painted((0.68, 0.40, 0.27), 1 + 0.05 * tx.noise(rng, 256, 1.2)), size=(0.3, 0.3), rough=0.85
        )
        outside = rounded(
            [(radius * 0.72, 0), (radius * 0.93, height * 0.76), (radius, height * 0.76), (radius, height)],
            0.004,
            6,
        )
    else:
        material = glaze(rng, palette)
        outside = smooth(
            [
                (radius * 0.7, 0),
                (radius * 0.9, height * 0.25),
                (radius, height * 0.7),
                (radius * 0.96, height),
            ],
            40,
        )
    body = fit_uv(lathe(walled(outside, radius * 0.07, height * 0.1), 72))
    soil = lathe(np.array([(radius * 0.92, height * 0.88), (0.0, height * 0.9)]), 40)
    return [
        (body, material),
        (
            soil,
            Material(
                tx.painted((0.16, 0.11, 0.08), 1 + 0.3 * tx.noise(rng, 128, 0.4)), size=(0.1, 0.1), rough=1.0
            ),
        ),
    ]


def foliage(rng: Rng) -> Material:
    base = tx.shifted(GREENS[int(rng.integers(len(GREENS)))], rng, 0.05)
    vein = tuple(min(1.0, c * 1.5 + 0.06) for c in base)
    return Material(tx.leafy(rng, base, vein=vein), rough=float(rng.uniform(0.3, 0.5)), coat=0.2)


def potted(rng: Rng, palette: Palette, size: float) -> Thing:
    """A plant of total height about `size` metres, pot and all."""
    kind = int(rng.integers(4)) if size < 0.6 else int(rng.integers(3))
    leaves: list[Mesh] = []
    stems: list[Mesh] = []
    pot_h = min(size * 0.36, 0.34)
    pot_r = pot_h * rng.uniform(0.5, 0.6)
    grow = size - pot_h
    if kind == 0:  # broad leaves on long stalks
        for k in range(int(rng.integers(13, 19))):
            angle = 2.4 * k + rng.uniform(-0.3, 0.3)
            out = grow * rng.uniform(0.1, 0.42)
            up = grow * rng.uniform(0.35, 0.92)
            path = np.stack(
                [np.zeros(10), out * np.linspace(0, 1, 10) ** 1.6, up * np.linspace(0, 1, 10) ** 0.8], 1
            )
            stems.append(tube(path, np.linspace(0.004, 0.0022, 10) * (size / 0.6), 8).turned(yaw=angle))
            length = grow * rng.uniform(0.3, 0.44)
            blade = leaf(
                length, length * rng.uniform(0.5, 0.68), droop=rng.uniform(0.9, 1.6), fold=0.22, tip=0.75
            )
            leaves.append(
                blade.turned(pitch=rng.uniform(0.1, 0.5), roll=rng.normal(0, 0.2))
                .moved(y=out, z=up)
                .turned(yaw=angle)
            )
    elif kind == 1:  # upright blades
        for _ in range(int(rng.integers(9, 15))):
            length = grow * rng.uniform(0.55, 1.0)
            blade = leaf(
                length,
                size * rng.uniform(0.075, 0.1),
                droop=rng.uniform(0.0, 0.25),
                fold=0.35,
                tip=0.55,
                rows=16,
            )
            angle = rng.uniform(0, 6.28)
            leaves.append(
                blade.turned(pitch=np.pi / 2 - rng.uniform(0.02, 0.22))
                .moved(y=pot_r * rng.uniform(0.0, 0.4))
                .turned(yaw=angle)
            )
    elif kind == 2:  # a small tree
        trunk = smooth(
            [(0, 0), (grow * 0.03, grow * 0.25), (-grow * 0.01, grow * 0.5), (grow * 0.02, grow * 0.72)], 20
        )
        stems.append(
            tube(
                np.stack([trunk[:, 0], 0 * trunk[:, 0], trunk[:, 1]], 1),
                np.linspace(0.012, 0.006, 20) * size,
                10,
            )
        )
        for k in range(26):
            angle, tall = 2.4 * k, rng.uniform(0.35, 1.0)
            reach = grow * 0.34 * (1.15 - 0.6 * tall) * rng.uniform(0.5, 1.0)
            start, end = (
                np.array([0, 0, grow * tall * 0.68]),
                np.array([reach * np.cos(angle), reach * np.sin(angle), grow * (tall * 0.72 + 0.12)]),
            )
            stems.append(tube(np.linspace(start, end, 5), 0.0025 * size / 0.6, 6))
            for f in (0.45, 0.7, 0.9, 1.0):
                length = grow * rng.uniform(0.13, 0.19)
                blade = leaf(length, length * 0.5, droop=rng.uniform(0.4, 1.1), fold=0.25, rows=8)
                at = start + f * (end - start)
                leaves.append(
                    blade.turned(
                        pitch=rng.uniform(-0.3, 0.5), yaw=angle - np.pi / 2 + rng.uniform(-1.3, 1.3)
                    ).moved(*at)
                )
    else:  # a rosette
        for ring in range(4):
            for k in range(9):
                length = pot_r * (1.5 - 0.27 * ring)
                blade = leaf(length, length * 0.42, droop=-0.5, fold=0.3, tip=0.6, rows=9)
                leaves.append(
                    blade.turned(pitch=0.15 + 0.38 * ring)
                    .moved(z=0.012 * ring)
                    .turned(yaw=2 * np.pi * (k + 0.5 * ring) / 9 + rng.normal(0, 0.05))
                )
        pot_h = pot_r * 1.3
    body = pot(rng, palette, pot_r, pot_h)
    z = pot_h * 0.86
    parts = [*body, (joined(*leaves).moved(z=z), foliage(rng))]
    if stems:
        parts.append((joined(*stems).moved(z=z), Material((0.30, 0.27, 0.16), rough=0.6)))
    return thing("plant", *parts)


def trailing(rng: Rng, palette: Palette, fall: float) -> Thing:
    """A pot at an edge whose shoots hang down in front (towards -y) below z = 0."""
    pot_r, pot_h = rng.uniform(0.055, 0.07), rng.uniform(0.09, 0.12)
    leaves, stems = [], []
    for _ in range(11):
        a = rng.uniform(-np.pi * 0.98, -0.02)
        out = np.array([np.cos(a), np.sin(a)])
        drop = fall * rng.uniform(0.25, 1.0) * max(0.25, -np.sin(a))
        reach = pot_r * rng.uniform(1.25, 1.6)
        edge = 0.16
        pts = [
            (0.0, pot_h),
            (reach * 0.75, pot_h + 0.03),
            (max(reach, edge * -out[1] if out[1] < -0.5 else reach), pot_h * 0.8),
        ]
        low = pot_h * 0.8 - drop if out[1] < -0.5 else max(0.02, pot_h * 0.8 - drop)
        pts.append((pts[-1][0] + 0.012, low))
        curve = smooth(pts, 30)
        path = np.stack([curve[:, 0] * out[0], curve[:, 0] * out[1], curve[:, 1]], 1)
        stems.append(tube(path, 0.0016, 6))
        for i in range(5, 30, 2):
            length = rng.uniform(0.035, 0.055)
            blade = leaf(length, length * 0.75, droop=0.9, fold=0.2, tip=0.7, rows=7)
            leaves.append(
                blade.turned(
                    pitch=-0.4, yaw=a - np.pi / 2 + rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.2)
                ).moved(*path[i])
            )
    parts = [
        *pot(rng, palette, pot_r, pot_h),
        (joined(*leaves), foliage(rng)),
        (joined(*stems), Material((0.28, 0.34, 0.16), rough=0.6)),
    ]
    return thing("plant", *parts)


def twigs(rng: Rng, height: float, spread: float) -> Thing:
    """Cut branches for a vase; they leave the origin upwards."""
    leaves, stems = [], []
    dry = rng.random() < 0.3
    for _ in range(int(rng.integers(5, 8))):
        angle, lean = rng.uniform(0, 6.28), rng.uniform(0.15, 1.0) * spread
        curve = smooth(
            [
                (0, 0),
                (lean * 0.2, height * 0.4),
                (lean * 0.6, height * 0.75),
                (lean, height * rng.uniform(0.8, 1.0)),
            ],
            24,
        )
        path = np.stack([curve[:, 0] * np.cos(angle), curve[:, 0] * np.sin(angle), curve[:, 1]], 1)
        stems.append(tube(path, np.linspace(0.0026, 0.0012, 24), 6))
        for i in range(8, 24):
            length = height * rng.uniform(0.1, 0.16)
            blade = leaf(length, length * (0.2 if dry else 0.42), droop=0.5, fold=0.25, rows=7)
            leaves.append(blade.turned(pitch=rng.uniform(0.1, 0.9), yaw=rng.uniform(0, 6.28)).moved(*path[i]))
    green = Material((0.68, 0.55, 0.36), rough=0.8) if dry else foliage(rng)
    return thing("plant", (joined(*leaves), green), (joined(*stems), Material((0.33, 0.24, 0.15), rough=0.7)))
