"""A canvas of made-up segments, sealed the way the bank seals."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from bankd.access.models import Department
from bankd.catalog.models import Photo
from bankd.licensing.models import Grant, License, Licensor
from bankd.licensing.terms import Credit, GrantFacts, GrantTerms
from bankd.licensing.use import Use
from bankd.provenance import c2pa, pixels, shares
from bankd.provenance.certificates import Credentials, development_chain
from bankd.provenance.effective import EffectiveLicense, Relied, effective
from bankd.provenance.manifest import (
    Disclosures,
    LogCheckpoint,
    Manifest,
    Refiner,
    Source,
    disclose,
    draw_up,
)

SEALED_AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
BLEND = Refiner(name="blend", checkpoint=None, training_snapshot=None, training_photos=0)


def facts(**changes: Any) -> GrantFacts:
    """A grant that allows nearly everything, less what the test says."""
    wide: dict[str, Any] = {
        "basis": "licensed",
        "worldwide": True,
        "territories": frozenset(),
        "territories_tested": "accessible",
        "channels": frozenset({"web", "print", "social"}),
        "purposes": frozenset({"commercial", "editorial", "internal"}),
        "any_sector": True,
        "sectors": frozenset(),
        "audiences": frozenset({"comp", "internal", "public"}),
        "alterations": frozenset({"crop", "flip", "recolor", "retouch", "combine"}),
        "generative": True,
        "train": False,
        "any_licensee": False,
        "licensees": frozenset({"house"}),
        "subjects_excluded": frozenset(),
        "max_copies": None,
        "carved": frozenset(),
        "starts_at": "2026-01-01T00:00:00.000Z",
        "ends_at": None,
        "create_before": None,
        "publish_before": None,
        "co_owners_agreed": True,
        "credit_owed": False,
        "share_alike": None,
        "persons": "none",
        "model_release": "not-needed",
        "youngest": "unknown",
        "property_release": "not-needed",
        "alteration_constraints": frozenset(),
        "data_mining": "unstated",
        "embedded_ends_at": None,
    }
    return GrantFacts.model_validate({**wide, **changes})


def a_use() -> Use:
    return Use(
        purpose="commercial",
        channels=frozenset({"web"}),
        targeted=frozenset({"JP"}),
        accessible=frozenset({"JP"}),
        starts_on=date(2026, 6, 1),
        ends_on=date(2026, 12, 31),
        audience="public",
        brand="Kirishima Tea",
    )


@dataclass(frozen=True)
class Canvas:
    """Everything that a seal knows before it signs."""

    rgb: np.ndarray
    owner: np.ndarray
    kind: np.ndarray
    seams: np.ndarray
    placements: list[int]
    sources: dict[int, Source]
    disclosures: Disclosures
    manifest: Manifest
    credits: list[str]


def make_canvas(
    photos: int = 2, *, seed: int = 0, height: int = 96, width: int = 128, credit: str = "© Aiko Mori"
) -> Canvas:
    """Two segments a photo, nearest-seed cells as regions, a strip of inpainting at the bottom."""
    rng = np.random.default_rng(seed)
    count = 2 * photos
    points = rng.random((count, 2)) * (height, width)
    ys, xs = np.mgrid[0:height, 0:width]
    distance = (ys[..., None] - points[:, 0]) ** 2 + (xs[..., None] - points[:, 1]) ** 2
    owner = distance.argmin(axis=2).astype(np.int32)
    kind = rng.choice(np.array([1, 1, 1, 2, 3], dtype=np.uint8), size=(height, width))
    owner[-2:], kind[-2:] = -1, 4
    seams = (kind == 3) & (photos > 1) & (ys % 2 == 0)
    colors = rng.integers(40, 220, (count + 1, 3))
    rgb = (colors[owner] + rng.integers(-9, 9, (height, width, 1))).astype(np.uint8)

    ids = [UUID(bytes=sha256(f"photo {seed} {number}".encode()).digest()[:16]) for number in range(photos)]
    sources = {
        1000 + placement: Source(
            segment_id=1000 + placement,
            category="wall",
            area_px=200 + placement,
            photo_id=ids[placement // 2],
            photo_sha256=sha256(ids[placement // 2].bytes).hexdigest(),
            photo_height=50,
            photo_width=40,
            grant_id=UUID(int=7 + placement // 2),
        )
        for placement in range(count)
    }
    relied = [
        Relied(grant_id, facts(credit_owed=True), Credit(text=credit))
        for grant_id in sorted({source.grant_id for source in sources.values()})
    ]
    license = effective(relied)
    assert isinstance(license, EffectiveLicense)
    disclosures = disclose(use=a_use(), license=license, salt=sha256(str(seed).encode()).digest())
    placements = list(sources)
    manifest = draw_up(
        composite_id=UUID(int=900 + seed),
        request_id=UUID(int=800 + seed),
        variation=0,
        sealed_at=SEALED_AT,
        pixel_sha256=pixels.pixel_sha256(rgb),
        owner=owner,
        placements=placements,
        areas=shares.count(owner, kind, placements, seams=seams),
        seams=seams,
        sources=sources,
        policy_bundle="b" * 64,
        clearance_log_index=41,
        log_checkpoint=LogCheckpoint(size=40, root="c" * 64),
        recipe="sims-1",
        frame="scene",
        seed=7,
        refiner=BLEND,
        commitments=disclosures.commitments(),
    )
    return Canvas(rgb, owner, kind, seams, placements, sources, disclosures, manifest, [credit])


@pytest.fixture(scope="session")
def grant_facts() -> Callable[..., GrantFacts]:
    return facts


@pytest.fixture(scope="session")
def canvas() -> Callable[..., Canvas]:
    return make_canvas


@pytest.fixture(scope="session")
def manifest_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(b"k" * 32)


@pytest.fixture(scope="session")
def credentials() -> Credentials:
    # C2PA compares with the machine's clock, so the chain has to be valid today.
    return development_chain(at=datetime.now(UTC))


@pytest.fixture(scope="session")
def seal(manifest_key: Ed25519PrivateKey, credentials: Credentials) -> Callable[..., c2pa.Sealed]:
    def sealed(canvas: Canvas, **changes: Any) -> c2pa.Sealed:
        options: dict[str, Any] = {
            "manifest": canvas.manifest,
            "manifest_key": manifest_key,
            "credentials": credentials,
            "credits": canvas.credits,
        }
        return c2pa.sign(canvas.rgb, **{**options, **changes})

    return sealed


TERMS = GrantTerms(
    territories=frozenset({"WORLD"}),
    channels=frozenset({"web", "print"}),
    purposes=frozenset({"commercial"}),
    sectors=frozenset({"any"}),
    audiences=frozenset({"public"}),
    starts_on=date(2026, 1, 1),
    ends_on=None,
)


def shelve_rows(session: Session, canvas: Canvas) -> UUID:
    """The photos, grants, licenses and licensors behind a canvas, as rows; returns the department."""
    name = f"Studio of {canvas.manifest.composite_id}"
    recorded = {"recorded_at": SEALED_AT, "recorded_by": "test librarian"}
    department = Department(name=name, created_at=SEALED_AT)
    licensor = Licensor(ref=name, name="Aiko Mori", **recorded)
    session.add_all([department, licensor])
    session.flush()
    license = License(
        ref=name, licensor_id=licensor.id, title="Studio set", basis="licensed", co_owners=[], **recorded
    )
    session.add(license)
    session.flush()
    for grant_id in sorted({source.grant_id for source in canvas.sources.values()}):
        if session.get(Grant, grant_id) is None:
            session.add(
                Grant(id=grant_id, license_id=license.id, ref=f"G{grant_id.int}", terms=TERMS, **recorded)
            )
    for source in {source.photo_id: source for source in canvas.sources.values()}.values():
        session.add(
            Photo(
                id=source.photo_id,
                department_id=department.id,
                name=f"{source.photo_id}.png",
                media_type="image/png",
                size_bytes=1,
                sha256=source.photo_sha256,
                pixel_sha256=source.photo_sha256,
                height=source.photo_height,
                width=source.photo_width,
                work_height=source.photo_height,
                work_width=source.photo_width,
                pack_sha256="0" * 64,
                labels_sha256="0" * 64,
                thumbnail_sha256="0" * 64,
                taxonomy_version=1,
                scene_context=bytes(256),
                lab_mean=[0.0, 0.0, 0.0],
                lab_std=[1.0, 1.0, 1.0],
                depictions={},
                embedded={},
                embedded_credit={},
                state="quarantined",
                quarantine_reason="no license",
                taken_at=SEALED_AT,
            )
        )
    session.flush()
    return department.id


@pytest.fixture
def shelve() -> Callable[..., UUID]:
    return shelve_rows
