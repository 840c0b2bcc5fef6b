"""A snapshot at working size: photos, regions and a table of segments, read by all data workers at once.

Made once a run, in a folder of the run's own, and mapped into memory by each worker.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.layout import Region
from synth.networks.windows import OUTSIDE, Window
from synth.pictures import CategoryFacts, Rgb
from synth.retrieval.descriptors import Frame, describe
from synth.segments import SegmentCut, cut
from synth.training.snapshot import Snapshot, SnapshotPhoto

ALIKE = 0.985  # correlation of two thumbnails beyond which one photo is a copy of the other
_THUMB = (24, 18)
_TABLE = ("photo", "ordinal", "category", "box", "area_px", "depth_mm", "mask", "mask_n", "mean", "cov")


@dataclass(frozen=True, eq=False)
class Prepared:
    """Photos of one size and the segments in them.

    `categories` are those of the snapshot that its photos show, and void.
    `photos` (N, H, W, 3) uint8, `labels` (N, H, W) house ids without speckle, `ordinals` (N, H, W)
    uint16 the photo's own number of the region at each pixel, `depths` (N, H, W) uint16 mm, 0 = unknown.
    The table has a row per segment, rows of a photo together and in order: `first[n]` to
    `first[n + 1]`. `mask` (rows, 16) uint64 holds the descriptor's bits, `mean` and `cov` the
    RGB statistics in [0, 1]. `near` lists, per photo, the photos that show the same scene, itself among them.
    """

    categories: tuple[CategoryFacts, ...]
    frame: Frame
    photos: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    ordinals: NDArray[np.uint16]
    depths: NDArray[np.uint16]
    first: NDArray[np.int64]
    near: tuple[NDArray[np.int64], ...]
    photo: NDArray[np.int32]
    ordinal: NDArray[np.int32]
    category: NDArray[np.uint8]
    box: NDArray[np.int32]
    area_px: NDArray[np.int64]
    depth_mm: NDArray[np.int64]  # -1: unknown
    mask: NDArray[np.uint64]
    mask_n: NDArray[np.int32]
    mean: NDArray[np.float64]
    cov: NDArray[np.float64]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.labels.shape[1], self.labels.shape[2]

    def facts(self) -> Mapping[int, CategoryFacts]:
        return {category.id: category for category in self.categories}

    def places(self) -> NDArray[np.uint8]:
        """(256,) from house id to place in `categories`, the order in which networks know them."""
        out = np.zeros(256, np.uint8)
        for place, category in enumerate(self.categories):
            out[category.id] = place
        return out

    def rows(self, photo: int) -> range:
        return range(int(self.first[photo]), int(self.first[photo + 1]))

    def region(self, row: int) -> Region:
        """The segment of a row as a region of its own photo."""
        x0, y0, x1, y1 = self.box[row].tolist()
        mask = self.ordinals[self.photo[row], y0:y1, x0:x1] == self.ordinal[row]
        return Region(
            int(self.ordinal[row]), int(self.category[row]), x0, y0, x1, y1, int(self.area_px[row]), mask
        )

    def layout_in(self, window: Window, photo: int, side: int) -> NDArray[np.uint8]:
        """(side, side) places in `categories` that a window shows of a photo, `OUTSIDE` beyond the frame."""
        labels = window.labels(np.asarray(self.labels[photo]), side)
        return np.where(labels == OUTSIDE, np.uint8(OUTSIDE), self.places()[labels])


def prepare(
    snapshot: Snapshot, folder: Path, *, size: tuple[int, int], frame: Frame, neighbor_margin: int
) -> Prepared:
    """Bring a snapshot to `size` (height, width) and cut it. Photos of another shape lose what sticks out
    of the middle.

    Raises:
        SnapshotChanged, BadSnapshot: as the snapshot's files are read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count, (height, width) = len(snapshot.photos), size
    thin = frozenset(c.id for c in snapshot.categories if c.thin)
    photos = _map(folder, "photos", (count, height, width, 3), np.uint8)
    labels = _map(folder, "labels", (count, height, width), np.uint8)
    ordinals = _map(folder, "ordinals", (count, height, width), np.uint16)
    depths = _map(folder, "depths", (count, height, width), np.uint16)
    table: dict[str, list[NDArray[np.generic]]] = {name: [] for name in _TABLE}
    first = [0]
    for at, entry in enumerate(snapshot.photos):
        rgb, label, depth = _read(snapshot, entry, size)
        photos[at] = rgb
        depths[at] = 0 if depth is None else depth
        cuts = cut(label, depth=depth, thin=thin)
        for made in cuts:
            r = made.region
            part = (at, slice(r.y0, r.y1), slice(r.x0, r.x1))
            labels[part][r.mask] = r.category
            ordinals[part][r.mask] = r.ordinal
        table_of = _rows(at, rgb, labels[at], cuts, frame)
        for name in _TABLE:
            table[name].append(table_of[name])
        first.append(first[-1] + len(cuts))
    for name in _TABLE:
        np.save(folder / f"{name}.npy", np.concatenate(table[name]), allow_pickle=False)
    np.save(folder / "first.npy", np.array(first, np.int64), allow_pickle=False)
    shown = np.bincount(labels.reshape(-1), minlength=256) > 0
    near = near_photos(snapshot.photos, photos, margin=neighbor_margin)
    written = {
        "categories": [asdict(c) for c in snapshot.categories if shown[c.id] or c.void],
        "frame": frame,
        "near": [others.tolist() for others in near],
    }
    (folder / "prepared.json").write_text(json.dumps(written))
    return load(folder)


