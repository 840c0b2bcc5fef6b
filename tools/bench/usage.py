"""Links and the usage map: what a checkpoint costs with many licensors, a licensor's proof, and its check."""

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from bankd.audit import log, usage_proof
from bankd.audit.actor import Actor
from bankd.audit.checkpoints import Signer
from bankd.audit.kinds import Kind
from bankd.audit.trust import Trust
from bankd.usage import mapping, proving
from bankd.usage.mapping import UsageMap
from bankd.usage.recounting import Recount
from tools.bench.database import Database, database
from tools.bench.rows import Row
from tools.bench.timing import p50, seconds

OF_FIRST = 1000  # uses of one licensor, whose proof is made
MOVED = 20  # licensors between two checkpoints
ROUNDS = 5
AT = datetime(2026, 6, 1, tzinfo=UTC)
BY = Actor.system("bench")
ORIGIN = "bench/log"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))

# Consistent by how they are made: composite n is of licensors n and 7n + 3 and, of the first, of licensor 0.
FILL = """
INSERT INTO licensors (id, ref, name, recorded_at, recorded_by)
SELECT md5('l' || n)::uuid, 'l' || n, 'L', now(), '' FROM generate_series(0, %(licensors)s - 1) AS n;
INSERT INTO licenses (id, ref, licensor_id, title, basis, co_owners, title_chain, recorded_at, recorded_by)
SELECT md5('c' || n)::uuid, 'l' || n, md5('l' || n)::uuid, '', 'licensed', '[]', '[]', now(), ''
FROM generate_series(0, %(licensors)s - 1) AS n;
INSERT INTO grants (id, license_id, ref, terms, recorded_at, recorded_by)
SELECT md5('g' || n)::uuid, md5('c' || n)::uuid, 'all', '{}', now(), ''
FROM generate_series(0, %(licensors)s - 1) AS n;
INSERT INTO composites (id, request_id, order_id, variation, blob_key, file_sha256, pixel_sha256, height,
    width, manifest, manifest_signature, disclosures, sealed_at)
SELECT md5(n::text)::uuid, md5('r' || n)::uuid, md5('o' || n)::uuid, 0, n::text,
    encode(sha256(n::text::bytea), 'hex'), repeat('0', 64), 768, 1024, '{}', repeat('0', 128), '{}', now()
FROM generate_series(0, %(composites)s - 1) AS n;
INSERT INTO usages (composite_id, segment_id, photo_id, grant_id, canvas_px, placed_px, filled_px, blended_px)
SELECT md5(n::text)::uuid, k, md5('p' || who)::uuid, md5('g' || who)::uuid, 1000, 1000, 0, 0
FROM generate_series(0, %(composites)s - 1) AS n,
    LATERAL (VALUES (0, n), (1, 7 * n + 3), (2, CASE WHEN n < %(first)s THEN 0 ELSE n + 1 END))
        AS of(k, number),
    LATERAL (SELECT number %% %(licensors)s AS who) AS by;
"""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--licensors", type=int, default=10_000, help="with uses of each (10000)")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    with database(scratch, durability=False) as held:
        composites = chosen.licensors + OF_FIRST
        fill(held, chosen.licensors, composites + ROUNDS * MOVED)
        said = f"{chosen.licensors:,} licensors"
        _seal(held, range(composites))
        taken = seconds(partial(_link, held))
        with held.sessions() as session:
            links = session.scalar(text("SELECT count(*) FROM usage_links"))
        assert links is not None
        yield Row(f"links made, {links:,} of {said}", links / taken, "links/s")

        signer = Signer(ORIGIN, KEY, extend=UsageMap())
        yield Row(f"first checkpoint with a usage map, {said}", seconds(partial(_sign, held, signer)), "s")
        maps, each = UsageMap(), []
        for number in range(-1, ROUNDS):  # the first begins the map
            if number >= 0:
                _seal(held, range(composites + number * MOVED, composites + (number + 1) * MOVED))
            with held.sessions.begin() as session:
                each.append(seconds(partial(maps, session, log.epoch(session))))
        _sign(held, signer)
        moved = f"{MOVED} uses of up to {3 * MOVED} licensors since"
        yield Row(f"usage map of the next checkpoint, {said}, {moved}", p50(each[1:]) * 1e3, "ms")
        yield from _proof(held, said)
        again = Recount()
        with held.sessions.begin() as session:
            taken = seconds(partial(again, session, log.epoch(session)))
        yield Row(f"usage map made again from the log, {again.links:,} links", taken, "s")


def _proof(held: Database, said: str) -> Iterator[Row]:
    made: list[bytes] = []

    def prove() -> None:
        with held.sessions.begin() as session:
            made.append(proving.prove(session, "l0", by=BY, at=AT))

    yield Row(f"usage proof of {OF_FIRST:,} uses made, {said}", seconds(prove), "s")
    trust = Trust(ORIGIN, (KEY.public_key(),))

    def check() -> None:
        holds = usage_proof.check(usage_proof.read(made[0]), trust)
        assert len(holds.uses) >= OF_FIRST and holds.licensor == _licensor(held)

    yield Row(
        f"usage proof of {OF_FIRST:,} uses checked", p50([seconds(check) for _ in range(3)]) * 1e3, "ms"
    )
    yield Row(f"usage proof of {OF_FIRST:,} uses", len(made[0]) / 1e6, "MB")


def _licensor(held: Database) -> UUID:
    with held.sessions() as session:
        found = session.scalar(text("SELECT id FROM licensors WHERE ref = 'l0'"))
    assert isinstance(found, UUID)
    return found


def fill(held: Database, licensors: int, composites: int) -> None:
    with held.connect() as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in FILL.split(";\n")[:-1]:
            named = {"licensors": licensors, "composites": composites, "first": OF_FIRST}
            wanted = {name: value for name, value in named.items() if f"%({name})s" in statement}
            connection.execute(statement, wanted)
        for table in ("licensors", "licenses", "grants", "composites", "usages"):
            connection.execute(f"VACUUM (ANALYZE) {table}")


def _seal(held: Database, numbers: range) -> None:
    for start in range(numbers.start, numbers.stop, 1000):
        with held.sessions.begin() as session:
            some = range(start, min(start + 1000, numbers.stop))
            ids = session.scalars(
                text("SELECT md5(n::text)::uuid FROM unnest(CAST(:numbers AS int[])) AS n"),
                {"numbers": list(some)},
            )
            for id in ids.all():
                log.append(session, Kind.COMPOSITE_SEALED, by=BY, at=AT, composite=id)


def _link(held: Database) -> None:
    after: int | None = -1
    while after is not None:
        with held.sessions.begin() as session:
            after = mapping.link(session, log.epoch(session), after=after, at_most=mapping.LINKED_AT_ONCE)


def _sign(held: Database, signer: Signer) -> None:
    with held.sessions.begin() as session:
        assert signer.sign(session, at=AT) is not None
