"""Every way in which a list of uses could lie, and by which step of the check it is found.

The bank of these tests has no database: it is made after docs/usage-proof.md,
and can be told to cheat, which signs what an honest one never would.
"""

import copy
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd.audit import cosignatures, merkle, notes, rotations, trust, usage_map, usage_proof
from bankd.audit.notes import COSIGNATURE, Head
from bankd.audit.trust import Trust, TrustUnreadable
from bankd.audit.usage_map import SparseMap
from bankd.audit.usage_proof import UsageProofInvalid, check, read

AIKO, BEN, NOBODY = (UUID(int=number) for number in (0xA1C0, 0xBE1, 0x0))
KEY, NEXT, WITNESS, THIEF = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3, 4))
ORIGIN = "bank.example/log"
TRUST = Trust(ORIGIN, (KEY.public_key(),), (("tower", WITNESS.public_key(), COSIGNATURE),), quorum=1)
START = datetime(2026, 6, 1, 11, tzinfo=UTC)


def hashed(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class Bank:
    leaves: list[bytes] = field(default_factory=list)
    links: list[tuple[UUID, int, bytes, bytes, bytes]] = field(
        default_factory=list
    )  # whose, entry, .., .., ..
    keys: tuple[Ed25519PrivateKey, ...] = (KEY,)
    rotated: list[str] = field(default_factory=list)

    def entry(self, kind: str) -> int:
        index = len(self.leaves)
        at = (START + timedelta(minutes=index)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self.leaves.append(
            canonical({"v": 1, "index": index, "at": at, "kind": kind, "commitment": "c" * 64})
        )
        return index

    def use(self, of: str, px: dict[UUID, int], **told: Any) -> int:
        index = self.entry(of)
        for licensor in sorted(px, key=str):
            self.link(licensor, index, self.says(licensor, index, px[licensor], **told))
        return index

    def says(self, licensor: UUID, index: int, px: int, **told: Any) -> dict[str, Any]:
        leaf = self.leaves[index]
        return {
            "v": 1,
            "kind": "seal",
            "licensor": str(licensor),
            "entry": index,
            "leaf": hashed(b"\0", leaf).hex(),
            "at": json.loads(leaf)["at"],
            "composite": str(UUID(int=index)),
            "frame_px": 1000,
            "canvas_px": px,
            "photos": [{"photo": str(licensor), "grant": str(licensor), "canvas_px": px}],
        } | told

    def link(self, licensor: UUID, index: int, says: dict[str, Any]) -> None:
        salt, payload = hashed(b"salt", bytes([index]), licensor.bytes), canonical(says)
        self.links.append((licensor, index, hashed(b"\3", salt, payload), salt, payload))

    def chain(self, licensor: UUID, size: int) -> tuple[int, bytes]:
        head, count = bytes(32), 0
        for whose, index, link, *_ in self.links:
            if whose == licensor and index < size:
                head, count = hashed(b"\2", head, link), count + 1
        return count, head

    def map(self, size: int) -> SparseMap:
        made = SparseMap()
        for licensor in {whose for whose, *_ in self.links}:
            count, head = self.chain(licensor, size)
            key = hashed(b"bankd usage map 1\n", str(licensor).encode())
            if count:
                made.put(key, hashed(b"\0", key, count.to_bytes(8, "big"), head))
        return made

    def note(self, size: int, *, root: bytes | None = None, witnessed: bool = True) -> str:
        tree = merkle.Frontier(merkle.leaf_hash(leaf) for leaf in self.leaves[:size]).root()
        line = usage_map.line(self.map(size).root() if root is None else root)
        head = Head(ORIGIN, size, tree, (line,))
        note = notes.sign(head, *self.keys)
        return note + (cosignatures.cosign(head.text(), "tower", WITNESS, at=7) if witnessed else "")

    def end(self, licensor: UUID, size: int, **how: Any) -> dict[str, Any]:
        path = self.map(size).path(hashed(b"bankd usage map 1\n", str(licensor).encode()))
        count, head = self.chain(licensor, size)
        return {
            "note": self.note(size, **how),
            "count": count,
            "head": head.hex(),
            "map": {"bitmap": path.bitmap.hex(), "hashes": [one.hex() for one in path.hashes]},
        }

    def proof(self, licensor: UUID, start: int | None, to: int) -> dict[str, Any]:
        leaf_hashes = [merkle.leaf_hash(leaf) for leaf in self.leaves[:to]]
        return {
            "kind": "usage-proof",
            "v": 1,
            "licensor": str(licensor),
            "says": "whatever",
            "from": None if start is None else self.end(licensor, start),
            "to": self.end(licensor, to),
            "consistency": []
            if start is None
            else [one.hex() for one in merkle.consistency_proof(leaf_hashes, start)],
            "rotations": self.rotated,
            "links": [
                {
                    "link": link.hex(),
                    "salt": salt.hex(),
                    "payload": payload.decode(),
                    "leaf": self.leaves[index].decode(),
                    "hashes": [one.hex() for one in merkle.inclusion_proof(leaf_hashes, index)],
                }
                for whose, index, link, salt, payload in self.links
                if whose == licensor and (start or 0) <= index < to
            ],
        }


@pytest.fixture
def bank() -> Bank:
    made = Bank()
    made.entry("grant.recorded")
    made.use("composite.sealed", {AIKO: 300, BEN: 200})
    both = {AIKO: 300, BEN: 200}
    given = {"handout": str(UUID(int=9)), "channel": "web", "comp": False}
    made.use("composite.handed-out", both, kind="handout", **given)
    made.entry("report.made")
    made.use("composite.sealed", {BEN: 50})
    made.use("composite.sealed", {AIKO: 1000})
    published = {
        "publication": str(UUID(int=8)), "handout": None, "channel": "web", "place": "https://例え.example",
        "territories": ["JP"], "copies": 0, "starts_on": "2026-06-01", "ends_on": None,
    }  # fmt: skip
    made.use("publication.recorded", both, kind="publication", **published)
    old = str(UUID(int=8))
    fee = {"grant": str(AIKO), "accrual": 7, "of_accrual": 3, "publication": None, "currency": "JPY"}
    for kind, told in (
        ("publication.replaced", {"corrects": "publication", "replaces": old, **published}),
        ("publication.taken-down", {"corrects": "takedown", "publication": old, "on": "2026-06-02"}),
        ("royalty.corrected", {"corrects": "fee", "difference_minor": -50, **fee}),
    ):
        made.use(kind, {AIKO: 300}, kind="correction", **told)
    made.entry("report.made")
    return made


def checked(proof: dict[str, Any], trust: Trust = TRUST, *seen: str) -> usage_proof.Holds:
    return check(read(canonical(proof)), trust, seen=seen)


def refused(proof: dict[str, Any], step: int, *, trust: Trust = TRUST, seen: tuple[str, ...] = ()) -> str:
    with pytest.raises(UsageProofInvalid) as found:
        checked(proof, trust, *seen)
    assert found.value.step == step, found.value.why
    return found.value.why


@pytest.mark.parametrize("licensor", [AIKO, BEN, NOBODY])
def test_an_honest_proof_holds_between_any_two_checkpoints(bank: Bank, licensor: UUID) -> None:
    whole = len(bank.leaves)
    for start in (None, *range(1, whole + 1)):
        for to in range(start or 1, whole + 1):
            holds = checked(bank.proof(licensor, start, to))
            mine = [index for whose, index, *_ in bank.links if whose == licensor]
            assert [use and use.entry for use in holds.uses] == [i for i in mine if (start or 0) <= i < to]
            assert holds.before == sum(index < (start or 0) for index in mine)
            assert (holds.start, holds.to, holds.witnesses) == (start or 0, to, {"tower"})
    assert usage_proof.kind_counts(checked(bank.proof(AIKO, None, whole)).uses) == {
        "seal": 2, "handout": 1, "publication": 1, "correction": 3, "erased": 0,
    }  # fmt: skip


def test_a_use_that_was_left_out_added_or_moved_is_found(bank: Bank) -> None:
    good = bank.proof(AIKO, 3, 11)
    assert len(good["links"]) == 5

    left_out = copy.deepcopy(good)
    del left_out["links"][1]
    assert refused(left_out, 5) == "5 uses were recorded and 4 are listed"
    doubled = copy.deepcopy(good)
    doubled["links"][1] = doubled["links"][0]
    assert "left out, added, changed or moved" in refused(doubled, 5)
    added = copy.deepcopy(good)
    added["links"].append(bank.proof(BEN, 3, 11)["links"][0])
    assert refused(added, 5) == "5 uses were recorded and 6 are listed"
    moved = copy.deepcopy(good)
    moved["links"].reverse()
    assert "left out, added, changed or moved" in refused(moved, 5)


def test_a_count_that_was_lowered_with_its_use_is_found(bank: Bank) -> None:
    for name in ("from", "to"):
        proof = bank.proof(AIKO, 3, 11)
        proof[name]["count"] -= 1
        if name == "to":
            del proof["links"][-1]
        refused(proof, 4)
    # The chain head told as it would be without the last use.
    proof = bank.proof(AIKO, 3, 11)
    del proof["links"][-1]
    proof["to"]["count"], head = bank.chain(AIKO, 9)
    proof["to"]["head"] = head.hex()
    assert "are not what the map of 11 entries says" in refused(proof, 4)


def test_somebody_else_s_chain_or_none_does_not_pass_for_one_s_own(bank: Bank) -> None:
    theirs = bank.proof(BEN, 3, 11)
    theirs["licensor"] = str(AIKO)
    refused(theirs, 4)
    nothing = bank.proof(NOBODY, 3, 11)
    nothing["licensor"] = str(AIKO)
    refused(nothing, 4)
    # Even a bank that signs a map with another's chain under this licensor's key.
    cheat = copy.deepcopy(bank)
    cheat.links = [(AIKO, *rest) for whose, *rest in bank.links if whose == BEN]
    assert refused(cheat.proof(AIKO, None, 11), 6) == "the use of entry 1 is another licensor's"


def test_a_head_without_uses_and_uses_without_a_head_are_found(bank: Bank) -> None:
    proof = bank.proof(NOBODY, None, 11)
    proof["to"]["head"] = "11" * 32
    assert refused(proof, 4) == "a chain without uses has no head, and `to` tells one"


def test_an_older_map_under_a_newer_checkpoint_is_found(bank: Bank) -> None:
    # A file that shows the older map: the newer note names another root.
    proof = bank.proof(AIKO, None, 11)
    proof["to"] |= {name: bank.end(AIKO, 3)[name] for name in ("count", "head", "map")}
    proof["links"] = proof["links"][:2]
    refused(proof, 4)

    # A bank that signs the older root with the newer tree, and catches up later.
    behind = bank.note(7, root=bank.map(3).root())
    proof = bank.proof(AIKO, 3, 11)
    proof["from"]["note"] = behind
    leaf_hashes = [merkle.leaf_hash(leaf) for leaf in bank.leaves]
    proof["consistency"] = [one.hex() for one in merkle.consistency_proof(leaf_hashes, 7)]
    assert refused(proof, 6) == "entry 5 is of before the checkpoint `from`, whose map had left it out"


def test_two_views_of_one_size_come_to_light_by_anybody_else_s_checkpoint(bank: Bank) -> None:
    less = copy.deepcopy(bank)
    less.links = [one for one in bank.links if one[:2] != (AIKO, 5)]
    shown = less.proof(AIKO, 3, 11)
    shown["to"]["note"] = less.note(11, witnessed=False)
    alone = Trust(ORIGIN, (KEY.public_key(),))
    assert len(checked(shown, alone).uses) == 4  # from within, nothing can show it

    assert "0 of the witnesses" in refused(shown, 7)
    public = bank.note(11)
    assert refused(shown, 7, trust=alone, seen=(public,)) == (
        "two checkpoints of 11 entries were signed: a split view, keep both"
    )
    prior = Trust(ORIGIN, (KEY.public_key(),), checkpoint=public)
    assert "a split view" in refused(shown, 7, trust=prior)
    both = less.proof(AIKO, 11, 11)
    both["from"] = bank.end(AIKO, 11)
    assert "two maps were signed for 11 entries: a split view" in refused(both, 3)


def test_what_was_seen_elsewhere_counts_where_it_is_of_the_ends(bank: Bank) -> None:
    alone = Trust(ORIGIN, (KEY.public_key(),))
    proof = bank.proof(AIKO, 3, 11)
    bare = [bank.note(size, witnessed=False) for size in (3, 7, 11)]
    assert not checked(proof, alone).witnessed
    assert not checked(proof, alone, bare[1], bare[2]).witnessed
    holds = checked(proof, alone, *bare)
    assert (holds.witnessed, holds.uncompared) == (True, 1)
    stolen = notes.sign(notes.head(notes.split(bare[0]).text), THIEF)
    assert "from elsewhere" in refused(proof, 7, trust=alone, seen=(stolen,))


def test_erased_uses_keep_their_place_and_are_counted(bank: Bank) -> None:
    proof = bank.proof(AIKO, None, 11)
    bare = {"salt": None, "payload": None, "leaf": None, "hashes": None}
    proof["links"][1] |= bare
    holds = checked(proof)
    assert (len(holds.uses), holds.erased, holds.uses[1]) == (7, 1, None)
    gone = copy.deepcopy(proof)
    del gone["links"][1]
    refused(gone, 5)
    for half in bare:
        torn = copy.deepcopy(proof)
        torn["links"][0][half] = None
        assert refused(torn, 6) == "use 1 of the list cannot be read"


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ({"canvas_px": 299}, "cannot be read"),
        ({"frame_px": 10}, "cannot be read"),
        ({"photos": []}, "cannot be read"),
        ({"recipient": "Shop team"}, "cannot be read"),
        ({"kind": "handout"}, "cannot be read"),
        ({"canvas_px": 300.0}, "cannot be read"),
        ({"v": 2}, "cannot be read"),
        ({"at": "2026-06-01T11:01:00.000001Z"}, "is not of the entry that is shown"),
        ({"leaf": "00" * 32}, "is not of the entry that is shown"),
        ({"entry": 3}, "is not of the entry that is shown"),
        ({"entry": 99}, "stands where it cannot"),
    ],
)
def test_a_bank_that_chains_what_is_no_use_of_that_entry_is_found(says: dict[str, Any], why: str) -> None:
    cheat = Bank()
    cheat.entry("grant.recorded")
    index = cheat.entry("composite.sealed")
    cheat.entry("report.made")
    cheat.entry("composite.sealed")
    cheat.link(AIKO, index, cheat.says(AIKO, index, 300) | says)
    assert why in refused(cheat.proof(AIKO, None, 4), 6)


