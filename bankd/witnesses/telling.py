"""The clerk's part: each witness is told of the last checkpoint, on its own, again and again until it is.

What goes over the network holds neither a transaction nor the log's lock. A witness that fails is tried
later and later; the others and all other work go on.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from bankd.audit import checkpoints, notes, proofs, signing_keys
from bankd.audit.models import LogWitness, LogWitnessed
from bankd.audit.signing_keys import LogKeys
from bankd.errors import BankError
from bankd.witnesses.errors import WitnessContradicts
from bankd.witnesses.told import Told, Witness

logger = logging.getLogger(__name__)

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)
ERROR_MOST = 500  # characters

Transaction = Callable[[], AbstractContextManager[Session]]


def tell(
    transaction: Transaction,
    witnesses: Iterable[Witness],
    *,
    key: Ed25519PublicKey,
    now: Callable[[], datetime],
) -> None:
    """Tell every witness whose time has come of the last checkpoint that it was not told of.

    Args:
        key: the log's as it is held here.
    """
    for witness in witnesses:
        with transaction() as session:
            told = _due(session, transaction, witness, key, now())
        if told is None:
            continue
        try:
            lines = witness.tell(told)
        except BankError as error:
            logger.warning("%s", error)
            with transaction() as session:
                _failed(session, witness, error, at=now())
        except Exception as error:
            # One witness's fault may not keep the others from being told.
            logger.exception("witness `%s`", witness.name)
            with transaction() as session:
                _failed(session, witness, error, at=now())
        else:
            with transaction() as session:
                _told(session, witness, told.size, lines, at=now())


@dataclass(frozen=True)
class State:
    """One witness, as `bankd log witnesses` shows it."""

    name: str
    kind: str
    where: str
    size: int  # entries of the last checkpoint that it holds
    at: datetime | None
    behind: int  # entries that were signed since
    failures: int
    failing_since: datetime | None
    next_at: datetime | None
    last_error: str | None
    contradicts: bool


def states(session: Session, witnesses: Iterable[Witness]) -> list[State]:
    """How it stands with each of them."""
    last = checkpoints.latest(session)
    found = []
    for witness in witnesses:
        held = session.execute(
            select(LogWitnessed.size, LogWitnessed.at)
            .where(LogWitnessed.witness == witness.name)
            .order_by(LogWitnessed.size.desc())
            .limit(1)
        ).one_or_none()
        tried = session.get(LogWitness, witness.name)
        size = held.size if held else 0
        found.append(
            State(
                witness.name,
                witness.kind,
                witness.where,
                size,
                held.at if held else None,
                (last.size if last else 0) - size,
                tried.failures if tried else 0,
                tried.failing_since if tried else None,
                tried.next_at if tried else None,
                tried.last_error if tried else None,
                tried.contradicts if tried else False,
            )
        )
    return found


def _due(
    session: Session, transaction: Transaction, witness: Witness, key: Ed25519PublicKey, at: datetime
) -> Told | None:
    tried = session.get(LogWitness, witness.name)
    if tried is not None and at < tried.next_at:
        return None
    last = checkpoints.latest(session)
    known = _known(session, witness.name)
    # One that contradicted is asked again: it may have been mended, or the log was.
    if last is None or (last.size <= known and (tried is None or not tried.contradicts)):
        return None

    def prove(size: int) -> list[bytes]:
        with transaction() as fresh:
            return proofs.extension(fresh, size, last)

    def check(note: str) -> int:
        head = notes.head(notes.split(note).text)
        with transaction() as fresh:
            keys = LogKeys(key, signing_keys.rotated(fresh, "log"))
            notes.read(note, keys.signing(head.size)[-1])
            proofs.prove_extends(fresh, head.size, head.root, last)
        return head.size

    return Told(last.origin, last.size, last.root, last.note, last.at, at, known, prove, check)


def _known(session: Session, name: str) -> int:
    return session.scalar(select(func.max(LogWitnessed.size)).where(LogWitnessed.witness == name)) or 0


def _told(session: Session, witness: Witness, size: int, lines: str, *, at: datetime) -> None:
    values = {"size": size, "witness": witness.name, "at": at, "lines": lines}
    session.execute(insert(LogWitnessed).values(values).on_conflict_do_nothing())
    _state(session, witness, at, next_at=at + witness.every)


def _failed(session: Session, witness: Witness, error: Exception, *, at: datetime) -> None:
    tried = session.get(LogWitness, witness.name)
    failures = 1 + (tried.failures if tried else 0)
    wait = min(FIRST_WAIT * 2 ** min(failures - 1, 10), LONGEST_WAIT)
    said = str(error) if isinstance(error, BankError) else f"a fault of ours ({type(error).__name__})"
    _state(
        session,
        witness,
        at,
        next_at=at + wait,
        failures=failures,
        failing_since=(tried.failing_since if tried else None) or at,
        last_error=said[:ERROR_MOST],
        contradicts=isinstance(error, WitnessContradicts),
    )


def _state(session: Session, witness: Witness, at: datetime, **facts: object) -> None:
    values = {
        "tried_at": at,
        "failures": 0,
        "failing_since": None,
        "last_error": None,
        "contradicts": False,
        **facts,
    }
    session.execute(
        insert(LogWitness)
        .values(witness=witness.name, **values)
        .on_conflict_do_update(index_elements=["witness"], set_=values)
    )
