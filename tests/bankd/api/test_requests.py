import json
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import func, select

from bankd.audit.actor import Actor
from bankd.synthesis import service
from bankd.synthesis.models import Request
from bankd.worker.models import Outgoing
from tests.bankd.api.conftest import png
from tests.bankd.catalog.test_labels import claiming


def counted(bank: Any, table: Any) -> int:
    with bank.runtime.transaction() as session:
        return session.scalar(select(func.count()).select_from(table))


def test_request_is_filed_with_the_whole_use_and_a_hint(bank: Any) -> None:
    response = bank.request()

    assert response.status_code == 202, response.text
    told = response.json()
    assert told["state"] == "filed" and (told["height"], told["width"]) == (48, 64)
    assert told["use"]["sector"] == "general" and told["use"]["licensee"] == "house"
    assert [picture["state"] for picture in told["pictures"]] == ["waiting", "waiting"]
    assert bank.call("creative", "GET", response.headers["location"]).json() == told
    assert counted(bank, Outgoing) == 1
    assert told["canvas"] == "strict" and bank.request(canvas="overlap").json()["canvas"] == "overlap"


def test_same_key_is_one_request_and_another_use_a_clash(bank: Any, use: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "order-7"}
    first, again = bank.request(headers=headers), bank.request(headers=headers)
    assert first.json()["request"] == again.json()["request"] and counted(bank, Request) == 1
    for other in ({"use": json.dumps({**use, "channels": ["print"]})}, {"canvas": "overlap"}):
        clash = bank.request(headers=headers, **other)
        assert clash.status_code == 409 and clash.json()["type"].endswith("key-reused")
    assert bank.request().json()["request"] != first.json()["request"]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"use": "{"}, "body.use"),
        ({"use": "{}"}, "body.use.purpose"),
        ({"variations": "17"}, "body.variations"),
        ({"variations": "0"}, "body.variations"),
        ({"seed": "-1"}, "body.seed"),
        ({"frame": "round"}, "body.frame"),
        ({"canvas": "loose"}, "body.canvas"),
        ({"headers": {"Idempotency-Key": "k" * 201}}, "header.idempotency-key"),
    ],
)
def test_faulty_field_is_named(bank: Any, changes: dict[str, Any], where: str) -> None:
    response = bank.request(**changes)
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["where"] == where
    assert counted(bank, Request) == 0


def test_faulty_use_is_refused_in_a_sentence(bank: Any, use: dict[str, Any]) -> None:
    backwards = bank.request(use=json.dumps({**use, "ends_on": "2026-05-31"}))
    assert backwards.status_code == 422 and "before it starts" in backwards.json()["detail"]
    unstorable = bank.request(use=json.dumps({**use, "brand": "a\0b"}))
    assert unstorable.status_code == 422 and "NUL" in unstorable.json()["detail"]
    assert counted(bank, Request) == 0


def test_what_is_no_layout_is_refused_in_a_sentence_and_leaves_nothing(
    bank: Any, label_map: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(*_: object, **__: object) -> bool:
        raise AssertionError("a byte was stored")

    monkeypatch.setattr(bank.runtime.blobs, "put", put)
    for layout, says in (
        (b"", "is an empty file"),
        (b"no picture", "is no PNG"),
        (label_map()[:50], "is truncated or corrupt"),
        (label_map(8, 8), "`8x8` px"),
        (label_map(16, 2049), "`2049x16` px"),
        (png(np.zeros((48, 64, 3), dtype=np.uint8)), "no indexed, 8-bit or 16-bit grey PNG"),
        (png(np.full((48, 64), 700, dtype=np.uint16)), "`700`"),
        (claiming(1 << 20, 1 << 20), "far too many pixels"),
    ):
        response = bank.request(layout=layout)
        assert response.status_code == 422 and response.json()["type"].endswith("layout-refused")
        assert says in response.json()["detail"]
    classes = json.dumps([{"id": 0, "name": "wall"}, {"id": 1, "name": "unicorn"}]).encode()
    response = bank.request(classes=classes)
    assert response.status_code == 422 and "`unicorn`" in response.json()["detail"]
    assert counted(bank, Request) == counted(bank, Outgoing) == 0


def test_pages_neither_lose_nor_repeat_requests_of_one_moment(bank: Any) -> None:
    filed = {bank.request(seed=str(seed)).json()["request"] for seed in range(5)}

    pages: list[list[str]] = []
    while not pages or pages[-1]:
        after = f"&after={pages[-1][-1]}" if pages else ""
        listed = bank.call("creative", "GET", f"/requests?limit=2{after}").json()
        pages.append([one["request"] for one in listed])

    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert sorted(one for page in pages for one in page) == sorted(filed)
    assert bank.call("creative", "GET", f"/requests?after={uuid4()}").status_code == 404


def test_department_sees_its_own_requests_only(bank: Any) -> None:
    bank.key("magazine", roles=("creative",), department="Magazine")
    bank.key("catalogue", roles=("creative",), department="Catalogue")
    request = bank.request(role="magazine").json()["request"]
    path = f"/requests/{request}"
    for role in ("magazine", "creative", "auditor"):
        assert bank.call(role, "GET", path).status_code == 200
        assert [one["request"] for one in bank.call(role, "GET", "/requests").json()] == [request]
    for told in (path, f"{path}/explain"):
        assert bank.call("catalogue", "GET", told).status_code == 404
    assert bank.call("catalogue", "GET", "/requests").json() == []
    assert bank.call("auditor", "GET", "/requests?state=refused").json() == []
    assert bank.call("auditor", "GET", "/requests?state=lost").status_code == 422


def test_explanation_gives_each_region_its_reasons(bank: Any, NOON: Any) -> None:
    request = bank.request().json()["request"]
    regions = [
        {
            "region": 0,
            "category": "wall",
            "area_px": 2672,
            "box": [0, 0, 64, 48],
            "segments": 3,
            "sampled": None,
            "reasons": [{"policy": "channel-not-granted", "says": "Not for this channel", "segments": 3}],
        }
    ]
    with bank.runtime.transaction() as session:
        row = session.get_one(Request, UUID(request))
        service.refuse(session, row, reasons=regions, by=Actor.system("tests"), at=NOON)

    told = bank.call("creative", "GET", f"/requests/{request}/explain").json()

    assert told["state"] == "refused"
    assert told["regions"] == [{**region, "product": None} for region in regions]
    assert told["pictures"][0]["reasons"][0]["policy"] == "channel-not-granted"
    assert [one["request"] for one in bank.call("auditor", "GET", "/requests?state=refused").json()] == [
        request
    ]


def test_regions_are_declared_as_products(bank: Any) -> None:
    told = bank.request(products='{"wall": "W-1"}')
    assert told.status_code == 202, told.text
    assert set(told.json()["products"].values()) == {"W-1"}
    assert bank.request().json()["products"] == {}
    for wrong in ("[]", "{", '{"wall": 3}', '{"gryphon": "G-1"}', '{"wall": "two words"}'):
        assert bank.request(products=wrong).status_code == 422, wrong
