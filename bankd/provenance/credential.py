"""Content credentials as they are read from a file: what holds, who signed, when, and what stands in them.

Nothing is fetched. A signer is trusted if its chain ends in one of the anchors
that we were given, and the anchor is named; a time stamp if its authority's
does in one of the roots that we were given for that. Neither list vouches for
the other.
"""

import base64
import io
import json
from dataclasses import dataclass
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bankd.provenance.certificates import name_of

MANIFEST = "org.bankd.manifest"
RENDITION = "org.bankd.rendition"


@dataclass(frozen=True)
class TimeStamp:
    """Of an RFC 3161 authority."""

    at: str  # ISO 8601
    authority: str  # the name in its certificate
    trusted: bool  # it ends in a root that we were given


@dataclass(frozen=True)
class Credential:
    """What a file's active C2PA manifest says, and what is wrong with it."""

    valid: bool  # signature, hashes and pixels hold
    trusted: bool  # valid, and the signer's chain ends in an anchor that we were given
    failures: tuple[str, ...]  # C2PA status codes, without the untrusted signer
    issuer: str | None = None
    signed_at: str | None = None  # by a time-stamp authority; None without one
    manifest_text: str | None = None  # the bank's manifest: the file's own, or that of its parent
    manifest_signature: bytes | None = None
    anchor: str | None = None  # which one, where `trusted`
    time_stamp: TimeStamp | None = None
    rendition: dict[str, Any] | None = None  # what a copy states of itself


