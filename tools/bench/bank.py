"""A bank of any size that nobody photographed, with the shapes of real label maps.

Scenes are drawn from a seed: three to five wavy layers behind (sky, walls, ground), then polygons whose
radius waves, painted from far to near, so that they hide parts of each other and cut in pieces what is
behind; patches stay void. Each category has a place, a size and a slant of its own, and categories fall off
as Zipf says. Four photos show one scene, a little moved. The label maps are then cut and described: as
`synth.layout` and `synth.retrieval.descriptors` do, but thousands of photos at once, which tests hold equal.
Rights profiles belong to photos, and fall off as Zipf says too.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numba import njit

from bankd.catalog.taxonomy import house
from synth.layout import SPECKLE_PX, VOID
from synth.retrieval.descriptors import CONTEXT_CELLS, MASK_CELLS, Descriptors, pack

FRAME = (96, 128)  # a whole number of cells each way
CATEGORIES = 20
LAYERS = 4  # of the categories: these lie behind all others
PROFILES = 1000
SHOTS = 4  # photos of a scene
OBJECTS = (14, 44)  # in a photo, before some hide others
CORNERS = 20
WAVES = 4
AT_ONCE = 256  # photos cut and described together

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Bank:
    """n segments of p photos, in the order in which ingesting would have filed them."""

    photo: Ints  # (n,) places in `sha256`
    ordinal: Ints
    category: Ints
    boxes: Ints  # (n, 4) x0, y0, x1, y1
    area_px: Ints
    descriptors: Descriptors  # of frame `scene`
    sha256: npt.NDArray[np.uint8]  # (p, 32)
    contexts: npt.NDArray[np.uint8]  # (p, 256) scene contexts
    photo_profile: Ints  # (p,) from 1 on

    def __len__(self) -> int:
        return len(self.photo)

    @property
    def profile(self) -> Ints:
        return self.photo_profile[self.photo]

    def first(self, count: int) -> "Bank":
        """The bank when it had so many segments."""
        photos = int(self.photo[count - 1]) + 1
        return Bank(
            self.photo[:count], self.ordinal[:count], self.category[:count], self.boxes[:count],
            self.area_px[:count], self.descriptors.take(np.arange(count)), self.sha256[:photos],
            self.contexts[:photos], self.photo_profile[:photos],
        )  # fmt: skip


def categories() -> list[int]:
    """The house categories that scenes are made of, the commonest first."""
    return [category.id for category in house().categories if category.id != VOID][:CATEGORIES]


def make(segments: int, *, seed: int) -> Bank:
    """At least so many segments, of whole photos; the rest is cut off."""
    rng = np.random.Generator(np.random.Philox(seed))
    looks = Looks(rng)
    cuts: list[Cut] = []
    count = photos = 0
    while count < segments:
        cut = cut_up(painted(looks, rng, AT_ONCE))
        cuts.append(cut.after(photos))
        count, photos = count + len(cut.photo), photos + AT_ONCE
    photo, category, ordinal, area_px = (
        np.concatenate([getattr(cut, name) for cut in cuts])[:segments]
        for name in ("photo", "category", "ordinal", "area_px")
    )
    photos = int(photo[-1]) + 1
    return Bank(
        photo=photo,
        ordinal=ordinal,
        category=category,
        boxes=np.concatenate([cut.boxes for cut in cuts])[:segments],
        area_px=area_px,
        descriptors=joined([cut.descriptors for cut in cuts]).take(np.arange(segments)),
        sha256=rng.integers(0, 256, (photos, 32), dtype=np.uint8),
        contexts=np.concatenate([cut.contexts for cut in cuts])[:photos],
        photo_profile=rng.choice(PROFILES, photos, p=zipf(PROFILES)) + 1,
    )


def asked(layouts: int, *, seed: int) -> tuple[Ints, Ints, Descriptors]:
    """Regions of layouts of the same kind that no photo of a bank shows: layout, category, descriptors."""
    # The looks are a bank's; the scenes are others.
    rng = np.random.Generator(np.random.Philox(seed))
    looks = Looks(rng)
    cut = cut_up(painted(looks, np.random.Generator(np.random.Philox([seed, 1])), layouts, shots=1))
    return cut.photo, cut.category, cut.descriptors


def zipf(count: int) -> npt.NDArray[np.float64]:
    weights = 1 / np.arange(1, count + 1)
    return weights / weights.sum()


def clearing(bank: Bank, share: float, *, seed: int) -> list[int]:
    """Profiles that hold `share` of the rows, or a little less: taken by chance, each if it still fits."""
    held = np.bincount(bank.profile, minlength=PROFILES + 1)
    order = np.random.Generator(np.random.Philox(seed)).permutation(PROFILES) + 1
    chosen, room = [], share * len(bank)
    for profile in order.tolist():
        if 0 < held[profile] <= room:
            chosen.append(profile)
            room -= held[profile]
    return sorted(chosen)


class Looks:
    """What things of each category look like, one value a category."""

    def __init__(self, rng: np.random.Generator) -> None:
        ids = np.array(categories())
        behind = np.array([2, 5, 8, 11][:LAYERS])  # among common and rarer ones
        self.layers = ids[behind]
        self.objects = np.delete(ids, behind)
        chances = np.delete(zipf(CATEGORIES), behind)
        self.chances = chances / chances.sum()
        count = len(self.objects)
        self.base = rng.uniform(0.35, 0.95, count)  # where things stand, share of the height
        self.size = np.exp(rng.normal(-2.0, 0.5, count))  # half a height, share of the frame's
        self.aspect = np.exp(rng.normal(0, 0.55, count))  # width over height
        self.waves = rng.uniform(0.02, 0.25, (count, WAVES)) / np.arange(1, WAVES + 1)


def painted(
    looks: Looks, rng: np.random.Generator, count: int, *, shots: int = SHOTS
) -> npt.NDArray[np.uint8]:
    """(count, H, W) label maps."""
    height, width = FRAME
    frames = np.zeros((count, height, width), np.uint8)
    for first in range(0, count, shots):
        scene = _scene(looks, rng)
        for shot in range(min(shots, count - first)):
            shift = rng.normal(0, 3.0, 2) if shot else np.zeros(2)
            _paint(frames[first + shot], scene, shift, rng)
    return frames


Polygon = tuple[int, npt.NDArray[np.float64]]


def _scene(looks: Looks, rng: np.random.Generator) -> list[Polygon]:
    """Polygons (category, (v, 2) x and y in pixels), the farthest first."""
    height, width = FRAME
    polygons: list[Polygon] = []
    xs = np.linspace(-16, width + 16, 12)
    tops = np.sort(rng.uniform(0.1, 0.8, rng.integers(2, LAYERS + 1))) * height
    tops[0] = -16
    for top, category in zip(tops, rng.permutation(looks.layers), strict=False):
        ys = (
            top
            + rng.normal(0, 3) * np.sin(xs / rng.uniform(8, 30) + rng.uniform(0, 6))
            + rng.normal(0, 1, 12)
        )
        outline = np.stack([xs, ys], axis=1)
        floor = np.array([[width + 16.0, height + 16], [-16.0, height + 16]])
        polygons.append((int(category), np.concatenate([outline, floor])))

    count = int(rng.integers(*OBJECTS))
    which = rng.choice(len(looks.objects), count, p=looks.chances)
    bottom = looks.base[which] + rng.normal(0, 0.12, count)
    near = np.clip(bottom, 0.15, 1.2) ** 1.5  # what stands lower is nearer, and larger
    tall = looks.size[which] * np.exp(rng.normal(0, 0.45, count)) * near * height
    wide = tall * looks.aspect[which] * np.exp(rng.normal(0, 0.2, count))
    x, y = rng.uniform(0, width, count), bottom * height - tall
    angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    phases = rng.uniform(0, 2 * np.pi, (count, WAVES))
    waves = looks.waves[which][:, None, :] * np.cos(
        angles[None, :, None] * (np.arange(WAVES) + 2) + phases[:, None, :]
    )
    radius = 1 + waves.sum(axis=2) + rng.normal(0, 0.02, (count, CORNERS))
    corners = np.stack(
        [
            x[:, None] + radius * np.cos(angles) * wide[:, None],
            y[:, None] + radius * np.sin(angles) * tall[:, None],
        ],
        axis=2,
    )
    polygons += [(int(looks.objects[which[at]]), corners[at]) for at in np.argsort(bottom)]
    if rng.random() < 0.4:  # something that nobody labelled
        middle, size = rng.uniform(0, (width, height)), rng.uniform(4, 20)
        polygons.append((VOID, middle + size * np.stack([np.cos(angles), np.sin(angles)], axis=1)))
    return polygons


def _paint(
    frame: npt.NDArray[np.uint8],
    scene: list[Polygon],
    shift: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    moved = rng.normal(0, 1.2, (len(scene), 2)) + shift
    for (category, corners), by in zip(scene, moved, strict=True):
        cv2.fillPoly(frame, [np.rint(corners + by).astype(np.int32)], category)


@dataclass(frozen=True, eq=False)
class Cut:
    """The segments of some photos, by photo and ordinal; what is void or speckle is none."""

    photo: Ints
    ordinal: Ints
    category: Ints
    boxes: Ints
    area_px: Ints
    descriptors: Descriptors
    contexts: npt.NDArray[np.uint8]

    def after(self, photos: int) -> "Cut":
        return Cut(
            self.photo + photos, self.ordinal, self.category, self.boxes, self.area_px, self.descriptors,
            self.contexts,
        )  # fmt: skip


def cut_up(frames: npt.NDArray[np.uint8]) -> Cut:
    """Cut label maps (P, H, W) and describe what was cut, in the frame `scene`."""
    photos, height, width = frames.shape
    ids = np.empty(frames.shape, np.int32)
    found = np.empty((frames.size, 7), np.int64)  # photo, category, x0, y0, x1, y1, area
    found = found[: _pieces(frames, ids, found)]
    boxes = found[:, 2:6]
    kept = (found[:, 1] != VOID) & ((boxes[:, 2:] - boxes[:, :2]).max(axis=1) > SPECKLE_PX)
    # Found by photo and first pixel; filed by photo, category and first pixel.
    order = np.lexsort((found[:, 1], found[:, 0]))
    order = order[kept[order]]

    rows, columns = np.arange(height) * MASK_CELLS // height, np.arange(width) * MASK_CELLS // width
    cells = (rows[:, None] * MASK_CELLS + columns).astype(np.int64)
    covered = np.bincount(
        (ids.astype(np.int64) * MASK_CELLS**2 + cells).ravel(), minlength=len(found) * MASK_CELLS**2
    ).reshape(len(found), MASK_CELLS**2)[order]
    masks = 2 * covered >= height * width // MASK_CELLS**2
    empty = np.flatnonzero(~masks.any(axis=1))
    masks[empty, covered[empty].argmax(axis=1)] = True

    centers = [
        (2 * np.arange(CONTEXT_CELLS) + 1) * extent // (2 * CONTEXT_CELLS) for extent in (height, width)
    ]
    scenes = frames[:, centers[0]][:, :, centers[1]]
    photo, boxes = found[order, 0], boxes[order]
    pads = -(-(boxes[:, 2:] - boxes[:, :2]) // 8)
    low, high = boxes[:, :2] - pads, boxes[:, 2:] + pads
    known_columns = (centers[1] >= low[:, :1]) & (centers[1] < high[:, :1])
    known_rows = (centers[0] >= low[:, 1:]) & (centers[0] < high[:, 1:])
    contexts = scenes[photo] * (known_rows[:, :, None] & known_columns[:, None, :])
    starts = np.searchsorted(photo, np.arange(photos))
    return Cut(
        photo=photo,
        ordinal=np.arange(len(order)) - starts[photo],
        category=found[order, 1],
        boxes=boxes,
        area_px=found[order, 6],
        descriptors=pack("scene", masks.reshape(-1, MASK_CELLS, MASK_CELLS), contexts),
        contexts=scenes.reshape(photos, -1),
    )


@njit(cache=True)
def _pieces(frames: Any, ids: Any, found: Any) -> int:
    """Number the 8-connected pieces of each label map in raster order of their first pixels."""
    photos, height, width = frames.shape
    above = np.empty(height * width, np.int32)
    count = 0
    for photo in range(photos):
        frame = frames[photo]
        for y in range(height):
            for x in range(width):
                at = y * width + x
                above[at] = at
                label = frame[y, x]
                for neighbor in range(4):  # left, and the three above
                    v = y if neighbor == 0 else y - 1
                    u = x - 1 if neighbor == 0 else x + neighbor - 2
                    if v < 0 or u < 0 or u >= width or frame[v, u] != label:
                        continue
                    one, other = at, v * width + u
                    while above[one] != one:
                        one = above[one]
                    while above[other] != other:
                        above[other] = above[above[other]]
                        other = above[other]
                    above[max(one, other)] = min(one, other)
        for y in range(height):
            for x in range(width):
                at = y * width + x
                root = at
                while above[root] != root:
                    root = above[root]
                above[at] = root
                if root == at:
                    number = count
                    found[number, 0], found[number, 1] = photo, frame[y, x]
                    found[number, 2], found[number, 3] = x, y
                    found[number, 4], found[number, 5] = x + 1, y + 1
                    found[number, 6] = 0
                    count += 1
                else:
                    number = ids[photo, root // width, root % width]
                ids[photo, y, x] = number
                found[number, 2] = min(found[number, 2], x)
                found[number, 4] = max(found[number, 4], x + 1)
                found[number, 5] = max(found[number, 5], y + 1)
                found[number, 6] += 1
    return count


def joined(parts: list[Descriptors]) -> Descriptors:
    fields = ("masks", "planes", "mask_n", "context_n")
    return Descriptors(
        parts[0].frame, *(np.concatenate([getattr(part, field) for part in parts]) for field in fields)
    )
