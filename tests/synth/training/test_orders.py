from dataclasses import replace

import numpy as np
import pytest

from synth.pictures import CategoryFacts
from synth.training.orders import Neighbors, OrderRecipe, by_rule, neighbors, ordered
from synth.training.prepared import Prepared, prepare
from synth.training.snapshot import Member, Snapshot, write


@pytest.fixture(scope="module")
def deep(deep_snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("prepared-deep")
    return prepare(deep_snapshot, folder, size=(48, 64), frame="scene", neighbor_margin=10)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_the_nearer_one_is_in_front_where_depths_are_known(deep: Prepared) -> None:
    """Depth falls with the row here: along a shared border, things that meet side by side are as near."""
    found = neighbors(deep, OrderRecipe())

    objects = ~np.isin(deep.category[found.front], (0, 11, 12)) & ~np.isin(
        deep.category[found.behind], (0, 11, 12)
    )
    assert found.by_depth[objects].all() and objects.any()
    for front, behind in zip(found.front[objects], found.behind[objects], strict=True):
        assert deep.box[front, 3] >= deep.box[behind, 3] or deep.box[front, 1] > deep.box[behind, 1]


def test_depth_overrules_what_things_usually_are(tmp_path, png) -> None:
    """A lamp before a mug, though its kind usually stands behind."""
    labels = np.full((48, 64), 11, np.uint8)
    labels[10:40, 10:30], labels[10:40, 30:50] = 14, 13
    depth = np.full((48, 64), 3000, np.uint16)
    depth[:, :30] = 1000
    made = tmp_path / "s"
    facts = [
        CategoryFacts(11, "wall", planar=True, front_rank=5),
        CategoryFacts(13, "mug", front_rank=70),
        CategoryFacts(14, "lamp", front_rank=20),
    ]
    rgb = rng().integers(0, 256, (48, 64, 3), dtype=np.uint8)
    snapshot = write(made, [Member("one", "a", 0, png(rgb), labels, "0" * 64, depth)], facts)
    deep = prepare(snapshot, tmp_path / "p", size=(48, 64), frame="scene", neighbor_margin=0)
    flat = replace(deep, depths=np.zeros_like(deep.depths))

    def ahead(found: Neighbors, prepared: Prepared) -> set[tuple[int, int]]:
        kinds = prepared.category
        return set(zip(kinds[found.front].tolist(), kinds[found.behind].tolist(), strict=True))

    assert ahead(neighbors(deep, OrderRecipe()), deep) == {(14, 13), (14, 11), (13, 11)}
    assert (13, 14) in ahead(neighbors(flat, OrderRecipe()), flat)


def test_flat_things_are_behind_objects_whatever_depth_says(deep: Prepared) -> None:
    upside_down = replace(deep, depths=(6000 - np.array(deep.depths)).astype(np.uint16))

    for prepared in (deep, upside_down):
        found = neighbors(prepared, OrderRecipe())
        flat_ahead = np.isin(prepared.category[found.front], (0, 11, 12))
        object_behind = ~np.isin(prepared.category[found.behind], (0, 11, 12))
        assert not (flat_ahead & object_behind).any()
        assert (~flat_ahead & ~object_behind).any()


def test_without_depth_the_one_whose_border_bulges_is_in_front(tmp_path, png) -> None:
    labels = np.full((48, 64), 11, np.uint8)
    labels[14:34, 10:54] = 13
    labels[20:40, 24:40] = 14
    rgb = rng().integers(0, 256, (48, 64, 3), dtype=np.uint8)
    facts = [
        CategoryFacts(11, "wall", planar=True, front_rank=5),
        CategoryFacts(13, "mug", front_rank=50),
        CategoryFacts(14, "lamp", front_rank=50),
    ]
    snapshot = write(tmp_path / "s", [Member("one", "a", 0, png(rgb), labels, "0" * 64)], facts)
    prepared = prepare(snapshot, tmp_path / "p", size=(48, 64), frame="scene", neighbor_margin=0)

    found = neighbors(prepared, OrderRecipe())

    kinds = list(
        zip(prepared.category[found.front].tolist(), prepared.category[found.behind].tolist(), strict=True)
    )
    assert (14, 13) in kinds and (13, 14) not in kinds
    assert not found.by_depth.any()


def test_a_pair_is_seen_in_either_order_and_told_so(prepared: Prepared) -> None:
    found = neighbors(prepared, OrderRecipe())
    front, behind = int(found.front[0]), int(found.behind[0])
    seen = [ordered(prepared, front, behind, rng(seed)) for seed in range(12)]

    assert {made.first_in_front for made in seen} == {True, False}
    masks = {made.first_in_front: made for made in seen}
    assert np.array_equal(masks[True].first, masks[False].second)
    assert np.array_equal(masks[True].second, masks[False].first)
    assert not (masks[True].first & masks[True].second).any()


def test_the_rule_puts_flat_things_behind_then_goes_by_rank(prepared: Prepared) -> None:
    row = {int(prepared.category[r]): r for r in prepared.rows(0)}

    def ahead(one: int, other: int) -> bool:
        return bool(by_rule(prepared, np.array([row[one]]), np.array([row[other]]))[0])

    assert ahead(13, 14) and ahead(14, 12) and ahead(12, 11)
    assert not ahead(11, 13)
