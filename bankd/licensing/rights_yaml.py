"""Read YAML so that every value keeps its line, and nothing in it can surprise.

Plain scalars stay text unless they are `null`, `true` or `false`: in YAML's
own reading `NO` (Norway) is false and the clause `4.10` is 4.1. No tags, no
merge keys, no key twice; size, depth and the number of values are bounded, so
that a file of nested aliases cannot fill the memory.
"""

from pathlib import Path
from typing import Any

import yaml

from bankd.licensing.errors import RightsFileRefused

MAX_BYTES = 64 * 1024 * 1024
MAX_VALUES = 5_000_000
MAX_DEPTH = 32
TOO_DEEP = f"is nested more than {MAX_DEPTH} deep"

Place = tuple[str | int, ...]

Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
IMPLICIT_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "seq", "map")
)
YAML_SAYS = {
    "mapping values are not allowed in this context": (
        "a `:` stands where no field begins; check the indentation, and put text that holds `: ` in quotes"
    ),
    "found a tab character that violates indentation": "a tab stands here; indent with spaces",
    "found character that cannot start any token": (
        "a tab, `@`, `%` or a backtick cannot stand here; indent with spaces, and put such text in quotes"
    ),
    "did not find expected alphabetic or numeric character": (
        'text that begins with `*` or `&` has to stand in quotes, as in `"*.png"`'
    ),
    "did not find expected key": "the indentation or a quote is broken here or just above",
    "did not find expected '-' indicator": "the indentation is broken here or just above",
    "did not find expected ',' or ']'": "the list that begins here or just above is not closed with `]`",
    "did not find expected ',' or '}'": "the fields that begin here or just above are not closed with `}`",
    "could not find expected ':'": "a field here or just above lacks its `:`",
    "found unexpected end of stream": "the quotes that begin here are not closed",
    "but found another document": "a second document begins here; keep one",
}


def read(path: Path) -> tuple[Any, dict[Place, int]]:
    """The file's one document as dicts, lists, text, booleans and None, and the line of each place in it.

    Raises:
        RightsFileRefused: it cannot be read, or is not such a document.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RightsFileRefused(path, [(None, f"is larger than {MAX_BYTES // 2**20} MiB; split it")])
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RightsFileRefused(path, [(None, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise RightsFileRefused(path, [(None, "is not UTF-8 text; save it as UTF-8")]) from error
    try:
        _bound_depth(path, text)
        node = yaml.compose(text, Loader=Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
        raise RightsFileRefused(
            path, [(mark and mark.line + 1, YAML_SAYS.get(problem, f"is not YAML: {problem}"))]
        ) from error
    if node is None:
        raise RightsFileRefused(path, [(None, "is empty")])
    reader = _Reader(path)
    return reader.value(node, (), 0), reader.lines


def _bound_depth(path: Path, text: str) -> None:
    """Refuse what is nested too deep before it is composed: the composer recurses in C, without a limit."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise RightsFileRefused(path, [(None, TOO_DEEP)])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[Place, int] = {}
        self.count = 0

    def value(self, node: yaml.Node, place: Place, depth: int) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(place, line)
        self.count += 1
        if self.count > MAX_VALUES:
            raise self.refused(line, f"holds more than {MAX_VALUES} values")
        if depth > MAX_DEPTH:
            raise self.refused(line, TOO_DEEP)
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, line)
        if node.tag not in IMPLICIT_TAGS:
            raise self.refused(line, f"the tag `{node.tag}` is not understood; remove it")
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*place, index), depth + 1) for index, item in enumerate(node.value)]
        return self.mapping(node, place, depth)

    def scalar(self, node: yaml.ScalarNode, line: int) -> str | bool | None:
        text = str(node.value)
        if node.tag not in IMPLICIT_TAGS:
            raise self.refused(line, f"the tag `{node.tag}` is not understood; remove it")
        if node.style:  # quoted, or a block
            return text
        return None if text in NULLS else BOOLEANS.get(text, text)

    def mapping(self, node: yaml.Node, place: Place, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise self.refused(line, "a field's name must be a word")
            name = str(key.value)
            if name == "<<":
                raise self.refused(line, "`<<` is not understood; write the fields out")
            if name in values:
                raise self.refused(line, f"`{name}` is given twice; keep one")
            self.lines[*place, name] = line
            values[name] = self.value(item, (*place, name), depth + 1)
        return values

    def refused(self, line: int, problem: str) -> RightsFileRefused:
        return RightsFileRefused(self.path, [(line, problem)])
