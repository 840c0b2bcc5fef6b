"""kill -9 of every part, during a batch and during requests: all ends in a final state, nothing twice."""

from typing import Any

import pytest

PARTS = ("ingest", "bank", "render", "clerk", "valkey", "seaweed", "postgres")


@pytest.mark.parametrize("part", PARTS)
def test_every_photo_and_request_ends_once_whatever_was_killed(house: Any, part: str) -> None:
    batch, requests = house.file_batch(8), house.file_requests(3)

    house.kill(part)
    house.up()
    house.wait(lambda: house.finished(batch, requests))

    house.all_went_well(batch, requests, photos=8)
