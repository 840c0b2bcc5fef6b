"""Content credentials: the C2PA manifest store that a composite carries.

A placed photo is an ingredient without its bytes, and C2PA binds such an
ingredient to nothing; what binds is our own assertion, which carries the
bank's manifest with the SHA-256 of each photo and its own signature. The store
cannot be redacted, so it holds opaque ids and hashes; no thumbnails, and
nothing is fetched, neither when signing nor when reading.
"""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import c2pa
import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd import __version__
from bankd.provenance import pixels, regions, signing, xmp
from bankd.provenance.certificates import Credentials
from bankd.provenance.errors import SigningFailed
from bankd.provenance.manifest import Manifest

LABEL = "org.bankd.manifest"
GENERATOR = "bankd"
_RESERVED = ("cawg.data_mining", "cawg.ai_inference", "cawg.ai_generative_training", "cawg.ai_training")


@dataclass(frozen=True)
class Sealed:
    """The file as it will leave the bank, and what it was signed with."""

    file: bytes
    manifest: Manifest
    manifest_text: str  # its canonical text, which is what was signed
    manifest_signature: bytes
    time_stamped: bool


def sign(
    rgb: npt.NDArray[np.uint8],
    *,
    manifest: Manifest,
    manifest_key: Ed25519PrivateKey,
    credentials: Credentials,
    credits: Sequence[str] = (),
    time_stamp_url: str | None = None,
    require_time_stamp: bool = False,
) -> Sealed:
    """Write XMP, then sign the bank's manifest, then the file, and read it all back.

    Args:
        credits: owed in words; they stand in the XMP packet.
        time_stamp_url: an RFC 3161 authority. When it cannot be reached the file is signed
            without a time stamp and `time_stamped` says so, unless `require_time_stamp`.

    Raises:
        SigningFailed: the pixels are not the manifest's, or the signed file does not verify.
    """
    if pixels.pixel_sha256(rgb) != manifest.pixel_sha256:
        raise SigningFailed("the pixels are not those that the manifest names")
    text = manifest.canonical()
    signature = signing.sign(text, manifest_key)
    trained = manifest.refiner.checkpoint is not None
    source = pixels.encode(
        rgb,
        xmp=xmp.packet(
            composite_id=manifest.composite_id,
            trained=trained,
            credits=credits,
            generator=f"{GENERATOR} {__version__}",
        ),
    )
    definition = _definition(manifest, trained=trained)
    definition["assertions"].append(
        {
            "label": LABEL,
            "data": {
                "manifest": text,
                "signature": base64.b64encode(signature).decode(),
                "key": signing.key_id(manifest_key.public_key()),
            },
        }
    )
    time_stamped = time_stamp_url is not None
    try:
        file = _sign(source, definition, credentials, time_stamp_url)
    except c2pa.C2paError as error:
        if time_stamp_url is None or require_time_stamp:
            raise SigningFailed(_reason(error)) from error
        time_stamped = False
        try:
            file = _sign(source, definition, credentials, None)
        except c2pa.C2paError as again:
            raise SigningFailed(_reason(again)) from again

    read_back = read(file, anchors_pem=credentials.anchors_pem)
    if read_back is None or not read_back.trusted or read_back.manifest_text != text:
        raise SigningFailed("the signed file does not verify against its own anchors")
    if pixels.pixel_sha256(pixels.decode(file)) != manifest.pixel_sha256:
        raise SigningFailed("the signed file does not hold the manifest's pixels")
    return Sealed(file, manifest, text, signature, time_stamped)


def sign_derived(
    rgb: npt.NDArray[np.uint8],
    *,
    parent: bytes,
    title: str,
    instance_id: UUID,
    edits: str,
    credentials: Credentials,
    time_stamp_url: str | None = None,
) -> bytes:
    """A PNG made of a signed one, which is its parent and stands in it with its own signature and manifest.

    Args:
        rgb: the pixels as changed; whatever is to be seen in them is in them already.
        edits: what was done to the parent's pixels, in a phrase.

    Raises:
        SigningFailed: the parent does not hold, or the signed file does not verify.
    """
    definition: dict[str, Any] = {
        "claim_version": 2,
        "claim_generator_info": [{"name": GENERATOR, "version": __version__}],
        "title": title,
        "format": "image/png",
        "instance_id": f"urn:uuid:{instance_id}",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}},
                        {"action": "c2pa.edited", "description": edits},
                    ],
                    "allActionsIncluded": True,
                },
            },
            {
                "label": "cawg.training-mining",
                "data": {"entries": {entry: {"use": "notAllowed"} for entry in _RESERVED}},
            },
        ],
    }
    if (of := read(parent, anchors_pem=credentials.anchors_pem)) is None or not of.trusted:
        raise SigningFailed("its parent is not signed by this bank")
    source = pixels.encode(rgb)
    try:
        file = _sign(source, definition, credentials, time_stamp_url, parent=parent)
    except c2pa.C2paError as error:
        if time_stamp_url is None:
            raise SigningFailed(_reason(error)) from error
        try:
            file = _sign(source, definition, credentials, None, parent=parent)
        except c2pa.C2paError as again:
            raise SigningFailed(_reason(again)) from again
    read_back = read(file, anchors_pem=credentials.anchors_pem)
    if read_back is None or not read_back.trusted:
        raise SigningFailed("the signed file does not verify against its own anchors")
    return file


@dataclass(frozen=True)
class Credential:
    """What a file's active C2PA manifest says, and what is wrong with it."""

    valid: bool  # signature, hashes and pixels hold
    trusted: bool  # valid, and the signer's chain ends in an anchor that we were given
    failures: tuple[str, ...]  # C2PA status codes, without the untrusted signer
    issuer: str | None
    signed_at: str | None  # by a time-stamp authority; None without one
    manifest_text: str | None
    manifest_signature: bytes | None


