"""Roles of the database: who owns the tables, who the processes are, who may only read.

The owner (`onemap_owner`) cannot log in: migrations become it. The application is whoever the database URL names; it
owns nothing, changes no table and no trigger, and takes nothing back that happened (docs/decisions/0018). Reports is a
group that reads all but secrets. Where the migrator and the application are one login, that login owns everything, as
in a database that somebody else has set up; the doctor says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from core.db import libpq_url, sqlalchemy_url
from core.errors import SetupError
from core.models.base import secret_tables
from core.settings import Settings

OWNER = "onemap_owner"
REPORTS = "onemap_reports"

# what is ours in the schema: nothing that an extension has brought
OURS = """
SELECT c.oid, c.relname, c.relkind, pg_get_userbyid(c.relowner) AS owner FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
    AND d.deptype = 'e')
"""
# a sequence of a column goes with its table
MOVABLE = text(f"""
SELECT o.relname, o.owner FROM ({OURS}) o WHERE o.owner <> :owner AND NOT EXISTS (
  SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = o.oid AND d.deptype IN ('a', 'i')
    AND d.refobjsubid > 0)
""")
OUR_FUNCTIONS = """
SELECT p.oid::regprocedure::text AS name FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
    AND d.deptype = 'e')
"""
FUNCTIONS = text(f"{OUR_FUNCTIONS} AND pg_get_userbyid(p.proowner) <> :owner")
DEFINERS = text(f"{OUR_FUNCTIONS} AND p.prosecdef")
# partitions are reached through their parent; what a trigger keeps from being changed is not granted either
TABLES = text(f"""
SELECT o.relname, o.relkind, EXISTS (
  SELECT 1 FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
  WHERE t.tgrelid = o.oid AND f.proname = 'refuse_change') AS appended
FROM ({OURS}) o JOIN pg_class c ON c.oid = o.oid WHERE NOT c.relispartition
""")


def login_of(url: str) -> str:
    """The role that a URL logs in as."""
    return make_url(sqlalchemy_url(url)).username or ""


def is_apart(settings: Settings) -> bool:
    """Whether somebody else than the processes owns the tables."""
    return login_of(settings.need_migrator()) != login_of(settings.need_database())


def is_superuser(conn: Connection) -> bool:
    return bool(conn.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")))


@contextmanager
def as_owner(conn: Connection, settings: Settings) -> Iterator[None]:
    """Be the owner for a while. Only a superuser becomes another: who is none owns what it makes."""
    other = is_apart(settings) and is_superuser(conn)
    conn.commit()
    if other:
        conn.exec_driver_sql(f"SET ROLE {OWNER}")
        conn.commit()
    try:
        yield
    finally:
        if other:
            conn.rollback()
            conn.exec_driver_sql("RESET ROLE")
            conn.commit()


def prepare(conn: Connection, settings: Settings) -> None:
    """Before the migrations: the roles are there, the extension too, and all that is ours belongs to the owner. Only a
    superuser can; for another it must have been done (SetupError with what to do)."""
    if not is_apart(settings):
        return
    application = login_of(settings.need_database())
    if is_superuser(conn):
        for role in (OWNER, REPORTS):
            make_role(conn, role)
        make_login(conn, settings.need_database())
        # the doctor asks where the data lie, how full that disk is
        conn.exec_driver_sql(f"GRANT pg_read_all_settings TO {quoted(conn, application)}")
        conn.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")
        conn.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        conn.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS btree_gist")
        conn.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        conn.exec_driver_sql(f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}")
        hand_over(conn)
        conn.commit()
    elif not conn.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": application}):
        raise SetupError(
            f"the role {application} of ONEMAP_DATABASE_URL does not exist and {login_of(settings.need_migrator())} of "
            f"ONEMAP_MIGRATE_DATABASE_URL may not make it: CREATE ROLE {application} LOGIN PASSWORD '...'",
            field="ONEMAP_DATABASE_URL",
        )


def make_role(conn: Connection, name: str) -> None:
    """A role that cannot log in; another database of the cluster may make it at the same moment."""
    try:
        with conn.begin_nested():
            if not conn.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}):
                conn.exec_driver_sql(f"CREATE ROLE {name} NOLOGIN")
    except ProgrammingError as exc:  # duplicate_object
        if "already exists" not in str(exc.orig):
            raise


def make_login(conn: Connection, url: str) -> None:
    """The role of `url` can log in with the password in it. Left alone where it can already."""
    wanted = make_url(sqlalchemy_url(url))
    name, password = wanted.username or "", str(wanted.password or "")
    there = conn.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name})
    if there and can_log_in(url):
        return
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    hashed = raw.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    order = sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
        sql.SQL("ALTER" if there else "CREATE"), sql.Identifier(name), sql.Literal(hashed)
    )
    conn.exec_driver_sql(order.as_string(raw).replace("%", "%%"))
    conn.commit()


def quoted(conn: Connection, *names: str) -> str:
    """An identifier as it stands in SQL."""
    raw = conn.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return sql.Identifier(*names).as_string(raw)


def can_log_in(url: str) -> bool:
    try:
        with psycopg.connect(libpq_url(url), connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False


def hand_over(conn: Connection) -> None:
    """Give the owner what an earlier version, or a restored backup, has left to another."""
    for row in conn.execute(MOVABLE, {"owner": OWNER}).all():
        name = quoted(conn, "public", row.relname)
        conn.exec_driver_sql(f"ALTER TABLE {name} OWNER TO {OWNER}")
    for name in conn.scalars(FUNCTIONS, {"owner": OWNER}).all():
        conn.exec_driver_sql(f"ALTER ROUTINE {name} OWNER TO {OWNER}")


def grant(conn: Connection, settings: Settings) -> None:
    """After the migrations, as the owner: what the application and the reports may, no more than that."""
    if not is_apart(settings):
        return
    application = quoted(conn, login_of(settings.need_database()))
    reports = conn.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": REPORTS}) is not None
    roles = [application, *([REPORTS] if reports else [])]
    secrets = secret_tables()
    for row in conn.execute(TABLES).all():
        name = quoted(conn, "public", row.relname)
        kind = "SEQUENCE" if row.relkind == "S" else "TABLE"
        conn.exec_driver_sql(f"REVOKE ALL ON {kind} {name} FROM {', '.join(roles)}")
        if row.relkind == "S":
            conn.exec_driver_sql(f"GRANT USAGE, SELECT ON SEQUENCE {name} TO {application}")
            continue
        conn.exec_driver_sql(f"GRANT {_rights(row.relname, row.appended)} ON {name} TO {application}")
        if reports and row.relname not in secrets:
            conn.exec_driver_sql(f"GRANT SELECT ON {name} TO {REPORTS}")
    for name in conn.scalars(DEFINERS).all():
        conn.exec_driver_sql(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
        conn.exec_driver_sql(f"GRANT EXECUTE ON FUNCTION {name} TO {application}")
    conn.commit()


def _rights(table: str, appended: bool) -> str:
    if table == "alembic_version":
        return "SELECT"
    # a reading is never changed either: it goes with its day
    if appended or table == "observation":
        return "SELECT, INSERT"
    return "SELECT, INSERT, UPDATE, DELETE"