def test_a_link_of_the_wrong_kind_twice_or_out_of_order_is_found(bank: Bank) -> None:
    wrong = Bank()
    index = wrong.entry("report.made")
    wrong.link(AIKO, index, wrong.says(AIKO, index, 300))
    assert "is not of the entry that is shown" in refused(wrong.proof(AIKO, None, 1), 6)

    twice = copy.deepcopy(bank)
    twice.links = [one for one in bank.links for _ in range(2)]
    assert "stands where it cannot" in refused(twice.proof(AIKO, None, 11), 6)
    swapped = copy.deepcopy(bank)
    swapped.links.sort(key=lambda one: -one[1])
    assert "stands where it cannot" in refused(swapped.proof(AIKO, None, 11), 6)


def test_every_text_and_hash_of_a_use_is_held(bank: Bank) -> None:
    good = bank.proof(AIKO, None, 11)
    changed = copy.deepcopy(good)
    changed["links"][0]["payload"] = changed["links"][0]["payload"].replace("300", "301")
    assert "does not say what was recorded" in refused(changed, 6)
    salted = copy.deepcopy(good)
    salted["links"][0]["salt"] = "00" * 32
    assert "does not say what was recorded" in refused(salted, 6)
    leaf = copy.deepcopy(good)
    leaf["links"][0]["leaf"] = leaf["links"][1]["leaf"]
    assert "is not of the entry that is shown" in refused(leaf, 6)
    path = copy.deepcopy(good)
    path["links"][0]["hashes"][0] = "00" * 32
    assert refused(path, 6) == "entry 1 is not in the log of 11 entries"
    history = bank.proof(AIKO, 3, 11)
    history["consistency"][0] = "00" * 32
    assert "does not begin with the log of `from`" in refused(history, 3)
    none_needed = copy.deepcopy(good)
    none_needed["consistency"] = ["00" * 32]
    refused(none_needed, 3)


