"""Whether the bank lives and what it stands on answers. The one thing said to anybody, so it says little."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Lock
from time import monotonic
from typing import Literal

from fastapi import APIRouter, Response
from kombu.connection import Connection
from pydantic import BaseModel
from sqlalchemy import text

from bankd.runtime import Runtime

logger = logging.getLogger(__name__)

PATIENCE_S = 3.0
REMEMBERED_S = 1.0  # anybody may ask, so asking often costs the services nothing

Answer = Literal["answers", "silent"]


class Health(BaseModel):
    status: Literal["ok", "degraded"]
    database: Answer
    broker: Answer
    store: Answer


def router(runtime: Runtime) -> APIRouter:
    probe = _Probe(runtime)
    made = APIRouter(tags=["health"])

    @made.get(
        "/health",
        summary="Say whether the bank and what it stands on answer",
        responses={503: {"model": Health, "description": "Something does not answer"}},
    )
    def health(response: Response) -> Health:
        found = probe.health()
        response.status_code = 200 if found.status == "ok" else 503
        response.headers["Cache-Control"] = "no-store"
        return found

    return made


class _Probe:
    """Asks all three at once and waits no longer than `PATIENCE_S`; one that hangs holds up no other."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._checks: dict[str, Callable[[], object]] = {
            "database": self._database,
            "broker": self._broker,
            "store": self._store,
        }
        self._pools = {name: ThreadPoolExecutor(1, f"health-{name}") for name in self._checks}
        self._asked: dict[str, Future[object]] = {}
        self._lock = Lock()
        self._known: tuple[float, Health] | None = None

    def health(self) -> Health:
        with self._lock:
            if self._known is None or monotonic() - self._known[0] >= REMEMBERED_S:
                self._known = (monotonic(), self._ask())
            return self._known[1]

    def _ask(self) -> Health:
        for name, check in self._checks.items():
            if name not in self._asked:  # else the last question still hangs
                self._asked[name] = self._pools[name].submit(check)
        done, _ = wait(self._asked.values(), PATIENCE_S)
        answers: dict[str, Answer] = {}
        for name, asked in list(self._asked.items()):
            answers[name] = "silent"
            if asked in done:
                del self._asked[name]
                if (error := asked.exception()) is None:
                    answers[name] = "answers"
                else:
                    logger.warning("%s does not answer: %s", name, error)
        whole = all(answer == "answers" for answer in answers.values())
        return Health(status="ok" if whole else "degraded", **answers)

    def _database(self) -> None:
        with self._runtime.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def _broker(self) -> None:
        with Connection(self._runtime.addresses.broker_url, connect_timeout=PATIENCE_S) as connection:
            connection.connect()
            with connection.channel():
                pass

    def _store(self) -> None:
        self._runtime.blobs.exists("health/never-stored")
