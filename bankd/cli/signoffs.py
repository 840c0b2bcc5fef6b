"""`bankd signoffs`: what policy leaves to people, and what they say to it."""

import mimetypes
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from bankd.cli.files import read_bytes
from bankd.cli.moments import Moment
from bankd.cli.printing import as_json, print_fields, print_json, print_rows
from bankd.licensing import service as licensing
from bankd.policy.signoff import SCOPES
from bankd.runtime import Runtime
from bankd.signoffs import reading
from bankd.signoffs.models import AwaitedState, Signoff
from bankd.synthesis import waiting

DOCUMENT = "application/octet-stream"

_STATED = (
    click.option("--reason", required=True, help="Why this may be, for whoever asks later."),
    click.option(
        "--expires", "expires_at", type=Moment(last=True), metavar="MOMENT", required=True,
        help="When it ends; a day is included.",
    ),
    click.option(
        "--document", type=click.Path(path_type=Path), help="The opinion or letter behind it; it is kept."
    ),
)  # fmt: skip


def stated(command: Any) -> Any:
    """The options of whatever signs."""
    for option in reversed(_STATED):
        command = option(command)
    return command


@click.group()
def signoffs() -> None:
    """Sign-offs: list, show, give, decline, withdraw, supersede."""


@signoffs.command("list")
@click.option(
    "--state",
    type=click.Choice([*(state.value for state in AwaitedState), "all"]),
    default=AwaitedState.AWAITING.value,
    show_default=True,
)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@as_json
@click.pass_obj
def list_(runtime: Runtime, state: str, limit: int, in_json: bool) -> None:
    """List what people are asked to sign, the soonest due first."""
    with runtime.transaction() as session:
        found = waiting.listed(
            session, state=None if state == "all" else state, limit=limit, by=runtime.actor, at=runtime.now()
        )
    if in_json:
        print_json(found)
        return
    print_rows(
        ("id", "due", "state", "policy", "request", "of", "signed"),
        [
            (
                one["awaited"],
                one["due_at"],
                one["state"],
                one["policy"],
                one["request"],
                one["requester"],
                f"{one['signed']} of {one['signers']}",
            )
            for one in found
        ],
        none="nothing waits for a sign-off",
    )


@signoffs.command()
@click.argument("awaited_id", type=click.UUID)
@as_json
@click.pass_obj
def show(runtime: Runtime, awaited_id: UUID, in_json: bool) -> None:
    """Show what is asked, of which photos, and what was signed."""
    with runtime.transaction() as session:
        found = waiting.shown(session, awaited_id, by=runtime.actor, at=runtime.now())
    if in_json:
        print_json(found)
        return
    click.echo(f"sign-off {found['awaited']}: {found['state']}")
    print_fields(
        {
            "rule": f"{found['says']} ({found['policy']})",
            "request": f"{found['request']} of {found['requester']}",
            "asks": f"{found['signers']} of role {found['role']}, {found['signed']} signed",
            "due": found["due_at"],
            "settled": found["settled_at"],
            "by": found["settled_by"],
            "reason": found["reason"],
        }
    )
    click.echo("use")
    print_fields({f"  {name}": value for name, value in found["use"].items()})
    print_rows(("photo", "grant"), zip(found["photos"], found["refs"], strict=True), none="no photo")
    print_rows(
        ("sign-off", "state", "scope", "by", "at", "expires", "document", "reason"),
        [
            (
                one["signoff"],
                one["state"],
                one["scope"],
                one["signed_by"],
                one["signed_at"],
                one["expires_at"],
                one["document_sha256"],
                one["reason"],
            )
            for one in found["signoffs"]
        ],
        none="nobody has signed yet",
    )


