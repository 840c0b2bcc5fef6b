"""What the broker holds of the queue `render`, where it can be asked: Redis and Valkey.

Their messages outlive whom they were for. A render worker that is killed
leaves its order among the unacknowledged, and may not put back what others
hold; an order that expires in the queue stays there. So the bank looks,
publishes again what is gone and takes away what is over. RabbitMQ gives back
by itself what a dead worker held.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis
from celery import Celery
from kombu.connection import Connection

from bankd.worker.app import reaching_broker
from synth.queues import RENDER_PREFIX, RENDER_QUEUE

WAITING = f"{RENDER_PREFIX}{RENDER_QUEUE}"
TAKEN = f"{RENDER_PREFIX}unacked"
TAKEN_INDEX = f"{RENDER_PREFIX}unacked_index"


@dataclass(frozen=True)
class Published:
    """One message with an order, as the broker has it; `tag` names it once a worker has taken it."""

    order_id: UUID
    tag: bytes | None
    content: bytes

    @property
    def taken(self) -> bool:
        return self.tag is not None


def held(app: Celery) -> list[Published] | None:
    """Every order in the broker; None where it keeps them to itself.

    Raises:
        BrokerUnavailable: it does not say.
    """
    with reaching_broker(app.connection_for_write()) as connection:
        client = _client(connection)
        if client is None:
            return None
        # Those that wait are looked at first: one that is taken in between is seen twice, not missed.
        waiting: Any = client.lrange(WAITING, 0, -1)
        taken: Any = client.hgetall(TAKEN)
    found = [(None, content, content) for content in waiting]
    found += [(tag, content, json.dumps(json.loads(content)[0]).encode()) for tag, content in taken.items()]
    orders = []
    for tag, content, message in found:
        with suppress(ValueError, TypeError, KeyError):  # no order of ours: a worker will refuse it
            orders.append(Published(UUID(json.loads(message)["headers"]["id"]), tag, content))
    return orders


def take_away(app: Celery, orders: Iterable[Published]) -> None:
    """Forget these messages, in whoever's hands they are.

    Raises:
        BrokerUnavailable: some may be left.
    """
    with reaching_broker(app.connection_for_write()) as connection:
        client = _client(connection)
        assert client is not None  # held() found them there
        for order in orders:
            if order.tag is None:
                client.lrem(WAITING, 1, order.content)  # type: ignore[arg-type]
            else:
                client.zrem(TAKEN_INDEX, order.tag)
                client.hdel(TAKEN, order.tag)


def _client(connection: Connection) -> "redis.Redis | None":
    """A client that adds no prefix to keys, over a channel of this connection."""
    if connection.transport.driver_type != "redis":
        return None
    channel: Any = connection.default_channel
    return redis.Redis(connection_pool=channel.pool)
