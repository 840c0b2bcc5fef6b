"""Photos with label maps that nobody took: scenes of the bank at the size of a photo, textured."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from bankd.catalog.taxonomy import house
from tools.bench.bank import Looks, categories, painted

QUALITY = 90
TEXTURE = ((40, 9.0), (4, 7.0), (1, 4.0))  # pixels from grain to grain, and how far it moves a value


@dataclass(frozen=True)
class DrawnPhoto:
    photo: Path
    labels: Path


def classes() -> list[dict[str, object]]:
    """What `classes.json` would say of the label maps: house ids."""
    wanted = {0, *categories()}
    return [{"id": one.id, "name": one.name} for one in house().categories if one.id in wanted]


def draw(frames: Sequence[tuple[int, int]], seed: int, folder: Path) -> list[DrawnPhoto]:
    """Files in a folder: a photo of each size (height, width), no two alike."""
    rng = np.random.Generator(np.random.Philox(seed))
    looks, drawn = Looks(rng), []
    for number, frame in enumerate(frames):
        one, two, three, four = painted(looks, rng, 4, shots=1)  # as many segments as a street has
        path = folder / f"{seed}-{number}.jpg"
        drawn.append(_photo(np.block([[one, two], [three, four]]), frame, rng, path))
    return drawn


def _photo(
    scene: npt.NDArray[np.uint8], frame: tuple[int, int], rng: np.random.Generator, path: Path
) -> DrawnPhoto:
    height, width = frame
    scale = height / scene.shape[0]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    for grain, reach in ((height // 12, 1.0), (max(2, height // 90), 0.2)):  # borders waver, as real ones do
        y += _field(frame, grain, rng) * np.float32(reach * scale)
        x += _field(frame, grain, rng) * np.float32(reach * scale)
    across, down = np.rint(x / np.float32(width / scene.shape[1])), np.rint(y / np.float32(scale))
    labels = cv2.remap(scene, across, down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    colors = rng.integers(40, 216, (256, 1, 3)).astype(np.uint8)
    rgb = cv2.LUT(cv2.merge([labels] * 3), colors.reshape(1, 256, 3)).astype(np.float32)
    for grain, reach in TEXTURE:
        rgb += (_field(frame, grain, rng) * np.float32(reach))[..., None]
    Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)).save(path, quality=QUALITY)
    Image.fromarray(labels).save(path.with_suffix(".png"))
    return DrawnPhoto(path, path.with_suffix(".png"))


def _field(frame: tuple[int, int], grain: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """(H, W) of deviation one, or a little less between grains."""
    height, width = frame
    coarse = rng.normal(size=(-(-height // grain) + 1, -(-width // grain) + 1)).astype(np.float32)
    smooth: npt.NDArray[np.float32] = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return smooth
