"""Copies of a composite in other formats, checked by tools that are not ours."""

import io
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import c2pa as library
import numpy as np
import pytest
from PIL import Image, ImageCms

from bankd.provenance import c2pa, comps, credential, pixels
from bankd.provenance.certificates import Credentials
from bankd.provenance.errors import RenditionRefused, SigningFailed
from bankd.provenance.manifest import Refiner
from bankd.provenance.renditions import ENDINGS, MASTER, MEDIA_TYPES, Mark, Rendition, asked_for, encode, make
from bankd.provenance.renditions import Made as Copy

CanvasOf = Callable[..., Any]
Seal = Callable[..., c2pa.Sealed]
CREDIT = 'Photo: Ærø & "Co" <studio> / © 森 愛子'
C2PA_UNKNOWN = "[minor] Unknown IFD0 tag 0xcd41"  # where C2PA lies in a TIFF: older versions do not know it
NETWORK = Refiner(
    name="network", checkpoint="d" * 64, training_snapshot="e" * 64, training_photos=480, gate_sha256="f" * 64
)


@pytest.fixture(scope="session")
def copy(canvas: CanvasOf, seal: Seal, credentials: Credentials) -> Callable[..., Copy]:
    def copied(format: str = "jpeg", *, made: Any = None, **options: Any) -> Copy:
        of = made or canvas(2)
        sealed = seal(of, credits=[CREDIT])
        asked = {name: options.pop(name) for name in ("quality", "longest_side", "dpi") if name in options}
        return make(
            sealed.file,
            of.manifest,
            rendition=asked_for(format, **asked),
            credits=[CREDIT],
            house="Kirishima Tea K.K.",
            credentials=credentials,
            **options,
        )

    return copied


def store(file: bytes, media_type: str, anchors_pem: str) -> dict[str, Any]:
    """As the C2PA library reads it, with settings of its own and a private anchor."""
    settings = {
        "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
        "trust": {"user_anchors": anchors_pem},
    }
    with (
        library.Context.from_dict(settings) as context,
        library.Reader(media_type, io.BytesIO(file), context=context) as reader,
    ):
        return dict(json.loads(reader.json()))


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "tiff"])
def test_rendition_is_trusted_and_its_parent_is_the_master_with_its_chain(
    copy: Callable[..., Copy], canvas: CanvasOf, credentials: Credentials, form: str
) -> None:
    made = copy(form, longest_side=100)

    found = store(made.file, MEDIA_TYPES[form], credentials.anchors_pem)

    assert found["validation_state"] == "Trusted"
    assert len(found["manifests"]) == 2  # its own, and the master's
    active = found["manifests"][found["active_manifest"]]
    (parent,) = active["ingredients"]
    assert parent["relationship"] == "parentOf"
    master = found["manifests"][parent["active_manifest"]]
    assert len([one for one in master["ingredients"] if one["relationship"] == "componentOf"]) == 2
    assertions = {one["label"]: one["data"] for one in active["assertions"]}
    assert [action["action"] for action in assertions["c2pa.actions.v2"]["actions"]] == [
        "c2pa.opened",
        "c2pa.resized",
        *(["c2pa.transcoded"] if form != "png" else []),
    ]
    assert {one["use"] for one in assertions["cawg.training-mining"]["entries"].values()} == {"notAllowed"}
    stated = assertions["org.bankd.rendition"]
    assert (stated["pixel_sha256"], stated["composite"]) == (
        made.pixel_sha256,
        str(canvas(2).manifest.composite_id),
    )
    with Image.open(io.BytesIO(made.file)) as image:
        assert image.size == (made.width, made.height) == (100, 75)
        assert pixels.pixel_sha256(np.asarray(image)) == made.pixel_sha256
        if form != "png":
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            assert "sRGB" in ImageCms.getProfileDescription(profile)


def test_rendition_holds_no_thumbnail_and_no_name_in_its_store(
    copy: Callable[..., Copy], credentials: Credentials
) -> None:
    for form in ("jpeg", "webp", "tiff"):
        found = credential.store(
            copy(form).file, anchors_pem=credentials.anchors_pem, media_type=MEDIA_TYPES[form]
        )
        text = json.dumps(found, ensure_ascii=False)
        assert "thumbnail" not in text
        for name in ("森", "Kirishima", "studio", "commercial"):
            assert name not in text


def test_lossless_rendition_has_the_pixels_of_the_master(copy: Callable[..., Copy], canvas: CanvasOf) -> None:
    made = copy("tiff")

    assert made.pixel_sha256 == canvas(2).manifest.pixel_sha256
    with Image.open(io.BytesIO(made.file)) as image:
        assert np.array_equal(np.asarray(image), canvas(2).rgb)


def test_quality_and_resolution_are_as_asked_for(copy: Callable[..., Copy]) -> None:
    good, poor = copy("jpeg", quality=95, dpi=300), copy("jpeg", quality=40)

    assert len(good.file) > len(poor.file)
    with Image.open(io.BytesIO(good.file)) as image:
        assert image.info["dpi"] == (300, 300)
    for form in ("png", "tiff"):
        with Image.open(io.BytesIO(copy(form, dpi=300).file)) as image:
            assert [round(float(one)) for one in image.info["dpi"]] == [300, 300]


