"""What clears, in a bank where each photo has its own license: asked anew, kept, carried on, explained."""

import argparse
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from sqlalchemy import select

from bankd.access import service as access
from bankd.catalog import service as catalog
from bankd.catalog.taxonomy import house
from bankd.licensing.facts import instant, use_facts
from bankd.licensing.models import ProfileGrant
from bankd.licensing.terms import GrantFacts
from bankd.licensing.use import Use
from bankd.policy import load
from bankd.policy.answers import Answers
from bankd.policy.clearing import Terms
from bankd.policy.engine import Decision, decide_many
from bankd.policy.filters import Filter, filter_for
from bankd.policy.load import Bundle
from bankd.synthesis.shortfall import shortfall
from synth.layout import Region
from synth.retrieval.resident import Cleared
from tools.bench.database import Database, database
from tools.bench.filling import AT, BY
from tools.bench.rows import RATIO, Row
from tools.bench.timing import in_turn, p50, seconds

POLICIES = Path(__file__).parents[2] / "policies"
SECTORS = ("every", "tenth", "hundredth", "thousandth")  # of the licenses that stand
CATEGORIES = 20
WALL = 1
ROUNDS = 5
THROUGH_THE_ENGINE = 1_000  # profiles

# Each has terms of its own: its dates to the second. Half of the licenses are over; of the others some allow
# no new pictures from a day on that is near.
GRANTS = """
INSERT INTO profile_grants
SELECT n, 0, 'licensed', n % 3 > 0, CASE WHEN n % 3 > 0 THEN '{}' ELSE '{JP,KR,FR}' END::text[], 'targeted',
    '{web,social,print,email}'::text[], '{commercial,editorial}'::text[],
    false, '{every}'::text[] || CASE WHEN n % 2000 = 0 THEN '{tenth,hundredth,thousandth}'
        WHEN n % 200 = 0 THEN '{tenth,hundredth}' WHEN n % 20 = 0 THEN '{tenth}' ELSE '{}' END::text[],
    '{comp,internal,public}'::text[], '{combine,crop,flip,recolor,retouch}'::text[], true, false,
    true, '{}'::text[], CASE WHEN n % 7 = 0 THEN '{alcohol,tobacco}' ELSE '{}' END::text[],
    CASE WHEN n % 11 = 0 THEN 100000 + n END, '{}'::text[],
    timestamptz '2016-01-01' + make_interval(days => (n % 1500)::int, secs => n % 86399),
    CASE WHEN n % 2 = 0 THEN timestamptz '2027-01-01' ELSE timestamptz '2021-01-01' END
        + make_interval(days => (n % 1800)::int, secs => n % 86398),
    CASE WHEN n % 10 = 4 THEN timestamptz '2026-06-01 12:00+00'
        + make_interval(secs => (n::bigint * 7919) % 20000000) END,
    NULL, true, n % 4 = 0, NULL, 'none', 'not-needed', 'unknown', 'not-needed', '{}'::text[],
    'unstated', NULL
FROM generate_series({first}, {last}) AS n
"""
PROFILES = """
INSERT INTO rights_profiles OVERRIDING SYSTEM VALUE
SELECT n, encode(sha256(n::text::bytea), 'hex'), '[]' FROM generate_series({first}, {last}) AS n
"""
PHOTOS = """
INSERT INTO photos (id, department_id, name, media_type, size_bytes, sha256, pixel_sha256, height, width,
    work_height, work_width, pack_sha256, labels_sha256, thumbnail_sha256, taxonomy_version, scene_context,
    lab_mean, lab_std, depictions, embedded, embedded_credit, state, taken_at, profile_id)
SELECT md5(n::text)::uuid, '{department}', n::text, 'image/png', 1, encode(sha256(n::text::bytea), 'hex'),
    encode(sha256((-n)::text::bytea), 'hex'), 64, 64, 64, 64, repeat('0', 64), repeat('0', 64),
    repeat('0', 64), 1, decode(repeat('00', 256), 'hex'), '{{0,0,0}}', '{{0,0,0}}', '{{}}', '{{}}', '{{}}',
    'admitted', now(), n
FROM generate_series(1, {last}) AS n
"""
SEGMENTS = """
INSERT INTO segments (photo_id, ordinal, category_id, profile_id, area_px, x0, y0, x1, y1, small)
SELECT id, 0, {category}, profile_id, 1, 0, 0, 1, 1, false FROM photos
"""


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profiles", type=int, default=20_000, help="rights profiles, one a photo (20000)")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    bundle = load.read(POLICIES)
    with database(scratch) as held:
        print(f"  filed in {seconds(partial(_fill, held, chosen.profiles)):.0f} s", flush=True)
        yield from _asking(held, bundle, chosen.profiles)
        yield from _ranges(held, bundle, chosen.profiles)
        yield from _explaining(held, bundle)
        yield from _through_the_engine(held, bundle)


