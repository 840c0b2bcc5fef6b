"""Who signs where the house's C2PA key lies in a key store: a command, or an entry point.

Either is given the bytes to be signed and answers with an ECDSA signature over
their SHA-256 by the P-256 key of the chain's first certificate, in DER or as
the two numbers of 32 bytes. The key itself never comes here.
"""

import shlex
import subprocess
from collections.abc import Callable
from importlib import metadata
from typing import Protocol, cast

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from bankd.provenance.errors import SignatureNotGiven

GROUP = "bankd.signers"
WAIT_S = 20.0
NUMBER_BYTES = 32


class MadeSigner(Protocol):
    """What an entry point of the group makes when it is called without arguments."""

    def __call__(self, data: bytes) -> bytes: ...


def signer(*, command: str | None, name: str | None) -> Callable[[bytes], bytes]:
    """Raises: SignatureNotGiven: there is no such entry point, or the command is empty."""
    if command is not None:
        return by_command(command)
    found = [*metadata.entry_points(group=GROUP, name=name or "")]
    if len(found) != 1:
        raise SignatureNotGiven(str(name), f"{len(found)} entry points of `{GROUP}` have this name")
    made = cast(Callable[[], MadeSigner], found[0].load())()
    return lambda data: plain(made(data), who=str(name))


def by_command(command: str, *, wait_s: float = WAIT_S) -> Callable[[bytes], bytes]:
    """A signer that runs a command for each signature: bytes on its input, the signature on its output.

    The command is split as a shell would and run without one.
    """
    try:
        arguments = shlex.split(command)
    except ValueError as error:
        raise SignatureNotGiven(command, f"the command cannot be read: {error}") from error
    if not arguments:
        raise SignatureNotGiven(command, "the command is empty")

    def ask(data: bytes) -> bytes:
        try:
            done = subprocess.run(arguments, input=data, capture_output=True, timeout=wait_s, check=False)
        except subprocess.TimeoutExpired as error:
            raise SignatureNotGiven(arguments[0], f"it did not answer in {wait_s:g} s") from error
        except OSError as error:
            raise SignatureNotGiven(arguments[0], f"it cannot be run: {error.strerror}") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["nothing"]
            raise SignatureNotGiven(
                arguments[0], f"it ended with {done.returncode} and said: {said[0][:200]}"
            )
        return plain(done.stdout, who=arguments[0])

    return ask


def plain(signature: bytes, *, who: str) -> bytes:
    """The two numbers of an ECDSA signature, 64 bytes, of either form.

    Raises:
        SignatureNotGiven: it is neither.
    """
    if len(signature) == 2 * NUMBER_BYTES:
        return signature
    try:
        numbers = decode_dss_signature(signature)
        return b"".join(number.to_bytes(NUMBER_BYTES, "big") for number in numbers)
    except (ValueError, OverflowError) as error:
        raise SignatureNotGiven(who, "what it gave is no signature of a P-256 key") from error
