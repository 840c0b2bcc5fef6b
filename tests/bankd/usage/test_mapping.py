"""Chains and maps as they are stored: what is written, by whom, what a crash leaves, what is erased."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bankd.access.models import Department
from bankd.audit import checkpoints, log, notes, usage_map, usage_proof
from bankd.audit.checkpoints import Signer
from bankd.audit.errors import CheckpointMissing, LogInconsistent
from bankd.audit.kinds import Kind
from bankd.audit.models import LogCheckpoint
from bankd.audit.notes import Head
from bankd.audit.trust import Trust
from bankd.audit.usage_map import SparseMap
from bankd.audit.usage_proof import check, read
from bankd.audit.verify import verify
from bankd.catalog.models import Photo
from bankd.licensing.errors import LicensorNotFound
from bankd.licensing.models import Grant, License, Licensor
from bankd.licensing.terms import GrantTerms
from bankd.provenance.models import Composite, Usage
from bankd.usage import links, mapping, proving
from bankd.usage.errors import MapMissing, ProofBackwards, TooManyUses
from bankd.usage.mapping import UsageMap
from bankd.usage.models import UsageLink, UsageLinkPayload, UsageTail
from bankd.usage.recounting import Recount

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "bank.example/log"
TRUST = Trust(ORIGIN, (KEY.public_key(),))
NAMES = ("aiko", "ben", "chie")


class Ledger:
    """Composites of photos of three licensors, as rows, and their uses, as entries of the log."""

    def __init__(self, database: Any, by: Any, at: Any) -> None:
        self.database, self.by, self.at = database, by, at
        self.signer = self.new_signer()
        self._numbers = count()
        self.of: dict[str, tuple[UUID, UUID, UUID]] = {}  # licensor, grant, photo
        with database.sessions.begin() as session:
            department = Department(name="Studio", created_at=at)
            session.add(department)
            session.flush()
            self.department_id = department.id
            for name in NAMES:
                self.of[name] = self._record(session, name)

    def _record(self, session: Any, name: str) -> tuple[UUID, UUID, UUID]:
        recorded = {"recorded_at": self.at, "recorded_by": "test librarian"}
        licensor = Licensor(ref=name, name=name.title(), **recorded)
        session.add(licensor)
        session.flush()
        license = License(
            ref=name, licensor_id=licensor.id, title="Set", basis="licensed", co_owners=[], **recorded
        )
        session.add(license)
        session.flush()
        terms = GrantTerms(
            territories=frozenset({"WORLD"}),
            channels=frozenset({"web"}),
            purposes=frozenset({"commercial"}),
            sectors=frozenset({"any"}),
            audiences=frozenset({"public"}),
            starts_on=date(2026, 1, 1),
            ends_on=None,
        )
        grant = Grant(license_id=license.id, ref="all", terms=terms, **recorded)
        digest = sha256(name.encode()).hexdigest()
        photo = Photo(
            department_id=self.department_id, name=name, media_type="image/png", size_bytes=1,
            sha256=digest, pixel_sha256=digest,
            height=50, width=40, work_height=50, work_width=40, pack_sha256="0" * 64, labels_sha256="0" * 64,
            thumbnail_sha256="0" * 64, taxonomy_version=1, scene_context=bytes(256), lab_mean=[0.0, 0.0, 0.0],
            lab_std=[1.0, 1.0, 1.0], depictions={}, embedded={}, embedded_credit={}, state="quarantined",
            quarantine_reason="no license", taken_at=self.at,
        )  # fmt: skip
        session.add_all([grant, photo])
        session.flush()
        return licensor.id, grant.id, photo.id

    def licensor(self, name: str) -> UUID:
        return self.of[name][0]

    def new_signer(self, *, mapped: bool = True) -> Signer:
        return Signer(ORIGIN, KEY, extend=UsageMap() if mapped else None)

    def seal(self, **px: int) -> UUID:
        """A composite of 100 by 100 pixels, so many of each licensor's photo, in two segments."""
        id = uuid4()
        with self.database.sessions.begin() as session:
            session.add(
                Composite(
                    id=id, request_id=uuid4(), order_id=uuid4(), variation=0, blob_key=str(id),
                    file_sha256=sha256(id.bytes).hexdigest(), pixel_sha256="0" * 64, height=100, width=100,
                    manifest="{}", manifest_signature="0" * 128, disclosures={}, sealed_at=self.at,
                )
            )  # fmt: skip
            session.flush()
            for name, area in px.items():
                for part in (area - 1, 1):
                    _, grant, photo = self.of[name]
                    session.add(
                        Usage(
                            composite_id=id, segment_id=next(self._numbers), photo_id=photo, grant_id=grant,
                            canvas_px=part, placed_px=part, filled_px=0, blended_px=0,
                        )
                    )  # fmt: skip
            self._log(session, Kind.COMPOSITE_SEALED, composite=id)
        return id

    def say(self, kind: Kind = Kind.KEY_CREATED, **objects: Any) -> None:
        with self.database.sessions.begin() as session:
            self._log(session, kind, **objects)

    def hand_out(self, composite: UUID) -> None:
        self.say(Kind.COMPOSITE_HANDED_OUT, handout=uuid4(), composite=composite, channel="web", comp=False)

    def _log(self, session: Any, kind: Kind, **objects: Any) -> None:
        log.append(session, kind, by=self.by, at=self.at, **objects)

    def sign(self, signer: Signer | None = None) -> LogCheckpoint:
        with self.database.sessions.begin() as session:
            made = (signer or self.signer).sign(session, at=self.at)
            assert made is not None
            return made

    def proof(self, name: str, start: int | None = None, to: int | None = None) -> bytes:
        with self.database.sessions.begin() as session:
            return proving.prove(session, name, start=start, to=to, by=self.by, at=self.at)

    def holds(self, name: str, start: int | None = None, to: int | None = None) -> usage_proof.Holds:
        return check(read(self.proof(name, start, to)), TRUST)

    def recounted(self) -> Recount:
        with self.database.sessions.begin() as session:
            return recounted(session)

    def chains(self) -> list[Any]:
        with self.database.sessions.begin() as session:
            found = select(UsageLink.entry, UsageLink.licensor_id, UsageLink.number, UsageLink.link)
            return [tuple(row) for row in session.execute(found.order_by(UsageLink.entry, UsageLink.number))]

    @contextmanager
    def forged(self, *statements: str) -> Iterator[Session]:
        """As an owner who covers his tracks would see it; undone afterwards."""
        with self.database.owner_engine.connect() as connection, connection.begin() as forging:
            for table in ("log_payloads", "usage_links", "usage_link_payloads"):
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            for statement in statements:
                assert connection.execute(text(statement)).rowcount > 0
            with Session(connection) as session:
                yield session
            forging.rollback()

    def erase(self, entry: int) -> None:
        with self.database.owner_engine.begin() as connection:
            connection.execute(text("DELETE FROM log_payloads WHERE index = :entry"), {"entry": entry})


