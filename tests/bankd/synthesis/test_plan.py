"""Which grant a picture relies on: one for each photo, such that the whole set may stand together."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from drawn import labels
from sqlalchemy import select

import bankd.synthesis.plan as planning
from bankd import retrieval
from bankd.catalog.taxonomy import house
from bankd.licensing import service as licensing
from bankd.licensing.facts import use_facts
from bankd.licensing.models import GrantCounter
from bankd.licensing.use import Use
from bankd.policy.clearing import clear_photos, rights_of, terms_of
from bankd.policy.engine import Cleared
from bankd.policy.filters import filter_for
from bankd.provenance.effective import EffectiveLicense
from bankd.provenance.models import Usage
from bankd.synthesis import steps
from bankd.synthesis.clearing import Apart, clear_set, relied_on, stand_together
from bankd.synthesis.models import Clearance, Variation
from bankd.synthesis.plan import Asked, Clashing, Plan, Short, plan, still_clears
from synth.layout import Layout

USE = {
    "purpose": "research",
    "channels": ["web"],
    "targeted": ["JP"],
    "accessible": ["JP"],
    "starts_on": "2026-06-01",
    "ends_on": "2026-12-31",
    "audience": "public",
}
ANYONE = {"licensees": ["any"]}
NONCOMMERCIAL = {"purposes": ["research"], **ANYONE}
SHARE_ALIKE = {"share_alike": "CC-BY-SA-4.0", **ANYONE}
BOUGHT = {"fee_minor": 9, "currency": "EUR", **ANYONE}


def planned(bank: Any, *, variations: int = 1, **more: Any) -> Plan | Short | Clashing:
    use = Use.model_validate(USE)
    asked = Asked(Layout(labels(mug_x=44)), "scene", tuple(range(variations)), 7)
    with bank.rt.transaction() as session:
        terms = terms_of(session, use, at=bank.rt.at)
        return plan(session, asked, terms=terms, taxonomy=house(), **more)


def grant_id(bank: Any, ref: str) -> UUID:
    with bank.rt.transaction() as session:
        found: UUID = licensing.grants_by_ref(session, [ref])[ref].id
        return found


def sets_clear(bank: Any, made: Plan) -> bool:
    with bank.rt.transaction() as session:
        terms = terms_of(session, Use.model_validate(USE), at=bank.rt.at)
    return all(
        isinstance(
            clear_set(terms, [relied_on(made.rights, p, made.relied[p]) for p in made.photo_px(picture)]),
            EffectiveLicense,
        )
        for picture in made.pictures
    )


def together(
    bank: Any, photo_px: list[Mapping[UUID, int]], *, without: frozenset[UUID] = frozenset()
) -> dict[UUID, UUID] | Apart:
    with bank.rt.transaction() as session:
        terms = terms_of(session, Use.model_validate(USE), at=bank.rt.at)
        rights = rights_of(session, {photo for area in photo_px for photo in area}, at=bank.rt.at)
    answers = clear_photos(terms, "synthesize", rights, without=without)
    preferred = {p: answer.grant_id for p, answer in answers.items() if isinstance(answer, Cleared)}
    return stand_together(terms, rights, preferred, photo_px, without=without)


def test_the_weaker_side_of_a_clash_turns_to_another_of_its_grants(bank: Any) -> None:
    free, bought = bank.grant("nc", **NONCOMMERCIAL), bank.grant("bought", **BOUGHT)
    alike = bank.grant("sa", **SHARE_ALIKE)
    small, large = bank.take((free, bought), (alike,))

    assert together(bank, [{small: 10}]) == {small: grant_id(bank, free)}
    assert together(bank, [{small: 10, large: 90}]) == {
        small: grant_id(bank, bought),
        large: grant_id(bank, alike),
    }


def test_the_stronger_side_turns_where_the_weaker_cannot(bank: Any) -> None:
    free, bought = bank.grant("nc", **NONCOMMERCIAL), bank.grant("bought", **BOUGHT)
    alike = bank.grant("sa", **SHARE_ALIKE)
    large, small = bank.take((free, bought), (alike,))

    assert together(bank, [{small: 10, large: 90}]) == {
        large: grant_id(bank, bought),
        small: grant_id(bank, alike),
    }


def test_a_side_turns_whole_or_not_at_all(bank: Any) -> None:
    free, bought = bank.grant("nc", **NONCOMMERCIAL), bank.grant("bought", **BOUGHT)
    alike = bank.grant("sa", **SHARE_ALIKE)
    one, other, large = bank.take((free, bought), (free,), (alike,))

    apart = together(bank, [{one: 10, other: 10, large: 80}])

    assert isinstance(apart, Apart)
    assert (apart.loser, apart.photos) == (grant_id(bank, free), {one, other})
    assert apart.refused.reasons == {"share-alike-beside-noncommercial"}


def test_a_grant_that_clears_the_set_and_not_the_photo_is_not_turned_to(bank: Any) -> None:
    free = bank.grant("nc", **NONCOMMERCIAL)
    elsewhere = bank.grant("france", territories=["FR"])
    withdrawn = bank.grant("gone")
    full = bank.grant("full", cap=1)
    alike = bank.grant("sa", **SHARE_ALIKE)
    small, large = bank.take((free, elsewhere, withdrawn, full), (alike,))
    bank.withdraw(withdrawn)

    apart = together(bank, [{small: 10, large: 90}], without=frozenset({grant_id(bank, full)}))

    assert isinstance(apart, Apart) and apart.photos == {small}


def test_what_a_filter_wrongly_lets_through_is_refused_by_the_engine_and_left_out_at_once(
    bank: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine is asked of what is chosen; once it refused something, of all that was ranked."""
    scholarly = [(bank.grant(f"scholarly-{number}", **NONCOMMERCIAL),) for number in range(5)]
    bank.take(*scholarly, (bank.grant("open", **ANYONE),))
    lax = filter_for
    research = use_facts(Use.model_validate(USE), at=bank.rt.at)
    monkeypatch.setattr(
        planning, "filter_for", lambda bundle, action, _, **more: lax(bundle, action, research, **more)
    )
    ranked = []
    rank = retrieval.rank
    monkeypatch.setattr(retrieval, "rank", lambda *a, **more: (ranked.append(1), rank(*a, **more))[1])
    commercial = Use.model_validate({**USE, "purpose": "commercial"})
    asked = Asked(Layout(labels(mug_x=44)), "scene", (0,), 7)

    with bank.rt.transaction() as session:
        made = plan(session, asked, terms=terms_of(session, commercial, at=bank.rt.at), taxonomy=house())

    assert isinstance(made, Plan)
    assert set(made.relied.values()) == {grant_id(bank, "L-open/all")}
    assert len(ranked) == 3  # what is chosen, all that was ranked, what is left


