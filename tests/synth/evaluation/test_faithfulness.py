"""Counting what a segmenter saw against what a layout asked for."""

import numpy as np
import pytest

from synth.evaluation.bootstrap import Draws
from synth.evaluation.faithfulness import (
    IGNORED,
    accuracy,
    accuracy_over,
    classes_of,
    confusion,
    mean_iou,
    mean_iou_over,
)
from synth.evaluation.pictures import EvaluationError


def test_a_known_confusion_gives_its_iou_and_accuracy() -> None:
    asked = np.array([[0, 0, 0, 1], [1, 1, 2, IGNORED]], np.uint8)
    seen = np.array([[0, 0, 1, 1], [1, 2, 2, 0]], np.uint8)
    counted = confusion(asked, seen, 3)
    assert counted.tolist() == [[2, 1, 0], [0, 2, 1], [0, 0, 1]]
    assert mean_iou(counted) == pytest.approx((2 / 3 + 2 / 4 + 1 / 2) / 3)
    assert accuracy(counted) == pytest.approx(5 / 7)


def test_void_is_counted_nowhere() -> None:
    labels = np.array([[0, 92], [102, 92]], np.uint8)
    asked = classes_of(labels, (92, 102))
    assert asked.tolist() == [[IGNORED, 0], [1, 0]]
    wrong_in_void = np.array([[1, 0], [1, 0]], np.uint8)
    assert mean_iou(confusion(asked, wrong_in_void, 2)) == 1.0


def test_a_class_that_no_layout_asks_for_is_no_class_of_the_mean() -> None:
    asked, seen = np.array([0, 0, 0, 0], np.uint8), np.array([0, 0, 0, 1], np.uint8)
    assert mean_iou(confusion(asked, seen, 2)) == pytest.approx(3 / 4)


def test_pictures_are_pooled_before_the_ratio_not_after() -> None:
    asked = np.array([[0, 0, 0, 1], [0, 1, 1, 1]], np.uint8)
    seen = np.array([[0, 0, 0, 0], [1, 1, 1, 1]], np.uint8)
    each = np.stack([confusion(a, s, 2) for a, s in zip(asked, seen, strict=True)])
    draws = Draws.of(["a", "b"], draws=50)
    pooled = mean_iou_over(each, draws)
    assert pooled.value == pytest.approx((3 / 5 + 3 / 5) / 2)
    assert pooled.value != pytest.approx(np.mean([mean_iou(one) for one in each]))
    assert accuracy_over(each, draws).value == pytest.approx(6 / 8)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EvaluationError, match="size"):
        confusion(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8), 2)
    with pytest.raises(EvaluationError, match="does not exist"):
        confusion(np.zeros(4, np.uint8), np.full(4, 7, np.uint8), 2)