def recounted(session: Session) -> Recount:
    """From scratch: raises what does not hold, and says whether each checkpoint's map is what comes out."""
    recount = Recount()
    for one in session.scalars(select(LogCheckpoint).order_by(LogCheckpoint.size)).all():
        if one.extensions:
            assert recount(session, one.size) == tuple(one.extensions)
    return recount


@pytest.fixture
def ledger(database: Any, BY: Any, AT: Any) -> Ledger:
    return Ledger(database, BY.system, AT)


def plain_root(chains: list[Any], size: int) -> bytes:
    """The map at a size of the log, from the links alone, all at once."""
    made, heads = SparseMap(), {}
    for entry, licensor, _, link in chains:
        if entry < size:
            number, head = heads.get(licensor, (0, bytes(32)))
            heads[licensor] = number + 1, usage_map.chained(head, bytes(link))
    for licensor, (number, head) in heads.items():
        key = usage_map.key_of(licensor)
        made.put(key, usage_map.leaf_hash(key, number, head))
    return made.root()


def test_each_checkpoint_covers_the_uses_of_exactly_its_entries(ledger: Ledger) -> None:
    ledger.say()
    signed = [ledger.sign()]
    first = ledger.seal(aiko=3000, ben=2000)
    signed.append(ledger.sign())
    ledger.hand_out(first)
    ledger.say()
    ledger.seal(ben=500)
    signed.append(ledger.sign())
    ledger.say()
    signed.append(ledger.sign())

    chains = ledger.chains()
    ben = ledger.licensor("ben")
    assert [one[::2] for one in chains if one[1] == ben] == [(1, 1), (2, 2), (4, 3)]
    for one in signed:
        assert one.extensions == [usage_map.line(plain_root(chains, one.size))]
    assert usage_map.root_in(signed[0].extensions) == bytes(32)
    assert signed[2].extensions == signed[3].extensions
    assert (ledger.recounted().links, ledger.recounted().unlinked) == (5, 0)
    holds = ledger.holds("ben", 2, 6)
    assert [(use.kind, use.entry, use.canvas_px, use.frame_px) for use in holds.uses if use] == [
        ("handout", 2, 2000, 10000), ("seal", 4, 500, 10000),
    ]  # fmt: skip
    assert (holds.before, ledger.holds("chie").uses) == (1, ())


