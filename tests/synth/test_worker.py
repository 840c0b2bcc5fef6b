"""The render worker's own process, as the installation starts it, against a store that lies."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import rendering
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rendering import Site, Store, an_archive, an_order

from bankd import embedded, installation
from bankd.config import Settings
from bankd.runtime import Runtime
from synth import workorder
from synth.workorder import WorkOrder

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
WHOLE = ["GET cancelled", "GET archive", "GET cancelled", "PUT result"]


@dataclass
class World:
    """A worker, the store it was told of, and a place where it has no business."""

    site: Site
    store: Store
    elsewhere: Store
    number: int = 0

    def order(self, **changes: Any) -> WorkOrder:
        self.number += 1
        return an_order(KEY, self.store.url, f"order-{self.number}", **changes)

    def serve(self, order: WorkOrder, content: bytes | None = None) -> None:
        """Put the archive where the order's link finds it."""
        archive = an_archive()[0] if content is None else content
        self.store.there[f"/{order.order_id}/archive"] = archive

    def deal_with(self, *signed: tuple[str, str]) -> list[tuple[str, int]]:
        """Publish these orders and a good one after them; the hints, less the good one's. The worker is
        still the one that was started, and at work."""
        good = self.order()
        self.serve(good)
        self.site.publish(*signed, workorder.sign(good, KEY))
        hints = self.site.hints_until(good.order_id)
        assert self.site.alive
        assert self.store.of(good.order_id) == WHOLE
        return [hint for hint in hints if hint != (good.order_id, 1)]


