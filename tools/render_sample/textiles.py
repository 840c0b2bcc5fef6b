"""Cloth and what is made of it: cushions, rugs, curtains, throws, runners, napkins."""

from __future__ import annotations

import numpy as np
import textures as tx
from meshes import Mesh, box, joined, lathe, ripples, rounded, sheet, soft_box
from meshes import cushion as pillow
from things import Material, Palette, Thing, thing

Rng = np.random.Generator


def cloth(rng: Rng, palette: Palette, *, coarse: float = 0.25, plain: bool = False) -> Material:
    """Woven stuff; `coarse` is the metres that 96 threads take."""
    if not plain and rng.random() < 0.35:
        check = rng.random() < 0.4
        texture, relief = tx.striped(
            rng,
            palette.pale(rng),
            palette.accent(rng),
            stripes=int(rng.integers(3, 9)),
            share=float(rng.uniform(0.15, 0.5)),
            check=check,
        )
    else:
        texture, relief = tx.weave(rng, palette.cloth(rng))
    return Material(texture, size=(coarse, coarse), rough=0.9, sheen=0.35, relief=relief, depth=0.0012)


def scatter_cushion(rng: Rng, palette: Palette, size: float | None = None) -> Thing:
    """A cushion standing on its edge, face to -y, leaning back a little."""
    s = float(size or rng.uniform(0.36, 0.46))
    mesh = pillow(s, s * (1 if rng.random() < 0.7 else 0.7), 0.15, rng)
    mesh = mesh.turned(pitch=np.pi / 2 - 0.34)
    return thing("cushion", (mesh, cloth(rng, palette, coarse=0.22))).grounded()


def rug(rng: Rng, palette: Palette, width: float, depth: float) -> Thing:
    colors = [palette.pale(rng), palette.accent(rng), palette.accent(rng)]
    texture, relief = tx.rug(rng, colors[0], colors[1], colors[2], int(rng.integers(4)), width / depth)
    mesh = box(width, depth, 0.012, 0.005)
    uv = (mesh.points[:, :2] + [width / 2, depth / 2]) / [width, depth]
    mesh = Mesh(mesh.points, mesh.normals, uv, mesh.faces)
    return thing("fabric", (mesh, Material(texture, rough=0.95, sheen=0.4, relief=relief, depth=0.004)))


def round_rug(rng: Rng, palette: Palette, radius: float) -> Thing:
    """A braided rug of rings."""
    r = np.linspace(0, radius, 64)
    rings = 0.010 + 0.0025 * np.abs(np.sin(np.linspace(0, 22 * np.pi, 64)))
    profile = np.concatenate([[(radius, 0.0)], np.stack([r[::-1], rings], 1)])
    colors = [palette.pale(rng), palette.cloth(rng)]
    value = np.floor(np.linspace(0, 22, 512)) % 5 < 1.5
    ring_rgb = np.where(value[:, None], np.array(colors[1]), np.array(colors[0]))
    texture = (
        np.clip(ring_rgb[:, None] * (1 + 0.05 * tx.noise(rng, 512, 0.5))[..., None], 0, 1) * 255
    ).astype(np.uint8)
    mesh = lathe(profile, 96)
    uv = np.stack(
        [
            mesh.uv[:, 0] / max(mesh.uv[:, 0].max(), 1e-6) * 8,
            np.linalg.norm(mesh.points[:, :2], axis=1) / radius,
        ],
        1,
    )
    return thing(
        "fabric", (Mesh(mesh.points, mesh.normals, uv, mesh.faces), Material(texture, rough=0.95, sheen=0.4))
    )


def curtain(rng: Rng, palette: Palette, width: float, height: float, *, sheer: bool = False) -> Thing:
    """A hanging in folds with its rod's end; hangs down from z = height to 0."""
    u, v = np.meshgrid(np.linspace(0, 1, 160), np.linspace(0, 1, 24))
    folds = width / rng.uniform(0.085, 0.12)
    phase = 2 * np.pi * (folds * (u + 0.006 * ripples(rng, u, v, scale=8)))
    amplitude = 0.022 + 0.016 * (1 - v) + 0.006 * ripples(rng, u, v, scale=9)
    gather = 1 - 0.1 * v**2
    grid = np.stack(
        [(u - 0.5) * width * gather + 0.012 * np.sin(phase + 1.0), amplitude * np.sin(phase), height * v], 2
    )
    uv = np.stack([u * width * 1.7, v * height], 2)
    base = palette.pale(rng) if sheer or rng.random() < 0.5 else palette.cloth(rng)
    texture, relief = tx.weave(rng, base)
    stuff = Material(
        texture, size=(0.28, 0.28), rough=0.95, sheen=0.4, relief=relief, depth=0.0008, glass=0.0
    )
    return thing("fabric", (sheet(grid, uv=uv), stuff))


def throw(rng: Rng, palette: Palette, width: float, *, over: float, front: float, back: float) -> Thing:
    """A blanket hung over an edge along x at z = 0: `front` metres down at y < -over, `back` behind."""
    path = rounded(
        [(-over - 0.012, -front), (-over - 0.006, 0.012), (0.006, 0.012), (0.012, -back)], 0.03, 10
    )
    steps = np.linspace(0, 1, 90)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    y = np.interp(steps * length[-1], length, path[:, 0])
    z = np.interp(steps * length[-1], length, path[:, 1])
    u, s = np.meshgrid(np.linspace(-0.5, 0.5, 60), steps)
    hang = np.clip(-z / max(front, 0.05), 0, 1)[:, None]
    fold = 0.014 * np.abs(ripples(rng, u * 3, s, scale=7)) * hang
    skew = 0.05 * rng.normal() * (s - 0.5)
    grid = np.stack(
        [
            u * width * (1 - 0.08 * hang) + skew,
            y[:, None] - fold,
            z[:, None] + 0.004 + 0.003 * ripples(rng, u * 3, s, scale=8),
        ],
        2,
    )
    uv = np.stack([u * width, s * length[-1]], 2)
    return thing("fabric", (sheet(grid, uv=uv), cloth(rng, palette, coarse=0.3)))


def runner(rng: Rng, palette: Palette, width: float, depth: float) -> Thing:
    """A cloth lying flat, edges a little wavy."""
    u, v = np.meshgrid(np.linspace(-0.5, 0.5, 60), np.linspace(-0.5, 0.5, 40))
    wave = ripples(rng, u * 2, v * 2, scale=6)
    x = u * width + 0.006 * wave * np.abs(v)
    y = v * depth + 0.006 * ripples(rng, u * 2, v * 2, scale=7)
    z = 0.0022 + 0.0012 * np.clip(ripples(rng, u * 3, v * 3, scale=5), -1, 1)
    top = sheet(np.stack([x, y, z], 2), uv=np.stack([x, y], 2))
    return thing("fabric", (top, cloth(rng, palette, coarse=0.2)))


def napkin(rng: Rng, palette: Palette) -> Thing:
    """A folded cloth: three soft layers."""
    w, d = rng.uniform(0.16, 0.22), rng.uniform(0.14, 0.18)
    stuff = cloth(rng, palette, coarse=0.16)
    layers = [
        soft_box(w - 0.003 * k, d - 0.004 * k, 0.007, puff=0.0015, rng=rng, bevel=0.003).moved(
            x=0.001 * k, y=0.001 * k, z=0.0065 * k
        )
        for k in range(3)
    ]
    return thing("fabric", (joined(*layers), stuff))
