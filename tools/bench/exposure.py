"""What was made from a photo, counted and listed as compliance sees it, among many usage rows."""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import UUID

import numpy as np
from sqlalchemy import text

from bankd.audit.actor import Actor
from bankd.exposure import reading
from bankd.exposure.subjects import Named
from tools.bench import lineage
from tools.bench.database import Database, database
from tools.bench.rows import Row
from tools.bench.timing import p50, p95, seconds

PHOTOS = 60  # asked about
MOST_MS = 50.0
BY = Actor.system("benchmark")
# Every twentieth composite was handed out twice, as file and as comp.
HANDOUTS = """
INSERT INTO handouts
    (id, composite_id, recipient, channel, at, by, file_sha256, epoch, bundle_digest, clearance)
SELECT gen_random_uuid(), id, 'Shop', 'web', sealed_at, 'benchmark', file_sha256, 1, repeat('0', 64), '{}'
FROM composites CROSS JOIN generate_series(1, 2) WHERE hashint8(log_index) % 20 = 0
"""


def options(parser: argparse.ArgumentParser) -> None:
    """Shares `--usages` with the lineage benchmark."""


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    with database(scratch) as held:
        photos = max(1, chosen.usages // lineage.A_PHOTO)
        filled = seconds(partial(_fill, held, chosen.usages, photos))
        print(f"  filed in {filled:.0f} s", flush=True)
        rng = np.random.Generator(np.random.Philox(chosen.seed))
        said = f"{chosen.usages:,} usage rows"
        counted, listed, composites = _asked(held, rng.integers(0, photos, PHOTOS).tolist())
        name = f"exposure of a photo in {composites:.0f} composites, counts, p95, {said}"
        yield (
            Row.at_most(name, p95(counted) * 1e3, "ms", MOST_MS)
            if chosen.usages >= lineage.TARGET_FROM
            else Row(name, p95(counted) * 1e3, "ms")
        )
        yield Row(f"its counts, p50, {said}", p50(counted) * 1e3, "ms")
        yield Row(f"its first page of composites, p95, {said}", p95(listed) * 1e3, "ms")


def _asked(held: Database, numbers: list[int]) -> tuple[list[float], list[float], float]:
    counted: list[float] = []
    listed: list[float] = []
    composites = 0
    for number in numbers:
        with held.sessions() as session:
            photo = session.scalar(text("SELECT md5(:photo)::uuid"), {"photo": f"p{number}"})
            assert isinstance(photo, UUID)
            named = Named("photo", photo, str(photo))
            found: list[reading.Exposure] = []
            counted.append(
                seconds(lambda s=session, n=named, f=found: f.append(reading.exposure(s, n, by=BY)))
            )
            listed.append(seconds(lambda s=session, n=named: reading.composites(s, n, by=BY)))
            composites += found[0].composites
    return counted, listed, composites / len(numbers)


def _fill(held: Database, usages: int, photos: int) -> None:
    lineage.fill(held, usages, photos)
    with held.connect() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(HANDOUTS)
        connection.execute("VACUUM (ANALYZE) handouts")
