"""`bankd reports`: what is on record, for people and for programs."""

import sys
from pathlib import Path
from typing import cast
from uuid import UUID

import click

from bankd.cli.files import write_all
from bankd.errors import BankError
from bankd.reports import making
from bankd.reports.making import Form, House
from bankd.reports.strings import LOCALES, Locale
from bankd.runtime import Runtime


class NotForTerminals(BankError):
    def __init__(self) -> None:
        super().__init__("a PDF is not for a terminal: name a file with --out")


@click.group()
def reports() -> None:
    """Reports: provenance."""


@reports.command()
@click.argument("composite_id", type=click.UUID)
@click.option("--format", "form", type=click.Choice(["html", "pdf", "json"]), required=True)
@click.option("--locale", type=click.Choice(LOCALES), default="en", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File; standard output where left out."
)
@click.pass_obj
def provenance(runtime: Runtime, composite_id: UUID, form: str, locale: str, out: Path | None) -> None:
    """Which photos a composite was made from, on which grants."""
    if out is None and form == "pdf" and sys.stdout.isatty():
        raise NotForTerminals
    house = House(runtime.settings.house, cast(Locale, locale))
    with runtime.transaction() as session:
        report = making.provenance(
            session,
            composite_id,
            form=cast(Form, form),
            house=house,
            blobs=runtime.blobs,
            by=runtime.actor,
            at=runtime.now(),
        )
    if out is None:
        click.echo(report, nl=False)
        return
    write_all(out.parent, {out.name: report})
    click.echo(out)
