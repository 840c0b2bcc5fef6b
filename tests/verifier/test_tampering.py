"""Each way to tamper with an audit file, and the name of what finds it.

The forger is taken to be as strong as can be: whoever is inside, has the log's key where a row says so, and
makes the table of members and every hash fit again.
"""

import base64
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd.audit import cosignatures, log, merkle, notes
from bankd.audit.checkpoints import leaves
from bankd.audit.models import LogEntry
from bankd.provenance import c2pa, pixels, signing
from bankd.provenance.certificates import development_chain
from bankd.provenance.manifest import read as read_manifest
from tests.verifier.conftest import ORIGIN, House, Verify, closed, failures, opened, skipped

Members = dict[str, bytes]
Found = Callable[..., set[str]]
STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)


@pytest.fixture
def members(audit_file: bytes) -> Members:
    return opened(audit_file)


@pytest.fixture
def ids(house: House) -> list[str]:
    return sorted(map(str, house.files))


@pytest.fixture
def found(verify: Verify, tmp_path: Path) -> Found:
    """The names of what fails in a file of these members, whose table fits them."""

    def check(members: Members, *, listed: bool = True, **more: Any) -> set[str]:
        return failures(verify(closed(tmp_path / "forged.zip", members, listed=listed), **more))

    return check


def folder(id: str, name: str) -> str:
    return f"composites/{id}/{name}"


def json_of(members: Members, name: str) -> Any:
    return json.loads(members[name])


def put(members: Members, name: str, value: Any) -> None:
    members[name] = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def chunks(file: bytes) -> list[tuple[bytes, bytes]]:
    parts, at = [], 8
    while at < len(file):
        (length,) = struct.unpack(">I", file[at : at + 4])
        parts.append((file[at + 4 : at + 8], file[at + 8 : at + 8 + length]))
        at += 12 + length
    return parts


