"""What would let a refused request be served: tried on the whole request, told by what a role may know."""

from typing import Any
from uuid import UUID

from small_bank import Bank

from bankd.access.permissions import Role
from bankd.audit.actor import Actor
from bankd.catalog import service as catalog
from bankd.catalog.taxonomy import house
from bankd.synthesis.advising import Advice, advise

CREATIVE = Actor("user", "creative", frozenset({Role.CREATIVE}))
COMPLIANCE = Actor("user", "compliance", frozenset({Role.COMPLIANCE}))


def advised(bank: Bank, request_id: UUID, *, by: Actor = CREATIVE) -> Advice:
    with bank.rt.transaction() as session:
        return advise(session, request_id, blobs=bank.rt.blobs, taxonomy=house(), by=by, at=bank.rt.now())


def ask_again(bank: Bank, use: dict[str, Any]) -> str:
    return bank.make(bank.ask(**use)).state


def test_a_suggested_use_is_served_when_it_is_asked_for(bank: Bank) -> None:
    bank.take((bank.grant("asia", territories=["JP", "KR"]),))
    request = bank.make(bank.ask(targeted=["JP", "FR"], accessible=["JP", "FR"]))
    assert request.state == "refused"

    found = advised(bank, request.id)

    assert [one.says for one in found.nearest] == ["without FR"] and found.none is None
    assert ask_again(bank, found.nearest[0].use) == "completed"


def test_what_clears_alone_and_not_together_is_not_suggested(bank: Bank) -> None:
    """Each photo would clear without FR; the credits of one of them no packaging can carry."""
    owing = bank.grant(
        "owing", territories=["JP"], channels=["packaging"],
        credit={"text": "Photo: A", "placement": "adjacent"},
    )  # fmt: skip
    bank.take((owing,))
    request = bank.make(
        bank.ask(channels=["packaging"], targeted=["JP", "FR"], accessible=["JP", "FR"], copies=0)
    )
    assert request.state == "refused"

    found = advised(bank, request.id)

    assert found.nearest == ()


def test_licenses_and_photos_are_named_to_those_who_may_know_them(bank: Bank) -> None:
    (photo,) = bank.take((bank.grant("nc", purposes=["research"]),))
    request = bank.make(bank.ask(purpose="commercial"))

    creative, compliance = (advised(bank, request.id, by=by) for by in (CREATIVE, COMPLIANCE))

    assert creative.nearest == compliance.nearest == ()
    assert {one.rights for one in creative.rights} == {("license",)}
    assert {(one.photo_id, one.license) for one in creative.rights} == {(None, None)}
    assert {(one.photo_id, one.license) for one in compliance.rights} == {(photo, "L-nc")}
    assert "for `mug`: a license that covers this use" in {one.says for one in creative.rights}


def test_how_many_copies_a_license_allows_is_told_to_those_who_read_terms(bank: Bank) -> None:
    bank.take((bank.grant("few", max_copies=1200),))
    request = bank.make(bank.ask(channels=["print"], copies=5000))

    (creative,) = advised(bank, request.id).nearest
    (compliance,) = advised(bank, request.id, by=COMPLIANCE).nearest

    assert creative.says == "with fewer copies" and "copies" not in creative.use
    assert compliance.says == "with at most 1200 copies" and compliance.use["copies"] == 1200


def test_photos_under_embargo_or_in_dispute_are_not_thought_of(bank: Bank) -> None:
    embargoed, disputed = bank.take(
        (bank.grant("asia", territories=["JP"]),), (bank.grant("asia-too", territories=["JP"]),)
    )
    who = {"by": bank.rt.actor, "at": bank.rt.at}
    with bank.rt.transaction() as session:
        catalog.embargo(session, embargoed, until=bank.rt.at.replace(year=2028), **who)
        catalog.dispute(session, disputed, reason="somebody objects", **who)
    request = bank.make(bank.ask(targeted=["JP", "FR"], accessible=["JP", "FR"]))

    found = advised(bank, request.id)

    assert found.nearest == found.rights == ()
    assert found.none is not None


def test_a_request_that_was_served_gets_no_advice(served: Bank) -> None:
    request = served.make(served.ask())
    assert advised(served, request.id).none == "the request is completed, not refused"


def test_a_held_story_is_not_talked_around(bank: Bank) -> None:
    bank.take((bank.grant("nc", purposes=["research"]),))
    bank.make(bank.ask(purpose="commercial"))
    held = bank.make(bank.ask(purpose="research"))

    found = advised(bank, held.id)

    assert (found.nearest, found.rights) == ((), ())
    assert found.none is not None and "compliance" in found.none
