"""The two queues between a bank and its render workers, and how both sides open them.

`render` carries signed orders to the workers; `rendered` carries hints back:
an order's id and attempt, nothing that anyone would believe. Over Redis or
Valkey each has a key prefix of its own, so that a worker's user can be held
to reading the one and adding to the other.
"""

import json
from typing import Any

from celery import Celery
from kombu.connection import Connection
from kombu.entity import Queue
from kombu.message import Message
from kombu.transport import redis, virtual

RENDER_QUEUE = "render"
RENDERED_QUEUE = "rendered"
RENDER_TASK = "synth.render"
RENDER_PREFIX = "render."
RENDERED_PREFIX = "rendered."
VISIBILITY_TIMEOUT_S = 3600

# Of every app, the bank's too: JSON only, a message acknowledged when its work is done, a broker waited for
# for as long as it is away.
SETTINGS: dict[str, Any] = {
    "task_serializer": "json",
    "accept_content": ["json"],
    "result_backend": None,
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
}


class Unacknowledged(redis.QoS):
    """Counts a message as done even where the broker could not be told.

    kombu counts it as still in hand. A worker that held as many as it may
    when the broker died would then ask for no more, so never touch the dead
    connection, never see that it is dead, and never work again. What the
    broker still has of such a message it delivers again, and all that we
    send can be done twice.
    """

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue)  # type: ignore[no-untyped-call]
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


# Of every connection in this process: kombu finds a transport by its URL and has no setting for this.
redis.Channel.QoS = Unacknowledged


def make_app(broker_url: str) -> Celery:
    """The Celery app of `render`: JSON only, one order in hand, acknowledged when done."""
    app = Celery("synth", broker=broker_url, set_as_current=False)
    app.conf.update(
        SETTINGS,
        task_default_queue=RENDER_QUEUE,
        broker_transport_options={
            "global_keyprefix": RENDER_PREFIX,
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
        },
    )
    return app


def hints(broker_url: str) -> Connection:
    """A connection to `rendered`, opened when it is used."""
    return Connection(
        broker_url,
        connect_timeout=5,
        transport_options={"global_keyprefix": RENDERED_PREFIX, "visibility_timeout": VISIBILITY_TIMEOUT_S},
    )


def hint(connection: Connection, order_id: str, attempt: int) -> None:
    """Tell the bank to look. Straight onto the queue: to declare anything a worker has no right."""
    producer = connection.Producer(serializer="json", auto_declare=False)
    producer.publish({"order_id": order_id, "attempt": attempt}, exchange="", routing_key=RENDERED_QUEUE)


def rendered_queue() -> Queue:
    return Queue(RENDERED_QUEUE, durable=True)


def order_of(message: Message) -> str | None:
    """The order that a hint is about; None for anything that is no hint."""
    try:
        body: Any = json.loads(message.body)
        return str(body["order_id"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
