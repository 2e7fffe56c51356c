"""A private cluster and brokers (tests/workers.py), databases copied from templates, processes where a test needs
them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import hypothesis
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, Engine

from app.accounts import add_account
from app.services.mosquitto import Broker
from app.services.net import free_port
from app.services.postgres import Cluster, ensure_database
from app.services.private import Private
from core.db import make_engine
from core.migrate import migrate
from core.seed import seed
from core.settings import Settings
from core.viewer import Role
from layers.imports.package import load_package
from tests import workers
from tests.support import (
    LOGS,
    PASSWORD,
    PATIENCE_S,
    STATE,
    WORKER,
    Administer,
    Mailbox,
    System,
    admin_url,
    build_city,
    free_settings,
    mailbox,
    now,
    one_at_a_time,
    rolled_back,
)

SCALE = 0.25
# a busy machine is no fault of what is tried
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")
MakeDatabase = Callable[..., str]
MakeTemplate = Callable[[str, str, Callable[[str], None]], str]


def pytest_configure(config: pytest.Config) -> None:
    """The tests' own system only: nothing of the caller's ONEMAP_* may reach it."""
    for name in [n for n in os.environ if n.startswith("ONEMAP_") and n != "ONEMAP_CHROMIUM"]:
        del os.environ[name]
    if not WORKER:
        config.pluginmanager.register(workers.Controller())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.parent.name
        if folder in ("browser", "flow"):
            item.add_marker(getattr(pytest.mark, folder))
    items.sort(key=workers.order)


@pytest.fixture(scope="session")
def services(request: pytest.FixtureRequest) -> Iterator[Private]:
    with workers.services(request.config) as private:
        yield private


@pytest.fixture(scope="session")
def cluster(services: Private) -> Cluster:
    """The private cluster, after it has shown that it is ours: everything destructive below stands on this."""
    with psycopg.connect(services.cluster.admin_url("postgres")) as conn:
        row = conn.execute("SHOW data_directory").fetchone()
    assert row is not None
    assert Path(row[0]).resolve() == services.cluster.data.resolve()
    assert STATE.resolve() in Path(row[0]).resolve().parents or str(row[0]).startswith("/var/lib/onemap/")
    return services.cluster


@pytest.fixture(scope="session")
def broker(services: Private) -> Broker:
    return services.broker


@pytest.fixture(scope="session")
def small_city() -> Path:
    """The demo city's package with a quarter of its buildings, assets, sensors and units, and all its streets."""
    with one_at_a_time("city"):
        return build_city(STATE / "city", SCALE)


@pytest.fixture(scope="session")
def make_database(cluster: Cluster) -> MakeDatabase:
    """`make_database(name, template)` gives the URL of a new database of this worker's own, copied from `template`."""
    return lambda name, template="template0": copy_database(cluster, f"{name}_{WORKER}".rstrip("_"), template)


def copy_database(cluster: Cluster, name: str, template: str) -> str:
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
    return cluster.url(name)


@pytest.fixture(scope="session")
def make_template(cluster: Cluster, testrun_uid: str) -> MakeTemplate:
    """`make_template(name, template, fill)` gives `name`; the first worker that asks copies and fills it, once a
    run."""

    def make(name: str, template: str, fill: Callable[[str], None]) -> str:
        with one_at_a_time("templates"):
            if made_in(cluster, name) != testrun_uid:
                fill(copy_database(cluster, name, template))
                mark(cluster, name, testrun_uid)
        return name

    return make


def made_in(cluster: Cluster, name: str) -> str | None:
    """The run that has filled this template; None where it is not there or was never ready."""
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    with psycopg.connect(cluster.admin_url("postgres")) as conn:
        row = conn.execute(query, (name,)).fetchone()
    return row[0] if row else None


def mark(cluster: Cluster, name: str, run: str) -> None:
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(run)))


@pytest.fixture(scope="session")
def bare(cluster: Cluster, make_template: MakeTemplate) -> str:
    """Name of a template: migrated and seeded, with accounts of every role, no city."""

    def fill(url: str) -> None:
        settings = Settings(database_url=url, migrate_database_url=cluster.admin_url("test_bare"))
        ensure_database(cluster, "test_bare")
        migrate(settings)
        engine = make_engine(settings, pool_size=1)
        with engine.begin() as conn:
            seed(conn, now())
            for role in (Role.VIEWER, Role.DISPATCHER, Role.COMMANDER, Role.ADMIN):
                add_account(conn, role.value, role.value.title(), role, PASSWORD, now())
        engine.dispose()

    return make_template("test_bare", "template0", fill)


