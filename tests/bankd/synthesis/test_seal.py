"""What comes back from a render worker is a claim: what the seal believes, and what moves under it."""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from drawn import labels
from small_bank import Bank
from sqlalchemy import Engine, event, func, select
from urllib3 import PoolManager

from bankd.audit import log
from bankd.catalog import fingerprints
from bankd.catalog.models import PhotoFingerprint, Tombstone
from bankd.licensing.models import GrantCounter
from bankd.likeness.hashing import look
from bankd.provenance import manifest, pixels
from bankd.provenance.models import Composite, Usage
from bankd.synthesis import masks, orders, sealing, steps
from bankd.synthesis.models import Order, Reservation, Variation
from synth import workorder
from synth.refinement import Refined

MOST_STATEMENTS = 28


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """Every statement that is sent to the database meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(" ".join(statement.split())[:120])

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def put_result(bank, order: Order, content: bytes) -> None:
    link = bank.rt.blobs.presigned_put(orders.result_key(order), expires=timedelta(minutes=5))
    assert PoolManager().request("PUT", link, body=content).status == 200


def result_of(bank, order: Order) -> bytes:
    return bank.rt.blobs.get(orders.result_key(order), limit_bytes=1 << 26)


def edited(content: bytes, edit: Callable[[dict[str, Any]], None], *, picture: bytes | None = None) -> bytes:
    """The result with its claims changed and its pictures kept, or each replaced by the one given."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "result.json":
                claims = json.loads(data)
                edit(claims)
                data = json.dumps(claims).encode()
            elif picture is not None:
                data = picture
            new.writestr(name, data)
    return out.getvalue()


def sealed(bank) -> list[Composite]:
    with bank.rt.transaction() as session:
        return list(session.scalars(select(Composite)))


def last_kind(bank) -> str:
    with bank.rt.transaction() as session:
        return [entry.kind for entry in log.read(session)][-1]


def shift(claims: dict[str, Any]) -> None:
    claims["variations"][0]["placements"][0][5] += 65536 * 10


def another_ledger(claims: dict[str, Any]) -> None:
    claims["variations"][0]["ledger_sha256"] = "0" * 64


def a_segment_not_ordered(claims: dict[str, Any]) -> None:
    claims["variations"][0]["placements"][0][1] = 10_000


@pytest.mark.parametrize("forge", [shift, another_ledger, a_segment_not_ordered])
def test_a_claim_that_the_bank_cannot_recompute_is_never_sealed(served, forge) -> None:
    order = served.order(served.ask())
    served.render(order)
    put_result(served, order, edited(result_of(served, order), forge))

    steps.seal(served.rt, order.id)

    assert sealed(served) == []
    request = served.request(order.request_id)
    assert request.state == "refused"
    with served.rt.transaction() as session:
        variation = session.scalars(select(Variation)).one()
        assert variation.reasons["reasons"] == ["result-forged"]


def notched() -> Any:
    """A layout whose mug has a slit, which no segment in the bank has: on an overlap canvas it narrows."""
    layout = labels(mug_x=44)
    layout[26:36, 50:54] = layout[0, 0]
    return layout


def test_an_overlap_canvas_is_made_sealed_and_named_as_it_was_asked_for(served) -> None:
    strict = served.order(served.ask(layout=notched()))
    overlap = served.order(served.ask(layout=notched(), canvas="overlap"))
    for order in (strict, overlap):
        served.render(order)
        steps.seal(served.rt, order.id)

    made = {composite.order_id: manifest.read(composite.manifest) for composite in sealed(served)}
    assert made[overlap.id].canvas == "overlap" and made[strict.id].canvas == "strict"
    assert made[overlap.id].owner_runs != made[strict.id].owner_runs
    assert served.request(overlap.request_id).canvas == "overlap"


