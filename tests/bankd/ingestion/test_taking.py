import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select

from bankd.access import service as access
from bankd.audit import log
from bankd.catalog import service as catalog
from bankd.catalog.models import Descriptor, Segment
from bankd.ingestion import decode, service
from bankd.ingestion.models import BatchItem
from bankd.storage import key

Bank = Any
Make = Callable[..., bytes]
MEBIBYTE = 1024 * 1024


def test_a_photo_is_taken_with_its_segments_descriptors_and_bytes(
    bank: Bank, filed: Any, pixels: Any
) -> None:
    new = filed(depth=None)
    batch_id = bank.open(new)

    outcome = bank.work(batch_id)["0.png"]

    assert (outcome.state, outcome.segments) == ("taken", 3)
    photo = bank.photo(outcome.photo_id)
    assert (photo.height, photo.width, photo.state, photo.media_type) == (48, 64, "admitted", "image/png")
    assert bank.blobs.get(key(photo.id, photo.sha256), limit_bytes=MEBIBYTE) == new.photo
    assert bank.blobs.stat(key(photo.id, photo.thumbnail_sha256)).media_type == "image/jpeg"
    with bank.sessions() as session:
        segments = session.scalars(
            select(Segment).where(Segment.photo_id == photo.id).order_by(Segment.ordinal)
        ).all()
        assert [(one.category_id, one.area_px, one.small) for one in segments] == [
            (0, 25, False), (1, 48 * 64 - 425, False), (22, 400, False),
        ]  # fmt: skip
        assert session.scalar(select(func.count()).where(Descriptor.photo_id == photo.id)) == 6

    with zipfile.ZipFile(
        io.BytesIO(bank.blobs.get(key(photo.id, photo.pack_sha256), limit_bytes=MEBIBYTE))
    ) as pack:
        document = json.loads(pack.read("pack.json"))
        mug = Image.open(io.BytesIO(pack.read("2.png")))
        wall = np.asarray(Image.open(io.BytesIO(pack.read("1.png"))))
    assert document["frame"] == [48, 64]
    assert document["segments"][2] == {
        "ordinal": 2, "category": 22, "instance": None, "x0": 20, "y0": 10, "x1": 40, "y1": 30,
        "area_px": 400, "depth_mm": None,
    }  # fmt: skip
    assert mug.mode == "RGBA"
    assert np.array_equal(np.asarray(mug)[..., :3], pixels()[10:30, 20:40])
    assert not wall[10:30, 20:40].any()
    assert wall[40, 60, 3] == 255


def test_the_source_bytes_are_dropped_once_the_photo_has_its_own(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)
    source = f"batches/{batch_id}/{item.id}/{item.labels_sha256}"
    assert bank.blobs.exists(source)

    bank.work(batch_id)

    assert not bank.blobs.exists(source)
    assert bank.blobs.stat(key(item.id, item.photo_sha256)).media_type == "image/png"
    with bank.sessions() as session:
        assert session.get_one(BatchItem, item.id).sources_dropped


def test_instances_and_depth_reach_the_segments(bank: Bank, filed: Any, encode: Make) -> None:
    instances = np.zeros((48, 64), dtype=np.uint16)
    instances[10:30, 20:30] = 1001
    instances[10:30, 30:40] = 1002
    depth = np.full((48, 64), 4000, dtype=np.uint16)
    depth[10:30, 20:30] = 900
    batch_id = bank.open(
        filed(instances=encode(Image.fromarray(instances)), depth=encode(Image.fromarray(depth)))
    )

    photo_id = bank.work(batch_id)["0.png"].photo_id

    with bank.sessions() as session:
        found = session.execute(
            select(Segment.category_id, Segment.instance, Segment.depth_mm)
            .where(Segment.photo_id == photo_id)
            .order_by(Segment.ordinal)
        ).all()
    assert [tuple(row) for row in found] == [
        (0, None, 4000), (1, None, 4000), (22, 1001, 900), (22, 1002, 4000),
    ]  # fmt: skip


def test_a_large_photo_is_worked_at_2048_px_and_kept_whole(
    bank: Bank, filed: Any, encode: Make, pixels: Any
) -> None:
    labels = np.zeros((1000, 4096), dtype=np.uint8)
    labels[:500] = 1
    content = encode(Image.fromarray(pixels(1, 1000, 4096)), "JPEG")
    batch_id = bank.open(filed(photo=content, labels=encode(Image.fromarray(labels))))

    photo = bank.photo(bank.work(batch_id)["0.png"].photo_id)

    assert (photo.height, photo.width, photo.work_height, photo.work_width) == (1000, 4096, 500, 2048)
    assert bank.blobs.get(key(photo.id, photo.sha256), limit_bytes=16 * MEBIBYTE) == content
    with bank.sessions() as session:
        boxes = session.execute(
            select(Segment.y0, Segment.y1, Segment.x1)
            .where(Segment.photo_id == photo.id)
            .order_by(Segment.ordinal)
        ).all()
    assert [tuple(row) for row in boxes] == [(250, 500, 2048), (0, 250, 2048)]


