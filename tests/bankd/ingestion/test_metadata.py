from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from bankd.ingestion.decode import Packets, decode
from bankd.ingestion.metadata import RightsUnreadable, read
from bankd.licensing.terms import EmbeddedRights

Encode = Callable[..., bytes]

SPACES = (
    'xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/" '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
)
WORDS = "http://ns.useplus.org/ldf/vocab/"


def xmp(inside: str = "", attributes: str = "") -> bytes:
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {SPACES} {attributes}>{inside}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def iim(*sets: tuple[int, bytes], record: int = 2) -> bytes:
    return b"".join(
        bytes([0x1C, record, number]) + len(value).to_bytes(2, "big") + value for number, value in sets
    )


def packets(**given: object) -> Packets:
    return Packets(**{"xmp": None, "iptc": None, "exif_artist": None, "exif_copyright": None, **given})


def rights(packet: bytes) -> EmbeddedRights:
    return read(packets(xmp=packet)).rights


def test_a_photo_without_packets_states_nothing() -> None:
    assert read(packets()).rights == EmbeddedRights()
    assert read(packets()).credit == {}


def test_plus_properties_are_read_as_elements_resources_bags_and_attributes() -> None:
    bag = "".join(f"<rdf:li>{WORDS}{word}</rdf:li>" for word in ("AL-MRG", "AL-CRP"))
    found = rights(
        xmp(
            f"<plus:ImageAlterationConstraints><rdf:Bag>{bag}</rdf:Bag></plus:ImageAlterationConstraints>"
            f'<plus:DataMining rdf:resource="{WORDS}DMI-PROHIBITED"/>'
            f"<plus:ModelReleaseStatus> {WORDS}MR-NON </plus:ModelReleaseStatus>",
            f'plus:PropertyReleaseStatus="{WORDS}PR-NAP" plus:MinorModelAgeDisclosure="{WORDS}AG-U14"',
        )
    )

    assert found == EmbeddedRights(
        image_alteration_constraints=frozenset({f"{WORDS}AL-MRG", f"{WORDS}AL-CRP"}),
        data_mining=f"{WORDS}DMI-PROHIBITED",
        model_release=f"{WORDS}MR-NON",
        property_release=f"{WORDS}PR-NAP",
        minor_disclosure=f"{WORDS}AG-U14",
    )


def test_a_value_with_qualifiers_is_still_read() -> None:
    found = rights(
        xmp(
            '<plus:DataMining rdf:parseType="Resource"><rdf:value>DMI-PROHIBITED</rdf:value>'
            "</plus:DataMining>"
        )
    )

    assert found.data_mining == "DMI-PROHIBITED"


def test_an_empty_bag_forbids_nothing_and_an_empty_property_is_no_value_anyone_knows() -> None:
    found = rights(
        xmp("<plus:ImageAlterationConstraints><rdf:Bag/></plus:ImageAlterationConstraints><plus:DataMining/>")
    )

    assert found.image_alteration_constraints == frozenset()
    assert found.data_mining == ""


def test_two_statements_that_differ_are_no_value_anyone_knows() -> None:
    found = rights(
        xmp("<plus:DataMining>DMI-ALLOWED</plus:DataMining><plus:DataMining>DMI-PROHIBITED</plus:DataMining>")
    )

    assert found.data_mining == "DMI-ALLOWED DMI-PROHIBITED"


def test_the_earliest_of_all_expiries_counts() -> None:
    packet = xmp("<plus:LicenseEndDate>2027-05-01</plus:LicenseEndDate>", 'prism:expirationDate="2027-03-31"')

    assert rights(packet).expires_at == "2027-03-31"
    assert read(packets(xmp=packet, iptc=iim((37, b"20261224")))).rights.expires_at == "20261224"
    assert read(packets(xmp=packet, iptc=iim((37, b"sometime")))).rights.expires_at == "sometime"


