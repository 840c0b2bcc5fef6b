"""The demo, as far as it goes without its services."""

from pathlib import Path

import pytest

from bankd.cli.demo import DemoFailed, alone


def test_one_demo_at_a_time_has_a_data_folder(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    with alone(home):
        with pytest.raises(DemoFailed, match="another demo is at work"), alone(home):
            raise AssertionError("two demos in one folder")
        with alone(tmp_path / "other"):
            pass
    with alone(home):
        pass
