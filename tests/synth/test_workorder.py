"""An order is checked before anything of it is used, and its links lead where it says and nowhere else."""

import base64
import hashlib
import io
import random
import struct
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from synth import workorder
from synth.links import LinkFailed, Links
from synth.refinement import Refined
from synth.workorder import (
    Linked,
    OrderedVariation,
    OrderExpired,
    OrderRefused,
    RenderedVariation,
    Result,
    ResultRefused,
    WorkOrder,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
HOST = "127.0.0.1:9000"
STORE = f"http://{HOST}"
NOW = 1_800_000_000.0


def an_order(**changes: Any) -> WorkOrder:
    stated = {
        "bank": workorder.fingerprint(KEY.public_key()),
        "order_id": "order-1",
        "attempt": 1,
        "expires_at": int(NOW) + 60,
        "height": 64,
        "width": 96,
        "frame": "scene",
        "refiner": "blend",
        "categories": (),
        "variations": (OrderedVariation(index=0, seed=1, anchor=None, picks=()),),
        "archive": Linked(url=f"http://{HOST}/a", sha256="0" * 64, size_bytes=1),
        "result_url": f"http://{HOST}/r",
        "cancel_url": f"http://{HOST}/c",
        **changes,
    }
    return WorkOrder.model_validate(stated)


def read(text: str, signature: str, *, now: float = NOW, store: str = STORE) -> WorkOrder:
    return workorder.read(text, signature, key=KEY.public_key(), now=now, store=store)


def test_a_good_order_is_read_as_it_was_signed() -> None:
    assert read(*workorder.sign(an_order(), KEY)) == an_order()


@pytest.mark.parametrize("signature", ["", "AAAA", "not base64!", base64.b64encode(bytes(64)).decode()])
def test_a_bad_signature_is_refused(signature) -> None:
    text, _ = workorder.sign(an_order(), KEY)

    with pytest.raises(OrderRefused, match="signature is not the bank's"):
        read(text, signature)


def test_one_changed_character_is_refused() -> None:
    text, signature = workorder.sign(an_order(), KEY)

    with pytest.raises(OrderRefused, match="signature"):
        read(text.replace('"attempt":1', '"attempt":2'), signature)


def test_another_banks_order_is_refused() -> None:
    with pytest.raises(OrderRefused, match="signature is not the bank's"):
        read(*workorder.sign(an_order(), OTHER))
    with pytest.raises(OrderRefused, match="belongs to another bank"):
        read(*workorder.sign(an_order(bank=workorder.fingerprint(OTHER.public_key())), KEY))


def test_an_order_expires_at_its_second() -> None:
    order = workorder.sign(an_order(), KEY)

    assert read(*order, now=NOW + 59.9).order_id == "order-1"
    with pytest.raises(OrderExpired):
        read(*order, now=NOW + 60)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://127.0.0.1:9001/x",
        "http://evil.example/x",
        f"http://{HOST}@evil.example/x",
        f"http://user@{HOST}/x",
        "file:///etc/passwd",
        "//127.0.0.1:9000/x",
        f"ftp://{HOST}/x",
        f"https://{HOST}/x",
        "http://127.0.0.1/x",
        "http://127.0.0.1:port/x",
        "http://[127.0.0.1:9000/x",
        f"http://evil.example\\@{HOST}/x",
    ],
)
@pytest.mark.parametrize("link", ["archive", "result_url", "cancel_url"])
def test_a_link_to_another_host_is_refused(link, elsewhere) -> None:
    target = Linked(url=elsewhere, sha256="0" * 64, size_bytes=1) if link == "archive" else elsewhere

    with pytest.raises(OrderRefused, match="links to"):
        read(*workorder.sign(an_order(**{link: target}), KEY))


def test_a_store_at_its_schemes_port_is_the_same_store_with_and_without_the_port() -> None:
    links = {"result_url": "https://store.example/r", "cancel_url": "https://Store.example:443/c"}
    archive = Linked(url="https://store.example/a", sha256="0" * 64, size_bytes=1)
    order = workorder.sign(an_order(archive=archive, **links), KEY)

    assert read(*order, store="https://store.example:443") == read(*order, store="https://store.example")
    for other in ("http://store.example", "https://store.example:8443", "https://example", "store.example"):
        with pytest.raises(OrderRefused, match="links to"):
            read(*order, store=other)


