"""Waiting for the workers, with one line that tells a person at a terminal how far they are."""

import sys
import time
from collections.abc import Callable
from typing import TypeVar

import click

from bankd import installation
from bankd.embedded.processes import State
from bankd.runtime import Runtime

POLL_S = 0.25
LOOK_S = 5.0  # between two looks at whether the workers live

Seen = TypeVar("Seen")


def wait(
    runtime: Runtime,
    look: Callable[[], Seen],
    *,
    done: Callable[[Seen], bool],
    line: Callable[[Seen], str],
    workers: frozenset[str],
    later: str,
) -> Seen:
    """Look until it is done.

    Args:
        workers: without these nothing moves; a person is told once when one does not run.
        later: the command that shows the same later, for a person who stops waiting.
    """
    shows = sys.stderr.isatty()
    told, looked = False, time.monotonic() - LOOK_S
    try:
        while not done(seen := look()):
            if shows:
                click.echo(f"\r\x1b[K{line(seen)}", nl=False, err=True)
            if not told and time.monotonic() - looked >= LOOK_S:
                looked = time.monotonic()
                if stopped := _stopped(runtime, workers):
                    told = True
                    click.echo(
                        f"{_clear(shows)}nothing moves while `{stopped}` does not run: `bankd up` starts it",
                        err=True,
                    )
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        click.echo(f"{_clear(shows)}the work goes on: see `{later}`", err=True)
        raise click.exceptions.Exit(130) from None
    if shows:
        click.echo(_clear(shows), nl=False, err=True)
    return seen


def _stopped(runtime: Runtime, workers: frozenset[str]) -> str | None:
    running = {one.name for one in installation.status(runtime) if one.state is State.RUNNING}
    return min(workers - running, default=None)


def _clear(shows: bool) -> str:
    return "\r\x1b[K" if shows else ""
