"""The stand that benchmarks run on: a private cluster and broker under .onemap/bench, an empty database, our
processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy import Engine

from app.services.net import free_port
from app.services.postgres import Cluster, drop_database, ensure_database, start_cluster
from app.services.private import private_services
from core.clock import utc_now
from core.db import make_engine
from core.migrate import migrate
from core.seed import seed
from core.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / ".onemap" / "bench"
DATABASE = "bench"


@dataclass
class Stand:
    """`start` runs one of our processes with the stand's addresses; all are stopped at the end."""

    settings: Settings
    device_url: str
    engine: Engine
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str) -> None:
        self._run(name, ["app.cli", name])

    def start_peer(self, kind: str) -> None:
        """Start another way to do what ingest does (bench.peers); `end` it before the next."""
        self._run(
            kind, ["bench.peers", kind, "--url", self.settings.mqtt_url, "--database", self.settings.database_url]
        )

    def end(self) -> None:
        """Stop what was started last."""
        process = self.running.pop()
        process.terminate()
        process.wait(30)

    def _run(self, name: str, module: list[str]) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "ONEMAP_DATABASE_URL": self.settings.database_url,
            "ONEMAP_MQTT_URL": self.settings.mqtt_url,
            "ONEMAP_HTTP_PORT": str(self.settings.http_port),
            "ONEMAP_SEND_HOSTS": "127.0.0.0/8",
            # a bench makes up thousands of sensors; how often each speaks is still counted
            "ONEMAP_FLOOD_NAMES": "0",
            "ONEMAP_FLOOD_RATE": "1000000",
        }
        with (STATE / f"{name}.log").open("wb") as log:
            command = [sys.executable, "-m", *module]
            self.running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log))

    def stop(self) -> None:
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            process.wait(30)

    def log(self, name: str) -> str:
        return (STATE / f"{name}.log").read_text("utf-8", "replace")


@contextmanager
def stand() -> Iterator[Stand]:
    with private_services(STATE) as private:
        keep_commit_times(private.cluster)
        drop_database(private.cluster, DATABASE)
        ensure_database(private.cluster, DATABASE)
        settings = Settings(
            database_url=private.cluster.url(DATABASE),
            migrate_database_url=private.cluster.admin_url(DATABASE),
            mqtt_url=private.broker.url(),
            http_port=free_port(),
        )
        migrate(settings)
        # between two measurements tables are emptied and vacuumed, which the application may not
        engine = make_engine(settings, pool_size=2, name="onemap bench", migrator=True)
        with engine.begin() as conn:
            seed(conn, utc_now())
        made = Stand(settings, private.broker.url("tester"), engine)
        try:
            yield made
        finally:
            made.stop()
            engine.dispose()


def keep_commit_times(cluster: Cluster) -> None:
    """Let the server remember when each transaction was committed: that is the end of our way."""
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as conn:
        row = conn.execute("SHOW track_commit_timestamp").fetchone()
        if row and row[0] == "on":
            return
        conn.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    start_cluster(cluster, STATE / "postgres.log")


def wait_for(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(0.05)
