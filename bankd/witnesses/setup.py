"""The witnesses that the settings name."""

from datetime import timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from bankd.audit import notes
from bankd.audit.errors import NoteInvalid
from bankd.config import Settings
from bankd.witnesses.bucket import BucketWitness
from bankd.witnesses.errors import WitnessInvalid
from bankd.witnesses.file import FileWitness
from bankd.witnesses.told import Witness
from bankd.witnesses.url import UrlWitness


def witnesses(settings: Settings) -> list[Witness]:
    """All of them; none where nothing is set.

    Raises:
        WitnessInvalid: one is half set, or cannot be one.
    """
    every = timedelta(seconds=settings.witness_every_s)
    found: list[Witness] = []
    if settings.witness_file:
        found.append(FileWitness(settings.witness_file, every))
    told = (settings.witness_urls or "").split(",")
    found += [_url(one.strip(), every) for one in told if one.strip()]
    if settings.witness_bucket:
        found.append(_bucket(settings))
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise WitnessInvalid("two witnesses are called the same")
    return found


def _url(told: str, every: timedelta) -> UrlWitness:
    line, _, url = told.partition(" ")
    try:
        name, key = notes.read_public_key(line, notes.COSIGNATURE)
    except NoteInvalid as error:
        raise WitnessInvalid(
            f"`witness_urls` names a witness by `name+id+key https://..`: {error}"
        ) from error
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WitnessInvalid(f"`{url}` is no address of a witness: write `https://host/path`")
    if parts.scheme == "http" and not _is_local(parts.hostname):
        raise WitnessInvalid(f"`{url}` would be told in the clear: use https")
    return UrlWitness(name, key, url.strip(), every)


def _bucket(settings: Settings) -> BucketWitness:
    endpoint = settings.witness_s3_endpoint
    access, secret = settings.witness_s3_access_key, settings.witness_s3_secret_key
    if not endpoint or not access or not secret or not settings.witness_bucket:
        raise WitnessInvalid(
            "`witness_bucket` is set: set `witness_s3_endpoint`, `witness_s3_access_key` and"
            " `witness_s3_secret_key` too"
        )
    return BucketWitness(
        endpoint,
        settings.witness_bucket,
        access,
        secret,
        mode=settings.witness_lock,
        days=settings.witness_lock_days,
        secure=settings.witness_s3_secure,
        every=timedelta(minutes=settings.witness_bucket_every_minutes),
    )


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
