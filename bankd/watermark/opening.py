"""The watermarks of an installation, by its settings and with its key."""

import contextlib
import os
import secrets
import sys
from functools import cache
from pathlib import Path

from bankd.config import Settings
from bankd.watermark.errors import WatermarkUnusable
from bankd.watermark.outside import Outside
from bankd.watermark.spread import Spread
from bankd.watermark.watermarks import Watermark, Watermarks

KEY = "watermark.key"
KEY_BYTES = 32


def opened(settings: Settings) -> Watermarks:
    """TrustMark first where the settings name its weights, then the bank's own, which needs none.

    Both are read, whichever puts: what was marked before stays readable.

    Raises:
        WatermarkUnusable: the key is missing and cannot be made, or is no key.
    """
    return _opened(settings.keys, settings.trustmark_weights)


@cache
def _opened(keys: Path, weights: Path | None) -> Watermarks:
    ways: list[Watermark] = [Spread(secret(keys))]
    if weights is not None:
        command = (sys.executable, "-m", "synth.trustmark", str(weights))
        ways.insert(0, Outside("trustmark", command))
    return Watermarks(ways)


def secret(folder: Path) -> bytes:
    """The key that marks are hidden by; made where there is none, and never another in its place."""
    path = folder / KEY
    try:
        if not path.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = folder / f".{KEY}.{secrets.token_hex(8)}"
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
            fresh.unlink()
        key = path.read_bytes()
    except OSError as error:
        raise WatermarkUnusable(
            "spread-1", f"its key file `{path}` cannot be used: {error.strerror}"
        ) from error
    if len(key) != KEY_BYTES or path.stat().st_mode & 0o077:
        raise WatermarkUnusable(
            "spread-1", f"its key file `{path}` is not {KEY_BYTES} bytes that only their owner can read"
        )
    return key
