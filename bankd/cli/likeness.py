"""`bankd photos likeness`, `review`, `compare`: what photos look like, and those that wait because of it."""

from uuid import UUID

import click

from bankd.access.permissions import Permission, require
from bankd.catalog import likenesses, reviewing
from bankd.cli.printing import as_json, count, print_fields, print_json
from bankd.ingestion import comparing
from bankd.runtime import Runtime


@click.command()
@click.argument("photo_id", type=click.UUID)
@as_json
@click.pass_obj
def likeness(runtime: Runtime, photo_id: UUID, in_json: bool) -> None:
    """Show which photos and tombstones a photo looks like."""
    with runtime.transaction() as session:
        found = likenesses.likenesses(session, photo_id, by=runtime.actor)
    if in_json:
        print_json(found)
        return
    print_fields(
        {
            "photo": found.photo,
            "name": found.name,
            "state": found.state,
            "quarantined": found.quarantine_reason,
            "iscc": found.iscc,
            "quality": found.quality,
            "review": found.verdict and f"{found.verdict} by {found.reviewed_by}: {found.reason}",
        }
    )
    _print_alike(found)


@click.command()
@click.argument("photo_id", type=click.UUID, required=False)
@click.option("--release", "verdict", flag_value="release", help="Let it in.")
@click.option("--refuse", "verdict", flag_value="refuse", help="Keep it out.")
@click.option("--reason", help="What was seen.")
@as_json
@click.pass_obj
def review(
    runtime: Runtime, photo_id: UUID | None, verdict: str | None, reason: str | None, in_json: bool
) -> None:
    """List the photos that are held for their likeness, or decide about one of them."""
    if photo_id is None:
        if verdict or reason:
            raise click.UsageError("name the photo that is decided about")
        with runtime.transaction() as session:
            waiting = likenesses.waiting(session, by=runtime.actor)
        if in_json:
            print_json(waiting)
            return
        if not waiting:
            click.echo("no photo is held for its likeness")
        for one in waiting:
            refused = f" (refused by {one.reviewed_by}: {one.reason})" if one.verdict == "refused" else ""
            click.echo(f"{one.photo} {one.name}{refused}")
            _print_alike(one)
        return
    if verdict is None or not reason:
        raise click.UsageError("give `--release` or `--refuse`, and `--reason`")
    require(runtime.actor, Permission.LIKENESS_REVIEW)
    decide = reviewing.release if verdict == "release" else reviewing.refuse
    with runtime.transaction() as session:
        decide(session, photo_id, reason=reason, by=runtime.actor, at=runtime.now())
        decided = likenesses.likenesses(session, photo_id, by=runtime.actor)
    if in_json:
        print_json(decided)
        return
    click.echo(f"photo {photo_id} is {decided.verdict}; it is {decided.state}")


@click.command()
@as_json
@click.pass_obj
def compare(runtime: Runtime, in_json: bool) -> None:
    """Hash photos that are not hashed yet, and compare all with the tombstones: after a restored backup."""
    require(runtime.actor, Permission.LIKENESS_REVIEW)
    every = 100

    def said(number: int, of: int) -> None:
        if number % every == 0 or number == of:
            click.echo(f"{number} of {count(of, 'photo')} hashed", err=True)

    done = comparing.compare(
        runtime.transaction, blobs=runtime.blobs, by=runtime.actor, at=runtime.now(), said=said
    )
    if in_json:
        print_json(done)
        return
    for photo_id, why in done.unreadable.items():
        click.echo(f"photo {photo_id}: {why}", err=True)
    click.echo(f"{count(done.hashed, 'photo')} hashed, {len(done.held)} held: `bankd photos review`")


def _print_alike(found: likenesses.Likenesses) -> None:
    for one in found.alike:
        bits = "the same pixels" if one.how == "pixels" else f"{one.how}, {count(one.distance, 'bit')} apart"
        if one.tombstone is not None:
            click.echo(f"  like what was erased on {one.tombstone:%Y-%m-%d} ({bits})")
        elif one.photo is None:
            click.echo(f"  like a photo of another department ({bits})")
        else:
            click.echo(f"  like photo {one.photo} {one.name} ({bits})")
