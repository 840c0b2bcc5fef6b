"""`bankd notices`: who was told what, and what could not be sent."""

from uuid import UUID

import click

from bankd.cli.printing import as_json, print_json, print_rows
from bankd.notices import service
from bankd.notices.channels import channels
from bankd.runtime import Runtime

STATES = ("waiting", "sent", "dead")


@click.group()
def notices() -> None:
    """Notices: list, retry, try the channels."""


@notices.command("list")
@click.option("--state", type=click.Choice(STATES), help="Those alone that wait, were sent, or are dead.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@as_json
@click.pass_obj
def list_(runtime: Runtime, state: str | None, limit: int, in_json: bool) -> None:
    """List notices, the latest first. A dead one was given up after its last try."""
    with runtime.transaction() as session:
        found = [service.facts(one) for one in service.listed(session, state=state, limit=limit)]
    if in_json:
        print_json(found)
        return
    told = channels(runtime.settings)
    print_rows(
        ("id", "kind", "by", "to", "state", "tries", "last error"),
        [
            (
                one["notice"],
                one["kind"],
                one["channel"],
                one["target"],
                one["state"],
                one["tries"],
                one["error"],
            )
            for one in found
        ],
        none="no notice yet"
        if told
        else "no notice yet, and nobody is told: set `smtp_url` or `webhook_url` (see docs/withdrawal.md)",
    )


@notices.command()
@click.argument("notice_id", type=click.UUID)
@click.pass_obj
def retry(runtime: Runtime, notice_id: UUID) -> None:
    """Try a notice again that is dead or waits, as if it were new."""
    with runtime.transaction() as session:
        service.retry(session, notice_id, by=runtime.actor, at=runtime.now())
    click.echo(f"notice {notice_id} is sent again in a moment")


@notices.command()
@click.pass_obj
def test(runtime: Runtime) -> None:
    """Store a notice for every channel that is set up, to see whether it arrives."""
    at = runtime.now()
    with runtime.transaction() as session:
        made = service.tell(
            session,
            "test",
            key=f"test {at.isoformat()}",
            title="bankd can reach you",
            words="This is a test of notices.\n",
            facts={},
            to=channels(runtime.settings),
            at=at,
        )
    if not made:
        click.echo("nobody is told: set `smtp_url` or `webhook_url` (see docs/withdrawal.md)", err=True)
        raise click.exceptions.Exit(1)
    click.echo(f"{made} stored: `bankd notices list` says whether they were sent")
