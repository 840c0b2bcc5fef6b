"""Check a usage proof: that a licensor's list holds every use that the bank recorded between two checkpoints.

`bankd_verify.py USAGE.json --trust trust.json` loads it from beside itself. It follows docs/usage-proof.md,
"The check", and shares no code with the bank.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from bankd_verify import (
    HASH,
    SAYS,
    Failed,
    Key,
    NotChecked,
    Note,
    Report,
    Trust,
    count,
    exactly,
    extends,
    get,
    included,
    node,
    parse,
    require,
    unbase64,
)

SAYS.update(
    {
        "usage.incomplete": "the list is not the chain of all uses: one is missing, added, changed or moved",
        "usage.link": "a link is not what its words and its log entry say",
        "usage.map": "count and chain are not those in the map that the checkpoint signed",
        "usage.no-map": "a checkpoint carries no usage map, and proves nothing about uses",
        "usage.order": "the proof ends before it begins",
    }
)
EMPTY, MAP, BIG = bytes(32), "org.bankd.usage-map/v1", 2**63 - 1
PUBLIC = {"publication", "handout", "channel", "place", "territories", "copies", "starts_on", "ends_on"}
FEE = {"corrects", "grant", "accrual", "of_accrual", "publication", "difference_minor", "currency"}
ALL = {"v", "kind", "licensor", "entry", "leaf", "at", "composite", "frame_px", "canvas_px", "photos"}
LINKS: dict[
    tuple[Any, Any], tuple[str, set[str]]
] = {  # (kind, corrects): kind of its log entry, what it says
    ("seal", None): ("composite.sealed", ALL),
    ("handout", None): ("composite.handed-out", ALL | {"handout", "channel", "comp"}),
    ("publication", None): ("publication.recorded", ALL | PUBLIC),
    ("correction", "publication"): ("publication.replaced", ALL | PUBLIC | {"corrects", "replaces"}),
    ("correction", "takedown"): ("publication.taken-down", ALL | {"corrects", "publication", "on"}),
    ("correction", "fee"): ("royalty.corrected", ALL | FEE),
}


def check(proof: Any, trust: Trust, report: Report, seen: Sequence[str]) -> None:
    """Every check of the specification, each in the report; `seen`: notes of checkpoints from elsewhere."""
    exactly(proof, "kind", "v", "licensor", "says", "from", "to", "consistency", "links", "rotations")
    require(proof["kind"] == "usage-proof" and count(proof, "v") == 1, "json.shape", "kind and version")
    ends = [one for one in (proof["from"], proof["to"]) if one is not None]
    for end in ends:
        exactly(end, "note", "count", "head", "map")
        count(end, "count", most=BIG)
    licensor, links = get(proof, "licensor", str), get(proof, "links", list)
    follow(get(proof, "rotations", list), trust)
    notes = [Note.read(get(end, "note", str)) for end in ends]
    begin, head = (notes[0] if proof["from"] else None), notes[-1]
    with report.check("usage checkpoints") as say:
        for note in notes:
            trust.signed(note)
            require(MAP in note.extensions, "usage.no-map", f"{note.size} entries")
        require(notes[0].size <= head.size, "usage.order")
        say(f"after {begin.size if begin else 0:,} and up to {head.size:,} entries of `{head.origin}`")
    if report.failed:
        return
    maps = [unbase64(note.extensions[MAP]) for note in notes]
    with report.check("usage history"):
        path = [hash_of(one) for one in get(proof, "consistency", list)]
        whole = begin is None and not path
        if begin is not None:
            whole = extends(begin.size, begin.root, head.size, head.root, path)
            whole = whole and (begin.size < head.size or maps[0] == maps[1])
        require(whole, "log.consistency", "from the proof's beginning to its end")
    with report.check("usage map"):
        for end, root in zip(ends, maps, strict=True):
            require(map_root(licensor, end) == root, "usage.map", f"{end['count']} uses")
    with report.check("usage completeness") as say:
        start = proof["from"] or {"count": 0, "head": EMPTY.hex()}
        chain = hash_of(start["head"])
        for one in links:
            exactly(one, "link", "salt", "payload", "leaf", "hashes")
            chain = hashlib.sha256(b"\2" + chain + hash_of(one["link"])).digest()
        to = proof["to"]
        counted = len(links) == to["count"] - start["count"]
        require(counted and chain == hash_of(to["head"]), "usage.incomplete", f"{len(links)} listed")
        say(f"all uses of licensor `{licensor}` that were recorded in between are listed: {len(links):,}")
    with report.check("usage links"):
        least = begin.size if begin else 0
        for one in links:
            if one["payload"] is None:
                require(one["salt"] is one["leaf"] is one["hashes"] is None, "json.shape", "half erased")
            else:
                least = opened(one, licensor, head, least) + 1
        if erased := sum(one["payload"] is None for one in links):
            raise NotChecked(
                f"the words of {erased:,} were erased: what these uses were, only the house says"
            )
    for note in notes:
        with report.check("witnesses", f"{note.size} entries") as say:
            say(f"cosigned by {trust.witnessed(note)}")
    for other in [*map(Note.read, seen), *([] if trust.prior is None else [trust.prior])]:
        with report.check("seen", f"{other.size} entries") as say:
            trust.signed(other if other is not trust.prior else trust.seen())
            same = [note for note in notes if note.size == other.size]
            if not same:
                raise NotChecked("the proof neither begins nor ends at this checkpoint")
            require(same[0].text == other.text, "log.two-views", f"{other.size} entries")
            say("it is the same text")
    report.claims = {"licensor": licensor, "heads": [note.text for note in notes], "links": links}


def follow(rotations: Sequence[str], trust: Trust) -> None:
    """Trust each new key of the log that one trusted until then named in a note which both signed."""
    for text in rotations:
        note = Note.split(text)
        lines = note.text.split("\n")
        require(lines[:3] == ["bankd key rotation 1", "log", trust.origin], "note.unreadable", "a rotation")
        require(len(lines) == 6, "note.unreadable", "a rotation")
        after, known = Key(lines[4]), {key.line: key for key in trust.keys}
        before = known.get(lines[3])
        if after.line not in known and before is not None and note.signed_by(before):
            require(after.name == trust.origin and note.signed_by(after), "key.another", after.line)
            trust.keys.append(after)


def opened(one: Any, licensor: str, head: Note, least: int) -> int:
    """The index of a link's log entry, which is `least` at least. Its words are all that was hashed."""
    payload, leaf = get(one, "payload", str).encode(), get(one, "leaf", str)
    made = hashlib.sha256(b"\3" + hash_of(one["salt"]) + payload).hexdigest()
    told = parse(payload, "the words of a link")
    index = count(told, "entry", most=BIG)
    require(one["link"] == made, "usage.link", f"entry {index}")
    kind, names = LINKS.get((told.get("kind"), told.get("corrects")), ("", set()))
    exactly(told, *names)
    require(told["v"] == 1 and told["licensor"] == licensor, "usage.link", f"entry {index}: licensor")
    require(least <= index < head.size, "usage.link", f"entry {index}: out of place")
    fed = sum(count(photo, "canvas_px") for photo in get(told, "photos", list))
    require(fed == count(told, "canvas_px") <= count(told, "frame_px"), "usage.link", f"entry {index}: areas")
    stands = parse(leaf.encode(), "a leaf of the log")
    same = (stands.get("index"), stands.get("at"), stands.get("kind")) == (index, told["at"], kind)
    hashed = hashlib.sha256(b"\0" + leaf.encode()).hexdigest()
    require(same and hashed == told["leaf"], "usage.link", f"entry {index}: another entry's leaf")
    path = [hash_of(hash) for hash in get(one, "hashes", list)]
    inside = included(leaf.encode(), index, head.size, path, head.root)
    require(inside, "log.inclusion", f"entry {index} of {head.size}")
    return index


def map_root(licensor: str, end: Any) -> bytes:
    """The root of the sparse map that this count and chain lead to."""
    exactly(end["map"], "bitmap", "hashes")
    key = hashlib.sha256(b"bankd usage map 1\n" + licensor.encode()).digest()
    times, head = end["count"], hash_of(end["head"])
    beside = [hash_of(one) for one in get(end["map"], "hashes", list)]
    filled, turns = int.from_bytes(hash_of(end["map"]["bitmap"])), int.from_bytes(key)
    whole = len(beside) == filled.bit_count() and EMPTY not in beside and (times > 0 or head == EMPTY)
    require(whole, "usage.map", "its path")
    made = hashlib.sha256(b"\0" + key + times.to_bytes(8) + head).digest() if times else EMPTY
    for bit in range(256):  # from the leaf, at depth 256, up to the root
        other = beside.pop() if filled >> bit & 1 else EMPTY
        if made != EMPTY or other != EMPTY:
            made = node(other, made) if turns >> bit & 1 else node(made, other)
    return made


def hash_of(text: Any) -> bytes:
    require(isinstance(text, str) and HASH.fullmatch(text) is not None, "json.shape", "no SHA-256")
    return bytes.fromhex(text)


__all__ = ["Failed", "check"]
