"""The store as migrations make it: models agree, histories are append-only, notifications and locks work."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError

from app.services.postgres import Cluster
from core import db
from core.ids import new_id
from core.migrate import alembic_config, check, migrate
from core.seed import seed
from core.settings import Settings
from core.vocabulary import table
from dispatch import incidents
from tests.support import admin_url, now


def migrating(cluster: Cluster, url: str) -> Settings:
    return Settings(database_url=url, migrate_database_url=admin_url(cluster, url))


def test_models_and_migrations_agree(settings: Settings) -> None:
    check(settings)


def test_migrating_again_changes_nothing(settings: Settings) -> None:
    migrate(settings)


def test_migrations_go_down_and_up_again(bare: str, make_database: Callable[..., str], cluster: Cluster) -> None:
    settings = migrating(cluster, make_database("test_down", bare))
    command.downgrade(alembic_config(settings.need_migrator()), "base")
    migrate(settings)
    check(settings)


def test_numbers_that_were_given_go_on(bare: str, make_database: Callable[..., str], cluster: Cluster) -> None:
    settings = migrating(cluster, make_database("test_numbers", bare))
    engine = db.make_engine(settings, pool_size=1)
    at = now()
    with engine.begin() as conn:
        last = incidents.next_number(conn, at)
    day = last.split("-")[0]
    command.downgrade(alembic_config(settings.need_migrator()), "0006")
    with engine.begin() as conn:
        for number in (f"{day}-0009", f"{day}-9999", f"{day}-12345", "20200101-0007", "by hand"):
            conn.execute(text(NUMBERED), {"id": new_id(), "number": number})
    migrate(settings)
    with engine.begin() as conn:
        assert incidents.next_number(conn, at) == f"{day}-12346"
    engine.dispose()


NUMBERED = """
INSERT INTO incident (id, number, kind, level, status, titles, channel, district, opened_at, changed_at, opened_by,
  version)
VALUES (:id, :number, 'fire', 1, 'open', '{}', 'desk', '000000', now(), now(), 'me', 1)
"""


def test_own_roles_go_on_with_what_they_do_where_that_has_become_a_permission(
    bare: str, make_database: Callable[..., str], cluster: Cluster
) -> None:
    settings = migrating(cluster, make_database("test_source_read", bare))
    engine = db.make_engine(settings, pool_size=1)
    command.downgrade(alembic_config(settings.need_migrator()), "0018")
    own = {
        "letters": ["city.read", "letter.read"],
        "onlooker": ["city.read"],
        "again": ["source.manage", "source.read"],
    }
    with engine.begin() as conn:
        for name, permissions in own.items():
            conn.execute(
                text("INSERT INTO role (id, name_zh, name_en, permissions, built_in) VALUES (:n, :n, :n, :p, false)"),
                {"n": name, "p": permissions},
            )
    migrate(settings)
    with engine.begin() as conn:
        rows = conn.execute(text("SELECT id, permissions FROM role WHERE NOT built_in")).all()
    engine.dispose()
    assert {row.id: row.permissions for row in rows} == {
        **own,
        "letters": [*own["letters"], "source.read"],
        # who keeps sources keeps what the catalogue says of them
        "again": [*own["again"], "catalogue.edit"],
    }


def test_seed_leaves_the_citys_own_rules_alone(conn: Connection) -> None:
    conn.execute(text("UPDATE rule SET enabled = false WHERE id = 'gas'"))
    seed(conn, now())
    assert conn.scalar(text("SELECT enabled FROM rule WHERE id = 'gas'")) is False
    assert conn.scalar(text("SELECT count(*) FROM rule")) == len(table("rules"))


INSERTS = {
    "audit": "INSERT INTO audit (time, who, what, result, data) VALUES (now(), 'a', 'b', 'ok', '{}')",
    "alarm_event": (
        """
WITH a AS (INSERT INTO alarm (id, rule_id, kind, thing_type, thing_id, names, level, peak_level, state, active,
  raised_at, changed_at, observed_at, message, district, version) VALUES (:id, 'gas', 'gas', 'sensor', 's', '{}', 1, 1,
  'unacknowledged', true, now(), now(), now(), '{}', '000000', 1) RETURNING id) INSERT INTO alarm_event (alarm_id,
  time, what, state, level, who)
