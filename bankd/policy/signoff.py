"""What policy leaves to people: which rules a sign-off answers, which never, what a sign-off covers. Pure.

A `forbid` with `@signoff("compliance")` denies until enough people of that
role have signed for what it denies. A sign-off lifts that one rule for what
it names, and nothing else: whatever else denies goes on denying.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Self, get_args
from uuid import UUID

from bankd.access.permissions import ALLOWED, Permission

Scope = Literal["request", "photo", "license", "use"]
"""What a sign-off holds for: the photos shown, in one request; these photos, or all of these licenses, in any
request; or every request for the same use."""
SCOPES: tuple[Scope, ...] = get_args(Scope)

ROLES = frozenset(str(role) for role, may in ALLOWED.items() if Permission.SIGNOFFS_GIVE in may)
MOST_SIGNERS = 2
WAITED_FOR = frozenset({"synthesize", "publish"})

NEVER: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "expired": frozenset(
            {
                "archive-not-granted",
                "availability-over",
                "create-by-passed",
                "data-basis-over",
                "embedded-rights-over",
                "nothing-new-to-make",
                "period-outside-embedded-rights",
                "period-outside-ruling",
                "period-outside-term",
                "period-over",
                "publish-by-passed",
                "release-not-begun",
                "release-over",
                "ruling-over",
                "sell-off-not-granted",
                "sell-off-over",
                "stock-is-printed",
                "term-not-begun",
                "term-over",
            }
        ),
        "withdrawn or on hold, by a court order too": frozenset(
            {
                "block-unknown",
                "cap-reached",
                "grant-denied",
                "license-superseded",
                "license-withdrawn",
                "photo-disputed",
                "photo-embargoed",
                "embargo-outlasts-start",
                "photo-held",
                "photo-withdrawn",
            }
        ),
        "erased": frozenset({"photo-erased"}),
        "not to be merged": frozenset({"composing-not-granted", "merging-forbidden-by-photo"}),
        "an unreleased minor": frozenset({"minor-depicted", "reconfirmation-missing"}),
    }
)
"""A closed list: what no signature lifts, by id. A rule of another name is known by the facts it reads."""

NEVER_IDS: frozenset[str] = frozenset[str]().union(*NEVER.values())

NEVER_FACTS = frozenset(
    {
        "alteration_constraints",
        "available_before",
        "basis_ends_at",
        "blocks",
        "create_before",
        "data_basis_ends_at",
        "embargo_ends_at",
        "embedded_ends_at",
        "ends_at",
        "guardian_released",
        "publish_before",
        "reconfirm_before",
        "release_ends_at",
        "release_starts_at",
        "sell_off_before",
        "starts_at",
        "youngest",
    }
)
"""Facts of a grant that no rule with `@signoff` may read: terms, blocks, minors, constraints of the file."""

NEVER_BLOCKS = frozenset(
    {"withdrawn", "superseded", "denied", "dispute", "erased", "photo-withdrawn", "photo-held"}
)
"""What stands blocked by one of these is refused, whoever signed for it."""


@dataclass(frozen=True)
class Needs:
    """Whose signatures a rule waits for, and of how many different people."""

    role: str
    signers: int = 1


def needs_of(id: str, source: Mapping[str, Any]) -> Needs | None:
    """What a policy waits for; None where people are not asked, or may not be whatever it says."""
    notes = source.get("annotations", {})
    if "signoff" not in notes or _problems(id, source):
        return None
    return Needs(notes["signoff"], int(notes.get("signers", "1")))


def problems(id: str, source: Mapping[str, Any]) -> list[str]:
    """Why a policy may not leave to people what it leaves to them, each in a clause after its name."""
    notes = source.get("annotations", {})
    if "signoff" not in notes:
        return ["has `@signers` and no `@signoff`"] if "signers" in notes else []
    return _problems(id, source)


def _problems(id: str, source: Mapping[str, Any]) -> list[str]:
    notes = source["annotations"]
    found = []
    if source["effect"] != "forbid":
        found.append("allows, and only what forbids can wait for a sign-off")
    if notes["signoff"] not in ROLES:
        found.append(f"waits for `{notes['signoff']}`: sign-offs are given by {', '.join(sorted(ROLES))}")
    if notes.get("signers", "1") not in {str(number) for number in range(1, MOST_SIGNERS + 1)}:
        found.append(f"waits for `{notes['signers']}` signers: it can be 1 to {MOST_SIGNERS}")
    for what, ids in NEVER.items():
        if id in ids:
            found.append(f"can never be signed off: {what}")
    read = NEVER_FACTS & {*_facts(source["conditions"])}
    found += [f"can never be signed off: it reads `{fact}`" for fact in sorted(read)]
    named = {*_actions(source["action"])}
    if named != {"compose"} and not ("synthesize" in named and named <= WAITED_FOR):
        found.append("waits for a sign-off and names actions for which no request waits")
    return found


def rule_sha256(source: Mapping[str, Any]) -> str:
    """Of the rule as it reads: a sign-off is for these words, and not for what they become."""
    return hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Given:
    """One person's standing sign-off of one rule, and what it covers."""

    id: UUID
    policy: str
    signer: str
    scope: Scope
    photos: frozenset[UUID] = frozenset()
    grants: frozenset[UUID] = frozenset()

    def of_photo(self, photo: UUID, grant: UUID) -> bool:
        match self.scope:
            case "request" | "photo":
                return photo in self.photos
            case "license":
                return grant in self.grants
            case "use":
                return True
        return False

    def of_set(self, photos: Collection[UUID]) -> bool:
        """Whether it covers photos that stand together: those that were shown, or fewer."""
        match self.scope:
            case "request":
                return bool(photos) and self.photos.issuperset(photos)
            case "use":
                return True
        return False


