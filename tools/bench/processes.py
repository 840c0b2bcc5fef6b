"""Processes that a benchmark gives work to, and that end with it."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any


@contextmanager
def processes(count: int, begin: Callable[..., object], *given: Any) -> Iterator[ProcessPoolExecutor]:
    """New processes, each begun by `begin(*given)`. Left early, they end what is in hand and no more."""
    with ProcessPoolExecutor(count, get_context("spawn"), _begun, (begin, given)) as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _begun(begin: Callable[..., object], given: tuple[Any, ...]) -> None:
    # Who tells a benchmark to end mostly tells all its processes. It sees to them itself: one that is gone
    # amid its work is a failure, and the pool's thread tells it to those who have stopped waiting.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    begin(*given)
