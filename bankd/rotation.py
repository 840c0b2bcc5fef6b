"""A new key for log or manifests, so that whoever trusts the old one can follow.

The next key lies beside the present one before the log says anything of it; the entry is signed by both, and
the first checkpoint over a log key's entry too; only then is the present key replaced. Cut short at any
point, the same command goes on where it stopped.
"""

from dataclasses import dataclass

from bankd import keys
from bankd.audit import checkpoints, log, rotations, signing_keys
from bankd.audit.checkpoints import Extend, Signer
from bankd.audit.errors import KeyNotHeld
from bankd.audit.rotations import Signs
from bankd.runtime import Runtime


@dataclass(frozen=True)
class Rotated:
    signs: Signs
    before: str
    after: str
    index: int


def rotate(runtime: Runtime, signs: Signs, *, extend: Extend | None = None) -> Rotated:
    """Make a key, have the log name it, and use it from then on. The old private key is gone then.

    Raises:
        KeyNotHeld: the log names another key than the one held here.
    """
    folder = runtime.settings.keys
    with keys.rotating(folder):
        before = keys.read(folder, signs)
        keys.keep_origin(folder, runtime.log_origin)
        after = keys.create_next(folder, signs)
        objects = rotations.objects(signs, runtime.log_origin, before=before, after=after)
        with runtime.transaction() as session:
            log.locked(session)  # no checkpoint is signed for what two rotations at once would make of it
            done = signing_keys.rotated(session, signs)
            now = (
                done[-1].rotation.after.public_bytes_raw() if done else before.public_key().public_bytes_raw()
            )
            if now == after.public_key().public_bytes_raw():
                index = done[-1].index  # by this command, before it was cut short
            elif now == before.public_key().public_bytes_raw():
                entry = log.append(
                    session, signing_keys.ROTATED[signs], by=runtime.actor, at=runtime.now(), **objects
                )
                log.settle(session)
                index = entry.index
            else:
                raise KeyNotHeld(now.hex()[:16])
        if signs == "log":
            with runtime.transaction() as session:
                if checkpoints.first_over(session, index) is None:
                    signer = Signer(runtime.log_origin, runtime.log_keys, extend=extend)
                    signer.sign(session, at=runtime.now())
        keys.promote(folder, signs)
    return Rotated(signs, objects["before"], objects["after"], index)
