"""The XMP packet of a composite: IPTC and PLUS fields that any picture tool shows.

IPTC digital source types are chosen by what is known. A trained network makes
a composite `compositeWithTrainedAlgorithmicMedia`. `blend` uses none, and the
composite is then plain `composite`, a mix of elements of any origin: not
`compositeCapture`, because a bank may hold rendered photos, nor
`compositeSynthetic`, which says that an element is synthetic.
"""

from collections.abc import Sequence
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = _TYPES + "compositeWithTrainedAlgorithmicMedia"
COMPOSITE = _TYPES + "composite"


def source_type(*, trained: bool) -> str:
    return TRAINED if trained else COMPOSITE


def packet(*, composite_id: UUID, trained: bool, credits: Sequence[str], generator: str) -> str:
    """An XMP packet. Only here does the file hold credits in words: they are owed where it is seen."""
    line = escape("; ".join(dict.fromkeys(credits)))
    credit = f"<photoshop:Credit>{line}</photoshop:Credit>" if line else ""
    terms = escape(
        f"Use only under the recorded license of composite {composite_id}, which its holder can state."
    )
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
 xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/"
 xmp:CreatorTool={quoteattr(generator)}
 xmpMM:DocumentID="urn:uuid:{composite_id}"
 xmpRights:Marked="True"
 Iptc4xmpExt:DigitalSourceType="{source_type(trained=trained)}"
 plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-AIMLTRAINING">
{credit}<xmpRights:UsageTerms><rdf:Alt>
<rdf:li xml:lang="x-default">{terms}</rdf:li>
</rdf:Alt></xmpRights:UsageTerms>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""
