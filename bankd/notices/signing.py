"""What a webhook's signature is of, and how long to wait between tries. Pure."""

import hashlib
import hmac
from datetime import timedelta

MOST_TRIES = 12  # over a day and a half, with the waits below
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256, in hexadecimal, of the timestamp in Unix seconds, a full stop and the body.

    Whoever gets a notice computes it anew, compares in constant time and
    refuses what is older than a few minutes: so nobody can send it again later.
    """
    return hmac.new(secret, b"%d." % timestamp + body, hashlib.sha256).hexdigest()


def wait_after(tries: int) -> timedelta:
    """How long to wait after so many tries: a minute, two, four, up to six hours."""
    doubled: int = 2 ** min(tries - 1, 20)
    return min(LONGEST_WAIT, FIRST_WAIT * doubled)
