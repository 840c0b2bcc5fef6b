"""The audit of a period in which very much was asked: how long it takes, and what memory."""

import argparse
import tempfile
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bankd.audit.actor import Actor
from bankd.reports.kind import Context
from bankd.reports.kinds.period import KIND
from bankd.reports.kinds.period.model import PeriodReport, PeriodScope
from bankd.reports.rendering import render
from tools.bench.database import database
from tools.bench.rows import Row
from tools.bench.timing import seconds

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
AT = datetime(2027, 1, 2, tzinfo=UTC)
TARGET_FROM = 100_000

# Of ten requests three are refused, six come to a composite of which one is handed out; some fail or wait.
EVENTS = """
CREATE TEMP TABLE made AS
SELECT n, md5('r' || n)::uuid AS request, md5('c' || n)::uuid AS composite,
    timestamptz '2026-01-01' + n * (interval '365 days' / %(requests)s) AS at,
    CASE WHEN n %% 10 < 3 THEN 'refused' WHEN n %% 10 > 3 THEN 'completed' WHEN n %% 100 = 3 THEN 'failed'
        ELSE 'filed' END AS state,
    jsonb_build_object('purpose', (ARRAY['commercial', 'editorial', 'internal'])[1 + n %% 3],
        'audience', 'public', 'channels', jsonb_build_array('web'),
        'accessible', jsonb_build_array('WORLD'), 'targeted', jsonb_build_array('JP', 'US')) AS use
FROM generate_series(0, %(requests)s - 1) AS n;
CREATE TEMP TABLE events AS
SELECT at, 0 AS place, n, 'request.filed' AS kind, jsonb_build_object('request', request, 'use', use,
    'layout', repeat('0', 64), 'variations', 1, 'seed', n) AS objects FROM made
UNION ALL SELECT at + interval '9 s', 1, n, 'request.refused', jsonb_build_object('request', request,
    'regions', (SELECT jsonb_agg(jsonb_build_object('region', region, 'category', 'wall', 'reasons',
        jsonb_build_array('rule-' || (n + region) %% 17, 'rule-' || n %% 5)))
        FROM generate_series(1, 6) AS region)) FROM made WHERE state = 'refused'
UNION ALL SELECT at + interval '9 s', 1, n, 'request.failed', jsonb_build_object('request', request,
    'why', 'given up after 10 tries') FROM made WHERE state = 'failed'
UNION ALL SELECT at + interval '9 s', 1, n, 'request.cleared', jsonb_build_object('request', request,
    'relied', '{}'::jsonb) FROM made WHERE state = 'completed'
UNION ALL SELECT at + interval '9 s', 2, n, 'order.made', jsonb_build_object('request', request) FROM made
    WHERE state = 'completed'
UNION ALL SELECT at + interval '60 s', 3, n, 'composite.sealed', jsonb_build_object('request', request,
    'composite', composite, 'file_sha256', encode(sha256(n::text::bytea), 'hex')) FROM made
    WHERE state = 'completed'
UNION ALL SELECT at + interval '90 s', 4, n, 'composite.handed-out', jsonb_build_object(
    'composite', composite, 'handout', md5('h' || n)::uuid, 'channel', 'web', 'comp', n %% 20 = 9,
    'recipient', 'an agency') FROM made WHERE n %% 10 = 9
UNION ALL SELECT at + interval '95 s', 5, n, 'handout.refused', jsonb_build_object('composite', composite,
    'channel', 'print', 'reasons', jsonb_build_array('rule-3')) FROM made WHERE n %% 50 = 9;
"""
ROWS = (
    "INSERT INTO departments (id, name, created_at) SELECT md5('d' || n)::uuid, 'department ' || n,"
    " timestamptz '2026-01-01' FROM generate_series(1, 5) AS n",
    """
    INSERT INTO requests (id, department_id, filed_by, filed_at, content_sha256, layout_key, layout_sha256,
        height, width, use, frame, variations, seed, state, attempt, tries, hinted_at, reordered, outcome,
        finished_at)
    SELECT request, CASE WHEN n % 6 > 0 THEN md5('d' || n % 6)::uuid END, 'somebody', at, repeat('0', 64),
        'layouts/0', repeat('0', 64), 384, 512, use, 'scene', 1, n, state, 0, 0, at, false, '{}',
        CASE WHEN state <> 'filed' THEN at + interval '60 s' END
    FROM made
    """,
    """
    INSERT INTO composites (id, request_id, order_id, variation, blob_key, file_sha256, pixel_sha256, height,
        width, manifest, manifest_signature, disclosures, sealed_at)
    SELECT composite, request, md5('o' || n)::uuid, 0, composite::text, encode(sha256(n::text::bytea), 'hex'),
        encode(sha256(n::text::bytea), 'hex'), 384, 512, '{}', repeat('0', 128), '{}',
        at + interval '60 s'
    FROM made WHERE state = 'completed'
    """,
    """
    INSERT INTO handouts (id, composite_id, recipient, channel, at, by, file_sha256, comp, epoch,
        bundle_digest, clearance)
    SELECT md5('h' || n)::uuid, composite, 'an agency', 'web', at + interval '90 s', 'somebody',
        repeat('0', 64), n % 20 = 9, 0, repeat('0', 64), '{}' FROM made WHERE n % 10 = 9
    """,
    """
    CREATE TEMP TABLE told AS
    SELECT row_number() OVER (ORDER BY at, n, place) - 1 + (SELECT count(*) FROM log_entries) AS index, at,
        kind, sha256(n::text::bytea) AS salt, jsonb_build_object('v', 1, 'kind', kind,
            'at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'by', jsonb_build_object('kind', 'user', 'name', 'somebody'), 'objects', objects)::text AS payload
    FROM events
    """,
    "INSERT INTO log_entries (index, at, kind, commitment) SELECT index, at, kind,"
    " sha256(salt || convert_to(payload, 'UTF8')) FROM told",
    "INSERT INTO log_payloads (index, salt, payload) SELECT index, salt, payload FROM told",
    "ANALYZE requests, composites, handouts, log_entries, log_payloads",
    "DROP TABLE told, events, made",
)


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--filed", type=int, default=20_000, help="requests in the period that is audited (20000)"
    )


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    with database(scratch) as held, tempfile.TemporaryDirectory() as folder:
        with held.connect() as connection:
            fill(connection, chosen.filed)
        found: list[PeriodReport] = []
        said = f"{chosen.filed:,} requests"

        def audit(aside: Path | None) -> None:
            with held.sessions() as session:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
                found.append(gather(session, aside))

        alone = seconds(lambda: audit(None))
        whole = seconds(lambda: audit(Path(folder)))
        pages = seconds(lambda: [render(found[-1], "pdf"), render(found[-1], "xlsx")])
        tracemalloc.start()
        audit(Path(folder))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        report = found[-1]
        assert report.requests.filed == chosen.filed
        assert all(one.agree for one in report.agreement)
        name = f"period audit with its listings, {said}"
        yield (Row.at_most(name, whole, "s", 60) if chosen.filed >= TARGET_FROM else Row(name, whole, "s"))
        yield Row(f"period audit without listings, {said}", alone, "s")
        yield Row("period audit as PDF and XLSX", pages, "s")
        yield Row(f"memory of the process for it, {said}", peak / 1e6, "MB")


def gather(session: Any, aside: Path | None) -> PeriodReport:
    context = Context(
        "The house",
        Actor("user", "bench"),
        AT,
        SimpleNamespace(),
        aside,  # type: ignore[arg-type]
    )
    return KIND.gather(session, PeriodScope(first_day=FIRST, last_day=LAST), context).report


def fill(connection: Any, requests: int) -> None:
    """Requests of a year, and what the log tells of them; the photos behind them are not there.

    Args:
        connection: of psycopg, as somebody who may write to the log.
    """
    for statement in filter(str.strip, (EVENTS % {"requests": requests}).split(";\n")):
        connection.execute(statement)
    for statement in ROWS:
        connection.execute(statement)
