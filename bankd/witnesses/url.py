"""A witness that is asked over HTTP and signs what it saw: C2SP `tlog-witness`, `cosignature/v1`."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import urllib3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bankd.audit import cosignatures, notes
from bankd.audit.errors import LogInconsistent, NoteInvalid
from bankd.witnesses.errors import WitnessContradicts, WitnessSilent
from bankd.witnesses.told import Told

TIMEOUT_S = 10.0
ANSWER_MOST_BYTES = 1 << 16
SIZE_TYPE = "text/x.tlog.size"
REFUSED = {404: "it does not know this log", 403: "it does not know the key that signed"}


@dataclass(frozen=True)
class UrlWitness:
    """`url` is the submission prefix."""

    name: str
    key: Ed25519PublicKey
    url: str
    every: timedelta = timedelta(minutes=1)
    kind: str = "url"

    @property
    def where(self) -> str:
        return self.url

    def tell(self, told: Told) -> str:
        old = told.known
        for _ in range(2):
            status, media_type, answer = self._post(old, told)
            if status == 200:
                return self._signed(told, answer)
            held = _size(answer) if media_type == SIZE_TYPE else None
            if status != 409 or held is None or held == old:
                break
            if held > told.size:
                why = f"it holds {held} entries, and the last checkpoint is of {told.size}"
                raise WitnessContradicts(self.name, why)
            old = held
        if status == 409:
            raise WitnessContradicts(self.name, f"it saw another head of {old} entries")
        if status == 422:
            raise WitnessContradicts(
                self.name, f"the checkpoint does not extend the {old} entries that it saw"
            )
        raise WitnessSilent(self.name, REFUSED.get(status, f"it answered with status {status}"))

    def kept(self) -> Iterator[str]:
        """What it signed is kept with the checkpoints: it cannot be asked for more."""
        return iter(())

    def _post(self, old: int, told: Told) -> tuple[int, str, str]:
        try:
            proof = told.prove(old) if 0 < old < told.size else []
        except LogInconsistent as error:
            raise WitnessContradicts(self.name, str(error)) from error
        lines = [f"old {old}", *(base64.b64encode(node).decode() for node in proof), ""]
        body = "".join(f"{line}\n" for line in lines) + told.note
        pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=TIMEOUT_S))
        try:
            answer = pool.request(
                "POST", f"{self.url.rstrip('/')}/add-checkpoint", body=body.encode(),
                headers={"Content-Type": "text/plain; charset=utf-8"}, redirect=False, preload_content=False,
            )  # fmt: skip
            content = answer.read(ANSWER_MOST_BYTES + 1)
            answer.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise WitnessSilent(self.name, f"no answer ({type(error).__name__})") from error
        finally:
            pool.clear()
        if len(content) > ANSWER_MOST_BYTES:
            raise WitnessSilent(self.name, "its answer is too long")
        return (
            answer.status,
            answer.headers.get("Content-Type", "").partition(";")[0].strip(),
            content.decode(errors="replace"),
        )

    def _signed(self, told: Told, answer: str) -> str:
        """Its own lines of the answer; those of others are nothing to us."""
        mine = notes.key_id(self.name, self.key, notes.COSIGNATURE)
        try:
            lines = [
                f"{line}\n"
                for line in answer.removesuffix("\n").split("\n")
                if (found := notes.signature(line))[0] == self.name and found[1][:4] == mine
            ]
            whole = notes.split(told.note + "".join(lines))
            if not lines or cosignatures.moment(whole, self.name, self.key) is None:
                raise NoteInvalid("it is not there")
        except NoteInvalid as error:
            raise WitnessSilent(self.name, f"its signature does not hold: {error.why}") from error
        return "".join(lines)


def _size(answer: str) -> int | None:
    line = answer.removesuffix("\n")
    return int(line) if notes.SIZE.fullmatch(line) else None
