"""The work order: all that a render worker is ever told, signed and expiring.

A worker holds one public key and one broker user. Whatever it may read or
write for an order is in the order: one link to an archive of approved
segments, one to put the result, one to ask whether it was cancelled, and
where a network was asked for, one to each of its checkpoints.
Encoding is JSON; the signature is Ed25519 (RFC 8032) over the exact bytes
of the order's text, so nothing is re-serialised before it is checked.
"""

import base64
import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from PIL import Image
from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError

from synth.cards import Kind
from synth.pictures import CanvasRule, CategoryFacts, Placement, Segment
from synth.refinement import Refined

MAX_ARCHIVE_BYTES = 1 << 30
MAX_RESULT_BYTES = 256 << 20
MAX_VARIATIONS = 16
MAX_CLAIMS = 100_000
MAX_NAMES = 50  # in one object of a result
MAX_DIRECTORY_BYTES = 16 << 10  # of a result: it has few files
# What a hostile ZIP or PNG can raise beside what their libraries document.
DAMAGED = (EOFError, Image.DecompressionBombError, RuntimeError, SyntaxError, struct.error, zlib.error)
DEFAULT_PORTS = {"http": 80, "https": 443}


Int = Annotated[int, Field(ge=-(1 << 53), le=1 << 53)]
Nine = tuple[Int, Int, Int, Int, Int, Int, Int, Int, Int]
Ordinal = Annotated[int, Field(ge=0, lt=1 << 31)]
Milliseconds = Annotated[int, Field(ge=0, lt=1 << 31)]
Megabytes = Annotated[int, Field(ge=0, lt=1 << 31)]
Stage = Annotated[str, Field(pattern="^[a-z_ ]+$", max_length=40)]


class OrderRefused(Exception):
    """The worker will not touch this order; the message says why."""


class OrderExpired(OrderRefused):
    """An ordinary answer: the order waited too long and the bank will clear it anew."""

    def __init__(self, order_id: str, attempt: int) -> None:
        super().__init__(f"order `{order_id}` has expired")
        self.order_id = order_id
        self.attempt = attempt


class ResultRefused(Exception):
    """What came back is not a result of this order; the message says why."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Linked(_Value):
    """Bytes behind a link: exactly these, or none."""

    url: str
    sha256: str
    size_bytes: int = Field(gt=0, le=MAX_ARCHIVE_BYTES)


class OrderedNetwork(Linked):
    """A network checkpoint to make the pictures with. The worker may keep it: its hash is its name."""

    kind: Kind


class OrderedVariation(_Value):
    """One picture to make. `picks[region]` are segment keys of the archive, best first."""

    index: int = Field(ge=0)
    seed: int = Field(ge=0)
    anchor: int | None  # order-local photo number whose light the others follow
    picks: tuple[tuple[int, ...], ...]


class OrderedCategory(_Value):
    id: int = Field(ge=0, le=254)
    name: str
    ground: bool
    planar: bool
    thin: bool
    void: bool
    front_rank: int

    def facts(self) -> CategoryFacts:
        return CategoryFacts(**self.model_dump())


class WorkOrder(_Value):
    version: Literal[1] = 1
    bank: str  # fingerprint of the bank's order key: an order of another bank is foreign
    order_id: str
    attempt: int = Field(ge=1)
    expires_at: int  # seconds since the epoch
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    frame: Literal["scene", "box"]
    refiner: Literal["blend", "network"]
    canvas: CanvasRule = "strict"
    networks: tuple[OrderedNetwork, ...] = ()  # a refinement network, and others of its snapshot
    categories: tuple[OrderedCategory, ...]
    variations: tuple[OrderedVariation, ...] = Field(min_length=1, max_length=MAX_VARIATIONS)
    archive: Linked
    result_url: str
    cancel_url: str


def fingerprint(key: Ed25519PublicKey) -> str:
    """Sixteen hexadecimal digits that name a bank's order key."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def sign(order: WorkOrder, key: Ed25519PrivateKey) -> tuple[str, str]:
    """The order's text and its signature in base64.

    The text of a strict canvas does not name it: workers from before there was another read it too.
    """
    said = order.model_dump(mode="json", exclude={"canvas"} if order.canvas == "strict" else None)
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return text, base64.b64encode(key.sign(text.encode())).decode()


