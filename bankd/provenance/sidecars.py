"""Photos that the house signs at ingestion: a manifest beside the file, whose bytes stay as they came.

It says that this bank took in these bytes, under an opaque id, and nothing of what they show: no thumbnail,
no name, no license. A composite that the photo is placed in carries it as that ingredient's own manifest, so
that the chain begins where the photo came in.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import c2pa as library

from bankd import __version__
from bankd.errors import BankError
from bankd.provenance import c2pa, credential
from bankd.provenance.c2pa import NO_CLOCK, Clock
from bankd.provenance.certificates import Credentials
from bankd.provenance.errors import SigningFailed

LABEL = "org.bankd.photo"
MEDIA_TYPE = "application/c2pa"


@dataclass(frozen=True)
class Signs:
    """What photos are signed with, and who says when."""

    credentials: Credentials
    clock: Clock = NO_CLOCK


@dataclass(frozen=True)
class Sidecar:
    """A photo's original bytes, and the manifest store that was signed for them."""

    media_type: str
    content: bytes
    store: bytes


def sign(content: bytes, *, media_type: str, photo_id: UUID, sha256: str, signs: Signs) -> bytes:
    """The manifest store of a photo that has none of its own. The photo's bytes are read and left alone.

    Time-stamped by the first authority that answers; by none, where none does.

    Raises:
        SigningFailed: the library cannot read such a file, or what was signed does not hold.
        SignatureNotGiven: whoever has the key gives no signature.
    """
    definition = {
        "claim_version": 2,
        "claim_generator_info": [{"name": c2pa.GENERATOR, "version": __version__}],
        "title": f"photo {photo_id}",
        "format": media_type,
        "instance_id": f"urn:uuid:{photo_id}",
        "ingredients": [
            {
                "title": str(photo_id),
                "relationship": "parentOf",
                "instance_id": f"urn:uuid:{photo_id}",
                "label": "taken",
            }
        ],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [{"action": "c2pa.opened", "parameters": {"ingredientIds": ["taken"]}}],
                    "allActionsIncluded": True,
                },
            },
            {"label": LABEL, "data": {"photo": str(photo_id), "sha256": sha256}},
        ],
    }
    anchors_pem = signs.credentials.anchors_pem
    for authority in (*signs.clock.authorities, None):
        failed: list[BankError] = []
        try:
            with (
                c2pa.signer_of(signs.credentials, authority, failed) as signer,
                library.Context.from_dict(credential.settings(anchors_pem=anchors_pem)) as context,
                library.Builder(definition, context) as builder,
            ):
                builder.set_no_embed()
                store = bytes(builder.sign(signer, media_type, io.BytesIO(content), io.BytesIO()))
                break
        except library.C2paError as error:
            if failed:
                raise failed[0] from None
            if authority is None:
                raise SigningFailed(credential.reason(error)) from None
    if ingredient(Sidecar(media_type, content, store), anchors_pem=anchors_pem) is None:
        raise SigningFailed("the manifest beside the photo does not hold")
    return store


def ingredient(photo: Sidecar, *, anchors_pem: str, stamped: bool = False) -> Mapping[str, Any] | None:
    """What a composite's ingredient says of the manifest: which, and how it was validated now.

    None where it is not of these bytes, or not signed by whom the anchors vouch for.

    Args:
        stamped: None too where it has no time stamp. Its trust ends with its certificate then, and that of
            every composite that carries it.
    """
    try:
        with (
            library.Context.from_dict(credential.settings(anchors_pem=anchors_pem)) as context,
            library.Reader(
                photo.media_type, io.BytesIO(photo.content), photo.store, context=context
            ) as reader,
        ):
            found: dict[str, Any] = json.loads(reader.json())
    except library.C2paError:
        return None
    active = found.get("manifests", {}).get(found.get("active_manifest"), {})
    if found.get("validation_state") != "Trusted":
        return None
    if stamped and not active.get("signature_info", {}).get("time"):
        return None
    return {
        "format": photo.media_type,
        "active_manifest": found["active_manifest"],
        "validation_results": found["validation_results"],
    }