def test_a_payload_has_one_spelling(bank: Bank) -> None:
    """A second `canvas_px` would be read by one reader and not by another."""
    for spell in (
        lambda text: text.replace('"canvas_px":300,', '"canvas_px":1,"canvas_px":300,', 1),
        lambda text: text.replace(":", ": ", 1),
    ):
        cheat = Bank()
        index = cheat.entry("composite.sealed")
        payload = spell(canonical(cheat.says(AIKO, index, 300)).decode()).encode()
        cheat.links.append((AIKO, index, hashed(b"\3", bytes(32), payload), bytes(32), payload))
        assert "cannot be read" in refused(cheat.proof(AIKO, None, 1), 6)


def test_checkpoints_are_the_trusted_log_s_and_carry_a_map(bank: Bank) -> None:
    stranger = copy.deepcopy(bank)
    stranger.keys = (THIEF,)
    assert "no key that is trusted signed it" in refused(stranger.proof(AIKO, None, 11), 2)
    other = Trust("other.example/log", (KEY.public_key(),))
    assert "is trusted" in refused(bank.proof(AIKO, None, 11), 2, trust=other)
    backwards = bank.proof(AIKO, 3, 11)
    backwards["from"], backwards["to"] = backwards["to"], backwards["from"]
    assert "is later than" in refused(backwards, 2)
    bare = bank.proof(AIKO, 3, 11)
    head = notes.head(notes.split(bare["from"]["note"]).text)
    bare["from"]["note"] = notes.sign(Head(head.origin, head.size, head.root), KEY)
    assert "it is from before there was one" in refused(bare, 2)
    bare["from"]["note"] = notes.sign(Head(head.origin, head.size, head.root, head.extensions * 2), KEY)
    assert "cannot be read" in refused(bare, 2)


