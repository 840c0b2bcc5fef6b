"""Photos, label maps and batches that tests make themselves."""

import io
from collections.abc import Callable
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bankd.access.models import Department
from bankd.audit import log
from bankd.catalog import service as catalog
from bankd.catalog.models import Descriptor, Photo, Segment
from bankd.ingestion import service
from bankd.ingestion.faces import NOBODY, Detector
from bankd.ingestion.service import NewPhoto, Outcome
from bankd.licensing import service as licensing
from bankd.licensing.depicted import Depictions
from bankd.licensing.rights_entries import PhotoRights
from bankd.licensing.terms import GrantTerms
from bankd.provenance.sidecars import Signs
from bankd.storage import MinioBlobs

CLASSES = [
    {"id": 0, "name": "wall"},
    {"id": 1, "name": "mug"},
    {"id": 7, "name": "unlabelled"},
    {"id": 300, "name": "person"},
]


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    return encoded


@pytest.fixture(scope="session")
def pixels() -> Callable[..., np.ndarray]:
    """(H, W, 3) uint8 of a smooth picture that is different for each seed."""

    def pixels(seed: int = 0, height: int = 48, width: int = 64) -> np.ndarray:
        y, x = np.mgrid[0:height, 0:width]
        waves = [(np.sin(x / (5 + channel) + seed) + np.cos(y / (4 + seed % 7))) for channel in range(3)]
        rgb = np.stack(waves, axis=-1) * 50 + 128
        rgb[0, 0] = [seed % 251, seed // 251 % 251, 7]
        return rgb.astype(np.uint8)

    return pixels


@pytest.fixture(scope="session")
def a_photo(pixels: Callable[..., np.ndarray]) -> Callable[..., bytes]:
    def a_photo(seed: int = 0, height: int = 48, width: int = 64) -> bytes:
        return encoded(Image.fromarray(pixels(seed, height, width)))

    return a_photo


@pytest.fixture(scope="session")
def a_label_map() -> Callable[..., bytes]:
    """A wall with a mug in it, as `CLASSES` number them."""

    def a_label_map(height: int = 48, width: int = 64) -> bytes:
        labels = np.zeros((height, width), dtype=np.uint8)
        labels[10:30, 20:40] = 1
        labels[:5, :5] = 7
        return encoded(Image.fromarray(labels))

    return a_label_map


@pytest.fixture
def bank(sessions: sessionmaker[Session], blobs: MinioBlobs, BY: SimpleNamespace, AT: datetime) -> "Bank":
    """A bank of this test's own, with a department, a taxonomy and two grants."""
    return Bank(sessions, blobs, BY, AT)


class Bank:
    def __init__(
        self, sessions: sessionmaker[Session], blobs: MinioBlobs, by: SimpleNamespace, at: datetime
    ) -> None:
        self.sessions, self.blobs, self.by, self.at = sessions, blobs, by, at
        self.signs: Signs | None = None  # what photos are signed with, if they are
        with sessions.begin() as session:
            catalog.sync_taxonomy(session, by=by.operator, at=at)
            department = Department(name="Catalogue", created_at=at)
            session.add(department)
            session.flush()
            self.department_id = department.id
            who = {"by": by.librarian, "at": at}
            licensing.record_licensor(session, "agency", name="Agency", **who)
            license = licensing.record_license(
                session, "L-1", licensor="agency", title="Agreement", basis="licensed", **who
            )
            self.license_id = license.id
            self.grants = {
                ref: licensing.record_grant(session, license.id, ref=ref, terms=terms(territory), **who).id
                for ref, territory in (("jp", "JP"), ("fr", "FR"))
            }

    def open(self, *photos: NewPhoto, classes: list[dict[str, Any]] = CLASSES, **changes: Any) -> Any:
        given = {"blobs": self.blobs, "at": self.at, "department_id": self.department_id, **changes}
        with self.sessions.begin() as session:
            batch = service.open_batch(
                session,
                photos,
                classes=classes,
                name="a batch",
                by=self.by.librarian,
                **given,
            )
            return batch.id

    def work(
        self, batch_id: Any, *, blobs: Any = None, detect: Detector = NOBODY, at: datetime | None = None
    ) -> dict[str, Outcome]:
        """Do what the queue's tasks would do; the outcome by photo name."""
        with self.sessions() as session:
            waiting = [(item.id, item.name) for item in service.items(session, batch_id)]
        found = {}
        for item_id, name in waiting:
            outcome = self.ingest(item_id, blobs=blobs, detect=detect, at=at)
            if outcome is not None:
                found[name] = outcome
        return found

    def ingest(
        self, item_id: Any, *, blobs: Any = None, detect: Detector = NOBODY, at: datetime | None = None
    ) -> Outcome | None:
        at = at or self.at
        with self.sessions.begin() as session:
            claimed = service.claim(session, item_id, at=at)
        if claimed is None:
            return None
        with self.sessions.begin() as session:
            outcome = service.ingest_item(
                session,
                claimed,
                blobs=blobs or self.blobs,
                detect=detect,
                signs=self.signs,
                by=self.by.system,
                at=at,
            )
        with self.sessions.begin() as session:
            service.drop_sources(session, item_id, blobs=blobs or self.blobs)
        return outcome

    def report(self, batch_id: Any) -> service.BatchReport:
        with self.sessions() as session:
            return service.report(session, batch_id)

    def rows(self) -> dict[str, int]:
        """How much the catalog and the log of admissions hold."""
        with self.sessions() as session:
            counts = {
                table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
                for table in (Photo, Segment, Descriptor)
            }
            counts["logged"] = sum(
                entry.kind in ("photo.admitted", "photo.quarantined") for entry in log.read(session)
            )
            return counts

    def photo(self, photo_id: Any) -> Photo:
        with self.sessions() as session:
            return session.get_one(Photo, photo_id)

    def rights(self, *grants: str, **changes: Any) -> PhotoRights:
        return PhotoRights.model_validate(
            {
                "grants": tuple(f"L-1/{ref}" for ref in grants),
                "depictions": Depictions(persons=False),
                "releases": (),
                "disputed": None,
                "embargo_until": None,
                **changes,
            }
        )


@pytest.fixture
def filed(
    bank: "Bank", a_photo: Callable[..., bytes], a_label_map: Callable[..., bytes]
) -> Callable[..., NewPhoto]:
    """A good photo with a grant for Japan; keywords change what is filed."""

    def filed(seed: int = 0, **changes: Any) -> NewPhoto:
        return NewPhoto(
            **{
                "name": f"{seed}.png",
                "photo": a_photo(seed),
                "labels": a_label_map(),
                "rights": bank.rights("jp"),
                **changes,
            }
        )

    return filed


class Failing:
    """The real store, which fails at the n-th write."""

    def __init__(self, blobs: Any, after: int, error: BaseException) -> None:
        self.blobs, self.left, self.error = blobs, after, error
        self.written: list[str] = []

    def put(self, key: str, content: bytes, *, media_type: str) -> bool:
        if self.left == 0:
            raise self.error
        self.left -= 1
        self.written.append(key)
        return bool(self.blobs.put(key, content, media_type=media_type))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.blobs, name)


@pytest.fixture
def failing(blobs: MinioBlobs) -> Callable[[int, BaseException], Failing]:
    return lambda after, error: Failing(blobs, after, error)


def terms(territory: str) -> GrantTerms:
    return GrantTerms(
        territories=frozenset({territory}),
        channels=frozenset({"web"}),
        purposes=frozenset({"commercial"}),
        sectors=frozenset({"any"}),
        audiences=frozenset({"public"}),
        generative=True,
        starts_on=date(2026, 1, 1),
        ends_on=None,
    )
