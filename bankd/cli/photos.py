"""`bankd photos`: bring photos in, look at them, dispute them."""

import re
from collections.abc import Mapping
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from bankd.access import service as access
from bankd.access.permissions import Permission, require
from bankd.catalog import importing, products, reading, releases, renewing, superseding
from bankd.catalog import service as catalog
from bankd.catalog.embedded import FIELDS as EMBEDDED_FIELDS
from bankd.cli.files import read_bytes
from bankd.cli.likeness import compare, likeness, review
from bankd.cli.printing import as_json, count, plain, print_fields, print_json, print_rows, ranges, word
from bankd.cli.waiting import wait
from bankd.exchange import importing as exchange
from bankd.ingestion import service as ingestion
from bankd.ingestion.folder import read_folder
from bankd.ingestion.service import BatchReport, NewPhoto
from bankd.licensing import service as licensing
from bankd.licensing.depicted import Depictions
from bankd.runtime import Runtime

HOUSE = "house"  # the department that is there without being asked for
SHOWN = 5  # refused photos whose sentence is printed, and names that match no photo


@click.group()
def photos() -> None:
    """Photos: ingest, look up, dispute."""


for command in (likeness, review, compare):
    photos.add_command(command)


@photos.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--rights",
    "rights_path",
    type=click.Path(path_type=Path),
    required=True,
    help="Rights file or sheet.",
)
@click.option("--name", help="What to call the batch; the folder's name where left out.")
@click.option("--department", default=HOUSE, show_default=True, help="Who owns the photos.")
@click.option("--no-wait", is_flag=True, help="Return once the photos are filed.")
@as_json
@click.pass_obj
def ingest(
    runtime: Runtime,
    folder: Path,
    rights_path: Path,
    name: str | None,
    department: str,
    no_wait: bool,
    in_json: bool,
) -> None:
    """Bring in a folder: photos/ (or images/), labels/, classes.json, and its rights.

    Exit status 1 says that every photo was refused.
    """
    found, rights = read_folder(folder), exchange.read(rights_path)
    for unused in found.unused:
        click.echo(f"`{unused}` belongs to no photo and is left out", err=True)
    if unmatched := rights.unmatched(one.name for one in found.photos):
        shown = ", ".join(f"`{file}`" for file in unmatched[:SHOWN])
        more = ", .." if len(unmatched) > SHOWN else ""
        click.echo(f"no photo of this folder is meant by {shown}{more} in `{rights_path}`", err=True)
    items = [
        NewPhoto(one.name, one.photo, one.labels, one.instances, one.depth, rights.record_for(one.name))
        for one in found.photos
    ]
    with runtime.transaction() as session:
        at = runtime.now()
        importing.import_rights(session, rights, blobs=runtime.blobs, by=runtime.actor, at=at)
        if department == HOUSE and HOUSE not in {one.name for one in access.departments(session)}:
            access.record_department(session, HOUSE, by=runtime.actor, at=at)
        owner = access.department(session, department).id
    with runtime.transaction() as session:
        batch_id = ingestion.open_batch(
            session,
            items,
            classes=found.classes,
            name=name or folder.resolve().name,
            department_id=owner,
            blobs=runtime.blobs,
            by=runtime.actor,
            at=runtime.now(),
        ).id
    if no_wait:
        if in_json:
            print_json(_report(runtime, batch_id))
        else:
            click.echo(f"batch {batch_id}: {count(len(items), 'photo')} filed")
        return
    report = wait(
        runtime,
        lambda: _report(runtime, batch_id),
        done=lambda report: report.finished,
        line=lambda report: f"{report.photos - report.waiting} of {report.photos} photos",
        workers=frozenset({"ingest", "clerk"}),
        later=f"bankd photos batch {batch_id}",
    )
    _show(runtime, batch_id, in_json=in_json)
    if not report.taken + report.known + report.quarantined:
        raise click.exceptions.Exit(1)


@photos.command()
@click.argument("batch_id", type=click.UUID)
@as_json
@click.pass_obj
def batch(runtime: Runtime, batch_id: UUID, in_json: bool) -> None:
    """Say what became of a batch."""
    _show(runtime, batch_id, in_json=in_json)


@photos.command("list")
@click.option("--state", type=click.Choice(["quarantined", "admitted", "erased"]))
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@as_json
@click.pass_obj
def list_(runtime: Runtime, state: str | None, limit: int, offset: int, in_json: bool) -> None:
    """List photos, the newest first."""
    with runtime.transaction() as session:
        found = reading.photos(session, by=runtime.actor, state=state, limit=limit, offset=offset)
    if in_json:
        print_json(found)
        return
    now = runtime.now()
    print_rows(
        ("id", "name", "state", "segments", "held back"),
        [
            (
                one.id,
                one.name,
                one.state if one.quarantine_reason is None else f"{one.state} ({one.quarantine_reason})",
                one.segments,
                one.held_back(now),
            )
            for one in found
        ],
        none="no photo yet: bring some in with `bankd photos ingest`"
        if state is None and not offset
        else "no photo in that state"
        if not offset
        else "no more photos",
    )


