"""The commands against a running installation: what people get, and what they get for common mistakes."""

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from PIL import Image
from stranger import VERIFIER

from bankd import config, keys
from bankd.audit import cosignatures, notes, proofs
from bankd.audit.actor import Actor
from bankd.provenance import signing
from bankd.runtime import Runtime
from bankd.witnesses import telling
from bankd.witnesses.setup import witnesses
from tests.bankd.cli.conftest import CLASSES, WALL, Commands, ask, labels, png, rights


def kinds(bankd: Commands) -> list[str]:
    lines = bankd.run("log", "show", "--json").stdout.splitlines()
    return [json.loads(line)["kind"] for line in lines]


def log_key(bankd: Commands) -> Ed25519PublicKey:
    return keys.read(bankd.home / "keys", "log").public_key()


def test_status_names_every_part_and_worker(bankd: Commands) -> None:
    found = {one["name"]: one["state"] for one in bankd.said("status")}

    assert set(found) == {"postgres", "valkey", "seaweed", "ingest", "bank", "render", "clerk"}
    assert set(found.values()) == {"running"}


def test_ingesting_says_what_became_of_each_photo(bankd: Commands, ingested: Any) -> None:
    assert ingested["photos"] == 9
    assert (ingested["taken"], ingested["quarantined"], ingested["known"]) == (6, 1, 0)
    assert sum(ingested["refused"].values()) == 2
    assert ingested["segments"] == 21
    shown = bankd.run("photos", "batch", ingested["batch_id"]).stdout
    assert "quarantined  1" in shown
    assert all(one["says"] in shown for one in ingested["refused_photos"])
    assert {one["name"] for one in ingested["refused_photos"]} == {"torn.png", "unlabelled.png"}


def test_photos_that_look_alike_are_told_and_all_are_hashed(bankd: Commands, ingested: Any) -> None:
    photo = bankd.said("photos", "list", "--state", "admitted")[0]["id"]

    found = bankd.said("photos", "likeness", photo)

    assert found["iscc"].startswith("ISCC:") and found["verdict"] is None
    assert found["iscc"] in bankd.run("photos", "likeness", photo).stdout
    assert bankd.run("photos", "review").stdout == "no photo is held for its likeness\n"
    assert "not held" in bankd.refused("photos", "review", photo, "--release", "--reason", "seen")
    assert "--release" in bankd.run("photos", "review", photo, status=2).output
    assert bankd.said("photos", "compare") == {"hashed": 0, "held": [], "unreadable": {}}


def test_ingesting_again_adds_nothing(bankd: Commands, ingested: Any, folder: Path) -> None:
    again = bankd.said("photos", "ingest", folder, "--rights", folder / "rights.yaml", "--name", "again")

    assert (again["taken"], again["known"], again["name"]) == (0, 7, "again")


def test_a_batch_of_which_nothing_is_taken_fails_and_names_that_mean_no_photo_are_told(
    bankd: Commands, ingested: Any, tmp_path: Path
) -> None:
    for name in ("photos", "labels"):
        (tmp_path / "shelf" / name).mkdir(parents=True)
        (tmp_path / "shelf" / name / "mug.png").write_bytes(b"no picture")
    (tmp_path / "shelf" / "classes.json").write_text(json.dumps(CLASSES))
    path = tmp_path / "rights.yaml"
    path.write_text(rights({"L-shop": "commercial"}, {"mug.*": "L-shop", "cup-*": "L-shop"}))

    said = bankd.run("photos", "ingest", tmp_path / "shelf", "--rights", path, status=1)

    assert f"no photo of this folder is meant by `cup-*` in `{path}`" in said.stderr
    assert "refused      1" in said.stdout


def test_ingesting_without_waiting_returns_the_batch(bankd: Commands, ingested: Any, folder: Path) -> None:
    said = bankd.run(
        "photos", "ingest", folder, "--rights", folder / "rights.yaml", "--no-wait", "--name", "later"
    )

    assert said.stdout.startswith("batch ")
    assert "9 photos filed" in said.stdout


def test_disputed_photos_are_held_back_until_the_dispute_is_lifted(bankd: Commands, ingested: Any) -> None:
    (stray,) = (one for one in bankd.said("photos", "list") if one["name"] == "shop-3.png")

    bankd.run("photos", "dispute", stray["id"], "--reason", "the sitter objects")

    assert "the sitter objects" in bankd.run("photos", "show", stray["id"]).stdout
    assert "disputed already" in bankd.refused("photos", "dispute", stray["id"], "--reason", "again")
    bankd.run("photos", "lift-dispute", stray["id"], "--reason", "settled")
    shown = bankd.said("photos", "show", stray["id"])
    assert shown["disputed_at"] is None
    assert [one["ref"] for one in shown["grants"]] == ["L-shop/web"]
    assert shown["categories"] == {"floor": 1, "mug": 1, "wall": 1}