def png(parts: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def with_one_bit_of_a_pixel(file: bytes) -> bytes:
    rgb = pixels.decode(file).copy()
    rgb[7, 9, 2] ^= 1
    (drawn,) = [part for part in chunks(pixels.encode(rgb)) if part[0] == b"IDAT"]
    return png([drawn if part[0] == b"IDAT" else part for part in chunks(file)])


# The picture.


def test_one_bit_of_a_pixel(members: Members, ids: list[str], found: Found) -> None:
    name = f"files/{ids[0]}.png"
    members[name] = with_one_bit_of_a_pixel(members[name])

    assert found(members) == {"pixels.changed", "credentials.invalid"}


def test_one_bit_beside_the_pixels(members: Members, ids: list[str], found: Found) -> None:
    name = f"files/{ids[0]}.png"
    members[name] = png(
        [
            (kind, body.replace(b"PROHIBITED", b"PROHIBITEE") if kind == b"iTXt" else body)
            for kind, body in chunks(members[name])
        ]
    )

    assert found(members) == {"file.changed", "credentials.invalid"}


def test_a_picture_of_ones_own(verify: Verify, house: House, audit_file: bytes) -> None:
    (first, second) = (house.files[id] for id in sorted(house.files))
    stripped = png([part for part in chunks(first) if part[0] != b"caBX"])
    foreign = pixels.encode(pixels.decode(first)[:, :-1])
    for data, expected in (
        (first, set()),
        (second, set()),
        (with_one_bit_of_a_pixel(first), {"pixels.changed"}),
        (stripped, {"file.changed"}),
        (foreign, {"pixels.unknown"}),
        (first + b"more", {"png.damaged"}),
        (first[:-20], {"png.truncated"}),
        (first[:9], {"png.truncated"}),
        (first[:100] + b"?" + first[101:], {"png.damaged"}),
        (b"%PDF-1.7", {"png.kind"}),
        (b"", {"png.kind"}),
    ):
        assert failures(verify(audit_file, pictures=[("mine.png", data)])) == expected


def test_a_picture_without_its_content_credentials(members: Members, ids: list[str], found: Found) -> None:
    name = f"files/{ids[0]}.png"
    members[name] = png([part for part in chunks(members[name]) if part[0] != b"caBX"])

    assert found(members) == {"file.changed", "credentials.missing"}


def test_a_certificate_of_nobody(members: Members, house: House, ids: list[str], found: Found) -> None:
    text = members[folder(ids[0], "manifest.json")].decode()
    rgb = pixels.decode(members[f"files/{ids[0]}.png"])
    members[f"files/{ids[0]}.png"] = c2pa.sign(
        rgb,
        manifest=read_manifest(text),
        manifest_key=house.manifest_key,
        credentials=development_chain(at=datetime.now(UTC)),
    ).file

    assert found(members) == {"file.changed", "credentials.untrusted"}


def test_pixels_that_would_unpack_without_end(verifier: Any) -> None:
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    bomb = png([(b"IHDR", header), (b"IDAT", zlib.compress(bytes(64 << 20))), (b"IEND", b"")])

    with pytest.raises(verifier.Failed) as failed:
        verifier.pixel_sha256(bomb)

    assert failed.value.name == "png.damaged"


@pytest.mark.parametrize("level", [0, 1, 2, 3, 4])
def test_every_filter_of_a_png_is_read_as_pillow_reads_it(verifier: Any, house: House, level: int) -> None:
    import numpy as np

    rgb = np.random.default_rng(level).integers(0, 256, (19, 23, 3)).astype(np.uint8)
    flat, rows = rgb.reshape(19, -1).astype(int), []
    for y in range(19):
        left = np.concatenate([[0, 0, 0], flat[y, :-3]])
        up = flat[y - 1] if y else 0 * flat[y]
        corner = np.concatenate([[0, 0, 0], up[:-3]])
        nearest = [
            min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            for a, b, c in zip(left, up, corner, strict=True)
        ]
        taken = (0 * left, left, up, (left + up) // 2, np.array(nearest))[level]
        rows.append(bytes([level]) + ((flat[y] - taken) % 256).astype(np.uint8).tobytes())
    header = struct.pack(">IIBBBBB", 23, 19, 8, 2, 0, 0, 0)
    packed = zlib.compress(b"".join(rows))
    file = png([(b"IHDR", header), (b"IDAT", packed[:50]), (b"IDAT", packed[50:]), (b"IEND", b"")])

    assert verifier.pixel_sha256(file) == pixels.pixel_sha256(pixels.decode(file)) == pixels.pixel_sha256(rgb)


# The manifest.


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m.update(seed=8), "manifest.signature"),
        (lambda m: m["placed_photos"][0].update(sha256="0" * 64), "manifest.signature"),
        (lambda m: m["placed_photos"][0].update(share_ppm=123), "manifest.sums"),
        (lambda m: m["placed_photos"][0].update(canvas_px=123), "manifest.sums"),
        (lambda m: m["placed_photos"].append(m["placed_photos"][0]), "manifest.sums"),
        (lambda m: m.update(inpainted_px=m["inpainted_px"] + 1), "manifest.sums"),
        (lambda m: m.update(refiner_px=1, inpainted_px=m["inpainted_px"] - 1), "manifest.sums"),
        (lambda m: m.update(height=m["height"] + 1), "manifest.sums"),
        (lambda m: m["owner_runs"].__setitem__(1, m["owner_runs"][1] + 1), "manifest.sums"),
        (lambda m: m["owner_runs"].extend([m["owner_runs"][-2], 1]), "manifest.sums"),
        (lambda m: m.update(height=-24), "json.shape"),
        (lambda m: m.update(width=True), "json.shape"),
        (lambda m: m.pop("owner_runs"), "json.shape"),
        (lambda m: m.update(version=3), "json.shape"),
        (lambda m: m.update(version=1), "manifest.sums"),
        (lambda m: m.update(seam_px=m["seam_px"] + 1), "manifest.sums"),
        (lambda m: m.pop("seam_px"), "json.shape"),
    ],
)  # fmt: skip
def test_a_count_a_share_or_a_source_in_the_manifest(
    members: Members, ids: list[str], found: Found, change: Any, expected: str
) -> None:
    name = folder(ids[0], "manifest.json")
    manifest = json_of(members, name)
    change(manifest)
    put(members, name, manifest)

    assert found(members) >= {expected, "manifest.signature"}


def test_counts_of_a_manifest_of_version_1_still_add_up(verifier: ModuleType) -> None:
    """As one was sealed before seams were told apart."""
    text = (
        Path(__file__).parents[1] / "bankd" / "provenance" / "sealed" / "composite-1.manifest.json"
    ).read_bytes()
    manifest = json.loads(text)
    verifier.manifest_sums(manifest)

    manifest["placed_photos"][0]["segments"][0]["blended_px"] += 1
    with pytest.raises(verifier.Failed, match="canvas area of photo"):
        verifier.manifest_sums(manifest)