def read(text: str, signature: str, *, key: Ed25519PublicKey, now: float, store: str) -> WorkOrder:
    """Check an order before anything of it is used.

    Args:
        now: seconds since the epoch.
        store: `scheme://name:port`, where every link of the order must lead.

    Raises:
        OrderExpired: it was good and came too late.
        OrderRefused: bad signature, another bank's, or a link that leads elsewhere.
    """
    try:
        key.verify(base64.b64decode(signature, validate=True), text.encode())
    except (InvalidSignature, ValueError) as error:
        raise OrderRefused("the order's signature is not the bank's") from error
    try:
        order = WorkOrder.model_validate_json(text)
    except ValidationError as error:
        raise OrderRefused(f"the order cannot be read: {error.errors()[0]['msg']}") from error
    if order.bank != fingerprint(key):
        raise OrderRefused(f"the order belongs to another bank, `{order.bank}`")
    if order.expires_at <= now:
        raise OrderExpired(order.order_id, order.attempt)
    links = (order.archive.url, *(one.url for one in order.networks), order.result_url, order.cancel_url)
    for url in links:
        if _origin(url) is None or _origin(url) != _origin(store):
            raise OrderRefused(f"the order links to `{url.partition('?')[0]}`, not to the store at `{store}`")
    return order


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for anything that names more or less than these, such as a user."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    default = DEFAULT_PORTS.get(parts.scheme)
    if default is None or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, default if port is None else port


def pack_archive(labels: np.ndarray[Any, Any], segments: Sequence[tuple[Mapping[str, Any], bytes]]) -> bytes:
    """The archive of an order.

    Args:
        labels: (H, W) uint8 house category ids of the layout.
        segments: for each approved segment its facts (key, photo, category,
            box, frame, depth_mm) and its RGBA crop as PNG bytes.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        index = {"version": 1, "segments": [dict(facts) for facts, _ in segments]}
        archive.writestr("archive.json", json.dumps(index))
        archive.writestr("layout.png", _png(labels))
        for facts, png in segments:
            archive.writestr(f"{facts['key']}.png", png)
    return out.getvalue()


def unpack_archive(data: bytes) -> tuple[np.ndarray[Any, Any], dict[int, Segment]]:
    """The layout's labels (H, W) uint8 and the segments by key.

    Raises:
        OrderRefused: it is no archive of ours.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            index = json.loads(archive.read("archive.json"))
            labels = np.asarray(Image.open(io.BytesIO(archive.read("layout.png")), formats=["PNG"]))
            segments = [_segment(facts, archive.read(f"{facts['key']}.png")) for facts in index["segments"]]
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
        raise OrderRefused("the archive cannot be read") from error
    return labels, {segment.key: segment for segment in segments}


def _segment(facts: Mapping[str, Any], png: bytes) -> Segment:
    crop = np.asarray(Image.open(io.BytesIO(png), formats=["PNG"]).convert("RGBA"))
    return Segment(
        key=facts["key"],
        photo=facts["photo"],
        category=facts["category"],
        rgb=np.ascontiguousarray(crop[..., :3]),
        mask=crop[..., 3] > 0,
        box=tuple(facts["box"]),
        frame=tuple(facts["frame"]),
        depth_mm=facts["depth_mm"],
    )


class RenderedVariation(_Value):
    """What a worker claims about one picture. Nothing here is believed before the seal checks it.

    Bounded so that all of it can be recorded: in a row, and in the log.
    """

    index: int = Field(ge=0, lt=MAX_VARIATIONS)
    outcome: Literal["rendered", "uncovered"]
    # Regions that no segment covered, when over the limit.
    uncovered: Annotated[tuple[Ordinal, ...], FailFast()] = Field(default=(), max_length=MAX_CLAIMS)
    ledger_sha256: str = Field(default="", pattern="^[0-9a-f]*$", max_length=64)
    # Region, segment key, rank, six affine integers.
    placements: Annotated[tuple[Nine, ...], FailFast()] = Field(default=(), max_length=MAX_CLAIMS)
    timings_ms: dict[Stage, Milliseconds] = Field(default={}, max_length=MAX_NAMES)
    # The most that was held during a stage: in RAM by the worker's process, and by its device.
    memory_mb: dict[Stage, Megabytes] = Field(default={}, max_length=MAX_NAMES)
    device_memory_mb: dict[Stage, Megabytes] = Field(default={}, max_length=MAX_NAMES)

    def placed(self) -> tuple[Placement, ...]:
        return tuple(
            Placement(region=region, segment=segment, rank=rank, affine=(a, b, c, d, e, f))
            for region, segment, rank, a, b, c, d, e, f in self.placements
        )


