"""The commands of `bankd`: noun, verb, and the services do the work."""

import importlib
from typing import Any

import click

import bankd
from bankd.errors import BankError
from bankd.licensing.errors import RightsFileRefused

PROBLEMS = 20  # of a rights file that are shown at once
OLDER = ("UndefinedColumn", "UndefinedTable")  # what Postgres says before its migrations ran

COMMANDS = {
    "up": ("stack", "Start all that does not run; safe to call at any time."),
    "down": ("stack", "Stop the workers and services; work in hand goes on at the next `up`."),
    "status": ("stack", "Say what runs; exit status 1 if something does not."),
    "serve": ("serving", "Serve the REST API until interrupted."),
    "demo": ("demo", "Show the whole of it on a sample: photos in, composites and reports out."),
    "photos": ("photos", "Photos: ingest, look up, dispute."),
    "datasets": ("datasets", "Datasets and exports: convert into folders to ingest."),
    "licenses": ("licenses", "Licenses: import, look up, verify, give notice, withdraw."),
    "releases": ("releases", "Releases: look up."),
    "withdrawals": ("withdrawals", "Withdrawals: record, look up, confirm takedowns."),
    "holds": ("holds", "Deny holds and legal holds: set, list, lift."),
    "erasures": ("erasures", "Erasures: plan, carry out, look up, certificates."),
    "retentions": ("retentions", "Duties to keep for taxes, contracts and claims: set, list, lift."),
    "exposure": ("exposure", "Exposure: what was made from what the bank holds rights in."),
    "lineage": ("lineage", "Lineage: what was made of what."),
    "expiries": ("expiries", "List the terms, releases, deny holds and embargoes that end within a time."),
    "notices": ("notices", "Notices: list, retry, try the channels."),
    "requests": ("requests", "Requests: file, look up, explain, replay."),
    "signoffs": ("signoffs", "Sign-offs: list, show, give, decline, withdraw, supersede."),
    "composites": ("composites", "Composites: look up, export, verify, identify."),
    "publications": ("publications", "Publications: record, look up, take down, import."),
    "payees": ("payees", "Payees: record, look up, split a license's fees among them."),
    "statements": (
        "statements",
        "Statements: compute, look up, exchange rates, entries and their corrections, escrow.",
    ),
    "reports": ("reports", "Reports: make, issue and keep, approve, schedule."),
    "log": ("log", "The log: show, verify, checkpoint, prove, export, trust, its keys and witnesses."),
    "models": ("models", "Networks: train, bring in, list, show what they may be used for."),
    "policies": ("policies", "Policies: check, test, show, diff, activate."),
    "keys": ("keys", "API keys: create, list, revoke. Signing keys: show, rotate."),
    "departments": ("departments", "Departments: create, list."),
}
"""The module in which each command has its own name, and what it does, so that help loads none of them."""


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
        except Exception as error:
            if type(getattr(error, "orig", None)).__name__ not in OLDER:
                raise
            click.echo("error: the database is of another version than this bankd: run `bankd up`", err=True)
            ctx.exit(2)


class Commands(Bank):
    """Loads the one command that is called: the services behind all of them take seconds."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        found = getattr(importlib.import_module(f"bankd.cli.{COMMANDS[cmd_name][0]}"), cmd_name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, does) for name, (_, does) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(bankd.__version__, prog_name="bankd")
@click.pass_context
def main(ctx: click.Context) -> None:
    """A memory bank of photo segments, governed by rights.

    Everything of an installation is in the folder that BANKD_HOME names (~/.bankd).
    Begin with `bankd up`.
    """
    if ctx.obj is not None:  # the demo's, which runs the other commands
        return
    importlib.import_module("bankd.cli.opening").opened(ctx)
