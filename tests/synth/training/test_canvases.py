from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from synth.training.canvases import Canvases, CanvasRecipe, Sample, monge_kantorovich
from synth.training.prepared import Prepared, load, prepare, split
from synth.training.snapshot import Member, Snapshot, write

FULL = CanvasRecipe(neighbor_margin=10, emptied=0, dropped=0, recolored=0, flips=False)


def rng(seed: int = 5) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def same(one: Sample, other: Sample) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(other).values(), strict=True))


def test_a_sample_is_the_same_whenever_it_is_asked_for(prepared: Prepared) -> None:
    recipe = CanvasRecipe(neighbor_margin=10)
    one, other = Canvases(prepared, recipe, seed=3), Canvases(prepared, recipe, seed=3)

    first = [one.sample(n) for n in range(12)]
    again = [other.sample(n) for n in reversed(range(12))][::-1]

    assert all(same(a, b) for a, b in zip(first, again, strict=True))


def test_another_seed_and_another_turn_give_other_canvases(prepared: Prepared) -> None:
    recipe = CanvasRecipe(neighbor_margin=10, emptied=0)
    one, other = Canvases(prepared, recipe, seed=3), Canvases(prepared, recipe, seed=4)

    assert not all(same(one.sample(n), other.sample(n)) for n in range(6))
    assert not same(one.version(0, rng(1)), one.version(0, rng(2)))


def test_every_photo_comes_once_before_any_comes_again(prepared: Prepared) -> None:
    canvases = Canvases(prepared, FULL, seed=3)
    count = len(prepared.photos)

    turns = [[canvases.photo_of(turn * count + n) for n in range(count)] for turn in range(2)]

    assert [sorted(turn) for turn in turns] == [list(range(count))] * 2
    assert turns[0] != turns[1]


def test_no_stencil_comes_from_the_photo_or_its_neighbours(prepared: Prepared) -> None:
    canvases = Canvases(prepared, FULL, seed=3)
    chance = rng()

    for row in range(len(prepared.photo)):
        mine = prepared.photo[row]
        for _ in range(5):
            stencil = canvases.stencil(row, chance)
            if stencil is not None:
                other = prepared.photo[stencil]
                assert prepared.category[stencil] == prepared.category[row]
                assert other != mine
                assert other // 5 != mine // 5 or abs(int(other) - int(mine)) > 1  # numbers are ten apart


def test_where_every_other_photo_is_a_neighbour_there_is_no_stencil(snapshot: Snapshot, tmp_path) -> None:
    one_walk = prepare(
        write(
            tmp_path / "s",
            [
                Member(
                    f"{n}", "walk", n, (snapshot.folder / p.photo).read_bytes(), snapshot.labels(p), "0" * 64
                )
                for n, p in enumerate(snapshot.photos)
            ],
            snapshot.categories,
        ),
        tmp_path / "p",
        size=(48, 64),
        frame="scene",
        neighbor_margin=100,
    )

    made = Canvases(one_walk, FULL, seed=3).version(0, rng())

    assert not made.valid.any() and not made.base.any()


def test_copies_of_a_photo_are_near_it_in_whatever_group(
    snapshot: Snapshot, png: Callable[[np.ndarray], bytes], tmp_path
) -> None:
    entry = snapshot.photos[0]
    picture = snapshot.rgb(entry)
    labels = snapshot.labels(entry)
    copies = [
        Member("original", "a", 0, png(picture), labels, "0" * 64),
        Member("darker", "b", 0, png((picture * 0.8).astype(np.uint8)), labels, "0" * 64),
        Member(
            "mirrored", "c", 0, png(np.ascontiguousarray(picture[:, ::-1])), labels[:, ::-1].copy(), "0" * 64
        ),
        Member("other", "d", 0, png(snapshot.rgb(snapshot.photos[7])), labels, "0" * 64),
    ]
    prepared = prepare(
        write(tmp_path / "s", copies, snapshot.categories), tmp_path / "p", size=(48, 64), frame="scene",
        neighbor_margin=0,
    )  # fmt: skip

    assert [near.tolist() for near in prepared.near] == [[0, 1, 2], [0, 1, 2], [0, 1, 2], [3]]


