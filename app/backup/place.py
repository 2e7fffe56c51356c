"""Which installation a backup is of, or goes into: the `up` that runs in this checkout, the one that does not run just
now, or the servers that the settings name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.services.account import OURSELVES, RunAs, service_account, service_folder
from app.services.ending import hold, is_held, is_running, read_facts
from app.services.packages import checkout
from app.services.pause import paused
from app.services.postgres import admin_of, ensure_database, make_cluster, start_cluster, stop_cluster
from app.services.up import DATABASES
from core.errors import SetupError
from core.settings import Settings, load_settings

Say = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """`settings` name the database, as the application and as who migrates. `has_services`: it is an `up`, whose state
    folder is ours to keep."""

    settings: Settings
    state: Path
    services: Path
    has_services: bool

    def scratch(self) -> Path:
        """Where a copy of the dump may lie for a while: on the installation's own disk."""
        self.state.mkdir(parents=True, exist_ok=True)
        return self.state

    def owner_of(self, folder: Path) -> RunAs:
        """New files belong to whom their folder does."""
        while not folder.exists():
            folder = folder.parent
        there = folder.stat()
        return OURSELVES if os.geteuid() != 0 else RunAs(there.st_uid, there.st_gid)


def find_place() -> Place:
    """Of a system that runs, or that the settings name. SetupError where there is none."""
    settings = load_settings()
    state = checkout() / settings.state_dir
    if settings.database_url:
        services = service_folder(state, service_account()) if (state / "services").is_dir() else state / "services"
        return Place(settings, state, services, (state / "services").is_dir())
    facts = read_facts(state / "run.json")
    if not facts or not is_running(_supervised(facts)):
        raise SetupError("nothing runs here: start ./onemap up, or set ONEMAP_DATABASE_URL", reason="not_up")
    services = service_folder(state, service_account())
    url = str(facts["database_url"])
    urls = {"database_url": url, "migrate_database_url": admin_of(services, url)}
    return Place(settings.model_copy(update=urls), state, services, True)


def _supervised(facts: dict[str, object]) -> int:
    pids = facts.get("pids")
    return int(pids["postgres"]) if isinstance(pids, dict) and "postgres" in pids else 0


@contextmanager
def place_to_restore(database: str | None, say: Say) -> Iterator[Place]:
    """Where a backup goes, quiet while the block lasts: a running `up` stops its processes and starts anew afterwards;
    of one that does not run the database alone is started."""
    settings = load_settings()
    state = checkout() / settings.state_dir
    if settings.database_url:
        yield find_place()
        return
    state.mkdir(parents=True, exist_ok=True)
    with _other_restore_waits(state):
        if read_facts(state / "run.json") and is_held(state / "up.lock"):
            with paused(state, say):
                yield find_place()
            return
        lock = hold(state / "up.lock", "OneMap is being started: wait until it is up")
        try:
            yield from _with_cluster(settings, state, database, say)
        finally:
            lock.close()


def _with_cluster(settings: Settings, state: Path, database: str | None, say: Say) -> Iterator[Place]:
    run_as = service_account()
    services = service_folder(state, run_as)
    name = next((known for known in DATABASES.values() if known == database), DATABASES["demo"])
    say("nothing runs here: starting the database alone")
    cluster = make_cluster(services, run_as)
    (state / "log").mkdir(exist_ok=True)
    start_cluster(cluster, state / "log" / "postgres.log")
    try:
        ensure_database(cluster, name)
        urls = {"database_url": cluster.url(name), "migrate_database_url": cluster.admin_url(name)}
        yield Place(settings.model_copy(update=urls), state, services, True)
    finally:
        stop_cluster(cluster)


@contextmanager
def _other_restore_waits(state: Path) -> Iterator[None]:
    with hold(state / "restore.lock", "another restore works here: wait until it has ended"):
        yield
