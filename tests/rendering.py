"""A render worker's site for tests: the real process, a real broker, and a store that lies when told to."""

import hashlib
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from drawn import FLOOR, MUG, WALL, labels, photo_of, png
from PIL import Image

from bankd import embedded
from bankd.embedded import processes
from bankd.installation import Program
from synth import queues, workorder
from synth.pictures import CategoryFacts
from synth.segments import cut
from synth.workorder import Linked, OrderedCategory, OrderedVariation, WorkOrder

PATIENCE_S = 300
NAME = "render"


def await_(condition: Any, what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
    return found


@dataclass
class Site:
    """One running render worker, and the bank's side of its two queues."""

    folder: Path
    addresses: embedded.Addresses
    record: processes.Record

    @property
    def pid(self) -> int:
        return self.record.pid

    @property
    def alive(self) -> bool:
        return self.record.alive

    def said(self) -> str:
        return processes.log_path(NAME, self.folder).read_text()

    def environment(self) -> dict[str, str]:
        """Of the living process, as the kernel knows it."""
        content = Path(f"/proc/{self.pid}/environ").read_bytes().decode()
        return dict(line.split("=", 1) for line in content.split("\0") if line)

    def publish(self, *orders: tuple[str, str]) -> None:
        app = queues.make_app(self.addresses.broker_url)
        try:
            for order in orders:
                app.send_task(queues.RENDER_TASK, args=order, queue=queues.RENDER_QUEUE, retry=False)
        finally:
            app.close()

    def hints_until(self, order_id: str) -> list[tuple[str, int]]:
        """(order, attempt) of all that the worker hinted at, up to the order's own. One order is in hand at
        a time, so whatever was published before it has been dealt with."""
        found: list[tuple[str, int]] = []
        with queues.hints(self.addresses.broker_url) as connection:
            queue = connection.SimpleQueue(queues.rendered_queue(), no_ack=True)
            deadline = time.monotonic() + PATIENCE_S
            while not any(order == order_id for order, _ in found):
                assert self.alive and time.monotonic() < deadline, self.said()[-3000:]
                try:
                    body = queue.get(timeout=1).payload
                except queue.Empty:
                    continue
                found.append((body["order_id"], body["attempt"]))
            queue.close()
        return found


@contextmanager
def site(folder: Path, addresses: embedded.Addresses, program: Program) -> Iterator[Site]:
    """A render worker, started as the installation starts it. Its queues are empty before and after."""
    for name in ("run", "log"):
        (folder / name).mkdir(exist_ok=True)
    _empty(addresses)
    try:
        record = processes.start(NAME, program.argv, program.env, folder, folder)
        running = Site(folder, addresses, record)
        await_(lambda: " ready." in running.said(), "the worker did not start")
        yield running
    finally:
        processes.stop(NAME, folder)
        _empty(addresses)


def _empty(addresses: embedded.Addresses) -> None:
    app = queues.make_app(addresses.broker_url)
    with app.connection_for_write() as connection:
        client = connection.default_channel.client
        client.delete("render", "unacked", "unacked_index")
    with queues.hints(addresses.broker_url) as connection:
        connection.default_channel.client.delete("rendered")
    app.close()


def an_archive() -> tuple[bytes, tuple[tuple[int, ...], ...]]:
    """An order archive of one drawn photo, and the picks for its layout: each region its own segment."""
    ids = labels()
    rgb = np.asarray(Image.open(io.BytesIO(photo_of(ids, seed=3))))
    entries, picks = [], []
    for key, made in enumerate(cut(ids)):
        r = made.region
        alpha = np.where(r.mask, 255, 0).astype(np.uint8)[..., None]
        crop = np.concatenate([rgb[r.y0 : r.y1, r.x0 : r.x1], alpha], axis=2)
        facts = {
            "key": key,
            "photo": 0,
            "category": r.category,
            "box": [r.x0, r.y0, r.x1, r.y1],
            "frame": list(ids.shape),
            "depth_mm": None,
        }
        entries.append((facts, png(crop)))
        picks.append((key,))
    return workorder.pack_archive(ids, entries), tuple(picks)


def an_order(
    key: Ed25519PrivateKey, store: str, order_id: str, *, content: bytes | None = None, **changes: Any
) -> WorkOrder:
    """A good order for the archive at `<store>/<order id>/archive`, but for the changes."""
    archive, picks = an_archive()
    content = archive if content is None else content
    categories = (
        CategoryFacts(WALL, "wall", planar=True, front_rank=5),
        CategoryFacts(FLOOR, "floor", ground=True, planar=True, front_rank=10),
        CategoryFacts(MUG, "mug", front_rank=80),
    )
    stated = {
        "bank": workorder.fingerprint(key.public_key()),
        "order_id": order_id,
        "attempt": 1,
        "expires_at": int(time.time()) + 600,
        "height": 64,
        "width": 96,
        "frame": "scene",
        "refiner": "blend",
        "categories": tuple(OrderedCategory(**vars(category)) for category in categories),
        "variations": (OrderedVariation(index=0, seed=1, anchor=0, picks=picks),),
        "archive": Linked(
            url=f"{store}/{order_id}/archive",
            sha256=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
        ),
        "result_url": f"{store}/{order_id}/result",
        "cancel_url": f"{store}/{order_id}/cancelled",
        **changes,
    }
    return WorkOrder.model_validate(stated)


@dataclass
class Store:
    """An HTTP server that keeps what it is told and remembers who asked for what.

    `there` maps paths to content, `moved` paths to where they redirect; `sent` counts bytes by path.
    """

    url: str = ""
    there: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)

    def of(self, order_id: str) -> list[str]:
        """What was asked about one order: `GET archive` and so on, in order; repeats in a row count once."""
        lines = (line for line in self.asked if line.split(" ", 1)[1].startswith(f"/{order_id}/"))
        return [line.replace(f"/{order_id}/", "") for line, _ in groupby(lines)]


@contextmanager
def store() -> Iterator[Store]:
    state = Store()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            state.asked.append(f"GET {self.path}")
            if self.path in state.moved:
                return self._answer(302, location=state.moved[self.path])
            if self.path not in state.there:
                return self._answer(404)
            body = state.there[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for start in range(0, len(body), 1 << 16):
                try:
                    self.wfile.write(body[start : start + (1 << 16)])
                except OSError:  # the worker wants no more of it
                    self.close_connection = True
                    return None
                state.sent[self.path] = start + (1 << 16)
            return None

        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.asked.append(f"PUT {self.path}")
            if self.path in state.moved:
                return self._answer(307, location=state.moved[self.path])
            state.there[self.path] = body
            return self._answer(200)

        def _answer(self, status: int, *, location: str | None = None) -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
