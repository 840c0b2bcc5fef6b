"""An S3 bucket with object lock: what was put there stays until its days are over, whoever holds the keys."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from functools import cached_property

import urllib3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from minio import Minio
from minio.error import MinioException, S3Error
from minio.retention import Retention
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout

from bankd.audit import notes
from bankd.audit.errors import LogInconsistent, NoteInvalid
from bankd.witnesses.errors import WitnessContradicts, WitnessError, WitnessInvalid, WitnessSilent
from bankd.witnesses.told import Told

NOTE_MOST_BYTES = 1 << 16


@dataclass(frozen=True)
class BucketWitness:
    """One object for each checkpoint, `log/<origin>/<size>-<root>.note`: names sort as sizes do."""

    endpoint: str
    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    mode: str = "COMPLIANCE"
    days: int = 365
    secure: bool = True
    every: timedelta = timedelta(hours=1)
    kind: str = "bucket"
    key: Ed25519PublicKey | None = None

    @property
    def name(self) -> str:
        return f"s3:{self.bucket}"

    @property
    def where(self) -> str:
        return f"{self.endpoint}/{self.bucket}, {self.mode.lower()} for {self.days} days"

    def tell(self, told: Told) -> str:
        prefix = f"log/{hashlib.sha256(told.origin.encode()).hexdigest()[:16]}/"
        name = f"{prefix}{told.size:020d}-{told.root.hex()}.note"
        with self._errors():
            self._check_lock()
            # The last that is known and what came after it: another past, or more than the log has.
            for held, version in self._versions(prefix, after=f"{prefix}{told.known:020d}"):
                self._check(held, version, told)
                if held == name:
                    return ""
            until = (told.now + timedelta(days=self.days)).astimezone(UTC)
            content = told.note.encode()
            put = self._client.put_object(
                self.bucket, name, io.BytesIO(content), len(content), "text/plain; charset=utf-8",
                retention=Retention(self.mode, until),
            )  # fmt: skip
            kept = self._client.get_object_retention(self.bucket, name, put.version_id)
        if kept is None or kept.mode != self.mode or kept.retain_until_date < until - timedelta(seconds=1):
            raise WitnessInvalid(f"bucket `{self.bucket}` took the checkpoint and does not lock it")
        return ""

    def kept(self) -> Iterator[str]:
        with self._errors():
            for name, version in self._versions("log/", after=None):
                yield self._read(name, version)

    def _check_lock(self) -> None:
        try:
            self._client.get_object_lock_config(self.bucket)
        except S3Error as error:
            if error.code in {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"}:
                raise WitnessInvalid(
                    f"bucket `{self.bucket}` has no object lock: make one that has, as a witness must keep"
                    " what it was told"
                ) from error
            raise

    def _check(self, name: str, version: str | None, told: Told) -> None:
        note = self._read(name, version)
        try:
            size = notes.head(notes.split(note).text).size
            if size > told.size:
                why = f"it holds a checkpoint of {size} entries, and the last of the log is of {told.size}"
                raise WitnessContradicts(self.name, why)
            told.check(note)
        except NoteInvalid as error:
            raise WitnessInvalid(
                f"`{name}` in bucket `{self.bucket}` is none of this log: {error}"
            ) from error
        except LogInconsistent as error:
            raise WitnessContradicts(self.name, str(error)) from error

    def _versions(self, prefix: str, *, after: str | None) -> Iterator[tuple[str, str | None]]:
        """Every version of every object: one that was deleted or written over is still there, and counts."""
        for item in self._client.list_objects(
            self.bucket, prefix=prefix, recursive=True, start_after=after, include_version=True
        ):
            if item.object_name and item.object_name.endswith(".note") and not item.is_delete_marker:
                yield item.object_name, item.version_id

    def _read(self, name: str, version: str | None) -> str:
        response = self._client.get_object(self.bucket, name, version_id=version)
        try:
            content = response.read(NOTE_MOST_BYTES)
        finally:
            response.close()
            response.release_conn()
        return content.decode(errors="replace")

    @cached_property
    def _client(self) -> Minio:
        retries = Retry(total=2, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504])
        pool = urllib3.PoolManager(timeout=Timeout(connect=5.0, read=20.0), retries=retries)
        return Minio(
            self.endpoint, access_key=self.access_key, secret_key=self.secret_key, secure=self.secure,
            region="us-east-1", http_client=pool,
        )  # fmt: skip

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except WitnessError:
            raise
        except S3Error as error:
            if error.code == "NoSuchBucket":
                raise WitnessInvalid(
                    f"there is no bucket `{self.bucket}`: make it with object lock"
                ) from error
            raise WitnessSilent(self.name, f"it answered `{error.code}`") from error
        except (MinioException, HTTPError, ValueError) as error:
            raise WitnessSilent(self.name, f"no answer ({type(error).__name__})") from error
