"""A small bank on real services, moved by hand: no workers, and a clock that stands where a test puts it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from drawn import labels, photo_of, png

from bankd import embedded, keys
from bankd.access import service as access
from bankd.audit.actor import Actor
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo
from bankd.catalog.taxonomy import house
from bankd.config import Settings
from bankd.ingestion import faces
from bankd.ingestion import service as ingestion
from bankd.ingestion.service import NewPhoto
from bankd.licensing import service as licensing
from bankd.licensing.depicted import Depictions
from bankd.licensing.rights_entries import PhotoRights
from bankd.licensing.terms import GrantTerms
from bankd.licensing.use import Use
from bankd.policy import load
from bankd.policy import service as policy
from bankd.provenance.sidecars import Signs
from bankd.runtime import Runtime
from bankd.synthesis import filing, steps, verification
from bankd.synthesis.models import Order, Request
from bankd.usage import mapping
from synth.links import Links
from synth.worker import render

ROOT = Path(__file__).parents[1]
NOBODY = Depictions(
    persons=False, model_release="not-needed", youngest="adult", property_release="not-needed"
)


@cache
def shipped_bundle() -> load.Bundle:
    """Read once: it is no other for the next bank."""
    return load.read(ROOT / "policies")


class Clocked(Runtime):
    at: datetime

    def now(self) -> datetime:
        return self.at


@dataclass
class Bank:
    """Everything a test does to the bank, in the words of the domain."""

    rt: Clocked
    department_id: UUID

    def grant(self, ref: str, **terms: Any) -> str:
        """A grant for everything everywhere, but for what `terms` say; its ref in a rights record."""
        stated = {
            "territories": "WORLD",
            "channels": ["web", "print"],
            "purposes": ["commercial", "research"],
            "sectors": ["any"],
            "audiences": ["public"],
            "alterations": ["crop", "flip", "recolor", "retouch", "combine"],
            "generative": True,
            "starts_on": "2026-01-01",
            "ends_on": None,
            **terms,
        }
        who = {"by": self.rt.actor, "at": self.rt.now()}
        with self.rt.transaction() as session:
            licensing.record_licensor(session, "agency", name="Agency", **who)
            license = licensing.record_license(
                session, f"L-{ref}", licensor="agency", title="Agreement", basis="licensed", **who
            )
            licensing.record_grant(
                session, license.id, ref="all", terms=GrantTerms.model_validate(stated), **who
            )
        return f"L-{ref}/all"

    def withdraw(self, ref: str) -> None:
        who = {"by": self.rt.actor, "at": self.rt.now()}
        with self.rt.transaction() as session:
            grant = licensing.grants_by_ref(session, [ref])[ref]
            over = licensing.withdraw(session, grant.license_id, reason="the licensor left", **who)
            catalog.block_grants(session, over, **who)

    def take(self, *rights: tuple[str, ...], first: int = 0) -> list[UUID]:
        """Take in one photo for each tuple of grant refs; their ids."""
        photos = [
            NewPhoto(
                name=f"photo-{first + number}.png",
                photo=photo_of(labels(mug_x=30 + 4 * number), seed=first + number),
                labels=png(labels(mug_x=30 + 4 * number)),
                rights=PhotoRights(
                    grants=refs, depictions=NOBODY, releases=(), disputed=None, embargo_until=None
                ),
            )
            for number, refs in enumerate(rights)
        ]
        classes = [{"id": c.id, "name": c.name} for c in house().categories]
        with self.rt.transaction() as session:
            batch = ingestion.open_batch(
                session,
                photos,
                classes=classes,
                name="batch",
                department_id=self.department_id,
                blobs=self.rt.blobs,
                by=self.rt.actor,
                at=self.rt.now(),
            )
            items = ingestion.items(session, batch.id)
        taken = []
        for item in items:
            with self.rt.transaction() as session:
                claimed = ingestion.claim(session, item.id, at=self.rt.now())
                assert claimed is not None
                outcome = ingestion.ingest_item(
                    session,
                    claimed,
                    blobs=self.rt.blobs,
                    detect=faces.NOBODY,
                    signs=Signs(verification.credentials(self.rt)) if self.rt.settings.sign_photos else None,
                    by=self.rt.actor,
                    at=self.rt.now(),
                )
                assert outcome is not None and outcome.state == "taken", outcome
                assert outcome.photo_id is not None
                taken.append(outcome.photo_id)
        return taken

    def ask(
        self,
        *,
        key: str | None = None,
        seed: int = 7,
        variations: int = 1,
        refiner: Any = "blend",
        canvas: Any = "strict",
        layout: Any = None,
        **use: Any,
    ) -> UUID:
        declared = {
            "purpose": "commercial",
            "channels": ["web"],
            "targeted": ["JP"],
            "accessible": ["JP"],
            "starts_on": "2026-06-01",
            "ends_on": "2026-12-31",
            "audience": "public",
            **use,
        }
        layout = labels(mug_x=44) if layout is None else layout
        asked = filing.Asked(layout, Use.model_validate(declared), "scene", variations, seed, refiner, canvas)
        with self.rt.transaction() as session:
            return filing.file(
                session,
                asked,
                blobs=self.rt.blobs,
                taxonomy=house(),
                idempotency_key=key,
                by=self.rt.actor,
                at=self.rt.now(),
            ).id

    def order(self, request_id: UUID) -> Order | None:
        """Clear and order; the order that is out now, if one is."""
        steps.advance(self.rt, request_id)
        with self.rt.transaction() as session:
            request = session.get_one(Request, request_id)
            return session.query(Order).filter_by(request_id=request_id, attempt=request.attempt).first()

    def render(self, order: Order) -> None:
        """What a render worker does, through the real links of the real store."""
        with self.rt.transaction() as session:
            published = steps.publish(self.rt, session, order.id)
        assert published is not None
        render(
            *published,
            key=self.rt.order_key.public_key(),
            store=self.rt.addresses.s3_url,
            now=self.rt.now().timestamp(),
            links=Links(),
        )

    def make(self, request_id: UUID) -> Request:
        """Order, render and seal until nothing is left to do; the request as it ended."""
        for _ in range(8):
            order = self.order(request_id)
            if order is None or order.state != "made":
                break
            self.render(order)
            steps.seal(self.rt, order.id)
        return self.request(request_id)

    def request(self, request_id: UUID) -> Request:
        with self.rt.transaction() as session:
            return session.get_one(Request, request_id)

    def photo(self, photo_id: UUID) -> Photo:
        with self.rt.transaction() as session:
            return session.get_one(Photo, photo_id)


def a_bank(database: Any, stack: embedded.Addresses, home: Path) -> Iterator[Bank]:
    settings = Settings(
        home=home,
        database_url=database.app_url,
        database_owner_url=database.owner_url,
        broker_url=stack.broker_url,
        render_broker_url=stack.broker_url,
        render_worker_broker_url=stack.render_broker_url,
        s3_endpoint=stack.s3_endpoint,
        s3_secure=stack.s3_secure,
        s3_access_key=stack.s3_access_key,
        s3_secret_key=stack.s3_secret_key,
        s3_bucket=stack.s3_bucket,
    )
    for name in keys.NAMES:
        keys.create(settings.keys, name)
    rt = Clocked(settings, Actor("user", "tests"))
    rt.at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    with rt.transaction() as session:
        catalog.sync_taxonomy(session, by=rt.actor, at=rt.at)
        policy.activate(session, shipped_bundle(), by=rt.actor, at=rt.at)
        department = access.record_department(session, f"d-{uuid4()}", by=rt.actor, at=rt.at)
    with rt.transaction() as session:
        mapping.signer(rt).sign(session, at=rt.at)
    yield Bank(rt, department.id)
    rt.engine.dispose()


@pytest.fixture
def bank(database: Any, stack: embedded.Addresses, tmp_path: Path) -> Iterator[Bank]:
    yield from a_bank(database, stack, tmp_path)


@pytest.fixture
def served(bank: Bank) -> Bank:
    """A bank with three photos that may be used for everything."""
    ref = bank.grant("open")
    bank.take((ref,), (ref,), (ref,))
    return bank


@pytest.fixture
def later(bank: Bank) -> Callable[..., None]:
    def later(**by: Any) -> None:
        bank.rt.at += timedelta(**by)

    return later
