"""`bankd composites`: sealed pictures, handed out and checked."""

from datetime import datetime
from pathlib import Path
from typing import cast
from uuid import UUID

import click

from bankd.cli.files import check_writable, read_bytes, write_all
from bankd.cli.printing import as_json, count, plain, print_fields, print_json, print_rows, word
from bankd.cli.standing import explain
from bankd.identifying.marking import marks_of
from bankd.identifying.service import Evidence
from bankd.ingestion.identified import identify_file
from bankd.licensing.vocabulary import CHANNELS
from bankd.provenance.manifest import Disclosures, Manifest
from bankd.provenance.manifest import read as read_manifest
from bankd.provenance.models import Composite
from bankd.provenance.renditions import ENDINGS, MEDIA_TYPES, asked_for
from bankd.reports import making
from bankd.reports.making import House
from bankd.reports.strings import LOCALES, Locale
from bankd.runtime import Runtime
from bankd.synthesis import circulating, handouts, reading, verification
from bankd.synthesis.handouts import NotHandedOut
from bankd.watermark.opening import opened

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def composites() -> None:
    """Composites: look up, export, verify, identify."""


@composites.command("list")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@as_json
@click.pass_obj
def list_(runtime: Runtime, limit: int, offset: int, in_json: bool) -> None:
    """List composites, the newest first."""
    with runtime.transaction() as session:
        found = reading.composites(session, by=runtime.actor, limit=limit, offset=offset)
    if in_json:
        print_json(found)
        return
    print_rows(
        ("id", "sealed", "request", "variation", "size", "handed out"),
        [
            (
                one.id,
                one.sealed_at,
                one.request_id,
                one.variation,
                f"{one.width} x {one.height}",
                count(one.handouts, "time"),
            )
            for one in found
        ],
        none="no composite yet: file a request with `bankd requests create`",
    )


@composites.command()
@click.argument("composite_id", type=click.UUID)
@click.option("--channel", help="One that it was made for.  [default: each]")
@click.option("--on", type=DAY, help="A day to come.  [default: today]")
@click.option("--until", type=DAY, help="The last day asked for.  [default: that day]")
@as_json
@click.pass_obj
def standing(
    runtime: Runtime,
    composite_id: UUID,
    channel: str | None,
    on: datetime | None,
    until: datetime | None,
    in_json: bool,
) -> None:
    """Say whether what was handed out of a composite may go on: stock on a shelf, files that were sent."""
    with runtime.transaction() as session:
        found = circulating.of_composite(
            session,
            composite_id,
            channel=channel,
            on=None if on is None else on.date(),
            until=None if until is None else until.date(),
            by=runtime.actor,
            at=runtime.now(),
        )
    if in_json:
        print_json([one.as_json() for one in found])
        return
    for one in found:
        explain(one)


@composites.command()
@click.argument("composite_id", type=click.UUID)
@as_json
@click.pass_obj
def show(runtime: Runtime, composite_id: UUID, in_json: bool) -> None:
    """Show one composite: its photos, its use, to whom it went."""
    with runtime.transaction() as session:
        found = reading.composite_of(session, composite_id, by=runtime.actor)
        manifest = read_manifest(found.manifest)
        disclosures = Disclosures.model_validate(found.disclosures)
        if in_json:
            print_json(_document(found, manifest, disclosures))
            return
        use = disclosures.use()
        print_fields(
            {
                "composite": found.id,
                "request": f"{found.request_id}, variation {found.variation}",
                "sealed": found.sealed_at,
                "log entry": found.log_index,
                "size": f"{found.width} x {found.height} px",
                "made for": f"{use.purpose}, {', '.join(sorted(use.channels))}",
                "period": f"{use.starts_on} to {use.ends_on} ({use.zone})",
                "file sha256": found.file_sha256,
                "pixel sha256": found.pixel_sha256,
            }
        )
        whole = found.height * found.width
        for photo in manifest.placed_photos:
            click.echo(
                f"photo {photo.photo_id} on grant {photo.grant_id}: {photo.canvas_px / whole:.2%}"
                f" of the canvas before refinement, {count(len(photo.segments), 'segment')}"
            )
        if manifest.refiner.checkpoint is not None:
            click.echo(
                f"network {manifest.refiner.checkpoint} made nine tenths or more of the pixels on"
                f" {manifest.refiner.made_px / whole:.2%} of the picture"
            )
            click.echo(
                f"  trained on {count(manifest.refiner.training_photos, 'photo')} that are not placed photos"
                f" (snapshot {manifest.refiner.training_snapshot})"
            )
        for credit in disclosures.credits():
            click.echo(f"credit owed ({credit.placement}): {credit.text}")
        for handout in found.handouts:
            given = "handed out as a comp" if handout.comp else "handed out"
            given += f" ({handout.format})" if handout.rendition else ""
            click.echo(
                f"{given} {word(handout.at)} to {handout.recipient} for {handout.channel}:"
                f" handout {handout.id}"
            )


