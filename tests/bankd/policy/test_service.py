"""What is in force is what was activated, whatever lies on disk."""

import json
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from bankd.audit import log
from bankd.policy import service
from bankd.policy.engine import decide
from bankd.policy.errors import BundleAltered, BundleNotFound, InvalidBundle, NoActiveBundle
from bankd.policy.load import Bundle
from bankd.policy.models import PolicyActivation, PolicyBundle

Facts = Callable[..., dict[str, Any]]


def altered(bundle: Bundle, old: str, new: str) -> Bundle:
    assert any(old in text for _, text in bundle.texts)
    return Bundle.of([(name, text.replace(old, new)) for name, text in bundle.texts])


@pytest.fixture(scope="session")
def laxer(bundle: Bundle) -> Bundle:
    """The same rules, but previews are for anyone."""
    return altered(bundle, 'unless { context.audience == "internal" }', 'unless { context.audience != "" }')


def entries(session: Session) -> list[dict[str, Any]]:
    log.settle(session)
    found = [entry for entry in log.read(session) if entry.kind == "bundle.activated"]
    return [entry.payload["objects"] for entry in found if entry.payload]


def test_no_bundle_is_in_force_before_the_first(session: Session) -> None:
    with pytest.raises(NoActiveBundle):
        service.active(session)


def test_activated_bundle_is_in_force_and_logged(
    session: Session, bundle: Bundle, BY: SimpleNamespace, AT: Any
) -> None:
    assert service.activate(session, bundle, by=BY.operator, at=AT)

    assert service.active(session) == bundle
    assert entries(session) == [{"bundle": bundle.digest, "before": None}]


def test_activating_what_is_in_force_changes_nothing(
    session: Session, bundle: Bundle, BY: SimpleNamespace, AT: Any
) -> None:
    service.activate(session, bundle, by=BY.operator, at=AT)
    assert not service.activate(session, bundle, by=BY.operator, at=AT)
    assert len(entries(session)) == 1


def test_last_activation_is_in_force_also_when_it_goes_back(
    session: Session, bundle: Bundle, laxer: Bundle, BY: SimpleNamespace, AT: Any
) -> None:
    for each in (bundle, laxer, bundle):
        assert service.activate(session, each, by=BY.operator, at=AT)

    assert service.active(session) == bundle
    assert [entry["bundle"] for entry in entries(session)] == [bundle.digest, laxer.digest, bundle.digest]


def test_past_decision_can_be_made_again(
    session: Session,
    bundle: Bundle,
    laxer: Bundle,
    BY: SimpleNamespace,
    AT: Any,
    a_grant: Facts,
    a_use: Facts,
) -> None:
    service.activate(session, laxer, by=BY.operator, at=AT)
    service.activate(session, bundle, by=BY.operator, at=AT)

    then = service.stored(session, laxer.digest)
    assert decide(then, "view", a_grant(), a_use()).allowed
    assert not decide(service.active(session), "view", a_grant(), a_use()).allowed


def test_bundle_that_was_never_activated_is_not_known(session: Session, bundle: Bundle) -> None:
    with pytest.raises(BundleNotFound, match=bundle.digest):
        service.stored(session, bundle.digest)


def test_bundle_that_ranking_could_not_follow_is_not_activated(
    session: Session, bundle: Bundle, BY: SimpleNamespace, AT: Any
) -> None:
    like = """
        @id("no-weapons") @says("Nothing is advertised beside weapons")
        forbid (principal, action == Action::"synthesize", resource) when { context.sector like "*weapon*" };
    """
    with pytest.raises(InvalidBundle, match="no-weapons"):
        service.activate(session, Bundle.of([*bundle.texts, ("like.cedar", like)]), by=BY.operator, at=AT)
    with pytest.raises(NoActiveBundle):
        service.active(session)


@pytest.mark.parametrize("model", [PolicyBundle, PolicyActivation])
def test_app_cannot_rewrite_what_was_in_force(
    session: Session, bundle: Bundle, BY: SimpleNamespace, AT: Any, model: Any
) -> None:
    service.activate(session, bundle, by=BY.operator, at=AT)
    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.execute(update(model).values(digest="0" * 64))


def test_texts_altered_in_the_database_are_not_used(
    database: Any, bundle: Bundle, laxer: Bundle, BY: SimpleNamespace, AT: Any
) -> None:
    with database.sessions.begin() as session:
        service.activate(session, bundle, by=BY.operator, at=AT)
        assert service.active(session) == bundle  # what was read once is looked at again
    with database.owner_engine.begin() as owner:
        owner.execute(
            text("UPDATE policy_bundles SET texts = (:texts)::jsonb"),
            {"texts": json.dumps(laxer.texts)},
        )
    with database.sessions() as session, pytest.raises(BundleAltered):
        service.active(session)


def test_two_who_activate_at_once_do_it_one_after_the_other(
    sessions: sessionmaker[Session], bundle: Bundle, laxer: Bundle, BY: SimpleNamespace, AT: Any
) -> None:
    done: list[bool] = []

    def activate(each: Bundle) -> None:
        with sessions.begin() as session:
            done.append(service.activate(session, each, by=BY.operator, at=AT))

    threads = [threading.Thread(target=activate, args=(each,)) for each in (bundle, laxer, bundle, laxer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)

    assert len(done) == 4
    with sessions.begin() as session:
        logged = entries(session)
        assert len(logged) == sum(done)
        # Each entry names the one before it: none was overtaken.
        assert [entry["before"] for entry in logged] == [None, *(entry["bundle"] for entry in logged[:-1])]
        assert service.active(session).digest == logged[-1]["bundle"]
