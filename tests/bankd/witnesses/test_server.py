"""The witness that comes with the bank, asked over HTTP as C2SP tlog-witness says."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd.audit import cosignatures, merkle, notes
from bankd.audit.errors import NoteInvalid
from bankd.witnesses import server
from bankd.witnesses.server import Observer

LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NEXT = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
ORIGIN, NAME = "bank.example/log", "witness.example/w1"
AT = 1_780_000_000
LEAVES = [merkle.leaf_hash(b"%d" % number) for number in range(40)]
OTHER = [merkle.leaf_hash(b"x%d" % number) for number in range(40)]


def note(size, leaves=LEAVES, *, origin=ORIGIN, keys=(LOG,), lines=()):
    return notes.sign(notes.Head(origin, size, merkle.Frontier(leaves[:size]).root(), lines), *keys)


def body(old, size, leaves=LEAVES, **facts):
    proof = merkle.consistency_proof(leaves[:size], old) if 0 < old < size else []
    lines = [f"old {old}", *(base64.b64encode(node).decode() for node in proof)]
    return ("\n".join(lines) + "\n\n" + note(size, leaves, **facts)).encode()


@pytest.fixture
def observer(tmp_path):
    return Observer(NAME, WITNESS, {ORIGIN: [LOG.public_key(), NEXT.public_key()]}, tmp_path / "w")


@pytest.fixture
def post(observer):
    with server.serve(observer, "127.0.0.1", 0, now=lambda: AT) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        pool = urllib3.PoolManager(retries=False)

        def post(content, path="/add-checkpoint", **headers):
            url = f"http://127.0.0.1:{listening.server_address[1]}{path}"
            answer = pool.request("POST", url, body=content, headers=headers)
            return answer.status, answer.headers["Content-Type"], answer.data.decode()

        try:
            yield post
        finally:
            pool.clear()
            listening.shutdown()
            thread.join()


def signed(answer, of):
    status, _, lines = answer
    assert status == 200, answer
    return cosignatures.moment(notes.split(of + lines), NAME, WITNESS.public_key())


def test_a_head_that_extends_the_last_one_is_signed_and_remembered(post, observer, tmp_path):
    assert signed(post(body(0, 7)), note(7)) == AT
    assert signed(post(body(7, 7)), note(7)) == AT  # again, for a fresh moment
    assert signed(post(body(7, 31, lines=("x.example/v1 a",))), note(31, lines=("x.example/v1 a",))) == AT
    assert observer.last(ORIGIN).size == 31
    again = Observer(NAME, WITNESS, {ORIGIN: [LOG.public_key()]}, tmp_path / "w")
    assert again.last(ORIGIN) == observer.last(ORIGIN)
    assert again.add(body(7, 40), at=AT).text == "31\n"


def test_what_does_not_extend_it_is_refused_by_the_status_that_the_protocol_names(post, observer):
    assert post(body(0, 20))[0] == 200
    kept = observer.last(ORIGIN)
    size = (409, "text/x.tlog.size", "20\n")
    assert post(body(0, 30)) == size  # another old size
    assert post(body(10, 30)) == size
    assert post(body(20, 20, OTHER)) == size  # another root of the same size
    assert post(body(20, 30, OTHER))[0] == 422  # another past
    bare = body(20, 30).partition(b"\n\n")
    assert post(b"old 20\n\n" + bare[2])[0] == 422
    assert post(bare[0] + b"\n" + base64.b64encode(bytes(32)) + b"\n\n" + bare[2])[0] == 422
    assert post(body(20, 10))[0] == 400  # smaller
    assert post(body(20, 30, origin="bank.example/other"))[0] == 404
    assert post(body(20, 30, keys=(WITNESS,)))[0] == 403
    assert post(body(20, 30).replace(b"\n30\n", b"\n31\n"))[0] == 403
    assert observer.last(ORIGIN) == kept
    assert post(body(20, 30))[0] == 200


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"old 0\n",
        b"\xff",
        b"old 00\n\n" + note(3).encode(),
        b"old -1\n\n" + note(3).encode(),
        b"new 0\n\n" + note(3).encode(),
        b"old 0\nAAAA\n\n" + note(3).encode(),
        b"old 0\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\n" + note(3).encode(),
        b"old 0\n\nhello\n",
    ],
)
def test_what_is_no_request_is_a_bad_one(observer, content):
    assert observer.add(content, at=AT).status == 400
    assert observer.last(ORIGIN) is None


def test_too_much_is_not_read_and_nothing_else_is_there(post):
    assert post(b"x" * 70_000)[0] == 413
    assert post(body(0, 3), path="/elsewhere")[0] == 404


def test_a_log_whose_key_is_rotated_goes_on(post):
    assert post(body(0, 5))[0] == 200
    assert post(body(5, 6, keys=(LOG, NEXT)))[0] == 200
    assert post(body(6, 7, keys=(NEXT,)))[0] == 200


def test_of_many_at_once_one_past_is_signed(observer):
    """Each brings another log of its own: whoever is first is the one that is remembered."""
    pasts = [[merkle.leaf_hash(b"%d/%d" % (who, number)) for number in range(8)] for who in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda leaves: observer.add(body(0, 8, leaves), at=AT).status, pasts))
    assert sorted(answers) == [200] + [409] * 7
    kept = pasts[answers.index(200)]
    assert observer.last(ORIGIN).root == merkle.Frontier(kept).root()


def test_a_memory_that_was_changed_is_not_believed(observer, tmp_path):
    observer.add(body(0, 20), at=AT)
    (path,) = (tmp_path / "w").glob("*.note")
    path.write_text(path.read_text(encoding="utf-8").replace("\n20\n", "\n10\n"), encoding="utf-8")
    with pytest.raises(NoteInvalid):
        observer.add(body(10, 30), at=AT)