def _asking(held: Database, bundle: Bundle, profiles: int) -> Iterator[Row]:
    known = np.arange(1, profiles + 1)
    later = count(1)

    def asked(sector: str, at: datetime = AT) -> Filter:
        # Each request is of a moment of its own.
        moment = at + timedelta(milliseconds=next(later))
        return filter_for(bundle, "synthesize", use_facts(_use(sector), at=moment))

    def row_by_row(sector: str) -> dict[int, int]:
        with held.engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(asked(sector).profiles)}

    said = f"{profiles:,} profiles"
    for sector in SECTORS:
        kept = Answers(held.engine)
        cleared = int(np.count_nonzero(kept.masks(asked(sector), known)))
        ways = {
            "anew": lambda sector=sector: Answers(held.engine).masks(asked(sector), known),
            "kept": lambda sector=sector, kept=kept: kept.masks(asked(sector), known),
            "row by row": partial(row_by_row, sector),
        }
        taken = in_turn(ways, rounds=ROUNDS)
        of = f"{said}, {cleared:,} clear"
        yield Row(f"asked anew / kept, {of}", p50(taken["anew"]) / p50(taken["kept"]), RATIO)
        yield Row(f"row by row / packed, {of}", p50(taken["row by row"]) / p50(taken["anew"]), RATIO)
        yield Row(f"what clears, asked anew, {of}", p50(taken["anew"]) * 1e3, "ms")
        yield Row(f"what clears, kept, {of}", p50(taken["kept"]) * 1e3, "ms")
    yield from _carrying_on(held, asked, known, said)


def _carrying_on(held: Database, asked: Any, known: np.ndarray, said: str) -> Iterator[Row]:
    kept = Answers(held.engine)
    kept.masks(asked("every"), known)
    new: list[float] = []
    for number in range(ROUNDS):
        _file(held, len(known) + 1 + number, len(known) + 1 + number)
        more = np.arange(1, len(known) + 2 + number)
        new.append(seconds(partial(kept.masks, asked("every"), more)))
    yield Row(f"what clears, with a new profile, {said}", p50(new) * 1e3, "ms")
    # Licenses end all the time where there are so many.
    passed = [
        seconds(partial(kept.masks, asked("every", AT + timedelta(hours=hours)), known))
        for hours in range(1, 1 + ROUNDS)
    ]
    yield Row(f"what clears, past moments of some, {said}", p50(passed) * 1e3, "ms")


def _ranges(held: Database, bundle: Bundle, profiles: int) -> Iterator[Row]:
    """Each profile has one row in a part, of one of some categories: the worst for ranges."""
    known = np.arange(1, profiles + 1)
    of_each = known // 2 % CATEGORIES  # so that in a category every other profile clears
    category = np.sort(of_each)
    starts = np.arange(profiles)
    order = np.lexsort((known, of_each))
    groups = np.stack([category, known[order], starts, starts + 1], axis=1)
    of, place = np.unique(groups[:, 1], return_inverse=True)
    part: Any = SimpleNamespace(groups=groups, profiles=of, profile_of=place)
    asked = filter_for(bundle, "synthesize", use_facts(_use("every"), at=AT))
    masks = Answers(held.engine).masks(asked, of)
    found = [0]

    def work_out() -> None:
        cleared = Cleared(part, masks)
        found[0] = sum(len(cleared.spans(number).ranges) for number in range(CATEGORIES))

    taken = p50(in_turn({"ranges": work_out}, rounds=ROUNDS)["ranges"])
    yield Row(f"ranges of {CATEGORIES} categories, {found[0]:,} in all", taken * 1e3, "ms")


