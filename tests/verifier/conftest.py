"""A house with sealed composites in a real log, its audit files, and the verifier as a file of its own."""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
import stranger
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd.audit import checkpoints, log, notes, rotations, signing_keys
from bankd.audit.actor import Actor
from bankd.audit.checkpoints import Signer
from bankd.audit.kinds import Kind
from bankd.audit.rotations import Signs
from bankd.db import make_engine, make_sessions
from bankd.licensing.facts import use_facts
from bankd.provenance import c2pa, service
from bankd.provenance.certificates import Credentials, development_chain
from bankd.provenance.manifest import LogCheckpoint
from bankd.proving import auditing
from bankd.proving.auditing import Asked, Within
from tests.bankd.provenance.conftest import Canvas, a_use, make_canvas, shelve_rows

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
BY = Actor.system("tests")
ORIGIN = "bank.example/log"


@pytest.fixture(scope="session")
def verifier() -> ModuleType:
    return stranger.module()


@dataclass
class House:
    """A log of its own, and composites sealed into it; keys may be shared with another house."""

    sessions: Any
    blobs: Any
    credentials: Credentials
    log_key: Ed25519PrivateKey = field(
        default_factory=lambda: Ed25519PrivateKey.from_private_bytes(b"l" * 32)
    )
    manifest_key: Ed25519PrivateKey = field(
        default_factory=lambda: Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    )
    origin: str = ORIGIN
    files: dict[UUID, bytes] = field(default_factory=dict)
    extend: Any = None  # makes the lines that checkpoints carry
    older: list[Ed25519PrivateKey] = field(default_factory=list)  # keys of the log before

    def say(self, count: int = 1, **objects: Any) -> None:
        """Entries of no meaning here."""
        with self.sessions.begin() as session:
            for number in range(count):
                log.append(session, Kind.REPORT_MADE, by=BY, at=AT, number=number, **objects)

    def checkpoint(self) -> str:
        with self.sessions.begin() as session:
            Signer(self.origin, lambda: [self.log_key, *self.older], extend=self.extend).sign(session, at=AT)
            last = checkpoints.latest(session)
            assert last is not None
            return checkpoints.cosigned(session, last)

    def rotate(self, signs: Signs, key: Ed25519PrivateKey) -> None:
        before = self.log_key if signs == "log" else self.manifest_key
        objects = rotations.objects(signs, self.origin, before=before, after=key)
        with self.sessions.begin() as session:
            log.append(session, signing_keys.ROTATED[signs], by=BY, at=AT, **objects)
        if signs == "log":
            self.older.append(self.log_key)
            self.log_key = key
            self.checkpoint()
        else:
            self.manifest_key = key

    def seal(self, canvas: Canvas) -> UUID:
        """As the bank does: cleared in the log, made on a checkpoint, signed, recorded."""
        order = UUID(int=canvas.manifest.composite_id.int + 1_000_000)
        with self.sessions.begin() as session:
            cleared = log.append(
                session,
                Kind.REQUEST_CLEARED,
                by=BY,
                at=AT,
                request=canvas.manifest.request_id,
                order=order,
                use=use_facts(a_use(), at=AT).as_json(),
                relied={str(one.photo_id): str(one.grant_id) for one in canvas.manifest.placed_photos},
                facts="f" * 64,
                answer="a" * 64,
            )
        self.checkpoint()
        with self.sessions.begin() as session:
            on = checkpoints.latest(session)
            assert on is not None
            made = canvas.manifest.model_copy(
                update={
                    "clearance_log_index": cleared.index,
                    "log_checkpoint": LogCheckpoint(size=on.size, root=on.root.hex()),
                }
            )
            sealed = c2pa.sign(
                canvas.rgb, manifest=made, manifest_key=self.manifest_key, credentials=self.credentials
            )
            key = f"composites/{made.composite_id}/{sha256(sealed.file).hexdigest()}"
            self.blobs.put(key, sealed.file, media_type="image/png")
            composite, entry = service.record(
                session,
                sealed,
                order_id=order,
                department_id=shelve_rows(session, canvas),
                blob_key=key,
                disclosures=canvas.disclosures,
                by=BY,
                at=AT + timedelta(days=len(self.files)),
            )
            log.settle(session)
            composite.log_index = entry.index
            self.files[composite.id] = sealed.file
        return made.composite_id

    def audit(
        self,
        path: Path,
        *composites: UUID,
        pictures: bool = True,
        disclosures: bool = False,
        prior: int | None = None,
        checkpoint: int | None = None,
        by: Actor = BY,
        **asked: Any,
    ) -> bytes:
        with self.sessions.begin() as session, pytest.MonkeyPatch.context() as patch:
            # No policies are in force here; of withholding tests/bankd/api/test_proving.py speaks.
            patch.setattr(auditing, "viewable", lambda session, photos, at: frozenset(photos))
            auditing.write(
                session,
                path,
                Asked(composites, **asked),
                Within(pictures=pictures, disclosures=disclosures),
                signed=auditing.signed(session, checkpoint),
                prior=prior,
                blobs=self.blobs,
                by=by,
                at=AT,
            )
        return path.read_bytes()

    def trust(self, **changes: Any) -> dict[str, Any]:
        public = self.log_key.public_key()
        return {
            "version": 1,
            "log": {"origin": self.origin, "keys": [notes.public_key_line(self.origin, public)]},
            "manifest_keys": [self.manifest_key.public_key().public_bytes_raw().hex()],
            "witnesses": [],
            "c2pa_roots": self.credentials.anchors_pem,
            "timestamp_roots": "",
            "checkpoint": None,
            **changes,
        }


