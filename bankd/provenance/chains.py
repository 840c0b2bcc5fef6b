"""Content credentials of a placed photo, embedded in a composite's: its chain, without what shows or names.

Only where the house turned it on. A composite cannot be called back, so of the
photo's manifests nothing goes along that C2PA lets be taken out, but what makes
the chain: thumbnails, authors, camera data and the like are redacted, and the
composite says so. What no redaction reaches stays: titles, generators, and the
names in signers' certificates.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import c2pa

from bankd.provenance import credential

KEPT = ("c2pa.actions", "c2pa.hash.", "c2pa.ingredient", "c2pa.training-mining", "cawg.training-mining")
WHY = "c2pa.PII.present"


@dataclass(frozen=True)
class Chain:
    """A photo's original bytes, with their content credentials inside."""

    media_type: str
    content: bytes


def redacted(chains: Sequence[Chain]) -> list[str]:
    """The addresses of all that is taken out of these chains, each once.

    Raises:
        c2pa.C2paError: one of them cannot be read.
    """
    found: dict[str, None] = {}
    for chain in chains:
        for label, manifest in _manifests(chain).items():
            for assertion in manifest.get("assertion_store", {}):
                if not str(assertion).startswith(KEPT):
                    found[f"self#jumbf=/c2pa/{label}/c2pa.assertions/{assertion}"] = None
    return list(found)


def holds(chain: Chain) -> bool:
    """Whether the photo is as it was signed, whoever signed it."""
    found = credential.read(chain.content, anchors_pem="", media_type=chain.media_type)
    return found is not None and found.valid


def actions(addresses: Sequence[str]) -> list[dict[str, Any]]:
    """That they were taken out, as the composite's own actions say it."""
    return [
        {"action": "c2pa.redacted", "reason": WHY, "parameters": {"redacted": address}}
        for address in addresses
    ]


def _manifests(chain: Chain) -> Mapping[str, dict[str, Any]]:
    with (
        c2pa.Context.from_dict(credential.settings()) as context,
        c2pa.Reader(chain.media_type, io.BytesIO(chain.content), context=context) as reader,
    ):
        manifests: dict[str, dict[str, Any]] = json.loads(reader.detailed_json())["manifests"]
        return manifests
