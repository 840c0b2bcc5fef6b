"""Checkpoints, proofs and verification over a real log; the forgeries are made as the owner, triggers off."""

import base64
import hashlib
import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from bankd.audit import checkpoints, log, merkle, notes, proofs
from bankd.audit.checkpoints import Signer
from bankd.audit.errors import EntryMissing, LogInconsistent, NoteInvalid
from bankd.audit.kinds import Kind
from bankd.audit.models import LogCheckpoint
from bankd.audit.naming import Problem
from bankd.audit.verify import verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
ORIGIN = "bank.example/log"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def signer():
    return Signer(ORIGIN, KEY)


@pytest.fixture
def add(sessions, BY, AT):
    def add(count):
        with sessions.begin() as session:
            for number in range(count):
                log.append(session, Kind.REPORT_MADE, by=BY.auditor, at=AT, number=number)

    return add


@pytest.fixture
def sign(sessions, AT):
    def sign(signer):
        with sessions.begin() as session:
            return signer.sign(session, at=AT)

    return sign


@pytest.fixture
def report(sessions):
    def report(**facts):
        with sessions.begin() as session:
            return verify(session, PUBLIC, **facts)

    return report


@pytest.fixture
def forge(database):
    """What an owner who covers his tracks could do."""

    def forge(*statements):
        with database.owner_engine.begin() as connection:
            for table in ("log_entries", "log_payloads", "log_checkpoints", "log_nodes", "log_witnessed"):
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            for statement in statements:
                assert connection.execute(text(statement)).rowcount > 0

    return forge


def test_an_empty_log_holds_and_has_no_checkpoint(report, sign, signer):
    assert sign(signer) is None
    assert report().holds
    assert report().root == hashlib.sha256(b"").digest()


def test_a_checkpoint_is_the_signed_root_of_all_leaves(sessions, add, sign, signer, AT):
    add(5)
    made = sign(signer)

    with sessions.begin() as session:
        stored = checkpoints.latest(session)
        entries = list(log.read(session))
        leaves = list(checkpoints.leaves(session, start=0, stop=5))
        commitments = session.scalars(text("SELECT commitment FROM log_entries ORDER BY index")).all()
    by_hand = [
        hashlib.sha256(
            b"\0"
            + json.dumps(
                {
                    "at": "2026-06-01T11:00:00.000000Z",
                    "commitment": commitment.hex(),
                    "index": entry.index,
                    "kind": entry.kind,
                    "v": 1,
                },
                separators=(",", ":"),
            ).encode()
        ).digest()
        for entry, commitment in zip(entries, commitments, strict=True)
    ]
    assert leaves == by_hand
    assert (stored.size, stored.root, stored.at, stored.origin) == (
        5,
        merkle.Frontier(by_hand).root(),
        AT,
        ORIGIN,
    )
    assert notes.read(stored.note, PUBLIC) == notes.Head(ORIGIN, 5, stored.root)
    assert made.note == stored.note


def test_the_same_log_is_signed_once(sessions, add, sign, signer):
    add(3)
    assert sign(signer).size == 3
    assert sign(signer) is None
    assert sign(Signer(ORIGIN, KEY)) is None


def test_a_signer_that_goes_on_and_one_that_starts_anew_sign_the_same(add, sign, signer, report):
    add(3)
    sign(signer)
    add(4)
    gone_on = sign(signer)
    add(1)
    sign(Signer(ORIGIN, KEY))
    add(2)
    assert sign(signer).size == 10

    assert gone_on.size == 7
    found = report()
    assert found.holds
    assert (found.entries, found.checkpoints, found.signed, found.erased) == (10, 4, 10, 0)


def test_two_clerks_at_once_store_one_checkpoint(database, add, signer, AT):
    add(3)
    with database.sessions() as slow, database.sessions() as quick:
        slow.begin()
        slow.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        assert checkpoints.latest(slow) is None
        quick.begin()
        signer.sign(quick, at=AT)
        quick.commit()
        with pytest.raises(OperationalError, match="could not serialize"):
            Signer(ORIGIN, KEY).sign(slow, at=AT + MINUTE)
    with database.sessions() as slow, database.sessions() as quick, ThreadPoolExecutor(1) as other:
        add(1)
        slow.begin()
        quick.begin()
        assert signer.sign(quick, at=AT).size == 4
        made = other.submit(
            Signer(ORIGIN, KEY).sign, slow, at=AT + MINUTE
        )  # waits for the quick one's commit
        with pytest.raises(TimeoutError):
            made.result(timeout=0.2)
        quick.commit()
        assert made.result(timeout=300).size == 4
        slow.commit()
        assert [(row.size, row.at) for row in slow.scalars(select(LogCheckpoint))] == [(3, AT), (4, AT)]