def test_a_photo_tells_what_it_is_recorded_to_show(bankd: Commands, ingested: Any) -> None:
    photo = next(one for one in bankd.said("photos", "list") if one["name"] == "shop-0.png")["id"]
    found = bankd.said("photos", "segments", photo)

    bankd.run(
        "photos",
        "product",
        photo,
        "MUG-7",
        "--segment",
        next(s for s in found if s["category"] == "mug")["ordinal"],
    )

    assert "product MUG-7 (segments " in bankd.run("photos", "show", photo).stdout
    assert "mug" in bankd.run("photos", "segments", photo).stdout
    bankd.run("photos", "product", photo, "--none")
    assert "MUG-7" not in bankd.run("photos", "show", photo).stdout
    assert "no photo in that state" in bankd.run("photos", "list", "--state", "erased").stdout


def test_only_what_is_out_of_use_is_shown_as_held_back(bankd: Commands, ingested: Any) -> None:
    rows = bankd.run("photos", "list").stdout.splitlines()[1:]

    assert {row.split()[1]: row.split()[-1] for row in rows}["shop-0.png"] == "no"
    assert {row.split()[1]: row.split()[-1] for row in rows}["stray.png"] == "yes"


def test_licenses_show_their_terms(bankd: Commands, ingested: Any) -> None:
    listed = {one["ref"]: one["state"] for one in bankd.said("licenses", "list")}

    assert listed["L-shop"] == "in force"
    shown = bankd.run("licenses", "show", "L-shop").stdout
    assert "Studio North" in shown
    assert "commercial" in shown
    assert bankd.said("releases", "list") == []


def test_what_photos_show_is_recorded_by_a_file_of_its_own(
    bankd: Commands, ingested: Any, folder: Path, tmp_path: Path
) -> None:
    before = next(one for one in bankd.said("photos", "list") if one["name"] == "shop-1.png")["id"]
    granted = bankd.said("photos", "show", before)["grants"]
    path = tmp_path / "shows.yaml"
    path.write_text(
        "version: 1\nphotos: [{files: shop-1.png, depictions: {persons: false, subjects: [health]}}]\n"
    )

    assert "counts when they are ingested" in bankd.run("licenses", "import", path).stdout
    assert bankd.said("photos", "ingest", folder, "--rights", path, "--name", "shows")["taken"] == 0

    shown = bankd.said("photos", "show", before)
    assert shown["depictions"]["subjects"] == ["health"]
    assert shown["grants"] == granted != []


def test_importing_known_rights_changes_nothing(bankd: Commands, ingested: Any, folder: Path) -> None:
    said = bankd.said("licenses", "import", folder / "rights.yaml")

    assert said["new"] == {}
    assert said["known"]["licenses"] == 2


