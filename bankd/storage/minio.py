"""Any S3 server, through the `minio` client."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout

from bankd.storage.blobs import BlobStat, checked, named_by
from bankd.storage.errors import BlobDamaged, BlobMissing, BlobTooLarge, BlobUnavailable

CONNECT_S = 5.0
READ_S = 60.0
RETRIES = Retry(
    total=4,
    backoff_factor=0.2,
    status_forcelist=[500, 502, 503, 504],
    allowed_methods=None,  # every method: all that we send can be sent twice
    raise_on_status=False,
)
PUT_MAX = 5 * 2**30  # what one PUT of S3 takes
CHUNK = 1 << 20
ABSENT = {"NoSuchKey", "NoSuchVersion", "NoSuchObject"}


class _WriteOnce(urllib3.PoolManager):
    """Adds `If-None-Match: *` to each write, which the client offers no way to ask for.

    Every PUT of this pool writes one whole object, and none may replace another.
    """

    def urlopen(self, method: str, url: str, **kw: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]
        if method == "PUT":
            kw["headers"]["If-None-Match"] = "*"
        # A redirect would send signed requests to another host.
        return super().urlopen(method, url, **kw | {"redirect": False})


class MinioBlobs:
    """Keeps the promise of `Blobs` in one bucket of an S3 server. Safe to share between threads."""

    def __init__(
        self,
        endpoint: str,
        *,
        access_key: str,
        secret_key: str,
        bucket: str,
        secure: bool = True,
        region: str = "us-east-1",
        retries: Retry = RETRIES,
    ) -> None:
        self._bucket = bucket
        self._client = Minio(
            endpoint,
            access_key=access_key,
            secret_key=secret_key,
            secure=secure,
            region=region,  # given, or the client asks the server before each link
            http_client=_WriteOnce(
                timeout=Timeout(connect=CONNECT_S, read=READ_S), retries=retries, maxsize=10, block=False
            ),
        )

    def put(self, key: str, content: bytes, *, media_type: str) -> bool:
        if not named_by(checked(key), content):
            raise ValueError(f"`{key}` names other bytes than these")
        try:
            with _our_errors(key):
                self._client.put_object(
                    self._bucket, key, io.BytesIO(content), len(content), media_type, part_size=PUT_MAX
                )
        except _AlreadyThere:
            return False
        return True

    def get(self, key: str, *, limit_bytes: int) -> bytes:
        with _our_errors(checked(key)):
            response = self._client.get_object(self._bucket, key)
            try:
                content = bytearray()
                for chunk in response.stream(CHUNK):
                    content += chunk
                    if len(content) > limit_bytes:
                        raise BlobTooLarge(key, limit_bytes=limit_bytes)
            except BaseException:
                response.close()  # the rest of the body is not wanted, nor the connection that carries it
                raise
            finally:
                response.release_conn()
        found = bytes(content)
        if not named_by(key, found):
            raise BlobDamaged(key)
        return found

    def stat(self, key: str) -> BlobStat:
        with _our_errors(checked(key)):
            found = self._client.stat_object(self._bucket, key)
        return BlobStat(found.size or 0, found.content_type or "application/octet-stream")

    def exists(self, key: str) -> bool:
        try:
            self.stat(key)
        except BlobMissing:
            return False
        return True

    def delete(self, key: str) -> None:
        with _our_errors(checked(key)):
            self._client.remove_object(self._bucket, key)

    def delete_prefix(self, prefix: str) -> int:
        with _our_errors(checked(prefix)):
            found = [
                DeleteObject(item.object_name, item.version_id)
                for item in self._client.list_objects(
                    self._bucket, prefix=f"{prefix}/", recursive=True, include_version=True
                )
                if item.object_name
            ]
            for refused in self._client.remove_objects(self._bucket, iter(found)):
                raise BlobUnavailable(f"`{refused.name}` could not be deleted ({refused.code})")
        return len(found)

    def presigned_get(self, key: str, *, expires: timedelta) -> str:
        with _our_errors(checked(key)):
            return self._client.presigned_get_object(self._bucket, key, expires=expires)

    def presigned_put(self, key: str, *, expires: timedelta) -> str:
        with _our_errors(checked(key)):
            return self._client.presigned_put_object(self._bucket, key, expires=expires)


class _AlreadyThere(Exception):
    """The write-once condition failed."""


@contextmanager
def _our_errors(key: str) -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        if error.code in ABSENT:
            raise BlobMissing(key) from error
        if error.code == "PreconditionFailed":
            raise _AlreadyThere from error
        raise BlobUnavailable(f"it answered `{error.code}`") from error
    except (InvalidResponseError, ServerError) as error:
        raise BlobUnavailable("its answer is not S3's") from error
    except MinioException as error:
        raise BlobUnavailable(str(error)) from error
    except HTTPError as error:
        raise BlobUnavailable(f"no answer ({type(error).__name__})") from error
