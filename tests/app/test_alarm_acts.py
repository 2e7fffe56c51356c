"""What people do with an alarm over HTTP beside acknowledging and shelving it: say something of it, see to it, take it
out of service, reset it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from tests.alerts.test_floods import happen
from tests.support import System, now, wait_for


@pytest.fixture
def api(served: System, db: Engine) -> Iterator[httpx.Client]:
    with served.api("commander") as client:
        yield client
    with db.begin() as conn:
        conn.execute(text("UPDATE alarm SET state = 'normal', active = false WHERE rule_id LIKE 'test-%'"))


@pytest.fixture
def alarm(api: httpx.Client, db: Engine, request: pytest.FixtureRequest) -> str:
    """Of level II."""
    return find(db, request.node.name, 2)


def find(db: Engine, thing: str, level: int | None) -> str:
    with db.begin() as conn:
        happen(conn, thing, "flow", level, now())
        found = conn.scalar(text("SELECT id FROM alarm WHERE thing_id = :t ORDER BY raised_at DESC"), {"t": thing})
    return str(found)


def post(api: httpx.Client, alarm: str, act: str, **body: Any) -> dict[str, Any]:
    answer = api.post(f"/api/alarms/{alarm}/{act}", json=body or None)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def told(db: Engine, alarm: str) -> list[tuple[str, str | None]]:
    with db.connect() as conn:
        rows = conn.execute(text("SELECT what, note FROM alarm_event WHERE alarm_id = :a ORDER BY id"), {"a": alarm})
        return [(row.what, row.note) for row in rows]


def test_comment_stands_in_the_history_and_changes_nothing(api: httpx.Client, db: Engine, alarm: str) -> None:
    before = api.get(f"/api/alarms/{alarm}").json()
    assert post(api, alarm, "comments", text="泵站已派人")["state"] == before["state"]
    assert told(db, alarm)[-1] == ("commented", "泵站已派人")
    assert api.post(f"/api/alarms/{alarm}/comments", json={"text": " "}).status_code == 422


def test_somebody_sees_to_it_and_lets_go(api: httpx.Client, db: Engine, alarm: str) -> None:
    mine = post(api, alarm, "owner", mine=True)
    assert mine["owner"] == "commander"
    assert post(api, alarm, "owner", mine=True)["version"] == mine["version"], "a repeat changes nothing"
    assert post(api, alarm, "owner", mine=False)["owner"] is None
    assert [what for what, _ in told(db, alarm)] == ["raised", "owned", "released"]


def test_who_asks_last_sees_to_it(api: httpx.Client, db: Engine, alarm: str) -> None:
    """While one transaction gives it to somebody else, the same person who held it asks for it again."""
    post(api, alarm, "owner", mine=True)
    blocked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with ThreadPoolExecutor(1) as pool, db.connect() as held, db.connect() as looking:
        held.execute(text("UPDATE alarm SET owner = 'somebody' WHERE id = :a"), {"a": alarm})
        asked = pool.submit(post, api, alarm, "owner", mine=True)

        def waits() -> bool:
            looking.rollback()
            return bool(looking.scalar(blocked))

        wait_for(waits, what="the request waits for the alarm")
        held.commit()
        assert asked.result()["owner"] == "commander"


def test_out_of_service_is_silent_until_it_is_put_back(api: httpx.Client, db: Engine, alarm: str) -> None:
    out = post(api, alarm, "out-of-service", reason="检修")
    assert out["state"] == "out_of_service"
    assert api.post(f"/api/alarms/{alarm}/acknowledge").status_code == 409
    assert api.post(f"/api/alarms/{alarm}/out-of-service", json={"reason": "again"}).status_code == 409
    back = post(api, alarm, "in-service")
    assert back["state"] == "unacknowledged", "it still burns"
    assert ("out_of_service", "检修") in told(db, alarm)
    assert api.post(f"/api/alarms/{alarm}/out-of-service", json={}).status_code == 422


def test_latched_alarm_waits_to_be_reset(api: httpx.Client, db: Engine, request: pytest.FixtureRequest) -> None:
    thing = request.node.name
    alarm = find(db, thing, 2)
    with db.begin() as conn:
        conn.execute(text("UPDATE alarm SET latches = true WHERE id = :a"), {"a": alarm})
    post(api, alarm, "acknowledge")
    assert api.post(f"/api/alarms/{alarm}/reset").status_code == 409, "it still burns"
    assert find(db, thing, None) == alarm
    assert api.get(f"/api/alarms/{alarm}").json()["state"].startswith("latched")
    assert post(api, alarm, "reset")["state"] == "normal"


def test_until_it_clears_it_rings_again_only_if_worse(api: httpx.Client, db: Engine, alarm: str) -> None:
    assert post(api, alarm, "acknowledge", until_clear=True)["quiet_level"] == 2
    thing = api.get(f"/api/alarms/{alarm}").json()["thing"]["id"]
    find(db, thing, 3)
    find(db, thing, 2)
    assert api.get(f"/api/alarms/{alarm}").json()["state"] == "acknowledged"
    find(db, thing, 1)
    assert api.get(f"/api/alarms/{alarm}").json()["state"] == "unacknowledged"
