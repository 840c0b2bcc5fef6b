"""Ranking: the resident index against SQL, brute force and an approximate index."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from tools.bench.rows import Row


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--segments", type=int, default=50_000, help="rows that are ranked (50000)")


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    yield from ()
