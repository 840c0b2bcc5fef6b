"""PDQ, pHash and ISCC of a picture, as numbers that can be compared; pure.

PDQ is computed as its authors publish it (Meta, ThreatExchange, `pdqhash-2017-10-09.pdf`): luma, two
passes of a box filter in each direction, 64 x 64 points, the 16 x 16 lowest frequencies of a cosine transform
without the mean, and a bit for each that is above their median. Filter, decimation and transform are linear
and separable: one matrix for rows and for columns, and the hashes of hundreds of crops are two products.
pHash-256 is that of Zauner (2010), in the size of `imagehash.phash(hash_size=16)`: the same transform with
the mean, of plain averages.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import iscc_lib
import numpy as np
import numpy.typing as npt
from PIL import Image

Rgb = npt.NDArray[np.uint8]
Plane = npt.NDArray[Any]  # of floats
Bits = npt.NDArray[np.uint8]
"""(.., 32) bytes of 256 bits, the bit of the lowest frequency last, as PDQ's hexadecimal form has them."""

GRID, LOWEST = 64, 16
SIDE_PX = 512  # as the reference tool has what is larger; what is smaller is enlarged, see docs/likeness.md
LUMA = (0.299, 0.587, 0.114)

# How much of a side a crop keeps, and where it begins: every twentieth of the side.
STEP = 20
LEAST_KEPT = 16
CROPS = tuple(
    (begin, begin + kept) for kept in range(STEP, LEAST_KEPT - 1, -1) for begin in range(STEP - kept + 1)
)

BORDER_SPREAD = 24  # gray levels within a line of a border, JPEG's ringing included
BORDER_DRIFT = 12  # between a line and the outermost one
BORDER_KEPT = 0.5  # of a side at least: what is flat all over has no border


ORIENTATIONS = 8
HASH_BYTES = 32


@dataclass(frozen=True)
class Fingerprint:
    """What one picture looks like.

    `pdq`, `phash`: 32 bytes for each of the eight orientations, upright first; then the same of the picture
    without the even border around it, where it has one. `quality`: PDQ's own measure, 0 to 100, low where
    there is little to see. `crops`: PDQ of the upright crops that keep at least four fifths of each side,
    without the whole. `iscc`: an ISCC Image-Code of 256 bits (ISO 24138).
    """

    pdq: bytes
    phash: bytes
    quality: int
    crops: bytes
    iscc: str


def look(rgb: Rgb) -> Fingerprint:
    """The fingerprint of an (H, W, 3) uint8 sRGB picture, upright."""
    luma = _luma(rgb)
    square = _squared(luma)
    looks = [_oriented(square)]
    box = _unframed(luma)
    if box is not None:
        luma = np.ascontiguousarray(luma[box[0] : box[1], box[2] : box[3]])
        looks.append(_oriented(_squared(luma)))
    return Fingerprint(
        pdq=b"".join(pdq.tobytes() for pdq, _ in looks),
        phash=b"".join(phash.tobytes() for _, phash in looks),
        quality=_quality(_points() @ square @ _points().T),
        crops=_of_crops(square).tobytes(),
        iscc=_iscc(luma),
    )


def _luma(rgb: Rgb) -> Plane:
    """At most 512 px a side, averaged."""
    height, width = rgb.shape[:2]
    if max(height, width) > SIDE_PX:
        size = (min(width, SIDE_PX), min(height, SIDE_PX))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    luma: Plane = rgb.astype(np.float32) @ np.array(LUMA, np.float32)
    return luma


