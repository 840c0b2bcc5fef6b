"""Everything that must hold before a folder of policies may be activated."""

from pathlib import Path

from bankd.licensing.terms import GrantFacts
from bankd.licensing.use import UseFacts
from bankd.policy import cases, compile
from bankd.policy.engine import decide, decide_set
from bankd.policy.errors import InvalidBundle
from bankd.policy.facts import SetFacts, attributes
from bankd.policy.load import ERROR_IN_EVALUATION, SCHEMA, Bundle, problems, texts


def check(folder: Path) -> list[str]:
    """Every problem of the bundle in a folder, of its `rejected/` and of its `cases/`."""
    try:
        found = texts(folder)
    except InvalidBundle as error:
        return [*error.problems]
    wrong = problems(found)
    if wrong:
        return wrong
    bundle = Bundle.of(found)
    return [
        *compile.problems(bundle),
        *_facts_and_schema_differ(bundle),
        *_accepted_of_rejected(bundle, folder / "rejected"),
        *_failing_cases(bundle, folder / "cases"),
    ]


def _accepted_of_rejected(bundle: Bundle, folder: Path) -> list[str]:
    """Policies that should have been refused by the schema, the form or the compiler, and were not."""
    schema = dict(bundle.texts)[SCHEMA]
    found = []
    for path in sorted(folder.glob("*.cedar")):
        alone = [(SCHEMA, schema), (path.name, path.read_text())]
        if not problems(alone) and not compile.problems(Bundle.of(alone)):
            found.append(f"`rejected/{path.name}` is valid, and should not be")
    return found


def _failing_cases(bundle: Bundle, folder: Path) -> list[str]:
    try:
        read = cases.read(folder)
    except InvalidBundle as error:
        return [*error.problems]
    outcomes = [(case, cases.failure(bundle, case)) for case in read]
    return [f"case `{case.name}`: {failure}" for case, failure in outcomes if failure is not None]


def _facts_and_schema_differ(bundle: Bundle) -> list[str]:
    """Facts that the schema does not know, or does not demand where the bank always has them.

    Asked of Cedar itself: facts that are whole must be readable, and no longer
    so with any required one left out.
    """
    found = []
    whole = attributes(GRANT)
    if ERROR_IN_EVALUATION in decide(bundle, "synthesize", whole, USE).policies:
        found.append(f"`{SCHEMA}`: `Grant` has not the attributes of grant facts")
    for name in (*compile.REQUIRED, compile.BLOCKS, "embargo_visible_to"):
        partial = {key: value for key, value in whole.items() if key != name}
        if ERROR_IN_EVALUATION not in decide(bundle, "synthesize", partial, USE).policies:
            found.append(f"`{SCHEMA}`: `Grant` must demand `{name}`")
    if ERROR_IN_EVALUATION in decide_set(bundle, SET, USE).policies:
        found.append(f"`{SCHEMA}`: `GrantSet` has not the attributes of set facts")
    return found


MOMENT = "2026-01-01T00:00:00.000Z"
NONE: frozenset[str] = frozenset()

USE = UseFacts.model_validate({**compile.SAMPLE})
GRANT = GrantFacts(
    basis="owned",
    worldwide=True,
    territories=NONE,
    territories_tested="targeted",
    channels=frozenset(),
    purposes=frozenset(),
    any_sector=True,
    sectors=NONE,
    audiences=frozenset(),
    alterations=frozenset(),
    generative=True,
    train=True,
    any_licensee=True,
    licensees=NONE,
    subjects_excluded=frozenset(),
    max_copies=1,
    carved=NONE,
    starts_at=MOMENT,
    ends_at=MOMENT,
    create_before=MOMENT,
    publish_before=MOMENT,
    co_owners_agreed=True,
    credit_owed=True,
    share_alike="CC-BY-SA-4.0",
    persons="none",
    model_release="unknown",
    youngest="unknown",
    property_release="unknown",
    alteration_constraints=NONE,
    data_mining="unstated",
    embedded_ends_at=MOMENT,
    available_before=MOMENT,
    sell_off_before=MOMENT,
    archive=True,
    basis_ends_at=MOMENT,
    basis_territories=NONE,
    title="complete",
    integrity="covenanted",
    embargo_ends_at=MOMENT,
    release_territories=frozenset({"JP"}),
    release_channels=frozenset(),
    release_purposes=frozenset(),
    release_worldwide=False,
    release_any_sector=False,
    release_sectors=NONE,
    release_subjects_excluded=frozenset(),
    release_synthetic=False,
    release_starts_at=MOMENT,
    release_ends_at=MOMENT,
    persons_covered=False,
    guardian_released=True,
    reconfirm_before=MOMENT,
    data_basis="consent",
    data_basis_ends_at=MOMENT,
    depicted_unreleased=frozenset(),
    depicted_everywhere=False,
    depicted_territories=NONE,
    subjects_shown=frozenset(),
    brands=NONE,
)
SET = SetFacts(
    sources=1,
    share_alike=NONE,
    has_noncommercial=False,
    has_rights_managed=False,
    credits_owed=0,
    meet_empty=False,
)