class Result(_Value):
    version: Literal[1] = 1
    order_id: str
    attempt: int
    device: str = Field(max_length=100, pattern="^[ -~]*$")
    variations: Annotated[tuple[RenderedVariation, ...], FailFast()] = Field(max_length=MAX_VARIATIONS)


def pack_result(result: Result, pictures: Mapping[int, Refined]) -> bytes:
    """ZIP of the claims and, by variation index, a PNG of each picture; with a network gate and base too."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("result.json", result.model_dump_json())
        for index, made in pictures.items():
            archive.writestr(f"{index}.png", _png(made.rgb))
            if made.gate is not None and made.base is not None:
                archive.writestr(f"{index}.gate.png", _png(made.gate))
                archive.writestr(f"{index}.base.png", _png(made.base))
    return out.getvalue()


def unpack_result(
    data: bytes, *, order_id: str, attempt: int, height: int, width: int, network: bool = False
) -> tuple[Result, dict[int, Refined]]:
    """Read an untrusted result within bounds.

    Args:
        network: pictures come with the gate and the base of the network that was ordered.

    Raises:
        ResultRefused: not a ZIP, too large when unpacked, of another order or
            attempt, a picture missing or of another size.
    """
    bound = height * width * 4 + (1 << 20)
    if _directory_bytes(data) > MAX_DIRECTORY_BYTES:
        raise ResultRefused("the result is larger than its order allows")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            if len(infos) > 3 * MAX_VARIATIONS + 1 or any(
                info.file_size > max(bound, 16 << 20) for info in infos.values()
            ):
                raise ResultRefused("the result is larger than its order allows")
            if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in infos.values()):
                raise ResultRefused("the result is compressed or encrypted")
            told = archive.read("result.json")
            json.loads(told, object_pairs_hook=_few)
            result = Result.model_validate_json(told)
            if (result.order_id, result.attempt) != (order_id, attempt):
                raise ResultRefused(f"the result answers order `{result.order_id}`, attempt {result.attempt}")
            pictures = {}
            for variation in result.variations:
                if variation.outcome != "rendered":
                    continue
                kinds = {".png": "RGB"} | ({".gate.png": "L", ".base.png": "RGB"} if network else {})
                parts = []
                for suffix, mode in kinds.items():
                    name = f"{variation.index}{suffix}"
                    if name not in infos:
                        raise ResultRefused(f"`{name}` is missing from the result")
                    parts.append(_picture(archive.read(name), mode, height=height, width=width))
                pictures[variation.index] = Refined(*parts)
    except (zipfile.BadZipFile, ValidationError, KeyError, OSError, ValueError, *DAMAGED) as error:
        raise ResultRefused("the result cannot be read") from error
    return result, pictures


def _few(names: list[tuple[str, Any]]) -> None:
    """Of what is wrong in lists the first is found, of names all: so there may not be many."""
    if len(names) > MAX_NAMES:
        raise ResultRefused("the result is larger than its order allows")


def _directory_bytes(data: bytes) -> int:
    """The size of a ZIP's directory, as it says: `zipfile` keeps every entry before it can be asked.

    Raises:
        ResultRefused: it does not end as those that we write, without comment and not as ZIP64.
    """
    end = data[-22:]
    if len(end) < 22 or end[:4] != b"PK\5\6" or end[-2:] != b"\0\0" or data[-42:-38] == b"PK\6\7":
        raise ResultRefused("the result cannot be read")
    return int.from_bytes(end[12:16], "little")


def _picture(data: bytes, mode: str, *, height: int, width: int) -> np.ndarray[Any, Any]:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        if image.mode != mode or image.size != (width, height):
            raise ResultRefused(f"a picture is {image.size[0]} x {image.size[1]}, not {width} x {height}")
        return np.asarray(image)


def _png(pixels: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=3)
    return out.getvalue()
