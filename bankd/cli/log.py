"""`bankd log`: what happened, signed so that nobody can change it unseen."""

import json
from pathlib import Path

import click

from bankd.audit import log as entries
from bankd.audit import proofs
from bankd.audit import verify as verification
from bankd.audit.checkpoints import Signer, first_over, latest
from bankd.cli.files import read_bytes
from bankd.cli.printing import as_json, count, plain, print_json
from bankd.errors import BankError
from bankd.runtime import Runtime

WIDE = 200  # characters of an entry on one line


class LogEmpty(BankError):
    def __init__(self) -> None:
        super().__init__("the log has no entry yet: there is nothing to sign")


@click.group()
def log() -> None:
    """The log: show, verify, checkpoint, prove."""


@log.command()
@click.option(
    "--seen",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Repeatable: a checkpoint kept outside of the bank.",
)
@as_json
@click.pass_obj
def verify(runtime: Runtime, seen: tuple[Path, ...], in_json: bool) -> None:
    """Work the whole log out again; exit status 1 when it does not hold."""
    notes = [read_bytes(path, what="checkpoint").decode(errors="replace") for path in seen]
    with runtime.transaction() as session:
        report = verification.verify(session, runtime.log_key.public_key(), seen=notes)
    if in_json:
        print_json(
            {
                "holds": report.holds,
                "entries": report.entries,
                "erased": report.erased,
                "checkpoints": report.checkpoints,
                "signed": report.signed,
                "root": report.root,
                "problem": report.problem,
            }
        )
    elif report.problem is None:
        click.echo(
            f"the log holds: {count(report.entries, 'entry', 'entries')}, {report.erased} erased,"
            f" {count(report.checkpoints, 'checkpoint')}, the last of {report.signed} entries"
        )
        click.echo(f"root {report.root.hex()}")
    else:
        click.echo(f"the log does not hold: {report.problem.what}", err=True)
    if not report.holds:
        raise click.exceptions.Exit(1)


@log.command()
@click.option("--from", "start", type=click.IntRange(0), default=0, show_default=True, help="First index.")
@click.option(
    "--to", "last", type=click.IntRange(0), help="Last index, inclusive; to the end where left out."
)
@as_json
@click.pass_obj
def show(runtime: Runtime, start: int, last: int | None, in_json: bool) -> None:
    """Print entries; with --json one document a line."""
    with runtime.transaction() as session:
        for entry in entries.read(session, start=start, stop=None if last is None else last + 1):
            if in_json:
                click.echo(json.dumps(plain(entry), ensure_ascii=False))
                continue
            payload = entry.payload or {}
            by = payload.get("by", {}).get("name", "(erased)")
            objects = "  ".join(f"{name}={value}" for name, value in payload.get("objects", {}).items())
            line = f"{entry.index:6}  {entry.at:%Y-%m-%d %H:%M:%SZ}  {entry.kind:24}  {by:10}  {objects}"
            click.echo(line if len(line) <= WIDE else f"{line[: WIDE - 3]}...")


@log.command()
@as_json
@click.pass_obj
def checkpoint(runtime: Runtime, in_json: bool) -> None:
    """Sign the log as it is now, and print the checkpoint: keep it outside of the bank."""
    with runtime.transaction() as session:
        signed = Signer(runtime.log_origin, runtime.log_keys).sign(session, at=runtime.now())
        signed = signed or latest(session)
    if signed is None:
        raise LogEmpty
    if in_json:
        print_json({"size": signed.size, "root": signed.root, "at": signed.at, "note": signed.note})
    else:
        click.echo(signed.note, nl=False)


@log.command()
@click.argument("index", type=click.IntRange(0))
@click.pass_obj
def prove(runtime: Runtime, index: int) -> None:
    """Print a proof (JSON) that an entry stands in the log; it can be checked without the bank."""
    with runtime.transaction() as session:
        signed = first_over(session, index)
        if signed is None:
            signed = Signer(runtime.log_origin, runtime.log_keys).sign(session, at=runtime.now())
        signed = signed or latest(session)
        if signed is None:
            raise LogEmpty
        click.echo(proofs.prove(session, index, signed).model_dump_json(indent=2))
