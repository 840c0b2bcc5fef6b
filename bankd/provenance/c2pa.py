"""Content credentials: the C2PA manifest store that a composite carries, written.

A placed photo is an ingredient without its bytes, and C2PA binds such an
ingredient to nothing; what binds is our own assertion, which carries the
bank's manifest with the SHA-256 of each photo and its own signature. The store
cannot be redacted, so it holds opaque ids and hashes; no thumbnails, and
nothing is fetched, neither when signing nor when reading.
"""

import base64
import copy
import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid5

import c2pa
import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd import __version__
from bankd.errors import BankError
from bankd.provenance import chains, credential, pixels, regions, signing, xmp
from bankd.provenance.certificates import Credentials
from bankd.provenance.chains import Chain
from bankd.provenance.credential import Credential
from bankd.provenance.errors import SigningFailed, TimeStampUnavailable
from bankd.provenance.manifest import Manifest
from bankd.provenance.pixels import Packed

logger = logging.getLogger(__name__)

LABEL = credential.MANIFEST
LAYOUT = "layout"
CREDENTIALS = b"caBX"  # the chunk of a PNG that C2PA takes
GENERATOR = "bankd"
_RESERVED = ("cawg.data_mining", "cawg.ai_inference", "cawg.ai_generative_training", "cawg.ai_training")


@dataclass(frozen=True)
class Store:
    """A manifest store that is to stand in a composite as a photo's, and what the ingredient says of it."""

    store: bytes
    says: Mapping[str, Any]


@dataclass(frozen=True)
class Clock:
    """Who says when a file was signed: RFC 3161 authorities, asked in turn until one answers."""

    authorities: tuple[str, ...] = ()
    required: bool = False  # sign nothing where none answers; else sign without, and say so
    roots_pem: str = ""  # what the authorities' own chains end in


NO_CLOCK = Clock()
NOT_WHOLE = "the photo's own content credentials do not hold"
AS_PARENT = {"title": "parent", "relationship": "parentOf", "label": "parent"}
Ingredients = Sequence[tuple[Mapping[str, Any], Chain]]


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
    house: str | None = None,
    clock: Clock = NO_CLOCK,
    photo_chains: Mapping[UUID, Chain] = MappingProxyType({}),
    photo_stores: Mapping[UUID, Store] = MappingProxyType({}),
    packed: Packed | None = None,
) -> Sealed:
    """Write XMP, then sign the bank's manifest, then the file, and read it all back.

    That pixels can be read out of the file is found out before it is signed: what is signed has to be that
    file, byte for byte, but for the credentials that are put into it.

    Args:
        packed: the pixels, where somebody has packed them already.
        credits: owed in words; they stand in the XMP packet.
        house: the legal entity that the composite was asked for by.
        photo_chains: content credentials of placed photos that are to stand in the composite's; one whose
            chain cannot be embedded is an ingredient by its hash alone, like every other.
        photo_stores: what placed photos were signed with at ingestion.

    Raises:
        SigningFailed: the pixels are not the manifest's, or the signed file does not verify.
        TimeStampUnavailable: no authority answers, and one has to.
    """
    packed = packed or pixels.packed(rgb)
    if packed.pixel_sha256 != manifest.pixel_sha256:
        raise SigningFailed("the pixels are not those that the manifest names")
    text = manifest.canonical()
    signature = signing.sign(text, manifest_key)
    trained = manifest.refiner.checkpoint is not None
    source = pixels.file_of(packed, xmp=packet_of(manifest, credits=credits, house=house))
    definition = _definition(manifest, trained=trained)
    resources = _with_stores(definition, manifest, photo_stores)
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
    chained = [photo for photo in manifest.placed_photos if photo.photo_id in photo_chains]
    file, time_stamped = b"", False
    if chained:
        file, time_stamped = _with_chains(
            source, definition, manifest, credentials, clock, photo_chains, resources
        )
    if not file:
        file, time_stamped = _stamped(source, definition, credentials, clock, resources=resources)
    read_back = credential.read(
        file, anchors_pem=credentials.anchors_pem, time_stamp_roots_pem=clock.roots_pem
    )
    if read_back is None or not read_back.trusted or read_back.manifest_text != text:
        raise SigningFailed("the signed file does not verify against its own anchors")
    if pixels.without(file, CREDENTIALS) != source:
        raise SigningFailed("the signed file does not hold the manifest's pixels")
    return Sealed(file, manifest, text, signature, time_stamped and _said_by(read_back, clock))


