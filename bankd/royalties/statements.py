"""Statements: what a payee is owed for a period, computed once; what comes later is in the next one."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import rfc8785
from sqlalchemy import exists, func, insert, select, true
from sqlalchemy.orm import Session

from bankd import money
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog.models import Photo
from bankd.licensing.days import end_of, start_of
from bankd.licensing.models import Grant, License, Licensor
from bankd.royalties import escrow as holding
from bankd.royalties import figures, payees
from bankd.royalties.doubts import PAYEE_UNKNOWN, PHOTO_DISPUTED, Doubts
from bankd.royalties.errors import PeriodRefused, StatementNotFound
from bankd.royalties.figures import Figures, InEscrow, Part, PayeeTerms, Rate
from bankd.royalties.models import Accrual, Payee, Split, Statement, StatementLine

LINES = 5000  # inserted at once


@dataclass(frozen=True)
class Earned:
    """The part of one accrual that is a payee's, and why it is held in escrow, if it is."""

    accrual_id: int
    payee_ref: str
    license_ref: str
    trigger: str
    amount_minor: int
    currency: str
    at: datetime
    correction: bool
    held: str | None


def compute(
    session: Session, period: str, *, payee: str | None = None, by: Actor, at: datetime
) -> list[Statement]:
    """The statements of a period that is over, of one payee or of each, by ref.

    One that was computed stays as it is and is given back. A payee to whom
    nothing was owed and nothing is carried has none.

    Raises:
        PeriodRefused: it is no period, is not over yet, or a later one was stated already.
        PayeeNotFound: no payee has this ref.
        RateMissing: an amount cannot be converted into the payee's currency.
    """
    starts_on, ends_on = figures.bounds(period)
    payees.take_turns(session)
    wanted = payees.all_of(session) if payee is None else [payees.get(session, payee)]
    splits = payees.splits(session)
    known = frozenset(one.ref for one in payees.all_of(session))
    found = []
    for one in wanted:
        made = _statement(session, one, period, starts_on, ends_on, splits=splits, known=known, by=by, at=at)
        if made is not None:
            found.append(made)
    return found


def _statement(
    session: Session,
    payee: Payee,
    period: str,
    starts_on: date,
    ends_on: date,
    *,
    splits: Mapping[UUID, Sequence[Split]],
    known: frozenset[str],
    by: Actor,
    at: datetime,
) -> Statement | None:
    already = session.scalar(
        select(Statement).where(Statement.payee_ref == payee.ref, Statement.period == period)
    )
    if already is not None:
        return already
    before = session.scalar(
        select(Statement)
        .where(Statement.payee_ref == payee.ref)
        .order_by(Statement.ends_on.desc(), Statement.computed_at.desc())
        .limit(1)
    )
    if before is not None and before.ends_on >= starts_on:
        raise PeriodRefused(
            f"payee `{payee.ref}` has the statement of `{before.period}` already: what is left of `{period}`"
            " is in the next one"
        )
    terms = payees.terms(payee)
    since, until = start_of(starts_on, terms.zone), end_of(ends_on, terms.zone)
    if until > at:
        raise PeriodRefused(f"the period `{period}` is not over yet for payee `{payee.ref}` ({terms.zone})")

    log_size = log.epoch(session)  # before the first accrual is read: all that these entries say is seen
    owed: dict[str, Part] = defaultdict(Part)
    held: Counter[tuple[str, str]] = Counter()
    waiting = _waiting(before)
    before_until = None if before is None else end_of(before.ends_on, terms.zone)
    doubts = holding.doubts(session, at=at, until=until)
    by_license: Counter[tuple[str, str, str]] = Counter()
    lines = []
    for one in earned(session, payee.ref, until=until, splits=splits, known=known, doubts=doubts):
        # What an earlier statement could have stated and did not, it held.
        waited = before_until is not None and one.at < before_until
        waiting[one.currency] += InEscrow.moved(one.amount_minor, held=one.held is not None, waited=waited)
        if one.held is not None:
            held[one.held, one.currency] += one.amount_minor
            continue
        lines.append(one)
        by_license[one.license_ref, one.trigger, one.currency] += one.amount_minor
        if one.correction:
            part = Part(corrections_minor=one.amount_minor, entries=1)
        elif one.at < since:
            part = Part(earlier_minor=one.amount_minor, entries=1)
        else:
            part = Part(period_minor=one.amount_minor, entries=1)
        owed[one.currency] += part
    carried = {} if before is None or not before.carried_minor else {before.currency: before.carried_minor}
    if not lines and not held and not carried:
        return None

    rates = {
        code: payees.rate(session, code, terms.currency, on=ends_on)
        for code in sorted(owed.keys() | carried.keys())
        if code != terms.currency
    }
    into = figures.converted(owed, rates, into=terms.currency)
    brought = figures.converted(
        {code: Part(minor) for code, minor in carried.items()}, rates, into=terms.currency
    )
    settled = figures.settle(terms, gross_minor=sum(into.values()), brought_minor=sum(brought.values()))
    document = _document(
        payee, terms, period, (starts_on, ends_on), settled, owed, into, rates, held, by_license, before
    )
    document["escrow_movement"] = [
        {"currency": code, **one.as_json()}
        for code, one in sorted(waiting.items())
        if any(one.as_json().values())
    ]
    document["log_size"] = log_size
    statement = Statement(
        payee_ref=payee.ref,
        payee_id=payee.id,
        period=period,
        starts_on=starts_on,
        ends_on=ends_on,
        currency=terms.currency,
        net_minor=settled.net_minor,
        carried_minor=settled.carried_minor,
        figures=document,
        figures_sha256=hashlib.sha256(rfc8785.dumps(document)).hexdigest(),
        computed_at=at,
        computed_by=by.name,
    )
    session.add(statement)
    session.flush()
    for start in range(0, len(lines), LINES):
        session.execute(
            insert(StatementLine),
            [
                {
                    "statement_id": statement.id,
                    "accrual_id": line.accrual_id,
                    "payee_ref": line.payee_ref,
                    "amount_minor": line.amount_minor,
                    "currency": line.currency,
                }
                for line in lines[start : start + LINES]
            ],
        )
    log.append(
        session,
        Kind.STATEMENT_COMPUTED,
        by=by,
        at=at,
        statement=statement.id,
        payee=payee.id,
        ref=payee.ref,
        period=period,
        figures_sha256=statement.figures_sha256,
    )
    return statement


