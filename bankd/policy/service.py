"""Which bundle is in force, and which were. What lies on disk decides nothing until it is activated."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, cast, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.policy import compile
from bankd.policy.errors import BundleAltered, BundleNotFound, InvalidBundle, NoActiveBundle
from bankd.policy.load import Bundle
from bankd.policy.models import PolicyActivation, PolicyBundle

LOCK = 0x62616E6B_706F6C  # "bankpol": activations come one after the other
MOST_PARSED = 4
_parsed: dict[tuple[str, bytes], Bundle] = {}  # by digest, and by the hash of what is stored at it


def activate(session: Session, bundle: Bundle, *, by: Actor, at: datetime) -> bool:
    """Put a bundle in force from `at` on, and keep its texts. False if it is in force already.

    Raises:
        InvalidBundle: a policy has no SQL, so ranking could not be held to it.
    """
    found = compile.problems(bundle)
    if found:
        raise InvalidBundle(found)
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    before = active_digest(session)
    if before == bundle.digest:
        return False
    session.execute(
        insert(PolicyBundle)
        .values(digest=bundle.digest, texts=[[*pair] for pair in bundle.texts], recorded_at=at)
        .on_conflict_do_nothing()
    )
    session.add(PolicyActivation(digest=bundle.digest, activated_at=at, activated_by=by.name))
    session.flush()
    log.append(session, Kind.BUNDLE_ACTIVATED, by=by, at=at, bundle=bundle.digest, before=before)
    return True


def active(session: Session) -> Bundle:
    """The bundle in force.

    Raises:
        NoActiveBundle: none was ever activated.
        BundleAltered: what is stored is not what was activated.
    """
    found = _stored(session, _LAST.scalar_subquery())
    if found is None:
        raise NoActiveBundle
    return found


def active_beside(session: Session, *more: ColumnElement[Any], values: Mapping[str, Any]) -> tuple[Any, ...]:
    """The bundle in force, and whatever else the same statement reads: each question is a wait.

    Args:
        values: to execute it with.

    Raises:
        NoActiveBundle, BundleAltered: as above.
    """
    found = session.execute(_with_active(more), values).one_or_none()
    if found is None:
        raise NoActiveBundle
    return _parsed_as(session, found[0], bytes(found[1])), *found[2:]


@lru_cache(maxsize=8)
def _with_active(more: tuple[ColumnElement[Any], ...]) -> Select[Any]:
    return select(PolicyBundle.digest, _STORED_AS, *more).where(
        PolicyBundle.digest == _LAST.scalar_subquery()
    )


def stored(session: Session, digest: str) -> Bundle:
    """A bundle that is or was in force, to make a past decision again.

    Raises:
        BundleNotFound: no bundle with this digest was ever activated.
        BundleAltered: what is stored has another digest.
    """
    found = _stored(session, digest)
    if found is None:
        raise BundleNotFound(digest)
    return found


def _stored(session: Session, digest: Any) -> Bundle | None:
    """Parsing takes as long as hundreds of decisions, and the texts are long: while they are stored as they
    were read, they are not read again."""
    found = session.execute(
        select(PolicyBundle.digest, _STORED_AS).where(PolicyBundle.digest == digest)
    ).one_or_none()
    return None if found is None else _parsed_as(session, found[0], bytes(found[1]))


_LAST = select(PolicyActivation.digest).order_by(PolicyActivation.id.desc()).limit(1)
_STORED_AS = func.sha256(func.convert_to(cast(PolicyBundle.texts, Text), "UTF8"))


def _parsed_as(session: Session, digest: str, stored_as: bytes) -> Bundle:
    known = (digest, stored_as)
    bundle = _parsed.get(known)
    if bundle is None:
        texts = session.scalars(select(PolicyBundle.texts).where(PolicyBundle.digest == digest)).one()
        bundle = Bundle.of((name, text) for name, text in texts)
        if bundle.digest != digest:
            raise BundleAltered(digest)
        if len(_parsed) >= MOST_PARSED:
            _parsed.clear()
        _parsed[known] = bundle
    return bundle


def active_digest(session: Session) -> str | None:
    return session.scalar(select(PolicyActivation.digest).order_by(PolicyActivation.id.desc()).limit(1))
