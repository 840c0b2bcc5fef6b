import io
import json
import threading
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select

from bankd.access import service as access
from bankd.audit import log
from bankd.catalog import service as catalog
from bankd.catalog.errors import UnknownCategories
from bankd.catalog.models import Descriptor, Photo, Segment
from bankd.ingestion import service
from bankd.ingestion.errors import BatchEmpty, BatchNotFound, NameInvalid, NameTwice
from bankd.ingestion.models import BatchItem
from bankd.ingestion.service import ATTEMPTS_MOST, LEASE, NewPhoto
from bankd.licensing.errors import GrantNotFound
from bankd.storage import BlobMissing, BlobUnavailable, key
from bankd.worker.models import Outgoing
from bankd.worker.outbox import HINT_AGAIN

Bank = Any
Make = Callable[..., bytes]
MEBIBYTE = 1024 * 1024


@pytest.fixture
def filed(bank: Bank, a_photo: Make, a_label_map: Make) -> Callable[..., NewPhoto]:
    """A good photo with a grant for Japan; keywords change what is filed."""

    def filed(seed: int = 0, **changes: Any) -> NewPhoto:
        return NewPhoto(
            **{
                "name": f"{seed}.png",
                "photo": a_photo(seed),
                "labels": a_label_map(),
                "rights": bank.rights("jp"),
                **changes,
            }
        )

    return filed


def rows(bank: Bank) -> dict[str, int]:
    """How much the catalog and the log of admissions hold."""
    with bank.sessions() as session:
        counts = {
            table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Photo, Segment, Descriptor)
        }
        counts["logged"] = sum(
            entry.kind in ("photo.admitted", "photo.quarantined") for entry in log.read(session)
        )
        return counts


def stored(bank: Bank, photo_id: UUID) -> Photo:
    with bank.sessions() as session:
        return session.get_one(Photo, photo_id)


def test_a_photo_is_taken_with_its_segments_descriptors_and_bytes(
    bank: Bank, filed: Any, pixels: Any
) -> None:
    new = filed(depth=None)
    batch_id = bank.open(new)

    outcome = bank.work(batch_id)["0.png"]

    assert (outcome.state, outcome.segments) == ("taken", 3)
    photo = stored(bank, outcome.photo_id)
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

    photo = stored(bank, bank.work(batch_id)["0.png"].photo_id)

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
    assert stored(bank, outcome.photo_id).profile_id is None

    again = bank.open(filed())
    assert bank.work(again)["0.png"].state == "known"

    photo = stored(bank, outcome.photo_id)
    assert photo.state == "admitted"
    with bank.sessions() as session:
        profiles = session.scalars(
            select(Descriptor.profile_id).where(Descriptor.photo_id == photo.id).distinct()
        ).all()
    assert profiles == [photo.profile_id]


def test_the_same_bytes_again_are_the_known_photo_and_add_their_grants(bank: Bank, filed: Any) -> None:
    taken = bank.work(bank.open(filed()))["0.png"]
    before = rows(bank)

    known = bank.work(bank.open(filed(name="copy.png", rights=bank.rights("fr"))))["copy.png"]

    assert (known.state, known.photo_id, known.segments) == ("known", taken.photo_id, 0)
    assert rows(bank) == before
    with bank.sessions() as session:
        offers = catalog.facts_of(session, [taken.photo_id], at=bank.at)[taken.photo_id]
    assert {grant for grant, _ in offers} == set(bank.grants.values())


@pytest.mark.parametrize("level", [None, 1])
def test_another_departments_photo_is_given_no_rights_and_not_named(
    bank: Bank, filed: Any, encode: Make, pixels: Any, level: int | None
) -> None:
    taken = bank.work(bank.open(filed()))["0.png"]
    before = rows(bank)
    with bank.sessions.begin() as session:
        other = access.record_department(session, "Press", by=bank.by.operator, at=bank.at).id
    copy = {} if level is None else {"photo": encode(Image.fromarray(pixels(0)), "PNG", compress_level=level)}

    batch = bank.open(filed(name="copy.png", rights=bank.rights("fr"), **copy), department_id=other)
    refused = bank.work(batch)["copy.png"]

    assert (refused.state, refused.reason) == ("refused", "other-department")
    assert str(taken.photo_id) not in (refused.detail or "")
    assert rows(bank) == before
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
    assert rows(bank)["photos"] == 1


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
    assert rows(bank)["photos"] == 1


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
    held = stored(bank, outcomes["2.png"].photo_id)
    assert held.quarantine_reason == "unreadable-rights"
    assert held.embedded_credit == {
        "unreadable": "the photo's XMP packet cannot be read (it is no well-formed XML)"
    }


