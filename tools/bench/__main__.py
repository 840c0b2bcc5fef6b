"""Measure, show a table, write OUT/bench.json and the chart OUT/bench.svg."""

import argparse
import importlib
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tools.bench import MODULES
from tools.bench import __doc__ as description
from tools.bench.rows import Row, figure, table, write_chart, write_json
from tools.bench.timing import machine


def main() -> int:
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # as the bank's workers are started; before numpy loads
    modules = {name: importlib.import_module(f"tools.bench.{name}") for name in MODULES}
    parser = argparse.ArgumentParser(
        prog="python -m tools.bench",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", action="append", choices=MODULES, help="these rows alone; may be repeated")
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--seed", type=int, default=1)
    for module in modules.values():
        module.options(parser)
    chosen = parser.parse_args()

    # As after Ctrl-C: servers that were started are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rows: list[Row] = []
    failed = []
    print(machine(), flush=True)
    for name in chosen.only or MODULES:
        print(f"\n{name}", flush=True)
        start = time.monotonic()
        try:
            # A folder with a short name: sockets lie in it.
            with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
                for row in modules[name].rows(chosen, Path(scratch)):
                    rows.append(row)
                    missed = "" if row.holds is not False else ", missed"
                    aim = f" ({row.target}{missed})" if row.target else ""
                    print(f"  {row.name}: {figure(row.value)} {row.unit}{aim}", flush=True)
        except Exception:
            # The other modules' figures are worth having.
            traceback.print_exc()
            failed.append(name)
        print(f"  in {time.monotonic() - start:.0f} s", flush=True)

    chosen.out.mkdir(parents=True, exist_ok=True)
    write_json(chosen.out / "bench.json", rows)
    write_chart(chosen.out / "bench.svg", rows, title=f"Ratios of one run, {machine()}")
    print(f"\n{table(rows)}\n\nrows in {chosen.out / 'bench.json'}, chart in {chosen.out / 'bench.svg'}")
    if failed:
        print(f"error: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
