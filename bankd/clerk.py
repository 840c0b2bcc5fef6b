"""The clerk: one process that relays the outbox, sweeps up after crashes and signs the log.

It decides nothing. Whatever it does may be done twice, and whatever it
misses it does on the next round; so any part of it may die at any moment.
Only one works at a time, by an advisory lock; another one waits for it.
"""

import contextlib
import logging
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType
from uuid import UUID

import psycopg
from kombu.message import Message
from kombu.messaging import Consumer
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from bankd import config
from bankd.audit.actor import Actor
from bankd.catalog.reprofiling import reprofile
from bankd.erasure import carrying
from bankd.errors import BankError
from bankd.expiries import service as expiries
from bankd.exposure import marking, withdrawing
from bankd.ingestion import service as ingestion
from bankd.ingestion.identified import parts_of
from bankd.licensing import renewing
from bankd.licensing.ending import Withdrawal
from bankd.notices import service as notices
from bankd.notices.channels import channels
from bankd.provenance import certificates, stamping
from bankd.reports import issuing
from bankd.runtime import Runtime
from bankd.synthesis import resuming, steps, waiting
from bankd.synthesis import sweep as synthesis
from bankd.synthesis.service import SEAL_TASK
from bankd.synthesis.verification import clock, credentials
from bankd.usage import handouts, mapping
from bankd.witnesses import telling
from bankd.witnesses.setup import witnesses
from bankd.worker import app, outbox, render_queue
from bankd.worker.app import BANK_QUEUE, INGEST_QUEUE
from synth import queues

logger = logging.getLogger("bankd.clerk")

LOCK = 0x62616E6B_636C6B  # "bankclk"
ROUND_S = 1.0  # the longest wait between two rounds; a NOTIFY ends it early
SWEEP_S = 5.0
EXPIRIES_S = 3600.0
CHECKPOINT_S = 5.0
REPORTS_S = 30.0  # their periods are days at least
ERASURES_S = 2.0
RENEWALS_S = 600.0  # terms are counted in days
RELEASE_S = 60.0
STAMPS_S = 60.0
PARTS_S = 60.0
PARTS_PAGES = 20  # in one transaction, 140 MB
CERTIFICATE_S = 86400.0
HINTS_A_ROUND = 1000


