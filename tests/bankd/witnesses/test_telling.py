"""Witnesses of each kind are told of a real log: a file, our own server, a bucket with object lock."""

import io
import json
import re
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from minio import Minio
from minio.error import S3Error
from sqlalchemy import text

from bankd.audit import checkpoints, cosignatures, exporting, log, notes, proofs, rotations
from bankd.audit.checkpoints import Signer
from bankd.audit.kinds import Kind
from bankd.config import Settings
from bankd.witnesses import server, telling, verifying
from bankd.witnesses.bucket import BucketWitness
from bankd.witnesses.errors import WitnessInvalid, WitnessSilent
from bankd.witnesses.file import FileWitness
from bankd.witnesses.server import Observer
from bankd.witnesses.setup import witnesses
from bankd.witnesses.url import UrlWitness

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
ORIGIN, NAME = "bank.example/log", "witness.example/w1"
MINUTE = timedelta(minutes=1)


class House:
    """A log, a clerk's hand and a clock."""

    def __init__(self, database, by, at):
        self._database, self.by, self.at = database, by, at

    def transaction(self):
        return self._database.sessions.begin()

    def grow(self, count, *, what=""):
        with self.transaction() as session:
            for number in range(count):
                log.append(session, Kind.REPORT_MADE, by=self.by, at=self.at, number=number, what=what)
        with self.transaction() as session:
            return Signer(ORIGIN, KEY).sign(session, at=self.at)

    def tell(self, *told, after=timedelta()):
        self.at += after
        telling.tell(self.transaction, told, key=KEY.public_key(), now=lambda: self.at)
        with self.transaction() as session:
            return telling.states(session, told)

    def verify(self, *known, seen=()):
        with self.transaction() as session:
            return verifying.verify(session, known, KEY.public_key(), seen=seen)

    def begin_anew(self):
        """What an owner who covers his tracks could do."""
        tables = ["witnesses", "witnessed", "nodes", "checkpoints", "payloads", "entries"]
        with self._database.owner_engine.begin() as connection:
            for table in tables:
                connection.execute(text(f"ALTER TABLE log_{table} DISABLE TRIGGER USER"))
                connection.execute(text(f"DELETE FROM log_{table}"))


@pytest.fixture
def house(database, BY, AT):
    return House(database, BY.system, AT)


@pytest.fixture
def observer(tmp_path):
    return Observer(NAME, WITNESS, {ORIGIN: [KEY.public_key()]}, tmp_path / "witness")