def earned(
    session: Session,
    ref: str,
    *,
    until: datetime | None,
    splits: Mapping[UUID, Sequence[Split]],
    known: frozenset[str],
    doubts: Doubts,
) -> Iterator[Earned]:
    """What is a payee's of all that was recorded (before a moment) and was not stated to them yet.

    An entry is split as its license was on its day: by whole weights, to the
    last minor unit. `known` are the refs of payees on record.
    """
    splitting = [
        license_id
        for license_id, some in splits.items()
        if any(ref == share for one in some for share, _ in one.shares)
    ]
    stated = exists().where(StatementLine.accrual_id == Accrual.id, StatementLine.payee_ref == ref)
    rows = session.execute(
        select(Accrual, License.id, License.ref, Licensor.id, Licensor.ref, Photo.disputed_at)
        .join(Grant, Grant.id == Accrual.grant_id)
        .join(License, License.id == Grant.license_id)
        .join(Licensor, Licensor.id == License.licensor_id)
        .outerjoin(Photo, Photo.id == Accrual.photo_id)
        .where(
            true() if until is None else Accrual.at < until,
            ~stated,
            (Licensor.ref == ref) | License.id.in_(splitting),
        )
        .order_by(Accrual.id)
        .execution_options(yield_per=LINES)
    )
    for accrual, license_id, license_ref, licensor_id, licensor_ref, disputed_at in rows:
        shares = shares_on(splits.get(license_id, ()), accrual.at, licensor_ref)
        parts = money.split(accrual.amount_minor, [weight for _, weight in shares])
        mine = [part for (payee, _), part in zip(shares, parts, strict=True) if payee == ref]
        if not mine:
            continue
        held = PHOTO_DISPUTED if disputed_at is not None else None
        held = held or doubts.reason(licensor_id, license_id, accrual.grant_id, photo=accrual.photo_id)
        yield Earned(
            accrual_id=accrual.id,
            payee_ref=ref,
            license_ref=license_ref,
            trigger=accrual.trigger,
            amount_minor=sum(mine),
            currency=accrual.currency,
            at=accrual.at,
            correction=accrual.entry > 0,
            held=held or (None if ref in known else PAYEE_UNKNOWN),
        )


def shares_on(splits: Sequence[Split], at: datetime, licensor_ref: str) -> Sequence[tuple[str, int]]:
    """Payees and weights of a license at a moment; its licensor where no split has begun."""
    day = at.astimezone(UTC).date()
    begun = [one for one in splits if one.starts_on <= day]
    return begun[-1].shares if begun else [(licensor_ref, 1)]


def escrow(session: Session, *, at: datetime) -> list[dict[str, Any]]:
    """All that is held at a moment: for whom, why, in which currency, how much."""
    splits, doubts = payees.splits(session), holding.doubts(session, at=at)
    known = frozenset(one.ref for one in payees.all_of(session))
    refs = {share for some in splits.values() for one in some for share, _ in one.shares}
    refs |= set(session.scalars(select(Licensor.ref))) | known
    held: Counter[tuple[str, str, str]] = Counter()
    for ref in sorted(refs):
        for one in earned(session, ref, until=None, splits=splits, known=known, doubts=doubts):
            if one.held is not None:
                held[ref, one.held, one.currency] += one.amount_minor
    return [
        {"payee": ref, "reason": reason, "currency": currency, "amount_minor": amount}
        for (ref, reason, currency), amount in sorted(held.items())
    ]


