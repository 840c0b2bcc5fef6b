import os
import secrets
import signal
import sys
import time
from pathlib import Path

import kombu
import pytest
import redis
from celery import Celery
from redis.backoff import NoBackoff
from redis.retry import Retry

from bankd.embedded import State, processes, valkey
from bankd.embedded.folder import credentials

WORKER = Path(__file__).with_name("render_worker.py")


def client(folder, user, password=None):
    known = credentials(folder)[valkey.NAME]
    return redis.Redis(
        unix_socket_path=known["socket"],
        username=user,
        password=password or known[user],
        retry=Retry(NoBackoff(), retries=0),
    )


@pytest.fixture
def bank(machine):
    with client(machine.folder, valkey.BANK) as found:
        yield found


@pytest.fixture
def orders(machine, bank):
    """The bank's side of the queue `render`; empty before and after."""
    app = Celery("bank", broker=machine.addresses.broker_url)
    app.conf.update(broker_transport_options={"global_keyprefix": "render."}, task_ignore_result=True)
    names = ("render.render", "render.unacked", "render.unacked_index", "rendered.rendered")
    bank.delete(*names)
    yield lambda attempt, nap_s=0.0: app.send_task("render.order", [attempt, nap_s], queue="render")
    app.close()
    bank.delete(*names)


@pytest.fixture
def worker(machine):
    """Start a render worker under a name; it gets its broker's address and no other word."""
    started = []

    def start(name):
        env = {
            "BROKER": machine.addresses.render_broker_url,
            "PATH": "/usr/bin:/bin",
            "PYTHONWARNINGS": "ignore",
        }
        started.append(name)
        return processes.start(name, [sys.executable, str(WORKER)], env, machine.folder, machine.folder)

    yield start
    for name in started:
        processes.stop(name, machine.folder, by=((signal.SIGKILL, 10.0),))
        processes.log_path(name, machine.folder).unlink()


def said(machine, name):
    return processes.log_path(name, machine.folder).read_text()


def await_word(machine, name, word):
    deadline = time.monotonic() + 300
    while word not in said(machine, name):
        assert time.monotonic() < deadline, said(machine, name)
        assert processes.state(name, machine.folder) is State.RUNNING, said(machine, name)
        time.sleep(0.02)


def hint(machine):
    """The next hint that a rendering is done, None if there is none soon."""
    options = {"global_keyprefix": "rendered."}
    with (
        kombu.Connection(machine.addresses.broker_url, transport_options=options) as broker,
        broker.SimpleQueue("rendered") as queue,
    ):
        message = queue.get(timeout=300)
        message.ack()
        return message.payload


def redeliver(machine, *, after_s):
    """What the bank does for workers that died: put back what they hold for longer."""
    options = {
        "global_keyprefix": "render.",
        "visibility_timeout": after_s,
        "unacked_mutex_key": "redelivery_mutex",
    }
    with kombu.Connection(machine.addresses.broker_url, transport_options=options) as broker:
        broker.default_channel.qos.restore_visible(num=100, interval=1)


def test_render_worker_takes_orders_and_leaves_hints_with_no_other_right(machine, bank, orders, worker):
    attempts = [secrets.token_hex(4) for _ in range(3)]
    for attempt in attempts:
        orders(attempt)

    worker("render-1")

    assert [hint(machine)["attempt"] for _ in attempts] == attempts
    assert bank.exists("render.unacked", "render.render") == 0
    assert "NOPERM" not in said(machine, "render-1")


def test_order_of_a_killed_render_worker_is_put_back_by_the_bank(machine, bank, orders, worker):
    attempt = secrets.token_hex(4)
    orders(attempt, nap_s=60)
    first = worker("render-1")
    await_word(machine, "render-1", f"taken {attempt}")

    os.kill(first.pid, signal.SIGKILL)
    redeliver(machine, after_s=3600)
    before = bank.llen("render.render")
    redeliver(machine, after_s=0)

    assert (before, bank.llen("render.render"), bank.hlen("render.unacked")) == (0, 1, 0)
    worker("render-2")
    await_word(machine, "render-2", f"taken {attempt}")


def test_render_worker_that_is_told_to_stop_finishes_its_order_first(machine, bank, orders, worker):
    attempt = secrets.token_hex(4)
    orders(attempt, nap_s=1)
    worker("render-1")
    await_word(machine, "render-1", f"taken {attempt}")

    processes.stop("render-1", machine.folder)

    assert hint(machine) == {"attempt": attempt}
    assert bank.exists("render.unacked", "render.render") == 0
    assert "NOPERM" not in said(machine, "render-1")


@pytest.mark.parametrize(
    "command",
    [
        ("LPUSH", "bank", "x"),
        ("LPUSH", "bank.bank", "x"),
        ("LPUSH", "render.render", "forged order"),
        ("RPUSH", "rendered.rendered", "x"),
        ("LRANGE", "rendered.rendered", "0", "-1"),
        ("BRPOP", "rendered.rendered", "0.1"),
        ("BRPOP", "bank.bank", "0.1"),
        ("LRANGE", "render.render", "0", "-1"),
        ("DEL", "render.render"),
        ("HGETALL", "render.unacked"),
        ("HGET", "render.unacked", "another's"),
        ("DEL", "render.unacked_mutex"),
        ("GET", "bank.secret"),
        ("SET", "bank.secret", "x"),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("EVAL", "return 1", "0"),
        ("SCRIPT", "LOAD", "return 1"),
        ("FUNCTION", "LIST"),
        ("SUBSCRIBE", "celery"),
        ("PUBLISH", "celery", "x"),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("CLIENT", "LIST"),
        ("MONITOR",),
        ("FLUSHALL",),
        ("SHUTDOWN", "NOSAVE"),
        ("INFO",),
    ],
)
def test_render_user_may_not(machine, command):
    with client(machine.folder, valkey.RENDER) as render, pytest.raises(redis.exceptions.NoPermissionError):
        render.execute_command(*command)


@pytest.mark.parametrize(
    "command",
    [("CONFIG", "GET", "*"), ("ACL", "LIST"), ("FLUSHALL",), ("SHUTDOWN", "NOSAVE"), ("MODULE", "LIST")],
)
def test_bank_user_works_queues_and_does_not_administer(bank, command):
    with pytest.raises(redis.exceptions.NoPermissionError):
        bank.execute_command(*command)


def test_nobody_enters_without_a_password(machine):
    known = credentials(machine.folder)[valkey.NAME]
    with (
        redis.Redis(unix_socket_path=known["socket"], retry=Retry(NoBackoff(), retries=0)) as nobody,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        nobody.ping()
    for user in (valkey.BANK, valkey.RENDER, "default"):
        with (
            client(machine.folder, user, password="wrong") as thief,
            pytest.raises(redis.exceptions.AuthenticationError),
        ):
            thief.ping()


def test_full_broker_refuses_and_forgets_nothing(machine, bank):
    memory = bank.info("memory")
    persistence = bank.info("persistence")

    assert (memory["maxmemory_policy"], memory["maxmemory"]) == ("noeviction", 512 * 2**20)
    assert persistence["aof_enabled"] == 1