def test_pictures_share_the_grant_that_suits_them_all(bank: Any) -> None:
    free, bought = bank.grant("nc", **NONCOMMERCIAL), bank.grant("bought", **BOUGHT)
    alike = bank.grant("sa", **SHARE_ALIKE)
    shared, large = bank.take((free, bought), (alike,))

    relied = together(bank, [{shared: 100}, {shared: 10, large: 90}])

    assert relied == {shared: grant_id(bank, bought), large: grant_id(bank, alike)}


def test_a_photo_that_cannot_turn_is_left_out_and_the_others_keep_what_they_prefer(bank: Any) -> None:
    free, bought = bank.grant("nc", **NONCOMMERCIAL), bank.grant("bought", **BOUGHT)
    alike, also_free = bank.grant("sa", **SHARE_ALIKE), bank.grant("nc2", **NONCOMMERCIAL)
    bank.take((free, also_free), (free, bought), (alike,), (also_free,), (free,))

    made = planned(bank, variations=4)

    assert isinstance(made, Plan)
    assert sets_clear(bank, made)


def test_a_request_is_served_on_the_one_grant_that_lets_all_its_regions_stand(bank: Any) -> None:
    """Each photo has regions that no other has; only the bought grant stands beside share-alike."""
    free, bought = bank.grant("nc", **NONCOMMERCIAL), bank.grant("bought", **BOUGHT)
    alike = bank.grant("sa", **SHARE_ALIKE)
    bank.take((free, bought), (alike,))

    request = bank.make(bank.ask(purpose="research", variations=2))

    assert request.state == "completed"
    with bank.rt.transaction() as session:
        for variation in (0, 1):
            composite = session.get_one(Variation, (request.id, variation)).composite_id
            grants = set(session.scalars(select(Usage.grant_id).where(Usage.composite_id == composite)))
            assert not {grant_id(bank, free), grant_id(bank, alike)} <= grants


def test_pictures_of_one_order_rely_on_one_grant_for_each_photo_and_take_a_place_each(bank: Any) -> None:
    capped = bank.grant("capped", cap=5)
    (photo,) = bank.take((capped,))

    order = bank.order(bank.ask(variations=3))
    with bank.rt.transaction() as session:
        relied = session.get_one(Clearance, order.clearance_id).relied
        counter = session.scalars(select(GrantCounter)).one()
    assert relied == {str(photo): str(grant_id(bank, capped))}
    assert (counter.used, counter.reserved) == (0, 3)

    bank.render(order)
    steps.seal(bank.rt, order.id)
    with bank.rt.transaction() as session:
        counter = session.scalars(select(GrantCounter)).one()
        assert (counter.used, counter.reserved) == (3, 0)
        assert len(session.scalars(select(Usage.composite_id).distinct()).all()) == 3


