import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import numpy as np
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import bankd.provenance
from bankd.provenance import regions, shares, signing
from bankd.provenance.errors import ManifestUnreadable
from bankd.provenance.manifest import (
    Commitments,
    LogCheckpoint,
    Manifest,
    Refiner,
    Source,
    disclose,
    draw_up,
    read,
    schema,
)

CanvasOf = Callable[..., Any]

GRANT = UUID(int=5)


def small_manifest(*, second_grant: UUID = GRANT) -> Manifest:
    """Two segments of one photo and an inpainted pixel, on six pixels, one a seam with another photo."""
    owner = np.array([[0, 0, 1], [-1, 1, 1]])
    kind = np.array([[1, 2, 1], [4, 3, 1]])
    seams = np.array([[False, False, False], [False, True, False]])
    common = {"category": "wall", "photo_id": UUID(int=4), "photo_sha256": "4" * 64}
    frame = {"photo_height": 10, "photo_width": 20}
    sources = [
        Source(segment_id=71, area_px=30, grant_id=GRANT, **common, **frame),
        Source(segment_id=72, area_px=9, grant_id=second_grant, **common, **frame),
    ]
    return draw_up(
        composite_id=UUID(int=1),
        request_id=UUID(int=2),
        variation=1,
        sealed_at=datetime(2026, 6, 1, 12, 0, 0, 999_999, tzinfo=UTC),
        pixel_sha256="a" * 64,
        owner=owner,
        placements=[71, 72],
        areas=shares.count(owner, kind, [71, 72], seams=seams),
        seams=seams,
        sources={source.segment_id: source for source in sources},
        policy_bundle="b" * 64,
        clearance_log_index=8,
        log_checkpoint=LogCheckpoint(size=7, root="c" * 64),
        recipe="sims-1",
        frame="box",
        seed=2**53 - 1,
        refiner=Refiner(name="blend", checkpoint=None, training_snapshot=None, training_photos=0),
        commitments=Commitments(declared_use="d" * 64, effective_license="e" * 64, credits_owed="f" * 64),
    )


def test_manifest_version_2_never_changes() -> None:
    """If this text changes, signed manifests can no longer be read: make a version 3 instead."""
    assert small_manifest().canonical() == (
        '{"clearance_log_index":8,"commitments":{"credits_owed":"fffffffffffffffffffffffffffffffffffffff'
        'fffffffffffffffffffffffff","declared_use":"dddddddddddddddddddddddddddddddddddddddddddddddddddd'
        'dddddddddddd","effective_license":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee'
        'eeee"},"composite_id":"00000000-0000-0000-0000-000000000001","frame":"box","height":2,"inpainte'
        'd_px":1,"log_checkpoint":{"root":"ccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc'
        'ccc","size":7},"owner_runs":[1,2,0,1,-1,1,2,1,0,1],"pixel_sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaa'
        'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","placed_photos":[{"canvas_px":5,"grant_id":"00000000-0000'
        '-0000-0000-000000000005","height":10,"photo_id":"00000000-0000-0000-0000-000000000004","segment'
        's":[{"area_px":9,"blended_px":0,"category":"wall","filled_px":0,"placed_px":2,"seam_px":1,"segm'
        'ent_id":72},{"area_px":30,"blended_px":0,"category":"wall","filled_px":1,"placed_px":1,"seam_px'
        '":0,"segment_id":71}],"sha256":"444444444444444444444444444444444444444444444444444444444444444'
        '4","share_ppm":195000,"width":20}],"policy_bundle":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'
        'bbbbbbbbbbbbbbbbbbbbb","recipe":"sims-1","refiner":{"checkpoint":null,"name":"blend","training_'
        'photos":0,"training_snapshot":null},"refiner_px":0,"request_id":"00000000-0000-0000-0000-000000'
        '000002","sealed_at":"2026-06-01T12:00:00.999Z","seam_px":1,"seed":9007199254740991,"variation":'
        '1,"version":2,"width":3}'
    )


