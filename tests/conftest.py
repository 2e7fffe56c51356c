"""One private cluster and broker per run, databases copied from templates, processes where a test needs them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, Engine

from app.accounts import add_account
from app.services.mosquitto import Broker
from app.services.postgres import Cluster, ensure_database
from app.services.private import Private, private_services
from core.db import make_engine
from core.migrate import migrate
from core.seed import seed
from core.settings import Settings
from core.viewer import Role
from layers.imports.package import load_package
from tests.support import PASSWORD, STATE, Mailbox, System, build_city, free_settings, mailbox, now, rolled_back

SCALE = 0.25
LATE = ("browser", "flow")  # whole ways come after unit tests, the browser last
MakeDatabase = Callable[..., str]


def pytest_configure(config: pytest.Config) -> None:
    """The tests' own system only: nothing of the caller's ONEMAP_* may reach it."""
    for name in [n for n in os.environ if n.startswith("ONEMAP_") and n != "ONEMAP_CHROMIUM"]:
        del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.parent.name
        if folder in LATE:
            item.add_marker(getattr(pytest.mark, folder))
    items.sort(key=lambda item: ["", "flow", "browser"].index(f if (f := item.path.parent.name) in LATE else ""))


@pytest.fixture(scope="session")
def services() -> Iterator[Private]:
    with private_services(STATE) as private:
        yield private


@pytest.fixture(scope="session")
def cluster(services: Private) -> Cluster:
    """The private cluster, after it has shown that it is ours: everything destructive below stands on this."""
    with psycopg.connect(services.cluster.url("postgres")) as conn:
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
    return build_city(STATE / "city", SCALE)


@pytest.fixture(scope="session")
def make_database(cluster: Cluster) -> MakeDatabase:
    """`make_database(name, template)` gives the URL of a new database, copied from `template`."""

    def make(name: str, template: str = "template0") -> str:
        with psycopg.connect(cluster.url("postgres"), autocommit=True) as conn:
            conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            conn.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return cluster.url(name)

    return make


@pytest.fixture(scope="session")
def bare(cluster: Cluster, make_database: MakeDatabase) -> str:
    """Name of a template: migrated and seeded, with accounts of every role, no city."""
    settings = Settings(database_url=make_database("test_bare"))
    ensure_database(cluster, "test_bare")
    migrate(settings)
    engine = make_engine(settings, pool_size=1)
    with engine.begin() as conn:
        seed(conn, now())
        for role in Role:
            add_account(conn, role.value, role.value.title(), role, PASSWORD, now())
    engine.dispose()
    return "test_bare"


@pytest.fixture(scope="session")
def template(bare: str, make_database: MakeDatabase, small_city: Path) -> str:
    """Name of a template: `bare` with the small city."""
    engine = make_engine(Settings(database_url=make_database("test_city", bare)), pool_size=1)
    load_package(engine, small_city, lambda layer, count: None)
    engine.dispose()
    return "test_city"


@pytest.fixture(scope="session")
def database(template: str, make_database: MakeDatabase) -> str:
    """The database of all tests that roll back."""
    return make_database("test_shared", template)


@pytest.fixture(scope="session")
def settings(database: str, broker: Broker) -> Settings:
    return free_settings(database, broker.url())


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


@pytest.fixture(scope="module")
def own_settings(
    request: pytest.FixtureRequest, template: str, make_database: MakeDatabase, broker: Broker
) -> Settings:
    """Settings with a database of this module's own, for code that commits."""
    name = request.node.path.stem
    return free_settings(make_database(name, template), broker.url())


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
    with System(own_settings, broker, STATE / "log" / request.node.path.stem) as system:
        yield system.start("ingest", "alerts", "dispatch", "serve")


@pytest.fixture(scope="module")
def admin(processes: System) -> Iterator[httpx.Client]:
    """An administrator at the API of this module's processes."""
    with processes.api("admin") as client:
        yield client


@pytest.fixture(scope="module")
def devices(processes: System) -> Iterator[Mailbox]:
    """One who may speak for any device, of any maker, on any topic."""
    with mailbox(processes.broker.url()) as box:
        yield box


@pytest.fixture
def mqtt_client(broker: Broker) -> Iterator[Mailbox]:
    with mailbox(broker.url("gateway")) as box:
        yield box
