"""`bankd withdrawals`: record the end of what somebody gave, see what it touched, ask back what was given."""

import mimetypes
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from sqlalchemy.orm import Session

from bankd import money
from bankd.cli.files import read_bytes
from bankd.cli.moments import Moment
from bankd.cli.printing import as_json, count, plain, print_fields, print_json, print_rows, word
from bankd.cli.standing import print_standings
from bankd.exposure import marking, reading, withdrawing
from bankd.exposure.withdrawing import Withdrawn
from bankd.licensing import service as licensing
from bankd.licensing import withdrawals as records
from bankd.licensing.withdrawal_effects import EFFECTS, KINDS, SUBJECTS
from bankd.royalties import escrow
from bankd.royalties.models import OUTCOMES, Outcome
from bankd.runtime import Runtime
from bankd.synthesis import outlasting

DOCUMENT = "application/octet-stream"

_OPTIONS = (
    click.option("--reason", required=True, help="Why, as the licensor will read it."),
    click.option(
        "--kind", default="terminated", show_default=True, help=f"One of {', '.join(KINDS)}."
    ),
    click.option(
        "--from", "since", type=Moment(), metavar="MOMENT", help="When it counts from, past or to come: a day"
        " in UTC, or a moment with its zone.  [default: now]",
    ),
    click.option(
        "--document", type=click.Path(path_type=Path), help="The letter or order behind it; it is kept."
    ),
)  # fmt: skip


def withdrawal_options(command: Any) -> Any:
    """The options that `record` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def withdrawals() -> None:
    """Withdrawals: record, look up, confirm takedowns."""


@withdrawals.command()
@click.argument("subject", type=click.Choice(SUBJECTS))
@click.argument("ref")
@withdrawal_options
@as_json
@click.pass_obj
def record(runtime: Runtime, /, subject: str, ref: str, in_json: bool, **given: Any) -> None:
    """Withdraw a license, one grant (LICENSE/GRANT), a licensor, a release, a person or a photo."""
    show_withdrawn(withdraw_now(runtime, subject, ref, **given), in_json=in_json)


def withdraw_now(
    runtime: Runtime,
    subject: str,
    ref: str,
    *,
    reason: str,
    kind: str,
    since: datetime | None,
    document: Path | None,
) -> Withdrawn:
    content = None if document is None else read_bytes(document, what="document")
    at = runtime.now()
    with runtime.transaction() as session:
        sha256 = _kept(runtime, session, document, content, at=at)
        return withdrawing.withdraw(
            session,
            subject,
            ref,
            kind=kind,
            since=since,
            reason=reason,
            document_sha256=sha256,
            by=runtime.actor,
            at=at,
        )


def _kept(
    runtime: Runtime, session: Session, document: Path | None, content: bytes | None, *, at: datetime
) -> str | None:
    """The document's hash, once it is recorded."""
    if document is None or content is None:
        return None
    return licensing.record_document(
        session,
        content,
        name=document.name,
        media_type=mimetypes.guess_type(document.name)[0] or DOCUMENT,
        blobs=runtime.blobs,
        by=runtime.actor,
        at=at,
    ).sha256


def show_withdrawn(done: Withdrawn, *, in_json: bool) -> None:
    if in_json:
        print_json(done.facts())
        return
    made, touched = done.withdrawal, done.exposure
    when = "at" if made.took_effect_at else "from"
    click.echo(f"{made.subject} {made.ref} withdrawn {when} {word(made.effective_from)} (`{made.kind}`)")
    if made.took_effect_at is None:
        click.echo("that lies ahead: it takes effect by itself")
    click.echo(
        f"it touches {count(touched.photos, 'photo')}, which it clears for nothing new any more,"
        f" and {count(touched.composites, 'composite')}, which must clear anew when handed out"
    )
    given = f"{count(touched.handouts, 'handout')} and {count(touched.publications, 'publication')}"
    if EFFECTS[made.kind].handouts == "recall":
        click.echo(f"{given} are to be called back: `bankd withdrawals takedowns` lists them in a moment")
    elif touched.handouts or touched.publications:
        click.echo(f"of {given} those after that moment are to be called back, the others may stand")
    if EFFECTS[made.kind].money == "escrow":
        click.echo(
            "what is owed under it and not stated yet is held in escrow until it is settled:"
            f" `bankd withdrawals settle {made.id}`"
        )
    if touched.networks:
        click.echo(
            f"{count(len(touched.networks), 'network')} learned from its photos, and refuse what does not"
            " clear for them:"
        )
        for one in touched.networks:
            click.echo(f"  {one.sha256} (`bankd models show {one.sha256[:12]}`)")


@withdrawals.command("list")
@click.option("--subject", type=click.Choice(SUBJECTS))
@click.option("--ref")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@as_json
@click.pass_obj
def list_(runtime: Runtime, subject: str | None, ref: str | None, limit: int, in_json: bool) -> None:
    """List withdrawals, the latest first."""
    with runtime.transaction() as session:
        found = withdrawing.shown(session, records.listed(session, subject=subject, ref=ref, limit=limit))
    if in_json:
        print_json(found)
        return
    print_rows(
        ("id", "kind", "of", "from", "recorded", "reason"),
        [
            (
                one["withdrawal"],
                one["kind"],
                f"{one['subject']} {one['ref']}",
                one["effective_from"],
                one["recorded_at"],
                one["reason"],
            )
            for one in found
        ],
        none="nothing was withdrawn yet",
    )


