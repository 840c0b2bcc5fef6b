"""A bank of a test's own behind its API, with a key for each role."""

import io
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest
import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from PIL import Image
from small_bank import shipped_bundle
from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd import embedded, keys
from bankd.access import secret
from bankd.access import service as access
from bankd.api import app
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo, PhotoGrant, Segment
from bankd.config import Settings
from bankd.ingestion import service as ingestion
from bankd.licensing.use import Use
from bankd.policy import service as policy
from bankd.policy.clearing import rights_of, terms_of
from bankd.provenance import c2pa, certificates, pixels, shares
from bankd.provenance import service as provenance
from bankd.provenance.effective import EffectiveLicense
from bankd.provenance.manifest import LogCheckpoint, Refiner, Source, disclose, draw_up
from bankd.runtime import Runtime
from bankd.synthesis.clearing import clear_set, relied_on
from bankd.usage import mapping

ROOT = Path(__file__).parents[3]
ROLES = ("librarian", "creative", "compliance", "auditor", "operator")
CLASSES = json.dumps([{"id": 0, "name": "wall"}, {"id": 1, "name": "mug"}]).encode()
USE = {
    "purpose": "commercial",
    "channels": ["web"],
    "targeted": ["JP"],
    "accessible": ["JP"],
    "starts_on": "2026-06-01",
    "ends_on": "2026-12-31",
    "audience": "public",
    "brand": "Kirishima Tea",
}
RIGHTS = """\
version: 1
licensors:
  - ref: agency
    name: Agency Nine
documents:
  - ref: paper
    path: documents/agreement.md
licenses:
  - ref: L-1
    licensor: agency
    title: Studio agreement
    basis: licensed
    document: paper
    clause: "4.10"
    quote: for all media
    verified_by: counsel
    grants:
      - ref: all
        terms:
          territories: [WORLD]
          channels: [web, print]
          purposes: [commercial, internal]
          sectors: [any]
          audiences: [public, internal]
          alterations: [crop, flip, recolor, retouch, combine]
          generative: true
          starts_on: 2026-01-01
          ends_on: null
          fee_minor: 123456
          currency: EUR
photos:
  - files: ["*.png"]
    licenses: [L-1]
    depictions: {persons: false, model_release: not-needed, property_release: not-needed}
"""
AGREEMENT = b"# Agreement\n4.10 for all media"


class FixedRuntime(Runtime):
    """The real one, at a moment that the test chooses."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


@dataclass
class Bank:
    """A bank and those who call it."""

    runtime: FixedRuntime
    app: FastAPI
    client: httpx.Client
    departments: dict[str, UUID]
    keys: dict[str, str] = field(repr=False)

    def call(self, role: str | None, method: str, path: str, **options: Any) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.keys[role]}"
        return self.client.request(method, path, headers=headers, **options)

    def key(self, name: str, *, roles: tuple[str, ...], department: str | None = None) -> None:
        with self.runtime.transaction() as session:
            _, self.keys[name] = access.create_key(
                session,
                name,
                roles=roles,
                department_id=None if department is None else self.departments[department],
                by=Actor.system("tests"),
                at=self.runtime.now(),
            )

    def import_rights(self, text: str = RIGHTS, role: str = "librarian") -> httpx.Response:
        files = [
            ("rights", ("rights.yaml", text.encode())),
            ("documents", ("documents/agreement.md", AGREEMENT)),
        ]
        return self.call(role, "POST", "/licenses/import", files=files)

    def ingest(self, *names: str, role: str = "librarian", **changes: Any) -> httpx.Response:
        """Photos of these names, each different, with their label maps; the rights file comes along."""
        files: list[tuple[str, tuple[str, bytes]]] = [("classes", ("classes.json", CLASSES))]
        for number, name in enumerate(names):
            files.append(("photos", (name, a_photo(number))))
            files.append(("labels", (Path(name).stem + ".png", a_label_map())))
        if changes.pop("rights", True):
            files += [
                ("rights", ("rights.yaml", RIGHTS.encode())),
                ("documents", ("documents/agreement.md", AGREEMENT)),
            ]
        data = {"name": "a batch", "department": "Catalogue", **changes}
        return self.call(
            role, "POST", "/photos/batches", files=files, data={k: v for k, v in data.items() if v}
        )

    def work(self, batch: str) -> None:
        """Do what the queue's tasks would do."""
        rt = self.runtime
        with rt.transaction() as session:
            waiting = [item.id for item in ingestion.items(session, UUID(batch))]
        for item_id in waiting:
            with rt.transaction() as session:
                claimed = ingestion.claim(session, item_id, at=rt.now())
            if claimed is not None:
                with rt.transaction() as session:
                    ingestion.ingest_item(
                        session, claimed, blobs=rt.blobs, by=Actor.system("tests"), at=rt.now()
                    )

    def request(self, role: str = "creative", **changes: Any) -> httpx.Response:
        headers = changes.pop("headers", {})
        files = {
            "layout": ("layout.png", changes.pop("layout", a_layout())),
            "classes": ("classes.json", changes.pop("classes", CLASSES)),
        }
        data = {"use": json.dumps(USE), "variations": "2", "seed": "7", **changes}
        return self.call(role, "POST", "/requests", files=files, data=data, headers=headers)