def test_a_photo_without_a_license_is_kept_in_quarantine_until_a_rights_file_names_it(
    bank: Bank, filed: Any
) -> None:
    first = bank.open(filed(rights=None))
    outcome = bank.work(first)["0.png"]
    assert outcome.state == "quarantined"
    assert bank.photo(outcome.photo_id).profile_id is None

    again = bank.open(filed())
    assert bank.work(again)["0.png"].state == "known"

    photo = bank.photo(outcome.photo_id)
    assert photo.state == "admitted"
    with bank.sessions() as session:
        profiles = session.scalars(
            select(Descriptor.profile_id).where(Descriptor.photo_id == photo.id).distinct()
        ).all()
    assert profiles == [photo.profile_id]


def test_the_same_bytes_again_are_the_known_photo_and_add_their_grants(bank: Bank, filed: Any) -> None:
    taken = bank.work(bank.open(filed()))["0.png"]
    before = bank.rows()

    known = bank.work(bank.open(filed(name="copy.png", rights=bank.rights("fr"))))["copy.png"]

    assert (known.state, known.photo_id, known.segments) == ("known", taken.photo_id, 0)
    assert bank.rows() == before
    with bank.sessions() as session:
        offers = catalog.facts_of(session, [taken.photo_id], at=bank.at)[taken.photo_id]
    assert {grant for grant, _ in offers} == set(bank.grants.values())


@pytest.mark.parametrize("level", [None, 1])
def test_another_departments_photo_is_given_no_rights_and_not_named(
    bank: Bank, filed: Any, encode: Make, pixels: Any, level: int | None
) -> None:
    taken = bank.work(bank.open(filed()))["0.png"]
    before = bank.rows()
    with bank.sessions.begin() as session:
        other = access.record_department(session, "Press", by=bank.by.operator, at=bank.at).id
    copy = {} if level is None else {"photo": encode(Image.fromarray(pixels(0)), "PNG", compress_level=level)}

    batch = bank.open(filed(name="copy.png", rights=bank.rights("fr"), **copy), department_id=other)
    refused = bank.work(batch)["copy.png"]

    assert (refused.state, refused.reason) == ("refused", "other-department")
    assert str(taken.photo_id) not in (refused.detail or "")
    assert bank.rows() == before
    with bank.sessions() as session:
        offers = catalog.facts_of(session, [taken.photo_id], at=bank.at)[taken.photo_id]
    assert [grant for grant, _ in offers] == [bank.grants["jp"]]


def test_the_same_pixels_in_other_bytes_are_refused_as_a_duplicate(
    bank: Bank, filed: Any, encode: Make, pixels: Any
) -> None:
    taken = bank.work(bank.open(filed()))["0.png"]

    twin = encode(Image.fromarray(pixels(0)), "PNG", compress_level=1)
    refused = bank.work(bank.open(filed(name="twin.png", photo=twin)))["twin.png"]

    assert (refused.state, refused.reason) == ("refused", "duplicate-pixels")
    assert str(taken.photo_id) in (refused.detail or "")
    assert bank.rows()["photos"] == 1


def test_a_tombstoned_photo_may_not_come_back_by_its_bytes_or_its_pixels(
    bank: Bank, filed: Any, encode: Make, pixels: Any
) -> None:
    taken = bank.work(bank.open(filed()))["0.png"]
    with bank.sessions.begin() as session:
        catalog.tombstone(
            session, taken.photo_id, reason="consent withdrawn", by=bank.by.compliance, at=bank.at
        )

    outcomes = bank.work(
        bank.open(filed(), filed(name="twin.tif", photo=encode(Image.fromarray(pixels(0)), "TIFF")))
    )

    assert {outcome.reason for outcome in outcomes.values()} == {"tombstoned"}
    assert bank.rows()["photos"] == 1


@pytest.mark.parametrize(("meanwhile", "becomes"), [("taken", "known"), ("tombstoned", "refused")])
def test_what_becomes_of_the_same_bytes_while_a_photo_is_decoded_counts(
    bank: Bank, filed: Any, monkeypatch: pytest.MonkeyPatch, meanwhile: str, becomes: str
) -> None:
    batch_id, other = bank.open(filed()), bank.open(filed(name="first.png"))
    real, others = decode.decode, [other]

    def slowly(content: bytes, *, name: str) -> Any:
        while others:
            taken = bank.work(others.pop())["first.png"]
            if meanwhile == "tombstoned":
                with bank.sessions.begin() as session:
                    catalog.tombstone(session, taken.photo_id, reason="r", by=bank.by.compliance, at=bank.at)
        return real(content, name=name)

    monkeypatch.setattr(decode, "decode", slowly)

    assert bank.work(batch_id)["0.png"].state == becomes
    assert bank.rows()["photos"] == 1


