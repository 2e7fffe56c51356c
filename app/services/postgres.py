"""A private PostgreSQL + PostGIS cluster on a free loopback port. Never touches another cluster of the machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from app.services.account import RunAs, find_program
from app.services.ending import ending_with_parent, is_running, signal_if_running
from app.services.net import free_port, wait_until
from app.services.probe import DatabaseQuestion
from core.errors import SetupError

# as measured (docs/decisions/0003); buffers are scaled to the machine below
CONFIG = {
    "listen_addresses": "'127.0.0.1'",
    "work_mem": "'32MB'",
    "max_wal_size": "'4GB'",
    "checkpoint_timeout": "'15min'",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_connections": "200",
    "password_encryption": "'scram-sha-256'",
    "log_timezone": "'UTC'",
    "timezone": "'UTC'",
    "log_checkpoints": "off",
}
# of a cluster that is thrown away: a server that is killed loses nothing by them, a machine that falls everything
NOT_LASTING = {"fsync": "off", "full_page_writes": "off"}
ADMIN, APPLICATION = "onemap", "onemap_app"
# a large database may recover for so long after a crash; orphans end at once unless the kernel holds them
RECOVERY_S, ORPHANS_S = 1800.0, 2.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster in `data`, run by `run_as`. Its superuser `onemap` migrates; our processes are `onemap_app`."""

    data: Path
    port: int
    password: str
    run_as: RunAs
    app_password: str

    def url(self, database: str = "onemap") -> str:
        """The database as our processes know it."""
        return f"postgresql://{APPLICATION}:{self.app_password}@127.0.0.1:{self.port}/{database}"

    def admin_url(self, database: str = "onemap") -> str:
        return f"postgresql://{ADMIN}:{self.password}@127.0.0.1:{self.port}/{database}"


def admin_of(folder: Path, url: str) -> str:
    """The superuser's address of the database of `url`, in the cluster whose secrets lie in `folder`."""
    parts = urlsplit(url)
    password = read_secret(folder / "postgres.password")
    return f"postgresql://{ADMIN}:{password}@{parts.hostname}:{parts.port}{parts.path}"


def bin_folder() -> Path | None:
    """The newest folder with the server's programs that also has PostGIS beside it."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    found = find_program("initdb")
    if found is not None:
        places.append(found.resolve().parent)
    return next((place for place in places if (place / "initdb").exists() and has_postgis(place)), None)


def has_postgis(folder: Path) -> bool:
    """Whether this server can load PostGIS: its control file and its library are both there."""

    def told(what: str) -> Path:
        done = subprocess.run([folder / "pg_config", what], capture_output=True, text=True, check=False)
        return Path(done.stdout.strip() or "/nonexistent")

    # Debian's pg_config speaks for the newest server, so the version's own folders are looked at first
    version = folder.parent.name
    controls = [Path("/usr/share/postgresql") / version / "extension", told("--sharedir") / "extension"]
    libraries = [Path("/usr/lib/postgresql") / version / "lib", told("--pkglibdir")]
    return any((place / "postgis.control").exists() for place in controls) and any(
        next(place.glob("postgis-*.so"), None) for place in libraries
    )


def shared_buffers_mb() -> int:
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(64, min(2048, memory_mb // 8))


def clean_environment() -> dict[str, str]:
    """Without LC_* and LANG: an ungenerated locale must not reach initdb."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "PG"))}
    return {**kept, "LC_ALL": "C.UTF-8"}


def make_cluster(folder: Path, run_as: RunAs, port: int = 0, *, lasting: bool = True) -> Cluster:
    """The cluster in `folder`/postgres, made on first use; `port` is taken where it is free. One that is not `lasting`
    need not outlive the machine's fall."""
    programs = need_bin()
    data = folder / "postgres"
    secret, app_secret = folder / "postgres.password", folder / "application.password"
    fresh = [secret] if not (data / "PG_VERSION").exists() else []
    for path in [*fresh, *([app_secret] if not app_secret.exists() else [])]:
        path.write_text(secrets.token_urlsafe(24))
        path.chmod(0o600)
        run_as.own(path)
    if fresh:
        command = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            ADMIN,
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--auth=scram-sha-256",
            f"--pwfile={secret}",
        ]
        done = _run(command, run_as, folder)
        if done.returncode != 0:
            raise SetupError(f"initdb failed: {done.stderr.strip()[-600:]}", reason="initdb")
    cluster = Cluster(data, free_port(port), read_secret(secret), run_as, read_secret(app_secret))
    write_config(cluster, lasting=lasting)
    return cluster


def read_secret(path: Path) -> str:
    return path.read_text().strip()


def need_bin() -> Path:
    programs = bin_folder()
    if programs is None:
        raise SetupError("PostgreSQL with PostGIS is not on this machine", reason="missing_program")
    return programs


def programs_of(data: Path) -> Path:
    """The programs of the version that has made the data, where that is still here beside a newer one."""
    version = version_of(data)
    own = Path("/usr/lib/postgresql") / version / "bin"
    if version and (own / "postgres").exists():
        return own
    programs = need_bin()
    found = programs.parent.name
    if version and found.isdigit() and found != version:
        raise SetupError(
            f"the data in {data} are of PostgreSQL {version}, which is not on this machine any more (there is "
            f"{found}): install postgresql-{version} and postgresql-{version}-postgis-3 again, ./onemap backup with "
            "it, then restore into a new installation",
            reason="version",
        )
    return programs