@signoffs.command()
@click.argument("awaited_id", type=click.UUID)
@click.option(
    "--scope",
    type=click.Choice(SCOPES),
    default="request",
    show_default=True,
    help="This request alone; or every request: for these photos, for their licenses, for the same use.",
)
@stated
@as_json
@click.pass_obj
def give(
    runtime: Runtime,
    /,
    awaited_id: UUID,
    scope: str,
    reason: str,
    expires_at: datetime,
    document: Path | None,
    in_json: bool,
) -> None:
    """Sign what a request waits for. With the last signature that it needs it goes on."""
    with runtime.transaction() as session:
        made = waiting.give(
            session,
            awaited_id,
            scope=scope,
            reason=reason,
            expires_at=expires_at,
            document_sha256=_kept(runtime, session, document),
            by=runtime.actor,
            at=runtime.now(),
        )
        found = waiting.shown(session, awaited_id, by=runtime.actor, at=runtime.now())
    _signed(runtime, made, in_json=in_json)
    if not in_json:
        left = found["signers"] - found["signed"]
        click.echo(
            f"it waits for {left} more to sign"
            if found["state"] == AwaitedState.AWAITING
            else f"request {found['request']}: {found['request_state']}"
        )


@signoffs.command()
@click.argument("awaited_id", type=click.UUID)
@click.option("--reason", required=True, help="Why not; whoever filed the request does not see it.")
@as_json
@click.pass_obj
def decline(runtime: Runtime, awaited_id: UUID, reason: str, in_json: bool) -> None:
    """Say no: the request is refused."""
    with runtime.transaction() as session:
        waiting.decline(session, awaited_id, reason=reason, by=runtime.actor, at=runtime.now())
        found = waiting.shown(session, awaited_id, by=runtime.actor, at=runtime.now())
    if in_json:
        print_json(found)
        return
    click.echo(f"sign-off {awaited_id} is declined; request {found['request']}: {found['request_state']}")


@signoffs.command()
@click.argument("signoff_id", type=click.UUID)
@click.option("--reason", required=True, help="Why it holds no longer.")
@as_json
@click.pass_obj
def withdraw(runtime: Runtime, signoff_id: UUID, reason: str, in_json: bool) -> None:
    """Take a sign-off back: nothing is sealed or handed out on it any more."""
    with runtime.transaction() as session:
        withdrawn = waiting.withdraw(session, signoff_id, reason=reason, by=runtime.actor, at=runtime.now())
    if in_json:
        print_json(reading.signoff_facts(withdrawn, at=runtime.now()))
        return
    click.echo(f"sign-off {signoff_id} of {withdrawn.policy} is withdrawn")


@signoffs.command()
@click.argument("signoff_id", type=click.UUID)
@stated
@as_json
@click.pass_obj
def supersede(
    runtime: Runtime,
    /,
    signoff_id: UUID,
    reason: str,
    expires_at: datetime,
    document: Path | None,
    in_json: bool,
) -> None:
    """Sign anew for the same, with another end or document; the earlier sign-off ends."""
    with runtime.transaction() as session:
        made = waiting.supersede(
            session,
            signoff_id,
            reason=reason,
            expires_at=expires_at,
            document_sha256=_kept(runtime, session, document),
            by=runtime.actor,
            at=runtime.now(),
        )
    _signed(runtime, made, in_json=in_json)


def _kept(runtime: Runtime, session: Any, document: Path | None) -> str | None:
    if document is None:
        return None
    return licensing.record_document(
        session,
        read_bytes(document, what="document"),
        name=document.name,
        media_type=mimetypes.guess_type(document.name)[0] or DOCUMENT,
        blobs=runtime.blobs,
        by=runtime.actor,
        at=runtime.now(),
    ).sha256


def _signed(runtime: Runtime, made: Signoff, *, in_json: bool) -> None:
    if in_json:
        print_json(reading.signoff_facts(made, at=runtime.now()))
        return
    click.echo(
        f"{made.policy} is signed off for the {made.scope} until {made.expires_at:%Y-%m-%d %H:%M}Z: {made.id}"
    )
