"""The clerk's rounds on real services, with no workers beside it: each message is looked at where it lies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from bankd.audit import checkpoints, log, notes
from bankd.clerk import Clerk
from bankd.storage import BlobUnavailable
from bankd.synthesis import steps
from bankd.synthesis.models import Order
from bankd.witnesses import telling
from bankd.witnesses.setup import witnesses
from bankd.worker import app as worker
from bankd.worker import render_queue
from bankd.worker.app import BANK_QUEUE, INGEST_QUEUE
from bankd.worker.errors import BrokerUnavailable
from bankd.worker.models import Outgoing
from synth import queues

NOWHERE = "redis+socket://bank:secret@/nowhere/valkey.sock?virtual_host=0"
PATIENCE_S = 300


@pytest.fixture
def clerk(served: Any) -> Iterator[Clerk]:
    """A clerk of the bank with three photos; what it sends lies in queues that are empty before and after."""
    clerk = Clerk(served.rt)
    empty(served)
    yield clerk
    empty(served)


def empty(bank: Any) -> None:
    for queue in (BANK_QUEUE, INGEST_QUEUE):
        while messages(queue):
            pass
    with queues.make_app(bank.rt.addresses.render_broker_url) as app:
        render_queue.take_away(app, render_queue.held(app) or [])
    with queues.hints(bank.rt.addresses.render_broker_url) as connection:
        while (message := connection.default_channel.basic_get(queues.RENDERED_QUEUE)) is not None:
            message.ack()


def messages(queue: str) -> list[tuple[str, dict[str, str]]]:
    """Take all messages from a queue of the bank: task and arguments."""
    found = []
    with worker.app.connection_for_read() as connection:
        while (message := connection.default_channel.basic_get(queue)) is not None:
            message.ack()
            found.append((message.headers["task"], json.loads(message.body)[1]))
    return found


def waiting(bank: Any) -> int:
    with bank.rt.transaction() as session:
        return session.scalar(select(func.count()).select_from(Outgoing)) or 0


def held(bank: Any) -> list[UUID]:
    with queues.make_app(bank.rt.addresses.render_broker_url) as app:
        return [order.order_id for order in render_queue.held(app) or []]


def ordered(bank: Any, clerk: Clerk) -> Order:
    """An order that waits for a render worker, and no other hint."""
    order = bank.order(bank.ask())
    assert isinstance(order, Order)
    clerk.relay()
    messages(BANK_QUEUE)
    messages(INGEST_QUEUE)
    return order


def test_a_filed_request_is_hinted_at_once(served: Any, clerk: Clerk) -> None:
    clerk.relay()
    messages(INGEST_QUEUE)
    request_id = served.ask()

    clerk.relay()

    assert messages(BANK_QUEUE) == [("synthesis.advance", {"request_id": str(request_id)})]
    assert waiting(served) == 0


def test_an_order_is_sent_signed_with_links_and_not_once_it_is_answered(served: Any, clerk: Clerk) -> None:
    order = ordered(served, clerk)
    assert held(served) == [order.id]
    served.render(order)
    steps.seal(served.rt, order.id)
    empty(served)

    with served.rt.transaction() as session:
        session.add(
            Outgoing(
                queue="render",
                task="synth.render",
                arguments={"order_id": str(order.id)},
                created_at=served.rt.at,
            )
        )
    clerk.relay()

    assert (held(served), waiting(served)) == ([], 0)


def test_while_the_broker_is_away_hints_wait_and_none_are_added(
    served: Any, clerk: Clerk, later: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _: None)  # it will not come back
    order = ordered(served, clerk)
    empty(served)
    served.ask(seed=8)
    render_url = served.rt.addresses.render_broker_url
    away = Clerk(served.rt)
    away._bank = queues.make_app(NOWHERE)
    away._render = queues.make_app(NOWHERE)

    away.relay()
    later(minutes=5)
    for sweep in (away.sweep_requests, away.sweep_orders, away.sweep_batches):
        with pytest.raises(BrokerUnavailable):
            sweep()
    assert waiting(served) == 1

    assert render_url == served.rt.addresses.render_broker_url
    clerk.relay()
    clerk.sweep_orders()
    clerk.relay()
    assert (len(messages(BANK_QUEUE)), held(served)) == (1, [order.id])


def test_what_render_workers_say_makes_us_look_once_and_can_do_no_more(served: Any, clerk: Clerk) -> None:
    order = ordered(served, clerk)
    with queues.hints(served.rt.addresses.render_worker_broker_url) as connection:
        for said in (str(order.id), str(order.id), "no order", str(uuid4())):
            queues.hint(connection, said, 1)
        producer = connection.Producer(serializer="json", auto_declare=False)
        for junk in ([], "text", {"order": 1}, None):
            producer.publish(junk, exchange="", routing_key=queues.RENDERED_QUEUE)

    clerk.collect()
    clerk.relay()

    found = messages(BANK_QUEUE)
    assert ("synthesis.seal", {"order_id": str(order.id)}) in found
    assert [task for task, _ in found] == ["synthesis.seal"] * 2
    clerk.collect()
    assert waiting(served) == 0


def test_a_message_that_is_no_hint_is_passed_over_however_deep_it_goes(served: Any, clerk: Clerk) -> None:
    order = served.order(served.ask())
    with served.rt.transaction() as session:
        before = session.scalar(select(func.count()).select_from(Outgoing))
    with queues.hints(served.rt.addresses.render_broker_url) as connection:
        producer = connection.Producer(auto_declare=False)
        for body in ("[" * 100_000, "{}", '"order"'):
            producer.publish(
                body,
                exchange="",
                routing_key=queues.RENDERED_QUEUE,
                content_type="application/json",
                content_encoding="utf-8",
            )
        queues.hint(connection, str(order.id), order.attempt)

    clerk.collect()

    assert waiting(served) == before + 1
    with queues.hints(served.rt.addresses.render_broker_url) as connection:
        assert connection.default_channel.basic_get(queues.RENDERED_QUEUE) is None


def test_a_request_is_hinted_at_again_when_its_queue_is_drained_and_not_before(
    served: Any, clerk: Clerk, later: Callable[..., None]
) -> None:
    served.ask()
    clerk.relay()
    later(seconds=10)

    clerk.sweep_requests()
    assert waiting(served) == 0
    messages(BANK_QUEUE)
    clerk.sweep_requests()
    assert waiting(served) == 1


def test_photos_are_hinted_at_again_when_their_queue_is_drained(
    served: Any, clerk: Clerk, later: Callable[..., None]
) -> None:
    """The three photos were taken in by hand, and what was filed for them is still there."""
    clerk.relay()
    later(seconds=10)

    clerk.sweep_batches()
    assert waiting(served) == 0
    messages(INGEST_QUEUE)
    clerk.sweep_batches()
    assert waiting(served) == 3


def test_an_order_that_the_broker_lost_is_published_again(
    served: Any, clerk: Clerk, later: Callable[..., None]
) -> None:
    order = ordered(served, clerk)
    later(seconds=10)
    clerk.sweep_orders()
    clerk.relay()
    assert held(served) == [order.id]

    empty(served)
    clerk.sweep_orders()
    clerk.relay()

    assert held(served) == [order.id]
    with served.rt.transaction() as session:
        assert session.get_one(Order, order.id).published == 2


@pytest.mark.parametrize("taken", [False, True])
def test_orders_that_are_over_leave_the_broker(served: Any, clerk: Clerk, taken: bool) -> None:
    over = ordered(served, clerk)
    if taken:  # by a worker that dies
        with queues.make_app(served.rt.addresses.render_broker_url) as app:
            connection = app.connection_for_read()
            connection.default_channel.do_restore = False
            connection.default_channel.basic_get(queues.RENDER_QUEUE)
            connection.release()
    assert held(served) == [over.id]
    served.render(over)
    steps.seal(served.rt, over.id)

    clerk.sweep_orders()

    assert held(served) == []


def test_a_checkpoint_is_signed_when_the_log_has_grown(served: Any, clerk: Clerk) -> None:
    clerk.checkpoint()
    with served.rt.transaction() as session:
        first, size = checkpoints.latest(session), log.epoch(session)
    assert first is not None and first.size == size

    clerk.checkpoint()
    with served.rt.transaction() as session:
        again = checkpoints.latest(session)
    assert again is not None and again.size == size


def test_a_witness_is_told_beside_the_rounds_and_its_silence_stops_nothing(
    served: Any, clerk: Clerk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = notes.public_key_line("gone.example", served.rt.log_key.public_key(), notes.COSIGNATURE)
    told = {"witness_file": tmp_path / "kept", "witness_urls": f"{key} http://127.0.0.1:9"}
    monkeypatch.setattr(served.rt, "settings", served.rt.settings.model_copy(update=told))
    clerk.checkpoint()
    clerk.beside()
    with served.rt.transaction() as session:
        last = checkpoints.latest(session)
        states = telling.states(session, witnesses(served.rt.settings))
    assert last is not None
    assert [(one.kind, one.size, one.failures) for one in states] == [("file", last.size, 0), ("url", 0, 1)]
    kept = (tmp_path / "kept").read_text().splitlines()
    assert [json.loads(line)["note"] for line in kept] == [last.note]


def test_a_part_that_fails_stops_no_other(
    served: Any, clerk: Clerk, later: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    order = ordered(served, clerk)
    served.ask(seed=8)
    clerk.relay()
    empty(served)
    later(minutes=1)

    def away(*args: object) -> None:
        raise BlobUnavailable("down")

    def broken() -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(served.rt.blobs, "exists", away)
    monkeypatch.setattr(clerk, "collect", broken)

    clerk.round()  # sweeps
    clerk.round()  # sends what was swept

    assert ("synthesis.advance" in dict(messages(BANK_QUEUE))) and held(served) == []
    assert "orders: the object store cannot be used now: down" in caplog.text
    assert "a fault of ours" in caplog.text
    with served.rt.transaction() as session:
        assert session.get_one(Order, order.id).published == 1


class Clerks:
    """Clerks as processes."""

    def __init__(self, bank: Any, folder: Path) -> None:
        told = bank.rt.settings.model_dump(exclude_none=True)
        self._env = {f"BANKD_{name.upper()}": str(value) for name, value in told.items()}
        self._folder = folder
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        env = os.environ | self._env | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        with (self._folder / f"clerk-{len(self.running)}").open("wb") as said:
            self.running.append(
                subprocess.Popen([sys.executable, "-m", "bankd.clerk"], env=env, stdout=said, stderr=said)
            )
        return self.running[-1]

    def said(self, number: int) -> str:
        return (self._folder / f"clerk-{number}").read_text()

    def await_word(self, number: int, word: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while word not in self.said(number):
            assert time.monotonic() < deadline, self.said(number)
            time.sleep(0.05)


@pytest.fixture
def clerks(served: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clerks]:
    clerks = Clerks(served, tmp_path_factory.mktemp("clerks"))
    yield clerks
    for process in clerks.running:
        process.kill()
        process.wait(60)


def test_one_clerk_works_and_the_next_takes_over_when_it_dies(
    served: Any, clerk: Clerk, clerks: Clerks
) -> None:
    first = clerks.start()
    clerks.await_word(0, "at work")
    second = clerks.start()
    request_id = served.ask()
    deadline = time.monotonic() + PATIENCE_S
    while waiting(served):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert ("synthesis.advance", {"request_id": str(request_id)}) in messages(BANK_QUEUE)
    assert "at work" not in clerks.said(1)

    first.send_signal(signal.SIGKILL)

    clerks.await_word(1, "at work")
    second.send_signal(signal.SIGTERM)
    assert second.wait(PATIENCE_S) == 0
    assert "stopped" in clerks.said(1)
