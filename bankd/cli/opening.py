"""The bank that a command works in, opened for the person who runs it."""

import getpass
import os

import click

from bankd import config
from bankd.access.permissions import Role
from bankd.audit.actor import Actor
from bankd.runtime import Runtime


def opened(ctx: click.Context) -> None:
    """Give the command its runtime, and close that when the command ends."""
    runtime = ctx.obj = Runtime(config.load(), Actor("user", user(), frozenset(Role)))

    @ctx.call_on_close
    def close() -> None:
        if "engine" in vars(runtime):  # made when it was first needed
            runtime.engine.dispose()


def user() -> str:
    """Who runs the command, as the system knows him."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return str(os.getuid())
