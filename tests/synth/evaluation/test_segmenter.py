"""The judge learns, forgets nothing, and is refused where it is not what it should be."""

from pathlib import Path

import numpy as np
import pytest
import torch
from streets import CAR, ROAD, SKY, street, streets

from synth.evaluation.faithfulness import classes_of, confusion, mean_iou
from synth.evaluation.pictures import EvaluationError
from synth.evaluation.segmenter import Judge, Segmenter, Training, load, save, train

CATEGORIES = (SKY, ROAD, CAR)
QUICK = Training(seed=3, steps=40, batch=4, rate=1e-2)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return train(streets(200, 12), CATEGORIES, QUICK)


def test_it_learns_to_find_what_it_was_shown(judge: Judge) -> None:
    held_out = streets(300, 6)
    seen = judge.segment([photo.rgb for photo in held_out])
    asked = np.stack([classes_of(photo.labels, CATEGORIES) for photo in held_out])
    assert mean_iou(confusion(asked, seen, 3)) > 0.7
    grey = judge.segment([np.full_like(photo.rgb, 128) for photo in held_out])
    assert mean_iou(confusion(asked, grey, 3)) < 0.5


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    photos, short = streets(400, 4), Training(seed=5, steps=3, batch=2)
    one, again = (train(photos, CATEGORIES, short).network.state_dict() for _ in range(2))
    other = train(photos, CATEGORIES, Training(seed=6, steps=3, batch=2)).network.state_dict()
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["stem.0.weight"], other["stem.0.weight"])


def test_void_teaches_nothing() -> None:
    photos, short = streets(400, 2), Training(seed=5, steps=2, batch=2)
    black = [street(400), street(401)]
    for photo in black:
        photo.labels[photo.labels == 0] = 77  # a category that is not asked for is void too
    one, other = train(photos, CATEGORIES, short), train(black, CATEGORIES, short)
    assert torch.equal(one.network.head.weight, other.network.head.weight)


def test_progress_tells_each_step() -> None:
    told: list[int] = []
    train(
        streets(400, 2), CATEGORIES, Training(1, steps=3, batch=2),
        progress=lambda step, loss: told.append(step) if np.isfinite(loss) else None,
    )  # fmt: skip
    assert told == [1, 2, 3]


def test_it_comes_back_as_it_was_saved(judge: Judge, tmp_path: Path) -> None:
    save(tmp_path / "judge.safetensors", judge)
    again = load(tmp_path / "judge.safetensors")
    assert (again.categories, again.training, again.photos) == (
        judge.categories,
        judge.training,
        judge.photos,
    )
    pictures = [photo.rgb for photo in streets(500, 2)]
    assert (again.segment(pictures) == judge.segment(pictures)).all()


def test_a_file_cut_short_or_of_another_kind_is_refused(judge: Judge, tmp_path: Path) -> None:
    path = tmp_path / "judge.safetensors"
    save(path, judge)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(EvaluationError, match=r"`judge\.safetensors` holds no segmenter"):
        load(path)
    path.write_bytes(b"not tensors at all")
    with pytest.raises(EvaluationError, match="no segmenter"):
        load(path)
    with pytest.raises(EvaluationError, match="no segmenter"):
        load(tmp_path / "missing.safetensors")


def test_photos_without_any_of_the_categories_are_refused() -> None:
    with pytest.raises(EvaluationError, match="none of the categories"):
        train(streets(1, 2), (200,), QUICK)


@pytest.mark.parametrize("size", [(96, 128), (192, 256)])
def test_its_answer_has_the_picture_s_size(size: tuple[int, int]) -> None:
    logits = Segmenter(5).eval()(torch.zeros(1, 3, *size))
    assert logits.shape == (1, 5, *size)
