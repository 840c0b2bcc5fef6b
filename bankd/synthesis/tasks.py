"""What the queue `bank` hints at. Delivered at least once, so safe to run twice."""

from uuid import UUID

from bankd.runtime import runtime
from bankd.synthesis import steps
from bankd.synthesis.filing import ADVANCE_TASK
from bankd.synthesis.service import SEAL_TASK
from bankd.worker.app import app


@app.task(name=ADVANCE_TASK)  # type: ignore[untyped-decorator]
def advance(request_id: str) -> None:
    steps.advance(runtime(), UUID(request_id))


@app.task(name=SEAL_TASK)  # type: ignore[untyped-decorator]
def seal(order_id: str) -> None:
    steps.seal(runtime(), UUID(order_id))
