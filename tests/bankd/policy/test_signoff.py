"""Which rules people may sign off, which never, and what a sign-off covers."""

import json
from uuid import UUID, uuid4

import pytest

from bankd.policy import load
from bankd.policy.awaiting import Awaiting, looked_at, waivable
from bankd.policy.engine import Cleared, Offer, Refused, clear
from bankd.policy.load import Bundle
from bankd.policy.signoff import EVERYBODY, NEVER_IDS, NOBODY, Given, Needs, Signed

RULE = "title-unshown-for-large-run"
PHOTO, OTHER, GRANT = UUID(int=1), UUID(int=2), UUID(int=3)


def with_rule(bundle: Bundle, text: str) -> list[str]:
    return load.problems([*bundle.texts, ("more.cedar", text)])


def forbid(id: str, condition: str, *, notes: str = '@signoff("compliance")') -> str:
    return f"""
        @id("{id}") @says("Somebody has to look at this before it is made") {notes}
        forbid (principal, action in [Action::"synthesize", Action::"publish"], resource)
        unless {{ {condition} }};
    """


def given(policy: str = RULE, *, signer: str = "Hana", scope: str = "request", **about: object) -> Given:
    return Given(uuid4(), policy, signer, scope, **about)  # type: ignore[arg-type]


def test_the_closed_list_names_rules_that_there_are(bundle: Bundle) -> None:
    assert {*NEVER_IDS} <= bundle.policies.keys()


@pytest.mark.parametrize("id", sorted(NEVER_IDS))
def test_what_is_on_the_closed_list_is_never_signed_off(bundle: Bundle, id: str) -> None:
    rest = [pair for pair in bundle.texts if f'@id("{id}")' not in pair[1]]
    found = load.problems([*rest, ("more.cedar", forbid(id, "context.copies == 0"))])

    assert [problem for problem in found if f"`{id}` can never be signed off" in problem]


@pytest.mark.parametrize(
    "condition",
    [
        "if resource has ends_at then context.now < resource.ends_at else true",
        '!resource.blocks.contains("erased")',
        'resource.youngest == "adult"',
        'context.copies == 0 || !(resource.alteration_constraints.contains("AL-MRG"))',
    ],
)
def test_what_another_name_hides_is_known_by_the_facts_it_reads(bundle: Bundle, condition: str) -> None:
    [problem] = with_rule(bundle, forbid("looked-at-first", condition))

    assert "can never be signed off: it reads `" in problem


def test_the_period_of_the_use_is_no_term_of_a_license(bundle: Bundle) -> None:
    assert with_rule(bundle, forbid("looked-at-first", "context.starts_at < context.ends_at")) == []


@pytest.mark.parametrize(
    ("notes", "why"),
    [
        ('@signoff("creative")', "sign-offs are given by compliance"),
        ('@signoff("compliance") @signers("0")', "waits for `0` signers"),
        ('@signoff("compliance") @signers("many")', "waits for `many` signers"),
        ('@signers("2")', "has `@signers` and no `@signoff`"),
    ],
)
def test_an_annotation_that_means_nothing_is_refused(bundle: Bundle, notes: str, why: str) -> None:
    [problem] = with_rule(bundle, forbid("looked-at-first", "context.copies == 0", notes=notes))

    assert why in problem


def test_only_what_requests_wait_for_can_wait(bundle: Bundle) -> None:
    rule = forbid("looked-at-first", "context.copies == 0")
    for actions in ('action == Action::"publish"', 'action in [Action::"synthesize", Action::"view"]'):
        text = rule.replace('action in [Action::"synthesize", Action::"publish"]', actions)
        assert "for which no request waits" in " ".join(with_rule(bundle, text))


def test_a_rule_says_whom_it_waits_for(bundle: Bundle) -> None:
    assert waivable(bundle, "synthesize") == {RULE: Needs("compliance", 2)}
    assert waivable(bundle, "compose") == {"person-beside-released-subject": Needs("compliance", 1)}
    assert waivable(bundle, "train") == waivable(bundle, "view") == {}