def test_a_signer_does_not_sign_over_a_log_that_was_changed(add, sign, signer, forge):
    add(3)
    sign(signer)
    forge("UPDATE log_entries SET kind = 'photo.erased' WHERE index = 1")
    add(1)

    with pytest.raises(LogInconsistent) as refused:
        sign(Signer(ORIGIN, KEY))
    assert refused.value.size == 3


def test_a_signer_does_not_sign_a_log_that_got_shorter(add, sign, signer, forge):
    add(3)
    sign(signer)
    forge("DELETE FROM log_payloads WHERE index = 2", "DELETE FROM log_entries WHERE index = 2")

    for again in (signer, Signer(ORIGIN, KEY)):
        with pytest.raises(LogInconsistent, match="only 2 are left"):
            sign(again)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_checkpoints SET root = sha256(root)",
        "UPDATE log_checkpoints SET size = 2",
        "UPDATE log_checkpoints SET note = translate(note, 'ABCDEFGHIJKL', 'BCDEFGHIJKLA')",
    ],
)
def test_a_signer_does_not_go_on_from_a_checkpoint_that_it_never_signed(add, sign, signer, forge, statement):
    add(3)
    sign(signer)
    forge(statement)
    add(1)
    for again in (signer, Signer(ORIGIN, KEY)):
        with pytest.raises(LogInconsistent):
            sign(again)


def test_a_signer_does_not_sign_over_a_gap(add, sign, signer, forge):
    add(5)
    forge("DELETE FROM log_payloads WHERE index = 2", "DELETE FROM log_entries WHERE index = 2")

    with pytest.raises(LogInconsistent, match="entry 2 is missing"):
        sign(signer)


def test_checkpoints_are_found_around_an_entry(sessions, add, sign, signer):
    for count in (2, 3):
        add(count)
        sign(signer)
    with sessions.begin() as session:
        assert checkpoints.latest(session, up_to=1) is None
        assert checkpoints.latest(session, up_to=4).size == 2
        assert checkpoints.latest(session).size == 5
        assert checkpoints.first_over(session, 1).size == 2
        assert checkpoints.first_over(session, 2).size == 5
        assert checkpoints.first_over(session, 5) is None


def test_entries_after_the_last_checkpoint_are_counted_as_unsigned(add, sign, signer, report):
    add(3)
    sign(signer)
    add(2)
    found = report()
    assert found.holds
    assert (found.entries, found.signed) == (5, 3)


@pytest.mark.parametrize(
    ("statements", "first", "last"),
    [
        (["UPDATE log_payloads SET payload = replace(payload, 'auditor', 'nobody') WHERE index = 4"], 4, 4),
        (["UPDATE log_payloads SET salt = sha256(salt) WHERE index = 4"], 4, 4),
        (["UPDATE log_entries SET commitment = sha256(commitment) WHERE index = 4"], 4, 4),
        (["UPDATE log_entries SET at = at + interval '1 microsecond' WHERE index = 4"], 4, 4),
        (["UPDATE log_entries SET kind = 'photo.erased' WHERE index = 4"], 4, 4),
        (["DELETE FROM log_payloads WHERE index = 4", "DELETE FROM log_entries WHERE index = 4"], 4, 4),
        (["DELETE FROM log_payloads WHERE index = 0", "DELETE FROM log_entries WHERE index = 0"], 0, 0),
        # The payload gone too: only the root shows it, somewhere since the checkpoint before.
        (
            [
                "DELETE FROM log_payloads WHERE index = 4",
                "UPDATE log_entries SET kind = 'photo.erased' WHERE index = 4",
            ],
            3,
            6,
        ),
        # A whole new payload under a commitment that fits it.
        (
            [
                "UPDATE log_payloads SET payload = replace(payload, 'auditor', 'nobody') WHERE index = 4",
                "UPDATE log_entries SET commitment = (SELECT sha256(salt || convert_to(payload, 'UTF8'))"
                " FROM log_payloads WHERE index = 4) WHERE index = 4",
            ],
            3,
            6,
        ),
        (["DELETE FROM log_payloads WHERE index > 7", "DELETE FROM log_entries WHERE index > 7"], 8, 8),
    ],
)
def test_whatever_is_changed_is_found_and_named(add, sign, signer, report, forge, statements, first, last):
    for count in (3, 4, 2):
        add(count)
        sign(signer)
    assert report().holds
    forge(*statements)

    problem = report().problem
    assert problem is not None
    assert (problem.first, problem.last) == (first, last)


