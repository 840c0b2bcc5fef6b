import io
import json
import socket
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import c2pa as library
import numpy as np
import pytest
from defusedxml import ElementTree
from PIL import Image

from bankd.provenance import c2pa, credential, pixels, xmp
from bankd.provenance.certificates import Credentials, development_chain
from bankd.provenance.errors import SigningFailed, TimeStampUnavailable
from bankd.provenance.manifest import LayoutPhoto, Refiner, read

CanvasOf = Callable[..., Any]
Seal = Callable[..., c2pa.Sealed]
NETWORK = Refiner(
    name="small", checkpoint="d" * 64, training_snapshot="e" * 64, training_photos=480, gate_sha256="f" * 64
)


def store(file: bytes) -> dict[str, Any]:
    """The manifest store as the C2PA library reads it, without our settings."""
    with library.Reader("image/png", io.BytesIO(file)) as reader:
        return dict(json.loads(reader.json()))


def active(file: bytes) -> dict[str, Any]:
    whole = store(file)
    return dict(whole["manifests"][whole["active_manifest"]])


def jumbf(file: bytes) -> bytes:
    """The bytes of the `caBX` chunk."""
    at = 8
    while at < len(file):
        (length,) = struct.unpack(">I", file[at : at + 4])
        if file[at + 4 : at + 8] == b"caBX":
            return file[at + 8 : at + 8 + length]
        at += 12 + length
    raise AssertionError("no manifest store")


@pytest.mark.parametrize("photos", [1, 2, 40])
def test_signed_composite_reads_back_trusted_and_whole(
    canvas: CanvasOf, seal: Seal, credentials: Credentials, photos: int
) -> None:
    made = canvas(photos)

    sealed = seal(made)
    found = credential.read(sealed.file, anchors_pem=credentials.anchors_pem)

    assert found is not None
    assert (found.valid, found.trusted, found.failures) == (True, True, ())
    assert found.anchor == "bankd development root of bankd"
    assert found.manifest_text == sealed.manifest_text == made.manifest.canonical()
    assert found.manifest_signature == sealed.manifest_signature
    assert np.array_equal(pixels.decode(sealed.file), made.rgb)
    assert not sealed.time_stamped and found.time_stamp is None


@pytest.mark.parametrize("photos", [1, 2, 40])
def test_every_placed_photo_is_an_ingredient_placed_once_where_it_lies(
    canvas: CanvasOf, seal: Seal, photos: int
) -> None:
    made = canvas(photos)
    placed = made.manifest.placed_photos

    manifest = active(seal(made).file)

    assert [ingredient["title"] for ingredient in manifest["ingredients"]] == [
        str(photo.photo_id) for photo in placed
    ]
    assert {ingredient["relationship"] for ingredient in manifest["ingredients"]} == {"componentOf"}
    actions = next(one["data"] for one in manifest["assertions"] if one["label"].startswith("c2pa.actions"))
    assert actions["allActionsIncluded"] is True
    assert [action["action"] for action in actions["actions"]] == ["c2pa.created"] + ["c2pa.placed"] * len(
        placed
    )
    for number, (action, ingredient) in enumerate(
        zip(actions["actions"][1:], manifest["ingredients"], strict=True)
    ):
        (reference,) = action["parameters"]["ingredients"]
        assert reference["url"].endswith("/" + ingredient["label"])
        ((area,),) = (change["region"] for change in action["changes"])
        ys, xs = np.nonzero(made.manifest.photo_map() == number)
        assert area["shape"]["origin"] == {"x": xs.min(), "y": ys.min()}
        assert area["shape"]["width"] == xs.max() - xs.min() + 1
        assert area["shape"]["height"] == ys.max() - ys.min() + 1