def test_licensors_of_one_composite_see_their_own_area_and_nothing_of_each_other(ledger: Ledger) -> None:
    ledger.hand_out(ledger.seal(aiko=3000, ben=2000))
    ledger.sign()
    for name, other, area in (("aiko", "ben", 3000), ("ben", "aiko", 2000)):
        content = ledger.proof(name).decode()
        holds = check(read(content.encode()), TRUST)
        assert [use.canvas_px for use in holds.uses if use] == [area, area]
        mine, theirs = ledger.of[name], ledger.of[other]
        assert all(str(id) in content for id in mine)
        assert not any(str(id) in content for id in theirs)
        # Nor are the salts such that one tells the other's.
        salts = {one["salt"] for one in json.loads(content)["links"]}
        assert len(salts) == 2
    assert "recipient" not in ledger.proof("aiko").decode()


def test_an_upgraded_bank_gets_the_links_of_its_whole_log_in_pieces(ledger: Ledger) -> None:
    old = ledger.new_signer(mapped=False)
    composites = [ledger.seal(aiko=100 + number, ben=50) for number in range(5)]
    before = ledger.sign(old)
    for composite in composites:
        ledger.hand_out(composite)
        ledger.say()
    size, after, rounds = 15, -1, 0
    while after is not None:
        with ledger.database.sessions.begin() as session:
            after = mapping.link(session, size, after=after, at_most=3)
            rounds += 1
    assert rounds == 4 and len(ledger.chains()) == 20
    now = ledger.sign()

    assert ledger.chains() == sorted(ledger.chains(), key=lambda one: (one[0], one[2]))
    assert ledger.recounted().links == 20
    assert len(ledger.holds("aiko").uses) == 10
    with pytest.raises(MapMissing, match="proves nothing of uses"):
        ledger.proof("aiko", before.size, now.size)
    with pytest.raises(CheckpointMissing):
        ledger.proof("aiko", 7)
    with pytest.raises(LicensorNotFound):
        ledger.proof("nobody")
    ledger.say()
    ledger.sign()
    with pytest.raises(ProofBackwards):
        ledger.proof("aiko", 17, 15)