@withdrawals.command()
@click.argument("withdrawal_id", type=click.UUID)
@click.option("--after", type=click.UUID, help="The last composite of the page before.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@as_json
@click.pass_obj
def show(runtime: Runtime, withdrawal_id: UUID, after: UUID | None, limit: int, in_json: bool) -> None:
    """Show a withdrawal and the composites that it marked."""
    with runtime.transaction() as session:
        (facts,) = withdrawing.shown(session, [records.get(session, withdrawal_id)])
        marks = [
            {"composite": one.composite_id, "exposed_at": one.exposed_at, "why": one.why}
            for one in reading.marks(session, withdrawal_id, after=after, limit=limit)
        ]
    if in_json:
        print_json({**facts, "composites": marks})
        return
    settled = facts.pop("settled")
    print_fields({name.replace("_", " "): value for name, value in facts.items() if name != "effects"})
    print_fields(facts["effects"])
    if settled is not None:
        _print_settled(settled)
    for one in marks:
        click.echo(f"composite {one['composite']}: {one['why']}")


@withdrawals.command()
@click.argument("withdrawal_id", type=click.UUID)
@click.option(
    "--outcome", type=click.Choice(OUTCOMES), required=True, help="Owed after all, or not any more."
)
@click.option("--reason", required=True, help="What ended the dispute.")
@click.option("--document", type=click.Path(path_type=Path), help="The judgment or agreement; it is kept.")
@as_json
@click.pass_obj
def settle(
    runtime: Runtime, withdrawal_id: UUID, outcome: Outcome, reason: str, document: Path | None, in_json: bool
) -> None:
    """End what a withdrawal holds in escrow; what it withdrew stays withdrawn."""
    content = None if document is None else read_bytes(document, what="document")
    at = runtime.now()
    with runtime.transaction() as session:
        facts = escrow.facts(
            escrow.settle(
                session,
                withdrawal_id,
                outcome=outcome,
                reason=reason,
                document_sha256=_kept(runtime, session, document, content, at=at),
                by=runtime.actor,
                at=at,
            )
        )
    if in_json:
        print_json(facts)
        return
    _print_settled(facts or {})


def _print_settled(facts: dict[str, Any]) -> None:
    click.echo(f"settled at {word(facts['settled_at'])} as {facts['outcome']}: {facts['reason']}")
    for one in facts["taken_back"]:
        amount = money.written(one["amount_minor"], one["currency"])
        click.echo(
            f"{amount} taken back by new entries, {count(facts['entries'], 'entry', 'entries')} in all"
        )


@withdrawals.command()
@click.option("--withdrawal", "withdrawal_id", type=click.UUID, help="Of this one alone.")
@click.option("--all", "done", is_flag=True, help="Those that are done, too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@as_json
@click.pass_obj
def takedowns(runtime: Runtime, withdrawal_id: UUID | None, done: bool, limit: int, in_json: bool) -> None:
    """List the handouts and publications that are to be called back."""
    with runtime.transaction() as session:
        found = reading.takedowns(session, withdrawal_id=withdrawal_id, done=done, limit=limit)
    if in_json:
        print_json([plain(one) for one in found])
        return
    print_rows(
        ("id", "what", "composite", "to", "asked", "done"),
        [(one.id, one.what, one.composite_id, one.told, one.asked_at, one.done_at) for one in found],
        none="nothing is to be called back",
    )


@withdrawals.command()
@click.argument("withdrawal_id", type=click.UUID)
@click.option("--on", type=click.DateTime(formats=["%Y-%m-%d"]), help="A day to come.  [default: today]")
@click.option("--after", type=click.UUID, help="The last publication of the page before.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@as_json
@click.pass_obj
def publications(
    runtime: Runtime,
    withdrawal_id: UUID,
    on: datetime | None,
    after: UUID | None,
    limit: int,
    in_json: bool,
) -> None:
    """List what is to be done with each publication that a withdrawal touches."""
    with runtime.transaction() as session:
        found = outlasting.touched(
            session,
            withdrawal_id,
            on=None if on is None else on.date(),
            after=after,
            limit=limit,
            by=runtime.actor,
            at=runtime.now(),
        )
    if in_json:
        print_json([one.as_json() for one in found])
        return
    print_standings(found, none="it touches no publication that is still public")


@withdrawals.command()
@click.argument("takedown_id", type=click.UUID)
@click.option("--note", required=True, help="Who says that it is done, and on what proof.")
@click.pass_obj
def confirm(runtime: Runtime, takedown_id: UUID, note: str) -> None:
    """Record that a handout was called back or a publication taken down."""
    with runtime.transaction() as session:
        marking.confirm(session, takedown_id, note=note, by=runtime.actor, at=runtime.now())
    click.echo(f"takedown {takedown_id} is done")