def test_many_grants_that_clash_end_in_a_picture_not_in_a_refusal(bank: Any) -> None:
    """More clashes than there are rounds to leave photos out one by one."""
    frees = [bank.grant(f"nc{number}", **NONCOMMERCIAL) for number in range(2)]
    alike = bank.grant("sa", **SHARE_ALIKE)
    bank.take(*[(frees[number % 2],) for number in range(6)], *[(alike,)] * 6)

    made = planned(bank, variations=3)

    assert isinstance(made, Plan)
    assert sets_clear(bank, made)


def test_sources_that_clash_on_every_grant_refuse_and_name_the_pair(bank: Any) -> None:
    free = bank.grant("nc", **NONCOMMERCIAL)
    (photo,) = bank.take((free,))
    alike = bank.grant("sa", **SHARE_ALIKE)

    apart = together(bank, [{photo: 1, bank.take((alike,), first=1)[0]: 2}])

    assert isinstance(apart, Apart)
    assert set(apart.refused.grants) == {grant_id(bank, free), grant_id(bank, alike)}


def test_a_full_cap_leaves_photos_out_of_the_ranking_however_many_there_are(bank: Any) -> None:
    capped, open_ = bank.grant("capped", cap=1), bank.grant("open", fee_minor=9, currency="EUR")
    both, only, free = bank.take((capped, open_), (capped,), (open_,))

    made = planned(bank, variations=3, without_grants=frozenset({grant_id(bank, capped)}))

    assert isinstance(made, Plan)
    assert only not in made.relied
    assert made.relied.keys() <= {both, free}
    assert set(made.relied.values()) == {grant_id(bank, open_)}


def test_a_photo_refused_at_a_seal_may_still_be_relied_on_by_another_grant(bank: Any) -> None:
    first, second = bank.grant("first"), bank.grant("second", fee_minor=9, currency="EUR")
    (photo,) = bank.take((first, second))
    refused = (photo, grant_id(bank, first))

    made = planned(bank, without=frozenset({refused}))
    none = planned(bank, without=frozenset({refused, (photo, grant_id(bank, second))}))

    assert isinstance(made, Plan) and made.relied == {photo: grant_id(bank, second)}
    assert isinstance(none, Short) and none.left_out == {photo}


def test_a_grant_withdrawn_before_the_seal_is_replaced_by_the_photos_other_grant(bank: Any) -> None:
    first, second = bank.grant("first"), bank.grant("second", fee_minor=9, currency="EUR")
    (photo,) = bank.take((first, second))
    order = bank.order(bank.ask())
    bank.render(order)
    bank.withdraw(first)

    steps.seal(bank.rt, order.id)
    request = bank.make(order.request_id)

    assert (request.state, request.attempt) == ("completed", 2)
    assert request.outcome["left_out"] == {str(photo): [str(grant_id(bank, first))]}
    with bank.rt.transaction() as session:
        assert set(session.scalars(select(Usage.grant_id))) == {grant_id(bank, second)}


@pytest.mark.parametrize("what", ["withdrawn", "nothing"])
def test_a_plan_clears_for_as_long_as_all_that_it_relies_on_does(bank: Any, what: str) -> None:
    ref = bank.grant("open")
    bank.take((ref,))
    made = planned(bank)
    assert isinstance(made, Plan)
    if what == "withdrawn":
        bank.withdraw(ref)

    with bank.rt.transaction() as session:
        terms = terms_of(session, Use.model_validate(USE), at=bank.rt.at)
        still = still_clears(session, made, terms=terms, held=frozenset(), at=bank.rt.at)
    assert still == (what == "nothing")


def test_a_region_for_which_the_cap_is_promised_elsewhere_says_so(bank: Any) -> None:
    bank.take((bank.grant("capped", cap=1),))
    held = bank.order(bank.ask())
    assert held.state == "made"

    request = bank.make(bank.ask(seed=8))

    assert request.state == "refused"
    for region in request.outcome["regions"]:
        assert [(r["policy"], r["segments"]) for r in region["reasons"]] == [("cap-promised", 1)]
        assert not region["reasons"][0]["says"].endswith(".")


@pytest.mark.parametrize("variations", [1, 4])
def test_many_caps_without_room_end_in_an_answer_at_once(bank: Any, variations: int) -> None:
    """More of them than there are plans to find them by, one after the other."""
    bank.take(*[(bank.grant(f"capped{number}", cap=1),) for number in range(14)])
    if variations == 1:  # all are promised elsewhere; else each has room for one picture of the four
        for number in range(14):
            bank.order(bank.ask(seed=number))

    request = bank.make(bank.ask(seed=99, variations=variations))

    assert (request.state, request.tries) == ("refused", 1)
    assert {r["policy"] for region in request.outcome["regions"] for r in region["reasons"]} == {
        "cap-promised"
    }


def test_a_region_whose_photos_were_refused_at_the_seal_says_so(bank: Any) -> None:
    ref = bank.grant("open")
    (photo,) = bank.take((ref,))

    short = planned(bank, without=frozenset({(photo, grant_id(bank, ref))}))

    assert isinstance(short, Short)
    assert (short.left_out, short.uncovered) == ({photo}, (0, 1, 2))