def test_rights_in_the_photo_tighten_and_unreadable_ones_quarantine(
    bank: Bank, filed: Any, encode: Make, pixels: Any
) -> None:
    packet = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        b' xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" plus:DataMining="DMI-PROHIBITED"/></rdf:RDF>'
    )
    stated = encode(Image.fromarray(pixels(1)), "JPEG", xmp=packet)
    broken = encode(Image.fromarray(pixels(2)), "JPEG", xmp=packet[:-5])

    outcomes = bank.work(bank.open(filed(1, photo=stated), filed(2, photo=broken)))

    with bank.sessions() as session:
        ((_, facts),) = catalog.facts_of(session, [outcomes["1.png"].photo_id], at=bank.at)[
            outcomes["1.png"].photo_id
        ]
    assert facts.data_mining == "DMI-PROHIBITED"
    assert outcomes["2.png"].state == "quarantined"
    held = bank.photo(outcomes["2.png"].photo_id)
    assert held.quarantine_reason == "unreadable-rights"
    assert held.embedded_credit == {
        "unreadable": "the photo's XMP packet cannot be read (it is no well-formed XML)"
    }


def test_a_rights_record_can_dispute_and_embargo_what_it_brings(bank: Bank, filed: Any) -> None:
    until = bank.at + timedelta(days=30)
    batch_id = bank.open(filed(rights=bank.rights("jp", disputed="two owners", embargo_until=until)))

    photo = bank.photo(bank.work(batch_id)["0.png"].photo_id)

    assert (photo.dispute_reason, photo.embargo_until) == ("two owners", until)


def test_each_bad_photo_is_refused_with_its_reason_and_the_good_one_is_taken(
    bank: Bank, filed: Any, encode: Make, a_photo: Make, pixels: Any
) -> None:
    def grey(value: int, height: int = 48, width: int = 64) -> bytes:
        return encode(Image.new("L", (width, height), value))

    clear = Image.fromarray(pixels(9)).convert("RGBA")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    bad = {
        "corrupt-image": filed(1, photo=a_photo(1)[:-800]),
        "unsupported-image": filed(2, photo=b"GIF89a no photo"),
        "too-small": filed(3, photo=encode(Image.new("RGB", (8, 8)))),
        "transparent": filed(4, photo=encode(clear)),
        "no-label-map": filed(5, labels=None),
        "sizes-differ": filed(6, labels=grey(0, 64, 48)),
        "unknown-label-ids": filed(7, labels=grey(5)),
        "empty-label-map": filed(8, labels=grey(7)),
    }

    batch_id = bank.open(*bad.values(), filed(100))
    outcomes = bank.work(batch_id)

    assert {outcomes[new.name].reason: outcomes[new.name].state for new in bad.values()} == dict.fromkeys(
        bad, "refused"
    )
    found = bank.report(batch_id)
    with bank.sessions() as session:
        for item in service.items(session, batch_id):
            kept = item.photo_sha256 is not None and bank.blobs.exists(key(item.id, item.photo_sha256))
            assert kept == (item.name == "100.png")
    assert found.refused == dict.fromkeys(sorted(bad), 1)
    assert (found.photos, found.taken, found.known, found.quarantined, found.waiting, found.segments) == (
        9,
        1,
        0,
        0,
        0,
        3,
    )
    assert found.finished
    assert bank.rows() == {"photos": 1, "segments": 3, "descriptors": 6, "logged": 1}
    with bank.sessions() as session:
        reasons = [
            entry.payload["objects"]["reason"]
            for entry in log.read(session)
            if entry.kind == "photo.refused" and entry.payload
        ]
        assert sorted(reasons) == sorted(bad)
        for item in service.items(session, batch_id):
            assert item.detail is None or item.name in item.detail


def test_more_than_63_grants_are_refused_and_change_nothing(bank: Bank, filed: Any) -> None:
    from bankd.licensing import service as licensing
    from bankd.licensing.terms import GrantTerms

    with bank.sessions.begin() as session:
        terms = licensing.grants_by_ref(session, ["L-1/jp"])["L-1/jp"].terms
        for number in range(63):
            changed = GrantTerms.model_validate({**terms.as_json(), "max_copies": number})
            licensing.record_grant(
                session, bank.license_id, ref=f"n{number}", terms=changed, by=bank.by.librarian, at=bank.at
            )
    all_but_one = [f"n{number}" for number in range(63)]
    taken = bank.work(bank.open(filed(rights=bank.rights(*all_but_one))))["0.png"]
    before = bank.rows()

    refused = bank.work(bank.open(filed(name="again.png", rights=bank.rights("jp"))))["again.png"]
    fresh = bank.work(bank.open(filed(5, rights=bank.rights("jp", *all_but_one))))["5.png"]

    assert taken.state == "taken"
    assert (refused.reason, fresh.reason) == ("too-many-grants", "too-many-grants")
    assert bank.rows() == before