def test_credits_are_kept_as_written_and_all_where_packets_differ() -> None:
    packet = xmp(
        "<dc:creator><rdf:Seq><rdf:li>山田 花子</rdf:li><rdf:li>J. Doe</rdf:li></rdf:Seq></dc:creator>",
        'photoshop:Credit="Agency"',
    )
    block = iim((90, b"\x1b%G"), record=1) + iim((80, b"other"), (116, "© 2026 é".encode()))

    found = read(packets(xmp=packet, iptc=block, exif_artist="third", exif_copyright="fourth"))

    assert found.credit == {
        "creator": "山田 花子; J. Doe; other; third",
        "credit": "Agency",
        "copyright": "© 2026 é; fourth",
    }


def test_iptc_without_a_charset_is_latin_1_and_long_values_and_padding_are_read() -> None:
    long = b"x" * 40_000
    block = (
        iim((110, "café".encode("latin-1"))) + b"\x1c\x02\x28\x80\x04" + (40_000).to_bytes(4, "big") + long
    )

    found = read(packets(iptc=block + b"\0\0\0"))

    assert found.credit["credit"] == "café"
    assert found.credit["instructions"] == "x" * 2000


@pytest.mark.parametrize(
    "packet",
    [
        b"<x:xmpmeta",
        b"\xff\xfe\x00",
        b"<a/>",
        xmp()[:-60],
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + xmp(),
        b'<?xml version="1.0" encoding="no-such"?>' + xmp(),
        b"<a>" * 100_000,
    ],
)
def test_an_xmp_packet_that_cannot_be_read_is_never_no_rights(packet: bytes) -> None:
    with pytest.raises(RightsUnreadable, match="XMP"):
        read(packets(xmp=packet))


@pytest.mark.parametrize(
    "block",
    [b"garbage", b"\x1c\x02", iim((80, b"abc"))[:-1], b"\x1c\x02\x50\x80\x09", iim((80, b"a")) + b"\0x"],
)
def test_an_iptc_block_that_cannot_be_read_is_never_no_rights(block: bytes) -> None:
    with pytest.raises(RightsUnreadable, match="IPTC"):
        read(packets(iptc=block))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_xmp_is_found_in_every_format(encode: Encode, kind: str) -> None:
    image = Image.fromarray(np.zeros((20, 20, 3), dtype=np.uint8))
    packet = xmp(f'<plus:DataMining rdf:resource="{WORDS}DMI-PROHIBITED"/>')
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", packet.decode())
        content = encode(image, kind, pnginfo=text)
    elif kind == "TIFF":
        content = encode(image, kind, tiffinfo={700: packet})
    else:
        content = encode(image, kind, xmp=packet)

    found = read(decode(content, name="a").packets)

    assert found.rights.data_mining == f"{WORDS}DMI-PROHIBITED"


