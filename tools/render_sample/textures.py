"""Procedural textures: numpy arrays, uint8 sRGB (N, N, 3), or float32 relief (N, N) in [0, 1].

All tile, save the pictures and window views, which are shown once.
"""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Color = tuple[float, float, float]  # sRGB in [0, 1]


def hexed(text: str) -> Color:
    return (int(text[0:2], 16) / 255, int(text[2:4], 16) / 255, int(text[4:6], 16) / 255)


def shifted(color: Color, rng: np.random.Generator, amount: float = 0.03) -> Color:
    """A near relative of `color`."""
    h, s, v = colorsys.rgb_to_hsv(*color)
    h = (h + rng.normal(0, amount * 0.25)) % 1
    s = float(np.clip(s * (1 + rng.normal(0, amount * 3)), 0, 1))
    v = float(np.clip(v * (1 + rng.normal(0, amount * 1.5)), 0.02, 0.97))
    return colorsys.hsv_to_rgb(h, s, v)


def noise(
    rng: np.random.Generator, size: int, slope: float = 1.6, stretch: tuple[float, float] = (1, 1)
) -> Array:
    """Tiling noise of power 1/f^slope; `stretch` lengthens its features along (x, y); std 1."""
    fx = np.fft.rfftfreq(size)[None, :].astype(np.float32) * size * stretch[0]
    fy = np.fft.fftfreq(size)[:, None].astype(np.float32) * size * stretch[1]
    power = fx * fx + fy * fy
    power[0, 0] = 1.0
    gauss = rng.standard_normal((2, size, size // 2 + 1), dtype=np.float32)
    spectrum = (gauss[0] + 1j * gauss[1]) * power ** np.float32(-slope / 2)
    spectrum[0, 0] = 0
    out = np.fft.irfft2(spectrum, s=(size, size))
    return np.asarray(out / out.std())


def painted(base: Color, value: Array, tint: Array | None = None) -> Pixels:
    """`base` times a brightness field (1 = as is), with an optional warm-cool field around 0."""
    rgb = np.array(base)[None, None] * value[..., None]
    if tint is not None:
        rgb = rgb * (1 + tint[..., None] * np.array([1.0, 0.1, -1.0]))
    return (np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8)


def grain(rng: np.random.Generator, size: int) -> Array:
    """Wood figure along x: std about 1."""
    warp = noise(rng, size, 2.2, (6, 1)) * 0.05
    y = np.arange(size)[:, None] / size
    rings = np.sin(2 * np.pi * (np.round(rng.uniform(7, 12)) * y + 2.2 * warp * 5))
    fibre = noise(rng, size, 1.0, (40, 1))
    pores = np.minimum(noise(rng, size, 0.7, (24, 1)) + 1.2, 0)
    return 0.7 * rings * (0.6 + 0.4 * noise(rng, size, 2.0, (4, 1))) + 0.6 * fibre + 0.7 * pores


def wood(rng: np.random.Generator, base: Color, size: int = 512, contrast: float = 0.07) -> Pixels:
    return painted(base, 1 + contrast * grain(rng, size), 0.02 * noise(rng, size, 2.0, (6, 1)))


def planks(rng: np.random.Generator, base: Color, rows: int = 8, size: int = 768) -> tuple[Pixels, Array]:
    """Floor boards along x, each its own tone, and their relief."""
    value, relief = np.ones((size, size)), np.ones((size, size))
    figure = grain(rng, size)
    for row in range(rows):
        top, bottom = row * size // rows, (row + 1) * size // rows
        joints = np.sort(rng.choice(np.arange(1, 9), 2, replace=False)) * size // 9
        shift = int(rng.integers(size))
        strip = np.roll(figure, (shift, shift // 2), axis=(0, 1))[top:bottom]
        for start, end in zip(
            [joints[1] - size, *joints], [joints[0], joints[1], joints[0] + size], strict=True
        ):
            columns = np.arange(start, end) % size
            tone = 1 + rng.normal(0, 0.055)
            value[top:bottom, columns] = tone + 0.055 * np.roll(strip, int(rng.integers(size)), 1)[:, columns]
        for j in joints:
            value[top:bottom, j - 1 : j + 1] *= 0.62
            relief[top:bottom, j - 1 : j + 1] = 0
        value[top : top + 2] *= 0.6
        relief[top : top + 2] = 0
    return painted(base, value, 0.012 * noise(rng, size, 2.0, (6, 1))), relief


def herringbone(rng: np.random.Generator, base: Color, size: int = 768) -> tuple[Pixels, Array]:
    """Parquet of blocks four times as long as wide."""
    unit = size // 16
    figure_x = grain(rng, size)
    value, relief = np.ones((size, size)), np.ones((size, size))
    for row in range(16):
        for column in range(-4, 16):
            for across in (True, False):
                if (column - row) % 8 != 0:
                    continue
                tone, dx, dy = 1 + rng.normal(0, 0.06), *rng.integers(0, size, 2)
                if across:
                    ys, xs = (
                        np.arange(row * unit, (row + 1) * unit),
                        np.arange(column * unit, (column + 4) * unit),
                    )
                    block = np.roll(figure_x, (dy, dx), (0, 1))[: len(ys), : len(xs)]
                else:
                    xs = np.arange((column + 4) * unit, (column + 5) * unit)
                    ys = np.arange(row * unit, (row + 4) * unit)
                    block = np.roll(figure_x, (dy, dx), (0, 1))[: len(xs), : len(ys)].T
                edge = np.ones(block.shape)
                edge[:2, :], edge[:, :2] = 0.62, 0.62
                at = np.ix_(ys % size, xs % size)
                value[at] = (tone + 0.05 * block) * edge
                relief[at] = (edge > 0.9).astype(float)
    return painted(base, value, 0.01 * noise(rng, size, 2.0)), relief


def tiles(
    rng: np.random.Generator, base: Color, grout: Color, across: int, down: int, *, brick: bool
) -> tuple[Pixels, Array]:
    """Glazed tiles; `brick` shifts every other row by half."""
    size = 768
    y, x = np.mgrid[0:size, 0:size] / size
    row = np.floor(y * down)
    xs = x * across + (0.5 * (row % 2) if brick else 0)
    column = np.floor(xs) % across
    fx, fy = xs % 1, (y * down) % 1
    joint = 5 / 1024
    edge = np.minimum(np.minimum(fx, 1 - fx) / across, np.minimum(fy, 1 - fy) / down)
    inside = np.clip((edge - joint * 0.5) / (joint * 0.4), 0, 1)
    tones = 1 + rng.normal(0, 0.03, (down, across))
    value = tones[row.astype(int), column.astype(int)] + 0.012 * noise(rng, size, 1.5)
    rgb = painted(base, value).astype(float) * inside[..., None]
    rgb += np.array(grout)[None, None] * 255 * (1 - inside[..., None])
    relief = np.clip(edge / 0.012, 0, 1) ** 0.5
    return rgb.astype(np.uint8), relief + 0.02 * noise(rng, size, 2.2)


def plaster(rng: np.random.Generator, base: Color, size: int = 768) -> tuple[Pixels, Array]:
    """Limewash: faint clouds and fine relief."""
    cloud = noise(rng, size, 1.7)
    relief = 0.5 + 0.1 * noise(rng, size, 0.9) + 0.08 * cloud
    return painted(base, 1 + 0.022 * cloud + 0.008 * noise(rng, size, 0.4)), relief


def panels(rng: np.random.Generator, base: Color, boards: int = 8, size: int = 768) -> tuple[Pixels, Array]:
    """Painted upright boards with grooves between (wainscot)."""
    x = (np.arange(size)[None, :] / size * boards) % 1
    groove = np.clip(np.minimum(x, 1 - x) / 0.035, 0, 1)
    relief = np.broadcast_to(groove, (size, size)) + 0.015 * noise(rng, size, 1.0, (1, 20))
    value = 1 - 0.22 * (1 - np.broadcast_to(groove, (size, size))) + 0.008 * noise(rng, size, 1.3)
    return painted(base, value), relief


def weave(
    rng: np.random.Generator, base: Color, *, threads: int = 96, size: int = 512, slub: float = 0.045
) -> tuple[Pixels, Array]:
    """A plain weave seen close up."""
    y, x = np.mgrid[0:size, 0:size] / size * threads * np.pi
    over = np.sin(x) * np.sin(y) > 0
    strand = np.where(over, np.abs(np.sin(y)), np.abs(np.sin(x)))
    # no slow waves: the tile repeats, and they would show as a plaid
    slubs = np.where(over, noise(rng, size, 0.45, (20, 1)), noise(rng, size, 0.45, (1, 20)))
    value = 0.86 + 0.17 * strand + slub * slubs
    return painted(base, value, 0.008 * slubs), np.clip(0.5 * strand + 0.1 * slubs + 0.3, 0, 1)


def striped(
    rng: np.random.Generator, base: Color, second: Color, *, stripes: int, share: float, check: bool = False
) -> tuple[Pixels, Array]:
    """A woven cloth with stripes along x, or checks."""
    cloth, relief = weave(rng, (1.0, 1.0, 1.0))
    size = len(cloth)
    t = np.arange(size) / size * stripes % 1 < share
    band = t[:, None].astype(float) * np.ones((1, size))
    if check:
        band = (band + band.T) / 2
    mixed = np.array(base) * (1 - band[..., None]) + np.array(second) * band[..., None]
    return (cloth * mixed).astype(np.uint8), relief


def rug(
    rng: np.random.Generator, ground: Color, figure: Color, accent: Color, kind: int, aspect: float
) -> tuple[Pixels, Array]:
    """A whole rug, shown once: border and a plain geometric figure; uv from 0 to 1."""
    size = 768
    v, u = np.mgrid[0:size, 0:size] / size
    x, y = u * aspect, v
    edge = np.minimum(np.minimum(x, aspect - x), np.minimum(y, 1 - y))
    band = np.zeros((size, size))
    if kind == 0:  # diamonds
        band = (np.abs((x * 6) % 1 - 0.5) + np.abs((y * 6) % 1 - 0.5) < 0.28).astype(float)
    elif kind == 1:  # broad stripes
        band = ((x * 7) % 1 < 0.3).astype(float)
    elif kind == 2:  # plain with border
        band = ((edge > 0.06) & (edge < 0.085)).astype(float)
    else:  # lattice
        a, b = (x + y) * 5 % 1, (x - y) * 5 % 1
        band = ((a < 0.09) | (b < 0.09)).astype(float)
    accents = ((edge > 0.035) & (edge < 0.05)).astype(float)
    rgb = np.array(ground) * (1 - band[..., None]) + np.array(figure) * band[..., None]
    rgb = rgb * (1 - accents[..., None]) + np.array(accent) * accents[..., None]
    pile = noise(rng, size, 0.35)
    value = 1 + 0.07 * pile + 0.05 * noise(rng, size, 1.6)
    return (np.clip(rgb * value[..., None], 0, 1) * 255).astype(np.uint8), 0.5 + 0.15 * pile


def speckled(
    rng: np.random.Generator, base: Color, fleck: Color, amount: float = 0.03, size: int = 512
) -> Pixels:
    """Stoneware: a glaze with iron flecks."""
    field = noise(rng, size, 0.5)
    fleck_at = np.clip((field - np.quantile(field, 1 - amount)) * 3, 0, 1)[..., None]
    glaze = painted(base, 1 + 0.02 * noise(rng, size, 1.6)).astype(float)
    return (glaze * (1 - 0.75 * fleck_at) + np.array(fleck) * 255 * 0.75 * fleck_at).astype(np.uint8)


def banded(rng: np.random.Generator, below: Color, above: Color, at: float, size: int = 512) -> Pixels:
    """Two glazes meeting at height `at` (0 bottom to 1 top) with an uneven line; uv from 0 to 1."""
    v = np.arange(size)[:, None] / size + 0.008 * noise(rng, size, 2.0, (1, 8))
    share = np.clip((v - at) * 60 + 0.5, 0, 1)[..., None]
    value = (1 + 0.02 * noise(rng, size, 1.4))[..., None]
    rgb = (np.array(below) * (1 - share) + np.array(above) * share) * value
    return (np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def marble(rng: np.random.Generator, base: Color, vein: Color, size: int = 768) -> Pixels:
    warp = noise(rng, size, 1.8)
    veins = np.exp(-np.abs(noise(rng, size, 2.0) + 0.5 * warp) * 14) * np.clip(
        0.5 + 0.4 * noise(rng, size, 1.8), 0, 1
    )
    cloud = 1 + 0.02 * warp
    rgb = np.array(base) * cloud[..., None] * (1 - veins[..., None]) + np.array(vein) * veins[..., None]
    return (np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def terrazzo(rng: np.random.Generator, base: Color, chips: list[Color], size: int = 768) -> Pixels:
    rgb = np.broadcast_to(np.array(base), (size, size, 3)) * (1 + 0.01 * noise(rng, size, 1.0))[..., None]
    for chip in chips:
        field = noise(rng, size, 1.15)
        field -= noise(rng, size, 2.0) * 0.1
        inside = np.clip((field - 1.75) * 12, 0, 1)[..., None]
        rgb = rgb * (1 - inside) + np.array(chip) * inside
    return (np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def leafy(rng: np.random.Generator, base: Color, *, vein: Color, size: int = 256) -> Pixels:
    """A leaf with midrib and side veins; u across, v along."""
    v, u = np.mgrid[0:size, 0:size] / size
    off = np.abs(u - 0.5)
    rib = np.exp(-((off / 0.018) ** 2))
    side = np.exp(-((((v * 9 - off * 7) % 1 - 0.5) / 0.09) ** 2)) * 0.35
    line = np.clip(rib + side, 0, 1)[..., None]
    value = (1 + 0.08 * noise(rng, size, 1.4) - 0.25 * off)[..., None]
    rgb = np.array(base) * value * (1 - 0.5 * line) + np.array(vein) * 0.5 * line
    return (np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def pages(rng: np.random.Generator, size: int = 256) -> Pixels:
    """The edge of a book block: sheets along x."""
    lines = rng.normal(0, 1, size)[:, None] * np.ones((1, size))
    return painted((0.90, 0.86, 0.78), 1 + 0.05 * lines + 0.02 * noise(rng, size, 0.8, (10, 1)))


def cover(rng: np.random.Generator, ground: Color, ink: Color) -> Pixels:
    """A book or packaging face without any lettering: one plain device; uv from 0 to 1."""
    size = 256
    v, u = np.mgrid[0:size, 0:size] / size
    kind = int(rng.integers(5))
    if kind == 0:
        mark = (v > 0.18) & (v < 0.24) | (v > 0.78) & (v < 0.80)
    elif kind == 1:
        mark = (u - 0.5) ** 2 + (v - 0.6) ** 2 < 0.05
    elif kind == 2:
        mark = (v > 0.62) & (v < 0.82)
    elif kind == 3:
        mark = (
            (np.abs(u - 0.5) < 0.34)
            & (np.abs(v - 0.5) < 0.36)
            & ~((np.abs(u - 0.5) < 0.31) & (np.abs(v - 0.5) < 0.34))
        )
    else:
        mark = (v + 0.1 * np.sin(u * 6)) % 0.25 < 0.04
    share = mark.astype(float)[..., None]
    value = (1 + 0.02 * noise(rng, size, 0.8))[..., None]
    rgb = (np.array(ground) * (1 - share) + np.array(ink) * share) * value
    return (np.clip(rgb, 0, 1) * 255).astype(np.uint8)


def art(rng: np.random.Generator, colors: list[Color], aspect: float) -> Pixels:
    """An abstract print (shapes, dunes, an arch, a sun); uv from 0 to 1, v up."""
    size = 384
    v, u = np.mgrid[0:size, 0:size] / size
    x, y = (u - 0.5) * aspect, v - 0.5
    paper = np.array([0.93, 0.91, 0.86])
    rgb = np.broadcast_to(paper, (size, size, 3)).copy()
    kind = int(rng.integers(4))
    picked = [np.array(colors[i]) for i in rng.permutation(len(colors))]

    def fill(mask: NDArray[np.bool_], color: Array) -> None:
        rgb[mask] = color

    if kind == 0:  # dunes under a sun
        fill(y > -2, picked[0] * 0.35 + paper * 0.65)
        fill(
            (x - rng.uniform(-0.15, 0.15)) ** 2 + (y - rng.uniform(0.1, 0.25)) ** 2
            < rng.uniform(0.008, 0.02),
            picked[1],
        )
        for k in range(4):
            line = 0.12 - 0.14 * k + 0.07 * np.sin(x * rng.uniform(4, 8) + rng.uniform(0, 6))
            fill(y < line, picked[k % len(picked)] * (1 - 0.12 * k))
    elif kind == 1:  # arches
        for k in range(4):
            r = 0.34 - 0.075 * k
            inside = ((x**2 + np.maximum(y, 0) ** 2) < r**2) & (y > -0.36)
            fill(inside, picked[k % len(picked)] if k % 2 == 0 else paper)
    elif kind == 2:  # stones
        for k in range(4):
            cx, cy = rng.normal(0, 0.06), -0.28 + 0.17 * k
            a, b = rng.uniform(0.12, 0.24) * (1.1 - 0.15 * k), rng.uniform(0.07, 0.1)
            fill(np.abs((x - cx) / a) ** 2.4 + np.abs((y - cy) / b) ** 2.4 < 1, picked[k % len(picked)])
    else:  # colour fields
        cut = rng.uniform(-0.1, 0.15)
        fill((np.abs(x) < 0.36 * aspect) & (y > cut + 0.02) & (y < 0.38), picked[0])
        fill((np.abs(x) < 0.36 * aspect) & (y < cut - 0.02) & (y > -0.38), picked[1])
    value = (1 + 0.025 * noise(rng, size, 0.8))[..., None]
    return (np.clip(rgb * value, 0, 1) * 255).astype(np.uint8)


def view(rng: np.random.Generator, sky_low: Color, sky_high: Color, *, trees: float) -> NDArray[np.float32]:
    """What a window shows, out of focus: linear relative radiance (N, N, 3), v up."""
    size = 256
    v = np.mgrid[0:size, 0:size][0] / size
    low, high = np.array(sky_low) ** 2.2, np.array(sky_high) ** 2.2
    sky = low * (1 - v[..., None]) + high * v[..., None]
    sky = sky * (1 + 0.06 * noise(rng, size, 2.4, (2, 1)))[..., None]
    line = trees + 0.10 * noise(rng, size, 2.2)[0][None, :] + 0.05 * noise(rng, size, 1.9)
    share = np.clip((line - v) * 9, 0, 1)[..., None]
    green = np.array([0.10, 0.17, 0.07]) * (0.9 + 0.35 * noise(rng, size, 1.9))[..., None].clip(0.3)
    return (sky * (1 - share) + green * share).clip(0.005).astype(np.float32)