SELECT id, now(), 'raised', 'unacknowledged', 1, 'engine' FROM a
"""
    ),
    "incident_event": (
        """
WITH i AS (INSERT INTO incident (id, number, kind, level, status, titles, channel, district, opened_at, changed_at,
  opened_by, version) VALUES (CAST(:id AS uuid), 'n', 'fire', 1, 'open', '{}', 'desk', '000000', now(), now(), 'me', 1)
  RETURNING id) INSERT INTO incident_event (incident_id, time, what, who, text, data)
SELECT id, now(), 'opened', 'me', '{}', '{}' FROM i
"""
    ),
}


@pytest.mark.parametrize("name", list(INSERTS))
@pytest.mark.parametrize("act", ["UPDATE {} SET time = now()", "DELETE FROM {}", "TRUNCATE {}"])
def test_history_refuses_to_be_changed(name: str, act: str, admin_conn: Connection) -> None:
    """Even by who owns it, as long as its trigger is there."""
    admin_conn.execute(text(INSERTS[name]), {"id": str(uuid4())} if ":id" in INSERTS[name] else {})
    with pytest.raises(ProgrammingError, match=f"{name} is append-only"):
        admin_conn.execute(text(act.format(name)))


def test_notification_leaves_with_the_commit_and_not_before(engine: Engine, settings: Settings) -> None:
    with db.connect_direct(settings) as ears:
        heard = db.listen(ears, [db.CHANGE_CHANNEL], 0.2)
        assert next(heard) == []
        with engine.begin() as conn:
            db.notify_change(conn, "unit", ["fire-01"])
            assert next(heard) == []
        assert next(heard) == [(db.CHANGE_CHANNEL, {"kind": "unit", "ids": ["fire-01"]})]


def test_too_long_a_notification_becomes_a_request_to_read_again(engine: Engine, settings: Settings) -> None:
    with db.connect_direct(settings) as ears:
        heard = db.listen(ears, [db.CHANGE_CHANNEL], 0.2)
        next(heard)
        with engine.begin() as conn:
            db.notify_change(conn, "alarm", [str(new_id()) for _ in range(300)])
        assert next(heard) == [(db.CHANGE_CHANNEL, {"kind": "alarm", "reread": True})]


def test_all_that_waits_is_heard_at_once_and_in_order(engine: Engine, settings: Settings) -> None:
    with db.connect_direct(settings) as ears:
        heard = db.listen(ears, [db.CHANGE_CHANNEL], 0.2)
        next(heard)
        with engine.begin() as conn:
            for n in range(3):
                db.notify_change(conn, "unit", [f"u{n}"])
        assert [message["ids"] for _, message in next(heard)] == [["u0"], ["u1"], ["u2"]]


def test_longest_notification_that_fits_is_taken_by_the_server(engine: Engine) -> None:
    filler = "x" * (db.NOTIFY_LIMIT - len(json.dumps({"a": ""}, separators=(",", ":"))))
    with engine.begin() as conn:
        db.notify(conn, "onemap_test", {"a": filler})


def test_session_lock_is_one_holders_until_it_is_gone(settings: Settings) -> None:
    with db.connect_direct(settings) as second:
        with db.connect_direct(settings) as first:
            assert db.try_session_lock(first, "test-lock")
            assert not db.try_session_lock(second, "test-lock")
        with psycopg.connect(db.libpq_url(settings.database_url)):
            assert db.try_session_lock(second, "test-lock")


def test_ids_grow_with_time() -> None:
    made = [new_id() for _ in range(2000)]
    assert made == sorted(made)
    assert {i.version for i in made} == {7}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("postgres://a:b@h/d", "postgresql+psycopg://a:b@h/d"),
        ("postgresql://a:b@h/d", "postgresql+psycopg://a:b@h/d"),
        ("postgresql+psycopg://a:b@h/d", "postgresql+psycopg://a:b@h/d"),
    ],
)
def test_every_spelling_of_a_database_url_gets_our_driver(given: str, wanted: str) -> None:
    assert db.sqlalchemy_url(given) == wanted
    assert db.libpq_url(wanted) == "postgresql://a:b@h/d"
