"""Who calls, whether they may, and how much they may send: asked before a byte of the body is read."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bankd.access import permissions
from bankd.access import service as access
from bankd.access.permissions import Permission
from bankd.api import problems
from bankd.api.errors import BodyTooLarge, KeyMissing
from bankd.audit.actor import Actor
from bankd.errors import BankError
from bankd.runtime import Runtime

ANONYMOUS = "/health"
BODY_MOST_BYTES = 64 << 10  # where a route says nothing else

BEARER = HTTPBearer(auto_error=False, description="An API key: `bankd_<id>_<secret>`")


class Authentication:
    """Nothing but health is answered to whoever has no valid key, not even that a path is not there."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app, self._runtime = app, runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != ANONYMOUS:
            try:
                actor = await run_in_threadpool(self._caller, Request(scope).headers.get("authorization"))
            except BankError as error:
                await problems.answer(error)(scope, receive, send)
                return
            scope.setdefault("state", {})["caller"] = actor
        await self._app(scope, receive, send)

    def _caller(self, header: str | None) -> Actor:
        scheme, _, key = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise KeyMissing
        with self._runtime.transaction() as session:
            return access.authenticate(session, key.strip(), at=self._runtime.now())


class GuardedRoute(APIRoute):
    """A route that says by `openapi_extra` (see `takes`) what it takes; one that does not cannot be made."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        permission = Permission((self.openapi_extra or {})["x-permission"])
        most_bytes = int((self.openapi_extra or {})["x-max-body-bytes"])
        whole_house = bool((self.openapi_extra or {})["x-whole-house"])

        async def guarded(request: Request) -> Response:
            permissions.require(request.state.caller, permission)
            if whole_house:
                permissions.require_house(request.state.caller)
            length = request.headers.get("content-length", "0")
            if not length.isdecimal() or int(length) > most_bytes:
                raise BodyTooLarge(most_bytes)
            bounded = Request(request.scope, _bounded(request.receive, most_bytes))
            try:
                response = await handle(bounded)
            except _Exceeded as error:
                raise BodyTooLarge(most_bytes) from error
            for name, value in problems.NO_STORE.items():
                response.headers.setdefault(name, value)
            return response

        return guarded


class _Exceeded(HTTPException):
    """An `HTTPException`, which the parsers of bodies let through."""


def _bounded(receive: Receive, most_bytes: int) -> Receive:
    """What is sent without a length is counted."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most_bytes:
            raise _Exceeded(413)
        return message

    return counted


def takes(
    permission: Permission, *, body: int = BODY_MOST_BYTES, whole_house: bool = False
) -> dict[str, Any]:
    """What a route demands of its caller, published with it.

    Args:
        body: the most bytes that may be sent.
        whole_house: it tells of what all departments have, so that a key of one is refused.
    """
    return {"x-permission": str(permission), "x-max-body-bytes": body, "x-whole-house": whole_house}


@dataclass(frozen=True)
class Call:
    """One call of a route: who, when, and what it works with. One transaction a call."""

    runtime: Runtime
    by: Actor
    at: datetime

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self.runtime.transaction() as session:
            yield session


def _call(request: Request) -> Call:
    runtime: Runtime = request.app.state.runtime
    return Call(runtime, request.state.caller, runtime.now())


Called = Annotated[Call, Depends(_call)]
