"""The demo, as far as it goes without its services."""

from pathlib import Path

import pytest

from bankd.cli.demo import DemoFailed, alone
from tests.bankd.cli.conftest import Commands


def test_one_demo_at_a_time_has_a_data_folder(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    with alone(home):
        with pytest.raises(DemoFailed, match="another demo is at work"), alone(home):
            raise AssertionError("two demos in one folder")
        with alone(tmp_path / "other"):
            pass
    with alone(home):
        pass


def test_a_demo_that_cannot_write_its_pictures_starts_nothing(elsewhere: Commands, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    said = elsewhere.refused("demo", "--home", tmp_path / "demo", "--out", tmp_path / "file" / "out")

    assert "cannot be made" in said
    assert not (tmp_path / "demo").exists()
