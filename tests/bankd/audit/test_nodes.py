"""The stored tree: how little of it a proof reads, and that nothing depends on what it says."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, text
from sqlalchemy.exc import ProgrammingError

from bankd.audit import checkpoints, log, merkle, nodes, proofs
from bankd.audit.canonical import canonical, moment
from bankd.audit.checkpoints import Signer
from bankd.audit.errors import EntryMissing, LogInconsistent
from bankd.audit.kinds import Kind
from bankd.audit.nodes import BLOCK, Found, Growth, Wanted

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "bank.example/log"


def tree(size):
    return [merkle.leaf_hash(b"%d" % number) for number in range(size)]


def grown(leaves):
    growth = Growth()
    for leaf in leaves:
        growth.append(leaf)
    return growth


def found(growth, leaves, wanted):
    """As `nodes.read` finds it in what was stored."""
    stored = {(height, number): node for height, number, node in growth.made}
    known = {place: stored[place] for place in wanted.nodes}
    return Found(wanted, known, {index: leaves[index] for index in wanted.leaves})


@given(st.integers(1, 400), st.data())
def test_what_is_stored_makes_every_proof(size, data):
    leaves = tree(size)
    later = grown(leaves)
    seen = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, seen - 1))

    assert later.root() == merkle.Frontier(leaves).root()
    inclusion = Wanted.of(merkle.inclusion_ranges(index, seen), seen)
    assert found(later, leaves, inclusion).roots() == merkle.inclusion_proof(leaves[:seen], index)
    consistency = Wanted.of(merkle.consistency_ranges(index + 1, seen), seen)
    assert found(later, leaves, consistency).roots() == merkle.consistency_proof(leaves[:seen], index + 1)


@given(st.integers(1, 1 << 40), st.data())
def test_a_proof_reads_few_rows_of_a_tree_of_any_size(size, data):
    index = data.draw(st.integers(0, size - 1))
    for ranges in (merkle.inclusion_ranges(index, size), merkle.consistency_ranges(index + 1, size)):
        wanted = Wanted.of(ranges, size)
        assert len(wanted.nodes) <= 2 * size.bit_length()
        assert len(wanted.leaves) < BLOCK


@given(
    st.integers(0, 1 << 50),
    st.datetimes(timezones=st.timezones()),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(min_size=32, max_size=32),
)
def test_a_leaf_is_the_canonical_json_of_its_entry(index, at, kind, commitment):
    told = {"v": 1, "index": index, "at": moment(at), "kind": kind, "commitment": commitment}
    assert log.leaf(index, at, kind, commitment) == canonical(told)


@pytest.fixture
def add(sessions, BY, AT):
    def add(count, signer=None):
        with sessions.begin() as session:
            for number in range(count):
                log.append(session, Kind.REPORT_MADE, by=BY.auditor, at=AT, number=number)
        with sessions.begin() as session:
            return (signer or Signer(ORIGIN, KEY)).sign(session, at=AT)

    return add


@pytest.fixture
def as_owner(database):
    def as_owner(*statements):
        with database.owner_engine.begin() as connection:
            connection.execute(text("ALTER TABLE log_nodes DISABLE TRIGGER USER"))
            for statement in statements:
                connection.execute(text(statement))

    return as_owner


def stored(session):
    rows = session.execute(text("SELECT height, number, hash FROM log_nodes ORDER BY height, number"))
    return [(height, number, bytes(node)) for height, number, node in rows]


def test_nodes_come_with_the_checkpoint_that_covers_them_whoever_signs(sessions, add):
    signer = Signer(ORIGIN, KEY)
    for count, by in ((15, signer), (30, signer), (1, None), (20, None), (40, signer)):
        add(count, by)
    with sessions.begin() as session:
        leaves = list(checkpoints.leaves(session, start=0, stop=106))
        assert stored(session) == sorted(grown(leaves).made)
        for size in (15, 45, 46, 66, 106):
            restored = nodes.restored(session, size)
            assert (restored.size, restored.root()) == (size, merkle.Frontier(leaves[:size]).root())
            assert restored.root() == checkpoints.of(session, size).root


def test_every_entry_is_proven_under_every_checkpoint_by_one_statement(sessions, database, add):
    for count in (7, 30, 3):
        add(count)
    statements = []

    def count_statement(connection, cursor, statement, parameters, context, many):
        statements.append(statement)

    with sessions.begin() as session:
        heads = [checkpoints.of(session, size) for size in (7, 37, 40)]
        event.listen(database.engine, "before_cursor_execute", count_statement)
        try:
            for head in heads:
                for index in range(head.size):
                    proof = proofs.prove(session, index, head)
                    assert proofs.check(proof, KEY.public_key()).root == head.root
                    assert json.loads(proof.payload)["objects"]["number"] >= 0
        finally:
            event.remove(database.engine, "before_cursor_execute", count_statement)
    assert len(statements) == 7 + 37 + 40


def test_many_entries_are_proven_together_as_each_alone(sessions, database, add, monkeypatch):
    add(70)
    add(3)
    statements = []

    def count_statement(connection, cursor, statement, parameters, context, many):
        statements.append(statement)

    wanted = [72, 3, 40, 41, 0, 64]
    with sessions.begin() as session:
        head = checkpoints.latest(session)
        alone = [proofs.prove(session, index, head) for index in wanted]
        event.listen(database.engine, "before_cursor_execute", count_statement)
        try:
            assert list(proofs.prove_all(session, wanted, head)) == alone
            assert len(statements) == 1
            monkeypatch.setattr(proofs, "AT_ONCE", 4)
            assert list(proofs.prove_all(session, wanted, head)) == alone
            assert len(statements) == 1 + 2
        finally:
            event.remove(database.engine, "before_cursor_execute", count_statement)
        with pytest.raises(EntryMissing):
            list(proofs.prove_all(session, [0, 73], head))
        assert list(proofs.prove_all(session, [], head)) == []


def test_what_was_signed_before_nodes_were_stored_is_proven_from_its_entries(sessions, add, as_owner):
    add(50)
    as_owner("DELETE FROM log_nodes")
    with sessions.begin() as session:
        head = checkpoints.latest(session)
        assert nodes.restored(session, 50) is None
        for index in (0, 17, 49):
            assert proofs.check(proofs.prove(session, index, head), KEY.public_key()).size == 50
    add(1)
    with sessions.begin() as session:
        assert len(stored(session)) == 3 + 3 + 1  # all of them are there again


def test_a_stored_hash_that_was_changed_proves_nothing(sessions, add, as_owner):
    add(16)
    second = add(34)
    as_owner("UPDATE log_nodes SET hash = sha256(hash) WHERE (height, number) = (4, 1)")
    with sessions.begin() as session:
        with pytest.raises(LogInconsistent, match="entry 3 does not lead to its root"):
            proofs.prove(session, 3, checkpoints.of(session, 50))
        assert proofs.prove(session, 20, second)  # reads others
        with pytest.raises(LogInconsistent, match="does not extend"):
            proofs.prove_extension(session, checkpoints.of(session, 16), second)
    # Nor is anything signed on top of it: the entries say what the tree is.
    assert add(1).size == 51


def test_a_checkpoint_that_was_taken_back_leaves_no_hole(sessions, database, add, AT, BY):
    signer = Signer(ORIGIN, KEY)
    with sessions.begin() as session:
        for number in range(40):
            log.append(session, Kind.REPORT_MADE, by=BY.auditor, at=AT, number=number)
    with pytest.raises(ZeroDivisionError), sessions.begin() as session:
        signer.sign(session, at=AT)
        raise ZeroDivisionError
    add(3, signer)
    with sessions.begin() as session:
        leaves = list(checkpoints.leaves(session, start=0, stop=43))
        assert stored(session) == sorted(grown(leaves).made)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log_nodes SET hash = hash",
        "DELETE FROM log_nodes",
        "TRUNCATE log_nodes",
        "UPDATE log_witnessed SET lines = ''",
        "DELETE FROM log_witnessed",
    ],
)
def test_the_tree_and_what_witnesses_hold_are_append_only(sessions, statement):
    with pytest.raises(ProgrammingError, match="permission denied"), sessions.begin() as session:
        session.execute(text(statement))
