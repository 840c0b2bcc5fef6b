"""The Celery app of the bank's side: queues `ingest` and `bank`.

Messages are hints and carry ids only; the row is the truth. A task that was
lost with its worker is hinted anew by the clerk's sweep when its lease runs
out, so the broker's own redelivery is a second net and not the first.
"""

from celery import Celery

INGEST_QUEUE = "ingest"
BANK_QUEUE = "bank"
TASK_LIMIT_S = 600
VISIBILITY_TIMEOUT_S = 900  # above the hard limit: a running task is not handed to another

app = Celery("bankd", set_as_current=True)
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    result_backend=None,
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=TASK_LIMIT_S,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
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
