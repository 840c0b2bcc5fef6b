"""A bundle: the policies and their schema, as text, at one digest."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self

import cedarpy
import rfc8785

from bankd.policy import signoff
from bankd.policy.errors import InvalidBundle
from bankd.policy.facts import LATER
from bankd.policy.signoff import Needs

SCHEMA = "bankd.cedarschema"
ID = re.compile(r"[a-z]+(-[a-z]+)*")
CEDARS_OWN_ID = re.compile(r"^for policy `policy\d+`, ")
SENTENCE = re.compile(r"[A-Z][^\n]{9,118}[^.\s]")

ERROR_IN_EVALUATION = "error-in-evaluation"
DEFAULT_DENY = "default-deny"
NO_GRANT = "no-grant"

BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        ERROR_IN_EVALUATION: "A fact is missing or unreadable, so the rules could not be asked",
        DEFAULT_DENY: "No rule allows this",
        NO_GRANT: "The house holds no grant for this photo",
    }
)
"""What refuses without being written in a policy, and its sentence."""


@dataclass(frozen=True)
class Policy:
    """One policy, and Cedar's own JSON of it."""

    id: str
    says: str
    effect: Literal["permit", "forbid"]
    actions: frozenset[str]
    file: str
    source: Mapping[str, Any]
    signoff: Needs | None = None  # whose signatures it waits for, where it leaves that to people


@dataclass(frozen=True)
class Bundle:
    """Policies and schema at one digest, always valid: make one with `of` or `read`."""

    texts: tuple[tuple[str, str], ...]  # (file name, text), by name

    @classmethod
    def of(cls, texts: Iterable[tuple[str, str]]) -> Self:
        """Raises: InvalidBundle: with every problem found."""
        bundle = cls(tuple(sorted(texts)))
        found = problems(bundle.texts)
        if found:
            raise InvalidBundle(found)
        return bundle

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the RFC 8785 list of (name, SHA-256 of the text), in the order of names."""
        listed = [[name, hashlib.sha256(text.encode()).hexdigest()] for name, text in self.texts]
        return hashlib.sha256(rfc8785.dumps(listed)).hexdigest()

    @cached_property
    def policies(self) -> Mapping[str, Policy]:
        """By id, in the order of files and of places in them."""
        found = [policy for name, text in self.texts if name != SCHEMA for policy in _policies(name, text)]
        return MappingProxyType({policy.id: policy for policy in found})

    @cached_property
    def schema(self) -> cedarpy.Schema:
        return cedarpy.Schema.from_str(dict(self.texts)[SCHEMA])

    @cached_property
    def policy_set(self) -> cedarpy.PolicySet:
        """Parsed once, and with our ids, so that an answer names them."""
        return self.policy_set_without(frozenset())

    def policy_set_without(self, aside: frozenset[str]) -> cedarpy.PolicySet:
        """Without some policies; kept, as the same few are set aside again and again."""
        kept: dict[frozenset[str], cedarpy.PolicySet] = self._policy_sets
        if aside not in kept:
            document = {
                "staticPolicies": {
                    policy.id: policy.source for policy in self.policies.values() if policy.id not in aside
                },
                "templates": {},
                "templateLinks": [],
            }
            kept[aside] = cedarpy.PolicySet.from_json_str(json.dumps(document))
        return kept[aside]

    @cached_property
    def _policy_sets(self) -> dict[frozenset[str], cedarpy.PolicySet]:
        return {}

    @cached_property
    def lacking(self) -> Mapping[str, Mapping[str, Any]]:
        """Facts that are younger than this bundle's schema, by type, and what says nothing of each."""
        return {
            kind: {
                name: default for name, default in later.items() if name in _unknown(kind, later, self.schema)
            }
            for kind, later in LATER.items()
        }

    def knows(self, action: str) -> bool:
        """Whether the schema has the action; one that it has and no policy names is allowed to nobody."""
        known: dict[str, bool] = self._known_actions
        if action not in known:
            probe = f'permit (principal, action == Action::"{action}", resource);'
            known[action] = not cedarpy.validate_policies(probe, self.schema).errors
        return known[action]

    @cached_property
    def _known_actions(self) -> dict[str, bool]:
        return {}

    def about(self, action: str) -> list[Policy]:
        """The policies that an action is asked of."""
        return [policy for policy in self.policies.values() if action in policy.actions]


def read(folder: Path) -> Bundle:
    """The bundle in a folder: its schema and every `*.cedar` file directly in it.

    Raises:
        InvalidBundle: a file is missing or unreadable, or a policy is not valid.
    """
    return Bundle.of(texts(folder))