def _with_stores(
    definition: dict[str, Any], manifest: Manifest, photo_stores: Mapping[UUID, Store]
) -> dict[str, bytes]:
    """Point the ingredients of these photos at their stores, which are named as the builder asks for them."""
    resources = {}
    for named, photo in zip(
        definition["ingredients"], manifest.placed_photos, strict=False
    ):  # then the layout
        if (given := photo_stores.get(photo.photo_id)) is not None:
            resources[name := f"{named['label']}.c2pa"] = given.store
            named |= given.says
            named["manifest_data"] = {"format": "application/c2pa", "identifier": name}
    return resources


def _with_chains(
    source: bytes,
    definition: dict[str, Any],
    manifest: Manifest,
    credentials: Credentials,
    clock: Clock,
    photo_chains: Mapping[UUID, Chain],
    resources: Mapping[str, bytes],
) -> tuple[bytes, bool]:
    """Signed with the photos' chains inside, redacted; no bytes where that does not come out whole."""
    labels = {f"photo_{number}": photo.photo_id for number, photo in enumerate(manifest.placed_photos)}
    given_chains = {label: photo_chains[photo] for label, photo in labels.items() if photo in photo_chains}
    embedded = {label: chain for label, chain in given_chains.items() if chains.holds(chain)}
    if broken := given_chains.keys() - embedded.keys():
        named = ", ".join(f"`{labels[label]}`" for label in sorted(broken))
        logger.warning("composite `%s` names %s by hash alone: %s", manifest.composite_id, named, NOT_WHOLE)
    try:
        addresses = chains.redacted(list(embedded.values()))
        changed = copy.deepcopy(definition)
        changed["redactions"] = addresses
        changed["assertions"][0]["data"]["actions"] += chains.actions(addresses)
        given = [(one, embedded[one["label"]]) for one in changed["ingredients"] if one["label"] in embedded]
        changed["ingredients"] = [one for one in changed["ingredients"] if one["label"] not in embedded]
        file, time_stamped = _stamped(
            source, changed, credentials, clock, ingredients=given, resources=resources
        )
    except (c2pa.C2paError, SigningFailed) as error:
        logger.warning("composite `%s` names its photos by hash alone: %s", manifest.composite_id, error)
        return b"", False
    found = credential.read(file, anchors_pem=credentials.anchors_pem)
    if found is None or not found.trusted:
        logger.warning("composite `%s` names its photos by hash alone", manifest.composite_id)
        return b"", False
    return file, time_stamped


def packet_of(
    manifest: Manifest, *, credits: Sequence[str], house: str | None = None, instance_id: UUID | None = None
) -> str:
    """The XMP packet of a composite, or of a copy of it."""
    network = None
    if manifest.refiner.checkpoint is not None:
        version = f"{manifest.recipe}, checkpoint {manifest.refiner.checkpoint}"
        network = xmp.Network(f"{GENERATOR} network refiner", version, manifest.request_id)
    return xmp.packet(
        composite_id=manifest.composite_id,
        trained=network is not None,
        synthetic=manifest.synthetic,
        credits=credits,
        generator=f"{GENERATOR} {__version__}",
        network=network,
        house=house,
        made_at=manifest.sealed_at,
        instance_id=instance_id,
    )


def sign_derived(
    source: bytes,
    *,
    media_type: str,
    parent: bytes,
    title: str,
    instance_id: UUID,
    edits: Sequence[Mapping[str, Any]],
    states: Mapping[str, Any],
    credentials: Credentials,
    clock: Clock = NO_CLOCK,
) -> tuple[bytes, bool]:
    """A file made of a signed PNG, which is its parent and stands in it with its own signature and manifest.

    Args:
        source: the file as it is but for the signature; whatever is to be seen in it is in it already.
        edits: the C2PA actions between the parent and it, in order.
        states: what our own assertion says of the copy.

    Returns:
        The signed file, and whether an authority stamped it.

    Raises:
        SigningFailed: the parent does not hold, or the signed file does not verify.
        TimeStampUnavailable: no authority answers, and one has to.
    """
    definition: dict[str, Any] = {
        "claim_version": 2,
        "claim_generator_info": [{"name": GENERATOR, "version": __version__}],
        "title": title,
        "format": media_type,
        "instance_id": f"urn:uuid:{instance_id}",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}},
                        *(dict(edit) for edit in edits),
                    ],
                    "allActionsIncluded": True,
                },
            },
            _reserved(),
            {"label": credential.RENDITION, "data": dict(states)},
        ],
    }
    of = credential.read(parent, anchors_pem=credentials.anchors_pem)
    if of is None or not of.trusted:
        raise SigningFailed("its parent is not signed by this bank")
    file, time_stamped = _stamped(
        source,
        definition,
        credentials,
        clock,
        media_type=media_type,
        ingredients=[(AS_PARENT, Chain("image/png", parent))],
    )
    read_back = credential.read(
        file,
        anchors_pem=credentials.anchors_pem,
        media_type=media_type,
        time_stamp_roots_pem=clock.roots_pem,
    )
    if read_back is None or not read_back.trusted or read_back.manifest_text != of.manifest_text:
        raise SigningFailed("the signed file does not verify against its own anchors")
    return file, time_stamped and _said_by(read_back, clock)