def test_two_entries_that_changed_places_are_found(add, sign, signer, report, forge):
    add(4)
    sign(signer)
    forge(
        "UPDATE log_entries SET commitment = CASE index WHEN 1 THEN"
        " (SELECT commitment FROM log_entries WHERE index = 2) ELSE"
        " (SELECT commitment FROM log_entries WHERE index = 1) END WHERE index IN (1, 2)",
        "UPDATE log_payloads AS mine SET salt = theirs.salt, payload = theirs.payload"
        " FROM log_payloads AS theirs WHERE (mine.index, theirs.index) IN ((1, 2), (2, 1))",
    )
    assert report().problem == Problem(
        "entries changed", 0, 3, "entries 0 to 3 are not those that were signed"
    )


def test_a_checkpoint_signed_by_another_key_is_found(add, sign, report):
    add(2)
    sign(Signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32))))
    problem = report().problem
    assert problem.first == 0
    assert "this key did not sign it" in problem.what


def test_a_checkpoint_that_is_not_what_its_note_says_is_found(add, sign, signer, report, forge):
    add(2)
    sign(signer)
    forge("UPDATE log_checkpoints SET root = sha256(root)")
    assert "not what its note says" in report().problem.what


def test_a_log_cut_off_with_its_checkpoints_is_found_by_who_kept_one(add, sign, signer, report, forge):
    add(2)
    sign(signer)
    add(2)
    kept = sign(signer).note
    assert report(seen=[kept]).holds
    forge(
        "DELETE FROM log_checkpoints WHERE size = 4",
        "DELETE FROM log_payloads WHERE index >= 2",
        "DELETE FROM log_entries WHERE index >= 2",
    )
    assert report().holds
    assert report(seen=[kept]).problem == Problem(
        "log cut off", 2, 3, "4 entries were signed and 2 are there, as the given checkpoint shows"
    )


def test_a_note_that_nobody_signed_is_refused_as_evidence(report):
    with pytest.raises(NoteInvalid):
        report(seen=["bank.example/log\n1\nAAAA\n"])


def test_an_erased_payload_leaves_the_log_and_its_proofs_whole(sessions, add, sign, signer, report, forge):
    add(6)
    sign(signer)
    forge("DELETE FROM log_payloads WHERE index = 2")

    found = report()
    assert found.holds
    assert found.erased == 1
    with sessions.begin() as session:
        proof = proofs.prove(session, 2, checkpoints.latest(session))
        assert [entry.payload is None for entry in log.read(session)].index(True) == 2
    assert proof.payload is None
    assert proofs.check(proof, PUBLIC).size == 6


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_every_entry_can_be_proven_offline(sessions, add, sign, signer, size):
    add(size)
    sign(signer)
    with sessions.begin() as session:
        checkpoint = checkpoints.latest(session)
        for index in range(size):
            proof = proofs.prove(session, index, checkpoint)
            carried = proofs.read(proof.model_dump_json())
            assert proofs.check(carried, PUBLIC).root == checkpoint.root
            assert json.loads(carried.payload)["objects"] == {"number": index}


def test_a_proof_that_was_changed_proves_nothing(sessions, add, sign, signer):
    add(5)
    sign(signer)
    with sessions.begin() as session:
        checkpoint = checkpoints.latest(session)
        good = proofs.prove(session, 3, checkpoint)
        other = proofs.prove(session, 2, checkpoint)

    def forged(**facts):
        return good.model_copy(update=facts)

    zero = base64.b64encode(bytes(32)).decode()
    for bad in (
        forged(index=2),
        forged(leaf=other.leaf),
        forged(leaf=other.leaf, index=2),
        forged(leaf="{}"),
        forged(payload=other.payload),
        forged(payload=good.payload.replace("auditor", "nobody")),
        forged(salt=other.salt),
        forged(salt=None),
        forged(salt="zz"),
        forged(hashes=(zero, *good.hashes[1:])),
        forged(hashes=good.hashes[:-1]),
        forged(hashes=("!",)),
        forged(note=good.note.replace("\n5\n", "\n6\n")),
    ):
        with pytest.raises(NoteInvalid):
            proofs.check(bad, PUBLIC)
    with pytest.raises(NoteInvalid):
        proofs.check(good, Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())
    facts = good.model_dump(mode="json")
    for bad in ({}, [], facts | {"v": 2}, facts | {"index": "3"}, facts | {"x": 1}):
        with pytest.raises(NoteInvalid):
            proofs.read(json.dumps(bad))


