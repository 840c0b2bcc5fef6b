"""Clocks of a benchmark: what is compared is measured turn about, and the median is told."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def in_turn(ways: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way, round by round: a machine that slows down slows all of them alike.

    Each is called once before, unmeasured: what is compiled or cached then stays so.
    """
    for call in ways.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, call in ways.items():
            taken[name].append(seconds(call))
    return taken


def p50(values: Sequence[float]) -> float:
    return statistics.median(values)


def p95(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, -(-95 * len(ordered) // 100) - 1)]


def machine() -> str:
    """The machine in words."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processor = platform.processor() or platform.machine()
    memory = ""
    if Path("/proc/cpuinfo").exists():
        fields = dict(
            (part.strip() for part in line.split(":", 1))
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if ":" in line
        )
        processor = fields.get("model name", processor)
        total_kb = Path("/proc/meminfo").read_text().split(maxsplit=2)[1]
        memory = f", {int(total_kb) / 2**20:.0f} GiB of memory"
    plural = "s" if cores > 1 else ""
    return (
        f"{cores} core{plural} ({processor}){memory}, {platform.system()}, Python {platform.python_version()}"
    )
