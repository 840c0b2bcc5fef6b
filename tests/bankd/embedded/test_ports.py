"""Attacks on whatever our processes listen on, found in the kernel's tables and not in our settings."""

import contextlib
import io
import re
import secrets
import socket
import ssl
import stat
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
import urllib3
from minio import Minio
from minio.error import S3Error

from bankd import embedded
from bankd.embedded import State, processes
from bankd.embedded.folder import credentials

LISTENING = "0A"
SECRET = secrets.token_hex(32).encode()
KEY = "secret/photo"
SETTINGS_FRAME = 4
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, SETTINGS_FRAME, 0, 0, 0, 0, 0])


@pytest.fixture(scope="module")
def store(machine):
    found = machine.addresses
    client = Minio(found.s3_endpoint, found.s3_access_key, found.s3_secret_key, secure=found.s3_secure)
    client.put_object(found.s3_bucket, KEY, io.BytesIO(SECRET), len(SECRET))
    return client


def pids(folder):
    for record in processes.records(folder):
        yield record.pid
        yield from (child.pid for child in psutil.Process(record.pid).children(recursive=True))


def inodes(folder):
    """The sockets that our processes hold."""
    found = set()
    for pid in pids(folder):
        # Processes such as autovacuum's end by themselves, and files are closed, while we look.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    target = str(entry.readlink())
                    if target.startswith("socket:["):
                        found.add(target[8:-1])
    return found


def listening(folder):
    """(address, port) of every TCP socket that our processes listen on."""
    ours, found = inodes(folder), []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in ours:
                address, port = fields[1].split(":")
                found.append((address, int(port, 16)))
    return found


def file_id(folder):
    """The volume server's own name of the secret, as a thief who knows it would ask for it."""
    for volume in (folder / "seaweed" / "store").glob("*.dat"):
        data = volume.read_bytes()
        if (at := data.find(SECRET)) >= 0:
            header = at - 4 - 16  # cookie, key, size; then the length of the data
            cookie, key = data[header : header + 4], data[header + 4 : header + 12]
            number = volume.stem.rpartition("_")[2]
            return f"{number},{int.from_bytes(key):x}{cookie.hex()}"
    raise AssertionError("the secret is in no volume")


def attacks(folder):
    fid = file_id(folder)
    bucket_path = f"/buckets/bankd/{KEY}"
    reads = [
        "/", "/status", "/healthz", "/metrics", "/ui/index.html", "/debug/pprof/", "/stats/counter",
        "/stats/memory", "/dir/assign", f"/dir/lookup?volumeId={fid.split(',')[0]}", "/dir/status",
        "/vol/status", "/vol/grow?count=1",
        "/vol/vacuum", "/col/delete?collection=bankd", "/cluster/status", "/cluster/healthz", "/submit",
        f"/{fid}", f"/{fid.replace(',', '/')}", "/buckets/", "/buckets/bankd/?pretty=y", bucket_path,
        f"{bucket_path}?metadata=true", "/etc/", "/etc/iam/identity.json", "/.tus/", "/bankd",
        "/bankd?list-type=2",
        f"/bankd/{KEY}", "/?Action=ListUsers", "/v1/config", "/iceberg/v1/config",
    ]  # fmt: skip
    yield from (("GET", path, None) for path in reads)
    yield from (("HEAD", path, None) for path in (bucket_path, f"/bankd/{KEY}", f"/{fid}"))
    yield from (("DELETE", path, None) for path in (f"/{fid}", bucket_path, f"/bankd/{KEY}", "/bankd"))
    yield from (("PUT", path, b"forged") for path in (bucket_path, f"/bankd/{KEY}", f"/{fid}", "/other"))
    yield from (("POST", path, b"forged") for path in ("/submit", f"/{fid}", bucket_path, "/.tus/x"))
    for action in ("ListUsers", "CreateUser&UserName=x", "CreateAccessKey&UserName=x", "GetCallerIdentity"):
        yield ("POST", "/", f"Action={action}&Version=2010-05-08".encode())


