"""An audit file of many composites: how long it takes to write, and a stranger to check offline.

Every composite has a manifest, a signature, a file and log entries of its own; there are ten canvases of 40
photos, each used many times. The files carry XMP and no content credentials, which the bare verifier does not
read: it checks what it can without `c2pa` and `cedarpy`, the ZIP, digests, signatures, sums, pixels, proofs.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd.audit import checkpoints, log, notes
from bankd.audit.actor import Actor
from bankd.audit.checkpoints import Signer
from bankd.audit.kinds import Kind
from bankd.provenance import c2pa, certificates, manifest, pixels, shares, signing, verify, xmp
from bankd.provenance.manifest import Commitments, LogCheckpoint, Manifest, Refiner, Source
from bankd.provenance.models import Composite
from bankd.provenance.service import Known
from bankd.proving import auditing
from bankd.proving.auditing import Asked, Within
from tools.bench.database import Database, database
from tools.bench.rows import Row
from tools.bench.timing import in_turn, p50, seconds

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
BY = Actor.system("bench")
ORIGIN = "bench.example/log"
CANVASES, PHOTOS, HEIGHT, WIDTH = 10, 40, 768, 1024
TARGET_FROM = 1000
VERIFIER = Path(__file__).parents[2] / "verifier" / "bankd_verify.py"
BLEND = Refiner(name="blend", checkpoint=None, training_snapshot=None, training_photos=0)
KEY = Ed25519PrivateKey.from_private_bytes(b"b" * 32)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--audited", type=int, default=100, help="composites in an audit file (100)")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    canvases = [_canvas(chosen.seed + number) for number in range(CANVASES)]
    yield from _verifying(*canvases[0], scratch)
    with database(scratch, durability=False) as held:
        files = scratch / "files"
        files.mkdir()
        print(
            f"  sealed in {seconds(partial(_seal, held, canvases, chosen.audited, files)):.0f} s", flush=True
        )
        yield from _auditing(held, chosen.audited, files, scratch)


def _auditing(held: Database, audited: int, files: Path, scratch: Path) -> Iterator[Row]:
    said = f"audit file of {audited:,} composites of {WIDTH}x{HEIGHT}, {PHOTOS} photos each"
    path = scratch / "audit.zip"
    # What may be looked at is policy's to say, and measured elsewhere.
    auditing.viewable = _all_viewable  # type: ignore[attr-defined]
    with held.sessions.begin() as session:
        first = checkpoints.first_over(session, 0)
        signed = auditing.signed(session)
        assert first is not None
        taken = seconds(
            lambda: auditing.write(
                session, path, Asked(start=AT.date()), Within(pictures=True), signed=signed, prior=first.size,
                blobs=_Files(files), by=BY, at=AT,  # type: ignore[arg-type]
            )
        )  # fmt: skip
        trust = {
            "version": 1,
            "log": {"origin": ORIGIN, "keys": [notes.public_key_line(ORIGIN, KEY.public_key())]},
            "manifest_keys": [KEY.public_key().public_bytes_raw().hex()],
            "witnesses": [],
            "c2pa_roots": "",
            "checkpoint": first.note,
        }
    yield Row(f"{said}, written", taken, "s")
    yield Row(said, path.stat().st_size / 1e6, "MB")
    (scratch / "trust.json").write_text(json.dumps(trust))
    alone = scratch / "bankd_verify.py"  # nothing lies beside it
    alone.write_bytes(VERIFIER.read_bytes())
    words = [sys.executable, str(alone), str(path), "--trust", str(scratch / "trust.json"), "--json"]
    checked: list[Any] = []
    taken = seconds(lambda: checked.append(subprocess.run(words, capture_output=True, check=False)))
    report = json.loads(checked[0].stdout)
    skipped = {one["name"] for one in report["checks"] if one["outcome"] == "NOT CHECKED"}
    assert report["status"] == 3 and len(report["claims"]["manifests"]) == audited
    assert skipped == {"witnesses", "disclosures", "clearance replay", "content credentials"}
    name = f"{said}, checked offline"
    yield Row.at_most(name, taken, "s", 60) if audited >= TARGET_FROM else Row(name, taken, "s")


def _all_viewable(session: object, photos: Any, *, at: object) -> frozenset[Any]:  # noqa: ARG001
    return frozenset(photos)


class _Files:
    """A store that is a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, *, limit_bytes: int) -> bytes:
        data = (self._folder / key).read_bytes()
        assert len(data) <= limit_bytes
        return data


def _verifying(rgb: Any, made: Manifest, scratch: Path) -> Iterator[Row]:
    """`composites verify` of one signed picture, with what is on record at hand."""
    credentials = certificates.ensure_development(scratch / "keys", at=datetime.now(UTC))
    sealed = c2pa.sign(rgb, manifest=made, manifest_key=KEY, credentials=credentials)
    on_record = Known(
        made.composite_id,
        hashlib.sha256(sealed.file).hexdigest(),
        sealed.manifest_text,
        sealed.manifest_signature,
    )

    def check() -> None:
        found = verify.verify(
            sealed.file,
            anchors_pem=credentials.anchors_pem,
            manifest_key=KEY.public_key(),
            lookup=lambda _: [on_record],
        )
        assert found.authentic, found.checks

    taken = p50(in_turn({"verify": check}, rounds=15)["verify"])
    yield Row.at_most(f"verify a signed picture of {WIDTH}x{HEIGHT}, {PHOTOS} photos", taken * 1e3, "ms", 60)


