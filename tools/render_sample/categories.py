"""The sample's categories: ids, names and the colors that label maps are shown in."""

from __future__ import annotations

COLORS: dict[str, tuple[int, int, int]] = {
    "wall": (200, 190, 175),
    "floor": (140, 105, 75),
    "table": (190, 130, 70),
    "shelf": (110, 80, 50),
    "mug": (230, 90, 60),
    "bottle": (60, 150, 120),
    "box": (200, 165, 105),
    "lamp": (255, 220, 90),
    "plant": (60, 160, 60),
    "book": (70, 90, 180),
    "fabric": (180, 110, 190),
    "chair": (150, 60, 40),
    "window": (140, 200, 240),
    "picture": (230, 130, 170),
    "bowl": (90, 200, 200),
    "cushion": (240, 160, 120),
    "vase": (120, 70, 150),
    "sofa": (90, 110, 110),
    "void": (0, 0, 0),
}
IDS: dict[str, int] = {name: index for index, name in enumerate(COLORS)}
VOID = IDS["void"]


def palette() -> list[int]:
    """768 numbers for an indexed PNG."""
    flat = [value for color in COLORS.values() for value in color]
    return flat + [0] * (768 - len(flat))


def as_json() -> list[dict[str, object]]:
    return [{"id": IDS[name], "name": name, "color": list(color)} for name, color in COLORS.items()]
