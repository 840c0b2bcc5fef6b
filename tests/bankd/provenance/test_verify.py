"""What each kind of tampering looks like to whoever holds nothing but the file."""

import io
import json
import os
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from bankd.provenance import c2pa, pixels
from bankd.provenance.certificates import Credentials, development_chain
from bankd.provenance.credential import TimeStamp
from bankd.provenance.renditions import Made, Rendition, make
from bankd.provenance.service import Known
from bankd.provenance.verify import Outcome, Verdict, Verification, verify

CanvasOf = Callable[..., Any]
Seal = Callable[..., c2pa.Sealed]


class Bank:
    """A bank that remembers what it sealed."""

    def __init__(self, seal: Seal, key: Ed25519PrivateKey, credentials: Credentials) -> None:
        self.seal_one, self.key, self.anchors = seal, key, credentials.anchors_pem
        self.credentials = credentials
        self.known: dict[str, list[Known]] = {}

    def seal(self, canvas: Any, *, named: bool = True, **changes: Any) -> bytes:
        sealed = self.seal_one(canvas, **changes)
        self.known.setdefault(canvas.manifest.pixel_sha256, []).append(
            Known(
                canvas.manifest.composite_id,
                sha256(sealed.file).hexdigest(),
                sealed.manifest_text,
                sealed.manifest_signature,
                named=named,
            )
        )
        return sealed.file

    def copy(self, canvas: Any, rendition: Rendition) -> Made:
        """A copy handed out, and remembered."""
        sealed = self.seal_one(canvas)
        made = make(sealed.file, canvas.manifest, rendition=rendition, credentials=self.credentials)
        self.known.setdefault(made.pixel_sha256, []).append(
            Known(
                canvas.manifest.composite_id,
                made.sha256,
                sealed.manifest_text,
                sealed.manifest_signature,
                copy="a rendition (jpeg)",
            )
        )
        return made

    def verify(self, file: bytes, **beside: Any) -> Verification:
        return verify(
            file,
            anchors_pem=self.anchors,
            manifest_key=self.key.public_key(),
            lookup=lambda pixel_sha256: self.known.get(pixel_sha256, []),
            **beside,
        )


@pytest.fixture
def bank(seal: Seal, manifest_key: Ed25519PrivateKey, credentials: Credentials) -> Bank:
    return Bank(seal, manifest_key, credentials)