def test_everything_listens_on_loopback_or_in_folders_of_ours(machine):
    tcp = listening(machine.folder)
    ours = inodes(machine.folder)
    unix = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    paths = [Path(fields[7]) for fields in unix if fields[6] in ours and len(fields) > 7]

    assert {address for address, _ in tcp} == {"0100007F"}
    assert len(tcp) == 8
    assert {path.name for path in paths} >= {".s.PGSQL.5432", "valkey.sock", "s3.sock", "filer.sock"}
    for path in paths:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_request_without_credentials_lists_reads_writes_or_deletes(machine, store, scheme):
    ports = [port for _, port in listening(machine.folder)]
    s3 = int(machine.addresses.s3_endpoint.rpartition(":")[2])
    pool = urllib3.PoolManager(retries=False, timeout=60, ssl_context=tls(protocol="http/1.1"))
    leaks, accepted, asked = [], [], 0
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    for port in ports:
        for method, path, body in attacks(machine.folder):
            asked += 1
            try:
                answer = pool.request(
                    method,
                    f"{scheme}://127.0.0.1:{port}{path}",
                    body=body,
                    redirect=False,
                    assert_same_host=False,
                )
            except (urllib3.exceptions.ProtocolError, urllib3.exceptions.SSLError):
                continue  # closed before any answer
            # An error may say again what was asked for; what was not named is a leak.
            if SECRET in answer.data or (KEY not in path and KEY.encode() in answer.data):
                leaks.append((port, method, path))
            if answer.status < 400:
                accepted.append((port, method, path, answer.data))

    assert (len(ports), asked) == (8, 8 * 52)
    assert not leaks
    assert {entry for entry in accepted if entry[0] != s3} == set()
    # The S3 port says that it lives, and nothing else.
    assert {entry[1:] for entry in accepted} <= {("GET", "/status", b""), ("GET", "/healthz", b"")}
    kept = store.get_object(machine.addresses.s3_bucket, KEY)
    assert kept.data == SECRET
    assert [found.object_name for found in store.list_objects("bankd", "secret/", recursive=True)] == [KEY]
    assert [bucket.name for bucket in store.list_buckets()] == ["bankd"]


def http2(port, *, context):
    """The frame type with which a port greets an HTTP/2 client (gRPC), None if it does not."""
    with contextlib.ExitStack() as opened:
        channel = opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        try:
            if context:
                channel = opened.enter_context(context.wrap_socket(channel))
            channel.sendall(HTTP2)
            greeting = b""
            while len(greeting) < 9 and (more := channel.recv(9 - len(greeting))):
                greeting += more
        except (ssl.SSLError, ConnectionError):
            return None
    return greeting[3] if len(greeting) == 9 else None


def tls(certificate=None, *, protocol="h2"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    if certificate:
        context.load_cert_chain(certificate.with_suffix(".pem"), certificate.with_suffix(".key"))
    return context


def test_grpc_answers_only_to_the_stores_own_certificate(machine, tmp_path):
    from bankd.embedded.certificates import mutual

    home = machine.folder / "seaweed"
    for name, text in mutual().items():
        (tmp_path / name).write_text(text)
    known = credentials(machine.folder)["seaweed"]
    grpc = {int(known[f"port.{part}.grpc"]) for part in ("master", "volume", "filer", "s3")}

    for _, port in listening(machine.folder):
        assert http2(port, context=None) != SETTINGS_FRAME, port
        assert http2(port, context=tls()) is None, port
        assert http2(port, context=tls(tmp_path / "store")) is None, port  # another authority's
        if port in grpc:
            assert http2(port, context=tls(home / "store")) == SETTINGS_FRAME, port


def test_presigned_links_work_and_altered_ones_do_not(machine, store):
    bucket = machine.addresses.s3_bucket
    pool = urllib3.PoolManager(retries=False, timeout=60)
    read = store.presigned_get_object(bucket, KEY, expires=timedelta(minutes=5))
    write = store.presigned_put_object(bucket, "secret/result", expires=timedelta(minutes=5))
    signature = re.search("X-Amz-Signature=([0-9a-f]+)", read)[1]
    other = ("0" if signature[0] != "0" else "1") + signature[1:]

    assert pool.request("GET", read).data == SECRET
    assert pool.request("PUT", write, body=b"result").status == 200
    for altered in (
        read.replace(signature, other),
        read.replace("photo", "result"),
        read.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"),
        read.partition("?")[0],
    ):
        assert pool.request("GET", altered).status == 403, altered
    assert pool.request("PUT", read, body=b"forged").status == 403
    assert pool.request("DELETE", write).status == 403
    assert pool.request("GET", write).status == 403
    store.remove_object(bucket, "secret/result")


def test_object_is_not_replaced_where_none_may_match(machine, store):
    pool = urllib3.PoolManager(retries=False, timeout=60)
    link = store.presigned_put_object(machine.addresses.s3_bucket, "once", expires=timedelta(minutes=5))

    statuses = [
        pool.request("PUT", link, body=body, headers={"If-None-Match": "*"}).status
        for body in (b"first", b"second")
    ]

    assert statuses == [200, 412]
    assert store.get_object(machine.addresses.s3_bucket, "once").data == b"first"
    store.remove_object(machine.addresses.s3_bucket, "once")


def test_wrong_secret_key_is_refused(machine):
    thief = Minio(machine.addresses.s3_endpoint, machine.addresses.s3_access_key, "wrong", secure=False)

    with pytest.raises(S3Error, match="SignatureDoesNotMatch"):
        thief.list_buckets()
    assert {part.state for part in embedded.status(machine.folder)} == {State.RUNNING}
