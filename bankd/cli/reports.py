"""`bankd reports`: what is on record, for people and for programs."""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast, get_args
from uuid import UUID

import click

from bankd.cli import issued
from bankd.cli.files import check_writable, write_all
from bankd.cli.moments import Span
from bankd.cli.proving import audit
from bankd.cli.usage_proofs import usage
from bankd.errors import BankError
from bankd.licensing.withdrawal_effects import SUBJECTS
from bankd.reports import making
from bankd.reports.kind import Context, schema
from bankd.reports.marks import opener
from bankd.reports.registry import KINDS, kind_of
from bankd.reports.rendering import render
from bankd.reports.report import Form
from bankd.reports.strings import LOCALES, Locale
from bankd.runtime import Runtime

DAY = click.DateTime(formats=["%Y-%m-%d"])
BINARY = {"pdf": "a PDF", "xlsx": "a spreadsheet"}
F = TypeVar("F", bound=Callable[..., Any])


class NotForTerminals(BankError):
    def __init__(self, form: str) -> None:
        super().__init__(f"{BINARY[form]} is not for a terminal: name a file with --out")


@click.group()
def reports() -> None:
    """Reports: make, issue and keep, approve, schedule."""


reports.add_command(audit)


def made_as(command: F) -> F:
    """The options that every report takes: its form, its language, and where it goes."""
    for option in (
        click.option("--keep", is_flag=True, help="Issue it: kept, and its digests in the log."),
        click.option(
            "--annexes",
            type=click.Path(path_type=Path, file_okay=False),
            help="Folder for the files that go with it, where there are such.",
        ),
        click.option(
            "--out",
            type=click.Path(path_type=Path, dir_okay=False),
            help="File; standard output where left out.",
        ),
        click.option("--locale", type=click.Choice(LOCALES), default="en", show_default=True),
        click.option("--format", "form", type=click.Choice(get_args(Form)), required=True),
    ):
        command = option(command)
    return command


def make(
    runtime: Runtime,
    name: str,
    asked: Mapping[str, Any],
    *,
    form: str,
    locale: str,
    out: Path | None,
    annexes: Path | None,
    keep: bool,
) -> None:
    """Gather a report, render it, log it, write it; or issue it, and write what was issued."""
    if keep:
        issued.issue(
            runtime,
            name,
            dict(asked),
            form=cast(Form, form),
            locale=cast(Locale, locale),
            out=out,
            annexes=annexes,
        )
        return
    if out is None and form in BINARY and sys.stdout.isatty():
        raise NotForTerminals(form)
    at = runtime.now()
    if annexes is not None:
        check_writable(annexes)
    with runtime.snapshot() as session:
        context = Context(runtime.settings.house, runtime.actor, at, runtime.blobs, annexes, opener(runtime))
        gathered = making.gather(session, name, asked, context=context)
    rendered = render(gathered.report, cast(Form, form), cast(Locale, locale), pictures=gathered.pictures)
    with runtime.transaction() as session:
        making.made(
            session, gathered.report, form=cast(Form, form), rendered=rendered, by=runtime.actor, at=at
        )
    if out is None:
        click.echo(rendered, nl=False)
        return
    write_all(out.parent, {out.name: rendered})
    click.echo(out)


@reports.command("schema")
@click.argument("kind", type=click.Choice(sorted(KINDS)))
def schema_(kind: str) -> None:
    """Print the JSON Schema of a report."""
    click.echo(json.dumps(schema(kind_of(kind)), indent=2, sort_keys=True, ensure_ascii=False))


@reports.command()
@click.argument("composite_id", type=click.UUID)
@made_as
@click.pass_obj
def provenance(runtime: Runtime, /, composite_id: UUID, **made: Any) -> None:
    """Which photos a composite was made from, on which grants."""
    make(runtime, "provenance", {"composite": composite_id}, **made)


@reports.command()
@click.argument("subject", type=click.Choice(SUBJECTS))
@click.argument("ref")
@made_as
@click.pass_obj
def exposure(runtime: Runtime, /, subject: str, ref: str, **made: Any) -> None:
    """Everything that was made from a photo, a license, a licensor, a release or a person."""
    make(runtime, "exposure", {"subject": subject, "ref": ref}, **made)


@reports.command()
@click.option("--within", type=Span(), default="1y", show_default=True, help="90d, 12w, 3m or 1y.")
@made_as
@click.pass_obj
def expiries(runtime: Runtime, /, within: timedelta, **made: Any) -> None:
    """What ends by itself within a time to come, month by month."""
    make(runtime, "expiries", {"days": within.days}, **made)


@reports.command()
@click.argument("statement_id", type=click.UUID)
@made_as
@click.pass_obj
def statement(runtime: Runtime, /, statement_id: UUID, **made: Any) -> None:
    """What is owed to a payee for a period, as computed by `bankd statements compute`."""
    make(runtime, "statement", {"statement": statement_id}, **made)


@reports.command()
@click.argument("network")
@made_as
@click.pass_obj
def training(runtime: Runtime, /, network: str, **made: Any) -> None:
    """What a network was trained on: its SHA-256, or how that begins."""
    make(runtime, "training", {"network": network}, **made)


@reports.command()
@made_as
@click.pass_obj
def inventory(runtime: Runtime, /, **made: Any) -> None:
    """What the bank holds, by right."""
    make(runtime, "inventory", {}, **made)


@reports.command()
@click.option("--from", "first_day", type=DAY, required=True, help="The first day of the period.")
@click.option("--to", "last_day", type=DAY, required=True, help="Its last day, included.")
@click.option("--zone", default="UTC", show_default=True, help="The time zone of these days.")
@made_as
@click.pass_obj
def period(runtime: Runtime, /, first_day: datetime, last_day: datetime, zone: str, **made: Any) -> None:
    """What was asked of the bank in a period, what was refused and why, and what changed."""
    asked = {"first_day": first_day.date(), "last_day": last_day.date(), "zone": zone}
    make(runtime, "period", asked, **made)


@reports.command()
@click.option("--from", "first_day", type=DAY, required=True, help="The first day of the period.")
@click.option("--to", "last_day", type=DAY, required=True, help="Its last day, included.")
@click.option("--zone", default="UTC", show_default=True, help="The time zone of these days.")
@made_as
@click.pass_obj
def marking(runtime: Runtime, /, first_day: datetime, last_day: datetime, zone: str, **made: Any) -> None:
    """Which files of a period carry which marks, found by reading them."""
    asked = {"first_day": first_day.date(), "last_day": last_day.date(), "zone": zone}
    make(runtime, "marking", asked, **made)


for command in issued.COMMANDS:
    reports.add_command(command)


reports.add_command(usage)
