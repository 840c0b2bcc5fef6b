"""`bankd licenses`: the agreements behind photos."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from bankd.catalog.reprofiling import reprofile
from bankd.cli.files import FileUnusable, write_all
from bankd.cli.printing import as_json, count, plain, print_fields, print_json, print_rows
from bankd.cli.withdrawals import show_withdrawn, withdraw_now, withdrawal_options
from bankd.exchange import exporting, importing
from bankd.exchange import template as sheet_template
from bankd.exchange.recording import Imported, RowOutcome
from bankd.licensing import evidence, reading, renewing
from bankd.runtime import Runtime

UNVERIFIED = "nobody: unverified"


@click.group()
def licenses() -> None:
    """Licenses: import, look up, verify, give notice, withdraw."""


@licenses.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would become of it, and write nothing.")
@click.option("--house", help="Of an ODRL policy: the `uid` by which it calls this house.")
@as_json
@click.pass_obj
def import_(runtime: Runtime, file: Path, dry_run: bool, house: str | None, in_json: bool) -> None:
    """Record what a file says: a rights file (YAML), a sheet (CSV, XLSX) or an ODRL agreement (JSON-LD).

    What is known already stays.

    Of a sheet the rows that are wrong are refused by their lines and the others recorded; exit status 1 says
    that some were refused. Anything else is recorded whole or not at all.
    """
    rows: list[RowOutcome] = []

    def tell(outcome: RowOutcome) -> None:
        if in_json:
            if dry_run:
                rows.append(outcome)
        elif dry_run or outcome.state == "refused":
            says = f": {outcome.says}" if outcome.says else ""
            grant = f" {outcome.grant}" if outcome.grant else ""
            click.echo(f"line {outcome.line}{grant} {outcome.state}{says}", err=outcome.state == "refused")

    report = importing.import_file(
        file,
        transactions=runtime.transaction,
        blobs=runtime.blobs,
        by=runtime.actor,
        at=runtime.now(),
        dry_run=dry_run,
        house=house,
        told=tell,
    )
    if in_json:
        print_json({**plain(report), "rows": plain(rows)} if dry_run else report)
    else:
        _print_imported(report)
    if report.refused:
        raise click.exceptions.Exit(1)


def _print_imported(report: Imported) -> None:
    if report.dry_run:
        click.echo("dry run: nothing was written")
    if report.encoding == "CP932":
        click.echo("read as CP932 (Shift_JIS)")
    for kind in ("licensors", "documents", "licenses", "grants", "releases"):
        click.echo(f"{kind}: {report.new.get(kind, 0)} new, {report.known.get(kind, 0)} known")
    if report.ended:
        click.echo(f"superseded: {count(report.ended, 'grant')}")
    if report.photos:
        click.echo(f"held by: {count(report.photos, 'photo')} of the bank")
    if report.absent:
        click.echo(
            f"{count(report.absent, 'name')} mean no photo of the bank: "
            "ingest those photos with this file as `--rights`"
        )
    for note in report.notes:
        click.echo(note)
    if report.refused:
        click.echo(f"refused: {count(len(report.refused), 'line')}", err=True)


@licenses.command()
@click.argument("ref")
@click.option("--odrl", "in_odrl", is_flag=True, required=True, help="As an ODRL 2.2 agreement (JSON-LD).")
@click.option("--out", type=click.Path(path_type=Path), help="A file to write, instead of standard output.")
@click.pass_obj
def export(runtime: Runtime, ref: str, in_odrl: bool, out: Path | None) -> None:  # noqa: ARG001
    """Write a license out for others: its terms, its parties and the photos that hold it.

    Imported elsewhere, it says the same terms.
    """
    with runtime.transaction() as session:
        content = exporting.agreement(session, ref)
    if out is None:
        click.echo(content.decode(), nl=False)
        return
    _write_new(out, content)
    click.echo(f"{out} written")


@licenses.command()
@click.argument("file", type=click.Path(path_type=Path))
def template(file: Path) -> None:
    """Write a sheet to fill in: FILE ends in .xlsx or .csv."""
    made = {".xlsx": sheet_template.workbook, ".csv": sheet_template.text}.get(file.suffix.lower())
    if made is None:
        raise click.UsageError(f"`{file}` ends in neither `.xlsx` nor `.csv`")
    _write_new(file, made())
    click.echo(f"{file} written: fill it in and bring it in with `bankd licenses import {file}`")


def _write_new(file: Path, content: bytes) -> None:
    if file.exists():
        raise FileUnusable(file, "file", "is there already: name another")
    write_all(file.absolute().parent, {file.name: content})


@licenses.command("list")
@as_json
@click.pass_obj
def list_(runtime: Runtime, in_json: bool) -> None:
    """List every license."""
    with runtime.transaction() as session:
        found = reading.licenses(session)
    if in_json:
        print_json(found)
        return
    print_rows(
        ("ref", "licensor", "title", "basis", "grants", "state"),
        [(one.ref, one.licensor, one.title, one.basis, one.grants, one.state) for one in found],
        none="no license yet: record some with `bankd licenses import`",
    )


@licenses.command()
@click.argument("ref")
@as_json
@click.pass_obj
def show(runtime: Runtime, ref: str, in_json: bool) -> None:
    """Show one license and what it grants."""
    with runtime.transaction() as session:
        found = reading.license(session, ref)
    if in_json:
        print_json(found)
        return
    fields = plain(found)
    fields["verified_by"] = found.verified_by or UNVERIFIED
    fields["title_chain"] = [
        f"{link.from_holder} to {link.to_holder} ({link.by}"
        + ("" if link.on is None else f", {link.on}")
        + (f", document {link.document_sha256[:12]})" if link.document_sha256 else ", no document)")
        for link in found.title_chain
    ]
    print_fields({name.replace("_", " "): fields[name] for name in fields if name != "grants"})
    for grant in found.grants:
        against = f" ({', '.join(sorted(grant.against))})" if grant.against else ""
        click.echo(f"\ngrant {grant.ref}{against}")
        words: dict[str, object] = {
            "clause": grant.clause,
            "quote": grant.quote,
            "translation": grant.translation,
            "document": grant.document_sha256 or found.document_sha256,
            "verified by": grant.verified_by or UNVERIFIED,
            "recorded at": grant.recorded_at,
        }
        if grant.terms["renewal"] is not None:
            words |= {"ends on, renewed": grant.ends_on, "notice by": grant.notice_by}
        print_fields(
            {f"  {name.replace('_', ' ')}": value for name, value in grant.terms.items() if value != []}
            | {f"  {name}": value for name, value in words.items()}
        )


@licenses.command()
@click.argument("ref")
@click.option("--grant", help="One grant of it, by its ref, that rests on words of its own.")
@click.pass_obj
def verify(runtime: Runtime, ref: str, grant: str | None) -> None:
    """Record that you compared a license with its document."""
    with runtime.transaction() as session:
        evidence.verify(session, ref, grant=grant, by=runtime.actor, at=runtime.now())
    click.echo(f"{ref if grant is None else f'{ref}/{grant}'} verified by {runtime.actor.name}")


@licenses.command()
@click.argument("ref")
@click.option("--given-on", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The day, as 2026-12-31.")
@click.option("--given-by", required=True, help="Who gave it: the licensor or the house.")
@as_json
@click.pass_obj
def notice(runtime: Runtime, ref: str, given_on: datetime, given_by: str, in_json: bool) -> None:
    """Record notice of a license that would renew itself."""
    with runtime.transaction() as session:
        moved = renewing.give_notice(
            session, ref, on=given_on.date(), given_by=given_by, by=runtime.actor, at=runtime.now()
        )
        photos = reprofile(session, moved)
        found = reading.license(session, ref)
    if in_json:
        print_json(found)
        return
    for shown in found.grants:
        if shown.terms["renewal"] is not None:
            click.echo(f"grant {ref}/{shown.ref} ends on {shown.ends_on}")
    if moved:
        click.echo(f"that is another end than before for {count(photos, 'photo')}")


@licenses.command()
@click.argument("ref")
@click.option("--grant", help="Withdraw this grant of it alone.")
@withdrawal_options
@as_json
@click.pass_obj
def withdraw(runtime: Runtime, /, ref: str, grant: str | None, in_json: bool, **given: Any) -> None:
    """Withdraw a license, from this moment or another on."""
    subject, named = ("license", ref) if grant is None else ("grant", f"{ref}/{grant}")
    show_withdrawn(withdraw_now(runtime, subject, named, **given), in_json=in_json)