def test_seams_between_photos_are_told_apart_and_remain_their_owner_s_in_the_records(served) -> None:
    order = served.order(served.ask())
    served.render(order)
    steps.seal(served.rt, order.id)

    with served.rt.transaction() as session:
        composite = session.scalars(select(Composite)).one()
        drawn = manifest.read(composite.manifest)
        rows = {row.segment_id: row for row in session.scalars(select(Usage))}
    assert drawn.version == 2 and drawn.seam_px == np.count_nonzero(drawn.seams()) > 0
    photos = drawn.photo_map()
    near = np.zeros(photos.shape, bool)
    for rows_on, columns_on in ((1, 0), (0, 1)):
        height, width = photos.shape
        differ = photos[rows_on:, columns_on:] != photos[: height - rows_on, : width - columns_on]
        near[rows_on:, columns_on:] |= differ
    assert (drawn.seams() & near).any() and not drawn.seams()[photos < 0].any()
    for segment in drawn.segments():
        row = rows[segment.segment_id]
        assert (row.canvas_px, row.placed_px, row.filled_px, row.blended_px) == (
            segment.canvas_px,
            segment.placed_px,
            segment.filled_px,
            segment.blended_px + segment.seam_px,
        )


@pytest.mark.parametrize(("asked", "made"), [("strict", "overlap"), ("overlap", "strict")])
def test_a_canvas_by_another_rule_than_was_asked_for_is_not_sealed(served, asked, made) -> None:
    order = served.order(served.ask(layout=notched(), canvas=asked))
    with served.rt.transaction() as session:
        row = session.get_one(Order, order.id)
        row.spec = {**row.spec, "canvas": made}
    with served.rt.transaction() as session:
        served.render(session.get_one(Order, order.id))
    with served.rt.transaction() as session:
        session.get_one(Order, order.id).spec = order.spec

    steps.seal(served.rt, order.id)

    assert sealed(served) == []
    with served.rt.transaction() as session:
        assert session.scalars(select(Variation)).one().reasons["reasons"] == ["result-forged"]


def test_a_picture_is_made_of_the_segments_that_were_ordered_for_it_and_no_others(bank) -> None:
    """Another picture of the order has a place under the cap; this one has none."""
    capped, free = bank.grant("capped", cap=9), bank.grant("free")
    bank.take((capped,), (free,), (free,), (free,))
    order = bank.order(bank.ask(variations=4))
    with bank.rt.transaction() as session:
        places = set(session.scalars(select(Reservation.variation)))
    held, other = min(places), min({*range(4)} - places)
    bank.render(order)

    def swap(claims: dict[str, Any]) -> None:
        honest = claims["variations"][held]
        claims["variations"][other].update(
            placements=honest["placements"], ledger_sha256=honest["ledger_sha256"]
        )

    put_result(bank, order, edited(result_of(bank, order), swap))
    steps.seal(bank.rt, order.id)

    assert {composite.variation for composite in sealed(bank)} == {*range(4)} - {other}
    with bank.rt.transaction() as session:
        on_grant = select(func.count(Usage.composite_id.distinct())).join(
            GrantCounter, GrantCounter.grant_id == Usage.grant_id
        )
        assert session.scalars(select(GrantCounter.used)).one() == session.scalar(on_grant)
        refused = session.get_one(Variation, (order.request_id, other))
        assert refused.reasons["reasons"] == ["result-forged"]


def with_(**claim: Any) -> Callable[[dict[str, Any]], None]:
    return lambda claims: claims["variations"][0].update(claim)


def placement(place: int, number: int) -> Callable[[dict[str, Any]], None]:
    def edit(claims: dict[str, Any]) -> None:
        claims["variations"][0]["placements"][0][place] = number

    return edit


def placed_twice(claims: dict[str, Any]) -> None:
    claims["variations"][0]["placements"].append(claims["variations"][0]["placements"][0])