def test_a_seam_is_a_class_of_its_own_and_stands_in_the_owner_map() -> None:
    manifest = small_manifest()

    assert (manifest.seam_px, [segment.seam_px for segment in manifest.segments()]) == (1, [1, 0])
    assert manifest.seams().tolist() == [[False, False, False], [False, True, False]]
    assert manifest.photo_map().tolist() == [[0, 0, 0], [-1, 0, 0]]  # its owner's still
    assert manifest.placed_photos[0].canvas_px == 5
    classes = [
        sum(one.placed_px + one.filled_px + one.blended_px for one in manifest.segments()),
        manifest.seam_px or 0,
        manifest.inpainted_px,
        manifest.refiner_px,
    ]
    assert classes == [4, 1, 1, 0] and sum(classes) == manifest.height * manifest.width


def test_a_manifest_of_version_1_is_read_as_it_was_written() -> None:
    text = (Path(__file__).parent / "sealed" / "composite-1.manifest.json").read_text()
    then = read(text)

    assert (then.version, then.seam_px, then.placed_photos[0].seam_px) == (1, None, None)
    assert then.canonical() == text and not then.seams().any()
    jsonschema.validate(json.loads(text), schema())
    for changed in (
        text.replace('"version":1', '"version":2'),
        text.replace('"seed":7', '"seam_px":0,"seed":7'),
    ):
        with pytest.raises(ManifestUnreadable, match="version 2 counts seams, version 1 does not"):
            read(changed)


def test_published_schema_is_the_manifest_s_own(canvas: CanvasOf) -> None:
    published = Path(bankd.provenance.__file__).with_name("manifest.schema.json")

    assert published.read_text() == json.dumps(schema(), indent=2, sort_keys=True) + "\n"
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(json.loads(canvas(3).manifest.canonical()), schema())


def test_what_photos_brought_with_them_stands_in_the_manifest_and_else_leaves_no_trace(
    canvas: CanvasOf,
) -> None:
    plain = canvas(2).manifest
    first, second = plain.placed_photos
    known = first.model_copy(
        update={"iscc": "ISCC:" + "EEDWWX3Q" * 6, "credentials_sha256": "9" * 64, "generated": True}
    )
    told = plain.model_copy(update={"placed_photos": (known, second)})

    assert read(told.canonical()) == told and told.synthetic and not plain.synthetic
    jsonschema.validate(json.loads(told.canonical()), schema())
    for name in ("iscc", "credentials_sha256", "generated"):
        assert f'"{name}":' in told.canonical() and f'"{name}":' not in plain.canonical()
    with pytest.raises(ManifestUnreadable):
        read(told.canonical().replace('"ISCC:', '"iscc:'))


def test_manifest_survives_its_canonical_text(canvas: CanvasOf) -> None:
    manifest = canvas(3).manifest

    assert read(manifest.canonical()) == manifest


@pytest.mark.parametrize(
    "name", ["wall", 'a "wall" \\', "été", "壁", "\u2028", "\t\x1f\x7f", "\U0001f9f1", "\ue000"]
)
def test_canonical_text_is_that_of_rfc_8785(name: str) -> None:
    document = small_manifest().model_dump(mode="json")
    for segment in document["placed_photos"][0]["segments"]:
        segment["category"] = name

    text = Manifest.model_validate(document).canonical()

    assert text == rfc8785.dumps(document).decode()
    assert read(text).canonical() == text