@pytest.fixture(scope="session")
def credentials() -> Credentials:
    return development_chain(at=datetime.now(UTC))


@pytest.fixture(scope="session")
def house_of(
    cluster: Any, template: str, blobs: Any, credentials: Credentials
) -> Iterator[Callable[..., House]]:
    engines = []

    def house(*seeds: int, **facts: Any) -> House:
        engines.append(make_engine(cluster.app_url(cluster.clone(template))))
        made = House(make_sessions(engines[-1]), blobs, credentials, **facts)
        made.say(3)
        made.checkpoint()
        for seed in seeds:
            made.seal(make_canvas(2, seed=seed, height=24, width=32))
        made.say(2)
        made.checkpoint()
        return made

    yield house
    for engine in engines:
        engine.dispose()


@pytest.fixture(scope="session")
def house(house_of: Callable[..., House]) -> House:
    """Two composites; the checkpoint before them is of three entries."""
    return house_of(0, 1)


@pytest.fixture(scope="session")
def prior(house: House) -> str:
    with house.sessions.begin() as session:
        first = checkpoints.first_over(session, 2)
        assert first is not None and first.size == 3
        return first.note


@pytest.fixture(scope="session")
def audit_file(house: House, prior: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Of both composites, with pictures and disclosures, leading on from the auditor's checkpoint."""
    path = tmp_path_factory.mktemp("audit") / "audit.zip"
    return house.audit(path, *sorted(house.files), prior=3, disclosures=True)


def opened(data: bytes) -> dict[str, bytes]:
    import io

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def closed(path: Path, members: dict[str, bytes], *, listed: bool = True) -> bytes:
    """A ZIP as the bank writes them; `listed`: with a table that fits what was changed in it."""
    from bankd.proving.archive import Archive

    table = json.loads(members["audit.json"])
    with Archive(path) as archive:
        for name, content in members.items():
            if name != "audit.json":
                archive.add(name, content)
        if not listed:
            archive._listed = table["members"]
        archive.finish({name: value for name, value in table.items() if name not in ("version", "members")})
    return path.read_bytes()


Verify = Callable[..., Any]


@pytest.fixture(scope="session")
def verify(verifier: ModuleType, house: House, prior: str) -> Verify:
    """Check an audit file with the house's trust, which a test may change."""

    def check(data: bytes, *, pictures: Any = (), seen: Any = (), **trust: Any) -> Any:
        told = house.trust(**{"checkpoint": prior, **trust})
        return verifier.verify(
            data, verifier.Trust.read(json.dumps(told).encode()), pictures=pictures, seen=seen
        )

    return check


def failures(report: Any) -> set[str]:
    return {line.name for line in report.lines if line.outcome == "FAILED"}


def skipped(report: Any) -> set[str]:
    return {line.name for line in report.lines if line.outcome == "NOT CHECKED"}