@composites.command()
@click.argument("composite_id", type=click.UUID)
@click.option("--recipient", required=True, help="Who gets the picture.")
@click.option("--channel", required=True, help=f"One of {', '.join(sorted(CHANNELS))}.")
@click.option("--comp", is_flag=True, help="Only a comp: with a visible watermark, and free.")
@click.option(
    "--format",
    "form",
    type=click.Choice(sorted(MEDIA_TYPES)),
    default="png",
    show_default=True,
    help="PNG is the master; the others are made of it and signed with it as their parent.",
)
@click.option("--quality", type=click.IntRange(1, 100), help="Of JPEG and WebP; 90 where left out.")
@click.option("--longest-side", type=click.IntRange(16), help="In pixels; never more than the composite has.")
@click.option("--dpi", type=click.IntRange(1), help="The resolution that the file says; no pixel changes.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Folder.")
@click.option("--locale", type=click.Choice(LOCALES), default="en", show_default=True)
@as_json
@click.pass_obj
def export(
    runtime: Runtime,
    composite_id: UUID,
    recipient: str,
    channel: str,
    comp: bool,
    form: str,
    quality: int | None,
    longest_side: int | None,
    dpi: int | None,
    out: Path,
    locale: str,
    in_json: bool,
) -> None:
    """Hand a composite out, if it clears today: picture, manifest, provenance, reports, gate map."""
    house = House(runtime.settings.house, cast(Locale, locale))
    rendition = asked_for(form, quality=quality, longest_side=longest_side, dpi=dpi)
    check_writable(out)  # before the handout: what is handed out must arrive
    with runtime.transaction() as session:
        wanted = handouts.want(
            session,
            composite_id,
            recipient=recipient,
            channel=channel,
            comp=comp,
            rendition=rendition,
            marks=marks_of(opened(runtime.settings), runtime.settings.watermark),
            by=runtime.actor,
        )
    ready = handouts.make(wanted, signing=verification.signing(runtime), blobs=runtime.blobs)
    with runtime.transaction() as session:
        answer = handouts.give(session, ready, by=runtime.actor, at=runtime.now())
    # A refusal is committed too: that it was asked for stays in the log.
    if isinstance(answer, NotHandedOut):
        _print_refusal(composite_id, answer, in_json=in_json)
        raise click.exceptions.Exit(2)
    # Reports are laid out after the commit: the handout held the log's lock until then.
    if answer.handout.comp:
        files = {f"{composite_id}.comp.{ENDINGS[answer.handout.format]}": answer.file}
    else:
        with runtime.transaction() as session:
            files = making.handout_files(
                session, answer, house=house, blobs=runtime.blobs, by=runtime.actor, at=runtime.now()
            )
    written = write_all(out, files)
    if in_json:
        print_json({"handout": answer.handout.id, "files": [str(path) for path in written]})
        return
    for path in written:
        click.echo(path)
    click.echo(f"handout {answer.handout.id}: `bankd publications record --handout` once it is published")