def test_a_manifest_signed_by_a_stranger(members: Members, ids: list[str], found: Found) -> None:
    text = members[folder(ids[0], "manifest.json")].decode()
    members[folder(ids[0], "manifest.sig")] = signing.sign(text, STRANGER).hex().encode() + b"\n"

    assert found(members) == {"manifest.signature"}


def test_a_manifest_signed_anew_by_the_house_is_not_the_one_that_was_sealed(
    members: Members, house: House, ids: list[str], found: Found
) -> None:
    """Whoever has the manifest key alone cannot put other sources under a sealed picture."""
    name = folder(ids[0], "manifest.json")
    manifest = json_of(members, name)
    manifest["placed_photos"][0]["sha256"] = "0" * 64
    put(members, name, manifest)
    signature = signing.sign(members[name].decode(), house.manifest_key)
    members[folder(ids[0], "manifest.sig")] = signature.hex().encode() + b"\n"

    assert found(members) >= {"seal.another"}


def test_an_old_manifest_on_other_pixels(members: Members, ids: list[str], found: Found) -> None:
    first, second = ids
    members[f"files/{first}.png"] = members[f"files/{second}.png"]

    assert found(members) == {"pixels.changed", "credentials.another"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("manifest.json", "manifest.sig"), {"manifest.swapped"}),
        (("manifest.json",), {"manifest.swapped", "manifest.signature"}),
        (("manifest.sig",), {"manifest.signature"}),
        (("proof.json",), {"seal.another", "clearance.another"}),
        (("disclosures.json",), {"disclosure.another"}),
    ],
)
def test_members_of_two_composites_swapped(
    members: Members,
    ids: list[str],
    found: Found,
    names: tuple[str, ...],
    expected: set[str],
) -> None:
    first, second = ids
    for name in names:
        one, other = folder(first, name), folder(second, name)
        members[one], members[other] = members[other], members[one]

    assert found(members) == expected


# The log.


def proof_of(members: Members, id: str) -> Any:
    return json_of(members, folder(id, "proof.json"))


def test_the_words_of_a_log_entry(members: Members, ids: list[str], found: Found) -> None:
    proof = proof_of(members, ids[0])
    proof["seal"]["payload"] = proof["seal"]["payload"].replace('"variation":0', '"variation":1')
    put(members, folder(ids[0], "proof.json"), proof)

    assert found(members) == {"log.payload"}


def test_the_words_of_a_log_entry_under_a_commitment_that_fits(
    members: Members, ids: list[str], found: Found
) -> None:
    proof = proof_of(members, ids[0])
    seal = proof["seal"]
    seal["payload"] = seal["payload"].replace('"variation":0', '"variation":1')
    leaf = json.loads(seal["leaf"])
    leaf["commitment"] = log.commitment(bytes.fromhex(seal["salt"]), seal["payload"].encode()).hex()
    seal["leaf"] = json.dumps(leaf, sort_keys=True, separators=(",", ":"))
    put(members, folder(ids[0], "proof.json"), proof)

    assert found(members) == {"log.inclusion"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("composite", "0"), ("manifest_sha256", "0" * 64), ("pixel_sha256", "0" * 64), ("request", "0"),
     ("variation", 1), ("grants", []), ("file_sha256", "0" * 64)],
)  # fmt: skip
def test_a_seal_that_the_log_says_otherwise_of(
    members: Members, house: House, ids: list[str], found: Found, field: str, value: Any
) -> None:
    """Even by whoever has the log's key, and an auditor who has seen nothing before."""
    proof = proof_of(members, ids[1])
    seal = proof["seal"]
    told = json.loads(seal["payload"])
    told["objects"][field] = value
    seal["payload"] = json.dumps(told, sort_keys=True, separators=(",", ":"))
    put(members, folder(ids[1], "proof.json"), proof)
    texts = leaves_of(house)[: json_of(members, "audit.json")["checkpoint"]]
    leaf = json.loads(texts[seal["index"]])
    leaf["commitment"] = log.commitment(bytes.fromhex(seal["salt"]), seal["payload"].encode()).hex()
    texts[seal["index"]] = json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()

    named = found(relaid(members, house, texts, {}), checkpoint=None)

    assert named == ({"file.changed"} if field == "file_sha256" else {"seal.another"})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda seal: seal["hashes"].pop(), "log.inclusion"),
        (lambda seal: seal["hashes"].append(seal["hashes"][0]), "log.inclusion"),
        (lambda seal: seal["hashes"].reverse(), "log.inclusion"),
        (lambda seal: seal.update(index=seal["index"] + 1), "log.leaf"),
        (lambda seal: seal.update(hashes=["AA=="]), "json.shape"),
        (lambda seal: seal.update(leaf=seal["leaf"].replace("composite.sealed", "report.made")), "log.leaf"),
        (lambda seal: seal.update(leaf=seal["leaf"].replace("2026", "2025")), "log.inclusion"),
        (lambda seal: seal.update(salt="00" * 32), "log.payload"),
        (lambda seal: seal.update(salt="F" + seal["salt"][1:]), "json.shape"),  # one spelling alone
    ],
)
def test_a_proof(members: Members, ids: list[str], found: Found, change: Any, expected: str) -> None:
    proof = proof_of(members, ids[0])
    change(proof["seal"])
    put(members, folder(ids[0], "proof.json"), proof)

    assert found(members) == {expected}


