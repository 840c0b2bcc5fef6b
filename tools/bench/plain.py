"""Ingestion as one writes it first: a loop over segments, and each segment's rows and crop by themselves.

It keeps what ingestion keeps, and spares itself what is not about segments: embedded rights, speckle, poles
that join what they cut, the log.
"""

import hashlib
import io
from datetime import UTC, datetime
from uuid import uuid4

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bankd.access.models import Department
from bankd.catalog.models import Descriptor, Photo, Segment
from bankd.storage import MinioBlobs, key

SIDE_PX, THUMBNAIL_PX = 2048, 256
MASK_CELLS, CONTEXT_CELLS = 32, 16

Bits = npt.NDArray[np.bool_]


def ingest(session: Session, blobs: MinioBlobs, content: bytes, label_content: bytes) -> None:
    rgb = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    labels = np.asarray(Image.open(io.BytesIO(label_content)))
    pixel_sha256 = hashlib.sha256(rgb.tobytes()).hexdigest()
    scale = min(1.0, SIDE_PX / max(labels.shape))
    size = (round(labels.shape[1] * scale), round(labels.shape[0] * scale))
    full = rgb
    rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    labels = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)

    photo_id = uuid4()
    thumbnail = Image.fromarray(full)
    thumbnail.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    kept = {
        name: _stored(blobs, photo_id, found)
        for name, found in (
            ("sha256", content), ("labels_sha256", _png(labels)), ("thumbnail_sha256", _jpeg(thumbnail)),
        )
    }  # fmt: skip
    _insert_photo(session, photo_id, full.shape, labels, pixel_sha256, len(content), kept)

    ordinal = 0
    for category in np.unique(labels):
        numbered, found = ndimage.label(labels == category, structure=np.ones((3, 3)))
        for number in range(1, found + 1):
            mask = numbered == number
            y, x = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            y0, y1, x0, x1 = int(y[0]), int(y[-1]) + 1, int(x[0]), int(x[-1]) + 1
            cut = mask[y0:y1, x0:x1]
            crop = np.dstack([rgb[y0:y1, x0:x1] * cut[..., None], cut * np.uint8(255)])
            _stored(blobs, photo_id, _png(crop))
            segment_id = session.scalar(
                insert(Segment).returning(Segment.id).values(
                    photo_id=photo_id, ordinal=ordinal, category_id=int(category), area_px=int(mask.sum()),
                    x0=x0, y0=y0, x1=x1, y1=y1, small=bool(mask.mean() < 0.0076),
                )
            )  # fmt: skip
            pad_y, pad_x = -(-(y1 - y0) // 8), -(-(x1 - x0) // 8)
            near = np.zeros_like(labels)
            wide = np.s_[max(0, y0 - pad_y) : y1 + pad_y, max(0, x0 - pad_x) : x1 + pad_x]
            near[wide] = labels[wide]
            for frame, shape, around in (("scene", mask, near), ("box", cut, near[wide])):
                cells, context = _covered(shape), _centers(around)
                session.execute(
                    insert(Descriptor).values(
                        segment_id=segment_id, format=1, frame=frame, photo_id=photo_id,
                        category_id=int(category), mask_n=max(1, int(cells.sum())),
                        context_n=int((context > 0).sum()), mask=_bits(cells),
                        **{f"c{plane}": _bits(context >> plane & 1) for plane in range(8)},
                    )
                )  # fmt: skip
            ordinal += 1


def _covered(mask: Bits) -> Bits:
    """Cells of which half or more is covered."""
    steps = [np.arange(MASK_CELLS + 1) * extent // MASK_CELLS for extent in mask.shape]
    covered = np.add.reduceat(mask.astype(np.int32), steps[0][:-1], axis=0)
    covered = np.add.reduceat(covered, steps[1][:-1], axis=1)
    high, wide = (np.maximum(np.diff(edges), 1) for edges in steps)
    cells: Bits = 2 * covered >= high[:, None] * wide
    return cells


def _centers(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    steps = 2 * np.arange(CONTEXT_CELLS) + 1
    rows, columns = (steps * extent // (2 * CONTEXT_CELLS) for extent in labels.shape)
    return labels[np.ix_(rows, columns)]


def _bits(cells: npt.NDArray[np.generic]) -> str:
    return "".join("1" if cell else "0" for cell in cells.ravel())


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def _stored(blobs: MinioBlobs, photo_id: object, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    blobs.put(key(photo_id, sha256), content, media_type="application/octet-stream")  # type: ignore[arg-type]
    return sha256


def _insert_photo(
    session: Session,
    photo_id: object,
    shape: tuple[int, ...],
    labels: npt.NDArray[np.uint8],
    pixel_sha256: str,
    size_bytes: int,
    kept: dict[str, str],
) -> None:
    session.add(
        Photo(
            id=photo_id, department_id=session.scalars(select(Department.id)).first(), name="loop.jpg",
            media_type="image/jpeg", size_bytes=size_bytes, pixel_sha256=pixel_sha256, height=shape[0],
            width=shape[1], work_height=labels.shape[0], work_width=labels.shape[1], pack_sha256="0" * 64,
            taxonomy_version=1, scene_context=_centers(labels).tobytes(), lab_mean=[0.0] * 3,
            lab_std=[0.0] * 3, depictions={}, embedded={}, embedded_credit={}, state="quarantined",
            quarantine_reason="unlicensed", taken_at=datetime.now(UTC), **kept,
        )
    )  # fmt: skip
    session.flush()
