"""A lineage drawn: as SVG to look at, as DOT for those who have Graphviz; pure."""

from collections.abc import Mapping, Sequence
from html import escape

from bankd.lineage.graph import Edge, Lineage, Name, Node, NodeKind

ROWS_MOST = 24  # of a column; what is more is counted
BOX = (190, 40)
GAP = (90, 12)
MARGIN = 24
HEAD = 46

TITLES: Mapping[NodeKind, str] = {
    NodeKind.PHOTO: "photos",
    NodeKind.SEGMENT: "segments",
    NodeKind.COMPOSITE: "composites",
    NodeKind.HANDOUT: "handouts",
    NodeKind.PUBLICATION: "publications",
    NodeKind.SNAPSHOT: "snapshots",
    NodeKind.CHECKPOINT: "networks",
}
FILLS: Mapping[NodeKind, str] = {
    NodeKind.PHOTO: "#dbeafe",
    NodeKind.SEGMENT: "#eef2f7",
    NodeKind.COMPOSITE: "#fde3d9",
    NodeKind.HANDOUT: "#e0f2e4",
    NodeKind.PUBLICATION: "#fbf0cc",
    NodeKind.SNAPSHOT: "#ece3f8",
    NodeKind.CHECKPOINT: "#ece3f8",
}
INK, QUIET, LINE = "#1c1e22", "#70747c", "#a9adb5"


def dot(lineage: Lineage) -> str:
    """In the language of Graphviz, from left to right."""
    lines = ["digraph lineage {", "  rankdir=LR;", '  node [shape=box, style=filled, fontname="sans-serif"];']
    for node in lineage.nodes:
        label = "\\n".join(map(_quoted, words(node)))
        lines.append(f'  "{node.name}" [label="{label}", fillcolor="{FILLS[node.name.kind]}"];')
    known = {node.name for node in lineage.nodes}
    lines += [
        f'  "{one.source}" -> "{one.target}" [label="{one.relation}"];'
        for one in lineage.edges
        if {one.source, one.target} <= known
    ]
    return "\n".join([*lines, "}"]) + "\n"


def svg(lineage: Lineage) -> str:
    """What was made first stands left. Columns are steps; of a long one the rest is counted."""
    columns = _columns(lineage)
    places: dict[Name, tuple[int, int]] = {}
    drawn: list[str] = []
    height = 0
    for number, nodes in enumerate(columns):
        x, y = MARGIN + number * (BOX[0] + GAP[0]), MARGIN + HEAD
        drawn.append(_text(x, MARGIN + 14, _title(nodes), size=13, fill=QUIET))
        for node in nodes[:ROWS_MOST]:
            places[node.name] = (x, y)
            drawn.append(_box(node, x, y, start=node.name == lineage.start))
            y += BOX[1] + GAP[1]
        if len(nodes) > ROWS_MOST:
            drawn.append(_text(x, y + 14, f"and {len(nodes) - ROWS_MOST} more", size=12, fill=QUIET))
            y += BOX[1]
        height = max(height, y)
    lines = [_line(edge, places) for edge in lineage.edges if {edge.source, edge.target} <= places.keys()]
    foot = _foot(lineage)
    width = 2 * MARGIN + len(columns) * BOX[0] + (len(columns) - 1) * GAP[0]
    whole = height + MARGIN + 18 * len(foot)
    drawn += [
        _text(MARGIN, height + 22 + 18 * number, sentence, size=12, fill=QUIET)
        for number, sentence in enumerate(foot)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {whole}" width="{width}"'
            f' height="{whole}" font-family="Noto Sans, Helvetica, Arial, sans-serif">',
            f'<rect width="{width}" height="{whole}" fill="#ffffff"/>',
            *lines,
            *drawn,
            "</svg>",
            "",
        ]
    )


def words(node: Node) -> tuple[str, str]:
    """Two short lines: what it is, and what tells it from others."""
    key = node.name.key if node.name.kind is NodeKind.SEGMENT else node.name.key[:8]
    facts = node.facts
    match node.name.kind:
        case NodeKind.PHOTO:
            told = facts.get("name") or facts.get("of") or facts.get("sha256", "")[:12]
        case NodeKind.SEGMENT:
            told = facts.get("category", "")
        case NodeKind.COMPOSITE:
            told = f"sealed {facts.get('sealed_at', '')[:10]}"
        case NodeKind.HANDOUT:
            told = f"{facts.get('channel', '')}, {facts.get('recipient', '')}"
        case NodeKind.PUBLICATION:
            told = f"{facts.get('channel', '')}, {facts.get('place', '')}"
        case NodeKind.SNAPSHOT:
            told = f"{facts.get('training_photos', '')} training photos"
        case NodeKind.CHECKPOINT:
            told = facts.get("network", "")
    return f"{node.name.kind} {key}", str(told)


def _columns(lineage: Lineage) -> list[list[Node]]:
    """By steps: what it was made of to the left of where the walk began, what was made of it to the right."""
    steps: dict[int, list[Node]] = {}
    for node in lineage.nodes:
        steps.setdefault(-node.depth if node.way == "up" else node.depth, []).append(node)
    return [_sorted(steps[step]) for step in sorted(steps)]


def _sorted(nodes: Sequence[Node]) -> list[Node]:
    order = list(NodeKind)
    return sorted(nodes, key=lambda node: (order.index(node.name.kind), len(node.name.key), node.name.key))


def _title(nodes: Sequence[Node]) -> str:
    return ", ".join(TITLES[kind] for kind in NodeKind if any(node.name.kind is kind for node in nodes))


def _foot(lineage: Lineage) -> list[str]:
    told = []
    if lineage.after is not None:
        told.append("The drawing is of one page: more nodes follow.")
    if not all(lineage.complete.values()):
        told.append(f"More lies deeper than {lineage.depth} steps.")
    return told


def _box(node: Node, x: int, y: int, *, start: bool) -> str:
    first, second = words(node)
    stroke, width = (INK, 2) if start else (LINE, 1)
    return (
        f'<rect x="{x}" y="{y}" width="{BOX[0]}" height="{BOX[1]}" rx="5" fill="{FILLS[node.name.kind]}"'
        f' stroke="{stroke}" stroke-width="{width}"/>'
        + _text(x + 9, y + 17, _short(first), size=12.5, fill=INK)
        + _text(x + 9, y + 32, _short(second), size=11, fill=QUIET)
    )


def _line(edge: Edge, places: Mapping[Name, tuple[int, int]]) -> str:
    (x0, y0), (x1, y1) = places[edge.source], places[edge.target]
    x0, y0, y1 = x0 + BOX[0], y0 + BOX[1] // 2, y1 + BOX[1] // 2
    bend = max(30, (x1 - x0) // 2)
    return (
        f'<path d="M{x0} {y0}C{x0 + bend} {y0} {x1 - bend} {y1} {x1} {y1}" fill="none" stroke="{LINE}"'
        f' stroke-width="1.2"><title>{escape(str(edge.relation))}</title></path>'
    )


def _text(x: float, y: float, told: str, *, size: float, fill: str) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}">{escape(_plain(told))}</text>'


def _quoted(told: str) -> str:
    """Within quotes of DOT, where a backslash of the text would undo the one before its quote."""
    return _plain(told).replace("\\", "\\\\").replace('"', '\\"')


def _plain(told: str) -> str:
    """On one line, without what no XML may hold."""
    return "".join(one if one.isprintable() else " " for one in told)


def _short(told: str) -> str:
    return told if len(told) <= 27 else told[:26] + "…"
