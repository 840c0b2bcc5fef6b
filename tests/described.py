"""Photos whose segments have random descriptors: rows to rank, without pixels."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.catalog import admission
from bankd.catalog.admission import DescriptorFacts, PhotoFacts, SegmentFacts
from bankd.catalog.models import Photo
from bankd.licensing import service as licensing
from bankd.licensing.depicted import Depictions
from bankd.licensing.models import Grant
from bankd.licensing.terms import EmbeddedRights, GrantTerms
from synth.retrieval.descriptors import FORMAT, Descriptors, pack


def drawn(rng: np.random.Generator, count: int, frame: str = "scene") -> Descriptors:
    """Blobs and half-empty contexts, some of them equal, so that there are ties and void cells."""
    masks = np.zeros((count, 32, 32), dtype=bool)
    contexts = np.zeros((count, 16, 16), dtype=np.uint8)
    for at in range(count):
        y, x = rng.integers(0, 24, 2)
        masks[at, y : y + rng.integers(1, 9), x : x + rng.integers(1, 9)] = True
        contexts[at, : rng.integers(0, 17)] = rng.choice([0, 1, 2, 22, 200], (1, 16))
    if count > 3:
        masks[1], contexts[1] = masks[0], contexts[0]
        contexts[2] = 0
    return pack(frame, masks, contexts)


def granted(session: Session, ref: str, *, by: Actor, at: datetime, **terms: Any) -> Grant:
    """A grant of a license of its own, for the web everywhere but for what `terms` say."""
    licensing.record_licensor(session, "a", name="A", by=by, at=at)
    license = licensing.record_license(session, ref, licensor="a", title="T", basis="licensed", by=by, at=at)
    stated = {
        "territories": "WORLD", "channels": ["web"], "purposes": ["commercial"], "sectors": ["any"],
        "audiences": ["public"], "starts_on": "2026-01-01", "ends_on": None, **terms,
    }  # fmt: skip
    return licensing.record_grant(
        session, license.id, ref="g", terms=GrantTerms.model_validate(stated), by=by, at=at
    )


def admitted(
    session: Session,
    name: str,
    categories: Sequence[int],
    described: Sequence[Descriptors],
    *,
    department_id: UUID,
    grant_ids: Sequence[UUID],
    by: Actor,
    at: datetime,
) -> Photo:
    """A photo with a segment for each category, described in each frame that `described` has."""
    sha256, count = hashlib.sha256(name.encode()).hexdigest(), len(categories)
    return admission.admit(
        session,
        PhotoFacts(
            id=uuid4(), department_id=department_id, name=f"{name}.png", media_type="image/png",
            size_bytes=1, sha256=sha256, pixel_sha256=hashlib.sha256(sha256.encode()).hexdigest(),
            frame=(64, 64), work_frame=(64, 64), pack_sha256="0" * 64, labels_sha256="0" * 64,
            thumbnail_sha256="0" * 64, taxonomy_version=1, scene_context=bytes(256),
            lab_mean=(0.0, 0.0, 0.0), lab_std=(0.0, 0.0, 0.0), embedded=EmbeddedRights(),
            embedded_credit={}, rights_unreadable=False,
        ),
        segments=[SegmentFacts(category, None, 10, (0, 0, 4, 4), False, None) for category in categories],
        descriptors=[
            DescriptorFacts(
                FORMAT, rows.frame, rows.masks[:count], rows.planes[:count], rows.mask_n[:count],
                rows.context_n[:count],
            )
            for rows in described
        ],
        grant_ids=grant_ids,
        release_ids=[],
        depictions=Depictions(persons=False),
        by=by,
        at=at,
    )  # fmt: skip