@pytest.mark.parametrize("placed_too", [False, True])
def test_a_photo_whose_layout_it_was_is_input_to_the_creation_and_no_part(
    canvas: CanvasOf, seal: Seal, credentials: Credentials, placed_too: bool
) -> None:
    made = canvas(2)
    photo_id = made.manifest.placed_photos[0].photo_id if placed_too else UUID(int=77)
    layout = LayoutPhoto(photo_id=photo_id, sha256="a" * 64, grant_id=UUID(int=78))
    drawn = made.manifest.model_copy(update={"layout_photo": layout})

    sealed = seal(made, manifest=drawn)

    found = credential.read(sealed.file, anchors_pem=credentials.anchors_pem)
    assert found is not None and (found.valid, found.trusted, found.failures) == (True, True, ())
    assert read(sealed.manifest_text) == drawn and "iscc" not in layout.model_dump()
    manifest = active(sealed.file)
    assert [one["relationship"] for one in manifest["ingredients"]] == [
        "componentOf",
        "componentOf",
        "inputTo",
    ]
    given = manifest["ingredients"][-1]
    assert given["title"] == str(photo_id)
    actions = next(one["data"] for one in manifest["assertions"] if one["label"].startswith("c2pa.actions"))
    (reference,) = actions["actions"][0]["parameters"]["ingredients"]
    assert reference["url"].endswith("/" + given["label"])
    assert [one["action"] for one in actions["actions"]] == ["c2pa.created", "c2pa.placed", "c2pa.placed"]


def test_training_and_mining_are_reserved(canvas: CanvasOf, seal: Seal) -> None:
    assertions = {one["label"]: one["data"] for one in active(seal(canvas(1)).file)["assertions"]}

    assert {entry["use"] for entry in assertions["cawg.training-mining"]["entries"].values()} == {
        "notAllowed"
    }


@pytest.mark.parametrize(
    ("refiner", "term"), [(None, "composite"), (NETWORK, "compositeWithTrainedAlgorithmicMedia")]
)
def test_source_type_says_whether_a_trained_network_had_a_part(
    canvas: CanvasOf, seal: Seal, refiner: Refiner | None, term: str
) -> None:
    made = canvas(1)
    manifest = made.manifest if refiner is None else made.manifest.model_copy(update={"refiner": refiner})

    file = seal(made, manifest=manifest).file

    uri = "http://cv.iptc.org/newscodes/digitalsourcetype/" + term
    actions = next(
        one["data"] for one in active(file)["assertions"] if one["label"].startswith("c2pa.actions")
    )
    assert actions["actions"][0]["digitalSourceType"] == uri
    edits = [action for action in actions["actions"] if action["action"] == "c2pa.edited"]
    assert [edit["parameters"]["org.bankd.checkpoint"] for edit in edits] == (
        [] if refiner is None else [NETWORK.checkpoint]
    )
    with Image.open(io.BytesIO(file)) as image:
        assert f'DigitalSourceType="{uri}"' in image.text["XML:com.adobe.xmp"]  # type: ignore[attr-defined]


def test_manifest_store_names_nobody_and_shows_nothing(canvas: CanvasOf, seal: Seal) -> None:
    made = canvas(2, credit="© Aiko Mori / Kirishima")

    file = seal(made).file

    inside = jumbf(file)
    for word in ("Mori", "Kirishima", "commercial", "Ogawa", "2026-12-31"):
        assert word.encode() not in inside
    assert b"thumbnail" not in inside and b"\xff\xd8\xff" not in inside and b"\x89PNG" not in inside
    assert "Mori" in file.replace(inside, b"").decode("latin-1")  # owed, and said in XMP


