"""Photos that the house signs as they come in: beside the file, and at the root of a composite's chain."""

import io
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import c2pa as library
import numpy as np
import pytest
from PIL import Image
from time_authority import authority

from bankd.provenance import c2pa, credential, sidecars
from bankd.provenance.c2pa import Clock
from bankd.provenance.certificates import Credentials, development_chain
from bankd.provenance.errors import SigningFailed
from bankd.provenance.sidecars import Sidecar, Signs
from bankd.provenance.stores import manifest_store
from tests.bankd.provenance.conftest import SEALED_AT

CanvasOf = Callable[..., Any]
Seal = Callable[..., c2pa.Sealed]


def a_photo(form: str = "JPEG") -> bytes:
    out = io.BytesIO()
    rgb = np.random.default_rng(1).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x013B] = "Aiko Mori"  # Artist
    Image.fromarray(rgb).save(out, form, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_manifest_beside_a_photo_holds_for_its_very_bytes_and_shows_nothing_of_it(
    credentials: Credentials, form: str
) -> None:
    photo, media_type, id = a_photo(form), f"image/{form.lower()}", uuid4()

    store = sidecars.sign(
        photo, media_type=media_type, photo_id=id, sha256=sha256(photo).hexdigest(), signs=Signs(credentials)
    )

    assert b"Aiko Mori" in photo and b"Aiko Mori" not in store and b"thumbnail" not in store
    settings = credential.settings(anchors_pem=credentials.anchors_pem)
    with (
        library.Context.from_dict(settings) as context,
        library.Reader(media_type, io.BytesIO(photo), store, context=context) as reader,
    ):
        found = json.loads(reader.json())
    active = found["manifests"][found["active_manifest"]]
    (own,) = (one["data"] for one in active["assertions"] if one["label"] == sidecars.LABEL)
    assert found["validation_state"] == "Trusted"
    assert own == {"photo": str(id), "sha256": sha256(photo).hexdigest()}
    anchors = credentials.anchors_pem
    assert sidecars.ingredient(Sidecar(media_type, photo, store), anchors_pem=anchors) is not None
    changed = photo[:-30] + bytes([photo[-30] ^ 1]) + photo[-29:]
    assert sidecars.ingredient(Sidecar(media_type, changed, store), anchors_pem=anchors) is None
    other = development_chain(at=SEALED_AT).anchors_pem
    assert sidecars.ingredient(Sidecar(media_type, photo, store), anchors_pem=other) is None


def test_what_is_no_picture_is_not_signed(credentials: Credentials) -> None:
    with pytest.raises(SigningFailed):
        sidecars.sign(
            b"no picture", media_type="image/png", photo_id=uuid4(), sha256="0" * 64, signs=Signs(credentials)
        )


def test_a_composite_carries_the_photo_s_manifest_as_that_ingredient_s(
    canvas: CanvasOf, seal: Seal, credentials: Credentials
) -> None:
    made, photo = canvas(3), a_photo()
    placed = made.manifest.placed_photos[1]
    store = sidecars.sign(
        photo,
        media_type="image/jpeg",
        photo_id=placed.photo_id,
        sha256=placed.sha256,
        signs=Signs(credentials),
    )
    says = sidecars.ingredient(Sidecar("image/jpeg", photo, store), anchors_pem=credentials.anchors_pem)
    assert says is not None

    file = seal(made, photo_stores={placed.photo_id: c2pa.Store(store, says)}).file

    found = credential.store(file, anchors_pem=credentials.anchors_pem, media_type="image/png")
    assert found is not None and found["validation_state"] == "Trusted" and len(found["manifests"]) == 2
    active = found["manifests"][found["active_manifest"]]
    chained = [one for one in active["ingredients"] if "active_manifest" in one]
    assert [one["title"] for one in chained] == [str(placed.photo_id)] and len(active["ingredients"]) == 3
    theirs = found["manifests"][chained[0]["active_manifest"]]
    (own,) = (one["data"] for one in theirs["assertions"] if one["label"] == sidecars.LABEL)
    assert own["sha256"] == placed.sha256
    deltas = [one["validationDeltas"] for one in found["validation_results"]["ingredientDeltas"]]
    codes = [code["code"] for one in deltas for code in one["success"]]
    assert codes.count("ingredient.manifest.validated") == 1
    assert not any(one["failure"] for one in deltas)
    inside = manifest_store(file)
    assert inside is not None and b"thumbnail" not in inside and b"Aiko" not in inside


def test_only_a_stamped_manifest_goes_along_where_the_house_has_an_authority(
    credentials: Credentials, tmp_path: Path
) -> None:
    photo, id = a_photo(), uuid4()
    facts: dict[str, Any] = {"media_type": "image/jpeg", "photo_id": id, "sha256": "0" * 64}
    with authority(tmp_path) as clock:
        stamped = sidecars.sign(photo, signs=Signs(credentials, Clock((clock.url,))), **facts)
    plain = sidecars.sign(photo, signs=Signs(credentials, Clock((clock.url,))), **facts)  # it is gone

    says = [
        sidecars.ingredient(
            Sidecar("image/jpeg", photo, store), anchors_pem=credentials.anchors_pem, stamped=True
        )
        for store in (stamped, plain)
    ]
    assert says[0] is not None and says[1] is None
