"""How often a picture is known again, by looks and by mark, after what is done to it: see docs/identify.md.

`python -m tools.marks [FOLDER ..] [--photos N]` marks every picture below the folders (no label maps),
alters it and looks for it among all of them; and looks for marks where there are none. Without a folder it
takes the rendered scenes of `sample/`. `--peers` measures `blind-watermark` too, where that is installed.
"""

import argparse
import importlib
import io
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from bankd.likeness.comparing import CROP_MOST, PDQ_MOST, PHASH_MOST, Kept
from bankd.likeness.hashing import look
from bankd.watermark.spread import FITS_LEAST, PSNR_DB, Spread
from tools.likeness import SAMPLE, Photo, bound, photos_below

Rgb = npt.NDArray[np.uint8]
Alter = Callable[[Rgb, np.random.Generator], Rgb]
MARK_BITS = 64
TARGET = 0.9  # of the alterations that are asked for, by looks or mark


def encoded(rgb: Rgb, quality: int) -> Rgb:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"))


def resized(rgb: Rgb, factor: float) -> Rgb:
    size = (max(16, round(rgb.shape[1] * factor)), max(16, round(rgb.shape[0] * factor)))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def cropped(rgb: Rgb, share: float, rng: np.random.Generator) -> Rgb:
    """Without so much of each side, anywhere."""
    height, width = (round(side * (1 - share)) for side in rgb.shape[:2])
    y, x = (
        int(rng.integers(0, whole - kept + 1))
        for whole, kept in zip(rgb.shape, (height, width), strict=False)
    )
    return np.ascontiguousarray(rgb[y : y + height, x : x + width])


def toned(rgb: Rgb, gamma: float) -> Rgb:
    table = np.rint((np.arange(256) / 255) ** gamma * 255).astype(np.uint8)
    return table[rgb]


def screenshot(rgb: Rgb, factor: float, quality: int | None) -> Rgb:
    """Shown at another size, with another gamma, and kept as PNG or JPEG."""
    shown = toned(resized(rgb, factor), 1.08)
    return shown if quality is None else encoded(shown, quality)


ASKED: dict[str, Alter] = {
    "JPEG, quality 50": lambda rgb, _: encoded(rgb, 50),
    "resized to 50%": lambda rgb, _: resized(rgb, 0.5),
    "cropped by 10%": lambda rgb, rng: cropped(rgb, 0.1, rng),
    "like a screenshot: 80%, gamma 1.08, PNG": lambda rgb, _: screenshot(rgb, 0.8, None),
    "like a screenshot: 80%, gamma 1.08, JPEG 80": lambda rgb, _: screenshot(rgb, 0.8, 80),
}
MORE: dict[str, Alter] = {
    "nothing": lambda rgb, _: rgb,
    "JPEG, quality 30": lambda rgb, _: encoded(rgb, 30),
    "resized to 50%, JPEG 50": lambda rgb, _: encoded(resized(rgb, 0.5), 50),
    "cropped by 10%, JPEG 50": lambda rgb, rng: encoded(cropped(rgb, 0.1, rng), 50),
    "cropped by 30%": lambda rgb, rng: cropped(rgb, 0.3, rng),
    "mirrored": lambda rgb, _: np.ascontiguousarray(rgb[:, ::-1]),
    "turned by 2 degrees": lambda rgb, _: np.asarray(
        Image.fromarray(rgb).rotate(2, resample=Image.Resampling.BICUBIC)
    ),
}
ALTERED = MORE | ASKED


@dataclass
class Peer:
    """Another package: how to put 64 bits and to read them; it is told the size that the picture had."""

    name: str
    put: Callable[[Rgb, int], Rgb]
    read: Callable[[Rgb, tuple[int, int]], int | None]


@dataclass
class Measured:
    """Shares of pictures, by alteration: known by looks as a whole, as a part too, by mark, by either."""

    pictures: int = 0
    small: int = 0  # too small to be marked
    whole: dict[str, list[bool]] = field(default_factory=dict)
    looks: dict[str, list[bool]] = field(default_factory=dict)
    mark: dict[str, list[bool]] = field(default_factory=dict)
    peer: dict[str, list[bool]] = field(default_factory=dict)
    misled: dict[str, int] = field(default_factory=dict)  # of looks: another picture was nearer
    psnr: list[float] = field(default_factory=list)
    peer_psnr: list[float] = field(default_factory=list)
    unmarked: int = 0  # looked at without a mark in them
    misread: int = 0
    put_s: list[float] = field(default_factory=list)
    read_s: list[float] = field(default_factory=list)
    none_s: list[float] = field(default_factory=list)

    def share(self, what: dict[str, list[bool]], name: str) -> float:
        return float(np.mean(what[name])) if what.get(name) else float("nan")

    def either(self, name: str) -> float:
        return float(np.mean(np.array(self.looks[name]) | np.array(self.mark[name])))


