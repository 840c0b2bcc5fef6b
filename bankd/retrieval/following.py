"""Indexes that follow the bank: one follower for each database that a process ranks in.

A thread listens for the log's entries, so that a query mostly finds its index
up to date; whether it is, the query asks by itself. The thread builds what was asked for and
joins pieces beside the queries, which wait for neither.
"""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Cursor
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from bankd import config
from bankd.audit import log
from bankd.policy.answers import Answers
from bankd.policy.filters import Filter
from bankd.retrieval import copying, keeping
from bankd.retrieval import index as indexes
from bankd.retrieval.index import Index
from synth.retrieval.descriptors import Frame
from synth.retrieval.resident import Cleared

logger = logging.getLogger(__name__)

LOOK_S = 1.0  # the longest between two looks; an entry of the log ends it early
REST_S = 0.02  # between two looks, so that a burst of entries makes one piece and not many
AGAIN_S = 5.0  # after a failure
CLEARED = 32  # pieces of which the ranges for a use are kept


class Follower:
    """The indexes of one database, each of the latest moment that was asked for."""

    def __init__(self, engine: Engine, folder: Path | None = None, *, threads: int = 1) -> None:
        """`folder` is where indexes are kept from one process to the next; `threads` rank one layout."""
        self.threads = threads
        self._engine = engine
        self._folder = folder
        self._written: dict[Frame, object] = {}
        self._indexes: dict[Frame, Index] = {}
        self._asked: set[Frame] = set()
        self._answers = Answers(engine)
        self._emptied: dict[Frame, int] = {}  # up to which entry of the log erased rows are gone from it
        self._cleared: dict[int, Cleared] = {}  # by the masks they are made of
        self._turn = threading.Lock()  # of those who put the next index in place
        self._stopping = threading.Event()
        self._asking = threading.Event()
        self._thread: threading.Thread | None = None

    def index(self, frame: Frame, *, epoch: int) -> Index | None:
        """An index that has seen the log up to `epoch` at least; None while there is none of this frame.

        The first to ask has it built, beside whatever else goes on.
        """
        held = self._indexes.get(frame)
        if held is None:
            self._ask(frame)
            return None
        return held if held.moment.epoch >= epoch else self._catch_up(frame, epoch=epoch)

    def build(self, frame: Frame) -> Index:
        """Build an index now, for those who cannot go on without: from its file, if the catalog agrees."""
        with self._reading() as cursor:
            emptied = copying.last_emptied(cursor)
            made = self._read(cursor, frame) or indexes.built(cursor, frame)
        with self._turn:
            if frame not in self._indexes:
                self._indexes[frame], self._emptied[frame] = made, emptied
            return self._indexes[frame]

    def write(self, frame: Frame) -> None:
        """Keep the index in a file, if there is a folder for it and the file has not most of it yet."""
        index = self._indexes[frame]
        if self._folder is None or not index.pieces:
            return
        # Other moments of the same rows share them.
        rows = index.pieces[0].part.masks
        if self._written.get(frame) is rows:
            return
        self._written[frame] = rows
        try:
            keeping.write(index, keeping.path(self._folder, frame))
        except OSError as error:
            logger.warning("the index is not kept: %s", error)

    def _read(self, cursor: Cursor[Any], frame: Frame) -> Index | None:
        if self._folder is None:
            return None
        kept = keeping.read(keeping.path(self._folder, frame), frame)
        if kept is None:
            return None
        kept = indexes.refreshed(cursor, kept)
        if not keeping.agrees(cursor, kept):
            logger.warning("the index of frame %s in its file is not this catalog's; it is built anew", frame)
            return None
        clean = indexes.without_erased(cursor, kept)
        if clean is kept and kept.pieces:
            self._written[frame] = kept.pieces[0].part.masks
        return clean

    def join(self, frame: Frame) -> None:
        """Join pieces where there are too many. Queries go on; only the last step keeps others waiting."""
        if not indexes.can_be_joined(self._indexes[frame]):
            return
        with self._reading() as cursor:
            fewer = indexes.joined(cursor, self._indexes[frame])
        with self._turn:
            # What was put in place meanwhile may be of a later moment.
            self._indexes[frame] = self._refreshed(fewer)

    def let_go(self, frame: Frame) -> None:
        """Drop the rows of photos that were erased since, from memory and from the file."""
        with self._reading() as cursor:
            emptied = copying.last_emptied(cursor)
            if emptied <= self._emptied.get(frame, -1):
                return
            held = self._indexes[frame]
            clean = indexes.without_erased(cursor, held)
        with self._turn:
            self._indexes[frame] = self._refreshed(clean)
            self._cleared = {}  # it holds on to pieces
        self._emptied[frame] = emptied
        self._written.pop(frame, None)
        if self._folder is not None and not clean.pieces:
            keeping.path(self._folder, frame).unlink(missing_ok=True)

    def clears(self, cleared: Filter, index: Index) -> list[Cleared]:
        """What clears of each piece of an index, from what is kept where that still holds."""
        found = []
        for piece in index.pieces:
            masks = self._answers.masks(cleared, piece.part.profiles)
            held = self._cleared.get(id(masks))
            if held is None or held.masks is not masks:
                held = Cleared(piece.part, masks)
                self._cleared = dict([*self._cleared.items()][-CLEARED + 1 :]) | {id(masks): held}
            found.append(held)
        return found

    def close(self) -> None:
        self._stopping.set()
        self._asking.set()
        if self._thread is not None:
            self._thread.join()

    def _catch_up(self, frame: Frame, *, epoch: int) -> Index:
        with self._turn:
            held = self._indexes[frame]
            if held.moment.epoch < epoch:
                held = self._indexes[frame] = self._refreshed(held)
            return held

    def _refreshed(self, index: Index) -> Index:
        with self._reading() as cursor:
            return indexes.refreshed(cursor, index)

    @contextmanager
    def _reading(self) -> Iterator[Cursor[Any]]:
        """A transaction of one snapshot."""
        with self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            cursor: Any = connection.connection.cursor()
            with cursor:
                yield cursor

    def _ask(self, frame: Frame) -> None:
        with self._turn:
            if frame in self._asked or self._stopping.is_set():
                return
            self._asked.add(frame)
            self._asking.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="retrieval", daemon=True)
                self._thread.start()

    def _follow(self) -> None:
        url = self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not self._stopping.is_set():
            try:
                with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
                    connection.execute(f"LISTEN {log.CHANNEL}")
                    while not self._stopping.wait(REST_S):
                        self._look()
                        for _ in connection.notifies(timeout=LOOK_S, stop_after=1):
                            pass
            except (psycopg.Error, SQLAlchemyError, OSError) as error:
                logger.warning("the index waits for the database: %s", error)
                self._stopping.wait(AGAIN_S)
            except Exception:
                # Queries catch up by themselves; a thread that ended would leave pieces to pile up.
                logger.exception("the index")
                self._stopping.wait(AGAIN_S)

    def _look(self) -> None:
        for frame in tuple(self._asked):
            if frame not in self._indexes:
                made = self.build(frame)
                logger.info("index of frame %s: %d rows, %d bytes", frame, len(made), made.size_bytes)
                self.write(frame)
            else:
                with self._turn:
                    self._indexes[frame] = self._refreshed(self._indexes[frame])
                self.let_go(frame)
                self.join(frame)
                self.write(frame)


_followers: dict[Engine, Follower] = {}
_opening = threading.Lock()


def follower(engine: Engine) -> Follower:
    """The one that this process has for a database."""
    with _opening:
        if engine not in _followers:
            # Workers are told where the installation's data lie.
            home = os.environ.get("BANKD_HOME")
            _followers[engine] = Follower(
                engine, Path(home) / "indexes" if home else None, threads=config.load().threads
            )
        return _followers[engine]


def forget(engine: Engine) -> None:
    """Drop what was kept of a database."""
    with _opening:
        dropped = _followers.pop(engine, None)
    if dropped is not None:
        dropped.close()


def _after_fork() -> None:
    # The thread stayed behind, and a lock may be held by it for ever.
    global _opening
    _opening = threading.Lock()
    _followers.clear()


os.register_at_fork(after_in_child=_after_fork)