@pytest.fixture(scope="module")
def world(stack: embedded.Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("site")
    with rendering.store() as store, rendering.store() as elsewhere:
        settings = Settings(
            home=home,
            database_url="postgresql+psycopg://nowhere",
            broker_url=stack.broker_url,
            render_broker_url=stack.broker_url,
            render_worker_broker_url=stack.render_broker_url,
            s3_endpoint=store.url.removeprefix("http://"),
            s3_secure=False,
            s3_access_key="unused",
            s3_secret_key="unused",
        )
        runtime = Runtime(settings, None)  # type: ignore[arg-type]  nobody acts here
        runtime.order_key = KEY  # type: ignore[misc]
        with rendering.site(home, stack, installation.programs(runtime)["render"]) as site:
            yield World(site, store, elsewhere)


def test_a_good_order_is_rendered_and_hinted_at(world: World) -> None:
    order = world.order()
    world.serve(order)

    assert world.deal_with(workorder.sign(order, KEY)) == [(order.order_id, 1)]

    assert world.store.of(order.order_id) == WHOLE
    result, pictures = workorder.unpack_result(
        world.store.there[f"/{order.order_id}/result"],
        order_id=order.order_id,
        attempt=1,
        height=64,
        width=96,
    )
    assert result.variations[0].outcome == "rendered"
    assert pictures[0].rgb.shape == (64, 96, 3)
    assert pictures[0].rgb.std() > 10


def test_a_cancelled_order_is_dropped_before_its_archive_is_fetched(world: World) -> None:
    order = world.order()
    world.serve(order)
    world.store.there[f"/{order.order_id}/cancelled"] = b""

    assert world.deal_with(workorder.sign(order, KEY)) == []
    assert world.store.of(order.order_id) == ["GET cancelled"]


def forged(order: WorkOrder) -> tuple[str, str]:
    text, signature = workorder.sign(order, KEY)
    return text.replace('"attempt":1', '"attempt":2'), signature


def by_another_key(order: WorkOrder) -> tuple[str, str]:
    return workorder.sign(order, OTHER)


def of_another_installation(order: WorkOrder) -> tuple[str, str]:
    foreign = order.model_copy(update={"bank": workorder.fingerprint(OTHER.public_key())})
    return workorder.sign(foreign, OTHER)


def for_another_bank(order: WorkOrder) -> tuple[str, str]:
    return workorder.sign(order.model_copy(update={"bank": "0" * 16}), KEY)


def unsigned(order: WorkOrder) -> tuple[str, str]:
    return order.model_dump_json(), ""


def of_no_order(order: WorkOrder) -> tuple[str, str]:
    text = json.dumps({"order_id": order.order_id})
    return text, base64.b64encode(KEY.sign(text.encode())).decode()


def announcing_too_much(order: WorkOrder) -> tuple[str, str]:
    large = order.archive.model_copy(update={"size_bytes": workorder.MAX_ARCHIVE_BYTES + 1})
    return workorder.sign(order.model_copy(update={"archive": large}), KEY)


@pytest.mark.parametrize(
    "refused",
    [
        forged,
        by_another_key,
        of_another_installation,
        for_another_bank,
        unsigned,
        of_no_order,
        announcing_too_much,
    ],
)
def test_an_order_that_is_not_the_banks_is_not_touched(world: World, refused: Any) -> None:
    order = world.order()
    world.serve(order)
    before = world.site.said().count("order refused")

    assert world.deal_with(refused(order)) == []

    assert world.store.of(order.order_id) == []
    assert world.site.said().count("order refused") == before + 1


def test_an_expired_order_is_answered_and_not_followed(world: World) -> None:
    order = world.order(expires_at=int(time.time()) - 1, attempt=3)
    world.serve(order)

    assert world.deal_with(workorder.sign(order, KEY)) == [(order.order_id, 3)]
    assert world.store.of(order.order_id) == []


@pytest.mark.parametrize("link", ["archive", "result_url", "cancel_url"])
@pytest.mark.parametrize("way", ["host", "scheme", "port", "file", "user"])
def test_an_order_whose_link_leads_elsewhere_is_not_followed(world: World, link: str, way: str) -> None:
    store, elsewhere = (at.url.removeprefix("http://") for at in (world.store, world.elsewhere))
    url = {
        "host": f"http://localhost:{store.rpartition(':')[2]}/secret",
        "scheme": f"https://{store}/secret",
        "port": f"http://{elsewhere}/secret",
        "file": "file:///etc/passwd",
        "user": f"http://{store}@{elsewhere}/secret",
    }[way]
    order = world.order()
    world.serve(order)
    target = order.archive.model_copy(update={"url": url}) if link == "archive" else url
    asked = len(world.store.asked)

    assert world.deal_with(workorder.sign(order.model_copy(update={link: target}), KEY)) == []

    assert world.store.of(order.order_id) == []
    assert [line for line in world.store.asked[asked:] if "secret" in line] == []
    assert world.elsewhere.asked == []


@pytest.mark.parametrize(
    ("link", "asked"),
    [
        ("archive", ["GET cancelled", "GET archive"]),
        ("result", WHOLE),
        ("cancelled", WHOLE),
    ],
)
def test_a_redirect_is_not_followed(world: World, link: str, asked: list[str]) -> None:
    order = world.order()
    world.serve(order)
    world.store.moved[f"/{order.order_id}/{link}"] = f"{world.elsewhere.url}/{order.order_id}/{link}"
    world.elsewhere.there[f"/{order.order_id}/{link}"] = an_archive()[0]

    # It came to nothing, and the bank is told to look, but for a cancel link: no answer is no cancellation.
    assert world.deal_with(workorder.sign(order, KEY)) == [(order.order_id, 1)]

    assert world.store.of(order.order_id) == asked
    assert (f"/{order.order_id}/result" in world.store.there) == (link == "cancelled")
    assert world.elsewhere.asked == []


@pytest.mark.parametrize("change", ["one byte", "shorter", "longer"])
def test_an_archive_that_is_not_the_signed_one_is_not_opened(world: World, change: str) -> None:
    archive, _ = an_archive()
    order = world.order()
    other = {"one byte": archive[:-1] + b"\x01", "shorter": archive[:-1], "longer": archive + b"\x00"}[change]
    world.serve(order, other)

    assert world.deal_with(workorder.sign(order, KEY)) == []
    assert world.store.of(order.order_id) == ["GET cancelled", "GET archive"]


def test_an_archive_larger_than_announced_is_not_read_to_its_end(world: World) -> None:
    order = world.order()
    world.serve(order, bytes(64 << 20))

    assert world.deal_with(workorder.sign(order, KEY)) == []

    assert world.store.of(order.order_id) == ["GET cancelled", "GET archive"]
    assert world.store.sent[f"/{order.order_id}/archive"] < 32 << 20


@pytest.mark.parametrize("content", [b"no archive at all", b"PK\x05\x06" + bytes(18)])
def test_a_signed_archive_that_cannot_be_read_is_refused_like_any_other(world: World, content: bytes) -> None:
    order = world.order(content=content)
    world.serve(order, content)

    assert world.deal_with(workorder.sign(order, KEY)) == []
    assert world.store.of(order.order_id) == ["GET cancelled", "GET archive"]
    assert "order refused: the archive cannot be read" in world.site.said()
