"""Triangle meshes built with numpy: surfaces of revolution, bevelled boxes, tubes, cloth, leaves.

Metres everywhere, z up. Texture coordinates are metres too, so that a texture keeps its
physical size whatever it is put on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Mesh:
    """`points`, `normals` (V, 3), `uv` (V, 2), `faces` (F, 3) int."""

    points: Array
    normals: Array
    uv: Array
    faces: NDArray[np.int32]

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Mesh:
        return Mesh(self.points + np.array([x, y, z]), self.normals, self.uv, self.faces)

    def turned(self, *, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Mesh:
        """Turned about y (`roll`), then x (`pitch`), then z (`yaw`), in radians."""
        r = _about(2, yaw) @ _about(0, pitch) @ _about(1, roll)
        return Mesh(self.points @ r.T, self.normals @ r.T, self.uv, self.faces)

    def turned_uv(self) -> Mesh:
        return Mesh(self.points, self.normals, self.uv[:, ::-1].copy(), self.faces)

    def bounds(self) -> tuple[Array, Array]:
        return self.points.min(axis=0), self.points.max(axis=0)


def _about(axis: int, angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    r = np.eye(3)
    r[i, i], r[i, j], r[j, i], r[j, j] = c, -s, s, c
    return r


def joined(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0] + [len(m.points) for m in meshes[:-1]])
    return Mesh(
        np.concatenate([m.points for m in meshes]),
        np.concatenate([m.normals for m in meshes]),
        np.concatenate([m.uv for m in meshes]),
        np.concatenate([m.faces + s for m, s in zip(meshes, starts, strict=True)]).astype(np.int32),
    )


def sheet(grid: Array, *, wraps: bool = False, uv: Array | None = None) -> Mesh:
    """The surface through a grid of points (rows, columns, 3), smooth; `wraps` closes the columns.

    Its front is on the side of d/dcolumn x d/drow.
    """
    rows, columns = grid.shape[:2]
    if wraps:  # the seam is repeated so that texture coordinates can differ there
        grid = np.concatenate([grid, grid[:, :1]], axis=1)
        columns += 1
    d_row = np.gradient(grid, axis=0)
    if wraps:
        ring = grid[:, :-1]
        d_column = np.roll(ring, -1, axis=1) - np.roll(ring, 1, axis=1)
        d_column = np.concatenate([d_column, d_column[:, :1]], axis=1)
    else:
        d_column = np.gradient(grid, axis=1)
    normals = np.cross(d_column, d_row)
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    flat = length[..., 0] < 1e-14
    normals = normals / np.maximum(length, 1e-14)
    for row, inner in ((0, 1), (rows - 1, rows - 2)):  # poles have no tangent: take the mean next to them
        if flat[row].any():
            mean = normals[inner].mean(axis=0)
            normals[row] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    if uv is None:
        along = np.linalg.norm(np.diff(grid, axis=1), axis=2).max(axis=0)
        down = np.linalg.norm(np.diff(grid, axis=0), axis=2).max(axis=1)
        u = np.concatenate([[0.0], np.cumsum(along)])
        v = np.concatenate([[0.0], np.cumsum(down)])
        uv = np.stack(np.meshgrid(u, v), axis=2)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], 2).reshape(-1, 3), np.stack([a, c, d], 2).reshape(-1, 3)])
    return Mesh(grid.reshape(-1, 3), normals.reshape(-1, 3), uv.reshape(-1, 2), faces.astype(np.int32))


def rounded(corners: list[tuple[float, float]], radius: float, steps: int = 5) -> Array:
    """The open polyline through `corners` with its inner corners rounded, (n, 2)."""
    pts = [np.array(c, dtype=float) for c in corners]
    out = [pts[0]]
    for before, corner, after in zip(pts[:-2], pts[1:-1], pts[2:], strict=True):
        to, away = before - corner, after - corner
        reach = min(radius, 0.45 * np.linalg.norm(to), 0.45 * np.linalg.norm(away))
        start = corner + to / np.linalg.norm(to) * reach
        end = corner + away / np.linalg.norm(away) * reach
        t = np.linspace(0.0, 1.0, steps)[:, None]
        out.extend((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
    out.append(pts[-1])
    return np.array(out)


def smooth(points: list[tuple[float, float]], count: int = 48) -> Array:
    """A Catmull-Rom curve through `points`, (count, 2)."""
    p = np.array(points, dtype=float)
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, len(p) - 3 - 1e-9, count)
    i = t.astype(int)
    f = (t - i)[:, None]
    p0, p1, p2, p3 = p[i], p[i + 1], p[i + 2], p[i + 3]
    return np.asarray(
        0.5
        * (
            2 * p1
            + (p2 - p0) * f
            + (2 * p0 - 5 * p1 + 4 * p2 - p3) * f**2
            + (3 * p1 - p0 - 3 * p2 + p3) * f**3
        )
    )


def lathe(profile: Array, segments: int = 64) -> Mesh:
    """`profile` of (radius, height) turned about z; goes up on the outside and down on the inside."""
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    r, z = profile[:, 0][:, None], profile[:, 1][:, None]
    grid = np.stack([r * np.cos(angle), r * np.sin(angle), np.broadcast_to(z, (len(profile), segments))], 2)
    return sheet(grid, wraps=True)


def box(sx: float, sy: float, sz: float, bevel: float = 0.003, steps: int = 4) -> Mesh:
    """A bevelled box standing on z = 0, centred in x and y."""
    half = np.array([sx, sy, sz]) / 2
    bevel = float(min(bevel, 0.98 * half.min()))
    bend = np.tan(np.linspace(0, np.pi / 4, steps + 1)) * bevel
    sides = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        lines = []
        for k in (u, v):
            inner = half[k] - bevel
            lines.append(
                np.concatenate([-(inner + bend)[::-1], np.linspace(-inner, inner, 5)[1:-1], inner + bend])
            )
        a, b = np.meshgrid(lines[0], lines[1])
        for sign in (1.0, -1.0):
            p = np.zeros((*a.shape, 3))
            p[..., u], p[..., v], p[..., axis] = a * sign, b, half[axis] * sign
            inner3 = np.clip(p, -(half - bevel), half - bevel)
            n = p - inner3
            n /= np.linalg.norm(n, axis=2, keepdims=True)
            q = inner3 + bevel * n
            mesh = sheet(q, uv=np.stack([a, b], axis=2) + half[[u, v]])
            sides.append(Mesh(mesh.points, n.reshape(-1, 3), mesh.uv, mesh.faces))
    return joined(*sides).moved(z=half[2])


def soft_box(sx: float, sy: float, sz: float, *, puff: float, rng: np.random.Generator, bevel: float) -> Mesh:
    """A bevelled box whose faces bulge by `puff`: upholstery."""
    half = np.array([sx, sy, sz]) / 2
    sides = []
    n = 26
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        s = np.sin(np.linspace(-np.pi / 2, np.pi / 2, n))  # denser at the edges
        a, b = np.meshgrid(s, s)
        for sign in (1.0, -1.0):
            p = np.zeros((n, n, 3))
            p[..., u], p[..., v], p[..., axis] = a * sign * half[u], b * half[v], half[axis] * sign
            inner = np.clip(p, -(half - bevel), half - bevel)
            d = p - inner
            d /= np.linalg.norm(d, axis=2, keepdims=True)
            q = inner + bevel * d
            ripple = 1 + 0.25 * np.sin(5 * a + rng.uniform(0, 6)) * np.sin(4 * b + rng.uniform(0, 6))
            bulge = puff * (1 - a**2) * (1 - b**2) * ripple
            q[..., axis] += sign * bulge
            sides.append(sheet(q, uv=np.stack([a * half[u], b * half[v]], axis=2) + half[[u, v]]))
    return joined(*sides).moved(z=half[2])


def tube(path: Array, radius: Array | float, segments: int = 16, *, oval: float = 1.0) -> Mesh:
    """A round tube along `path` (n, 3), capped; `oval` stretches it across its bend."""
    path = np.asarray(path, dtype=float)
    n = len(path)
    radii = np.broadcast_to(np.asarray(radius, dtype=float), (n,))
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent[0], [0.0, 0.0, 1.0])
    if np.linalg.norm(side) < 1e-3:
        side = np.array([1.0, 0.0, 0.0])
    sides = []
    for t in tangent:
        side = side - t * (side @ t)
        side /= np.linalg.norm(side)
        sides.append(side)
    a = np.array(sides)
    b = np.cross(tangent, a)
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    ring = np.cos(angle)[None, :, None] * a[:, None] * oval + np.sin(angle)[None, :, None] * b[:, None]
    grid = path[:, None] + radii[:, None, None] * ring
    cap0, cap1 = np.broadcast_to(path[0], (1, segments, 3)), np.broadcast_to(path[-1], (1, segments, 3))
    return sheet(np.concatenate([cap0, grid[:1], grid, grid[-1:], cap1]), wraps=True)


def rectangle(sx: float, sz: float) -> Mesh:
    """An upright rectangle facing -y, standing on z = 0, centred in x; uv from 0 to 1."""
    x = np.array([-sx / 2, sx / 2])
    grid = np.stack(np.meshgrid(x, np.array([0.0, sz])), 2)
    points = np.stack([grid[..., 0], np.zeros((2, 2)), grid[..., 1]], 2)
    uv = np.stack(np.meshgrid([0.0, 1.0], [0.0, 1.0]), 2)
    return sheet(points, uv=uv)


def ground(sx: float, sy: float) -> Mesh:
    """A level rectangle facing up, centred, uv in metres."""
    grid = np.stack(np.meshgrid(np.linspace(-sx / 2, sx / 2, 2), np.linspace(-sy / 2, sy / 2, 2)), 2)
    return sheet(np.concatenate([grid, np.zeros((2, 2, 1))], 2), uv=grid - grid.min())


def ripples(rng: np.random.Generator, u: Array, v: Array, waves: int = 6, scale: float = 6.0) -> Array:
    """Smooth random relief over (u, v), about in [-1, 1]."""
    out = np.zeros(np.broadcast(u, v).shape)
    for k in range(waves):
        angle, phase = rng.uniform(0, 2 * np.pi, 2)
        f = scale * (0.5 + k / waves)
        out += np.sin(f * (u * np.cos(angle) + v * np.sin(angle)) + phase) / (1 + 0.5 * k)
    return out / 2.2


def cushion(width: float, height: float, thickness: float, rng: np.random.Generator) -> Mesh:
    """A scatter cushion lying on z = 0 in x and y."""
    s = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 40))
    a, b = np.meshgrid(s, s)
    ears = 1 - 0.06 * ((1 - a**2) * np.abs(b) ** 3 + (1 - b**2) * np.abs(a) ** 3)
    swell = ((1 - a**2) * (1 - b**2)) ** 0.42
    x, y = a * width / 2 * ears, b * height / 2 * ears
    halves = []
    for sign in (1.0, -1.0):
        relief = 1 + 0.10 * ripples(rng, a, b, scale=5.0)
        z = sign * thickness / 2 * swell * relief
        grid = np.stack([x, y, z + thickness / 2], 2)
        if sign < 0:
            grid = grid[:, ::-1]
        halves.append(sheet(grid))
    return joined(*halves)


def leaf(length: float, width: float, *, droop: float, fold: float, rows: int = 12, tip: float = 1.0) -> Mesh:
    """A leaf that leaves the origin along +y, bending down by `droop` radians along its length."""
    t = np.linspace(0, 1, rows)
    bend = droop * t
    y = np.concatenate([[0], np.cumsum(np.cos(bend[:-1]))]) * length / (rows - 1)
    z = np.concatenate([[0], np.cumsum(-np.sin(bend[:-1]))]) * length / (rows - 1)
    w = width / 2 * np.sin(np.pi * t**0.8) ** tip + 0.0008
    s = np.linspace(-1, 1, 7)
    gx = w[:, None] * s[None, :]
    gz = z[:, None] + np.abs(s)[None, :] ** 1.3 * w[:, None] * fold
    grid = np.stack([gx, np.broadcast_to(y[:, None], gx.shape), gz], 2)
    uv = np.stack(np.broadcast_arrays((s[None, :] + 1) / 2, t[:, None]), 2)
    return sheet(grid, uv=uv)


def write_ply(path: Path, mesh: Mesh) -> None:
    """Binary PLY with normals and texture coordinates."""
    vertices = np.concatenate([mesh.points, mesh.normals, mesh.uv], axis=1).astype("<f4")
    faces = np.zeros(len(mesh.faces), dtype=[("n", "u1"), ("v", "<i4", 3)])
    faces["n"], faces["v"] = 3, mesh.faces
    names = "".join(f"property float {n}\n" for n in ("x", "y", "z", "nx", "ny", "nz", "u", "v"))
    header = (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n{names}"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    with path.open("wb") as file:
        file.write(header.encode() + vertices.tobytes() + faces.tobytes())
