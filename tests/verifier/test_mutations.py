"""No byte can be changed and nothing said of it: of an audit file, of its members, of a signed picture.

A mutation is found where a check fails, and harmless where every claim stays what it was: the manifests, word
for word, the log's head, and the pixels. Nothing else may come of one. `BANKD_MUTATIONS` is how many of each
kind are tried (`all`: one at each byte, for a night).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verifier.conftest import House, Verify, closed, failures, opened

ASKED = os.environ.get("BANKD_MUTATIONS", "250")
KINDS = ("bit", "byte", "cut", "doubled")


def mutations(data: bytes, *, seed: int, many: str = ASKED) -> Iterator[tuple[str, bytes]]:
    """What was done, and what came of it, never the same bytes."""
    rng = np.random.Generator(np.random.Philox(seed))
    places = range(len(data)) if many == "all" else rng.integers(0, len(data), int(many)).tolist()
    for at in places:
        kind = KINDS[int(rng.integers(len(KINDS)))] if rng.random() < 0.4 else "bit"
        match kind:
            case "bit":
                bit = 1 << int(rng.integers(8))
                changed = data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]
            case "byte":
                other = (data[at] + 1 + int(rng.integers(255))) % 256
                changed = data[:at] + bytes([other]) + data[at + 1 :]
            case "cut":
                changed = data[:at] + data[at + 1 :]
            case _:
                changed = data[: at + 1] + data[at:]
        if changed != data:
            yield f"{kind} at {at}", changed


def test_no_byte_of_an_audit_file_changes_unseen(verify: Verify, audit_file: bytes) -> None:
    for what, changed in mutations(audit_file, seed=1):
        assert failures(verify(changed)), what


def test_no_byte_of_a_member_changes_unseen_where_the_table_is_made_to_fit(
    verify: Verify, house: House, audit_file: bytes, tmp_path: Path
) -> None:
    members = opened(audit_file)
    claims = verify(audit_file).claims
    harmless = []
    for number, name in enumerate(sorted(members.keys() - {"audit.json"})):
        many = ASKED if ASKED == "all" else str(max(3, int(ASKED) // len(members)))
        for what, changed in mutations(members[name], seed=100 + number, many=many):
            report = verify(closed(tmp_path / "forged.zip", {**members, name: changed}))
            if not failures(report):
                assert report.claims == claims, f"{name}: {what}"
                harmless.append(name)
    # What nothing vouches for is no claim: the name of another who signed, spaces, the case of letters.
    assert {name.rpartition(".")[2] for name in harmless} <= {"sig", "note"}


def test_no_byte_of_a_picture_changes_unseen(verifier: Any, house: House) -> None:
    """The file's hash finds each; of pixels alone, whatever still decodes to them is the same picture."""
    from hashlib import sha256

    file = house.files[min(house.files)]
    pixels = verifier.pixel_sha256(file)
    same = 0
    for what, changed in mutations(file, seed=3):
        assert sha256(changed).digest() != sha256(file).digest()
        try:
            same += verifier.pixel_sha256(changed) == pixels
        except (verifier.Failed, ValueError, ArithmeticError, verifier.zlib.error, verifier.struct.error):
            continue
        pytest.fail(f"{what}: each chunk has a checksum")
    assert same == 0