def test_a_key_that_took_the_place_of_a_trusted_one_is_followed(bank: Bank) -> None:
    rotated = rotations.objects("log", ORIGIN, before=KEY, after=NEXT)["note"]
    bank.keys = (NEXT,)
    refused(bank.proof(AIKO, 3, 11), 2)
    bank.rotated = [rotated]
    assert len(checked(bank.proof(AIKO, 3, 11)).uses) == 5
    for bad in (
        rotations.objects("log", "other.example/log", before=KEY, after=NEXT)["note"],
        rotations.objects("log", ORIGIN, before=THIEF, after=NEXT)["note"],
        rotated.split("\n\n")[0] + "\n\n" + rotated.split("\n\n")[1].splitlines()[0] + "\n",
        "x",
        bank.note(3),
    ):
        bank.rotated = [bad]
        refused(bank.proof(AIKO, 3, 11), 2)


def test_a_witness_s_name_alone_is_no_signature(bank: Bank) -> None:
    proof = bank.proof(AIKO, 3, 11)
    proof["from"]["note"] = bank.note(3, witnessed=False)
    assert "signed the checkpoint of 3 entries, and it takes 1" in refused(proof, 7)
    text = notes.split(bank.note(3)).text
    proof["from"]["note"] = bank.note(3, witnessed=False) + cosignatures.cosign(text, "tower", THIEF, at=7)
    assert "and it takes 1" in refused(proof, 7)
    wrong = cosignatures.cosign(notes.split(bank.note(7)).text, "tower", WITNESS, at=7)
    proof["from"]["note"] = bank.note(3, witnessed=False) + wrong
    assert "cosignature of `tower` is wrong" in refused(proof, 7)


