"""The Celery app of the bank's side: queues `ingest` and `bank`.

Messages are hints and carry ids only; the row is the truth. A task that was
lost with its worker is hinted anew by the clerk's sweep when its lease runs
out, so the broker's own redelivery is a second net and not the first.
"""

from celery import Celery

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
