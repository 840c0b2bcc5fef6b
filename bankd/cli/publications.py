"""`bankd publications`: what was made public of what was handed out."""

from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from pydantic import ValidationError
from sqlalchemy.orm import Session

from bankd.cli.printing import as_json, count, print_fields, print_json, print_rows
from bankd.cli.standing import explain
from bankd.licensing.vocabulary import CHANNELS
from bankd.provenance.models import Publication
from bankd.runtime import Runtime
from bankd.synthesis import circulating
from bankd.usage import importing
from bankd.usage import publications as service
from bankd.usage.errors import PublicationRefused
from bankd.usage.within import OUTSIDE, Published

DAY = click.DateTime(formats=["%Y-%m-%d"])


def told(function: Any) -> Any:
    """The options that say what a publication was."""
    for option in reversed(
        [
            click.option("--channel", required=True, help=f"One of {', '.join(sorted(CHANNELS))}."),
            click.option("--place", required=True, help="Address on the web, or edition."),
            click.option("--territory", "territories", multiple=True, required=True, help="Repeatable."),
            click.option("--from", "starts_on", type=DAY, required=True, help="First day."),
            click.option("--to", "ends_on", type=DAY, help="Last day; left out while it is public."),
            click.option("--copies", type=int, default=0, show_default=True),
            click.option("--evidence", help="Where it can be seen that it happened."),
        ]
    ):
        function = option(function)
    return function


@click.group()
def publications() -> None:
    """Publications: record, look up, take down, import."""


@publications.command()
@click.argument("publication")
@click.option("--on", type=DAY, help="A day to come.  [default: today]")
@click.option("--until", type=DAY, help="The last day asked for.  [default: that day]")
@as_json
@click.pass_obj
def standing(
    runtime: Runtime, publication: str, on: datetime | None, until: datetime | None, in_json: bool
) -> None:
    """Say whether a publication may go on: its printed copies be sold off, itself stay where it is."""
    with runtime.transaction() as session:
        found = circulating.of_publication(
            session,
            publication,
            on=None if on is None else on.date(),
            until=None if until is None else until.date(),
            by=runtime.actor,
            at=runtime.now(),
        )
    if in_json:
        print_json(found.as_json())
        return
    explain(found)


@publications.command()
@click.option("--handout", type=click.UUID, help="The handout that the picture came from.")
@click.option("--composite", type=click.UUID, help="The composite, where no handout is known.")
@click.option("--ref", help="What it is called elsewhere.")
@told
@as_json
@click.pass_obj
def record(
    runtime: Runtime,
    /,
    handout: UUID | None,
    composite: UUID | None,
    ref: str | None,
    in_json: bool,
    **facts: Any,
) -> None:
    """Record a publication that happened; beyond its clearance too, and then it is marked."""
    published = _published(facts)
    with runtime.transaction() as session:
        made = service.record(
            session,
            published,
            handout_id=handout,
            composite_id=composite,
            ref=ref,
            by=runtime.actor,
            at=runtime.now(),
        )
        found = told_of(session, made.publication, at=runtime.now())
    _print(found, in_json=in_json, said="recorded" if made.new else "known already")


