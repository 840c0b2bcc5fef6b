"""How many altered photos the hashes find again, and how near different photos come: see docs/likeness.md.

`python -m tools.likeness [FOLDER ..] [--photos N]` takes all pictures below the folders but for label maps;
without a folder the rendered scenes of `sample/`.
"""

import argparse
import io
import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from bankd.likeness.comparing import (
    CROP_MOST,
    PDQ_MOST,
    PHASH_MOST,
    QUALITY_LEAST,
    as_words,
    bits,
    nearest,
    upright,
)
from bankd.likeness.hashing import HASH_BYTES, Fingerprint, look

Rgb = npt.NDArray[np.uint8]
Alter = Callable[[Rgb, np.random.Generator], Rgb]

SAMPLE = Path(__file__).resolve().parent.parent / "sample" / "photos"
NO_PHOTOS = frozenset({"labels", "labels_only", "instances", "depth"})
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})
APART = 150  # frames: what is nearer in one sequence may show the same street
BANK = 100_000
TARGET = 0.99


@dataclass(frozen=True)
class Photo:
    name: str
    rgb: Rgb

    def differs(self, other: "Photo") -> bool:
        """Whether the two surely show different things: other sequences, or far apart in one."""
        mine, theirs = _numbered(self.name), _numbered(other.name)
        return mine[0] != theirs[0] or abs(mine[1] - theirs[1]) > APART


def _numbered(name: str) -> tuple[str, int]:
    """A sequence and the place in it: what stands before the last digits of a name, and these."""
    parts = re.fullmatch(r"(.*?)(\d+)(?:_[A-Za-z]\w*)?", Path(name).stem)
    return (name, 0) if parts is None else (parts[1], int(parts[2]))


def _encoded(rgb: Rgb, quality: int) -> Rgb:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"))


def _resized(rgb: Rgb, factor: float) -> Rgb:
    size = (max(16, round(rgb.shape[1] * factor)), max(16, round(rgb.shape[0] * factor)))
    return cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)


def _gray(rgb: Rgb) -> Rgb:
    return cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def _brighter(rgb: Rgb, factor: float) -> Rgb:
    return np.clip(rgb.astype(np.float32) * factor, 0, 255).astype(np.uint8)


def _turned(rgb: Rgb, degrees: float) -> Rgb:
    """By a few degrees, cut to what is left of the picture without corners."""
    height, width = rgb.shape[:2]
    turn = math.radians(abs(degrees))
    grow = max(
        math.cos(turn) + height / width * math.sin(turn), math.cos(turn) + width / height * math.sin(turn)
    )
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, grow)
    return cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_LINEAR)


def _bordered(rgb: Rgb, part: float, gray: int) -> Rgb:
    rows, columns = round(rgb.shape[0] * part), round(rgb.shape[1] * part)
    border = cv2.BORDER_CONSTANT
    return cv2.copyMakeBorder(rgb, rows, rows, columns, columns, border, value=(gray, gray, gray))


def _letterboxed(rgb: Rgb, part: float) -> Rgb:
    rows = round(rgb.shape[0] * part)
    return cv2.copyMakeBorder(rgb, rows, rows, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0))


def _cropped(rgb: Rgb, part: float, rng: np.random.Generator) -> Rgb:
    """`part` of each side is cut off, wherever chance will have it."""
    height, width = (round(side * (1 - part)) for side in rgb.shape[:2])
    y, x = rng.integers(0, rgb.shape[0] - height + 1), rng.integers(0, rgb.shape[1] - width + 1)
    return np.ascontiguousarray(rgb[y : y + height, x : x + width])


