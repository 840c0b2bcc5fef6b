"""Against the worked example of C2SP signed-note, and forgeries."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import assume, given
from hypothesis import strategies as st

from bankd.audit import cosignatures, notes
from bankd.audit.errors import NoteInvalid
from bankd.audit.notes import Head

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
HEAD = Head("bank.example/log", 7, bytes(range(32)))


def test_the_published_example_of_a_signed_note_verifies() -> None:
    name, key = notes.read_public_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    line = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    signature = base64.b64decode(line)

    assert (name, notes.key_id(name, key).hex()) == ("PeterNeumann", "c74f20a3")
    assert signature[:4] == notes.key_id(name, key)
    key.verify(signature[4:], text.encode())


def test_a_note_says_origin_size_and_root_and_who_signed() -> None:
    note = notes.sign(HEAD, KEY)

    lines = note.split("\n")
    assert lines[:4] == ["bank.example/log", "7", base64.b64encode(bytes(range(32))).decode(), ""]
    assert lines[4].startswith("\u2014 bank.example/log ")
    assert lines[5:] == [""]
    assert notes.read(note, KEY.public_key()) == HEAD


def test_the_same_head_makes_the_same_note() -> None:
    assert notes.sign(HEAD, KEY) == notes.sign(HEAD, KEY)


def test_signatures_of_witnesses_are_passed_over() -> None:
    note = notes.sign(HEAD, KEY)
    witness = f"\u2014 witness.example {base64.b64encode(bytes(68)).decode()}\n"

    assert notes.read(note + witness, KEY.public_key()) == HEAD
    assert notes.read(note.replace("\n\n", "\n\n" + witness), KEY.public_key()) == HEAD


@pytest.mark.parametrize(
    "forge",
    [
        lambda note: note.replace("\n7\n", "\n8\n"),
        lambda note: note.replace("bank.example", "bank.elsewhere"),
        lambda note: note.replace("AAEC", "AAED"),
        lambda note: note.partition("\u2014")[0],
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("\u2014 ", "- "),
        lambda note: note.replace("\n7\n", "\n07\n"),
        lambda note: note.replace("\n7\n", "\n-7\n"),
        lambda note: note + "trailing\n",
        lambda note: note[:-3] + "\n",
        lambda note: "",
        lambda note: "\n\n",
    ],
)
def test_a_note_that_was_changed_is_refused(forge) -> None:
    note = notes.sign(HEAD, KEY)
    assert forge(note) != note

    with pytest.raises(NoteInvalid):
        notes.read(forge(note), KEY.public_key())


def test_another_keys_signature_is_no_signature() -> None:
    with pytest.raises(NoteInvalid, match="this key did not sign it"):
        notes.read(notes.sign(HEAD, OTHER), KEY.public_key())


def test_a_public_key_line_is_read_back() -> None:
    line = notes.public_key_line("bank.example/log", KEY.public_key())

    assert notes.read_public_key(line + "\n") == ("bank.example/log", KEY.public_key())


@pytest.mark.parametrize("line", ["", "a+b", "a+00000000+AAAA", "a b+c74f20a3+AA==", "é"])
def test_a_line_that_is_no_public_key_is_refused(line: str) -> None:
    with pytest.raises(NoteInvalid):
        notes.read_public_key(line)


def test_a_public_key_under_another_name_is_refused() -> None:
    line = notes.public_key_line("bank.example/log", KEY.public_key())
    with pytest.raises(NoteInvalid, match="another key's id"):
        notes.read_public_key(line.replace("bank.example", "bank.elsewhere"))


def test_a_name_that_would_break_the_note_cannot_sign() -> None:
    with pytest.raises(ValueError, match="cannot name a log"):
        notes.sign(Head("our bank", 1, bytes(32)), KEY)


def test_lines_after_the_root_are_signed_and_read_back() -> None:
    head = Head("bank.example/log", 7, bytes(32), ("org.bankd.usage-map/v1 AAAA", "another line"))
    note = notes.sign(head, KEY)

    assert note.split("\n")[3:6] == ["org.bankd.usage-map/v1 AAAA", "another line", ""]
    assert notes.read(note, KEY.public_key()) == head
    for forged in (
        note.replace("AAAA", "AAAB"),
        note.replace("another line\n", ""),
        note.replace("another line\n", "another line\nand one more\n"),
    ):
        with pytest.raises(NoteInvalid, match="its signature is wrong"):
            notes.read(forged, KEY.public_key())


@pytest.mark.parametrize("line", ["", "two\nlines", "a\ttab", "a\x00"])
def test_a_line_that_would_break_the_note_is_not_signed(line: str) -> None:
    with pytest.raises(ValueError, match="cannot be a line"):
        notes.sign(Head("bank.example/log", 7, bytes(32), (line,)), KEY)


def signed_text(text: str) -> str:
    return notes.signed(text, [("bank.example/log", KEY)])


@pytest.mark.parametrize(
    "text",
    [
        "bank.example/log\n7\n" + base64.b64encode(bytes(32)).decode() + "\n\nafter an empty line\n",
        "bank.example/log\n9223372036854775808\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "bank.example/log\n7\n" + base64.b64encode(bytes(31)).decode() + "\n",
        # 256 bits, and two more that base64 drops: another spelling of the same root.
        "bank.example/log\n7\n" + base64.b64encode(bytes(32)).decode().replace("A=", "B=") + "\n",
        "bank.example/log\n7\t\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "bank.example/log\n\u0667\n" + base64.b64encode(bytes(32)).decode() + "\n",
    ],
)
def test_a_head_that_is_signed_but_not_well_formed_is_refused(text: str) -> None:
    with pytest.raises(NoteInvalid):
        notes.read(signed_text(text), KEY.public_key())


def test_a_note_of_too_much_is_refused() -> None:
    note = notes.sign(HEAD, KEY)
    line = notes.signature_line("witness.example", bytes(68))
    assert notes.read(note + line * 99, KEY.public_key()) == HEAD
    for long in (note + line * 100, "x" * (1 << 20) + note, note.replace("\n\n", "\n\ud800\n\n")):
        with pytest.raises(NoteInvalid):
            notes.read(long, KEY.public_key())


def test_two_keys_sign_one_head_and_each_is_enough() -> None:
    note = notes.sign(HEAD, KEY, OTHER)
    assert notes.read(note, KEY.public_key()) == notes.read(note, OTHER.public_key()) == HEAD


def test_a_cosignature_is_of_its_text_and_moment() -> None:
    note = notes.sign(HEAD, KEY)
    line = cosignatures.cosign(HEAD.text(), "witness.example/w", OTHER, at=1_700_000_000)
    whole = notes.split(note + line)

    assert cosignatures.moment(whole, "witness.example/w", OTHER.public_key()) == 1_700_000_000
    assert cosignatures.moment(whole, "witness.example/x", OTHER.public_key()) is None
    assert cosignatures.moment(notes.split(note), "witness.example/w", OTHER.public_key()) is None
    # The same key's plain signature is another key's, by its id.
    plain = notes.signed(HEAD.text(), [("witness.example/w", OTHER)])
    assert cosignatures.moment(notes.split(plain), "witness.example/w", OTHER.public_key()) is None
    name, made = notes.signature(line.rstrip("\n"))
    for forged in (
        notes.signature_line(name, made[:4] + (1_700_000_001).to_bytes(8, "big") + made[12:]),
        notes.signature_line(name, made[:-1]),
        notes.signature_line(name, made[:-1] + bytes([made[-1] ^ 1])),
    ):
        with pytest.raises(NoteInvalid, match="cosignature"):
            cosignatures.moment(notes.split(note + forged), name, OTHER.public_key())


def test_a_witness_key_is_told_apart_from_a_log_key_of_the_same_bytes() -> None:
    key = OTHER.public_key()
    assert notes.key_id("w", key) != notes.key_id("w", key, notes.COSIGNATURE)
    line = notes.public_key_line("w", key, notes.COSIGNATURE)
    assert notes.read_public_key(line, notes.COSIGNATURE) == ("w", key)
    with pytest.raises(NoteInvalid):
        notes.read_public_key(line)


WHOLE = notes.sign(Head("bank.example/log", 7, bytes(range(32)), ("x.example/v1 a",)), KEY)
COSIGNED = WHOLE + cosignatures.cosign(notes.split(WHOLE).text, "w.example/1", OTHER, at=1_700_000_000)


@given(st.data())
def test_no_character_of_a_note_can_be_changed_unseen(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(COSIGNED) - 1))
    other = data.draw(st.one_of(st.just(""), st.characters(), st.sampled_from("\n +/=A0\u2014")))
    forged = COSIGNED[:at] + other + COSIGNED[at + 1 :]
    assume(forged != COSIGNED)
    try:
        head = notes.read(forged, KEY.public_key())
    except NoteInvalid:
        head = None
    # What others say below is theirs alone to check.
    assert head is None or (at >= len(WHOLE) and head == notes.read(WHOLE, KEY.public_key()))
    try:
        seen = cosignatures.moment(notes.split(forged), "w.example/1", OTHER.public_key())
    except NoteInvalid:
        seen = None
    assert seen is None or (seen == 1_700_000_000 and len(notes.split(WHOLE).text) < at < len(WHOLE))
