"""A witness of our own: for a second house or an auditor, who needs no database and no bank for it.

It keeps C2SP `tlog-witness`: it signs the head of a log that it knows if that extends the last one it signed,
remembers it before it answers, and never signs two pasts of one log.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bankd.audit import cosignatures, merkle, notes
from bankd.audit.errors import NoteInvalid
from bankd.witnesses.url import SIZE_TYPE

BODY_MOST_BYTES = 1 << 16
PROOF_MOST = 63
TIMEOUT_S = 30.0
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    media_type: str = TEXT_TYPE


class Observer:
    """The last head that was signed of each log, one file each in `folder`. Safe to share between threads.

    Args:
        logs: keys by origin; a log whose key is being rotated has both.
    """

    def __init__(
        self,
        name: str,
        key: Ed25519PrivateKey,
        logs: Mapping[str, Sequence[Ed25519PublicKey]],
        folder: Path,
    ) -> None:
        self.name, self._key, self._logs, self._folder = name, key, logs, folder
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, body: bytes, *, at: int) -> Answer:
        """What `add-checkpoint` answers; `at` in seconds since 1970."""
        try:
            old, proof, note = _read(body)
            opened = notes.split(note)
            head = notes.head(opened.text)
        except (NoteInvalid, ValueError):
            return Answer(400, "it is not an old size, a proof and a checkpoint\n")
        keys = self._logs.get(head.origin)
        if keys is None:
            return Answer(404, "this log is not known here\n")
        try:
            # Every known key is tried: what a wrong signature stands beside is not believed.
            known = [opened.signed_by(head.origin, key) for key in keys]
        except NoteInvalid:
            known = []
        if not any(known):
            return Answer(403, "no key that is known here signed it\n")
        if old > head.size:
            return Answer(400, "the old size is larger than the checkpoint's\n")
        with self._held(head.origin) as path:
            last = self._last(path)
            size, root = (0, merkle.EMPTY_ROOT) if last is None else (last.size, last.root)
            if old != size:
                return Answer(409, f"{size}\n", SIZE_TYPE)
            if old == head.size and root != head.root:
                return Answer(409, f"{size}\n", SIZE_TYPE)
            if not merkle.extends(old, root, head.size, head.root, proof=proof):
                return Answer(422, "the proof does not hold\n")
            line = cosignatures.cosign(opened.text, self.name, self._key, at=at)
            _write(path, note + line)
        return Answer(200, line)

    def last(self, origin: str) -> notes.Head | None:
        with self._held(origin) as path:
            return self._last(path)

    @contextmanager
    def _held(self, origin: str) -> Iterator[Path]:
        """One at a time, of other processes too: reading and keeping are one step."""
        path = self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.note"
        with self._lock, path.with_suffix(".lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield path

    def _last(self, path: Path) -> notes.Head | None:
        """What was signed last, as our own signature below it says."""
        try:
            opened = notes.split(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if cosignatures.moment(opened, self.name, self._key.public_key()) is None:
            raise NoteInvalid(f"`{path.name}` was not signed by this witness")
        return notes.head(opened.text)


def serve(observer: Observer, host: str, port: int, *, now: Callable[[], int]) -> ThreadingHTTPServer:
    """A server that is bound and waits for `serve_forever`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "bankd-witness"
        sys_version = ""
        timeout = TIMEOUT_S

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > BODY_MOST_BYTES:
                self._say(Answer(413, "say how long it is, and no more than 64 KiB\n"), last=True)
                return
            body = self.rfile.read(int(length))
            if self.path.rstrip("/").endswith("/add-checkpoint"):
                self._say(observer.add(body, at=now()))
            else:
                self._say(Answer(404, "nothing is here\n"))

        def _say(self, answer: Answer, *, last: bool = False) -> None:
            content = answer.text.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.media_type)
            self.send_header("Content-Length", str(len(content)))
            if last:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return ThreadingHTTPServer((host, port), Handler)


def _read(body: bytes) -> tuple[int, list[bytes], str]:
    """Old size, proof and note. Raises: ValueError, NoteInvalid."""
    asked, empty, note = body.decode().partition("\n\n")
    first, *lines = asked.split("\n")
    word, _, old = first.partition(" ")
    if not empty or word != "old" or not notes.SIZE.fullmatch(old) or len(lines) > PROOF_MOST:
        raise ValueError(first)
    proof = [notes.decoded(line) for line in lines]
    if any(node is None or len(node) != 32 for node in proof):
        raise ValueError("a hash")
    return int(old), [node for node in proof if node is not None], note


def _write(path: Path, note: str) -> None:
    """Durable before anyone hears of it."""
    fresh = path.with_suffix(".fresh")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