class Clerk:
    """One round after another, each part on its own: what fails is logged and tried again."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt
        self._bank = app.connect(rt.addresses.broker_url)
        self._render = queues.make_app(rt.addresses.render_broker_url)
        self._signer = mapping.signer(rt)
        self._last: dict[str, float] = {}
        self._aside = ThreadPoolExecutor(1, "aside")
        self._beside: Future[None] | None = None
        self._reporting = ThreadPoolExecutor(1, "reports")  # a report of a year may take a minute
        self._reports: Future[None] | None = None

    def round(self) -> None:
        self._part("relay", self.relay)
        self._part("standing", self.stand)
        self._part("rendered", self.collect)
        for name, part in (
            ("requests", self.sweep_requests),
            ("orders", self.sweep_orders),
            ("batches", self.sweep_batches),
            ("signoffs", self.sweep_signoffs),
        ):
            self._part(name, part, every_s=SWEEP_S)
        self._part("holds", self.release_holds, every_s=RELEASE_S)
        self._part("renewals", self.renew, every_s=RENEWALS_S)
        self._part("reports", self.report, every_s=REPORTS_S)
        self._part("checkpoint", self.checkpoint, every_s=CHECKPOINT_S)

    def stand(self) -> None:
        """Carry out withdrawals and holds whose moment came; what follows goes on beside the rounds."""
        with self._rt.transaction() as session:
            withdrawing.sweep(session, by=self._rt.actor, at=self._rt.now())
        if self._beside is None or self._beside.done():
            self._beside = self._aside.submit(self.beside)

    def beside(self) -> None:
        """Mark what withdrawals touched, erase, foretell ends, send notices: what no round may wait for."""
        self._part("marks", self.mark)
        self._part("erasures", self.erase, every_s=ERASURES_S)
        self._part("expiries", self.foretell, every_s=EXPIRIES_S)
        self._part("awaited", self.tell_awaited, every_s=SWEEP_S)
        self._part("notices", self.send_notices)
        self._part("witnesses", self.tell_witnesses, every_s=CHECKPOINT_S)
        self._part("stamps", self.stamp, every_s=STAMPS_S)
        self._part("certificate", self.watch_certificate, every_s=CERTIFICATE_S)
        self._part("parts", self.keep_parts, every_s=PARTS_S)

    def mark(self) -> None:
        marked: Withdrawal | None
        while True:
            with self._rt.transaction() as session:
                marked = marking.mark_next(
                    session, to=channels(self._rt.settings), by=self._rt.actor, at=self._rt.now()
                )
            if marked is None:
                return

    def sweep_signoffs(self) -> None:
        """Refuse what nobody signed in time; send on what waits for nobody; look again where rights moved."""
        with self._rt.transaction() as session:
            waiting.sweep(session, by=self._rt.actor, at=self._rt.now())
            resuming.sweep(session, at=self._rt.now())

    def tell_awaited(self) -> None:
        with self._rt.transaction() as session:
            waiting.tell(session, to=channels(self._rt.settings), at=self._rt.now())

    def erase(self) -> None:
        """Carry out what erasures are open, as far as duties to keep let it."""
        carrying.carry_on(self._rt)

    def foretell(self) -> None:
        with self._rt.transaction() as session:
            expiries.tell(session, to=channels(self._rt.settings), by=self._rt.actor, at=self._rt.now())

    def report(self) -> None:
        """Have the reports made that are due; they go on by themselves."""
        if self._reports is None or self._reports.done():
            self._reports = self._reporting.submit(self._part, "due reports", self.make_reports)

    def make_reports(self) -> None:
        issuing.make_due(self._rt, channels(self._rt.settings))

    def send_notices(self) -> None:
        notices.send_due(
            self._rt.transaction, channels(self._rt.settings), by=self._rt.actor, now=self._rt.now
        )

    def tell_witnesses(self) -> None:
        telling.tell(
            self._rt.transaction,
            witnesses(self._rt.settings),
            key=self._rt.log_key.public_key(),
            now=self._rt.now,
        )

    def watch_certificate(self) -> None:
        """Say in the log file, each day, that the signing certificate is about to end."""
        warning = certificates.validity(credentials(self._rt)).warning(at=self._rt.now())
        if warning is not None:
            logger.warning("%s", warning)

    def keep_parts(self) -> None:
        """Keep the parts of what was sealed in this machine's file, so that who asks need not wait."""
        parts, written = parts_of(self._rt), PARTS_PAGES
        while written == PARTS_PAGES:
            with self._rt.transaction() as session:
                written = parts.follow(session, pages=PARTS_PAGES)

    def stamp(self) -> None:
        """Ask for the time stamps that were not to be had when composites were sealed."""
        authorities = clock(self._rt)
        if authorities.authorities:
            stamping.stamp_waiting(
                self._rt.transaction,
                clock=authorities,
                blobs=self._rt.blobs,
                by=self._rt.actor,
                now=self._rt.now,
            )

    def close(self) -> None:
        """Wait for what goes on beside the rounds."""
        self._aside.shutdown()
        self._reporting.shutdown()

    def relay(self) -> None:
        """Send what the outbox holds."""
        with self._rt.transaction() as session:
            outbox.relay(session, lambda queue, task, ids: self._send(session, queue, task, ids))

    def collect(self) -> None:
        """Turn the render side's hints into hints of our own. Whoever writes there can only make us look."""
        found: set[UUID] = set()

        def receive(message: Message) -> None:
            order = queues.order_of(message)
            try:
                found.add(UUID(order or ""))
            except ValueError:
                logger.warning("a message on `rendered` is no hint")
            message.ack()

        with (
            app.reaching_broker(queues.hints(self._rt.addresses.render_broker_url)) as connection,
            Consumer(connection, [queues.rendered_queue()], on_message=receive, accept=["json"]),
            contextlib.suppress(TimeoutError),
        ):
            while len(found) < HINTS_A_ROUND:
                connection.drain_events(timeout=0.05)
        at = self._rt.now()
        with self._rt.transaction() as session:
            for order_id in sorted(found):
                outbox.enqueue(session, SEAL_TASK, queue=BANK_QUEUE, at=at, order_id=order_id)

    # A broker that does not answer has its hints waiting in the outbox. Each sweep asks it first, and so adds
    # none to them while it is away.

    def sweep_requests(self) -> None:
        drained = app.drained(self._bank, BANK_QUEUE)
        with self._rt.transaction() as session:
            synthesis.sweep_requests(session, drained=drained, at=self._rt.now())

    def sweep_batches(self) -> None:
        drained = app.drained(self._bank, INGEST_QUEUE)
        with self._rt.transaction() as session:
            ingestion.sweep(session, drained=drained, by=self._rt.actor, at=self._rt.now())

    def sweep_orders(self) -> None:
        drained = app.drained(self._bank, BANK_QUEUE)
        held = render_queue.held(self._render)
        at = self._rt.now()
        published: synthesis.Published | None = None
        if held is not None:
            with self._rt.transaction() as session:
                over = synthesis.over(session, {order.order_id for order in held}, at=at)
            render_queue.take_away(self._render, (order for order in held if order.order_id in over))
            published = synthesis.Published(
                waiting=frozenset(order.order_id for order in held if not order.taken),
                taken=frozenset(order.order_id for order in held if order.taken),
            )
        with self._rt.transaction() as session:
            synthesis.sweep_orders(session, published=published, drained=drained, blobs=self._rt.blobs, at=at)

    def renew(self) -> None:
        """Move the ends of terms that went on by themselves. Until then a term ends early, never late."""
        with self._rt.transaction() as session:
            reprofile(session, renewing.renew(session, by=self._rt.actor, at=self._rt.now()))

    def release_holds(self) -> None:
        """Give back what handouts held under caps and did not publish in their period."""
        freed = 1
        while freed:
            with self._rt.transaction() as session:
                freed = handouts.release(session, at=self._rt.now())

    def checkpoint(self) -> None:
        mapping.link_all(self._rt)
        with self._rt.transaction() as session:
            self._signer.sign(session, at=self._rt.now())

    def _send(self, session: Session, queue: str, task: str, ids: Mapping[str, str]) -> None:
        if queue != queues.RENDER_QUEUE:
            with app.reaching_broker(self._bank.connection_for_write()):
                self._bank.send_task(task, kwargs=dict(ids), queue=queue, retry=False)
            return
        order = steps.publish(self._rt, session, UUID(ids["order_id"]))
        if order is not None:
            with app.reaching_broker(self._render.connection_for_write()):
                self._render.send_task(task, args=order, queue=queue, task_id=ids["order_id"], retry=False)

    def _part(self, name: str, part: Callable[[], None], *, every_s: float = 0.0) -> None:
        now = time.monotonic()
        if now - self._last.get(name, float("-inf")) < every_s:
            return
        self._last[name] = now
        try:
            part()
        except BankError as error:
            logger.warning("%s: %s", name, error)
        except Exception:
            # A clerk that ended here would leave its other parts undone, and nobody to start it again.
            logger.exception("%s", name)


def main() -> None:
    """Work until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    rt = Runtime(config.load(), Actor.system("clerk"))
    clerk: Clerk | None = None
    url = make_url(rt.addresses.database_url).set(drivername="postgresql")
    while not stopping:
        try:
            with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
                while not stopping and not _alone(connection):
                    time.sleep(ROUND_S)
                connection.execute(f"LISTEN {outbox.CHANNEL}")
                clerk = clerk or Clerk(rt)
                logger.info("at work")
                while not stopping:
                    clerk.round()
                    for _ in connection.notifies(timeout=ROUND_S, stop_after=1):
                        pass
        except (psycopg.Error, BankError) as error:
            logger.warning("the database: %s", error)
            time.sleep(ROUND_S)
    if clerk is not None:
        clerk.close()
    logger.info("stopped")


def _alone(connection: psycopg.Connection) -> bool:
    """Whether we are the one clerk; the lock goes with the connection."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone()
    return row is not None and bool(row[0])


if __name__ == "__main__":
    main()
