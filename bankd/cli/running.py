"""Programs of `synth` that commands run, each in a process of its own: here no torch is ever loaded."""

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bankd.runtime import Runtime
from bankd.training import exporting
from bankd.training.exporting import Export


def run_to_end(words: Sequence[str]) -> int:
    """Run a program to its end. Ctrl-C reaches it too, and it saves what was learned: give it the time."""
    with subprocess.Popen(words) as program:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                return program.wait()


def write_export(runtime: Runtime, export: Export, folder: Path) -> None:
    """Raises BlobUnavailable, BlobMissing, BlobDamaged."""
    with click.progressbar(length=len(export.files), label="Exporting", file=sys.stderr) as bar:
        exporting.write(
            export, folder, blobs=runtime.blobs, progress=lambda done, _of: bar.update(done - bar.pos)
        )
