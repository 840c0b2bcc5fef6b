"""What the bank sees of `render` in a real Valkey, and what it takes away there."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from celery import Celery
from kombu import Connection

from bankd import embedded
from bankd.worker import app as worker
from bankd.worker import render_queue
from bankd.worker.errors import BrokerUnavailable
from synth.queues import RENDER_QUEUE, RENDER_TASK, make_app

NOBODY = "redis+socket://bank:secret@/nowhere/valkey.sock?virtual_host=0"


@pytest.fixture
def render(stack: embedded.Addresses) -> Iterator[Celery]:
    """The bank's side of the queue; empty before and after."""
    with make_app(stack.broker_url) as app:
        render_queue.take_away(app, render_queue.held(app) or [])
        yield app
        render_queue.take_away(app, render_queue.held(app) or [])


def publish(app: Celery, *orders: UUID) -> None:
    for order in orders:
        app.send_task(RENDER_TASK, args=("order", "signature"), queue=RENDER_QUEUE, task_id=str(order))


def take(app: Celery) -> Connection:
    """Take the next order as a worker does and die with it: nothing is acknowledged or put back."""
    connection = app.connection_for_read()
    channel = connection.default_channel
    channel.do_restore = False
    assert channel.basic_get(RENDER_QUEUE) is not None
    return connection


def seen(app: Celery) -> list[tuple[UUID, bool]]:
    held = render_queue.held(app)
    assert held is not None
    return [(order.order_id, order.taken) for order in held]


def test_orders_wait_until_a_worker_takes_them(render: Celery) -> None:
    first, second = uuid4(), uuid4()
    publish(render, first, second)
    assert sorted(seen(render), key=str) == sorted([(first, False), (second, False)], key=str)
    assert not worker.drained(render, RENDER_QUEUE)

    take(render).release()

    assert seen(render) == [(second, False), (first, True)]


def test_what_is_over_is_taken_away_from_the_queue_and_from_dead_hands(render: Celery) -> None:
    dead, over, wanted = uuid4(), uuid4(), uuid4()
    publish(render, dead, over, wanted)
    take(render).release()

    held = render_queue.held(render)
    assert held is not None
    render_queue.take_away(render, (order for order in held if order.order_id != wanted))

    assert seen(render) == [(wanted, False)]
    with render.connection_for_read() as connection:
        message = connection.default_channel.basic_get(RENDER_QUEUE)
        assert message.headers["id"] == str(wanted)
        message.ack()
    assert seen(render) == []


def test_a_message_that_is_no_order_is_left_to_the_worker_to_refuse(render: Celery) -> None:
    render.send_task(RENDER_TASK, args=("order", "signature"), queue=RENDER_QUEUE, task_id="no order's")

    assert seen(render) == []
    assert not worker.drained(render, RENDER_QUEUE)
    with render.connection_for_read() as connection:
        connection.default_channel.basic_get(RENDER_QUEUE).ack()


def test_an_empty_queue_is_drained(render: Celery) -> None:
    assert worker.drained(render, RENDER_QUEUE)


def test_a_broker_that_is_away_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _: None)  # it will not come back
    with make_app(NOBODY) as app:
        with pytest.raises(BrokerUnavailable, match="the broker cannot be reached: "):
            render_queue.held(app)
        with pytest.raises(BrokerUnavailable, match="the broker cannot be reached: "):
            worker.drained(app, RENDER_QUEUE)


def test_another_kind_of_broker_keeps_its_messages_to_itself() -> None:
    with make_app("memory://") as app:
        assert render_queue.held(app) is None