def settings(*, anchors_pem: str = "", time_stamp_roots_pem: str = "") -> dict[str, Any]:
    """The library's settings: nothing is fetched, no thumbnail made, and nobody trusted but who is named."""
    chosen: dict[str, Any] = {
        "verify": {
            "verify_after_sign": False,  # who signs reads the whole file back, against our own anchors
            "verify_trust": True,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
        "builder": {"thumbnail": {"enabled": False}},
    }
    # What stands in both lists stands in the first alone: the library tells one list for each that it trusts.
    anchors = split(anchors_pem)
    roots = "".join(pem for pem in split(time_stamp_roots_pem) if pem not in anchors)
    trust = {"user_anchors": anchors_pem, "trust_anchors": roots}
    if given := {name: pem for name, pem in trust.items() if pem}:
        chosen["trust"] = given
    return chosen


def read(
    file: bytes, *, anchors_pem: str, media_type: str = "image/png", time_stamp_roots_pem: str = ""
) -> Credential | None:
    """The content credentials of a file, or None where it carries none.

    Broken ones are a `Credential` that is not valid, never an exception.
    """
    try:
        found = store(
            file, anchors_pem=anchors_pem, media_type=media_type, time_stamp_roots_pem=time_stamp_roots_pem
        )
    except c2pa.C2paError as error:
        return Credential(False, False, (reason(error),))
    if found is None:
        return None
    return of_store(
        found,
        file,
        anchors_pem=anchors_pem,
        media_type=media_type,
        time_stamp_roots_pem=time_stamp_roots_pem,
    )


def of_store(
    found: dict[str, Any], file: bytes, *, anchors_pem: str, media_type: str, time_stamp_roots_pem: str = ""
) -> Credential:
    """What a store says that was read with these anchors and roots."""
    shared = set(split(anchors_pem)) & set(split(time_stamp_roots_pem))
    credential = _credential(found, clocks="anchors" if shared else "system_anchors")
    if not credential.trusted:
        return credential
    return _named(credential, file, anchors_pem=anchors_pem, media_type=media_type)


def store(
    file: bytes, *, anchors_pem: str, media_type: str, time_stamp_roots_pem: str = ""
) -> dict[str, Any] | None:
    """The manifest store as the library reads it, with what it found out about it.

    Raises:
        c2pa.C2paError: it cannot be read.
    """
    chosen = settings(anchors_pem=anchors_pem, time_stamp_roots_pem=time_stamp_roots_pem)
    with c2pa.Context.from_dict(chosen) as context:
        reader = c2pa.Reader.try_create(media_type, io.BytesIO(file), context=context)
        if reader is None:
            return None
        with reader:
            return dict(json.loads(reader.json()))


def reason(error: c2pa.C2paError) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def split(pem: str) -> tuple[str, ...]:
    """The certificates of a PEM text, each in the same spelling."""
    return tuple(_pem(one) for one in x509.load_pem_x509_certificates(pem.encode())) if pem else ()


def _credential(found: dict[str, Any], *, clocks: str = "system_anchors") -> Credential:
    """Args: clocks: the name of the library's list that authorities have to be found in, or a part of it."""
    results = found.get("validation_results", {})
    of_active = results.get("activeManifest", {})
    codes = {status["code"] for status in of_active.get("failure", [])}
    for delta in results.get("ingredientDeltas", []):
        codes |= {status["code"] for status in delta["validationDeltas"].get("failure", [])}
    failures = tuple(sorted(codes - {"signingCredential.untrusted"}))
    state = found.get("validation_state")
    valid = state in ("Valid", "Trusted") and not failures
    active = found["manifests"].get(found.get("active_manifest"), {})
    signature_info = active.get("signature_info", {})
    rendition = _only(active, RENDITION)
    text, signature = _embedded(_only(active, MANIFEST))
    if text is None and rendition is not None:
        text, signature = _embedded(_only(_parent(found, active), MANIFEST))
    return Credential(
        valid=valid,
        # Roots of time-stamp authorities vouch for no signer: the library says in which list it was found.
        trusted=valid
        and state == "Trusted"
        and _says(of_active, "signingCredential.trusted", "[user_anchors]"),
        failures=failures,
        issuer=signature_info.get("common_name") or signature_info.get("issuer"),
        signed_at=signature_info.get("time"),
        manifest_text=text,
        manifest_signature=signature,
        time_stamp=_time_stamp(signature_info.get("time"), of_active, clocks),
        rendition=rendition,
    )


def _time_stamp(at: str | None, results: dict[str, Any], clocks: str) -> TimeStamp | None:
    if at is None:
        return None
    found = [one for one in results.get("success", []) if one["code"] == "timeStamp.validated"]
    authority = found[0].get("explanation", "").rpartition(": ")[2] if found else ""
    return TimeStamp(at, authority or "unnamed", _says(results, "timeStamp.trusted", clocks))


def _says(results: dict[str, Any], code: str, words: str) -> bool:
    found = [one.get("explanation", "") for one in results.get("success", []) if one["code"] == code]
    return bool(found) and all(words in said for said in found)


def _only(manifest: dict[str, Any], label: str) -> dict[str, Any] | None:
    """What our one assertion of this label holds; of several none counts."""
    ours = [one["data"] for one in manifest.get("assertions", []) if one.get("label") == label]
    return ours[0] if len(ours) == 1 and isinstance(ours[0], dict) else None


def _parent(found: dict[str, Any], active: dict[str, Any]) -> dict[str, Any]:
    parents = [one for one in active.get("ingredients", []) if one.get("relationship") == "parentOf"]
    label = parents[0].get("active_manifest") if len(parents) == 1 else None
    return dict(found["manifests"].get(label, {}))


def _embedded(assertion: dict[str, Any] | None) -> tuple[str | None, bytes | None]:
    if assertion is None or not isinstance(assertion.get("manifest"), str):
        return None, None
    try:
        return assertion["manifest"], base64.b64decode(str(assertion.get("signature")), validate=True)
    except ValueError:
        return assertion["manifest"], None


def _named(credential: Credential, file: bytes, *, anchors_pem: str, media_type: str) -> Credential:
    """With the anchor that vouches: the only one, or the first that does so alone."""
    anchors = x509.load_pem_x509_certificates(anchors_pem.encode())
    if len(anchors) == 1:
        return _with(credential, anchors[0])
    for anchor in anchors:
        alone = store(file, anchors_pem=_pem(anchor), media_type=media_type)
        if alone is not None and _credential(alone).trusted:
            return _with(credential, anchor)
    return credential


def _with(credential: Credential, anchor: x509.Certificate) -> Credential:
    return Credential(**{**vars(credential), "anchor": name_of(anchor.subject)})


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
