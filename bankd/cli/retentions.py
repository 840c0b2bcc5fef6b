"""`bankd retentions` and `bankd holds legal`: what may not be erased, and until when."""

from collections.abc import Collection
from datetime import datetime
from typing import get_args
from uuid import UUID

import click

from bankd.cli.moments import Moment
from bankd.cli.printing import as_json, plain, print_json, print_rows, word
from bankd.erasure import retaining
from bankd.erasure.models import CLASSES
from bankd.licensing.withdrawal_effects import Subject
from bankd.runtime import Runtime

SUBJECT = click.Choice(get_args(Subject))
LEGAL = "legal-hold"
DUTIES = tuple(one for one in CLASSES if one != LEGAL)


@click.group()
def legal() -> None:
    """Legal holds: nothing they are on is erased until they are lifted; set, list, lift."""


@click.group()
def retentions() -> None:
    """Duties to keep for taxes, contracts and claims: set, list, lift."""


@legal.command("set")
@click.argument("subject", type=SUBJECT)
@click.argument("ref")
@click.option("--reason", required=True, help="Why, for whoever meets it.")
@click.option("--document", "document_sha256", metavar="SHA256", help="The order behind it, as recorded.")
@click.option(
    "--until",
    "ends_at",
    type=Moment(last=True),
    metavar="MOMENT",
    help="When it ends by itself; a day is included.  [default: once it is lifted]",
)
@as_json
@click.pass_obj
def set_legal(
    runtime: Runtime,
    subject: str,
    ref: str,
    reason: str,
    document_sha256: str | None,
    ends_at: datetime | None,
    in_json: bool,
) -> None:
    """Keep a photo, or all that an agreement, a licensor, a release or a person touches, from erasure."""
    _set(runtime, subject, ref, LEGAL, reason, document_sha256, ends_at, in_json=in_json)


@retentions.command("set")
@click.argument("subject", type=SUBJECT)
@click.argument("ref")
@click.option("--class", "class_", type=click.Choice(DUTIES), required=True, help="What asks for it.")
@click.option("--reason", required=True, help="The statute or clause.")
@click.option("--document", "document_sha256", metavar="SHA256", help="The paper behind it, as recorded.")
@click.option(
    "--until",
    "ends_at",
    type=Moment(last=True),
    metavar="MOMENT",
    required=True,
    help="Until when; a day is included.",
)
@as_json
@click.pass_obj
def set_(
    runtime: Runtime,
    subject: str,
    ref: str,
    class_: str,
    reason: str,
    document_sha256: str | None,
    ends_at: datetime,
    in_json: bool,
) -> None:
    """Keep something for a time: an erasure takes it out of use, and erases it when the time is over."""
    _set(runtime, subject, ref, class_, reason, document_sha256, ends_at, in_json=in_json)


@legal.command("list")
@click.option("--all", "over", is_flag=True, help="Those that are over, too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@as_json
@click.pass_obj
def list_legal(runtime: Runtime, over: bool, limit: int, in_json: bool) -> None:
    """List legal holds, the latest first."""
    _list(runtime, [LEGAL], over, limit, in_json=in_json)


@retentions.command("list")
@click.option("--all", "over", is_flag=True, help="Those that are over, too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@as_json
@click.pass_obj
def list_(runtime: Runtime, over: bool, limit: int, in_json: bool) -> None:
    """List duties to keep, the latest first."""
    _list(runtime, DUTIES, over, limit, in_json=in_json)


@legal.command("lift")
@click.argument("hold_id", type=click.UUID)
@click.option("--reason", required=True, help="Why it may be erased.")
@click.pass_obj
def lift_legal(runtime: Runtime, hold_id: UUID, reason: str) -> None:
    """End a legal hold; erasures that waited for it go on by themselves."""
    _lift(runtime, hold_id, reason)


@retentions.command("lift")
@click.argument("retention_id", type=click.UUID)
@click.option("--reason", required=True, help="Why it need not be kept any more.")
@click.pass_obj
def lift(runtime: Runtime, retention_id: UUID, reason: str) -> None:
    """End a duty to keep before its time; erasures that waited for it go on by themselves."""
    _lift(runtime, retention_id, reason)


def _set(
    runtime: Runtime,
    subject: str,
    ref: str,
    class_: str,
    reason: str,
    document_sha256: str | None,
    ends_at: datetime | None,
    *,
    in_json: bool,
) -> None:
    at = runtime.now()
    with runtime.transaction() as session:
        made = retaining.retain(
            session,
            subject,
            ref,
            class_=class_,
            reason=reason,
            ends_at=ends_at,
            document_sha256=document_sha256,
            by=runtime.actor,
            at=at,
        )
        facts = retaining.facts(made, at=at)
    if in_json:
        print_json(facts)
        return
    until = "until that is lifted" if made.ends_at is None else f"before {word(made.ends_at)}"
    click.echo(f"{made.subject} {made.ref} is not erased {until} ({made.class_}): {made.id}")


def _list(runtime: Runtime, classes: Collection[str], over: bool, limit: int, *, in_json: bool) -> None:
    at = runtime.now()
    with runtime.transaction() as session:
        rows = retaining.listed(session, classes=classes, over=over, at=at, limit=limit)
        found = [retaining.facts(one, at=at) for one in rows]
    if in_json:
        print_json(plain(found))
        return
    print_rows(
        ("id", "class", "on", "state", "until", "by", "reason"),
        [
            (
                one["retention"],
                one["class"],
                f"{one['subject']} {one['ref']}",
                one["state"],
                one["ends_at"],
                one["set_by"],
                one["reason"],
            )
            for one in found
        ],
        none="nothing has to be kept",
    )


def _lift(runtime: Runtime, retention_id: UUID, reason: str) -> None:
    with runtime.transaction() as session:
        lifted = retaining.lift(session, retention_id, reason=reason, by=runtime.actor, at=runtime.now())
    click.echo(f"{lifted.subject} {lifted.ref} need not be kept for {lifted.id} any more")
