"""Departments and API keys."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.access import secret
from bankd.access.errors import (
    DepartmentKnown,
    DepartmentNotFound,
    ExpiryPast,
    KeyAlreadyRevoked,
    KeyNotFound,
    NameMissing,
    NotAuthenticated,
    RolesMissing,
    RoleUnknown,
)
from bankd.access.models import ApiKey, Department
from bankd.access.permissions import Role
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind

HOUSE = "house"


def record_department(session: Session, name: str, *, by: Actor, at: datetime) -> Department:
    """Raises: NameMissing, DepartmentKnown."""
    name = name.strip()
    if not name:
        raise NameMissing("department")
    if session.scalar(select(Department.id).where(Department.name == name)):
        raise DepartmentKnown(name)
    department = Department(id=uuid4(), name=name, created_at=at)
    session.add(department)
    session.flush()
    log.append(session, Kind.DEPARTMENT_RECORDED, by=by, at=at, department=department.id, name=name)
    return department


def department(session: Session, name: str) -> Department:
    """Raises: DepartmentNotFound."""
    found = session.scalar(select(Department).where(Department.name == name))
    if found is None:
        raise DepartmentNotFound(name)
    return found


def department_called(session: Session, department_id: UUID | None) -> str:
    """The name by which an embargo knows who asks: a department's, or `house` for whoever is of none."""
    if department_id is None:
        return HOUSE
    return session.scalar(select(Department.name).where(Department.id == department_id)) or ""


def departments(session: Session) -> list[Department]:
    return list(session.scalars(select(Department).order_by(Department.name)))


def create_key(
    session: Session,
    name: str,
    *,
    roles: Iterable[str],
    department_id: UUID | None = None,
    expires_at: datetime | None = None,
    by: Actor,
    at: datetime,
) -> tuple[ApiKey, str]:
    """Make a key, and the text that its holder presents. The text is shown now and never again.

    Raises:
        NameMissing, RolesMissing, RoleUnknown, DepartmentNotFound, ExpiryPast.
    """
    name, wanted = name.strip(), sorted(set(roles))
    if not name:
        raise NameMissing("key")
    if not wanted:
        raise RolesMissing
    for role in wanted:
        if role not in set(Role):
            raise RoleUnknown(role, list(Role))
    if department_id is not None and session.get(Department, department_id) is None:
        raise DepartmentNotFound(department_id)
    if expires_at is not None and expires_at <= at:
        raise ExpiryPast(expires_at)

    made = secret.generate()
    key = ApiKey(
        id=uuid4(),
        name=name,
        roles=[str(role) for role in wanted],
        department_id=department_id,
        secret_hash=secret.hashed(made),
        last_four=made[-4:],
        created_at=at,
        expires_at=expires_at,
        revoked_at=None,
    )
    session.add(key)
    session.flush()
    log.append(
        session,
        Kind.KEY_CREATED,
        by=by,
        at=at,
        key=key.id,
        name=name,
        roles=key.roles,
        department=department_id,
        expires_at=expires_at,
    )
    return key, secret.written(key.id, made)


def revoke_key(session: Session, key_id: UUID, *, by: Actor, at: datetime) -> ApiKey:
    """Make a key useless from now on.

    Raises:
        KeyNotFound: no key has this id.
        KeyAlreadyRevoked: the first time stands.
    """
    key = session.get(ApiKey, key_id, with_for_update=True, populate_existing=True)
    if key is None:
        raise KeyNotFound(key_id)
    if key.revoked_at is not None:
        raise KeyAlreadyRevoked(key_id, key.revoked_at)
    key.revoked_at = at
    session.flush()
    log.append(session, Kind.KEY_REVOKED, by=by, at=at, key=key_id, name=key.name)
    return key


def keys(session: Session) -> list[ApiKey]:
    """All keys, revoked ones too, the oldest first."""
    return list(session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.id)))


def authenticate(session: Session, presented: str, *, at: datetime) -> Actor:
    """Who presents this key. Asks the database each time, so a revoked key is useless at once.

    Costs about 15 ms whether or not there is such a key.

    Raises:
        NotAuthenticated: it is malformed, unknown, wrong, revoked or expired.
    """
    read = secret.read(presented)
    key = session.get(ApiKey, read.key_id, populate_existing=True) if read else None
    matches = secret.matches(read.secret if read else "", key.secret_hash if key else None)
    if key is None or not matches:
        raise NotAuthenticated
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= at):
        raise NotAuthenticated
    return Actor("user", key.name, frozenset(key.roles), key.department_id)
