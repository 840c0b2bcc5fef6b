"""Stale statements in a photo's own file, put out of force by the licensor's document."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.kinds import Kind
from bankd.catalog import embedded, reading, service, superseding
from bankd.catalog.embedded import SupersededEmbedded
from bankd.catalog.errors import PhotoNotFound
from bankd.catalog.models import Descriptor, Photo, Segment
from bankd.cli import main
from bankd.licensing import service as licensing
from bankd.licensing.errors import DocumentNotFound
from bankd.licensing.models import RightsProfile
from bankd.licensing.terms import EmbeddedRights
from bankd.storage import Blobs

STALE = EmbeddedRights(
    image_alteration_constraints=frozenset({"AL-MRG"}), data_mining="DMI-PROHIBITED", expires_at="20251231"
)


@pytest.fixture
def supersede(world: Any, session: Session, blobs: Blobs) -> Any:
    who = {"by": world.by.compliance, "at": world.at}
    letter = licensing.record_document(
        session, b"Merging is allowed from today on.", name="letter.md", media_type="text/markdown",
        blobs=blobs, **who,
    )  # fmt: skip

    def supersede(photo: Photo, field: str, **changes: Any) -> superseding.Superseded:
        said = {"document_sha256": letter.sha256, "clause": "2", "reason": "a newer agreement", **changes}
        return superseding.supersede_embedded(session, photo.id, field, **said, **who)

    return supersede


def facts(session: Session, photo: Photo) -> dict[str, Any]:
    found: Any = session.scalar(select(RightsProfile.facts).where(RightsProfile.id == photo.profile_id))
    return dict(found[0])


def test_one_statement_stops_counting_and_the_others_go_on(
    world: Any, session: Session, supersede: Any, flush_log: Any
) -> None:
    photo = world.photo(world.grant("web"), embedded=STALE)
    assert facts(session, photo)["alteration_constraints"] == ["AL-MRG"]

    done = supersede(photo, "image_alteration_constraints")

    assert done.profile_changed and done.value == ["AL-MRG"]
    now = facts(session, photo)
    assert now["alteration_constraints"] == []
    assert (now["data_mining"], now["embedded_ends_at"]) == ("DMI-PROHIBITED", "2025-12-31T10:00:00.000Z")
    for table in (Segment, Descriptor):
        profiles = session.scalars(
            select(table.profile_id).where(table.photo_id == photo.id).distinct()
        ).all()
        assert profiles == [photo.profile_id]
    [row] = session.scalars(select(SupersededEmbedded))
    assert (row.field, row.value, row.clause, row.superseded_by) == (
        "image_alteration_constraints", ["AL-MRG"], "2", world.by.compliance.name
    )  # fmt: skip
    flush_log(session)
    kinds = [entry.kind for entry in log.read(session)]
    assert kinds[-1] == Kind.EMBEDDED_SUPERSEDED


def test_it_stays_so_when_the_photo_gets_another_grant(world: Any, session: Session, supersede: Any) -> None:
    photo = world.photo(world.grant("web"), embedded=STALE)
    supersede(photo, "expires_at")

    service.attach_grants(session, photo.id, [world.grant("print")], by=world.by.librarian, at=world.at)

    assert embedded.heeded(session, photo).expires_at is None
    assert facts(session, photo)["embedded_ends_at"] is None
    assert photo.embedded["expires_at"] == "20251231"  # what the file says is not rewritten


def test_a_photo_shows_what_its_file_says_and_by_what_that_counts_no_more(
    world: Any, session: Session, supersede: Any
) -> None:
    photo = world.photo(world.grant("web"), embedded=STALE)
    supersede(photo, "expires_at")
    supersede(photo, "data_mining", clause="5", reason="they agreed to mining")

    shown = reading.photo(session, photo.id, by=world.by.compliance)

    assert shown.embedded["expires_at"] == "20251231"  # the file goes on saying it
    assert [one.field for one in shown.superseded_embedded] == ["expires_at", "data_mining"]
    last = shown.superseded_embedded[-1]
    assert (last.value, last.document, last.clause) == ("DMI-PROHIBITED", "letter.md", "5")
    assert (last.reason, last.superseded_at) == ("they agreed to mining", world.at)
    assert last.superseded_by == world.by.compliance.name
    desk = SimpleNamespace(transaction=lambda: nullcontext(session), actor=world.by.compliance)
    said = CliRunner().invoke(main, ["photos", "show", str(photo.id)], obj=desk).output
    assert "file says data mining  DMI-PROHIBITED\n  superseded at " in said
    assert "letter.md, clause 5 (they agreed to mining)" in said
    assert "file says image alteration constraints  AL-MRG\ngrant" in said  # which counts as before
    (told, _) = reading.photo(session, photo.id, by=world.by.creative).superseded_embedded
    assert (told.field, told.document) == ("expires_at", "letter.md")
    assert (told.clause, told.reason) == (None, None)  # what an agreement says is not everybody's


def test_unreadable_rights_that_a_document_replaces_admit_the_photo(
    world: Any, session: Session, supersede: Any
) -> None:
    photo = world.photo(world.grant("web"), rights_unreadable=True)
    assert photo.state == "quarantined"

    assert supersede(photo, "unreadable").state == "admitted"

    assert photo.profile_id is not None
    bare = world.photo(rights_unreadable=True)
    assert supersede(bare, "unreadable").state == "quarantined"  # no grant, no rights
    assert bare.quarantine_reason == "unlicensed"


def test_what_cannot_be_superseded_is_said(world: Any, session: Session, supersede: Any) -> None:
    photo = world.photo(world.grant("web"), embedded=STALE)

    with pytest.raises(superseding.FieldUnknown, match="`mood` is nothing that a photo's file can say"):
        supersede(photo, "mood")
    with pytest.raises(superseding.NothingEmbedded, match="says nothing of `model_release`"):
        supersede(photo, "model_release")
    with pytest.raises(superseding.NothingEmbedded):
        supersede(photo, "unreadable")
    with pytest.raises(DocumentNotFound):
        supersede(photo, "data_mining", document_sha256="0" * 64)
    supersede(photo, "data_mining")
    with pytest.raises(superseding.EmbeddedAlreadySuperseded):
        supersede(photo, "data_mining")
    with pytest.raises(PhotoNotFound):
        superseding.supersede_embedded(
            session, world.department_id, "data_mining",
            document_sha256="0" * 64, clause="1", reason="x", by=world.by.compliance, at=world.at,
        )  # fmt: skip