def relaid(members: Members, house: House, leaf_texts: list[bytes], places: dict[int, int]) -> Members:
    """The audit file of a log of these leaves, signed by the log's own key; old index -> new."""
    hashes = [merkle.leaf_hash(leaf) for leaf in leaf_texts]
    size, root = len(hashes), merkle.Frontier(hashes).root()
    made: Members = {
        name: content
        for name, content in members.items()
        if not name.startswith(("checkpoints/", "consistency/"))
    }
    head = notes.Head(house.origin, size, root)
    made[f"checkpoints/{size}.note"] = notes.sign(head, house.log_key).encode()
    for name in members:
        if name.startswith("consistency/"):
            first = int(name.split("/")[1].split("-")[0])
            path = [base64.b64encode(node).decode() for node in merkle.consistency_proof(hashes, first)]
            put(made, f"consistency/{first}-{size}.json", {"version": 1, "hashes": path})
        if name.endswith("proof.json"):
            proof = json_of(members, name)
            for one in (proof["seal"], proof["clearance"]):
                one["index"] = places.get(one["index"], one["index"])
                one["leaf"] = leaf_texts[one["index"]].decode()
                path = merkle.inclusion_proof(hashes, one["index"])
                one["hashes"] = [base64.b64encode(node).decode() for node in path]
            put(made, name, proof)
    put(made, "audit.json", {**json_of(members, "audit.json"), "checkpoint": size})
    return made


def leaves_of(house: House) -> list[bytes]:
    with house.sessions.begin() as session:
        rows = session.query(LogEntry).order_by(LogEntry.index).all()
        texts = [log.leaf(row.index, row.at, row.kind, row.commitment) for row in rows]
        assert [merkle.leaf_hash(text) for text in texts] == list(leaves(session, start=0, stop=len(rows)))
    return texts


def numbered(texts: list[bytes]) -> list[bytes]:
    found = []
    for index, text in enumerate(texts):
        leaf = json.loads(text)
        found.append(json.dumps({**leaf, "index": index}, sort_keys=True, separators=(",", ":")).encode())
    return found


def test_a_log_laid_anew_as_it_was_holds(members: Members, house: House, found: Found) -> None:
    size = json_of(members, "audit.json")["checkpoint"]
    assert found(relaid(members, house, leaves_of(house)[:size], {})) == set()


@pytest.mark.parametrize("what", ["changed", "deleted", "reordered", "inserted", "changed at the end"])
def test_a_log_rewritten_by_whoever_has_its_key(
    members: Members, house: House, found: Found, what: str
) -> None:
    """The checkpoint that the auditor has seen shows it, and so does the one that each manifest names."""
    size = json_of(members, "audit.json")["checkpoint"]
    texts = leaves_of(house)[:size]
    moved: dict[int, int] = {}
    match what:
        case "changed":
            texts[1] = texts[1].replace(b"report.made", b"photo.erased")
        case "deleted":
            texts = numbered(texts[:1] + texts[2:])
            moved = {index: index - 1 for index in range(2, size)}
        case "reordered":
            texts = numbered([texts[1], texts[0], *texts[2:]])
        case "inserted":
            texts = numbered([texts[0], *texts])
            moved = {index: index + 1 for index in range(1, size)}
        case "changed at the end":
            texts[2] = texts[2].replace(b"report.made", b"photo.erased")
    forged = relaid(members, house, texts, moved)

    assert "log.consistency" in found(forged)
    assert "log.consistency" in found(forged, checkpoint=None)  # by what the manifests were made on


def test_a_log_that_ends_before_the_auditors_checkpoint(
    house: House, audit_file: bytes, verify: Verify
) -> None:
    house.say(1)
    later = house.checkpoint()

    report = verify(audit_file, checkpoint=later)

    assert failures(report) == set() and "history" in skipped(report)


