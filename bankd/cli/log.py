"""`bankd log`: what happened, signed so that nobody can change it unseen."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import click

from bankd import keys as key_files
from bankd.audit import checkpoints, exporting, notes, proofs, signing_keys
from bankd.audit import log as entries
from bankd.audit.checkpoints import first_over, latest
from bankd.audit.errors import LogEmpty
from bankd.cli.files import read_bytes
from bankd.cli.printing import as_json, count, plain, print_json, print_rows
from bankd.cli.proving import trust
from bankd.cli.usage_proofs import check_usage
from bankd.runtime import Runtime
from bankd.usage import mapping
from bankd.usage.recounting import Recount
from bankd.witnesses import server, telling, verifying
from bankd.witnesses.setup import witnesses as configured
from bankd.witnesses.verifying import Verified

WIDE = 200  # characters of an entry on one line


@click.group()
def log() -> None:
    """The log: show, verify, checkpoint, prove, export, trust, its keys and witnesses."""


log.add_command(trust)


@log.command()
@click.option(
    "--checkpoint",
    "--seen",
    "seen",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Repeatable: a checkpoint, or a witness's file, kept outside of the bank.",
)
@as_json
@click.pass_obj
def verify(runtime: Runtime, seen: tuple[Path, ...], in_json: bool) -> None:
    """Work the whole log out again; exit status 1 when it does not hold."""
    given = [
        note
        for path in seen
        for note in verifying.given(read_bytes(path, what="checkpoint").decode(errors="replace"))
    ]
    recount = Recount()
    with runtime.transaction() as session:
        found = verifying.verify(
            session, configured(runtime.settings), runtime.log_key.public_key(), seen=given, extend=recount
        )
    if in_json:
        print_json(found.facts() | recount.facts())
    else:
        _say(found)
        if found.report.holds:
            click.echo(
                f"usage maps: {count(recount.links, 'link')} of licensors' chains, {recount.erased} erased;"
                f" {count(recount.unlinked, 'use')} erased before links were made"
            )
    if not found.report.holds:
        raise click.exceptions.Exit(1)


def _say(found: Verified) -> None:
    report = found.report
    if report.problem is not None:
        click.echo(f"the log does not hold: {report.problem.name}: {report.problem.what}", err=True)
        return
    click.echo(
        f"the log holds: {count(report.entries, 'entry', 'entries')}, {report.erased} erased,"
        f" {count(report.checkpoints, 'checkpoint')} consistent with it, the last of {report.signed} entries"
    )
    click.echo(f"root {report.root.hex()}")
    click.echo(
        f"payload commitments hold, {report.nodes} stored hashes are theirs,"
        f" the log's key was rotated {count(report.rotations, 'time')}"
    )
    for witness, size in sorted(report.witnesses.items()):
        click.echo(f"witness `{witness}` agrees up to {count(size, 'entry', 'entries')}")
    for why in found.silent.values():
        click.echo(f"{why}: it could not be asked")
    if report.proven:
        click.echo(f"history proven: up to {count(report.proven, 'entry', 'entries')} somebody else saw it")
    else:
        click.echo("history unproven: no witness and no checkpoint kept outside says what the log was before")


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
            line = line.replace("\n", " ")
            click.echo(line if len(line) <= WIDE else f"{line[: WIDE - 3]}...")


@log.command()
@as_json
@click.pass_obj
def checkpoint(runtime: Runtime, in_json: bool) -> None:
    """Sign the log as it is now, and print the checkpoint: keep it outside of the bank."""
    with runtime.transaction() as session:
        signed = mapping.signer(runtime).sign(session, at=runtime.now())
        signed = signed or latest(session)
        if signed is None:
            raise LogEmpty
        note = checkpoints.cosigned(session, signed)
    if in_json:
        print_json(
            {
                "size": signed.size,
                "root": signed.root,
                "at": signed.at,
                "extensions": signed.extensions,
                "note": note,
            }
        )
    else:
        click.echo(note, nl=False)


@log.command()
@click.argument("index", type=click.IntRange(0))
@click.pass_obj
def prove(runtime: Runtime, index: int) -> None:
    """Print a proof (JSON) that an entry stands in the log; it can be checked without the bank."""
    with runtime.transaction() as session:
        signed = first_over(session, index)
        if signed is None:
            signed = mapping.signer(runtime).sign(session, at=runtime.now())
        signed = signed or latest(session)
        if signed is None:
            raise LogEmpty
        click.echo(proofs.prove(session, index, signed).model_dump_json(indent=2))


@log.command()
@click.argument("first", type=click.IntRange(1))
@click.argument("second", type=click.IntRange(1), required=False)
@click.pass_obj
def consistency(runtime: Runtime, first: int, second: int | None) -> None:
    """Print a proof (JSON) that the checkpoint of SECOND entries (the last) extends that of FIRST."""
    with runtime.transaction() as session:
        proof = proofs.between(session, first, second)
    click.echo(proof.model_dump_json(indent=2))


@log.command()
@click.option("--out", type=click.File("w", encoding="utf-8"), default="-", help="A file; else printed.")
@click.option("--no-payloads", is_flag=True, help="Commitments alone: nothing of what was done is told.")
@click.pass_obj
def export(runtime: Runtime, out: TextIO, no_payloads: bool) -> None:
    """Write the whole log up to the last checkpoint, one JSON document a line."""
    with runtime.transaction() as session:
        for line in exporting.lines(session, payloads=not no_payloads):
            out.write(f"{json.dumps(line, ensure_ascii=False)}\n")


@log.command()
@as_json
@click.pass_obj
def keys(runtime: Runtime, in_json: bool) -> None:
    """List the keys that signed the log and the manifests, and the entries by which they came."""
    with runtime.transaction() as session:
        found = signing_keys.facts(runtime.signing_keys(session), runtime.log_origin)
    if in_json:
        print_json(found)
        return
    print_rows(
        ("signs", "key", "since entry", "since"),
        [(one["signs"], one["key"], one["index"], one["at"]) for one in found],
        none="",
    )


@log.command("witnesses")
@as_json
@click.pass_obj
def witnesses_(runtime: Runtime, in_json: bool) -> None:
    """List who keeps checkpoints outside of the bank, and how telling them goes."""
    with runtime.transaction() as session:
        found = telling.states(session, configured(runtime.settings))
    if in_json:
        print_json(found)
        return
    print_rows(
        ("witness", "where", "holds", "since", "behind", "failures", "last error"),
        [(one.name, one.where, one.size, one.at, one.behind, one.failures, one.last_error) for one in found],
        none="no witness is set: `witness_file`, `witness_urls` or `witness_bucket` in the settings",
    )


@log.command()
@click.option("--listen", default="127.0.0.1:8430", show_default=True, metavar="HOST:PORT")
@click.option("--name", required=True, help="What this witness is called, such as `witness.example/w1`.")
@click.option(
    "--log", "logs", multiple=True, required=True, metavar="KEY",
    help="Repeatable: a log to witness, as `bankd log keys` of its house shows it.",
)  # fmt: skip
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Where its key and what it saw are kept; made if it is not there.",
)
@click.pass_obj
def witness(runtime: Runtime, listen: str, name: str, logs: Iterable[str], folder: Path) -> None:
    """Be a witness of other houses' logs (C2SP tlog-witness), until interrupted. Needs no bank here."""
    known: dict[str, list[Any]] = {}
    for line in logs:
        origin, public = notes.read_public_key(line)
        known.setdefault(origin, []).append(public)
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or not notes.NAME.fullmatch(name):
        raise click.UsageError("say `--listen HOST:PORT`, and a name without spaces or `+`")
    key_files.create(folder, "witness")
    key = key_files.read(folder, "witness")
    observer = server.Observer(name, key, known, folder)
    with server.serve(observer, host, int(port), now=lambda: int(runtime.now().timestamp())) as listening:
        told = notes.public_key_line(name, key.public_key(), notes.COSIGNATURE)
        click.echo(f"{told} http://{host}:{listening.server_address[1]}")
        try:
            listening.serve_forever()
        except KeyboardInterrupt:
            click.echo("stopped", err=True)


log.add_command(check_usage)
