"""`bankd exposure`: everything that was made from a photo, a license, a licensor, a release or a person."""

from typing import Any
from uuid import UUID

import click

from bankd.cli.printing import as_json, count, plain, print_json, print_rows
from bankd.exposure import reading
from bankd.exposure.subjects import find
from bankd.licensing.withdrawal_effects import SUBJECTS
from bankd.runtime import Runtime


@click.group()
def exposure() -> None:
    """Exposure: what was made from what the bank holds rights in."""


def _command(subject: str) -> click.Command:
    @click.command(subject, help=f"Count what a {subject} touches, and list the composites.")
    @click.argument("ref")
    @click.option("--after", type=click.UUID, help="The last composite of the page before.")
    @click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
    @as_json
    @click.pass_obj
    def show(runtime: Runtime, ref: str, after: UUID | None, limit: int, in_json: bool) -> None:
        with runtime.transaction() as session:
            named = find(session, subject, ref, by=runtime.actor)
            counts = reading.exposure(session, named, by=runtime.actor)
            lines = reading.composites(session, named, by=runtime.actor, after=after, limit=limit)
        if in_json:
            print_json({**plain(counts), "lines": plain(lines)})
            return
        _print(counts, lines)

    return show


for _subject in SUBJECTS:
    exposure.add_command(_command(_subject))


def _print(counts: reading.Exposure, lines: list[Any]) -> None:
    click.echo(
        f"{counts.subject} {counts.ref} is in {count(counts.photos, 'photo')},"
        f" {count(counts.composites, 'composite')} ({count(counts.segments, 'segment')} placed),"
        f" {count(counts.handouts, 'handout')}, {count(counts.publications, 'publication')}"
    )
    if counts.takedowns_open:
        click.echo(f"{count(counts.takedowns_open, 'takedown')} asked for and not done")
    for one in counts.networks:
        click.echo(f"{one.kind} network {one.sha256[:12]} learned from it (snapshot {one.snapshot[:12]})")
    if counts.snapshots and not counts.networks:
        click.echo(f"it is in {count(counts.snapshots, 'snapshot')}, of which no network was trained")
    if not lines:
        return
    print_rows(
        ("composite", "sealed", "canvas px", "handouts", "publications", "exposed"),
        [
            (
                one.composite_id,
                one.sealed_at,
                one.canvas_px,
                one.handouts,
                one.publications,
                one.why and f"{one.exposed_at:%Y-%m-%d} ({one.why})",
            )
            for one in lines
        ],
        none="",
    )
    if len(lines) < counts.composites:
        click.echo(f"more with `--after {lines[-1].composite_id}`")