def test_a_rights_record_can_dispute_and_embargo_what_it_brings(bank: Bank, filed: Any) -> None:
    until = bank.at + timedelta(days=30)
    batch_id = bank.open(filed(rights=bank.rights("jp", disputed="two owners", embargo_until=until)))

    photo = stored(bank, bank.work(batch_id)["0.png"].photo_id)

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
    assert rows(bank) == {"photos": 1, "segments": 3, "descriptors": 6, "logged": 1}
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
    before = rows(bank)

    refused = bank.work(bank.open(filed(name="again.png", rights=bank.rights("jp"))))["again.png"]
    fresh = bank.work(bank.open(filed(5, rights=bank.rights("jp", *all_but_one))))["5.png"]

    assert taken.state == "taken"
    assert (refused.reason, fresh.reason) == ("too-many-grants", "too-many-grants")
    assert rows(bank) == before


@pytest.mark.parametrize(
    "name", ["../a.png", "a/b.png", "a\\b.png", "", ".hidden", "a\0.png", "a\nb", "x" * 201]
)
def test_a_name_that_is_no_plain_file_name_refuses_the_batch_before_a_byte_is_stored(
    bank: Bank, filed: Any, name: str
) -> None:
    with pytest.raises(NameInvalid):
        bank.open(filed(1), filed(name=name), blobs=NoStore())


def test_a_batch_that_contradicts_itself_is_refused_whole(bank: Bank, filed: Any) -> None:
    with pytest.raises(BatchEmpty):
        bank.open()
    with pytest.raises(NameTwice, match=r"`0.png` is in the batch twice"):
        bank.open(filed(), filed(), blobs=NoStore())
    with pytest.raises(UnknownCategories, match="`zeppelin`"):
        bank.open(filed(), classes=[{"id": 0, "name": "zeppelin"}], blobs=NoStore())
    with pytest.raises(GrantNotFound):
        bank.open(filed(rights=bank.rights("us")), blobs=NoStore())
    with bank.sessions() as session:
        assert session.scalar(select(func.count()).select_from(BatchItem)) == 0
        with pytest.raises(BatchNotFound):
            service.report(session, uuid4())


def test_a_hint_is_staged_for_each_photo_that_waits(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed(1), filed(2))

    with bank.sessions() as session:
        hints = session.scalars(select(Outgoing)).all()
        items = service.items(session, batch_id)
    assert {(hint.task, hint.queue) for hint in hints} == {("ingestion.ingest_photo", "ingest")}
    assert {hint.arguments["item_id"] for hint in hints} == {str(item.id) for item in items}


def test_a_path_is_read_and_one_that_cannot_be_is_refused_alone(
    bank: Bank, filed: Any, tmp_path: Path
) -> None:
    good = tmp_path / "good.png"
    good.write_bytes(filed(1).photo)

    batch_id = bank.open(filed(1, photo=good), filed(2, photo=tmp_path / "gone.png"))
    outcomes = bank.work(batch_id)

    assert outcomes["1.png"].state == "taken"
    assert bank.report(batch_id).refused == {"corrupt-image": 1}


def test_an_item_runs_once_however_often_it_is_hinted(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    first = bank.work(batch_id)
    before = rows(bank)

    assert bank.work(batch_id) == {}
    assert first["0.png"].state == "taken"
    assert rows(bank) == before


def test_a_claim_keeps_others_out_until_its_lease_runs_out_and_is_worth_nothing_after(
    bank: Bank, filed: Any
) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)

    with bank.sessions.begin() as session:
        stale = service.claim(session, item.id, at=bank.at)
    with bank.sessions.begin() as session:
        assert service.claim(session, item.id, at=bank.at + LEASE - timedelta(seconds=1)) is None
    assert bank.ingest(item.id, at=bank.at + LEASE).state == "taken"

    assert stale is not None
    with bank.sessions.begin() as session:
        assert service.ingest_item(session, stale, blobs=bank.blobs, by=bank.by.system, at=bank.at) is None
    assert rows(bank)["photos"] == 1


