"""The database of a backup: dumped from one snapshot, brought back in one transaction, compared table by table.

PostgreSQL's own programs do it (pg_dump, pg_restore, psql). A restore that fails or is killed leaves what was there.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, Engine, text

from app.backup.nouns import TableFacts
from app.services.account import find_program
from app.services.postgres import bin_folder
from core.errors import SetupError
from core.roles import OURS, OWNER, is_apart, is_superuser, quoted
from core.settings import Settings

# how a value is written decides its digest
PLAIN = (
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL statement_timeout = 0",
)
TABLES = text(f"""
SELECT o.relname FROM ({OURS}) o JOIN pg_class c ON c.oid = o.oid
WHERE o.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
""")
SEQUENCES = text(f"SELECT o.relname FROM ({OURS}) o WHERE o.relkind = 'S' ORDER BY 1")
LOCK_WAIT = "30s"
# all that is ours goes, what an extension has brought stays
EMPTY = """
DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT c.relname, c.relkind FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND NOT c.relispartition AND NOT EXISTS (SELECT 1 FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
          AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('a', 'i')))
  LOOP
    EXECUTE format('DROP %s IF EXISTS public.%I CASCADE',
      CASE one.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE'
        WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, one.relname);
  END LOOP;
  FOR one IN SELECT p.oid::regprocedure::text AS name FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_depend d
      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
  LOOP
    EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', one.name);
  END LOOP;
  FOR one IN SELECT t.typname FROM pg_type t
    WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd') AND NOT EXISTS (SELECT 1 FROM pg_depend d
      WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
  LOOP
    EXECUTE format('DROP TYPE IF EXISTS public.%I CASCADE', one.typname);
  END LOOP;
END $$;
"""
# entries of a dump's list that the target has already, or that belong to who made it
LEFT_OUT = (" EXTENSION ", " SCHEMA ", " ACL ", " DEFAULT ACL ", " DATABASE ", " spatial_ref_sys ")


def pg_program(name: str) -> str:
    folder = bin_folder()
    found = (folder / name) if folder and (folder / name).exists() else find_program(name)
    if found is None:
        raise SetupError(
            f"{name} is not on this machine; install the PostgreSQL client programs", reason="missing_program"
        )
    return str(found)


def pg_environment(url: str) -> dict[str, str]:
    """For PostgreSQL's programs: neither address nor password stands on a command line."""
    parts = urlsplit(url)
    return {
        **os.environ,
        "PGPASSWORD": unquote(parts.password or ""),
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGDATABASE": parts.path.lstrip("/"),
    }


