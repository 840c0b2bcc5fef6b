"""What the verifier says of an audit file as the bank wrote it, and where no bank is."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from stranger import VERIFIER

from bankd.audit.errors import CheckpointMissing
from bankd.proving.errors import AskedTwice, NothingToAudit
from tests.verifier.conftest import House, Verify, failures, opened, skipped


def test_whole_file_holds_and_says_what_it_could_not_check(
    verify: Verify, house: House, audit_file: bytes
) -> None:
    report = verify(audit_file)

    assert failures(report) == set() and report.status == 3
    assert skipped(report) == {"witnesses", "clearance replay"}
    assert report.claims["manifests"].keys() == {str(id) for id in house.files}
    assert {line.about for line in report.lines if line.name == "content credentials"} == {
        f"composite {id}" for id in house.files
    }


def test_the_same_records_give_the_same_bytes(house: House, audit_file: bytes, tmp_path: Path) -> None:
    size = json.loads(opened(audit_file)["audit.json"])["checkpoint"]
    again = house.audit(
        tmp_path / "again.zip", *sorted(house.files), prior=3, disclosures=True, checkpoint=size
    )

    assert again == audit_file


def test_without_a_checkpoint_seen_before_history_is_unproven(verify: Verify, audit_file: bytes) -> None:
    (line,) = (one for one in verify(audit_file, checkpoint=None).lines if one.name == "history")

    assert (line.outcome, line.says[:16]) == ("NOT CHECKED", "history unproven")


def test_a_file_that_does_not_lead_on_from_the_auditors_checkpoint_leaves_history_unproven(
    verify: Verify, house: House, tmp_path: Path
) -> None:
    report = verify(house.audit(tmp_path / "audit.zip", *house.files))

    assert failures(report) == set() and "history" in skipped(report)


def test_terms_and_declared_uses_are_not_in_it_unless_asked_for(
    verify: Verify, house: House, audit_file: bytes, tmp_path: Path
) -> None:
    bare = house.audit(tmp_path / "bare.zip", *house.files, pictures=False, prior=3)

    assert b"Kirishima Tea" in audit_file and b"Kirishima Tea" not in bare
    assert b'"purpose"' not in bare and b"purpose" not in b"".join(opened(bare).values())
    report = verify(bare)
    assert failures(report) == set()
    assert skipped(report) == {
        "witnesses", "disclosures", "clearance replay", "picture", "content credentials", "handouts",
    }  # fmt: skip


def test_composites_are_chosen_by_id_period_and_licensor(house: House, tmp_path: Path) -> None:
    from datetime import date

    def chosen(*ids: Any, **asked: Any) -> list[str]:
        return json.loads(
            opened(house.audit(tmp_path / "a.zip", *ids, pictures=False, **asked))["audit.json"]
        )["composites"]

    first, second = sorted(house.files)
    licensor = f"Studio of {first}"
    assert chosen(second) == [str(second)]
    assert chosen(start=date(2026, 6, 2)) == [str(second)]
    assert chosen(start=date(2026, 6, 1), end=date(2026, 6, 1)) == [str(first)]
    assert chosen(licensor=licensor) == [str(first), str(second)]  # they share grants
    assert chosen(licensor=licensor, end=date(2026, 6, 1)) == [str(first)]
    with pytest.raises(NothingToAudit):
        chosen(start=date(2030, 1, 1))
    with pytest.raises(AskedTwice):
        chosen(first, start=date(2026, 1, 1))
    with pytest.raises(CheckpointMissing):
        chosen(first, prior=999)


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of modules that holds `cryptography` and what it is made of, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    installed = Path(sysconfig.get_paths()["platlib"])
    for name in ("cryptography", "cffi", "pycparser", *(one.name for one in installed.glob("_cffi*"))):
        if (installed / name).exists():
            (folder / name).symlink_to(installed / name)
    return folder


def isolated(bare: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The verifier as a file of its own under an interpreter that sees no site and no environment."""
    alone = folder / "alone"
    alone.mkdir()
    copy = alone / VERIFIER.name
    copy.write_bytes(VERIFIER.read_bytes())
    program = (
        "import importlib.util, runpy, sys; sys.path.append(sys.argv[1]);"
        "names = ('bankd', 'synth', 'numpy', 'rfc8785', 'pydantic');"
        "found = [name for name in names if importlib.util.find_spec(name)];"
        "assert not found, found;"
        "sys.argv = sys.argv[2:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(bare), str(copy), *words],
        cwd=folder, env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_runs_where_no_bank_is_installed(
    bare: Path, house: House, audit_file: bytes, prior: str, tmp_path: Path
) -> None:
    (tmp_path / "audit.zip").write_bytes(audit_file)
    (tmp_path / "trust.json").write_text(json.dumps(house.trust(checkpoint=prior)))
    picture = next(iter(house.files.values()))
    (tmp_path / "mine.png").write_bytes(picture)

    said = isolated(bare, tmp_path, "audit.zip", "--trust", "trust.json", "--file", "mine.png")

    assert said.returncode == 3, said.stderr
    assert "PASSED       history" in said.stdout
    assert "PASSED       seal                 2 composites: " in said.stdout
    assert "NOT CHECKED  clearance replay" in said.stdout and "bankd_verify_optional.py" in said.stdout
    assert said.stdout.splitlines()[-1] == "verdict: nothing failed, and not everything was checked"


def test_its_exit_status_says_what_came_of_it(
    verifier: Any, house: House, audit_file: bytes, tmp_path: Path, capsys: Any
) -> None:
    audit, trust = tmp_path / "audit.zip", tmp_path / "trust.json"
    audit.write_bytes(audit_file)
    trust.write_text(json.dumps(house.trust()))
    words = [str(audit), "--trust", str(trust)]

    assert verifier.main([*words, "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["status"] == 3 and {one["outcome"] for one in said["checks"]} == {"PASSED", "NOT CHECKED"}
    audit.write_bytes(audit_file[:-1])
    assert verifier.main(words) == 1
    assert "FAILED       archive.truncated" in capsys.readouterr().out
    assert verifier.main([str(tmp_path / "none.zip"), "--trust", str(trust)]) == 2
    trust.write_text("{}")
    assert verifier.main(words) == 2
    assert capsys.readouterr().err.count("error: ") == 2
    with pytest.raises(SystemExit) as ended:
        verifier.main([str(audit)])
    assert ended.value.code == 2


def test_all_checks_passing_is_status_0(verifier: Any) -> None:
    report = verifier.Report()
    with report.check("one"):
        pass
    assert report.status == 0
    with report.check("two"):
        raise verifier.NotChecked("why")
    assert report.status == 3
    with report.check("three"):
        raise KeyError("whatever")
    assert (report.status, report.lines[-1].name) == (1, "malformed")
