"""A watermark in a process of its own: the same promises, by a stand-in that keeps them without weights."""

import sys
import time
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from bankd.config import Settings
from bankd.watermark import opening
from bankd.watermark.errors import WatermarkUnusable
from bankd.watermark.outside import Outside
from bankd.watermark.watermarks import Watermarks, mark_of

# Writes the mark into the lowest bits of the first 72 values: what is read back begins with a byte of 170.
STAND_IN = """
import json, sys
asked, answered = sys.stdin.buffer, sys.stdout.buffer
while line := asked.readline():
    head = json.loads(line)
    pixels = bytearray(asked.read(head["height"] * head["width"] * 3))
    if head["do"] == "put":
        bits = 170 << 64 | int(head["mark"], 16)
        for at in range(72):
            pixels[at] = pixels[at] & 254 | bits >> (71 - at) & 1
        told = {"ok": True}
    else:
        bits = int("".join(str(value & 1) for value in pixels[:72]), 2)
        told = {"ok": True, "mark": f"{bits & (1 << 64) - 1:016x}" if bits >> 64 == 170 else None}
        pixels = b""
    if head["height"] == 257:
        told = {"ok": False, "why": "it does not like this picture"}
        pixels = b""
    if head["height"] == 258:
        sys.exit(3)
    answered.write(json.dumps(told).encode() + b"\\n" + bytes(pixels))
    answered.flush()
"""
MARK = 0x8000000000000001


@pytest.fixture
def outside():
    one = Outside("stand-in", (sys.executable, "-S", "-c", STAND_IN))
    yield one
    one.close()


def a_picture(height: int = 256) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, 300, 3), np.uint8)


def test_what_is_put_is_read_and_nothing_where_nothing_was_put(outside) -> None:
    picture = a_picture()

    marked = outside.put(picture, MARK)

    assert marked.shape == picture.shape
    assert np.abs(marked.astype(int) - picture).max() == 1
    assert outside.read(marked).mark == MARK
    assert outside.read(picture) is None


def test_a_refusal_is_told_and_a_process_that_ended_is_begun_anew(outside) -> None:
    with pytest.raises(WatermarkUnusable, match="`stand-in` does not work: it does not like this picture"):
        outside.put(a_picture(257), MARK)
    with pytest.raises(WatermarkUnusable, match="its process ended"):
        outside.put(a_picture(258), MARK)
    assert outside.read(outside.put(a_picture(), MARK)).mark == MARK


def test_what_cannot_be_started_is_a_sentence_and_reading_goes_on_without_it() -> None:
    absent = Outside("absent", ("no-such-program-anywhere",))

    with pytest.raises(WatermarkUnusable, match="cannot be started"):
        absent.put(a_picture(), MARK)
    readings, unread = Watermarks([absent]).read(a_picture())
    assert readings == []
    assert unread == [str(WatermarkUnusable("absent", unread[0].partition("work: ")[2]))]


def test_one_that_does_not_answer_is_given_up_on(monkeypatch) -> None:
    monkeypatch.setattr("bankd.watermark.outside.ANSWER_S", 0.3)
    silent = Outside("silent", (sys.executable, "-S", "-c", "import time; time.sleep(3600)"))

    began = time.monotonic()
    with pytest.raises(WatermarkUnusable):
        silent.read(a_picture())
    assert time.monotonic() - began < 600


def test_an_installation_has_one_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    key = opening.secret(tmp_path)

    assert opening.secret(tmp_path) == key
    assert (tmp_path / opening.KEY).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [opening.KEY]
    (tmp_path / opening.KEY).chmod(0o644)
    with pytest.raises(WatermarkUnusable, match="only their owner"):
        opening.secret(tmp_path)


def test_with_weights_trustmark_puts_and_both_read(tmp_path: Path) -> None:
    plain = opening.opened(Settings(home=tmp_path))
    both = opening.opened(Settings(home=tmp_path, trustmark_weights=tmp_path / "weights"))

    assert plain.names == ("spread-1",)
    assert both.names == ("trustmark", "spread-1")
    assert both.putting(600, 800).name == "trustmark"
    assert both.putting(220, 220).name == "spread-1"
    assert plain.putting(64, 64) is None


def test_a_mark_is_the_beginning_of_the_handouts_id() -> None:
    assert mark_of(UUID("01234567-89ab-4def-8123-456789abcdef")) == 0x0123456789AB4DEF
