"""From a layout and a use to a sealed composite, on real Postgres and a real store."""

from uuid import UUID

import pytest
from sqlalchemy import func, select

from bankd.audit import log
from bankd.audit.verify import verify
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo
from bankd.licensing.models import GrantCounter
from bankd.provenance import manifest
from bankd.provenance.models import Composite, Usage
from bankd.synthesis import steps
from bankd.synthesis.errors import KeyReused
from bankd.synthesis.models import Clearance, Reservation, Variation
from bankd.worker.models import Outgoing


def composites(bank, request_id: UUID) -> list[Composite]:
    with bank.rt.transaction() as session:
        return list(
            session.scalars(
                select(Composite).where(Composite.request_id == request_id).order_by(Composite.variation)
            )
        )


def kinds(bank) -> list[str]:
    with bank.rt.transaction() as session:
        return [entry.kind for entry in log.read(session)]


def test_a_cleared_request_becomes_a_sealed_composite_with_every_pixel_accounted_for(served) -> None:
    request = served.make(served.ask())

    assert request.state == "completed"
    (composite,) = composites(served, request.id)
    sealed = manifest.read(composite.manifest)
    areas = sum(photo.canvas_px for photo in sealed.placed_photos) + sealed.inpainted_px + sealed.refiner_px
    assert areas == composite.height * composite.width == 64 * 96
    with served.rt.transaction() as session:
        fed = session.scalar(select(func.sum(Usage.canvas_px)).where(Usage.composite_id == composite.id))
        relied = session.scalars(select(Clearance).where(Clearance.request_id == request.id)).one().relied
        grants = {usage.photo_id: usage.grant_id for usage in session.scalars(select(Usage))}
        assert verify(session, served.rt.log_key.public_key()).holds
    assert fed == sum(photo.canvas_px for photo in sealed.placed_photos)
    assert {str(photo): str(grant) for photo, grant in grants.items()}.items() <= relied.items()
    assert kinds(served)[-4:] == ["request.filed", "request.cleared", "order.made", "composite.sealed"]
    assert composite.log_index == len(kinds(served)) - 1
    assert sealed.log_checkpoint.size <= sealed.clearance_log_index


def test_request_and_hint_commit_together(served) -> None:
    request_id = served.ask()

    with served.rt.transaction() as session:
        hints = session.scalars(select(Outgoing).where(Outgoing.task == "synthesis.advance")).all()
    assert [hint.arguments for hint in hints] == [{"request_id": str(request_id)}]


def test_the_same_seed_at_the_same_rights_gives_the_same_pixels(served) -> None:
    first = composites(served, served.make(served.ask(seed=11)).id)
    again = composites(served, served.make(served.ask(seed=11)).id)

    assert [c.pixel_sha256 for c in first] == [c.pixel_sha256 for c in again]


def test_variations_take_different_anchors(served) -> None:
    request = served.make(served.ask(variations=3))

    made = composites(served, request.id)
    assert len(made) == 3
    assert len({c.pixel_sha256 for c in made}) == 3


def test_what_no_grant_covers_is_refused_by_region_and_reason(bank) -> None:
    ref = bank.grant("nc", purposes=["research"])
    bank.take((ref,))

    request = bank.make(bank.ask(purpose="commercial"))

    assert request.state == "refused"
    assert composites(bank, request.id) == []
    regions = request.outcome["regions"]
    assert {region["category"] for region in regions} == {"wall", "floor", "mug"}
    for region in regions:
        assert region["segments"] == 1
        assert [reason["policy"] for reason in region["reasons"]] == ["purpose-not-covered"]
    assert kinds(bank)[-1] == "request.refused"


def test_an_empty_bank_says_that_it_has_no_such_segments(bank) -> None:
    request = bank.make(bank.ask())

    assert request.state == "refused"
    assert {r["reasons"][0]["policy"] for r in request.outcome["regions"]} == {"no-segments"}


def test_embargoed_photos_are_counted_nowhere(bank) -> None:
    (photo,) = bank.take((bank.grant("open"),))
    with bank.rt.transaction() as session:
        catalog.embargo(session, photo, until=bank.rt.at.replace(year=2027), by=bank.rt.actor, at=bank.rt.at)

    request = bank.make(bank.ask())

    assert request.state == "refused"
    assert {r["segments"] for r in request.outcome["regions"]} == {0}


def test_a_noncommercial_license_beside_a_bought_grant_clears_japan_and_not_france(bank) -> None:
    free = bank.grant("nc", purposes=["research"])
    bought = bank.grant("bought", territories=["JP"], purposes=["commercial"], channels=["web"])
    bank.take((free, bought))

    japan = bank.make(bank.ask(targeted=["JP"], accessible=["JP"]))
    france = bank.make(bank.ask(targeted=["FR"], accessible=["FR"]))

    assert japan.state == "completed"
    assert france.state == "refused"


def test_two_grants_are_never_added_up(bank) -> None:
    web = bank.grant("web", territories=["JP"], channels=["web"])
    paper = bank.grant("paper", territories=["US"], channels=["print"])
    bank.take((web, paper))

    request = bank.make(bank.ask(channels=["print"], targeted=["JP"], accessible=["JP"]))

    assert request.state == "refused"


def test_the_same_key_is_the_same_request_and_never_another_one(served) -> None:
    first = served.ask(key="order-17")

    assert served.ask(key="order-17") == first
    with pytest.raises(KeyReused):
        served.ask(key="order-17", seed=8)
    assert kinds(served).count("request.filed") == 1


def test_a_cap_is_reserved_per_picture_and_spent_at_the_seal(bank) -> None:
    ref = bank.grant("capped", cap=1)
    (photo,) = bank.take((ref,))

    request = bank.make(bank.ask())

    assert request.state == "completed"
    with bank.rt.transaction() as session:
        counter = session.scalars(select(GrantCounter)).one()
        assert (counter.used, counter.reserved) == (1, 0)
        assert session.scalars(select(Reservation)).all() == []
        assert session.get_one(Photo, photo).grant_blocks == 1
    assert "grant.capped-out" in kinds(bank)
    assert bank.make(bank.ask(seed=8)).state == "refused"


def test_a_full_cap_is_ranked_around(bank) -> None:
    capped, open_ = bank.grant("capped", cap=1), bank.grant("open")
    bank.take((capped,), (open_,))

    request = bank.make(bank.ask(variations=2))

    assert request.state == "completed"
    with bank.rt.transaction() as session:
        states = session.scalars(select(Variation.state).where(Variation.request_id == request.id)).all()
        counter = session.scalars(select(GrantCounter)).one()
    assert states == ["sealed", "sealed"]
    assert counter.used <= 1 and counter.reserved == 0


def test_a_place_that_was_held_and_not_used_is_given_back(bank) -> None:
    ref = bank.grant("capped", cap=5)
    bank.take((ref,), (bank.grant("open"),))
    order = bank.order(bank.ask())
    assert order is not None
    bank.withdraw("L-open/all")
    bank.withdraw(ref)

    bank.render(order)
    steps.seal(bank.rt, order.id)

    with bank.rt.transaction() as session:
        assert session.scalars(select(GrantCounter)).one().reserved == 0
        assert session.scalars(select(Reservation)).all() == []
