"""`bankd releases`: consents of the people and properties in photos."""

import click

from bankd.catalog.releases import photos_of
from bankd.cli.printing import as_json, plain, print_fields, print_json, print_rows
from bankd.licensing import releases as reading
from bankd.runtime import Runtime


@click.group()
def releases() -> None:
    """Releases: look up. They are recorded by `bankd licenses import`."""


@releases.command("list")
@as_json
@click.pass_obj
def list_(runtime: Runtime, in_json: bool) -> None:
    """List every release."""
    with runtime.transaction() as session:
        found = reading.releases(session)
    if in_json:
        print_json(found)
        return
    print_rows(
        ("ref", "kind", "subject", "status", "youngest", "synthetic", "from", "to", "state"),
        [
            (
                one.ref,
                one.kind,
                one.subject,
                one.terms["status"],
                one.terms["youngest"],
                one.terms["synthetic_depiction"],
                one.terms["starts_on"],
                one.terms["ends_on"],
                one.state,
            )
            for one in found
        ],
        none="no release yet: record some with `bankd licenses import`",
    )


@releases.command()
@click.argument("ref")
@as_json
@click.pass_obj
def show(runtime: Runtime, ref: str, in_json: bool) -> None:
    """Show one release: what it covers, and in which photos."""
    with runtime.transaction() as session:
        found = reading.release(session, ref)
        photos = photos_of(session, found.id, by=runtime.actor)
    if in_json:
        print_json({**plain(found), "photos": plain(photos)})
        return
    fields = plain(found)
    terms = fields.pop("terms")
    print_fields({name.replace("_", " "): value for name, value in {**fields, **terms}.items()})
    for photo in photos:
        named = [f"segment {number}" for number in photo.segments]
        named += [f"instance {number}" for number in photo.instances]
        whom = "everybody" if photo.whole else ", ".join(named)
        click.echo(f"photo {photo.photo} {photo.name}{f': {whom}' if whom else ''}")
