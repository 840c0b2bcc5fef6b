"""Rights and credits that came inside a photo's own bytes: XMP (IPTC, PLUS, PRISM) and IPTC-IIM. Pure.

What is read here can only tighten. A packet that cannot be read may hold a
prohibition, so it is an error that quarantines the photo, never "no rights".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from bankd.errors import BankError
from bankd.ingestion.decode import Packets
from bankd.licensing import plus
from bankd.licensing.terms import EmbeddedRights

PACKET_MOST_BYTES = 8 * 1024 * 1024
VALUE_MOST = 2000  # characters of a credit that are kept

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
XML = "{http://www.w3.org/XML/1998/namespace}"
PLUS = "{http://ns.useplus.org/ldf/xmp/1.0/}"
DC = "{http://purl.org/dc/elements/1.1/}"
RIGHTS = "{http://ns.adobe.com/xap/1.0/rights/}"
PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"

PRISM = (
    "{http://prismstandard.org/namespaces/basic/2.0/}",
    "{http://prismstandard.org/namespaces/basic/3.0/}",
    "{http://prismstandard.org/namespaces/prismusagerights/2.1/}",
    "{http://prismstandard.org/namespaces/prismusagerights/3.0/}",
)
IPTC_EXT = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"

EXPIRIES = (f"{PLUS}LicenseEndDate", *(f"{space}expirationDate" for space in PRISM))
BEGINNINGS = (f"{PLUS}LicenseStartDate", *(f"{space}embargoDate" for space in PRISM))
XMP_CREDITS = {
    f"{DC}creator": "creator",
    f"{DC}rights": "copyright",
    f"{PHOTOSHOP}Credit": "credit",
    f"{PHOTOSHOP}Instructions": "instructions",
    f"{RIGHTS}UsageTerms": "usage_terms",
    f"{RIGHTS}WebStatement": "web_statement",
    f"{RIGHTS}Owner": "owner",
    f"{PLUS}LicensorName": "licensor",
    f"{PLUS}LicensorID": "licensor_id",
    f"{PLUS}LicensorURL": "licensor_url",
    f"{PLUS}LicensorEmail": "licensor_email",
    f"{PLUS}CopyrightOwnerName": "owner",
    f"{PLUS}CreditLineRequired": "credit_line_required",
    f"{PLUS}TermsAndConditionsText": "usage_terms",
    f"{PLUS}TermsAndConditionsURL": "web_statement",
    f"{PLUS}OtherConstraints": "constraints",
    f"{PLUS}MediaConstraints": "constraints",
    f"{PLUS}RegionConstraints": "constraints",
    f"{PLUS}ProductOrServiceConstraints": "constraints",
    f"{IPTC_EXT}LinkedRightsExpr": "rights_expression",
}
"""What a machine cannot weigh: it stands beside the photo for people, who read the license against it."""

IIM_CREDITS = {
    80: "creator", 110: "credit", 115: "source", 116: "copyright", 118: "contact", 40: "instructions",
}  # fmt: skip
IIM_BEGINNING, IIM_EXPIRY = (30, 35), (37, 38)  # date and time


class RightsUnreadable(BankError):
    """A packet in the photo may hold rights and cannot be read."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"the photo's {what} packet cannot be read ({why})")
        self.what = what


@dataclass(frozen=True)
class Embedded:
    """What the photo says of itself. Credits are facts for people: no decision reads them."""

    rights: EmbeddedRights
    credit: dict[str, str]


def read(packets: Packets) -> Embedded:
    """Read all packets of a photo together; of two statements about one thing the stricter stands.

    Raises:
        RightsUnreadable: one of them is malformed.
    """
    properties = _xmp(packets.xmp) if packets.xmp else {}
    records = _iim(packets.iptc) if packets.iptc else {}

    credit: dict[str, str] = {}
    exif = {"creator": packets.exif_artist, "copyright": packets.exif_copyright}
    said = [(name, value) for key, name in XMP_CREDITS.items() for value in properties.get(key, ())]
    said += [(name, value) for number, name in IIM_CREDITS.items() for value in records.get(number, ())]
    said += [(name, value) for name, value in exif.items() if value]
    for name, value in said:
        # Where the packets differ, both stand: a person has to see that they do.
        told = credit.get(name, "").split("; ") if name in credit else []
        if value and value not in told:
            credit[name] = "; ".join([*told, value])[:VALUE_MOST]

    expiries = [value for key in EXPIRIES for value in properties.get(key, ())]
    expiries += _moments(records, IIM_EXPIRY)
    beginnings = [value for key in BEGINNINGS for value in properties.get(key, ())]
    beginnings += _moments(records, IIM_BEGINNING)
    beginnings = [value for value in beginnings if value.strip("0 :-")]  # IIM writes zeros for "not known"
    return Embedded(
        rights=EmbeddedRights(
            image_alteration_constraints=frozenset(properties.get(f"{PLUS}ImageAlterationConstraints", ())),
            data_mining=_one(properties.get(f"{PLUS}DataMining")),
            model_release=_one(properties.get(f"{PLUS}ModelReleaseStatus")),
            property_release=_one(properties.get(f"{PLUS}PropertyReleaseStatus")),
            minor_disclosure=_one(properties.get(f"{PLUS}MinorModelAgeDisclosure")),
            expires_at=min(expiries, key=plus.expiry) if expiries else None,
            begins_at=max(beginnings, key=plus.beginning) if beginnings else None,
        ),
        credit=credit,
    )


