"""A generated bank as rows in Postgres, by COPY, and the log entry that says it is there."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import Boolean, DateTime, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY

from bankd.access import service as access
from bankd.audit.actor import Actor
from bankd.catalog import service as catalog
from bankd.licensing.models import ProfileGrant
from synth.retrieval.descriptors import FORMAT, PLANES
from tools.bench.bank import FRAME, PROFILES, Bank
from tools.bench.database import Column, Database, bits, copy_in, text

BY = Actor("user", "bench", frozenset({"librarian", "compliance", "operator"}))
AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SMALL = 0.0076  # of a frame


def fill(database: Database, bank: Bank) -> list[UUID]:
    """Put a bank into empty tables. Its segments are numbered from 1 on; the ids of its photos."""
    with database.sessions.begin() as session:
        catalog.sync_taxonomy(session, by=BY, at=AT)
        department = access.record_department(session, "bench", by=BY, at=AT).id
    ids = [uuid4() for _ in bank.sha256]
    id_bytes = np.frombuffer(b"".join(one.bytes for one in ids), np.uint8).reshape(-1, 16)
    with database.connect() as connection:
        # Rows that are consistent by how they are made: neither keys nor triggers are asked a million times.
        connection.execute("SET session_replication_role = replica")
        copy_in(connection, "rights_profiles", _profiles())
        connection.execute(_grants())
        copy_in(connection, "photos", _photos(bank, id_bytes, department))
        copy_in(connection, "segments", _segments(bank, id_bytes))
        copy_in(connection, "descriptors", _descriptors(bank, id_bytes))
        for name, column in (("segments", "id"), ("rights_profiles", "id")):
            connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{name}', '{column}'), max({column})) FROM {name}"
            )
        for name in ("rights_profiles", "profile_grants", "photos", "segments", "descriptors"):
            connection.execute(f"VACUUM (ANALYZE) {name}")
    return ids


def _profiles() -> list[Column]:
    numbers = np.arange(1, PROFILES + 1)
    return [
        ("id", numbers.astype(">i4")),
        ("digest", _hashes("profile", len(numbers))),
        ("facts", _same(b"\x01[]", len(numbers))),
    ]


def _grants() -> str:
    """One for each profile, with nothing in it: what clears is asked of their profiles' numbers."""
    empty = {Text: "''", Boolean: "false", ARRAY: "'{}'", DateTime: "'2026-01-01'", SmallInteger: "0"}
    columns = [
        column
        for column in ProfileGrant.__table__.columns
        if not column.nullable and column.name != "profile_id"
    ]
    names = ", ".join(column.name for column in columns)
    values = ", ".join(empty[type(column.type)] for column in columns)
    return f"INSERT INTO profile_grants (profile_id, {names}) SELECT id, {values} FROM rights_profiles"


def _photos(bank: Bank, ids: np.ndarray, department: UUID) -> list[Column]:
    count = len(ids)
    height, width = FRAME
    lab = b"".join(n.to_bytes(4, "big") for n in (1, 0, 701, 3, 1)) + 3 * (b"\0\0\0\x08" + bytes(8))
    return [
        ("id", ids),
        ("department_id", _same(department.bytes, count)),
        ("name", _hashes("name", count)),
        ("media_type", _same(b"image/png", count)),
        ("size_bytes", np.full(count, 1, ">i8")),
        ("sha256", text(np.array([row.tobytes().hex() for row in bank.sha256], "S64"))),
        ("pixel_sha256", _hashes("pixels", count)),
        *((name, np.full(count, height, ">i4")) for name in ("height", "work_height")),
        *((name, np.full(count, width, ">i4")) for name in ("width", "work_width")),
        *((name, _same(b"0" * 64, count)) for name in ("pack_sha256", "labels_sha256", "thumbnail_sha256")),
        ("taxonomy_version", np.full(count, 1, ">i4")),
        ("scene_context", bank.contexts),
        *((name, _same(lab, count)) for name in ("lab_mean", "lab_std")),
        *((name, _same(b"\x01{}", count)) for name in ("depictions", "embedded", "embedded_credit")),
        ("state", _same(b"admitted", count)),
        ("taken_at", np.zeros(count, ">i8")),
        ("profile_id", bank.photo_profile.astype(">i4")),
    ]


def _segments(bank: Bank, ids: np.ndarray) -> list[Column]:
    height, width = FRAME
    return [
        ("id", (np.arange(len(bank)) + 1).astype(">i8")),
        ("photo_id", ids[bank.photo]),
        ("ordinal", bank.ordinal.astype(">i4")),
        ("category_id", bank.category.astype(">i2")),
        ("profile_id", bank.profile.astype(">i4")),
        ("area_px", bank.area_px.astype(">i4")),
        *((name, bank.boxes[:, at].astype(">i4")) for at, name in enumerate(("x0", "y0", "x1", "y1"))),
        ("small", bank.area_px < SMALL * height * width),
    ]


def _descriptors(bank: Bank, ids: np.ndarray) -> list[Column]:
    count, described = len(bank), bank.descriptors
    return [
        ("segment_id", (np.arange(count) + 1).astype(">i8")),
        ("format", np.full(count, FORMAT, ">i2")),
        ("frame", _same(described.frame.encode(), count)),
        ("photo_id", ids[bank.photo]),
        ("category_id", bank.category.astype(">i2")),
        ("profile_id", bank.profile.astype(">i4")),
        ("mask_n", described.mask_n.astype(">i2")),
        ("context_n", described.context_n.astype(">i2")),
        ("mask", bits(described.masks)),
        *((f"c{plane}", bits(described.planes[:, plane])) for plane in range(PLANES)),
    ]


def _same(value: bytes, count: int) -> np.ndarray:
    return np.broadcast_to(np.frombuffer(value, np.uint8), (count, len(value)))


def _hashes(of: str, count: int) -> np.ndarray:
    return text(np.array([hashlib.sha256(f"{of} {n}".encode()).hexdigest() for n in range(count)], "S64"))
