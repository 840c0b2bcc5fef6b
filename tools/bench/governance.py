"""What governance adds to a picture: spans of real requests, from filing to seal, on the real services.

A picture of 512x384 is made of twenty photos, each under a license of its own, some of them capped. Each
span counts its own time, without that of the spans inside it; `SPANS` says what belongs to which part.
"""

import argparse
import importlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

from sqlalchemy import event, select

from bankd.provenance import manifest
from bankd.provenance.models import Composite
from bankd.retrieval import following, ranking
from bankd.runtime import Runtime
from bankd.synthesis import sealing, steps
from bankd.synthesis.models import Clearance, Order, Request, RequestState, Variation
from synth.links import Links
from synth.worker import render
from tools.bench.rows import RATIO, Row
from tools.bench.scene import HEIGHT, PLACED, WIDTH, file, fill, governed
from tools.bench.timing import p50, seconds

MOST_MS = 100

SPANS: dict[str, tuple[str, ...]] = {
    "clearance": (
        "bankd.synthesis.asking:terms_for",
        "bankd.synthesis.plan:filter_for",
        "bankd.retrieval.following:Follower.clears",
        "bankd.synthesis.orders:make",
    ),
    "recheck": (
        "bankd.synthesis.plan:rights_of",
        "bankd.synthesis.plan:clear_photos",
        "bankd.synthesis.plan:stand_together",
        "bankd.synthesis.orders:still_clears",
        "bankd.synthesis.sealing:_clear",
    ),
    "caps": (
        "bankd.licensing.caps:short",
        "bankd.licensing.caps:reserve",
        "bankd.licensing.caps:consume",
        "bankd.licensing.caps:free",
        "bankd.synthesis.sealing:reserved",
        "bankd.synthesis.sealing:_spend",
    ),
    "seal": (
        "bankd.synthesis.steps:_seal",
        "bankd.synthesis.steps:_seal_one",
        "bankd.synthesis.sealing:examine",
        "bankd.synthesis.sealing:commit",
        "bankd.synthesis.steps:work_out",
    ),
    "seal, the bank's masks": (
        "bankd.synthesis.masks:keep",
        "bankd.synthesis.masks:of_order",
        "bankd.synthesis.masks:of_crop",
    ),
    "seal, its ledger": (
        "bankd.synthesis.recomputing:recompose",
        "bankd.synthesis.recomputing:mixed",
    ),
    "log": (
        "bankd.audit.log:append",
        "bankd.audit.log:locked",
        "bankd.audit.log:settle",
        "bankd.audit.log:epoch",
        "bankd.audit.log:last_rights_change",
    ),
    "signing": (
        "bankd.synthesis.sealing:sign",
        "bankd.synthesis.orders:signed",
        "bankd.provenance.pixels:packed",
    ),
}
MASKS = "seal, the bank's masks"
# What is no governance: no span of the above holds it.
ASIDE_PART = "bytes"
ASIDE = ("bankd.storage.minio:MinioBlobs.put", "bankd.storage.minio:MinioBlobs.delete_prefix")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--requests", type=int, default=5, help="requests that are traced (5)")
    parser.add_argument("--seals", type=int, default=100, help="composites recorded for seals/s (100)")
    parser.add_argument("--published", action="store_true", help="run the published network once, too")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    with governed(scratch) as rt:
        print(f"  filed in {seconds(lambda: fill(rt, chosen.seed)):.0f} s", flush=True)
        following.follower(rt.engine).build("scene")
        with mock.patch.object(ranking, "RESIDENT_FROM", 0):
            yield from _tracing(rt, chosen.requests)
        yield from _seals(rt, chosen.seals)
        if chosen.published:
            yield from _published()
        following.forget(rt.engine)


