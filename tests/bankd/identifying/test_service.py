"""A picture without its papers is known again, on evidence, and to whom may know it."""

import io
import json
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from click.testing import CliRunner
from drawn import labels, png
from PIL import Image
from small_bank import NOBODY
from sqlalchemy import select, update

from bankd.access import service as access
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.catalog.taxonomy import house
from bankd.cli import main
from bankd.identifying import kept
from bankd.identifying.marking import ACTION, given_size, marks_of
from bankd.identifying.models import CompositeFingerprint, PhotoOrigin
from bankd.identifying.service import RATES, Identified, identify
from bankd.ingestion import decode, faces
from bankd.ingestion import service as ingestion
from bankd.ingestion.service import NewPhoto
from bankd.licensing.rights_entries import PhotoRights
from bankd.likeness.hashing import look
from bankd.provenance import certificates
from bankd.provenance.models import Composite
from bankd.provenance.renditions import MASTER, Mark, asked_for
from bankd.synthesis.handouts import HandedOut, Signing, hand_out
from bankd.watermark.spread import Spread
from bankd.watermark.watermarks import Watermarks, mark_of

MARKED = Spread(b"k" * 32)


class World:
    """Two composites, one of which was handed out twice and given as a comp."""

    def __init__(self, bank: Any, owner: Any) -> None:
        self.bank, self.rt = bank, bank.rt
        ref = bank.grant("open")
        bank.take((ref,), (ref,), (ref,))
        self.first, self.file = self.sealed(seed=7)
        self.second, self.other = self.sealed(seed=8, layout=labels(mug_x=10))
        self.given = [self.hand_out(recipient) for recipient in ("Shop team", "Press")]
        self.comp = self.hand_out("Agency", comp=True)
        with self.rt.transaction() as session:
            self.mine, self.theirs = (
                access.record_department(session, name, by=self.rt.actor, at=self.rt.now()).id
                for name in ("mine", "theirs")
            )
        with owner.begin() as connection:
            connection.execute(
                update(Composite).where(Composite.id == self.first).values(department_id=self.mine)
            )

    def sealed(self, **asked: Any) -> tuple[UUID, bytes]:
        request = self.bank.make(self.bank.ask(**asked))
        with self.rt.transaction() as session:
            made = session.scalars(select(Composite).where(Composite.request_id == request.id)).one()
            return made.id, self.rt.blobs.get(made.blob_key, limit_bytes=1 << 26)

    def hand_out(self, recipient: str, *, comp: bool = False, **how: Any) -> HandedOut:
        credentials = certificates.ensure_development(self.rt.settings.keys, at=self.rt.now())
        with self.rt.transaction() as session:
            given = hand_out(
                session,
                self.first,
                recipient=recipient,
                channel="web",
                comp=comp,
                **how,
                signing=Signing(credentials),
                blobs=self.rt.blobs,
                by=self.rt.actor,
                at=self.rt.now(),
            )
        assert isinstance(given, HandedOut)
        return given

    def identify(self, file: bytes, *, by: Actor | None = None, marks: Any = ()) -> Identified:
        with self.rt.transaction() as session:
            return identify(
                session,
                file,
                decode.decode(file, name="picture").rgb,
                watermarks=Watermarks(marks),
                by=by or Actor("user", "auditor", frozenset({"auditor"})),
            )


@pytest.fixture(scope="module")
def world(shared: Any) -> World:
    return World(shared.bank, shared.owner)


def evidence(found: Identified) -> list[tuple[Any, set[str]]]:
    return [(match.composite_id, {one.by for one in match.evidence}) for match in found.matches]


