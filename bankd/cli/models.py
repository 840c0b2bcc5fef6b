"""`bankd models`: networks, what they were trained on, and whether that still clears."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bankd.catalog.taxonomy import house
from bankd.cli.measuring import coverage, evaluate
from bankd.cli.printing import as_json, count, plain, print_fields, print_json, print_rows
from bankd.cli.running import run_to_end, write_export
from bankd.cli.using import one_of
from bankd.errors import BankError
from bankd.licensing.use import Use
from bankd.licensing.vocabulary import PURPOSES, SUBJECTS
from bankd.policy.clearing import terms_of
from bankd.runtime import Runtime
from bankd.synthesis.declaring import declare_training
from bankd.training import exporting, importing, reading, service
from bankd.training.service import Standing


class TrainingStopped(BankError):
    def __init__(self, status: int, folder: Path) -> None:
        super().__init__(f"training ended with status {status}; what was learned is kept in `{folder}`")
        self.status = status


@click.group()
def models() -> None:
    """Networks: train, bring in, list, show what they may be used for."""


models.add_command(evaluate)
models.add_command(coverage)


def _training_use(command: Any) -> Any:
    for option in (
        click.option("--subject", "subjects", multiple=True, help=one_of(SUBJECTS)),
        click.option("--sector", help="Sector of business.  [default: general]"),
        click.option("--licensee", help="Who uses what it makes.  [default: house]"),
        click.option("--to", "ends_on", metavar="YYYY-MM-DD", help="Last day.  [default: in a year]"),
        click.option("--from", "starts_on", metavar="YYYY-MM-DD", help="First day.  [default: today]"),
        click.option("--purpose", required=True, help=one_of(PURPOSES)),
    ):
        command = option(command)
    return command


def _declared(runtime: Runtime, stated: Mapping[str, Any]) -> Use:
    return declare_training(today=runtime.now().date(), **stated)


@models.command()
@_training_use
@click.option("--sequences", is_flag=True, help="Names that differ in their last number are one sequence.")
@as_json
@click.pass_obj
def pin(runtime: Runtime, /, sequences: bool, in_json: bool, **stated: Any) -> None:
    """Pin a snapshot: every photo that clears for training with this use, now."""
    use = _declared(runtime, stated)
    with runtime.transaction() as session:
        pinned = service.pin(session, use, sequences=sequences, by=runtime.actor, at=runtime.now())
        found = reading.snapshot(pinned.snapshot)
    if in_json:
        print_json({**plain(found), "left_out": pinned.left_out})
        return
    click.echo(f"snapshot {found.digest}: {count(found.photos, 'photo')} cleared for training")
    for policy, photos in sorted(pinned.left_out.items(), key=lambda pair: (-pair[1], pair[0])):
        click.echo(f"  left out by {policy}: {count(photos, 'photo')}")


@models.command()
@click.argument("digest")
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_obj
def export(runtime: Runtime, digest: str, folder: Path) -> None:
    """Write the photos and maps of a snapshot into FOLDER, if they still clear for training."""
    _export(runtime, digest, folder)
    click.echo(f"written to {folder}; train from it with `python -m synth.training`")


@models.command()
@click.argument("recipe", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--snapshot", "digest", required=True, help="Digest of a pinned snapshot, or how it begins.")
@click.option("--budget-minutes", type=float, help="Stop after this time, with what was learned by then.")
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True, help="That prepare data.")
@click.option(
    "--features",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="VGG-19 weights, where the recipe asks for them.",
)
@click.pass_obj
def train(
    runtime: Runtime,
    recipe: Path,
    digest: str,
    budget_minutes: float | None,
    workers: int,
    features: Path | None,
) -> None:
    """Train a network by RECIPE on a snapshot, and register it. The same command again goes on."""
    with runtime.transaction() as session:
        whole = service.snapshot_of(session, digest).digest
    folder = runtime.settings.home / "training" / whole[:16]
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / recipe.stem
    # Photos leave the store for the time of the training alone: a copy that stayed would survive an erasure.
    with tempfile.TemporaryDirectory(prefix="photos-", dir=folder) as photos:
        _export(runtime, whole, Path(photos))
        words = [sys.executable, "-m", "synth.training", str(recipe), photos, str(out)]
        words += ["--workers", str(workers), "--pinned", whole]
        if features is not None:
            words += ["--features", str(features)]
        if budget_minutes is not None:
            words += ["--budget-minutes", str(budget_minutes)]
        status = run_to_end(words)
    if status != 0:
        raise TrainingStopped(status, out)
    card, content, sha256 = importing.read(out / importing.TRAINED, taxonomy=house())
    with runtime.transaction() as session:
        snapshot = service.snapshot_of(session, card.snapshot_sha256)
        importing.keep(
            session, snapshot, card, content, sha256, blobs=runtime.blobs, by=runtime.actor, at=runtime.now()
        )
    click.echo(f"registered {card.kind} network {sha256}")


@models.command("import")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_training_use
@click.pass_obj
def import_(runtime: Runtime, /, folder: Path, **stated: Any) -> None:
    """Register the networks of FOLDER: checkpoints, snapshot.json and rights.yaml."""
    use = _declared(runtime, stated)
    with runtime.transaction() as session:
        made = importing.import_networks(
            session,
            folder,
            use,
            blobs=runtime.blobs,
            taxonomy=house(),
            by=runtime.actor,
            at=runtime.now(),
        )
        found = service.standing(session, made[0].snapshot_id, terms_of(session, use, at=runtime.now()))
        lines = [f"{one.kind} network {one.sha256}" for one in made]
    for line in lines:
        click.echo(line)
    click.echo(_sentence(found, use))


@models.command("list")
@as_json
@click.pass_obj
def list_(runtime: Runtime, in_json: bool) -> None:
    """List networks, the newest first, and whether what they were trained on clears today."""
    with runtime.transaction() as session:
        found = reading.networks(session, at=runtime.now())
    if in_json:
        print_json(found)
        return
    print_rows(
        ("network", "kind", "width", "registered", "photos", "snapshot", "purpose", "clears"),
        [
            (
                one.sha256[:12],
                one.kind,
                one.card["width"],
                one.registered_at,
                one.snapshot.photos,
                one.snapshot.digest[:12],
                one.snapshot.use["purpose"],
                "yes" if one.clears else f"no: {', '.join(one.reasons)}",
            )
            for one in found
        ],
        none="no network yet: bring one in with `bankd models import`, or train with `bankd models train`",
    )


@models.command()
@click.argument("sha256")
@as_json
@click.pass_obj
def show(runtime: Runtime, sha256: str, in_json: bool) -> None:
    """Show one network: its card, its snapshot, and each training photo that no longer clears."""
    with runtime.transaction() as session:
        found = reading.network(session, sha256, at=runtime.now())
    if in_json:
        print_json(found)
        return
    print_fields(
        {
            "network": found.sha256,
            "kind": found.kind,
            "width": found.card["width"],
            "size": f"{found.size_bytes / 1e6:.1f} MB",
            "trained by": f"bankd {found.card['code_version']}",
            "snapshot": found.snapshot.digest,
            "photos": found.snapshot.photos,
            "pinned": found.snapshot.pinned_at,
            "for": found.snapshot.use["purpose"],
            "metrics": ", ".join(f"{name} {value:.4g}" for name, value in found.card["metrics"].items()),
        }
    )
    if found.clears:
        click.echo("every training photo clears for training today")
    else:
        click.echo(f"{count(found.refused, 'training photo')} no longer clear: {', '.join(found.reasons)}")


def _export(runtime: Runtime, digest: str, folder: Path) -> None:
    with runtime.transaction() as session:
        at = runtime.now()
        snapshot = service.snapshot_of(session, digest)
        terms = terms_of(session, Use.model_validate(snapshot.use), at=at)
        export = exporting.clear(session, snapshot, terms, taxonomy=house(), by=runtime.actor, at=at)
    write_export(runtime, export, folder)


def _sentence(found: Standing, use: Use) -> str:
    if found.clears:
        return f"{count(found.photos, 'training photo')} clear for {use.purpose} use"
    reasons = ", ".join(sorted(found.reasons))
    return f"{found.refused} of {count(found.photos, 'training photo')} do not clear: {reasons}"