def test_a_proof_can_keep_the_payload_to_itself(sessions, add, sign, signer):
    add(2)
    sign(signer)
    with sessions.begin() as session:
        proof = proofs.prove(session, 1, checkpoints.latest(session), with_payload=False)
    assert (proof.salt, proof.payload) == (None, None)
    assert proofs.check(proof, PUBLIC).size == 2


def test_what_a_checkpoint_does_not_cover_cannot_be_proven(sessions, add, sign, signer):
    add(2)
    sign(signer)
    add(1)
    with sessions.begin() as session:
        checkpoint = checkpoints.latest(session)
        for index in (-1, 2, 3):
            with pytest.raises(EntryMissing):
                proofs.prove(session, index, checkpoint)


def test_a_later_checkpoint_is_proven_to_extend_an_earlier_one(sessions, add, sign, signer):
    made = []
    for count in (3, 4):
        add(count)
        made.append(sign(signer))
    first, second = made
    with sessions.begin() as session:
        proof = proofs.prove_extension(session, first, second)
    assert merkle.extends(3, first.root, 7, second.root, proof=proof)
    assert not merkle.extends(3, second.root, 7, first.root, proof=proof)


def test_verifying_takes_the_same_memory_for_any_log(sessions, add, sign, signer, report):
    def peak():
        tracemalloc.start()
        assert report().holds
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return high

    add(2000)
    sign(signer)
    report()
    small = peak()
    for _ in range(4):
        add(2000)
    assert peak() < small * 1.5


def swap(one, other):
    both = f"(({one}, {other}), ({other}, {one}))"
    return [
        "UPDATE log_entries AS mine SET (at, kind, commitment) = (theirs.at, theirs.kind, theirs.commitment)"
        f" FROM log_entries AS theirs WHERE (mine.index, theirs.index) IN {both}",
        "UPDATE log_payloads AS mine SET salt = theirs.salt, payload = theirs.payload"
        f" FROM log_payloads AS theirs WHERE (mine.index, theirs.index) IN {both}",
    ]


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        (
            [
                "UPDATE log_payloads SET payload = replace(payload, 'auditor', 'nobody') WHERE index = 21",
                "UPDATE log_entries SET commitment = (SELECT sha256(salt || convert_to(payload, 'UTF8'))"
                " FROM log_payloads WHERE index = 21) WHERE index = 21",
            ],
            Problem("entry changed", 21, 21, "entry 21 is not the one that was signed"),
        ),
        (swap(20, 21), Problem("entries reordered", 20, 21, "entries 20 and 21 changed places")),
        (swap(18, 30), Problem("entries reordered", 18, 30, "entry 18 stands at 30")),
        (
            ["DELETE FROM log_payloads WHERE index = 19", "DELETE FROM log_entries WHERE index = 19"],
            Problem("entry missing", 19, 19, "entry 19 is missing"),
        ),
        (
            [
                "UPDATE log_nodes SET hash = set_byte(hash, 40, 1 + get_byte(hash, 40) % 200)"
                " WHERE (height, number) = (0, 1)",
            ],
            Problem("stored tree", 16, 31, "the stored hashes of entries 16 to 31 are not theirs"),
        ),
        (
            ["UPDATE log_nodes SET hash = sha256(hash) WHERE (height, number) = (5, 0)"],
            Problem("stored tree", 0, 31, "the stored hashes of entries 0 to 31 are not theirs"),
        ),
        # Both, so that none tells of the other: what was signed still does, as far as it goes.
        (
            [
                "UPDATE log_nodes SET hash = set_byte(hash, 40, 1 + get_byte(hash, 40) % 200)"
                " WHERE (height, number) = (0, 1)",
                "DELETE FROM log_payloads WHERE index = 21",
                "UPDATE log_entries SET kind = 'photo.erased' WHERE index = 21",
            ],
            Problem("entries changed", 16, 39, "entries 16 to 39 are not those that were signed"),
        ),
    ],
)
def test_the_stored_tree_says_which_entry_it_was(add, sign, signer, report, forge, statements, found):
    for count in (16, 24):
        add(count)
        sign(signer)
    whole = report()
    assert (whole.holds, whole.nodes) == (True, 2 + 2 + 1)  # blocks, their roots, and one above them
    forge(*statements)

    assert report().problem == found


