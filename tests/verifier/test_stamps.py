"""Time stamps and copies in an audit file: read without the bank, by the auditor's own roots alone."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from time_authority import Authority, authority

from bankd.audit import log
from bankd.provenance import service, stamping, time_stamps
from bankd.provenance.models import Composite
from bankd.provenance.renditions import Made, asked_for
from tests.verifier.conftest import AT, BY, House, closed, failures, opened, skipped
from tests.verifier.test_tampering import json_of, put

FILE = b"what was there"


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("clock")) as made:
        yield made


@pytest.fixture(scope="module")
def response(clock: Authority) -> bytes:
    return time_stamps.ask(clock.url, sha256(FILE).hexdigest(), roots_pem=clock.root_pem)


@pytest.fixture(scope="module")
def stamps(verifier: ModuleType) -> Any:
    return verifier.beside("stamps")


def test_a_stamp_holds_by_the_auditor_s_roots_and_by_no_others(
    stamps: Any, verifier: ModuleType, clock: Authority, response: bytes, tmp_path: Path
) -> None:
    hashed = sha256(FILE).hexdigest()
    theirs = time_stamps.read(response, file_sha256=hashed, roots_pem=clock.root_pem)
    assert theirs is not None and theirs.trusted

    said = stamps.check(response, hashed, clock.root_pem)

    at = datetime.fromisoformat(theirs.at)
    assert said == f"CN=Test clock 1 says that the file was there at {at:%Y-%m-%d %H:%M:%S} UTC"
    with pytest.raises(verifier.Failed, match="of another file"):
        stamps.check(response, sha256(b"else").hexdigest(), clock.root_pem)
    with pytest.raises(verifier.NotChecked, match="names no root"):
        stamps.check(response, hashed, "")
    other = Authority(_folder(tmp_path))
    with pytest.raises(verifier.Failed) as found:
        stamps.check(response, hashed, other.root_pem)
    assert found.value.name == "stamp.chain"
    last = response[:-1] + bytes([response[-1] ^ 1])  # of the signature
    for changed, named in ((response[:-1], "stamp.unreadable"), (last, "stamp.signature")):
        with pytest.raises(verifier.Failed) as found:
            stamps.check(changed, hashed, clock.root_pem)
        assert found.value.name == named


def _folder(path: Path) -> Path:
    (path / "other").mkdir()
    return path / "other"


def test_no_byte_of_a_stamp_can_be_changed_so_that_it_says_something_else(
    stamps: Any, verifier: ModuleType, clock: Authority, response: bytes
) -> None:
    hashed = sha256(FILE).hexdigest()
    said = stamps.check(response, hashed, clock.root_pem)
    root = x509.load_pem_x509_certificate(clock.root_pem.encode()).public_bytes(Encoding.DER)
    beside, passed = response.index(root), 0  # the auditor has a root of their own
    for at in (*range(beside), *range(beside + len(root), len(response))):
        changed = response[:at] + bytes([response[at] ^ 1]) + response[at + 1 :]
        report = verifier.Report()
        with report.check("time stamp") as say:
            say(stamps.check(changed, hashed, clock.root_pem))
        (line,) = report.lines
        assert line.outcome != "PASSED" or line.says == said, at
        passed += line.outcome == "PASSED"
    # No signature covers versions, algorithms' names, and the signer's beside its certificate's hash.
    assert passed < 100


def test_a_certificate_that_is_for_other_things_or_was_not_valid_then_gives_no_stamp(
    stamps: Any, verifier: ModuleType, clock: Authority
) -> None:
    root = x509.load_pem_x509_certificate(clock.root_pem.encode())
    signer = x509.load_pem_x509_certificate((clock.folder / "signer.pem").read_bytes())
    now = datetime.now(UTC)

    stamps.leads_to(signer, [], [root], now)
    for of, at, why in (
        (root, now, "not for time stamps alone"),
        (signer, now - timedelta(days=3), "was not valid then"),
        (signer, now + timedelta(days=90), "was not valid then"),
    ):
        with pytest.raises(verifier.Failed, match=why):
            stamps.leads_to(of, [], [root], at)
    assert not stamps.issued(signer, signer, 0)  # who is no authority issues nothing


@pytest.fixture(scope="module")
def handed(house_of: Any, clock: Authority) -> tuple[House, UUID, dict[str, bytes]]:
    """A composite with a stamp, of which a copy was handed out, and then the master; and another."""
    house = house_of(5, 6)
    id, another = house.files
    copy = b"\xff\xd8\xff a JPEG, to the byte"
    jpeg = Made(copy, sha256(copy).hexdigest(), "0" * 64, 24, 32, False)
    for of, made in ((id, jpeg), (id, None), (another, None)):
        with house.sessions.begin() as session:
            log.locked(session)
            composite = session.get_one(Composite, of)
            service.hand_out(
                session,
                composite,
                id=uuid4(),
                recipient="Shop team",
                channel="web",
                epoch=log.epoch(session),
                bundle_digest="b" * 64,
                clearance={},
                copy=made,
                rendition=asked_for("jpeg" if made else "png"),
                by=BY,
                at=AT,
            )
    with house.sessions.begin() as session:
        for file in (house.files[id], copy):
            stamping.keep(
                session,
                time_stamps.ask(clock.url, sha256(file).hexdigest(), roots_pem=clock.root_pem),
                composite_id=id,
                file_sha256=sha256(file).hexdigest(),
                roots_pem=clock.root_pem,
                by=BY,
                at=AT,
            )
    house.checkpoint()
    return house, id, {"copy.jpg": copy, "master.png": house.files[id]}


def test_a_copy_is_told_by_its_handout_and_what_was_stamped_is_said(
    handed: Any, verifier: ModuleType, clock: Authority, tmp_path: Path
) -> None:
    house, id, files = handed
    data = house.audit(tmp_path / "audit.zip", id, disclosures=True)
    trust = {**house.trust(), "timestamp_roots": clock.root_pem}

    def check(data: bytes, **more: Any) -> Any:
        return verifier.verify(
            data, verifier.Trust.read(json.dumps({**trust, **more}).encode()), pictures=shown
        )

    shown = [*files.items()]
    report = check(data)
    assert failures(report) == set()
    says = {(line.name, line.about): line.says for line in report.lines if line.outcome == "PASSED"}
    assert says["picture", "master.png"] == f"it is composite {id}, byte for byte"
    assert "it is the copy (jpeg) of handout" in says["picture", "copy.jpg"]
    stamped = [line.says for line in report.lines if line.name == "time stamp"]
    assert len(stamped) == 2 and all("CN=Test clock 1 says" in one for one in stamped)
    assert any(one.startswith("copy (jpeg) of handout") for one in stamped)

    report = check(data, timestamp_roots="")
    assert "time stamp" in skipped(report) and failures(report) == set()
    shown = [("other.jpg", files["copy.jpg"] + b"!")]
    assert failures(check(data)) == {"rendition.unknown"}

    undisclosed = house.audit(tmp_path / "plain.zip", id)
    assert b"Shop team" in data and b"Shop team" not in undisclosed
    report = check(undisclosed)
    assert failures(report) == set() and {"handouts", "picture"} <= skipped(report)
    assert len([line for line in report.lines if line.name == "time stamp"]) == 1  # copies are not named


def test_a_handout_or_a_stamp_of_another_is_named(
    handed: Any, verifier: ModuleType, clock: Authority, tmp_path: Path
) -> None:
    house, id, files = handed
    trust = json.dumps({**house.trust(), "timestamp_roots": clock.root_pem}).encode()
    members = opened(house.audit(tmp_path / "audit.zip", id, disclosures=True))
    listed = f"composites/{id}/handouts.json"
    own, copied = sorted(
        (name for name in members if name.endswith(".tsr")),
        key=lambda name: sha256(files["master.png"]).hexdigest() not in name,
    )

    def found(changed: dict[str, bytes]) -> set[str]:
        data = closed(tmp_path / "forged.zip", changed)
        return failures(verifier.verify(data, verifier.Trust.read(trust)))

    handouts = json_of(members, listed)
    handouts["entries"][0]["payload"] = handouts["entries"][0]["payload"].replace("Shop", "Shot")
    forged = {**members}
    put(forged, listed, handouts)
    assert found(forged) == {"log.payload"}
    # Of those whose words were erased nothing is known: neither which composite, nor which file.
    handouts["entries"] = [{**one, "payload": None, "salt": None} for one in handouts["entries"]]
    put(forged, listed, handouts)
    report = verifier.verify(
        closed(tmp_path / "forged.zip", forged), verifier.Trust.read(trust),
        pictures=[("copy.jpg", files["copy.jpg"])],
    )  # fmt: skip
    assert failures(report) == set() and {"handouts", "picture"} <= skipped(report)
    assert found({**members, own: members[copied]}) == {"stamp.another"}
    (another,) = house.files.keys() - {id}
    forged = opened(house.audit(tmp_path / "both.zip", id, another, disclosures=True))
    put(forged, listed, json_of(forged, f"composites/{another}/handouts.json"))
    assert found(forged) == {"handout.another"}
    forged = {**members}
    seal = json_of(members, f"composites/{id}/proof.json")["seal"]
    put(forged, listed, {"version": 1, "entries": [seal]})
    assert found(forged) == {"log.leaf"}


def test_openssl_agrees_about_the_stamp_in_the_file(handed: Any, clock: Authority, tmp_path: Path) -> None:
    house, id, files = handed
    members = opened(house.audit(tmp_path / "audit.zip", id))
    (name,) = (name for name in members if name.endswith(".tsr"))
    for path, content in (("file", files["master.png"]), ("stamp", members[name])):
        (tmp_path / path).write_bytes(content)
    command = ["openssl", "ts", "-verify", "-data", tmp_path / "file", "-in", tmp_path / "stamp"]
    ran = subprocess.run(
        [*command, "-CAfile", clock.folder / "root.pem"], capture_output=True, text=True, timeout=20
    )
    assert "Verification: OK" in ran.stdout
