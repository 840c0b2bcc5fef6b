"""Content credentials that a photo arrives with: kept, checked, and heeded where they tighten. Pure.

What they declare holds against us whoever signed it, and however broken it is:
a prohibition can only be too much. What they claim in our favor is a fact for
people to read and decides nothing. A store that cannot be read may hold a
prohibition, so the photo is then nothing to train on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import c2pa

from bankd.licensing import plus
from bankd.licensing.terms import EmbeddedRights
from bankd.provenance import credential, stores

TRAINING_MINING = frozenset({"c2pa.training-mining", "cawg.training-mining"})
GENERATIVE = frozenset(
    {
        "trainedAlgorithmicMedia",
        "compositeWithTrainedAlgorithmicMedia",
        "compositeSynthetic",
        "algorithmicMedia",
    }
)
PROHIBITIONS = {
    "data_mining": "DMI-PROHIBITED",
    "ai_training": "DMI-PROHIBITED-AIMLTRAINING",
    "ai_generative_training": "DMI-PROHIBITED-GENAIMLTRAINING",
}
CHANGED = ("assertion.hashedURI", "assertion.missing", "claim")  # of claims; not of the picture
CONSTRAINED = "DMI-PROHIBITED-SEECONSTRAINT"
INFERENCE = "ai_inference"
TEXT_MOST = 200


@dataclass(frozen=True)
class Arrived:
    """What came with a photo. `facts` is for people and reports; the other two tighten its rights."""

    store: bytes  # the manifest store as it lies in the file
    facts: dict[str, Any]
    prohibitions: frozenset[str]  # PLUS values for data mining
    no_inference: bool  # it may not be given to a network at all

    def tighten(self, rights: EmbeddedRights) -> EmbeddedRights:
        """The embedded rights with what the credentials reserve; several prohibitions are the strictest."""
        said = {plus.bare(rights.data_mining)} if rights.data_mining is not None else set()
        told = {*self.prohibitions, *(said - {"DMI-UNSPECIFIED", "DMI-ALLOWED"})}
        changes: dict[str, Any] = {}
        if self.prohibitions:
            changes["data_mining"] = next(iter(told)) if len(told) == 1 else "DMI-PROHIBITED"
        if self.no_inference:
            changes["ai_inference"] = "notAllowed"
        return rights.model_copy(update=changes)


def read(content: bytes, media_type: str, *, anchors_pem: str = "") -> Arrived | None:
    """The content credentials inside a photo, or None where there are none. Nothing is fetched.

    Args:
        anchors_pem: roots that its signer is held to; empty trusts nobody.
    """
    kept = stores.manifest_store(content)
    if kept is None:
        return None
    try:
        found = credential.store(content, anchors_pem=anchors_pem, media_type=media_type)
    except c2pa.C2paError as error:
        return _unreadable(kept, credential.reason(error))
    if found is None:
        return _unreadable(kept, "the library finds no manifest in it")
    of_file = credential.of_store(found, content, anchors_pem=anchors_pem, media_type=media_type)
    manifests = [one for one in found["manifests"].values() if isinstance(one, dict)]
    active = found["manifests"].get(found.get("active_manifest"), {})
    uses = {entry: use for manifest in manifests for entry, use in _entries(manifest)}
    kinds = sorted({kind for manifest in manifests for kind in _source_types(manifest)})
    prohibited = {
        CONSTRAINED if use == "constrained" else PROHIBITIONS[entry]
        for entry, use in uses.items()
        if entry in PROHIBITIONS and use != "allowed"
    }
    if any(failure.startswith(CHANGED) for failure in of_file.failures):
        prohibited.add(PROHIBITIONS["data_mining"])  # nobody can tell what it said before
    stamp = of_file.time_stamp
    facts: dict[str, Any] = {
        "state": "trusted" if of_file.trusted else "valid" if of_file.valid else "invalid",
        "anchor": of_file.anchor,
        "failures": list(of_file.failures),
        "signer": _text(of_file.issuer),
        "signed_at": None if stamp is None else stamp.at,
        "generator": _generator(active),
        "manifests": len(manifests),
        "source_types": kinds,
        "generative": any(kind in GENERATIVE for kind in kinds),
        "reserved": dict(sorted(uses.items())),
        **_of_store(kept),
    }
    return Arrived(kept, facts, frozenset(prohibited), uses.get(INFERENCE, "allowed") != "allowed")


def _unreadable(kept: bytes, why: str) -> Arrived:
    facts = {"state": "unreadable", "failures": [_text(why)], **_of_store(kept)}
    return Arrived(kept, facts, frozenset({PROHIBITIONS["data_mining"]}), no_inference=False)


def _of_store(kept: bytes) -> dict[str, Any]:
    return {"store_sha256": sha256(kept).hexdigest(), "store_bytes": len(kept)}


def _entries(manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each entry of training and mining without its prefix; what nobody knows is not allowed."""
    for assertion in manifest.get("assertions", []):
        if str(assertion.get("label", "")).partition("__")[0] not in TRAINING_MINING:
            continue
        data = assertion.get("data")
        entries = data.get("entries") if isinstance(data, dict) else None
        if not isinstance(entries, dict):
            yield "data_mining", "notAllowed"  # it says something, and nobody can tell what
            continue
        for name, entry in entries.items():
            use = entry.get("use") if isinstance(entry, dict) else entry
            yield str(name).rpartition(".")[2], use if use in ("allowed", "constrained") else "notAllowed"


def _source_types(manifest: dict[str, Any]) -> Iterator[str]:
    for assertion in manifest.get("assertions", []):
        if not str(assertion.get("label", "")).startswith("c2pa.actions"):
            continue
        data = assertion.get("data")
        for action in data.get("actions", []) if isinstance(data, dict) else []:
            if isinstance(action, dict) and isinstance(action.get("digitalSourceType"), str):
                yield action["digitalSourceType"].rpartition("/")[2][:TEXT_MOST]


def _generator(manifest: dict[str, Any]) -> str | None:
    told = manifest.get("claim_generator_info") or [{}]
    first = told[0] if isinstance(told, list) and isinstance(told[0], dict) else {}
    return _text(first.get("name") or manifest.get("claim_generator"))


def _text(value: object) -> str | None:
    return " ".join(str(value).split())[:TEXT_MOST] if value else None
