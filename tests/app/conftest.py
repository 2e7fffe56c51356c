"""One `serve` process for all tests of the application, on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import Engine

from app.accounts import open_session
from app.services.mosquitto import Broker
from core.db import make_engine
from core.settings import Settings
from tests.conftest import MakeDatabase
from tests.support import LOGS, PATIENCE_S, System, free_settings, now


@pytest.fixture(scope="package")
def app_settings(template: str, make_database: MakeDatabase, broker: Broker) -> Settings:
    return free_settings(make_database("test_app", template), broker.url())


@pytest.fixture(scope="package")
def served(app_settings: Settings, broker: Broker) -> Iterator[System]:
    with System(app_settings, broker, LOGS / "test_app") as system:
        yield system.start("serve")


@pytest.fixture(scope="package")
def db(app_settings: Settings) -> Iterator[Engine]:
    """The database behind `served`, for what other processes would do to it."""
    engine = make_engine(app_settings, pool_size=2, name="onemap test")
    yield engine
    engine.dispose()


@pytest.fixture(scope="package")
def stranger(served: System) -> Iterator[httpx.Client]:
    """A client that nobody knows."""
    with httpx.Client(base_url=served.http, trust_env=False, timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture(scope="package")
def officer(served: System) -> Iterator[httpx.Client]:
    """Who keeps layers and registers."""
    with served.api("admin") as client:
        yield client


@pytest.fixture
def gone(officer: httpx.Client) -> Iterator[None]:
    """No layer of the city's own stays."""
    yield
    for layer in officer.get("/api/layers").json()["items"]:
        if layer["own"]:
            officer.delete(f"/api/layers/{layer['id']}")


@pytest.fixture(scope="package")
def dispatcher(served: System) -> Iterator[httpx.Client]:
    with served.api("dispatcher") as client:
        yield client


@pytest.fixture(scope="package")
def viewer(served: System) -> Iterator[httpx.Client]:
    with served.api("viewer") as client:
        yield client


@pytest.fixture(scope="package")
def feed_token(db: Engine, served: System) -> str:
    """Of the viewer, for programs that keep no session."""
    with db.begin() as conn:
        secret, _ = open_session(conn, "viewer", "feed", now(), 1, name="QGIS")
    return secret
