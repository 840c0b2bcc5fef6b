"""What the signed file of a composite costs, part by part: the seal's share, verifying, and renditions.

No time-stamp authority is asked, and no row is written; what a seal asks of the database is in `governance`.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd.provenance import c2pa, credential, pixels, shares, signing
from bankd.provenance.certificates import development_chain
from bankd.provenance.manifest import Commitments, LogCheckpoint, Manifest, Refiner, Source, draw_up
from bankd.provenance.renditions import asked_for, make
from bankd.provenance.service import Known
from bankd.provenance.verify import Verification, verify
from tools.bench.rows import Row
from tools.bench.timing import p50, p95, seconds

HEIGHT, WIDTH = 768, 1024
SEGMENTS_A_PHOTO = 2
SIGN_MS, VERIFY_MS = 50, 60
CREDITS = ["Photo: Aiko Mori / Kirishima Archive"]


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--placed", type=int, default=40, help="photos placed in the signed picture (40)")
    parser.add_argument("--file-rounds", type=int, default=15, help="times that a file is signed (15)")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:  # noqa: ARG001
    rgb, owner, kind = _canvas(SEGMENTS_A_PHOTO * chosen.placed, chosen.seed)
    key = Ed25519PrivateKey.generate()
    credentials = development_chain(at=datetime.now(UTC))
    manifest = _drawn_up(rgb, owner, kind, chosen.placed)
    text = manifest.canonical()
    packet = c2pa.packet_of(manifest, credits=CREDITS)
    sign = partial(
        c2pa.sign, rgb, manifest=manifest, manifest_key=key, credentials=credentials, credits=CREDITS
    )
    sealed = sign()
    file = sealed.file
    jpeg = partial(
        make, file, manifest, rendition=asked_for("jpeg"), credits=CREDITS, credentials=credentials
    )
    copy = jpeg()
    on_record = {
        manifest.pixel_sha256: Known(
            manifest.composite_id, sha256(file).hexdigest(), text, sealed.manifest_signature
        ),
        copy.pixel_sha256: Known(
            manifest.composite_id, copy.sha256, text, sealed.manifest_signature, copy="a rendition"
        ),
    }

    def check(data: bytes) -> Verification:
        found = verify(
            data,
            anchors_pem=credentials.anchors_pem,
            manifest_key=key.public_key(),
            lookup=lambda pixel_sha256: [on_record[pixel_sha256]],
        )
        assert found.authentic, found.checks
        return found

    ways = {
        "hash of the pixels": lambda: pixels.pixel_sha256(rgb),
        "manifest drawn up": lambda: _drawn_up(rgb, owner, kind, chosen.placed),
        "manifest signed": lambda: signing.sign(manifest.canonical(), key),
        "PNG and XMP written": lambda: pixels.encode(rgb, xmp=packet),
        "signed file read back": lambda: credential.read(file, anchors_pem=credentials.anchors_pem),
        "PNG decoded again": lambda: pixels.decode(file),
        "whole": sign,
        "verified": lambda: check(file),
        "JPEG": jpeg,
        "JPEG verified": lambda: check(copy.file),
    }
    wall, processor = _in_turn(ways, rounds=chosen.file_rounds)
    yield from _told(wall, "", chosen.placed)
    # What a machine that does other things beside would take alone.
    yield from _told(processor, ", processor time", chosen.placed)
    store = len(file) - len(pixels.encode(rgb, xmp=packet))
    yield Row(f"manifest store, {chosen.placed} placed photos", store / 1000, "kB")


def _in_turn(
    ways: Mapping[str, Callable[[], object]], *, rounds: int
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of each way by the clock and by the processor, round by round."""
    wall: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    for call in ways.values():
        call()
    for _ in range(rounds):
        for name, call in ways.items():
            start = time.process_time()
            wall[name].append(seconds(call))
            processor[name].append(time.process_time() - start)
    return wall, processor


