"""The layer of expected incidents renews itself when it has grown old; one that fails is told and leaves it alone."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from app.health.doctor import check_process
from app.hotspots import LAYER, Renewer, read_made_at
from core.clock import rfc3339
from core.settings import Settings
from tests.support import now, wait_for

NOW = now().replace(microsecond=0)
INCIDENTS = text("""
INSERT INTO incident (id, number, kind, level, status, titles, channel, district, opened_at, changed_at, opened_by,
  version, geom)
SELECT gen_random_uuid(), 'hot-' || n, 'fire', 3, 'closed', '{"zh": "x", "en": "x"}', 'desk', '000000',
  CAST(:now AS timestamptz) - n * interval '2 days', CAST(:now AS timestamptz), 'test', 1,
  ST_SetSRID(ST_MakePoint(118.2 + 0.001 * (n % 7), 33.9 + 0.001 * (n % 11)), 4326)
FROM generate_series(0, 399) AS n
""")
MADE = "import json; print(json.dumps({'incidents': 400, 'cells': 9, 'hit_share': 0.5}))"


@pytest.fixture
def incidents(db: Engine) -> Iterator[None]:
    with db.begin() as conn:
        conn.execute(INCIDENTS, {"now": NOW})
    yield
    with db.begin() as conn:
        conn.execute(text("DELETE FROM incident WHERE number LIKE 'hot-%'"))
        conn.execute(text("DELETE FROM layer WHERE id = :id"), {"id": LAYER})


def renewer(db: Engine, words: str, hours: int = 24) -> Renewer:
    settings = Settings(database_url=db.url.render_as_string(hide_password=False), hotspots_hours=hours)
    return Renewer(db, settings, Counter(), (sys.executable, "-c", words))


def until_done(one: Renewer) -> None:
    wait_for(lambda: one.look(NOW) or not one.is_busy, what="the process has ended")


def test_it_is_made_where_there_is_none_and_not_again_before_its_time(db: Engine, incidents: None) -> None:
    one = renewer(db, MADE)
    one.look(NOW)
    assert one.is_busy
    until_done(one)
    assert one.figures["hotspots_made"] == 1
    assert one.told() == {}
    with db.begin() as conn:
        keep_layer(conn, NOW - timedelta(hours=30))
    one.look(NOW + timedelta(minutes=30))
    assert not one.is_busy, "it rests a while"
    one.look(NOW + timedelta(hours=2))
    assert one.is_busy, "it is a day old"
    until_done(one)
    with db.begin() as conn:
        keep_layer(conn, NOW)
        assert read_made_at(conn) == NOW
    one.look(NOW + timedelta(hours=4))
    assert not one.is_busy, "it is young"


LAYERS = text("""
INSERT INTO layer (id, title_zh, title_en, tree_group, geometry, columns, style, visible, min_zoom, lineage, created_by,
  created_at, changed_at)
VALUES (:id, 'x', 'x', 'risk', 'polygon', '[]', '{}', false, 0, '{}', 'test', :now, :now) ON CONFLICT DO NOTHING
""")
ROWS = text("""
INSERT INTO layer_row (layer_id, key, props, district, changed_at)
VALUES (:id, '1', jsonb_build_object('made_at', CAST(:made AS text)), '000000', :now)
ON CONFLICT (layer_id, key) DO UPDATE SET props = excluded.props
""")


def keep_layer(conn: Connection, made_at: datetime) -> None:
    conn.execute(LAYERS, {"id": LAYER, "now": NOW})
    conn.execute(ROWS, {"id": LAYER, "made": rfc3339(made_at), "now": NOW})


def test_one_that_fails_is_told_by_the_doctor_and_tried_again_later(db: Engine, incidents: None) -> None:
    one = renewer(db, "import sys; sys.exit('incidents: no good')")
    one.look(NOW)
    until_done(one)
    assert one.told()["hotspots_failed"]["error"] == "incidents: no good"
    process = {"name": "serve-1", "figures": {**one.told()}}
    [remark] = check_process(process, Settings(database_url="postgresql:///x"))  # type: ignore[arg-type]
    assert "incidents: no good" in remark.words
    one.look(NOW + timedelta(minutes=5))
    assert not one.is_busy
    one.look(NOW + timedelta(hours=2))
    assert one.is_busy
    until_done(one)


def test_two_servers_make_it_one_at_a_time(db: Engine, incidents: None) -> None:
    one, other = renewer(db, "import time; time.sleep(600)"), renewer(db, MADE)
    one.look(NOW)
    other.look(NOW)
    assert (one.is_busy, other.is_busy) == (True, False)
    one.close()
    wait_for(lambda: other.look(NOW) or other.is_busy, what="the other has its turn")
    until_done(other)


def test_too_few_incidents_and_none_wanted_are_no_fault(db: Engine) -> None:
    for one in (renewer(db, MADE), renewer(db, MADE, hours=0)):
        one.look(NOW)
        assert (one.is_busy, one.told()) == (False, {})
