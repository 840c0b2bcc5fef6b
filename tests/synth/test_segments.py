import numpy as np
import pytest

from synth.segments import cut

WALL, MUG = 1, 22


def a_map(height: int = 100, width: int = 100) -> np.ndarray:
    labels = np.full((height, width), WALL, dtype=np.uint8)
    labels[40:60, 40:60] = MUG
    return labels


def test_depth_is_the_lower_median_of_the_known_pixels() -> None:
    depth = np.zeros((100, 100), dtype=np.uint16)
    depth[40:60, 40:50] = 1000
    depth[40:60, 50:59] = 3000

    wall, mug = cut(a_map(), depth=depth)

    assert (wall.depth_mm, mug.depth_mm) == (None, 1000)
    depth[40:60, 59:60] = 3000
    assert cut(a_map(), depth=depth)[1].depth_mm == 1000
    depth[40, 40] = 3000
    assert cut(a_map(), depth=depth)[1].depth_mm == 3000


def test_a_segment_is_small_below_0_76_percent_of_the_frame() -> None:
    labels = np.full((100, 100), WALL, dtype=np.uint8)
    labels[0:4, 0:19] = MUG  # 76 of 10,000 px

    assert [one.small for one in cut(labels)] == [False, False]
    labels[3, 0:4] = WALL
    assert [(one.region.area_px, one.small) for one in cut(labels)] == [(9928, False), (72, True)]


def test_instances_part_what_touches() -> None:
    instances = np.zeros((100, 100), dtype=np.int32)
    instances[40:60, 40:50] = 70000

    found = cut(a_map(), instances)

    assert [(one.region.category, one.region.instance) for one in found] == [
        (WALL, None), (MUG, 70000), (MUG, None),
    ]  # fmt: skip


def test_maps_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in size"):
        cut(a_map(), np.zeros((100, 99), dtype=np.int32))
    with pytest.raises(ValueError, match="differ in size"):
        cut(a_map(), depth=np.zeros((99, 100), dtype=np.uint16))