@composites.command()
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def verify(runtime: Runtime, file: Path, in_json: bool) -> None:
    """Check a bare file; exit status 1 when it does not hold."""
    found = verification.verify_file(runtime, read_bytes(file, what="picture"), by=runtime.actor)
    if in_json:
        print_json(
            {
                "verdict": found.verdict,
                "authentic": found.authentic,
                "composite_id": found.composite_id,
                "checks": found.checks,
            }
        )
    else:
        for check in found.checks:
            click.echo(f"{check.outcome.value:7} {check.name}: {check.sentence}")
        click.echo(f"verdict: {found.verdict.value}")
    if not found.authentic:
        raise click.exceptions.Exit(1)


@composites.command()
@click.argument("file", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def identify(runtime: Runtime, file: Path, in_json: bool) -> None:
    """Say which composite or handout a picture is, whatever was done to it; exit status 1 if none is found.

    By its bytes, its pixels, the mark in them, and what it looks like.
    """
    found = identify_file(runtime, read_bytes(file, what="picture"), name=file.name, by=runtime.actor)
    if in_json:
        print_json(found)
    else:
        for match in found.matches:
            click.echo(
                f"composite {match.composite_id}" if match.named else "a composite of another department"
            )
            for given in match.handouts:
                what = "as a comp, " if given.comp else ""
                click.echo(f"  handout {given.handout_id}: {what}to {given.recipient} for {given.channel}")
            for one in match.evidence:
                click.echo(f"  {one.by}: {one.says}")
                click.echo(f"    {_chance(one)}")
        for note in found.notes:
            click.echo(f"note: {note}")
        click.echo(f"verdict: {found.verdict} (compared with {count(found.compared, 'picture')})")
    if not found.matches:
        raise click.exceptions.Exit(1)


def _chance(evidence: Evidence) -> str:
    if evidence.false_at_most is None:
        return "how often this misleads cannot be bounded in a bank of this size: look at both"
    return f"misleads with a chance of at most {evidence.false_at_most:.1g}"


@composites.command()
@click.argument("composite_id", type=click.UUID)
@as_json
@click.pass_obj
def stamp(runtime: Runtime, composite_id: UUID, in_json: bool) -> None:
    """Have a time-stamp authority say that the file is there now; kept beside it."""
    found = verification.time_stamp(runtime, composite_id, by=runtime.actor)
    if in_json:
        print_json(found)
        return
    trusted = "" if found.trusted else ", which ends in none of `time_stamp_roots`"
    click.echo(f"stamped {found.at} by {found.authority}{trusted}")


def _print_refusal(composite_id: UUID, answer: NotHandedOut, *, in_json: bool) -> None:
    if in_json:
        print_json({"refused": answer.reasons, "photos": answer.photos})
        return
    click.echo(f"error: composite `{composite_id}` may not be handed out today", err=True)
    for reason, sentence in answer.reasons.items():
        click.echo(f"  {sentence} ({reason})", err=True)
    if answer.photos:
        click.echo(f"  photos concerned: {', '.join(sorted(map(str, answer.photos)))}", err=True)


def _document(found: Composite, manifest: Manifest, disclosures: Disclosures) -> dict[str, object]:
    return {
        "id": found.id,
        "request_id": found.request_id,
        "variation": found.variation,
        "department_id": found.department_id,
        "sealed_at": found.sealed_at,
        "log_index": found.log_index,
        "height": found.height,
        "width": found.width,
        "file_sha256": found.file_sha256,
        "pixel_sha256": found.pixel_sha256,
        "manifest": manifest,
        "manifest_signature": found.manifest_signature,
        "declared_use": disclosures.use().as_json(),
        "effective_license": plain(disclosures.license()),
        "credits_owed": plain(disclosures.credits()),
        "handouts": [
            {
                "id": one.id,
                "recipient": one.recipient,
                "channel": one.channel,
                "comp": one.comp,
                "format": one.format,
                "rendition": one.rendition,
                "file_sha256": one.file_sha256,
                "at": one.at,
                "by": one.by,
            }
            for one in found.handouts
        ],
    }
