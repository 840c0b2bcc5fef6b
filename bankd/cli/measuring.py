"""`bankd models evaluate` and `coverage`: how good pictures are, and how good they would be."""

import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from bankd.catalog.taxonomy import house
from bankd.cli.files import check_writable
from bankd.cli.printing import as_json, count, print_json, print_rows
from bankd.cli.running import run_to_end, write_export
from bankd.cli.using import classes_near, read_layout, use_options
from bankd.errors import BankError
from bankd.ingestion import held_out
from bankd.licensing.use import Use
from bankd.runtime import Runtime
from bankd.synthesis import evaluating, surveying
from bankd.synthesis.coverage import Coverage, Spread
from bankd.synthesis.declaring import declare
from bankd.training import service as training

_MEANING = {
    "pixel accuracy": "recognisable where asked, as a share of what real photos are",
    "lite0 distance": "distance to the real photo (lite0 cosine)",
}


class EvaluationStopped(BankError):
    def __init__(self, status: int) -> None:
        super().__init__(f"the evaluation ended with status {status}; what it said stands above")
        self.status = status


def _use(
    *, channels: tuple[str, ...], territories: tuple[str, ...], geo_block: bool, declared: Mapping[str, Any]
) -> Use:
    stated = {name: value for name, value in declared.items() if value not in (None, ())}
    return declare(channels=channels, territories=territories, geo_block=geo_block, **stated)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@use_options
@click.option("--network", "refinement", metavar="SHA256", help="Or how it begins.  [default: the newest]")
@click.option(
    "--judge",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of further photos, to train the judges of faithfulness on.",
)
@click.option("--sequences", is_flag=True, help="Names that differ in their last number are one sequence.")
@click.option("--ablations", is_flag=True, help="Measure systems that lack one part, too.")
@click.option("--variations", type=click.IntRange(1, 16), default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("out"), show_default=True)
@click.pass_obj
def evaluate(
    runtime: Runtime,
    /,
    folder: Path,
    channels: tuple[str, ...],
    territories: tuple[str, ...],
    geo_block: bool,
    refinement: str | None,
    judge: Path | None,
    sequences: bool,
    ablations: bool,
    variations: int,
    out: Path,
    **declared: Any,
) -> None:
    """Measure networks, with and without the bank, on the photos of FOLDER that were held out.

    FOLDER is laid out as for `bankd photos ingest`. Its layouts are asked for with the photos that clear for
    the use, and what is made is measured against its photos. None of them may be in the bank.
    """
    use = _use(channels=channels, territories=territories, geo_block=geo_block, declared=declared)
    check_writable(out)
    place = partial(_place, sequences=sequences)
    # What left the store goes when this ends; only figures and the page stay.
    with tempfile.TemporaryDirectory(prefix="evaluation-", dir=runtime.settings.home) as scratch:
        work = Path(scratch)
        held_out.write(folder, work / "asked", place=place, taxonomy=house())
        words = [sys.executable, "-m", "synth.evaluation"]
        words += [str(work / name) for name in ("networks", "memory", "asked")]
        words += [str(out), "--title", folder.resolve().name, "--variations", str(variations)]
        if ablations:
            words.append("--ablations")
        if judge is not None:
            held_out.write(judge, work / "judge", place=place, taxonomy=house())
            words += ["--judge", str(work / "judge")]
        with runtime.transaction() as session:
            subject = evaluating.clear(
                session,
                use,
                refinement=refinement,
                sequences=sequences,
                taxonomy=house(),
                by=runtime.actor,
                at=runtime.now(),
            )
        for policy, photos in sorted(subject.left_out.items(), key=lambda pair: (-pair[1], pair[0])):
            click.echo(f"left out by {policy}: {count(photos, 'photo')}", err=True)
        evaluating.write_networks(subject.networks, work / "networks", blobs=runtime.blobs)
        write_export(runtime, subject.memory, work / "memory")
        status = run_to_end(words)
    if status != 0:
        raise EvaluationStopped(status)
    click.echo(f"written: {out / 'evaluation.json'} {out / 'evaluation.html'}")


def _place(name: str, *, sequences: bool) -> tuple[str | None, int]:
    found = training.place(name, sequences=sequences)
    return found["sequence"], found["frame"] or 0


@click.command()
@click.argument(
    "layout_paths", metavar="LAYOUTS...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@use_options
@click.option("--frame", type=click.Choice(["scene", "box"]), default="scene", show_default=True)
@click.option(
    "--classes",
    "classes_path",
    type=click.Path(path_type=Path),
    help="classes.json of all layouts; sought near each.",
)
@as_json
@click.pass_obj
def coverage(
    runtime: Runtime,
    /,
    layout_paths: tuple[Path, ...],
    channels: tuple[str, ...],
    territories: tuple[str, ...],
    geo_block: bool,
    frame: surveying.Frame,
    classes_path: Path | None,
    in_json: bool,
    **declared: Any,
) -> None:
    """Say how well the bank could serve LAYOUTS for a use. Nothing is ordered."""
    use = _use(channels=channels, territories=territories, geo_block=geo_block, declared=declared)
    named = [
        surveying.Named(str(path), read_layout(path, classes_path or classes_near(path)))
        for path in layout_paths
    ]
    with runtime.transaction() as session:
        found = surveying.survey(
            session, named, use, frame=frame, taxonomy=house(), by=runtime.actor, at=runtime.now()
        )
    if in_json:
        print_json(found)
        return
    _print_coverage(found)


def _print_coverage(found: Coverage) -> None:
    click.echo(
        f"{count(found.layouts, 'layout')}, {count(found.regions, 'region')}:"
        f" nothing clears for {found.short_share:.1%} of their area"
    )
    click.echo(f"would be ordered: {found.blend} with `blend`, {found.network} with a network")
    print_rows(
        ("category", "regions", "area", "short", "score", "mask", "context"),
        [
            (
                one.category,
                one.regions,
                f"{one.share:.1%}",
                f"{one.short_share:.1%}",
                _quartiles(one.score),
                _quartiles(one.mask),
                _quartiles(one.context),
            )
            for one in found.categories
        ],
        none="no layout names a category",
    )
    click.echo("score, mask, context: quartiles by area, of the best segment that clears")
    for right in found.short_by:
        click.echo(
            f"short by {right.share:.1%}: {right.says} ({right.policy}; {', '.join(right.categories)})"
        )
    _print_quality(found)


def _print_quality(found: Coverage) -> None:
    """What would come of it, and how little or much that says."""
    for one in found.quality:
        expected = f"{one.mean:.2f} ({one.least:.2f} to {one.most:.2f})"
        click.echo(
            f"expected of `blend`, {_MEANING[one.figure]}: {expected}, give or take {one.error:.2f} a layout;"
            f" the scores explain {max(0.0, one.explained):.0%} of the variance"
        )
        if one.outside:
            click.echo(f"  {count(one.outside, 'layout')} fit better or worse than any this was fitted on")
    for fitted_on in {one.fitted_on for one in found.quality}:
        click.echo(f"fitted on {fitted_on}: other photos will differ")


def _quartiles(found: Spread | None) -> str:
    return "none clears" if found is None else f"{found.low:.2f} {found.median:.2f} {found.high:.2f}"
