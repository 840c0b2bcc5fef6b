"""Reports of composites that are on record."""

import importlib.util
import io
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image
from sqlalchemy import text
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.kinds import Kind
from bankd.provenance import c2pa, picture, pixels
from bankd.provenance import service as provenance
from bankd.provenance.certificates import development_chain
from bankd.provenance.errors import CompositeNotFound
from bankd.reports import making
from bankd.reports.errors import PictureIsAnother
from bankd.reports.kind import Context
from bankd.reports.kinds.provenance import gathering
from bankd.reports.kinds.provenance.gathering import Asked
from bankd.reports.kinds.provenance.model import ProvenanceScope


@pytest.fixture(scope="session")
def made_up() -> ModuleType:
    """The canvases that provenance is tested with."""
    path = Path(__file__).parent.parent / "provenance" / "conftest.py"
    spec = importlib.util.spec_from_file_location("made_up_canvases", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def sealed(session: Session, made_up: ModuleType, BY: SimpleNamespace) -> Any:
    """A canvas of three photos, sealed and recorded; the department, file and row with it."""
    canvas = made_up.make_canvas(3)
    department = made_up.shelve_rows(session, canvas)
    file = c2pa.sign(
        canvas.rgb,
        manifest=canvas.manifest,
        manifest_key=Ed25519PrivateKey.generate(),
        credentials=development_chain(at=datetime.now(UTC)),
    )
    composite, entry = provenance.record(
        session,
        file,
        order_id=UUID(int=55),
        department_id=department,
        blob_key="composites/1",
        disclosures=canvas.disclosures,
        by=BY.system,
        at=made_up.SEALED_AT,
    )
    log.settle(session)
    composite.log_index = entry.index
    session.flush()
    return SimpleNamespace(canvas=canvas, id=composite.id, file=file.file, composite=composite)


def nothing(photo_ids: Sequence[UUID]) -> dict[UUID, bytes | None]:
    return dict.fromkeys(photo_ids)


@pytest.fixture
def report(session: Session, sealed: Any, made_up: ModuleType, BY: SimpleNamespace) -> Callable[..., Any]:
    def built(at: datetime = made_up.SEALED_AT + timedelta(days=60), **changes: Any) -> Any:
        options: dict[str, Any] = {
            "asked": Asked("aiko", made_up.SEALED_AT - timedelta(minutes=4)),
            "view": nothing,
            "file": sealed.file,
        }
        blobs: Any = None
        context = Context("Kirishima Trading", BY.compliance, at, blobs)
        return gathering.provenance_report(session, sealed.id, context=context, **{**options, **changes})

    return built


def test_report_states_what_the_manifest_and_the_rows_state(report: Any, sealed: Any) -> None:
    said = report().report

    manifest = sealed.canvas.manifest
    assert [photo.photo_id for photo in said.photos] == [photo.photo_id for photo in manifest.placed_photos]
    assert [photo.area.px for photo in said.photos] == [photo.canvas_px for photo in manifest.placed_photos]
    assert [photo.share_ppm for photo in said.photos] == [p.share_ppm for p in manifest.placed_photos]
    assert {photo.licensor for photo in said.photos} == {"Aiko Mori"}
    assert said.placed.px + said.inpainted.px + said.refiner_only.px == 96 * 128
    parts = (said.placed_own, said.placed_filled, said.placed_blended, said.placed_seams)
    assert said.placed.px == sum(part.px for part in parts)
    assert said.placed_seams.px == manifest.seam_px == sum(photo.seam_px for photo in said.photos) > 0
    assert said.placed.basis_points == sum(photo.area.basis_points for photo in said.photos)
    assert said.placed.basis_points + said.inpainted.basis_points + said.refiner_only.basis_points == 10_000
    assert sum(part.basis_points for part in parts) == said.placed.basis_points
    assert said.clearance.policy_bundle == manifest.policy_bundle
    assert said.sealed_log_index == sealed.composite.log_index
    assert said.declared_use == sealed.canvas.disclosures.use()
    assert said.effective_license == sealed.canvas.disclosures.license()
    (credit,) = said.credits_owed
    assert (credit.text, credit.photos) == ("© Aiko Mori", (1, 2, 3))
    assert (said.asked_by, said.asked_at) == ("aiko", "2026-06-01T11:56:00.000Z")


def test_unverified_facts_are_marked(report: Any) -> None:
    for photo in report().report.photos:
        assert {mark.code for mark in photo.marks} == {"no-document", "unverified"}


def test_withdrawal_is_marked_from_its_moment_on(session: Session, report: Any, made_up: ModuleType) -> None:
    withdrawn_at = made_up.SEALED_AT + timedelta(days=30)
    session.execute(
        text("UPDATE licenses SET withdrawn_at = :at, withdrawn_reason = 'left'"), {"at": withdrawn_at}
    )
    session.expire_all()

    def marked(at: datetime) -> bool:
        return any(mark.code == "withdrawn" for photo in report(at=at).report.photos for mark in photo.marks)

    assert not marked(withdrawn_at - timedelta(milliseconds=1))
    assert marked(withdrawn_at)


def test_only_photos_that_clear_for_view_are_shown_and_never_large(report: Any, sealed: Any) -> None:
    first, *_ = (photo.photo_id for photo in sealed.canvas.manifest.placed_photos)
    buffer = io.BytesIO()
    Image.new("RGBA", (900, 300)).save(buffer, "PNG")

    made = report(view=lambda ids: {first: buffer.getvalue()})

    assert [photo.thumbnail for photo in made.report.photos] == ["shown", "withheld", "withheld"]
    assert set(made.pictures) == {str(first), "picture"}
    with Image.open(io.BytesIO(made.pictures[str(first)])) as small:
        assert small.size == (256, 85)


def test_composite_that_may_not_be_shown_is_withheld(report: Any) -> None:
    made = report(file=None)

    assert not made.pictures and made.report.picture == "withheld"


def test_file_of_another_composite_is_refused(report: Any, session: Session, sealed: Any) -> None:
    other = pixels.encode(np.zeros((96, 128, 3), np.uint8))

    with pytest.raises(PictureIsAnother, match="does not hold the pixels"):
        report(file=other)
    with pytest.raises(PictureIsAnother):
        gathering.provenance_picture(session, sealed.id, file=other)


def test_provenance_picture_names_the_licensors(session: Session, sealed: Any) -> None:
    drawn = pixels.decode(gathering.provenance_picture(session, sealed.id, file=sealed.file))

    again = picture.with_legend(
        sealed.canvas.rgb, sealed.canvas.manifest.photo_map(), names=["Aiko Mori"] * 3
    )
    assert np.array_equal(drawn, again)


def test_composite_that_is_not_there_has_no_report(
    session: Session, BY: SimpleNamespace, NOON: datetime
) -> None:
    blobs: Any = None
    context = Context("x", BY.compliance, NOON, blobs)
    with pytest.raises(CompositeNotFound):
        gathering.gather(session, ProvenanceScope(composite=UUID(int=1)), context)


def test_report_that_left_the_bank_is_in_the_log(
    session: Session, report: Any, BY: SimpleNamespace, NOON: datetime
) -> None:
    said = report().report

    making.made(session, said, form="json", rendered=said.as_text().encode(), by=BY.compliance, at=NOON)
    log.settle(session)

    *_, last = log.read(session)
    assert last.kind == Kind.REPORT_MADE
    assert last.payload is not None and last.payload["objects"]["composite"] == str(said.composite_id)
    assert json.loads(said.as_text())["report"] == "provenance"