def test_a_forked_log(house_of: Callable[..., House], verify: Verify, tmp_path: Path) -> None:
    """Of the same name and key, with other entries before the same composites."""
    forked = house_of(0, 1)
    data = forked.audit(tmp_path / "forked.zip", *forked.files, prior=3)

    assert failures(verify(data)) == {"log.consistency"}
    assert failures(verify(data, checkpoint=None)) == set()


def test_another_log(house_of: Callable[..., House], members: Members, ids: list[str], verify: Verify,
                     found: Found, tmp_path: Path) -> None:  # fmt: skip
    other = house_of(0, 1, log_key=STRANGER, origin="other.example/log")
    data = other.audit(tmp_path / "other.zip", *other.files, prior=3)
    assert failures(verify(data)) == {"note.origin"}
    theirs = opened(data)
    members[folder(ids[0], "proof.json")] = theirs[folder(ids[0], "proof.json")]

    assert found(members) == {"log.inclusion"}


def head_name(members: Members) -> str:
    return f"checkpoints/{json_of(members, 'audit.json')['checkpoint']}.note"


def resigned(note: bytes, key: Ed25519PrivateKey, **changes: Any) -> bytes:
    head = notes.head(notes.split(note.decode()).text)
    made = notes.Head(*(changes.get(name, getattr(head, name)) for name in ("origin", "size", "root")))
    return notes.sign(made, key).encode()


def test_a_checkpoint_of_an_unknown_key(members: Members, found: Found) -> None:
    name = head_name(members)
    members[name] = resigned(members[name], STRANGER)

    assert found(members) == {"note.unknown-key"}


def test_a_checkpoint(members: Members, house: House, found: Found) -> None:
    name = head_name(members)
    note = members[name]
    text = note.decode()
    size = json_of(members, "audit.json")["checkpoint"]
    for forged, expected in (
        (resigned(note, house.log_key, root=bytes(32)), {"log.inclusion", "log.consistency"}),
        (resigned(note, house.log_key, size=size + 1), {"note.size"}),
        (resigned(note, house.log_key, origin="other.example/log"), {"note.origin"}),
        (text.replace(f"\n{size}\n", f"\n0{size}\n").encode(), {"note.unreadable"}),
        (text.replace(ORIGIN, "other.example/log", 1).encode(), {"note.origin"}),
        (text.replace("\n\n", "\nnothing signed\n\n").encode(), {"note.signature"}),
        (text.rpartition("\n\n")[0].encode(), {"note.unreadable"}),
        (b"", {"note.unreadable"}),
        (b"\xff\xfe", {"malformed"}),
    ):
        members[name] = forged
        assert found(members) == expected, forged


# The archive and its JSON.