def test_a_file_that_is_none_is_refused(bank: Bank) -> None:
    good = bank.proof(AIKO, 3, 11)
    bad: list[bytes] = [
        canonical(good) + b"\n",
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps(good, indent=1).encode(),
    ]
    bad += [canonical(good | change) for change in (
        {"v": 2}, {"kind": "audit"}, {"more": 1}, {"links": None}, {"to": None},
        {"licensor": str(AIKO).upper()}, {"to": good["to"] | {"count": -1}},
        {"to": good["to"] | {"count": "5"}}, {"to": good["to"] | {"head": "AB" * 32}},
    )]  # fmt: skip
    for content in bad:
        with pytest.raises(UsageProofInvalid) as found:
            read(content)
        assert found.value.step == 1
    assert read(usage_proof.UsageProof.model_validate(good).as_json()).to.count == 7


def test_who_is_trusted_is_read_from_a_file_of_its_own() -> None:
    line = notes.public_key_line(ORIGIN, KEY.public_key())
    plain = notes.public_key_line("loft", NEXT.public_key())
    tower = notes.public_key_line("tower", WITNESS.public_key(), COSIGNATURE)
    told: dict[str, Any] = {
        "version": 1,
        "log": {"origin": ORIGIN, "keys": [line]},
        "witnesses": [{"name": "tower", "key": tower}, {"name": "loft", "key": plain}],
        "manifest_keys": [],
        "c2pa_roots": "",
    }
    found = trust.read(json.dumps(told))
    assert (found.origin, found.quorum, [one[0] for one in found.witnesses]) == (ORIGIN, 2, ["tower", "loft"])
    text = f"{ORIGIN}\n1\n{'A' * 43}=\n"
    signed = notes.signed(text, [(ORIGIN, KEY), ("loft", NEXT)])
    assert found.witnessed(signed) == {"loft"}
    for change in (
        {"version": 2}, {"log": {"origin": ORIGIN, "keys": []}}, {"log": {"origin": "x", "keys": [line]}},
        {"witnesses": [{"name": "tower", "key": "x"}]}, {"quorum": 3}, {"quorum": -1},
    ):  # fmt: skip
        with pytest.raises(TrustUnreadable):
            trust.read(json.dumps(told | change))


OLD = Path(__file__).parent / "usage-proof"


def test_proofs_that_were_made_once_hold_for_ever() -> None:
    """Version 1 as it was on its first day: who writes the check anew begins with these files."""
    trusted = trust.read((OLD / "trust.json").read_bytes())
    holds = check(read((OLD / "aiko-3-11.json").read_bytes()), trusted)
    assert [use and use.kind for use in holds.uses] == [
        "seal",
        "publication",
        "correction",
        None,
        "correction",
    ]
    assert (holds.start, holds.to, holds.before, holds.witnesses) == (3, 11, 2, {"tower"})
    none = check(read((OLD / "nobody.json").read_bytes()), trusted)
    assert (none.start, none.to, none.uses) == (0, 11, ())
