"""What uses owed is stated once, to the right payees, to the last minor unit."""

import threading
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from bankd.audit import log
from bankd.catalog import service as catalog
from bankd.money import MoneyError
from bankd.royalties import accrual, payees, statements
from bankd.royalties.accrual import Subject
from bankd.royalties.errors import (
    AccrualNotFound,
    PayeeNotFound,
    PayeeRefused,
    PeriodRefused,
    RateKnown,
    RateMissing,
    RoyaltiesError,
    SplitTooLate,
)
from bankd.royalties.figures import PayeeTerms
from bankd.royalties.models import Accrual, Statement, StatementLine
from bankd.usage import publications

FEES = [
    {"trigger": "seal", "basis": "canvas", "amount_minor": 10_000},
    {"trigger": "publication", "amount_minor": 1001},
    {"trigger": "publication", "basis": "once", "amount_minor": 5000},
]


def total(session: Any, **where: Any) -> int:
    wanted = [getattr(Accrual, name) == value for name, value in where.items()]
    return int(session.scalar(select(func.coalesce(func.sum(Accrual.amount_minor), 0)).where(*wanted)))


def a_payee(**said: Any) -> PayeeTerms:
    return PayeeTerms.model_validate({"name": "Someone", "country": "JP", "currency": "JPY", **said})


def at_month(desk: Any, month: int, day: int = 1) -> None:
    desk.bank.rt.at = datetime(2026, month, day, 12, tzinfo=UTC)