def test_links_survive_whoever_made_them_dying_before_the_commit(ledger: Ledger) -> None:
    ledger.seal(aiko=10)
    ledger.sign()
    ledger.seal(aiko=20, ben=30)
    ledger.seal(ben=5)
    for _ in range(2):
        with ledger.database.sessions() as session:
            session.begin()
            assert ledger.signer.sign(session, at=ledger.at) is not None
            session.rollback()
    assert len(ledger.chains()) == 1
    # Erased before anybody made its link: it has none, and is counted as such.
    ledger.erase(2)
    gone_on = ledger.sign()
    anew = ledger.new_signer()
    with ledger.database.sessions.begin() as session:
        assert tuple(gone_on.extensions) == UsageMap()(session, gone_on.size)
    ledger.seal(ben=7)
    ledger.sign(anew)
    assert gone_on.extensions == [usage_map.line(plain_root(ledger.chains(), 3))]
    found = ledger.recounted()
    assert (found.links, found.unlinked, found.erased) == (4, 1, 0)


KILLED = """
import os, signal, sys
from sqlalchemy.orm import Session
from bankd.db import make_engine
from bankd.usage.mapping import UsageMap
with Session(make_engine(sys.argv[1])) as session:
    UsageMap()(session, 2)
    assert session.connection().exec_driver_sql("SELECT count(*) FROM usage_links").scalar() == 3
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_links_survive_a_process_killed_while_it_makes_them(ledger: Ledger) -> None:
    ledger.seal(aiko=10)
    ledger.seal(aiko=20, ben=30)
    url = ledger.database.app_url
    done = subprocess.run([sys.executable, "-c", KILLED, url], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert ledger.chains() == []
    signed = ledger.sign()
    assert signed.extensions == [usage_map.line(plain_root(ledger.chains(), 2))]
    assert ledger.recounted().links == 3


def test_a_proof_rests_on_kept_tails_only_where_they_are_what_was_signed(ledger: Ledger) -> None:
    ledger.seal(aiko=10, ben=20)
    first = ledger.sign()
    ledger.seal(aiko=30)
    last = ledger.sign()
    with ledger.database.sessions.begin() as session:
        kept = {one.licensor_id: one for one in session.scalars(select(UsageTail))}
        map_of = UsageMap().at(session, last.size)
        assert {id: one.number for id, one in kept.items()} == {
            ledger.licensor("aiko"): 2, ledger.licensor("ben"): 1,
        }  # fmt: skip
        root = map_of.root()
        assert all(map_of.tail(usage_map.key_of(id)) == one.tail for id, one in kept.items())
        assert UsageMap(trusting=True).at(session, last.size).root() == root
    proofs = [ledger.proof("ben"), ledger.proof("aiko", first.size, last.size)]
    assert [len(ledger.holds(name).uses) for name in ("ben", "aiko")] == [1, 2]

    for harm in ("UPDATE usage_tails SET tail = sha256(tail)", "DELETE FROM usage_tails"):
        with ledger.database.owner_engine.begin() as owner:
            owner.execute(text(harm))
        assert [ledger.proof("ben"), ledger.proof("aiko", first.size, last.size)] == proofs


def test_a_proof_has_a_most_of_uses(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.hand_out(ledger.seal(aiko=10))
    ledger.sign()
    monkeypatch.setattr(proving, "MOST_USES", 1)
    with pytest.raises(TooManyUses, match="there are 2 uses in between, and a proof lists 1 at most"):
        ledger.proof("aiko")


def test_two_signers_at_once_make_each_link_once(ledger: Ledger) -> None:
    for _ in range(4):
        ledger.seal(aiko=10, chie=20)
    with (
        ledger.database.sessions() as slow,
        ledger.database.sessions() as quick,
        ThreadPoolExecutor(1) as other,
    ):
        quick.begin()
        slow.begin()
        assert ledger.signer.sign(quick, at=ledger.at) is not None
        made = other.submit(ledger.new_signer().sign, slow, at=ledger.at)  # waits for the quick one's commit
        with pytest.raises(TimeoutError):
            made.result(timeout=0.2)
        quick.commit()
        made.result(timeout=300)
        slow.commit()
    assert len(ledger.chains()) == 8
    ledger.recounted()


def test_an_erased_entry_s_links_are_erased_with_it_and_stay_in_the_chain(ledger: Ledger) -> None:
    ledger.hand_out(ledger.seal(aiko=10, ben=20))
    ledger.seal(aiko=5)
    ledger.sign()
    whole = ledger.chains()
    ledger.erase(0)
    assert ledger.chains() == whole
    with ledger.database.sessions.begin() as session:
        left = session.scalars(select(UsageLinkPayload.entry).order_by(UsageLinkPayload.entry)).all()
    assert left == [1, 1, 2]
    content = ledger.proof("aiko")
    holds = check(read(content), TRUST)
    assert (len(holds.uses), holds.erased) == (3, 1)
    ledger.seal(aiko=5)
    ledger.sign()
    found = ledger.recounted()
    assert (found.links, found.erased, found.unlinked) == (6, 2, 0)


def test_the_app_role_neither_changes_nor_deletes_links(ledger: Ledger) -> None:
    ledger.seal(aiko=10)
    ledger.sign()
    for statement in (
        "UPDATE usage_links SET number = 2",
        "DELETE FROM usage_links",
        "UPDATE usage_link_payloads SET payload = ''",
        "DELETE FROM usage_link_payloads",
        "TRUNCATE usage_link_payloads",
    ):
        for engine, what in (
            (ledger.database.engine, "permission denied"),
            (ledger.database.owner_engine, None),
        ):
            if what is None and statement.startswith("DELETE FROM usage_link_payloads"):
                continue  # the owner's right, as with the log's payloads
            with pytest.raises(DBAPIError, match=what or "append-only"), engine.begin() as connection:
                connection.execute(text(statement))


CHIE = "(SELECT id FROM licensors WHERE ref = 'chie')"


FORGERIES: tuple[tuple[list[str], str], ...] = (
    (["UPDATE usage_links SET link = sha256(link) WHERE entry = 1"], "are not those that it makes"),
    (["UPDATE usage_links SET head = sha256(head) WHERE entry = 1"], "breaks at entry 1"),
    (["UPDATE usage_links SET number = 7 WHERE entry = 1"], "breaks at entry 1"),
    (["DELETE FROM usage_link_payloads WHERE entry = 1"], "are not those that it makes"),
    (["UPDATE usage_link_payloads SET salt = sha256(salt) WHERE entry = 1"], "are not those that it makes"),
    (
        ["DELETE FROM usage_link_payloads WHERE entry = 1", "DELETE FROM usage_links WHERE entry = 1"],
        "the links of entry 1 are not those that it makes",
    ),
    (
        [
            "INSERT INTO usage_links (entry, licensor_id, number, link, head)"
            f" SELECT 1, {CHIE}, 1, link, head FROM usage_links WHERE entry = 0 AND number = 1 LIMIT 1"
        ],
        "the links of entry 1 are not those that it makes",
    ),
    (
        [
            "INSERT INTO usage_links (entry, licensor_id, number, link, head)"
            f" SELECT 2, {CHIE}, 1, link, head FROM usage_links WHERE entry = 0 AND number = 1 LIMIT 1"
        ],
        "entry 2 is no use",
    ),
    (["UPDATE usages SET canvas_px = canvas_px + 1, placed_px = placed_px + 1"], "entry 0 are not those"),
    (["DELETE FROM log_payloads WHERE index = 1"], "what its links say was not"),
)


def test_links_that_are_not_the_log_s_are_found_by_who_makes_them_again(ledger: Ledger) -> None:
    ledger.hand_out(ledger.seal(aiko=10, ben=20))
    ledger.say()
    ledger.seal(aiko=5)
    ledger.sign()
    assert ledger.recounted().links == 5
    for statements, why in FORGERIES:
        with ledger.forged(*statements) as session, pytest.raises(LogInconsistent, match=why):
            recounted(session)
    other = pytest.raises(LogInconsistent, match="its usage map is another")
    with ledger.forged("UPDATE usage_links SET head = sha256(head)") as session, other:
        proving.prove(session, "aiko", by=ledger.by, at=ledger.at)


def test_verifying_the_log_makes_every_map_again(ledger: Ledger) -> None:
    def problem(*seen: str) -> Any:
        with ledger.database.sessions.begin() as session:
            return verify(session, KEY.public_key(), seen=seen, extend=Recount()).problem

    old, lying = ledger.new_signer(mapped=False), usage_map.line(b"\1" * 32)
    ledger.say()
    ledger.sign(old)
    ledger.seal(aiko=10)
    honest = ledger.sign()
    assert problem() is None
    # Shown to one licensor, and kept by nobody else.
    other = notes.sign(Head(ORIGIN, 2, honest.root, (lying,)), KEY)
    found = problem(other)
    assert found.name == "usage map"
    assert "the usage map signed with 2 entries is not what they make, as the given" in found.what

    ledger.seal(ben=10)
    ledger.sign(Signer(ORIGIN, KEY, extend=lambda *of: (UsageMap()(*of), (lying,))[1]))
    assert problem().what == "the usage map signed with 3 entries is not what they make"
    with pytest.raises(LogInconsistent, match="its usage map is another"):
        ledger.proof("ben", None, 3)


def test_a_checkpoint_that_drops_the_map_is_found(ledger: Ledger) -> None:
    ledger.seal(aiko=10)
    ledger.sign()
    ledger.say()
    ledger.sign(ledger.new_signer(mapped=False))
    with ledger.database.sessions.begin() as session:
        found = verify(session, KEY.public_key(), extend=Recount()).problem
    assert found is not None
    assert found.what == "no usage map was signed with 2 entries, and one was before"
    with pytest.raises(MapMissing):
        ledger.proof("aiko")


def test_a_fee_s_correction_is_of_its_grant_s_licensor_alone(ledger: Ledger) -> None:
    composite = ledger.seal(aiko=10, ben=20)
    ledger.say(
        Kind.ROYALTY_CORRECTED, accrual=7, corrects=3, grant=ledger.of["ben"][1], composite=composite,
        publication=None, difference_minor=-50, currency="JPY", reason="agreed by mail",
    )  # fmt: skip
    ledger.sign()
    assert [use.kind for use in ledger.holds("ben").uses if use] == ["seal", "correction"]
    assert [use.kind for use in ledger.holds("aiko").uses if use] == ["seal"]
    assert "agreed by mail" not in ledger.proof("ben").decode()


def test_uses_are_found_by_their_kind_however_far_apart_they_are(ledger: Ledger) -> None:
    ledger.seal(aiko=10)
    for _ in range(3):
        ledger.say()
    ledger.seal(aiko=20)
    with ledger.database.sessions.begin() as session:
        assert [use.index for use in links.uses(session, start=0, stop=5, page=10)] == [0, 4]
        assert [use.index for use in links.uses(session, start=1, stop=5, page=10)] == [4]
        assert [use.index for use in links.uses(session, start=0, stop=4, page=10)] == [0]
        assert [use.index for use in links.uses(session, start=0, stop=5, page=1)] == [0]


def test_a_proof_that_was_given_is_in_the_log(ledger: Ledger) -> None:
    ledger.seal(aiko=10)
    ledger.sign()
    content = ledger.proof("aiko")
    with ledger.database.sessions.begin() as session:
        *_, last = log.read(session)
        assert checkpoints.latest(session).size == 1
    assert (last.kind, last.payload["objects"]["sha256"]) == ("report.made", sha256(content).hexdigest())
