"""The migrations alone make the database that the models describe, up and down and up again."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, NullPool, create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from bankd.db import Base
from bankd.embedded import postgres

ROOT = Path(__file__).parent.parent
VERSIONS = sorted((ROOT / "migrations" / "versions").glob("*.py"))


@pytest.fixture
def empty(cluster) -> Iterator[Engine]:
    """A database that was never migrated, as its owner."""
    name = "test_migrations"
    postgres.create_database(cluster.folder, name)
    engine = create_engine(cluster.owner_url(name), poolclass=NullPool)
    yield engine
    engine.dispose()
    cluster.drop(name)


@pytest.fixture
def config(empty: Engine) -> Config:
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = empty.url.render_as_string(hide_password=False)
    return config


def shape(engine: Engine) -> list[str]:
    """Everything a migration can leave behind in the schema."""
    with engine.connect() as connection:
        return list(
            connection.scalars(
                text(
                    """
                    SELECT format('%s %s %s', table_name, column_name, data_type)
                      FROM information_schema.columns WHERE table_schema = 'public'
                    UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
                      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
                    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
                    UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
                    UNION ALL SELECT proname FROM pg_proc JOIN pg_roles ON pg_roles.oid = proowner
                      WHERE rolname = 'bankd_owner'
                    UNION ALL SELECT typname FROM pg_type JOIN pg_roles ON pg_roles.oid = typowner
                      WHERE rolname = 'bankd_owner' AND typtype IN ('e', 'd')
                    UNION ALL SELECT format('%s %s %s', table_name, grantee, privilege_type)
                      FROM information_schema.table_privileges WHERE table_schema = 'public'
                    UNION ALL SELECT format('%s.%s %s %s', table_name, column_name, grantee, privilege_type)
                      FROM information_schema.column_privileges WHERE table_schema = 'public'
                    ORDER BY 1
                    """
                )
            )
        )


def test_up_and_down_and_up_again_leaves_the_same(config: Config, empty: Engine) -> None:
    before = [line for line in shape(empty) if "alembic_version" not in line]
    command.upgrade(config, "head")
    made = shape(empty)
    command.downgrade(config, "base")
    assert [line for line in shape(empty) if "alembic_version" not in line] == before
    command.upgrade(config, "head")
    assert shape(empty) == made


def test_each_step_can_be_taken_back_alone(
    config: Config, empty: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = ScriptDirectory.from_config(config)
    monkeypatch.setattr(ScriptDirectory, "from_config", lambda _: scripts)  # or all are read at each step
    for revision in reversed(list(scripts.walk_revisions())):
        before = shape(empty)
        command.upgrade(config, "+1")
        command.downgrade(config, "-1")
        if revision.revision != "0001":  # which leaves alembic's own table
            assert shape(empty) == before, revision
        command.upgrade(config, "+1")


def test_models_and_migrations_agree(config: Config, empty: Engine) -> None:
    command.upgrade(config, "head")
    command.check(config)
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_the_constraints_of_models_and_migrations_have_the_same_names(config: Config, empty: Engine) -> None:
    """Autogenerate compares no checks and no names, so what only one side has would go unseen."""
    command.upgrade(config, "head")
    tables = Base.metadata.tables.values()
    with empty.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT relname, conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid"
                " WHERE contype IN ('c', 'f', 'p', 'u') AND connamespace = 'public'::regnamespace"
                " AND relname <> 'alembic_version'"
            )
        )
        of_migrations = {(table, name) for table, name in rows}
    compiler = empty.dialect.identifier_preparer
    of_models = {
        (table.name, compiler.format_constraint(made).strip('"'))
        for table in tables
        for made in table.constraints
    }
    assert sorted(of_models - of_migrations) == sorted(of_migrations - of_models) == []


def test_the_application_can_read_every_table_and_owns_none(config: Config, empty: Engine) -> None:
    command.upgrade(config, "head")
    with empty.connect() as connection:
        tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
        rows = connection.execute(
            text(
                "SELECT relname, pg_get_userbyid(relowner) AS owner,"
                " has_table_privilege('bankd_app', oid, 'SELECT') AS reads,"
                " has_table_privilege('bankd_app', oid, 'TRUNCATE') AS empties"
                " FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
            )
        ).all()
    facts = {row.relname: row for row in rows}
    assert tables
    for table in tables:
        assert facts[table].owner == "bankd_owner"
        assert facts[table].reads, table
        assert not facts[table].empties, table


def test_numbers_follow_each_other(config: Config) -> None:
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())[::-1]
    assert [script.revision for script in scripts] == [f"{at:04}" for at in range(1, len(scripts) + 1)]
    for script, file in zip(scripts, VERSIONS, strict=True):
        assert file.name.startswith(f"{script.revision}_")


@pytest.mark.parametrize("file", VERSIONS, ids=lambda file: file.stem)
def test_history_imports_nothing_of_the_application(file: Path) -> None:
    assert not re.search(r"^\s*(from|import)\s+(bankd|synth)\b", file.read_text(), re.MULTILINE)


def test_a_lock_is_waited_for_four_seconds_at_most(config: Config, empty: Engine) -> None:
    command.upgrade(config, "0001")
    with empty.begin() as holder:
        holder.execute(text("LOCK TABLE log_entries IN ACCESS SHARE MODE"))
        with pytest.raises(OperationalError, match="lock timeout"):
            command.downgrade(config, "base")


def test_without_a_database_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BANKD_DATABASE_OWNER_URL", raising=False)
    with pytest.raises(CommandError, match="BANKD_DATABASE_OWNER_URL"):
        command.upgrade(Config(ROOT / "alembic.ini"), "head")