@publications.command("list")
@click.option("--composite", type=click.UUID)
@click.option("--handout", type=click.UUID)
@click.option("--outside", is_flag=True, help="Only those that go beyond their clearance.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@as_json
@click.pass_obj
def list_(
    runtime: Runtime,
    composite: UUID | None,
    handout: UUID | None,
    outside: bool,
    limit: int,
    in_json: bool,
) -> None:
    """List publications, the newest records first."""
    with runtime.transaction() as session:
        found = [
            told_of(session, one, at=runtime.now())
            for one in service.publications(
                session,
                by=runtime.actor,
                composite_id=composite,
                handout_id=handout,
                outside_only=outside,
                limit=limit,
            )
        ]
    if in_json:
        print_json(found)
        return
    print_rows(
        ("ref", "from", "to", "channel", "place", "copies", "state", "outside"),
        [
            (
                one["ref"],
                one["starts_on"],
                one["ends_on"],
                one["channel"],
                one["place"],
                one["copies"],
                one["state"],
                list(one["outside"]),
            )
            for one in found
        ],
        none="no publication is recorded",
    )


@publications.command()
@click.argument("publication")
@as_json
@click.pass_obj
def show(runtime: Runtime, publication: str, in_json: bool) -> None:
    """Show one publication, by its ref or id."""
    with runtime.transaction() as session:
        one = service.get(session, publication, by=runtime.actor)
        found = told_of(session, one, at=runtime.now())
    _print(found, in_json=in_json)


@publications.command()
@click.argument("publication")
@click.option("--on", type=DAY, help="Since when it is not public any more; left out: today.")
@click.option("--evidence", help="Where it can be seen.")
@as_json
@click.pass_obj
def takedown(
    runtime: Runtime, publication: str, on: datetime | None, evidence: str | None, in_json: bool
) -> None:
    """Record that a publication is no longer public."""
    with runtime.transaction() as session:
        one = service.take_down(
            session, publication, on=_day(on), evidence=evidence, by=runtime.actor, at=runtime.now()
        )
        found = told_of(session, one, at=runtime.now())
    _print(found, in_json=in_json)


@publications.command()
@click.argument("publication")
@click.option("--reason", required=True, help="What was wrong.")
@click.option("--ref", help="What the right record is called elsewhere.")
@told
@as_json
@click.pass_obj
def replace(
    runtime: Runtime, /, publication: str, reason: str, ref: str | None, in_json: bool, **facts: Any
) -> None:
    """Record what a publication really was; what it owed is corrected by further entries."""
    published = _published(facts)
    with runtime.transaction() as session:
        one = service.replace(
            session, publication, published, reason=reason, ref=ref, by=runtime.actor, at=runtime.now()
        )
        found = told_of(session, one, at=runtime.now())
    _print(found, in_json=in_json)


@publications.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would become of each row, and record nothing.")
@as_json
@click.pass_obj
def import_(runtime: Runtime, file: Path, dry_run: bool, in_json: bool) -> None:
    """Record the publications of a table (CSV, XLSX); exit status 1 if a row was refused."""
    with runtime.transaction() as session:
        outcomes = importing.import_file(session, file, dry_run=dry_run, by=runtime.actor, at=runtime.now())
    if in_json:
        print_json(outcomes)
    else:
        for one in outcomes:
            if one.outcome == "refused":
                click.echo(f"line {one.line}: {one.problem}")
            elif one.outside:
                click.echo(f"line {one.line}: {one.outcome}, outside its clearance: {', '.join(one.outside)}")
        for told in ("recorded", "known", "refused"):
            rows = count(sum(one.outcome == told for one in outcomes), "row")
            click.echo(f"{rows} would be {told}" if dry_run else f"{rows} {told}")
        if dry_run:
            click.echo("dry run: nothing was written")
    if any(one.outcome == "refused" for one in outcomes):
        raise click.exceptions.Exit(1)


def told_of(session: Session, found: Publication, *, at: datetime) -> dict[str, Any]:
    """A publication as commands show it."""
    return {
        "id": found.id,
        "ref": found.ref,
        "composite_id": found.composite_id,
        "handout_id": found.handout_id,
        "channel": found.channel,
        "place": found.place,
        "territories": found.territories,
        "copies": found.copies,
        "starts_on": found.starts_on,
        "ends_on": found.ends_on,
        "zone": found.zone,
        "evidence": found.evidence,
        "state": service.state(session, found, at=at),
        "outside": {reason: OUTSIDE[reason] for reason in found.outside},
        "taken_down_on": found.taken_down_on,
        "taken_down_evidence": found.taken_down_evidence,
        "replaced_by_id": found.replaced_by_id,
        "recorded_at": found.recorded_at,
        "recorded_by": found.recorded_by,
    }


def _print(found: dict[str, Any], *, in_json: bool, said: str | None = None) -> None:
    if in_json:
        print_json(found)
        return
    if said:
        click.echo(said)
    shown = {name.replace("_", " "): value for name, value in found.items() if name != "outside"}
    print_fields(shown)
    for reason, sentence in found["outside"].items():
        click.echo(f"outside its clearance: {sentence} ({reason})")


def _published(facts: dict[str, Any]) -> Published:
    for name in ("starts_on", "ends_on"):
        facts[name] = _day(facts[name])
    try:
        return Published.model_validate(facts)
    except ValidationError as error:
        raise PublicationRefused(importing.sentence(error)) from error


def _day(on: datetime | None) -> date | None:
    return None if on is None else on.date()