def test_manifest_that_lies_elsewhere_is_not_fetched(canvas: CanvasOf, credentials: Credentials) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        url = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/manifest.c2pa"
        info = library.C2paSignerInfo(
            library.C2paSigningAlg.ES256,
            credentials.chain_pem.encode(),
            credentials.key_pem.encode(),
            None,
        )
        # The library itself would look there when it reads back what it signed.
        settings = {"verify": {"verify_after_sign": False, "remote_manifest_fetch": False}}
        signed = io.BytesIO()
        with (
            library.Signer.from_info(info) as signer,
            library.Context.from_dict(settings) as context,
            library.Builder(
                {"title": "elsewhere", "claim_generator_info": [{"name": "test"}]}, context
            ) as builder,
        ):
            builder.set_no_embed()
            builder.set_remote_url(url)
            builder.sign(signer, "image/png", io.BytesIO(pixels.encode(canvas(1).rgb)), signed)
        assert url.encode() in signed.getvalue()

        found = credential.read(signed.getvalue(), anchors_pem=credentials.anchors_pem)

        assert found is None or not found.valid
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_xmp_is_well_formed_whatever_the_credit(canvas: CanvasOf, seal: Seal) -> None:
    credit = 'Ærø & "Co" <photo> ]]> 森 愛子'

    file = seal(canvas(1), credits=[credit, credit, "second"]).file

    with Image.open(io.BytesIO(file)) as image:
        packet = image.text["XML:com.adobe.xmp"]  # type: ignore[attr-defined]
    tree = ElementTree.fromstring(packet.replace("\ufeff", "").encode())
    (found,) = tree.iter("{http://ns.adobe.com/photoshop/1.0/}Credit")
    assert found.text == credit + "; second"
    (terms,) = tree.iter("{http://ns.adobe.com/xap/1.0/rights/}UsageTerms")
    assert str(canvas(1).manifest.composite_id) in "".join(terms.itertext())


def test_signer_that_ends_in_no_anchor_is_valid_but_not_trusted(
    canvas: CanvasOf, seal: Seal, credentials: Credentials
) -> None:
    file = seal(canvas(1)).file
    stranger = development_chain(at=datetime.now(UTC))

    for anchors in ("", stranger.anchors_pem):
        found = credential.read(file, anchors_pem=anchors)
        assert found is not None
        assert (found.valid, found.trusted, found.anchor) == (True, False, None)


def test_pixels_that_are_not_the_manifest_s_are_not_signed(canvas: CanvasOf, seal: Seal) -> None:
    made = canvas(1)
    made.rgb[0, 0, 0] ^= 1

    with pytest.raises(SigningFailed, match="not those that the manifest names"):
        seal(made)


def test_expired_certificate_signs_nothing(canvas: CanvasOf, seal: Seal) -> None:
    with pytest.raises(SigningFailed):
        seal(canvas(1), credentials=development_chain(at=datetime.now(UTC) - timedelta(days=4000)))


def test_certificate_of_another_key_signs_nothing(
    canvas: CanvasOf, seal: Seal, credentials: Credentials
) -> None:
    other = development_chain(at=datetime.now(UTC))
    mixed = Credentials(credentials.chain_pem, other.key_pem, credentials.anchors_pem, development=True)

    with pytest.raises(SigningFailed):
        seal(canvas(1), credentials=mixed)


def test_unreachable_time_stamp_authority_is_said_or_refused(canvas: CanvasOf, seal: Seal) -> None:
    with socket.socket() as taken:  # bound, never listening: connecting is refused at once
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"

        assert seal(canvas(1), clock=c2pa.Clock((url,))).time_stamped is False
        with pytest.raises(TimeStampUnavailable, match="no trusted time-stamp authority answers"):
            seal(canvas(1), clock=c2pa.Clock((url,), required=True))


def test_png_is_srgb_and_the_same_every_time(canvas: CanvasOf) -> None:
    made = canvas(1)
    packet = xmp.packet(composite_id=made.manifest.composite_id, trained=False, credits=[], generator="bankd")

    first, second = (pixels.encode(made.rgb, xmp=packet) for _ in range(2))

    assert first == second
    assert b"sRGB\x00" in first
    assert zlib.crc32(first) and np.array_equal(pixels.decode(first), made.rgb)


def test_pixel_hash_knows_the_size() -> None:
    flat = np.zeros((2, 6, 3), dtype=np.uint8)

    assert pixels.pixel_sha256(flat) != pixels.pixel_sha256(flat.reshape(3, 4, 3))
