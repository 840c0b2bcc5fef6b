"""A mark spread over the whole picture as faint noise that only the key knows; pure.

The picture is thought of at a size of its own (`SIDE_PX` is the square root of its area), whatever its real
one, and covered with equal tiles. A tile has a cell of a few pixels for each chip; a chip is the sum of two
keyed signs: one that is always the same, by which a reader finds scale and place, and one times a bit of the
coded mark. So a reader needs neither the original nor its size, and what was cut off is missed no more than
its part of the tiles. How much is added follows what is there: more in what is busy, little in what is plain.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import sha256

import cv2
import numpy as np
import numpy.typing as npt

from bankd.watermark import coding

Rgb = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

SIDE_PX = 512
TILE_PX = 256
CHIP_PX = 4
CHIPS = TILE_PX // CHIP_PX
MIRRORED = 4  # of the eight ways to turn a tile
SYNC = 0.5  # amplitude of what is always the same, against 1 of the mark
PSNR_DB = 42.5
LEAST_SIDE_PX = 200  # square root of area; a smaller picture holds too little to be marked
READ_SIDE_PX = 100  # and a copy smaller than this has lost it

LUMA = (0.299, 0.587, 0.114)
# How much is added: where nothing is seen, and for each gray level that the neighbourhood differs.
PLAIN, BUSY, MOST = 1.0, 0.5, 6.0

# A copy that was cropped covers so much of the original's side; one that got a border, more.
SCALE_STEP = 0.006
SCALES = (0.62, 1.05)
SYNC_LEAST = 5.2  # deviations above what else is there; what lies below is not decoded
PEAKS = 4  # of each stage of the search
FITS_LEAST = 12.0  # from here on a reading speaks for itself
FITS_FAINT = 9.0  # from here on it counts if its mark is on record; a picture without a mark comes as near
FITS_SURE = 14.0  # nothing better is looked for


@dataclass(frozen=True)
class Reading:
    """A mark that was read. `fits`: how well, in the measure of who read it; `least`: what it asks for.

    `false_at_most`: an upper bound on the chance that a picture which nobody marked reads as marked.
    """

    mark: int
    fits: float
    least: float  # below it the mark counts only where it is on record
    tries: int
    false_at_most: float
    scale: float = 1.0  # of the original's side that is there
    turned: int = 0  # one of eight orientations


class Spread:
    """Puts marks and reads them, with one key."""

    name = "spread-1"

    def __init__(self, key: bytes) -> None:
        self._key = key

    def fits_into(self, height: int, width: int) -> bool:
        """Whether a picture is large enough to be marked."""
        return math.sqrt(height * width) >= LEAST_SIDE_PX

    def put(self, rgb: Rgb, mark: int) -> Rgb:
        """A marked copy of (H, W, 3) uint8, at `PSNR_DB` or better. What is too small comes back as it is."""
        height, width, _ = rgb.shape
        if not self.fits_into(height, width):
            return rgb
        small = _size(height, width, 1.0)
        tiles = [-(-side // TILE_PX) for side in small]
        plan = np.tile(self._tile(mark), tiles)[: small[0], : small[1]]
        added = cv2.resize(plan, (width, height), interpolation=cv2.INTER_CUBIC) * _allowance(_luma(rgb))
        strength = float(np.sqrt(np.mean(added**2)))
        added *= min(1.0, 255 / 10 ** (PSNR_DB / 20) / max(strength, 1e-6))  # a plain picture gets less
        marked = rgb.astype(np.float32) + np.clip(added, -MOST * 2, MOST * 2)[..., None]
        made: Rgb = np.rint(marked).clip(0, 255).astype(np.uint8)
        return made

    def read(self, rgb: Rgb) -> Reading | None:
        """The mark in a picture, or what is left of it; None where none is found.

        Below `FITS_LEAST` it may be none at all: whoever asks looks whether it is on record.
        """
        if math.sqrt(rgb.shape[0] * rgb.shape[1]) < READ_SIDE_PX:
            return None
        luma = _luma(_within(rgb, 2 * SIDE_PX))
        best: Reading | None = None
        tries = 0
        for place in self._places(luma):
            tries += 1
            fits, mark = self._decoded(luma, place)
            if best is None or fits > best.fits:
                best = Reading(mark, fits, FITS_LEAST, tries, 0.0, place.scale, place.turned)
            if fits >= FITS_SURE:
                break
        if best is None or best.fits < FITS_FAINT:
            return None
        return replace(best, tries=tries, false_at_most=false_at_most(best.fits, tries))

    def _places(self, luma: Plane) -> Iterator["_Place"]:
        """Where tiles may lie, the likeliest first: whole, cropped, turned, cropped and mirrored."""
        yield _Place(1.0, 1.0, 0, 0, 0, math.inf)  # a copy of the whole, of any size, needs no search
        whole = [1.0]
        others = _scales()
        for turns, scales in (((0,), whole), ((0,), others), (range(1, 8), whole), ((MIRRORED,), others)):
            found = []
            for scale in scales:
                spectrum = np.fft.rfft2(_folded(_residual(luma, scale)))
                found += [self._peak(spectrum, scale, turn) for turn in turns]
            for place in _apart(found)[:PEAKS]:
                yield self._refined(luma, place)

    def _peak(self, spectrum: npt.NDArray[np.complexfloating], scale: float, turned: int) -> "_Place":
        agreement = np.fft.irfft2(spectrum * self._sync_spectra[turned], s=(TILE_PX, TILE_PX))
        at = int(np.argmax(agreement))
        y, x = divmod(at, TILE_PX)
        return _Place(scale, scale, y, x, turned, float(agreement.flat[at] / agreement.std()))

    def _refined(self, luma: Plane, place: "_Place") -> "_Place":
        """The same place with sides scaled a little apart, as far as that makes it stronger."""
        best = place
        for step in (SCALE_STEP / 2, SCALE_STEP / 4):
            around = best
            for tall in (-step, 0.0, step):
                for wide in (-step, 0.0, step):
                    if tall or wide:
                        residual = _residual(luma, around.tall + tall, around.wide + wide)
                        spectrum = np.fft.rfft2(_folded(residual))
                        found = self._peak(spectrum, around.tall + tall, place.turned)
                        if found.strength > best.strength:
                            best = _Place(
                                around.tall + tall, around.wide + wide, found.y, found.x, found.turned,
                                found.strength,
                            )  # fmt: skip
        return best

    def _decoded(self, luma: Plane, place: "_Place") -> tuple[float, int]:
        folded = _folded(_residual(luma, place.tall, place.wide))
        upright = _unturned(np.roll(folded, (-place.y, -place.x), (0, 1)), place.turned)
        values = (upright.reshape(CHIPS, CHIP_PX, CHIPS, CHIP_PX).sum((1, 3)).ravel()) * self._signs
        soft = np.zeros(coding.CODED_BITS)
        np.add.at(soft, self._bits, values)
        mark = coding.decode(soft)
        agreed = float(soft @ coding.encode(mark))
        return agreed / max(float(np.sqrt(np.sum(values.astype(np.float64) ** 2))), 1e-9), mark

    @cached_property
    def _random(self) -> npt.NDArray[np.uint8]:
        """Bits of the key: SHA-256 in counter mode."""
        blocks = -(-(2 * CHIPS * CHIPS) // 256) + 256
        stream = b"".join(
            sha256(b"bankd spread 1\n" + self._key + bytes([n >> 8, n & 255])).digest() for n in range(blocks)
        )
        return np.unpackbits(np.frombuffer(stream, np.uint8))

    @cached_property
    def _signs(self) -> Plane:
        return 1 - 2 * self._random[: CHIPS * CHIPS].astype(np.float32)

    @cached_property
    def _sync(self) -> Plane:
        return (1 - 2 * self._random[CHIPS * CHIPS : 2 * CHIPS * CHIPS].astype(np.float32)).reshape(
            CHIPS, CHIPS
        )

    @cached_property
    def _bits(self) -> npt.NDArray[np.int64]:
        """Which coded bit each chip carries: each about as many, in an order of the key."""
        seed = int.from_bytes(sha256(b"bankd spread 1 order\n" + self._key).digest()[:16], "big")
        order = np.random.Generator(np.random.Philox(seed)).permutation(CHIPS * CHIPS)
        return order % coding.CODED_BITS

    @cached_property
    def _sync_spectra(self) -> list[npt.NDArray[np.complexfloating]]:
        tile = _smoothed(self._sync)
        return [np.conj(np.fft.rfft2(_turned(tile, turn))) for turn in range(8)]

    def _tile(self, mark: int) -> Plane:
        return _tile_of(self, mark)


@lru_cache(maxsize=4)
def _tile_of(spread: Spread, mark: int) -> Plane:
    chips = (spread._signs * coding.encode(mark)[spread._bits]).reshape(CHIPS, CHIPS)
    return _smoothed(chips + SYNC * spread._sync)


@dataclass(frozen=True)
class _Place:
    """How large the picture's sides are against the original's, and where in it a tile begins."""

    tall: float
    wide: float
    y: int
    x: int
    turned: int
    strength: float

    @property
    def scale(self) -> float:
        return math.sqrt(self.tall * self.wide)


def false_at_most(fits: float, tries: int) -> float:
    """A bound over all keys, whatever the picture.

    Each of 2^64 code words agrees with a given picture by `fits` or more under a share of at most
    exp(-fits^2 / 2) of keys (Hoeffding's inequality: its chips are as many independent signs), and a word was
    looked for in so many places, which were chosen by other signs.
    """
    exponent = math.log(max(tries, 1)) + coding.MARK_BITS * math.log(2) - fits**2 / 2
    return math.exp(min(0.0, exponent))


def _apart(found: list[_Place]) -> list[_Place]:
    """The strong ones, the strongest first; of those that are nearly one place the strongest alone."""
    kept: list[_Place] = []
    for one in sorted(found, key=lambda one: -one.strength):
        if one.strength < SYNC_LEAST:
            break
        near = 2.5 * SCALE_STEP
        if not any(k.turned == one.turned and abs(math.log(k.tall / one.tall)) < near for k in kept):
            kept.append(one)
    return kept


def _scales() -> list[float]:
    """From the whole downward and a little upward, the likeliest first, each a step apart."""
    low, high = SCALES
    down = int(math.log(1 / low) / SCALE_STEP)
    up = int(math.log(high) / SCALE_STEP)
    return [math.exp(n * SCALE_STEP) for n in range(-down, up + 1) if n]


def _size(height: int, width: int, tall: float, wide: float | None = None) -> tuple[int, int]:
    side = SIDE_PX / math.sqrt(height * width)
    return max(8, round(height * side * tall)), max(8, round(width * side * (tall if wide is None else wide)))


def _within(rgb: Rgb, side_px: int) -> Rgb:
    """No larger than is looked at: the square root of its area at most so long."""
    factor = side_px / math.sqrt(rgb.shape[0] * rgb.shape[1])
    if factor >= 1:
        return rgb
    size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _luma(rgb: Rgb) -> Plane:
    plane: Plane = rgb.astype(np.float32) @ np.array(LUMA, np.float32)
    return plane


def _allowance(luma: Plane) -> Plane:
    """How many gray levels may be added at each pixel without being seen."""
    sigma = max(1.5, math.sqrt(luma.size) / SIDE_PX * CHIP_PX)
    window = 0.6 * sigma
    mean = cv2.GaussianBlur(luma, (0, 0), window)
    varied = np.sqrt(np.maximum(cv2.GaussianBlur(luma * luma, (0, 0), window) - mean * mean, 0))
    # What is plain beside an edge is no busier for it.
    side = int(2 * sigma) | 1
    varied = cv2.GaussianBlur(cv2.erode(varied, np.ones((side, side), np.uint8)), (0, 0), 0.5 * sigma)
    allowed: Plane = np.minimum(PLAIN + BUSY * varied, MOST).astype(np.float32)
    return allowed


def _residual(luma: Plane, tall: float, wide: float | None = None) -> Plane:
    """The picture at a size of its own, without what is coarse, each part as strong as any other."""
    height, width = _size(luma.shape[0], luma.shape[1], tall, wide)
    shrinks = height < luma.shape[0]
    small = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    fine = small - cv2.GaussianBlur(small, (0, 0), 0.45 * CHIP_PX)
    strength = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 1.5 * CHIP_PX)) + 1.0
    evened: Plane = (fine / strength).clip(-1.5, 1.5).astype(np.float32)
    return evened


def _folded(residual: Plane) -> Plane:
    """(256, 256): all tiles laid over each other."""
    height, width = residual.shape
    down, across = -(-height // TILE_PX), -(-width // TILE_PX)
    whole = np.zeros((down * TILE_PX, across * TILE_PX), np.float32)
    whole[:height, :width] = residual
    folded: Plane = whole.reshape(down, TILE_PX, across, TILE_PX).sum((0, 2))
    return folded


def _smoothed(chips: Plane) -> Plane:
    """(64, 64) chips as a (256, 256) tile without hard edges; it goes on where it ends."""
    tile = np.repeat(np.repeat(chips, CHIP_PX, 0), CHIP_PX, 1).astype(np.float32)
    padded = np.pad(tile, 2 * CHIP_PX, mode="wrap")
    smooth = np.asarray(cv2.GaussianBlur(padded, (0, 0), 0.3 * CHIP_PX), np.float32)
    return smooth[2 * CHIP_PX : -2 * CHIP_PX, 2 * CHIP_PX : -2 * CHIP_PX]


def _turned(tile: Plane, turn: int) -> Plane:
    turned = np.rot90(tile, turn % 4)
    return np.ascontiguousarray(turned[:, ::-1] if turn >= 4 else turned)


def _unturned(tile: Plane, turn: int) -> Plane:
    back = tile[:, ::-1] if turn >= 4 else tile
    return np.ascontiguousarray(np.rot90(back, -(turn % 4)))
