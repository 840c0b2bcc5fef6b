"""A whole installation that is worked hard and hurt, and says where things stood when it does not recover."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import redis
from drawn import labels, photo_of, png
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bankd import config, installation
from bankd.access import service as access
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.verify import verify
from bankd.catalog.models import Descriptor, Photo, Segment
from bankd.catalog.taxonomy import house as taxonomy
from bankd.embedded import processes, valkey
from bankd.embedded.folder import credentials
from bankd.ingestion import service as ingestion
from bankd.ingestion.service import NewPhoto
from bankd.licensing import service as licensing
from bankd.licensing.depicted import Depictions
from bankd.licensing.models import GrantCounter
from bankd.licensing.rights_entries import PhotoRights
from bankd.licensing.terms import GrantTerms
from bankd.licensing.use import Use
from bankd.provenance.models import Composite
from bankd.runtime import DatabaseUnavailable, Runtime
from bankd.synthesis import filing
from bankd.synthesis.models import Request, Reservation, Variation

FINAL = ("completed", "refused", "failed")
PATIENCE_S = 600  # the longest lease that a killed worker leaves is two minutes
NOBODY = Depictions(
    persons=False, model_release="not-needed", youngest="adult", property_release="not-needed"
)
EVERYTHING = {
    "territories": "WORLD",
    "channels": ["web"],
    "purposes": ["commercial"],
    "sectors": ["any"],
    "audiences": ["public"],
    "alterations": ["crop", "flip", "recolor", "retouch", "combine"],
    "generative": True,
    "starts_on": "2020-01-01",
    "ends_on": None,
    "cap": 10_000,
}
UNFINISHED = (
    "SELECT state, count(*) FROM batch_items GROUP BY state",
    "SELECT state, count(*) FROM requests GROUP BY state",
    "SELECT id, state, attempts, hinted_at, lease_until FROM batch_items"
    " WHERE state IN ('waiting', 'working')",
    "SELECT id, state, tries, attempt, hinted_at, lease_until FROM requests"
    " WHERE state IN ('filed', 'rendering')",
    "SELECT id, attempt, published, published_at, expires_at, lease_until FROM orders WHERE state = 'made'",
    "SELECT id, queue, task, arguments, created_at FROM outbox",
)
KEYS = ("bank.ingest", "bank.bank", "bank.unacked", "render.render", "render.unacked", "rendered.rendered")


@dataclass
class House:
    """An installation, what is asked of it, and what is done to it."""

    rt: Runtime
    numbers: Iterator[int]

    def file_batch(self, count: int) -> UUID:
        rights = PhotoRights(
            grants=("L/all",), depictions=NOBODY, releases=(), disputed=None, embargo_until=None
        )
        photos = []
        for number in (next(self.numbers) for _ in range(count)):
            ids = labels(mug_x=20 + number % 50)
            photos.append(NewPhoto(f"{number}.png", photo_of(ids, seed=number), png(ids), rights=rights))
        with self.rt.transaction() as session:
            return ingestion.open_batch(
                session,
                photos,
                classes=[{"id": c.id, "name": c.name} for c in taxonomy().categories],
                name="batch",
                department_id=access.department(session, "house").id,
                blobs=self.rt.blobs,
                by=self.rt.actor,
                at=self.rt.now(),
            ).id

    def file_requests(self, count: int) -> list[UUID]:
        return [self.file_request(next(self.numbers)) for _ in range(count)]

    def file_request(self, seed: int) -> UUID:
        now = self.rt.now()
        use = Use(
            purpose="commercial",
            channels=frozenset({"web"}),
            targeted=frozenset({"JP"}),
            accessible=frozenset({"JP"}),
            starts_on=now.date(),
            ends_on=now.date() + timedelta(days=1),  # not over before the picture is made
            zone="UTC",
            audience="public",
        )
        with self.rt.transaction() as session:
            return filing.file(
                session,
                filing.Asked(labels(mug_x=40), use, "scene", 2, seed),
                blobs=self.rt.blobs,
                taxonomy=taxonomy(),
                idempotency_key=f"request {seed}",
                by=self.rt.actor,
                at=now,
            ).id

    def kill(self, part: str) -> None:
        record = processes.record(part, self.rt.settings.home)
        assert record is not None and record.alive, f"{part} is dead already\n{self.standing()}"
        os.kill(record.pid, signal.SIGKILL)
        self.wait(lambda: not record.alive)
        states = {one.name: one.state for one in installation.status(self.rt)}
        assert states[part] is processes.State.DEAD

    def up(self) -> None:
        self.rt.engine.dispose()
        installation.up(self.rt)

    def finished(self, batch: UUID, requests: list[UUID]) -> bool:
        try:
            with self.rt.transaction() as session:
                states = session.scalars(select(Request.state).where(Request.id.in_(requests))).all()
                return ingestion.report(session, batch).finished and all(state in FINAL for state in states)
        except DatabaseUnavailable:
            return False

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {PATIENCE_S} s\n{self.standing()}", pytrace=False)
            time.sleep(0.2)

    def all_went_well(self, batch: UUID, requests: list[UUID], *, photos: int) -> None:
        """Every photo was taken, every picture made, each of them once."""
        with self.rt.transaction() as session:
            report = ingestion.report(session, batch)
            assert (report.taken, report.failed, report.refused) == (photos, 0, {})
            states = session.scalars(select(Request.state).where(Request.id.in_(requests))).all()
            assert set(states) == {"completed"}
            made = session.execute(
                select(Composite.request_id, Composite.variation).where(Composite.request_id.in_(requests))
            ).all()
            assert Counter(tuple(row) for row in made) == Counter(
                (request, variation) for request in requests for variation in (0, 1)
            )
            self._adds_up(session)

    def _adds_up(self, session: Session) -> None:
        photos = session.scalar(select(func.count()).select_from(Photo))
        segments = session.scalar(select(func.count()).select_from(Segment))
        assert session.scalar(select(func.count(Segment.photo_id.distinct()))) == photos
        assert session.scalar(select(func.count()).select_from(Descriptor)) == 2 * (segments or 0)
        kinds = Counter(entry.kind for entry in log.read(session))
        composites = session.scalars(select(Composite)).all()
        sealed = select(func.count()).select_from(Variation).where(Variation.state == "sealed")
        assert (kinds["composite.sealed"], session.scalar(sealed)) == (len(composites), len(composites))
        assert kinds["photo.admitted"] == photos
        counter = session.scalars(select(GrantCounter)).one()
        assert (counter.used, counter.reserved) == (len(composites), 0)
        assert session.scalars(select(Reservation)).all() == []
        assert verify(session, self.rt.log_key.public_key()).holds
        for composite in composites:
            assert self.rt.blobs.exists(composite.blob_key)

    def standing(self) -> str:
        """Where everything stands: for a person who has nothing but this."""
        said = ["", f"now: {self.rt.now()}", "", "processes:"]
        said += [f"  {one.name} {one.state} pid={one.pid}" for one in installation.status(self.rt)]
        for ask in (self._rows, self._broker):
            try:
                said += ask()
            except Exception as error:
                said += [f"{ask.__name__} cannot be asked: {error}"]
        for name in (*installation.WORKERS, "valkey", "postgres"):
            path = processes.log_path(name, self.rt.settings.home)
            lines = path.read_text(errors="replace").splitlines()[-30:] if path.exists() else []
            said += ["", f"the end of {path.name}:", *(f"  {line[:300]}" for line in lines)]
        return "\n".join(said)

    def _rows(self) -> list[str]:
        said = []
        with self.rt.transaction() as session:
            for question in UNFINISHED:
                rows = session.execute(text(question)).all()
                said += ["", f"{question}:", *("  " + ", ".join(map(str, row)) for row in rows)]
        return said

    def _broker(self) -> list[str]:
        mine = credentials(self.rt.settings.home)[valkey.NAME]
        with redis.Redis(
            unix_socket_path=mine["socket"],
            username=valkey.BANK,
            password=mine[valkey.BANK],
            decode_responses=True,
        ) as client:
            sizes: dict[str, Any] = {}
            for key in KEYS:
                sizes[key] = client.hlen(key) if key.endswith("unacked") else client.llen(key)
        return ["", "in the broker:", *(f"  {key}: {size}" for key, size in sizes.items())]


@pytest.fixture(scope="session")
def house(swift: Callable[[str], Path]) -> Iterator[House]:
    """Running, with three photos to make pictures from. Whoever hurts it heals it."""
    rt = Runtime(config.Settings(home=swift("house")), Actor("user", "tests"))
    house = House(rt, iter(range(1, 10_000)))
    try:
        installation.up(rt)
        who: dict[str, Any] = {"by": rt.actor, "at": rt.now()}
        with rt.transaction() as session:
            access.record_department(session, "house", **who)
            licensing.record_licensor(session, "a", name="Agency", **who)
            license = licensing.record_license(session, "L", licensor="a", title="T", basis="licensed", **who)
            terms = GrantTerms.model_validate(EVERYTHING)
            licensing.record_grant(session, license.id, ref="all", terms=terms, **who)
        first = house.file_batch(3)
        house.wait(lambda: house.finished(first, []))
        yield house
    finally:
        installation.down(rt)
        rt.engine.dispose()


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    path = tmp_path / "layout.png"
    path.write_bytes(png(labels(mug_x=40)))
    return path
