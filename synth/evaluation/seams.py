"""What gives a composition away: edges where two sources meet, and a wrong share of fine detail."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.evaluation.pictures import EvaluationError, Trace
from synth.pictures import Mask, Rgb

_FLOOR = 1e-3


@dataclass(frozen=True)
class SeamSums:
    """Lab gradient summed over the pixels at a picture's seams, in the picture and in the real photo."""

    made: float
    real: float
    pixels: int


def borders(owner: NDArray[np.int32]) -> Mask:
    """Pixels with a neighbour (of four) that another placement owns, or nobody."""
    at = np.zeros(owner.shape, bool)
    across = owner[:, 1:] != owner[:, :-1]
    down = owner[1:] != owner[:-1]
    at[:, 1:] |= across
    at[:, :-1] |= across
    at[1:] |= down
    at[:-1] |= down
    return at


def lab_gradient(rgb: Rgb) -> NDArray[np.float32]:
    """(H, W): how fast color changes, in CIE Lab units per pixel, all channels together."""
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    # Scharr's weights add up to 32 per unit step of two pixels.
    across = cv2.Scharr(lab, cv2.CV_32F, 1, 0) / 32
    down = cv2.Scharr(lab, cv2.CV_32F, 0, 1) / 32
    return np.asarray(np.sqrt((across**2 + down**2).sum(axis=2)), np.float32)


def seam_sums(made: Rgb, real: Rgb, trace: Trace, labels: NDArray[np.uint8] | None = None) -> SeamSums:
    """At the ledger's borders; with `labels`, only at those inside one category, where nothing
    asks for an edge."""
    if made.shape != real.shape or trace.owner.shape != made.shape[:2]:
        raise EvaluationError("picture, photo and ledger differ in size")
    at = borders(trace.owner)
    if labels is not None:
        at &= ~borders(labels.astype(np.int32))
    return SeamSums(
        made=float(lab_gradient(made)[at].sum()),
        real=float(lab_gradient(real)[at].sum()),
        pixels=int(np.count_nonzero(at)),
    )


def power_spectrum(rgb: Rgb) -> NDArray[np.float64]:
    """Radial mean of the log10 power of lightness: (bins,) from the lowest frequency to the Nyquist limit.

    The mean is taken off and the frame's edges are faded, so that they add no cross of their own.
    """
    grey = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2GRAY).astype(np.float64)
    height, width = grey.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2 / (window**2).sum()
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    bins = min(height, width) // 2
    which = np.minimum((radius * 2 * bins).astype(np.int64), bins)
    logs = np.log10(power + _FLOOR**4)
    sums = np.bincount(which.ravel(), weights=logs.ravel(), minlength=bins + 1)
    counts = np.bincount(which.ravel(), minlength=bins + 1)
    spectrum: NDArray[np.float64] = sums[1:bins] / counts[1:bins]
    return spectrum
