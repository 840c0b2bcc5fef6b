"""Near-duplicates: what is found again, what is not taken for another, and what looking for it costs."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from sqlalchemy import text

from bankd.catalog import fingerprints
from bankd.likeness.comparing import PDQ_MOST, bits
from bankd.likeness.hashing import Fingerprint, look
from tools.bench.database import Database, database
from tools.bench.rows import RATIO, Row
from tools.bench.timing import in_turn, p50, seconds
from tools.likeness import BANK, SAMPLE, TARGET, bound, measure, photos_below, tail

ROUNDS = 9
SIDE_PX = 2048

# Hashes as even as those of photos, and no photo behind them.
FILLED = """
INSERT INTO fingerprints (photo_id, pdq, phash, quality, crops, iscc)
SELECT md5(n::text)::uuid, hashes, hashes, 100, '', ''
FROM generate_series(1, :kept) AS n CROSS JOIN LATERAL (
    SELECT string_agg(sha256((n || '-' || turn)::bytea), ''::bytea ORDER BY turn) AS hashes
    FROM generate_series(1, 8) AS turn
) AS made
"""
# The same question of bits in Postgres, of PDQ alone.
PLAIN = """
CREATE UNLOGGED TABLE plain AS
SELECT id, ('x' || encode(substr(pdq, 1, 32), 'hex'))::bit(256) AS pdq FROM fingerprints
"""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kept", type=int, default=100_000, help="fingerprints compared with (100000)")
    parser.add_argument("--altered", type=int, default=40, help="photos that are altered (40)")
    parser.add_argument("--photos", type=Path, default=SAMPLE, help="their folder (the sample's)")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    yield from _recalled(chosen.photos, chosen.altered, chosen.seed)
    rng = np.random.Generator(np.random.Philox(chosen.seed))
    large = cv2.resize(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8), (SIDE_PX, SIDE_PX * 3 // 4))
    asked = look(large)
    yield Row("fingerprint of a photo of 3 MP", seconds(lambda: look(large)) * 1e3, "ms")
    with database(scratch) as held:
        with held.connect() as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(FILLED.replace(":kept", str(chosen.kept)))
            connection.execute(PLAIN)
            connection.execute("VACUUM (ANALYZE) plain")
            connection.execute("GRANT SELECT ON plain TO bankd_app")
        yield from _compared(held, asked, chosen.kept)


def _recalled(folder: Path, altered: int, seed: int) -> Iterator[Row]:
    photos = list(photos_below(folder))
    found = measure(photos[:: max(1, len(photos) // altered)], seed=seed)
    said = f"{found.photos} photos"
    yield Row.at_least(f"altered photos blocked, the worst alteration, {said}", found.worst, "of 1", TARGET)
    pairs = found.different["pdq"]
    wrong = pairs.within(PDQ_MOST)
    yield Row.at_most(f"different photos blocked, {pairs.compared // 2:,} pairs", wrong, "pairs", 0)
    rate = bound(wrong, pairs.compared // 2)
    yield Row(f"wrong blocks of a new photo, {BANK:,} tombstones, 95% bound", rate * BANK, "photos")
    yield Row("the same, extrapolated from the nearest pairs", tail(pairs, PDQ_MOST) * BANK, "photos")
    yield Row("nearest different photos", pairs.smallest[0], "bits")


def _compared(held: Database, asked: Fingerprint, kept: int) -> Iterator[Row]:
    wanted = [f"B'{''.join(map(str, np.unpackbits(one)))}'" for one in bits(asked.pdq)]
    apart = ", ".join(f"bit_count(pdq # {one})" for one in wanted)
    plain = text(f"SELECT id FROM plain WHERE least({apart}) <= {PDQ_MOST}")
    with held.sessions() as session:
        yield Row(f"{kept:,} fingerprints read", seconds(lambda: fingerprints.any_buried(session)), "s")
        assert session.execute(plain).all() == []
        taken = in_turn(
            {
                "resident": lambda: fingerprints.alike(session, asked),
                "plain": lambda: session.execute(plain).all(),
            },
            rounds=ROUNDS,
        )
        resident, in_sql = p50(taken["resident"]), p50(taken["plain"])
        yield Row(f"plain SQL (PDQ) / resident (PDQ and pHash), {kept:,} x 8", in_sql / resident, RATIO)
        yield Row(f"a photo compared with {kept:,}, 8 orientations, PDQ and pHash", resident * 1e3, "ms")
        yield Row(f"plain SQL, PDQ alone, {kept:,} x 8", in_sql * 1e3, "ms")
