import numpy as np
import torch
from torch import Tensor

from synth.alignment.closed_form import align
from synth.cards import Card
from synth.networks.aligner import NetworkAligner
from synth.networks.transformation import TransformationNetwork, warped
from synth.networks.windows import ALIGNMENT_SIDE_PX, in_fixed_point
from synth.pictures import Segment, as_point
from synth.training.lessons import displacement
from synth.training.prepared import Prepared
from synth.training.shifts import Knocked, ShiftRecipe, knocked, large_rows, shifted

SHIFT = ShiftRecipe(least_share=0.01)
NOTHING = np.eye(2, 3)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def all_rows(prepared: Prepared) -> list[int]:
    return large_rows(prepared, np.arange(10), SHIFT).tolist()


def test_in_its_place_a_segment_fits_to_the_pixel_and_moments_come_nearer(prepared: Prepared) -> None:
    figures = []
    for seed, row in enumerate(all_rows(prepared)):
        made = knocked(prepared, row, SHIFT, rng(seed))
        figures.append([made.fit(p) for p in (made.best, made.moments, made.still)])
    l1, iou = np.moveaxis(np.array(figures), 2, 0)  # (rows, placements) each

    assert (iou[:, 0] == 1).all() and l1[:, 0].max() < 1e-6
    assert 0.95 > iou[:, 1].mean() > iou[:, 2].mean()
    assert 0.01 < l1[:, 1].mean() < l1[:, 2].mean()


def test_moments_put_back_what_was_only_moved_and_scaled(prepared: Prepared) -> None:
    recipe = ShiftRecipe(scale=1.4, aspect=1, shift=0.1, turn_degrees=0, clipped=0, least_share=0.01)
    mugs = [r for r in large_rows(prepared, np.arange(10), recipe) if prepared.category[r] == 13]
    figures = []
    for seed, row in enumerate(mugs):
        made = knocked(prepared, row, recipe, rng(seed))
        figures.append((made.fit(made.moments)[1], made.fit(made.still)[1]))

    moments, still = np.array(figures).T
    assert moments.mean() > 0.9 > still.mean()


def test_segments_are_turned_scaled_and_shifted_as_the_recipe_says(prepared: Prepared) -> None:
    row = all_rows(prepared)[0]
    turns, sizes, middles = [], [], []
    for seed in range(200):
        made = knocked(prepared, row, SHIFT, rng(seed))
        lies = np.linalg.inv(as_point(made.still)[:, :2])
        turns.append(np.rad2deg(np.arctan2(lies[1, 0], lies[0, 0])))
        sizes.append(np.sqrt(np.linalg.det(lies)))
        height, width = made.region.mask.shape
        middle = lies @ (np.array([width, height]) / 2 - as_point(made.still)[:, 2])
        middles.append((middle - [made.region.x0, made.region.y0]) / [width, height] - 0.5)

    assert 8 < np.max(np.abs(turns)) <= 10.01 and abs(np.mean(turns)) < 1.5
    assert 1.4 < max(sizes) <= 1.501 and 1 / 1.501 <= min(sizes) < 1 / 1.4
    assert 0.18 < np.abs(middles).max() <= 0.201


def test_clipping_hides_a_part_of_what_the_network_sees_and_nothing_of_what_is_measured(
    prepared: Prepared,
) -> None:
    row = all_rows(prepared)[0]
    whole = knocked(prepared, row, SHIFT.model_copy(update={"clipped": 0.0}), rng(3))
    made = knocked(prepared, row, SHIFT.model_copy(update={"clipped": 1.0}), rng(3))

    assert made.still == whole.still and whole.visible.all() == whole.region.mask.all()
    assert 0.25 < np.count_nonzero(made.visible) / np.count_nonzero(whole.visible) < 1
    assert made.fit(made.still) == whole.fit(made.still)
    seen = made.seen(made.sight())
    assert np.array_equal(seen.color.any(axis=2) & ~seen.mask, np.zeros_like(seen.mask))


