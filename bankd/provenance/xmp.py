"""The XMP packet of a composite: IPTC and PLUS fields that any picture tool shows.

IPTC digital source types are chosen by what is known. A trained network makes
a composite `compositeWithTrainedAlgorithmicMedia`. `blend` uses none, and the
composite is then plain `composite`, a mix of elements of any origin: not
`compositeCapture`, because a bank may hold rendered photos. Where a placed
photo is known to be made by a generative network, it is `compositeSynthetic`,
which says just that.

What stands here can be read by everybody who gets the file, so it names the
house and those to whom a credit is owed, and nobody else: no licensor who did
not ask for it, and no person who filed a request.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = _TYPES + "compositeWithTrainedAlgorithmicMedia"
SYNTHETIC = _TYPES + "compositeSynthetic"
COMPOSITE = _TYPES + "composite"

# The PLUS value for what the C2PA manifest says in four entries: everything is reserved.
DATA_MINING = "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOTICES = ("©", "(c)", "copyright", "著作権")


@dataclass(frozen=True)
class Network:
    """The trained network that had a part, as the IPTC 2025.1 fields name it."""

    system: str
    version: str
    request_id: UUID  # the layout that it was given lies there


def source_type(*, trained: bool, synthetic: bool = False) -> str:
    """Args: synthetic: whether a placed photo was made by a generative network."""
    if trained:
        return TRAINED
    return SYNTHETIC if synthetic else COMPOSITE


def packet(
    *,
    composite_id: UUID,
    trained: bool,
    credits: Sequence[str],
    generator: str,
    synthetic: bool = False,
    network: Network | None = None,
    house: str | None = None,
    made_at: str | None = None,
    instance_id: UUID | None = None,
) -> str:
    """An XMP packet. Only here does the file hold credits in words: they are owed where it is seen.

    Args:
        house: whose request it was; it stands as the writer of the prompt, where a network was given one.
        made_at: when the composite was sealed, ISO 8601.
        instance_id: of a copy; of the composite itself where left out.
    """
    owed = list(dict.fromkeys(map(_writable, credits)))
    notices = [credit for credit in owed if any(sign in credit.lower() for sign in _NOTICES)]
    terms = f"Use only under the recorded license of composite {composite_id}, which its holder can state."
    attributes = {
        "xmp:CreatorTool": generator,
        "xmpMM:DocumentID": f"urn:uuid:{composite_id}",
        "xmpMM:InstanceID": f"urn:uuid:{instance_id or composite_id}",
        "xmpRights:Marked": "True",
        "Iptc4xmpExt:DigImageGUID": f"urn:uuid:{composite_id}",
        "Iptc4xmpExt:DigitalSourceType": source_type(trained=trained, synthetic=synthetic),
        "plus:DataMining": DATA_MINING,
    }
    if made_at is not None:
        attributes |= {"xmp:CreateDate": made_at, "xmp:MetadataDate": made_at}
    if network is not None:
        attributes |= {
            "Iptc4xmpExt:AISystemUsed": network.system,
            "Iptc4xmpExt:AISystemVersionUsed": network.version,
            "Iptc4xmpExt:AIPromptInformation": f"no words: the layout of request {network.request_id}",
        }
        if house is not None:
            attributes["Iptc4xmpExt:AIPromptWriterName"] = _writable(house)
    written = "\n ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    credit = f"<photoshop:Credit>{escape('; '.join(owed))}</photoshop:Credit>\n" if owed else ""
    rights = _alternative("dc:rights", "; ".join(notices)) if notices else ""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
 xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/"
 {written}>
{credit}{rights}{_alternative("xmpRights:UsageTerms", terms)}</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def _writable(text: str) -> str:
    """Without what no XML may hold: a packet that nobody can read owes its credits still."""
    return _NOT_XML.sub(" ", text)


def _alternative(name: str, text: str) -> str:
    """A text with one language alternative."""
    return f'<{name}><rdf:Alt>\n<rdf:li xml:lang="x-default">{escape(text)}</rdf:li>\n</rdf:Alt></{name}>\n'
