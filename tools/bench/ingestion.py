"""Ingestion, from filed bytes to admitted photos: in two processes, beside decoding alone and a plain loop.

Every way works on the same number of photos in two processes, turn about: all of them ingested as the
worker does it (claim, decode, cut, describe, pack, store, rows, log; no face or near-duplicate checks, of
which there are none yet); decoded and nothing else; and ingested by the loop over segments that one writes
first. Rows go to the embedded PostgreSQL, bytes to the embedded store; both share the two cores.
"""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from uuid import UUID

import cv2
import numpy as np
from alembic import command
from alembic.config import Config
from PIL import Image
from sqlalchemy.orm import Session, sessionmaker

from bankd import embedded
from bankd.access.models import Department
from bankd.audit.actor import Actor
from bankd.catalog import service as catalog
from bankd.db import make_engine, make_sessions
from bankd.ingestion import service
from bankd.ingestion.service import NewPhoto
from bankd.licensing import service as licensing
from bankd.licensing.depicted import Depictions
from bankd.licensing.rights_entries import PhotoRights
from bankd.licensing.terms import GrantTerms
from bankd.storage import MinioBlobs
from tools.bench import plain
from tools.bench.drawn import DrawnPhoto, classes, draw
from tools.bench.processes import processes
from tools.bench.rows import RATIO, Row
from tools.bench.timing import in_turn, p50, seconds

PROCESSES = 2
SIZES = {"12 megapixels": (3000, 4000), "480 x 360": (360, 480)}
BY = Actor.system("bench")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--large-photos", type=int, default=6, help="of 12 megapixels, for each round; 0: none"
    )
    parser.add_argument("--small-photos", type=int, default=60, help="of 480 x 360, for each round; 0: none")
    parser.add_argument("--ingestion-rounds", type=int, default=3)


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    folder = scratch / "stack"
    drawn = scratch / "photos"
    folder.mkdir()
    drawn.mkdir()
    try:
        bank = Bank(embedded.up(folder))
        with processes(PROCESSES, _begin, bank.where) as pool:
            numbers = {"12 megapixels": chosen.large_photos, "480 x 360": chosen.small_photos}
            for what, frame in SIZES.items():
                if numbers[what] == 0:
                    continue
                yield from _measured(
                    bank, pool, what, frame, numbers[what], chosen.ingestion_rounds, chosen.seed, drawn
                )
    finally:
        embedded.down(folder)


def _measured(
    bank: "Bank",
    pool: ProcessPoolExecutor,
    what: str,
    frame: tuple[int, int],
    photos: int,
    rounds: int,
    seed: int,
    folder: Path,
) -> Iterator[Row]:
    # A photo is ingested once: each round of each way has photos of its own, drawn and filed beforehand.
    seeds = count(seed * 1000)
    filing: list[float] = []

    def sets() -> list[list[DrawnPhoto]]:
        each = [next(seeds) for _ in range(rounds + 1)]
        return list(pool.map(draw, [[frame] * photos] * len(each), each, [folder] * len(each)))

    ours, loops = sets(), sets()
    items, batches = [], []
    for drawn in ours:
        filing.append(seconds(lambda drawn=drawn: batches.append(bank.file(drawn))))  # type: ignore[misc]
        items.append(bank.items(batches[-1]))
    to_ingest, to_loop, to_decode = iter(items), iter(loops), ours[0]

    def each(work: Callable[..., object], over: object) -> None:
        for _ in pool.map(work, over):  # type: ignore[call-overload]
            pass

    taken = in_turn(
        {
            "ingest": lambda: each(ingest, next(to_ingest)),
            "decode": lambda: each(decode, to_decode),
            "decode photo": lambda: each(decode_photo, to_decode),
            "loop": lambda: each(loop, next(to_loop)),
        },
        rounds=rounds,
    )
    bank.check(batches, photos)
    spent = {name: p50(values) for name, values in taken.items()}
    segments = bank.segments(batches) / len(batches)
    aim = 0.35 if frame == SIZES["12 megapixels"] else None
    share = spent["decode"] / spent["ingest"]
    name = f"ingestion of {what}, speed against decoding photo and label map alone"
    yield Row(name, share, RATIO) if aim is None else Row.at_least(name, share, RATIO, aim)
    name = f"ingestion of {what}, speed against decoding the photo alone"
    yield Row(name, spent["decode photo"] / spent["ingest"], RATIO)
    name = f"ingestion of {what}, speed against a loop over segments"
    yield Row.at_least(name, spent["loop"] / spent["ingest"], RATIO, 5)
    yield Row(f"ingestion of {what}", photos / spent["ingest"], "photos/s")
    yield Row(f"ingestion of {what}, segments", segments / spent["ingest"], "segments/s")
    yield Row(f"filing of {what}, before it", photos / p50(filing), "photos/s")