def load(folder: Path) -> Prepared:
    """Map what `prepare` wrote."""
    written = json.loads((folder / "prepared.json").read_text())
    big = {
        name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        for name in ("photos", "labels", "ordinals", "depths")
    }
    small = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in (*_TABLE, "first")}
    return Prepared(
        categories=tuple(CategoryFacts(**c) for c in written["categories"]),
        frame=written["frame"],
        near=tuple(np.array(others, np.int64) for others in written["near"]),
        **big,
        **small,
    )


def split(prepared: Prepared, *, held_out: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Photos to learn from and photos to be measured on, which show other scenes: those at the end of
    the snapshot's list, less what the first share with them."""
    count = len(prepared.photos)
    measured = np.arange(count - max(1, round(held_out * count)), count)
    near = np.unique(np.concatenate([prepared.near[at] for at in measured]))
    learned = np.setdiff1d(np.arange(count), near)
    if learned.size == 0:  # one scene only: there is nothing to hold out
        learned = np.setdiff1d(np.arange(count), measured) if count > 1 else measured
    return learned, measured


def near_photos(
    entries: tuple[SnapshotPhoto, ...], photos: NDArray[np.uint8], *, margin: int
) -> list[NDArray[np.int64]]:
    """Per photo those that show the same: itself, its neighbours in the group up to `margin` numbers
    away, and copies of any of it by their thumbnails, mirrored ones too."""
    groups: dict[str, int] = {}
    group = np.array([groups.setdefault(entry.group, len(groups)) for entry in entries], np.int64)
    number = np.array([entry.number for entry in entries], np.int64)
    thumbs = np.stack([_thumb(photo) for photo in photos])  # (N, cells)
    mirrored = thumbs.reshape(-1, _THUMB[1], _THUMB[0])[:, :, ::-1].reshape(thumbs.shape)
    out = []
    for at in range(len(entries)):
        same = (group == group[at]) & (np.abs(number - number[at]) <= margin)
        alike = np.maximum(thumbs @ thumbs[at], mirrored @ thumbs[at]) >= ALIKE
        same |= alike
        same[at] = True
        out.append(np.flatnonzero(same))
    return out


def _thumb(rgb: Rgb) -> NDArray[np.float32]:
    gray = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), _THUMB, interpolation=cv2.INTER_AREA)
    flat = gray.astype(np.float32).ravel() - gray.mean()
    unit: NDArray[np.float32] = flat / max(float(np.linalg.norm(flat)), 1e-6)
    return unit


def _rows(
    at: int, rgb: Rgb, labels: NDArray[np.uint8], cuts: list[SegmentCut], frame: Frame
) -> dict[str, NDArray[np.generic]]:
    regions = [made.region for made in cuts]
    found = describe(labels, regions, frame)
    mean, cov = np.zeros((len(cuts), 3)), np.zeros((len(cuts), 3, 3))
    for row, r in enumerate(regions):
        pixels = rgb[r.y0 : r.y1, r.x0 : r.x1][r.mask].astype(np.float64) / 255
        mean[row] = pixels.mean(axis=0)
        cov[row] = np.cov(pixels, rowvar=False, bias=True)
    return {
        "photo": np.full(len(cuts), at, np.int32),
        "ordinal": np.array([r.ordinal for r in regions], np.int32),
        "category": np.array([r.category for r in regions], np.uint8),
        "box": np.array([(r.x0, r.y0, r.x1, r.y1) for r in regions], np.int32),
        "area_px": np.array([r.area_px for r in regions], np.int64),
        "depth_mm": np.array([-1 if m.depth_mm is None else m.depth_mm for m in cuts], np.int64),
        "mask": np.ascontiguousarray(found.masks).view(np.uint64),
        "mask_n": found.mask_n,
        "mean": mean,
        "cov": cov,
    }


def _read(
    snapshot: Snapshot, entry: SnapshotPhoto, size: tuple[int, int]
) -> tuple[Rgb, NDArray[np.uint8], NDArray[np.uint16] | None]:
    rgb, labels, depth = snapshot.rgb(entry), snapshot.labels(entry), snapshot.depth(entry)
    height, width = size
    scale = max(height / rgb.shape[0], width / rgb.shape[1])
    whole = (max(width, round(rgb.shape[1] * scale)), max(height, round(rgb.shape[0] * scale)))
    top, left = (whole[1] - height) // 2, (whole[0] - width) // 2
    middle = (slice(top, top + height), slice(left, left + width))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    nearest = cv2.INTER_NEAREST_EXACT
    return (
        np.asarray(cv2.resize(rgb, whole, interpolation=how), np.uint8)[middle],
        np.ascontiguousarray(np.asarray(cv2.resize(labels, whole, interpolation=nearest), np.uint8)[middle]),
        None
        if depth is None
        else np.asarray(cv2.resize(depth, whole, interpolation=nearest), np.uint16)[middle],
    )


def _map(folder: Path, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> np.memmap:
    return np.lib.format.open_memmap(folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape)
