"""What a bundle would change is said before it is in force, and nothing is written."""

from typing import Any

import pytest
from small_bank import ROOT, Bank
from sqlalchemy import text

from bankd.catalog.taxonomy import house
from bankd.policy import load
from bankd.policy.errors import InvalidBundle
from bankd.policy.load import Bundle
from bankd.synthesis.comparing import Comparison, compare
from tests.bankd.synthesis.test_replaying import stricter


def compared(bank: Bank, bundle: Bundle, *, last: int = 10) -> Comparison:
    with bank.rt.transaction() as session:
        return compare(
            session,
            bundle,
            last=last,
            blobs=bank.rt.blobs,
            taxonomy=house(),
            by=bank.rt.actor,
            at=bank.rt.now(),
        )


def rows(bank: Bank) -> list[Any]:
    with bank.rt.transaction() as session:
        return [
            session.execute(text(f"SELECT count(*), max(xmin::text::bigint) FROM {table}")).one()
            for table in ("requests", "clearances", "orders", "log_entries", "policy_bundles", "photos")
        ]


def without(rule: str) -> Bundle:
    """The policies of the tree, with one rule that is never broken."""
    texts = dict(load.read(ROOT / "policies").texts)
    before = texts["purpose.cedar"]
    start = before.index(f'@id("{rule}")')
    body = before.index("unless {", start)
    texts["purpose.cedar"] = before[:body] + "unless { true ||" + before[body + len("unless {") :]
    return Bundle.of(texts.items())


def test_requests_and_composites_that_would_be_refused_are_named_with_the_policy(served: Bank) -> None:
    sealed = served.make(served.ask())
    research = served.make(served.ask(purpose="research", seed=9))
    assert (sealed.state, research.state) == ("completed", "completed")
    before = rows(served)

    found = compared(served, stricter())

    assert rows(served) == before
    assert (found.added, found.removed, found.requests, found.composites) == (
        ("nothing-commercial",),
        (),
        2,
        2,
    )
    (request,) = found.changed
    assert (request.request_id, request.change) == (sealed.id, "refused")
    assert [(one.policy, one.says) for one in request.reasons] == [
        ("nothing-commercial", "Nothing is made for commerce")
    ]
    (composite,) = found.handouts_changed
    assert (composite.request_id, composite.change, composite.handouts) == (sealed.id, "refused", 0)
    assert [one.policy for one in composite.reasons] == ["nothing-commercial"]


def test_a_refused_request_that_would_clear_is_named_with_what_refuses_it_today(bank: Bank) -> None:
    bank.take((bank.grant("nc", purposes=["research"]),))
    refused = bank.make(bank.ask(purpose="commercial"))
    assert refused.state == "refused"

    found = compared(bank, without("purpose-not-covered"))

    (request,) = found.changed
    assert (request.request_id, request.change) == (refused.id, "cleared")
    assert [one.policy for one in request.reasons] == ["purpose-not-covered"]
    assert found.reworded == ("purpose-not-covered",)


def test_the_same_bundle_changes_nothing_and_only_the_last_requests_are_asked(served: Bank) -> None:
    for seed in range(3):
        served.ask(seed=seed)

    found = compared(served, load.read(ROOT / "policies"), last=2)

    assert (found.requests, found.changed, found.handouts_changed) == (2, (), ())
    assert found.in_force == found.other


def test_a_bundle_that_ranking_could_not_be_held_to_is_not_compared(served: Bank) -> None:
    texts = [*load.read(ROOT / "policies").texts]
    odd = (ROOT / "policies" / "rejected" / "not-in-sql.cedar").read_text()
    with pytest.raises(InvalidBundle):
        compared(served, Bundle.of([*texts, ("odd.cedar", odd)]))
