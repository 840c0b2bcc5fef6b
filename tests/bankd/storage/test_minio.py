"""The promise of `Blobs`, kept by the client and a real S3 server."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import urllib3
from urllib3.util import Retry

from bankd import embedded
from bankd.storage import (
    BlobDamaged,
    BlobKeyInvalid,
    BlobMissing,
    BlobStat,
    BlobTooLarge,
    BlobUnavailable,
    MinioBlobs,
    key,
)

PICTURE = b"\x89PNG not really" * 1000
PICTURE_SHA256 = hashlib.sha256(PICTURE).hexdigest()
MINUTE = timedelta(minutes=1)


@pytest.fixture
def photo_key() -> str:
    return key(uuid4(), PICTURE_SHA256)


def test_what_was_put_is_read_back(blobs: MinioBlobs, photo_key: str) -> None:
    assert blobs.put(photo_key, PICTURE, media_type="image/png")

    assert blobs.get(photo_key, limit_bytes=len(PICTURE)) == PICTURE
    assert blobs.stat(photo_key) == BlobStat(len(PICTURE), "image/png")
    assert blobs.exists(photo_key)


def test_an_empty_blob_can_be_kept(blobs: MinioBlobs) -> None:
    name = f"{uuid4()}/empty"
    blobs.put(name, b"", media_type="text/plain")

    assert blobs.get(name, limit_bytes=0) == b""


def test_a_blob_larger_than_the_clients_parts_is_written_whole(blobs: MinioBlobs) -> None:
    large = bytes(12_000_000)
    name = f"{uuid4()}/large"
    assert blobs.put(name, large, media_type="application/zip")

    assert not blobs.put(name, large, media_type="application/zip")
    assert blobs.get(name, limit_bytes=12_000_000) == large


def test_nothing_written_is_ever_replaced(blobs: MinioBlobs) -> None:
    name = f"{uuid4()}/order.zip"
    blobs.put(name, b"first", media_type="application/zip")

    assert not blobs.put(name, b"second", media_type="application/zip")
    assert blobs.get(name, limit_bytes=100) == b"first"


def test_a_key_that_names_a_hash_takes_only_its_bytes(blobs: MinioBlobs, photo_key: str) -> None:
    with pytest.raises(ValueError, match="names other bytes"):
        blobs.put(photo_key, PICTURE + b"!", media_type="image/png")
    assert not blobs.exists(photo_key)


def test_bytes_that_the_store_changed_are_not_read(blobs: MinioBlobs, photo_key: str) -> None:
    link = blobs.presigned_put(photo_key, expires=MINUTE)
    assert urllib3.request("PUT", link, body=b"forged").status == 200

    with pytest.raises(BlobDamaged):
        blobs.get(photo_key, limit_bytes=100)


def test_no_more_than_the_limit_is_read(blobs: MinioBlobs, photo_key: str) -> None:
    blobs.put(photo_key, PICTURE, media_type="image/png")

    with pytest.raises(BlobTooLarge) as refused:
        blobs.get(photo_key, limit_bytes=len(PICTURE) - 1)
    assert refused.value.limit_bytes == len(PICTURE) - 1
    assert blobs.get(photo_key, limit_bytes=len(PICTURE)) == PICTURE


def test_what_was_never_put_is_missing(blobs: MinioBlobs, photo_key: str) -> None:
    with pytest.raises(BlobMissing):
        blobs.get(photo_key, limit_bytes=10)
    with pytest.raises(BlobMissing):
        blobs.stat(photo_key)
    assert not blobs.exists(photo_key)


def test_deleting_one_leaves_its_neighbours(blobs: MinioBlobs) -> None:
    photo = uuid4()
    for name in ("a", "b"):
        blobs.put(f"{photo}/{name}", name.encode(), media_type="text/plain")
    blobs.delete(f"{photo}/a")
    blobs.delete(f"{photo}/a")

    assert not blobs.exists(f"{photo}/a")
    assert blobs.get(f"{photo}/b", limit_bytes=1) == b"b"


def test_erasing_a_prefix_erases_all_of_it_and_nothing_beside_it(blobs: MinioBlobs) -> None:
    photo = str(uuid4())
    inside = [f"{photo}/{number}" for number in range(5)] + [f"{photo}/deeper/one"]
    beside = [f"{photo}-2/a", f"{photo}0/a"]
    for name in inside + beside:
        blobs.put(name, b"x", media_type="text/plain")

    assert blobs.delete_prefix(photo) == len(inside)
    assert not any(map(blobs.exists, inside))
    assert all(map(blobs.exists, beside))
    assert blobs.delete_prefix(photo) == 0
    assert blobs.put(inside[0], b"y", media_type="text/plain")


@pytest.mark.parametrize(
    "name",
    ["", "/", "a/", "/a", "a//b", "../a", "a/../b", "a/..", "a..b", "a b", "a\n", "é", ".hidden", "a" * 513],
)
def test_a_key_that_could_lead_elsewhere_is_refused(blobs: MinioBlobs, name: str) -> None:
    with pytest.raises(BlobKeyInvalid):
        blobs.put(name, b"x", media_type="text/plain")
    with pytest.raises(BlobKeyInvalid):
        blobs.presigned_put(name, expires=MINUTE)
    with pytest.raises(BlobKeyInvalid):
        blobs.delete_prefix(name)


def test_a_photos_key_needs_a_whole_hash() -> None:
    with pytest.raises(BlobKeyInvalid):
        key(uuid4(), "../" + PICTURE_SHA256[3:])
    with pytest.raises(BlobKeyInvalid):
        key(uuid4(), PICTURE_SHA256.upper())


def test_a_link_reads_and_writes_its_own_key_alone(blobs: MinioBlobs) -> None:
    photo = uuid4()
    mine, other = f"{photo}/result.zip", f"{photo}/other.zip"
    blobs.put(other, b"other", media_type="application/zip")

    put = blobs.presigned_put(mine, expires=MINUTE)
    assert urllib3.request("PUT", put, body=b"result").status == 200
    assert blobs.get(mine, limit_bytes=100) == b"result"

    get = blobs.presigned_get(mine, expires=MINUTE)
    assert urllib3.request("GET", get).data == b"result"
    assert urllib3.request("GET", put).status == 403
    assert urllib3.request("PUT", get, body=b"overwritten").status == 403
    assert urllib3.request("GET", get.replace("result.zip", "other.zip")).status == 403
    assert urllib3.request("GET", get.partition("?")[0]).status == 403


def test_a_link_ends_and_cannot_be_stretched(
    blobs: MinioBlobs, stack: embedded.Addresses, photo_key: str
) -> None:
    blobs.put(photo_key, PICTURE, media_type="image/png")
    fresh = blobs.presigned_get(photo_key, expires=MINUTE)
    assert urllib3.request("GET", fresh.replace("X-Amz-Expires=60", "X-Amz-Expires=61")).status == 403

    ended = blobs._client.get_presigned_url(
        "GET", stack.s3_bucket, photo_key, expires=MINUTE, request_date=datetime.now(UTC) - 2 * MINUTE
    )
    assert urllib3.request("GET", ended).status == 403
    assert urllib3.request("GET", fresh).status == 200


def test_wrong_credentials_are_no_missing_blob(stack: embedded.Addresses, photo_key: str) -> None:
    stranger = MinioBlobs(
        stack.s3_endpoint,
        access_key=stack.s3_access_key,
        secret_key="x" * 40,
        bucket=stack.s3_bucket,
        secure=False,
    )
    with pytest.raises(BlobUnavailable):
        stranger.get(photo_key, limit_bytes=10)
    with pytest.raises(BlobUnavailable):
        stranger.exists(photo_key)


class _Faulty(http.server.BaseHTTPRequestHandler):
    """Answers as its path says, and counts."""

    seen = 0

    def do_GET(self) -> None:
        type(self).seen += 1
        if "cut" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"only this")
        elif "moved" in self.path:
            self.send_response(307)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif "garbage" in self.path:
            self.send_response(418)
            self.send_header("Content-Length", "3")
            self.end_headers()
            self.wfile.write(b"tea")
        else:
            self.send_error(503)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def faulty() -> Iterator[MinioBlobs]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Faulty)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    _Faulty.seen = 0
    yield MinioBlobs(
        f"127.0.0.1:{server.server_address[1]}",
        access_key="a",
        secret_key="b" * 8,
        bucket="bank",
        secure=False,
        retries=Retry(total=2, status_forcelist=[503], allowed_methods=None, raise_on_status=False),
    )
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("fault", ["cut", "moved", "garbage"])
def test_an_answer_that_is_not_the_blob_is_a_fault_of_the_store(faulty: MinioBlobs, fault: str) -> None:
    with pytest.raises(BlobUnavailable):
        faulty.get(fault, limit_bytes=10_000)


def test_a_store_out_of_breath_is_asked_again_and_then_no_more(faulty: MinioBlobs) -> None:
    with pytest.raises(BlobUnavailable):
        faulty.get("busy", limit_bytes=10)
    assert _Faulty.seen == 3


def test_a_store_that_is_not_there_is_unavailable() -> None:
    nowhere = MinioBlobs(
        "127.0.0.1:1", access_key="a", secret_key="b" * 8, bucket="bank", secure=False, retries=Retry(0)
    )
    with pytest.raises(BlobUnavailable):
        nowhere.put("a", b"x", media_type="text/plain")
    with pytest.raises(BlobUnavailable):
        nowhere.get("a", limit_bytes=1)
    with pytest.raises(BlobUnavailable):
        nowhere.delete_prefix("a")