def rgb_of(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def encoded(rgb: np.ndarray, kind: str = "PNG", **how: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, kind, **how)
    return out.getvalue()


def test_the_very_file_is_known_with_every_handout_of_it(world) -> None:
    found = world.identify(world.file)

    assert found.verdict == "identified"
    assert evidence(found) == [(world.first, {"file", "pixels"})]
    assert {one.recipient for one in found.matches[0].handouts} == {"Shop team", "Press"}
    assert found.compared == 3  # two composites and a comp


def test_a_stripped_file_is_known_by_its_pixels_and_a_reencoded_one_by_its_looks(world) -> None:
    stripped = world.identify(encoded(rgb_of(world.file)))
    smaller = encoded(np.asarray(Image.fromarray(rgb_of(world.file)).resize((72, 48))), "JPEG", quality=60)
    lossy = world.identify(smaller)

    assert (stripped.verdict, evidence(stripped)) == ("identified", [(world.first, {"pixels"})])
    assert world.first in [match.composite_id for match in lossy.matches]
    assert {one.by for match in lossy.matches for one in match.evidence} <= {"pdq", "phash"}
    assert lossy.verdict in ("likely", "ambiguous")
    for match in lossy.matches:
        for one in match.evidence:
            assert one.false_at_most == pytest.approx(RATES[one.by] * 3)


def test_a_comp_is_known_as_the_handout_that_it_was(world) -> None:
    for file in (world.comp.file, encoded(rgb_of(world.comp.file))):
        found = world.identify(file)

        assert found.verdict == "identified"
        assert [one.recipient for one in found.matches[0].handouts] == ["Agency"]


def test_a_mark_tells_to_whom_a_copy_was_given(world) -> None:
    large = np.asarray(Image.fromarray(rgb_of(world.file)).resize((640, 480), Image.Resampling.BICUBIC))
    mark = mark_of(world.given[1].handout.id)
    leaked = encoded(MARKED.put(large, mark), "JPEG", quality=80)

    found = world.identify(leaked, marks=[MARKED])
    without = world.identify(encoded(large, "JPEG", quality=80), marks=[MARKED])
    foreign = world.identify(encoded(MARKED.put(large, 12345), "JPEG", quality=90), marks=[MARKED])

    match = found.matches[0]
    assert found.verdict == "identified"
    assert match.composite_id == world.first
    assert [one.recipient for one in match.handouts] == ["Press"]
    (marked,) = [one for one in match.evidence if one.by == "watermark"]
    assert marked.false_at_most < 1e-10
    assert all(one.by != "watermark" for match in without.matches for one in match.evidence)
    assert any("0000000000003039`, of no handout on record" in note for note in foreign.notes)


def test_another_departments_picture_is_not_named(world) -> None:
    member = Actor("user", "someone", frozenset({"creative"}), world.theirs)

    found = world.identify(world.file, by=member)

    assert [(one.composite_id, one.handouts) for one in found.matches] == [(None, ())]
    assert str(world.first) not in repr(found)
    assert "Shop team" not in repr(found)
    assert world.identify(world.file, by=Actor("user", "a", frozenset(), world.mine)).matches[0].named


def test_a_picture_that_has_nothing_to_do_with_any_is_unknown(world) -> None:
    rng = np.random.default_rng(4)
    noise = np.asarray(Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize((320, 240)))

    found = world.identify(encoded(noise), marks=[MARKED])

    assert (found.verdict, found.matches) == ("unknown", ())


def test_what_cannot_be_read_as_a_picture_is_looked_up_by_its_bytes(world) -> None:
    with world.rt.transaction() as session:
        found = identify(session, b"no picture", None, watermarks=Watermarks(), by=world.rt.actor)

    assert found.verdict == "unknown"
    assert "by its bytes alone" in found.notes[0]


def test_a_seal_keeps_what_the_composite_looks_like(world) -> None:
    with world.rt.transaction() as session:
        kept = session.scalars(select(CompositeFingerprint).order_by(CompositeFingerprint.id)).all()

    assert [(one.composite_id, one.handout_id) for one in kept] == [
        (world.first, None),
        (world.second, None),
        (world.first, world.comp.handout.id),
    ]


@pytest.mark.parametrize(
    ("of", "made", "how"),
    [
        ("first", lambda world: world.file, "file"),
        ("second", lambda world: encoded(rgb_of(world.other)), "pixels"),
        ("first", lambda world: encoded(rgb_of(world.file), "JPEG", quality=85), "pdq"),
    ],
)
def test_a_composite_that_comes_back_as_a_photo_is_recorded_as_one(world, of, made, how) -> None:
    photo_id = came_in(world, made(world))

    with world.rt.transaction() as session:
        origins = session.scalars(select(PhotoOrigin).where(PhotoOrigin.photo_id == photo_id)).all()
        entries = [one for one in log.read(session) if one.kind == "photo.returned"]
    assert [(one.composite_id, one.how) for one in origins] == [(getattr(world, of), how)]
    assert (origins[0].handout_id in {one.handout.id for one in world.given}) == (how == "file")
    assert entries[-1].payload["objects"]["photo"] == str(photo_id)


def came_in(world: World, file: bytes) -> UUID:
    """As by ingestion, undone where another test would meet it again: each test brings other bytes."""
    bank = world.bank
    classes = [{"id": c.id, "name": c.name} for c in house().categories]
    new = NewPhoto(
        name=f"back-{uuid4()}.png",
        photo=file,
        labels=png(labels(mug_x=44)),
        rights=PhotoRights(
            grants=("L-open/all",), depictions=NOBODY, releases=(), disputed=None, embargo_until=None
        ),
    )
    with world.rt.transaction() as session:
        batch = ingestion.open_batch(
            session,
            [new],
            classes=classes,
            name="back",
            department_id=bank.department_id,
            blobs=world.rt.blobs,
            by=world.rt.actor,
            at=world.rt.now(),
        )
        (item,) = ingestion.items(session, batch.id)
    with world.rt.transaction() as session:
        claimed = ingestion.claim(session, item.id, at=world.rt.now())
        assert claimed is not None
        outcome = ingestion.ingest_item(
            session,
            claimed,
            blobs=world.rt.blobs,
            detect=faces.NOBODY,
            by=world.rt.actor,
            at=world.rt.now(),
        )
    assert outcome is not None and outcome.photo_id is not None, outcome
    return outcome.photo_id


def test_a_rendition_that_was_handed_out_carries_the_mark_of_its_handout(world) -> None:
    """By way of handing out: what leaves in another format says to whom it went, whatever becomes of it."""
    marks = marks_of(Watermarks([MARKED]), "copies")
    rgb = np.asarray(Image.fromarray(rgb_of(world.file)).resize((640, 480), Image.Resampling.BICUBIC))

    (mark,) = marks(world.given[0].handout.id, rgb.shape[:2], True)
    (master,) = marks_of(Watermarks([MARKED]), "all")(world.given[0].handout.id, rgb.shape[:2], False)

    assert mark.action == master.action == "c2pa.watermarked.unbound"
    found = world.identify(encoded(mark.put(rgb), "JPEG", quality=70), marks=[MARKED])
    assert [one.recipient for one in found.matches[0].handouts] == ["Shop team"]
    assert marks(world.given[0].handout.id, rgb.shape[:2], False) == ()
    assert marks(world.given[0].handout.id, (64, 96), True) == ()
    assert marks_of(Watermarks([MARKED]), "none")(world.given[0].handout.id, rgb.shape[:2], True) == ()


def test_the_size_of_what_is_given_is_that_of_its_rendition() -> None:
    assert given_size(MASTER, 768, 1024) == (768, 1024)
    assert given_size(asked_for("jpeg", longest_side=512), 768, 1024) == (384, 512)
    assert given_size(asked_for("jpeg", longest_side=4096), 768, 1024) == (768, 1024)


def test_a_handed_out_copy_is_signed_with_the_mark_said_and_the_handout_has_the_id_that_was_marked(
    world,
) -> None:
    asked: list[Any] = []

    def marks(handout_id: UUID, size: tuple[int, int], copied: bool) -> tuple[Mark, ...]:
        asked.append((handout_id, size, copied))
        return (Mark(put=lambda rgb: rgb ^ 1, action=ACTION, says="a mark that cannot be seen"),)

    given = world.hand_out("Printer", rendition=asked_for("png"), marks=marks)

    assert asked == [(given.handout.id, rgb_of(world.file).shape[:2], False)]
    assert (rgb_of(given.file) ^ 1 == rgb_of(world.file)).all()
    found = world.identify(encoded(rgb_of(given.file)))
    assert [one.handout_id for one in found.matches[0].handouts] == [given.handout.id]


def test_a_part_of_a_picture_is_found_among_the_parts_that_were_kept(world) -> None:
    whole = rgb_of(world.file)
    part = np.ascontiguousarray(whole[4:61, 6:91])
    with world.rt.transaction() as session:
        like = kept.cropped_from(session, look(part))
        mirrored = kept.cropped_from(session, look(np.ascontiguousarray(part[:, ::-1])))
        nothing = kept.cropped_from(session, look(rng_picture()))

    assert world.first in {one.composite_id for one in like}
    assert [one.composite_id for one in mirrored] == [one.composite_id for one in like]
    assert {one.how for one in like} == {"crop"}
    assert nothing == []


def rng_picture() -> np.ndarray:
    coarse = np.random.default_rng(4).integers(0, 256, (12, 16, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((320, 240)))


def test_the_command_says_what_was_found_and_that_nothing_was(world, tmp_path) -> None:
    file = tmp_path / "leaked.png"
    file.write_bytes(encoded(rgb_of(world.comp.file)))
    unknown = tmp_path / "other.png"
    unknown.write_bytes(encoded(rng_picture()[:90, :90]))

    told = CliRunner().invoke(main, ["composites", "identify", str(file)], obj=world.rt)
    as_json = CliRunner().invoke(main, ["composites", "identify", str(file), "--json"], obj=world.rt)
    nothing = CliRunner().invoke(main, ["composites", "identify", str(unknown)], obj=world.rt)

    assert told.exit_code == 0, told.output
    assert f"composite {world.first}" in told.stdout
    assert "as a comp, to Agency for web" in told.stdout
    assert "misleads with a chance of at most 3e-39" in told.stdout
    assert "verdict: identified" in told.stdout
    assert json.loads(as_json.stdout)["matches"][0]["composite_id"] == str(world.first)
    assert nothing.exit_code == 1
    assert "verdict: unknown" in nothing.stdout
