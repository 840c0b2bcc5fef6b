"""Ranking one region: the resident index beside SQL, brute force in numpy and an approximate index."""

import argparse
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from numba import njit
from sqlalchemy import ARRAY, Integer, any_, literal

from bankd.audit import log
from bankd.catalog import service as catalog
from bankd.db import make_engine
from bankd.licensing.models import ProfileGrant
from bankd.policy.filters import Filter
from bankd.retrieval import following, keeping, rank, reference
from bankd.retrieval.following import Follower
from bankd.retrieval.index import Index
from synth.retrieval.descriptors import Descriptors
from synth.retrieval.resident import Cleared
from tools.bench import bank as banks
from tools.bench.bank import Bank
from tools.bench.database import Database, database
from tools.bench.filling import AT, BY, fill
from tools.bench.rows import Row
from tools.bench.timing import in_turn, p50, p95, seconds
from tools.bench.ways import Approximate, Packed64, plain, recall

SHARES = (1.0, 0.1, 0.01, 0.001)
RESULTS = (1, 50)
PLAIN_TARGETS = dict(zip(SHARES, (100, 50, 15, 5), strict=True))
NUMPY_TARGETS = dict(zip(SHARES, (10, 5, 2, None), strict=True))
AIMED_FROM = 1_000_000  # segments
CANDIDATES = (40, 200, 1000)  # of the approximate index, scored exactly
REFERENCE_ASKED = 4  # regions: the slowest way
NEAR_ASKED = 6
REGIONS = 64
AT_US = int(AT.timestamp() * 1_000_000)
PROPAGATED = 40  # changes
WAIT_S = 600.0


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--segments", type=int, default=50_000, help="rows that are ranked (50000)")
    parser.add_argument("--queries", type=int, default=24, help="regions asked for, one by one (24)")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    start = time.perf_counter()
    made = banks.make(chosen.segments, seed=chosen.seed)
    print(f"  {len(made):,} segments of {len(made.sha256):,} photos in {time.perf_counter() - start:.0f} s")
    with database(scratch) as held:
        start = time.perf_counter()
        photos = fill(held, made)
        print(f"  filed in {time.perf_counter() - start:.0f} s", flush=True)
        follower = following.follower(held.engine)
        try:
            yield Row("index built from Postgres", seconds(partial(_stands, follower)), "s")
            index = _stands(follower)
            yield Row.at_most(
                "memory per million segments and frame", index.size_bytes / len(index) * 1e6 / 1e9, "GB", 0.4
            )
            yield from _kept(held, index, scratch / "indexes")
            questions = Questions.of(made, chosen.queries, seed=chosen.seed)
            yield from _latencies(held, made, follower, questions)
            yield from _approximate(held, made, follower, questions)
            yield from _batches(follower, questions, chosen.seed)
            yield from _two_readers(follower, index, questions)
            yield from _propagation(held, scratch / "indexes", photos)
        finally:
            following.forget(held.engine)


@dataclass(frozen=True, eq=False)
class Questions:
    """Regions that are asked for one by one, and what clears, by share of the rows."""

    categories: list[int]
    regions: Descriptors
    profiles: dict[float, list[int]]
    cleared: dict[float, Filter]

    @classmethod
    def of(cls, made: Bank, count: int, *, seed: int) -> "Questions":
        _, categories, described = banks.asked(count, seed=seed)
        some = np.random.Generator(np.random.Philox(seed)).choice(len(categories), count, replace=False)
        profiles = {share: banks.clearing(made, share, seed=seed) for share in SHARES}
        return cls(
            categories[some].tolist(),
            described.take(some),
            profiles,
            {share: _cleared(chosen) for share, chosen in profiles.items()},
        )

    def __len__(self) -> int:
        return len(self.categories)

    def one(self, at: int) -> Descriptors:
        return self.regions.take(np.array([at]))


def _cleared(profiles: Sequence[int]) -> Filter:
    """As one that is compiled from policies, but for what it asks: whether a profile is one of these."""
    grants = ProfileGrant.__table__
    these = grants.c.profile_id == any_(literal(list(profiles), ARRAY(Integer)))
    return Filter(about=tuple(profiles), now=AT, own=(), condition=lambda: these, source=grants)


