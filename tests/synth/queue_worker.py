"""A worker on the queue settings of both sides, that says what it takes and sits over it until told."""

import os
import time
from pathlib import Path

from synth.queues import make_app

app = make_app(os.environ["BROKER"])


@app.task(name="render.order")
def order(attempt: str, until: str | None) -> None:
    """`until`: a file that is made when it may go on."""
    print(f"taken {attempt}", flush=True)
    while until is not None and not Path(until).exists():
        time.sleep(0.02)
    print(f"done {attempt}", flush=True)


if __name__ == "__main__":
    app.worker_main(
        ["worker", "-Q", "render", "-c", "2", "-l", "INFO"]
        + ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        + (["-P", "solo"] if os.environ["POOL"] == "solo" else [])
    )