def test_each_part_is_stated_once_held_while_it_must_be_and_corrected_by_the_next(desk: Any) -> None:
    desk = desk(fees=FEES, currency="JPY")
    rt = desk.bank.rt
    composite = desk.composite()
    handout = desk.handout(composite.id)
    for place in ("one", "two"):
        desk.publish(handout.id, place=place)
    with rt.transaction() as session:
        earned = total(session)
        assert total(session, trigger="publication") == 2 * 1001 + 5000
        assert session.scalar(select(func.count()).where(Accrual.photo_id.is_(None))) == 1
        held = statements.escrow(session, at=rt.now())
        assert held == [
            {"payee": "agency", "reason": "payee-unknown", "currency": "JPY", "amount_minor": earned}
        ]
        with pytest.raises(PayeeNotFound, match="no payee has the ref `agency`"):
            statements.compute(session, "2026-06", payee="agency", **desk.who)
        # An author who is not on record yet, and two who are.
        payees.split(
            session, "L-agency", [("author", 3), ("agency", 2), ("heir", 2)],
            starts_on=date(2026, 1, 1), **desk.who,
        )  # fmt: skip
        taxed = a_payee(registration_number="T1234567890123", consumption_tax_bp=1000, withholding_bp=1021)
        for ref, terms in (("agency", taxed), ("heir", a_payee(least_payout_minor=10**6))):
            payees.record(session, ref, terms, **desk.who)
        with pytest.raises(PeriodRefused, match="`2026-06` is not over yet for payee `agency`"):
            statements.compute(session, "2026-06", **desk.who)

    at_month(desk, 7)
    with rt.transaction() as session:
        agency, heir = statements.compute(session, "2026-06", **desk.who)
        again = statements.compute(session, "2026-06", payee="agency", **desk.who)
        assert [one.id for one in again] == [agency.id]
        (escrowed,) = statements.escrow(session, at=rt.now())
        lines = session.scalars(select(StatementLine)).all()
        assert sum(line.amount_minor for line in lines) + escrowed["amount_minor"] == earned
        assert (escrowed["payee"], escrowed["reason"]) == ("author", "payee-unknown")
        figures = agency.figures
        gross = sum(line.amount_minor for line in lines if line.payee_ref == "agency")
        assert figures["gross_minor"] == figures["payable_minor"] == gross
        assert figures["consumption_tax_minor"] == gross // 10
        assert figures["withholding_minor"] == gross * 1021 // 10_000
        assert agency.net_minor == gross + gross // 10 - gross * 1021 // 10_000
        assert figures["payee"]["registration_number"] == "T1234567890123"
        assert {one["trigger"] for one in figures["by_license"]} == {"seal", "publication"}
        assert (heir.net_minor, heir.carried_minor) == (0, heir.figures["gross_minor"])
        assert sum(line["amount_minor"] for line in statements.lines(session, agency.id)) == gross
        with pytest.raises(SplitTooLate, match="begin the split on a later day"):
            payees.split(session, "L-agency", [("heir", 1)], starts_on=date(2026, 6, 1), **desk.who)

    # A correction, and one photo whose rights somebody disputes.
    with rt.transaction() as session:
        assert [entry.kind for entry in log.read(session)].count("statement.computed") == 2
        wrong = session.scalars(
            select(Accrual).where(Accrual.trigger == "publication", Accrual.fee == 1).order_by(Accrual.id)
        ).first()
        entry = accrual.correct(session, wrong.id, amount_minor=70, reason="half page", **desk.who)
        assert entry.amount_minor == 70 - wrong.amount_minor
        assert accrual.correct(session, entry.id, amount_minor=70, reason="again", **desk.who) is None
        for figure in (0, 5, 10**9, 10**9 - 1, wrong.amount_minor, 70):
            accrual.correct(session, entry.id, amount_minor=figure, reason="looked at again", **desk.who)
            assert total(session, subject_id=wrong.subject_id, fee=1, photo_id=wrong.photo_id) == figure
        other = session.scalar(select(Accrual.photo_id).where(Accrual.photo_id != wrong.photo_id))
        for bad, error, sentence in (
            ({"accrual_id": 10**9, "amount_minor": 1, "reason": "x"}, AccrualNotFound, "no accrual"),
            ({"accrual_id": wrong.id, "amount_minor": -1, "reason": "x"}, RoyaltiesError, "below zero"),
            ({"accrual_id": wrong.id, "amount_minor": 1, "reason": " "}, RoyaltiesError, "needs its reason"),
        ):
            with pytest.raises(error, match=sentence):
                accrual.correct(session, **bad, **desk.who)
    desk.publish(handout.id, place="three")
    if other is not None:
        with rt.transaction() as session:
            catalog.dispute(session, other, reason="a claim", **desk.who)

    at_month(desk, 8)
    with rt.transaction() as session:
        payees.record(session, "author", a_payee(), **desk.who)
        agency, author, heir = statements.compute(session, "2026-07", **desk.who)
        assert agency.figures["earned"][0]["corrections_minor"] < 0
        assert author.figures["earned"][0]["earlier_minor"] > 0
        assert heir.figures["brought_forward_minor"] > 0 and heir.figures["brought_forward_from"] == "2026-06"
        assert heir.carried_minor == heir.figures["brought_forward_minor"] + heir.figures["gross_minor"]
        stated = session.scalar(select(func.sum(StatementLine.amount_minor)))
        held = {one["reason"]: 0 for one in statements.escrow(session, at=rt.now())}
        for one in statements.escrow(session, at=rt.now()):
            held[one["reason"]] += one["amount_minor"]
        assert set(held) <= {"photo-disputed"}
        assert stated + sum(held.values()) == total(session)
        with pytest.raises(PeriodRefused, match="has the statement of `2026-07` already"):
            statements.compute(
                session, "2026-Q3", payee="agency", at=datetime(2027, 1, 1, tzinfo=UTC), by=rt.actor
            )

    if other is not None:
        with rt.transaction() as session:
            catalog.lift_dispute(session, other, reason="settled", **desk.who)
    at_month(desk, 9)
    with rt.transaction() as session:
        statements.compute(session, "2026-08", **desk.who)
        assert statements.escrow(session, at=rt.now()) == []
        assert session.scalar(select(func.sum(StatementLine.amount_minor))) == total(session)
        assert session.scalar(select(func.count()).select_from(Statement)) >= 5