def test_areas_are_those_of_the_ledger_and_the_largest_photo_stands_first(canvas: CanvasOf) -> None:
    made = canvas(5)
    manifest = made.manifest

    assert [photo.canvas_px for photo in manifest.placed_photos] == sorted(
        (photo.canvas_px for photo in manifest.placed_photos), reverse=True
    )
    photo_of = np.array(
        [made.sources[segment].photo_id.int for segment in made.placements] + [0], dtype=object
    )
    for number, photo in enumerate(manifest.placed_photos):
        mine = photo_of[made.owner] == photo.photo_id.int
        assert photo.canvas_px == np.count_nonzero(mine)
        assert np.array_equal(manifest.photo_map() == number, mine.astype(bool))
        used = [made.sources[segment.segment_id].area_px for segment in photo.segments]
        assert photo.share_ppm == sum(used) * 1_000_000 // 2000
    assert manifest.inpainted_px == 2 * manifest.width
    assert np.array_equal(
        regions.owner_map(manifest.owner_runs, height=manifest.height, width=manifest.width) < 0,
        made.owner < 0,
    )
    assert np.array_equal(manifest.seams(), made.seams) and made.seams.any()


def test_manifest_holds_no_word_of_the_use_the_license_or_the_credits(canvas: CanvasOf) -> None:
    text = canvas(2, credit="© Aiko Mori").manifest.canonical()

    for word in ("Mori", "Kirishima", "commercial", "JP", "web", "public", "2026-12-31"):
        assert word not in text


def test_an_overlap_canvas_is_named_and_a_strict_one_is_not(canvas: CanvasOf) -> None:
    strict = canvas(2).manifest
    overlap = strict.model_copy(update={"canvas": "overlap"})

    assert "canvas" not in json.loads(strict.canonical()) and read(strict.canonical()).canvas == "strict"
    assert json.loads(overlap.canonical())["canvas"] == "overlap"
    assert read(overlap.canonical()) == overlap
    jsonschema.validate(json.loads(overlap.canonical()), schema())


def _drop(manifest: dict[str, Any], *path: Any) -> None:
    *outer, last = path
    for key in outer:
        manifest = manifest[key]
    del manifest[last]


def _moved(segments: list[dict[str, Any]], out_of: str, into: str) -> None:
    segments[0][out_of] -= 1
    segments[0][into] += 1


