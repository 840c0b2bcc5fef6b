"""From how many segments on the resident index answers sooner than the statement in Postgres."""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bankd.retrieval import following, rank, ranking, reference
from tools.bench import bank as banks
from tools.bench.database import database
from tools.bench.filling import AT, fill
from tools.bench.retrieval import Questions, _stands
from tools.bench.rows import Row
from tools.bench.timing import in_turn, p50

SIZES = (500, 1000, 2000, 4000, 8000, 16000)
ROUNDS = 9
REGIONS = 12  # of a layout, asked for at once
RESULTS = 50


def options(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    made = banks.make(SIZES[-1], seed=chosen.seed)
    from_here = None
    with database(scratch) as held:
        whole = ranking.RESIDENT_FROM
        ranking.RESIDENT_FROM = 0
        try:
            for size in SIZES:
                with held.connect() as connection:
                    connection.execute(
                        "TRUNCATE departments, rights_profiles, photos, segments, descriptors CASCADE"
                    )
                part = made.first(size)
                fill(held, part)
                follower = following.follower(held.engine)
                _stands(follower)
                asked = Questions.of(part, REGIONS, seed=chosen.seed)
                ask = (asked.cleared[1.0], asked.categories, asked.regions)
                with held.sessions() as session:
                    taken = in_turn(
                        {
                            "index": partial(rank, session, *ask, k=RESULTS, at=AT),
                            "statement": partial(reference.rank, session, *ask, k=RESULTS, at=AT),
                        },
                        rounds=ROUNDS,
                    )
                following.forget(held.engine)
                index, statement = p50(taken["index"]), p50(taken["statement"])
                yield Row(f"statement / index, {size} segments, {REGIONS} regions", statement / index, "x")
                yield Row(f"statement, {size} segments, {REGIONS} regions", statement * 1e3, "ms")
                if index < statement and from_here is None:
                    from_here = size
        finally:
            ranking.RESIDENT_FROM = whole
    if from_here is not None:
        yield Row("segments from which the index answers sooner, at most", from_here, "")
