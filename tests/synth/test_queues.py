"""Workers on the settings of both queues, and a broker that dies under them."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bankd import embedded
from bankd.embedded import processes, valkey
from synth.queues import RENDER_QUEUE, make_app

WORKER = Path(__file__).with_name("queue_worker.py")
PATIENCE_S = 300


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A broker of this test's own, to be killed."""
    folder = tmp_path_factory.mktemp("broker")
    embedded.up(folder, services=frozenset({valkey.NAME}), durability=False)
    yield folder
    processes.stop("worker", folder, by=((signal.SIGKILL, 10.0),))
    embedded.down(folder)


def send(folder: Path, name: str, *, until: Path | None = None) -> None:
    with make_app(embedded.addresses(folder).broker_url) as app:
        app.send_task("render.order", [name, until and str(until)], queue=RENDER_QUEUE)


def await_words(folder: Path, *words: str) -> None:
    def said() -> str:
        return processes.log_path("worker", folder).read_text()

    deadline = time.monotonic() + PATIENCE_S
    while missing := [word for word in words if word not in said()]:
        assert time.monotonic() < deadline, f"never said {missing}: {said()}"
        time.sleep(0.05)


def kill_broker(folder: Path) -> None:
    record = processes.record(valkey.NAME, folder)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    while record.alive:
        time.sleep(0.02)


@pytest.mark.parametrize("pool", ["solo", "prefork"])
def test_worker_with_full_hands_when_the_broker_dies_works_on_when_it_is_back(
    folder: Path, pool: str
) -> None:
    env = {
        "BROKER": embedded.addresses(folder).broker_url,
        "POOL": pool,
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    processes.start("worker", [sys.executable, str(WORKER)], env, folder, folder)
    held = ["first"] if pool == "solo" else ["first", "second"]
    for name in held:
        send(folder, name, until=folder / "gone")
    await_words(folder, *(f"taken {name}" for name in held))

    kill_broker(folder)
    (folder / "gone").touch()
    await_words(folder, *(f"done {name}" for name in held), "Couldn't ack")
    embedded.up(folder, services=frozenset({valkey.NAME}), durability=False)
    for name in ("third", "fourth"):
        send(folder, name)

    await_words(folder, "done third", "done fourth")
