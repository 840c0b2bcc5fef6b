"""`bankd licenses`: the agreements behind photos."""

from pathlib import Path

import click

from bankd.catalog import importing
from bankd.cli.printing import as_json, count, plain, print_fields, print_json, print_rows
from bankd.licensing import reading, rights_file
from bankd.runtime import Runtime
from bankd.synthesis import withdrawing


@click.group()
def licenses() -> None:
    """Licenses: import, look up, withdraw."""


@licenses.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def import_(runtime: Runtime, file: Path, in_json: bool) -> None:
    """Record what a rights file says; what is known already stays."""
    rights = rights_file.load(file)
    with runtime.transaction() as session:
        report = importing.import_rights(
            session, rights, blobs=runtime.blobs, by=runtime.actor, at=runtime.now()
        )
    if in_json:
        print_json(report)
        return
    for kind in ("licensors", "documents", "licenses", "grants", "releases"):
        click.echo(f"{kind}: {report.new.get(kind, 0)} new, {report.known.get(kind, 0)} known")
    if report.ended:
        click.echo(f"superseded: {count(len(report.ended), 'grant')}")


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
    print_fields({name.replace("_", " "): fields[name] for name in fields if name != "grants"})
    for grant in found.grants:
        against = f" ({', '.join(sorted(grant.against))})" if grant.against else ""
        click.echo(f"\ngrant {grant.ref}{against}")
        print_fields(
            {f"  {name.replace('_', ' ')}": value for name, value in grant.terms.items() if value != []}
            | {"  clause": grant.clause, "  quote": grant.quote}
        )


@licenses.command()
@click.argument("ref")
@click.option("--reason", required=True, help="Why, as the licensor will read it.")
@as_json
@click.pass_obj
def withdraw(runtime: Runtime, ref: str, reason: str, in_json: bool) -> None:
    """Withdraw a license from this moment on."""
    with runtime.transaction() as session:
        withdrawn = withdrawing.withdraw_license(
            session, ref, reason=reason, by=runtime.actor, at=runtime.now()
        )
    if in_json:
        print_json(withdrawn)
        return
    click.echo(f"license {ref} withdrawn at {withdrawn.withdrawn_at.isoformat()}")
    click.echo(
        f"it touches {count(withdrawn.photos, 'photo')}, which it clears for nothing new any more,"
        f" and {count(withdrawn.composites, 'composite')}, which must clear anew when handed out"
    )
    if withdrawn.networks:
        click.echo(
            f"{count(len(withdrawn.networks), 'network')} learned from its photos, and refuse what does not"
            " clear for them:"
        )
        for sha256 in withdrawn.networks:
            click.echo(f"  {sha256} (`bankd models show {sha256[:12]}`)")
