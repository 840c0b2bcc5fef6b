"""From terms and uses to the flat facts that policy compares: arithmetic about rules, and no rule of use.

Pure: no session, no clock. Whatever cannot be read is turned into the value
that denies. Days become half-open instants, written `2026-01-31T15:00:00.000Z`.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import rfc8785

from bankd.licensing import plus
from bankd.licensing.consents import HeldRelease, Seen, facts_of_releases
from bankd.licensing.days import end_of, instant, start_of
from bankd.licensing.depicted import Depictions
from bankd.licensing.errors import TooManyGrants
from bankd.licensing.terms import (
    LATER_FACTS,
    MUTABLE,
    EmbeddedRights,
    Exclusivity,
    GrantFacts,
    GrantTerms,
    allowed_territories,
)
from bankd.licensing.title import Ruling, TitleState
from bankd.licensing.use import Use, UseFacts
from bankd.licensing.vocabulary import ANY, CHANNELS, WORLD, Basis, Circulation

MAX_GRANTS = 63
"""A profile answers with a bit per grant, and the sign bit of a bigint stays free."""

MOST_READ = 2048  # facts of grants that a process keeps; each has a few thousand bytes

EVERY = "*"
SOMEWHERE = "SOME"
MAX_ATOMS = 1024

NOBODY_SEEN = Seen()


def grant_facts(
    terms: GrantTerms,
    *,
    basis: Basis,
    co_owners_agreed: bool,
    depictions: Depictions,
    embedded: EmbeddedRights,
    releases: Sequence[HeldRelease] = (),
    seen: Seen = NOBODY_SEEN,
    ruling: Ruling | None = None,
    title: TitleState = "unstated",
) -> GrantFacts:
    """One grant applied to one photo.

    Embedded rights and releases only tighten: the strictest status wins. A
    release that is at hand never turns a declared `none` or `unknown` into
    `released`; the rights record says that, and without a release it says nothing.

    Args:
        terms: as they stand, with the end that a renewal has come to.
    """
    shown = depictions.tightened_by(plus.depictions(embedded))
    territories = allowed_territories(terms.territories, terms.territories_excepted)
    worldwide = WORLD in territories
    return GrantFacts(
        basis=basis,
        worldwide=worldwide,
        territories=frozenset() if worldwide else territories,
        territories_tested=terms.territories_tested,
        channels=terms.channels,
        purposes=terms.purposes,
        any_sector=ANY in terms.sectors,
        sectors=frozenset() if ANY in terms.sectors else terms.sectors,
        audiences=terms.audiences,
        alterations=terms.alterations,
        generative=terms.generative and embedded.ai_inference is None,
        train=terms.train,
        any_licensee=ANY in terms.licensees,
        licensees=frozenset() if ANY in terms.licensees else terms.licensees,
        subjects_excluded=terms.subjects_excluded,
        max_copies=terms.max_copies,
        carved=carved(terms.exclusivity, licensees=terms.licensees),
        starts_at=instant(max(_starts(terms, embedded))),
        ends_at=instant(end_of(terms.ends_on, terms.zone)) if terms.ends_on else None,
        create_before=instant(end_of(terms.create_by, terms.zone)) if terms.create_by else None,
        publish_before=instant(end_of(terms.publish_by, terms.zone)) if terms.publish_by else None,
        co_owners_agreed=co_owners_agreed,
        credit_owed=terms.credit is not None and not terms.credit.suppressed,
        share_alike=terms.share_alike,
        alteration_constraints=plus.alteration_constraints(embedded.image_alteration_constraints),
        data_mining=plus.data_mining(embedded.data_mining),
        embedded_ends_at=None if embedded.expires_at is None else instant(plus.expiry(embedded.expires_at)),
        available_before=instant(end_of(terms.available_until, terms.zone))
        if terms.available_until
        else None,
        sell_off_before=_sell_off_before(terms),
        archive=terms.archive,
        basis_ends_at=None if ruling is None else instant(end_of(ruling.until, ruling.zone)),
        basis_territories=frozenset() if ruling is None else frozenset({ruling.country}),
        title=title,
        integrity=terms.integrity,
        **facts_of_releases(shown, releases, seen),
    )


def _starts(terms: GrantTerms, embedded: EmbeddedRights) -> list[datetime]:
    """Where the term begins, and where the photo's own bytes say that it may be used at the earliest."""
    said = [] if embedded.begins_at is None else [plus.beginning(embedded.begins_at)]
    return [start_of(terms.starts_on, terms.zone), *said]


