"""Which bundle is in force, and which were. What lies on disk decides nothing until it is activated."""

from datetime import datetime
from functools import lru_cache

from sqlalchemy import func, select
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
    digest = active_digest(session)
    if digest is None:
        raise NoActiveBundle
    return stored(session, digest)


def stored(session: Session, digest: str) -> Bundle:
    """A bundle that is or was in force, to make a past decision again.

    Raises:
        BundleNotFound: no bundle with this digest was ever activated.
        BundleAltered: what is stored has another digest.
    """
    texts = session.scalar(select(PolicyBundle.texts).where(PolicyBundle.digest == digest))
    if texts is None:
        raise BundleNotFound(digest)
    bundle = _parsed(tuple((name, text) for name, text in texts))
    if bundle.digest != digest:
        raise BundleAltered(digest)
    return bundle


def active_digest(session: Session) -> str | None:
    return session.scalar(select(PolicyActivation.digest).order_by(PolicyActivation.id.desc()).limit(1))


@lru_cache(maxsize=4)
def _parsed(texts: tuple[tuple[str, str], ...]) -> Bundle:
    """Parsing takes as long as hundreds of decisions; the handles stay with the bundle."""
    return Bundle.of(texts)
