"""`bankd requests`: pictures asked for, and why they were or were not made."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import click

from bankd.catalog.taxonomy import house
from bankd.cli.printing import as_json, count, print_fields, print_json, print_rows, ranges, word
from bankd.cli.using import classes_near, read_layout, use_options
from bankd.cli.waiting import wait
from bankd.licensing.use import Use
from bankd.policy.explain import Denial
from bankd.runtime import Runtime
from bankd.synthesis import advising, filing, products, reading, replaying
from bankd.synthesis.declaring import declare
from bankd.synthesis.models import RequestState
from bankd.synthesis.reading import Explanation, RegionShort, RequestShown, Waits


@click.group()
def requests() -> None:
    """Requests: file, look up, explain, replay."""


@requests.command()
@click.argument("layout", type=click.Path(path_type=Path))
@use_options
@click.option("--frame", type=click.Choice(["scene", "box"]), default="scene", show_default=True)
@click.option(
    "--refiner",
    type=click.Choice(["blend", "network"]),
    default="blend",
    show_default=True,
    help="What finishes the picture: blending alone, or the newest network.",
)
@click.option(
    "--canvas",
    type=click.Choice(["strict", "overlap"]),
    default="strict",
    show_default=True,
    help="Whether segments keep to their regions, or reach a little beyond.",
)
@click.option(
    "--layout-origin",
    default="own",
    show_default=True,
    help="Where the layout comes from: own, licensed, or photo:ID for a photo's label map.",
)
@click.option(
    "--product",
    "stated_products",
    multiple=True,
    metavar="REGION=SKU",
    help="A region that is a product: its category, or a pixel of it as X,Y. Photos recorded as it fill it.",
)
@click.option(
    "--classes",
    "classes_path",
    type=click.Path(path_type=Path),
    help="classes.json; sought near the layout.",
)
@click.option("--variations", type=int, default=1, show_default=True, help="Pictures, 1 to 16.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed chooses the same.")
@click.option("--idempotency-key", help="The same request twice with one key is one request.")
@click.option("--wait", "waits", is_flag=True, help="Return when the pictures are sealed or refused.")
@as_json
@click.pass_obj
def create(
    runtime: Runtime,
    /,
    layout: Path,
    channels: tuple[str, ...],
    territories: tuple[str, ...],
    geo_block: bool,
    frame: Literal["scene", "box"],
    refiner: Literal["blend", "network"],
    canvas: Literal["strict", "overlap"],
    layout_origin: str,
    stated_products: tuple[str, ...],
    classes_path: Path | None,
    variations: int,
    seed: int,
    idempotency_key: str | None,
    waits: bool,
    in_json: bool,
    **declared: Any,
) -> None:
    """File a request: LAYOUT is a PNG with one class id a pixel.

    With --wait, exit status 1 says that no picture was sealed, be it that the request waits for sign-offs.
    """
    use = declare(
        channels=channels,
        territories=territories,
        geo_block=geo_block,
        **{name: value for name, value in declared.items() if value not in (None, ())},
    )
    classes_path = classes_path or classes_near(layout)
    labels = read_layout(layout, classes_path)
    with runtime.transaction() as session:
        request_id = filing.file(
            session,
            filing.Asked(
                labels,
                use,
                frame,
                variations,
                seed,
                refiner,
                canvas,
                layout_origin,
                products.read_stated(stated_products),
            ),
            blobs=runtime.blobs,
            taxonomy=house(),
            idempotency_key=idempotency_key,
            by=runtime.actor,
            at=runtime.now(),
        ).id
    if not in_json:
        click.echo(f"request {request_id} filed")
        _print_use(
            use.as_json(), frame=frame, refiner=refiner, canvas=canvas, variations=variations, seed=seed
        )
        if classes_path is None:
            click.echo("classes: the house taxonomy's own ids, since no classes.json lies near the layout")
    if waits:
        seen = wait(
            runtime,
            lambda: _shown(runtime, request_id),
            done=lambda request: request.finished or bool(request.waits),
            line=lambda request: f"{request.state}, {len(request.composites)} of {variations} sealed",
            workers=frozenset({"bank", "render", "clerk"}),
            later=f"bankd requests show {request_id}",
        )
        if not in_json:
            _print_outcome(seen)
            if seen.finished and len(seen.composites) < variations:
                _print_explanation(_explanation(runtime, request_id))
    if in_json:
        print_json(_shown(runtime, request_id))
    if waits and not seen.composites:
        raise click.exceptions.Exit(1)


@requests.command("list")
@click.option("--state", type=click.Choice([state.value for state in RequestState]))
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--offset", type=click.IntRange(0), default=0)
@as_json
@click.pass_obj
def list_(runtime: Runtime, state: str | None, limit: int, offset: int, in_json: bool) -> None:
    """List requests, the newest first."""
    with runtime.transaction() as session:
        found = reading.requests(session, by=runtime.actor, state=state, limit=limit, offset=offset)
    if in_json:
        print_json(found)
        return
    print_rows(
        ("id", "filed", "by", "state", "purpose", "channels", "sealed"),
        [
            (
                one.id,
                one.filed_at,
                one.filed_by,
                one.state,
                one.purpose,
                one.channels,
                f"{one.sealed} of {one.variations}",
            )
            for one in found
        ],
        none="no request yet: file one with `bankd requests create`",
    )


@requests.command()
@click.argument("request_id", type=click.UUID)
@as_json
@click.pass_obj
def show(runtime: Runtime, request_id: UUID, in_json: bool) -> None:
    """Show one request: what was asked, and how far it is."""
    found = _shown(runtime, request_id)
    if in_json:
        print_json(found)
        return
    click.echo(f"request {found.id}")
    print_fields(
        {
            "filed": found.filed_at,
            "by": found.filed_by,
            "layout": f"{found.width} x {found.height} px, {found.layout_origin}",
            **(
                {"products": ", ".join(f"region {region}: {sku}" for region, sku in found.products.items())}
                if found.products
                else {}
            ),
        }
    )
    _print_use(
        found.use,
        frame=found.frame,
        refiner=found.refiner,
        canvas=found.canvas,
        variations=len(found.variations),
        seed=found.seed,
    )
    _print_outcome(found)
    if found.finished and len(found.composites) < len(found.variations):
        click.echo(f"why: `bankd requests explain {found.id}`")


@requests.command()
@click.argument("request_id", type=click.UUID)
@as_json
@click.pass_obj
def explain(runtime: Runtime, request_id: UUID, in_json: bool) -> None:
    """Say why pictures were refused, region by region and picture by picture."""
    found = _explanation(runtime, request_id)
    if in_json:
        print_json(found)
        return
    click.echo(f"request {found.request_id}: {found.state}")
    _print_explanation(found)
    if found.state == "refused":
        click.echo(f"what would be served: `bankd requests nearest {found.request_id}`")


@requests.command()
@click.argument("request_id", type=click.UUID)
@as_json
@click.pass_obj
def nearest(runtime: Runtime, request_id: UUID, in_json: bool) -> None:
    """Say what would let a refused request be served: less of its use, or rights to be obtained."""
    with runtime.transaction() as session:
        found = advising.advise(
            session, request_id, blobs=runtime.blobs, taxonomy=house(), by=runtime.actor, at=runtime.now()
        )
    if in_json:
        print_json(found)
        return
    for use in found.nearest:
        click.echo(f"it would be served {use.says}")
    for right in found.rights:
        named = [f"photo {right.photo_id}"] if right.photo_id else []
        named += [f"license `{right.license}`"] if right.license else []
        click.echo(right.says + (f" ({', '.join(named)})" if named else ""))
    if found.none:
        click.echo(found.none)


@requests.command()
@click.argument("request_id", type=click.UUID)
@as_json
@click.pass_obj
def replay(runtime: Runtime, request_id: UUID, in_json: bool) -> None:
    """Make each past clearance of a request and its pictures again, on its recorded facts and under its own
    policies: when it was ordered, at each seal and handout.

    Exit status 1 says that an answer differs, or that facts are not those that the log names.
    """
    with runtime.transaction() as session:
        found = replaying.replay(session, request_id, by=runtime.actor)
    if in_json:
        print_json(found)
    elif not found:
        click.echo("it never came to a clearance")
    else:
        for one in found:
            what = "clearance" if one.of == "request" else one.of.replace("-", " ")
            of = "" if one.composite_id is None else f" of composite {one.composite_id},"
            click.echo(
                f"{what} {one.clearance_id}{of} of {word(one.at)}, {count(one.photos, 'photo')}: {one.says}"
            )
            print_fields(
                {
                    "policies": one.bundle,
                    "log entry": one.log_index,
                    "answer": one.recorded_sha256,
                    "again": one.replayed_sha256,
                    "erased": one.erased or None,
                    "relies otherwise": one.differing or None,
                }
            )
    if any(one.outcome in ("differs", "altered") for one in found):
        raise click.exceptions.Exit(1)


def _shown(runtime: Runtime, request_id: UUID) -> RequestShown:
    with runtime.transaction() as session:
        return reading.request(session, request_id, by=runtime.actor)


def _explanation(runtime: Runtime, request_id: UUID) -> Explanation:
    with runtime.transaction() as session:
        return reading.explain(session, request_id, blobs=runtime.blobs, taxonomy=house(), by=runtime.actor)


def _print_use(
    use: Mapping[str, Any], *, frame: str, refiner: str, canvas: str, variations: int, seed: int
) -> None:
    stated = Use.model_validate(use)
    print_fields(
        {
            "purpose": stated.purpose,
            "channels": stated.channels,
            "aimed at": stated.targeted,
            "accessible in": stated.accessible,
            "period": f"{stated.starts_on} to {stated.ends_on} ({stated.zone})",
            "audience": stated.audience,
            "sector": stated.sector,
            "subjects": stated.subjects,
            "brand": stated.brand or "none",
            "licensee": stated.licensee,
            "beneficiaries": stated.beneficiaries,
            "copies": stated.copies or "no print run",
            "alterations": stated.alterations,
            "frame": frame,
            "refiner": refiner,
            "canvas": canvas,
            "variations": f"{variations}, seed {seed}",
        }
    )


def _print_outcome(request: RequestShown) -> None:
    click.echo(f"state: {request.state}")
    if request.failed:
        click.echo(f"failed: {request.failed}")
    _print_waits(request.waits)
    for one in request.variations:
        composite = "" if one.composite_id is None else f", composite {one.composite_id}"
        click.echo(f"variation {one.index}: {one.state}{composite}")
    memory = request.memory_mb or {}
    for index, stages in (request.timings_ms or {}).get("pictures", {}).items():
        if stages:
            held, on_device = (memory.get(where, {}).get(index, {}) for where in ("pictures", "on_device"))
            slowest = sorted(stages, key=lambda stage: (-stages[stage], stage))
            each = ", ".join(
                f"{stage} {stages[stage]} ms{_in(held.get(stage), on_device.get(stage))}" for stage in slowest
            )
            click.echo(f"variation {index} was made in {sum(stages.values())} ms: {each}")


def _print_waits(waits: tuple[Waits, ...]) -> None:
    for one in waits:
        click.echo(
            f"waits for {one.role} to sign, {one.signed} of {one.signers}, until"
            f" {one.due_at:%Y-%m-%d %H:%M}Z: {one.says} ({one.policy})"
        )


def _in(held_mb: int | None, on_device_mb: int | None) -> str:
    """The most memory held meanwhile, as far as it is known."""
    of_process = "" if held_mb is None else f" in {held_mb} MB"
    return of_process + ("" if on_device_mb is None else f" and {on_device_mb} MB of the device")


def _print_explanation(found: Explanation) -> None:
    told: dict[frozenset[str], int] = {}  # what was said of one category is not said of the next in full
    for number, short in enumerate(_by_category(found), start=1):
        held = "no segment held" if not short.segments else f"{count(short.segments, 'segment')} held"
        none = "" if not short.segments else ", none clears for this use"
        click.echo(
            f"{number}. {short.category}, {short.share:.1%} of the layout ({short.places}): {held}{none}"
        )
        about = "" if short.sampled is None else "about "
        same = told.setdefault(frozenset(denial.policy for denial in short.reasons), number)
        if same != number and len(short.reasons) > 1:
            counts = ", ".join(f"{denial.policy} {denial.count}" for denial in short.reasons)
            click.echo(f"  for the reasons of {same}: {about}{counts}")
        else:
            for denial in short.reasons:
                counted = f", {about}{count(denial.count, 'segment')}" if denial.count else ""
                click.echo(f"  {denial.says} ({denial.policy}{counted})")
        if short.sampled is not None:
            click.echo(f"  as found for {short.sampled} of them")
    for one in found.variations:
        if found.regions and not (one.grants or one.photos or one.uncovered):
            continue  # the regions above are why
        for reason in one.reasons:
            click.echo(f"variation {one.index}, {one.state}: {reason.says} ({reason.code})")
        if one.reasons and one.state == "sealed":
            click.echo("  that was at its first seal; it was made again from other sources")
        if one.grants:
            click.echo(f"  these grants clash: {' and '.join(f'`{ref}`' for ref in one.grants)}")
        if one.photos:
            click.echo(f"  sources refused: {', '.join(map(str, one.photos))}")
        if one.uncovered:
            click.echo(f"  not covered: {', '.join(one.uncovered)}")
    if found.failed:
        click.echo(f"failed: {found.failed}")
    _print_waits(found.waits)
    if not (found.regions or found.waits or any(one.reasons for one in found.variations)):
        click.echo("nothing was refused")


@dataclass(frozen=True)
class _CategoryShort:
    """The regions of one category that could not be served, which all have the same reasons."""

    category: str
    share: float
    places: str
    segments: int
    sampled: int | None
    reasons: tuple[Denial, ...]


def _by_category(found: Explanation) -> list[_CategoryShort]:
    """The largest share of the layout first: people want to know which category to leave out."""
    together: dict[str, list[RegionShort]] = {}
    for region in found.regions:
        named = region.category if region.product is None else f"{region.category} as {region.product}"
        together.setdefault(named, []).append(region)
    short = [
        _CategoryShort(
            category,
            sum(region.share for region in regions),
            f"region{'s' if len(regions) > 1 else ''} {ranges(region.region for region in regions)}",
            regions[0].segments,
            regions[0].sampled,
            regions[0].reasons,
        )
        for category, regions in together.items()
    ]
    return sorted(short, key=lambda one: (-one.share, one.category))