HOSTILE = {
    "nothing placed": with_(placements=[], ledger_sha256="0" * 64),
    "no region": placement(0, 77),
    "region before the first": placement(0, -1),
    "segment before the first": placement(1, -1),
    "rank beyond all": placement(2, 1 << 40),
    "affine beyond all": placement(3, 1 << 52),
    "affine beyond numbers": placement(3, 10**30),
    "placed twice": placed_twice,
    "uncovered beyond numbers": with_(outcome="uncovered", uncovered=[1 << 70]),
    "uncovered without end": with_(outcome="uncovered", uncovered=list(range(200_000))),
    "a zero byte in the timings": with_(timings_ms={"align\x00": 1}),
    "timings beyond numbers": with_(timings_ms={"align": 10**400}),
    "a zero byte in what was held": with_(memory_mb={"align\x00": 1}),
    "held beyond numbers": with_(device_memory_mb={"align": 1 << 40}),
    "a zero byte in the device": lambda claims: claims.update(device="cpu\x00"),
    "another picture's number": with_(index=9),
    "a negative number": with_(index=-1),
    "no claims": lambda claims: claims.update(variations=[]),
    "a claim more": lambda claims: claims.update(more=1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_worker_claims_its_order_comes_to_an_end(served, name) -> None:
    order = served.order(served.ask())
    served.render(order)
    put_result(served, order, edited(result_of(served, order), HOSTILE[name]))

    steps.seal(served.rt, order.id)

    assert sealed(served) == []
    with served.rt.transaction() as session:
        assert session.get_one(Order, order.id).state in ("done", "void")
    assert served.request(order.request_id).state in ("filed", "refused", "failed")


def test_a_result_of_another_attempt_or_order_is_void_and_ordered_again(served) -> None:
    first = served.order(served.ask())
    served.render(first)
    old = result_of(served, first)
    second = served.order(served.ask(seed=9))
    put_result(served, second, old)

    steps.seal(served.rt, second.id)

    assert sealed(served) == []
    assert last_kind(served) == "result.refused"
    assert served.make(second.request_id).state == "completed"


@pytest.mark.parametrize("rubbish", [b"", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_rubbish_is_void_and_a_request_is_given_up_after_five_of_it(served, rubbish) -> None:
    request_id = served.ask()
    for _ in range(5):
        order = served.order(request_id)
        put_result(served, order, rubbish)
        steps.seal(served.rt, order.id)

    assert served.request(request_id).state == "failed"
    assert sealed(served) == []
    assert served.order(request_id).state == "void"


def test_a_picture_of_another_size_is_void(served) -> None:
    order = served.order(served.ask())
    served.render(order)
    result, _ = workorder.unpack_result(
        result_of(served, order), order_id=str(order.id), attempt=1, height=64, width=96
    )
    put_result(
        served, order, workorder.pack_result(result, {0: Refined(np.zeros((32, 32, 3), dtype=np.uint8))})
    )

    steps.seal(served.rt, order.id)

    assert sealed(served) == []
    assert last_kind(served) == "result.refused"


def test_a_picture_that_says_it_is_enormous_is_void(served) -> None:
    order = served.order(served.ask())
    served.render(order)
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", b""), (b"IEND", b""))
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    put_result(served, order, edited(result_of(served, order), lambda claims: None, picture=bomb))

    steps.seal(served.rt, order.id)

    assert sealed(served) == []
    assert last_kind(served) == "result.refused"


def test_a_hint_without_a_result_changes_nothing(served) -> None:
    order = served.order(served.ask())

    steps.seal(served.rt, order.id)

    assert served.request(order.request_id).state == "rendering"
    served.render(order)
    steps.seal(served.rt, order.id)
    assert served.request(order.request_id).state == "completed"


def test_sealing_twice_has_one_effect(served) -> None:
    order = served.order(served.ask())
    served.render(order)
    with served.rt.transaction() as session:
        claimed = session.get_one(Order, order.id)
        assert claimed.lease_until is None

    steps.seal(served.rt, order.id)
    steps.seal(served.rt, order.id)

    assert len(sealed(served)) == 1


def test_an_order_that_expired_is_cleared_anew_however_often(served, later) -> None:
    request_id = served.ask()
    for _ in range(7):
        order = served.order(request_id)
        assert order.state == "made"
        later(minutes=16)
        steps.seal(served.rt, order.id)

    assert served.make(request_id).state == "completed"
    assert served.request(request_id).attempt == 8


def test_a_grant_withdrawn_before_the_seal_is_left_out_of_one_more_order(bank) -> None:
    left, stays = bank.grant("left"), bank.grant("stays")
    bank.take((left,), (stays,))
    order = bank.order(bank.ask())
    bank.render(order)
    bank.withdraw(left)

    steps.seal(bank.rt, order.id)
    assert sealed(bank) == []
    request = bank.make(order.request_id)

    assert request.state == "completed"
    assert request.attempt == 2
    assert len(sealed(bank)) == 1
    with bank.rt.transaction() as session:
        placed = {usage.photo_id for usage in session.scalars(select(Usage))}
    assert {str(photo) for photo in placed}.isdisjoint(request.outcome["left_out"])


def test_a_withdrawal_between_examining_and_sealing_refuses_the_seal(served, monkeypatch) -> None:
    order = served.order(served.ask())
    served.render(order)
    sign = sealing.sign

    def sign_while_the_licensor_leaves(*given: Any, **named: Any) -> sealing.Signed:
        signed = sign(*given, **named)
        served.withdraw("L-open/all")
        return signed

    monkeypatch.setattr(sealing, "sign", sign_while_the_licensor_leaves)
    steps.seal(served.rt, order.id)

    assert sealed(served) == []
    with served.rt.transaction() as session:
        assert session.scalars(select(Usage)).all() == []
        kinds = [entry.kind for entry in log.read(session)]
    assert kinds.index("license.withdrawn") < kinds.index("composite.refused")
    assert "composite.sealed" not in kinds
    monkeypatch.undo()
    assert served.make(order.request_id).state == "refused"


def test_rights_that_end_while_a_picture_is_signed_refuse_the_seal(bank, monkeypatch) -> None:
    """Time moves rights too, and leaves no entry in the log."""
    bank.take((bank.grant("short", create_by="2026-06-01"),))
    order = bank.order(bank.ask())
    bank.render(order)
    sign = sealing.sign

    def slowly(*args: Any, **more: Any) -> Any:
        bank.rt.at += timedelta(hours=12)
        return sign(*args, **more)

    monkeypatch.setattr(sealing, "sign", slowly)
    steps.seal(bank.rt, order.id)

    assert sealed(bank) == []
    with bank.rt.transaction() as session:
        assert session.scalars(select(Variation)).one().reasons["reasons"] == ["create-by-passed"]


def lost(bank, order: Order) -> None:
    bank.rt.blobs.delete(masks.key_of(order.id, order.masks_sha256))


def exchanged(bank, order: Order) -> None:
    """Somebody who can write to the store says that segments are larger than they are."""
    key = masks.key_of(order.id, order.masks_sha256)
    own = masks.of_order(order, blobs=bank.rt.blobs)
    bank.rt.blobs.delete(key)
    link = bank.rt.blobs.presigned_put(key, expires=timedelta(minutes=5))
    forged = masks.pack({key: np.ones_like(mask) for key, mask in own.items()})
    assert PoolManager().request("PUT", link, body=forged).status == 200


def never_kept(bank, order: Order) -> None:
    """An order of a version of bankd that kept none."""
    with bank.rt.transaction() as session:
        session.get_one(Order, order.id).masks_sha256 = None


@pytest.mark.parametrize("harm", [lost, exchanged, never_kept])
def test_without_the_banks_own_masks_an_order_ends_unsealed_and_does_not_hang(served, harm) -> None:
    order = served.order(served.ask())
    served.render(order)
    harm(served, order)

    steps.seal(served.rt, order.id)

    assert sealed(served) == []
    assert last_kind(served) == "order.failed"
    with served.rt.transaction() as session:
        assert session.get_one(Order, order.id).state == "void"
    assert served.request(order.request_id).state == "filed"


def test_masks_are_kept_to_the_pixel(served) -> None:
    order = served.order(served.ask())
    archive = served.rt.blobs.get(order.archive_key, limit_bytes=1 << 26)

    kept = masks.of_order(order, blobs=served.rt.blobs)

    _, segments = workorder.unpack_archive(archive)
    assert kept.keys() == segments.keys()
    assert all(np.array_equal(kept[key], segment.mask) for key, segment in segments.items())


def test_no_link_leads_a_worker_to_the_masks_that_the_seal_will_use(served) -> None:
    order = served.order(served.ask())
    with served.rt.transaction() as session:
        published = steps.publish(served.rt, session, order.id)

    assert published is not None
    assert order.masks_sha256 not in published[0]


def test_links_are_neither_stored_nor_logged(served) -> None:
    request = served.make(served.ask())

    with served.rt.transaction() as session:
        order = session.scalars(select(Order).where(Order.request_id == request.id)).one()
        everything = json.dumps([order.spec, order.segments, request.outcome], default=str)
        for entry in log.read(session):
            everything += json.dumps(entry.payload, default=str)
    assert "X-Amz" not in everything and "http" not in everything


def test_an_answer_that_cannot_be_sealed_is_given_up_in_the_end(
    served: Bank, later: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = served.ask()
    order = served.order(request_id)
    assert order is not None
    served.render(order)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(sealing, "sign", broken)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            steps.seal(served.rt, order.id)
        later(minutes=14)
    later(minutes=2)
    steps.seal(served.rt, order.id)

    with served.rt.transaction() as session:
        assert session.get_one(Order, order.id).state == "void"
    assert served.request(request_id).state == "filed"


def test_an_order_larger_than_a_worker_takes_fails_its_request(
    served: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workorder, "MAX_ARCHIVE_BYTES", 1000)
    request_id = served.ask()

    assert served.order(request_id) is None

    request = served.request(request_id)
    assert request.state == "failed"
    assert "ask for fewer variations" in request.outcome["failed"]


@pytest.mark.parametrize("photos", [1, 4])
def test_a_seal_reads_three_objects_and_asks_as_much_however_many_photos_are_placed(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, photos: int
) -> None:
    """The result, the layout and the bank's own masks; and no statement for each photo."""
    bank.take(*((bank.grant(f"g{number}", cap=9),) for number in range(photos)))
    order = bank.order(bank.ask())
    assert order is not None
    bank.render(order)
    read: list[str] = []
    get = bank.rt.blobs.get
    monkeypatch.setattr(bank.rt.blobs, "get", lambda key, **more: (read.append(key), get(key, **more))[1])

    with counted(bank.rt.engine) as statements:
        steps.seal(bank.rt, order.id)

    assert len(sealed(bank)) == 1
    assert len(read) == 3
    assert len(statements) <= MOST_STATEMENTS, "\n".join(statements)


def test_a_picture_that_shows_what_was_erased_is_not_sealed(served, monkeypatch) -> None:
    # What is drawn for tests has too little in it to be surely anything.
    monkeypatch.setattr("bankd.likeness.comparing.QUALITY_LEAST", 0)
    first = served.order(served.ask())
    served.render(first)
    steps.seal(served.rt, first.id)
    [composite] = sealed(served)
    picture = pixels.decode(served.rt.blobs.get(composite.blob_key, limit_bytes=1 << 26))
    with served.rt.transaction() as session:
        stone = Tombstone(sha256="0" * 64, pixel_sha256="0" * 64, reason="asked for", made_at=served.rt.now())
        session.add(stone)
        session.flush()
        fingerprints.lock(session)
        session.add(PhotoFingerprint(tombstone_id=stone.id, **asdict(look(np.flip(picture, axis=1).copy()))))

    again = served.order(served.ask())
    served.render(again)
    steps.seal(served.rt, again.id)

    assert [one.id for one in sealed(served)] == [composite.id]
    with served.rt.transaction() as session:
        variation = session.scalars(select(Variation).where(Variation.request_id == again.request_id)).one()
        assert variation.reasons["reasons"] == ["tombstone-likeness"]