class _Store(BaseHTTPRequestHandler):
    """Answers by path: /moved redirects to /archive, /archive is there, /slow is larger than announced."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/archive")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = b"archive" if self.path == "/archive" else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        self.asked.append(self.path)
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(302 if self.path == "/moved" else 200)
        if self.path == "/moved":
            self.send_header("Location", "/archive")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def store() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Store", (_Store,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def archive(url: str, content: bytes = b"archive") -> Linked:
    return Linked(url=url, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))


def test_an_archive_is_fetched_whole(store) -> None:
    assert Links().fetch(archive(f"{store[0]}/archive")) == b"archive"


def test_redirects_are_not_followed(store) -> None:
    base, asked = store

    with pytest.raises(LinkFailed, match="answered 302"):
        Links().fetch(archive(f"{base}/moved"))
    with pytest.raises(LinkFailed, match="answered 302"):
        Links().put(f"{base}/moved", b"result")
    assert not Links().exists(f"{base}/moved")
    assert asked == ["/moved"] * 3


@pytest.mark.parametrize("content", [b"archivf", b"archive and more", b"arch"])
def test_an_archive_that_is_not_the_signed_one_is_refused(store, content) -> None:
    with pytest.raises(OrderRefused, match="not what the order was signed over"):
        Links().fetch(archive(f"{store[0]}/archive", content))


def test_a_store_that_is_not_there_is_no_cancellation() -> None:
    assert not Links().exists("http://127.0.0.1:9/c")
    with pytest.raises(LinkFailed, match="cannot be reached"):
        Links().put("http://127.0.0.1:9/r", b"x")


def a_result() -> bytes:
    claim = RenderedVariation(index=0, outcome="rendered", ledger_sha256="ab", placements=((0,) * 9,))
    result = Result(order_id="order-1", attempt=1, device="cpu", variations=(claim,))
    return workorder.pack_result(
        result, {0: Refined(np.arange(64 * 96 * 3, dtype=np.uint8).reshape(64, 96, 3))}
    )


def unpack(data: bytes) -> tuple[Result, dict[int, Any]]:
    return workorder.unpack_result(data, order_id="order-1", attempt=1, height=64, width=96)


def test_a_damaged_result_is_read_or_refused_and_nothing_else() -> None:
    rng = random.Random(17)
    good = a_result()
    assert unpack(good)[0].device == "cpu"
    refused = 0
    for _ in range(3000):
        data = bytearray(good)
        for _ in range(rng.choice([1, 1, 2, 8])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        try:
            unpack(bytes(data))
        except ResultRefused:
            refused += 1
    assert refused > 300


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_result_is_not_unpacked(method) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(a_result())) as old, zipfile.ZipFile(out, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))

    with pytest.raises(ResultRefused, match="compressed or encrypted"):
        unpack(out.getvalue())


@pytest.mark.parametrize("zip64", [False, True])
def test_a_result_of_a_million_files_is_refused_before_they_are_listed(zip64, monkeypatch) -> None:
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", *(0,) * 9, 1, *(0,) * 6) + b"a"
    directory = entry * 1_000_000
    if zip64:
        size = (len(directory), 0)
        wide = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, *size)
        wide += struct.pack("<4sIQI", b"PK\6\7", 0, len(directory), 1)
        end = wide + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, 100, 0, 0)
    else:
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(directory), 0, 0)

    def never(*_: Any) -> None:
        raise AssertionError("it was listed")

    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", never)
    with pytest.raises(ResultRefused):
        unpack(directory + end)


@pytest.mark.parametrize(
    "claims",
    [
        b'"placements":[' + b"[]," * 200_000 + b"[]]",
        b'"uncovered":[' + b'"",' * 200_000 + b"0]",
        b'"timings_ms":{' + b",".join(b'"%d":0' % n for n in range(200_000)) + b"}",
        b",".join(b'"%d":0' % n for n in range(200_000)),
    ],
)
def test_of_what_is_wrong_in_a_result_little_is_kept(claims) -> None:
    """pydantic keeps some 600 bytes for each error, and there could be millions."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        opening = (
            b'{"order_id":"order-1","attempt":1,"device":"","variations":[{"index":0,"outcome":"rendered",'
        )
        archive.writestr("result.json", opening + claims + b"}]}")

    with pytest.raises(ResultRefused) as refused:
        unpack(out.getvalue())

    cause = refused.value.__cause__
    assert cause is None or len(cause.errors()) < 20