def test_a_file_cut_off_anywhere(audit_file: bytes, verify: Verify) -> None:
    step = max(1, len(audit_file) // 60)
    for kept in [*range(4, len(audit_file), step), len(audit_file) - 1]:
        assert failures(verify(audit_file[:kept])) == {"archive.truncated"}, kept
    assert failures(verify(b"")) == failures(verify(b"not a ZIP")) == {"archive.damaged"}
    assert failures(verify(audit_file + b"\0")) == {"archive.damaged"}
    assert failures(verify(b"\0" + audit_file)) == {"archive.damaged"}


def zipped(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, 0o600 << 16
            archive.writestr(info, content, method)
    return out.getvalue()


def test_a_bomb(verify: Verify) -> None:
    bomb = zipped([("audit.json", bytes(50 << 20))], zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000

    assert failures(verify(bomb)) == {"archive.compressed"}


def test_members_and_files_larger_than_any_are_not_looked_into(verifier: Any, verify: Verify) -> None:
    (size, name) = ((64 << 20) + 1, b"audit.json")
    header = verifier.LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, 33, 0, size, size, len(name), 0)

    assert failures(verify(header + name + b"{}")) == {"archive.too-large"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name(audit_file: bytes, verify: Verify) -> None:
    twice = [*opened(audit_file).items(), ("audit.json", b"{}")]

    assert failures(verify(zipped(twice))) == {"archive.duplicate-name"}


@pytest.mark.parametrize(
    "name",
    ["../audit.json", "/etc/passwd", "a/../b", "a//b", "a\\b", "C:/x", ".hidden", "a/", "A", "a b", "é",
     "a" * 101, "a/b/c/d/e", "-o", "a\nb"],
)  # fmt: skip
def test_a_name_that_leads_elsewhere(audit_file: bytes, verify: Verify, name: str) -> None:
    assert failures(verify(zipped([*opened(audit_file).items(), (name, b"")]))) == {"archive.path"}


def test_bytes_between_and_around_members(audit_file: bytes, verify: Verify) -> None:
    """What other readers of ZIPs pass over: dates, comments, flags, gaps, a table that tells other names."""
    with_comment = io.BytesIO(audit_file)
    with zipfile.ZipFile(with_comment, "a") as archive:
        archive.comment = b"hello"
    dated = zipped([(name, content) for name, content in opened(audit_file).items()]).replace(
        b"\x21\x00", b"\x22\x00", 1
    )
    table = audit_file.rindex(b"composites/")
    renamed = audit_file[:table] + b"c0mposites/" + audit_file[table + 11 :]
    for forged in (with_comment.getvalue(), dated, renamed):
        assert failures(verify(forged)) == {"archive.damaged"}


def test_members_that_the_table_does_not_tell_of(members: Members, verify: Verify, tmp_path: Path) -> None:
    def said(change: Callable[[Members], Any]) -> set[str]:
        forged = dict(members)
        change(forged)
        return failures(verify(closed(tmp_path / "forged.zip", forged, listed=False)))

    other = {"keys.json": b'{"log":[],"manifest":[],"more":0,"version":1}'}
    assert said(lambda forged: forged.update(other)) == {"contents.digest", "json.shape"}
    assert said(lambda forged: forged.pop("keys.json")) == {"contents.missing-member"}
    assert said(lambda forged: forged.update(more=b"")) == {"contents.extra-member"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"log":[],"log":[],"manifest":[],"version":1}', "json.duplicate-key"),
        ('{"log":[],"manifest":[],"version":NaN}', "json.number"),
        ('{"log":[],"manifest":[],"version":-Infinity}', "json.number"),
        ('{"log":[],"manifest":[],"version":1.0}', "json.number"),
        ('{"log":[],"manifest":[],"version":1e0}', "json.number"),
        ('{"log": [],"manifest":[],"version":1}', "json.not-canonical"),
        ('{"version":1,"log":[],"manifest":[]}', "json.not-canonical"),
        ('{"log":[],"manifest":[],"version":"\\u0031"}', "json.not-canonical"),
        ('{"log":[],"manifest":[],"version":' + "1" * 5000 + "}", "json.unreadable"),
        ('{"log":' + "[" * 100_000 + "]" * 100_000 + ',"manifest":[],"version":1}', "json.too-deep"),
        ('{"log":[],"manifest":[],"version":true}', "json.shape"),
        ('{"log":{},"manifest":[],"version":1}', "json.shape"),
        ("[]", "json.shape"),
        ("", "json.unreadable"),
        ('"\ud800"', "json.unreadable"),
    ],
)
def test_json_that_can_be_read_in_two_ways(members: Members, found: Found, text: str, expected: str) -> None:
    members["keys.json"] = text.encode("utf-8", "surrogatepass")

    assert found(members) == {expected}


# Witnesses and keys.


def cosigned(note: str, key: Ed25519PrivateKey) -> str:
    head, name, at = notes.split(note).text, "witness.example", 1_780_000_000
    raw = notes.key_id(name, key.public_key(), notes.COSIGNATURE) + at.to_bytes(8)
    made = notes.signature_line(name, raw + key.sign(f"cosignature/v1\ntime {at}\n{head}".encode()))
    assert made == cosignatures.cosign(head, name, key, at=at)  # as the bank's own witness writes it
    return note + made


def witness(key: Ed25519PrivateKey, name: str = "witness.example") -> dict[str, str]:
    return {"name": name, "key": notes.public_key_line(name, key.public_key(), notes.COSIGNATURE)}


def test_witnesses(members: Members, found: Found) -> None:
    name = head_name(members)
    note = members[name].decode()
    first, second = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
    both = [witness(first), witness(second, "other.example")]

    assert found(members, witnesses=both) == {"witness.missing"}
    members[name] = cosigned(note, first).encode()
    assert found(members, witnesses=both[:1]) == found(members, witnesses=both, quorum=1) == set()
    assert found(members, witnesses=both) == {"witness.missing"}
    forged = cosigned(note, first).rpartition(" ")
    raw = bytearray(base64.b64decode(forged[2]))
    raw[11] ^= 1
    members[name] = f"{forged[0]} {base64.b64encode(raw).decode()}\n".encode()
    assert found(members, witnesses=both[:1]) == {"note.signature"}
