from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from plans import rows_read
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.kinds import Kind
from bankd.provenance import service
from bankd.provenance.errors import CompositeNotFound, ManifestUnreadable
from bankd.provenance.models import Composite, Usage

CanvasOf = Callable[..., Any]
ORDER = UUID(int=55)


@pytest.fixture
def keep(
    shelve: Callable[..., UUID], seal: Callable[..., Any], BY: SimpleNamespace, NOON: Any
) -> Callable[..., Any]:
    def kept(session: Session, canvas: Any, **changes: Any) -> tuple[Composite, log.Staged]:
        options: dict[str, Any] = {
            "order_id": ORDER,
            "department_id": shelve(session, canvas),
            "blob_key": f"composites/{canvas.manifest.composite_id}",
            "disclosures": canvas.disclosures,
            "by": BY.system,
            "at": NOON,
        }
        return service.record(session, seal(canvas), **{**options, **changes})

    return kept


def test_sealed_composite_is_kept_with_what_it_used(session: Session, canvas: CanvasOf, keep: Any) -> None:
    made = canvas(3)

    composite, _ = keep(session, made)

    found = service.get(session, made.manifest.composite_id)
    assert found.id == composite.id and found.manifest == made.manifest.canonical()
    assert sum(usage.canvas_px for usage in found.usages) + made.manifest.inpainted_px == 96 * 128
    usages = service.usages_of(session, found.id)
    assert [usage.canvas_px for usage in usages] == sorted((u.canvas_px for u in usages), reverse=True)
    for usage in usages:
        source = made.sources[usage.segment_id]
        assert (usage.photo_id, usage.grant_id) == (source.photo_id, source.grant_id)
    assert {usage.segment_id for usage in usages} == {s.segment_id for s in made.manifest.segments()}


def test_sealing_is_in_the_log_with_every_grant_relied_on(
    session: Session, canvas: CanvasOf, keep: Any
) -> None:
    made = canvas(2)
    composite, entry = keep(session, made)

    log.settle(session)
    composite.log_index = entry.index
    session.flush()

    *_, last = log.read(session)
    assert (last.kind, last.index) == (Kind.COMPOSITE_SEALED, composite.log_index)
    assert last.payload["objects"]["grants"] == sorted({str(s.grant_id) for s in made.sources.values()})
    assert last.payload["objects"]["pixel_sha256"] == made.manifest.pixel_sha256


def test_composites_of_a_photo_and_of_a_grant_are_found(
    session: Session, canvas: CanvasOf, keep: Any
) -> None:
    first, second = canvas(2), canvas(1, seed=3)
    keep(session, first)
    keep(session, second)
    photo = first.sources[1000].photo_id

    assert [c.id for c in service.composites_of_photo(session, photo)] == [first.manifest.composite_id]
    assert service.composite_ids_of_photo(session, photo) == [first.manifest.composite_id]
    assert service.composites_of_photo(session, uuid4()) == []
    assert service.composite_ids_of_photo(session, uuid4()) == []
    shared = first.sources[1000].grant_id
    assert shared == second.sources[1000].grant_id
    assert {c.id for c in service.composites_on_grant(session, shared)} == {
        first.manifest.composite_id,
        second.manifest.composite_id,
    }


def test_tracing_a_photo_reads_its_own_usages_alone(session: Session, canvas: CanvasOf, keep: Any) -> None:
    first, second = canvas(2), canvas(1, seed=3)
    keep(session, first)
    composite, _ = keep(session, second)
    [other, *_] = service.usages_of(session, composite.id)
    session.add_all(
        Usage(
            composite_id=composite.id, segment_id=10_000 + number, photo_id=other.photo_id,
            grant_id=other.grant_id, canvas_px=1, placed_px=1, filled_px=0, blended_px=0,
        )
        for number in range(3000)
    )  # fmt: skip
    session.flush()
    photo = first.sources[1000].photo_id
    mine = [
        usage for usage in service.usages_of(session, first.manifest.composite_id) if usage.photo_id == photo
    ]

    assert rows_read(session, service.placed_in(photo)) == len(mine) > 0