def version_of(data: Path) -> str:
    """The major version that has made it; empty where there are no data yet."""
    try:
        return (data / "PG_VERSION").read_text().strip()
    except OSError:
        return ""


def write_config(cluster: Cluster, *, lasting: bool = True) -> None:
    lines = [f"{key} = {value}" for key, value in (CONFIG if lasting else CONFIG | NOT_LASTING).items()]
    lines += [
        f"port = {cluster.port}",
        f"shared_buffers = '{shared_buffers_mb()}MB'",
        "unix_socket_directories = ''",
    ]
    own = cluster.data / "onemap.conf"
    own.write_text("\n".join(lines) + "\n")
    own.chmod(0o600)
    cluster.run_as.own(own)
    main = cluster.data / "postgresql.conf"
    if "onemap.conf" not in main.read_text():
        with main.open("a") as out:
            out.write("\ninclude 'onemap.conf'\n")


def start_cluster(cluster: Cluster, log: Path) -> int:
    """Start the server and wait until it lets us in; returns the pid of postgres."""
    with log.open("ab") as out:
        pid = launch_cluster(cluster, out.fileno())
    wait_for_cluster(cluster, pid, log)
    return pid


def launch_cluster(cluster: Cluster, out: int) -> int:
    """Start the server, what it says goes to `out`; returns the pid of postgres. Nothing of an earlier server of this
    data directory is left when it starts."""
    if running_pid(cluster) is not None:
        stop_cluster(cluster)
    end_orphans(cluster)
    # no process of it lives any more: what the file says is old, and the number in it may be somebody else's by now
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    # a session of its own: Ctrl-C of the terminal must reach us, not the server in mid-write
    process = subprocess.Popen(  # type: ignore[call-overload]
        [programs_of(cluster.data) / "postgres", "-D", str(cluster.data)],
        stdout=out,
        stderr=out,
        stdin=subprocess.DEVNULL,
        env=clean_environment(),
        start_new_session=True,
        # where we die without a word it shuts down fast and leaves the data whole
        preexec_fn=ending_with_parent(signal.SIGINT),
        cwd=str(cluster.data),
        **cluster.run_as.popen_args(),
    )
    return int(process.pid)


def wait_for_cluster(cluster: Cluster, pid: int, log: Path) -> None:
    """Until it lets us in. What it does after a crash takes its time, as long as it says so."""
    question = DatabaseQuestion(cluster.admin_url("postgres"))

    def answered() -> bool:
        if not is_running(pid):
            raise SetupError(f"PostgreSQL ended at once; its log is {log}", reason="not_up")
        return question.ask(2)

    wait_until(answered, 90, "PostgreSQL")
    wait_until(lambda: answers(cluster.admin_url("postgres")), RECOVERY_S, "PostgreSQL")


def answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False


def end_orphans(cluster: Cluster) -> None:
    """Kill what is left of a server that was killed (a stopped process hears of no death) and wait until it is gone:
    two servers must never write to one directory. What hangs in the kernel (a stuck disk) stays: SetupError."""
    left = set(processes(cluster))
    for pid in left:
        signal_if_running(pid, signal.SIGKILL)

    def ended() -> bool:
        # one that is about to end shows no program any more before it has let go of its files
        return not any(is_running(pid) for pid in left) and not processes(cluster)

    wait_until(ended, ORPHANS_S, "the end of an earlier server's processes")


def processes(cluster: Cluster) -> list[int]:
    """The server processes that work in this data directory; zombies do not."""
    data = str(cluster.data.resolve())
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(entry / "cwd") == data and Path(os.readlink(entry / "exe")).name.startswith("postgres"):
                found.append(int(entry.name))
    return found


def kill_cluster(cluster: Cluster, pid: int) -> None:
    """SIGKILL the postmaster and all of its children: the next start recovers."""
    signal_if_running(pid, signal.SIGKILL)
    for child in processes(cluster):
        signal_if_running(child, signal.SIGKILL)


def running_pid(cluster: Cluster) -> int | None:
    """The pid of the server of this data directory, if one runs."""
    try:
        # a server that starts has not written it yet, one that ends has removed it between two looks
        pid = int((cluster.data / "postmaster.pid").read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None
    try:
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return None
    return pid if str(cluster.data) in command else None


def stop_cluster(cluster: Cluster) -> None:
    """Fast shutdown (SIGINT): ends sessions, checkpoints, leaves the data whole."""
    pid = running_pid(cluster)
    if pid is None:
        return
    signal_if_running(pid, signal.SIGINT)
    wait_until(lambda: running_pid(cluster) is None, 60, "the stop of PostgreSQL")


def ensure_database(cluster: Cluster, database: str) -> None:
    """Make `database` with PostGIS if it is missing."""
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as conn:
        there = conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
        if not there:
            conn.execute(
                sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(database))
            )
    with psycopg.connect(cluster.admin_url(database), autocommit=True) as conn:
        conn.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        conn.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        conn.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")


def drop_database(cluster: Cluster, database: str) -> None:
    """Drop `database`, but only after the server has shown that it is the private one."""
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as conn:
        row = conn.execute("SHOW data_directory").fetchone()
        if row is None or Path(row[0]).resolve() != cluster.data.resolve():
            raise SetupError(
                f"refused: port {cluster.port} is not the private cluster in {cluster.data}", reason="not_ours"
            )
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def _run(command: list[object], run_as: RunAs, cwd: Path) -> subprocess.CompletedProcess[str]:
    done: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        cwd=str(cwd),
        env=clean_environment(),
        **run_as.popen_args(),
    )
    return done