def test_recording_a_use_again_owes_nothing_more_and_what_is_owed_once_is_owed_once(desk: Any) -> None:
    desk = desk(fees=FEES, currency="JPY")
    rt = desk.bank.rt
    composite = desk.composite()
    with rt.transaction() as session:
        fed = accrual.fed_by(session, composite)
        terms = accrual.terms_of(session, list(fed))
        before = total(session)
        again = accrual.accrue(
            session, Subject(composite.id), {"seal": 1}, fed=fed, terms=terms, before={}, **desk.who
        )
        assert (again, total(session)) == ({}, before)
    handout = desk.handout(composite.id)
    failed: list[BaseException] = []

    def publish(number: int) -> None:
        try:
            desk.publish(handout.id, place=f"place {number}")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert not failed
    with rt.transaction() as session:
        assert total(session, fee=2) == 5000
        assert total(session, fee=1) == 4 * 1001


def test_what_is_owed_once_is_owed_no_more_when_nothing_that_was_published_owes_it(desk: Any) -> None:
    fee = {"trigger": "copies", "basis": "once", "amount_minor": 5000}
    desk = desk(fees=[fee], currency="JPY")
    rt = desk.bank.rt
    handout = desk.handout(desk.composite(channels=["web"], copies=10).id)
    desk.publish(handout.id, ref="P", copies=10)

    def replaced(ref: str, **facts: Any) -> int:
        with rt.transaction() as session:
            publications.replace(
                session, ref, desk.published(**facts), ref=f"{ref}+", reason="miscounted", **desk.who
            )
            return total(session)

    with rt.transaction() as session:
        assert total(session) == 5000
    assert replaced("P", copies=8) == 5000  # it is the first one still
    assert replaced("P+", copies=0) == 0
    desk.publish(handout.id, ref="Q", copies=0, place="elsewhere")
    with rt.transaction() as session:
        assert total(session) == 0
    desk.publish(handout.id, ref="R", copies=3, place="in print after all")
    desk.publish(handout.id, ref="S", copies=2, place="and once more")
    with rt.transaction() as session:
        assert total(session) == 5000
        reasons = session.scalars(select(Accrual.reason).order_by(Accrual.entry)).all()
    assert reasons == [None, "miscounted", "publication R"]


def test_money_of_other_currencies_needs_a_rate_with_its_source(desk: Any) -> None:
    desk = desk(fees=[{"trigger": "seal", "amount_minor": 333}], currency="USD")
    rt = desk.bank.rt
    desk.composite()
    at_month(desk, 7)
    told = {"on": date(2026, 6, 29), "source": "central bank"}
    with rt.transaction() as session:
        payees.record(session, "agency", a_payee(), **desk.who)
        with pytest.raises(RateMissing, match="no rate from `USD` to `JPY` is recorded for `2026-06-30`"):
            statements.compute(session, "2026-06", **desk.who)
    with rt.transaction() as session:
        for base, quote, rate, error, sentence in (
            ("USD", "USD", "1", PayeeRefused, "needs no rate to itself"),
            ("USD", "JPX", "1", MoneyError, "unknown currency `JPX`"),
            ("USD", "JPY", "-3", MoneyError, "must be above zero"),
        ):
            with pytest.raises(error, match=sentence):
                payees.record_rate(session, base, quote, rate, **told, **desk.who)
        payees.record_rate(session, "USD", "JPY", "151.25", **told, **desk.who)
        with pytest.raises(RateKnown, match=r"is recorded already, as `151\.25`"):
            payees.record_rate(session, "USD", "JPY", "152", **told, **desk.who)
        (made,) = statements.compute(session, "2026-06", **desk.who)

    assert made.net_minor == 504  # 3.33 USD are 503.66 JPY
    assert made.figures["rates"] == [
        {"base": "USD", "rate": "151.25", "on": "2026-06-29", "source": "central bank"}
    ]
    for shares, sentence in (
        ([], "needs a payee"),
        ([("a", 1), ("a", 2)], "twice"),
        ([("a", 0)], "above zero"),
    ):
        with rt.transaction() as session, pytest.raises(PayeeRefused, match=sentence):
            payees.split(session, "L-agency", shares, starts_on=date(2027, 1, 1), **desk.who)