@contextmanager
def listening(observer, at):
    with server.serve(observer, "127.0.0.1", 0, now=lambda: int(at.timestamp())) as bound:
        thread = threading.Thread(target=bound.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"http://127.0.0.1:{bound.server_address[1]}"
            yield UrlWitness(NAME, WITNESS.public_key(), url)
        finally:
            bound.shutdown()
            thread.join()


@pytest.fixture
def store(stack):
    client = Minio(
        stack.s3_endpoint, access_key=stack.s3_access_key, secret_key=stack.s3_secret_key,
        secure=stack.s3_secure, region="us-east-1",
    )  # fmt: skip

    def bucket(*, lock=True, mode="COMPLIANCE"):
        name = f"witness-{uuid4().hex[:12]}"
        client.make_bucket(name, object_lock=lock)
        return BucketWitness(
            stack.s3_endpoint, name, stack.s3_access_key, stack.s3_secret_key,
            mode=mode, days=3650, secure=stack.s3_secure,
        )  # fmt: skip

    return SimpleNamespace(client=client, bucket=bucket)


def test_a_file_grows_by_each_checkpoint_and_proves_the_history(house, tmp_path):
    witness = FileWitness(tmp_path / "kept.jsonl")
    assert house.tell(witness)[0].size == 0  # nothing was signed yet
    house.grow(5)
    assert house.tell(witness)[0].size == 5
    house.grow(30)
    (state,) = house.tell(witness)  # too soon: a minute apart
    assert (state.size, state.behind, state.failures) == (5, 30, 0)
    (state,) = house.tell(witness, after=MINUTE)
    assert (state.size, state.behind) == (35, 0)
    house.tell(witness, after=MINUTE)  # nothing is new

    lines = (tmp_path / "kept.jsonl").read_bytes().splitlines()
    assert [notes.read(json.loads(line)["note"], KEY.public_key()).size for line in lines] == [5, 35]
    found = house.verify(witness).report
    assert (found.holds, found.proven, found.witnesses) == (True, 35, {"file:kept.jsonl": 35})
    given = verifying.given((tmp_path / "kept.jsonl").read_text())
    assert house.verify(seen=given).report.proven == 35


def test_a_line_that_a_crash_cut_off_is_written_anew(house, tmp_path):
    witness = FileWitness(tmp_path / "kept")
    house.grow(5)
    house.tell(witness)
    whole = witness.path.read_bytes()
    house.grow(5)
    house.tell(witness, after=MINUTE)
    witness.path.write_bytes(witness.path.read_bytes()[: len(whole) + 100])
    with house.transaction() as session:
        session.execute(text("SELECT 1"))
    house.grow(5)
    assert house.tell(witness, after=MINUTE)[0].size == 15

    assert witness.path.read_bytes().startswith(whole)
    assert [notes.read(note, KEY.public_key()).size for note in witness.kept()] == [5, 15]
    assert house.verify(witness).report.witnesses == {"file:kept": 15}


def test_a_file_never_goes_back_and_never_to_another_past(house, tmp_path):
    witness = FileWitness(tmp_path / "kept")
    house.grow(20)
    house.tell(witness)
    kept = witness.path.read_bytes()
    house.begin_anew()
    house.grow(7, what="another past")
    (state,) = house.tell(witness)
    assert (state.contradicts, state.size) == (True, 0)
    assert "holds a checkpoint of 20 entries, and the last of the log is of 7" in state.last_error
    house.grow(33)
    (state,) = house.tell(witness, after=MINUTE)
    assert state.contradicts and "does not extend it" in state.last_error and state.failures == 2
    assert witness.path.read_bytes() == kept
    problem = house.verify(witness).report.problem
    assert (problem.name, problem.first, problem.last) == ("log forked", 0, 19)


def test_a_file_of_something_else_is_no_witness(house, tmp_path):
    house.grow(3)
    (tmp_path / "notes.txt").write_text("buy milk\n")
    (state,) = house.tell(FileWitness(tmp_path / "notes.txt"))
    assert "holds no checkpoint" in state.last_error
    assert (tmp_path / "notes.txt").read_text() == "buy milk\n"
    other = notes.sign(notes.Head("elsewhere", 1, bytes(32)), WITNESS)
    (tmp_path / "other").write_text(json.dumps({"note": other}) + "\n")
    (state,) = house.tell(FileWitness(tmp_path / "other"))
    assert "is not a witness of this log" in state.last_error and not state.contradicts
    (state,) = house.tell(FileWitness(tmp_path / "nowhere" / "file"))
    assert "No such file or directory" in state.last_error


def test_a_witness_signs_and_its_signature_goes_with_every_proof(house, observer, AT):
    first = house.grow(5)
    with listening(observer, AT) as witness:
        assert house.tell(witness)[0].size == 5
        house.grow(40)
        (state,) = house.tell(witness, after=MINUTE)
        assert (state.size, state.failures) == (45, 0)
    with house.transaction() as session:
        last = checkpoints.latest(session)
        note = checkpoints.cosigned(session, last)
        proof = proofs.prove(session, 17, last)
    assert cosignatures.moment(notes.split(note), NAME, WITNESS.public_key()) == int(AT.timestamp())
    assert proof.note == note != last.note
    assert proofs.check(proof, KEY.public_key()).size == 45
    found = house.verify(witness).report
    assert (found.holds, found.witnesses, found.proven) == (True, {NAME: 45}, 45)
    with house.transaction() as session:
        assert list(exporting.lines(session))[-1] == {"checkpoint": note}
    assert first.size == 5


def test_a_witness_that_knows_more_than_we_remember_is_caught_up(house, observer, AT):
    house.grow(9)
    with listening(observer, AT) as witness:
        house.tell(witness)
        with house._database.owner_engine.begin() as connection:
            connection.execute(text("ALTER TABLE log_witnessed DISABLE TRIGGER USER"))
            connection.execute(text("DELETE FROM log_witnessed"))
        house.grow(9)
        assert house.tell(witness, after=MINUTE)[0].size == 18


def test_a_witness_refuses_another_past_and_it_is_shown(house, observer, AT):
    house.grow(20)
    with listening(observer, AT) as witness:
        house.tell(witness)
        house.begin_anew()
        house.grow(7, what="x")
        (state,) = house.tell(witness)
        assert (
            state.contradicts and "it holds 20 entries, and the last checkpoint is of 7" in state.last_error
        )
        house.grow(13)
        (state,) = house.tell(witness, after=MINUTE)
        assert state.contradicts and "another head of 20 entries" in state.last_error
        house.grow(5)
        (state,) = house.tell(witness, after=MINUTE)
        assert state.contradicts and "does not extend the 20 entries" in state.last_error
    assert observer.last(ORIGIN).size == 20


def test_a_witness_that_does_not_answer_is_tried_later_and_later(house, observer, tmp_path, AT):
    house.grow(3)
    gone = UrlWitness(NAME, WITNESS.public_key(), "http://127.0.0.1:9")
    beside = FileWitness(tmp_path / "kept")
    states = house.tell(gone, beside)
    assert [state.size for state in states] == [0, 3]  # the other is told all the same
    assert (states[0].failures, states[0].contradicts) == (1, False)
    assert "was not told: no answer" in states[0].last_error
    waits = []
    for _ in range(9):
        tried = states[0].next_at
        assert house.tell(gone)[0].failures == states[0].failures  # not before its time
        states = house.tell(gone, after=tried - house.at)
        waits.append(int((states[0].next_at - house.at).total_seconds()))
    assert waits == [10, 20, 40, 80, 160, 320, 600, 600, 600]
    assert states[0].failing_since == AT
    with listening(observer, AT) as back:
        (state,) = house.tell(back, after=timedelta(minutes=10))
    assert (state.size, state.failures, state.failing_since, state.last_error) == (3, 0, None, None)


def test_a_signature_of_another_key_is_none(house, observer, AT):
    house.grow(3)
    with listening(observer, AT) as witness:
        other = UrlWitness(NAME, KEY.public_key(), witness.url)
        (state,) = house.tell(other)
    assert (state.size, "its signature does not hold" in state.last_error) == (0, True)


def test_a_cosignature_that_was_changed_is_found(house, observer, AT):
    house.grow(3)
    with listening(observer, AT) as witness:
        house.tell(witness)
    with house._database.owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE log_witnessed DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE log_witnessed SET lines = replace(lines, 'w1 ', 'w2 ')"))
    problem = house.verify(witness).report.problem
    assert (problem.name, NAME in problem.what) == ("witness", True)


def test_a_witness_follows_a_rotated_key_as_far_as_it_was_told_of_it(house, observer, AT, tmp_path):
    following = Ed25519PrivateKey.from_private_bytes(bytes(range(3, 35)))
    house.grow(5)
    with listening(observer, AT) as witness:
        house.tell(witness)
        with house.transaction() as session:
            told = rotations.objects("log", ORIGIN, before=KEY, after=following)
            log.append(session, Kind.LOG_KEY_ROTATED, by=house.by, at=house.at, **told)
        with house.transaction() as session:
            Signer(ORIGIN, lambda: [KEY, following]).sign(session, at=house.at)
        assert house.tell(witness, after=MINUTE)[0].size == 6  # signed by both
        with house.transaction() as session:
            log.append(session, Kind.REPORT_MADE, by=house.by, at=house.at)
        with house.transaction() as session:
            Signer(ORIGIN, lambda: [following]).sign(session, at=house.at)
        (state,) = house.tell(witness, after=MINUTE)
        assert (state.size, state.contradicts) == (6, False)
        assert "it does not know the key that signed" in state.last_error
    knows = {ORIGIN: [KEY.public_key(), following.public_key()]}
    with listening(Observer(NAME, WITNESS, knows, tmp_path / "witness"), AT) as witness:
        assert house.tell(witness, after=MINUTE)[0].size == 7


@pytest.mark.parametrize("mode", ["COMPLIANCE", "GOVERNANCE"])
def test_a_bucket_keeps_what_it_was_told_whoever_holds_the_keys(house, store, mode):
    witness = store.bucket(mode=mode)
    house.grow(20)
    (state,) = house.tell(witness)
    assert (state.size, state.last_error) == (20, None)
    house.grow(5)
    house.tell(witness, after=timedelta(hours=1))
    (first, second) = store.client.list_objects(witness.bucket, recursive=True, include_version=True)
    sizes = [one.object_name.split("/")[2].partition("-")[0] for one in (first, second)]
    assert sizes == [f"{20:020d}", f"{25:020d}"]
    kept = store.client.get_object_retention(witness.bucket, first.object_name, first.version_id)
    assert kept.mode == mode
    with pytest.raises(S3Error, match="AccessDenied"):
        store.client.remove_object(witness.bucket, first.object_name, version_id=first.version_id)
    # A delete without a version only hides it, and an object written over is still there.
    store.client.remove_object(witness.bucket, first.object_name)
    store.client.put_object(witness.bucket, second.object_name, io.BytesIO(b"x"), 1)
    with house.transaction() as session:
        told = [checkpoints.of(session, size).note for size in (20, 25)]
    assert sorted(witness.kept()) == sorted([*told, "x"])
    problem = house.verify(witness).report.problem
    assert (problem.name, "did not sign" in problem.what) == ("witness", True)


def test_a_bucket_shows_that_the_log_was_set_back(house, store):
    witness = store.bucket()
    house.grow(20)
    house.tell(witness)
    assert house.verify(witness).report.proven == 20
    house.begin_anew()
    house.grow(7)
    (state,) = house.tell(witness)
    assert state.contradicts and "a checkpoint of 20 entries" in state.last_error
    house.grow(30)
    (state,) = house.tell(witness, after=MINUTE)
    assert state.contradicts and "does not extend" in state.last_error
    assert house.verify(witness).report.problem.name == "log forked"


def test_a_bucket_that_cannot_keep_is_refused_in_a_sentence(house, store, stack):
    house.grow(3)
    plain = store.bucket(lock=False)
    (state,) = house.tell(plain)
    assert f"bucket `{plain.bucket}` has no object lock" in state.last_error
    nowhere = BucketWitness(stack.s3_endpoint, "no-such-bucket", stack.s3_access_key, stack.s3_secret_key,
                            secure=stack.s3_secure)  # fmt: skip
    (state,) = house.tell(nowhere)
    assert "there is no bucket `no-such-bucket`" in state.last_error
    with pytest.raises(WitnessInvalid):
        list(nowhere.kept())
    gone = BucketWitness("127.0.0.1:9", "any", "a", "b", secure=False)
    with pytest.raises(WitnessSilent):
        list(gone.kept())
    found = house.verify(gone)
    assert (found.report.holds, list(found.silent)) == (True, ["s3:any"])


def settings(**facts):
    return Settings(home=Path("home"), **facts)


LINE = notes.public_key_line(NAME, WITNESS.public_key(), notes.COSIGNATURE)


def test_settings_name_witnesses():
    assert witnesses(settings()) == []
    found = witnesses(
        settings(
            witness_file="kept",
            witness_urls=f"{LINE} https://w.example/sub/, "
            f"{notes.public_key_line('b', KEY.public_key(), notes.COSIGNATURE)} http://127.0.0.1:1",
            witness_bucket="b",
            witness_s3_endpoint="s3.example",
            witness_s3_access_key="a",
            witness_s3_secret_key="s",
            witness_lock="GOVERNANCE",
            witness_lock_days=30,
        )
    )
    assert [(one.kind, one.name) for one in found] == [
        ("file", "file:kept"), ("url", NAME), ("url", "b"), ("bucket", "s3:b"),
    ]  # fmt: skip
    assert found[3].where == "s3.example/b, governance for 30 days"
    assert "secret" not in repr(found) and "'s'" not in repr(found)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"witness_urls": "w.example https://w.example"}, "by `name+id+key https"),
        ({"witness_urls": f"{notes.public_key_line(NAME, KEY.public_key())} https://x.example"}, "witness's"),
        ({"witness_urls": f"{LINE} http://w.example"}, "in the clear"),
        ({"witness_urls": f"{LINE} w.example"}, "no address"),
        ({"witness_urls": f"{LINE} https://a.example,{LINE} https://b.example"}, "called the same"),
        ({"witness_bucket": "b"}, "set `witness_s3_endpoint`"),
    ],
)
def test_half_a_witness_is_a_sentence(facts, said):
    with pytest.raises(WitnessInvalid, match=re.escape(said)):
        witnesses(settings(**facts))
