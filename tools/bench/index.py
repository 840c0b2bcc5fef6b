"""The resident index alone, beside one pass in numpy: no database, so a million rows stand within minutes.

The rows, regions and shares are those of `retrieval`; the scores of both ways have to agree. Rows that clear
are scored one by one where they are few, else by their bounds; both are timed too, however many there are.
"""

import argparse
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import numpy as np

from bankd.retrieval.copying import Moment
from bankd.retrieval.index import Index, Piece
from synth.retrieval import resident, searching
from synth.retrieval.resident import NEVER_US, Cleared, Part, Photos, Rows
from tools.bench import bank as banks
from tools.bench.bank import Bank
from tools.bench.retrieval import AIMED_FROM, NUMPY_TARGETS, REGIONS, RESULTS, SHARES
from tools.bench.rows import Row
from tools.bench.timing import in_turn, p50, seconds
from tools.bench.ways import Packed64

ROUNDS = 5
ALWAYS, NEVER = 10**9, -(10**9)  # rows up to which each is scored


def options(parser: argparse.ArgumentParser) -> None:
    """Those of `retrieval`."""
    del parser


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    del scratch
    made = banks.make(chosen.segments, seed=chosen.seed)
    stands: list[Index] = []
    yield Row("index made of rows in memory", seconds(lambda: stands.append(standing(made))), "s")
    [index] = stands
    yield Row.at_most(
        "memory per million segments and frame", index.size_bytes / len(index) * 1e6 / 1e9, "GB", 0.4
    )
    clears = {
        share: [index.pieces[0].part.cleared(dict.fromkeys(banks.clearing(made, share, seed=chosen.seed), 1))]
        for share in SHARES
    }
    yield from _latencies(made, index, clears, chosen.queries, chosen.seed)
    yield from _threads(index, clears, chosen.seed)


def standing(made: Bank) -> Index:
    photos = len(made.sha256)
    part = Part(
        Rows(
            np.arange(len(made)) + 1, made.photo.astype(np.int32), made.ordinal.astype(np.int32),
            made.category.astype(np.uint8), made.profile, made.descriptors,
        ),
        Photos(made.sha256, np.zeros(photos, np.uint64), np.full(photos, NEVER_US)),
        frame="scene",
    )  # fmt: skip
    piece = Piece(part, {}, [uuid4() for _ in range(photos)], made.photo_profile)
    return Index("scene", Moment(0, "1:1:"), (piece,))


def _latencies(
    made: Bank, index: Index, clears: dict[float, list[Cleared]], count: int, seed: int
) -> Iterator[Row]:
    _, categories, described = banks.asked(count, seed=seed)
    some = np.random.Generator(np.random.Philox(seed)).choice(len(categories), count, replace=False)
    for k in RESULTS:
        for share in SHARES:
            profiles = banks.clearing(made, share, seed=seed)
            eligible = np.isin(made.profile, profiles)
            taken: dict[str, list[float]] = {}
            sizes = []
            for at in some.tolist():
                category, one = int(categories[at]), described.take(np.array([at]))
                packed = Packed64(made, np.flatnonzero(eligible & (made.category == category)), one)
                sizes.append(len(packed.segment))
                ask = partial(index.rank, [category], one, clears[share], k=k, at_us=0)
                ways: dict[str, Callable[[], Any]] = {
                    "resident": ask,
                    "each": partial(_with, ALWAYS, ask),
                    "bounds": partial(_with, NEVER, ask),
                    "numpy": partial(packed.best, one, 0, k),
                }
                [found], [each], [bounds] = (ways[name]() for name in ("resident", "each", "bounds"))
                scores = [row.im / row.um + (row.ic / row.uc if row.uc else 0) for row in found]
                assert found == each == bounds and np.allclose(scores, ways["numpy"]()[1], rtol=0, atol=1e-9)
                for name, times in in_turn(ways, rounds=ROUNDS).items():
                    taken.setdefault(name, []).append(p50(times))
            middle = {name: p50(times) for name, times in taken.items()}
            said = f"k={k}, {share:.1%} cleared".replace(".0%", "%")
            aim = NUMPY_TARGETS[share] if k == 1 and len(made) >= AIMED_FROM else None
            ratio = middle["numpy"] / middle["resident"]
            name = f"numpy / resident index, {said}"
            yield Row(name, ratio, "x") if aim is None else Row.at_least(name, ratio, "x", aim)
            yield Row(f"rows that clear, {said}, p50", p50(sizes), "")
            yield Row(f"resident index, {said}, p50", middle["resident"] * 1e3, "ms")
            yield Row(f"each row scored, {said}, p50", middle["each"] * 1e3, "ms")
            yield Row(f"by bounds, {said}, p50", middle["bounds"] * 1e3, "ms")
            yield Row(f"numpy, {said}, p50", middle["numpy"] * 1e3, "ms")


def _with(few: int, ask: Callable[[], Any]) -> Any:
    with patch.object(resident, "FEW", few):
        return ask()


def _threads(index: Index, clears: dict[float, list[Cleared]], seed: int) -> Iterator[Row]:
    """A layout shared by two threads, and two layouts by two."""
    _, categories, described = banks.asked(REGIONS, seed=seed)
    regions, wanted = described.take(np.arange(REGIONS)), categories[:REGIONS].tolist()
    for share in SHARES[:2]:
        one = partial(index.rank, wanted, regions, clears[share], k=1, at_us=0)

        def both(one: Callable[[], Any] = one) -> None:
            readers = [threading.Thread(target=one) for _ in range(2)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()

        taken = in_turn({"one": one, "shared": partial(one, threads=2), "both": both}, rounds=ROUNDS)
        middle = {name: p50(times) for name, times in taken.items()}
        said = f"{share:.1%} cleared".replace(".0%", "%")
        rows = sum(clears[share][0].spans(category).rows for category in wanted)
        if rows >= searching.ALONE:
            ratio = middle["one"] / middle["shared"]
            yield Row(f"batch of {REGIONS} regions, one thread / two, {said}", ratio, "x")
        ratio = 2 * middle["one"] / middle["both"]
        yield Row(f"batches a second, two threads that read / one, {said}", ratio, "x")
        yield Row(f"batch of {REGIONS} regions, {said}, p50", middle["one"] * 1e3, "ms")
