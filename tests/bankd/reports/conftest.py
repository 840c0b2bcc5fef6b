"""Reports on made-up composites, with every kind of fact that a reader has to see."""

import io
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from desk import desk  # noqa: F401  fixtures
from PIL import Image
from small_bank import bank, later, served  # noqa: F401

from bankd.licensing.use import Use
from bankd.provenance import picture
from bankd.provenance.effective import CreditOwed, EffectiveLicense, ShareAlike
from bankd.provenance.manifest import LogCheckpoint, Refiner
from bankd.reports.kind import Gathered
from bankd.reports.kinds.provenance.model import (
    Area,
    Clearance,
    Mark,
    OwedCredit,
    ProvenanceReport,
    ReportedPhoto,
)
from bankd.reports.report import Checkpoint, Head

LICENSORS = ("Hanami Pictures", "Studio Mori 写真事務所", "The house")
BLEND = Refiner(name="blend", checkpoint=None, training_snapshot=None, training_photos=0)


HEAD = Head(
    entity="Kirishima Trading 株式会社",
    as_of="2026-07-31T12:00:00.000000Z",
    data_cut_off=1_234,
    policy_bundle="b" * 64,
    log_checkpoint=Checkpoint(size=1_230, root="c" * 64, at="2026-07-31T11:59:58.000000Z"),
    unverified_facts=3,
    prepared_by="aiko",
)


def jpeg(rgb: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG")
    return buffer.getvalue()


def make_report(photos: int = 3, **changes: Any) -> Gathered[ProvenanceReport]:
    marks: list[tuple[Mark, ...]] = [
        (),
        (Mark(code="unverified", license="L1", grant="all"),),
        (
            Mark(code="no-document", license="L2", grant="all"),
            Mark(code="withdrawn", license="L2", grant="all", at="2026-07-11T12:00:00.000Z"),
        ),
    ]
    ids = [UUID(bytes=sha256(str(number).encode()).digest()[:16]) for number in range(photos)]
    shown = {photo for number, photo in enumerate(ids) if number % 3 != 2}
    share = 9000 // photos if photos else 0
    license = EffectiveLicense(
        territories=frozenset({"JP", "US"}),
        territories_tested="accessible",
        channels=frozenset({"web", "print"}),
        purposes=frozenset({"commercial"}),
        sectors=None,
        audiences=frozenset({"public"}),
        alterations=frozenset({"crop", "combine"}),
        alteration_constraints=frozenset(),
        generative=True,
        train=False,
        licensees=frozenset({"house"}),
        subjects_excluded=frozenset({"alcohol"}),
        max_copies=25_000,
        carved=frozenset(),
        starts_at="2026-01-01T00:00:00.000Z",
        ends_at="2026-12-31T15:00:00.000Z",
        create_before=None,
        publish_before=None,
        sublicense=False,
        share_alike=(ShareAlike(license="CC-BY-SA-4.0", grant_ids=(UUID(int=1),)),),
        credits=(CreditOwed(text="© Aiko Mori", placement="adjacent", grant_ids=(UUID(int=1),)),),
    )
    use = Use(
        purpose="commercial",
        channels=frozenset({"web"}),
        targeted=frozenset({"JP"}),
        accessible=frozenset({"WORLD"}),
        starts_on=date(2026, 6, 1),
        ends_on=date(2026, 12, 31),
        zone="Asia/Tokyo",
        audience="public",
        brand="Kirishima Tea",
    )
    fields: dict[str, Any] = {
        "head": HEAD,
        "composite_id": UUID(int=900),
        "request_id": UUID(int=800),
        "variation": 0,
        "asked_by": "aiko",
        "asked_at": "2026-06-01T11:56:00.000Z",
        "sealed_at": "2026-06-01T12:00:00.000Z",
        "sealed_log_index": 57,
        "height": 100,
        "width": 150,
        "file_sha256": "1" * 64,
        "pixel_sha256": "2" * 64,
        "manifest_sha256": "3" * 64,
        "photos": tuple(
            ReportedPhoto(
                number=number + 1,
                photo_id=photo,
                sha256="4" * 64,
                licensor=LICENSORS[number % 3],
                license=f"L{number % 3}",
                license_title="春の茶器 撮影契約" if number % 3 == 1 else "Set 2026",
                grant="all",
                grant_id=UUID(int=number % 3),
                basis="owned" if number % 3 == 2 else "licensed",
                segments=1 + number % 2,
                categories=("wall", "mug")[: 1 + number % 2],
                area=Area(px=share * 3 // 2, basis_points=share),
                placed_px=share * 3 // 2,
                filled_px=0,
                blended_px=0,
                share_ppm=123_456,
                marks=marks[number % 3],
                thumbnail="shown" if photo in shown else "withheld",
            )
            for number, photo in enumerate(ids)
        ),
        "placed": Area(px=13_500, basis_points=9000),
        "placed_own": Area(px=13_000, basis_points=8667),
        "placed_filled": Area(px=300, basis_points=200),
        "placed_blended": Area(px=200, basis_points=133),
        "inpainted": Area(px=1_500, basis_points=1000),
        "refiner_only": Area(px=0, basis_points=0),
        "refiner": BLEND,
        "recipe": "sims-1",
        "frame": "scene",
        "seed": 7,
        "declared_use": use,
        "effective_license": license,
        "credits_owed": (OwedCredit(text="© Aiko Mori", placement="adjacent", photos=(1, 2, 3)),),
        "clearance": Clearance(
            log_index=41, policy_bundle="b" * 64, log_checkpoint=LogCheckpoint(size=40, root="c" * 64)
        ),
        "picture": "shown",
    }
    report = ProvenanceReport(**{**fields, **changes})
    ys, xs = np.mgrid[0:100, 0:150]
    photo_map = np.minimum(xs * max(photos, 1) // 150, photos - 1)
    rgb = np.stack([xs + 60, ys + 90, xs // 2 + ys], axis=2).astype(np.uint8)
    drawn = jpeg(picture.outlined(rgb, photo_map)) if report.picture == "shown" else None
    pictures = {str(photo): jpeg(rgb) for photo in sorted(shown)}
    return Gathered(report, pictures | ({} if drawn is None else {"picture": drawn}))


@pytest.fixture(scope="session")
def illustrated() -> Callable[..., Gathered[ProvenanceReport]]:
    return make_report