class Spans:
    """Seconds by part, by the clock and of processor time, without what other spans inside took; and the
    statements sent to the database.

    The clock is that of the thread which waits for all others: what these do has no clock of its own here,
    and its processor time counts, in `cpu` with all of it and in `beside` by itself.
    """

    def __init__(self) -> None:
        self.own: dict[str, float] = defaultdict(float)
        self.cpu: dict[str, float] = defaultdict(float)
        self.beside = 0.0
        self.statements = 0
        self._of = threading.local()
        self._one_at_a_time = threading.Lock()
        self._thread = threading.get_ident()

    @property
    def _open(self) -> list[str]:
        """The spans that are open in this thread."""
        return self._of.__dict__.setdefault("open", [])

    @property
    def _inside(self) -> list[tuple[float, float]]:
        """Of each of them, what spans inside it took."""
        return self._of.__dict__.setdefault("inside", [])

    def around(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def timed(*args: Any, **more: Any) -> Any:
            # To keep the masks is for the seal alone: then the store's part is governance too.
            mine = MASKS if part == ASIDE_PART and MASKS in self._open else part
            self._open.append(mine)
            self._inside.append((0.0, 0.0))
            start, worked = time.perf_counter(), time.thread_time()
            try:
                return call(*args, **more)
            finally:
                took, work = time.perf_counter() - start, time.thread_time() - worked
                inside, of_it = self._inside.pop()
                self._open.pop()
                with self._one_at_a_time:
                    self.cpu[mine] += work - of_it
                    if threading.get_ident() == self._thread:
                        self.own[mine] += took - inside
                    else:
                        self.beside += work - of_it
                if self._inside:
                    wall, cpu = self._inside[-1]
                    self._inside[-1] = (wall + took, cpu + work)

        return timed

    def count(self, *_: Any) -> None:
        self.statements += bool(self._open)

    @contextmanager
    def traced(self) -> Iterator[None]:
        with ExitStack() as stack:
            for part, names in {**SPANS, ASIDE_PART: ASIDE}.items():
                for name in names:
                    module, _, path = name.partition(":")
                    owner: Any = importlib.import_module(module)
                    *classes, attribute = path.split(".")
                    for each in classes:
                        owner = getattr(owner, each)
                    timed = self.around(part, getattr(owner, attribute))
                    stack.enter_context(mock.patch.object(owner, attribute, timed))
            yield


def _tracing(rt: Runtime, requests: int) -> Iterator[Row]:
    parts: dict[str, list[float]] = defaultdict(list)
    works: dict[str, list[float]] = defaultdict(list)
    sums: list[float] = []
    worked: list[float] = []
    beside: list[float] = []
    blended_cpu: list[float] = []
    statements: list[float] = []
    blended: list[float] = []
    bytes_: list[float] = []
    photos: set[int] = set()
    for number in range(requests + 1):
        request_id = file(rt, seed=number)
        spans = Spans()
        event.listen(rt.engine, "before_cursor_execute", spans.count)
        with spans.traced():
            steps.advance(rt, request_id)
            with rt.transaction() as session:
                order = session.scalars(select(Order).where(Order.request_id == request_id)).one()
                published = steps.publish(rt, session, order.id)
            assert published is not None
        work = time.process_time()
        took = seconds(
            lambda published=published: render(
                *published, key=rt.order_key.public_key(), store=rt.addresses.s3_url,
                now=rt.now().timestamp(), links=Links(),
            )
        )  # fmt: skip
        work = time.process_time() - work
        with spans.traced():
            steps.seal(rt, order.id)
        event.remove(rt.engine, "before_cursor_execute", spans.count)
        photos.add(_placed(rt, request_id))
        if number == 0:
            continue  # what is compiled and cached then stays so
        for part in SPANS:
            parts[part].append(spans.own[part])
            works[part].append(spans.cpu[part])
        worked.append(sum(spans.cpu[part] for part in SPANS))
        beside.append(spans.beside)
        blended_cpu.append(work)
        statements.append(spans.statements)
        sums.append(sum(spans.own[part] for part in SPANS))
        bytes_.append(spans.own[ASIDE_PART])
        blended.append(took)
    said = f"{WIDTH}x{HEIGHT} of {'/'.join(map(str, sorted(photos)))} photos"
    yield Row.at_most(f"governance of a picture, {said}", p50(sums) * 1e3, "ms", MOST_MS)
    for part, values in parts.items():
        yield Row(f"governance: {part}", p50(values) * 1e3, "ms")
    yield Row("governance of a picture, processor time of the bank's process", p50(worked) * 1e3, "ms")
    yield Row("of it beside, on another core", p50(beside) * 1e3, "ms")
    for part, values in works.items():
        yield Row(f"processor time: {part}", p50(values) * 1e3, "ms")
    yield Row("governance / synthesis with blend, by processor time", p50(worked) / p50(blended_cpu), RATIO)
    yield Row("statements in these spans", p50(statements), "")
    yield Row("the least of these requests", min(sums) * 1e3, "ms")
    yield Row("beside it, files put into the store and orders deleted", p50(bytes_) * 1e3, "ms")
    yield Row("governance / synthesis with blend", p50(sums) / p50(blended), RATIO)
    yield Row("synthesis with blend, links included", p50(blended) * 1e3, "ms")


def _placed(rt: Runtime, request_id: UUID) -> int:
    with rt.transaction() as session:
        composite = session.scalars(select(Composite).where(Composite.request_id == request_id)).one()
        return len(manifest.read(composite.manifest).placed_photos)


def _seals(rt: Runtime, count: int) -> Iterator[Row]:
    """The transaction that records a signed picture, with its usage rows, its grants and the log."""
    held: list[tuple[Any, ...]] = []
    commit = sealing.commit

    def noted(session: Any, signed: Any, examined: Any, **more: Any) -> Any:
        held.append((signed, examined))
        return commit(session, signed, examined, **more)

    request_id = file(rt, seed=99)
    steps.advance(rt, request_id)
    with rt.transaction() as session:
        order = session.scalars(select(Order).where(Order.request_id == request_id)).one()
        published = steps.publish(rt, session, order.id)
    assert published is not None
    render(
        *published, key=rt.order_key.public_key(), store=rt.addresses.s3_url,
        now=rt.now().timestamp(), links=Links(),
    )  # fmt: skip
    with mock.patch.object(sealing, "commit", noted):
        steps.seal(rt, order.id)
    [(signed, examined)] = held
    for threads in (1, 2):
        waiting = [_again(rt, request_id, order.id, signed) for _ in range(count)]

        def seal(one: tuple[Order, sealing.Signed]) -> None:
            with rt.transaction() as session:
                made = sealing.commit(
                    session, one[1], examined, order=one[0], index=0, by=rt.actor, at=rt.now()
                )
                assert isinstance(made, Composite)

        def all_of_them(waiting: Any = waiting, threads: int = threads, seal: Any = seal) -> None:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(seal, waiting))

        took = seconds(all_of_them)
        yield Row(f"seal transactions, {PLACED} photos, {threads} at once", count / took, "/s")


