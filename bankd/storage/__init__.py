"""Where bytes are kept: the `Blobs` promise and the S3 servers that keep it."""

from bankd.storage.blobs import Blobs, BlobStat, key
from bankd.storage.errors import (
    BlobDamaged,
    BlobKeyInvalid,
    BlobMissing,
    BlobTooLarge,
    BlobUnavailable,
    StorageError,
)
from bankd.storage.minio import MinioBlobs

__all__ = [
    "BlobDamaged",
    "BlobKeyInvalid",
    "BlobMissing",
    "BlobStat",
    "BlobTooLarge",
    "BlobUnavailable",
    "Blobs",
    "MinioBlobs",
    "StorageError",
    "key",
]