@photos.command()
@click.argument("photo_id", type=click.UUID)
@as_json
@click.pass_obj
def show(runtime: Runtime, photo_id: UUID, in_json: bool) -> None:
    """Show one photo: its state, grants and segments."""
    with runtime.transaction() as session:
        found = reading.photo(session, photo_id, by=runtime.actor)
    if in_json:
        print_json(found)
        return
    print_fields(
        {
            "photo": found.id,
            "name": found.name,
            "size": f"{found.width} x {found.height} px, {found.size_bytes} bytes, {found.media_type}",
            "state": found.state,
            "quarantined": found.quarantine_reason,
            "disputed": found.disputed_at and f"{found.disputed_at:%Y-%m-%d}: {found.dispute_reason}",
            "embargo until": found.embargo_until,
            "embargo visible to": ", ".join(found.embargo_visible_to) or None,
            "withdrawn": found.withdrawn_at,
            "on hold until": found.held_until,
            "segments": [f"{name} {number}" for name, number in found.categories.items()],
            "shows": None if found.erased_at else _shows(found.depictions),
            "sha256": found.sha256,
        }
    )
    faces = releases.FlaggedFaces(found.faces, found.faces_dismissed_at is not None)
    if faces.count:
        dismissed = f", dismissed: {found.faces_dismissed_reason}" if faces.dismissed else ""
        click.echo(f"{count(faces.count, 'face')} flagged{dismissed}")
    if found.store_sha256 is not None:
        click.echo(f"signed at ingestion by the house; manifest {found.store_sha256}")
    if found.credentials is not None:
        signer = found.credentials.get("signer") or "nobody who can be told"
        reserved = found.credentials.get("reserved") or {}
        click.echo(f"content credentials: {found.credentials['state']}, signed by {signer}")
        if isinstance(reserved, dict) and (
            held := sorted(n for n, use in reserved.items() if use != "allowed")
        ):
            click.echo(f"  reserved: {', '.join(held)}")
        if found.credentials.get("generative"):
            click.echo("  they say that a generative network made it, or a part of it")
    over = {one.field: one for one in found.superseded_embedded}
    for field, value in {**found.embedded, **{field: one.value for field, one in over.items()}}.items():
        if value:
            print_fields({f"file says {field.replace('_', ' ')}": value})
        if one := over.get(field):
            click.echo(
                f"  superseded at {one.superseded_at:%Y-%m-%d %H:%M}Z by {one.superseded_by}: {one.document},"
                f" clause {one.clause} ({one.reason})"
            )
    for release in found.releases:
        click.echo(f"release {release}")
    for grant in found.grants:
        against = f" ({', '.join(sorted(grant.against))})" if grant.against else ""
        click.echo(f"grant {grant.ref}: {grant.license_title}{against}")


@photos.command()
@click.argument("photo_id", type=click.UUID)
@as_json
@click.pass_obj
def segments(runtime: Runtime, photo_id: UUID, in_json: bool) -> None:
    """List a photo's segments by the ordinals that rights files name them by, and where each is."""
    with runtime.transaction() as session:
        found = reading.segments(session, photo_id, by=runtime.actor)
    if in_json:
        print_json(found)
        return
    print_rows(
        ("ordinal", "category", "instance", "of the photo", "x0", "y0", "x1", "y1"),
        [(one.ordinal, one.category, one.instance, f"{one.share:.2%}", *one.box) for one in found],
        none="the photo has no segments",
    )


@photos.command()
@click.argument("photo_id", type=click.UUID)
@click.option("--reason", required=True, help="Who disputes the rights, and why.")
@click.pass_obj
def dispute(runtime: Runtime, photo_id: UUID, reason: str) -> None:
    """Take a photo out of every use until the dispute is lifted."""
    with runtime.transaction() as session:
        catalog.dispute(session, photo_id, reason=reason, by=runtime.actor, at=runtime.now())
    click.echo(f"photo {photo_id} is disputed and out of every use")


@photos.command("lift-dispute")
@click.argument("photo_id", type=click.UUID)
@click.option("--reason", required=True, help="How the dispute was settled.")
@click.pass_obj
def lift_dispute(runtime: Runtime, photo_id: UUID, reason: str) -> None:
    """Let a disputed photo be used again."""
    with runtime.transaction() as session:
        catalog.lift_dispute(session, photo_id, reason=reason, by=runtime.actor, at=runtime.now())
    click.echo(f"photo {photo_id} is no longer disputed")