def _unmixed(manifest: dict[str, Any]) -> None:
    """One seam pixel told as its photo's alone, in the counts and not in the map."""
    _moved(manifest["placed_photos"][0]["segments"], "seam_px", "blended_px")
    manifest["seam_px"] -= 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update(inpainted_px=m["inpainted_px"] + 1), "do not add up to the frame"),
        (lambda m: m.update(height=m["height"] + 1), "do not add up to the frame"),
        (lambda m: m["placed_photos"][0].update(canvas_px=1), "sum of its segments"),
        (lambda m: m["placed_photos"][0].update(share_ppm=1), "share"),
        (lambda m: m["placed_photos"][0]["segments"][0].update(area_px=3000), "share"),
        (lambda m: m["placed_photos"].reverse(), "do not add up to the frame"),
        (lambda m: m["placed_photos"].pop(), "the area of seams is the sum"),
        (lambda m: m["owner_runs"].pop(), "pairs of an owner and a length"),
        (lambda m: m["owner_runs"].extend([0, 0]), "pairs of an owner and a length"),
        (lambda m: m["owner_runs"].extend([m["owner_runs"][-2], 1]), "different owners"),
        (lambda m: m["placed_photos"][1].update(photo_id=m["placed_photos"][0]["photo_id"]), "listed twice"),
        (lambda m: m.update(version=3), "Input should be 1 or 2"),
        (lambda m: m.update(version=1), "version 2 counts seams"),
        (lambda m: m.update(seam_px=m["seam_px"] + 1), "the area of seams"),
        (lambda m: _drop(m, "seam_px"), "version 2 counts seams"),
        (lambda m: _drop(m, "placed_photos", 0, "segments", 0, "seam_px"), "sum of its segments"),
        (lambda m: _moved(m["placed_photos"][0]["segments"], "blended_px", "seam_px"), "of seams is the sum"),
        (lambda m: _unmixed(m), "do not add up to the frame"),
        (lambda m: m.update(licensor="Aiko Mori"), "Extra inputs are not permitted"),
        (lambda m: m.update(pixel_sha256="A" * 64), "should match pattern"),
        (lambda m: m.update(sealed_at="2026-06-01T12:00:00Z"), "should match pattern"),
        (lambda m: m.update(seed=2**53), "less than or equal"),
        (lambda m: m.update(canvas="loose"), "Input should be 'strict' or 'overlap'"),
        (lambda m: m.update(canvas="strict"), "not in canonical form"),
        (lambda m: m["refiner"].update(checkpoint="d" * 64), "or none"),
        (lambda m: _drop(m, "policy_bundle"), "Field required"),
        (lambda m: _drop(m, "log_checkpoint", "root"), "Field required"),
    ],
)  # fmt: skip
def test_manifest_that_contradicts_itself_is_not_read(
    canvas: CanvasOf, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    plain = json.loads(canvas(2).manifest.canonical())
    change(plain)

    with pytest.raises(ManifestUnreadable, match=says):
        read(json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


@pytest.mark.parametrize("text", ["", "null", "[]", "{", '{"version":1}', "\ud800"])
def test_text_that_is_no_manifest_is_not_read(text: str) -> None:
    with pytest.raises(ManifestUnreadable):
        read(text)


def test_same_manifest_in_another_spelling_is_not_read(canvas: CanvasOf) -> None:
    plain = json.loads(canvas(2).manifest.canonical())

    with pytest.raises(ManifestUnreadable, match="not in canonical form"):
        read(json.dumps(plain, indent=1))


def test_network_names_its_checkpoint_and_what_trained_it() -> None:
    Refiner(
        name="small",
        checkpoint="a" * 64,
        training_snapshot="b" * 64,
        training_photos=480,
        gate_sha256="f" * 64,
    )

    for part in (
        {"training_photos": 0},
        {"checkpoint": None},
        {"training_snapshot": None},
        {"gate_sha256": None},
    ):
        whole = {
            "name": "small",
            "checkpoint": "a" * 64,
            "training_snapshot": "b" * 64,
            "training_photos": 480,
            "gate_sha256": "f" * 64,
        }
        with pytest.raises(ValueError, match="or none"):
            Refiner.model_validate({**whole, **part})


def test_photo_on_two_grants_cannot_be_drawn_up() -> None:
    with pytest.raises(ValueError, match="more than one grant"):
        small_manifest(second_grant=UUID(int=99))


def test_disclosures_are_bound_to_the_manifest_and_hidden_by_their_salt(canvas: CanvasOf) -> None:
    made = canvas(2)
    use, license = made.disclosures.use(), made.disclosures.license()

    again = disclose(use=use, license=license, salt=b"another salt, as good")

    assert made.disclosures.commitments() == made.manifest.commitments
    assert (again.use(), again.license(), again.credits()) == (use, license, license.credits)
    assert not set(again.commitments().model_dump().values()) & set(
        made.manifest.commitments.model_dump().values()
    )
    forged = made.disclosures.model_dump(mode="json")
    forged["declared_use"]["value"]["purpose"] = "editorial"
    assert type(made.disclosures).model_validate(forged).commitments() != made.manifest.commitments
    with pytest.raises(ValueError, match="at least 16 bytes"):
        disclose(use=use, license=license, salt=b"short")


def test_signature_holds_for_this_text_and_this_key_alone(
    canvas: CanvasOf, manifest_key: Ed25519PrivateKey
) -> None:
    text = canvas(2).manifest.canonical()
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)

    signature = signing.sign(text, manifest_key)

    assert signing.is_signed(text, signature, manifest_key.public_key())
    assert not signing.is_signed(text + " ", signature, manifest_key.public_key())
    assert not signing.is_signed(text, signature, other.public_key())
    assert not signing.is_signed(text, signature[:-1], manifest_key.public_key())
    # Raw signatures by the same key over the bare text are worth nothing.
    assert not signing.is_signed(text, manifest_key.sign(text.encode()), manifest_key.public_key())