def _said_by(found: Credential, clock: Clock) -> bool:
    """Whether the stamp ends in the clock's roots, where it has some; what does not counts as none.

    Raises:
        TimeStampUnavailable: it does not, and there has to be one.
    """
    if not clock.roots_pem or (found.time_stamp is not None and found.time_stamp.trusted):
        return True
    if clock.required:
        raise TimeStampUnavailable(clock.authorities)
    return False


def _definition(manifest: Manifest, *, trained: bool) -> dict[str, Any]:
    photo_boxes = regions.boxes(manifest.photo_map())
    actions: list[dict[str, Any]] = [
        {
            "action": "c2pa.created",
            "when": manifest.sealed_at,
            "digitalSourceType": xmp.source_type(trained=trained, synthetic=manifest.synthetic),
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
    if manifest.layout_photo is not None:
        # No part of the picture, and what it was made from all the same: C2PA calls that `inputTo`.
        ingredients.append(
            {
                "title": str(manifest.layout_photo.photo_id),
                "relationship": "inputTo",
                "instance_id": f"urn:uuid:{uuid5(manifest.layout_photo.photo_id, LAYOUT)}",
                "label": LAYOUT,
            }
        )
        actions[0]["parameters"] = {"ingredientIds": [LAYOUT]}
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
            _reserved(),
        ],
    }


def _reserved() -> dict[str, Any]:
    """Nobody may mine the file or train on it. XMP says the same, in the one value that PLUS has for it."""
    return {
        "label": "cawg.training-mining",
        "data": {"entries": {entry: {"use": "notAllowed"} for entry in _RESERVED}},
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


def _stamped(
    source: bytes,
    definition: dict[str, Any],
    credentials: Credentials,
    clock: Clock,
    *,
    media_type: str = "image/png",
    ingredients: Ingredients = (),
    resources: Mapping[str, bytes] = MappingProxyType({}),
) -> tuple[bytes, bool]:
    """Signed, and whether with a time stamp. What fails without one too did not fail for the authority."""
    for authority in clock.authorities:
        try:
            return _sign(source, definition, credentials, authority, media_type, ingredients, resources), True
        except c2pa.C2paError:
            continue
    try:
        file = _sign(source, definition, credentials, None, media_type, ingredients, resources)
    except c2pa.C2paError as error:
        raise SigningFailed(credential.reason(error)) from error
    if clock.required and clock.authorities:
        raise TimeStampUnavailable(clock.authorities)
    return file, False


def _sign(
    source: bytes,
    definition: dict[str, Any],
    credentials: Credentials,
    authority: str | None,
    media_type: str,
    ingredients: Ingredients,
    resources: Mapping[str, bytes],
) -> bytes:
    signed = io.BytesIO()
    failed: list[BankError] = []  # what asking for a signature met: the library keeps no exceptions
    try:
        with (
            signer_of(credentials, authority, failed) as signer,
            c2pa.Context.from_dict(credential.settings(anchors_pem=credentials.anchors_pem)) as context,
            c2pa.Builder(definition, context) as builder,
        ):
            for named, chain in ingredients:
                builder.add_ingredient(dict(named), chain.media_type, io.BytesIO(chain.content))
            for name, content in resources.items():
                builder.add_resource(name, io.BytesIO(content))
            builder.sign(signer, media_type, io.BytesIO(source), signed)
    except c2pa.C2paError:
        if failed:
            raise failed[0] from None
        raise
    return signed.getvalue()


def signer_of(credentials: Credentials, authority: str | None, failed: list[BankError]) -> c2pa.Signer:
    """`failed` takes what asking for a signature met."""
    ask = credentials.sign
    if ask is None:
        return c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(
                c2pa.C2paSigningAlg.ES256,
                credentials.chain_pem.encode(),
                credentials.key_pem.encode(),
                authority,
            )
        )

    def asked(data: bytes) -> bytes:
        try:
            return ask(data)
        except BankError as error:
            failed.append(error)
            return b""

    return c2pa.Signer.from_callback(asked, c2pa.C2paSigningAlg.ES256, credentials.chain_pem, authority)