def test_the_answer_is_what_the_closed_form_left_to_be_done(prepared: Prepared) -> None:
    apart = []
    for seed, row in enumerate(all_rows(prepared)):
        made = knocked(prepared, row, SHIFT, rng(seed))
        seen = made.seen(made.sight())
        for undo in (False, True):
            assert made.improved(lambda _: NOTHING, undo=undo) == made.moments
        put_back = made.improved(lambda seen: seen.answer, undo=False)
        assert np.allclose(as_point(put_back), as_point(made.best), atol=2e-3)
        color = torch.from_numpy(seen.color.astype(np.float32)).permute(2, 0, 1)[None] / 255
        in_place = made.sight().window.color(made.rgb, made.visible, made.best, ALIGNMENT_SIDE_PX)
        truth = torch.from_numpy(in_place).permute(2, 0, 1)[None]
        put = warped(color, torch.from_numpy(seen.answer).float()[None])
        apart.append([float((p - truth).abs().mean()) for p in (put, color)])

    warped_back, left = np.mean(apart, axis=0)
    assert warped_back < 0.3 * left


def test_a_mirrored_pair_is_as_right_as_the_pair(prepared: Prepared) -> None:
    whole = knocked(prepared, all_rows(prepared)[1], SHIFT, rng(6))
    made = whole.seen(whole.sight())
    other = made.mirrored()
    for one in (made, other):
        color = torch.from_numpy(one.color.astype(np.float32)).permute(2, 0, 1)[None]
        put = warped(color, torch.from_numpy(one.answer).float()[None])[0].permute(1, 2, 0).numpy()
        if one is made:
            straight = put
    assert np.allclose(put[:, ::-1], straight, atol=0.05)
    assert np.array_equal(other.target[:, ::-1], made.target)
    assert np.array_equal(other.layout[:, ::-1], made.layout) and np.array_equal(
        other.mask[:, ::-1], made.mask
    )


def test_the_network_sees_in_training_what_it_sees_in_use(prepared: Prepared) -> None:
    """The same segment, as the trainer knocks it out of place and as a photo of the bank has it."""
    row = all_rows(prepared)[2]
    whole = knocked(prepared, row, SHIFT.model_copy(update={"clipped": 0.0}), rng(3))
    region, size = whole.region, prepared.size
    box = (region.x0 + 5, region.y0 - 4, region.x1 + 5, region.y1 - 4)
    segment = Segment(1, 1, region.category, whole.rgb, region.mask, box, size)
    labels = np.asarray(prepared.labels[whole.photo])
    moments, _ = align(segment, region, canvas=size, frame="scene", planar=False)
    still = in_fixed_point(np.array([[1.0, 0, -box[0]], [0, 1, -box[1]]]))
    placed = Knocked(prepared, whole.photo, region, whole.rgb, region.mask, still, moments)
    trained = placed.seen(placed.sight())

    seen: list[Tensor] = []

    class Watching(TransformationNetwork):
        def forward(self, *given: Tensor) -> Tensor:
            seen.extend(given)
            return super().forward(*given)

    names = tuple(c.name for c in prepared.categories)
    card = Card(
        kind="transformation",
        width="small",
        categories=names,
        snapshot_sha256="0" * 64,
        code_version="0",
        recipe={},
    )
    aligner = NetworkAligner(Watching(len(names)), card, prepared.facts())
    assert aligner.align(segment, region, labels=labels, frame="scene", planar=False)[0] == moments

    target, layout, color, mask = (t[0].numpy() for t in seen[:4])
    assert np.array_equal(target[0] > 0, trained.target) and np.array_equal(mask[0] > 0, trained.mask)
    assert np.abs(color.transpose(1, 2, 0) - trained.color / 255).max() <= 0.51 / 255
    known = trained.layout < len(names)
    assert np.array_equal(layout.argmax(axis=0)[known], trained.layout[known])
    assert not layout[:, ~known].any()


def test_a_displacement_is_how_far_apart_two_affines_carry_a_point() -> None:
    difference = torch.tensor([[[0.1, 0, 0.2], [0, 0, -0.3]]])
    apart = displacement(difference, torch.Size((1, 4, 4)))[0]
    assert torch.allclose(apart[0], torch.tensor([-0.75, -0.25, 0.25, 0.75]) * 0.1 + 0.2 + 0.3)


def test_pairs_are_the_same_per_seed(prepared: Prepared) -> None:
    row = all_rows(prepared)[2]
    one, other = shifted(prepared, row, SHIFT, rng(4)), shifted(prepared, row, SHIFT, rng(4))

    assert np.array_equal(one.color, other.color) and np.array_equal(one.answer, other.answer)
    assert not np.array_equal(one.answer, shifted(prepared, row, SHIFT, rng(5)).answer)
