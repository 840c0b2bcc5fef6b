from datetime import timedelta
from uuid import uuid4

import pytest
from argon2 import PasswordHasher, extract_parameters
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from bankd.access import secret, service
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
from bankd.audit import log
from bankd.audit.actor import Actor

SECOND = timedelta(seconds=1)


@pytest.fixture
def a_key(session, BY, NOON):
    def a_key(**facts):
        facts = {"roles": ["creative"], **facts}
        return service.create_key(session, "studio", by=BY.operator, at=NOON, **facts)

    return a_key


def test_a_key_lets_its_holder_act_in_its_roles_for_its_department(session, a_key, BY, NOON):
    department = service.record_department(session, "Marketing", by=BY.operator, at=NOON)
    _, presented = a_key(roles=["creative", "auditor", "creative"], department_id=department.id)

    actor = service.authenticate(session, presented, at=NOON)

    assert actor == Actor("user", "studio", frozenset({"creative", "auditor"}), department.id)


def test_a_key_is_kept_as_a_hash_and_shown_by_its_last_four(session, a_key):
    key, presented = a_key()
    prefix, _, kept_secret = presented[:38], presented[38], presented[39:]

    assert prefix == f"bankd_{key.id.hex}"
    assert key.last_four == kept_secret[-4:]
    row = session.execute(text("SELECT * FROM api_keys")).one()
    assert kept_secret not in str(row)
    assert row.secret_hash.startswith("$argon2id$")
    assert kept_secret not in repr(secret.read(presented))


def test_two_keys_have_two_secrets(a_key):
    assert a_key()[1] != a_key()[1]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: "",
        lambda good: "bankd",
        lambda good: good[:-1],
        lambda good: good + "A",
        lambda good: good + "\n",
        lambda good: good[:-1] + ("A" if good[-1] != "A" else "B"),
        lambda good: good.upper(),
        lambda good: "é" * len(good),
        lambda good: f"bankd_{uuid4().hex}_{good[39:]}",
        lambda good: f"bankd_{good[6:38]}_{secret.generate()}",
        lambda good: good.replace("bankd_", "other_"),
        lambda good: good + "\x00",
    ],
)
def test_anything_but_the_key_is_refused_in_the_same_words(session, a_key, NOON, spoil):
    _, good = a_key()
    with pytest.raises(NotAuthenticated) as refused:
        service.authenticate(session, spoil(good), at=NOON)
    assert str(refused.value) == "the API key is not valid: ask the operator for a new one"


def test_an_unknown_id_takes_as_long_as_a_wrong_secret(session, a_key, NOON, monkeypatch):
    key, _ = a_key()
    verify = PasswordHasher.verify
    done = []

    def counted(hasher, hash, presented):
        done.append(extract_parameters(hash))
        return verify(hasher, hash, presented)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    for key_id in (key.id, uuid4()):
        with pytest.raises(NotAuthenticated):
            service.authenticate(session, secret.written(key_id, secret.generate()), at=NOON)

    wrong, unknown = done  # one hash each, as dear as the other
    assert wrong == unknown
    assert (unknown.time_cost, unknown.memory_cost, unknown.hash_len) == (2, 19 * 1024, 32)


def test_a_key_ends_at_its_expiry(session, a_key, NOON):
    _, presented = a_key(expires_at=NOON + SECOND)

    assert service.authenticate(session, presented, at=NOON).name == "studio"
    with pytest.raises(NotAuthenticated):
        service.authenticate(session, presented, at=NOON + SECOND)


def test_a_revoked_key_is_useless_at_once_also_to_a_session_that_knew_it(database, BY, NOON):
    with database.sessions.begin() as session:
        key, presented = service.create_key(session, "studio", roles=["creative"], by=BY.operator, at=NOON)
    with database.sessions.begin() as session:
        service.authenticate(session, presented, at=NOON)
        with database.sessions.begin() as other:
            service.revoke_key(other, key.id, by=BY.operator, at=NOON)
        with pytest.raises(NotAuthenticated):
            service.authenticate(session, presented, at=NOON)


def test_the_first_revocation_stands(session, a_key, BY, NOON):
    key, _ = a_key()
    service.revoke_key(session, key.id, by=BY.operator, at=NOON)

    with pytest.raises(KeyAlreadyRevoked) as refused:
        service.revoke_key(session, key.id, by=BY.operator, at=NOON + SECOND)
    assert refused.value.revoked_at == NOON


def test_a_key_that_does_not_exist_cannot_be_revoked(session, BY, NOON):
    with pytest.raises(KeyNotFound):
        service.revoke_key(session, uuid4(), by=BY.operator, at=NOON)


def test_making_and_revoking_are_in_the_log_without_the_secret(session, a_key, flush_log, BY, NOON):
    key, presented = a_key(expires_at=NOON + SECOND)
    service.revoke_key(session, key.id, by=BY.operator, at=NOON)
    flush_log(session)

    created, revoked = (entry.payload for entry in log.read(session))
    assert (created["kind"], revoked["kind"]) == ("key.created", "key.revoked")
    assert created["by"]["name"] == "test operator"
    assert created["objects"] == {
        "key": str(key.id),
        "name": "studio",
        "roles": ["creative"],
        "department": None,
        "expires_at": "2026-06-01T12:00:01.000000Z",
    }
    assert revoked["objects"] == {"key": str(key.id), "name": "studio"}
    assert presented[39:] not in str(created)


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"roles": []}, RolesMissing),
        ({"roles": ["admin"]}, RoleUnknown),
        ({"department_id": uuid4()}, DepartmentNotFound),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(session, a_key, flush_log, facts, error):
    with pytest.raises(error):
        a_key(**facts)
    assert service.keys(session) == []
    assert flush_log(session) == 0


def test_a_key_cannot_have_expired_before_it_is_made(a_key, NOON):
    with pytest.raises(ExpiryPast):
        a_key(expires_at=NOON)


def test_a_key_and_a_department_need_names(session, BY, NOON):
    with pytest.raises(NameMissing):
        service.create_key(session, " ", roles=["creative"], by=BY.operator, at=NOON)
    with pytest.raises(NameMissing):
        service.record_department(session, "", by=BY.operator, at=NOON)


def test_a_department_is_recorded_once(session, flush_log, BY, NOON):
    made = service.record_department(session, " Marketing ", by=BY.operator, at=NOON)
    with pytest.raises(DepartmentKnown):
        service.record_department(session, "Marketing", by=BY.operator, at=NOON)
    with pytest.raises(DepartmentNotFound):
        service.department(session, "Sales")

    assert service.department(session, "Marketing") is made
    assert [found.name for found in service.departments(session)] == ["Marketing"]
    assert flush_log(session) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_keys SET roles = '{operator}'",
        "UPDATE api_keys SET secret_hash = ''",
        "UPDATE api_keys SET expires_at = NULL",
        "DELETE FROM api_keys",
        "UPDATE departments SET name = 'x'",
        "DELETE FROM departments",
    ],
)
def test_the_application_cannot_rewrite_a_key(session, statement):
    with pytest.raises(ProgrammingError, match="permission denied"):
        session.execute(text(statement))
