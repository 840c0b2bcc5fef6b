"""The render worker: a Celery shell around one signed order at a time.

It is not trusted with the bank. Its environment holds a broker user that
reads `render` and writes `rendered`, the bank's public order key and the
address of the store that links may lead to; nothing else, and no right of
its own to the database or the store. Run it as

    celery -A synth.worker worker -P solo -Q render -c 1

one process per GPU: torch does not survive a fork.
"""

import base64
import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kombu.transport.redis import Channel as RedisChannel

from synth.layout import Layout
from synth.links import LinkFailed, Links
from synth.memory import Meter
from synth.pictures import CategoryFacts, Segment, SynthError
from synth.pipeline import Aligner, Cancelled, Sorter, Uncovered, synthesize
from synth.queues import RENDER_TASK, hint, hints, make_app
from synth.refinement import Blend, Refined, Refiner
from synth.workorder import (
    OrderedVariation,
    OrderExpired,
    OrderRefused,
    RenderedVariation,
    Result,
    WorkOrder,
    pack_result,
    read,
    unpack_archive,
)

logger = logging.getLogger("synth.worker")


class OrderFailed(Exception):
    """A good order came to nothing; another attempt may do better."""

    def __init__(self, order_id: str, attempt: int) -> None:
        super().__init__(f"order `{order_id}` failed")
        self.order_id = order_id
        self.attempt = attempt


def render(
    text: str,
    signature: str,
    *,
    key: Ed25519PublicKey,
    store: str,
    now: float,
    links: Links,
    device: str = "cpu",
) -> tuple[str, int]:
    """Render one order and put its result; (order id, attempt) for the hint.

    Raises:
        OrderRefused: the order is not to be touched.
        OrderFailed: a link could not be followed.
        Cancelled: the bank wants this order no more.
    """
    order = read(text, signature, key=key, now=now, store=store)
    try:
        _follow(order, links=links, device=device)
    except (LinkFailed, SynthError) as failed:
        raise OrderFailed(order.order_id, order.attempt) from failed
    return order.order_id, order.attempt


@dataclass(frozen=True)
class Hands:
    """What works on the pictures of an order; None where nothing was learned or is metered."""

    refiner: Refiner
    aligner: Aligner | None = None
    sorter: Sorter | None = None
    meter: Meter | None = None


def _hands(order: WorkOrder, categories: Mapping[int, CategoryFacts], *, links: Links, device: str) -> Hands:
    """The order's networks, fetched once: a file whose hash the order names is kept for the next.

    Raises:
        SynthError: a file is no network that fits here.
    """
    if order.refiner == "blend":
        return Hands(Blend())
    from synth.networks.device import meter  # torch is loaded where a network is asked for
    from synth.networks.trained import Trained

    wanted = tuple(sorted(one.sha256 for one in order.networks))
    if wanted not in _kept:
        with tempfile.TemporaryDirectory() as folder:
            for one in order.networks:
                (Path(folder) / f"{one.kind}.safetensors").write_bytes(links.fetch(one))
            trained = Trained.load(Path(folder))
        _kept.clear()  # one set at a time: memory is for pictures
        _kept[wanted] = trained
    trained = _kept[wanted]
    return Hands(
        trained.refiner(categories),
        trained.aligner(categories, device=device),
        trained.sorter(categories, device=device),
        meter(device),
    )


_kept: dict[tuple[str, ...], Any] = {}  # by the hashes of its files, the networks of the last order


def _follow(order: WorkOrder, *, links: Links, device: str) -> None:
    def go_on() -> None:
        if links.exists(order.cancel_url):
            raise Cancelled(order.order_id)

    go_on()
    labels, segments = unpack_archive(links.fetch(order.archive))
    if labels.shape != (order.height, order.width):
        raise OrderRefused("the archive's layout is not of the order's size")
    categories = {category.id: category.facts() for category in order.categories}
    hands = _hands(order, categories, links=links, device=device)
    claims: list[RenderedVariation] = []
    pictures: dict[int, Refined] = {}
    for variation in order.variations:
        claim, made = _render(
            variation, order, Layout(labels), segments, categories, hands, device=device, go_on=go_on
        )
        claims.append(claim)
        if made is not None:
            pictures[variation.index] = made
    go_on()
    result = Result(order_id=order.order_id, attempt=order.attempt, device=device, variations=tuple(claims))
    links.put(order.result_url, pack_result(result, pictures))


def _render(
    variation: OrderedVariation,
    order: WorkOrder,
    layout: Layout,
    segments: Mapping[int, Segment],
    categories: Mapping[int, CategoryFacts],
    hands: Hands,
    *,
    device: str,
    go_on: Callable[[], None],
) -> tuple[RenderedVariation, Refined | None]:
    try:
        picture = synthesize(
            layout,
            [list(keys) for keys in variation.picks],
            segments,
            categories,
            anchor=variation.anchor,
            frame=order.frame,
            seed=variation.seed,
            device=device,
            refiner=hands.refiner,
            aligner=hands.aligner,
            sorter=hands.sorter,
            device_meter=hands.meter,
            rule=order.canvas,
            go_on=go_on,
        )
    except Uncovered as short:
        return RenderedVariation(index=variation.index, outcome="uncovered", uncovered=short.regions), None
    claim = RenderedVariation(
        index=variation.index,
        outcome="rendered",
        ledger_sha256=picture.ledger.digest(),
        placements=tuple((p.region, p.segment, p.rank, *p.affine) for p in picture.placements),
        timings_ms={stage: round(seconds * 1000) for stage, seconds in picture.timings.items()},
        memory_mb=_in_mb(picture.memory),
        device_memory_mb=_in_mb(picture.device_memory),
    )
    return claim, Refined(picture.rgb, picture.gate, picture.base)


def _in_mb(held: Mapping[str, int]) -> dict[str, int]:
    return {stage: round(size / 1e6) for stage, size in held.items()}


def _device() -> str:
    try:
        import torch
    except ImportError:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"


def _install(app: Celery) -> None:
    """Give the app its one task, bound to this process's environment."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(os.environ["SYNTH_ORDER_KEY"]))
    store = os.environ["SYNTH_STORE"]
    links, device = Links(), _device()

    @app.task(name=RENDER_TASK)  # type: ignore[untyped-decorator]
    def render_order(order: str, signature: str) -> None:
        """Render one order. Delivered at least once, so safe to run twice: the result's link is put anew.

        Never retried from here: this worker may not write to `render`. An
        order that came to nothing is hinted all the same, and the bank, which
        finds no result, makes the next attempt.
        """
        try:
            order_id, attempt = render(
                order, signature, key=key, store=store, now=time.time(), links=links, device=device
            )
        except OrderExpired as late:
            order_id, attempt = late.order_id, late.attempt
        except OrderFailed as failed:
            logger.warning("%s: %s", failed, failed.__cause__)
            order_id, attempt = failed.order_id, failed.attempt
        except Cancelled:
            logger.info("order cancelled")
            return
        except OrderRefused as refused:
            logger.warning("order refused: %s", refused)
            return
        with hints(os.environ["SYNTH_BROKER_URL"]) as connection:
            hint(connection, order_id, attempt)


if "SYNTH_BROKER_URL" in os.environ:
    # At a hard stop kombu would put the order in hand back, which this worker's user may not, and then
    # write it, links and all, into a temporary file. The bank publishes it again instead.
    RedisChannel.do_restore = False
    app = make_app(os.environ["SYNTH_BROKER_URL"])
    _install(app)
