"""`bankd reports`, of those that were issued: list, fetch, check, approve; and their schedules."""

from datetime import datetime
from pathlib import Path
from typing import Any, cast, get_args
from uuid import UUID

import click

from bankd.cli.files import write_all
from bankd.cli.printing import as_json, count, plain, print_fields, print_json, print_rows
from bankd.errors import BankError
from bankd.issued import scheduling, service
from bankd.issued.models import EVERY, Every
from bankd.reports import issuing
from bankd.reports.registry import KINDS
from bankd.reports.report import Form
from bankd.reports.strings import LOCALES, Locale
from bankd.runtime import Runtime

DAY = click.DateTime(formats=["%Y-%m-%d"])


class NotAsIssued(BankError):
    def __init__(self, report_id: UUID, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.report_id = report_id


class ParameterUnreadable(BankError):
    def __init__(self, given: str) -> None:
        super().__init__(f"`{given}` is no parameter of a report: write `--with name=value`")


def issue(
    runtime: Runtime,
    name: str,
    asked: dict[str, Any],
    *,
    form: Form,
    locale: Locale,
    out: Path | None,
    annexes: Path | None,
) -> None:
    """Issue a report in one form, and write what was issued where that is wanted."""
    made = issuing.keep(runtime, name, asked, forms=[form], locale=locale, by=runtime.actor)
    if out is not None:
        write_all(out.parent, {out.name: _content(runtime, made.id, f"report.{form}")})
    if annexes is not None:
        with runtime.transaction() as session:
            names = [file.name for file in service.files(session, made.id)]
        others = [one for one in names if not one.startswith((issuing.FORM, issuing.PICTURE))]
        write_all(annexes, {one: _content(runtime, made.id, one) for one in others})
    click.echo(f"issued {made.id}: SHA-256 {made.sha256}, log entry {made.log_index}")


@click.command("issued")
@click.option("--kind", type=click.Choice(sorted(KINDS)), help="Only of this kind.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@as_json
@click.pass_obj
def issued(runtime: Runtime, kind: str | None, limit: int, in_json: bool) -> None:
    """List issued reports, the latest first, also those that were redacted since."""
    with runtime.transaction() as session:
        found = [
            service.facts(one, service.files(session, one.id))
            for one in service.listed(session, by=runtime.actor, kind=kind, limit=limit)
        ]
    if in_json:
        print_json(found)
        return
    print_rows(
        ("id", "kind", "state", "from", "to", "issued", "prepared by", "approved by", "files"),
        [
            (
                one["report"], one["kind"], one["state"], one["first_day"], one["last_day"], one["issued_at"],
                one["prepared_by"], one["approved_by"], len(one["files"]),
            )
            for one in found
        ],
        none="no report was issued yet: issue one with `bankd reports .. --keep`",
    )  # fmt: skip


@click.command("show")
@click.argument("report_id", type=click.UUID)
@as_json
@click.pass_obj
def show(runtime: Runtime, report_id: UUID, in_json: bool) -> None:
    """Show an issued report: of when, by whom, its files and their digests."""
    with runtime.transaction() as session:
        found = service.facts(
            service.get(session, report_id, by=runtime.actor), service.files(session, report_id)
        )
    if in_json:
        print_json(found)
        return
    files = found.pop("files")
    print_fields(found)
    for file in files:
        click.echo(f"{file['sha256']}  {file['size_bytes']:>12,}  {file['name']}")


@click.command("fetch")
@click.argument("report_id", type=click.UUID)
@click.option("--file", "names", multiple=True, help="Only this one; may be repeated.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Folder.  [default: .]"
)
@click.pass_obj
def fetch(runtime: Runtime, report_id: UUID, names: tuple[str, ...], out: Path) -> None:
    """Write the files of an issued report, byte for byte as they were issued."""
    if not names:
        with runtime.transaction() as session:
            service.get(session, report_id, by=runtime.actor)
            names = tuple(
                file.name
                for file in service.files(session, report_id)
                if not file.name.startswith(issuing.PICTURE)
            )
    folder = out / str(report_id)
    for name in names or (f"{issuing.FORM}json",):
        [written] = write_all(folder, {name: _content(runtime, report_id, name)})
        click.echo(written)


@click.command("check")
@click.argument("report_id", type=click.UUID)
@as_json
@click.pass_obj
def check(runtime: Runtime, report_id: UUID, in_json: bool) -> None:
    """Compare an issued report with its digests, and these with the log."""
    with runtime.transaction() as session:
        found = service.check(session, service.get(session, report_id, by=runtime.actor), blobs=runtime.blobs)
    if in_json:
        print_json({"report": report_id, "holds": not found.problems, **plain(found)})
    elif not found.problems:
        click.echo(f"{count(found.files, 'file')} as issued, and as entry {found.log_index} of the log says")
    if found.problems:
        raise NotAsIssued(report_id, found.problems)


@click.command("approve")
@click.argument("report_id", type=click.UUID)
@click.pass_obj
def approve(runtime: Runtime, report_id: UUID) -> None:
    """Issue a report again with your name as its approver's; not by who prepared it."""
    made = issuing.approve(runtime, report_id, by=runtime.actor)
    click.echo(f"approved by {made.approved_by}, issued as {made.id}: SHA-256 {made.sha256}")


@click.group("schedule")
def schedule() -> None:
    """Reports that are made by themselves: add, list, remove."""


@schedule.command("add")
@click.argument("kind", type=click.Choice(sorted(KINDS)))
@click.option("--every", type=click.Choice(EVERY), required=True, help="Once of each, when it is over.")
@click.option("--from", "first_day", type=DAY, help="Also of earlier ones, from the one of this day on.")
@click.option("--zone", default="UTC", show_default=True, help="The time zone in which a period is over.")
@click.option("--locale", type=click.Choice(LOCALES), default="en", show_default=True)
@click.option("--format", "forms", type=click.Choice(get_args(Form)), multiple=True, default=("pdf",))
@click.option("--with", "given", multiple=True, metavar="NAME=VALUE", help="What else the report is asked.")
@as_json
@click.pass_obj
def add(
    runtime: Runtime,
    kind: str,
    every: str,
    first_day: datetime | None,
    zone: str,
    locale: str,
    forms: tuple[str, ...],
    given: tuple[str, ...],
    in_json: bool,
) -> None:
    """Have a report issued of each day, week, month, quarter or year that is over; said twice it is one."""
    with runtime.transaction() as session:
        made = issuing.schedule(
            session,
            kind,
            _given(given),
            every=cast(Every, every),
            first_day=first_day.date() if first_day else None,
            zone=zone,
            locale=cast(Locale, locale),
            forms=cast(tuple[Form, ...], forms),
            by=runtime.actor,
            at=runtime.now(),
        )
    if in_json:
        print_json({"schedule": made.id, "kind": made.kind, "every": made.every, "first_day": made.first_day})
        return
    click.echo(f"a {made.kind} report is issued of each {made.every} from {made.first_day} on: {made.id}")


@schedule.command("list")
@click.option("--all", "removed", is_flag=True, help="Those that were removed, too.")
@as_json
@click.pass_obj
def list_(runtime: Runtime, removed: bool, in_json: bool) -> None:
    """List schedules: what each issued last, what is to be made, and what fails."""
    with runtime.transaction() as session:
        found = scheduling.listed(session, by=runtime.actor, removed=removed)
    if in_json:
        print_json(found)
        return
    print_rows(
        ("id", "kind", "every", "state", "last period", "waiting", "tries", "next try", "error"),
        [
            (
                one["schedule"], one["kind"], one["every"], one["state"], one["last_period"], one["waiting"],
                one["tries"], one["next_at"], one["error"],
            )
            for one in found
        ],
        none="no report is scheduled",
    )  # fmt: skip


@schedule.command("remove")
@click.argument("schedule_id", type=click.UUID)
@click.pass_obj
def remove(runtime: Runtime, schedule_id: UUID) -> None:
    """End a schedule; what it issued stays."""
    with runtime.transaction() as session:
        scheduling.remove(session, schedule_id, by=runtime.actor, at=runtime.now())
    click.echo(f"{schedule_id} issues no more reports")


COMMANDS = (issued, show, fetch, check, approve, schedule)


def _content(runtime: Runtime, report_id: UUID, name: str) -> bytes:
    with runtime.transaction() as session:
        found = service.get(session, report_id, by=runtime.actor)
        return service.fetch(session, found, name, blobs=runtime.blobs)[1]


def _given(pairs: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise ParameterUnreadable(pair)
        found[name] = value
    return found
