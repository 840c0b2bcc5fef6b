"""`bankd holds`: deny every use of something for a time. There is no temporary allow."""

from datetime import datetime
from uuid import UUID

import click

from bankd.cli.moments import Moment
from bankd.cli.printing import as_json, plain, print_json, print_rows, word
from bankd.cli.retentions import legal
from bankd.exposure import withdrawing
from bankd.licensing import holds as records
from bankd.licensing.ending import HOLD_SUBJECTS
from bankd.runtime import Runtime


@click.group()
def holds() -> None:
    """Deny holds and legal holds: set, list, lift."""


holds.add_command(legal)


@holds.command("set")
@click.argument("subject", type=click.Choice(HOLD_SUBJECTS))
@click.argument("ref")
@click.option("--reason", required=True, help="Why, for whoever meets it.")
@click.option("--from", "starts_at", type=Moment(), metavar="MOMENT", help="When it begins.  [default: now]")
@click.option(
    "--until",
    "ends_at",
    type=Moment(last=True),
    metavar="MOMENT",
    help="When it ends by itself; a day is included.  [default: once it is lifted]",
)
@as_json
@click.pass_obj
def set_(
    runtime: Runtime,
    subject: str,
    ref: str,
    reason: str,
    starts_at: datetime | None,
    ends_at: datetime | None,
    in_json: bool,
) -> None:
    """Deny every use of a license, a grant (LICENSE/GRANT), a licensor or a photo."""
    with runtime.transaction() as session:
        made = withdrawing.hold(
            session,
            subject,
            ref,
            reason=reason,
            starts_at=starts_at,
            ends_at=ends_at,
            by=runtime.actor,
            at=runtime.now(),
        )
        facts = withdrawing.hold_facts(made)
    if in_json:
        print_json(facts)
        return
    until = "until it is lifted" if made.ends_at is None else f"until {word(made.ends_at)}"
    begins = "" if made.began_at else f" from {word(made.starts_at)}"
    click.echo(f"{made.subject} {made.ref} is on hold{begins} {until}: {made.id}")


@holds.command("list")
@click.option("--all", "over", is_flag=True, help="Those that are over, too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@as_json
@click.pass_obj
def list_(runtime: Runtime, over: bool, limit: int, in_json: bool) -> None:
    """List holds that wait or stand, the latest first."""
    with runtime.transaction() as session:
        found = [withdrawing.hold_facts(one) for one in records.listed(session, over=over, limit=limit)]
    if in_json:
        print_json(plain(found))
        return
    print_rows(
        ("id", "on", "state", "from", "until", "by", "reason"),
        [
            (
                one["hold"],
                f"{one['subject']} {one['ref']}",
                one["state"],
                one["starts_at"],
                one["ends_at"],
                one["set_by"],
                one["reason"],
            )
            for one in found
        ],
        none="nothing is on hold",
    )


@holds.command()
@click.argument("hold_id", type=click.UUID)
@click.option("--reason", required=True, help="Why it may be used again.")
@click.pass_obj
def lift(runtime: Runtime, hold_id: UUID, reason: str) -> None:
    """End a hold before its time."""
    with runtime.transaction() as session:
        lifted = withdrawing.lift(session, hold_id, reason=reason, by=runtime.actor, at=runtime.now())
    click.echo(f"{lifted.subject} {lifted.ref} is no longer on hold by {hold_id}")