def test_each_scope_covers_what_it_names_and_no_more() -> None:
    needs = Needs("compliance", 1)
    photo = Signed((given(scope="photo", photos=frozenset({PHOTO})),))
    license = Signed((given(scope="license", grants=frozenset({GRANT})),))
    use = Signed((given(scope="use"),))

    assert photo.covers(RULE, needs, PHOTO, uuid4()) and not photo.covers(RULE, needs, OTHER, GRANT)
    assert license.covers(RULE, needs, OTHER, GRANT) and not license.covers(RULE, needs, PHOTO, uuid4())
    assert use.covers(RULE, needs, uuid4(), uuid4())
    assert not use.covers("another-rule", needs, PHOTO, GRANT)
    assert not photo.covers_set(RULE, needs, [PHOTO]) and not license.covers_set(RULE, needs, [PHOTO])


def test_a_set_is_covered_if_every_photo_was_shown() -> None:
    signed = Signed((given(photos=frozenset({PHOTO, OTHER})),))
    needs = Needs("compliance", 1)

    assert signed.covers_set(RULE, needs, [PHOTO, OTHER]) and signed.covers_set(RULE, needs, [PHOTO])
    assert not signed.covers_set(RULE, needs, [PHOTO, uuid4()])
    assert not signed.covers_set(RULE, needs, [])


def test_two_people_are_two_people() -> None:
    twice = tuple(given(scope=scope, photos=frozenset({PHOTO})) for scope in ("request", "photo"))
    other = given(signer="Ken", photos=frozenset({PHOTO}))
    needs = Needs("compliance", 2)

    assert not Signed(twice).covers(RULE, needs, PHOTO, GRANT)
    assert Signed((*twice, other)).covers(RULE, needs, PHOTO, GRANT)


def test_what_was_signed_is_read_back_as_it_was_written() -> None:
    signed = Signed(
        (given(photos=frozenset({PHOTO, OTHER})), given(scope="license", grants=frozenset({GRANT})))
    )

    assert Signed.of_json(json.loads(json.dumps(signed.as_json()))) == signed


def asked(bundle: Bundle, facts: dict, use: dict, signed: Signed) -> Cleared | Refused:
    offers = {PHOTO: [Offer(GRANT, facts, "licensed", capped=False, fee_minor=0)]}
    answers = {PHOTO: clear(bundle, "synthesize", use, offers[PHOTO])}
    return looked_at(bundle, "synthesize", use, offers, answers, signed=signed)[PHOTO]


def test_what_waits_is_a_refusal_to_whoever_knows_of_no_signatures(bundle: Bundle, a_grant, a_use) -> None:
    answer = asked(bundle, a_grant(), a_use(copies=100_001), NOBODY)

    assert isinstance(answer, Awaiting) and isinstance(answer, Refused)
    assert not isinstance(answer, Cleared)
    assert answer.policies == (RULE,) and answer.reasons == {RULE}


@pytest.mark.parametrize(
    "facts",
    [
        {"ends_at": "2026-05-31T15:00:00.000Z"},
        {"blocks": ["withdrawn"]},
        {"blocks": ["erased"]},
        {"alteration_constraints": ["AL-MRG"]},
        {"channels": []},
    ],
)
def test_a_signature_lifts_its_own_rule_alone(bundle: Bundle, a_grant, a_use, facts: dict) -> None:
    answer = asked(bundle, a_grant(**facts), a_use(copies=100_001), EVERYBODY)

    assert isinstance(answer, Refused) and not isinstance(answer, Awaiting)


def test_without_a_permit_a_signature_allows_nothing(bundle: Bundle, a_grant, a_use) -> None:
    forbidding = Bundle.of([pair for pair in bundle.texts if pair[0] != "permits.cedar"])

    answer = asked(forbidding, a_grant(), a_use(copies=100_001), EVERYBODY)

    assert type(answer) is Refused


def test_a_block_stays_even_where_its_rule_was_taken_out_of_the_bundle(
    bundle: Bundle, a_grant, a_use
) -> None:
    lax = Bundle.of([pair for pair in bundle.texts if pair[0] != "standing.cedar"])

    answer = asked(lax, a_grant(blocks=["withdrawn"]), a_use(copies=100_001), EVERYBODY)

    assert type(answer) is Refused


def test_an_error_is_never_signed_off(bundle: Bundle, a_grant, a_use) -> None:
    facts = {name: value for name, value in a_grant().items() if name != "co_owners_agreed"}

    assert type(asked(bundle, facts, a_use(copies=100_001), EVERYBODY)) is Refused