def read(file: bytes, *, anchors_pem: str) -> Credential | None:
    """The content credentials of a PNG, or None where it carries none.

    Broken ones are a `Credential` that is not valid, never an exception.
    """
    settings = _settings()
    if anchors_pem:
        settings["trust"] = {"user_anchors": anchors_pem}
    try:
        with c2pa.Context.from_dict(settings) as context:
            reader = c2pa.Reader.try_create("image/png", io.BytesIO(file), context=context)
            if reader is None:
                return None
            with reader:
                return _credential(json.loads(reader.json()))
    except c2pa.C2paError as error:
        return Credential(False, False, (_reason(error),), None, None, None, None)


def _credential(store: dict[str, Any]) -> Credential:
    results = store.get("validation_results", {})
    codes = {status["code"] for status in results.get("activeManifest", {}).get("failure", [])}
    for delta in results.get("ingredientDeltas", []):
        codes |= {status["code"] for status in delta["validationDeltas"].get("failure", [])}
    failures = tuple(sorted(codes - {"signingCredential.untrusted"}))
    state = store.get("validation_state")
    valid = state in ("Valid", "Trusted") and not failures
    active = store["manifests"].get(store.get("active_manifest"), {})
    signature_info = active.get("signature_info", {})
    text = signature = None
    ours = [one["data"] for one in active.get("assertions", []) if one.get("label") == LABEL]
    if len(ours) == 1:
        text, signature = _embedded(ours[0])
    return Credential(
        valid=valid,
        trusted=valid and state == "Trusted",
        failures=failures,
        issuer=signature_info.get("common_name") or signature_info.get("issuer"),
        signed_at=signature_info.get("time"),
        manifest_text=text,
        manifest_signature=signature,
    )


def _embedded(assertion: Any) -> tuple[str | None, bytes | None]:
    if not isinstance(assertion, dict) or not isinstance(assertion.get("manifest"), str):
        return None, None
    try:
        return assertion["manifest"], base64.b64decode(str(assertion.get("signature")), validate=True)
    except ValueError:
        return assertion["manifest"], None


def _definition(manifest: Manifest, *, trained: bool) -> dict[str, Any]:
    photo_boxes = regions.boxes(manifest.photo_map())
    actions: list[dict[str, Any]] = [
        {
            "action": "c2pa.created",
            "when": manifest.sealed_at,
            "digitalSourceType": xmp.source_type(trained=trained),
        }
    ]
    ingredients = []
    for number, photo in enumerate(manifest.placed_photos):
        ingredients.append(
            {
                "title": str(photo.photo_id),
                "relationship": "componentOf",
                "instance_id": f"urn:uuid:{photo.photo_id}",
                "label": f"photo_{number}",
            }
        )
        actions.append(
            {
                "action": "c2pa.placed",
                "parameters": {"ingredientIds": [f"photo_{number}"]},
                "changes": [{"region": [_rectangle(photo_boxes[number])]}],
            }
        )
    if trained:
        # It may touch any pixel, so no region is named; the gate in our assertion bounds each.
        actions.append(
            {
                "action": "c2pa.edited",
                "softwareAgent": {"name": f"{GENERATOR} network refiner", "version": __version__},
                "digitalSourceType": xmp.TRAINED,
                "parameters": {
                    "org.bankd.checkpoint": manifest.refiner.checkpoint,
                    "org.bankd.made_px": manifest.refiner.made_px,
                },
            }
        )
    return {
        "claim_version": 2,
        "claim_generator_info": [{"name": GENERATOR, "version": __version__}],
        "title": f"composite {manifest.composite_id}",
        "format": "image/png",
        "instance_id": f"urn:uuid:{manifest.composite_id}",
        "ingredients": ingredients,
        "assertions": [
            # Every step of the pipeline is one of these: placing (with its fills and seams), and the
            # network's pass over what was placed.
            {"label": "c2pa.actions.v2", "data": {"actions": actions, "allActionsIncluded": True}},
            {
                "label": "cawg.training-mining",
                "data": {"entries": {entry: {"use": "notAllowed"} for entry in _RESERVED}},
            },
        ],
    }


def _rectangle(box: regions.Box) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    return {
        "type": "spatial",
        "shape": {
            "type": "rectangle",
            "unit": "pixel",
            "origin": {"x": x0, "y": y0},
            "width": x1 - x0,
            "height": y1 - y0,
        },
    }


def _settings() -> dict[str, Any]:
    return {
        "verify": {
            "verify_after_sign": False,  # `sign` reads the whole file back, against our own anchors
            "verify_trust": True,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
        "builder": {"thumbnail": {"enabled": False}},
    }


def _sign(
    source: bytes,
    definition: dict[str, Any],
    credentials: Credentials,
    tsa: str | None,
    *,
    parent: bytes | None = None,
) -> bytes:
    settings = {**_settings(), "trust": {"user_anchors": credentials.anchors_pem}}
    info = c2pa.C2paSignerInfo(
        c2pa.C2paSigningAlg.ES256, credentials.chain_pem.encode(), credentials.key_pem.encode(), tsa
    )
    signed = io.BytesIO()
    with (
        c2pa.Signer.from_info(info) as signer,
        c2pa.Context.from_dict(settings) as context,
        c2pa.Builder(definition, context) as builder,
    ):
        if parent is not None:
            as_parent = {"title": "parent", "relationship": "parentOf", "label": "parent"}
            builder.add_ingredient(as_parent, "image/png", io.BytesIO(parent))
        builder.sign(signer, "image/png", io.BytesIO(source), signed)
    return signed.getvalue()


def _reason(error: c2pa.C2paError) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