def _squared(luma: Plane) -> Plane:
    """512 x 512 px of what is no larger."""
    square: Plane = cv2.resize(luma, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
    return square


def _oriented(square: Plane) -> tuple[Bits, Bits]:
    """(8, 32) of PDQ and of pHash: as it is, mirrored, upside down, both, and all of these transposed.

    Mirroring turns the sign of odd frequencies and of nothing else; but PDQ's filter is not symmetric, so
    that it is run backwards too.
    """
    rows = _whole()
    there, back, mean = (slice(at, at + LOWEST) for at in range(0, 3 * LOWEST, LOWEST))
    found = rows @ square @ rows.T
    odd = np.where(np.arange(LOWEST) % 2, -1, 1).astype(np.float32)
    pdq = [found[down, across] for down in (there, back) for across in (there, back)]
    phash = [found[mean, mean] * down * across for down in (1, odd[:, None]) for across in (1, odd)]
    return _with_transposed(pdq), _with_transposed(phash)


def _with_transposed(frequencies: list[Plane]) -> Bits:
    return _above_median(np.stack([*frequencies, *(one.T for one in frequencies)]))


def _of_crops(square: Plane) -> Bits:
    """(crops, 32): PDQ of each crop but the whole."""
    rows = _cropping()
    found = (rows @ square @ rows.T).reshape(len(CROPS), LOWEST, len(CROPS), LOWEST).transpose(0, 2, 1, 3)
    return _above_median(found.reshape(-1, LOWEST, LOWEST)[1:])


@cache
def _whole() -> Plane:
    """(48, 512): a side's pixels to PDQ's frequencies, to those of the mirrored side, and to pHash's."""
    pdq = _cosines(1) @ _tent(SIDE_PX)
    mean = np.repeat(np.eye(GRID), SIDE_PX // GRID, axis=1) * GRID / SIDE_PX
    return np.concatenate([pdq, pdq[:, ::-1], _cosines(0) @ mean]).astype(np.float32)


@cache
def _points() -> Plane:
    return _tent(SIDE_PX).astype(np.float32)


@cache
def _cropping() -> Plane:
    """(crops x 16, 512): a side's pixels to the frequencies of each crop."""
    rows = np.zeros((len(CROPS), LOWEST, SIDE_PX), np.float32)
    for place, (begin, end) in enumerate(CROPS):
        first, last = round(SIDE_PX * begin / STEP), round(SIDE_PX * end / STEP)
        rows[place, :, first:last] = _cosines(1) @ _tent(last - first)
    return rows.reshape(-1, SIDE_PX)


def _tent(length: int) -> npt.NDArray[np.float64]:
    """(64, length): two passes of a box filter, then the points at the middle of 64 equal parts."""
    window = (length + 2 * GRID - 1) // (2 * GRID)
    right = (window + 2) // 2 - 1
    box = np.zeros((length, length))
    for at in range(length):
        low, high = max(0, at - (window - 1 - right)), min(length, at + right + 1)
        box[at, low:high] = 1 / (high - low)
    middles = ((np.arange(GRID) + 0.5) * length / GRID).astype(int)
    points: npt.NDArray[np.float64] = box[middles] @ box
    return points


@cache
def _cosines(first: int) -> npt.NDArray[np.float64]:
    """(16, 64): the cosine transform's rows from frequency `first` on."""
    frequency, at = np.arange(first, first + LOWEST)[:, None], np.arange(GRID)[None]
    rows: npt.NDArray[np.float64] = np.cos(np.pi / (2 * GRID) * frequency * (2 * at + 1))
    return rows


def _above_median(frequencies: npt.NDArray[np.float32]) -> Bits:
    """(n, 16, 16) to (n, 32): a bit for each that is above the lower median."""
    flat = frequencies.reshape(len(frequencies), -1)
    middle = flat.shape[1] // 2 - 1
    median = np.partition(flat, middle, axis=1)[:, middle : middle + 1]
    return np.packbits((flat > median)[:, ::-1], axis=1)


def _quality(points: Plane) -> int:
    steps = (np.diff(points, axis=0), np.diff(points, axis=1))
    return min(100, sum(int(np.abs((one * 100 / 255).astype(int)).sum()) for one in steps) // 90)


def _unframed(luma: Plane) -> tuple[int, int, int, int] | None:
    """(y0, y1, x0, x1) of what lies inside an even border; None: there is none."""
    y0, y1 = _inside(luma)
    x0, x1 = _inside(luma[y0:y1].T)
    height, width = luma.shape
    if (y1 - y0, x1 - x0) == (height, width):
        return None
    if y1 - y0 < height * BORDER_KEPT or x1 - x0 < width * BORDER_KEPT or min(y1 - y0, x1 - x0) < LOWEST:
        return None
    return y0, y1, x0, x1


def _inside(luma: Plane) -> tuple[int, int]:
    """From which row to which the picture is more than even lines like its outermost."""
    spread, mean = np.ptp(luma, axis=1), luma.mean(axis=1)
    bounds = []
    for lines, means in ((spread, mean), (spread[::-1], mean[::-1])):
        even = (lines <= BORDER_SPREAD) & (np.abs(means - means[0]) <= BORDER_DRIFT)
        bounds.append(len(even) if even.all() else int(np.argmin(even)))
    return (0, len(mean)) if sum(bounds) >= len(mean) else (bounds[0], len(mean) - bounds[1])


def _iscc(luma: Plane) -> str:
    gray = Image.fromarray(np.rint(luma).astype(np.uint8))
    pixels = gray.resize((32, 32), Image.Resampling.BICUBIC)
    return str(iscc_lib.gen_image_code_v0(pixels.tobytes(), 256)["iscc"])
