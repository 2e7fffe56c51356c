"""Where verbs find the system: the environment first, else the `up` that runs in this checkout."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from app.services.ending import read_facts
from app.services.packages import checkout
from core.db import make_engine
from core.errors import SetupError
from core.settings import Settings, load_settings


def find_system() -> Settings:
    """Settings with addresses; SetupError where nothing runs and nothing is set."""
    settings = load_settings()
    if settings.database_url:
        return settings
    facts = read_facts(checkout() / settings.state_dir / "run.json")
    if not facts:
        raise SetupError(
            "nothing runs here: start ./onemap up, or set ONEMAP_DATABASE_URL and ONEMAP_MQTT_URL", reason="not_up"
        )
    update = {"database_url": facts["database_url"], "mqtt_url": settings.mqtt_url or facts["mqtt_url"]}
    tls = facts.get("tls")
    if isinstance(tls, dict):
        update |= {f"tls_{name}": Path(path) for name, path in tls.items()}
    return settings.model_copy(update=update)


@contextmanager
def open_engine(settings: Settings | None = None) -> Iterator[Engine]:
    """An engine for one verb, given back at its end."""
    engine = make_engine(settings or find_system(), pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def transaction(settings: Settings | None = None) -> Iterator[Connection]:
    """A connection whose work is committed when the block ends well."""
    with open_engine(settings) as engine, engine.begin() as conn:
        yield conn


def run_outside(module: str, arguments: list[str], settings: Settings) -> int:
    """Become one of the programs that stand outside (demo, bench): they get addresses through the environment."""
    environment = {**os.environ, "ONEMAP_DATABASE_URL": settings.database_url, "ONEMAP_MQTT_URL": settings.mqtt_url}
    sys.stdout.flush()
    os.chdir(checkout())
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)  # noqa: S606


def shell_user() -> str:
    """Who works at the command line, for the audit."""
    return f"cli:{getpass.getuser()}"
