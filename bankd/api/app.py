"""The application: its gate, its problems, a router for each noun."""

from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse

import bankd
from bankd.api import (
    composites,
    erasures,
    health,
    issued,
    keys,
    licenses,
    likeness,
    lineage,
    log,
    models,
    photos,
    policies,
    problems,
    proving,
    publications,
    releases,
    reports,
    requests,
    signoffs,
    standing,
    statements,
    usage_proofs,
    withdrawals,
)
from bankd.api.gate import Authentication
from bankd.runtime import Runtime

DESCRIPTION = """\
A memory bank of photo segments governed by rights. Errors are `application/problem+json`; every call but
`GET /health` takes an API key."""


def create(runtime: Runtime) -> FastAPI:
    """The API of this bank. Opens nothing until it is called."""
    app = _Documented(
        title="bankd",
        version=bankd.__version__,
        description=DESCRIPTION,
        # Its own routes would be hidden from the gate's eye; ours lies behind it.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.runtime = runtime
    app.add_middleware(Authentication, runtime=runtime)
    problems.install(app)
    app.include_router(health.router(runtime))
    nouns = (
        likeness,
        photos,
        licenses,
        releases,
        requests,
        signoffs,
        composites,
        publications,
        statements,
        models,
        proving,
        issued,
        reports,
        policies,
        withdrawals,
        standing,
        erasures,
        log,
        keys,
        lineage,
        usage_proofs,
    )  # fmt: skip  "photos/review" stands before any one photo
    for noun in nouns:
        app.include_router(noun.router)

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    return app


def serve(runtime: Runtime, *, host: str | None = None, port: int | None = None) -> None:
    """Serve until a signal says stop; where nothing is said, as the settings say, which is on loopback."""
    settings = runtime.settings
    uvicorn.run(
        create(runtime),
        host=host or settings.api_host,
        port=settings.api_port if port is None else port,
        server_header=False,
        access_log=False,
    )


class _Documented(FastAPI):
    """Knows the schema of problems, and none of FastAPI's own errors, which are never answered."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = problems.Problem.model_json_schema()
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
        return self.openapi_schema  # type: ignore[return-value]
