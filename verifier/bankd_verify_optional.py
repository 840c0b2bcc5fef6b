"""What takes more than `cryptography` to check: content credentials, and the replay of clearances.

`bankd_verify.py` loads it from beside itself. Without `c2pa` (c2pa-python) or `cedarpy` it is NOT CHECKED.
"""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bankd_verify import SAYS, NotChecked, canonical, entry, get, hashed, require, sha256

SAYS.update(
    {
        "credentials.another": "the content credentials carry another manifest",
        "credentials.invalid": "the picture's content credentials were changed, or are not whole",
        "credentials.missing": "the picture carries no content credentials",
        "credentials.untrusted": "the picture's certificate ends in no root of trust.json",
        "replay.another": "what the clearance was decided on is not what the log committed to",
        "replay.differs": "the policies answer otherwise than was recorded",
    }
)


def credentials(file: bytes, manifest: bytes, roots: str) -> str:
    """Read by the C2PA SDK alone, which fetches nothing: signature, every assertion's hash, every byte's."""
    try:
        import c2pa
    except ImportError:
        raise NotChecked("`c2pa` is not installed") from None
    settings: dict[str, Any] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
    settings["trust"] = {"user_anchors": roots}
    try:
        with c2pa.Context.from_dict(settings) as context:
            reader = c2pa.Reader.try_create("image/png", io.BytesIO(file), context=context)
            require(reader is not None, "credentials.missing")
            with reader:
                store = json.loads(reader.json())
    except c2pa.C2paError as error:
        require(False, "credentials.invalid", str(error)[:120])
    results = store.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    codes = sorted({one["code"] for one in results} - {"signingCredential.untrusted"})
    require(not codes and store.get("validation_state") in ("Valid", "Trusted"), "credentials.invalid", codes)
    require(store["validation_state"] == "Trusted", "credentials.untrusted")
    active = store["manifests"][store["active_manifest"]]
    ours = [one["data"] for one in active["assertions"] if one["label"] == "org.bankd.manifest"]
    same = len(ours) == 1 and get(ours[0], "manifest", str).encode() == manifest
    require(same, "credentials.another")
    stamp = active.get("signature_info", {}).get("time")
    return f"as they were signed{f'; a time stamp, not checked, says {stamp}' if stamp else ''}"


# Facts that a profile leaves out, or a schema may lack, where they say nothing.
SILENT: dict[str, Any] = {
    "available_before": None, "sell_off_before": None, "archive": False, "basis_ends_at": None,
    "basis_territories": [], "title": "unstated", "integrity": "unstated", "release_worldwide": True,
    "release_territories": [], "release_channels": ["app", "broadcast", "email", "internal", "out-of-home",
    "packaging", "print", "social", "web"], "release_purposes": ["commercial", "editorial", "education",
    "internal", "research"], "release_any_sector": True, "release_sectors": [],
    "release_subjects_excluded": [],
    "release_synthetic": True, "release_starts_at": None, "release_ends_at": None, "persons_covered": True,
    "guardian_released": False, "reconfirm_before": None, "data_basis": "none", "data_basis_ends_at": None,
    "depicted_unreleased": [], "depicted_everywhere": True, "depicted_territories": [], "subjects_shown": [],
    "brands": [], "blocks": [], "embargo_visible_to": [], "embargo_ends_at": None,
}  # fmt: skip
SILENT_USE: dict[str, Any] = {"circulation": "new", "department": "", "brand": None}
SCHEMA = "bankd.cedarschema"