def measure(
    photos: Sequence[Photo], *, key: bytes = b"k" * 32, seed: int = 1, peer: Peer | None = None,
    altered: dict[str, Alter] = ALTERED, said: Callable[[str], None] = lambda _: None,
) -> Measured:  # fmt: skip
    """Mark each picture with a mark of its own, alter it, and look for it among all."""
    rng = np.random.Generator(np.random.Philox(seed))
    spread = Spread(key)
    kept = Kept(crops=True)
    for photo in photos:
        kept.add(look(photo.rgb))
    found = Measured()
    for number, photo in enumerate(photos):
        mark = int(rng.integers(0, 1 << 63)) << 1 | 1
        began = time.perf_counter()
        marked = spread.put(photo.rgb, mark)
        found.put_s.append(time.perf_counter() - began)
        found.pictures += 1
        found.small += not spread.fits_into(*photo.rgb.shape[:2])
        found.psnr.append(cv2.PSNR(photo.rgb, marked))
        theirs = None if peer is None else peer.put(photo.rgb, mark)
        if theirs is not None:
            found.peer_psnr.append(cv2.PSNR(photo.rgb, theirs))
        for name, alter in altered.items():
            changed = alter(marked, rng)
            _by_looks(found, name, kept, changed, number, photos)
            began = time.perf_counter()
            reading = spread.read(changed)
            found.read_s.append(time.perf_counter() - began)
            found.mark.setdefault(name, []).append(reading is not None and reading.mark == mark)
            if peer is not None and theirs is not None:
                same = peer.read(alter(theirs, rng), photo.rgb.shape[:2]) == mark
                found.peer.setdefault(name, []).append(same)
        for plain in (photo.rgb, encoded(photo.rgb, 80)):
            began = time.perf_counter()
            found.unmarked += 1
            reading = spread.read(plain)
            found.misread += reading is not None and reading.fits >= FITS_LEAST
            found.none_s.append(time.perf_counter() - began)
        said(f"{number + 1} of {len(photos)}: {photo.name}")
    return found


def _by_looks(
    found: Measured, name: str, kept: Kept, changed: Rgb, number: int, photos: Sequence[Photo]
) -> None:
    """Known is who is nearest; another that surely shows something else and is near too misleads."""
    alike = [one for one in kept.alike(look(changed)) if one.telling]
    whole = [one for one in alike if one.how != "crop"]
    found.whole.setdefault(name, []).append(any(one.row == number for one in whole))
    found.looks.setdefault(name, []).append(any(one.row == number for one in alike))
    others = [one for one in alike if photos[number].differs(photos[one.row])]
    found.misled[name] = found.misled.get(name, 0) + len(others)


def blind_watermark() -> Peer:
    """`blind-watermark` (DWT, DCT and SVD), told the size that the picture had, as it wants it."""
    package: Any = importlib.import_module("blind_watermark")
    package.bw_notes.close()

    def put(rgb: Rgb, mark: int) -> Rgb:
        maker = package.WaterMark(password_img=1, password_wm=1)
        maker.read_img(img=rgb[..., ::-1].astype(np.float32))
        maker.read_wm([bool(mark >> at & 1) for at in range(MARK_BITS)], mode="bit")
        return np.rint(maker.embed()).clip(0, 255).astype(np.uint8)[..., ::-1]

    def read(rgb: Rgb, size: tuple[int, int]) -> int | None:
        back = cv2.resize(np.ascontiguousarray(rgb), size[::-1], interpolation=cv2.INTER_CUBIC)
        reader = package.WaterMark(password_img=1, password_wm=1)
        try:
            bits = reader.extract(
                embed_img=back[..., ::-1].astype(np.float32), wm_shape=MARK_BITS, mode="bit"
            )
        except Exception:
            return None
        return sum(int(bit > 0.5) << at for at, bit in enumerate(bits))

    return Peer("blind-watermark", put, read)


def table(found: Measured, peer: Peer | None = None) -> str:
    """Markdown, as docs/identify.md has it."""
    beside = "" if peer is None else f" {peer.name} |"
    lines = [
        f"{found.pictures} pictures, {found.small} of them too small to be marked. PSNR of the marked:"
        f" {min(found.psnr):.1f} to {max(found.psnr):.1f} dB (asked for: {PSNR_DB}).",
        "",
        f"| altered | looks, whole (PDQ, pHash) | looks, parts too | mark | looks or mark |{beside}",
        f"| --- | ---: | ---: | ---: | ---: |{'' if peer is None else ' ---: |'}",
    ]
    for name in found.mark:
        shares = [
            found.share(found.whole, name),
            found.share(found.looks, name),
            found.share(found.mark, name),
            found.either(name),
            *(() if peer is None else (found.share(found.peer, name),)),
        ]
        star = " *" if name in ASKED else ""
        lines.append(f"| {name}{star} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    asked = sum(map(len, found.mark.values()))
    lines += [
        "",
        f"Marks read where there are none: {found.misread} of {found.unmarked} (below"
        f" {bound(found.misread, found.unmarked):.2g} with 95% confidence; by its construction a reading at"
        f" {FITS_LEAST} deviations misleads in fewer than 1 of 10^10 pictures).",
        f"Other pictures that look the same (PDQ within {PDQ_MOST}, pHash {PHASH_MOST}, parts {CROP_MOST}"
        f" bits): {sum(found.misled.values())} in {asked} searches of {found.pictures}.",
        f"Putting a mark took {np.median(found.put_s) * 1e3:.0f} ms, reading one"
        f" {np.median(found.read_s) * 1e3:.0f} ms, finding that there is none"
        f" {np.median(found.none_s) * 1e3:.0f} ms (medians, one thread).",
    ]
    if found.peer_psnr:
        lines.append(f"PSNR of {peer.name if peer else ''}: {np.median(found.peer_psnr):.1f} dB (median).")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.marks", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--photos", type=int, help="take so many, spread over all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peers", action="store_true", help="measure `blind-watermark` too")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    photos = [photo for folder in chosen.folders or [SAMPLE] for photo in photos_below(folder)]
    if not photos:
        print("error: there is no picture", file=sys.stderr)
        return 2
    if chosen.photos:
        photos = photos[:: max(1, len(photos) // chosen.photos)]
    peer = blind_watermark() if chosen.peers else None
    found = measure(
        photos, seed=chosen.seed, peer=peer, said=lambda line: print(line, file=sys.stderr, flush=True)
    )
    print(table(found, peer))
    return 0 if all(found.either(name) >= TARGET for name in ASKED) and not found.misread else 1


if __name__ == "__main__":
    sys.exit(main())
