"""The filter knows what waits for people just as the engine does: neither cleared nor refused."""

import random
import re
from collections import Counter
from typing import Any
from uuid import UUID

from grants_drawn import DRAW_USE, altered, drawn_rows, stored
from sqlalchemy import Table
from sqlalchemy.orm import Session

from bankd.licensing.vocabulary import AUDIENCES
from bankd.policy.awaiting import Awaiting, looked_at, waivable
from bankd.policy.engine import Cleared, Offer, clear_many
from bankd.policy.filters import filter_for
from bankd.policy.load import Bundle
from bankd.policy.signoff import NOBODY

SIGNED_OFF = ("channel-not-covered", "subject-excluded", "sector-not-covered", "property-release-missing")


def generous(bundle: Bundle) -> Bundle:
    """A bundle that leaves more to people, so that both kinds of answer are common."""
    texts = []
    for name, text in bundle.texts:
        for id in SIGNED_OFF:
            text = text.replace(f'@id("{id}")', f'@id("{id}")\n@signoff("compliance")')
        if name.endswith(".cedar"):
            for id in SIGNED_OFF:
                start = text.find(f'@id("{id}")')
                if start >= 0:
                    end = text.index(";", start)
                    rule = re.sub(r',\s*Action::"(train|adapt|publish-adapted)"', "", text[start:end])
                    text = text[:start] + rule + text[end:]
        texts.append((name, text))
    return Bundle.of(texts)


def test_sql_and_engine_agree_on_what_waits_in_8000_decisions(
    session: Session, unconstrained: Table, bundle: Bundle, a_grant: Any, a_use: Any
) -> None:
    rules = generous(bundle)
    assert waivable(rules, "synthesize").keys() == {*SIGNED_OFF, "title-unshown-for-large-run"}
    chance = random.Random(20261124)
    rows = drawn_rows(chance, a_grant(audiences=sorted(AUDIENCES)), 75)
    stored(session, unconstrained, rows)
    seen: Counter[str] = Counter()
    while seen.total() < 8_000:
        action = chance.choice(["synthesize", "publish"])
        use = altered(chance, a_use(), DRAW_USE)
        if chance.random() < 0.3:
            use["copies"] = chance.choice([100_000, 100_001, 2**53 - 1])
        offers = {
            UUID(int=place): [Offer(UUID(int=place), row.facts, "licensed", capped=False, fee_minor=0)]
            for place, row in enumerate(rows)
        }
        answers = dict(zip(offers, clear_many(rules, action, use, [*offers.values()]), strict=True))
        answers = looked_at(rules, action, use, offers, answers, signed=NOBODY)
        by_engine = [
            "cleared" if isinstance(a, Cleared) else "awaiting" if isinstance(a, Awaiting) else "refused"
            for a in answers.values()
        ]
        aside = frozenset(waivable(rules, action))
        cleared = dict(session.execute(filter_for(rules, action, use, source=unconstrained).profiles).all())
        either = dict(
            session.execute(filter_for(rules, action, use, source=unconstrained, aside=aside).profiles).all()
        )
        by_sql = [
            "cleared"
            if cleared.get(row.profile_id, 0) >> row.ordinal & 1
            else "awaiting"
            if either.get(row.profile_id, 0) >> row.ordinal & 1
            else "refused"
            for row in rows
        ]
        assert by_sql == by_engine, (action, use)
        seen.update(by_sql)
    assert min(seen[state] for state in ("cleared", "awaiting", "refused")) > 300, seen


def test_answers_of_filters_that_set_something_aside_are_kept_apart(bundle: Bundle, a_use: Any) -> None:
    one = filter_for(bundle, "synthesize", a_use())
    other = filter_for(bundle, "synthesize", a_use(), aside=frozenset({"title-unshown-for-large-run"}))

    assert one.about != other.about
