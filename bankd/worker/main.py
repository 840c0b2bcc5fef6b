"""What `celery -A bankd.worker.main` opens: the bank's app, pointed at its broker."""

from bankd.runtime import runtime
from bankd.worker.app import connect

app = connect(runtime().addresses.broker_url)