def test_composite_is_known_by_its_pixels(
    session: Session, canvas: CanvasOf, keep: Any, BY: SimpleNamespace
) -> None:
    composite, _ = keep(session, canvas(1))

    (known,) = service.find_by_pixels(session, composite.pixel_sha256, by=BY.auditor)

    assert (known.composite_id, known.file_sha256) == (composite.id, composite.file_sha256)
    assert known.manifest_signature.hex() == composite.manifest_signature
    assert known.named
    (hidden,) = service.find_by_pixels(
        session, composite.pixel_sha256, by=replace(BY.auditor, department_id=uuid4())
    )
    assert not hidden.named
    assert service.find_by_pixels(session, "0" * 64, by=BY.auditor) == []


def test_disclosures_of_another_composite_are_refused(session: Session, canvas: CanvasOf, keep: Any) -> None:
    with pytest.raises(ManifestUnreadable, match="commitments"):
        keep(session, canvas(1), disclosures=canvas(1, seed=3).disclosures)

    assert session.scalar(select(func.count()).select_from(Composite)) == 0


def test_variation_of_a_request_is_sealed_once(
    session: Session, canvas: CanvasOf, keep: Any, seal: Any, BY: SimpleNamespace, NOON: Any
) -> None:
    made = canvas(1)
    keep(session, made)
    again = made.manifest.model_copy(update={"composite_id": UUID(int=77)})
    twin = SimpleNamespace(**{**vars(made), "manifest": again})

    with pytest.raises(IntegrityError, match="uq_composites_request_id_variation"), session.begin_nested():
        service.record(
            session,
            seal(twin),
            order_id=ORDER,
            department_id=None,
            blob_key="composites/77",
            disclosures=made.disclosures,
            by=BY.system,
            at=NOON,
        )


def test_handout_is_kept_and_logged(
    session: Session, canvas: CanvasOf, keep: Any, BY: SimpleNamespace, NOON: Any
) -> None:
    composite, _ = keep(session, canvas(1))

    service.hand_out(
        session,
        composite,
        recipient="Kirishima Tea",
        channel="web",
        epoch=12,
        bundle_digest="b" * 64,
        clearance={"policies": ["publish.web"]},
        by=BY.creative,
        at=NOON,
    )
    log.settle(session)

    session.expire_all()
    (handout,) = service.get(session, composite.id).handouts
    assert (handout.recipient, handout.by, handout.file_sha256) == (
        "Kirishima Tea",
        "test creative",
        composite.file_sha256,
    )
    *_, last = log.read(session)
    assert (last.kind, last.payload["objects"]["handout"]) == (Kind.COMPOSITE_HANDED_OUT, str(handout.id))


def test_composite_that_is_not_there_is_said(session: Session) -> None:
    missing = uuid4()
    with pytest.raises(CompositeNotFound, match=f"no composite has the id `{missing}`"):
        service.get(session, missing)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE composites SET manifest = ''",
        "DELETE FROM composites",
        "UPDATE usages SET grant_id = photo_id",
        "DELETE FROM usages",
        "UPDATE handouts SET recipient = ''",
        "DELETE FROM handouts",
    ],
)
def test_app_cannot_rewrite_what_was_sealed(session: Session, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.execute(text(statement))


def test_usage_whose_areas_do_not_add_up_is_refused_by_the_database(
    session: Session, canvas: CanvasOf, keep: Any
) -> None:
    composite, _ = keep(session, canvas(1))
    usage = service.usages_of(session, composite.id)[0]

    for areas in ((5, 2, 2, 2), (0, 0, 0, 0), (1, 2, -1, 0)):
        canvas_px, placed_px, filled_px, blended_px = areas
        with pytest.raises(IntegrityError, match="ck_usages_areas"), session.begin_nested():
            session.add(
                Usage(
                    composite_id=composite.id,
                    segment_id=1,
                    photo_id=usage.photo_id,
                    grant_id=usage.grant_id,
                    canvas_px=canvas_px,
                    placed_px=placed_px,
                    filled_px=filled_px,
                    blended_px=blended_px,
                )
            )
            session.flush()