def _stands(follower: Follower) -> Index:
    until = time.monotonic() + WAIT_S
    while (index := follower.index("scene", epoch=0)) is None:
        if time.monotonic() > until:
            raise TimeoutError("no index stood up")
        time.sleep(0.001)
    return index


def _kept(held: Database, index: Index, folder: Path) -> Iterator[Row]:
    file = keeping.path(folder, "scene")
    yield Row("index written to its file", seconds(partial(keeping.write, index, file)), "s")
    loading = seconds(partial(Follower(held.engine, folder).build, "scene"))
    yield Row("index loaded from its file and checked against the catalog", loading, "s")


def _latencies(held: Database, made: Bank, follower: Follower, questions: Questions) -> Iterator[Row]:
    index = _stands(follower)
    bytes_per_s = bandwidth()
    yield Row("memory read by one thread", bytes_per_s / 1e9, "GB/s")
    with held.connect() as connection, held.sessions() as session:
        connection.execute("SET plan_cache_mode = force_custom_plan")
        for k in RESULTS:
            for share in SHARES:
                cleared, profiles = questions.cleared[share], questions.profiles[share]
                clears = follower.clears(cleared, index)
                eligible = np.isin(made.profile, profiles)
                taken: dict[str, list[float]] = {}
                floors = []
                for at, category in enumerate(questions.categories):
                    one = questions.one(at)
                    packed = Packed64(made, np.flatnonzero(eligible & (made.category == category)), one)
                    ways: dict[str, Callable[[], Any]] = {
                        "resident": partial(index.rank, [category], one, clears, k=k, at_us=AT_US),
                        "call": partial(rank, session, cleared, [category], one, k=k, at=AT),
                        "plain": partial(plain, connection, one, 0, category, profiles, k),
                        "numpy": partial(packed.best, one, 0, k),
                    }
                    for name, times in in_turn(ways, rounds=3).items():
                        taken.setdefault(name, []).append(p50(times))
                    if at < REFERENCE_ASKED:
                        ways["reference"] = partial(
                            reference.rank, session, cleared, [category], one, k=k, at=AT
                        )
                        _agree(ways)
                        few = in_turn({name: ways[name] for name in ("call", "reference")}, rounds=1)
                        taken.setdefault("reference", []).append(few["reference"][0])
                        taken.setdefault("call beside it", []).append(few["call"][0])
                    floors.append(len(packed.segment) * packed.row_bytes / bytes_per_s)
                middle = {name: p50(times) for name, times in taken.items()}
                said = f"k={k}, {share:.1%} cleared".replace(".0%", "%")
                resident = middle["resident"]
                # What is aimed at is a best row of a million.
                aimed = k == 1 and len(made) >= AIMED_FROM
                aim = PLAIN_TARGETS[share] if aimed else None
                yield _at_least(f"plain SQL / resident, {said}", middle["plain"] / resident, aim)
                aim = NUMPY_TARGETS[share] if aimed else None
                yield _at_least(f"numpy / resident, {said}", middle["numpy"] / resident, aim)
                beside = middle["reference"] / middle["call beside it"]
                yield Row(f"reference SQL / whole call, {said}", beside, "x")
                if share == 1.0:
                    passes = p50(
                        [one / floor for one, floor in zip(taken["resident"], floors, strict=True) if floor]
                    )
                    name = f"resident / one pass at full bandwidth, {said}"
                    yield Row.below(name, passes, "x", 1) if aimed else Row(name, passes, "x")
                for name in ("resident", "call", "numpy", "plain", "reference"):
                    yield Row(f"{NAMES[name]}, {said}, p50", middle[name] * 1e3, "ms")


NAMES = {
    "resident": "resident index",
    "call": "whole call with its look at the log",
    "numpy": "numpy over eligible rows",
    "plain": "plain SQL",
    "reference": "reference SQL",
}


