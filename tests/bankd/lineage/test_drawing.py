"""Drawings hold what people have called things as words, and as nothing else."""

import re
from xml.etree import ElementTree

from bankd.lineage import drawing
from bankd.lineage.graph import Lineage, Name, Node, NodeKind

RECIPIENTS = ('\\", image="/etc/hostname', 'a" URL="javascript:x', "\\", "two\nlines\x1b", "</text><script>")


def test_no_recipient_ends_a_label_or_a_text() -> None:
    nodes = tuple(
        Node(Name(NodeKind.HANDOUT, f"{number}" * 8), "down", 1, {"channel": "web", "recipient": one})
        for number, one in enumerate(RECIPIENTS)
    )
    found = Lineage(
        start=nodes[0].name,
        scope="house",
        depth=1,
        totals={},
        complete={},
        nodes=nodes,
        edges=(),
        after=None,
    )

    for line in drawing.dot(found).splitlines()[3:-1]:
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', "S", line)
        assert bare == "  S [label=S, fillcolor=S];", line
    root = ElementTree.fromstring(drawing.svg(found))
    assert not [one for one in root.iter() if "script" in one.tag]