def _explaining(held: Database, bundle: Bundle) -> Iterator[Row]:
    """A use that nothing clears for, of the one category that all photos show."""
    use = _use("every").model_copy(update={"purpose": "research", "channels": frozenset({"broadcast"})})
    terms = Terms(bundle, use_facts(use, at=AT), AT)
    region = Region(0, WALL, 0, 0, 1, 1, area_px=1, mask=np.ones((1, 1), bool))
    found: list[dict[str, Any]] = []

    def explain() -> None:
        with held.sessions() as session:
            found[:] = shortfall(session, [region], terms=terms, taxonomy=house())

    taken = p50(in_turn({"explain": explain}, rounds=ROUNDS)["explain"])
    asked = found[0]["sampled"] or found[0]["segments"]
    yield Row(f"why nothing clears, {found[0]['segments']:,} segments, {asked:,} asked", taken * 1e3, "ms")


def _through_the_engine(held: Database, bundle: Bundle) -> Iterator[Row]:
    """The same profiles asked of Cedar and of the SQL that its policies were compiled to."""
    wanted = range(1, THROUGH_THE_ENGINE + 1)
    use = use_facts(_use("every"), at=AT)
    of_sql: set[int] = set()
    with held.sessions() as session:
        rows = session.scalars(
            select(ProfileGrant).where(ProfileGrant.profile_id.in_(wanted)).order_by(ProfileGrant.profile_id)
        ).all()
        facts = [_facts(row) for row in rows]

        def by_engine() -> list[Decision]:
            return decide_many(bundle, "synthesize", facts, use)

        def by_sql() -> None:
            asked = filter_for(bundle, "synthesize", use).profiles
            of_sql.clear()
            of_sql.update(row.profile_id for row in session.execute(asked) if row.profile_id in wanted)

        taken = in_turn({"engine": by_engine, "SQL": by_sql}, rounds=ROUNDS)
        of_engine = {row.profile_id for row, one in zip(rows, by_engine(), strict=True) if one.allowed}
    if of_engine != of_sql:
        raise AssertionError("engine and SQL differ")
    rules = len(bundle.about("synthesize"))
    said = f"{rules} policies, {len(facts):,} profiles, {len(of_engine):,} clear"
    yield Row(f"through the engine, {said}", p50(taken["engine"]) * 1e3, "ms")
    yield Row(f"decisions of the engine, {rules} policies", len(facts) / p50(taken["engine"]), "/s")
    yield Row(f"through SQL, {said}, of all profiles", p50(taken["SQL"]) * 1e3, "ms")


def _facts(row: ProfileGrant) -> GrantFacts:
    """A row as the facts that it stands for."""
    columns = {column.name: getattr(row, column.name) for column in ProfileGrant.__table__.c}
    return GrantFacts.model_validate(
        {
            name: instant(value) if isinstance(value, datetime) else value
            for name, value in columns.items()
            if name in GrantFacts.model_fields
        }
    )


def _use(sector: str) -> Use:
    return Use(
        purpose="commercial",
        channels=frozenset({"web"}),
        targeted=frozenset({"JP"}),
        accessible=frozenset({"JP"}),
        starts_on=date(2026, 6, 1),
        ends_on=date(2026, 12, 31),
        sector=sector,
        audience="public",
    )


def _fill(held: Database, profiles: int) -> None:
    with held.sessions.begin() as session:
        catalog.sync_taxonomy(session, by=BY, at=AT)
        department = access.record_department(session, "bench", by=BY, at=AT).id
    _file(held, 1, profiles)
    with held.connect() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(PHOTOS.format(department=department, last=profiles))
        connection.execute(SEGMENTS.format(category=WALL))
        for table in ("rights_profiles", "profile_grants", "photos", "segments"):
            connection.execute(f"VACUUM (ANALYZE) {table}")


def _file(held: Database, first: int, last: int) -> None:
    with held.connect() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(PROFILES.replace("{first}", str(first)).replace("{last}", str(last)))
        connection.execute(GRANTS.replace("{first}", str(first)).replace("{last}", str(last)))
