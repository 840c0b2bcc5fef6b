"""A governed bank of forty photos, each under a license of its own, and requests that are made of twenty."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from alembic import command
from alembic.config import Config
from PIL import Image

from bankd import embedded, keys
from bankd.access import service as access
from bankd.catalog import service as catalog
from bankd.catalog.taxonomy import VOID, house
from bankd.config import Settings
from bankd.ingestion import service as ingestion
from bankd.ingestion.service import NewPhoto
from bankd.licensing import service as licensing
from bankd.licensing.depicted import Depictions
from bankd.licensing.rights_entries import PhotoRights
from bankd.licensing.terms import GrantTerms
from bankd.licensing.use import Use
from bankd.policy import load
from bankd.policy import service as policy
from bankd.runtime import Runtime
from bankd.synthesis import filing
from bankd.usage import mapping
from tools.bench.filling import BY

ROOT = Path(__file__).parents[2]
HEIGHT, WIDTH = 384, 512
ACROSS, DOWN = 5, 4
PLACED = ACROSS * DOWN
SHOTS = 2  # photos of each region
CAPPED = 4  # every fourth license


@contextmanager
def governed(scratch: Path) -> Iterator[Runtime]:
    """A bank without photos: servers, tables and keys of its own, gone afterwards."""
    stack, home = scratch / "stack", scratch / "home"
    stack.mkdir()
    home.mkdir()
    try:
        found = embedded.up(stack)
        config = Config(ROOT / "alembic.ini")
        config.attributes["url"] = found.database_owner_url
        command.upgrade(config, "head")
        settings = Settings(
            home=home, database_url=found.database_url, database_owner_url=found.database_owner_url,
            broker_url=found.broker_url, render_broker_url=found.broker_url,
            render_worker_broker_url=found.render_broker_url, s3_endpoint=found.s3_endpoint,
            s3_secure=found.s3_secure, s3_access_key=found.s3_access_key,
            s3_secret_key=found.s3_secret_key, s3_bucket=found.s3_bucket,
        )  # fmt: skip
        for name in keys.NAMES:
            keys.create(settings.keys, name)
        rt = Runtime(settings, BY)
        try:
            yield rt
        finally:
            rt.engine.dispose()
    finally:
        embedded.down(stack)


def fill(rt: Runtime, seed: int) -> None:
    """Forty photos through ingestion, two for each region of `layout`."""
    rng = np.random.Generator(np.random.Philox(seed))
    at = rt.now()
    who = {"by": rt.actor, "at": at}
    photos: list[NewPhoto] = []
    with rt.transaction() as session:
        catalog.sync_taxonomy(session, **who)
        policy.activate(session, load.read(ROOT / "policies"), **who)
        department = access.record_department(session, "bench", **who).id
        licensing.record_licensor(session, "agency", name="Agency", **who)
        for number in range(PLACED * SHOTS):
            ref = _granted(session, number, who)
            photos.append(_photo(number, ref, rng))
    with rt.transaction() as session:
        mapping.signer(rt).sign(session, at=at)
        classes = [{"id": c.id, "name": c.name} for c in house().categories]
        batch = ingestion.open_batch(
            session, photos, classes=classes, name="bench", department_id=department, blobs=rt.blobs, **who
        )
        items = [item.id for item in ingestion.items(session, batch.id)]
    for item in items:
        with rt.transaction() as session:
            claimed = ingestion.claim(session, item, at=rt.now())
            assert claimed is not None
            taken = ingestion.ingest_item(session, claimed, blobs=rt.blobs, by=rt.actor, at=rt.now())
            assert taken is not None and taken.state == "taken", taken


def _granted(session: Any, number: int, who: dict[str, Any]) -> str:
    license = licensing.record_license(
        session, f"L{number}", licensor="agency", title="Agreement", basis="licensed", **who
    )
    terms = {
        "territories": "WORLD", "channels": ["web", "print"], "purposes": ["commercial"], "sectors": ["any"],
        "audiences": ["public"], "alterations": ["crop", "flip", "recolor", "retouch", "combine"],
        "generative": True, "starts_on": "2026-01-01",
        "ends_on": (date(2040, 1, 1) + timedelta(days=number)).isoformat(),
        "cap": 100_000 if number % CAPPED == 0 else None,
    }  # fmt: skip
    licensing.record_grant(session, license.id, ref="all", terms=GrantTerms.model_validate(terms), **who)
    return f"L{number}/all"


def _photo(number: int, ref: str, rng: np.random.Generator) -> NewPhoto:
    """One region of the layout, a little moved, and nothing that is labeled around it."""
    cell = layout() == categories()[number % PLACED]
    labels = np.where(cell, layout(), VOID).astype(np.uint8)
    labels = np.roll(labels, tuple(rng.integers(-3, 4, 2)), (0, 1))
    rgb = rng.normal(rng.uniform(60, 200, 3), 12, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8)
    nobody = Depictions(
        persons=False, model_release="not-needed", youngest="adult", property_release="not-needed"
    )
    rights = PhotoRights(grants=(ref,), depictions=nobody, releases=(), disputed=None, embargo_until=None)
    return NewPhoto(f"{number}.png", _png(rgb), _png(labels), rights=rights)


def categories() -> list[int]:
    return [category.id for category in house().categories if category.id != VOID][:PLACED]


def layout() -> npt.NDArray[np.uint8]:
    cells = np.array(categories(), np.uint8).reshape(DOWN, ACROSS)
    y = np.arange(HEIGHT) * DOWN // HEIGHT
    x = np.arange(WIDTH) * ACROSS // WIDTH
    laid: npt.NDArray[np.uint8] = cells[y[:, None], x[None, :]]
    return laid


def file(rt: Runtime, *, seed: int) -> UUID:
    """A request of its own use: no answer is kept from before."""
    use = asked_for(rt.now().date(), seed=seed)
    with rt.transaction() as session:
        return filing.file(
            session, filing.Asked(layout(), use, "scene", 1, seed), blobs=rt.blobs, taxonomy=house(),
            idempotency_key=None, by=rt.actor, at=rt.now(),
        ).id  # fmt: skip


def asked_for(today: date, *, seed: int) -> Use:
    """A commercial use that all forty photos clear for, another with each seed."""
    return Use(
        purpose="commercial",
        channels=frozenset({"web"}),
        targeted=frozenset({"JP"}),
        accessible=frozenset({"JP"}),
        starts_on=today,
        ends_on=today + timedelta(days=90 + seed),
        audience="public",
    )


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
