"""`bankd releases`: consents of the people and properties in photos."""

import click

from bankd.cli.printing import as_json, print_json, print_rows
from bankd.licensing import reading
from bankd.runtime import Runtime


@click.group()
def releases() -> None:
    """Releases: look up."""


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
        ("ref", "kind", "subject", "status", "youngest", "synthetic", "from", "to"),
        [
            (
                one.ref,
                one.kind,
                one.subject,
                one.status,
                one.youngest,
                one.synthetic_depiction,
                one.starts_on,
                one.ends_on,
            )
            for one in found
        ],
        none="no release yet: record some with `bankd licenses import`",
    )