def _one(values: list[str] | None) -> str | None:
    """The value of a property that has one; several that differ are no value anyone knows: the strictest."""
    if values is None:
        return None
    return values[0] if len({plus.bare(value) for value in values}) == 1 else " ".join(values)


def _moments(records: dict[int, list[str]], numbers: tuple[int, int]) -> list[str]:
    """A date of IIM, and with its time where there is one; the stricter of the two will count."""
    days, times = (records.get(number, []) for number in numbers)
    return days + [f"{day}T{time}" for day in days for time in times]


def _xmp(packet: bytes) -> dict[str, list[str]]:
    """Values per property, `{namespace}name`. Written empty, a property still is one: [""]."""
    if len(packet) > PACKET_MOST_BYTES:
        raise RightsUnreadable("XMP", "it is too large")
    try:
        root = ElementTree.fromstring(packet.strip(b"\0 \r\n\t"))
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise RightsUnreadable("XMP", "it is no well-formed XML") from error
    found: dict[str, list[str]] = {}
    described = False
    for rdf in [root] if root.tag == f"{RDF}RDF" else root.iter(f"{RDF}RDF"):
        described = True
        for description in rdf:
            for key, value in _properties(description):
                found.setdefault(key, []).append(value.strip())
    if not described:
        raise RightsUnreadable("XMP", "it holds no RDF")
    return found


def _properties(description: Element) -> Iterator[tuple[str, str]]:
    """Every property below a description, nested ones (a PLUS licensor's name, say) too."""
    for key, value in description.attrib.items():
        if not key.startswith((RDF, XML)):
            yield key, value
    for element in description:
        if element.tag.startswith(RDF):  # a container: its items' own properties
            yield from _properties(element)
            continue
        if any(element.find(f"{RDF}{kind}") is not None for kind in ("Bag", "Seq", "Alt")):
            for item in element.iter(f"{RDF}li"):
                yield element.tag, _value(item)
        else:
            yield element.tag, _value(element)
        yield from _properties(element)


def _value(element: Element) -> str:
    resource = element.get(f"{RDF}resource")
    if resource is not None:
        return resource
    qualified = element.find(f"{RDF}value")
    if qualified is None:
        qualified = element.find(f"{RDF}Description/{RDF}value")
    if qualified is not None:
        return _value(qualified)
    return element.get(f"{RDF}value") or (element.text or "")


def _iim(block: bytes) -> dict[int, list[str]]:
    """Values per data set of record 2, as IPTC-IIM 4.2 lays them out: 0x1C, record, number, length, bytes."""
    found: dict[int, list[bytes]] = {}
    encoding = "latin-1"
    at = 0
    while at < len(block):
        if block[at] != 0x1C:
            if any(block[at:]):
                raise RightsUnreadable("IPTC", "a data set does not begin where it should")
            break  # padding
        if at + 5 > len(block):
            raise RightsUnreadable("IPTC", "it is cut off")
        record, number = block[at + 1], block[at + 2]
        length = int.from_bytes(block[at + 3 : at + 5], "big")
        at += 5
        if length & 0x8000:
            octets = length & 0x7FFF
            if octets > 4 or at + octets > len(block):
                raise RightsUnreadable("IPTC", "a length makes no sense")
            length = int.from_bytes(block[at : at + octets], "big")
            at += octets
        if at + length > len(block):
            raise RightsUnreadable("IPTC", "it is cut off")
        value = block[at : at + length]
        at += length
        if (record, number) == (1, 90) and value == b"\x1b%G":
            encoding = "utf-8"
        elif record == 2:
            found.setdefault(number, []).append(value)
    return {
        number: [value.decode(encoding, errors="replace").strip("\0 ") for value in values]
        for number, values in found.items()
    }
