"""A long log: what a head, a proof and a whole verification of it take."""

import argparse
import resource
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from bankd.audit import checkpoints, merkle, nodes, proofs
from bankd.audit.checkpoints import Signer
from bankd.audit.models import LogCheckpoint, LogNode
from bankd.audit.nodes import Wanted
from bankd.audit.verify import verify
from tools.bench.database import Database, database
from tools.bench.rows import Row
from tools.bench.timing import p50, p95, seconds

HEADS = 20  # checkpoints, over as many entries each
PROOFS = 1000
EXTENSIONS = 200
TARGET_FROM = 1_000_000
AT = datetime(2026, 6, 1, tzinfo=UTC)

# What a bank logs, of the length of a handout's entry.
ENTRIES = """
WITH made AS (
    SELECT n, moment, sha256(n::text::bytea) AS salt,
        format('{"at":"%%s","by":{"kind":"user","name":"bench"},"kind":"report.made","objects":'
            '{"composite_id":"%%s","number":%%s,"sha256":"%%s"},"v":1}',
            to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            md5(n::text)::uuid, n, encode(sha256(n::text::bytea), 'hex')) AS payload
    FROM generate_series(%(first)s::bigint, %(last)s) AS n,
        LATERAL (SELECT timestamptz '2026-01-01 00:00Z' + make_interval(secs => n * 0.25) AS moment) AS at
), entries AS (
    INSERT INTO log_entries (index, at, kind, commitment)
    SELECT n, moment, 'report.made', sha256(salt || convert_to(payload, 'UTF8')) FROM made
)
INSERT INTO log_payloads (index, salt, payload) SELECT n, salt, payload FROM made
"""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--entries", type=int, default=100_000, help="entries of the log (100000)")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    with database(scratch) as held:
        key = Ed25519PrivateKey.generate()
        size = chosen.entries
        taken = _fill(held, size, Signer("bench/log", key))
        said = f"{size:,} entries"
        yield Row(f"signing, {said} in {HEADS} heads", size / sum(taken), "entries/s")
        yield from _proving(held, size, chosen.seed)
        yield from _signing(held, size, key)
        used = resource.getrusage(resource.RUSAGE_SELF)
        with held.sessions() as session:
            spent = seconds(lambda: _verified(verify(session, key.public_key())))
        processor = resource.getrusage(resource.RUSAGE_SELF).ru_utime - used.ru_utime
        yield Row(f"log verify, {said}", size / spent, "entries/s")
        yield Row(f"log verify, processor alone, {said}", size / processor, "entries/s")


def _fill(held: Database, size: int, signer: Signer) -> list[float]:
    taken = []
    for number in range(HEADS):
        first, last = size * number // HEADS, size * (number + 1) // HEADS - 1
        with held.connect() as connection:
            connection.execute(
                "SET session_replication_role = replica"
            )  # keys are right by how they are made
            connection.execute(ENTRIES, {"first": first, "last": last})
        with held.sessions.begin() as session:
            taken.append(seconds(partial(signer.sign, session, at=AT)))
    with held.connect() as connection:
        for table in ("log_entries", "log_payloads", "log_nodes", "log_checkpoints"):
            connection.execute(f"VACUUM (ANALYZE) {table}")
    return taken


def _proving(held: Database, size: int, seed: int) -> Iterator[Row]:
    rng = np.random.Generator(np.random.Philox(seed))
    said = f"{size:,} entries"
    with held.sessions() as session:
        heads = list(session.scalars(select(LogCheckpoint).order_by(LogCheckpoint.size)))
        last = heads[-1]
        indexes = rng.integers(0, size, PROOFS).tolist()
        for index in indexes[:20]:  # statements are prepared, and what is asked for is in memory
            proofs.prove(session, index, last)
        taken = [seconds(partial(proofs.prove, session, index, last)) * 1e3 for index in indexes]
        name = f"inclusion proof p50, {said}"
        # The target is that of so many entries: the tree of few has fewer levels.
        yield Row.at_most(name, p50(taken), "ms", 1) if size >= TARGET_FROM else Row(name, p50(taken), "ms")
        yield Row(f"inclusion proof p95, {said}", p95(taken), "ms")
        read = [Wanted.of(merkle.inclusion_ranges(index, size), size) for index in indexes]
        yield Row(
            "rows read by an inclusion proof, most", max(len(one.nodes | one.leaves) for one in read), ""
        )
        pairs = [sorted(rng.choice(len(heads), 2, replace=False).tolist()) for _ in range(EXTENSIONS)]
        spent = [
            seconds(partial(proofs.prove_extension, session, heads[old], heads[new])) * 1e3
            for old, new in pairs
        ]
        yield Row(f"consistency proof p50, {said}", p50(spent), "ms")
        yield Row(f"consistency proof p95, {said}", p95(spent), "ms")
        stored = session.scalar(select(func.count()).select_from(LogNode)) or 0
        yield Row("stored nodes for each entry", stored / size, "")
    with held.connect() as connection:
        found = connection.execute("SELECT pg_total_relation_size('log_nodes')").fetchone()
    assert found is not None
    yield Row("log_nodes with its index", found[0] / 1e6, "MB")


def _signing(held: Database, size: int, key: Ed25519PrivateKey) -> Iterator[Row]:
    """The clerk's next head, and that of a clerk which was started anew."""
    with held.sessions() as session:
        whole = seconds(lambda: nodes.restored(session, size)) * 1e3
        yield Row("the tree restored at a clerk's start", whole, "ms")
    signer = Signer("bench/log", key)
    with held.connect() as connection:
        connection.execute(ENTRIES, {"first": size, "last": size + 99})
    with held.sessions.begin() as session:
        yield Row(
            "a head over 100 more, by a new clerk", seconds(lambda: signer.sign(session, at=AT)) * 1e3, "ms"
        )
    with held.sessions() as session:
        assert checkpoints.of(session, size + 100)


def _verified(report: object) -> None:
    assert getattr(report, "problem", None) is None, report
