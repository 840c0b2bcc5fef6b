from pathlib import Path
from uuid import uuid4

import pytest

from bankd.access.errors import NotPermitted
from bankd.access.permissions import ALLOWED, Permission, Role, may, require, sees
from bankd.audit.actor import Actor

DOCS = Path(__file__).parents[3] / "docs" / "http.md"


def of(*roles: str) -> Actor:
    return Actor("user", "someone", frozenset(roles))


@pytest.mark.parametrize(
    ("permission", "roles"),
    [
        (Permission.PHOTOS_INGEST, {"librarian"}),
        (Permission.PHOTOS_ERASE, {"compliance"}),
        (Permission.EMBEDDED_SUPERSEDE, {"compliance"}),
        (Permission.LIKENESS_REVIEW, {"compliance"}),
        (Permission.LICENSES_RECORD, {"librarian", "compliance"}),
        (Permission.LICENSES_WITHDRAW, {"compliance"}),
        (Permission.TERMS_READ, {"librarian", "compliance", "auditor"}),
        (Permission.REQUESTS_CREATE, {"creative"}),
        (Permission.REQUESTS_READ, {"creative", "compliance", "auditor"}),
        (Permission.COMPOSITES_EXPORT, {"creative"}),
        (Permission.REPORTS_MAKE, {"compliance", "auditor"}),
        (Permission.POLICIES_ACTIVATE, {"compliance"}),
        (Permission.SIGNOFFS_READ, {"compliance", "auditor"}),
        (Permission.SIGNOFFS_GIVE, {"compliance"}),
        (Permission.MODELS_READ, set(Role)),
        (Permission.MODELS_PIN, {"compliance", "operator"}),
        (Permission.KEYS_MANAGE, {"operator"}),
        (Permission.STACK_OPERATE, {"operator"}),
        (Permission.LOG_VERIFY, set(Role)),
    ],
)
def test_a_permission_belongs_to_these_roles_and_no_others(permission: Permission, roles: set[str]) -> None:
    assert {role for role in Role if may(of(role), permission)} == roles


def test_a_creative_sees_no_confidential_terms() -> None:
    assert may(of("creative"), Permission.LICENSES_READ)
    assert not may(of("creative"), Permission.TERMS_READ)


def test_an_operator_sees_neither_photos_nor_pictures() -> None:
    assert not {"photos.read", "composites.read", "terms.read"} & {str(p) for p in ALLOWED[Role.OPERATOR]}


def test_an_auditor_changes_nothing() -> None:
    changing = {
        "ingest",
        "record",
        "withdraw",
        "erase",
        "dispute",
        "activate",
        "create",
        "export",
        "manage",
        "pin",
        "give",
    }
    assert not {p for p in ALLOWED[Role.AUDITOR] if p.rpartition(".")[2] in changing}


def test_every_permission_is_someones() -> None:
    assert frozenset(Permission) == frozenset().union(*ALLOWED.values())
    assert set(ALLOWED) == set(Role)


def test_roles_add_up() -> None:
    both = of("creative", "operator")
    assert may(both, Permission.REQUESTS_CREATE)
    assert may(both, Permission.STACK_OPERATE)


def test_no_role_and_an_unknown_role_allow_nothing() -> None:
    for actor in (of(), of("admin"), Actor.system("clerk")):
        assert not any(may(actor, permission) for permission in Permission)


def test_a_refusal_names_the_roles_that_it_takes() -> None:
    with pytest.raises(NotPermitted) as refused:
        require(of("creative"), Permission.LICENSES_RECORD)
    assert str(refused.value) == (
        "`someone` may not do this (`licenses.record`): it takes the role `compliance` or `librarian`"
    )
    require(of("librarian"), Permission.LICENSES_RECORD)


def test_a_department_sees_its_own_and_the_houses() -> None:
    mine, theirs = uuid4(), uuid4()
    member, house = Actor("user", "a", frozenset(), mine), Actor("user", "b")
    assert [sees(member, owner) for owner in (mine, None, theirs)] == [True, True, False]
    assert all(sees(house, owner) for owner in (mine, None, theirs))


def test_the_documented_roles_may_what_the_code_allows() -> None:
    rows = [
        line.split("|")[1:3] for line in DOCS.read_text().splitlines() if ". " not in line and "." in line
    ]
    told = {role.strip(): {*may.strip().split(", ")} for role, may in (row for row in rows if len(row) == 2)}
    everyone = told.pop("each of them")
    assert {role: may | everyone for role, may in told.items()} == dict(ALLOWED)
