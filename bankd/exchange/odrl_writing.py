"""Write a license as an ODRL 2.2 agreement (JSON-LD) that reads back as the same terms. Pure.

What the common vocabulary has a word for is said in it; the other terms are
constraints with an operand of the bank's own, `bankd:<field>`, whose values
are JSON. A reader that does not know the profile has to refuse the policy.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bankd import money
from bankd.exchange.jsonld import BANKD, ODRL, PREFIXES
from bankd.exchange.odrl_rules import SILENT
from bankd.exchange.odrl_words import FLAGS, SCOPES, WHOLE, own
from bankd.licensing.errors import LicensingError
from bankd.licensing.terms import GrantTerms
from bankd.licensing.vocabulary import ANY, WORLD

TARGETS_MOST = 10_000
OPERANDS = {"channels": "media", "purposes": "purpose", "sectors": "industry", "audiences": "recipient"}
assert OPERANDS.keys() == set(SCOPES.values())


class NotExportable(LicensingError):
    def __init__(self, ref: str, why: str) -> None:
        super().__init__(f"license `{ref}` cannot be written as an agreement: {why}")
        self.ref = ref


@dataclass(frozen=True)
class GrantOut:
    """A grant in force, and the SHA-256 of the photos that hold it; None: too many to list."""

    ref: str
    terms: GrantTerms
    photos: tuple[str, ...] | None = None


@dataclass(frozen=True)
class LicenseOut:
    ref: str
    title: str
    basis: str
    licensor: str  # its ref
    licensor_name: str
    co_owners: tuple[tuple[str, bool], ...]  # name, and whether it agreed
    recorded_on: str
    grants: tuple[GrantOut, ...]


def write(license: LicenseOut) -> bytes:
    """The agreement as JSON-LD, one rule for each grant.

    Raises:
        NotExportable: nobody licensed it, a co-owner has not agreed, or nothing of it is in force.
    """
    if license.basis not in ("licensed", "collective"):
        raise NotExportable(license.ref, f"its basis is `{license.basis}`, and nobody gave it")
    if waiting := [name for name, agreed in license.co_owners if not agreed]:
        raise NotExportable(license.ref, f"the co-owner `{waiting[0]}` has not agreed")
    if not license.grants:
        raise NotExportable(license.ref, "none of its grants is in force")
    agreement = {
        "@context": [ODRL_CONTEXT, {"bankd": BANKD, "dc": PREFIXES["dc"]}],
        "@type": "Agreement",
        "uid": own("license", license.ref),
        "profile": BANKD,
        "dc:title": license.title,
        "dc:issued": license.recorded_on,
        "permission": [_permission(license, grant) for grant in license.grants],
    }
    return (json.dumps(agreement, ensure_ascii=False, indent=2) + "\n").encode()


ODRL_CONTEXT = "http://www.w3.org/ns/odrl.jsonld"


def _permission(license: LicenseOut, grant: GrantOut) -> dict[str, Any]:
    terms = grant.terms
    name = own("grant", f"{license.ref}/{grant.ref}")
    rule: dict[str, Any] = {
        "uid": name,
        "target": {"@type": "AssetCollection", "uid": name},
        "assigner": _assigners(license),
        "assignee": [{"@type": "Party", "uid": own("licensee", one)} for one in sorted(terms.licensees)],
        "action": ["use", *(f"bankd:{one}" for one in sorted(terms.alterations))]
        + [action for action, flag in FLAGS.items() if getattr(terms, flag)],
        "constraint": [*_spoken(terms), *_silent(terms)],
    }
    if grant.photos:
        rule["target"] = [f"urn:sha256:{sha256}" for sha256 in grant.photos]
    if duties := _duties(terms):
        rule["duty"] = duties
    return rule


def _assigners(license: LicenseOut) -> list[dict[str, Any]]:
    owners: Sequence[str] = [name for name, _ in license.co_owners]
    return [
        {"@type": "Party", "uid": own("licensor", license.licensor), "vcard:fn": license.licensor_name},
        *({"@type": "Party", "uid": own("co-owner", name), "vcard:fn": name} for name in owners),
    ]


def _spoken(terms: GrantTerms) -> list[dict[str, Any]]:
    found = [_constraint("spatial", "isAnyOf", sorted(terms.territories))]
    if WORLD in terms.territories:
        found = [_constraint("spatial", "eq", WORLD)]
    if terms.territories_excepted:
        found.append(_constraint("spatial", "isNoneOf", sorted(terms.territories_excepted)))
    for dimension, operand in OPERANDS.items():
        allowed = getattr(terms, dimension)
        if allowed != WHOLE.get(dimension, frozenset({ANY})):
            found.append(_constraint(operand, "isAnyOf", sorted(allowed)))
    found.append(_constraint("dateTime", "gteq", _date(terms.starts_on.isoformat())))
    if terms.ends_on is not None:
        found.append(_constraint("dateTime", "lteq", _date(terms.ends_on.isoformat())))
    return found


def _silent(terms: GrantTerms) -> list[dict[str, Any]]:
    """Every other term that is not what it is when nothing is said, and always the zone."""
    said = terms.as_json()
    duties = {"credit", "currency"} | ({"fee_minor"} if _plain_fee(terms) else set())
    return [
        _constraint(f"bankd:{name}", "eq", {"@value": said[name], "@type": "@json"})
        for name in sorted(SILENT)
        if name == "zone"
        or (name not in duties and getattr(terms, name) != GrantTerms.model_fields[name].get_default())
        or (name == "currency" and terms.currency is not None and not _plain_fee(terms))
    ]


def _duties(terms: GrantTerms) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if terms.credit is not None:
        value = {"@value": terms.credit.as_json(), "@type": "@json"}
        found.append(_duty("attribute", [_constraint("bankd:credit", "eq", value)]))
    if _plain_fee(terms) and terms.currency is not None:
        amount = money.written(terms.fee_minor, terms.currency).split(" ")[0]
        refined = [
            {**_constraint("payAmount", "eq", amount), "unit": terms.currency},
            _constraint("unitOfCount", "eq", "bankd:seal"),
        ]
        found.append(_duty("compensate", refined))
    return found


def _plain_fee(terms: GrantTerms) -> bool:
    return terms.fee_minor > 0


def _duty(action: str, refinement: list[dict[str, Any]]) -> dict[str, Any]:
    return {"action": [{"rdf:value": {"@id": f"{ODRL}{action}"}, "refinement": refinement}]}


def _constraint(operand: str, operator: str, value: Any) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


def _date(day: str) -> dict[str, str]:
    return {"@value": day, "@type": "xsd:date"}
