"""Money waits while rights are claimed, forbidden by a court or on hold, and is let go by new entries."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from bankd.access.errors import NotPermitted
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.cli import main
from bankd.exposure import withdrawing
from bankd.licensing.errors import DocumentNotFound
from bankd.royalties import escrow, payees, statements
from bankd.royalties.errors import EscrowAlreadySettled, NothingToSettle
from bankd.royalties.figures import PayeeTerms
from bankd.royalties.models import Accrual, StatementLine

FEES = [
    {"trigger": "seal", "basis": "canvas", "amount_minor": 10_000},
    {"trigger": "publication", "amount_minor": 1001},
]


COUNSEL = Actor("user", "counsel", frozenset({"compliance"}))


@pytest.fixture
def paid(desk: Any) -> Any:
    """A desk with a payee and a composite that was handed out; its clock is moved by `on`."""
    desk = desk(fees=FEES, currency="JPY")
    with desk.bank.rt.transaction() as session:
        terms = PayeeTerms(name="Agency K.K.", country="JP", currency="JPY")
        payees.record(session, "agency", terms, **desk.who)
    desk.given = desk.handout(desk.composite().id)
    desk.on = lambda month, day: setattr(desk.bank.rt, "at", datetime(2026, month, day, 12, tzinfo=UTC))
    return desk


def who(desk: Any) -> dict[str, Any]:
    return {"by": COUNSEL, "at": desk.bank.rt.at}


def stated(desk: Any, period: str) -> dict[str, Any]:
    with desk.bank.rt.transaction() as session:
        (found,) = statements.compute(session, period, **desk.who)
        return found.figures


def owed(desk: Any) -> int:
    with desk.bank.rt.transaction() as session:
        return int(session.scalar(select(func.sum(Accrual.amount_minor))))


def withdrawn(desk: Any, subject: str, ref: str, kind: str, **more: Any) -> Any:
    with desk.bank.rt.transaction() as session:
        return withdrawing.withdraw(
            session, subject, ref, kind=kind, reason="a letter", **more, **who(desk)
        ).withdrawal.id


def settled(desk: Any, withdrawal: Any, outcome: str, **more: Any) -> Any:
    with desk.bank.rt.transaction() as session:
        return escrow.settle(session, withdrawal, outcome=outcome, reason="judgment", **{**who(desk), **more})


def movement(figures: dict[str, Any]) -> tuple[int, ...]:
    (one,) = figures["escrow_movement"]
    assert one["reassigned_minor"] == 0
    return tuple(one[f"{name}_minor"] for name in ("brought", "held", "released", "closing"))


def test_a_claim_holds_what_its_agreement_earned_until_it_is_settled_and_then_it_is_paid(paid: Any) -> None:
    earned = owed(paid)
    paid.on(6, 20)
    claim = withdrawn(paid, "licensor", "agency", "claim")
    paid.on(7, 3)
    june = stated(paid, "2026-06")
    assert june["escrow"] == [{"reason": "claim", "currency": "JPY", "amount_minor": earned}]
    assert (june["gross_minor"], june["net_minor"]) == (0, 0)
    assert movement(june) == (0, earned, 0, earned)
    with paid.bank.rt.transaction() as session:
        assert statements.escrow(session, at=paid.bank.rt.at) == [
            {"payee": "agency", "reason": "claim", "currency": "JPY", "amount_minor": earned}
        ]

    paid.on(8, 3)
    with pytest.raises(NotPermitted):
        settled(paid, claim, "released", by=Actor("user", "c", frozenset({"creative"})))
    with pytest.raises(DocumentNotFound):
        settled(paid, claim, "released", document_sha256="0" * 64)
    made = settled(paid, claim, "released")
    assert (made.entries, made.taken_back) == (0, [])
    with pytest.raises(EscrowAlreadySettled, match=r"was settled at 2026-08-03.* as `released`"):
        settled(paid, claim, "reversed")
    with paid.bank.rt.transaction() as session:
        assert statements.escrow(session, at=paid.bank.rt.at) == []
    july = stated(paid, "2026-07")
    assert movement(july) == (earned, 0, 0, earned), "it was settled when July was over"
    paid.on(9, 3)
    august = stated(paid, "2026-08")
    assert movement(august) == (earned, 0, earned, 0)
    assert august["escrow"] == [] and august["gross_minor"] == earned
    assert august["earned"][0]["earlier_minor"] == earned
    assert owed(paid) == earned


def test_what_a_court_forbids_is_taken_back_by_new_entries_and_what_was_paid_before_stays(paid: Any) -> None:
    sealed = owed(paid)
    paid.on(7, 3)
    assert stated(paid, "2026-06")["gross_minor"] == sealed
    with paid.bank.rt.transaction() as session:
        photo = session.scalars(select(Accrual.photo_id).order_by(Accrual.id)).first()
    paid.publish(paid.given.id, starts_on=date(2026, 7, 1))
    published = owed(paid) - sealed
    with paid.bank.rt.transaction() as session:
        of_photo = session.scalar(
            select(func.sum(Accrual.amount_minor)).where(
                Accrual.photo_id == photo, Accrual.trigger == "publication"
            )
        )
    paid.on(7, 10)
    order = withdrawn(paid, "photo", str(photo), "court-order")
    with paid.bank.rt.transaction() as session:
        hold = withdrawing.hold(session, "license", "L-agency", reason="a rumor", **who(paid))
    paid.on(8, 3)
    july = stated(paid, "2026-07")
    held = {one["reason"]: one["amount_minor"] for one in july["escrow"]}
    rest = {"deny-hold": published - of_photo} if published > of_photo else {}
    assert held == {"court-order": of_photo, **rest}
    with paid.bank.rt.transaction() as session:
        withdrawing.lift(session, hold.id, reason="it was none", **who(paid))

    made = settled(paid, order, "reversed")
    assert made.entries > 0 and made.taken_back == [["JPY", of_photo]]
    assert owed(paid) == sealed + published - of_photo
    with paid.bank.rt.transaction() as session:
        kinds = [entry.kind for entry in log.read(session)]
    assert kinds.count("royalty.corrected") == made.entries and kinds.count("withdrawal.settled") == 1
    paid.on(9, 3)
    august = stated(paid, "2026-08")
    assert movement(august) == (published, 0, published, 0)
    assert august["earned"][0]["corrections_minor"] == -of_photo
    assert august["gross_minor"] == published - of_photo
    with paid.bank.rt.transaction() as session:
        assert session.scalar(select(func.sum(StatementLine.amount_minor))) == owed(paid)

    # Void from the start, all that was ever paid for it is owed back.
    void = withdrawn(paid, "grant", "L-agency/all", "void-from-start")
    ended = withdrawn(paid, "license", "L-agency", "terminated")
    with pytest.raises(NothingToSettle, match="holds no money in escrow: it is of the kind `terminated`"):
        settled(paid, ended, "released")
    settled(paid, void, "reversed")
    assert owed(paid) == 0
    paid.on(10, 3)
    september = stated(paid, "2026-09")
    assert september["gross_minor"] == -(sealed + published - of_photo) == september["carried_forward_minor"]
    assert september["net_minor"] == 0


def test_the_desk_settles_by_command_with_the_judgment_kept(paid: Any, tmp_path: Path) -> None:
    rt, earned = paid.bank.rt, owed(paid)
    rt.actor = COUNSEL

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, words, obj=rt)
        assert done.exit_code == code, (words, done.output, done.exception)
        return done.output

    said = run("withdrawals", "record", "grant", "L-agency/all", "--kind", "claim", "--reason", "another's")
    assert "is held in escrow until it is settled: `bankd withdrawals settle " in said
    claim = json.loads(run("withdrawals", "list", "--json"))[0]["withdrawal"]
    (held,) = json.loads(run("statements", "escrow", "--json"))
    assert (held["reason"], held["amount_minor"]) == ("claim", earned)
    judgment = tmp_path / "judgment.txt"
    judgment.write_text("for the claimant")
    settle = ("withdrawals", "settle", claim, "--outcome", "reversed", "--reason", "they won")
    told = run(*settle, "--document", str(judgment))
    assert "as reversed: they won" in told and "taken back by new entries" in told
    assert "was settled at" in run(*settle, code=2)
    assert "as reversed: they won" in run("withdrawals", "show", claim)
    (shown,) = json.loads(run("withdrawals", "list", "--json"))
    assert shown["settled"]["taken_back"] == [{"currency": "JPY", "amount_minor": earned}]
    assert len(shown["settled"]["document_sha256"]) == 64
    assert owed(paid) == 0


def test_a_hold_that_never_stood_holds_nothing(paid: Any) -> None:
    with paid.bank.rt.transaction() as session:
        later = paid.bank.rt.at + timedelta(days=5)
        one = withdrawing.hold(session, "licensor", "agency", reason="soon", starts_at=later, **who(paid))
        assert statements.escrow(session, at=paid.bank.rt.at) == []
        assert {h["reason"] for h in statements.escrow(session, at=later)} == {"deny-hold"}
        withdrawing.lift(session, one.id, reason="not needed", **who(paid))
        assert statements.escrow(session, at=later) == []