class Bank:
    """A department, a grant and a store, to file photos in."""

    def __init__(self, at: embedded.Addresses) -> None:
        config = Config(Path(__file__).parents[2] / "alembic.ini")
        config.attributes["url"] = at.database_owner_url
        command.upgrade(config, "head")
        self.where = at
        self.sessions, self.blobs = _opened(at)
        now = datetime.now(UTC)
        with self.sessions.begin() as session:
            catalog.sync_taxonomy(session, by=BY, at=now)
            department = Department(name="Bench", created_at=now)
            session.add(department)
            session.flush()
            self.department = department.id
            licensing.record_licensor(session, "agency", name="Agency", by=BY, at=now)
            license = licensing.record_license(
                session, "L", licensor="agency", title="Agreement", basis="licensed", by=BY, at=now
            )
            licensing.record_grant(session, license.id, ref="g", terms=TERMS, by=BY, at=now)

    def file(self, drawn: list[DrawnPhoto]) -> UUID:
        rights = PhotoRights.model_validate(
            {"grants": ("L/g",), "depictions": Depictions(persons=False), "releases": (), "disputed": None,
             "embargo_until": None}
        )  # fmt: skip
        with self.sessions.begin() as session:
            batch = service.open_batch(
                session,
                [
                    NewPhoto(f"{number}.jpg", one.photo, one.labels, rights=rights)
                    for number, one in enumerate(drawn)
                ],
                classes=classes(), name="bench", department_id=self.department, blobs=self.blobs, by=BY,
                at=datetime.now(UTC),
            )  # fmt: skip
            return batch.id

    def items(self, batch: UUID) -> list[UUID]:
        with self.sessions() as session:
            return [item.id for item in service.items(session, batch)]

    def check(self, batches: list[UUID], photos: int) -> None:
        """Every photo was taken, or there is nothing to tell."""
        with self.sessions() as session:
            for batch in batches:
                found = service.report(session, batch)
                if found.taken != photos:
                    raise RuntimeError(f"{found.taken} of {photos} photos were taken: {found}")

    def segments(self, batches: list[UUID]) -> int:
        with self.sessions() as session:
            return sum(service.report(session, batch).segments for batch in batches)


TERMS = GrantTerms.model_validate(
    {"territories": "WORLD", "channels": ["web"], "purposes": ["commercial"], "sectors": ["any"],
     "audiences": ["public"], "generative": True, "starts_on": "2026-01-01", "ends_on": None}
)  # fmt: skip

# Of each process, set when it begins.
_sessions: sessionmaker[Session]
_blobs: MinioBlobs


def _opened(at: embedded.Addresses) -> tuple[sessionmaker[Session], MinioBlobs]:
    blobs = MinioBlobs(
        at.s3_endpoint, access_key=at.s3_access_key, secret_key=at.s3_secret_key, bucket=at.s3_bucket,
        secure=at.s3_secure,
    )  # fmt: skip
    return make_sessions(make_engine(at.database_url)), blobs


def _begin(at: embedded.Addresses) -> None:
    global _sessions, _blobs
    cv2.setNumThreads(1)  # as the worker's task does
    _sessions, _blobs = _opened(at)


def ingest(item_id: UUID) -> None:
    """What the worker's task does."""
    with _sessions.begin() as session:
        claimed = service.claim(session, item_id, at=datetime.now(UTC))
    if claimed is None:
        raise RuntimeError("the photo was taken in before")
    with _sessions.begin() as session:
        service.ingest_item(session, claimed, blobs=_blobs, by=BY, at=datetime.now(UTC))
    with _sessions.begin() as session:
        service.drop_sources(session, item_id, blobs=_blobs)


def decode(photo: DrawnPhoto) -> None:
    decode_photo(photo)
    np.asarray(Image.open(photo.labels))


def decode_photo(photo: DrawnPhoto) -> None:
    np.asarray(Image.open(photo.photo).convert("RGB"))


def loop(photo: DrawnPhoto) -> None:
    with _sessions.begin() as session:
        plain.ingest(session, _blobs, photo.photo.read_bytes(), photo.labels.read_bytes())
