"""The application's role: all that its work needs, nothing that would change what happened."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError

from app.health.rights import check_accounts, check_programs, check_role
from app.services.postgres import Cluster
from core import roles
from core.db import make_engine
from core.errors import SetupError
from core.migrate import migrate
from core.models.base import Base, secret_tables
from core.settings import Settings
from ingest import partitions, retention
from tests.support import Administer, admin_url, now

HISTORIES = (
    "audit",
    "alarm_event",
    "incident_event",
    "unit_event",
    "asset_event",
    "layer_row_event",
    "risk_event",
    "rule_version",
    "source_version",
    "route_version",
    "inhibition_version",
    "silence_version",
)
ACTS = (
    "UPDATE {} SET {column} = {column}",
    "DELETE FROM {}",
    "TRUNCATE {}",
    "ALTER TABLE {} DISABLE TRIGGER USER",
    "ALTER TABLE {} DISABLE TRIGGER ALL",
    "DROP TRIGGER {}_append_only ON {}",
    "DROP TABLE {}",
    "ALTER TABLE {} OWNER TO CURRENT_USER",
    "CREATE TRIGGER own BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION refuse_change()",
)


def refused(conn: Connection, order: str) -> bool:
    try:
        with conn.begin_nested():
            conn.execute(text(order))
    except ProgrammingError as exc:
        # by right, not by the trigger behind it
        return getattr(exc.orig, "sqlstate", "") == "42501" and "append-only" not in str(exc.orig)
    return False


@pytest.mark.parametrize("table", [*HISTORIES, "observation"])
def test_the_application_changes_nothing_that_happened(table: str, conn: Connection) -> None:
    column = next(c.name for c in Base.metadata.tables[table].columns if not c.primary_key)
    acts = [act for act in ACTS if table != "observation" or not act.startswith("DROP TRIGGER")]
    allowed = [act for act in acts if not refused(conn, act.format(table, table, column=column))]
    assert allowed == []


@pytest.mark.parametrize(
    "order",
    [
        "SET ROLE onemap_owner",
        "SET ROLE onemap",
        "SET session_replication_role = replica",
        "CREATE TABLE mine (n int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "ALTER FUNCTION drop_observation_day(date) OWNER TO CURRENT_USER",
        "CREATE ROLE another SUPERUSER",
        "UPDATE alembic_version SET version_num = '0001'",
        "COPY account TO PROGRAM 'cat'",
        "SELECT pg_read_file('PG_VERSION')",
    ],
)
def test_the_application_becomes_nobody_else(order: str, conn: Connection) -> None:
    assert refused(conn, order)


def test_days_are_dropped_through_a_narrow_door_only(conn: Connection) -> None:
    today = now()
    old = (today - timedelta(days=95)).date()
    partitions.make_partitions(conn, [old, today.date(), (today - timedelta(days=1)).date()])
    assert retention.drop_expired(conn, today, 90) == [partitions.partition_name(old)]
    for day in (today.date(), (today - timedelta(days=1)).date()):
        with pytest.raises(ProgrammingError, match="too recent"), conn.begin_nested():
            conn.execute(text("SELECT drop_observation_day(:day)"), {"day": day})
        with pytest.raises(ProgrammingError, match="too recent"), conn.begin_nested():
            conn.execute(text("SELECT trim_observation_day(:day, 'flow')"), {"day": day})


@pytest.mark.parametrize("name", ["pg_catalog.pg_authid", "x; DROP TABLE audit", 'x"; DROP TABLE audit; --'])
def test_a_name_is_a_name(name: str, conn: Connection) -> None:
    with pytest.raises(ProgrammingError, match="does not exist"), conn.begin_nested():
        conn.execute(text("SELECT analyze_table(:name)"), {"name": name})
    assert conn.scalar(text("SELECT count(*) >= 0 FROM audit"))


def test_a_schema_of_anothers_is_not_looked_into(admin_conn: Connection) -> None:
    """The functions of the owner find their tables by their full names."""
    bodies = admin_conn.execute(
        text("SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND pg_get_userbyid(proowner) = 'onemap_owner'")
    ).all()
    assert {row.proname for row in bodies} >= {"make_observation_day", "drop_observation_day", "analyze_table"}
    assert {tuple(row.proconfig or ()) for row in bodies} == {("search_path=pg_catalog, public, pg_temp",)}


@pytest.fixture
def reader(admin_conn: Connection) -> Iterator[Connection]:
    admin_conn.execute(text(f"SET LOCAL ROLE {roles.REPORTS}"))
    yield admin_conn
    admin_conn.execute(text("RESET ROLE"))


def test_reports_read_all_but_secrets_and_write_nothing(reader: Connection) -> None:
    secrets = secret_tables()
    assert {"account", "session", "broker_account", "installation"} <= secrets
    for name in Base.metadata.tables:
        assert refused(reader, f"SELECT 1 FROM {name} LIMIT 1") is (name in secrets), name
        assert refused(reader, f"DELETE FROM {name}"), name


def test_what_an_earlier_version_left_is_handed_over(
    bare: str, make_database: Callable[..., str], cluster: Cluster
) -> None:
    """A database whose tables the superuser owns, and a trigger function, a sequence, a day too."""
    url = make_database("test_handed", bare)
    settings = Settings(database_url=url, migrate_database_url=admin_url(cluster, url))
    admin = make_engine(settings, pool_size=1, migrator=True)
    with admin.begin() as conn:
        partitions.make_partitions(conn, [now().date()])
        for name in ("observation", partitions.partition_name(now().date()), "incident_serial", "audit"):
            conn.execute(text(f"ALTER TABLE {name} OWNER TO onemap"))
        conn.execute(text("ALTER FUNCTION refuse_change() OWNER TO onemap"))
        conn.execute(text("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM onemap_app"))
    migrate(settings)
    with admin.connect() as conn:
        left = conn.execute(roles.MOVABLE, {"owner": roles.OWNER}).all()
        assert left == []
        assert conn.scalars(roles.FUNCTIONS, {"owner": roles.OWNER}).all() == []
    admin.dispose()
    engine = make_engine(settings, pool_size=1)
    with engine.begin() as conn:
        conn.execute(text("INSERT INTO audit (time, who, what, result, data) VALUES (now(), 'a', 'b', 'ok', '{}')"))
        assert refused(conn, "DELETE FROM audit")
    engine.dispose()


def test_a_new_password_in_the_address_becomes_the_roles(
    bare: str, make_database: Callable[..., str], cluster: Cluster
) -> None:
    url = (
        make_database("test_rotated", bare).replace("onemap_app:", "somebody:").replace(cluster.app_password, "one%25x")
    )
    for password in ("one%25x", "two%40y"):
        settings = Settings(database_url=url.replace("one%25x", password), migrate_database_url=admin_url(cluster, url))
        migrate(settings)
        engine = make_engine(settings, pool_size=1)
        with engine.connect() as conn:
            assert conn.scalar(text("SELECT current_user")) == "somebody"
            assert conn.scalar(text("SELECT count(*) FROM rule"))
        engine.dispose()
    admin = make_engine(settings, pool_size=1, migrator=True)
    with admin.begin() as conn:
        conn.execute(text("DROP OWNED BY somebody"))
        conn.execute(text("DROP ROLE somebody"))
    admin.dispose()


def test_who_may_not_make_the_role_is_told_how(bare: str, make_database: Callable[..., str], cluster: Cluster) -> None:
    url = make_database("test_lacking", bare)
    settings = Settings(database_url=url.replace("onemap_app:", "nobody_yet:"), migrate_database_url=url)
    with pytest.raises(SetupError, match="CREATE ROLE nobody_yet LOGIN"):
        migrate(settings)


def test_the_doctor_says_who_may_too_much(
    conn: Connection, admin_conn: Connection, fresh_engine: Engine, administer: Administer
) -> None:
    assert list(check_role(conn)) == []
    [remark] = check_role(admin_conn)
    assert "(onemap) is a superuser" in remark.words
    assert remark.wrong
    with administer(fresh_engine) as owner:
        owner.execute(text("SET LOCAL ROLE onemap_owner"))
        [remark] = check_role(owner)
        assert "(onemap_owner) owns the tables" in remark.words
        assert not remark.wrong


def test_a_role_that_cannot_log_in_owns_everything(admin_conn: Connection) -> None:
    assert admin_conn.scalar(text("SELECT NOT rolcanlogin FROM pg_roles WHERE rolname = 'onemap_owner'"))
    assert admin_conn.execute(roles.MOVABLE, {"owner": roles.OWNER}).all() == []


def test_what_runs_as_root_is_said() -> None:
    assert list(check_accounts(None)) == []
    assert list(check_accounts({"serve": 0, "postgres": 1})) == [], "gone, or a server with an account of its own"
    [remark] = check_accounts({"serve": 1, "ingest": 1, "postgres": 1})
    assert "these run as root: ingest, serve" in remark.words
    assert not remark.wrong


def test_program_that_an_upgrade_has_replaced_is_said(tmp_path: Path) -> None:
    program = tmp_path / "sleep"
    shutil.copy2(str(shutil.which("sleep")), program)
    with subprocess.Popen([program, "60"]) as running:
        try:
            assert list(check_programs({"postgres": running.pid})) == []
            program.unlink()
            shutil.copy2(str(shutil.which("sleep")), program)
            [remark] = check_programs({"postgres": running.pid, "serve": os.getpid()})
            assert "replaced on the disk: postgres." in remark.words
            assert remark.wrong
        finally:
            running.kill()
