"""A bank with a department, a taxonomy, recorded grants and admitted photos."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date, datetime
from itertools import count
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy.orm import Session

from bankd.access.models import Department
from bankd.catalog import admission, service
from bankd.catalog.admission import DescriptorFacts, PhotoFacts, SegmentFacts
from bankd.catalog.models import Photo
from bankd.catalog.releases import NO_FACES, FlaggedFaces
from bankd.licensing import service as licensing
from bankd.licensing.depicted import Depictions
from bankd.licensing.terms import EmbeddedRights, GrantTerms

WALL, MUG = 1, 22


def a_corner(count: int) -> tuple[np.ndarray, ...]:
    """Descriptors of as many segments, each with one bit of its mask, and a context all of category 1."""
    masks, planes = np.zeros((count, 128), np.uint8), np.zeros((count, 8, 32), np.uint8)
    masks[:, 0], planes[:, 0] = 0x80, 0x01
    return masks, planes, np.full(count, 1, np.int32), np.full(count, 32, np.int32)


class World:
    """What tests start from, in a session of the test's own."""

    def __init__(self, session: Session, by: SimpleNamespace, at: datetime) -> None:
        self.session, self.by, self.at = session, by, at
        self.numbers = count()
        service.sync_taxonomy(session, by=by.operator, at=at)
        department = Department(name=f"Department {uuid4()}", created_at=at)
        session.add(department)
        session.flush()
        self.department_id = department.id
        licensing.record_licensor(session, "agency", name="Agency", by=by.librarian, at=at)

    def license(self, ref: str = "L-1") -> UUID:
        return licensing.record_license(
            self.session, ref, licensor="agency", title="Agreement", basis="licensed",
            by=self.by.librarian, at=self.at,
        ).id  # fmt: skip

    def grant(self, ref: str, *, license: str = "L-1", **terms: Any) -> UUID:
        stated = {
            "territories": ["JP"],
            "channels": ["web"],
            "purposes": ["commercial"],
            "sectors": ["any"],
            "audiences": ["public"],
            "generative": True,
            "starts_on": date(2026, 1, 1),
            "ends_on": None,
            **terms,
        }
        return licensing.record_grant(
            self.session, self.license(license), ref=ref, terms=GrantTerms.model_validate(stated),
            by=self.by.librarian, at=self.at,
        ).id  # fmt: skip

    def photo(
        self,
        *grants: UUID,
        categories: Sequence[int] = (WALL, MUG),
        depictions: Depictions | None = None,
        embedded: EmbeddedRights | None = None,
        rights_unreadable: bool = False,
        faces: FlaggedFaces = NO_FACES,
    ) -> Photo:
        number = next(self.numbers)

        def sha256(what: str) -> str:
            return hashlib.sha256(f"{self.department_id} {number} {what}".encode()).hexdigest()

        return admission.admit(
            self.session,
            PhotoFacts(
                id=uuid4(),
                department_id=self.department_id,
                name=f"photo {number}.png",
                media_type="image/png",
                size_bytes=1000,
                sha256=sha256("bytes"),
                pixel_sha256=sha256("pixels"),
                frame=(100, 200),
                work_frame=(100, 200),
                pack_sha256=sha256("pack"),
                labels_sha256=sha256("labels"),
                thumbnail_sha256=sha256("thumbnail"),
                taxonomy_version=1,
                scene_context=bytes(256),
                lab_mean=(50.0, 0.25, 0.5),
                lab_std=(10.0, 1.0, 1.0),
                embedded=embedded or EmbeddedRights(),
                embedded_credit={},
                rights_unreadable=rights_unreadable,
                faces=faces,
            ),
            segments=[
                SegmentFacts(category, None, 50, (0, 0, 10, 10), small=True, depth_mm=None)
                for category in categories
            ],
            descriptors=[DescriptorFacts(1, frame, *a_corner(len(categories))) for frame in ("scene", "box")],
            grant_ids=grants,
            release_ids=(),
            depictions=depictions or Depictions(persons=False),
            by=self.by.librarian,
            at=self.at,
        )

    def withdraw(self, grant_id: UUID) -> int:
        who = {"by": self.by.compliance, "at": self.at}
        ended = licensing.withdraw_grant(self.session, grant_id, reason="licensor left", **who)
        return service.block_grants(self.session, ended, **who)


@pytest.fixture
def world(session: Session, BY: SimpleNamespace, AT: datetime) -> World:
    return World(session, BY, AT)


@pytest.fixture
def make_world(BY: SimpleNamespace, AT: datetime) -> Callable[[Session], World]:
    """For tests that commit or race."""
    return lambda session: World(session, BY, AT)