def test_the_most_similar_of_the_drawn_is_taken(prepared: Prepared) -> None:
    canvases = Canvases(prepared, FULL, seed=3)

    def iou(a: int, b: int) -> float:
        one, other = (np.unpackbits(prepared.mask[r].view(np.uint8)) for r in (a, b))
        return float((one & other).sum() / (one | other).sum())

    for row in range(len(prepared.photo)):
        rows = np.flatnonzero(prepared.category == prepared.category[row])
        others = [r for r in rows.tolist() if prepared.photo[r] not in prepared.near[prepared.photo[row]]]
        found = canvases.stencil(row, rng())
        assert found is not None
        assert iou(row, found) == max(iou(row, other) for other in others)


def test_kept_pixels_are_the_photos_own_and_the_rest_tells_nothing(prepared: Prepared) -> None:
    sharp = FULL.model_copy(update={"jitter": 0.0, "coarsest": 1.0, "smoothed": 0.0})
    canvases = Canvases(prepared, sharp, seed=3)

    for photo in range(len(prepared.photos)):
        made = canvases.version(photo, rng(photo))

        kept = made.valid
        assert 0.2 < kept.mean() < 1
        assert np.abs(made.canvas[kept].astype(int) - made.target[kept]).max() <= 1
        assert np.median(np.abs(made.base[kept].astype(int) - made.target[kept])) <= 1  # but where joined
        withheld = made.canvas[~kept]
        assert set(map(tuple, np.unique(withheld, axis=0).tolist())) <= {(0, 0, 0), (255, 255, 255)}


def test_what_no_stencil_kept_does_not_change_the_canvas(prepared: Prepared) -> None:
    """The answer must not be found in the question: other pixels in a hole, the same canvas and base."""

    class WithoutOne(Canvases):
        def stencil(self, row: int, rng: np.random.Generator) -> int | None:
            return None if row == hidden else super().stencil(row, rng)

    recipe = FULL.model_copy(update={"jitter": 0.0})
    for hidden in prepared.rows(2):
        region = prepared.region(hidden)
        changed = np.array(prepared.photos)
        part = changed[2, region.y0 : region.y1, region.x0 : region.x1]
        part[region.mask] = 255 - part[region.mask]

        made = WithoutOne(prepared, recipe, seed=3).version(2, rng())
        other = WithoutOne(replace(prepared, photos=changed), recipe, seed=3).version(2, rng())

        assert not np.array_equal(made.target, other.target)
        assert np.array_equal(made.canvas, other.canvas)
        assert np.array_equal(made.base, other.base)


def test_what_spills_shows_its_own_colors_and_nothing_of_what_the_photo_has_there(prepared: Prepared) -> None:
    plain = FULL.model_copy(update={"jitter": 0.0, "coarsest": 1.0, "smoothed": 0.0})
    spilling = plain.model_copy(update={"overlapping": 1.0})
    spilled = 0
    for photo in range(len(prepared.photos)):
        made = Canvases(prepared, spilling, seed=3).version(photo, rng(photo))
        off = made.valid & (np.abs(made.canvas.astype(int) - made.target).max(axis=2) > 1)
        for row in prepared.rows(photo):
            region = prepared.region(row)
            part = (slice(region.y0, region.y1), slice(region.x0, region.x1))
            changed = np.array(prepared.photos)
            changed[photo][part][region.mask] = 255 - changed[photo][part][region.mask]
            other = Canvases(replace(prepared, photos=changed), spilling, seed=3).version(photo, rng(photo))

            here = off[part] & region.mask
            spilled += int(np.count_nonzero(here))
            assert np.array_equal(other.canvas[part][here], made.canvas[part][here])
    assert spilled > 0


def test_a_recipe_without_overlap_reads_and_draws_as_before_there_was_any(prepared: Prepared) -> None:
    assert "overlapping" not in CanvasRecipe().model_dump(mode="json")
    assert CanvasRecipe.model_validate({"overlapping": 0.25}).model_dump(mode="json")["overlapping"] == 0.25
    chance = rng()
    Canvases(prepared, FULL, seed=3).version(0, chance)
    after = chance.random()
    again = rng()
    Canvases(prepared, FULL.model_copy(update={"overlapping": 1.0}), seed=3).version(0, again)
    assert again.random() != after, "only a share draws"


