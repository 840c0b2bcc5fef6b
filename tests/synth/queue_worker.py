"""A worker on the queue settings of both sides, that says what it takes and naps over it."""

import os
import time

from synth.queues import make_app

app = make_app(os.environ["BROKER"])


@app.task(name="render.order")
def order(attempt: str, nap_s: float) -> None:
    print(f"taken {attempt}", flush=True)
    time.sleep(nap_s)
    print(f"done {attempt}", flush=True)


if __name__ == "__main__":
    app.worker_main(
        ["worker", "-Q", "render", "-c", "2", "-l", "INFO"]
        + ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        + (["-P", "solo"] if os.environ["POOL"] == "solo" else [])
    )