def _waiting(before: Statement | None) -> dict[str, InEscrow]:
    """What the statement before held, by currency."""
    brought: dict[str, InEscrow] = defaultdict(InEscrow)
    for one in [] if before is None else before.figures["escrow"]:
        brought[one["currency"]] += InEscrow(brought_minor=one["amount_minor"])
    return brought


def get(session: Session, statement_id: UUID) -> Statement:
    """Raises StatementNotFound."""
    found = session.get(Statement, statement_id)
    if found is None:
        raise StatementNotFound(statement_id)
    return found


def of(session: Session, *, payee: str | None = None, period: str | None = None) -> Sequence[Statement]:
    """Statements by payee, the newest period first."""
    wanted = select(Statement).order_by(Statement.payee_ref, Statement.ends_on.desc())
    if payee is not None:
        wanted = wanted.where(Statement.payee_ref == payee)
    if period is not None:
        wanted = wanted.where(Statement.period == period)
    return session.scalars(wanted).all()


def count_lines(session: Session, statement_id: UUID) -> int:
    wanted = select(func.count()).where(StatementLine.statement_id == statement_id)
    return session.scalar(wanted) or 0


def lines(
    session: Session, statement_id: UUID, *, corrections: bool = False, limit: int | None = None
) -> list[dict[str, Any]]:
    """Each part of an accrual that a statement lists, in the order of the accruals; of corrections alone,
    and no more than so many, where that is asked."""
    wanted = (
        select(StatementLine.amount_minor, Accrual, License.ref, Grant.ref)
        .join(Accrual, Accrual.id == StatementLine.accrual_id)
        .join(Grant, Grant.id == Accrual.grant_id)
        .join(License, License.id == Grant.license_id)
        .where(StatementLine.statement_id == statement_id)
        .order_by(Accrual.id)
        .limit(limit)
    )
    rows = session.execute(wanted.where(Accrual.entry > 0) if corrections else wanted)
    return [
        {
            "accrual": accrual.id,
            "at": accrual.at,
            "trigger": accrual.trigger,
            "grant": f"{license_ref}/{grant_ref}",
            "composite": accrual.composite_id,
            "handout": accrual.handout_id,
            "publication": accrual.publication_id,
            "photo": accrual.photo_id,
            "units": accrual.units,
            "canvas_px": accrual.canvas_px,
            "frame_px": accrual.frame_px,
            "of_minor": accrual.amount_minor,
            "amount_minor": amount_minor,
            "currency": accrual.currency,
            "reason": accrual.reason,
        }
        for amount_minor, accrual, license_ref, grant_ref in rows
    ]


def _document(
    payee: Payee,
    terms: PayeeTerms,
    period: str,
    days: tuple[date, date],
    settled: Figures,
    owed: Mapping[str, Part],
    into: Mapping[str, int],
    rates: Mapping[str, Rate],
    held: Mapping[tuple[str, str], int],
    by_license: Mapping[tuple[str, str, str], int],
    before: Statement | None,
) -> dict[str, Any]:
    """The figures as JSON, all amounts in minor units: what a statement's document is laid out from."""
    return {
        "version": 1,
        "payee": {"ref": payee.ref, "version": payee.version, **terms.as_json()},
        "period": {"name": period, "starts_on": days[0].isoformat(), "ends_on": days[1].isoformat()},
        "currency": terms.currency,
        "earned": [
            {
                "currency": code,
                "entries": part.entries,
                "period_minor": part.period_minor,
                "earlier_minor": part.earlier_minor,
                "corrections_minor": part.corrections_minor,
                "amount_minor": part.amount_minor,
                "converted_minor": into[code],
            }
            for code, part in sorted(owed.items())
        ],
        "rates": [
            {"base": code, "rate": rate.told, "on": rate.on.isoformat(), "source": rate.source}
            for code, rate in sorted(rates.items())
        ],
        "by_license": [
            {"license": license, "trigger": trigger, "currency": currency, "amount_minor": amount}
            for (license, trigger, currency), amount in sorted(by_license.items())
        ],
        "escrow": [
            {"reason": reason, "currency": currency, "amount_minor": amount}
            for (reason, currency), amount in sorted(held.items())
        ],
        "gross_minor": settled.gross_minor,
        "brought_forward_minor": settled.brought_minor,
        "brought_forward_from": None if before is None else before.period,
        "payable_minor": settled.payable_minor,
        "consumption_tax_minor": settled.consumption_tax_minor,
        "withholding_minor": settled.withholding_minor,
        "net_minor": settled.net_minor,
        "carried_forward_minor": settled.carried_minor,
    }
