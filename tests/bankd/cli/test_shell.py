"""What the shell does by itself: errors, files, columns, waiting. No installation runs here."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import click
import pytest
from click.testing import CliRunner

from bankd.audit.actor import Actor
from bankd.cli import COMMANDS, Bank, files, main, printing, waiting
from bankd.config import Settings
from bankd.errors import BankError
from bankd.runtime import Runtime
from tests.bankd.cli.conftest import Commands

EVERY = [main.get_command(click.Context(main), name) for name in COMMANDS]


def test_commands_need_no_torch() -> None:
    modules = ", ".join(f"bankd.cli.{module}" for module, _ in COMMANDS.values())
    found = subprocess.run(
        [sys.executable, "-c", f"import sys, {modules}; sys.exit('torch' in sys.modules)"], check=False
    )

    assert found.returncode == 0


def test_help_loads_none_of_the_services() -> None:
    """It is what people type first, and the services behind the commands take seconds to load."""
    code = (
        "import sys; from click.testing import CliRunner; from bankd.cli import main;"
        "assert 'photos' in CliRunner().invoke(main, ['--help']).stdout;"
        "sys.exit(' '.join({'sqlalchemy', 'numpy', 'pydantic', 'uvicorn'} & sys.modules.keys()) or 0)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)

    assert (found.returncode, found.stderr.strip()) == (0, "")


def test_help_says_of_each_command_what_the_command_says_of_itself() -> None:
    for command in EVERY:
        assert command is not None and command.help is not None
        does = COMMANDS[str(command.name)][1]
        assert command.help.startswith(does.removesuffix("."))


def walk(command: click.Command | None, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    assert command is not None
    if not isinstance(command, click.Group):
        return [path]
    context = click.Context(command)
    names = command.list_commands(context)
    return [leaf for name in names for leaf in walk(command.get_command(context, name), (*path, name))]


@pytest.mark.parametrize("path", walk(main), ids=" ".join)
def test_every_command_helps(path: tuple[str, ...], elsewhere: Commands) -> None:
    assert "Usage: " in elsewhere.run(*path, "--help").stdout


def test_what_cannot_be_done_is_a_sentence_and_a_fault_keeps_its_trace() -> None:
    @click.group(cls=Bank)
    def shell() -> None: ...

    @shell.command()
    def refused() -> None:
        raise BankError("no `x` here")

    @shell.command()
    def broken() -> None:
        raise ZeroDivisionError

    said = CliRunner().invoke(shell, ["refused"])
    assert (said.exit_code, said.stderr, said.stdout) == (2, "error: no `x` here\n", "")
    assert isinstance(CliRunner().invoke(shell, ["broken"]).exception, ZeroDivisionError)
    assert CliRunner().invoke(shell, ["nothing"]).exit_code == 2


def test_before_the_first_up_commands_say_what_to_do(elsewhere: Commands) -> None:
    assert "bankd up" in elsewhere.refused("photos", "list")
    rows = elsewhere.run("status", status=1).stdout.splitlines()
    assert [row.split()[1] for row in rows[1:]] == ["stopped"] * 7  # three services, four workers


def test_an_unreadable_setting_is_a_sentence(elsewhere: Commands) -> None:
    elsewhere.home.mkdir()
    (elsewhere.home / "settings.toml").write_text("api_port = 'x'")

    assert "setting `api_port`" in elsewhere.refused("status")


def test_files_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()

    with pytest.raises(files.FileUnusable, match="cannot be written to"):
        files.write_all(tmp_path, {"a": b"1", "b/": b"2"})

    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_later_files_replace_earlier_ones(tmp_path: Path) -> None:
    files.write_all(tmp_path, {"a": b"1"})
    files.write_all(tmp_path, {"a": b"2"})

    assert (tmp_path / "a").read_bytes() == b"2"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(files.FileUnusable, match="is a folder: name a file"):
        files.read_bytes(tmp_path, what="layout")


def test_values_are_plain_json() -> None:
    @dataclass
    class Facts:
        id: UUID
        at: datetime
        names: frozenset[str]

    facts = Facts(UUID(int=1), datetime(2026, 1, 1, tzinfo=UTC), frozenset({"b", "a"}))

    assert printing.plain({"one": (facts, b"\x01")}) == {
        "one": [
            {"id": str(UUID(int=1)), "at": "2026-01-01T00:00:00+00:00", "names": ["a", "b"]},
            "01",
        ]
    }


def test_waiting_tells_of_a_worker_that_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "POLL_S", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    counted = iter(range(4))

    seen = waiting.wait(
        Runtime(Settings(home=tmp_path), Actor("user", "tests")),
        lambda: next(counted),
        done=lambda number: number == 3,
        line=lambda number: f"{number} of 3",
        workers=frozenset({"clerk"}),
        later="bankd photos batch 1",
    )

    assert seen == 3
    said = capsys.readouterr().err
    assert said.count("nothing moves while `clerk` does not run: `bankd up` starts it") == 1
    assert "2 of 3" in said
    assert said.endswith("\r\x1b[K")


def test_who_stops_waiting_learns_that_the_work_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def look() -> int:
        raise KeyboardInterrupt

    with pytest.raises(click.exceptions.Exit) as left:
        waiting.wait(
            Runtime(Settings(home=tmp_path), Actor("user", "tests")),
            look,
            done=bool,
            line=str,
            workers=frozenset(),
            later="bankd photos batch 1",
        )

    assert left.value.exit_code == 130
    assert "`bankd photos batch 1`" in capsys.readouterr().err
