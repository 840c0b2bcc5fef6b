"""Copies leave the house on record, and a file's moment is said by an authority, then or later."""

import socket
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select
from time_authority import authority

from bankd.audit import log
from bankd.provenance import credential, manifest, pixels, sidecars, stamping
from bankd.provenance.errors import TimeStampRefused, TimeStampUnavailable
from bankd.provenance.models import Composite, Handout
from bankd.provenance.renditions import asked_for
from bankd.synthesis import steps, verification
from bankd.synthesis.handouts import HandedOut, give, hand_out, make, want


def sealed(bank: Any, **ask: Any) -> Composite:
    request = bank.make(bank.ask(**ask))
    with bank.rt.transaction() as session:
        return session.scalars(select(Composite).where(Composite.request_id == request.id)).one()


def set_to(bank: Any, **settings: Any) -> None:
    bank.rt.settings = bank.rt.settings.model_copy(update=settings)


def checks(bank: Any, file: bytes) -> dict[str, str]:
    found = verification.verify_file(bank.rt, file, by=bank.rt.actor)
    assert found.authentic, found.checks
    return {check.name: check.sentence for check in found.checks}


def test_rendition_and_comp_are_handed_out_on_record_and_verify(served: Any) -> None:
    composite = sealed(served)
    for form, comp in (("jpeg", False), ("tiff", False), ("webp", True)):
        with served.rt.transaction() as session:
            given = hand_out(
                session,
                composite.id,
                recipient="Shop team",
                channel="web",
                comp=comp,
                rendition=asked_for(form, longest_side=40),
                signing=verification.signing(served.rt),
                blobs=served.rt.blobs,
                by=served.rt.actor,
                at=served.rt.now(),
            )
        assert isinstance(given, HandedOut)
        assert pixels.media_type(given.file) == f"image/{form}"
        said = checks(served, given.file)["record"]
        assert f"({form}, 40 x" in said and ("a comp" if comp else "a rendition") in said
    with served.rt.transaction() as session:
        rows = session.scalars(select(Handout).order_by(Handout.at, Handout.id)).all()
        assert {(row.format, row.comp, row.rendition["longest_side"]) for row in rows} == {
            ("jpeg", False, 40),
            ("tiff", False, 40),
            ("webp", True, 40),
        }
        assert len({row.file_sha256 for row in rows} | {composite.file_sha256}) == 4
        assert session.get_one(Composite, composite.id).file_sha256 == composite.file_sha256
        assert [entry.kind for entry in log.read(session)][-1] == "composite.handed-out"


def test_photos_that_the_house_signed_begin_the_chain_of_what_is_made_of_them(
    bank: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to(bank, sign_photos=True)
    ref, really, signed = bank.grant("open"), sidecars.sign, list[UUID]()

    def sign(content: bytes, **facts: Any) -> bytes:
        """Of the first photo something else is signed, as if its manifest had been put in another's place."""
        signed.append(facts["photo_id"])
        return really(content if len(signed) > 1 else pixels.encode(np.zeros((9, 9, 3), np.uint8)), **facts)

    monkeypatch.setattr(sidecars, "sign", sign)
    first, *_ = bank.take((ref,), (ref,), (ref,))

    composite = sealed(bank)

    file = bank.rt.blobs.get(composite.blob_key, limit_bytes=1 << 24)
    anchors = verification.credentials(bank.rt).anchors_pem
    found = credential.store(file, anchors_pem=anchors, media_type="image/png")
    assert found is not None and found["validation_state"] == "Trusted"
    ingredients = found["manifests"][found["active_manifest"]]["ingredients"]
    chained = {UUID(one["title"]) for one in ingredients if "active_manifest" in one}
    placed = {photo.photo_id for photo in manifest.read(composite.manifest).placed_photos}
    assert chained == placed - {first} and chained
    assert "record" in checks(bank, file)


def test_without_an_authority_nothing_is_sealed_where_the_house_refuses_that(served: Any) -> None:
    with socket.socket() as taken:  # bound, never listening
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        set_to(served, time_stamp_url=url, time_stamp_policy="refuse")
        request_id = served.ask()
        order = served.order(request_id)
        served.render(order)
        with pytest.raises(TimeStampUnavailable):
            steps.seal(served.rt, order.id)
    with served.rt.transaction() as session:
        assert session.scalars(select(Composite)).all() == []

    set_to(served, time_stamp_url=None, time_stamp_policy="seal-without")
    steps.seal(served.rt, order.id)  # the lease was given back

    with served.rt.transaction() as session:
        assert session.scalars(select(Composite)).one().time_stamped is False


def test_what_was_sealed_without_is_stamped_later_and_says_by_whom(served: Any, tmp_path: Any) -> None:
    composite = sealed(served)
    file = served.rt.blobs.get(composite.blob_key, limit_bytes=1 << 24)
    with served.rt.transaction() as session:
        wanted = want(
            session,
            composite.id,
            recipient="Shop team",
            channel="web",
            rendition=asked_for("jpeg"),
            by=served.rt.actor,
        )
    ready = make(wanted, signing=verification.signing(served.rt), blobs=served.rt.blobs)
    with served.rt.transaction() as session:
        copy = give(session, ready, by=served.rt.actor, at=served.rt.now()).file
    assert checks(served, copy)["time stamp"] == "no authority says when it was signed"
    assert checks(served, file)["time stamp"] == "no authority says when it was signed"

    def stamp() -> int:
        return stamping.stamp_waiting(
            served.rt.transaction,
            clock=verification.clock(served.rt),
            blobs=served.rt.blobs,
            by=served.rt.actor,
            now=served.rt.now,
        )

    folder = tmp_path / "authority"
    folder.mkdir()
    with authority(folder) as clock:
        roots = folder / "root.pem"
        set_to(served, time_stamp_url=clock.url, time_stamp_roots=roots)
        assert stamp() == 2  # the composite, and the copy that the bank has no more
        assert stamp() == 0  # nothing waits any more
        at_once = sealed(served, seed=8)
        again = verification.time_stamp(served.rt, composite.id, by=served.rt.actor)
        assert again.trusted and again.authority == "Test clock 1"
    set_to(served, time_stamp_url=None)
    with pytest.raises(TimeStampRefused, match="no authority is set"):
        verification.time_stamp(served.rt, composite.id, by=served.rt.actor)
    assert checks(served, file)["time stamp"].startswith("`Test clock 1` says that it was there at 20")
    for one in (file, copy):
        assert "keeps beside the file" in checks(served, one)["time stamp"]
    with served.rt.transaction() as session:
        assert [one.kind for one in log.read(session)].count("composite.time-stamped") == 3
        assert len(stamping.responses(session, composite.file_sha256)) == 2
    said = checks(served, served.rt.blobs.get(at_once.blob_key, limit_bytes=1 << 24))["time stamp"]
    assert said.startswith("`Test clock 1` says") and "beside" not in said
