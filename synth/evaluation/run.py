"""Measure a folder of pictures: `python -m synth.evaluation.run FOLDER OUT`.

Writes OUT/evaluation.json (a list of rows: name, value, interval, target, holds) and OUT/evaluation.html.
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synth.evaluation import folder as folders
from synth.evaluation import report
from synth.evaluation.bootstrap import DRAWS, Draws
from synth.evaluation.features import Lite0
from synth.evaluation.measure import Measure
from synth.evaluation.rows import Row, rows
from synth.pictures import SynthError


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m synth.evaluation.run", description=__doc__)
    parser.add_argument("folder", type=Path, help="what synth.evaluation.folder describes")
    parser.add_argument("out", type=Path)
    parser.add_argument("--title", default="Evaluation")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of the scenes, for the intervals")
    options = parser.parse_args(arguments)
    try:
        found = evaluate(options.folder, options.out, title=options.title, draws=options.draws)
    except SynthError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for row in found:
        print(line(row))
    return 0


def evaluate(folder: Path, out: Path, *, title: str, draws: int = DRAWS) -> list[Row]:
    """Measure every system in the folder, write figures and report, and hand out the rows."""
    given = folders.read(folder)
    features = Lite0()
    drawn = Draws.of([photo.scene for photo in given.real], draws=draws)
    measure = Measure(given.real, given.bank, features=features, judges=given.judges, draws=drawn)
    measured = measure(given.systems)
    found = rows(measured, given.networks)
    out.mkdir(parents=True, exist_ok=True)
    write_rows(out / "evaluation.json", found)
    page = report.page(given, measured, found, title=title, digests={features.name: features.digest})
    (out / "evaluation.html").write_text(page, encoding="utf-8")
    return found


def write_rows(path: Path, found: Sequence[Row]) -> None:
    path.write_text(json.dumps([as_json(row) for row in found], indent=1) + "\n", encoding="utf-8")


def as_json(row: Row) -> dict[str, Any]:
    """A number that does not exist, or an open end, is null: JSON has no infinity."""

    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    interval = None if row.interval is None else [number(end) for end in row.interval]
    return {
        "name": row.name,
        "value": number(row.value),
        "interval": interval,
        "target": row.target,
        "holds": row.holds,
    }


def line(row: Row) -> str:
    """One row, as a person reads it."""
    interval = "" if row.interval is None else f"  [{row.interval[0]:.4g}, {row.interval[1]:.4g}]"
    aim = "" if row.target is None else f"  {row.target}: {'holds' if row.holds else 'MISSED'}"
    return f"{row.name:<52} {row.value:>10.4g}{interval}{aim}"


if __name__ == "__main__":
    raise SystemExit(main())
