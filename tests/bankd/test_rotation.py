"""Signing keys follow each other in the log, and whoever trusts an old one can follow them."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from bankd import keys, rotation
from bankd.audit import checkpoints, log, notes, proofs, rotations
from bankd.audit.actor import Actor
from bankd.audit.canonical import parse
from bankd.audit.checkpoints import Signer
from bankd.audit.errors import KeyNotHeld, NoteInvalid, OriginChanged
from bankd.audit.kinds import Kind
from bankd.audit.verify import verify
from bankd.config import Settings
from bankd.runtime import Runtime


class House(Runtime):
    """An installation whose clock a test sets."""

    moment = None

    def now(self):
        self.moment += timedelta(seconds=1)
        return self.moment

    def grow(self, count=3):
        with self.transaction() as session:
            for number in range(count):
                log.append(session, Kind.REPORT_MADE, by=self.actor, at=self.moment, number=number)

    def sign(self, signer=None):
        with self.transaction() as session:
            return (signer or Signer(self.log_origin, self.log_keys)).sign(session, at=self.moment)

    def verified(self):
        with self.transaction() as session:
            return verify(session, self.log_key.public_key())


@pytest.fixture
def open_house(database, AT, tmp_path):
    made = []

    def open_house(folder="home"):
        settings = Settings(
            home=tmp_path / folder, database_url=database.app_url, database_owner_url=database.owner_url,
            broker_url="redis://a", render_broker_url="redis://b", render_worker_broker_url="redis://c",
            s3_endpoint="s3.example:443", s3_access_key="key", s3_secret_key="word",
        )  # fmt: skip
        for name in keys.NAMES:
            keys.create(settings.keys, name)
        house = House(settings, Actor.system("tests"))
        house.moment = AT
        made.append(house)
        return house

    yield open_house
    for house in made:
        house.engine.dispose()


@pytest.fixture
def house(open_house):
    return open_house()


@pytest.fixture
def as_owner(database):
    def as_owner(*statements):
        with database.owner_engine.begin() as connection:
            for table in ("log_entries", "log_payloads", "log_checkpoints"):
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            for statement in statements:
                assert connection.execute(text(statement)).rowcount > 0

    return as_owner


def test_the_first_checkpoint_over_a_rotation_is_signed_by_both_keys(house, open_house):
    old, origin = house.log_key.public_key(), house.log_origin
    clerk = Signer(origin, house.log_keys)
    house.grow()
    before = house.sign(clerk)

    made = rotation.rotate(house, "log")

    new = house.log_key.public_key()
    assert (made.before, made.after) == tuple(notes.public_key_line(origin, key) for key in (old, new))
    assert (made.index, old == new) == (3, False)
    assert open_house().log_origin == house.log_origin == origin
    assert not list(house.settings.keys.glob("*.next.pem"))
    house.grow()
    later = house.sign(clerk)  # which was at work all the while
    with house.transaction() as session:
        over = checkpoints.first_over(session, made.index)
        proof = proofs.prove(session, made.index, over)
    assert notes.read(over.note, old) == notes.read(over.note, new)
    for note, key, other in ((before.note, old, new), (later.note, new, old)):
        notes.read(note, key)
        with pytest.raises(NoteInvalid):
            notes.read(note, other)

    # Who trusts the old key alone comes to the new one.
    assert proofs.check(proof, old).size == over.size
    told = parse(proof.payload)
    assert told["kind"] == "log.key-rotated"
    follows = rotations.read("log", told["objects"])
    assert (follows.before, follows.after, follows.origin) == (old, new, origin)
    found = house.verified()
    assert (found.holds, found.rotations, found.checkpoints) == (True, 1, 3)
    with house.transaction() as session:
        kept = verify(session, new, seen=[before.note, over.note, later.note])
    assert (kept.holds, kept.proven) == (True, later.size)


def test_keys_follow_each_other(house):
    first = house.log_key.public_key()
    indexes = []
    for signs in ("log", "manifest", "log"):
        house.grow(20)
        house.sign()
        indexes.append(rotation.rotate(house, signs).index)
    with house.transaction() as session:
        listed = house.signing_keys(session)
    assert [one.index for one in listed["log"]] == [None, indexes[0], indexes[2]]
    assert [one.index for one in listed["manifest"]] == [None, indexes[1]]
    assert (listed["log"][0].key, listed["log"][-1].key) == (first, house.log_key.public_key())
    assert listed["manifest"][-1].key == house.manifest_key.public_key()
    assert house.verified().holds and house.verified().rotations == 2


@pytest.mark.parametrize("signs", ["log", "manifest"])
@pytest.mark.parametrize(
    ("cut", "clerk"),
    [("create_next", False), ("append", False), ("settle", False), ("promote", False), ("promote", True)],
)
def test_a_rotation_cut_short_goes_on_where_it_stopped(house, monkeypatch, signs, cut, clerk):
    house.grow()
    house.sign()
    where = keys if cut in ("create_next", "promote") else log
    with monkeypatch.context() as patched:
        real = getattr(where, cut)

        def cut_short(*args, **facts):
            if cut != "promote":
                real(*args, **facts)
            raise ZeroDivisionError

        patched.setattr(where, cut, cut_short)
        with pytest.raises(ZeroDivisionError):
            rotation.rotate(house, signs)
    house.grow()
    if clerk:
        house.sign()
    assert house.verified().holds
    made = rotation.rotate(house, signs)
    with house.transaction() as session:
        assert len(house.signing_keys(session)[signs]) == 2
    house.grow()
    house.sign()
    assert house.verified().holds
    assert made.after.rpartition("+")[2] != made.before.rpartition("+")[2]


def test_a_clerk_signs_with_both_while_the_command_is_cut_short(house, monkeypatch):
    house.grow()
    house.sign()
    old = house.log_key.public_key()
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "first_over", lambda session, index: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rotation.rotate(house, "log")
    over = house.sign()  # the clerk, before anybody calls the command again
    made = rotation.rotate(house, "log")
    assert made.index < over.size
    assert notes.read(over.note, old) == notes.read(over.note, house.log_key.public_key())
    assert house.verified().holds


def test_a_retired_key_signs_nothing_more(house, as_owner):
    stolen = house.log_key
    house.grow()
    rotation.rotate(house, "log")
    house.grow()
    with pytest.raises(KeyNotHeld), house.transaction() as session:
        Signer(house.log_origin, stolen).sign(session, at=house.moment)
    last = house.sign()
    forged = notes.sign(notes.Head(last.origin, last.size, last.root), stolen)
    as_owner(f"UPDATE log_checkpoints SET note = '{forged}' WHERE size = {last.size}")
    problem = house.verified().problem
    assert (problem.name, "this key did not sign it" in problem.what) == ("checkpoint changed", True)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM log_payloads WHERE index = 3",
        "UPDATE log_payloads SET payload = replace(payload, 'before', 'befors') WHERE index = 3",
        "UPDATE log_entries SET kind = 'report.made' WHERE index = 3",
        "UPDATE log_entries SET kind = 'log.key-rotated' WHERE index = 1",
    ],
)
def test_a_rotation_that_was_changed_is_named(house, as_owner, statement):
    house.grow()
    rotation.rotate(house, "log")
    house.grow()
    house.sign()
    as_owner(statement)
    problem = house.verified().problem
    assert problem.name in ("signing key", "entry changed", "checkpoint changed")
    assert problem.first <= 3


def test_a_log_that_names_keys_of_its_own_is_not_ours(house, open_house):
    """Whoever rewrites the log may sign rotations too: the last key has to be the one held here."""
    house.grow()
    rotation.rotate(house, "log")
    other = open_house("other")
    with house.transaction() as session:
        problem = verify(session, other.log_key.public_key()).problem
    assert (problem.name, problem.first) == ("signing key", 3)


def test_a_key_folder_of_another_log_signs_nothing(house, open_house):
    house.grow()
    house.sign()
    house.grow()
    other = open_house("other")
    with pytest.raises(OriginChanged):
        other.sign()
    keys.keep_origin(other.settings.keys, house.log_origin)
    rotation.rotate(house, "log")
    house.grow()
    with pytest.raises(KeyNotHeld):
        open_house("other").sign()
    with pytest.raises(KeyNotHeld):
        rotation.rotate(open_house("other"), "log")


def test_a_rotation_is_signed_by_both_or_it_is_none():
    before, after, other = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))
    for signs in ("log", "manifest"):
        objects = rotations.objects(signs, "bank/log", before=before, after=after)
        found = rotations.read(signs, objects)
        assert (found.before, found.after) == (before.public_key(), after.public_key())
        lines = objects["note"].splitlines(keepends=True)
        swapped = rotations.objects(signs, "bank/log", before=after, after=before)
        foreign = rotations.objects(signs, "bank/log", before=before, after=other)
        for forged in (
            {},
            objects | {"note": "".join(lines[:-1])},
            objects | {"note": "".join([*lines[:-2], lines[-1]])},
            objects | {"note": swapped["note"]},
            objects | {"after": foreign["after"]},
            foreign | {"note": objects["note"]},
            objects | {"note": objects["note"].replace("rotation 1", "rotation 2")},
            objects | {"note": objects["note"].replace("bank/log\n", "bank/lag\n", 1)},
        ):
            with pytest.raises(NoteInvalid):
                rotations.read(signs, forged)
        with pytest.raises(NoteInvalid):
            rotations.read("manifest" if signs == "log" else "log", objects)
