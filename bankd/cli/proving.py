"""`bankd reports audit` and `bankd log trust`: what an auditor checks composites with, and by whose keys."""

import json
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import click

from bankd.cli.files import check_writable, write_all
from bankd.cli.printing import as_json, count, print_json
from bankd.proving import auditing, trusting
from bankd.proving.auditing import Asked, Within
from bankd.runtime import Runtime


@click.command()
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), required=True, help="ZIP to write.")
@click.option("--composite", "composites", type=click.UUID, multiple=True, help="Repeatable: its id.")
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), help="First day of seals, UTC.")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), help="Last day of seals, UTC, inclusive.")
@click.option("--licensor", help="Its ref: composites that rely on its grants.")
@click.option("--prior", type=click.IntRange(1), help="Size of the checkpoint that the auditor has.")
@click.option("--checkpoint", type=click.IntRange(1), help="Size of the checkpoint to prove under; the last.")
@click.option("--pictures", is_flag=True, help="With the pictures.")
@click.option(
    "--disclosures",
    is_flag=True,
    help="With declared uses, licenses, credits, recipients, what clearances were decided on: confidential.",
)
@as_json
@click.pass_obj
def audit(
    runtime: Runtime,
    file: Path,
    composites: tuple[UUID, ...],
    start: datetime | None,
    end: datetime | None,
    licensor: str | None,
    prior: int | None,
    checkpoint: int | None,
    pictures: bool,
    disclosures: bool,
    in_json: bool,
) -> None:
    """Write an audit file, by which a stranger checks composites without the bank."""
    check_writable(file.parent)
    partial = file.with_name(f".{file.name}.partial")
    try:
        with runtime.transaction() as session:
            written = auditing.write(
                session,
                partial,
                Asked(composites, start and start.date(), end and end.date(), licensor),
                Within(pictures=pictures, disclosures=disclosures),
                signed=auditing.signed(session, checkpoint),
                prior=prior,
                blobs=runtime.blobs,
                by=runtime.actor,
                at=runtime.now(),
            )
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    if in_json:
        print_json(written)
        return
    click.echo(file)
    click.echo(
        f"{count(written.composites, 'composite')}, proven under the checkpoint"
        f" of {count(written.checkpoint, 'entry', 'entries')}"
    )
    click.echo(f"sha256 {written.sha256}")


@click.command()
@click.option(
    "--checkpoint/--no-checkpoint",
    default=True,
    show_default=True,
    help="Whether the last checkpoint is in it, as one that the auditor has seen.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="File; standard output where left out."
)
@click.pass_obj
def trust(runtime: Runtime, checkpoint: bool, out: Path | None) -> None:
    """Write trust.json, by which an auditor checks files; hand it over by another way than these."""
    with runtime.transaction() as session:
        told = json.dumps(trusting.trust(runtime, session, checkpoint=checkpoint), indent=1) + "\n"
    if out is None:
        click.echo(told, nl=False)
        return
    write_all(out.parent, {out.name: told.encode()})
    click.echo(out)
    click.echo(f"sha256 {sha256(told.encode()).hexdigest()}: tell it to the auditor by another way")