@contextmanager
def snapshot(engine: Engine) -> Iterator[tuple[Connection, str]]:
    """A connection that sees the database as it is now, and the name under which others see the same."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as conn, conn.begin():
        for setting in PLAIN:
            conn.exec_driver_sql(setting)
        yield conn, str(conn.scalar(text("SELECT pg_export_snapshot()")))


def read_tables(conn: Connection) -> dict[str, TableFacts]:
    """Of every table; on a connection of `snapshot`."""
    tables = {}
    for name in conn.scalars(TABLES).all():
        digest = 'COALESCE(sum(hashtextextended(CAST(t AS text) COLLATE "C", 0)::numeric), 0)::text'
        row = conn.exec_driver_sql(f"SELECT count(*), {digest} FROM {quoted(conn, 'public', name)} t").one()
        tables[name] = TableFacts(rows=row[0], digest=row[1])
    return tables


def read_sequences(conn: Connection) -> dict[str, int]:
    """Where every sequence stands. They know no snapshot: read before the dump, they stand there or further in it."""
    return {
        name: int(conn.exec_driver_sql(f"SELECT last_value FROM {quoted(conn, 'public', name)}").scalar_one())
        for name in conn.scalars(SEQUENCES).all()
    }


def dump(url: str, seen: str, path: Path) -> None:
    """The tables and functions of ours, as snapshot `seen` shows them."""
    command = [pg_program("pg_dump"), "-Fc", "-n", "public", "--no-owner", "--no-privileges", f"--snapshot={seen}"]
    done = subprocess.run(
        [*command, "-f", str(path)], env=pg_environment(url), check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise SetupError(f"pg_dump failed: {done.stderr.strip()[-500:]}", reason="backup")


def bring_back(settings: Settings, engine: Engine, path: Path) -> None:
    """Replace all that is ours by the dump in `path`: BEGIN, drop, create, fill, COMMIT. SetupError, and nothing has
    changed, where any of it fails. `engine` is of who migrates."""
    with engine.connect() as conn:
        become = f"SET ROLE {OWNER};\n" if is_apart(settings) and is_superuser(conn) else ""
    with tempfile.TemporaryDirectory(prefix="onemap-") as folder:
        wanted = Path(folder) / "list"
        wanted.write_text(wanted_list(path))
        command = [pg_program("pg_restore"), "--no-owner", "--no-privileges", "-L", str(wanted), "-f", "-", str(path)]
        said = Path(folder) / "said"
        with (
            said.open("w+") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as reader,
            subprocess.Popen(
                [pg_program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"],
                env=pg_environment(settings.need_migrator()),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            ) as writer,
        ):
            begin = f"BEGIN;\nSET client_min_messages = 'warning';\nSET lock_timeout = '{LOCK_WAIT}';\n{EMPTY}{become}"
            whole = _pass_on(begin, reader, writer)
            failed = writer.wait() or not whole
        if failed:
            words = said.read_text("utf-8", "replace").strip()
            hint = ": somebody else uses the database (QGIS, psql?)" if "lock timeout" in words else ""
            raise SetupError(f"the backup could not be brought back, nothing has changed{hint}: {words[-600:]}")


# what a newer pg_restore says first and an older server does not know
UNKNOWN_TO_OLDER = b"SET transaction_timeout = 0;\n"


def _pass_on(begin: str, reader: subprocess.Popen[bytes], writer: subprocess.Popen[bytes]) -> bool:
    """Whether all of it went through: only what was read to its good end is committed."""
    source, target = reader.stdout, writer.stdin
    assert source is not None
    assert target is not None
    try:
        target.write(begin.encode())
        target.write(source.read(1 << 16).replace(UNKNOWN_TO_OLDER, b""))
        while part := source.read(1 << 20):
            target.write(part)
        whole = reader.wait() == 0
        if whole:
            target.write(b"\nCOMMIT;\n")
        target.close()
    except BrokenPipeError:  # psql has stopped at an error
        with contextlib.suppress(BrokenPipeError):
            target.close()
        source.close()
        return False
    return whole


def wanted_list(path: Path) -> str:
    """The dump's list without what is not ours to make."""
    done = subprocess.run([pg_program("pg_restore"), "-l", str(path)], check=False, capture_output=True, text=True)
    if done.returncode:
        raise SetupError(f"{path.name} is not a dump of a database: {done.stderr.strip()[-300:]}", reason="restore")
    lines = [line for line in done.stdout.splitlines() if not any(word in f"{line} " for word in LEFT_OUT)]
    return "\n".join(lines) + "\n"


def compare(engine: Engine, tables: dict[str, TableFacts], sequences: dict[str, int]) -> list[str]:
    """What differs from the backup, in words; empty where every table and sequence is as it was."""
    with snapshot(engine) as (conn, _):
        found, ran = read_tables(conn), read_sequences(conn)
    words = []
    for name in sorted(tables.keys() | found.keys()):
        was, is_ = tables.get(name), found.get(name)
        if was is None:
            words.append(f"{name} was not there")
        elif is_ is None:
            words.append(f"{name} is missing")
        elif was.rows != is_.rows:
            words.append(f"{name} has {is_.rows:,} rows, not {was.rows:,}")
        elif was.digest != is_.digest:
            words.append(f"{name} has other values in its {is_.rows:,} rows")
    behind = [name for name, at in sequences.items() if ran.get(name, -1) < at]
    return words + [f"{name} stands at {ran.get(name)}, before {sequences[name]}" for name in behind]