def a_photo(seed: int = 0, height: int = 48, width: int = 64) -> bytes:
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([np.sin(x / (5 + c) + seed) + np.cos(y / (4 + seed)) for c in range(3)], axis=-1)
    return png((rgb * 50 + 128).astype(np.uint8))


def a_label_map(height: int = 48, width: int = 64) -> bytes:
    """A wall with a mug in it."""
    labels = np.zeros((height, width), dtype=np.uint8)
    labels[10:30, 20:40] = 1
    return png(labels)


def a_layout(height: int = 48, width: int = 64) -> bytes:
    """The same by another hand: the label map of no photo, so that it takes no arrangement over."""
    labels = np.zeros((height, width), dtype=np.uint8)
    labels[10:30, 20:41] = 1
    return png(labels)


def png(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="session")
def label_map() -> Callable[..., bytes]:
    return a_label_map


@pytest.fixture(scope="session")
def rights_text() -> str:
    return RIGHTS


@pytest.fixture(scope="session")
def use() -> dict[str, Any]:
    return USE


@contextmanager
def serving(served: FastAPI) -> Iterator[httpx.Client]:
    """A client of a real server in a thread of its own."""
    config = uvicorn.Config(served, lifespan="off", ws="none", log_config=None)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        host, port = listening.getsockname()
        with httpx.Client(base_url=f"http://{host}:{port}", timeout=300, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(300)
        listening.close()
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def serve() -> Callable[..., Any]:
    return serving


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys and a certificate; C2PA compares with the machine's clock, so that one is valid today."""
    home = tmp_path_factory.mktemp("home")
    for name in keys.NAMES:
        keys.create(home / "keys", name)
    certificates.ensure_development(home / "keys", at=datetime.now(UTC))
    return home


@pytest.fixture(scope="module", autouse=True)
def cheap_hashes() -> Iterator[None]:
    """Each call pays for a hash, and there are thousands here; what it costs is tested where it is made."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(secret, "_HASHER", quick)
        patched.setattr(secret, "_NOBODY", quick.hash("nobody"))
        yield


@pytest.fixture
def settings(database: Any, stack: embedded.Addresses, home: Path) -> Settings:
    return Settings(
        home=home,
        house="House of Tests",
        database_url=database.app_url,
        broker_url=stack.broker_url,
        render_broker_url=stack.broker_url,
        render_worker_broker_url=stack.render_broker_url,
        s3_endpoint=stack.s3_endpoint,
        s3_secure=stack.s3_secure,
        s3_access_key=stack.s3_access_key,
        s3_secret_key=stack.s3_secret_key,
        s3_bucket=stack.s3_bucket,
    )


@pytest.fixture
def bank(settings: Settings, NOON: datetime) -> Iterator[Bank]:
    runtime = FixedRuntime(settings, Actor.system("api"))
    runtime.moment = NOON
    by = Actor.system("tests")
    with runtime.transaction() as session:
        catalog.sync_taxonomy(session, by=by, at=NOON)
        policy.activate(session, shipped_bundle(), by=by, at=NOON)
        departments = {
            name: access.record_department(session, name, by=by, at=NOON).id
            for name in ("Catalogue", "Magazine")
        }
    served = app.create(runtime)
    with serving(served) as client:
        bank = Bank(runtime, served, client, departments, {})
        for role in ROLES:
            bank.key(role, roles=(role,))
        yield bank
    runtime.engine.dispose()


@dataclass(frozen=True)
class Sealed:
    composite: UUID
    request: UUID
    file: bytes
    photos: tuple[UUID, ...]


@pytest.fixture
def seal() -> Callable[..., Sealed]:
    """A composite of two ingested photos, recorded and signed as the bank does it."""
    return a_composite


def a_composite(bank: Bank, *, department: str | None = None) -> Sealed:
    rt = bank.runtime
    bank.work(bank.ingest("desk-1.png", "desk-2.png").json()["batch"])
    request = UUID(bank.request().json()["request"])
    with rt.transaction() as session:
        sources = _sources(session)
        use = Use.model_validate(USE)
        relied = {source.photo_id: source.grant_id for source in sources.values()}
        rights = rights_of(session, relied, at=rt.now())
        license = clear_set(
            terms_of(session, use, at=rt.now()), [relied_on(rights, p, g) for p, g in relied.items()]
        )
        assert isinstance(license, EffectiveLicense)
        rgb = np.asarray(Image.open(io.BytesIO(a_photo(99))))
        owner = np.zeros(rgb.shape[:2], dtype=np.int32)
        owner[:, 32:] = 1
        kind = np.ones(rgb.shape[:2], dtype=np.uint8)
        placements = list(sources)
        disclosures = disclose(use=use, license=license, salt=b"s" * 32)
        cleared = log.append(
            session,
            Kind.REQUEST_CLEARED,
            by=Actor.system("tests"),
            at=rt.now(),
            request=request,
            use=use.as_json(),
            relied={str(photo): str(grant) for photo, grant in relied.items()},
        )
        log.settle(session)
        made_on = mapping.signer(rt).sign(session, at=rt.now())
        assert made_on is not None
        manifest = draw_up(
            composite_id=uuid4(),
            request_id=request,
            variation=0,
            sealed_at=rt.now(),
            pixel_sha256=pixels.pixel_sha256(rgb),
            owner=owner,
            placements=placements,
            areas=shares.count(owner, kind, placements),
            sources=sources,
            policy_bundle=policy.active(session).digest,
            clearance_log_index=cleared.index,
            log_checkpoint=LogCheckpoint(size=made_on.size, root=made_on.root.hex()),
            recipe="blend-1",
            frame="scene",
            seed=7,
            refiner=Refiner(name="blend", checkpoint=None, training_snapshot=None, training_photos=0),
            commitments=disclosures.commitments(),
        )
        signed = c2pa.sign(
            rgb,
            manifest=manifest,
            manifest_key=rt.manifest_key,
            credentials=certificates.ensure_development(rt.settings.keys, at=rt.now()),
            credits=[],
        )
        key = f"composites/{manifest.composite_id}/file"
        rt.blobs.put(key, signed.file, media_type="image/png")
        composite, entry = provenance.record(
            session,
            signed,
            order_id=uuid4(),
            department_id=None if department is None else bank.departments[department],
            blob_key=key,
            disclosures=disclosures,
            by=Actor.system("tests"),
            at=rt.now(),
        )
        log.settle(session)
        composite.log_index = entry.index
    return Sealed(manifest.composite_id, request, signed.file, tuple(relied))


def _sources(session: Session) -> dict[int, Source]:
    """The wall of each photo, on the grant that it holds."""
    rows = session.execute(
        select(Segment, Photo, PhotoGrant.grant_id)
        .join(Photo, Segment.photo_id == Photo.id)
        .join(PhotoGrant, PhotoGrant.photo_id == Photo.id)
        .where(Segment.ordinal == 0)
        .order_by(Photo.name)
    ).all()
    return {
        segment.id: Source(
            segment_id=segment.id,
            category="wall",
            area_px=segment.area_px,
            photo_id=photo.id,
            photo_sha256=photo.sha256,
            photo_height=photo.work_height,
            photo_width=photo.work_width,
            grant_id=grant_id,
        )
        for segment, photo, grant_id in rows
    }
