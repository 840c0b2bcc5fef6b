"""From a photo to the composites that it is in, and how many composites can be recorded in a second."""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import dialect

from bankd.lineage.graph import Name, NodeKind
from bankd.lineage.walking import Walked, walk
from bankd.provenance import service as provenance
from tools.bench.database import Database, database
from tools.bench.rows import RATIO, Row
from tools.bench.timing import in_turn, p50, seconds

IN_COMPOSITE = 40  # usage rows of each
A_PHOTO = 50  # usage rows of a photo, on average
ASKED = 9
TARGET_FROM = 10_000_000

COMPOSITES = """
INSERT INTO composites (id, request_id, order_id, variation, blob_key, file_sha256, pixel_sha256, height,
    width, manifest, manifest_signature, disclosures, sealed_at, log_index)
SELECT md5(n::text)::uuid, md5('r' || n)::uuid, md5('o' || n)::uuid, 0, n::text,
    encode(sha256(n::text::bytea), 'hex'), encode(sha256(n::text::bytea), 'hex'), 384, 512, '{}',
    repeat('0', 128), '{}', timestamptz '2026-01-01' + make_interval(secs => n), n
FROM generate_series(1, %(composites)s) AS n
"""
# A photo is in composites all over the table, as a use of it now and then leaves it.
USAGES = """
INSERT INTO usages (composite_id, segment_id, photo_id, grant_id, canvas_px, placed_px, filled_px, blended_px)
SELECT md5((1 + n / %(each)s)::text)::uuid, n, md5('p' || (hashint8(n) & 2147483647) %% %(photos)s)::uuid,
    md5('g' || n %% 1000)::uuid, 100, 90, 8, 2
FROM generate_series(0::bigint, %(usages)s - 1) AS n
"""
# One photo that is in many composites.
EVERYWHERE = """
INSERT INTO usages (composite_id, segment_id, photo_id, grant_id, canvas_px, placed_px, filled_px, blended_px)
SELECT md5(n::text)::uuid, -n, md5('everywhere')::uuid, md5('g0')::uuid, 100, 90, 8, 2
FROM generate_series(1, %(composites)s) AS n
"""
EVERYWHERE_MOST = 10_000
PAGE = 200
INDEXES = ("photo_id", "grant_id")
BY_INDEX = ("enable_indexscan", "enable_bitmapscan", "enable_indexonlyscan")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--usages", type=int, default=200_000, help="segments placed in composites (200000)")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    with database(scratch) as held:
        photos = max(1, chosen.usages // A_PHOTO)
        print(f"  filed in {seconds(partial(fill, held, chosen.usages, photos)):.0f} s", flush=True)
        yield from _tracing(held, chosen.usages, photos, chosen.seed)
        yield from _walked(held, chosen.usages, photos, chosen.seed)


def _tracing(held: Database, usages: int, photos: int, seed: int) -> Iterator[Row]:
    rng = np.random.Generator(np.random.Philox(seed))
    indexed: list[float] = []
    scanned: list[float] = []
    found = 0
    for number in rng.integers(0, photos, ASKED).tolist():
        with held.sessions() as session:
            photo = session.scalar(text("SELECT md5(:photo)::uuid"), {"photo": f"p{number}"})
            assert isinstance(photo, UUID)

            # The statement alone: what is around it is the same for an index and for a scan.
            asked = provenance.placed_in(photo).compile(dialect=dialect())
            cursor: Any = session.connection().connection.cursor()

            def ask(cursor: Any = cursor, asked: Any = asked, *, prepare: bool) -> list[Any]:
                cursor.execute(str(asked), asked.params, prepare=prepare)
                return list(cursor.fetchall())

            taken = in_turn({"index": partial(ask, prepare=True)}, rounds=5)["index"]
            indexed.append(p50(taken))
            answer = ask(prepare=True)
            found += len(answer)
            for way in BY_INDEX:
                session.execute(text(f"SET LOCAL {way} = off"))
            scan = partial(ask, prepare=False)  # what is prepared keeps the plan that it has
            scanned.append(seconds(scan))
            assert sorted(scan()) == sorted(answer)
    said = f"{usages:,} usage rows, {found / ASKED:.0f} composites a photo"
    times = p50(scanned) / p50(indexed)
    name = f"photo to composites, scan / index, {said}"
    # The target is that of so many rows: a scan of few is soon over.
    yield Row.at_least(name, times, RATIO, 1000) if usages >= TARGET_FROM else Row(name, times, RATIO)
    yield Row(f"photo to composites by index, {said}", p50(indexed) * 1e3, "ms")
    yield Row(f"photo to composites by scan, {said}", p50(scanned) * 1e3, "ms")
    with held.connect() as connection:
        size = connection.execute("SELECT pg_relation_size('ix_usages_photo_id')").fetchone()
    assert size is not None
    yield Row("index of usages by photo", size[0] / 1e6, "MB")


def _walked(held: Database, usages: int, photos: int, seed: int) -> Iterator[Row]:
    """A page of what was made of a photo, with exact totals of all of it."""
    rng = np.random.Generator(np.random.Philox(seed))
    said = f"{usages:,} usage rows"
    with held.sessions() as session:

        def down(named: str) -> Walked:
            photo = session.scalar(text("SELECT md5(:named)::uuid"), {"named": named})
            start = Name(NodeKind.PHOTO, str(photo))
            return walk(
                session,
                start,
                ways=("down",),
                depth=8,
                limit=PAGE,
                after=None,
                networks=False,
                department=None,
            )

        names = [f"p{number}" for number in rng.integers(0, photos, ASKED).tolist()]
        down(names[0])
        yield Row(
            f"lineage of a photo, a page and totals, {said}",
            p50([seconds(partial(down, n)) for n in names]) * 1e3,
            "ms",
        )
        many = down("everywhere").totals["down"][NodeKind.COMPOSITE]
        taken = in_turn({"one": partial(down, "everywhere")}, rounds=3)["one"]
        yield Row(
            f"lineage of a photo in {many:,} composites, a page and totals, {said}", p50(taken) * 1e3, "ms"
        )


def fill(held: Database, usages: int, photos: int) -> None:
    """Composites and their usage rows, consistent with each other; the photos themselves are not there."""
    composites = -(-usages // IN_COMPOSITE)
    with held.connect() as connection:
        # Rows that are consistent by how they are made: no key is asked ten million times.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '512MB'")
        for column in INDEXES:
            connection.execute(f"DROP INDEX ix_usages_{column}")
        connection.execute("ALTER TABLE usages DROP CONSTRAINT pk_usages")
        connection.execute(COMPOSITES, {"composites": composites})
        connection.execute(USAGES, {"each": IN_COMPOSITE, "photos": photos, "usages": usages})
        connection.execute(EVERYWHERE, {"composites": min(composites, EVERYWHERE_MOST)})
        connection.execute(
            "ALTER TABLE usages ADD CONSTRAINT pk_usages PRIMARY KEY (composite_id, segment_id)"
        )
        for column in INDEXES:
            connection.execute(f"CREATE INDEX ix_usages_{column} ON usages ({column})")
        for table in ("composites", "usages"):
            connection.execute(f"VACUUM (ANALYZE) {table}")
