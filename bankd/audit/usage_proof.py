"""The proof that a list holds every recorded use of a licensor's photos between two checkpoints; pure.

docs/usage-proof.md is its specification, and numbers the steps of the check.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bankd.audit import merkle, usage_link, usage_map
from bankd.audit.canonical import canonical, parse
from bankd.audit.errors import AuditError, NotCanonical, NoteInvalid
from bankd.audit.notes import Head
from bankd.audit.trust import Trust
from bankd.audit.usage_link import USES, AnyLink, Hash, Id
from bankd.audit.usage_map import EMPTY

NOT_COVERED = (
    "uses that nobody recorded, or that were recorded under another licensor's grants;"
    " whether a recorded fact is true"
)
SAYS = (
    "This file proves that its list holds every use that the bank recorded in its log between the two"
    " checkpoints under grants of this licensor: none is left out, and none was added."
    f" Not covered: {NOT_COVERED}."
)
MAX_BYTES = 512 << 20
Size = Annotated[int, Field(ge=0, lt=1 << 53)]


class UsageProofInvalid(AuditError):
    """Some part of a usage proof does not hold; `step` is the number in its specification."""

    def __init__(self, step: int, why: str) -> None:
        super().__init__(f"the usage proof does not hold: {why}")
        self.step = step
        self.why = why


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class MapPath(_Part):
    bitmap: Hash
    hashes: Annotated[tuple[Hash, ...], Field(strict=False)]


class End(_Part):
    """A checkpoint, and what its map says of the licensor."""

    note: str
    count: Size
    head: Hash
    map: MapPath


class Listed(_Part):
    """A link; all but `link` is None where it was erased."""

    link: Hash
    salt: Hash | None
    payload: str | None
    leaf: str | None
    hashes: Annotated[tuple[Hash, ...], Field(strict=False)] | None


class UsageProof(_Part):
    kind: Literal["usage-proof"] = "usage-proof"
    v: Literal[1] = 1
    licensor: Id
    says: str = SAYS
    start: Annotated[End | None, Field(alias="from")]
    to: End
    consistency: Annotated[tuple[Hash, ...], Field(strict=False)]
    rotations: Annotated[tuple[str, ...], Field(strict=False)]
    links: Annotated[tuple[Listed, ...], Field(strict=False)]

    def as_json(self) -> bytes:
        return canonical(self.model_dump(mode="json", by_alias=True))


@dataclass(frozen=True)
class Holds:
    """What a proof that holds says. `start` is 0 where it begins at the first entry of the log.

    `witnesses` signed all of its ends.
    """

    licensor: UUID
    start: int
    to: int
    before: int  # uses up to `start`
    uses: tuple[AnyLink | None, ...]  # None: erased
    witnesses: frozenset[str]
    elsewhere: bool  # for each end, the same checkpoint was seen elsewhere
    uncompared: int  # checkpoints from elsewhere that are of neither end's size, and so say nothing

    @property
    def witnessed(self) -> bool:
        """Whether anybody but the bank vouches for the ends."""
        return bool(self.witnesses) or self.elsewhere

    @property
    def erased(self) -> int:
        return sum(use is None for use in self.uses)


def read(content: bytes) -> UsageProof:
    """Raises: UsageProofInvalid."""
    try:
        if len(content) > MAX_BYTES:
            raise ValueError("it is too large")
        told = parse(content.decode())
        if canonical(told) != content:
            raise ValueError("it is not canonical JSON")
        return UsageProof.model_validate(told)
    except (ValueError, RecursionError, NotCanonical) as error:
        why = "it has not the form of one" if isinstance(error, ValidationError) else str(error)
        raise UsageProofInvalid(1, f"the file cannot be read: {why}") from error


def check(proof: UsageProof, trust: Trust, *, seen: Sequence[str] = ()) -> Holds:
    """Check all of it, offline.

    Args:
        seen: checkpoints from elsewhere, to be held against the ends of the same size.

    Raises:
        UsageProofInvalid: what does not hold, the first of it.
    """
    try:
        trust = trust.following(proof.rotations)
    except NoteInvalid as error:
        raise UsageProofInvalid(2, f"a change of the log's key: {error.why}") from error
    to = _opened(proof.to, "`to`", trust)
    start = None if proof.start is None else _opened(proof.start, "`from`", trust)
    ends = (
        [(proof.to, to)] if proof.start is None or start is None else [(proof.start, start), (proof.to, to)]
    )
    _history(proof, start, to)
    key = usage_map.key_of(UUID(proof.licensor))
    if proof.start is not None and start is not None:
        _mapped(key, proof.start, start, "`from`")
    _mapped(key, proof.to, to, "`to`")
    _complete(proof)
    uses = _uses(proof, 0 if start is None else start.size, to)
    compared, strangers = _compared([head for _, head in ends], seen, trust)
    return Holds(
        licensor=UUID(proof.licensor),
        start=0 if start is None else start.size,
        to=to.size,
        before=0 if proof.start is None else proof.start.count,
        uses=uses,
        witnesses=_witnesses([end for end, _ in ends], trust),
        elsewhere=compared >= {head.size for _, head in ends},
        uncompared=strangers,
    )


def _opened(end: End, what: str, trust: Trust) -> Head:
    try:
        head = trust.head(end.note)
        root = usage_map.root_in(head.extensions)
    except NoteInvalid as error:
        raise UsageProofInvalid(2, f"the checkpoint {what}: {error.why}") from error
    if root is None:
        raise UsageProofInvalid(
            2, f"the checkpoint {what} carries no usage map: it is from before there was one"
        )
    return head


def _history(proof: UsageProof, start: Head | None, to: Head) -> None:
    hashes = [bytes.fromhex(one) for one in proof.consistency]
    if start is None:
        if hashes:
            raise UsageProofInvalid(3, "it shows a history to the first entry, which needs none")
        return
    if start.origin != to.origin:
        raise UsageProofInvalid(2, "its checkpoints are of two logs")
    if start.size > to.size:
        raise UsageProofInvalid(2, "its checkpoint `from` is later than `to`")
    if start.size == to.size and start.extensions != to.extensions:
        raise UsageProofInvalid(3, f"two maps were signed for {to.size} entries: a split view, keep both")
    if not merkle.extends(start.size, start.root, to.size, to.root, proof=hashes):
        raise UsageProofInvalid(3, "the log of `to` does not begin with the log of `from`")


def _mapped(key: bytes, end: End, head: Head, what: str) -> None:
    chain = bytes.fromhex(end.head)
    if not end.count and chain != EMPTY:
        raise UsageProofInvalid(4, f"a chain without uses has no head, and {what} tells one")
    path = usage_map.Path(bytes.fromhex(end.map.bitmap), tuple(bytes.fromhex(one) for one in end.map.hashes))
    root = usage_map.root_by(key, usage_map.leaf_hash(key, end.count, chain), path)
    if root is None or root != usage_map.root_in(head.extensions):
        raise UsageProofInvalid(
            4,
            f"count and head of {what} are not what the map of {head.size} entries says of this licensor",
        )


def _complete(proof: UsageProof) -> None:
    before, chain = (
        (0, EMPTY) if proof.start is None else (proof.start.count, bytes.fromhex(proof.start.head))
    )
    if len(proof.links) != proof.to.count - before:
        raise UsageProofInvalid(
            5, f"{proof.to.count - before} uses were recorded and {len(proof.links)} are listed"
        )
    for listed in proof.links:
        chain = usage_map.chained(chain, bytes.fromhex(listed.link))
    if chain != bytes.fromhex(proof.to.head):
        raise UsageProofInvalid(
            5,
            "the uses listed are not those recorded: one was left out, added, changed or moved",
        )


def _uses(proof: UsageProof, start: int, to: Head) -> tuple[AnyLink | None, ...]:
    least, found = start, []
    for number, listed in enumerate(proof.links, 1):
        try:
            use = _use(proof, listed, least, start, to)
        except UsageProofInvalid:
            raise
        except (ValueError, KeyError, TypeError, RecursionError, NotCanonical) as error:
            raise UsageProofInvalid(6, f"use {number} of the list cannot be read") from error
        if use is not None:
            least = use.entry + 1
        found.append(use)
    return tuple(found)


def _use(proof: UsageProof, listed: Listed, least: int, start: int, to: Head) -> AnyLink | None:
    parts = (listed.salt, listed.payload, listed.leaf, listed.hashes)
    if parts == (None, None, None, None):
        return None
    if listed.salt is None or listed.payload is None or listed.leaf is None or listed.hashes is None:
        raise ValueError("half of it is there")
    if usage_map.link_hash(bytes.fromhex(listed.salt), listed.payload.encode()).hex() != listed.link:
        raise UsageProofInvalid(6, f"the use `{listed.link}` does not say what was recorded")
    use = usage_link.read(listed.payload)
    if use.licensor != proof.licensor:
        raise UsageProofInvalid(6, f"the use of entry {use.entry} is another licensor's")
    if use.entry < start:
        raise UsageProofInvalid(
            6, f"entry {use.entry} is of before the checkpoint `from`, whose map had left it out"
        )
    if not least <= use.entry < to.size:
        raise UsageProofInvalid(6, f"the use of entry {use.entry} stands where it cannot")
    leaf = parse(listed.leaf)
    hashed = merkle.leaf_hash(listed.leaf.encode())
    told = (hashed.hex(), leaf["index"], leaf["at"], USES.get(leaf["kind"]))
    if told != (use.leaf, use.entry, use.at, type(use)):
        raise UsageProofInvalid(6, f"the use of entry {use.entry} is not of the entry that is shown")
    beside = [bytes.fromhex(one) for one in listed.hashes]
    if not merkle.includes(hashed, index=use.entry, size=to.size, proof=beside, root=to.root):
        raise UsageProofInvalid(6, f"entry {use.entry} is not in the log of {to.size} entries")
    return use


def _compared(heads: Sequence[Head], seen: Sequence[str], trust: Trust) -> tuple[set[int], int]:
    """The sizes of those that were the same elsewhere, and how many seen are of another size."""
    own = {head.size: head for head in heads}
    found, strangers = set(), 0
    for note in [*seen, *([] if trust.checkpoint is None else [trust.checkpoint])]:
        try:
            head = trust.head(note)
        except NoteInvalid as error:
            raise UsageProofInvalid(7, f"a checkpoint from elsewhere: {error.why}") from error
        if head.size in own:
            if own[head.size] != head:
                raise UsageProofInvalid(
                    7, f"two checkpoints of {head.size} entries were signed: a split view, keep both"
                )
            found.add(head.size)
        else:
            strangers += 1
    return found, strangers


def _witnesses(ends: Sequence[End], trust: Trust) -> frozenset[str]:
    """Those that signed every end."""
    try:
        signed = [trust.witnessed(end.note) for end in ends]
    except NoteInvalid as error:
        raise UsageProofInvalid(7, f"a witness: {error.why}") from error
    for end, names in zip(ends, signed, strict=True):
        if len(names) < trust.quorum:
            raise UsageProofInvalid(
                7,
                f"{len(names)} of the witnesses that are trusted signed the checkpoint of"
                f" {trust.head(end.note).size} entries, and it takes {trust.quorum}",
            )
    return frozenset.intersection(*signed)


def kind_counts(uses: Sequence[AnyLink | None]) -> dict[str, int]:
    """How many of each kind, those erased apart."""
    counts = dict.fromkeys(("seal", "handout", "publication", "correction", "erased"), 0)
    for use in uses:
        counts["erased" if use is None else use.kind] += 1
    return counts
