"""Small photos with exact label maps, drawn for tests: a wall, a floor and a mug."""

import io
from typing import Any

import numpy as np
from PIL import Image

WALL, FLOOR, MUG = 1, 2, 22
HEIGHT, WIDTH = 64, 96


def labels(*, mug_x: int = 40, floor_y: int = 40) -> np.ndarray[Any, Any]:
    ids = np.full((HEIGHT, WIDTH), WALL, dtype=np.uint8)
    ids[floor_y:] = FLOOR
    ids[floor_y - 14 : floor_y + 6, mug_x : mug_x + 16] = MUG
    return ids


def photo_of(ids: np.ndarray[Any, Any], seed: int) -> bytes:
    rng = np.random.Generator(np.random.Philox(seed))
    colors = {WALL: (200, 190, 180), FLOOR: (120, 90, 60), MUG: (40, 80, 160)}
    rgb = np.zeros((*ids.shape, 3), dtype=np.float64)
    for category, color in colors.items():
        rgb[ids == category] = color
    rgb += rng.normal(0, 8, rgb.shape)
    return png(rgb.clip(0, 255).astype(np.uint8))


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
