"""`bankd departments`: the parts of the house that own photos and requests."""

import click

from bankd.access import service
from bankd.cli.printing import as_json, print_json, print_rows
from bankd.runtime import Runtime


@click.group()
def departments() -> None:
    """Departments: create, list."""


@departments.command()
@click.argument("name")
@click.pass_obj
def create(runtime: Runtime, name: str) -> None:
    """Record a department."""
    with runtime.transaction() as session:
        made = service.record_department(session, name, by=runtime.actor, at=runtime.now())
        click.echo(f"{made.id} {made.name}")


@departments.command("list")
@as_json
@click.pass_obj
def list_(runtime: Runtime, in_json: bool) -> None:
    """List every department."""
    with runtime.transaction() as session:
        found = [
            {"id": one.id, "name": one.name, "created_at": one.created_at}
            for one in service.departments(session)
        ]
    if in_json:
        print_json(found)
        return
    print_rows(
        ("id", "name", "created"),
        [(one["id"], one["name"], one["created_at"]) for one in found],
        none="no department yet",
    )