def _told(taken: Mapping[str, list[float]], how: str, placed: int) -> Iterator[Row]:
    ms = {name: 1000 * p50(values) for name, values in taken.items()}
    inside = ("hash of the pixels", "PNG and XMP written", "signed file read back", "PNG decoded again")
    native = ms["whole"] - sum(ms[name] for name in inside) - ms["manifest signed"] - ms["hash of the pixels"]
    size = f"{placed} placed photos, {WIDTH} x {HEIGHT}{how}"
    for name in ("manifest drawn up", "manifest signed", *inside):
        yield Row(f"seal, {size}: {name} p50", ms[name], "ms")
    yield Row(f"seal, {size}: C2PA manifest made, hashed and signed p50 (the rest of the file)", native, "ms")
    signed = native + ms["signed file read back"]
    yield Row.at_most(f"C2PA signing and reading back, {size}, p50", signed, "ms", SIGN_MS)
    yield Row(f"whole signed file, {size}, p50", ms["whole"], "ms")
    yield Row(f"whole signed file, {size}, p95", 1000 * p95(taken["whole"]), "ms")
    yield Row.at_most(f"file verified, {size}, p50", ms["verified"], "ms", VERIFY_MS)
    yield Row(f"JPEG rendition made and signed, {size}, p50", ms["JPEG"], "ms")
    yield Row(f"JPEG rendition verified, {size}, p50", ms["JPEG verified"], "ms")


def _canvas(
    segments: int, seed: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Soft cells around random points, with grain as of a photo; blended and filled here and there."""
    rng = np.random.Generator(np.random.Philox(seed))
    points = rng.random((segments, 2)).astype(np.float32) * (HEIGHT, WIDTH)
    ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    owner = np.zeros((HEIGHT, WIDTH), np.int32)
    nearest = np.full((HEIGHT, WIDTH), np.inf, np.float32)
    for number, (y, x) in enumerate(points):
        distance = (ys - y) ** 2 + (xs - x) ** 2
        closer = distance < nearest
        owner[closer], nearest[closer] = number, distance[closer]
    colors = rng.integers(40, 200, (segments, 3))
    shade = 20 * np.sin(xs / 37)[..., None] + 15 * np.cos(ys / 53)[..., None]
    grain = rng.normal(0, 2, (HEIGHT, WIDTH, 1))
    rgb = np.clip(colors[owner] + shade + grain, 0, 255).astype(np.uint8)
    kind = np.where(rng.random((HEIGHT, WIDTH)) < 0.03, 3, 1).astype(np.uint8)
    return rgb, owner, kind


def _drawn_up(
    rgb: npt.NDArray[np.uint8], owner: npt.NDArray[np.int32], kind: npt.NDArray[np.uint8], placed: int
) -> Manifest:
    segments = SEGMENTS_A_PHOTO * placed
    sources = {
        number: Source(
            segment_id=number,
            category="wall",
            area_px=100_000 + number,
            photo_id=UUID(int=1 + number // SEGMENTS_A_PHOTO),
            photo_sha256=sha256(b"%d" % (number // SEGMENTS_A_PHOTO)).hexdigest(),
            photo_height=1536,
            photo_width=2048,
            grant_id=UUID(int=1000 + number // SEGMENTS_A_PHOTO),
            photo_iscc="ISCC:" + "EEDWWX3Q" * 6,
        )
        for number in range(segments)
    }
    placements = list(range(segments))
    return draw_up(
        composite_id=UUID(int=7),
        request_id=UUID(int=8),
        variation=0,
        sealed_at=datetime(2026, 1, 1, tzinfo=UTC),
        pixel_sha256=pixels.pixel_sha256(rgb),
        owner=owner,
        placements=placements,
        areas=shares.count(owner, kind, placements),
        sources=sources,
        policy_bundle="b" * 64,
        clearance_log_index=41,
        log_checkpoint=LogCheckpoint(size=40, root="c" * 64),
        recipe="blend-1",
        frame="scene",
        seed=7,
        refiner=Refiner(name="blend", checkpoint=None, training_snapshot=None, training_photos=0),
        commitments=Commitments(declared_use="d" * 64, effective_license="e" * 64, credits_owed="f" * 64),
    )
