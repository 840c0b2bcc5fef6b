import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SLOW = """
import signal, sys, time
from tools.bench.processes import processes

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with processes(2, print, "begun") as pool:
        results = pool.map(time.sleep, [0.5] * 2000)
        next(results)
        print("working", flush=True)
        for _ in results:
            pass
"""


def test_a_benchmark_that_is_told_to_end_ends_without_a_word(tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    running = subprocess.Popen(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert running.stdout is not None
        while running.stdout.readline() != "working\n":
            assert running.poll() is None
        os.killpg(running.pid, signal.SIGTERM)
        _, said = running.communicate(timeout=300)
    finally:
        running.kill()

    assert (running.returncode, said) == (143, "")
