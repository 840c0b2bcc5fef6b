"""Streets of flat color with a little noise: enough for a bank, a segmenter and every figure."""

import numpy as np

from synth.evaluation.pictures import LabelledPhoto
from synth.pictures import CategoryFacts

SKY, ROAD, CAR = 1, 2, 3
SIZE = (96, 128)
FACTS = {
    0: CategoryFacts(0, "void", void=True, front_rank=0),
    SKY: CategoryFacts(SKY, "sky", planar=True, front_rank=1),
    ROAD: CategoryFacts(ROAD, "road", planar=True, ground=True, front_rank=8),
    CAR: CategoryFacts(CAR, "car", front_rank=56),
}
_COLORS = np.array([[20, 20, 20], [130, 170, 230], [110, 105, 100], [180, 40, 40]])


def street(number: int, scene: str = "one") -> LabelledPhoto:
    rng = np.random.Generator(np.random.Philox(number))
    height, width = SIZE
    labels = np.full(SIZE, SKY, np.uint8)
    labels[int(rng.integers(35, 60)) :] = ROAD
    for _ in range(2):
        y, x = int(rng.integers(40, 70)), int(rng.integers(5, 95))
        labels[y : y + 20, x : x + 30] = CAR
    labels[:4, : int(rng.integers(10, 60))] = 0
    colors = _COLORS + rng.integers(-15, 16, _COLORS.shape)
    rgb = colors[labels] + rng.integers(-12, 13, (height, width, 1))
    return LabelledPhoto(f"street_{number:03d}", scene, np.clip(rgb, 0, 255).astype(np.uint8), labels)


def streets(first: int, count: int, scenes: int = 3) -> list[LabelledPhoto]:
    return [street(first + at, f"scene {at % scenes}") for at in range(count)]