def use_facts(use: Use, *, at: datetime, department: str = "", circulation: Circulation = "new") -> UseFacts:
    """The use as policy sees it at the moment `at`.

    Args:
        department: who asks, as `bankd.access.service.department_called` has it.
        circulation: `stock` or `archive` only for what a record shows to have been handed out or published
            before; `use` then has the period for which it goes on.
    """
    return UseFacts(
        now=instant(at),
        purpose=use.purpose,
        channels=use.channels,
        targeted_world=WORLD in use.targeted,
        targeted=use.targeted - {WORLD},
        accessible_world=WORLD in use.accessible,
        accessible=use.accessible - {WORLD},
        starts_at=instant(start_of(use.starts_on, use.zone)),
        ends_at=instant(end_of(use.ends_on, use.zone)),
        sector=use.sector,
        subjects=use.subjects,
        audience=use.audience,
        copies=use.copies,
        licensee=use.licensee,
        beneficiaries=use.beneficiaries,
        alterations=use.alterations,
        fields=fields(use),
        department=department,
        brand=use.brand,
        circulation=circulation,
    )


def carved(rows: Iterable[Exclusivity], *, licensees: frozenset[str]) -> frozenset[str]:
    """The atoms `territory/channel/sector` that exclusivity takes out of a grant.

    A row counts whenever it exists, whatever its dates: what another holder
    has, had or will have to itself is not promised to anyone else meanwhile.
    Only a row whose holder is a named licensee of the grant takes nothing.
    Every row also yields `SOME/..` atoms, which a worldwide use meets; a row
    of more than 1,024 atoms is widened to the whole world.
    """
    atoms: set[str] = set()
    for row in rows:
        if row.holder in licensees:
            continue
        channels = {EVERY} if row.channels == CHANNELS else row.channels
        sectors = {EVERY} if ANY in row.sectors else row.sectors
        territories = {EVERY} if WORLD in row.territories else row.territories
        if len(territories) * len(channels) * len(sectors) > MAX_ATOMS:
            territories = {EVERY}
        atoms |= _atoms({*territories, SOMEWHERE}, channels, sectors)
    return frozenset(atoms)


def fields(use: Use) -> frozenset[str]:
    """The exclusivity atoms that a use touches: it meets a carved field exactly if the sets share an atom.

    Where it is seen and where it is aimed at both count.
    """
    territories = use.accessible | use.targeted
    places = {EVERY, SOMEWHERE} if WORLD in territories else {EVERY, *territories}
    return _atoms(places, {EVERY, *use.channels}, {EVERY, use.sector})


@lru_cache(maxsize=MOST_READ)
def read(
    document: str,
    blocks: frozenset[str] = frozenset(),
    embargo_visible_to: frozenset[str] = frozenset(),
    embargo_ends_at: str | None = None,
) -> GrantFacts:
    """What a profile keeps of one grant, with what stands against it on a day.

    The same photos are asked about when they are chosen, recorded and sealed, and those of one license
    are under the same facts.

    Args:
        document: as the database writes it.
    """
    of_the_day = {
        "blocks": blocks,
        "embargo_visible_to": embargo_visible_to,
        "embargo_ends_at": embargo_ends_at,
    }
    assert of_the_day.keys() == MUTABLE
    return GrantFacts.model_validate({**json.loads(document), **of_the_day})


@lru_cache(maxsize=MOST_READ)
def canonical(facts: GrantFacts) -> bytes:
    """RFC 8785 of what a profile keeps of the facts."""
    return rfc8785.dumps(value_facts(facts))


def value_facts(facts: GrantFacts) -> dict[str, Any]:
    """The facts as a profile keeps them: without mutable state, and without later facts that say nothing."""
    silent = {name for name, default in LATER_FACTS.items() if getattr(facts, name) == default}
    return facts.as_json_but(MUTABLE | silent)


def in_order(grants: Iterable[tuple[UUID, GrantFacts]]) -> list[tuple[UUID, GrantFacts]]:
    """Grants in the one order that equal photos share: by canonical JSON of their facts, then by id.

    The place in this order is the grant's ordinal on the photo and in its profile.

    Raises:
        TooManyGrants: a 64th grant.
    """
    ordered = sorted(grants, key=lambda pair: (canonical(pair[1]), pair[0].hex))
    if len(ordered) > MAX_GRANTS:
        raise TooManyGrants(len(ordered), MAX_GRANTS)
    return ordered


def profile_digest(facts: Sequence[GrantFacts]) -> str:
    """SHA-256 of a profile: the canonical JSON array of its grants' facts, in the order given."""
    return hashlib.sha256(b"[" + b",".join(canonical(each) for each in facts) + b"]").hexdigest()


def _sell_off_before(terms: GrantTerms) -> str | None:
    until = terms.sell_off_until
    if terms.sell_off_days is not None and terms.ends_on is not None:
        until = terms.ends_on + timedelta(days=terms.sell_off_days)
    return None if until is None else instant(end_of(until, terms.zone))


def _atoms(territories: Iterable[str], channels: Iterable[str], sectors: Iterable[str]) -> frozenset[str]:
    channels, sectors = list(channels), list(sectors)
    return frozenset(
        f"{territory}/{channel}/{sector}"
        for territory in territories
        for channel in channels
        for sector in sectors
    )
