"""`bankd expiries`: what ends soon, by itself."""

from datetime import timedelta

import click

from bankd.cli.moments import Span
from bankd.cli.printing import as_json, print_json, print_rows
from bankd.expiries import service
from bankd.runtime import Runtime


@click.command()
@click.option("--within", type=Span(), default="90d", show_default=True, help="90d, 12w, 3m or 1y.")
@as_json
@click.pass_obj
def expiries(runtime: Runtime, within: timedelta, in_json: bool) -> None:
    """List the terms, releases, deny holds and embargoes that end within a time."""
    with runtime.transaction() as session:
        found = service.expiring(session, at=runtime.now(), within=within)
    if in_json:
        print_json([service.facts(one) for one in found])
        return
    print_rows(
        ("ends", "what", "of", "photos"),
        [(one.at, one.what, f"{one.subject} {one.ref}", one.photos) for one in found],
        none=f"nothing ends within {within.days} days",
    )
