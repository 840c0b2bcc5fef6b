"""What holds for every route: keys, roles, problems, bounds, documentation."""

import re
import subprocess
import sys
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.access.models import ApiKey
from bankd.access.permissions import ALLOWED, Permission, Role
from bankd.access.secret import generate, hashed, written
from bankd.api import app, gate
from bankd.audit.actor import Actor
from bankd.config import Settings
from bankd.runtime import Runtime

PROBLEM = "application/problem+json"


def routes(bank: Any) -> list[tuple[str, str, dict[str, Any]]]:
    schema = bank.call("auditor", "GET", "/openapi.json").json()
    found = [
        (method.upper(), re.sub(r"\{.*?\}", str(uuid4()), path), operation)
        for path, operations in schema["paths"].items()
        for method, operation in operations.items()
    ]
    assert len(found) >= 17
    return found


def problem(response: Any, status: int, slug: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    found = response.json()
    assert (found["status"], found["type"]) == (status, f"urn:bankd:problem:{slug}")
    assert found["title"] and not found["detail"].endswith(".")
    return found


def test_nothing_but_health_is_answered_without_a_key(bank: Any) -> None:
    anonymous = []
    for method, path, _ in routes(bank):
        response = bank.call(None, method, path)
        if response.status_code == 401:
            assert response.headers["www-authenticate"].startswith("Bearer")
            problem(response, 401, "key-missing")
        else:
            anonymous.append((method, path))
    assert anonymous == [("GET", "/health")]
    for path in ("/openapi.json", "/docs", "/redoc", "/nowhere", "/", "/health/", "//health"):
        assert bank.call(None, "GET", path).status_code == 401


def test_role_that_may_not_is_refused_by_every_route(bank: Any) -> None:
    """A role that the table does not know may nothing, also where every known role may."""
    with bank.runtime.transaction() as session:
        bank.keys["nobody"] = a_key(session, bank, roles=["nobody"])
    for method, path, operation in routes(bank):
        if path == "/health":
            continue
        permission = Permission(operation["x-permission"])
        refused = [role for role in Role if permission not in ALLOWED[role]]
        for role in ("nobody", *refused[:1]):
            found = problem(bank.call(role, method, path), 403, "not-permitted")
            assert permission in found["detail"]
        role = next(role for role in Role if role not in refused)
        assert bank.call(role, method, path).status_code not in (401, 403, 500), (role, method, path)


def test_key_is_useless_once_revoked_or_expired_or_wrong(bank: Any, NOON: Any) -> None:
    assert bank.call("auditor", "GET", "/requests").status_code == 200
    with bank.runtime.transaction() as session:
        key = next(key for key in access.keys(session) if key.name == "auditor")
        access.revoke_key(session, key.id, by=Actor.system("tests"), at=NOON)
        bank.keys["expired"] = a_key(session, bank, roles=["auditor"], expires_at=NOON + timedelta(hours=1))
    problem(bank.call("auditor", "GET", "/requests"), 401, "not-authenticated")
    assert bank.call("expired", "GET", "/requests").status_code == 200
    bank.runtime.moment = NOON + timedelta(hours=1)
    problem(bank.call("expired", "GET", "/requests"), 401, "not-authenticated")
    for header in ("Bearer", "Basic abc", "Bearer bankd_x_y", "Bearer \xff"):
        response = bank.call(None, "GET", "/requests", headers={"Authorization": header.encode("latin-1")})
        assert response.status_code == 401


def test_every_route_is_documented_with_its_problems(bank: Any) -> None:
    schema = bank.call("operator", "GET", "/openapi.json").json()
    assert "HTTPValidationError" not in str(schema) and "Problem" in schema["components"]["schemas"]
    for method, path, operation in routes(bank):
        assert operation["summary"] and not operation["summary"].endswith("."), (method, path)
        if path == "/health":
            assert set(operation["responses"]) == {"200", "503"} and "security" not in operation
            continue
        assert operation["security"] and operation["x-max-body-bytes"] > 0
        assert {"401", "403", "500", "503"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == [PROBLEM], (method, path, status)


def test_what_is_not_there_and_what_cannot_be_done_are_problems(bank: Any) -> None:
    found = problem(bank.call("auditor", "GET", "/nowhere"), 404, "not-found")
    assert "`/nowhere`" in found["detail"]
    response = bank.call("auditor", "DELETE", "/requests")
    problem(response, 405, "method-not-allowed")
    assert response.headers["allow"]
    problem(bank.call("auditor", "GET", f"/requests/{uuid4()}"), 404, "request-not-found")
    found = problem(bank.call("auditor", "GET", "/requests/seven"), 422, "request-invalid")
    assert found["errors"][0]["where"] == "path.request"
    found = problem(bank.call("auditor", "GET", "/requests?limit=0"), 422, "request-invalid")
    assert found["errors"][0]["where"] == "query.limit"


def test_broken_bodies_are_problems(bank: Any) -> None:
    path = f"/photos/{uuid4()}/dispute"
    json = {"content-type": "application/json"}
    problem(bank.call("librarian", "POST", path, content=b"{", headers=json), 422, "request-invalid")
    deep = b'{"reason":' + b"[" * 20000
    assert bank.call("librarian", "POST", path, content=deep, headers=json).status_code in (400, 422)
    multipart = {"content-type": "multipart/form-data; boundary=x"}
    response = bank.call("creative", "POST", "/requests", content=b"--y", headers=multipart)
    assert response.status_code in (400, 422) and response.headers["content-type"] == PROBLEM


@pytest.mark.parametrize("lengthless", [False, True])
def test_larger_body_than_a_route_takes_is_not_read(bank: Any, lengthless: bool) -> None:
    sent = 0

    def chunks() -> Any:
        nonlocal sent
        for _ in range(64):
            sent += 8192
            yield b"x" * 8192

    path = f"/photos/{uuid4()}/dispute"
    body: Any = chunks() if lengthless else b"x" * (gate.BODY_MOST_BYTES + 1)
    response = bank.call("librarian", "POST", path, content=body)
    assert str(gate.BODY_MOST_BYTES) in problem(response, 413, "body-too-large")["detail"]


def test_fault_of_the_bank_tells_nothing_of_its_inside(bank: Any, database: Any, caplog: Any) -> None:
    with database.owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE requests RENAME TO elsewhere"))
    found = problem(bank.call("auditor", "GET", "/requests"), 500, "fault")
    UUID(found["instance"].removeprefix("urn:uuid:"))
    assert "elsewhere" not in str(found) and "SELECT" not in str(found) and "Traceback" not in str(found)
    assert found["instance"].removeprefix("urn:uuid:") in caplog.text


def test_unreachable_database_and_store_are_said_to_be_so(bank: Any, settings: Settings, serve: Any) -> None:
    host = settings.s3_endpoint
    assert host
    lost = bank.runtime.__class__(
        settings.model_copy(update={"s3_endpoint": "127.0.0.1:1", "s3_secure": False}), bank.runtime.actor
    )
    lost.moment = bank.runtime.moment
    bank.app.state.runtime = lost
    found = problem(bank.request(), 503, "blob-unavailable")
    assert "127.0.0.1" not in str(found)
    assert bank.call("creative", "GET", "/requests").json() == []
    lost.engine.dispose()

    gone = Runtime(
        settings.model_copy(update={"database_url": "postgresql+psycopg://bankd_app@127.0.0.1:1/nothing"}),
        bank.runtime.actor,
    )
    with serve(app.create(gone)) as client:
        headers = {"Authorization": f"Bearer {bank.keys['creative']}"}
        found = problem(client.get("/requests", headers=headers), 503, "database-unavailable")
        assert "127.0.0.1" not in str(found)


def test_health_says_which_service_is_silent(bank: Any, settings: Settings, serve: Any, caplog: Any) -> None:
    response = bank.call(None, "GET", "/health")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "database": "answers",
        "broker": "answers",
        "store": "answers",
    }

    lost = Runtime(
        settings.model_copy(
            update={
                "database_url": "postgresql+psycopg://bankd_app:word@127.0.0.1:1/nothing",
                "broker_url": "redis://:word@127.0.0.1:1/0",
            }
        ),
        bank.runtime.actor,
    )
    with serve(app.create(lost)) as client:
        response = client.get("/health")
    assert response.status_code == 503
    assert response.json() == {
        "status": "degraded",
        "database": "silent",
        "broker": "silent",
        "store": "answers",
    }
    assert "word" not in caplog.text


def test_importing_the_api_loads_no_torch() -> None:
    script = "import sys, bankd.api.app; print('torch' in sys.modules, 'numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "True"]


def a_key(session: Session, bank: Any, *, roles: list[str], expires_at: Any = None) -> str:
    """Past `create_key`, which makes none of an unknown role."""
    secret = generate()
    key = ApiKey(
        id=uuid4(),
        name="made by a test",
        roles=roles,
        secret_hash=hashed(secret),
        last_four=secret[-4:],
        created_at=bank.runtime.now(),
        expires_at=expires_at,
    )
    session.add(key)
    return written(key.id, secret)