def _again(
    rt: Runtime, request_id: UUID, order_id: UUID, signed: sealing.Signed
) -> tuple[Order, sealing.Signed]:
    """The same picture for another request: all rows that its seal looks at."""
    with rt.transaction() as session:
        request, order = session.get_one(Request, request_id), session.get_one(Order, order_id)
        clearance = session.get_one(Clearance, order.clearance_id)
        mine = _copied(request, id=uuid4(), state=RequestState.RENDERING, finished_at=None)
        session.add(mine)
        session.flush()
        theirs = _copied(clearance, id=uuid4(), request_id=mine.id)
        session.add(theirs)
        session.flush()
        other = _copied(order, id=uuid4(), request_id=mine.id, clearance_id=theirs.id, state="made")
        session.add_all([other, Variation(request_id=mine.id, index=0)])
        made = manifest.read(signed.sealed.manifest_text)
        made = made.model_copy(update={"composite_id": uuid4(), "request_id": mine.id})
        sealed = replace(
            signed.sealed,
            manifest=made,
            manifest_text=made.canonical(),
            file=signed.sealed.file[:64] + made.composite_id.bytes,
        )
        key = f"composites/{made.composite_id}/{uuid4()}"
        return other, replace(signed, composite_id=made.composite_id, blob_key=key, sealed=sealed)


def _copied(row: Any, **other: Any) -> Any:
    values = {column.key: getattr(row, column.key) for column in row.__mapper__.column_attrs}
    return type(row)(**{**values, **other})


def _published() -> Iterator[Row]:
    import torch

    torch.set_num_threads(1)

    from synth.networks.refinement import RefinementNetwork

    network = RefinementNetwork(PLACED + 1, "published").eval()
    frame = torch.zeros(1, 3, HEIGHT, WIDTH)
    layout = torch.zeros(1, PLACED + 1, HEIGHT, WIDTH)
    with torch.inference_mode():
        took = seconds(lambda: network(layout, frame, torch.ones(1, 1, HEIGHT, WIDTH), frame))
    yield Row("synthesis: one forward of the published network", took * 1e3, "ms")
