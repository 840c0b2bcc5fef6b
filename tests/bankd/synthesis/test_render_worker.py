"""A bank and its render worker's own process: what comes back, and what that process cannot do."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import redis
import rendering
from minio import Minio
from minio.error import MinioException
from redis.backoff import NoBackoff
from redis.retry import Retry
from rendering import Site
from sqlalchemy import select
from urllib3 import PoolManager

from bankd import clerk, embedded, installation
from bankd.audit import log
from bankd.embedded import postgres, valkey
from bankd.embedded.folder import credentials
from bankd.provenance.models import Composite
from bankd.synthesis import orders, steps
from bankd.synthesis.models import Order
from bankd.synthesis.service import SEAL_TASK
from bankd.worker import app
from bankd.worker.models import Outgoing

NAMED = {"SYNTH_BROKER_URL", "SYNTH_ORDER_KEY", "SYNTH_STORE"}
PLAIN = {"PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"}
PLAIN |= {"PYTHONPATH", "PYTHONUNBUFFERED", "OMP_NUM_THREADS"}


@pytest.fixture
def now(bank: Any) -> datetime:
    """The bank's clock is the worker's, who has none but the machine's."""
    bank.rt.at = datetime.now(UTC)
    return bank.rt.at


@pytest.fixture
def at_work(bank: Any, stack: embedded.Addresses, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The worker of this bank, started by somebody whose own environment is full of secrets."""
    for name in ("BANKD_DATABASE_URL", "BANKD_S3_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"):
        monkeypatch.setenv(name, "a secret of the bank")
    with rendering.site(bank.rt.settings.home, stack, installation.programs(bank.rt)["render"]) as site:
        yield site


@contextmanager
def the_clerk(bank: Any) -> Iterator[clerk.Clerk]:
    """One who relays what is asked of him; hints for workers that nobody started are taken out again."""
    yield clerk.Clerk(bank.rt)
    with app.connect(bank.rt.addresses.broker_url).connection_for_write() as connection:
        connection.default_channel.client.delete("bank", "ingest")


def ask_today(bank: Any) -> UUID:
    today = bank.rt.at.date()
    bank.take((bank.grant("today", starts_on="2020-01-01"),))
    return bank.ask(starts_on=str(today), ends_on=str(today + timedelta(days=1)))


def answered(bank: Any, clerk: clerk.Clerk) -> list[UUID]:
    """Orders that the render side hinted at, once it has."""

    def hinted() -> list[UUID]:
        clerk.collect()
        with bank.rt.transaction() as session:
            found = session.scalars(select(Outgoing).where(Outgoing.task == SEAL_TASK)).all()
            return [UUID(hint.arguments["order_id"]) for hint in found]

    return rendering.await_(hinted, "no hint came back")


def test_an_order_goes_out_and_a_composite_comes_of_it(bank: Any, now: datetime, at_work: Site) -> None:
    order = bank.order(ask_today(bank))
    assert order is not None

    with the_clerk(bank) as clerk:
        clerk.relay()
        assert answered(bank, clerk) == [order.id]
    steps.seal(bank.rt, order.id)

    assert bank.request(order.request_id).state == "completed"
    with bank.rt.transaction() as session:
        assert session.scalars(select(Composite.request_id)).all() == [order.request_id]
    assert at_work.alive
    assert "WARNING" not in at_work.said().split(" ready.")[1]


def test_what_expired_in_the_queue_is_cleared_anew_and_made_at_the_next_attempt(
    bank: Any, now: datetime, at_work: Site
) -> None:
    request_id = ask_today(bank)
    bank.rt.at = now - timedelta(minutes=16)
    late = bank.order(request_id)
    assert late is not None

    with the_clerk(bank) as clerk:
        clerk.relay()  # in time, by the clock of the bank: it waits in the queue until it is late
        bank.rt.at = now
        assert answered(bank, clerk) == [late.id]
        steps.seal(bank.rt, late.id)
        with bank.rt.transaction() as session:
            kinds = [entry.kind for entry in log.read(session)]
            assert session.get_one(Order, late.id).state == "expired"
            session.query(Outgoing).delete()
        assert kinds[-1] == "order.expired"
        again = bank.order(request_id)
        assert (again.attempt, again.clearance_id == late.clearance_id) == (2, False)
        clerk.relay()
        with bank.rt.transaction() as session:
            session.query(Outgoing).delete()
        assert answered(bank, clerk) == [again.id]
    steps.seal(bank.rt, again.id)

    request = bank.request(request_id)
    assert (request.state, request.attempt, request.reordered) == ("completed", 2, False)


def test_the_living_worker_has_no_word_of_the_bank_in_its_environment(
    bank: Any, at_work: Site, cluster: Any
) -> None:
    environment = at_work.environment()

    assert environment.keys() <= NAMED | PLAIN
    assert environment.keys() >= NAMED
    mine = credentials(cluster.folder)
    secrets = [
        word for part in mine.values() for word in part.values() if len(word) >= 16 and "/" not in word
    ]
    theirs = mine[valkey.NAME][valkey.RENDER]
    assert theirs in secrets
    everything = json.dumps(environment) + Path(f"/proc/{at_work.pid}/cmdline").read_text()
    assert [word for word in secrets if word in everything] == [theirs]
    assert "a secret of the bank" not in everything
    for name in ("order", "manifest", "log"):
        private = (bank.rt.settings.keys / f"{name}.pem").read_text().splitlines()[1]
        assert private not in everything


BREAK_IN = """
import json, os, sys
import psycopg

sockets, users = json.loads(sys.argv[1])
answers = []
for user in users:
    for password in [None, *os.environ.values()]:
        try:
            whoever = {"host": sockets, "dbname": "postgres", "user": user, "password": password}
            psycopg.connect(**whoever, connect_timeout=300).close()
            answers.append(f"in as {user}")
        except psycopg.OperationalError as error:
            answers.append(str(error))
print(json.dumps(answers))
"""


def test_with_what_the_worker_has_nobody_enters_the_database(bank: Any, at_work: Site, cluster: Any) -> None:
    environment = at_work.environment()
    words = [urlsplit(environment["SYNTH_BROKER_URL"]).password or "", environment["SYNTH_ORDER_KEY"]]
    environment |= {f"WORD_{number}": word for number, word in enumerate(words)}
    given = [credentials(cluster.folder)[postgres.NAME]["sockets"]]
    users = [postgres.APP, postgres.OWNER, postgres.SUPERUSER, "root"]

    said = subprocess.run(
        [sys.executable, "-c", BREAK_IN, json.dumps([*given, users])],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    answers = json.loads(said.stdout)
    assert len(answers) == len(users) * (len(environment) + 1)
    assert [answer for answer in answers if "password" not in answer] == []


def test_with_what_the_worker_has_nobody_lists_reads_or_deletes_in_the_store(
    bank: Any, at_work: Site
) -> None:
    environment = at_work.environment()
    broker = urlsplit(environment["SYNTH_BROKER_URL"])
    store = environment["SYNTH_STORE"]
    bucket, blobs = bank.rt.addresses.s3_bucket, bank.rt.blobs
    (photo,) = bank.take((bank.grant("open"),))
    key = f"{photo}/secret"
    blobs.put(key, b"secret", media_type="text/plain")
    host = urlsplit(store).netloc

    done = []
    for user, word in [
        (None, None),
        (broker.username, broker.password),
        (bank.rt.addresses.s3_access_key, broker.password),
        ("any", environment["SYNTH_ORDER_KEY"]),
    ]:
        client = Minio(host, user, word, secure=store.startswith("https"))
        for name, attempt in {
            "buckets": lambda c=client: c.list_buckets(),
            "list": lambda c=client: list(c.list_objects(bucket, recursive=True)),
            "read": lambda c=client: c.get_object(bucket, key).close(),
            "delete": lambda c=client: c.remove_object(bucket, key),
            "drop": lambda c=client: c.remove_bucket(bucket),
        }.items():
            with suppress(MinioException):
                attempt()
                done.append((user, name))
    assert done == []
    assert blobs.get(key, limit_bytes=10) == b"secret"


def test_the_links_of_an_order_open_what_they_name_and_nothing_else(bank: Any, now: datetime) -> None:
    order = bank.order(ask_today(bank))
    blobs = bank.rt.blobs
    with bank.rt.transaction() as session:
        text, _ = steps.publish(bank.rt, session, order.id)
    work = json.loads(text)
    key, secret = order.archive_key, f"{order.archive_key}-secret"
    blobs.put(secret, b"secret", media_type="text/plain")
    http = PoolManager()

    assert http.request("GET", work["archive"]["url"]).status == 200
    refused = {
        (method, name): http.request(method, url, body=b"x" if method in ("PUT", "POST") else None).status
        for name, url in {
            "bare": work["archive"]["url"].partition("?")[0],
            "another key": work["archive"]["url"].replace(key, secret),
            "the bucket": work["archive"]["url"].replace(f"/{key}", "/"),
            "the result's, for the archive": work["result_url"].replace(orders.result_key(order), key),
        }.items()
        for method in ("GET", "PUT", "DELETE", "POST")
    }
    refused |= {
        (method, "the archive's"): http.request(method, work["archive"]["url"], body=b"x").status
        for method in ("PUT", "DELETE", "POST")
    }
    refused |= {
        (method, "the result's"): http.request(method, work["result_url"]).status
        for method in ("GET", "DELETE")
    }
    assert {what: status for what, status in refused.items() if status < 400} == {}
    assert blobs.get(secret, limit_bytes=10) == b"secret"
    assert blobs.exists(key)


def test_the_workers_own_broker_user_adds_to_rendered_and_touches_no_other_queue(
    bank: Any, at_work: Site
) -> None:
    url = urlsplit(at_work.environment()["SYNTH_BROKER_URL"])
    client = redis.Redis(
        unix_socket_path=url.path,
        username=url.username,
        password=url.password,
        retry=Retry(NoBackoff(), retries=0),
    )
    attempts: list[tuple[object, ...]] = [
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("CONFIG", "GET", "*"),
        ("CONFIG", "SET", "dir", "/"),
        ("ACL", "SETUSER", "render", "allcommands"),
        ("EVAL", "return redis.call('KEYS', '*')", "0"),
        ("PUBLISH", "bank.celery", "x"),
        ("RPUSH", "rendered.rendered", "x"),
        ("BRPOP", "rendered.rendered", "0.1"),
        ("LPUSH", "render.render", "x"),
        ("RENAME", "rendered.rendered", "bank.bank"),
        ("COPY", "bank.bank", "rendered.rendered"),
        ("LMOVE", "bank.bank", "rendered.rendered", "LEFT", "LEFT"),
    ]
    for queue in ("bank.bank", "bank.ingest", "bank", "ingest", "celery", "bank.unacked", "rendered"):
        attempts += [("LPUSH", queue, "x"), ("BRPOP", queue, "0.1"), ("LRANGE", queue, "0", "-1")]
        attempts += [("GET", queue), ("SET", queue, "x"), ("DEL", queue), ("SADD", f"{queue}.binding", "x")]

    allowed = []
    with client:
        for attempt in attempts:
            with suppress(redis.exceptions.NoPermissionError):
                allowed.append((attempt, client.execute_command(*attempt)))
        assert allowed == []
        assert client.lpush("rendered.rendered", "a hint") == 1