def _canvas(seed: int) -> tuple[Any, Manifest]:
    """Forty photos in cells around drawn points, with noise, which a picture has and a drawing has not."""
    rng = np.random.Generator(np.random.Philox(seed))
    points = rng.random((PHOTOS, 2)) * (HEIGHT, WIDTH)
    ys, xs = np.mgrid[0:HEIGHT, 0:WIDTH]
    owner = np.zeros((HEIGHT, WIDTH), np.int32)
    nearest = np.full((HEIGHT, WIDTH), np.inf)
    for number, (y, x) in enumerate(points):
        away = (ys - y) ** 2 + (xs - x) ** 2
        owner[away < nearest], nearest = number, np.minimum(away, nearest)
    kind = rng.choice(np.array([1, 1, 1, 1, 1, 1, 2, 3], np.uint8), size=owner.shape)
    owner[:2], kind[:2] = -1, 4
    colors = rng.integers(40, 210, (PHOTOS + 1, 3))
    rgb = (colors[owner] + rng.integers(-20, 20, (HEIGHT, WIDTH, 3))).astype(np.uint8)
    sources = {
        number: Source(
            segment_id=number, category="wall", area_px=50_000, photo_id=UUID(int=1000 * seed + number),
            photo_sha256=f"{number:064x}", photo_height=HEIGHT, photo_width=WIDTH,
            grant_id=UUID(int=number % 7),
        )
        for number in range(PHOTOS)
    }  # fmt: skip
    drawn = manifest.draw_up(
        composite_id=UUID(int=1), request_id=UUID(int=2), variation=0, sealed_at=AT,
        pixel_sha256=pixels.pixel_sha256(rgb), owner=owner, placements=list(range(PHOTOS)),
        areas=shares.count(owner, kind, list(range(PHOTOS))), sources=sources, policy_bundle="b" * 64,
        clearance_log_index=0, log_checkpoint=LogCheckpoint(size=0, root=hashlib.sha256(b"").hexdigest()),
        recipe="blend-1", frame="scene", seed=seed, refiner=BLEND,
        commitments=Commitments(declared_use="0" * 64, effective_license="0" * 64, credits_owed="0" * 64),
    )  # fmt: skip
    return rgb, drawn


def _seal(held: Database, canvases: list[tuple[Any, Manifest]], audited: int, files: Path) -> None:
    """Composites with entries of their clearance and seal; a checkpoint before every tenth."""
    signer = Signer(ORIGIN, KEY)
    for number in range(audited):
        rgb, drawn = canvases[number % len(canvases)]
        ids = {"composite_id": UUID(int=10_000 + number), "request_id": UUID(int=20_000 + number)}
        relied = {str(photo.photo_id): str(photo.grant_id) for photo in drawn.placed_photos}
        with held.sessions.begin() as session:
            cleared = log.append(
                session, Kind.REQUEST_CLEARED, by=BY, at=AT, request=ids["request_id"], relied=relied
            )
        with held.sessions.begin() as session:
            on = (signer.sign(session, at=AT) if number % 10 == 0 else None) or checkpoints.latest(session)
            assert on is not None
            made = drawn.model_copy(
                update={
                    **ids,
                    "clearance_log_index": cleared.index,
                    "log_checkpoint": LogCheckpoint(size=on.size, root=on.root.hex()),
                }
            )
            packet = xmp.packet(composite_id=made.composite_id, trained=False, credits=(), generator="bench")
            file, text = pixels.encode(rgb, xmp=packet), made.canonical()
            (files / str(number)).write_bytes(file)
            told = {"manifest_sha256": hashlib.sha256(text.encode()).hexdigest()}
            told |= {"grants": sorted({*relied.values()})}
            told |= {"file_sha256": hashlib.sha256(file).hexdigest(), "pixel_sha256": made.pixel_sha256}
            entry = log.append(
                session, Kind.COMPOSITE_SEALED, by=BY, at=AT, composite=made.composite_id,
                request=made.request_id, variation=0, **told,
            )  # fmt: skip
            log.settle(session)
            session.add(
                Composite(
                    id=made.composite_id,
                    request_id=made.request_id,
                    order_id=made.request_id,
                    variation=0,
                    blob_key=str(number),
                    file_sha256=told["file_sha256"],
                    pixel_sha256=made.pixel_sha256,
                    height=HEIGHT,
                    width=WIDTH,
                    manifest=text,
                    manifest_signature=signing.sign(text, KEY).hex(),
                    disclosures={},
                    sealed_at=AT,
                    log_index=entry.index,
                )
            )
    with held.sessions.begin() as session:
        signer.sign(session, at=AT)
