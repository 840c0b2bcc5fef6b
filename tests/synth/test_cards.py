import json
import subprocess
import sys

import pytest

from synth.cards import Card, NotACheckpoint, OtherVersion, read_card

FACTS = {
    "version": 1,
    "kind": "refinement",
    "width": "small",
    "categories": ["void", "wall"],
    "snapshot_sha256": "0" * 64,
    "code_version": "1",
    "recipe": {"steps": 5},
}


def file_of(facts: object, *, tensors: int = 8, length: int | None = None) -> bytes:
    header = {
        "__metadata__": {"card": json.dumps(facts)},
        "a": {"dtype": "F32", "shape": [tensors // 4], "data_offsets": [0, tensors]},
    }
    text = json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + bytes(tensors)


def test_a_card_is_read_from_a_files_bytes() -> None:
    card = read_card(file_of(FACTS), "a")
    assert card == Card.model_validate(FACTS)
    assert card.recipe == {"steps": 5} and card.features_sha256 is None and card.height == 256


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_told_from_nonsense(version: object) -> None:
    with pytest.raises(OtherVersion):
        read_card(file_of(FACTS | {"version": version}), "a")
    with pytest.raises(OtherVersion):
        read_card(file_of(["no card"]), "a")


@pytest.mark.parametrize("length", [0, 1, 1 << 40, (1 << 64) - 1])
def test_a_header_that_lies_about_its_length_is_refused(length: int) -> None:
    with pytest.raises(NotACheckpoint):
        read_card(file_of(FACTS, length=length), "a")


@pytest.mark.parametrize("entry", [5, {}, {"data_offsets": []}, {"data_offsets": ["x", "y"]}, None])
def test_a_header_of_something_else_is_refused(entry: object) -> None:
    text = json.dumps({"__metadata__": {"card": json.dumps(FACTS)}, "a": entry}).encode()
    with pytest.raises(NotACheckpoint):
        read_card(len(text).to_bytes(8, "little") + text, "a")


def test_a_header_that_never_ends_is_refused() -> None:
    text = b'{"a":' + b"[" * 100_000
    with pytest.raises(NotACheckpoint):
        read_card(len(text).to_bytes(8, "little") + text, "a")


@pytest.mark.parametrize(
    "facts",
    [
        {"snapshot_sha256": "not a hash"},
        {"categories": []},
        {"kind": "guessing"},
        {"metrics": {"kid": "low"}},
        {"features_sha256": "ff"},
    ],
)
def test_a_card_that_says_nonsense_is_refused(facts: dict[str, object]) -> None:
    with pytest.raises(NotACheckpoint, match=r"its card's"):
        read_card(file_of(FACTS | facts), "a")


def test_the_bank_reads_cards_without_torch() -> None:
    script = "import sys, synth.cards, synth.refinement; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
