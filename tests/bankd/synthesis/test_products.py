"""A region that is declared to be a product shows that product, whole, or no picture is made."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from drawn import MUG, labels
from small_bank import Bank
from sqlalchemy import select

from bankd.audit import log
from bankd.catalog import products as shown_in
from bankd.catalog.errors import ProductInvalid
from bankd.catalog.models import Photo, Segment
from bankd.catalog.taxonomy import house
from bankd.licensing.depicted import Depictions
from bankd.licensing.use import Use
from bankd.policy.facts import NOTHING_KNOWN, Pictured
from bankd.provenance import manifest
from bankd.provenance.manifest import Disclosures
from bankd.provenance.models import Composite, Usage
from bankd.reports.kind import Context
from bankd.reports.kinds.provenance.gathering import gather
from bankd.reports.kinds.provenance.model import ProvenanceScope
from bankd.synthesis import filing, handouts, products, replaying, steps
from bankd.synthesis.errors import LayoutRefused, UseRefused
from bankd.synthesis.handouts import HandedOut, NotHandedOut
from bankd.synthesis.models import Variation
from synth.layout import Layout, regions
from synth.pictures import Kind, Ledger

USE = {
    "purpose": "commercial", "channels": ["web"], "targeted": ["JP"], "accessible": ["JP"],
    "starts_on": "2026-06-01", "ends_on": "2026-12-31", "audience": "public",
}  # fmt: skip


def mug_of(layout: Any) -> int:
    return next(one.ordinal for one in regions(Layout(layout), house().thin) if one.category == MUG)


# --- Which regions are meant ---


def test_a_region_is_named_by_its_category_or_by_a_pixel_of_it() -> None:
    layout = labels(mug_x=40)
    mug = mug_of(layout)

    assert products.resolve({"mug": "MUG-1"}, layout, house()) == {mug: "MUG-1"}
    assert products.resolve({"48,35": "MUG-1"}, layout, house()) == {mug: "MUG-1"}
    assert products.resolve({"mug": "MUG-1", "48,35": "MUG-1"}, layout, house()) == {mug: "MUG-1"}
    assert products.resolve({}, layout, house()) == {}


def test_a_category_stands_for_all_of_its_regions_and_a_pixel_for_one() -> None:
    layout = labels(mug_x=10)
    layout[30:40, 70:80] = MUG

    assert len(products.resolve({"mug": "MUG-1"}, layout, house())) == 2
    two = products.resolve({"12,35": "MUG-1", "75,35": "MUG-2"}, layout, house())
    assert sorted(two.values()) == ["MUG-1", "MUG-2"]


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"sofa": "S-1"}, "the layout has no region `sofa`: name a category, or a pixel as X,Y"),
        ({"900,5": "S-1"}, "the layout has no region `900,5`"),
        ({"gryphon": "S-1"}, "the layout has no region `gryphon`"),
        ({"mug": "a mug"}, "`a mug` is no article number of a product"),
        ({"mug": ""}, "`` is no article number of a product"),
        ({"mug": "x" * 65}, "is no article number of a product"),
        ({"mug": "MUG-1", "48,35": "MUG-2"}, "region `48,35` is declared as two products"),
        ({f"{x},0": "MUG-1" for x in range(101)}, "`101` regions are declared as products, 100 are the most"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(stated: Mapping[str, str], says: str) -> None:
    with pytest.raises(LayoutRefused) as refused:
        products.resolve(stated, labels(mug_x=40), house())
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        (["mug"], "`mug` says of no region which product it is: use REGION=SKU"),
        (["=MUG-1"], "`=MUG-1` says of no region"),
        (["mug=A", "mug=B"], "region `mug` is declared as a product twice"),
    ],
)
def test_pairs_are_read_as_they_are_written(stated: list[str], says: str) -> None:
    assert products.read_stated(["mug=MUG-1", "3,4=A/B_c.9"]) == {"mug": "MUG-1", "3,4": "A/B_c.9"}
    with pytest.raises(LayoutRefused) as refused:
        products.read_stated(stated)
    assert says in str(refused.value)


def test_products_want_a_strict_canvas() -> None:
    use = Use.model_validate(USE)
    with pytest.raises(UseRefused, match="regions of products need a strict canvas"):
        filing.Asked(labels(), use, "scene", 1, 7, canvas="overlap", products={"mug": "MUG-1"})


def test_a_repeat_with_other_products_is_another_request_and_none_is_what_it_was() -> None:
    def sha256(**more: Any) -> str:
        return filing.Asked(labels(), Use.model_validate(USE), "scene", 1, 7, **more).sha256(house())

    assert sha256() == sha256(products={})
    assert len({sha256(), sha256(products={"mug": "A"}), sha256(products={"mug": "B"})}) == 3


# --- What a photo is recorded to show ---


def test_a_photo_shows_a_product_as_a_whole_or_by_segments() -> None:
    whole = Depictions.model_validate({"product": "MUG-1"})
    parts = Depictions.model_validate({"products": [{"product": "MUG-1", "segments": [2, 4]}]})

    assert [whole.product_of(segment) for segment in (0, 2)] == ["MUG-1", "MUG-1"]
    assert [parts.product_of(segment) for segment in (0, 2, 4)] == [None, "MUG-1", "MUG-1"]
    assert Depictions().product_of(0) is None
    assert not {"product", "products"} & Depictions().as_json().keys()  # as it was before there were any
    assert Depictions.model_validate(parts.as_json()) == parts


@pytest.mark.parametrize(
    "stated",
    [
        {"product": "A", "products": [{"product": "B", "segments": [1]}]},
        {"products": [{"product": "A", "segments": [1]}, {"product": "B", "segments": [1]}]},
        {"products": [{"product": "A", "segments": []}]},
        {"product": "no number at all"},
    ],
)
def test_a_photo_is_not_said_to_show_two_things_at_one_place(stated: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"product|segments|pattern"):
        Depictions.model_validate(stated)


def test_records_that_differ_leave_no_product() -> None:
    one, other = (Depictions.model_validate({"product": sku}) for sku in ("A", "B"))

    assert one.tightened_by(Depictions()).product == "A" == Depictions().tightened_by(one).product
    assert one.tightened_by(one).product == "A"
    assert one.tightened_by(other).product is None


# --- What came out ---


def seen(owner: Any, generated: Any, product_of: list[str | None]) -> products.Shown:
    layout = labels(mug_x=40)
    mug = mug_of(layout)
    kind = np.where(owner < 0, Kind.INPAINTED, Kind.PLACED).astype(np.uint8)
    (found,) = products.look(
        {mug: "MUG-1"}, Layout(layout), house().thin, Ledger(owner.astype(np.int32), kind),
        product_of=product_of, generated=generated,
    )  # fmt: skip
    return found


def test_each_pixel_of_a_products_region_is_counted() -> None:
    layout = labels(mug_x=40)
    mug = layout == MUG
    owner = np.where(mug, 1, 0)
    nothing = np.zeros(layout.shape, bool)

    whole = seen(owner, nothing, [None, "MUG-1"])
    assert (whole.area_px, whole.generated_px, whole.foreign_px) == (int(mug.sum()), 0, 0)
    assert products.pictured([whole], made_px=0, frame_px=layout.size) == Pictured(
        products=frozenset({"MUG-1"})
    )
    assert seen(owner, nothing, ["MUG-1", None]).foreign_px == mug.sum()
    assert seen(owner, nothing, ["MUG-1", "MUG-2"]).foreign_px == mug.sum()

    one = owner.copy()
    one[30, 45] = 0  # one pixel of the wall's segment
    assert seen(one, nothing, [None, "MUG-1"]).foreign_px == 1

    hole = owner.copy()
    hole[30, 45] = -1
    made = seen(hole, hole < 0, [None, "MUG-1"])
    assert (made.generated_px, made.foreign_px) == (1, 0)
    told = products.pictured([made], made_px=1, frame_px=layout.size)
    assert told.products_foreign == frozenset() and told.product_generated_bp == 32  # of 320: rounded up

    elsewhere = nothing.copy()
    elsewhere[0, :] = True
    assert seen(owner, elsewhere, [None, "MUG-1"]).generated_px == 0


@pytest.mark.parametrize(
    ("part", "whole", "bp"), [(0, 9, 0), (1, 10**9, 1), (1, 3, 3334), (1, 2, 5000), (7, 7, 10_000)]
)
def test_shares_are_rounded_up(part: int, whole: int, bp: int) -> None:
    assert products.share_bp(part, whole) == bp


def test_without_products_and_network_nothing_is_known() -> None:
    assert products.pictured((), made_px=0, frame_px=6144) == NOTHING_KNOWN


# --- In the bank ---


def ask(bank: Bank, stated: Mapping[str, str], *, layout: Any = None, seed: int = 7, **use: object) -> UUID:
    asked = filing.Asked(
        labels(mug_x=44) if layout is None else layout,
        Use.model_validate({**USE, **use}), "scene", 1, seed, products=stated,
    )  # fmt: skip
    with bank.rt.transaction() as session:
        return filing.file(
            session, asked, blobs=bank.rt.blobs, taxonomy=house(), idempotency_key=None,
            by=bank.rt.actor, at=bank.rt.now(),
        ).id  # fmt: skip


def say(bank: Bank, photo: UUID, product: str | None, *segments: int) -> None:
    with bank.rt.transaction() as session:
        shown_in.record(session, photo, product, segments=segments, by=bank.rt.actor, at=bank.rt.now())


def mug_segment(bank: Bank, photo: UUID) -> Segment:
    with bank.rt.transaction() as session:
        return session.scalars(
            select(Segment).where(Segment.photo_id == photo, Segment.category_id == MUG)
        ).one()


def composite_of(bank: Bank, request: UUID) -> Composite:
    with bank.rt.transaction() as session:
        return session.scalars(select(Composite).where(Composite.request_id == request)).one()


def test_a_products_region_is_filled_from_its_photos_alone(bank: Bank) -> None:
    ref = bank.grant("open")
    photos = bank.take((ref,), (ref,), (ref,), (ref,))  # the last but one matches the layout best
    other = mug_segment(bank, photos[0])
    say(bank, photos[0], "MUG-1", other.ordinal)
    say(bank, photos[1], "MUG-2")

    request = bank.make(ask(bank, {"mug": "MUG-1"}))

    assert request.state == "completed", request.outcome
    composite = composite_of(bank, request.id)
    with bank.rt.transaction() as session:
        used = set(
            session.scalars(
                select(Usage.segment_id)
                .join(Segment, Segment.id == Usage.segment_id)
                .where(Usage.composite_id == composite.id, Segment.category_id == MUG)
            )
        )
    assert used == {other.id}
    disclosures = Disclosures.model_validate(composite.disclosures)
    assert disclosures.products is not None
    (told,) = disclosures.products.value
    assert (told["product"], told["generated_px"]) == ("MUG-1", 0) and told["area_px"] > 0
    sealed = manifest.read(composite.manifest)
    assert sealed.commitments == disclosures.commitments() and sealed.commitments.products
    assert "MUG-1" not in composite.manifest
    with bank.rt.transaction() as session:
        given = handouts.hand_out(
            session, composite.id, recipient="Agency", channel="web", blobs=bank.rt.blobs,
            by=bank.rt.actor, at=bank.rt.now(),
        )  # fmt: skip
        assert isinstance(given, HandedOut)
    with bank.rt.transaction() as session:
        again = replaying.replay(session, request.id, by=bank.rt.actor)
    assert [(one.of, one.outcome) for one in again] == [
        ("request", "same"), ("seal", "same"), ("handout", "same"),
    ]  # fmt: skip
    with bank.rt.snapshot() as session:
        context = Context("The house", bank.rt.actor, bank.rt.now(), bank.rt.blobs)
        report = gather(session, ProvenanceScope(composite=composite.id), context).report
    (shown,) = report.products
    assert (shown.product, shown.area.px, shown.generated_px) == ("MUG-1", told["area_px"], 0)


def test_without_a_photo_of_the_product_nothing_is_made_however_small_its_region(bank: Bank) -> None:
    ref = bank.grant("open")
    photos = bank.take((ref,), (ref,))
    say(bank, photos[0], "MUG-2")
    small = labels(mug_x=44)
    small[small == MUG] = 1
    small[30:35, 44:49] = MUG  # 25 of 6,144 pixels

    request = bank.make(ask(bank, {"mug": "MUG-1"}, layout=small))

    assert request.state == "refused"
    (region,) = request.outcome["regions"]
    assert (region["category"], region["product"], region["segments"]) == ("mug", "MUG-1", 0)
    assert [one["policy"] for one in region["reasons"]] == ["no-product-segments"]
    assert bank.make(ask(bank, {}, layout=small)).state == "completed"


def test_why_the_photos_of_a_product_do_not_clear_is_told_of_them_alone(bank: Bank) -> None:
    photos = bank.take((bank.grant("open"),), (bank.grant("nc", purposes=["research"]),))
    say(bank, photos[1], "MUG-1")

    request = bank.make(ask(bank, {"mug": "MUG-1"}))

    assert request.state == "refused"
    (region,) = request.outcome["regions"]
    assert region["segments"] == 1
    assert [one["policy"] for one in region["reasons"]] == ["purpose-not-covered"]


def test_a_photo_that_shows_it_no_more_when_the_picture_comes_back_makes_none(bank: Bank) -> None:
    (photo,) = bank.take((bank.grant("open"),))
    say(bank, photo, "MUG-1")
    request = ask(bank, {"mug": "MUG-1"})
    order = bank.order(request)
    assert order is not None
    bank.render(order)
    say(bank, photo, "MUG-2")
    steps.seal(bank.rt, order.id)

    with bank.rt.transaction() as session:
        variation = session.get_one(Variation, (request, 0))
    assert variation.composite_id is None
    assert variation.reasons["reasons"] == ["product-of-another"]


def test_a_picture_of_what_a_photo_does_not_show_after_all_is_handed_out_no_more(bank: Bank) -> None:
    """An article number that is corrected after the seal, and one that is put right again."""
    photo, _ = bank.take((bank.grant("open"),), (bank.grant("other"),))
    say(bank, photo, "MUG-1", mug_segment(bank, photo).ordinal)
    request = bank.make(ask(bank, {"mug": "MUG-1"}))
    assert request.state == "completed", request.outcome
    composite = composite_of(bank, request.id)

    def given() -> Any:
        with bank.rt.transaction() as session:
            return handouts.hand_out(
                session, composite.id, recipient="Agency", channel="web", blobs=bank.rt.blobs,
                by=bank.rt.actor, at=bank.rt.now(),
            )  # fmt: skip

    say(bank, photo, "MUG-2", mug_segment(bank, photo).ordinal)
    refused = given()
    assert isinstance(refused, NotHandedOut) and set(refused.reasons) == {"product-of-another"}
    say(bank, photo, "MUG-1", mug_segment(bank, photo).ordinal)
    assert isinstance(given(), HandedOut)


def test_a_made_up_pixel_in_a_product_refuses_the_picture(bank: Bank, monkeypatch: Any) -> None:
    (photo,) = bank.take((bank.grant("open"),))
    say(bank, photo, "MUG-1")
    look = products.look
    monkeypatch.setattr(
        products, "look",
        lambda *told, generated, **more: look(*told, generated=np.ones_like(generated), **more),
    )  # fmt: skip

    request = bank.make(ask(bank, {"mug": "MUG-1"}))

    assert request.state == "refused"
    with bank.rt.transaction() as session:
        variation = session.get_one(Variation, (request.id, 0))
    assert variation.reasons["reasons"] == ["product-made-up"]


def test_what_a_photo_shows_is_recorded_segment_by_segment_and_logged(bank: Bank) -> None:
    (photo,) = bank.take((bank.grant("open"),))

    def told() -> dict[str, Any]:
        with bank.rt.transaction() as session:
            stored = session.get_one(Photo, photo).depictions
        return {name: stored[name] for name in ("product", "products") if name in stored}

    say(bank, photo, "MUG-1")
    assert told() == {"product": "MUG-1"}
    say(bank, photo, "MUG-2", 1)
    assert told() == {"products": [{"product": "MUG-2", "segments": [1]}]}
    say(bank, photo, "MUG-3", 1, 0)
    assert told() == {"products": [{"product": "MUG-3", "segments": [0, 1]}]}
    say(bank, photo, None, 1)
    assert told() == {"products": [{"product": "MUG-3", "segments": [0]}]}
    say(bank, photo, None)
    assert told() == {}
    for product, segment in (("MUG-1", 99), ("MUG-1", -1), ("two words", 0)):
        with pytest.raises(ProductInvalid):
            say(bank, photo, product, segment)
    with bank.rt.transaction() as session:
        entries = [one for one in log.read(session) if one.kind == "photo.product-recorded"]
    assert len(entries) == 5
    assert bank.make(ask(bank, {"mug": "MUG-1"})).state == "refused"


def test_the_filter_knows_the_same_segments_as_the_records(bank: Bank) -> None:
    (photo,) = bank.take((bank.grant("open"),))
    told: list[dict[str, Any]] = [
        {}, {"product": "A"}, {"product": "a"}, {"product": "A-1"},
        {"products": [{"product": "A", "segments": [1]}]},
        {"products": [{"product": "B", "segments": [0]}, {"product": "A", "segments": [2, 1]}]},
        {"products": [{"product": "A", "segments": [11]}, {"product": "A-1", "segments": [1]}]},
    ]  # fmt: skip
    hits = 0
    with bank.rt.transaction() as session:
        row = session.get_one(Photo, photo)
        for stated in told:
            row.depictions = {**Depictions().as_json(), **stated}
            session.flush()
            segments = session.scalars(select(Segment).where(Segment.photo_id == photo)).all()
            known = products.recorded(session, [one.id for one in segments])
            for sku in ("A", "B", "A-1", "a"):
                wanted = select(Segment.id).join(Photo, Photo.id == Segment.photo_id)
                found = set(session.scalars(wanted.where(products.shown(sku))))
                assert found == {id for id, product in known.items() if product == sku}, (stated, sku)
                hits += len(found)
    assert hits > 10


def test_a_layout_without_the_region_is_refused_when_it_is_filed(bank: Bank) -> None:
    with pytest.raises(LayoutRefused, match="the layout has no region `sofa`"):
        ask(bank, {"sofa": "SOFA-1"})