def _at_least(name: str, value: float, least: float | None) -> Row:
    return Row(name, value, "x") if least is None else Row.at_least(name, value, "x", least)


def _agree(ways: dict[str, Callable[[], Any]]) -> None:
    """A comparison of different answers would say nothing."""
    [[*resident], [*call], [*exact]] = [ways[name]()[0] for name in ("resident", "call", "reference")]
    assert resident == call == exact
    _, keys = ways["numpy"]()
    best = [one.im / one.um + (one.ic / one.uc if one.uc else 0) for one in exact]
    for scores in (keys, [value for _, value in ways["plain"]()]):
        assert np.allclose(scores, best, rtol=0, atol=1e-9)


def bandwidth() -> float:
    """Bytes a second that one thread reads from memory, of far more than any cache holds."""
    array = np.ones(1 << 26, np.uint64)
    _summed(array)
    return array.nbytes / p50([seconds(partial(_summed, array)) for _ in range(7)])


@njit(cache=True, nogil=True)
def _summed(array: Any) -> Any:
    total = np.uint64(0)
    for at in range(len(array)):
        total += array[at]
    return total


def _approximate(held: Database, made: Bank, follower: Follower, questions: Questions) -> Iterator[Row]:
    """Over the category in which the median row lies, whose rows have a graph for themselves."""
    ordered = np.sort(made.category)
    category = int(ordered[len(ordered) // 2])
    which = np.flatnonzero(made.category == category)
    index = _stands(follower)
    with held.connect() as connection:
        start = time.perf_counter()
        nearest = Approximate(connection, made, which)
        yield Row(
            f"HNSW built, {len(which):,} rows of {nearest.width} bits", time.perf_counter() - start, "s"
        )
        # Regions of this category before others, which are asked for as if they were of it.
        asked = sorted(range(len(questions)), key=lambda at: questions.categories[at] != category)[
            :NEAR_ASKED
        ]
        for k in RESULTS:
            for share in SHARES:
                profiles = questions.profiles[share]
                clears = follower.clears(questions.cleared[share], index)
                eligible = np.flatnonzero(np.isin(made.profile, profiles) & (made.category == category))
                packed = Packed64(made, eligible, questions.regions)
                exact = {at: packed.best(questions.regions, at, k)[1] for at in asked}
                ways: dict[str, tuple[list[float], list[float]]] = {}
                mine = []
                for candidates in CANDIDATES:
                    if candidates < k:
                        continue
                    nearest.look(min(1000, candidates))
                    times, recalls = ways[f"{candidates} candidates"] = ([], [])
                    for at in asked:
                        one = questions.one(at)
                        start = time.perf_counter()
                        found = nearest.best(one, 0, profiles, k, candidates=candidates)
                        times.append(time.perf_counter() - start)
                        recalls.append(recall(found, exact[at]))
                        resident = partial(index.rank, [category], one, clears, k=k, at_us=AT_US)
                        mine.append(p50(in_turn({"resident": resident}, rounds=3)["resident"]))
                fastest = min(ways, key=lambda name: p50(ways[name][0]))
                surest = max(ways, key=lambda name: (np.mean(ways[name][1]), -p50(ways[name][0])))
                said = f"k={k}, {share:.1%} cleared".replace(".0%", "%")
                for how, name in (("fastest", fastest), ("surest", surest)):
                    times, recalls = ways[name]
                    ratio = p50(times) / p50(mine)
                    yield Row.above(f"{how} HNSW ({name}) / resident, {said}", ratio, "x", 1)
                    yield Row(f"recall of the {how} HNSW, {said}", float(np.mean(recalls)), "of 1")


def _batches(follower: Follower, questions: Questions, seed: int) -> Iterator[Row]:
    """All regions of a few layouts at once, beside the same one by one."""
    index = _stands(follower)
    _, categories, described = banks.asked(REGIONS, seed=seed)
    some = np.arange(REGIONS)
    regions, wanted = described.take(some), categories[some].tolist()
    singles = [(category, regions.take(np.array([at]))) for at, category in enumerate(wanted)]
    for share in SHARES:
        clears = follower.clears(questions.cleared[share], index)

        def one_by_one(clears: list[Cleared] = clears) -> None:
            for category, region in singles:
                index.rank([category], region, clears, k=1, at_us=AT_US)

        at_once = partial(index.rank, wanted, regions, clears, k=1, at_us=AT_US)
        taken = in_turn({"batch": at_once, "singles": one_by_one}, rounds=7)
        ratio = p50(taken["batch"]) / p50(taken["singles"])
        name = f"batch of {REGIONS} regions / one by one, {share:.1%} cleared".replace(".0%", "%")
        yield Row.at_most(name, ratio, "x", 1.0) if share == 1.0 else Row(name, ratio, "x")
        if share == 1.0:
            yield Row(f"batch of {REGIONS} regions, 100% cleared", p50(taken["batch"]) * 1e3, "ms")
            shared = partial(index.rank, wanted, regions, clears, k=1, at_us=AT_US, threads=2)
            taken = in_turn({"one": at_once, "two": shared}, rounds=7)
            ratio = p50(taken["one"]) / p50(taken["two"])
            yield Row(f"batch of {REGIONS} regions, one thread / two, 100% cleared", ratio, "x")


def _two_readers(follower: Follower, index: Index, questions: Questions) -> Iterator[Row]:
    """Queries a second of two threads over those of one."""
    clears = follower.clears(questions.cleared[1.0], index)
    singles = [(category, questions.one(at)) for at, category in enumerate(questions.categories)]

    def read(rounds: int) -> None:
        for _ in range(rounds):
            for category, region in singles:
                index.rank([category], region, clears, k=1, at_us=AT_US)

    rounds = max(1, int(0.5 / seconds(partial(read, 1))))

    def two() -> None:
        threads = [threading.Thread(target=read, args=(rounds,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    taken = in_turn({"one": partial(read, rounds), "two": two}, rounds=3)
    yield Row("queries a second, two threads / one", 2 * p50(taken["one"]) / p50(taken["two"]), "x")
    yield Row("queries a second, one thread", rounds * len(singles) / p50(taken["one"]), "1/s")


def _propagation(held: Database, indexes: Path, photos: Sequence[UUID]) -> Iterator[Row]:
    """From the commit of a dispute until another process, which asks nothing, has it in its index."""
    ours, theirs = get_context("spawn").Pipe()
    url = held.engine.url.render_as_string(hide_password=False)
    worker = get_context("spawn").Process(target=follow, args=(url, indexes, theirs), daemon=True)
    worker.start()
    waits = []
    try:
        _told(ours)  # the index stands
        for photo in photos[:PROPAGATED]:
            with held.sessions.begin() as session:
                catalog.dispute(session, photo, reason="bench", by=BY, at=AT)
            start = time.monotonic()
            with held.sessions() as session:
                epoch = log.epoch(session)
            while (told := _told(ours))[0] < epoch:
                pass
            # A clock of the machine: the same in every process.
            waits.append(max(0.0, told[1] - start))
            time.sleep(0.05)
        ours.send("over")
        worker.join(WAIT_S)
    finally:
        worker.kill()
    yield Row("from commit to the index of another process, p50", p50(waits) * 1e3, "ms")
    yield Row.at_most("from commit to the index of another process, p95", p95(waits) * 1e3, "ms", 1000)


def _told(pipe: "Connection[Any, Any]") -> tuple[int, float]:
    if not pipe.poll(WAIT_S):
        raise TimeoutError("the process that follows says nothing")
    told: tuple[int, float] = pipe.recv()
    return told


def follow(url: str, indexes: Path, pipe: "Connection[Any, Any]") -> None:
    """A worker process that ranks nothing: it tells each epoch that its index has come to, and when."""
    engine = make_engine(url)
    follower = Follower(engine, indexes)
    epoch = -1
    try:
        while not pipe.poll(0.0005):
            reached = _stands(follower).moment.epoch
            if reached != epoch:
                epoch = reached
                pipe.send((epoch, time.monotonic()))
    finally:
        follower.close()
        engine.dispose()