@pytest.fixture(scope="session")
def template(bare: str, make_template: MakeTemplate, small_city: Path) -> str:
    """Name of a template: `bare` with the small city."""

    def fill(url: str) -> None:
        engine = make_engine(Settings(database_url=url), pool_size=1)
        load_package(engine, small_city, lambda layer, count: None)
        engine.dispose()

    return make_template("test_city", bare, fill)


@pytest.fixture(scope="session")
def database(template: str, make_database: MakeDatabase) -> str:
    """The database of all tests that roll back."""
    return make_database("test_shared", template)


@pytest.fixture(scope="session")
def settings(database: str, broker: Broker, cluster: Cluster) -> Settings:
    return free_settings(database, broker.url(), migrate_database_url=admin_url(cluster, database))


@pytest.fixture(scope="session")
def engine(settings: Settings) -> Iterator[Engine]:
    engine = make_engine(settings, pool_size=3, name="onemap test")
    yield engine
    engine.dispose()


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back at the end."""
    with rolled_back(engine) as conn:
        yield conn


@pytest.fixture(scope="session")
def admin_engine(settings: Settings) -> Iterator[Engine]:
    """For what the application itself may not do: as who migrates."""
    engine = make_engine(settings, pool_size=1, name="onemap test", migrator=True)
    yield engine
    engine.dispose()


@pytest.fixture
def admin_conn(admin_engine: Engine) -> Iterator[Connection]:
    """A transaction of who migrates, rolled back at the end."""
    with rolled_back(admin_engine) as conn:
        yield conn


@pytest.fixture(scope="session")
def administer(cluster: Cluster) -> Administer:
    """`with administer(engine) as conn`: a transaction of who migrates, on the database of `engine`, committed."""

    @contextmanager
    def begin(engine: Engine) -> Iterator[Connection]:
        url = cluster.admin_url(str(engine.url.database))
        admin = make_engine(Settings(database_url=url), pool_size=1, name="onemap test")
        try:
            with admin.begin() as conn:
                yield conn
        finally:
            admin.dispose()

    return begin


@pytest.fixture(scope="module")
def own_settings(
    request: pytest.FixtureRequest, template: str, make_database: MakeDatabase, broker: Broker, cluster: Cluster
) -> Settings:
    """Settings with a database of this module's own, for code that commits."""
    url = make_database(request.node.path.stem, template)
    return free_settings(url, broker.url(), migrate_database_url=admin_url(cluster, url))


@pytest.fixture(scope="module")
def own_engine(own_settings: Settings) -> Iterator[Engine]:
    engine = make_engine(own_settings, pool_size=3, name="onemap test")
    yield engine
    engine.dispose()


@pytest.fixture
def fresh_engine(template: str, make_database: MakeDatabase) -> Iterator[Engine]:
    """A database of this one test's own, for code that commits and minds what was there before."""
    engine = make_engine(Settings(database_url=make_database("test_fresh", template)), pool_size=3, name="onemap test")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def processes(own_settings: Settings, broker: Broker, request: pytest.FixtureRequest) -> Iterator[System]:
    """ingest, alerts, dispatch and serve on this module's database; each must end cleanly at the end."""
    with System(own_settings, broker, LOGS / request.node.path.stem) as system:
        yield system.start("ingest", "alerts", "dispatch", "serve")


@pytest.fixture(scope="module")
def admin(processes: System) -> Iterator[httpx.Client]:
    """An administrator at the API of this module's processes."""
    with processes.api("admin") as client:
        yield client


@pytest.fixture(scope="module")
def devices(processes: System) -> Iterator[Mailbox]:
    """One who may speak for any device, of any maker, on any topic."""
    with mailbox(processes.broker.url("tester")) as box:
        yield box


@pytest.fixture
def mqtt_client(broker: Broker) -> Iterator[Mailbox]:
    with mailbox(broker.url("gateway")) as box:
        yield box


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """Address of a server that speaks S3, with the bucket `city`."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    assert httpx.put(f"{address}/city", trust_env=False, timeout=PATIENCE_S).status_code == 200
    yield address
    server.stop()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The variables that S3 clients read; the test adds where the server is."""
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return monkeypatch
