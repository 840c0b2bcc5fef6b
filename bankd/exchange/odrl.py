"""Read ODRL 2.2 policies (JSON-LD; RightsML's among them) as licenses with their grants.

An agreement is refused whole if any of it cannot be represented, each thing by
its name; nothing is passed over. The file itself is the license's document.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from pydantic import ValidationError

from bankd.exchange import jsonld, odrl_rules
from bankd.exchange.jsonld import Unreadable, many
from bankd.exchange.odrl_rules import Draft, RuleRefused, constraints, party_name
from bankd.exchange.odrl_words import ALTERING, AS_IT_IS, FLAGS, PROFILES, as_ref, ref_of
from bankd.licensing import rights_file, rights_words
from bankd.licensing.errors import RightsFileRefused
from bankd.licensing.rights_entries import (
    DocumentEntry,
    GrantEntry,
    LicenseEntry,
    LicensorEntry,
    PhotosEntry,
    RightsFile,
)
from bankd.licensing.terms import CoOwner, GrantTerms

MEDIA_TYPE = "application/ld+json"
HOUSE = "house"

POLICIES = frozenset({"Policy", "Set", "Offer", "Agreement", "Assertion", "Privacy", "Request", "Ticket"})
SHARED = frozenset(
    {"target", "assigner", "assignee", "action"}
)  # what a policy may say once for all its rules
POLICY = SHARED | {"@id", "@type", "profile", "permission", "prohibition", "obligation", "conflict"}
PERMISSION = SHARED | {"@id", "@type", "constraint", "duty"}
PROHIBITION = SHARED | {"@id", "@type", "constraint"}
DUTY = frozenset(
    {"@id", "@type", "action", "constraint", "attributedParty", "compensatedParty", "assigner", "assignee"}
)
METADATA = frozenset(
    {"dc:title", "dc:description", "dc:creator", "dc:publisher", "dc:issued", "dc:modified", "dc:language",
     "dc:identifier", "dc:replaces", "rdfs:label", "rdfs:comment"}
)  # fmt: skip
"""What a policy says about itself; it is kept in the document and changes no term, but for the first day."""

PARTY = frozenset(
    {"@id", "@type", "vcard:fn", "schema:name", "foaf:name", "rdfs:label", "dc:title", "vcard:hasEmail"}
)
HEX = re.compile(r"(?:urn:|hash://)?sha-?256[:/]([0-9a-fA-F]{64})")


@dataclass(frozen=True)
class Assets:
    """The photos that a grant is about: `names` as a rights file has them, `others` by hash or id."""

    names: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Agreements:
    """What a file of policies says. `assets` are by `<license ref>/<grant ref>`."""

    file: RightsFile
    assets: Mapping[str, Assets]
    unlimited: Mapping[str, tuple[str, ...]]  # dimensions on which a grant lays no constraint


def load(path: Path, *, house: str | None = None) -> Agreements:
    """Read the agreements of a file.

    Args:
        house: the address of the assignee that is this house, where the bank did not write the file.

    Raises:
        RightsFileRefused: some of it cannot be read or represented; each thing by its place and name.
    """
    try:
        if path.stat().st_size > jsonld.MAX_BYTES:
            raise RightsFileRefused(path, [(None, f"is larger than {jsonld.MAX_BYTES // 2**20} MiB")])
        content = path.read_bytes()
    except OSError as error:
        raise RightsFileRefused(path, [(None, f"cannot be read: {error.strerror}")]) from error
    try:
        nodes = jsonld.read(content)
    except Unreadable as error:
        raise RightsFileRefused(path, [(None, str(error))]) from error
    problems: list[str] = []
    read = [
        _Policy(node, f"policy {number}: " if len(nodes) > 1 else "", house)
        for number, node in _numbered(nodes)
    ]
    for policy in read:
        policy.understand()
        problems += policy.problems
    if not nodes:
        problems.append("holds no policy")
    if problems:
        raise RightsFileRefused(path, [(None, sentence) for sentence in problems])
    file = rights_file.put_together(
        path,
        {},
        licensors=tuple({policy.licensor.ref: policy.licensor for policy in read}.values()),
        documents=(DocumentEntry(ref="policy", path=path.name, media_type=MEDIA_TYPE),),
        licenses=tuple(policy.license for policy in read),
        photos=tuple(entry for policy in read for entry in policy.photos()),
    )
    return Agreements(
        file,
        {ref: assets for policy in read for ref, assets in policy.assets.items()},
        {ref: found for policy in read for ref, found in policy.unlimited.items() if found},
    )


def _numbered(items: list[Any]) -> Iterator[tuple[int, Any]]:
    return enumerate(items, 1)


class _Policy:
    licensor: LicensorEntry
    license: LicenseEntry

    def __init__(self, node: dict[str, Any], place: str, house: str | None) -> None:
        self.node, self.place, self.house = node, place, house
        self.problems: list[str] = []
        self.assets: dict[str, Assets] = {}
        self.unlimited: dict[str, tuple[str, ...]] = {}

    def understand(self) -> None:
        try:
            self._policy()
        except RuleRefused as error:
            self.problems.append(f"{self.place}{error}")

    def photos(self) -> list[PhotosEntry]:
        return [
            PhotosEntry(files=assets.names, grants=(ref,))
            for ref, assets in self.assets.items()
            if assets.names
        ]

    def _policy(self) -> None:
        node = self.node
        kinds = set(node.get("@type", ["Set"])) & POLICIES
        uid = node.get("@id")
        if not isinstance(uid, str) or not uid.strip():
            raise RuleRefused("the policy has no `uid`")
        if set(node.get("@type", ["Set"])) - POLICIES or kinds - {"Policy"} != {"Agreement"}:
            said = sorted(set(map(str, node.get("@type", ["Set"]))) - {"Policy"}) or ["Policy"]
            raise RuleRefused(
                f"`{uid[:100]}` is of the type `{said[0][:60]}`, which grants nothing; an `Agreement` does"
            )
        if unknown := node.keys() - POLICY - METADATA:
            raise RuleRefused(f"`{min(unknown)[:80]}` of a policy cannot be represented")
        for profile in many(node.get("profile")):
            if not isinstance(profile, str) or profile not in PROFILES:
                raise RuleRefused(f"the profile `{str(profile)[:80]}` is not known")
        conflict = node.get("conflict", "prohibit")
        if conflict not in ("prohibit", "invalid") and node.get("prohibition") is not None:
            raise RuleRefused(f"the conflict strategy `{str(conflict)[:40]}` cannot be represented")
        permissions = self._rules("permission", PERMISSION)
        prohibitions = self._rules("prohibition", PROHIBITION)
        obligations = [
            self._duty(duty, "obligation") for duty in self._nodes(node.get("obligation"), "obligation")
        ]
        if self.problems:
            return
        if not permissions:
            raise RuleRefused("the agreement permits nothing")
        assigners = self._parties(permissions + prohibitions)
        ref = as_ref("license", uid)
        name = party_name(assigners[0]) or _address(assigners[0])
        self.licensor = LicensorEntry(ref=as_ref("licensor", _address(assigners[0])), name=name)
        grants: list[GrantEntry] = []
        for group in _groups(permissions):
            entry = self._grant(group, prohibitions, obligations, conflict, number=len(grants) + 1)
            if entry is not None:
                grants.append(entry)
                self.assets[f"{ref}/{entry.ref}"] = self._assets(group)
        if self.problems:
            return
        self.license = LicenseEntry(
            ref=ref,
            licensor=self.licensor.ref,
            title=_text(node, "dc:title") or uid,
            basis="licensed",
            document="policy",
            co_owners=tuple(
                CoOwner(name=party_name(party) or _address(party), agreed=True) for party in assigners[1:]
            ),
            supersedes=as_ref("license", replaced) if (replaced := _text(node, "dc:replaces")) else None,
            grants=tuple(grants),
        )
        self.unlimited = {f"{ref}/{grant}": found for grant, found in self.unlimited.items()}

    def _rules(self, kind: str, known: frozenset[str]) -> list[dict[str, Any]]:
        found = []
        for number, rule in enumerate(self._nodes(self.node.get(kind), kind)):
            place = f"{self.place}{kind} {number + 1}: "
            if unknown := rule.keys() - known:
                self.problems.append(f"{place}`{min(unknown)[:80]}` cannot be represented")
                continue
            whole = {**{name: self.node[name] for name in SHARED & self.node.keys()}, **rule, "place": place}
            try:
                whole["actions"], refined = self._actions(whole)
                whole["limits"] = [*constraints(rule), *refined]
                whole["duties"] = [self._duty(duty, "duty") for duty in self._nodes(rule.get("duty"), "duty")]
                if "target" not in whole:
                    raise RuleRefused("has no `target`")
            except RuleRefused as error:
                self.problems.append(f"{place}{error}")
                continue
            found.append(whole)
        return found

    def _nodes(self, value: Any, kind: str) -> list[dict[str, Any]]:
        nodes = many(value)
        for one in nodes:
            if not isinstance(one, dict):
                raise RuleRefused(f"the {kind} `{str(one)[:80]}` is only an address; write it out")
        return nodes

    @staticmethod
    def _actions(rule: dict[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
        actions: list[str] = []
        refined: list[dict[str, Any]] = []
        for one in many(rule.get("action")):
            if isinstance(one, dict):
                if one.keys() - {"@id", "@type", "rdf:value", "refinement"}:
                    raise RuleRefused("an action has more than its name and `refinement`")
                if len(many(rule["action"])) > 1 and "refinement" in one:
                    raise RuleRefused("one of several actions has a `refinement`; write rules apart")
                refined += constraints(one, key="refinement")
                one = one.get("rdf:value", one.get("@id"))
            if not isinstance(one, str):
                raise RuleRefused("an action is no word")
            actions.append(one)
        if not actions:
            raise RuleRefused("has no `action`")
        return actions, refined

    def _duty(self, duty: dict[str, Any], kind: str) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
        actions, refined = self._actions(duty)
        for action in actions:
            if action not in ("attribute", "cc:Attribution", "compensate"):
                raise RuleRefused(f"the {kind} `{action}` cannot be represented")
        if unknown := duty.keys() - DUTY:
            raise RuleRefused(f"`{min(unknown)[:80]}` of the {kind} `{actions[0]}` cannot be represented")
        if len(actions) != 1:
            raise RuleRefused(f"the {kind} has several actions; write duties apart")
        return actions[0], duty, [*refined, *constraints(duty)]

    @staticmethod
    def _parties(rules: list[dict[str, Any]]) -> list[Any]:
        """Who assigns, the same in all rules. To whom, each permission says itself."""
        assigners = many(rules[0].get("assigner"))
        for side in ("assigner", "assignee"):
            for rule in rules:
                parties = many(rule.get(side))
                if not parties:
                    raise RuleRefused(f"{rule['place']}has no `{side}`; an agreement is between two")
                for party in parties:
                    if isinstance(party, dict) and (unknown := party.keys() - PARTY):
                        raise RuleRefused(f"`{min(unknown)[:80]}` of the {side} cannot be represented")
                    if not isinstance(party, str | dict) or not _address(party).strip():
                        raise RuleRefused(f"the {side} has no `uid`")
                if side == "assigner" and parties != assigners:
                    raise RuleRefused("the rules have several sets of `assigner`; write policies apart")
        return assigners

    def _grant(
        self,
        group: list[dict[str, Any]],
        prohibitions: list[dict[str, Any]],
        obligations: list[tuple[str, dict[str, Any], list[dict[str, Any]]]],
        conflict: str,
        *,
        number: int,
    ) -> GrantEntry | None:
        draft = Draft()
        try:
            for rule in group:
                for action in rule["actions"]:
                    if action not in AS_IT_IS and action not in ALTERING and action not in FLAGS:
                        raise RuleRefused(f"the permitted action `{action}` cannot be represented")
                    draft.actions.add(action)
            for one in group[0]["limits"]:
                odrl_rules.narrow(draft, one)
            loose = tuple(name for name in _loose(draft))
            for rule in prohibitions:
                for name in ("target", "assignee"):
                    if repr(many(rule[name])) != repr(many(group[0][name])):
                        raise RuleRefused(f"a prohibition has another `{name}` than the permission")
                for action in rule["actions"]:
                    took = odrl_rules.forbid(draft, action, rule["limits"], holder=self.licensor.name)
                    if took and conflict == "invalid":
                        raise RuleRefused(
                            f"permits and prohibits `{action}`, and its conflict strategy is `invalid`"
                        )
            self._duties(draft, [*group[0]["duties"], *obligations])
            issued = _text(self.node, "dc:issued")
            fields = odrl_rules.terms(
                draft, licensees=self._licensees(many(group[0]["assignee"])), first_day=_issued(issued)
            )
            ref = f"grant-{number}"
            if isinstance(group[0].get("@id"), str):
                written = ref_of("grant", group[0]["@id"])
                ref = written.rsplit("/", 1)[-1] if written else as_ref("grant", group[0]["@id"])
            entry = GrantEntry(ref=ref, terms=GrantTerms.model_validate(fields))
        except RuleRefused as error:
            self.problems.append(f"{group[0]['place']}{error}")
            return None
        except ValidationError as error:
            for one in error.errors():
                named: Any = [{**one, "loc": ("rule", *one["loc"])}]
                self.problems += [group[0]["place"] + text for _, text in rights_words.sentences(named)]
            return None
        self.unlimited[entry.ref] = loose
        return entry

    @staticmethod
    def _duties(draft: Draft, duties: list[tuple[str, dict[str, Any], list[dict[str, Any]]]]) -> None:
        for action, duty, refined in duties:
            if action == "compensate":
                fee, currency = odrl_rules.fee(refined)
                if draft.others.setdefault("currency", currency) != currency:
                    raise RuleRefused("duties `compensate` in several currencies cannot be represented")
                if fee["trigger"] == "seal" and "fee_minor" not in draft.others:
                    draft.others["fee_minor"] = fee["amount_minor"]
                else:
                    draft.others["fees"] = [*draft.others.get("fees", ()), fee]
            elif "credit" in draft.others:
                raise RuleRefused("several duties `attribute` cannot be represented; write one credit")
            else:
                draft.others["credit"] = odrl_rules.credit(duty, refined)

    def _licensees(self, assignees: list[Any]) -> list[str]:
        found = []
        for party in assignees:
            address = _address(party)
            known = ref_of("licensee", address)
            if known is None and self.house is not None and address == self.house:
                known = HOUSE
            # Words that mean more to the bank than a name come from the bank alone.
            named = party_name(party) or address
            found.append(known or (named if named not in (HOUSE, "any") else address))
        return found

    @staticmethod
    def _assets(group: list[dict[str, Any]]) -> Assets:
        names: dict[str, None] = {}
        others: dict[str, None] = {}
        for target in many(group[0]["target"]):
            for kind, name in _asset(target):
                (names if kind == "name" else others)[name] = None
        return Assets(tuple(names), tuple(others))


def _asset(target: Any) -> Iterator[tuple[str, str]]:
    address = target
    if isinstance(target, dict):
        if unknown := target.keys() - {
            "@id",
            "@type",
            "dc:title",
            "rdfs:label",
            "dc:identifier",
            "dc:format",
        }:
            raise RuleRefused(f"`{min(unknown)[:80]}` of a target cannot be represented")
        address = target.get("@id", target.get("dc:identifier"))
    if not isinstance(address, str) or not address.strip():
        raise RuleRefused("a target has no `uid`")
    if found := HEX.fullmatch(address):
        yield "other", f"sha256:{found[1].lower()}"
        return
    if ref_of("grant", address) is not None:
        return  # "the photos of this grant", as the bank writes a set that it does not list
    if (photo := ref_of("photo", address)) is not None:
        try:
            yield "other", f"photo:{UUID(photo)}"
        except ValueError as error:
            raise RuleRefused(f"the target `{address[:100]}` is no photo") from error
        return
    name = unquote(urlsplit(address).path if "://" in address else address.removeprefix("file:")).rsplit(
        "/", 1
    )[-1]
    if not re.fullmatch(r"[^*?\[\]:\\]{1,190}\.[A-Za-z0-9]{2,5}", name) or (
        ":" in address and name == address
    ):
        raise RuleRefused(
            f"the target `{address[:100]}` is neither a SHA-256, a photo of the bank nor a file name"
        )
    yield "name", name


def _groups(permissions: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Permissions that say the same but for their actions are one grant. Under other constraints, another."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for rule in permissions:
        said = [rule.get("@id"), many(rule["target"]), many(rule["assignee"]), rule["limits"], rule["duties"]]
        groups.setdefault(repr(said), []).append(rule)
    return list(groups.values())


def _loose(draft: Draft) -> Iterator[str]:
    if draft.territories is None and not draft.excepted:
        yield "territories"
    yield from (name for name, found in draft.scopes.items() if found is None)
    if "ends_on" not in draft.days:
        yield "ends_on"


def _address(party: Any) -> str:
    if isinstance(party, dict):
        return str(party.get("@id") or party_name(party) or "")
    return str(party)


def _text(node: dict[str, Any], name: str) -> str | None:
    for value in many(node.get(name)):
        if isinstance(value, dict):
            value = value.get("@id")
        if not isinstance(value, str) or not value.strip():
            raise RuleRefused(f"`{name}` is no text")
        return value
    return None


def _issued(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise RuleRefused(f"`dc:issued` is `{text[:40]}`, which is no day") from error