@photos.command("supersede-embedded")
@click.argument("photo_id", type=click.UUID)
@click.argument("field", type=click.Choice(EMBEDDED_FIELDS))
@click.option(
    "--document", required=True, help="The licensor's document: a file, or the SHA-256 of a known one."
)
@click.option("--clause", required=True, help="Where in it the newer terms stand.")
@click.option("--reason", required=True, help="Why the file's own statement is stale.")
@as_json
@click.pass_obj
def supersede_embedded(
    runtime: Runtime, photo_id: UUID, field: str, document: str, clause: str, reason: str, in_json: bool
) -> None:
    """Put one statement in a photo's own file out of force, by the licensor's newer document."""
    require(runtime.actor, Permission.EMBEDDED_SUPERSEDE)
    at = runtime.now()
    with runtime.transaction() as session:
        sha256 = document
        if not re.fullmatch("[0-9a-f]{64}", document):
            path = Path(document)
            sha256 = licensing.record_document(
                session, read_bytes(path, what="document"), name=path.name,
                media_type=guess_type(path.name)[0] or "application/octet-stream",
                blobs=runtime.blobs, by=runtime.actor, at=at,
            ).sha256  # fmt: skip
        done = superseding.supersede_embedded(
            session, photo_id, field,
            document_sha256=sha256, clause=clause, reason=reason, by=runtime.actor, at=at,
        )  # fmt: skip
    if in_json:
        print_json(done)
        return
    click.echo(f"`{field}` in the file of photo {photo_id} no longer counts: {word(done.value)}")
    click.echo(
        f"the photo is {done.state}" + ("; its rights are worked out anew" if done.profile_changed else "")
    )


@photos.command("dismiss-faces")
@click.argument("photo_id", type=click.UUID)
@click.option(
    "--reason", required=True, help="What was seen: that it is a doll, a statue, too small to tell."
)
@click.pass_obj
def dismiss_faces(runtime: Runtime, photo_id: UUID, reason: str) -> None:
    """Say that nobody can be recognised by the faces flagged in a photo."""
    with runtime.transaction() as session:
        found = renewing.dismiss_faces(session, photo_id, reason=reason, by=runtime.actor, at=runtime.now())
        state = found.state
    click.echo(f"faces of photo {photo_id} are dismissed; it is {state}")


@photos.command()
@click.argument("photo_id", type=click.UUID)
@click.argument("sku", required=False)
@click.option("--segment", "segments", type=int, multiple=True, help="A segment that shows it; all if none.")
@click.option("--none", "no_product", is_flag=True, help="It shows no product any more.")
@click.pass_obj
def product(
    runtime: Runtime, photo_id: UUID, sku: str | None, segments: tuple[int, ...], no_product: bool
) -> None:
    """Say which product a photo shows, by its article number."""
    require(runtime.actor, Permission.PHOTOS_INGEST)
    if (sku is None) != no_product:
        raise click.UsageError("give the article number of the product, or --none")
    with runtime.transaction() as session:
        products.record(session, photo_id, sku, segments=segments, by=runtime.actor, at=runtime.now())
    which = f"segments {ranges(segments)} of photo" if segments else "photo"
    which = which if len(segments) != 1 else f"segment {segments[0]} of photo"
    verb = "show" if len(segments) > 1 else "shows"
    click.echo(f"{which} {photo_id} {verb} {'no product' if sku is None else f'product {sku}'}")


def _shows(depictions: Mapping[str, Any]) -> str | None:
    """What its rights record says that it shows; persons above all."""
    said = Depictions.model_validate(depictions)
    if said.persons is False:
        words = ["no persons"]
    else:
        basis = "no data basis" if said.data_basis is None else f"data basis {said.data_basis.basis}"
        words = [
            "persons" if said.persons else "persons unknown, so as if there were",
            f"model release {said.model_release}",
            f"youngest {said.youngest}",
            basis,
        ]
    words += [f"property release {said.property_release}"]
    words += [f"subjects {', '.join(sorted(said.subjects))}"] if said.subjects else []
    words += [f"product {said.product}"] if said.product else []
    words += [f"product {one.product} (segments {ranges(one.segments)})" for one in said.products]
    words += [f"{one.kind} `{one.what}` {one.status}" for one in said.rights]
    return "; ".join(words)


def _report(runtime: Runtime, batch_id: UUID) -> BatchReport:
    with runtime.transaction() as session:
        return ingestion.report(session, batch_id)


def _show(runtime: Runtime, batch_id: UUID, *, in_json: bool) -> None:
    with runtime.transaction() as session:
        report = ingestion.report(session, batch_id)
        refused = [
            {"name": item.name, "state": item.state, "reason": item.reason, "says": item.detail}
            for item in ingestion.items(session, batch_id)
            if item.state in ("refused", "failed")
        ]
    if in_json:
        print_json({**plain(report), "refused_photos": refused})
        return
    click.echo(f"batch {report.batch_id} `{report.name}`: {count(report.photos, 'photo')}")
    print_fields(
        {
            "waiting": report.waiting or None,
            "taken": report.taken,
            "known": report.known,
            "quarantined": report.quarantined,
            "refused": sum(report.refused.values()),
            "failed": report.failed or None,
            "segments": report.segments,
        }
    )
    for reason, number in report.refused.items():
        click.echo(f"refused, {reason}: {number}")
    for one in refused[:SHOWN]:
        click.echo(f"  {one['says']}")
    if len(refused) > SHOWN:
        click.echo(f"  and {len(refused) - SHOWN} more: see `bankd photos batch {batch_id} --json`")
    if report.quarantined:
        click.echo(
            "quarantined photos hold no license, unreadable rights or unexpected faces, or look like others:"
            " `bankd photos list --state quarantined`"
        )
