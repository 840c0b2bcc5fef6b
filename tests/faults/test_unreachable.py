"""One service away while the rest runs: people are told in a sentence, work waits and is done later."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import uvicorn
from click.testing import CliRunner, Result
from drawn import labels, photo_of, png
from sqlalchemy import select

from bankd.access import service as access
from bankd.api.app import create
from bankd.catalog.taxonomy import house as taxonomy
from bankd.cli import main
from bankd.ingestion import service as ingestion
from bankd.synthesis.models import Request

AWAY_S = 12.0  # long enough for whatever is at work to fail, and for a sweep to find it
USE = {
    "purpose": "commercial",
    "channels": ["web"],
    "targeted": ["JP"],
    "accessible": ["JP"],
    "starts_on": "2026-01-01",
    "ends_on": "2026-12-31",
    "audience": "public",
}

RIGHTS = """
version: 1
licensors:
  - {ref: b, name: Another agency}
licenses:
  - ref: M
    licensor: b
    title: T
    basis: licensed
    grants:
      - ref: web
        terms: {territories: [WORLD], channels: [web], purposes: [commercial], sectors: [any],
          audiences: [public], alterations: [crop], generative: true, starts_on: 2020-01-01, ends_on: null}
"""


@pytest.fixture
def key(house: Any) -> str:
    with house.rt.transaction() as session:
        roles = ("creative", "librarian")
        _, key = access.create_key(
            session,
            f"k{next(house.numbers)}",
            roles=roles,
            department_id=None,
            by=house.rt.actor,
            at=house.rt.now(),
        )
    return str(key)


@pytest.fixture
def api(house: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    """A client with a key, of a real server. What is there answers on a busy machine too, only later."""
    monkeypatch.setattr("bankd.api.health.PATIENCE_S", 300.0)
    server = uvicorn.Server(uvicorn.Config(create(house.rt), lifespan="off", ws="none", log_config=None))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=url, headers=headers, timeout=300, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(300)
        listening.close()
    assert not thread.is_alive()


@contextmanager
def away(house: Any, part: str) -> Iterator[None]:
    """The part is not there within; afterwards it is, and all that runs is well."""
    house.kill(part)
    try:
        yield
    finally:
        house.up()


def bankd(house: Any, *words: object) -> Result:
    """A command as it is typed: it ends by itself, in an exit status, without a fault of ours."""
    home = {"BANKD_HOME": str(house.rt.settings.home)}
    result = CliRunner().invoke(main, [str(word) for word in words], env=home)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(house: Any, *words: object) -> str:
    result = bankd(house, *words)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("error: ").strip()


def asked(layout: Path) -> tuple[object, ...]:
    today = datetime.now(UTC).date()
    use = ("--purpose", "commercial", "--channel", "web", "--territory", "JP", "--audience", "public")
    return ("requests", "create", layout, *use, "--from", today, "--to", today + timedelta(days=1))


def post(api: httpx.Client, layout: Path) -> httpx.Response:
    return api.post(
        "/requests", files={"layout": ("l.png", layout.read_bytes())}, data={"use": json.dumps(USE)}
    )


def problem(answer: httpx.Response, *, detail: str) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["detail"] == detail


def health(api: httpx.Client) -> dict[str, str]:
    answer = api.get("/health")
    assert answer.status_code == 503
    return {name: said for name, said in answer.json().items() if said != "answers"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A photo without rights, to be ingested."""
    root = tmp_path / "shelf"
    for name, content in (("photos", photo_of(labels(), seed=77_777)), ("labels", png(labels()))):
        (root / name).mkdir(parents=True)
        (root / name / "a.png").write_bytes(content)
    classes = [{"id": category.id, "name": category.name} for category in taxonomy().categories]
    (root / "classes.json").write_text(json.dumps(classes))
    (root / "rights.yaml").write_text(RIGHTS)
    return root


def test_without_the_store_people_are_told_and_nothing_is_half_filed(
    house: Any, api: httpx.Client, layout: Path, folder: Path
) -> None:
    def filed() -> int:
        with house.rt.transaction() as session:
            return len(session.scalars(select(Request.id)).all())

    before = filed()
    with away(house, "seaweed"):
        sentence = refused(house, *asked(layout))
        assert "the object store" in sentence
        assert "the object store" in refused(
            house, "photos", "ingest", folder, "--rights", folder / "rights.yaml"
        )
        problem(post(api, layout), detail="the object store does not answer: try again later")
        assert health(api) == {"status": "degraded", "store": "silent"}
        assert filed() == before


def test_without_the_broker_requests_are_filed_all_the_same_and_made_when_it_is_back(
    house: Any, api: httpx.Client, layout: Path
) -> None:
    with away(house, "valkey"):
        typed = bankd(house, *asked(layout))
        posted = post(api, layout)
        assert (typed.exit_code, posted.status_code) == (0, 202), (typed.output, posted.text)
        assert health(api) == {"status": "degraded", "broker": "silent"}

    with house.rt.transaction() as session:
        newest = select(Request.id).order_by(Request.filed_at.desc()).limit(2)
        requests = list(session.scalars(newest))
    batch = house.file_batch(1)
    house.wait(lambda: house.finished(batch, requests))
    assert api.get(f"/requests/{posted.json()['request']}").json()["state"] == "completed"


def test_without_the_database_people_are_told(
    house: Any, api: httpx.Client, layout: Path, folder: Path
) -> None:
    said = "the database cannot be reached; `bankd status` says what runs, `bankd up` starts it"
    with away(house, "postgres"):
        assert refused(house, *asked(layout)) == said
        assert refused(house, "photos", "ingest", folder, "--rights", folder / "rights.yaml") == said
        assert refused(house, "requests", "list") == said
        problem(post(api, layout), detail="the database does not answer: try again later")
        assert health(api) == {"status": "degraded", "database": "silent"}


@pytest.mark.parametrize("part", ["seaweed", "valkey", "postgres"])
def test_what_was_in_hand_waits_and_is_done_when_the_service_is_back(house: Any, part: str) -> None:
    batch, requests = house.file_batch(8), house.file_requests(3)

    with away(house, part):
        time.sleep(AWAY_S)
    house.wait(lambda: house.finished(batch, requests))

    house.all_went_well(batch, requests, photos=8)
    if part != "postgres":  # which takes leases with it
        with house.rt.transaction() as session:
            filed = session.scalars(select(Request).where(Request.id.in_(requests)))
            tries = {request.tries for request in filed} | {
                item.attempts for item in ingestion.items(session, batch)
            }
        assert tries == {1}
