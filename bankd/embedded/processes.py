"""Processes that outlive the command that started them.

Each has a record `<folder>/run/<name>.json` and a log `<folder>/log/<name>.log`.
A process is ours if its pid *and* its start time are those of the record, so a
pid that the kernel gave to another program is never taken for ours, nor killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from bankd.embedded.errors import StartFailed, StopFailed
from bankd.embedded.folder import write_private

LAUNCHER = Path(__file__).with_name("launch.py")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
POLL_S = 0.02

PASSED = 3  # the descriptor of a folder passed open

# How a program started by root gives up root's privileges, and the user whom it becomes; None: it keeps them.
Drop = tuple[Literal["namespace", "user"], int] | None

# Each signal with the seconds that it is given before the next.
Signals = Sequence[tuple[signal.Signals, float]]
TERM_THEN_KILL: Signals = ((signal.SIGTERM, 30.0), (signal.SIGKILL, 10.0))


class State(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"  # never started, or stopped by us
    DEAD = "dead"  # died since it was started


@dataclass(frozen=True)
class Record:
    """One process as it was started; `ticks` is its start time as the kernel counts it since `boot`."""

    name: str
    pid: int
    ticks: int
    boot: str
    since: datetime
    where: str

    @property
    def alive(self) -> bool:
        return self.boot == BOOT_ID.read_text().strip() and start_ticks(self.pid) == self.ticks


def start_ticks(pid: int) -> int | None:
    """When the process started, or None if it is gone. A zombie is gone, unless threads of it still end."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces
        if fields[0] in "ZX" and len(list(Path(f"/proc/{pid}/task").iterdir())) < 2:
            return None
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[19])


def log_path(name: str, folder: Path) -> Path:
    return folder / "log" / f"{name}.log"


def record(name: str, folder: Path) -> Record | None:
    """The record of the process last started under this name and not stopped since."""
    try:
        facts = json.loads(_record_path(name, folder).read_text())
    except FileNotFoundError:
        return None
    return Record(**{**facts, "since": datetime.fromisoformat(facts["since"])})


def records(folder: Path) -> list[Record]:
    """Every process of this folder that was started and not stopped since, by name."""
    names = sorted(path.stem for path in (folder / "run").glob("*.json"))
    return [found for name in names if (found := record(name, folder))]


def state(name: str, folder: Path) -> State:
    found = record(name, folder)
    if found is None:
        return State.STOPPED
    return State.RUNNING if found.alive else State.DEAD


def start(
    name: str,
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    folder: Path,
    *,
    where: str = "",
    drop: Drop = None,
    passing: Path | None = None,
) -> Record:
    """Start a program in its own session, unless it runs; it survives the caller.

    Args:
        argv: the program's absolute path first.
        env: all that the program will see of the environment.
        where: what people are told about where it listens.
        passing: a folder that the program inherits open, as descriptor `PASSED`.

    Raises:
        StartFailed: the program could not be executed.
    """
    found = record(name, folder)
    if found and found.alive:
        return found
    log = log_path(name, folder)
    for made in (log.parent, folder / "run"):
        made.mkdir(mode=0o700, exist_ok=True)
    launched = _launch(argv, env, cwd, drop=drop, passing=passing, log=log)
    answer = json.loads(launched.stdout or "{}")
    if "error" in answer or "pid" not in answer:
        raise StartFailed(name, answer.get("error") or launched.stderr.strip()[-500:], log)
    pid = int(answer["pid"])
    started = Record(
        name=name,
        pid=pid,
        ticks=start_ticks(pid) or 0,  # 0 is nobody's: it has died already
        boot=BOOT_ID.read_text().strip(),
        since=datetime.now(UTC),
        where=where,
    )
    facts = {**vars(started), "since": started.since.isoformat()}
    write_private(_record_path(name, folder), json.dumps(facts))
    return started


def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    *,
    drop: Drop = None,
    passing: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it said, whatever its exit status."""
    return _launch(argv, env, cwd, drop=drop, passing=passing, log=None)


def stop(name: str, folder: Path, *, by: Signals = TERM_THEN_KILL) -> None:
    """Stop the process if it runs, and forget it. Each signal is given its seconds before the next.

    Raises:
        StopFailed: it is still there after the last signal.
    """
    stop_all((name,), folder, by=by)


def stop_all(names: Iterable[str], folder: Path, *, by: Signals = TERM_THEN_KILL) -> None:
    """Stop all of them at once, so that it takes as long as the slowest, and forget those that are gone.

    Raises:
        StopFailed: one is still there after the last signal; the others were stopped.
    """
    found = [one for name in names if (one := record(name, folder))]
    for number, patience_s in by:
        left = [one for one in found if one.alive]
        for one in left:
            with suppress(ProcessLookupError):  # it ended by itself just now
                os.kill(one.pid, number)
        deadline = time.monotonic() + patience_s
        while any(one.alive for one in left) and time.monotonic() < deadline:
            time.sleep(POLL_S)
    left = [one for one in found if one.alive]
    for one in found:
        if one not in left:
            _record_path(one.name, folder).unlink(missing_ok=True)
    if left:
        raise StopFailed(left[0].name, left[0].pid)


def last_words(name: str, folder: Path) -> str:
    """What the program logged last, and of the last lines the fatal one: most often why it ended."""
    try:
        lines = log_path(name, folder).read_text(errors="replace").splitlines()[-6:]
    except FileNotFoundError:
        lines = []
    said = [line.strip() for line in lines if line.strip()]
    fatal = [line for line in said if any(word in line for word in ("FATAL", "PANIC", "panic:", "rror"))]
    return (fatal or said or ["it logged nothing"])[-1][:500]


def _record_path(name: str, folder: Path) -> Path:
    return folder / "run" / f"{name}.json"


def _launch(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    *,
    drop: Drop,
    passing: Path | None,
    log: Path | None,
) -> subprocess.CompletedProcess[str]:
    order = {
        "argv": list(argv),
        "env": dict(env),
        "cwd": str(cwd),
        "drop": drop,
        "folder": str(passing) if passing else None,
        "log": str(log) if log else None,
    }
    return subprocess.run(
        [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(order)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
