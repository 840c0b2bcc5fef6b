"""Answers of compiled filters, kept for as long as they hold.

Asking costs a look at every rights profile, which in a bank where each photo has its own license are as many
as photos. So an answer is kept by what was asked, under which bundle, up to the
next moment at which it could change; then only profiles that such a moment belongs to are asked
again. A profile that is new is asked about alone. What is withdrawn, disputed or
used up is in no answer: it blocks the rows themselves.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine

from bankd.policy.filters import ORDINAL_BITS, Asked, Filter

Profiles = npt.NDArray[np.int64]
Masks = npt.NDArray[np.uint64]

KEPT = 8  # uses; each has 16 bytes a profile
LAID = 32  # sets of profiles of which each answer knows its masks by heart
FEW = 1000  # profiles asked about by number; for more, all are read in one go
ALWAYS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Answer:
    """What clears from `now` to `until`, of the profiles that were asked about: sorted, each once."""

    now: datetime
    until: datetime = ALWAYS
    profiles: Profiles = field(default_factory=lambda: np.empty(0, np.int64))
    masks: Masks = field(default_factory=lambda: np.empty(0, np.uint64))
    laid: Mapping[int, tuple[Profiles, Masks]] = field(default_factory=dict)

    def holds(self, at: datetime) -> bool:
        return self.now <= at < self.until


class Answers:
    """The answers that one process keeps of one database. Threads may ask at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: dict[Hashable, Answer] = {}

    def masks(self, asked: Filter, profiles: Profiles) -> Masks:
        """For each of `profiles` the grants that clear, as bits by ordinal; 0 where none does.

        Args:
            profiles: sorted, each once, all of them committed. Whoever asks again of
                the same array gets the same array back while the answer holds.
        """
        held = self._kept.get(asked.about)
        if held is None or asked.now < held.now:
            answer = Answer(asked.now)
        else:
            answer = held if held.holds(asked.now) else self._carried_on(held, asked)
        found = answer.laid.get(id(profiles))
        if found is None or found[0] is not profiles:
            answer, mine = self._with(answer, asked, profiles)
        else:
            mine = found[1]
        if answer is not held and (held is None or held.now <= answer.now):
            self._keep(asked.about, answer)
        return mine

    def _keep(self, about: Hashable, answer: Answer) -> None:
        others = {key: kept for key, kept in self._kept.items() if key != about}
        latest = [*others.items()][-KEPT + 1 :]
        self._kept = {**dict(latest), about: answer}

    def _with(self, answer: Answer, asked: Filter, profiles: Profiles) -> tuple[Answer, Masks]:
        """The answer with these profiles in it, and their masks."""
        unknown = np.setdiff1d(profiles, answer.profiles, assume_unique=True)
        if len(unknown):
            masks, until = self._ask(asked, unknown)
            known = np.concatenate([answer.profiles, unknown])
            order = np.argsort(known, kind="stable")
            answer = replace(
                answer,
                now=asked.now,  # from here on the new ones are known
                until=min(answer.until, until),
                profiles=known[order],
                masks=np.concatenate([answer.masks, masks])[order],
            )
        mine = answer.masks[np.searchsorted(answer.profiles, profiles)]
        mine.setflags(write=False)
        # Not edited in place: another thread may hold the answer without these profiles and its `until`.
        laid = dict([*answer.laid.items()][-LAID + 1 :])
        return replace(answer, laid={**laid, id(profiles): (profiles, mine)}), mine

    def _carried_on(self, answer: Answer, asked: Filter) -> Answer:
        """The answer at a later moment: what a moment was passed of is asked again."""
        if any(answer.now <= at <= asked.now for at in asked.own):
            return Answer(asked.now)
        passed, until = self._look(asked, asked.moved(answer.now))
        moved = np.intersect1d(np.unique(passed), answer.profiles, assume_unique=True)
        if not len(moved):
            return replace(answer, now=asked.now, until=until)
        masks = answer.masks.copy()
        masks[np.searchsorted(answer.profiles, moved)], until = self._ask(asked, moved)
        return replace(answer, now=asked.now, until=until, masks=masks, laid={})

    def _ask(self, asked: Filter, profiles: Profiles) -> tuple[Masks, datetime]:
        few = profiles.tolist() if len(profiles) <= FEW else None
        grants, until = self._look(asked, asked.packed(few))
        owners = grants >> ORDINAL_BITS
        places = np.minimum(np.searchsorted(profiles, owners), len(profiles) - 1)
        ours = profiles[places] == owners
        bits = np.uint64(1) << (grants & ((1 << ORDINAL_BITS) - 1)).astype(np.uint64)
        masks = np.zeros(len(profiles), np.uint64)
        np.bitwise_or.at(masks, places[ours], bits[ours])
        return masks, until

    def _look(self, asked: Filter, look: Asked) -> tuple[Profiles, datetime]:
        with self._engine.connect() as connection:
            found: Any = connection.execute(*look).one()
        return _numbers(found[0]), asked.until(found[1]) or ALWAYS


def _numbers(packed: bytes | None) -> Profiles:
    return np.frombuffer(packed or b"", ">i8").astype(np.int64)
