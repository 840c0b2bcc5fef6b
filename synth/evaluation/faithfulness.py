"""Does a picture show what its layout asks for: a segmenter's answer against the layout. Pure counting."""

import numpy as np
from numpy.typing import NDArray

from synth.evaluation.bootstrap import Draws, Estimate
from synth.evaluation.pictures import EvaluationError

IGNORED = 255

Classes = NDArray[np.uint8]
Confusion = NDArray[np.int64]


def classes_of(labels: NDArray[np.uint8], categories: tuple[int, ...]) -> Classes:
    """House ids (any shape) to positions in `categories`; void and all else become `IGNORED`."""
    table = np.full(256, IGNORED, np.uint8)
    table[list(categories)] = np.arange(len(categories), dtype=np.uint8)
    return table[labels]


def confusion(asked: Classes, seen: Classes, classes: int) -> Confusion:
    """(classes, classes) pixels, asked by seen; pixels that are ignored in `asked` count nowhere."""
    if asked.shape != seen.shape:
        raise EvaluationError("layout and segmentation differ in size")
    counted = asked != IGNORED
    if seen[counted].size and int(seen[counted].max()) >= classes:
        raise EvaluationError("the segmentation names a class that does not exist")
    flat = asked[counted].astype(np.int64) * classes + seen[counted]
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)


def mean_iou(pooled: NDArray[np.float64] | Confusion) -> float:
    """Mean over the classes that the layouts ask for, from a confusion matrix pooled over pictures."""
    hit = np.diag(pooled).astype(np.float64)
    asked, seen = pooled.sum(axis=1), pooled.sum(axis=0)
    there = asked > 0
    if not there.any():
        return float("nan")
    return float((hit[there] / (asked + seen - hit)[there]).mean())


def accuracy(pooled: NDArray[np.float64] | Confusion) -> float:
    """Share of counted pixels that show what was asked."""
    total = pooled.sum()
    return float(np.trace(pooled) / total) if total else float("nan")


def mean_iou_over(confusions: Confusion, draws: Draws) -> Estimate:
    """`mean_iou` of (n, classes, classes), pooled over each draw."""
    return draws.each(lambda weights: mean_iou(np.tensordot(weights, confusions, axes=1)))


def accuracy_over(confusions: Confusion, draws: Draws) -> Estimate:
    return draws.each(lambda weights: accuracy(np.tensordot(weights, confusions, axes=1)))