def replay(audit: Any, one: Any) -> str:
    """Ask the policies of then about each photo and each grant again.

    What the log committed to is the SHA-256 of the whole answer: who denies each photo on each grant, the
    grants relied on, and that nobody denies a picture's set. Grants are asked here, the set is not.
    """
    name = f"composites/{one.id}/clearance.json"
    if name not in audit.found:
        raise NotChecked("what the clearance was decided on is not disclosed")
    try:
        import cedarpy
    except ImportError:
        raise NotChecked("`cedarpy` is not installed") from None
    words = entry(one.proof["clearance"], audit.head, "request.cleared")
    if words is None:
        raise NotChecked("the words of the clearance's entry were erased, or are not disclosed")
    told = audit.json(name, "facts", "profiles")
    facts, profiles = get(told, "facts", dict), get(told, "profiles", dict)
    require(sha256(canonical(facts)) == words.get("facts"), "replay.another", "facts")
    require(
        all(sha256(canonical(each)) == digest for digest, each in profiles.items()),
        "replay.another",
        "rights",
    )
    texts = get(audit.json(f"bundles/{hashed(words, 'bundle')}.json", "texts"), "texts", list)
    listed = [[file, sha256(text.encode())] for file, text in texts]
    require(sha256(canonical(listed)) == words["bundle"], "replay.another", "policies")
    full = set(get(facts, "full", list))
    asked = [
        (photo, grant["grant"], {**SILENT, **rights, **grant["of_the_day"]})
        for photo, offered in get(facts, "photos", dict).items()
        for rights, grant in zip(profiles[offered["profile"]], offered["grants"], strict=True)
        if grant["asked"] and grant["grant"] not in full
    ]
    denied: dict[str, dict[str, list[str]]] = {photo: {} for photo in facts["photos"]}
    policies = _policies(cedarpy, dict(texts))
    schema = cedarpy.Schema.from_str(dict(texts)[SCHEMA])
    for (photo, grant, _), who in zip(asked, _denying(cedarpy, schema, policies, facts, asked), strict=True):
        denied[photo][grant] = who
    relied = get(words, "relied", dict)
    for photo, grant in relied.items():
        who = denied.get(photo, {}).get(grant, ["not-asked"])
        require(all(_signed(policies.get(one), facts, photo, grant) for one in who), "replay.differs", who)
    sets: list[list[str]] = [[] for _ in get(facts, "pictures", list)]
    answer = {"v": 1, "photos": denied, "relied": relied, "sets": sets}
    require(sha256(canonical(answer)) == words.get("answer"), "replay.differs", "the whole answer")
    signed = f"; {len(facts['signed'])} sign-offs stood, which people gave" if facts.get("signed") else ""
    return f"{len(asked)} grants for {len(denied)} photos, the answer of then bit for bit{signed}"


def _policies(cedarpy: Any, texts: Mapping[str, str]) -> dict[str, Any]:
    read = (json.loads(cedarpy.policies_to_json_str(text)) for file, text in texts.items() if file != SCHEMA)
    return {one["annotations"]["id"]: one for each in read for one in each["staticPolicies"].values()}


def _signed(policy: Any, facts: Any, photo: str, grant: str) -> bool:
    """Whether people signed, as many as the policy waits for, for what it denies."""
    notes = {} if policy is None else policy["annotations"]
    people = {
        one["signer"]
        for one in facts.get("signed", [])
        if one["policy"] == notes.get("id")
        and (
            one["scope"] == "use"
            or (one["scope"] in ("request", "photo") and photo in one["photos"])
            or (one["scope"] == "license" and grant in one["grants"])
        )
    }
    return "signoff" in notes and len(people) >= int(notes.get("signers", "1"))


def _denying(
    cedarpy: Any, schema: Any, policies: Mapping[str, Any], facts: Any, asked: Sequence[Any]
) -> list[list[str]]:
    """The policies that deny each, sorted; none: it clears. What Cedar cannot read is not allowed."""
    document = {"staticPolicies": policies, "templates": {}, "templateLinks": []}
    lacking = {owner: _lacking(cedarpy, schema, owner, silent) for owner, silent in
               (("resource", SILENT), ("context", SILENT_USE))}  # fmt: skip
    use = {name: value for name, value in facts["use"].items() if name not in lacking["context"]}
    listed = []
    for place, (_, _, attributes) in enumerate(asked):
        silent = {name for name in lacking["resource"] if attributes[name] == SILENT[name]}
        told = {k: v for k, v in attributes.items() if v is not None and k not in silent}
        listed.append({"uid": {"type": "Grant", "id": str(place)}, "attrs": told, "parents": []})
    context = json.dumps({name: value for name, value in use.items() if value is not None})
    requests = [
        {"principal": 'Actor::"house"', "action": 'Action::"synthesize"', "resource": f'Grant::"{place}"',
         "context": context}
        for place in range(len(asked))
    ]  # fmt: skip
    entities = cedarpy.Entities.from_json_str(json.dumps(listed), schema=schema)
    policy_set = cedarpy.PolicySet.from_json_str(json.dumps(document))
    found = []
    for result in cedarpy.is_authorized_batch(requests, policy_set, entities, schema):
        who = set() if result.allowed else set(result.diagnostics.reasons) or {"default-deny"}
        found.append(sorted(who | ({"error-in-evaluation"} if result.diagnostics.errors else set())))
    return found


def _lacking(cedarpy: Any, schema: Any, owner: str, names: Mapping[str, Any]) -> set[str]:
    """The facts that a schema is older than, as Cedar itself says."""
    probes = "\n".join(
        f'@id("{name}") forbid (principal, action == Action::"synthesize", resource)'
        f" when {{ {owner}.{name} == {owner}.{name} }};"
        for name in names
    )
    answer = cedarpy.validate_policies(probes, schema)
    named = answer.id_annotations_by_policy_id
    return {named[wrong.policy_id] for wrong in answer.errors if "not found" in wrong.error}
