"""A layout that is a photo's own label map takes something from that photo, and is cleared like it."""

from uuid import UUID, uuid4

import pytest
from drawn import labels
from small_bank import Bank
from sqlalchemy import select

from bankd.audit import log
from bankd.catalog import service as catalog
from bankd.catalog.taxonomy import house
from bankd.licensing.use import Use
from bankd.provenance import manifest
from bankd.provenance.manifest import Disclosures
from bankd.provenance.models import Composite
from bankd.synthesis import filing
from bankd.synthesis.errors import LayoutRefused


def ask(bank: Bank, origin: str, **use: object) -> UUID:
    declared = {
        "purpose": "commercial", "channels": ["web"], "targeted": ["JP"], "accessible": ["JP"],
        "starts_on": "2026-06-01", "ends_on": "2026-12-31", "audience": "public", **use,
    }  # fmt: skip
    asked = filing.Asked(labels(mug_x=44), Use.model_validate(declared), "scene", 1, 7, layout_origin=origin)
    with bank.rt.transaction() as session:
        return filing.file(
            session, asked, blobs=bank.rt.blobs, taxonomy=house(), idempotency_key=None,
            by=bank.rt.actor, at=bank.rt.now(),
        ).id  # fmt: skip


def test_the_origin_is_stored_logged_and_committed_to(served: Bank) -> None:
    request = served.make(ask(served, "licensed"))

    assert (request.state, request.layout_origin) == ("completed", "licensed")
    with served.rt.transaction() as session:
        composite = session.scalars(select(Composite).where(Composite.request_id == request.id)).one()
        filed = [entry for entry in log.read(session) if entry.kind == "request.filed"][-1]
    disclosures = Disclosures.model_validate(composite.disclosures)
    assert disclosures.layout_origin is not None and disclosures.layout_origin.value == "licensed"
    assert manifest.read(composite.manifest).commitments == disclosures.commitments()
    assert filed.payload is not None and filed.payload["objects"]["layout_origin"] == "licensed"


def test_a_photo_gives_its_layout_only_where_it_clears(bank: Bank) -> None:
    free, bound = bank.take((bank.grant("open"),), (bank.grant("nc", purposes=["research"]),))

    assert bank.make(ask(bank, f"photo:{free}")).state == "completed"
    refused = ask(bank, f"photo:{bound}", brand="other")
    assert bank.make(refused).state == "refused"
    with bank.rt.transaction() as session:
        entry = [*log.read(session)][-1]
    assert entry.payload is not None
    assert set(entry.payload["objects"]["reasons"]) == {"layout-withheld", "purpose-not-covered"}


def test_a_photo_that_nobody_may_know_of_gives_no_layout(bank: Bank) -> None:
    (photo,) = bank.take((bank.grant("open"),))
    with bank.rt.transaction() as session:
        catalog.embargo(session, photo, until=bank.rt.at.replace(year=2028), by=bank.rt.actor, at=bank.rt.at)

    for unknown in (photo, uuid4()):
        with pytest.raises(LayoutRefused, match="no photo has the id"):
            ask(bank, f"photo:{unknown}")
