"""Settings: where this installation keeps its things and whom it speaks for.

Read from `<home>/settings.toml`, then from the environment (`BANKD_` and the
name in capitals), which wins. What is not set is embedded: a Postgres, a
broker and an object store of our own in the home folder.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bankd.errors import BankError


class SettingsInvalid(BankError):
    """A setting cannot be read; the message names it."""


class Settings(BaseModel):
    """Plain values. Secrets among them are never printed: as text it shows the home alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path
    house: str = "The house"  # the legal entity that reports are filed for

    # Each is embedded where it is not set.
    database_url: str | None = None  # as bankd_app
    database_owner_url: str | None = None  # as bankd_owner, for migrations
    broker_url: str | None = None  # queues ingest and bank
    render_broker_url: str | None = None  # the bank's side of queues render and rendered
    render_worker_broker_url: str | None = None  # what a render worker on this machine is given
    s3_endpoint: str | None = None  # host:port
    s3_secure: bool = True
    s3_access_key: str | None = None
    s3_secret_key: str | None = None
    s3_bucket: str = "bankd"

    # The house's own signing certificate; a development one where not set.
    c2pa_certificates: Path | None = None  # PEM chain, leaf first
    c2pa_key: Path | None = None  # PEM, ES256; or, where the key lies elsewhere, one of:
    c2pa_sign_command: str | None = None  # reads what to sign, writes the signature; run without a shell
    c2pa_signer: str | None = None  # an entry point of `bankd.signers`
    c2pa_anchors: Path | None = None  # PEM, the roots that signers are held to; else the chain's last
    time_stamp_url: str | None = None  # RFC 3161; several with commas between them are asked in turn
    time_stamp_policy: Literal["refuse", "seal-without"] = "seal-without"  # where none of them answers
    time_stamp_roots: Path | None = None  # PEM, what the authorities' own chains end in

    # Photos that arrive with content credentials of their own.
    photo_anchors: Path | None = None  # PEM, the roots that their signers are held to
    embed_photo_credentials: bool = False  # whether composites carry their chains, redacted
    sign_photos: bool = False  # whether those that arrive without any are signed, and composites carry that

    # What handouts are marked with, invisibly: copies made for a handout, masters too, or nothing.
    watermark: Literal["copies", "all", "none"] = "copies"
    trustmark_weights: Path | None = None  # a folder; the bank's own mark needs none

    ranking_threads: int | None = Field(default=None, ge=1)  # of each process of `bank`; a core each

    # Who is told of ends and withdrawals; nobody where neither is set.
    smtp_url: str | None = None  # smtp+starttls://user:password@host:587
    notice_sender: str | None = None
    notice_recipients: str | None = None  # addresses, with commas between them
    webhook_url: str | None = None
    webhook_secret: str | None = None
    webhook_secret_file: Path | None = None  # instead, and for its owner alone (0600)

    # Who keeps checkpoints of the log outside of the bank; nobody where none is set.
    witness_file: Path | None = None  # on another machine's mount, or written once
    witness_urls: str | None = None  # `name+id+key https://host/path`, with commas between them
    witness_every_s: int = Field(default=60, ge=1)  # the least time between two checkpoints for file and URL
    witness_bucket: str | None = None  # with object lock
    witness_bucket_every_minutes: int = Field(default=60, ge=1)
    witness_lock: Literal["COMPLIANCE", "GOVERNANCE"] = "COMPLIANCE"
    witness_lock_days: int = Field(default=365, ge=1, le=36_500)
    witness_s3_endpoint: str | None = None
    witness_s3_secure: bool = True
    witness_s3_access_key: str | None = None
    witness_s3_secret_key: str | None = None

    # What flags faces in photos: a name of `bankd.ingestion.faces`, or of an entry point of its group.
    face_detector: str = "mtcnn"

    api_host: str = "127.0.0.1"
    api_port: int = 8420

    @model_validator(mode="after")
    def _whole_certificate(self) -> Self:
        keys = [self.c2pa_key, self.c2pa_sign_command, self.c2pa_signer]
        given = sum(one is not None for one in keys)
        if given > 1:
            raise ValueError(
                "`c2pa_key`, `c2pa_sign_command` and `c2pa_signer` exclude each other: set one of them"
            )
        if (self.c2pa_certificates is None) != (given == 0):
            raise ValueError(
                "`c2pa_certificates` and `c2pa_key` go together: set both or none"
                " (`c2pa_sign_command` or `c2pa_signer` can stand for the key)"
            )
        if self.time_stamp_policy == "refuse" and not self.time_stamp_authorities:
            raise ValueError(
                "`time_stamp_policy` is `refuse`: set `time_stamp_url`, or nothing can be sealed"
            )
        return self

    @property
    def time_stamp_authorities(self) -> tuple[str, ...]:
        return tuple(one.strip() for one in (self.time_stamp_url or "").split(",") if one.strip())

    def __repr__(self) -> str:
        return f"Settings(home={self.home})"

    __str__ = __repr__

    @property
    def threads(self) -> int:
        """How many threads rank the regions of one layout."""
        if self.ranking_threads is not None:
            return self.ranking_threads
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @property
    def keys(self) -> Path:
        return self.home / "keys"


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings of this process.

    Raises:
        SettingsInvalid: an unknown name, or a value of the wrong kind.
    """
    home = Path(environment.get("BANKD_HOME", "~/.bankd")).expanduser().resolve()
    values: dict[str, object] = {}
    path = home / "settings.toml"
    if path.exists():
        try:
            values = tomllib.loads(path.read_text())
        except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(f"settings file `{path}` cannot be read: {error}") from error
    for name in Settings.model_fields:
        if (value := environment.get(f"BANKD_{name.upper()}")) is not None:
            values[name] = value
    values["home"] = home
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        where = f"setting `{'.'.join(map(str, first['loc']))}`: " if first["loc"] else ""
        raise SettingsInvalid(where + said) from error