def texts(folder: Path) -> list[tuple[str, str]]:
    """Raises: InvalidBundle: a file cannot be read as UTF-8."""
    found = []
    for path in [folder / SCHEMA, *sorted(folder.glob("*.cedar"))]:
        try:
            found.append((path.name, path.read_bytes().decode()))
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidBundle([f"`{path.name}` cannot be read: {error}"]) from error
    return found


def problems(texts: Iterable[tuple[str, str]]) -> list[str]:
    """Everything that keeps these texts from being a bundle, each in a sentence."""
    by_name = dict(texts)
    text = by_name.pop(SCHEMA, None)
    if text is None:
        return [f"the schema `{SCHEMA}` is missing"]
    if not by_name:
        return ["there is no policy"]
    try:
        schema = cedarpy.Schema.from_str(text)
    except ValueError as error:
        return [f"`{SCHEMA}`: {_one_line(error)}"]
    found: list[str] = []
    where: dict[str, str] = {}
    for name, text in by_name.items():
        found += _problems_of_file(name, text, schema, where)
    return found


def _problems_of_file(name: str, text: str, schema: cedarpy.Schema, where: dict[str, str]) -> list[str]:
    try:
        document = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        return [f"`{name}`: {_one_line(error)}"]
    found = []
    if document["templates"]:
        found.append(f"`{name}`: a template is not a policy")
    for source in document["staticPolicies"].values():
        notes = source.get("annotations", {})
        id = notes.get("id") or ""
        if not ID.fullmatch(id):
            found.append(f"`{name}`: `{id}` is no id of words joined by hyphens")
        elif id in BUILT_IN:
            found.append(f"`{name}`: the id `{id}` is reserved")
        elif id in where:
            found.append(f"`{name}`: the id `{id}` is taken in `{where[id]}`")
        else:
            where[id] = name
        if not SENTENCE.fullmatch(notes.get("says") or ""):
            found.append(f"`{name}`: policy `{id}` needs `@says` with one sentence and no full stop")
        if source["principal"]["op"] != "All" or source["resource"]["op"] != "All":
            found.append(f"`{name}`: policy `{id}` must stand for every actor and every grant")
        if not _actions(source):
            found.append(f"`{name}`: policy `{id}` must name its actions")
        found += [f"`{name}`: policy `{id}` {why}" for why in signoff.problems(id, source)]
    answer = cedarpy.validate_policies(text, schema)
    named = answer.id_annotations_by_policy_id
    for wrong in answer.errors:
        policy = f"policy `{named[wrong.policy_id]}`: " if wrong.policy_id in named else ""
        found.append(f"`{name}`: {policy}{CEDARS_OWN_ID.sub('', _one_line(wrong.error))}")
    if not answer.validation_passed and not answer.errors:
        found.append(f"`{name}`: not valid")
    return found


def _policies(name: str, text: str) -> list[Policy]:
    # "policy0", "policy1", ..: by number, not by letter, to keep the order of the file.
    parsed = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    in_order = sorted(parsed.items(), key=lambda item: int(item[0].removeprefix("policy")))
    return [
        Policy(
            id=source["annotations"]["id"],
            says=source["annotations"]["says"],
            effect=source["effect"],
            actions=_actions(source),
            file=name,
            source=source,
            signoff=signoff.needs_of(source["annotations"]["id"], source),
        )
        for _, source in in_order
    ]


def _unknown(kind: str, names: Iterable[str], schema: cedarpy.Schema) -> frozenset[str]:
    """Which attributes the schema does not have, as Cedar itself says."""
    action = "compose" if kind == "GrantSet" else "synthesize"
    owner = "context" if kind == "Use" else "resource"
    probes = "\n".join(
        f'@id("{name}") forbid (principal, action == Action::"{action}", resource)'
        f" when {{ {owner}.{name} == {owner}.{name} }};"
        for name in names
    )
    answer = cedarpy.validate_policies(probes, schema)
    named = answer.id_annotations_by_policy_id
    return frozenset(named[wrong.policy_id] for wrong in answer.errors if "not found" in wrong.error)


def _actions(source: Mapping[str, Any]) -> frozenset[str]:
    """The actions that a policy names; none where it would stand for all, or for what we cannot read."""
    match source["action"]:
        case {"op": "==", "entity": {"type": "Action", "id": str(id)}}:
            return frozenset({id})
        case {"op": "in", "entities": entities}:
            return frozenset(entity["id"] for entity in entities)
        case {"op": "in", "entity": {"type": "Action", "id": str(id)}}:
            return frozenset({id})
    return frozenset()


def _one_line(error: object) -> str:
    return " ".join(str(error).split())
