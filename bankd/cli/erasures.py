"""`bankd erasures`: plan, carry out, look up, and the certificate of what is gone and what remains."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from bankd.cli.files import read_bytes, write_all
from bankd.cli.moments import Moment
from bankd.cli.printing import as_json, count, plain, print_fields, print_json, print_rows
from bankd.erasure import carrying, certificates, service
from bankd.erasure.models import ERASURE_SUBJECTS, GROUNDS
from bankd.erasure.service import CHOICES, Handling
from bankd.runtime import Runtime

SUBJECT = click.Choice(ERASURE_SUBJECTS)


@click.group()
def erasures() -> None:
    """Erasures: plan, carry out, look up, certificates."""


@erasures.command()
@click.argument("subject", type=SUBJECT)
@click.argument("ref")
@as_json
@click.pass_obj
def plan(runtime: Runtime, subject: str, ref: str, in_json: bool) -> None:
    """Say what an erasure would touch, and what has to be kept. Changes nothing."""
    at = runtime.now()
    with runtime.transaction() as session:
        found = service.plan(session, subject, ref, by=runtime.actor, at=at)
        facts = found.facts(at=at)
    if in_json:
        print_json(facts)
        return
    click.echo(
        f"erasing {found.subject} {found.ref} takes {count(len(found.photos), 'photo')} with"
        f" {count(found.segments, 'segment')} and {count(len(found.releases), 'release')} out of the bank"
    )
    if found.photos_elsewhere:
        click.echo(f"{count(found.photos_elsewhere, 'photo')} stay: others gave grants for them too")
    click.echo(
        f"it touches {count(found.composites, 'composite')}, {count(found.handouts, 'handout')},"
        f" {count(found.publications, 'publication')} and {count(len(found.networks), 'network')}"
    )
    _say_kept(facts["kept"])


@erasures.command("carry-out")
@click.argument("subject", type=SUBJECT)
@click.argument("ref")
@click.option("--reason", required=True, help="Why, in words that name nobody: they are kept.")
@click.option("--ground", type=click.Choice(GROUNDS), required=True, help="What asks for it.")
@click.option(
    "--composites",
    type=click.Choice(CHOICES["composites"]),
    default=Handling.composites,
    show_default=True,
    help="What becomes of pictures it is in.",
)
@click.option(
    "--gates",
    type=click.Choice(CHOICES["gates"]),
    default=Handling.gates,
    show_default=True,
    help="What becomes of their gate maps.",
)
@click.option(
    "--reports",
    type=click.Choice(CHOICES["reports"]),
    default=Handling.reports,
    show_default=True,
    help="What those who hold reports are to do.",
)
@click.option(
    "--backups",
    type=click.Choice(CHOICES["backups"]),
    default=Handling.backups,
    show_default=True,
    help="What is done with backups from before.",
)
@click.option(
    "--backups-until", type=Moment(last=True), metavar="MOMENT", help="By when the last of them is gone."
)
@click.option(
    "--scope",
    type=click.Choice(["everyone", "licensor"]),
    help="Whom tombstones refuse.  [default: everyone; of a licensor's photos the licensor]",
)
@click.option(
    "--delete-after", type=Moment(last=True), metavar="MOMENT", help="When tombstones go.  [default: never]"
)
@as_json
@click.pass_obj
def carry_out(
    runtime: Runtime,
    /,
    subject: str,
    ref: str,
    reason: str,
    ground: str,
    scope: str | None,
    delete_after: datetime | None,
    in_json: bool,
    **handling: Any,
) -> None:
    """Erase a photo, a person or a release with its photos, or a licensor's photos. For good."""
    with runtime.transaction() as session:
        erasure_id = service.carry_out(
            session,
            subject,
            ref,
            reason=reason,
            ground=ground,
            handling=Handling(**handling),
            scope=scope,
            delete_after=delete_after,
            by=runtime.actor,
            at=runtime.now(),
        ).id
    carrying.carry_on(runtime)
    _show(runtime, erasure_id, in_json=in_json)


@erasures.command("list")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@as_json
@click.pass_obj
def list_(runtime: Runtime, limit: int, in_json: bool) -> None:
    """List erasures, the latest first."""
    with runtime.transaction() as session:
        found = service.overview(session, by=runtime.actor, at=runtime.now(), limit=limit)
    if in_json:
        print_json(plain(found))
        return
    print_rows(
        ("id", "state", "of", "ground", "decided", "finished", "photos"),
        [
            (
                one["erasure"],
                one["state"],
                f"{one['subject']} {one['ref']}",
                one["ground"],
                one["decided_at"],
                one["finished_at"],
                f"{one['photos_done']} of {one['photos']}",
            )
            for one in found
        ],
        none="nothing was erased yet",
    )


@erasures.command()
@click.argument("erasure_id", type=click.UUID)
@as_json
@click.pass_obj
def show(runtime: Runtime, erasure_id: UUID, in_json: bool) -> None:
    """Show an erasure: how far it is, and what it waits for."""
    _show(runtime, erasure_id, in_json=in_json)


@erasures.command()
@click.argument("erasure_id", type=click.UUID)
@click.option("--out", type=click.Path(path_type=Path), help="Write it to a file.  [default: print it]")
@click.pass_obj
def certificate(runtime: Runtime, erasure_id: UUID, out: Path | None) -> None:
    """The signed certificate, as JSON; of an erasure under way, of what is done by now."""
    at = runtime.now()
    with runtime.transaction() as session:
        erasure = service.get(session, erasure_id, by=runtime.actor)
        found = service.certificate(
            session, erasure, house=runtime.log_origin, key=runtime.manifest_key, at=at
        )
    if out is None:
        print_json(found)
        return
    written = json.dumps(found, ensure_ascii=False, indent=2).encode() + b"\n"
    write_all(out.parent, {out.name: written})
    click.echo(f"certificate of erasure {erasure_id} written to {out}")


@erasures.command()
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def verify(runtime: Runtime, file: Path, in_json: bool) -> None:
    """Check a certificate against the bank's key."""
    found = certificates.check(read_bytes(file, what="certificate"), runtime.manifest_key.public_key())
    if in_json:
        print_json({"holds": True, "erasure": found["erasure"], "complete": found["complete"]})
        return
    state = "complete" if found["complete"] else "of an erasure under way"
    click.echo(f"the certificate of erasure {found['erasure']} holds, as of {found['as_of']} ({state})")


def _show(runtime: Runtime, erasure_id: UUID, *, in_json: bool) -> None:
    at = runtime.now()
    with runtime.transaction() as session:
        erasure = service.get(session, erasure_id, by=runtime.actor)
        facts = service.facts(erasure, service.progress(session, erasure, at=at), at=at)
    if in_json:
        print_json(facts)
        return
    print_fields({name.replace("_", " "): value for name, value in facts.items() if name != "kept"})
    _say_kept(facts["kept"])
    if facts["state"] == "under way":
        click.echo(
            "what is under way the clerk ends by itself; links that render workers were given live for half"
            f" an hour at most: `bankd erasures show {facts['erasure']}`"
        )


def _say_kept(kept: list[dict[str, Any]]) -> None:
    for one in kept:
        for duty in one["by"]:
            until = (
                "until it is lifted" if duty["ends_at"] is None else f"until {duty['ends_at'].isoformat()}"
            )
            click.echo(
                f"{one['what']} {one['id']} is kept {until}:"
                f" {duty['class']} on {duty['subject']} {duty['ref']}"
            )