def test_while_it_is_worked_on_nobody_can_claim_an_item_however_late_it_is(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)
    with bank.sessions.begin() as session:
        claimed = service.claim(session, item.id, at=bank.at)
    late = bank.at + 100 * LEASE
    assert claimed is not None

    with bank.sessions.begin() as working:
        service.ingest_item(working, claimed, blobs=bank.blobs, by=bank.by.system, at=bank.at)
        with bank.sessions.begin() as other:
            assert service.claim(other, item.id, at=late) is None
            assert service.sweep(other, drained=False, by=bank.by.system, at=late) == 0
    assert rows(bank)["photos"] == 1


@pytest.mark.parametrize("together", ["bytes", "pixels"])
def test_of_two_equal_photos_at_the_same_time_one_is_taken(
    bank: Bank, filed: Any, encode: Make, pixels: Any, together: str
) -> None:
    twin = filed().photo if together == "bytes" else encode(Image.fromarray(pixels(0)), "TIFF")
    batch_id = bank.open(filed(name="one.png"), filed(name="two.png", photo=twin))
    with bank.sessions() as session:
        items = [item.id for item in service.items(session, batch_id)]
    ready = threading.Barrier(2)
    found: list[Any] = []

    def run(item_id: UUID) -> None:
        try:
            ready.wait(60)
            found.append(bank.ingest(item_id).state)
        except BaseException as error:
            found.append(error)

    threads = [threading.Thread(target=run, args=(item_id,)) for item_id in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(map(str, found)) == (["known", "taken"] if together == "bytes" else ["refused", "taken"])
    assert rows(bank)["photos"] == 1


class NoStore:
    """A store that must not be touched."""

    def put(self, key: str, content: bytes, *, media_type: str) -> bool:
        raise AssertionError(f"stored {key}")


class Failing:
    """The real store, which fails at the n-th write."""

    def __init__(self, blobs: Any, after: int, error: Exception) -> None:
        self.blobs, self.left, self.error = blobs, after, error
        self.written: list[str] = []

    def put(self, key: str, content: bytes, *, media_type: str) -> bool:
        if self.left == 0:
            raise self.error
        self.left -= 1
        self.written.append(key)
        return bool(self.blobs.put(key, content, media_type=media_type))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.blobs, name)


@pytest.mark.parametrize("after", range(3))
def test_a_crash_at_any_upload_leaves_no_half_state_and_the_next_attempt_completes(
    bank: Bank, filed: Any, after: int
) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)

    with pytest.raises(KeyboardInterrupt):
        bank.ingest(item.id, blobs=Failing(bank.blobs, after, KeyboardInterrupt()))

    assert rows(bank) == {"photos": 0, "segments": 0, "descriptors": 0, "logged": 0}
    assert bank.report(batch_id).waiting == 1
    assert bank.ingest(item.id, at=bank.at + LEASE).state == "taken"
    assert rows(bank) == {"photos": 1, "segments": 3, "descriptors": 6, "logged": 1}


def test_a_crash_between_upload_and_commit_leaves_no_half_state(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)
    with bank.sessions.begin() as session:
        claimed = service.claim(session, item.id, at=bank.at)
    assert claimed is not None

    with pytest.raises(KeyboardInterrupt), bank.sessions.begin() as session:
        service.ingest_item(session, claimed, blobs=bank.blobs, by=bank.by.system, at=bank.at)
        raise KeyboardInterrupt

    assert rows(bank) == {"photos": 0, "segments": 0, "descriptors": 0, "logged": 0}
    outcome = bank.ingest(item.id, at=bank.at + LEASE)
    photo = stored(bank, outcome.photo_id)
    assert photo.id == item.id
    assert bank.blobs.delete_prefix(str(photo.id)) == 4  # and nothing twice


def test_a_photo_that_turns_out_known_leaves_nothing_of_an_earlier_attempt(bank: Bank, filed: Any) -> None:
    first = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, first)
    with pytest.raises(KeyboardInterrupt):
        bank.ingest(item.id, blobs=Failing(bank.blobs, 2, KeyboardInterrupt()))
    bank.work(bank.open(filed()))

    assert bank.ingest(item.id, at=bank.at + LEASE).state == "known"

    assert bank.blobs.delete_prefix(str(item.id)) == 0


