"""Which marks a file carries, found by reading it: what was to be put into it is another question.

Of the pixels nothing is decoded here but for an invisible watermark, and that only where the caller says so.
"""

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args
from xml.etree.ElementTree import Element, ParseError

from c2pa import C2paError
from defusedxml import DefusedXmlException, ElementTree
from PIL import Image, UnidentifiedImageError

from bankd.provenance import credential, pixels
from bankd.runtime import Runtime
from bankd.synthesis import verification
from bankd.watermark.opening import opened

Mark = Literal[
    "c2pa",  # a C2PA manifest, whatever it is worth
    "c2pa-valid",  # its signature and hashes hold
    "c2pa-trusted",  # and its signer ends in one of our anchors
    "time-stamp",
    "c2pa-source-type",
    "c2pa-mining",  # the CAWG assertion on training and data mining
    "xmp-source-type",
    "ai-fields",  # of IPTC 2025.1
    "credit-line",
    "data-mining",  # the PLUS property
    "watermark",  # an invisible one of this house
]
MARKS: tuple[Mark, ...] = get_args(Mark)
XMP_MOST = 4 << 20

_IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
_AI = tuple(
    f"{_IPTC}AI{name}"
    for name in ("SystemUsed", "SystemVersionUsed", "PromptInformation", "PromptWriterName")
)
_CREDIT = "{http://ns.adobe.com/photoshop/1.0/}Credit"
_MINING = "{http://ns.useplus.org/ldf/xmp/1.0/}DataMining"
_DESCRIPTION = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"


class Pixels(Protocol):
    def __call__(self, file: bytes) -> bool:
        """Whether an invisible watermark of this house is in the picture."""


@dataclass(frozen=True)
class Found:
    """The marks of a file, and the digital source types that it states, by where: `c2pa`, `xmp`."""

    marks: frozenset[Mark]
    source_types: Mapping[str, str]
    looked_for_watermark: bool


@dataclass(frozen=True)
class MarkReader:
    """Reads files with this house's anchors. `watermark` is None where nothing can look for one."""

    anchors_pem: str
    watermark: Pixels | None = None
    time_stamp_roots_pem: str = ""

    def read(self, file: bytes, *, pixels: bool, media_type: str = "image/png") -> Found:
        """What a file carries; a broken manifest is one that does not hold.

        Args:
            pixels: whether its pixels may be decoded.
        """
        marks: set[Mark] = set()
        types: dict[str, str] = {}
        self._c2pa(file, media_type, marks, types)
        _xmp(file, marks, types)
        looked = pixels and self.watermark is not None
        if looked and self.watermark is not None and self.watermark(file):
            marks.add("watermark")
        return Found(frozenset(marks), types, looked)

    def _c2pa(self, file: bytes, media_type: str, marks: set[Mark], types: dict[str, str]) -> None:
        try:
            store = credential.store(
                file,
                anchors_pem=self.anchors_pem,
                media_type=media_type,
                time_stamp_roots_pem=self.time_stamp_roots_pem,
            )
        except C2paError:
            marks.add("c2pa")
            return
        if store is None:
            return
        marks.add("c2pa")
        read = credential.of_store(store, file, anchors_pem=self.anchors_pem, media_type=media_type)
        if read.valid:
            marks.add("c2pa-valid")
        if read.trusted:
            marks.add("c2pa-trusted")
        if read.valid and read.signed_at:
            marks.add("time-stamp")
        active = store["manifests"].get(store.get("active_manifest"), {})
        for assertion in active.get("assertions", []):
            label, data = str(assertion.get("label", "")), assertion.get("data")
            if label.startswith("cawg.training-mining"):
                marks.add("c2pa-mining")
            if label.startswith("c2pa.actions") and isinstance(data, dict):
                found = _source_type(data.get("actions", []))
                if found is not None:
                    types["c2pa"] = found
                    marks.add("c2pa-source-type")


def _source_type(actions: Sequence[Any]) -> str | None:
    """The digital source type by which the picture was created, else the first that an action states."""
    stated = [
        (action.get("action") != "c2pa.created", str(action["digitalSourceType"]))
        for action in actions
        if isinstance(action, dict) and action.get("digitalSourceType")
    ]
    return _tail(min(stated)[1]) if stated else None


def _xmp(file: bytes, marks: set[Mark], types: dict[str, str]) -> None:
    described = _described(file)
    if described is None:
        return
    values = _values(described)
    if found := values.get(f"{_IPTC}DigitalSourceType"):
        types["xmp"] = _tail(found)
        marks.add("xmp-source-type")
    if any(values.get(name) for name in _AI):
        marks.add("ai-fields")
    if values.get(_CREDIT):
        marks.add("credit-line")
    if values.get(_MINING):
        marks.add("data-mining")


def _described(file: bytes) -> Element | None:
    try:
        with Image.open(io.BytesIO(file), formats=["PNG", "JPEG", "WEBP", "TIFF"]) as image:
            told = image.info.get("XML:com.adobe.xmp") or image.info.get("xmp")
    except (OSError, UnidentifiedImageError, ValueError, struct.error, Image.DecompressionBombError):
        return None
    if not told or len(told) > XMP_MOST:
        return None
    try:
        root: Element = ElementTree.fromstring(
            told.strip("\0 ") if isinstance(told, str) else told.strip(b"\0 ")
        )
    except (ParseError, DefusedXmlException, ValueError):
        return None
    return root


def _values(root: Element) -> dict[str, str]:
    """Properties of the packet's descriptions, as attributes or as elements with text in them."""
    found: dict[str, str] = {}
    for description in root.iter(_DESCRIPTION):
        found |= description.attrib
        for child in description:
            text = " ".join("".join(child.itertext()).split())
            if text:
                found[child.tag] = text
    return found


def _tail(uri: str) -> str:
    """The term of a vocabulary, without where it is defined."""
    return uri.rstrip("/").rpartition("/")[2][:80]


def opener(rt: Runtime) -> Callable[[], MarkReader]:
    """What opens this installation's reader: its own anchors, and its watermark where masters carry it."""

    def reader() -> MarkReader:
        watermarks = opened(rt.settings) if rt.settings.watermark == "all" else None

        def marked(file: bytes) -> bool:
            assert watermarks is not None
            return bool(watermarks.read(pixels.decode(file))[0])

        return MarkReader(
            anchors_pem=verification.credentials(rt).anchors_pem,
            watermark=None if watermarks is None else marked,
            time_stamp_roots_pem=verification.clock(rt).roots_pem,
        )

    return reader
