"""`bankd erasures`, `bankd holds legal` and `bankd retentions` as compliance types them."""

import json
import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

from PIL import Image


def another(bankd: Any, folder: Path, at: Path) -> str:
    """A photo that no other test knows of, under a license of its own; its id."""
    for name in ("photos", "labels"):
        (at / name).mkdir(parents=True)
    with Image.open(folder / "photos" / "press-0.png") as image:
        image.point(lambda value: 255 - value).save(at / "photos" / "parting.png")
    shutil.copy(folder / "labels" / "press-0.png", at / "labels" / "parting.png")
    shutil.copy(folder / "classes.json", at)
    rights = (folder / "rights.yaml").read_text()
    for word, other in (("L-shop", "L-gone"), ("L-press", "L-parting"), ("press-*", "parting*")):
        rights = rights.replace(word, other)
    (at / "rights.yaml").write_text(rights)
    bankd.said("photos", "ingest", at, "--rights", at / "rights.yaml")
    return str(next(one["id"] for one in bankd.said("photos", "list") if one["name"] == "parting.png"))


def test_a_photo_is_planned_held_released_and_its_certificate_verified(
    bankd: Any, ingested: Any, folder: Path, tmp_path: Path
) -> None:
    photo = another(bankd, folder, tmp_path / "more")
    hold = bankd.said("holds", "legal", "set", "photo", photo, "--reason", "a suit")
    assert "a suit" in bankd.run("holds", "legal", "list").stdout
    assert "legal-hold on photo" in bankd.run("erasures", "plan", "photo", photo).stdout
    assert bankd.said("erasures", "plan", "photo", photo)["kept"][0]["by"][0]["class"] == "legal-hold"

    made = bankd.said("erasures", "carry-out", "photo", photo, "--reason", "asked for", "--ground", "gdpr-17")
    assert made["state"] == "kept" and bankd.said("photos", "show", photo)["state"] == "erased"
    bankd.run("holds", "legal", "lift", hold["retention"], "--reason", "settled")
    assert photo not in bankd.run("holds", "legal", "list").stdout
    file = tmp_path / "certificate.json"
    bankd.run("erasures", "certificate", made["erasure"], "--out", file)
    assert "holds, as of" in bankd.run("erasures", "verify", file).stdout

    changed = json.loads(file.read_text())
    changed["certificate"]["ground"] = "house"
    file.write_text(json.dumps(changed))
    assert "not what was signed" in bankd.refused("erasures", "verify", file)
    assert any(one["erasure"] == made["erasure"] for one in bankd.said("erasures", "list"))
    assert bankd.run("erasures", "show", made["erasure"]).stdout


def test_what_is_none_is_one_sentence(bankd: Any, ingested: Any) -> None:
    kept = bankd.said(
        "retentions", "set", "licensor", "studio", "--class", "tax", "--reason", "7 years",
        "--until", "2099-12-31",
    )  # fmt: skip
    assert kept["class"] == "tax" and "7 years" in bankd.run("retentions", "list").stdout
    bankd.run("retentions", "lift", kept["retention"], "--reason", "by mistake")
    assert "was over at" in bankd.refused("retentions", "lift", kept["retention"], "--reason", "again")
    assert "no erasure has the id" in bankd.refused("erasures", "show", uuid4())
    assert "the person `nobody`" in bankd.refused("erasures", "plan", "person", "nobody")
    assert "names no photo" in bankd.refused("erasures", "plan", "photo", "mug")
