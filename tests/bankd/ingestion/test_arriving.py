"""Photos that arrive with content credentials of others: kept, and heeded where they tighten."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import c2pa as library
import pytest
from PIL import Image

from bankd.ingestion import arriving
from bankd.licensing.terms import EmbeddedRights
from bankd.provenance import sidecars, stores
from bankd.provenance.certificates import Credentials, development_chain
from bankd.provenance.sidecars import Sidecar, Signs
from bankd.storage import key

CAPTURE = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
MEDIA = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "TIFF": "image/tiff"}


@pytest.fixture(scope="module")
def camera() -> Credentials:
    return development_chain(at=datetime.now(UTC), name="Camera of Aiko Mori")


@pytest.fixture(scope="module")
def shot(camera: Credentials) -> Callable[..., bytes]:
    """A photo as a camera signs it: with a thumbnail and a name, by the library and not by us."""

    def shot(
        picture: bytes, kind: str = "JPEG", *, source: str = CAPTURE, entries: dict[str, Any] | None = None
    ) -> bytes:
        definition: dict[str, Any] = {
            "claim_generator_info": [{"name": "Mori Cam", "version": "1"}],
            "title": "DSC_0001 by Aiko Mori",
            "assertions": [
                {
                    "label": "c2pa.actions.v2",
                    "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": source}]},
                }
            ],
        }
        if entries is not None:
            definition["assertions"].append({"label": "cawg.training-mining", "data": {"entries": entries}})
        info = library.C2paSignerInfo(
            library.C2paSigningAlg.ES256, camera.chain_pem.encode(), camera.key_pem.encode(), None
        )
        settings = {"builder": {"thumbnail": {"enabled": True}}, "verify": {"verify_after_sign": False}}
        signed = io.BytesIO()
        with (
            library.Signer.from_info(info) as signer,
            library.Context.from_dict(settings) as context,
            library.Builder(definition, context) as builder,
        ):
            builder.sign(signer, MEDIA[kind], io.BytesIO(picture), signed)
        return signed.getvalue()

    return shot


@pytest.fixture(scope="module")
def picture(pixels: Callable[..., Any]) -> Callable[..., bytes]:
    def picture(kind: str = "JPEG", seed: int = 0) -> bytes:
        out = io.BytesIO()
        Image.fromarray(pixels(seed)).save(out, kind)
        return out.getvalue()

    return picture


@pytest.mark.parametrize("kind", sorted(MEDIA))
def test_credentials_are_read_from_each_kind_of_photo_and_their_store_is_taken_out_whole(
    shot: Any, picture: Any, camera: Credentials, kind: str
) -> None:
    content = shot(picture(kind), kind)

    found = arriving.read(content, MEDIA[kind], anchors_pem=camera.anchors_pem)

    assert found is not None
    assert (found.facts["state"], found.facts["generator"]) == ("trusted", "Mori Cam")
    assert found.facts["anchor"] == "Camera of Aiko Mori root of bankd"
    assert found.facts["source_types"] == ["digitalCapture"] and not found.facts["generative"]
    assert found.facts["store_sha256"] == sha256(found.store).hexdigest()
    # The library reads the same from the store alone.
    with library.Reader("application/c2pa", io.BytesIO(found.store)) as reader:
        alone = json.loads(reader.json())
    assert alone["manifests"][alone["active_manifest"]]["title"] == "DSC_0001 by Aiko Mori"
    assert arriving.read(picture(kind), MEDIA[kind]) is None


def test_strangers_are_valid_and_a_changed_photo_is_not(shot: Any, picture: Any) -> None:
    content = shot(picture())
    changed = content[:-40] + bytes([content[-40] ^ 1]) + content[-39:]

    stranger, broken = (arriving.read(one, "image/jpeg") for one in (content, changed))

    assert stranger is not None and stranger.facts["state"] == "valid" and stranger.facts["anchor"] is None
    assert broken is not None and broken.facts["state"] == "invalid"
    assert "assertion.dataHash.mismatch" in broken.facts["failures"]


def test_claims_that_were_changed_may_have_reserved_more(shot: Any, picture: Any) -> None:
    content = shot(picture("PNG"), "PNG", entries={"cawg.ai_training": {"use": "notAllowed"}})
    changed = content.replace(b"notAllowed", b"allowed   ")
    assert changed != content

    found = arriving.read(changed, "image/png")

    assert found is not None and found.facts["state"] == "invalid"
    assert found.tighten(EmbeddedRights()).data_mining == "DMI-PROHIBITED"


def test_generated_photo_says_so(shot: Any, picture: Any) -> None:
    found = arriving.read(shot(picture(), source=GENERATED), "image/jpeg")

    assert found is not None and found.facts["generative"]


@pytest.mark.parametrize(
    ("entries", "data_mining", "inference"),
    [
        ({"cawg.data_mining": {"use": "allowed"}}, None, None),
        ({"cawg.ai_training": {"use": "notAllowed"}}, "DMI-PROHIBITED-AIMLTRAINING", None),
        ({"cawg.ai_generative_training": {"use": "notAllowed"}}, "DMI-PROHIBITED-GENAIMLTRAINING", None),
        ({"cawg.ai_training": {"use": "constrained"}}, "DMI-PROHIBITED-SEECONSTRAINT", None),
        ({"cawg.data_mining": {"use": "perhaps"}}, "DMI-PROHIBITED", None),
        (
            {"cawg.ai_training": {"use": "notAllowed"}, "cawg.ai_generative_training": {"use": "notAllowed"}},
            "DMI-PROHIBITED",
            None,
        ),
        ({"cawg.ai_inference": {"use": "notAllowed"}}, None, "notAllowed"),
    ],
)
def test_what_credentials_reserve_tightens_whoever_signed_them(
    shot: Any, picture: Any, entries: dict[str, Any], data_mining: str | None, inference: str | None
) -> None:
    found = arriving.read(shot(picture(), entries=entries), "image/jpeg")

    assert found is not None
    rights = found.tighten(EmbeddedRights())
    assert (rights.data_mining, rights.ai_inference) == (data_mining, inference)


def test_a_leave_in_credentials_lifts_no_prohibition_and_two_are_the_strictest(
    shot: Any, picture: Any
) -> None:
    said = EmbeddedRights(data_mining="DMI-PROHIBITED-AIMLTRAINING")
    leave = arriving.read(shot(picture(), entries={"cawg.ai_training": {"use": "allowed"}}), "image/jpeg")
    other = {"cawg.ai_generative_training": {"use": "notAllowed"}}
    another = arriving.read(shot(picture(), entries=other), "image/jpeg")

    assert leave is not None and leave.tighten(said) == said
    assert another is not None and another.tighten(said).data_mining == "DMI-PROHIBITED"
    assert another.tighten(EmbeddedRights(data_mining="DMI-ALLOWED")).data_mining == (
        "DMI-PROHIBITED-GENAIMLTRAINING"
    )


def test_store_that_nobody_can_read_may_hold_a_prohibition(shot: Any, picture: Any) -> None:
    content = shot(picture("PNG"), "PNG")
    store = stores.manifest_store(content)
    assert store is not None
    at = content.index(store)
    broken = content[: at + 4] + b"xxxx" + content[at + 8 :]

    found = arriving.read(broken, "image/png")

    assert found is not None and found.facts["state"] in ("unreadable", "invalid")
    assert found.tighten(EmbeddedRights()).data_mining == "DMI-PROHIBITED"


def test_bytes_of_any_kind_have_a_store_or_none_and_never_fail(shot: Any, picture: Any) -> None:
    for kind in MEDIA:
        content = shot(picture(kind), kind)
        for length in range(0, len(content), 997):
            stores.manifest_store(content[:length])
    assert stores.manifest_store(b"") is None and stores.manifest_store(b"GIF89a") is None


def test_photo_keeps_its_chain_beside_it_and_its_reservation_counts(
    bank: Any, filed: Any, shot: Any, picture: Any
) -> None:
    entries = {"cawg.ai_training": {"use": "notAllowed"}, "cawg.ai_inference": {"use": "notAllowed"}}
    content = shot(picture("PNG"), "PNG", entries=entries)
    batch_id = bank.open(filed(photo=content))

    (outcome,) = bank.work(batch_id).values()

    photo = bank.photo(outcome.photo_id)
    assert photo.credentials["state"] == "valid" and photo.credentials["reserved"] == {
        "ai_inference": "notAllowed",
        "ai_training": "notAllowed",
    }
    kept = bank.blobs.get(key(photo.id, photo.credentials["store_sha256"]), limit_bytes=1 << 20)
    assert kept == stores.manifest_store(content)
    assert photo.embedded["data_mining"] == "DMI-PROHIBITED-AIMLTRAINING"
    assert photo.embedded["ai_inference"] == "notAllowed"


def test_a_photo_without_credentials_is_signed_beside_its_bytes_where_the_house_wants_that(
    bank: Any, filed: Any, shot: Any, picture: Any, a_photo: Any
) -> None:
    bank.signs = Signs(development_chain(at=datetime.now(UTC)))
    plain, arrived = a_photo(seed=3), shot(picture("PNG"), "PNG")
    outcomes = bank.work(bank.open(filed(1, photo=plain), filed(2, photo=arrived)))

    photos = {photo.sha256: photo for photo in (bank.photo(one.photo_id) for one in outcomes.values())}
    one = photos[sha256(plain).hexdigest()]
    store = bank.blobs.get(key(one.id, one.store_sha256), limit_bytes=1 << 20)
    assert bank.blobs.get(key(one.id, one.sha256), limit_bytes=1 << 24) == plain and one.credentials is None
    signed = Sidecar(one.media_type, plain, store)
    assert sidecars.ingredient(signed, anchors_pem=bank.signs.credentials.anchors_pem) is not None
    assert photos[sha256(arrived).hexdigest()].store_sha256 is None  # it has a chain of its own
