"""kill -9 of every part, during a batch and during requests: all ends in a final state, nothing twice."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from drawn import labels, photo_of, png
from sqlalchemy import func, select

from bankd import config, installation
from bankd.access import service as access
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.verify import verify
from bankd.catalog.models import Descriptor, Photo, Segment
from bankd.catalog.taxonomy import house
from bankd.embedded import processes
from bankd.ingestion import service as ingestion
from bankd.ingestion.service import NewPhoto
from bankd.licensing import service as licensing
from bankd.licensing.models import GrantCounter
from bankd.licensing.rights_entries import PhotoRights
from bankd.licensing.terms import Depictions, GrantTerms
from bankd.licensing.use import Use
from bankd.provenance.models import Composite
from bankd.runtime import DatabaseUnavailable, Runtime
from bankd.synthesis import filing
from bankd.synthesis.models import Request, Reservation, Variation

PARTS = ("ingest", "bank", "render", "clerk", "valkey", "seaweed", "postgres")
FINAL = ("completed", "refused", "failed")
PATIENCE_S = 150
NOBODY = Depictions(
    persons=False, model_release="not-needed", youngest="adult", property_release="not-needed"
)


@pytest.fixture(scope="module")
def rt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    home = tmp_path_factory.mktemp("house")
    runtime = Runtime(config.Settings(home=home), Actor("user", "tests"))
    try:
        installation.up(runtime)
        with runtime.transaction() as session:
            who: dict[str, Any] = {"by": runtime.actor, "at": runtime.now()}
            access.record_department(session, "house", **who)
            licensing.record_licensor(session, "a", name="Agency", **who)
            license = licensing.record_license(session, "L", licensor="a", title="T", basis="licensed", **who)
            terms = GrantTerms.model_validate(
                {
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
            )
            licensing.record_grant(session, license.id, ref="all", terms=terms, **who)
        yield runtime
    finally:
        installation.down(runtime)
        runtime.engine.dispose()


def file_batch(rt: Runtime, first: int, count: int) -> UUID:
    rights = PhotoRights(grants=("L/all",), depictions=NOBODY, releases=(), disputed=None, embargo_until=None)
    photos = []
    for number in range(first, first + count):
        ids = labels(mug_x=20 + number % 50)
        photos.append(NewPhoto(f"{number}.png", photo_of(ids, seed=number), png(ids), rights=rights))
    classes = [{"id": c.id, "name": c.name} for c in house().categories]
    with rt.transaction() as session:
        return ingestion.open_batch(
            session,
            photos,
            classes=classes,
            name=f"batch {first}",
            department_id=access.department(session, "house").id,
            blobs=rt.blobs,
            by=rt.actor,
            at=rt.now(),
        ).id


def file_request(rt: Runtime, seed: int) -> UUID:
    today = rt.now().date()
    use = Use(
        purpose="commercial",
        channels=frozenset({"web"}),
        targeted=frozenset({"JP"}),
        accessible=frozenset({"JP"}),
        starts_on=today,
        ends_on=today,
        zone="Pacific/Kiritimati" if rt.now().hour >= 23 else "UTC",
        audience="public",
    )
    asked = filing.Asked(labels(mug_x=40), use, "scene", 2, seed)
    with rt.transaction() as session:
        return filing.file(
            session,
            asked,
            blobs=rt.blobs,
            taxonomy=house(),
            idempotency_key=f"request {seed}",
            by=rt.actor,
            at=rt.now(),
        ).id


def finished(rt: Runtime, batch: UUID, requests: list[UUID]) -> bool:
    try:
        with rt.transaction() as session:
            states = session.scalars(select(Request.state).where(Request.id.in_(requests))).all()
            return ingestion.report(session, batch).finished and all(state in FINAL for state in states)
    except DatabaseUnavailable:
        return False


def kill(rt: Runtime, part: str) -> None:
    record = processes.record(part, rt.settings.home)
    assert record is not None and record.alive
    os.kill(record.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while record.alive and time.monotonic() < deadline:
        time.sleep(0.02)
    states = {one.name: one.state for one in installation.status(rt)}
    assert states[part] is processes.State.DEAD


@pytest.mark.parametrize("part", PARTS)
def test_every_photo_and_request_ends_once_whatever_was_killed(rt: Runtime, part: str) -> None:
    number = 100 * PARTS.index(part)
    if number == 0:
        first = file_batch(rt, 90, 3)  # something to make pictures from
        await_(lambda: finished(rt, first, []))
    batch = file_batch(rt, 1000 + number, 8)
    requests = [file_request(rt, seed) for seed in range(number, number + 3)]

    kill(rt, part)
    rt.engine.dispose()
    installation.up(rt)
    await_(lambda: finished(rt, batch, requests))

    with rt.transaction() as session:
        report = ingestion.report(session, batch)
        assert (report.taken, report.failed, report.refused) == (8, 0, {})
        states = session.scalars(select(Request.state).where(Request.id.in_(requests))).all()
        assert set(states) == {"completed"}
        composites = session.execute(
            select(Composite.request_id, Composite.variation).where(Composite.request_id.in_(requests))
        ).all()
        assert Counter(tuple(row) for row in composites) == Counter(
            (request, variation) for request in requests for variation in (0, 1)
        )
        everything_adds_up(session, rt)


def everything_adds_up(session: Any, rt: Runtime) -> None:
    photos = session.scalar(select(func.count()).select_from(Photo))
    segments = session.scalar(select(func.count()).select_from(Segment))
    assert session.scalar(select(func.count(Segment.photo_id.distinct()))) == photos
    assert session.scalar(select(func.count()).select_from(Descriptor)) == 2 * segments
    kinds = Counter(entry.kind for entry in log.read(session))
    sealed = session.scalar(select(func.count()).select_from(Composite))
    assert kinds["composite.sealed"] == sealed
    assert kinds["photo.admitted"] == photos
    assert (
        session.scalar(select(func.count()).select_from(Variation).where(Variation.state == "sealed"))
        == sealed
    )
    counter = session.scalars(select(GrantCounter)).one()
    assert (counter.used, counter.reserved) == (sealed, 0)
    assert session.scalars(select(Reservation)).all() == []
    assert verify(session, rt.log_key.public_key()).holds
    for composite in session.scalars(select(Composite)):
        assert rt.blobs.exists(composite.blob_key)


def await_(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.3)