def test_an_entry_taken_out_is_found_when_those_after_it_moved_up(database, add, sign, signer, report, forge):
    add(48)
    sign(signer)
    forge("DELETE FROM log_payloads WHERE index = 5", "DELETE FROM log_entries WHERE index = 5")
    with database.owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE log_payloads DROP CONSTRAINT fk_log_payloads_index_log_entries"))
        for table in ("log_entries", "log_payloads"):
            for step in ("+ 999 WHERE index > 5", "- 1000 WHERE index > 999"):
                connection.execute(text(f"UPDATE {table} SET index = index {step}"))
    assert report().problem == Problem("log cut off", 47, 47, "48 entries were signed and 47 are there")
    add(1)
    assert report().problem == Problem(
        "entry missing", 5, 5, "entry 5 was taken out, and those after it moved up"
    )


def test_an_entry_put_in_between_is_found(database, add, sign, signer, report, forge):
    add(48)
    sign(signer)
    with database.owner_engine.begin() as connection:
        for table in ("log_entries", "log_payloads"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(text("ALTER TABLE log_payloads DROP CONSTRAINT fk_log_payloads_index_log_entries"))
        for table in ("log_entries", "log_payloads"):
            for step in ("+ 1000 WHERE index >= 5", "- 999 WHERE index > 999"):
                connection.execute(text(f"UPDATE {table} SET index = index {step}"))
        connection.execute(
            text(
                "INSERT INTO log_entries SELECT 5, at, kind, sha256(commitment) FROM log_entries"
                " WHERE index = 4"
            )
        )
    assert report().problem == Problem(
        "entry inserted", 5, 5, "entry 5 was put in, and those after it moved down"
    )


def test_a_forked_log_is_found_by_who_kept_a_checkpoint(add, sign, signer, report, forge):
    """The whole log is written anew with the bank's own key: inside it nothing is wrong."""
    add(20)
    sign(signer)
    add(5)
    kept = sign(signer).note
    forge(*(f"DELETE FROM log_{table}" for table in ("checkpoints", "nodes", "payloads", "entries")))
    add(22)
    sign(Signer(ORIGIN, KEY))
    add(8)
    sign(Signer(ORIGIN, KEY))

    assert report().holds
    assert (report().proven, report().witnesses) == (0, {})
    assert report(seen=[kept]).problem == Problem(
        "log forked",
        0,
        24,
        "the log was forked: entries 0 to 24 are not those that were signed, as the given checkpoint shows",
    )
    found = report(kept={"file:kept": [kept]}).problem
    assert (found.name, "witness `file:kept`" in found.what) == ("log forked", True)


def test_what_somebody_else_saw_is_proven_history(add, sign, signer, report):
    add(3)
    first = sign(signer).note
    add(3)
    second = sign(signer).note
    add(1)

    assert report().proven == 0
    assert report(seen=[first]).proven == 3
    found = report(seen=[first], kept={"a": [first, second], "b": [first], "c": []})
    assert (found.holds, found.proven, found.witnesses) == (True, 6, {"a": 6, "b": 3})
    back = report(kept={"a": [second, first]}).problem
    assert (back.name, back.what) == (
        "log forked",
        "witness `a` was told of 3 entries after 6: the log was set back",
    )
    other = notes.sign(notes.Head(ORIGIN, 3, bytes(32)), Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert report(kept={"a": [other]}).problem.name == "witness"


def test_lines_are_signed_with_the_head_and_verified(sessions, add, report, forge, AT):
    asked = []

    def extend(session, size):
        asked.append((size, len(list(log.read(session)))))
        return (f"org.bankd.test/v1 {size}",)

    add(3)
    signer = Signer(ORIGIN, KEY, extend=extend)
    with sessions.begin() as session:
        made = signer.sign(session, at=AT)
        assert signer.sign(session, at=AT) is None
    assert asked == [(3, 3)]
    assert made.extensions == ["org.bankd.test/v1 3"]
    assert notes.read(made.note, PUBLIC).extensions == ("org.bankd.test/v1 3",)
    assert report().holds
    with sessions.begin() as session:
        proof = proofs.prove(session, 1, checkpoints.latest(session))
    assert proofs.check(proof, PUBLIC).extensions == ("org.bankd.test/v1 3",)
    forge("UPDATE log_checkpoints SET extensions = '{org.bankd.test/v1 4}'")
    assert "not what its note says" in report().problem.what