def test_mark_goes_in_before_the_signature_and_is_named(
    copy: Callable[..., Copy], canvas: CanvasOf, credentials: Credentials
) -> None:
    def darker(rgb: np.ndarray) -> np.ndarray:
        return (rgb // 2).astype(np.uint8)

    mark = Mark(darker, "c2pa.watermarked.unbound", "an invisible watermark was put in")
    made = copy("tiff", marks=[mark, comps.mark(canvas(2).manifest.composite_id)])

    with Image.open(io.BytesIO(made.file)) as image:
        assert np.asarray(image).mean() != pytest.approx(canvas(2).rgb.mean(), abs=1)
    found = store(made.file, "image/tiff", credentials.anchors_pem)
    assert found["validation_state"] == "Trusted"
    active = found["manifests"][found["active_manifest"]]
    actions = next(one["data"] for one in active["assertions"] if one["label"] == "c2pa.actions.v2")
    assert [(one["action"], one.get("description")) for one in actions["actions"][1:3]] == [
        ("c2pa.watermarked.unbound", mark.says),
        ("c2pa.edited", "a visible watermark was put over the whole picture"),
    ]


def test_what_cannot_be_made_is_refused_in_a_sentence(
    copy: Callable[..., Copy], canvas: CanvasOf, credentials: Credentials
) -> None:
    for options, said in [
        ({"format": "gif"}, "no such rendition: `format`"),
        ({"format": "tiff", "quality": 80}, "keeps every pixel and takes no quality"),
        ({"format": "webp", "dpi": 300}, "cannot say its resolution"),
        ({"format": "jpeg", "quality": 101}, "`quality`"),
    ]:
        with pytest.raises(RenditionRefused, match=said):
            asked_for(**options)
    with pytest.raises(RenditionRefused, match="128 x 96 px, and a rendition is not enlarged"):
        copy("jpeg", longest_side=129)
    with pytest.raises(RenditionRefused, match="at most 16383 px a side"):
        encode(np.zeros((1, 16384, 3), np.uint8), Rendition(format="webp"), xmp="")
    with pytest.raises(SigningFailed, match="not signed by this bank"):
        bare = pixels.encode(canvas(2).rgb)
        make(bare, canvas(2).manifest, rendition=Rendition(format="jpeg"), credentials=credentials)
    assert MASTER.is_master and not asked_for("png", dpi=300).is_master


@pytest.fixture(scope="session")
def exiftool() -> Callable[[Path], dict[str, Any]]:
    """What ExifTool reads, by group and name, and that it warns of nothing."""
    if shutil.which("exiftool") is None:
        pytest.skip("ExifTool is not installed: apt-get install libimage-exiftool-perl")

    def read(path: Path) -> dict[str, Any]:
        command = [
            "exiftool",
            "-json",
            "-G1",
            "-n",
            "-struct",
            "-validate",
            "-warning",
            "-error",
            "-a",
            "-all",
        ]
        done = subprocess.run([*command, path], capture_output=True, timeout=300, check=False)
        (found,) = json.loads(done.stdout)
        return dict(found)

    return read


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "tiff"])
def test_exiftool_reads_the_iptc_and_plus_fields_of_every_format(
    copy: Callable[..., Copy],
    canvas: CanvasOf,
    exiftool: Callable[[Path], dict[str, Any]],
    tmp_path: Path,
    form: str,
) -> None:
    made = replace(canvas(2), manifest=canvas(2).manifest.model_copy(update={"refiner": NETWORK}))
    path = tmp_path / f"copy.{ENDINGS[form]}"
    path.write_bytes(copy(form, made=made, longest_side=100).file)

    found = exiftool(path)

    warned = [said for name, said in found.items() if name.endswith((":Warning", ":Error"))]
    assert not [said for said in warned if said != C2PA_UNKNOWN], warned
    assert found["XMP-photoshop:Credit"] == CREDIT
    assert found["XMP-dc:Rights"] == CREDIT  # a credit that is a copyright notice stands as one too
    assert found["XMP-iptcExt:DigitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert found["XMP-plus:DataMining"].endswith("/DMI-PROHIBITED")
    assert found["XMP-iptcExt:AISystemUsed"] == "bankd network refiner"
    assert NETWORK.checkpoint in found["XMP-iptcExt:AISystemVersionUsed"]
    assert str(made.manifest.request_id) in found["XMP-iptcExt:AIPromptInformation"]
    assert found["XMP-iptcExt:AIPromptWriterName"] == "Kirishima Tea K.K."
    assert str(made.manifest.composite_id) in found["XMP-xmpRights:UsageTerms"]
    assert found["XMP-xmpMM:DocumentID"] == f"urn:uuid:{made.manifest.composite_id}"
    assert found["XMP-xmpMM:InstanceID"] != found["XMP-xmpMM:DocumentID"]
    assert any(name.startswith("JUMBF") for name in found) or form in ("webp", "tiff")