def test_segments_look_enlarged_and_bases_smoothed_as_often_as_asked(prepared: Prepared) -> None:
    def detail(**changes: float) -> float:
        """How much of the photo's finest detail is left where its pixels were kept."""
        recipe = FULL.model_copy(update={"jitter": 0.0, **changes})
        made = [Canvases(prepared, recipe, seed=3).version(p, rng(p)) for p in range(len(prepared.photos))]
        fine = [
            np.abs(pixels.astype(np.float32) - cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 1))[
                m.valid
            ]
            for m in made
            for pixels in (m.canvas, m.target)
        ]
        return sum(float(f.sum()) for f in fine[::2]) / sum(float(f.sum()) for f in fine[1::2])

    assert detail(coarsest=0.4) < 0.9 * detail(coarsest=1.0)

    shown, hidden = (
        Canvases(prepared, FULL.model_copy(update={"smoothed": share}), seed=3).version(0, rng(0))
        for share in (0.0, 1.0)
    )
    assert np.array_equal(shown.canvas, hidden.canvas)
    differ = (shown.base != hidden.base).any(axis=2)
    assert differ.any() and not (differ & shown.valid).any()


def test_canvases_are_emptied_and_components_dropped_as_often_as_asked(prepared: Prepared) -> None:
    always = Canvases(prepared, FULL.model_copy(update={"emptied": 1.0}), seed=3)
    parametric = Canvases(prepared, FULL.model_copy(update={"parametric": True}), seed=3)
    dropped = Canvases(prepared, FULL.model_copy(update={"dropped": 1.0}), seed=3)
    some = Canvases(prepared, FULL.model_copy(update={"emptied": 0.2}), seed=3)

    for canvases in (always, parametric, dropped):
        made = canvases.sample(1)
        assert not made.canvas.any() and not made.valid.any() and not made.base.any()
        assert made.target.any()
    empty = np.mean([not some.sample(n).valid.any() for n in range(150)])
    assert 0.1 < empty < 0.3


def test_half_of_the_samples_are_mirrored_with_everything_in_them(prepared: Prepared) -> None:
    canvases = Canvases(prepared, CanvasRecipe(parametric=True, neighbor_margin=10), seed=3)
    places = prepared.places()

    mirrored = 0
    for number in range(40):
        made, photo = canvases.sample(number), canvases.photo_of(number)
        flip = not np.array_equal(made.target, prepared.photos[photo])
        step = -1 if flip else 1
        assert np.array_equal(made.target, prepared.photos[photo][:, ::step])
        assert np.array_equal(made.layout, places[prepared.labels[photo]][:, ::step])
        mirrored += flip
    assert 10 < mirrored < 30


def test_recoloring_gives_the_covariance_of_the_other_segment() -> None:
    chance = rng()
    source, onto = (np.cov(chance.normal(size=(3, 3)) @ chance.normal(size=(3, 500))) / 50 for _ in range(2))
    steady = 1e-3 * np.eye(3)

    matrix = monge_kantorovich(source, onto)

    assert np.allclose(matrix, matrix.T)  # of all maps that do it, the one that moves colors least
    assert np.allclose(matrix @ (source + steady) @ matrix.T, onto + steady)


def test_recolored_canvases_keep_the_photo_as_their_target(prepared: Prepared) -> None:
    made = Canvases(prepared, FULL.model_copy(update={"recolored": 1.0}), seed=3).version(0, rng())

    assert np.array_equal(made.target, prepared.photos[0])
    assert np.abs(made.canvas[made.valid].astype(int) - made.target[made.valid]).mean() > 5


def test_categories_that_no_photo_shows_are_no_channels(prepared: Prepared) -> None:
    assert [c.name for c in prepared.categories] == ["void", "wall", "floor", "mug", "lamp"]


def test_prepared_photos_are_the_same_when_mapped_again(snapshot: Snapshot, tmp_path) -> None:
    made = prepare(snapshot, tmp_path, size=(40, 40), frame="box", neighbor_margin=10)
    again = load(tmp_path)

    assert again.size == (40, 40) and again.frame == "box"
    assert np.array_equal(made.photos, again.photos) and np.array_equal(made.mask, again.mask)
    for row in range(len(again.photo)):
        region = again.region(row)
        assert np.count_nonzero(region.mask) == region.area_px


@pytest.mark.parametrize("photo", [0, 4])
def test_segments_cover_their_photo(prepared: Prepared, photo: int) -> None:
    assert sum(int(prepared.area_px[row]) for row in prepared.rows(photo)) == prepared.labels[photo].size


def test_what_is_measured_shows_no_scene_that_was_learned_from(prepared: Prepared) -> None:
    learned, measured = split(prepared, held_out=0.2)

    assert len(measured) == 2 and len(learned) > 0
    for at in measured:
        assert not np.isin(prepared.near[at], learned).any()
