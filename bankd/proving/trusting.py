"""Whom an auditor may believe: keys and roots of this house, handed over by another way than its files."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from bankd.audit import checkpoints, notes
from bankd.runtime import Runtime
from bankd.synthesis import verification
from bankd.witnesses.setup import witnesses
from bankd.witnesses.url import UrlWitness

VERSION = 1


def trust(rt: Runtime, session: Session, *, checkpoint: bool = True) -> dict[str, Any]:
    """What `trust.json` says.

    Of the log's keys only the present one is in it: who has it follows the log on by its own entries, and a
    key that was given up should not be believed for ever. Of manifest keys all are: older manifests were
    signed by older ones, and the log says when.

    Args:
        checkpoint: whether the last checkpoint stands in it, as the first that the auditor will have seen.
    """
    keys = rt.signing_keys(session)
    last = checkpoints.latest(session) if checkpoint else None
    return {
        "version": VERSION,
        "log": {
            "origin": rt.log_origin,
            "keys": [notes.public_key_line(rt.log_origin, keys["log"][-1].key)],
        },
        "manifest_keys": [_hex(one.key) for one in keys["manifest"]],
        "witnesses": [
            {"name": one.name, "key": notes.public_key_line(one.name, one.key, notes.COSIGNATURE)}
            for one in witnesses(rt.settings)
            if isinstance(one, UrlWitness)  # a file and a bucket sign nothing
        ],
        "c2pa_roots": verification.credentials(rt).anchors_pem,
        "timestamp_roots": verification.clock(rt).roots_pem,
        "checkpoint": None if last is None else checkpoints.cosigned(session, last),
    }


def _hex(key: Ed25519PublicKey) -> str:
    return key.public_bytes_raw().hex()
