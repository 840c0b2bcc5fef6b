"""Content credentials of placed photos inside a composite's: their chain, without what shows or names."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import c2pa as library
import numpy as np
import pytest
from PIL import Image

from bankd.provenance import c2pa, credential, stores
from bankd.provenance.certificates import Credentials, development_chain
from bankd.provenance.chains import Chain

CanvasOf = Callable[..., Any]
Seal = Callable[..., c2pa.Sealed]


@pytest.fixture(scope="module")
def shot() -> bytes:
    """A photo as a camera signs it: with its author, a thumbnail, and what it reserves."""
    camera = development_chain(at=datetime.now(UTC), name="Camera 7")
    out = io.BytesIO()
    Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(out, "JPEG")
    author = {"@type": "Person", "name": "Aiko Mori"}
    definition = {
        "claim_generator_info": [{"name": "Cam"}],
        "title": "DSC_0001",
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.opened"}]}},
            {
                "label": "stds.schema-org.CreativeWork",
                "data": {"@context": "https://schema.org", "@type": "CreativeWork", "author": [author]},
            },
            {
                "label": "cawg.training-mining",
                "data": {"entries": {"cawg.ai_training": {"use": "notAllowed"}}},
            },
        ],
    }
    source = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
    definition["assertions"][0]["data"]["actions"] = [{"action": "c2pa.created", "digitalSourceType": source}]  # type: ignore[index]
    info = library.C2paSignerInfo(
        library.C2paSigningAlg.ES256, camera.chain_pem.encode(), camera.key_pem.encode(), None
    )
    signed = io.BytesIO()
    settings = {"builder": {"thumbnail": {"enabled": True}}, "verify": {"verify_after_sign": False}}
    with (
        library.Signer.from_info(info) as signer,
        library.Context.from_dict(settings) as context,
        library.Builder(definition, context) as builder,
    ):
        builder.sign(signer, "image/jpeg", io.BytesIO(out.getvalue()), signed)
    return signed.getvalue()


def test_chain_goes_along_without_thumbnail_and_author_and_the_composite_says_so(
    canvas: CanvasOf, seal: Seal, credentials: Credentials, shot: bytes
) -> None:
    made = canvas(3)
    arrived = made.manifest.placed_photos[1].photo_id
    assert b"Aiko Mori" in shot and b"thumbnail" in shot

    file = seal(made, photo_chains={arrived: Chain("image/jpeg", shot)}).file

    found = credential.store(file, anchors_pem=credentials.anchors_pem, media_type="image/png")
    assert found is not None and found["validation_state"] == "Trusted"
    active = found["manifests"][found["active_manifest"]]
    chained = [one for one in active["ingredients"] if "active_manifest" in one]
    assert [one["title"] for one in chained] == [str(arrived)] and len(active["ingredients"]) == 3
    theirs = found["manifests"][chained[0]["active_manifest"]]
    kept = {one["label"] for one in theirs["assertions"]}
    assert "cawg.training-mining" in kept and "stds.schema-org.CreativeWork" not in kept
    actions = next(one["data"] for one in active["assertions"] if one["label"] == "c2pa.actions.v2")
    assert [one["action"] for one in actions["actions"]].count("c2pa.redacted") == 2
    assert [one["action"] for one in actions["actions"]].count("c2pa.placed") == 3
    store = stores.manifest_store(file)
    assert store is not None
    assert b"Aiko Mori" not in store and b"\xff\xd8\xff" not in store
    text = json.dumps(found)
    assert "jfif" not in text.lower() and len(store) < len(shot)


def test_chain_that_does_not_hold_leaves_its_photo_an_ingredient_by_hash(
    canvas: CanvasOf, seal: Seal, credentials: Credentials, shot: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    made = canvas(2)
    photo = made.manifest.placed_photos[0].photo_id
    broken = shot.replace(b"digitalCapture", b"digitalcapture")

    file = seal(made, photo_chains={photo: Chain("image/jpeg", broken)}).file

    found = credential.read(file, anchors_pem=credentials.anchors_pem)
    assert found is not None and found.trusted
    assert f"`{photo}` by hash alone" in caplog.text
    assert b"Cam" not in (stores.manifest_store(file) or b"")
