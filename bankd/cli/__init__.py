"""The commands of `bankd`: noun, verb, and the services do the work."""

import getpass
import os
from typing import Any

import click

import bankd
from bankd import config
from bankd.access.permissions import Role
from bankd.audit.actor import Actor
from bankd.cli import (
    composites,
    datasets,
    demo,
    departments,
    keys,
    licenses,
    log,
    models,
    photos,
    policies,
    releases,
    reports,
    requests,
    stack,
)
from bankd.errors import BankError
from bankd.licensing.errors import RightsFileRefused
from bankd.runtime import Runtime

PROBLEMS = 20  # of a rights file that are shown at once


class Bank(click.Group):
    """What cannot be done is one sentence and exit status 2; a fault of ours keeps its trace."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BankError as error:
            click.echo(f"error: {error}", err=True)
            if isinstance(error, RightsFileRefused):
                for line, sentence in error.problems[1:PROBLEMS]:
                    click.echo(f"  {f'line {line}: ' if line else ''}{sentence}", err=True)
            ctx.exit(2)


def user() -> str:
    """Who runs the command, as the system knows him."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return str(os.getuid())


@click.group(cls=Bank, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(bankd.__version__, prog_name="bankd")
@click.pass_context
def main(ctx: click.Context) -> None:
    """A memory bank of photo segments, governed by rights.

    Everything of an installation is in the folder that BANKD_HOME names (~/.bankd).
    Begin with `bankd up`.
    """
    if ctx.obj is not None:  # the demo's, which runs the other commands
        return
    runtime = ctx.obj = Runtime(config.load(), Actor("user", user(), frozenset(Role)))

    @ctx.call_on_close
    def close() -> None:
        if "engine" in vars(runtime):  # made when it was first needed
            runtime.engine.dispose()


for command in (
    stack.up,
    stack.down,
    stack.status,
    stack.serve,
    demo.demo,
    photos.photos,
    datasets.datasets,
    licenses.licenses,
    releases.releases,
    requests.requests,
    composites.composites,
    reports.reports,
    log.log,
    models.models,
    policies.policies,
    keys.keys,
    departments.departments,
):
    main.add_command(command)
