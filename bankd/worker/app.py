"""The Celery app of the bank's side: queues `ingest` and `bank`.

Messages are hints and carry ids only; the row is the truth. A task that was
lost with its worker is hinted anew by the clerk's sweep when its lease runs
out, so the broker's own redelivery is a second net and not the first.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery
from kombu.connection import Connection
from kombu.exceptions import KombuError

from bankd.worker.errors import BrokerUnavailable
from synth.queues import SETTINGS

INGEST_QUEUE = "ingest"
BANK_QUEUE = "bank"
TASK_LIMIT_S = 600
VISIBILITY_TIMEOUT_S = 900  # above the hard limit: a running task is not handed to another

app = Celery("bankd", set_as_current=True)
app.conf.update(
    SETTINGS,
    task_time_limit=TASK_LIMIT_S,
    task_default_queue=BANK_QUEUE,
    broker_transport_options={
        "global_keyprefix": "bank.",
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "max_retries": 3,
        "interval_start": 0.2,
        "interval_step": 0.5,
    },
    imports=("bankd.ingestion.tasks", "bankd.synthesis.tasks"),
)


def connect(broker_url: str) -> Celery:
    """Point the app at its broker."""
    app.conf.broker_url = broker_url
    return app


def drained(app: Celery, queue: str) -> bool:
    """Whether the broker holds no message of this queue that no worker has taken.

    Raises:
        BrokerUnavailable: it does not say.
    """
    with reaching_broker(app.connection_for_write()) as connection, connection.channel() as channel:
        # Asked passively, kombu forgets the key prefix and says that Redis has no such queue; and there it
        # declares nothing when it is not.
        passive = connection.transport.driver_type != "redis"
        return int(channel.queue_declare(queue, passive=passive).message_count) == 0


@contextmanager
def reaching_broker(connection: Connection) -> Iterator[Connection]:
    """Open a connection to a broker and close it; what its client raises becomes our error.

    Raises:
        BrokerUnavailable: it cannot be reached, or it refused.
    """
    try:
        with connection:
            yield connection
    except (KombuError, OSError, *connection.connection_errors, *connection.channel_errors) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error
