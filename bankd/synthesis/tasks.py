"""What the queue `bank` hints at. Delivered at least once, so safe to run twice."""

import logging
from collections.abc import Callable
from uuid import UUID

from bankd.provenance.errors import SignatureNotGiven, TimeStampUnavailable
from bankd.runtime import DatabaseUnavailable, Runtime, runtime
from bankd.storage import BlobUnavailable
from bankd.synthesis import resuming, steps
from bankd.synthesis.filing import ADVANCE_TASK
from bankd.synthesis.resuming import LOOK_AGAIN_TASK
from bankd.synthesis.service import SEAL_TASK
from bankd.worker.app import app

logger = logging.getLogger(__name__)


@app.task(name=ADVANCE_TASK)  # type: ignore[untyped-decorator]
def advance(request_id: str) -> None:
    _do(steps.advance, request_id)


@app.task(name=SEAL_TASK)  # type: ignore[untyped-decorator]
def seal(order_id: str) -> None:
    _do(steps.seal, order_id)


@app.task(name=LOOK_AGAIN_TASK)  # type: ignore[untyped-decorator]
def look_again(request_id: str) -> None:
    _do(resuming.look_again, request_id)


def _do(step: Callable[[Runtime, UUID], None], subject: str) -> None:
    """Take one step. What cannot be done while a service is away the sweep brings back."""
    try:
        step(runtime(), UUID(subject))
    except (BlobUnavailable, DatabaseUnavailable, SignatureNotGiven, TimeStampUnavailable) as away:
        logger.warning("%s of `%s` waits: %s", step.__name__, subject, away)
