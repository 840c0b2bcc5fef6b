"""A render worker as another site runs it: it knows its broker's address and nothing else."""

import os
import time

import kombu
from celery import Celery
from kombu.transport.redis import Channel

# What it could not do it must not try: to put a message back takes a right that it lacks, and kombu would
# then write the message, links included, into a file.
Channel.do_restore = False

URL = os.environ["BROKER"]
app = Celery("render", broker=URL)
app.conf.update(
    broker_transport_options={"global_keyprefix": "render."},
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    task_ignore_result=True,
    task_default_queue="render",
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
)


@app.task(name="render.order")
def order(attempt: str, nap_s: float) -> None:
    print(f"taken {attempt}", flush=True)
    time.sleep(nap_s)
    with kombu.Connection(URL, transport_options={"global_keyprefix": "rendered."}) as broker:
        broker.Producer(serializer="json").publish({"attempt": attempt}, exchange="", routing_key="rendered")


if __name__ == "__main__":
    app.worker_main(
        [
            "worker",
            "-P",
            "solo",
            "-Q",
            "render",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )
