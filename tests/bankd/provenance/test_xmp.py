"""The packet that every picture carries, whatever people have called themselves."""

from uuid import UUID
from xml.etree import ElementTree

from bankd.provenance import xmp

CREDITS = ["Photo: A\x0bAuthor\x00", "]]><x/>&</rdf:RDF><?xpacket end='w'?>", "© \ufffe 日本"]


def test_a_credit_of_any_letters_leaves_a_packet_that_can_be_read() -> None:
    packet = xmp.packet(
        composite_id=UUID(int=1),
        trained=False,
        credits=CREDITS,
        generator="bankd",
        network=xmp.Network(system="net", version="1", request_id=UUID(int=2)),
        house='House\x1b" a="b',
    )

    root = ElementTree.fromstring(packet)

    (credit,) = root.iter("{http://ns.adobe.com/photoshop/1.0/}Credit")
    assert credit.text == "Photo: A Author ; ]]><x/>&</rdf:RDF><?xpacket end='w'?>; ©   日本"
    (described,) = root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert 'House " a="b' in described.attrib.values() and "a" not in described.attrib
