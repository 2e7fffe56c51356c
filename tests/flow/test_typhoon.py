"""A typhoon over a small city, faster than it comes: hundreds of alarms from the real rules leave a handful of lines.
The alerts process is killed in its midst: nothing that is inhibited goes out, nothing that went out is left without its
end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.clock import rfc3339
from demo.devices.package import read
from demo.devices.script import storm_script
from demo.devices.world import World
from tests.support import System, mailbox, now, wait_for

Json = dict[str, Any]
# seconds of the script that are played: until landfall, after it, and so long before now that all of it has been
HALF_S, END_S, AGO_S = 720, 1_000, 1_500
# what makes somebody look
NEWS = ("raised", "raised_again", "worsened", "unmuted", "chattering")


@dataclass(frozen=True, slots=True)
class Typhoon:
    world: World
    start: datetime

    def at(self, second: int) -> datetime:
        return self.start + timedelta(seconds=second)


@pytest.fixture(scope="module")
def typhoon(small_city: Path) -> Typhoon:
    """It does not rattle here: what comes and goes settles after minutes only (tests/alerts/test_floods.py)."""
    script = replace(storm_script("typhoon"), rattle=0.0, gust=0.0, video=(), calls=())
    start = now() - timedelta(seconds=AGO_S)
    return Typhoon(World(read(small_city), script, 1, start, storm_after_s=0), start)


def play(system: System, typhoon: Typhoon, since_s: int, until_s: int) -> None:
    """Publish what the sensors send in these seconds of the script."""
    with mailbox(system.gateway_url) as box:
        sent = [
            box.client.publish(one.topic, one.payload, qos=1)
            for second in range(since_s, until_s, 5)
            for one in typhoon.world.step(typhoon.at(second))
            if one.topic.startswith("onemap/observation/")
        ]
        for info in sent:
            info.wait_for_publish(60)


@pytest.fixture(scope="module")
def flood(processes: System, typhoon: Typhoon) -> Json:
    """The typhoon, with the alerts process killed at landfall and begun again."""
    began = now()
    play(processes, typhoon, 0, HALF_S)
    wait_for(lambda: processes.one("SELECT count(*) FROM alarm") > 50, what="the flood has begun")
    processes.kill("alerts")
    play(processes, typhoon, HALF_S, END_S)
    processes.start("alerts")
    wait_for(processes.settled, what="all is judged and told")
    return {"began": began, "ended": now()}


def groups(api: httpx.Client) -> list[Json]:
    return list(api.get("/api/alarm-groups").json()["items"])


def test_flood_is_a_handful_of_lines_and_every_alarm_is_in_one(
    flood: Json, processes: System, admin: httpx.Client
) -> None:
    lines = groups(admin)
    raw = processes.one("SELECT count(*) FROM alarm_event WHERE what IN ('raised', 'raised_again', 'worsened')")
    assert raw > 200, "this is a flood"
    assert len(lines) <= 10
    members: list[str] = []
    for line in lines:
        path, cursor = line["members"], None
        while True:
            answer = admin.get(path, params={"limit": 50, **({"cursor": cursor} if cursor else {})}).json()
            members += [alarm["id"] for alarm in answer["items"]]
            grave = [alarm for alarm in answer["items"] if alarm["level"] == 1]
            assert not grave or line["worst"] == 1, "level I is never under a lower one"
            assert not grave or line["id"].endswith(":1"), "it stands in a line of its own"
            cursor = answer["next"]
            if cursor is None:
                break
    shown = processes.rows("SELECT id FROM alarm WHERE state <> 'normal'")
    assert sorted(members) == sorted(str(row["id"]) for row in shown), "each in one line, none hidden"


def test_figures_say_so(flood: Json, admin: httpx.Client) -> None:
    asked = {"from": rfc3339(flood["began"]), "to": rfc3339(flood["ended"])}
    found = admin.get("/api/alarm-metrics", params=asked).json()
    assert found["raw"]["count"] > 200
    assert found["raw"]["floods"] >= 1
    assert found["lines"]["max"] <= 10
    assert found["lines"]["floods"] == 0


def test_restart_tells_nothing_that_is_inhibited(flood: Json, processes: System) -> None:
    muted = processes.rows(
        """
SELECT m.alarm_id, m.time AS since, (SELECT min(u.time) FROM alarm_event u WHERE u.alarm_id = m.alarm_id
    AND u.what = 'unmuted' AND u.id > m.id) AS until FROM alarm_event m WHERE m.what = 'muted'
"""
    )
    assert muted, "the water has moved covers"
    for one in muted:
        told = processes.rows(
            "SELECT what, due_at FROM delivery "
            "WHERE kind = 'alarm' AND subject = %s AND what = ANY(%s) AND due_at > %s",
            str(one["alarm_id"]),
            list(NEWS),
            one["since"],
        )
        assert [t for t in told if one["until"] is None or t["due_at"] < one["until"]] == []


def test_who_was_told_of_a_start_is_told_of_its_end(flood: Json, processes: System, typhoon: Typhoon) -> None:
    """Everything is well again, ten minutes after the worst."""
    calm: dict[tuple[str, str], str] = {
        (row["sensor_id"], row["metric"]): row["unit"]
        for row in processes.rows(
            "SELECT sensor_id, metric, unit FROM sensor_state WHERE metric IN ('water_level', 'tilt', 'wind')"
        )
    }
    start = typhoon.at(END_S + 60)
    with mailbox(processes.gateway_url) as box:
        for minutes in (0, 2, 4):
            for (sensor, metric), unit in calm.items():
                body = {"time": rfc3339(start + timedelta(minutes=minutes)), "metric": metric, "value": 0, "unit": unit}
                box.publish(f"onemap/observation/{sensor}", body)
    over = "SELECT count(*) FROM alarm WHERE active AND rule_id NOT IN ('rain', 'silent') AND state <> 'normal'"
    wait_for(lambda: processes.one(over) == 0, what="all is over but the rain")
    wait_for(processes.settled, what="all is told")
    left = processes.rows(
        """
SELECT t.subscription_id, a.rule_id, a.thing_id FROM told t JOIN alarm a ON a.id = t.alarm_id
WHERE NOT t.over AND NOT a.active AND a.chattering_since IS NULL
"""
    )
    assert left == []
    begun, ended = (
        {
            (row["subscription_id"], row["subject"])
            for row in processes.rows(
                "SELECT d.subscription_id, d.subject FROM delivery d JOIN alarm a ON a.id::text = d.subject "
                "WHERE d.kind = 'alarm' AND d.what = ANY(%s) AND NOT a.active AND a.chattering_since IS NULL",
                list(whats),
            )
        }
        for whats in (NEWS, ("returned", "settled"))
    )
    assert begun
    assert begun == ended
