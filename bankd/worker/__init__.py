"""The bank's own queues: the Celery app, and the outbox that fills them."""
