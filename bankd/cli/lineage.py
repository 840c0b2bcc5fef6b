"""`bankd lineage`: what a thing was made of, and what was made of it."""

import json
from pathlib import Path

import click

from bankd.cli.files import write_all
from bankd.cli.printing import as_json, count, print_rows
from bankd.lineage import drawing, prov, service
from bankd.lineage.graph import WAYS, Lineage, NodeKind, Relation, Way
from bankd.lineage.pseudonyms import pseudonyms
from bankd.runtime import Runtime

MANY = {
    NodeKind.PHOTO: "photos",
    NodeKind.SEGMENT: "segments",
    NodeKind.COMPOSITE: "composites",
    NodeKind.HANDOUT: "handouts",
    NodeKind.PUBLICATION: "publications",
    NodeKind.SNAPSHOT: "snapshots",
    NodeKind.CHECKPOINT: "network checkpoints",
}
FORMATS = ("text", "json", "prov-json", "svg", "dot")


@click.group()
def lineage() -> None:
    """Lineage: what was made of what."""


@lineage.command()
@click.argument("named", metavar="ID")
@click.option("--up", "only", flag_value="up", help="Only what it was made of.")
@click.option("--down", "only", flag_value="down", help="Only what was made of it.")
@click.option(
    "--depth", type=click.IntRange(0, service.DEPTH_MOST), default=service.DEPTH, show_default=True,
    help="How many steps.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(1, service.LIMIT_MOST), default=service.LIMIT, show_default=True,
    help="How many nodes at once.",
)  # fmt: skip
@click.option("--after", help="Where the page before ended.")
@click.option("--networks", is_flag=True, help="Go on through networks, from training photos to composites.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of the screen.")
@as_json
@click.pass_obj
def show(
    runtime: Runtime,
    named: str,
    only: Way | None,
    depth: int,
    limit: int,
    after: str | None,
    networks: bool,
    form: str,
    out: Path | None,
    in_json: bool,
) -> None:
    """Show what a photo, segment, composite, handout, publication, snapshot or network came from and became.

    ID is its id, or `<kind>:<id>`. Ids of people are pseudonyms.
    """
    with runtime.transaction() as session:
        found = service.lineage(
            session,
            named,
            ways=WAYS if only is None else (only,),
            depth=depth,
            limit=limit,
            after=after,
            networks=networks,
            pseudonym=pseudonyms(runtime.manifest_key.private_bytes_raw()),
            by=runtime.actor,
        )
    form = "json" if in_json else form
    if form == "text" and out is None:
        _print(found)
        return
    written = _written(found, "json" if form == "text" else form, origin=runtime.log_origin)
    if out is None:
        click.echo(written, nl=False)
    else:
        write_all(out.parent, {out.name: written.encode()})
        click.echo(out)


def _written(found: Lineage, form: str, *, origin: str) -> str:
    match form:
        case "prov-json":
            return json.dumps(prov.document(found, origin=origin), indent=2) + "\n"
        case "svg":
            return drawing.svg(found)
        case "dot":
            return drawing.dot(found)
    return json.dumps(found.as_json(), ensure_ascii=False, indent=2) + "\n"


def _print(found: Lineage) -> None:
    for way, said in (("up", "made of"), ("down", "made of it")):
        if (counts := found.totals.get(way)) is None:  # type: ignore[call-overload]
            continue
        told = ", ".join(
            count(number, _one(kind), MANY[kind]) for kind in NodeKind if (number := counts.get(kind))
        )
        deeper = "" if found.complete[way] else f"; more lies deeper than {found.depth} steps"  # type: ignore[index]
        click.echo(f"{said}: {told or 'nothing'}{deeper}")
    print_rows(
        ("way", "steps", "what", "id", "", "from"),
        [
            (
                node.way or "",
                node.depth,
                node.name.kind.value,
                node.name.key,
                drawing.words(node)[1],
                _from(found, node.name),
            )
            for node in sorted(found.nodes, key=lambda one: (one.way == "down", one.depth))
        ],
        none="",
    )
    if found.after is not None:
        click.echo(f"more with `--after {found.after}`")


def _from(found: Lineage, name: object) -> str:
    edges = [edge for edge in found.edges if edge.target == name and edge.relation is not Relation.CUT]
    relations = sorted({str(edge.relation) for edge in edges})
    return ", ".join(f"{relation} ({sum(e.relation == relation for e in edges)})" for relation in relations)


def _one(kind: NodeKind) -> str:
    return "network checkpoint" if kind is NodeKind.CHECKPOINT else str(kind)
