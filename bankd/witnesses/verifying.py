"""The log against what its witnesses hold."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session

from bankd.audit import verify as verification
from bankd.audit.checkpoints import Extend
from bankd.audit.verify import Report
from bankd.witnesses.errors import WitnessError
from bankd.witnesses.told import Witness


@dataclass
class Verified:
    report: Report
    silent: dict[str, str] = field(default_factory=dict)  # witnesses that could not be asked, and why

    def facts(self) -> dict[str, Any]:
        """As programs are told."""
        report, problem = self.report, self.report.problem
        return {
            "holds": report.holds,
            "entries": report.entries,
            "erased": report.erased,
            "checkpoints": report.checkpoints,
            "signed": report.signed,
            "root": report.root.hex(),
            "nodes": report.nodes,
            "rotations": report.rotations,
            "history": "proven" if report.proven else "unproven",
            "proven": report.proven,
            "witnesses": report.witnesses,
            "silent": self.silent,
            "problem": None if problem is None else asdict(problem),
        }


def verify(
    session: Session,
    witnesses: Iterable[Witness],
    key: Ed25519PublicKey,
    *,
    seen: Iterable[str] = (),
    extend: Extend | None = None,
) -> Verified:
    """Work the log out again and compare it with what every witness keeps or signed.

    Raises:
        NoteInvalid: one of `seen` was not signed by a key of this log.
    """
    silent: dict[str, str] = {}

    def asked(witness: Witness) -> Iterator[str]:
        try:
            yield from witness.kept()
        except WitnessError as error:
            silent[witness.name] = str(error)

    known = list(witnesses)
    report = verification.verify(
        session,
        key,
        seen=seen,
        kept={one.name: asked(one) for one in known if one.key is None},
        cosigners={one.name: one.key for one in known if one.key is not None},
        extend=extend,
    )
    return Verified(report, silent)


def given(text: str) -> list[str]:
    """The notes of a file that somebody kept: one checkpoint, or the lines of a witness's file."""
    if not text.startswith("{"):
        return [text]
    found = []
    for line in text.splitlines():
        try:
            found.append(str(json.loads(line)["note"]))
        except (ValueError, KeyError, TypeError):
            continue  # cut off when it was written
    return found or [text]