def test_a_superseding_license_takes_the_old_grant_out_of_photos(
    bankd: Commands, ingested: Any, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    for name in ("photos", "labels"):
        (tmp_path / "one" / name).mkdir()
    ids = labels(shift=40)
    (tmp_path / "one" / "photos" / "old.png").write_bytes(png(np_gray(ids)))
    (tmp_path / "one" / "labels" / "old.png").write_bytes(png(ids))
    (tmp_path / "one" / "classes.json").write_text(json.dumps(CLASSES))
    (tmp_path / "old.yaml").write_text(rights({"L-old": "research"}, {"old*": "L-old"}))
    (tmp_path / "new.yaml").write_text(rights({"L-new": "research"}, {}, more="    supersedes: L-old"))
    bankd.run("photos", "ingest", tmp_path / "one", "--rights", tmp_path / "old.yaml")
    (old,) = (one for one in bankd.said("photos", "list") if one["name"] == "old.png")

    said = bankd.said("licenses", "import", tmp_path / "new.yaml")

    assert said["ended"] == 1
    assert bankd.said("photos", "show", old["id"])["grants"][0]["against"] == ["superseded"]
    assert bankd.said("licenses", "show", "L-old")["superseded_by"] == "L-new"


def np_gray(ids: Any) -> Any:
    return (ids * 60).astype("uint8").repeat(3).reshape(*ids.shape, 3)


def test_a_request_becomes_sealed_composites(bankd: Commands, sealed: Any) -> None:
    assert sealed["state"] == "completed"
    assert [one["state"] for one in sealed["variations"]] == ["sealed", "sealed"]
    assert sealed["use"]["accessible"] == ["WORLD"]
    shown = bankd.run("requests", "show", sealed["id"]).stdout
    assert "accessible in  WORLD" in shown
    assert "variation 1: sealed, composite" in shown
    assert "nothing was refused" in bankd.run("requests", "explain", sealed["id"]).stdout
    assert sealed["id"] in {one["id"] for one in bankd.said("requests", "list", "--state", "completed")}


def test_filing_prints_every_default(bankd: Commands, ingested: Any, layout: Path) -> None:
    said = bankd.run(*ask(layout), "--geo-block").stdout

    for line in ("accessible in  JP", "subjects       none", "sector         general", "brand          none"):
        assert line in said
    for line in ("licensee       house", "frame          scene", "variations     1, seed 0"):
        assert line in said


def test_a_request_names_its_beneficiaries(bankd: Commands, ingested: Any, layout: Path) -> None:
    words = [*ask(layout, licensee="partner"), "--beneficiary", "Kirishima Tea", "--beneficiary", "霧島茶園"]

    filed = bankd.said(*words)

    assert filed["use"]["beneficiaries"] == ["Kirishima Tea", "霧島茶園"]
    shown = bankd.run("requests", "show", filed["id"]).stdout
    assert "beneficiaries  Kirishima Tea, 霧島茶園" in shown


def test_the_api_is_served_until_interrupted(bankd: Commands, tmp_path: Path) -> None:
    with (tmp_path / "said").open("wb") as said:
        served = subprocess.Popen(
            [sys.executable, "-m", "bankd.cli", "serve", "--port", "0"],
            env={**os.environ, "BANKD_HOME": str(bankd.home)},
            stderr=said,
        )
    try:
        deadline = time.monotonic() + 300
        answer = None
        # On a busy machine a service may take longer to answer than health waits for it.
        while served.poll() is None and time.monotonic() < deadline:
            url = re.search(r"http://127\.0\.0\.1:\d+", (tmp_path / "said").read_text())
            with contextlib.suppress(httpx.TransportError):
                answer = url and httpx.get(f"{url[0]}/health", trust_env=False)
            if answer is not None and answer.status_code == 200:
                break
            time.sleep(0.1)
        assert answer is not None and answer.status_code == 200
        assert "server" not in answer.headers
    finally:
        served.send_signal(signal.SIGINT)
        served.wait(300)


def test_one_idempotency_key_is_one_request(bankd: Commands, ingested: Any, layout: Path) -> None:
    first = bankd.said(*ask(layout, idempotency_key="k1"))
    again = bankd.said(*ask(layout, idempotency_key="k1"))

    assert first["id"] == again["id"]
    assert "asks for something else" in bankd.refused(*ask(layout, idempotency_key="k1", seed=1))


def test_a_refused_request_is_explained_by_category(bankd: Commands, ingested: Any, layout: Path) -> None:
    said = bankd.run(*ask(layout, purpose="education"), "--wait", status=1).stdout

    assert "state: refused" in said
    assert "The license does not allow this purpose (purpose-not-covered" in said
    assert said.index("wall, ") < said.index("mug, ")
    newest = bankd.said("requests", "list", "--state", "refused")[0]["id"]
    explained = bankd.said("requests", "explain", newest)
    assert {one["category"] for one in explained["regions"]} == {"wall", "floor", "mug"}
    assert sum(one["share"] for one in explained["regions"]) == pytest.approx(1)
    assert all(one["segments"] > 0 for one in explained["regions"])
    assert "the same answer, bit for bit" in bankd.run("requests", "replay", newest).stdout
    nearest = bankd.run("requests", "nearest", newest).stdout
    assert "for `mug`: a license that covers this use (photo " in nearest
    assert "would be served" not in nearest  # nothing but another purpose would do


def test_a_clash_names_the_two_grants(bankd: Commands, tmp_path: Path) -> None:
    """Two share-alike licenses, each fine alone: one picture cannot be under both."""
    classes = [{"id": 0, "name": "void"}, {"id": 1, "name": "lamp"}, {"id": 2, "name": "book"}]
    layout = labels() * 0 + 1
    layout[:, 64:] = 2
    for name in ("photos", "labels"):
        (tmp_path / name).mkdir()
    for number, name in ((1, "lamp"), (2, "book")):
        ids = layout * (layout == number)
        (tmp_path / "photos" / f"{name}.png").write_bytes(png(np_gray(ids)))
        (tmp_path / "labels" / f"{name}.png").write_bytes(png(ids))
    (tmp_path / "classes.json").write_text(json.dumps(classes))
    (tmp_path / "layout.png").write_bytes(png(layout))
    (tmp_path / "rights.yaml").write_text(SHARE_ALIKE)
    bankd.run("photos", "ingest", tmp_path, "--rights", tmp_path / "rights.yaml")

    said = bankd.run(*ask(tmp_path / "layout.png", purpose="research"), "--wait", status=1).stdout

    assert "state: refused" in said
    assert "these grants clash: " in said
    assert "`L-lamp/cc`" in said
    assert "`L-book/cc`" in said


SHARE_ALIKE = """\
version: 1
licensors: [{ref: commons, name: Commons}]
licenses:
  - {ref: L-lamp, licensor: commons, title: Lamp, basis: licensed, spdx: CC-BY-SA-4.0,
     credit: {text: Lamp by A}, starts_on: 2020-01-01}
  - {ref: L-book, licensor: commons, title: Book, basis: licensed, spdx: CC-BY-NC-SA-4.0,
     credit: {text: Book by B}, starts_on: 2020-01-01}
photos:
  - files: "lamp*"
    licenses: [L-lamp]
    depictions: {persons: false, model_release: not-needed, property_release: not-needed}
  - files: "book*"
    licenses: [L-book]
    depictions: {persons: false, model_release: not-needed, property_release: not-needed}
"""


def test_an_export_is_whole_and_holds_without_the_bank(
    bankd: Commands, composite: str, tmp_path: Path
) -> None:
    told = bankd.run(
        "composites", "export", composite, "--recipient", "Example KK", "--channel", "web", "--out", tmp_path
    ).stdout

    endings = ("png", "manifest.json", "manifest.sig", "provenance.png", "report.html", "report.pdf")
    assert {path.name for path in tmp_path.iterdir()} == {f"{composite}.{ending}" for ending in endings}
    files = {ending: (tmp_path / f"{composite}.{ending}").read_bytes() for ending in endings}
    assert signing.is_signed(
        files["manifest.json"].decode(),
        bytes.fromhex(files["manifest.sig"].decode()),
        keys.read(bankd.home / "keys", "manifest").public_key(),
    )
    assert b"Studio North" in files["report.html"]
    assert files["report.pdf"].startswith(b"%PDF")
    shown = bankd.run("composites", "show", composite).stdout
    given = next(line for line in shown.splitlines() if "to Example KK for web" in line)
    assert f"handout {given.rsplit(' ', 1)[1]}" in told
    assert "composite.handed-out" in kinds(bankd)


def test_verification_says_what_holds(bankd: Commands, composite: str, tmp_path: Path) -> None:
    bankd.run("composites", "export", composite, "--recipient", "A", "--channel", "web", "--out", tmp_path)
    file = tmp_path / f"{composite}.png"

    said = bankd.said("composites", "verify", file)

    assert said["authentic"]
    outcomes = {one["name"]: one["outcome"] for one in said["checks"]}
    assert outcomes.pop("time stamp") == "absent" and set(outcomes.values()) == {"passed"}
    stripped = tmp_path / "stripped.png"
    with Image.open(file) as image:
        Image.frombytes("RGB", image.size, image.convert("RGB").tobytes()).save(stripped)
    shown = bankd.run("composites", "verify", stripped, status=1).stdout
    assert "verdict: stripped" in shown
    assert "is on record, by its pixels" in shown
    assert "verdict: unreadable" in bankd.run("composites", "verify", __file__, status=1).stdout


def test_a_composite_goes_out_in_other_formats_and_these_verify_too(
    bankd: Commands, composite: str, tmp_path: Path
) -> None:
    to = ("--recipient", "A", "--channel", "web", "--out", tmp_path)
    bankd.run(
        "composites", "export", composite, *to, "--format", "jpeg", "--quality", "85", "--longest-side", "60"
    )
    bankd.run("composites", "export", composite, *to, "--format", "tiff", "--comp")

    assert bankd.said("composites", "verify", tmp_path / f"{composite}.jpg")["authentic"]
    assert "a comp (tiff, " in bankd.run("composites", "verify", tmp_path / f"{composite}.comp.tif").stdout
    given = {one["format"]: one for one in bankd.said("composites", "show", composite)["handouts"]}
    assert given["jpeg"]["rendition"]["quality"] == 85 and given["tiff"]["comp"]
    assert (tmp_path / f"{composite}.provenance.png").exists()
    assert "takes no quality" in bankd.refused("composites", "export", composite, *to, "--quality", "9")
    assert "is not enlarged" in bankd.refused(
        "composites", "export", composite, *to, "--longest-side", "9000"
    )


@pytest.mark.parametrize(("form", "begins"), [("html", b"<!"), ("pdf", b"%PDF"), ("json", b"{")])
def test_reports_go_to_a_file_or_to_standard_output(
    bankd: Commands, composite: str, tmp_path: Path, form: str, begins: bytes
) -> None:
    out = tmp_path / f"report.{form}"

    bankd.run("reports", "provenance", composite, "--format", form, "--locale", "ja", "--out", out)
    printed = bankd.run("reports", "provenance", composite, "--format", form).stdout_bytes

    assert out.read_bytes().lstrip().startswith(begins)
    assert printed.lstrip().startswith(begins)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize(
    "words", [["inventory"], ["expiries", "--within", "90d"], ["exposure", "licensor", "studio"]]
)
def test_reports_of_the_whole_bank_are_made_by_their_words(
    bankd: Commands, composite: str, tmp_path: Path, words: list[str]
) -> None:
    sheet = tmp_path / "report.xlsx"

    bankd.run("reports", *words, "--format", "xlsx", "--locale", "ja", "--out", sheet)
    said = json.loads(bankd.run("reports", *words, "--format", "json").stdout)

    assert sheet.read_bytes().startswith(b"PK")
    assert said["report"] == words[0] and said["head"]["data_cut_off"] > 0
    assert json.loads(bankd.run("reports", "schema", words[0]).stdout)["title"].endswith("Report")


def test_an_audit_file_is_checked_by_a_stranger_with_what_the_bank_told_him_before(
    bankd: Commands, composite: str, tmp_path: Path
) -> None:
    audit, trust = tmp_path / "audit.zip", tmp_path / "trust.json"
    bankd.run("log", "checkpoint")
    said = bankd.run("log", "trust", "--out", trust).stdout
    assert hashlib.sha256(trust.read_bytes()).hexdigest() in said
    seen = json.loads(trust.read_text())["checkpoint"].splitlines()[1]
    bankd.run("reports", "provenance", composite, "--format", "json")
    bankd.run("log", "checkpoint")

    written = bankd.said(
        "reports", "audit", "--composite", composite, "--prior", seen, "--pictures", "--disclosures",
        "--file", audit,
    )  # fmt: skip

    assert written["sha256"] == hashlib.sha256(audit.read_bytes()).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == ["audit.zip", "trust.json"]
    checked = subprocess.run(
        [sys.executable, VERIFIER, audit, "--trust", trust, "--json"],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert checked.returncode == 3, checked.stdout
    found = {one["name"]: one["outcome"] for one in json.loads(checked.stdout)["checks"]}
    assert [name for name, outcome in found.items() if outcome != "PASSED"] == ["witnesses"]
    assert {"history", "seal", "clearance", "disclosures", "clearance replay", "content credentials"} <= set(
        found
    )
    assert "not both" in bankd.refused(
        "reports", "audit", "--composite", composite, "--licensor", "studio", "--file", audit
    )


def test_a_pdf_is_not_printed_at_a_terminal(bankd: Commands) -> None:
    words = ["reports", "provenance", str(uuid4()), "--format", "pdf"]
    ours, terminal = os.openpty()
    try:
        said = subprocess.run(
            [sys.executable, "-m", "bankd.cli", *words],
            env={**os.environ, "BANKD_HOME": str(bankd.home)},
            stdout=terminal,
            stderr=subprocess.PIPE,
            text=True,
            timeout=300,
        )
    finally:
        os.close(terminal)
        os.close(ours)

    assert said.returncode == 2
    assert said.stderr == "error: a PDF is not for a terminal: name a file with --out\n"


def test_withdrawal_says_what_it_touches_and_refuses_the_handout(
    bankd: Commands, ingested: Any, layout: Path, tmp_path: Path
) -> None:
    asked = bankd.said(*ask(layout, purpose="editorial"), "--wait")
    made = asked["variations"][0]["composite_id"]

    refused = kinds(bankd).count("handout.refused")
    withdrawn = bankd.said("licenses", "withdraw", "L-press", "--reason", "the agency left")

    assert (withdrawn["photos"], withdrawn["composites"]) == (2, 1)
    result = bankd.run(
        "composites", "export", made, "--recipient", "A", "--channel", "web", "--out", tmp_path, status=2
    )
    assert "The license for this photo was withdrawn (license-withdrawn)" in result.stderr
    assert list(tmp_path.iterdir()) == []
    assert kinds(bankd).count("handout.refused") == refused + 1  # the clerk goes on to mark what is touched
    assert "was withdrawn at" in bankd.refused("licenses", "withdraw", "L-press", "--reason", "again")


def test_the_log_is_verified_proved_and_kept_outside(bankd: Commands, ingested: Any, tmp_path: Path) -> None:
    kept = tmp_path / "note"
    kept.write_text(bankd.run("log", "checkpoint").stdout)
    index = kinds(bankd).index("batch.opened")

    proof = proofs.read(bankd.run("log", "prove", index).stdout)

    assert proofs.check(proof, log_key(bankd)).size > index
    assert notes.read(kept.read_text(), log_key(bankd)).size > index
    assert bankd.said("log", "verify", "--seen", kept)["holds"]
    assert "history proven" in bankd.run("log", "verify", "--checkpoint", kept).stdout
    assert "history unproven" in bankd.run("log", "verify").stdout
    shown = bankd.run("log", "show", "--from", index, "--to", index).stdout
    assert len(shown.splitlines()) == 1
    assert "batch.opened" in shown


def test_the_log_is_exported_its_keys_and_witnesses_listed(
    bankd: Commands, ingested: Any, tmp_path: Path
) -> None:
    size = bankd.said("log", "checkpoint")["size"]
    bankd.run("log", "export", "--out", tmp_path / "log.jsonl", "--no-payloads")
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["size"] >= size
    (key, manifest) = bankd.said("log", "keys")
    assert notes.read_public_key(key["key"])[1] == log_key(bankd)
    assert (manifest["signs"], len(manifest["key"])) == ("manifest", 64)
    assert "no witness is set" in bankd.run("log", "witnesses").stdout
    assert "there is no checkpoint of" in bankd.refused("log", "consistency", 10**9)
    proof = json.loads(bankd.run("log", "consistency", size).stdout)
    assert notes.read(proof["first"], log_key(bankd)).size == size


def test_a_rotated_key_signs_and_what_it_took_the_place_of_is_still_trusted(
    bankd: Commands, ingested: Any, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text(bankd.run("log", "checkpoint").stdout)
    old = log_key(bankd)
    for signs in ("log", "manifest"):
        assert "signed before" in bankd.run("keys", "rotate", signs).stdout
    assert log_key(bankd) != old
    assert bankd.said("log", "verify", "--checkpoint", tmp_path / "kept")["rotations"] == 1
    assert [one["signs"] for one in bankd.said("log", "keys")] == ["log", "log", "manifest", "manifest"]


def test_a_witness_needs_no_bank_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    log = Ed25519PrivateKey.from_private_bytes(bytes(32))
    line = notes.public_key_line("house/log", log.public_key())
    environment = os.environ | {"BANKD_HOME": str(tmp_path / "nowhere"), "PYTHONUNBUFFERED": "1"}
    argv = ["log", "witness", "--listen", "127.0.0.1:0", "--name", "w.example/1", "--log", line]
    with subprocess.Popen(
        [sys.executable, "-m", "bankd.cli", *argv, "--folder", str(tmp_path / "w")],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        try:
            assert started.stdout is not None
            key, _, url = started.stdout.readline().strip().partition(" ")
            name, public = notes.read_public_key(key, notes.COSIGNATURE)
            note = notes.sign(notes.Head("house/log", 3, bytes(32)), log)
            answer = httpx.post(f"{url}/add-checkpoint", content=f"old 0\n\n{note}".encode(), timeout=300)
        finally:
            started.terminate()
            started.wait(300)
    assert cosignatures.moment(notes.split(note + answer.text), name, public) is not None
    assert not (tmp_path / "nowhere").exists()
    assert (tmp_path / "w" / "witness.pem").stat().st_mode & 0o077 == 0


def test_a_witness_that_is_not_told_is_shown_with_what_runs(bankd: Commands) -> None:
    settings = bankd.home / "settings.toml"
    key = notes.public_key_line("gone.example", log_key(bankd), notes.COSIGNATURE)
    try:
        settings.write_text('witness_bucket = "kept"\n')
        assert "witnesses: `witness_bucket` is set: set `witness_s3_endpoint`" in bankd.run("status").stdout
        assert "set `witness_s3_endpoint`" in bankd.refused("log", "witnesses")
        settings.write_text(f'witness_urls = "{key} http://127.0.0.1:9"\n')
        runtime = Runtime(config.load({"BANKD_HOME": str(bankd.home)}), Actor("user", "tests"))
        telling.tell(
            runtime.transaction,
            witnesses(runtime.settings),
            key=runtime.log_key.public_key(),
            now=runtime.now,
        )
        runtime.engine.dispose()
        said = bankd.run("status").stdout
        assert "witness `gone.example` was not told: no answer (" in said and "`bankd log witnesses`" in said
        (state,) = bankd.said("log", "witnesses")
        assert (state["size"], state["failures"], state["contradicts"]) == (0, 1, False)
        assert state["behind"] > 0
    finally:
        settings.unlink()


def test_policies_are_checked_tested_shown_and_activated(bankd: Commands) -> None:
    digest = bankd.said("policies", "show")["digest"]

    assert digest in bankd.run("policies", "check").stdout
    assert ", 0 failed" in bankd.run("policies", "test").stdout
    shipped = Path(__file__).parents[3] / "policies"
    assert "was in force already" in bankd.run("policies", "activate", shipped).stdout


def test_what_policies_would_change_is_said_and_changes_nothing(
    bankd: Commands, sealed: Any, tmp_path: Path
) -> None:
    replayed = bankd.said("requests", "replay", sealed["id"])
    assert {one["outcome"] for one in replayed} == {"same"}
    of = [one["of"] for one in replayed if one["of"] != "handout"]  # which other tests made
    assert of == ["request", "seal", "seal"]
    shipped = Path(__file__).parents[3] / "policies"
    before = bankd.said("policies", "show")["digest"]
    for path in (shipped / "bankd.cedarschema", *shipped.glob("*.cedar")):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "strict.cedar").write_text(
        '@id("nothing-commercial")\n@says("Nothing is made for commerce")\n'
        'forbid (principal, action in [Action::"synthesize", Action::"publish"], resource)\n'
        'unless { context.purpose != "commercial" };\n'
    )

    assert " and 0 of " in bankd.run("policies", "diff", shipped).stdout
    said = bankd.run("policies", "diff", tmp_path, "--last", "1000").stdout

    assert "added     nothing-commercial" in said
    assert f"request {sealed['id']} (commercial, " in said and "cleared, would be refused" in said
    assert "  Nothing is made for commerce (nothing-commercial)" in said
    assert f"composite {sealed['variations'][0]['composite_id']}: handed out no more" in said
    assert bankd.said("policies", "show")["digest"] == before


def test_unfit_policies_are_not_activated(bankd: Commands, tmp_path: Path) -> None:
    (tmp_path / "bankd.cedarschema").write_text("entity Nothing;")

    assert "there is no policy" in bankd.refused("policies", "activate", tmp_path)
    assert "there is no policy" in bankd.run("policies", "check", tmp_path, status=1).stderr


def test_keys_are_shown_once_and_revoked(bankd: Commands) -> None:
    bankd.run("departments", "create", "sales")
    made = bankd.said("keys", "create", "site", "--role", "creative", "--department", "sales")

    listed = {one["id"]: one for one in bankd.said("keys", "list")}
    assert made["key"] not in json.dumps(listed)
    assert listed[made["id"]]["department"] == "sales"
    bankd.run("keys", "revoke", made["id"])
    assert "revoked" in bankd.refused("keys", "revoke", made["id"])
    assert {"sales"} <= {one["name"] for one in bankd.said("departments", "list")}


def test_what_files_are_signed_with_is_shown_with_its_warnings(bankd: Commands) -> None:
    said = bankd.said("keys", "signing")

    assert said["development"] and said["anchors"] == ["bankd development root of bankd"]
    assert any("nobody outside trusts it" in warning for warning in said["warnings"])
    assert "bankd development signer of bankd" in bankd.run("keys", "signing").stdout


def test_mistakes_get_one_sentence(
    bankd: Commands, ingested: Any, folder: Path, layout: Path, composite: str, tmp_path: Path
) -> None:
    rights_path = folder / "rights.yaml"
    nobody = uuid4()
    assert bankd.refused("photos", "ingest", tmp_path / "no", "--rights", rights_path).endswith(
        "is no folder"
    )
    assert "must hold one folder `photos`" in bankd.refused(
        "photos", "ingest", tmp_path, "--rights", rights_path
    )
    assert "no.yaml" in bankd.refused("photos", "ingest", folder, "--rights", tmp_path / "no.yaml")
    assert "no department `fun`" in bankd.refused(
        "photos", "ingest", folder, "--rights", rights_path, "--department", "fun"
    )
    assert f"`{nobody}`" in bankd.refused("photos", "show", nobody)
    assert f"`{nobody}`" in bankd.refused("photos", "batch", nobody)
    assert f"`{nobody}`" in bankd.refused("requests", "explain", nobody)
    assert f"`{nobody}`" in bankd.refused("composites", "show", nobody)
    assert f"`{nobody}`" in bankd.refused("reports", "provenance", nobody, "--format", "json")
    assert "no license `L-9`" in bankd.refused("licenses", "show", "L-9")
    assert "no license `L-9`" in bankd.refused("licenses", "withdraw", "L-9", "--reason", "none")
    assert "is not there: check its path" in bankd.refused(*ask(tmp_path / "no.png"))
    assert "`selling` is not a purpose: use commercial" in bankd.refused(*ask(layout, purpose="selling"))
    assert "`telepathy` is not a channel" in bankd.refused(*ask(layout, channel="telepathy"))
    assert "unknown territory `XX`" in bankd.refused(*ask(layout, territory="XX"))
    assert "before it starts" in bankd.refused(*ask(layout), "--to", "2025-01-01")
    assert "ask for 1 to 16" in bankd.refused(*ask(layout, variations=17))
    assert "was made for web" in bankd.refused(
        "composites", "export", composite, "--recipient", "A", "--channel", "print", "--out", tmp_path
    )
    assert "who gets the picture" in bankd.refused(
        "composites", "export", composite, "--recipient", " ", "--channel", "web", "--out", tmp_path
    )
    assert "there is no entry `99999`" in bankd.refused("log", "prove", 99999)
    assert "unknown role `boss`" in bankd.refused("keys", "create", "k", "--role", "boss")
    assert "cannot be made" in bankd.refused(
        "composites", "export", composite, "--recipient", "A", "--channel", "web", "--out", rights_path / "x"
    )


def test_a_layout_without_classes_near_it_is_read_by_house_ids(
    bankd: Commands, ingested: Any, tmp_path: Path
) -> None:
    (tmp_path / "far").mkdir()
    path = tmp_path / "far" / "layout.png"
    path.write_bytes(png(labels() + 250))

    assert "name them in a `classes.json`" in bankd.refused(*ask(path))


def test_what_is_no_layout_gets_one_sentence_and_files_nothing(
    bankd: Commands, ingested: Any, tmp_path: Path
) -> None:
    filed = len(bankd.said("requests", "list"))
    (tmp_path / "classes.json").write_text(json.dumps(CLASSES))
    path = tmp_path / "layout.png"
    for content, says in (
        (b"", "the layout is an empty file"),
        (b"GIF89a", "the layout is no PNG"),
        (png(labels())[:60], "the layout is truncated or corrupt"),
        (png(labels()[:1, :1]), "`1x1` px: make it at least 16 px"),
        (png(np.zeros((16, 4000), np.uint8)), "`4000x16` px: make it at most 2048 px"),
        (png(np_gray(labels())), "no indexed, 8-bit or 16-bit grey PNG"),
        (png(labels().astype(np.uint16) + 300), "its classes do not name: `301`"),
        (png(np.zeros((16, 16), np.uint8)), "its classes do not name: `0`"),
    ):
        path.write_bytes(content)
        said = bankd.refused(*ask(path))
        assert says in said
        assert "\n" not in said
    path.write_bytes(png(labels()))
    (tmp_path / "classes.json").write_text(json.dumps([{"id": WALL, "name": "unicorn"}]))
    assert "no category `unicorn`" in bankd.refused(*ask(path))
    assert len(bankd.said("requests", "list")) == filed


def test_a_refused_rights_file_names_every_line_that_is_wrong(bankd: Commands, tmp_path: Path) -> None:
    path = tmp_path / "rights.yaml"
    path.write_text(rights({"L-1": "selling", "L-2": "resting"}, {}))

    said = bankd.refused("licenses", "import", path)

    assert "`selling` is no word for `purposes`" in said
    assert "`resting` is no word for `purposes`" in said
