"""The bank's own signature over a manifest: Ed25519, detached, over the canonical text."""

from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

# The key signs nothing else under this prefix, so that no other signed text can pass for a manifest.
_PREFIX = b"bankd manifest 1\n"


def sign(text: str, key: Ed25519PrivateKey) -> bytes:
    """64 bytes over the canonical text of a manifest."""
    return key.sign(_PREFIX + text.encode())


def is_signed(text: str, signature: bytes, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(signature, _PREFIX + text.encode())
    except InvalidSignature:
        return False
    return True


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of the raw public key: says which key to look for, proves nothing."""
    return sha256(key.public_bytes_raw()).hexdigest()
