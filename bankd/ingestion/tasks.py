"""What the queue `ingest` hints at. Delivered at least once, so safe to run twice."""

from functools import cache
from pathlib import Path
from uuid import UUID

import cv2

from bankd.ingestion import service
from bankd.ingestion.faces import detector
from bankd.provenance import certificates, signing_with
from bankd.provenance.errors import SignatureNotGiven
from bankd.provenance.sidecars import Signs
from bankd.runtime import Runtime, runtime
from bankd.storage import BlobUnavailable
from bankd.worker.app import app


@app.task(  # type: ignore[untyped-decorator]
    name=service.TASK,
    autoretry_for=(BlobUnavailable, SignatureNotGiven),
    retry_backoff=True,
    max_retries=5,
)
def ingest_photo(item_id: str) -> None:
    cv2.setNumThreads(1)  # processes share the cores, one photo each
    rt = runtime()
    with rt.transaction() as session:
        claimed = service.claim(session, UUID(item_id), at=rt.now())
    if claimed is not None:
        try:
            with rt.transaction() as session:
                service.ingest_item(
                    session,
                    claimed,
                    blobs=rt.blobs,
                    detect=detector(rt.settings.face_detector),
                    anchors_pem=_anchors(rt.settings.photo_anchors),
                    signs=_signing(rt),
                    by=rt.actor,
                    at=rt.now(),
                )
        except (BlobUnavailable, SignatureNotGiven):
            with rt.transaction() as session:
                service.give_back(session, claimed)
            raise
    with rt.transaction() as session:
        service.drop_sources(session, UUID(item_id), blobs=rt.blobs)


def _signing(rt: Runtime) -> Signs | None:
    if not rt.settings.sign_photos:
        return None
    return Signs(signing_with.of(rt.settings, at=rt.now()), signing_with.clock(rt.settings))


@cache
def _anchors(path: Path | None) -> str:
    """Read once in the life of a worker."""
    return "" if path is None else certificates.roots(path)
