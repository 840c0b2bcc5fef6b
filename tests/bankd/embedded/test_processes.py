import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bankd import embedded
from bankd.embedded import State, processes
from bankd.embedded.errors import StartFailed, StopFailed

SLEEP = ["/bin/sleep", "600"]


@pytest.fixture
def folder(tmp_path):
    yield tmp_path
    for record in processes.records(tmp_path):
        processes.stop(record.name, tmp_path)


def await_state(name, folder, wanted):
    deadline = time.monotonic() + 300
    while processes.state(name, folder) is not wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    return processes.state(name, folder)


def test_process_outlives_its_starter_in_a_session_of_its_own(folder):
    script = (
        "import sys; from pathlib import Path; from bankd.embedded import processes\n"
        f"processes.start('worker', {SLEEP}, {{}}, Path('/'), Path(sys.argv[1]))\n"
    )
    package = str(Path(embedded.__file__).parents[2])
    subprocess.run(
        [sys.executable, "-c", script, folder], check=True, env={**os.environ, "PYTHONPATH": package}
    )

    record = processes.record("worker", folder)

    assert processes.state("worker", folder) is State.RUNNING
    assert os.getsid(record.pid) != os.getsid(0)
    assert [part.name for part in embedded.status(folder)] == ["postgres", "valkey", "seaweed", "worker"]
    processes.stop("worker", folder)
    assert processes.state("worker", folder) is State.STOPPED
    assert processes.start_ticks(record.pid) is None


def test_started_twice_it_runs_once(folder):
    first = processes.start("worker", SLEEP, {}, folder, folder)

    assert processes.start("worker", SLEEP, {}, folder, folder) == first


def test_it_sees_the_environment_and_folder_given_and_its_words_are_kept(folder):
    processes.start(
        "worker", ["/bin/sh", "-c", 'echo "$WORD in $(pwd)"; exit 3'], {"WORD": "hello"}, folder, folder
    )

    assert await_state("worker", folder, State.DEAD) is State.DEAD
    assert processes.last_words("worker", folder) == f"hello in {folder}"


def test_program_that_is_not_there_is_named(folder):
    with pytest.raises(StartFailed, match=r"worker did not start: .*No such file"):
        processes.start("worker", ["/no/such/program"], {}, folder, folder)
    assert processes.state("worker", folder) is State.STOPPED


def test_pid_that_became_another_programs_is_not_ours_and_not_stopped(folder):
    bystander = processes.start("bystander", SLEEP, {}, folder, folder)
    facts = json.loads((folder / "run" / "bystander.json").read_text())
    (folder / "run" / "worker.json").write_text(
        json.dumps({**facts, "name": "worker", "ticks": facts["ticks"] - 1})
    )

    assert processes.state("worker", folder) is State.DEAD
    processes.stop("worker", folder)

    assert processes.state("worker", folder) is State.STOPPED
    assert bystander.alive


def test_process_of_before_a_reboot_is_dead(folder):
    processes.start("worker", SLEEP, {}, folder, folder)
    path = folder / "run" / "worker.json"
    now = path.read_text()
    path.write_text(json.dumps({**json.loads(now), "boot": "another"}))

    assert processes.state("worker", folder) is State.DEAD
    path.write_text(now)


def test_zombie_is_dead():
    child = subprocess.Popen(["/bin/true"])
    deadline = time.monotonic() + 300
    while processes.start_ticks(child.pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)

    assert processes.start_ticks(child.pid) is None
    assert Path(f"/proc/{child.pid}").exists()
    child.wait()


def start_deaf(name, folder):
    deaf = ["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done"]
    processes.start(name, deaf, {"PATH": "/usr/bin:/bin"}, folder, folder)
    deadline = time.monotonic() + 300
    while processes.last_words(name, folder) != "deaf" and time.monotonic() < deadline:
        time.sleep(0.01)


def test_what_ignores_the_first_signal_gets_the_next(folder):
    start_deaf("worker", folder)
    term, kill = processes.signal.SIGTERM, processes.signal.SIGKILL

    with pytest.raises(StopFailed):
        processes.stop("worker", folder, by=((term, 0.2),))
    assert processes.state("worker", folder) is State.RUNNING
    processes.stop("worker", folder, by=((term, 0.2), (kill, 60)))

    assert processes.state("worker", folder) is State.STOPPED


def test_several_stop_at_once_and_one_that_stays_keeps_none_of_the_others(folder):
    start_deaf("deaf", folder)
    for name in ("first", "last"):
        processes.start(name, SLEEP, {}, folder, folder)
    term, kill = processes.signal.SIGTERM, processes.signal.SIGKILL

    with pytest.raises(StopFailed, match="deaf"):
        processes.stop_all(("first", "deaf", "last", "never started"), folder, by=((term, 2.0),))

    assert [record.name for record in processes.records(folder)] == ["deaf"]
    processes.stop_all(("deaf",), folder, by=((term, 0.1), (kill, 60)))
    assert processes.records(folder) == []
