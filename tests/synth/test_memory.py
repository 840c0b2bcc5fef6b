import mmap

from synth import memory
from synth.memory import ResidentMemory


def test_the_most_that_was_held_is_known_after_it_is_gone() -> None:
    meter = ResidentMemory()
    meter.lower()
    before = meter.most_bytes()
    assert before is not None
    # Straight from the system: what an allocator hands out anew may have been resident all along.
    with mmap.mmap(-1, 64 << 20) as much:
        for page in range(0, len(much), mmap.PAGESIZE):
            much[page] = 1
    most = meter.most_bytes()
    assert most is not None
    assert most >= before + (60 << 20)
    meter.lower()
    after = meter.most_bytes()
    assert after is not None
    assert after < most - (40 << 20)


def test_where_no_mark_can_be_lowered_nothing_is_claimed(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "no" / "such")
    meter = ResidentMemory()
    meter.lower()
    assert meter.most_bytes() is None
