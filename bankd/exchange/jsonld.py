"""JSON-LD as far as ODRL policies need it: names resolved against contexts that ship with this module. Pure.

Nothing is fetched, ever. A library that expands JSON-LD drops a name which no
context knows; here it stays, so that whoever reads the policy refuses it.
"""

import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 48
MAX_VALUES = 500_000

ODRL = "http://www.w3.org/ns/odrl/2/"
BANKD = "urn:bankd:odrl:1#"
RIGHTSML = "https://iptc.org/std/RightsML/odrl-profile/"
CONTEXTS = frozenset({"http://www.w3.org/ns/odrl.jsonld", "https://www.w3.org/ns/odrl.jsonld"})
PREFIXES = {
    "odrl": ODRL,
    "cc": "http://creativecommons.org/ns#",
    "dc": "http://purl.org/dc/terms/",
    "dct": "http://purl.org/dc/terms/",
    "dcterms": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "schema": "http://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
SHORT = {
    ODRL: "",
    BANKD: "bankd:",
    "http://creativecommons.org/ns#": "cc:",
    "http://purl.org/dc/terms/": "dc:",
    "http://purl.org/dc/elements/1.1/": "dc:",
    "http://xmlns.com/foaf/0.1/": "foaf:",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf:",
    "http://www.w3.org/2000/01/rdf-schema#": "rdfs:",
    "http://schema.org/": "schema:",
    "https://schema.org/": "schema:",
    "http://www.w3.org/2006/vcard/ns#": "vcard:",
    "http://www.w3.org/ns/tdmrep#": "tdm:",
}
KEYWORDS = {"uid": "@id", "id": "@id", "type": "@type"}


class Unreadable(ValueError):
    """Why a document cannot be read, in words."""


class Json:
    """A value that is JSON to RDF too, and has no names in it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return json.dumps(self.value, sort_keys=True)


def read(content: bytes) -> list[dict[str, Any]]:
    """The nodes of a document, with the names of ODRL short (`permission`) and others by prefix or in full.

    Values are text, numbers, booleans, `Json`, nodes and lists of these; `{"@id": x}` alone is the text x.

    Raises:
        Unreadable: it is no JSON, or beyond the bounds, or of a context that is not known.
    """
    document = _json(content)
    if isinstance(document, dict):
        names = _Names(document.get("@context"))
        graph = document.get("@graph")
        if graph is not None:
            if extra := document.keys() - {"@context", "@graph", "@id"}:
                raise Unreadable(f"`{min(extra)}` beside `@graph` is not understood; put it into a policy")
            document = graph
        else:
            document = [{name: value for name, value in document.items() if name != "@context"}]
    else:
        names = _Names(None)
    if not isinstance(document, list) or not all(isinstance(node, dict) for node in document):
        raise Unreadable("is no policy, and no list of policies")
    return [names.node(node) for node in document]


def many(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _json(content: bytes) -> Any:
    if len(content) > MAX_BYTES:
        raise Unreadable(f"is larger than {MAX_BYTES // 2**20} MiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("is not UTF-8 text") from error
    _bound_depth(text)
    count = 0

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal count
        count += len(found)
        if count > MAX_VALUES:
            raise Unreadable(f"holds more than {MAX_VALUES} values")
        made: dict[str, Any] = {}
        for name, value in found:
            if name in made:
                raise Unreadable(f"`{_shown(name)}` is given twice; keep one")
            made[name] = value
        return made

    def constant(name: str) -> Any:
        raise Unreadable(f"`{name}` is no number of JSON")

    try:
        found = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except Unreadable:
        raise
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise Unreadable("is not JSON" + (f" (line {line})" if line else "")) from error
    _check_texts(found)
    return found


def _bound_depth(text: str) -> None:
    depth, quoted, escaped = 0, False, False
    for mark in text:
        if quoted:
            if escaped:
                escaped = False
            elif mark == "\\":
                escaped = True
            elif mark == '"':
                quoted = False
        elif mark == '"':
            quoted = True
        elif mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Unreadable(f"is nested more than {MAX_DEPTH} deep")
        elif mark in "]}":
            depth -= 1


def _check_texts(value: Any) -> None:
    """No text that cannot be stored or shown: control characters, halves of characters."""
    if isinstance(value, str):
        if any(unicodedata.category(mark) in ("Cc", "Cs") and mark not in "\n\r\t" for mark in value):
            raise Unreadable(f"`{_shown(value)}` holds a control character or half of one")
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_texts(name)
            _check_texts(item)
    elif isinstance(value, list):
        for item in value:
            _check_texts(item)


def _shown(text: str) -> str:
    return "".join(mark if mark.isprintable() else "?" for mark in text[:60])


class _Names:
    """What the names of a document stand for, by its context."""

    def __init__(self, context: Any) -> None:
        self.odrl = False  # whether bare names are ODRL's
        self.terms: dict[str, str] = {}
        for one in many(context):
            if isinstance(one, str):
                if one not in CONTEXTS:
                    raise Unreadable(f"the context `{_shown(one)}` is not known, and none is ever fetched")
                self.odrl = True
                self.terms |= PREFIXES
            elif isinstance(one, dict):
                self._define(one)
            else:
                raise Unreadable("`@context` is neither an address nor an object")

    def _define(self, context: Mapping[str, Any]) -> None:
        for name, value in context.items():
            if name in ("@version", "@language"):
                continue
            if name == "@vocab":
                if value != ODRL:
                    raise Unreadable(f"`@vocab` is `{_shown(str(value))}` and not ODRL's")
                self.odrl = True
                continue
            meant = value.get("@id") if isinstance(value, dict) else value
            others = set(value) - {"@id", "@type"} if isinstance(value, dict) else set()
            if name.startswith("@") or not isinstance(meant, str) or others:
                raise Unreadable(f"`{_shown(name)}` in `@context` is not understood; write it out")
            known = self.terms.get(name)
            full = self._full(meant)
            if (known is not None and known != full) or (self.odrl and self._odrl(name) not in (None, full)):
                raise Unreadable(f"`@context` gives `{_shown(name)}` another meaning; rename it")
            self.terms[name] = full

    @staticmethod
    def _odrl(name: str) -> str | None:
        """A name of the model itself may not be given another meaning."""
        return f"{ODRL}{name}" if name in MODEL else None

    def _full(self, name: str) -> str:
        prefix, colon, rest = name.partition(":")
        if colon and not rest.startswith("//") and prefix in self.terms:
            return self.terms[prefix] + rest
        return name

    def word(self, name: str) -> str:
        """A name in the vocabulary, as this module writes it."""
        if name in self.terms:
            full = self.terms[name]
        elif ":" in name or not self.odrl:
            full = self._full(name)
        else:
            full = ODRL + name
        for space, short in SHORT.items():
            if full.startswith(space) and len(full) > len(space):
                return short + full[len(space) :]
        return full

    def node(self, node: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in node.items():
            if name == "@context":
                raise Unreadable("`@context` stands inside of a policy; put it at the top")
            key = name if name.startswith("@") else KEYWORDS.get(name) if self.odrl else None
            key = key or self.word(name)
            if key.startswith("@") and key not in ("@id", "@type"):
                raise Unreadable(f"`{_shown(key)}` is not understood; write it out")
            if key in found:
                raise Unreadable(f"`{_shown(key)}` is given twice, under two names; keep one")
            if key == "@type":
                found[key] = [self.word(one) if isinstance(one, str) else one for one in many(value)]
            elif key in WORDS:
                found[key] = self._each(self.word, self.value(value))
            elif key in ADDRESSES:
                found[key] = self._each(self._full, self.value(value))
            else:
                found[key] = self.value(value)
        if "@id" in found and not isinstance(found["@id"], str):
            raise Unreadable("an `@id` is no text")
        return found

    def value(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for one in value for item in self._items(self.value(one))]
        if not isinstance(value, dict):
            return value
        if "@value" in value:
            if extra := value.keys() - {"@value", "@type", "@language", "@direction"}:
                raise Unreadable(f"`{_shown(min(extra))}` beside `@value` is not understood")
            return Json(value["@value"]) if value.get("@type") == "@json" else value["@value"]
        for holder in ("@list", "@set"):
            if holder in value:
                if len(value) > 1:
                    raise Unreadable(f"`{holder}` stands beside other names")
                return self.value(many(value[holder]))
        made = self.node(value)
        return self._full(made["@id"]) if set(made) == {"@id"} else made

    @staticmethod
    def _items(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value
        else:
            yield value

    def _each(self, change: Callable[[str], str], value: Any) -> Any:
        if isinstance(value, list):
            return [self._each(change, one) for one in value]
        return change(value) if isinstance(value, str) else value


MODEL = frozenset(
    {
        "Policy", "Set", "Offer", "Agreement", "permission", "prohibition", "obligation", "duty", "target",
        "assigner", "assignee", "action", "constraint", "refinement", "leftOperand", "operator",
        "rightOperand", "unit", "dataType", "consequence", "remedy", "conflict", "profile", "inheritFrom",
        "and", "or", "xone", "andSequence", "uid", "type",
    }
)  # fmt: skip
WORDS = frozenset({"action", "leftOperand", "operator", "conflict", "rdf:value"})
"""What is said in words of the vocabulary, bare or by prefix or in full."""

ADDRESSES = frozenset({"@id", "target", "assigner", "assignee", "profile"})
"""What is said in addresses, by prefix or in full."""
