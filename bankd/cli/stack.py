"""`bankd up`, `down` and `status`: the installation itself."""

import click
from sqlalchemy.exc import SQLAlchemyError

from bankd import installation
from bankd.cli.printing import as_json, count, print_json, print_rows, word
from bankd.embedded import ServiceStatus
from bankd.embedded.processes import State
from bankd.errors import BankError
from bankd.notices import service as notices
from bankd.runtime import Runtime
from bankd.witnesses import telling
from bankd.witnesses.errors import WitnessInvalid
from bankd.witnesses.setup import witnesses


@click.command()
@click.pass_obj
def up(runtime: Runtime) -> None:
    """Start all that does not run; safe to call at any time."""
    installation.up(runtime)
    _show(runtime, in_json=False)
    if installation.other_policies(runtime):
        folder = installation.policies()
        click.echo(
            "the policies in force are not those of this version, and may know nothing of what it asks:"
            f" see `bankd policies diff {folder}`, then `bankd policies activate {folder}`",
            err=True,
        )


@click.command()
@click.pass_obj
def down(runtime: Runtime) -> None:
    """Stop the workers and services; work in hand goes on at the next `up`."""
    installation.down(runtime)
    click.echo("stopped")


@click.command()
@as_json
@click.pass_obj
def status(runtime: Runtime, in_json: bool) -> None:
    """Say what runs; exit status 1 if something does not."""
    if any(one.state is not State.RUNNING for one in _show(runtime, in_json=in_json)):
        raise click.exceptions.Exit(1)


def _show(runtime: Runtime, *, in_json: bool) -> list[ServiceStatus]:
    found = installation.status(runtime)
    if in_json:
        print_json(found)
        return found
    print_rows(
        ("service", "state", "pid", "since", "where"),
        [(one.name, one.state, one.pid, one.since, one.where) for one in found],
        none="nothing runs here",
    )
    _say_dead(runtime)
    _say_untold(runtime)
    return found


def _say_dead(runtime: Runtime) -> None:
    """What could not be told to anybody, where the bank can be asked at all."""
    try:
        with runtime.transaction() as session:
            dead = notices.dead(session)
    except (BankError, SQLAlchemyError):  # the rows above say what does not run
        return
    if dead:
        click.echo(f"{count(dead, 'notice')} could not be sent: `bankd notices list --state dead`")


def _say_untold(runtime: Runtime) -> None:
    """Witnesses that could not be told of the log: nothing waits for them, so somebody has to be told."""
    try:
        with runtime.transaction() as session:
            found = telling.states(session, witnesses(runtime.settings))
    except WitnessInvalid as error:
        click.echo(f"witnesses: {error}")
        return
    except (BankError, SQLAlchemyError):
        return
    for one in found:
        if one.last_error is not None:
            click.echo(f"{one.last_error} (since {word(one.failing_since)}): `bankd log witnesses`")