def test_an_unreachable_store_costs_no_attempt(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)

    for _ in range(2 * ATTEMPTS_MOST):
        with bank.sessions.begin() as session:
            claimed = service.claim(session, item.id, at=bank.at)
        assert claimed is not None
        with pytest.raises(BlobUnavailable), bank.sessions.begin() as session:
            service.ingest_item(
                session,
                claimed,
                blobs=Failing(bank.blobs, 0, BlobUnavailable("down")),
                by=bank.by.system,
                at=bank.at,
            )
        with bank.sessions.begin() as session:
            service.give_back(session, claimed)

    assert bank.ingest(item.id).state == "taken"


def test_opening_a_batch_with_the_store_down_leaves_neither_rows_nor_bytes(bank: Bank, filed: Any) -> None:
    store = Failing(bank.blobs, 3, BlobUnavailable("down"))
    with pytest.raises(BlobUnavailable):
        bank.open(filed(1), filed(2), blobs=store)

    assert len(store.written) == 3
    assert not any(bank.blobs.exists(name) for name in store.written)
    assert {name.split("/")[0] == "batches" for name in store.written} == {True, False}

    with bank.sessions() as session:
        assert session.scalar(select(func.count()).select_from(BatchItem)) == 0
        assert session.scalar(select(func.count()).select_from(Outgoing)) == 0


def test_the_sweep_brings_back_lost_leases_and_lost_hints(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed(1), filed(2))
    with bank.sessions() as session:
        leased, _ = service.items(session, batch_id)
    with bank.sessions.begin() as session:
        service.claim(session, leased.id, at=bank.at)

    def sweep(at: Any) -> int:
        with bank.sessions.begin() as session:
            return service.sweep(session, drained=False, by=bank.by.system, at=at)

    assert sweep(bank.at + LEASE - timedelta(seconds=1)) == 0
    assert sweep(bank.at + LEASE) == 1
    assert sweep(bank.at + HINT_AGAIN) == 1
    assert sweep(bank.at + HINT_AGAIN) == 0
    assert {outcome.state for outcome in bank.work(batch_id).values()} == {"taken"}
    assert sweep(bank.at + 10 * HINT_AGAIN) == 0


def test_a_photo_that_kills_its_workers_is_failed_after_three_attempts(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)
    at = bank.at
    for _ in range(ATTEMPTS_MOST):
        with bank.sessions.begin() as session:
            assert service.claim(session, item.id, at=at) is not None
        at += LEASE
        with bank.sessions.begin() as session:
            service.sweep(session, drained=False, by=bank.by.system, at=at)

    found = bank.report(batch_id)
    assert (found.failed, found.waiting) == (1, 0)
    assert bank.ingest(item.id, at=at + LEASE) is None
    with bank.sessions() as session:
        detail = session.get_one(BatchItem, item.id).detail
    assert detail == "`0.png` stopped its worker 3 times"


def test_sources_that_a_crash_left_are_swept(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    with bank.sessions() as session:
        (item,) = service.items(session, batch_id)
    with bank.sessions.begin() as session:
        claimed = service.claim(session, item.id, at=bank.at)
    assert claimed is not None
    with bank.sessions.begin() as session:
        service.ingest_item(session, claimed, blobs=bank.blobs, by=bank.by.system, at=bank.at)

    with bank.sessions.begin() as session:
        assert service.sweep(session, drained=False, by=bank.by.system, at=bank.at + HINT_AGAIN) == 1
    bank.ingest(item.id)  # the task: nothing to claim
    with bank.sessions.begin() as session:
        service.drop_sources(session, item.id, blobs=bank.blobs)

    with pytest.raises(BlobMissing):
        bank.blobs.get(f"batches/{batch_id}/{item.id}/{item.photo_sha256}", limit_bytes=MEBIBYTE)


def test_a_filed_photo_whose_bytes_are_gone_is_refused_with_what_to_do(bank: Bank, filed: Any) -> None:
    batch_id = bank.open(filed())
    bank.blobs.delete_prefix(f"batches/{batch_id}")

    outcome = bank.work(batch_id)["0.png"]

    assert outcome.reason == "source-missing"
    assert outcome.detail is not None
    assert outcome.detail.endswith("file it again")
