"""`bankd expiries`: what ends soon, by itself."""

from datetime import timedelta

import click

from bankd.cli.moments import Span
from bankd.cli.printing import as_json, print_json, print_rows
from bankd.cli.standing import print_standings
from bankd.expiries import service
from bankd.runtime import Runtime
from bankd.synthesis import outlasting


@click.command()
@click.option("--within", type=Span(), default="90d", show_default=True, help="90d, 12w, 3m or 1y.")
@click.option("--publications", is_flag=True, help="What is to be done with each publication then.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Publications.")
@as_json
@click.pass_obj
def expiries(runtime: Runtime, within: timedelta, publications: bool, limit: int, in_json: bool) -> None:
    """List the terms, releases, deny holds and embargoes that end within a time."""
    if publications:
        _publications(runtime, within, limit, in_json=in_json)
        return
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


def _publications(runtime: Runtime, within: timedelta, limit: int, *, in_json: bool) -> None:
    with runtime.transaction() as session:
        found = outlasting.ending(session, within=within, limit=limit, by=runtime.actor, at=runtime.now())
    if in_json:
        print_json([one.as_json() for one in found])
        return
    print_standings(
        [one.standing for one in found], none=f"no publication outlasts what ends within {within.days} days"
    )
