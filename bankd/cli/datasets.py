"""`bankd datasets`: turn datasets and exports into folders that `bankd photos ingest` takes."""

import sys
from pathlib import Path

import click

from bankd.catalog import taxonomy
from bankd.cli.printing import as_json, count, print_fields, print_json
from bankd.ingestion.datasets import NAMES, Converted, convert_dataset

SHOWN = 5  # refused photos whose sentence is printed


@click.group()
def datasets() -> None:
    """Datasets and exports: convert into folders to ingest."""


@datasets.command(short_help="Convert a dataset into a folder to ingest.")
@click.argument("name", metavar="NAME", type=click.Choice(NAMES))
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@as_json
@click.pass_context
def convert(ctx: click.Context, name: str, source: Path, out: Path, in_json: bool) -> None:
    """Convert the dataset NAME, which lies at SOURCE, into the folder OUT.

    NAME is one of ade20k, camvid, cityscapes, coco-panoptic, coco-stuff, cvat, folder, nyuv2.
    SOURCE is the folder it was unpacked to, or its ZIP. Run again, it takes up where it stopped.
    """
    shows = sys.stderr.isatty()

    def progress(taken: int, refused: int) -> None:
        if shows:
            click.echo(f"\r\x1b[K{count(taken, 'photo')}, {refused} refused", nl=False, err=True)

    try:
        done = convert_dataset(name, source, out, taxonomy=taxonomy.house(), progress=progress)
    finally:
        if shows:
            click.echo("\r\x1b[K", nl=False, err=True)
    if in_json:
        print_json(done)
    else:
        _show(done, out)
    if not done.taken:
        ctx.exit(1)


def _show(done: Converted, out: Path) -> None:
    print_fields(
        {
            "photos": done.photos,
            "taken": done.taken,
            "of these before": done.known or None,
            "refused": len(done.refused),
            "classes mapped": done.mapped_classes,
        }
    )
    for one in done.unmapped:
        click.echo(
            f"no category for `{one.name}`: {one.pixels} pixels of {count(one.photos, 'photo')} became void"
        )
    for note in done.notes:
        click.echo(note)
    for _, sentence in done.refused[:SHOWN]:
        click.echo(f"refused: {sentence}")
    if len(done.refused) > SHOWN:
        click.echo(f"  and {len(done.refused) - SHOWN} more: see --json")
    for license, number in done.licensed.items():
        click.echo(f"{license}: {count(number, 'photo')}")
    for license, number in done.unlicensed.items():
        stated = "no license stated" if license == "none" else f"no grant is known of `{license}`"
        click.echo(f"{stated}: {count(number, 'photo')}, quarantined until you state the rights")
    if done.rights is not None:
        click.echo(f"next: bankd photos ingest {out} --rights {done.rights}")
    elif done.taken:
        click.echo(f"next: write the rights file, then bankd photos ingest {out} --rights FILE")
