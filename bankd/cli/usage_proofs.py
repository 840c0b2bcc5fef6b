"""Usage proofs: made for a licensor by `reports usage`, checked by anybody by `log check-usage`."""

from pathlib import Path

import click

from bankd.audit import trust as trusting
from bankd.audit import usage_proof
from bankd.audit.usage_proof import Holds, UsageProofInvalid
from bankd.cli.files import read_bytes, write_all
from bankd.cli.printing import as_json, count, print_json, print_rows
from bankd.runtime import Runtime
from bankd.usage import proving

NOT_CHECKED = 3


@click.command()
@click.option("--licensor", required=True, metavar="REF", help="Whose photos.")
@click.option(
    "--from", "start", type=click.IntRange(1), metavar="SIZE",
    help="Size of the checkpoint from which on; since the first entry where left out.",
)  # fmt: skip
@click.option(
    "--to", type=click.IntRange(1), metavar="SIZE",
    help="Size of the checkpoint up to which; up to the last where left out.",
)  # fmt: skip
@click.option("--file", "out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.pass_obj
def usage(runtime: Runtime, licensor: str, start: int | None, to: int | None, out: Path) -> None:
    """Every recorded use of a licensor's photos between two checkpoints, provably all of them.

    The licensor checks it by `bankd log check-usage`, without us.
    """
    with runtime.transaction() as session:
        content = proving.prove(session, licensor, start=start, to=to, by=runtime.actor, at=runtime.now())
    write_all(out.parent, {out.name: content})
    click.echo(out)


@click.command("check-usage")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--trust", "trusted", type=click.Path(path_type=Path), required=True,
    help="trust.json, which came to you by another way than the file.",
)  # fmt: skip
@click.option(
    "--seen", type=click.Path(path_type=Path), multiple=True,
    help="Repeatable: a checkpoint that you got from somebody else.",
)  # fmt: skip
@click.option("--uses", "listed", is_flag=True, help="Print each use.")
@as_json
def check_usage(file: Path, trusted: Path, seen: tuple[Path, ...], listed: bool, in_json: bool) -> None:
    """Check a usage proof, offline; exit status 1: it does not hold, 3: nobody else vouches for it."""
    trust = trusting.read(read_bytes(trusted, what="trust file"))
    others = [read_bytes(path, what="checkpoint").decode(errors="replace") for path in seen]
    try:
        proof = usage_proof.read(read_bytes(file, what="usage proof"))
        holds = usage_proof.check(proof, trust, seen=others)
    except UsageProofInvalid as error:
        if in_json:
            print_json({"holds": False, "step": error.step, "problem": error.why})
        else:
            click.echo(str(error), err=True)
        raise click.exceptions.Exit(1) from error
    if in_json:
        print_json(_facts(holds))
    else:
        _print(holds, listed=listed)
    if not holds.witnessed:
        raise click.exceptions.Exit(NOT_CHECKED)


def _facts(holds: Holds) -> dict[str, object]:
    return {
        "holds": True,
        "licensor": holds.licensor,
        "from": holds.start,
        "to": holds.to,
        "uses_before": holds.before,
        "uses": [None if use is None else use.model_dump(mode="json") for use in holds.uses],
        "erased": holds.erased,
        "witnesses": sorted(holds.witnesses),
        "seen_elsewhere": holds.elsewhere,
        "not_compared": holds.uncompared,
        "not_checked": [] if holds.witnessed else ["witnesses"],
        "not_covered": usage_proof.NOT_COVERED,
    }


def _print(holds: Holds, *, listed: bool) -> None:
    if listed:
        print_rows(
            ("entry", "at", "use", "of", "composite", "px of the canvas", "of"),
            [
                ("-", "-", "erased", "-", "-", "-", "-")
                if use is None
                else (
                    use.entry, use.at[:19] + "Z", use.kind,
                    getattr(use, "publication", None) or getattr(use, "handout", None),
                    use.composite, use.canvas_px, use.frame_px,
                )
                for use in holds.uses
            ],
            none="no use",
        )  # fmt: skip
    kinds = usage_proof.kind_counts(holds.uses)
    words = ", ".join(f"{number} {kind}" for kind, number in kinds.items() if number)
    since = "the first entry" if not holds.start else f"the checkpoint of {holds.start} entries"
    click.echo(f"the usage proof holds: licensor {holds.licensor}")
    click.echo(
        f"{count(len(holds.uses), 'use')} recorded from {since} to the checkpoint of {holds.to} entries"
        + (f" ({words})" if words else "")
        + (f", {count(holds.before, 'use')} before" if holds.start else "")
    )
    if holds.witnesses:
        click.echo(f"checkpoints signed by {', '.join(sorted(holds.witnesses))}")
    if holds.uncompared:
        click.echo(f"{count(holds.uncompared, 'checkpoint')} seen elsewhere of another size: not compared")
    if holds.elsewhere:
        click.echo("checkpoints seen elsewhere, the same")
    if not holds.witnessed:
        click.echo(
            "NOT CHECKED: no witness signed the checkpoints; that there is one log, only the bank says"
        )
    click.echo(f"not covered: {usage_proof.NOT_COVERED}")
