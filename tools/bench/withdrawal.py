"""From the commit of a withdrawal until a worker under load answers without the photo."""

import argparse
import threading
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest import mock

from bankd.config import Settings
from bankd.exposure import withdrawing
from bankd.policy.clearing import terms_of
from bankd.policy.filters import filter_for
from bankd.retrieval import following, rank, ranking
from bankd.runtime import Runtime
from synth.layout import Layout, regions
from synth.retrieval.descriptors import describe
from tools.bench.filling import BY
from tools.bench.rows import Row
from tools.bench.scene import PLACED, SHOTS, asked_for, fill, governed, layout
from tools.bench.timing import p50, p95

READERS = 2  # threads of the worker that ask for the whole layout without a pause
CANDIDATES = 50
WAIT_S = 600.0


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--withdrawn", type=int, default=30, help="licenses withdrawn one by one, of 40 (30)")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    with governed(scratch) as rt:
        fill(rt, chosen.seed)
        ours, theirs = get_context("spawn").Pipe()
        worker = get_context("spawn").Process(target=_answer, args=(rt.settings, theirs), daemon=True)
        worker.start()
        waits = []
        try:
            _without(ours, PLACED * SHOTS)  # it answers
            for number in range(min(chosen.withdrawn, PLACED * SHOTS)):
                with rt.transaction() as session:
                    made = withdrawing.withdraw(
                        session, "license", f"L{number}", reason="bench", by=rt.actor, at=rt.now()
                    )
                    assert made is not None
                committed = time.monotonic()
                # A clock of the machine: the same in every process.
                waits.append(max(0.0, _without(ours, PLACED * SHOTS - number - 1) - committed))
                time.sleep(0.1)
            ours.send("over")
            answers, over_s = _heard(ours)
            worker.join(WAIT_S)
        finally:
            worker.kill()
    yield Row("withdrawal to gone from a busy worker's answers, p50", p50(waits) * 1e3, "ms")
    yield Row.at_most(
        "withdrawal to gone from a busy worker's answers, p95",
        p95(waits) * 1e3,
        "ms",
        1000,
    )
    yield Row(f"layouts of {PLACED} regions that the worker ranked meanwhile", answers / over_s, "/s")


def _heard(pipe: "Connection[Any, Any]") -> Any:
    if not pipe.poll(WAIT_S):
        raise TimeoutError("the worker says nothing")
    return pipe.recv()


def _without(pipe: "Connection[Any, Any]", photos: int) -> float:
    """When the last of the readers had an answer that held no more than so many photos."""
    ended: dict[int, float] = {}
    while len(ended) < READERS:
        reader, held, at = _heard(pipe)
        if held <= photos:
            ended.setdefault(reader, at)
    return max(ended.values())


def _answer(settings: Settings, pipe: "Connection[Any, Any]") -> None:
    """A worker whose readers rank a layout again and again; it tells when an answer holds fewer photos."""
    rt = Runtime(settings, BY)
    following.follower(rt.engine).build("scene")
    laid = layout()
    cut = regions(Layout(laid))
    query = describe(laid, cut, "scene")
    told = threading.Lock()
    over = threading.Event()
    answers = 0

    def ask(reader: int) -> None:
        nonlocal answers
        number, fewest = 0, PLACED * SHOTS + 1
        while not over.is_set():
            number += 1
            with rt.transaction() as session:
                now = rt.now()
                terms = terms_of(session, asked_for(now.date(), seed=number % 50), at=now)
                found = rank(
                    session, filter_for(terms.bundle, "synthesize", terms.use),
                    [region.category for region in cut], query, k=CANDIDATES, at=now,
                )  # fmt: skip
            at = time.monotonic()
            photos = len({row.photo_id for region in found for row in region})
            with told:
                answers += 1
                if photos < fewest:
                    pipe.send((reader, photos, at))
            fewest = min(fewest, photos)

    with mock.patch.object(ranking, "RESIDENT_FROM", 0):
        start = time.monotonic()
        readers = [threading.Thread(target=ask, args=(number,)) for number in range(READERS)]
        for reader in readers:
            reader.start()
        while not pipe.poll(0.05):
            pass
        over.set()
        for reader in readers:
            reader.join()
    pipe.send((answers, time.monotonic() - start))
    following.forget(rt.engine)
    rt.engine.dispose()