@dataclass(frozen=True)
class Signed:
    """The sign-offs that stand for one request at one moment.

    `assumed` is of no request: it finds out which signatures would be enough, and nothing is made on it.
    """

    given: tuple[Given, ...] = ()
    assumed: bool = False

    def as_json(self) -> list[dict[str, Any]]:
        """All of it, so that a decision can be made again."""
        return [
            {
                "signoff": str(one.id),
                "policy": one.policy,
                "signer": one.signer,
                "scope": one.scope,
                "photos": sorted(map(str, one.photos)),
                "grants": sorted(map(str, one.grants)),
            }
            for one in self.given
        ]

    @classmethod
    def of_json(cls, listed: Sequence[Mapping[str, Any]]) -> Self:
        """What `as_json` wrote."""
        return cls(
            tuple(
                Given(
                    UUID(one["signoff"]),
                    one["policy"],
                    one["signer"],
                    one["scope"],
                    frozenset(map(UUID, one["photos"])),
                    frozenset(map(UUID, one["grants"])),
                )
                for one in listed
            )
        )

    @property
    def everywhere(self) -> bool:
        """Whether it could be about any photo."""
        return self.assumed or any(one.scope == "use" for one in self.given)

    def of(self, policies: Collection[str]) -> frozenset[str]:
        """Those of the policies that somebody has signed for."""
        return frozenset(policies if self.assumed else {one.policy for one in self.given} & {*policies})

    def about(self, relied: Mapping[UUID, UUID]) -> list[UUID]:
        """The sign-offs that a picture of these photos, each on its grant, may rest on."""
        return [
            one.id
            for one in self.given
            if one.of_set(relied) or any(one.of_photo(photo, grant) for photo, grant in relied.items())
        ]

    def covers(self, policy: str, needs: Needs, photo: UUID, grant: UUID) -> bool:
        return self._enough(needs, (g for g in self.given if g.policy == policy and g.of_photo(photo, grant)))

    def covers_set(self, policy: str, needs: Needs, photos: Collection[UUID]) -> bool:
        return self._enough(needs, (g for g in self.given if g.policy == policy and g.of_set(photos)))

    def _enough(self, needs: Needs, given: Iterator[Given]) -> bool:
        return self.assumed or len({one.signer for one in given}) >= needs.signers


NOBODY = Signed()
EVERYBODY = Signed(assumed=True)


def _facts(node: Any) -> Iterator[str]:
    """The attributes of the resource that an expression of Cedar's JSON reads."""
    match node:
        case {"left": {"Var": "resource"}, "attr": str(name)}:
            yield name
        case Mapping():
            for inner in node.values():
                yield from _facts(inner)
        case list():
            for inner in node:
                yield from _facts(inner)


def _actions(scope: Mapping[str, Any]) -> Iterator[str]:
    match scope:
        case {"entity": {"id": str(id)}}:
            yield id
        case {"entities": list(entities)}:
            yield from (str(entity["id"]) for entity in entities)
