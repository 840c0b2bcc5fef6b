"""Who is paid: payees, how a license's fees are split among them, and exchange rates."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bankd import money
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.licensing.errors import LicenseNotFound
from bankd.licensing.models import Grant, License
from bankd.licensing.terms import MAX_COUNT
from bankd.royalties.errors import PayeeNotFound, PayeeRefused, RateKnown, RateMissing, SplitTooLate
from bankd.royalties.figures import PayeeTerms, Rate
from bankd.royalties.models import Accrual, ExchangeRate, Payee, Split, StatementLine

STATING = 0x62616E6B_73746174  # advisory lock: what is stated and how it is split take turns


def record(session: Session, ref: str, terms: PayeeTerms, *, by: Actor, at: datetime) -> Payee:
    """Record a payee, or a new version of one; the same facts again change nothing."""
    take_turns(session)
    known = find(session, ref)
    facts = terms.as_json()
    if known is not None and all(getattr(known, name) == value for name, value in facts.items()):
        return known
    payee = Payee(
        ref=ref,
        version=1 if known is None else known.version + 1,
        **facts,
        recorded_at=at,
        recorded_by=by.name,
    )
    session.add(payee)
    session.flush()
    log.append(
        session, Kind.PAYEE_RECORDED, by=by, at=at, payee=payee.id, ref=ref, version=payee.version, **facts
    )
    return payee


def find(session: Session, ref: str) -> Payee | None:
    """The payee as last recorded."""
    return session.scalar(select(Payee).where(Payee.ref == ref).order_by(Payee.version.desc()).limit(1))


def get(session: Session, ref: str) -> Payee:
    """Raises PayeeNotFound."""
    found = find(session, ref)
    if found is None:
        raise PayeeNotFound(ref)
    return found


def terms(payee: Payee) -> PayeeTerms:
    return PayeeTerms.model_validate({name: getattr(payee, name) for name in PayeeTerms.model_fields})


def all_of(session: Session) -> Sequence[Payee]:
    """Every payee as last recorded, by ref."""
    last = select(Payee.ref, func.max(Payee.version).label("version")).group_by(Payee.ref).subquery()
    return session.scalars(
        select(Payee)
        .join(last, (Payee.ref == last.c.ref) & (Payee.version == last.c.version))
        .order_by(Payee.ref)
    ).all()


def split(
    session: Session,
    license: str,
    shares: Sequence[tuple[str, int]],
    *,
    starts_on: date,
    by: Actor,
    at: datetime,
) -> Split:
    """Split what a license earns from a day on among payees, by whole weights.

    A payee may be recorded later; until then the part is held in escrow.

    Raises:
        LicenseNotFound: no license has this ref.
        PayeeRefused: no shares, a payee twice, a weight that is not above zero.
        SplitTooLate: something of that time was stated already.
    """
    refs = [ref for ref, _ in shares]
    if not shares:
        raise PayeeRefused("a split needs a payee")
    if twice := next((ref for ref in refs if refs.count(ref) > 1), None):
        raise PayeeRefused(f"payee `{twice}` stands in the split twice")
    for ref, weight in shares:
        if not 0 < weight <= MAX_COUNT:
            raise PayeeRefused(f"the weight `{weight}` of payee `{ref}` is not above zero")
    take_turns(session)
    license_id = session.scalar(select(License.id).where(License.ref == license))
    if license_id is None:
        raise LicenseNotFound(license)
    stated = session.scalar(
        select(func.max(Accrual.at))
        .join(Grant, Grant.id == Accrual.grant_id)
        .join(StatementLine, StatementLine.accrual_id == Accrual.id)
        .where(Grant.license_id == license_id)
    )
    if stated is not None and (last := stated.astimezone(UTC).date()) >= starts_on:
        raise SplitTooLate(license, last)
    found = Split(
        license_id=license_id,
        starts_on=starts_on,
        shares=[[ref, weight] for ref, weight in shares],
        recorded_at=at,
        recorded_by=by.name,
    )
    session.add(found)
    session.flush()
    log.append(
        session,
        Kind.SPLIT_RECORDED,
        by=by,
        at=at,
        split=found.id,
        license=license_id,
        starts_on=starts_on,
        shares=found.shares,
    )
    return found


def record_rate(
    session: Session, base: str, quote: str, rate: str, *, on: date, source: str, by: Actor, at: datetime
) -> ExchangeRate:
    """Record what one major unit of `base` was worth in `quote` on a day, by whose word.

    Raises:
        CurrencyUnknown, MoneyError: a code or the number is none.
        PayeeRefused: the same currency twice, or no source.
        RateKnown: the day has another rate; what was computed with it stands.
    """
    money.known(base), money.known(quote), money.rate(rate)
    if base == quote:
        raise PayeeRefused(f"`{base}` needs no rate to itself")
    if not source.strip():
        raise PayeeRefused("a rate needs its source")
    take_turns(session)
    known = session.get(ExchangeRate, (base, quote, on))
    if known is not None:
        if (known.rate, known.source) != (rate, source):
            raise RateKnown(base, quote, on, known.rate)
        return known
    found = ExchangeRate(
        base=base, quote=quote, on=on, rate=rate, source=source, recorded_at=at, recorded_by=by.name
    )
    session.add(found)
    session.flush()
    log.append(
        session, Kind.RATE_RECORDED, by=by, at=at, base=base, quote=quote, on=on, rate=rate, source=source
    )
    return found


def rate(session: Session, base: str, quote: str, *, on: date) -> Rate:
    """The last rate recorded for the day or one before, told this way round or, on the same days, the other.

    Raises:
        RateMissing: there is none.
    """
    pair = ExchangeRate.base.in_((base, quote)) & ExchangeRate.quote.in_((base, quote))
    found = session.scalar(
        select(ExchangeRate)
        .where(pair, ExchangeRate.on <= on)
        .order_by(ExchangeRate.on.desc(), (ExchangeRate.base == base).desc())
        .limit(1)
    )
    if found is None:
        raise RateMissing(base, quote, on)
    exact = money.rate(found.rate)
    if found.base == base:
        return Rate(exact, found.rate, found.on, found.source)
    return Rate(Fraction(1) / exact, f"1 / {found.rate}", found.on, found.source)


def take_turns(session: Session) -> None:
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": STATING})


def splits(session: Session) -> dict[UUID, list[Split]]:
    """Of each license that has any, in the order in which they count."""
    found: dict[UUID, list[Split]] = {}
    for one in session.scalars(select(Split).order_by(Split.license_id, Split.starts_on, Split.recorded_at)):
        found.setdefault(one.license_id, []).append(one)
    return found
