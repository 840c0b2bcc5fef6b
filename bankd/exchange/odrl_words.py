"""What the words of ODRL's common vocabulary come to in the bank's terms, and its refs as addresses. Pure.

`docs/odrl.md` lists the same for people.
"""

import hashlib
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

from bankd.exchange.countries import ALPHA_2
from bankd.exchange.jsonld import BANKD, RIGHTSML
from bankd.licensing.vocabulary import ALTERATIONS, AUDIENCES, CHANNELS, PURPOSES, TERRITORIES, WORLD

PROFILES = frozenset({BANKD, BANKD.rstrip("#"), RIGHTSML, RIGHTSML.rstrip("/")})

AS_IT_IS: Mapping[str, str] = {
    "use": "seal", "reproduce": "seal", "distribute": "publication", "display": "publication",
    "present": "publication", "print": "copies", "cc:Reproduction": "seal", "cc:Distribution": "publication",
    "cc:Sharing": "publication",
}  # fmt: skip
"""Actions that leave the photo as it is, and what a `count` of them counts. None of them, `use` least of all,
brings an alteration: what is not stated is not allowed."""

ALTERING: Mapping[str, frozenset[str]] = {
    "derive": ALTERATIONS,
    "cc:DerivativeWorks": ALTERATIONS,
    "modify": ALTERATIONS - {"combine"},
    "extract": frozenset({"crop"}),
    "aggregate": frozenset({"combine"}),
    **{f"bankd:{alteration}": frozenset({alteration}) for alteration in ALTERATIONS},
}
"""Actions that change the photo, and the alterations that they are."""

FLAGS: Mapping[str, str] = {
    "bankd:synthesize": "generative",
    "bankd:train": "train",
    "grantUse": "sublicense",
}
"""Actions that are terms of their own."""

SCOPES: Mapping[str, str] = {
    "deliveryChannel": "channels",
    "media": "channels",
    "purpose": "purposes",
    "industry": "sectors",
    "recipient": "audiences",
}
"""Operands of which the right side is a set of words, and the terms that they narrow."""

WHOLE: Mapping[str, frozenset[str]] = {
    "channels": CHANNELS,
    "purposes": PURPOSES,
    "audiences": AUDIENCES,
}
SAID: Mapping[str, str] = {"online": "web", "internet": "web", "mobile": "app"}

OWN = {"licensor": "licensor", "license": "license", "grant": "grant", "licensee": "licensee"}
URN = "urn:bankd:"
REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class WordUnknown(ValueError):
    """A value that is none of the bank's words, in a sentence."""


def own(kind: str, ref: str) -> str:
    """The address of something of the bank's: `urn:bankd:license:L-1`."""
    return f"{URN}{kind}:{quote(ref, safe='/')}"


def ref_of(kind: str, address: str) -> str | None:
    """The ref in an address of that kind; None: it is not one."""
    found = address.removeprefix(f"{URN}{kind}:")
    return None if found == address else unquote(found)


def as_ref(kind: str, address: str) -> str:
    """A ref that stands for an address: one that the bank did not write ends in a part of its hash, so that
    no two addresses share one."""
    known = ref_of(kind, address)
    if known is not None and REF.fullmatch(known):
        return known
    if REF.fullmatch(address):
        return address
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", re.sub(r"^[a-z]+:/*", "", address)).strip("-._")
    return f"{plain[:60] or kind}-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


def territory(value: str) -> str:
    """The code in `JP`, `JPN`, `iso3166:JP` or `http://cvx.iptc.org/iso3166-1a3/JPN`. Raises WordUnknown."""
    code = re.split(r"[/#:]", value.strip())[-1].upper()
    if len(code) == 3:
        code = ALPHA_2.get(code, code)
    if code not in TERRITORIES and code != WORLD:
        raise WordUnknown(f"`{value[:80]}` is no country (ISO 3166-1) and not `{WORLD}`")
    return code


def words(field: str, value: str) -> frozenset[str]:
    """The bank's words for a value: its own, bare or at the end of an address. Raises WordUnknown."""
    last = re.split(r"[/#:]", value.strip().rstrip("/#"))[-1]
    if field == "sectors":
        slug = re.sub(r"[\s_]+", "-", last.lower())
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) or len(slug) > 64:
            raise WordUnknown(f"`{value[:80]}` is no sector")
        return frozenset({slug})
    word = SAID.get(last.lower(), last.lower()) if field == "channels" else last.lower()
    if word not in WHOLE[field]:
        known = ", ".join(f"`{one}`" for one in sorted(WHOLE[field]))
        raise WordUnknown(f"`{value[:80]}` is none of the {field} {known}")
    return frozenset({word})
