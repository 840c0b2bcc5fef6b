"""Networks after a withdrawal: they fall, unless the grant says that training survives its end."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from small_bank import Bank

from bankd.exposure import reading, withdrawing
from bankd.exposure.subjects import find
from bankd.licensing.use import Use
from bankd.policy.clearing import terms_of
from bankd.training import service

USE = Use.model_validate(
    {
        "purpose": "commercial",
        "channels": ["internal"],
        "targeted": ["WORLD"],
        "accessible": ["WORLD"],
        "starts_on": "2026-06-01",
        "ends_on": "2026-12-31",
        "audience": "internal",
    }
)


def pinned(bank: Bank) -> UUID:
    with bank.rt.transaction() as session:
        made = service.pin(session, USE, sequences=False, by=bank.rt.actor, at=bank.rt.now())
        return made.snapshot.id


def reasons(bank: Bank, snapshot: UUID) -> set[str]:
    with bank.rt.transaction() as session:
        terms = terms_of(session, USE, at=bank.rt.now())
        return set(service.standing(session, snapshot, terms).reasons)


def withdraw(bank: Bank, by: Any, **more: Any) -> None:
    with bank.rt.transaction() as session:
        withdrawing.withdraw(session, "license", "L-free", reason="a letter", by=by, at=bank.rt.now(), **more)


def test_training_survives_where_the_grant_says_so_and_nothing_graver_comes(
    bank: Bank, later: Any, BY: SimpleNamespace
) -> None:
    bank.take((bank.grant("free", train=True, training_survives=True),))
    snapshot = pinned(bank)
    later(days=1)
    withdraw(bank, BY.compliance)
    assert reasons(bank, snapshot) == set()

    withdraw(bank, BY.compliance, kind="void-from-start")
    assert reasons(bank, snapshot) == {"license-withdrawn"}


def test_training_after_its_end_does_not_survive_nor_what_was_not_promised(
    bank: Bank, later: Any, BY: SimpleNamespace
) -> None:
    bank.take((bank.grant("free", train=True, training_survives=True),))
    bank.take((bank.grant("other", train=True),), first=4)
    later(days=2)
    snapshot = pinned(bank)
    with bank.rt.transaction() as session:
        found = reading.exposure(
            session, find(session, "license", "L-free", by=BY.compliance), by=BY.compliance
        )
    assert (found.snapshots, found.networks) == (1, ())
    withdraw(bank, BY.compliance, since=bank.rt.now() - timedelta(days=1))
    assert reasons(bank, snapshot) == {"license-withdrawn"}


def test_training_does_not_survive_unless_it_is_written(bank: Bank, later: Any, BY: SimpleNamespace) -> None:
    bank.take((bank.grant("free", train=True),))
    snapshot = pinned(bank)
    later(days=1)
    withdraw(bank, BY.compliance)
    assert reasons(bank, snapshot) == {"license-withdrawn"}