def test_iptc_is_found_in_jpeg_and_tiff_and_exif_credits_anywhere(encode: Encode) -> None:
    image = Image.fromarray(np.zeros((20, 20, 3), dtype=np.uint8))
    block = iim((37, b"20270331"))
    exif = Image.Exif()
    exif[0x013B] = "Artist"
    resource = b"8BIM\x04\x04\0\0" + len(block).to_bytes(4, "big") + block + b"\0" * (len(block) % 2)
    segment = b"Photoshop 3.0\0" + resource
    jpeg = encode(image, "JPEG", exif=exif)
    jpeg = jpeg[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + jpeg[2:]

    found = read(decode(jpeg, name="a").packets)

    assert found.rights.expires_at == "20270331"
    assert found.credit == {"creator": "Artist"}
    tiff = encode(image, "TIFF", tiffinfo={33723: block})
    assert read(decode(tiff, name="a").packets).rights.expires_at == "20270331"


def test_every_field_that_tightens_is_read_wherever_it_stands() -> None:
    """One case for each property that IPTC, PLUS and PRISM name for it, as element and as attribute."""
    named = {
        "plus:ImageAlterationConstraints": ("AL-MRG", "image_alteration_constraints", frozenset({"AL-MRG"})),
        "plus:DataMining": ("DMI-PROHIBITED", "data_mining", "DMI-PROHIBITED"),
        "plus:ModelReleaseStatus": ("MR-NON", "model_release", "MR-NON"),
        "plus:PropertyReleaseStatus": ("PR-NON", "property_release", "PR-NON"),
        "plus:MinorModelAgeDisclosure": ("AG-U14", "minor_disclosure", "AG-U14"),
        "plus:LicenseEndDate": ("2026-12-31", "expires_at", "2026-12-31"),
        "prism:expirationDate": ("2026-12-31", "expires_at", "2026-12-31"),
        "plus:LicenseStartDate": ("2026-12-31", "begins_at", "2026-12-31"),
        "prism:embargoDate": ("2026-12-31", "begins_at", "2026-12-31"),
    }
    for name, (value, field, found) in named.items():
        as_element = rights(xmp(f"<{name}>{value}</{name}>"))
        as_attribute = rights(xmp(attributes=f'{name}="{value}"'))
        assert as_element == as_attribute == EmbeddedRights(**{field: found}), name
    of_credentials = {"ai_inference"}  # which no packet says: `arriving` reads it
    assert {field for _, field, _ in named.values()} == set(EmbeddedRights.model_fields) - of_credentials


def test_of_differing_dates_in_both_packets_the_stricter_stands() -> None:
    packet = xmp("<plus:LicenseEndDate>2027-01-31</plus:LicenseEndDate>")
    both = read(packets(xmp=packet, iptc=iim((37, b"20261231"), (30, b"20260401"))))

    assert both.rights.expires_at == "20261231"
    assert both.rights.begins_at == "20260401"
    later = read(
        packets(
            xmp=xmp("<plus:LicenseStartDate>2026-05-01</plus:LicenseStartDate>"),
            iptc=iim((30, b"20260401"), (37, b"20261231"), (38, b"000000+0900")),
        )
    )
    assert later.rights.begins_at == "2026-05-01"
    assert later.rights.expires_at == "20261231T000000+0900"  # nine hours before that day begins in London


def test_a_release_date_of_zeros_is_one_that_nobody_knew() -> None:
    assert read(packets(iptc=iim((30, b"00000000")))).rights == EmbeddedRights()
    assert read(packets(iptc=iim((30, b"soon")))).rights.begins_at == "soon"  # what nobody can read forbids


def test_the_same_word_in_two_spellings_is_one_value_and_two_words_are_none() -> None:
    twice = "".join(
        f"<plus:DataMining>{word}</plus:DataMining>" for word in ("DMI-ALLOWED", f"{WORDS}DMI-ALLOWED")
    )
    differ = (
        "<plus:ModelReleaseStatus>MR-UMR</plus:ModelReleaseStatus>"
        "<plus:ModelReleaseStatus>MR-NON</plus:ModelReleaseStatus>"
    )

    assert rights(xmp(twice)).data_mining == "DMI-ALLOWED"
    assert rights(xmp(differ)).model_release == "MR-UMR MR-NON"


def test_who_licenses_and_on_what_words_stands_there_for_people() -> None:
    found = read(
        packets(
            xmp=xmp(
                "<plus:Licensor><rdf:Seq><rdf:li rdf:parseType='Resource'>"
                "<plus:LicensorName>Agency Nine</plus:LicensorName>"
                "<plus:LicensorURL>https://agency.example/17</plus:LicensorURL>"
                "</rdf:li></rdf:Seq></plus:Licensor>"
                "<photoshop:Credit>Bo / Agency Nine</photoshop:Credit>"
                "<plus:OtherConstraints>No alcohol</plus:OtherConstraints>"
            ),
            iptc=iim((110, b"Agency Nine"), (40, b"Call first")),
        )
    ).credit

    assert (found["licensor"], found["licensor_url"]) == ("Agency Nine", "https://agency.example/17")
    assert found["credit"] == "Bo / Agency Nine; Agency Nine"  # the packets differ, and a person sees it
    assert (found["constraints"], found["instructions"]) == ("No alcohol", "Call first")