def _lettered(rgb: Rgb) -> Rgb:
    out = rgb.copy()
    height, width = rgb.shape[:2]
    place, size = (width // 20, height // 2), width / 300
    cv2.putText(out, "SAMPLE", place, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), max(1, width // 160))
    return out


def _of_rng(alter: Callable[[Rgb], Rgb]) -> Alter:
    return lambda rgb, _: alter(rgb)


def _crops(part: float) -> Alter:
    return lambda rgb, rng: _cropped(rgb, part, rng)


WANTED: dict[str, Alter] = {
    "re-encoded as JPEG, quality 30": _of_rng(lambda rgb: _encoded(rgb, 30)),
    "resized to 25%": _of_rng(lambda rgb: _resized(rgb, 0.25)),
    "resized to 50%": _of_rng(lambda rgb: _resized(rgb, 0.5)),
    "resized to 200%": _of_rng(lambda rgb: _resized(rgb, 2)),
    "grayscale": _of_rng(_gray),
    "brightness 70%": _of_rng(lambda rgb: _brighter(rgb, 0.7)),
    "brightness 130%": _of_rng(lambda rgb: _brighter(rgb, 1.3)),
    "mirrored": _of_rng(lambda rgb: cv2.flip(rgb, 1)),
    "upside down": _of_rng(lambda rgb: cv2.flip(rgb, 0)),
    "turned by 90 degrees": _of_rng(lambda rgb: cv2.rotate(rgb, cv2.ROTATE_90_CLOCKWISE)),
    "turned by 180 degrees": _of_rng(lambda rgb: cv2.rotate(rgb, cv2.ROTATE_180)),
    "turned by 270 degrees": _of_rng(lambda rgb: cv2.rotate(rgb, cv2.ROTATE_90_COUNTERCLOCKWISE)),
    "mirrored, gray, 50%, quality 30": _of_rng(
        lambda rgb: _encoded(_resized(_gray(cv2.flip(rgb, 1)), 0.5), 30)
    ),
}
"""Those of which at least 99% are to be blocked."""

FURTHER: dict[str, Alter] = {
    "blurred, sigma 2 px": _of_rng(lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 2)),
    "blurred, sigma 4 px": _of_rng(lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 4)),
    "contrast halved": _of_rng(lambda rgb: (rgb // 2 + 64).astype(np.uint8)),
    "letters across it": _of_rng(_lettered),
    "white border of 5%": _of_rng(lambda rgb: _bordered(rgb, 0.05, 255)),
    "black border of 10%": _of_rng(lambda rgb: _bordered(rgb, 0.1, 0)),
    "white border of 10%, quality 30": _of_rng(lambda rgb: _encoded(_bordered(rgb, 0.1, 255), 30)),
    "letterbox of 12%": _of_rng(lambda rgb: _letterboxed(rgb, 0.12)),
    "turned by 1 degree": _of_rng(lambda rgb: _turned(rgb, 1)),
    "turned by 2 degrees": _of_rng(lambda rgb: _turned(rgb, 2)),
    "turned by 5 degrees": _of_rng(lambda rgb: _turned(rgb, 5)),
    "cropped by 2%": _crops(0.02),
    "cropped by 5%": _crops(0.05),
    "cropped by 10%": _crops(0.1),
    "cropped by 15%": _crops(0.15),
    "cropped by 20%": _crops(0.2),
    "cropped by 10%, mirrored, quality 30": lambda rgb, rng: _encoded(
        cv2.flip(_cropped(rgb, 0.1, rng), 1), 30
    ),
    "cropped by 30%": _crops(0.3),
    "cropped by 50%": _crops(0.5),
}


@dataclass(frozen=True)
class Pairs:
    """Distances of one hash over all pairs of different photos, the sorted smallest of them."""

    compared: int
    smallest: tuple[int, ...]

    def within(self, most: int) -> int:
        return sum(one <= most for one in self.smallest)


@dataclass(frozen=True)
class Measured:
    """`blocked`, `held`: the part of altered photos for each alteration; `different`: pairs by hash."""

    photos: int
    low_quality: int
    blocked: dict[str, float]
    held: dict[str, float]  # blocked ones too
    held_by_phash: dict[str, float]
    different: dict[str, Pairs]

    @property
    def worst(self) -> float:
        return min(self.blocked[name] for name in WANTED)


def measure(photos: list[Photo], *, seed: int = 1, said: Callable[[str], None] = lambda _: None) -> Measured:
    rng = np.random.Generator(np.random.Philox(seed))
    kept = [look(photo.rgb) for photo in photos]
    said(f"{len(kept)} photos hashed")
    blocked: dict[str, float] = {}
    held: dict[str, float] = {}
    phash: dict[str, float] = {}
    for name, alter in {**WANTED, **FURTHER}.items():
        found = np.array([_found(look(alter(p.rgb, rng)), own) for p, own in zip(photos, kept, strict=True)])
        blocked[name], held[name], phash[name] = found.mean(axis=0).tolist()
        said(f"{name}: blocked {blocked[name]:.3f}, found {held[name]:.3f}")
    low = sum(one.quality < QUALITY_LEAST for one in kept)
    return Measured(len(kept), low, blocked, held, phash, _different(photos, kept))


def _found(asked: Fingerprint, own: Fingerprint) -> tuple[bool, bool, bool]:
    """Whether it is blocked, whether it is at least held, and whether it is by pHash."""
    telling = min(own.quality, asked.quality) >= QUALITY_LEAST
    by_pdq = _least(asked.pdq, upright(own.pdq)) <= PDQ_MOST
    by_phash = _least(asked.phash, upright(own.phash)) <= PHASH_MOST
    by_crop = _least(asked.pdq, own.crops) <= CROP_MOST
    return by_pdq and telling, by_pdq or by_phash or by_crop, by_phash


def _least(asked: bytes, kept: bytes) -> int:
    return int(nearest(bits(asked), as_words(bits(kept))).min())


def _different(photos: list[Photo], kept: list[Fingerprint]) -> dict[str, Pairs]:
    """Each pair of different photos once in each direction: borders and crops are not the same both ways."""
    found: dict[str, list[int]] = {"pdq": [], "phash": [], "crop": []}
    whole = {
        name: as_words(bits(b"".join(getattr(one, name)[:HASH_BYTES] for one in kept)))
        for name in ("pdq", "phash")
    }
    crops = as_words(bits(b"".join(one.crops for one in kept)))
    compared = 0
    for photo, asked in zip(photos, kept, strict=True):
        others = np.array([photo.differs(other) for other in photos])
        compared += int(others.sum())
        for name, table in whole.items():
            found[name] += nearest(bits(getattr(asked, name)), table)[others].tolist()
        every = nearest(bits(asked.pdq), crops).reshape(len(kept), -1).min(axis=1)
        found["crop"] += every[others].tolist()
    return {name: Pairs(compared, tuple(sorted(every)[:10_000])) for name, every in found.items()}


def bound(seen: int, of: int) -> float:
    """The greatest rate that 95% of samples would have contradicted: exact for 0 seen, else by Poisson's."""
    if seen == 0:
        return 1 - 0.05 ** (1 / max(1, of))
    low, high = float(seen), 10.0 * seen + 10
    for _ in range(100):
        middle = (low + high) / 2
        below = sum(math.exp(k * math.log(middle) - middle - math.lgamma(k + 1)) for k in range(seen + 1))
        low, high = (middle, high) if below > 0.05 else (low, middle)
    return high / of


def tail(pairs: Pairs, most: int) -> float:
    """What part of all pairs would be within the limit if the nearest thousandth went on as it begins.

    A straight line through the logarithm of how many pairs are within each distance. Tails of many small
    causes fall faster than that, so it says too much rather than too little, for photos like these.
    """
    near = np.array(pairs.smallest[: max(20, pairs.compared // 1000)])
    at = np.unique(near)
    if len(at) < 3:
        return math.nan
    within = np.searchsorted(near, at, side="right")
    slope, start = np.polyfit(at, np.log(within), 1)
    return float(np.exp(start + slope * most)) / pairs.compared


def photos_below(folder: Path) -> Iterator[Photo]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and not NO_PHOTOS & set(path.relative_to(folder).parts):
            yield Photo(path.name, np.asarray(Image.open(path).convert("RGB")))


def table(found: Measured) -> str:
    """Markdown, as docs/likeness.md has it."""
    lines = [
        f"{found.photos} photos, {found.low_quality} of them with a PDQ of low quality.",
        "",
        "| altered | PDQ (blocks) | pHash | any hash, crops too (holds) |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| {name}{' *' if name in WANTED else ''} | {blocked:.1%} | {found.held_by_phash[name]:.1%}"
            f" | {found.held[name]:.1%} |"
            for name, blocked in found.blocked.items()
        ),
        "",
        "| different photos | pairs | nearest, bits | within the limit | rate, 95% bound | rate, extrapolated"
        f" | wrong answers a new photo, {BANK:,} kept: bound | extrapolated |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, most in (("pdq", PDQ_MOST), ("phash", PHASH_MOST), ("crop", CROP_MOST)):
        pairs = found.different[name]
        if not pairs.compared:
            continue
        each = 1 if name == "crop" else 2  # how often a pair was compared
        seen, of = pairs.within(most) // each, pairs.compared // each
        rate, likely = bound(seen, of), tail(pairs, most)
        lines.append(
            f"| {name}, {most} bits | {of:,} | {pairs.smallest[0]} | {seen}"
            f" | {rate:.2g} | {likely:.2g} | {rate * BANK:.2g} | {likely * BANK:.2g} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.likeness", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--photos", type=int, help="take so many, spread over all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write every figure there")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    found = [photo for folder in chosen.folders or [SAMPLE] for photo in photos_below(folder)]
    if not found:
        print("error: there is no picture", file=sys.stderr)
        return 2
    if chosen.photos:
        found = found[:: max(1, len(found) // chosen.photos)]
    measured = measure(found, seed=chosen.seed, said=lambda line: print(line, file=sys.stderr, flush=True))
    print(table(measured))
    if chosen.json:
        pairs = {name: one.smallest for name, one in measured.different.items()}
        chosen.json.write_text(
            json.dumps({"blocked": measured.blocked, "held": measured.held, "near": pairs})
        )
    return 0 if measured.worst >= TARGET and not measured.different["pdq"].within(PDQ_MOST) else 1


if __name__ == "__main__":
    sys.exit(main())
