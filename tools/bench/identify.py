"""How long it takes to say which of many composites a picture is."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from sqlalchemy import text

from bankd.identifying import kept
from bankd.identifying.parts import Parts
from bankd.likeness.comparing import PDQ_MOST
from bankd.likeness.hashing import look
from bankd.watermark.spread import Spread
from tools.bench.database import database
from tools.bench.rows import Row
from tools.bench.timing import in_turn, p50, seconds

ROUNDS = 7
FRAME = (768, 1024)

# Hashes as even as those of pictures, and no composite behind them. Crops: 32 of them, seven times over.
FILLED = """
INSERT INTO composite_fingerprints (composite_id, pixel_sha256, as_photo_sha256, pdq, phash, quality, crops)
SELECT md5(n::text)::uuid, encode(sha256(n::text::bytea), 'hex'), encode(sha256(n::text::bytea), 'hex'),
    sha256((n || 'p')::bytea), sha256((n || 'h')::bytea), 100, made.crops
FROM generate_series(1, :composites) AS n CROSS JOIN LATERAL (
    SELECT string_agg(sha256((n || '-' || crop % 32)::bytea), ''::bytea ORDER BY crop) AS crops
    FROM generate_series(1, 224) AS crop
) AS made
"""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--identified", type=int, default=100_000, help="composites compared with (100000)")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    cv2.setNumThreads(1)
    rng = np.random.Generator(np.random.Philox(chosen.seed))
    coarse = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, FRAME[::-1], interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    yield from _marks(picture)
    asked = look(picture)
    among = f"among {chosen.identified:,} composites"
    with database(scratch) as held:
        with held.connect() as connection:
            connection.execute("SET session_replication_role = replica")
            statement = FILLED.replace(":composites", "%(composites)s").replace("% 32", "%% 32")
            connection.execute(statement, {"composites": chosen.identified})
            connection.execute("VACUUM (ANALYZE) composite_fingerprints")
        with held.sessions() as session:
            session.execute(text("SELECT 1"))
            yield Row(f"looks read by a process, {among}", seconds(lambda: kept.count(session)), "s")
            taken = in_turn({"whole": lambda: kept.alike(session, asked)}, rounds=ROUNDS)["whole"]
            assert not [one for one in kept.alike(session, asked) if one.distance <= PDQ_MOST]
            yield Row(f"identify by looks, whole, {among}", p50(taken) * 1e3, "ms")
            parts = Parts(scratch / "looks")
            yield Row(
                f"parts written to a file of this machine, {among}",
                seconds(lambda: parts.follow(session)),
                "s",
            )
            taken = in_turn({"part": lambda: kept.cropped_from(session, asked, parts=parts)}, rounds=3)[
                "part"
            ]
            yield Row(f"identify by looks, part, {among}", p50(taken) * 1e3, "ms")
            part = seconds(lambda: kept.cropped_from(session, asked))
            yield Row(f"identify by looks, part, read through, {among}", part * 1e3, "ms")


def _marks(picture: np.ndarray) -> Iterator[Row]:
    spread = Spread(b"k" * 32)
    marked = spread.put(picture, 7)
    cropped = np.ascontiguousarray(marked[40:, 50:])
    for name, ask in (
        ("mark put into 1024 x 768", lambda: spread.put(picture, 7)),
        ("mark read from 1024 x 768", lambda: spread.read(marked)),
        ("mark read from a crop", lambda: spread.read(cropped)),
        ("no mark found", lambda: spread.read(picture)),
    ):
        yield Row(name, p50(in_turn({"one": ask}, rounds=3)["one"]) * 1e3, "ms")