def chunks(file: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(file):
        (length,) = struct.unpack(">I", file[at : at + 4])
        found.append((file[at + 4 : at + 8], file[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png(parts: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )


def failed(found: Verification) -> set[str]:
    return {check.name for check in found.checks if check.outcome is Outcome.FAILED}


def test_composite_as_it_left_the_bank_is_authentic(bank: Bank, canvas: CanvasOf) -> None:
    found = bank.verify(bank.seal(canvas(2)))

    assert found.verdict is Verdict.AUTHENTIC and found.authentic
    assert [check.outcome for check in found.checks] == [Outcome.PASSED] * 5 + [Outcome.ABSENT]
    assert found.composite_id == canvas(2).manifest.composite_id
    assert found.manifest == canvas(2).manifest
    for check in found.checks:
        assert check.sentence[0].islower() or check.sentence.startswith("`")
        assert not check.sentence.endswith(".")


def test_changed_pixel_is_altered(bank: Bank, canvas: CanvasOf) -> None:
    file = bank.seal(canvas(2))
    rgb = canvas(2).rgb.copy()
    rgb[5, 5, 1] ^= 1
    changed = [part for part in chunks(pixels.encode(rgb)) if part[0] == b"IDAT"]
    parts = [part for part in chunks(file) if part[0] != b"IDAT"]

    found = bank.verify(png(parts[:-1] + changed + parts[-1:]))

    assert found.verdict is Verdict.ALTERED
    assert failed(found) == {"content credentials", "pixels", "record"}
    assert "assertion.dataHash.mismatch" in found.checks[0].sentence


def test_changed_assertion_is_altered(bank: Bank, canvas: CanvasOf) -> None:
    file = bank.seal(canvas(2))
    parts = [
        (kind, body.replace(b'"seed":7', b'"seed":8') if kind == b"caBX" else body)
        for kind, body in chunks(file)
    ]
    assert png(parts) != file

    found = bank.verify(png(parts))

    assert found.verdict is Verdict.ALTERED
    assert failed(found) >= {"content credentials", "manifest signature", "record"}
    assert "assertion.hashedURI.mismatch" in found.checks[0].sentence


def assertions(store: bytes, start: int = 0, stop: int | None = None, path: str = "") -> dict[str, range]:
    """The content of each box of a C2PA manifest store, by the labels that lead to it (ISO 19566-5)."""
    found: dict[str, range] = {}
    at, stop = start, len(store) if stop is None else stop
    while at < stop:
        length, kind = struct.unpack(">I4s", store[at : at + 8])
        inside, end = at + 8, at + length
        if kind == b"jumb":
            (described,) = struct.unpack(">I", store[inside : inside + 4])
            label = store[inside + 25 : inside + described].split(b"\0")[0].decode()
            found |= assertions(store, inside + described, end, f"{path}/{label}")
        else:
            found[path] = range(inside, end)
        at = end
    return found


def test_one_bit_of_any_assertion_is_altered(bank: Bank, canvas: CanvasOf) -> None:
    parts = chunks(bank.seal(canvas(2)))
    (store,) = [body for kind, body in parts if kind == b"caBX"]
    boxes = {path.rpartition("/")[2]: box for path, box in assertions(store).items()}
    assert boxes.keys() >= {
        "c2pa.actions.v2", "cawg.training-mining", "org.bankd.manifest", "c2pa.hash.data",
        "c2pa.ingredient.v3", "c2pa.ingredient.v3__1", "c2pa.claim.v2", "c2pa.signature",
    }  # fmt: skip

    for label, box in boxes.items():
        for at in (box[0], box[len(box) // 2], box[-1]):
            changed = store[:at] + bytes([store[at] ^ 1]) + store[at + 1 :]

            found = bank.verify(png([(k, changed if k == b"caBX" else body) for k, body in parts]))

            if (
                label == "c2pa.signature" and found.authentic
            ):  # in the padding that C2PA leaves for a time stamp
                assert found.manifest == canvas(2).manifest
                continue
            assert found.verdict in {Verdict.ALTERED, Verdict.UNTRUSTED}, (label, at)
            assert failed(found) & {"content credentials", "signer"}, (label, at)


@pytest.mark.parametrize("field", ["share_ppm", "sha256", "canvas_px"])
def test_one_digit_of_a_share_or_of_a_source_is_altered(bank: Bank, canvas: CanvasOf, field: str) -> None:
    parts = chunks(bank.seal(canvas(2)))
    (store,) = [body for kind, body in parts if kind == b"caBX"]
    at = store.index(f'"{field}":'.encode()) + len(field) + 4
    digit = b"1" if store[at : at + 1] != b"1" else b"2"
    changed = store[:at] + digit + store[at + 1 :]

    found = bank.verify(png([(k, changed if k == b"caBX" else body) for k, body in parts]))

    assert found.verdict is Verdict.ALTERED
    assert failed(found) >= {"content credentials"}


def claims(file: bytes, found: Verification) -> object:
    """All that a file says: its pixels, its manifest, whatever else its credentials and its XMP hold."""
    with c2pa.c2pa.Reader("image/png", io.BytesIO(file)) as reader:
        store = json.loads(reader.json())
    told = [part for kind, part in chunks(file) if kind == b"iTXt"]
    return pixels.pixel_sha256(pixels.decode(file)), found.manifest, store["manifests"], told


def test_no_byte_of_a_signed_picture_changes_unseen(bank: Bank, canvas: CanvasOf) -> None:
    """Whatever is done to a byte: the file is authentic no more, or says and shows all that it did.

    `BANKD_MUTATIONS` is how many are tried; `all`: one at each byte, for a night.
    """
    file = bank.seal(canvas(1, height=16, width=24))
    whole = claims(file, bank.verify(file))
    asked = os.environ.get("BANKD_MUTATIONS", "300")
    rng = np.random.Generator(np.random.Philox(5))
    places = range(len(file)) if asked == "all" else rng.integers(0, len(file), int(asked)).tolist()
    harmless = 0
    for at in places:
        changed = file[:at] + bytes([file[at] ^ (1 << int(rng.integers(8)))]) + file[at + 1 :]
        parts = chunks(changed) if at % 2 else []  # every other time the checksums are made to fit
        if parts and b"".join(kind for kind, _ in parts) == b"".join(kind for kind, _ in chunks(file)):
            changed = png(parts)
        found = bank.verify(changed)
        if found.authentic:
            assert claims(changed, found) == whole, at
            harmless += 1
    assert harmless < len(places)


def test_stripped_credentials_are_known_by_their_pixels(bank: Bank, canvas: CanvasOf) -> None:
    bare = png([part for part in chunks(bank.seal(canvas(2))) if part[0] != b"caBX"])

    found = bank.verify(bare)

    assert found.verdict is Verdict.STRIPPED
    assert found.composite_id == canvas(2).manifest.composite_id
    assert found.manifest is None and failed(found) == set()


def test_re_encoded_composite_is_known_by_its_pixels(bank: Bank, canvas: CanvasOf) -> None:
    bank.seal(canvas(2))
    buffer = io.BytesIO()
    Image.fromarray(canvas(2).rgb).save(buffer, "PNG", compress_level=1)

    assert bank.verify(buffer.getvalue()).verdict is Verdict.STRIPPED


def test_credentials_of_another_composite_are_altered(bank: Bank, canvas: CanvasOf) -> None:
    file, other = bank.seal(canvas(2)), bank.seal(canvas(2, seed=5))
    (store,) = [part for part in chunks(other) if part[0] == b"caBX"]

    found = bank.verify(png([store if part[0] == b"caBX" else part for part in chunks(file)]))

    assert found.verdict is Verdict.ALTERED
    assert failed(found) == {"content credentials", "pixels", "record"}
    assert str(canvas(2).manifest.composite_id) in found.checks[4].sentence


def test_manifest_of_another_composite_signed_anew_is_altered(
    bank: Bank, canvas: CanvasOf, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate without the bank's manifest key cannot lend one picture another's manifest."""
    bank.seal(canvas(2))
    lent = canvas(2, seed=5).manifest
    monkeypatch.setattr(c2pa.pixels, "pixel_sha256", lambda rgb: lent.pixel_sha256)
    forged = c2pa.sign(
        canvas(2).rgb,
        manifest=lent,
        manifest_key=Ed25519PrivateKey.generate(),
        credentials=credentials,
    ).file
    monkeypatch.undo()

    found = bank.verify(forged)

    assert found.verdict is Verdict.ALTERED
    assert failed(found) == {"pixels", "manifest signature", "record"}


def test_manifest_of_another_bank_is_not_ours(bank: Bank, canvas: CanvasOf) -> None:
    found = bank.verify(bank.seal_one(canvas(2), manifest_key=Ed25519PrivateKey.generate()).file)

    assert found.verdict is Verdict.ALTERED
    assert failed(found) == {"manifest signature", "record"}


def test_whole_file_of_a_signer_that_nobody_trusts_is_untrusted(bank: Bank, canvas: CanvasOf) -> None:
    file = bank.seal(canvas(2), credentials=development_chain(at=datetime.now(UTC)))

    found = bank.verify(file)

    assert found.verdict is Verdict.UNTRUSTED
    assert failed(found) == {"signer"}


def test_composite_that_was_never_recorded_is_untrusted(bank: Bank, canvas: CanvasOf) -> None:
    found = bank.verify(bank.seal_one(canvas(2)).file)

    assert found.verdict is Verdict.UNTRUSTED
    assert failed(found) == {"record"}


def test_same_pixels_sealed_twice_are_told_apart_by_their_manifests(bank: Bank, canvas: CanvasOf) -> None:
    first = canvas(2)
    twin = first.manifest.model_copy(
        update={"request_id": first.manifest.composite_id, "composite_id": UUID(int=12345)}
    )
    file = bank.seal(first)
    bank.known[first.manifest.pixel_sha256].insert(
        0, Known(twin.composite_id, "0" * 64, twin.canonical(), b"")
    )

    found = bank.verify(file)

    assert found.authentic and found.composite_id == first.manifest.composite_id


def test_picture_of_nobody_is_unknown(bank: Bank, canvas: CanvasOf) -> None:
    found = bank.verify(pixels.encode(canvas(1).rgb))

    assert found.verdict is Verdict.UNKNOWN
    assert found.composite_id is None
    assert failed(found) == {"record"}


@pytest.mark.parametrize("kept", [0, 7, 8, 40, 500, -400, -12, -1])
def test_truncated_file_is_never_authentic(bank: Bank, canvas: CanvasOf, kept: int) -> None:
    file = bank.seal(canvas(2))

    found = bank.verify(file[:kept])

    assert found.verdict in {Verdict.UNREADABLE, Verdict.ALTERED}


@pytest.mark.parametrize(
    "data",
    [b"", b"not an image", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7 " + bytes(2000), b"\xff\xd8\xff\xe0" + bytes(50)],
)
def test_file_that_is_no_picture_is_unreadable(bank: Bank, data: bytes) -> None:
    found = bank.verify(data)

    assert found.verdict is Verdict.UNREADABLE
    assert [check.name for check in found.checks] == ["picture"]


def test_picture_of_another_kind_is_unreadable(bank: Bank) -> None:
    for image, form in (
        (Image.new("RGB", (4, 4)), "GIF"),
        (Image.new("L", (4, 4)), "PNG"),
        (Image.new("RGBA", (4, 4)), "PNG"),
    ):
        buffer = io.BytesIO()
        image.save(buffer, form)
        assert bank.verify(buffer.getvalue()).verdict is Verdict.UNREADABLE


def test_bomb_is_unreadable_without_being_unpacked(bank: Bank) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)

    found = bank.verify(png([(b"IHDR", header), (b"IDAT", zlib.compress(bytes(10))), (b"IEND", b"")]))

    assert found.verdict is Verdict.UNREADABLE


def test_bytes_after_the_end_are_altered(bank: Bank, canvas: CanvasOf) -> None:
    found = bank.verify(bank.seal(canvas(2)) + b"appended")

    assert found.verdict is Verdict.ALTERED


def test_pixels_are_compared_whole(bank: Bank, canvas: CanvasOf) -> None:
    made = canvas(2)
    bank.seal(made)
    cropped = np.ascontiguousarray(made.rgb[:, :-1])

    assert bank.verify(pixels.encode(cropped)).verdict is Verdict.UNKNOWN


def test_what_may_not_be_named_vouches_for_a_file_that_carries_its_manifest_and_for_no_other(
    bank: Bank, canvas: CanvasOf
) -> None:
    file = bank.seal(canvas(2), named=False)

    whole = bank.verify(file)
    bare = bank.verify(png([part for part in chunks(file) if part[0] != b"caBX"]))
    foreign = bank.verify(bank.seal_one(canvas(2)).file)

    assert whole.authentic and whole.composite_id is None
    assert (bare.verdict, bare.composite_id) == (Verdict.UNKNOWN, None)
    assert "has no composite with these pixels" in bare.checks[-1].sentence
    hidden = str(canvas(2).manifest.composite_id)
    for found in (whole, bare, foreign):
        assert not any(hidden in check.sentence for check in found.checks)


@pytest.mark.parametrize("form", ["jpeg", "webp", "tiff"])
def test_rendition_is_authentic_by_its_own_pixels_and_its_master_s_manifest(
    bank: Bank, canvas: CanvasOf, form: Any
) -> None:
    made = bank.copy(canvas(2), Rendition(format=form, longest_side=90))

    found = bank.verify(made.file)

    assert found.verdict is Verdict.AUTHENTIC, found.checks
    assert found.composite_id == canvas(2).manifest.composite_id
    assert "a rendition (jpeg) of composite" in found.checks[4].sentence
    assert "byte for byte" in found.checks[4].sentence


def test_rendition_that_was_never_handed_out_is_not_on_record(
    bank: Bank, canvas: CanvasOf, seal: Seal, credentials: Credentials
) -> None:
    master = seal(canvas(2)).file
    made = make(master, canvas(2).manifest, rendition=Rendition(format="jpeg"), credentials=credentials)

    found = bank.verify(made.file)

    assert found.verdict is Verdict.UNTRUSTED and failed(found) == {"record"}


def test_changed_rendition_is_altered_and_a_stripped_one_known_by_its_pixels(
    bank: Bank, canvas: CanvasOf
) -> None:
    made = bank.copy(canvas(2), Rendition(format="tiff"))
    at = made.file.index(b"sRGB")  # in the profile
    changed = made.file[:at] + b"tRGB" + made.file[at + 4 :]

    assert bank.verify(changed).verdict is Verdict.ALTERED
    bare = io.BytesIO()
    with Image.open(io.BytesIO(made.file)) as image:
        Image.fromarray(np.asarray(image)).save(bare, "TIFF")
    assert bank.verify(bare.getvalue()).verdict is Verdict.STRIPPED


def test_pixels_of_another_under_the_name_of_a_known_copy_are_altered(
    bank: Bank, canvas: CanvasOf, seal: Seal, credentials: Credentials
) -> None:
    """Whoever is trusted to sign still cannot pass other pixels for a copy that is on record."""
    made = bank.copy(canvas(2), Rendition(format="jpeg"))
    master = seal(canvas(2)).file
    other = io.BytesIO()
    Image.fromarray(255 - canvas(2).rgb).save(other, "JPEG")
    forged, _ = c2pa.sign_derived(
        other.getvalue(),
        media_type="image/jpeg",
        parent=master,
        title="forged",
        instance_id=UUID(int=5),
        edits=[],
        states={
            "pixel_sha256": made.pixel_sha256,
            "master_pixel_sha256": canvas(2).manifest.pixel_sha256,
            "format": "jpeg",
        },
        credentials=credentials,
    )

    found = bank.verify(forged)

    assert found.verdict is Verdict.ALTERED and "pixels" in failed(found)


def test_time_stamp_beside_the_file_is_named_with_its_authority(bank: Bank, canvas: CanvasOf) -> None:
    file = bank.seal(canvas(1))
    stamp = TimeStamp("2026-11-23T12:00:00+00:00", "Test clock 1", trusted=True)

    check = bank.verify(file, stamps=lambda sha: [stamp] if sha == sha256(file).hexdigest() else []).checks[5]

    assert check.outcome is Outcome.PASSED
    assert "`Test clock 1` says that it was there at 2026-11-23T12:00:00+00:00" in check.sentence
    assert "keeps beside the file" in check.sentence
    assert bank.verify(file).checks[5].outcome is Outcome.ABSENT
