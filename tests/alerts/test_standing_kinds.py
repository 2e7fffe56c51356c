"""Rules about what stands in the city: video events, positions, outside warnings, other alarms, incidents. Each is
judged at moments, on the real tables; what it says is its alarms."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from alerts.present import read_open_alarms
from alerts.rules import check_params
from alerts.standing import Standing
from alerts.together import read_together
from core.errors import InputError
from tests.alerts.helpers import change
from tests.support import now

T0 = now() - timedelta(hours=1)
DISTRICT = text(
    "SELECT ST_X(c) AS lon, ST_Y(c) AS lat, code FROM district, ST_PointOnSurface(geom) AS c ORDER BY code LIMIT 1"
)

EVENTS = text("""
SELECT e.what, e.level FROM alarm_event e JOIN alarm a ON a.id = e.alarm_id WHERE a.rule_id = 'trial' ORDER BY e.id
""")


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def arm(conn: Connection, kind: str, params: dict[str, Any], watches: dict[str, Any] | None = None) -> None:
    check_params(kind, params)
    conn.execute(text("UPDATE rule SET enabled = false"))
    conn.execute(
        text(
            """
INSERT INTO rule (id, kind, alarm_kind, name_zh, name_en, watches, params, enabled, changed_at)
VALUES ('trial', :kind, 'limit', '管控区', 'the zone', CAST(:watches AS jsonb), CAST(:params AS jsonb), true, now())
"""
        ),
        {"kind": kind, "params": json.dumps(params), "watches": json.dumps(watches or {})},
    )


def judge(conn: Connection, seconds: float) -> list[tuple[str, int, str]]:
    """What holds at that moment, by the rule's alarms: thing, level and sentence."""
    Standing(T0 - timedelta(days=1)).judge(conn, at(seconds))
    rows = conn.execute(
        text(
            "SELECT thing_id, level, message->>'zh' AS zh FROM alarm WHERE rule_id = 'trial' AND active "
            "AND state <> 'normal' ORDER BY thing_id"
        )
    )
    return [(row.thing_id, row.level, row.zh) for row in rows]


def events(conn: Connection) -> list[tuple[str, int]]:
    return [(row.what, row.level) for row in conn.execute(EVENTS)]


# --- video ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def camera(conn: Connection) -> str:
    conn.execute(
        text(
            """
INSERT INTO camera (id, name_zh, name_en, district, geom) VALUES ('cam-t', '东门摄像机', 'East gate camera', '329906',
  ST_SetSRID(ST_MakePoint(119, 33), 4326))
"""
        )
    )
    return "cam-t"


def seen(
    conn: Connection, seconds: float, kind: str = "smoke", score: float | None = 0.9, zone: str | None = None
) -> None:
    conn.execute(
        text(
            """
INSERT INTO video_event (camera_id, event_id, time, kind, score, zone, received_at)
VALUES ('cam-t', :id, :time, :kind, :score, :zone, :time)
"""
        ),
        {"id": f"e{seconds}", "time": at(seconds), "kind": kind, "score": score, "zone": zone},
    )


FIRE = {
    "kinds": ["smoke", "fire"],
    "score": 0.7,
    "events": 2,
    "quiet_s": 600,
    "steps": [{"level": 2}, {"level": 1, "after_s": 60}],
}


def test_video_alarm_rises_on_the_clock_and_ends_after_a_quiet_time(conn: Connection, camera: str) -> None:
    """KNOWN-TROUBLE B: a video event that clears after ten quiet minutes, Warning to Critical after one."""
    arm(conn, "video_event", FIRE)
    seen(conn, 0)
    assert judge(conn, 1) == [], "two events are needed"
    seen(conn, 10, "fire", 0.95)
    assert judge(conn, 11) == [("cam-t", 2, "东门摄像机画面识别到火情，2 次，最高可信度 95%")]
    assert [level for _, level, _ in judge(conn, 61)] == [1]
    assert judge(conn, 609) != []
    assert judge(conn, 611) == []
    assert events(conn) == [("raised", 2), ("worsened", 1), ("returned", 1)]


def test_video_events_that_do_not_count(conn: Connection, camera: str) -> None:
    arm(conn, "video_event", {**FIRE, "zones": ["yard"]})
    seen(conn, 0, score=0.5, zone="yard")
    seen(conn, 1, "crowd", zone="yard")
    seen(conn, 2, zone="street")
    seen(conn, 3, zone="yard")
    assert judge(conn, 10) == []
    seen(conn, 4, score=None, zone="yard")
    assert len(judge(conn, 10)) == 1, "one that says no score counts"


def test_video_run_that_was_interrupted_begins_anew(conn: Connection, camera: str) -> None:
    arm(conn, "video_event", FIRE)
    for second in (0, 30, 800, 810):
        seen(conn, second)
    assert [level for _, level, _ in judge(conn, 815)] == [2], "it lasts for 15 s, not for 815"


def test_event_that_has_not_come_yet_is_not_known(conn: Connection, camera: str) -> None:
    """The past is judged by what was there then."""
    arm(conn, "video_event", FIRE)
    seen(conn, 0)
    seen(conn, 10)
    conn.execute(text("UPDATE video_event SET received_at = :later WHERE event_id = 'e10'"), {"later": at(100)})
    assert judge(conn, 20) == []
    assert len(judge(conn, 101)) == 1


# --- geofence ---------------------------------------------------------------------------------------------------------

SQUARE = {"type": "Polygon", "coordinates": [[[119, 33], [119.01, 33], [119.01, 33.01], [119, 33.01], [119, 33]]]}
INSIDE, OUTSIDE = (119.005, 33.005), (119.05, 33.05)


@pytest.fixture
def unit(conn: Connection) -> str:
    conn.execute(
        text(
            """
INSERT INTO unit (id, kind, name_zh, name_en, capabilities, status, status_at)
VALUES ('truck-t', 'tanker', '槽罐车一号', 'Tanker 1', '{}', 'available', now())
"""
        )
    )
    return "truck-t"


def drives(conn: Connection, seconds: float, place: tuple[float, float], speed: float | None = None) -> None:
    conn.execute(
        text(
            """
INSERT INTO unit_position (unit_id, time, lon, lat, speed, received_at)
VALUES ('truck-t', :time, :lon, :lat, :speed, :time)
"""
        ),
        {"time": at(seconds), "lon": place[0], "lat": place[1], "speed": speed},
    )


def test_quick_pass_through_an_area_is_not_missed(conn: Connection, unit: str) -> None:
    arm(conn, "geofence", {"polygon": SQUARE, "quiet_s": 60})
    drives(conn, 0, OUTSIDE)
    assert judge(conn, 1) == []
    drives(conn, 5, INSIDE)
    drives(conn, 6, OUTSIDE)
    assert judge(conn, 7) == [("truck-t", 3, "槽罐车一号进入管控区")]
    assert judge(conn, 64) != []
    assert judge(conn, 66) == []


def test_unit_that_leaves_its_area(conn: Connection, unit: str) -> None:
    arm(conn, "geofence", {"polygon": SQUARE, "when": "outside", "quiet_s": 30})
    drives(conn, 0, INSIDE)
    assert judge(conn, 1) == []
    drives(conn, 20, OUTSIDE)
    assert judge(conn, 21) == [], "it was inside half a minute ago"
    drives(conn, 35, OUTSIDE)
    assert judge(conn, 36) == [("truck-t", 3, "槽罐车一号已离开管控区")]
    assert judge(conn, 100) == [], "where it is now nobody knows"


def test_unit_that_stays_too_long(conn: Connection, unit: str) -> None:
    arm(conn, "geofence", {"polygon": SQUARE, "when": "loiter", "stay_s": 300})
    drives(conn, 0, OUTSIDE)
    for second in range(30, 340, 30):
        drives(conn, second, INSIDE)
    assert judge(conn, 299) == []
    assert judge(conn, 331) == [("truck-t", 3, "槽罐车一号在管控区停留超过 5 分钟")]
    drives(conn, 340, OUTSIDE)
    assert judge(conn, 341) == []


def test_unit_that_is_too_fast(conn: Connection, unit: str) -> None:
    arm(conn, "geofence", {"polygon": SQUARE, "when": "speed", "speed_kmh": 60, "unit_kinds": ["tanker"]})
    drives(conn, 0, OUTSIDE, 30.0)
    drives(conn, 10, INSIDE, 15.0)
    assert judge(conn, 11) == []
    drives(conn, 20, INSIDE, 25.0)
    assert judge(conn, 21) == [("truck-t", 3, "槽罐车一号在管控区车速 90 公里/小时，限速 60 公里/小时")]


def test_areas_of_a_layer_and_of_a_district(conn: Connection, unit: str) -> None:
    here = conn.execute(DISTRICT).one()
    arm(conn, "geofence", {"district": here.code})
    drives(conn, 0, (here.lon, here.lat))
    assert [thing for thing, *_ in judge(conn, 1)] == ["truck-t"]
    assert conn.scalar(text("SELECT district FROM alarm WHERE rule_id = 'trial'")) == here.code


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "exactly one of polygon, district and layer"),
        ({"polygon": SQUARE, "layer": "x"}, "exactly one of polygon, district and layer"),
        ({"polygon": SQUARE, "when": "speed"}, "speed_kmh is needed"),
    ],
)
def test_fence_that_means_nothing_is_refused(params: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        check_params("geofence", params)


# --- outside warnings -------------------------------------------------------------------------------------------------


def warn(
    conn: Connection, identifier: str, seconds: float, colour: str, kind: str = "Alert", refs: str = "", area: str = ""
) -> None:
    """As ingest writes it: a bureau's signal that ends after an hour."""
    sent, ends = at(seconds), at(seconds + 3600)
    body = f"""<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
<identifier>{identifier}</identifier><sender>bureau</sender>
<sent>{sent.isoformat(timespec="seconds")}</sent><status>Actual</status><msgType>{kind}</msgType><scope>Public</scope>
{f"<references>{refs}</references>" if refs else ""}<info><language>zh-CN</language><category>Met</category>
<event>暴雨</event><urgency>Immediate</urgency><severity>Severe</severity><certainty>Likely</certainty>
<expires>{ends.isoformat(timespec="seconds")}</expires><senderName>市气象台</senderName><headline>暴雨{colour}色预警</headline>
<area><areaDesc>全市</areaDesc>{area}</area></info></alert>"""
    keys = [ref.rsplit(",", 1)[0] for ref in refs.split()]
    conn.execute(
        text(
            """
INSERT INTO warning (sender, identifier, sent, msg_type, status, headline, severity, expires, body, received_at, refs)
VALUES ('bureau', :id, :sent, :kind, 'Actual', :headline, 'Severe', :ends, :body, :sent, :refs)
"""
        ),
        {
            "id": identifier,
            "sent": sent,
            "kind": kind,
            "headline": f"暴雨{colour}色预警",
            "ends": ends,
            "body": body,
            "refs": keys,
        },
    )


def reference(identifier: str, seconds: float) -> str:
    return f"bureau,{identifier},{at(seconds).isoformat(timespec='seconds')}"


def test_warning_is_one_alarm_through_its_whole_chain(conn: Connection) -> None:
    arm(conn, "outside_warning", {"level": 3})
    warn(conn, "w1", 0, "黄")
    assert judge(conn, 1) == [("bureau,w1", 3, "市气象台：暴雨黄色预警")]
    warn(conn, "w2", 60, "红", "Update", reference("w1", 0))
    assert judge(conn, 61) == [("bureau,w1", 1, "市气象台：暴雨红色预警")]
    warn(conn, "w3", 120, "红", "Cancel", f"{reference('w1', 0)} {reference('w2', 60)}")
    assert judge(conn, 121) == []
    assert events(conn) == [("raised", 3), ("worsened", 1), ("returned", 1)]


def test_warning_ends_with_its_time(conn: Connection) -> None:
    arm(conn, "outside_warning", {"level": 4})
    warn(conn, "w1", 0, "蓝")
    assert len(judge(conn, 10)) == 1
    assert judge(conn, 3601) == []


def test_warning_that_is_not_meant(conn: Connection) -> None:
    """Of another place, too mild, of another event."""
    circle = "<circle>10.0,10.0 5</circle>"
    arm(conn, "outside_warning", {"level": 3, "words": ["暴雨"]})
    warn(conn, "far", 0, "红", area=circle)
    warn(conn, "mild", 0, "蓝")
    assert judge(conn, 1) == []
    here = conn.execute(DISTRICT).one()
    warn(conn, "near", 0, "红", area=f"<circle>{here.lat:.5f},{here.lon:.5f} 0.2</circle>")
    assert [(thing, level) for thing, level, _ in judge(conn, 1)] == [("bureau,near", 1)]
    assert conn.scalar(text("SELECT district FROM alarm WHERE rule_id = 'trial'")) == here.code


# --- combination ------------------------------------------------------------------------------------------------------


def incident(
    conn: Connection, number: str, seconds: float, kind: str, lon: float, lat: float, status: str = "open"
) -> None:
    conn.execute(
        text(
            """
INSERT INTO incident (id, number, kind, level, status, titles, channel, district, opened_at, changed_at, opened_by,
  version, geom)
VALUES (gen_random_uuid(), :number, :kind, 3, :status, jsonb_build_object('zh', CAST(:number AS text) || '号',
  'en', 'No. ' || :number), 'desk', '329906', :time, :time, 'test', 1, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
"""
        ),
        {"number": number, "kind": kind, "status": status, "time": at(seconds), "lon": lon, "lat": lat},
    )


def test_this_while_that_holds_nearby(conn: Connection) -> None:
    place = conn.execute(text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM sensor WHERE id = 'wl-spare'")).one()
    arm(
        conn,
        "combination",
        {
            "level": 1,
            "radius_m": 500,
            "first": {"alarm_kinds": ["water_stage"]},
            "second": {"incident_kinds": ["gas_leak"]},
        },
    )
    conn.execute(text("UPDATE rule SET enabled = true WHERE id = 'water-stage'"))
    change(conn, 3, at(0))
    assert judge(conn, 1) == []
    incident(conn, "9001", 10, "gas_leak", place.lon + 0.05, place.lat)
    assert judge(conn, 11) == [], "some kilometres away"
    incident(conn, "9002", 20, "gas_leak", place.lon + 0.001, place.lat)
    [(thing, level, words)] = judge(conn, 21)
    assert (thing, level) == ("wl-spare", 1)
    assert "9002号" in words
    change(conn, None, at(30))
    assert judge(conn, 31) == []


def test_this_and_that_within_minutes(conn: Connection) -> None:
    arm(
        conn,
        "combination",
        {"within_s": 60, "first": {"incident_kinds": ["fire"]}, "second": {"incident_kinds": ["gas_leak"]}},
    )
    incident(conn, "9001", 0, "gas_leak", 119, 33)
    incident(conn, "9002", 300, "fire", 119.3, 33)
    assert judge(conn, 301) == []
    incident(conn, "9003", 301, "gas_leak", 119.4, 33)
    assert len(judge(conn, 302)) == 1


# --- near and cluster -------------------------------------------------------------------------------------------------

CALLS = {"incident_kinds": ["waterlogging"]}


def test_several_near_each_other_are_one_alarm_that_stays_where_it_began(conn: Connection) -> None:
    """Hand-counted: five within 300 m in half an hour; a sixth 5 km away does not count."""
    arm(
        conn,
        "near",
        {
            "events": CALLS,
            "radius_m": 300,
            "within_s": 1800,
            "steps": [{"level": 3, "count": 5}, {"level": 2, "count": 7}],
        },
    )
    for n in range(4):
        incident(conn, f"91{n}", n * 60, "waterlogging", 119 + n * 0.001, 33)
    incident(conn, "920", 100, "waterlogging", 119.05, 33)
    incident(conn, "921", 110, "fire", 119.002, 33)
    assert judge(conn, 300) == []
    incident(conn, "930", 310, "waterlogging", 119.004, 33)
    [(thing, level, words)] = judge(conn, 311)
    assert (level, words) == (3, "910号周边 300 米、30 分钟内共 5 起")
    for n in range(2):
        incident(conn, f"94{n}", 400 + n, "waterlogging", 119.003, 33.0005)
    assert judge(conn, 410)[0][:2] == (thing, 2)
    # the first ones are older than half an hour by now; the rest is still the same alarm
    assert judge(conn, 1810)[0][:2] == (thing, 3)
    assert judge(conn, 2300) == []
    assert [what for what, _ in events(conn)] == ["raised", "worsened", "eased", "returned"]


def test_alarm_of_a_place_says_what_lies_together(conn: Connection) -> None:
    arm(conn, "near", {"events": CALLS, "radius_m": 300, "within_s": 1800, "steps": [{"level": 3, "count": 3}]})
    for n in range(3):
        incident(conn, f"91{n}", n * 60, "waterlogging", 119 + n * 0.001, 33)
    for n in range(4):  # another group, and one that is in none
        incident(conn, f"95{n}", 90 + n, "waterlogging", 119.1 + n * 0.0001, 33)
    incident(conn, "920", 100, "waterlogging", 119.05, 33)
    assert len(judge(conn, 300)) == 2
    alarm = next(one for one in read_open_alarms(conn) if one["lon"] is not None and one["lon"] < 119.05)
    found = read_together(conn, alarm, at(300))
    assert found is not None
    assert (found["kind"], found["count"], found["radius_m"], found["p"]) == ("near", 3, 300, None)
    assert found["kinds"] == [{"type": "incident", "kind": "waterlogging", "count": 3}]
    assert [one["names"]["zh"] for one in found["members"]] == ["912号", "911号", "910号"]
    assert [one["distance_m"] for one in found["members"]] == [93, 0, 93]
    assert datetime.fromisoformat(found["until"]) - datetime.fromisoformat(found["since"]) == timedelta(minutes=30)
    assert read_together(conn, {**alarm, "thing": {**alarm["thing"], "type": "sensor"}}, at(300)) is None
    assert read_together(conn, {**alarm, "rule": "gone"}, at(300)) is None
    assert read_together(conn, alarm, at(4000)) is None, "by then they are too old"


def test_names_of_what_is_not_for_all_are_not_told(conn: Connection) -> None:
    arm(conn, "near", {"events": CALLS, "radius_m": 300, "steps": [{"level": 3, "count": 2}]})
    for n in range(2):
        incident(conn, f"91{n}", n, "waterlogging", 119, 33)
    conn.execute(text("UPDATE incident SET classification = 1"))
    assert [words for *_, words in judge(conn, 10)] == ["该处周边 300 米、30 分钟内共 2 起"]


def test_withdrawn_incidents_do_not_count(conn: Connection) -> None:
    arm(conn, "near", {"events": CALLS, "radius_m": 300, "steps": [{"level": 3, "count": 3}]})
    for n in range(3):
        incident(conn, f"91{n}", n, "waterlogging", 119, 33, "cancelled" if n == 0 else "open")
    assert judge(conn, 10) == []


def test_cluster_is_what_the_usual_does_not_explain(conn: Connection) -> None:
    """Twelve in a day where there was one a fortnight; as many where there always are that many are nothing."""
    here = conn.execute(DISTRICT).one()
    day = -86_400.0
    arm(conn, "cluster", {"events": CALLS, "usual_days": 60, "steps": 3, "replications": 199, "resolution": 8})
    for n in range(60):
        for k in range(4):
            incident(conn, f"u{n}-{k}", (n + 3.5) * day, "waterlogging", here.lon + 0.05, here.lat)
    for k in range(12):
        incident(conn, f"n{k}", 1.0 * day + k, "waterlogging", here.lon + 0.05, here.lat)
    assert judge(conn, 0) == []
    for k in range(12):
        incident(conn, f"x{k}", -3600.0 + k, "waterlogging", here.lon, here.lat)
    [(_, level, words)] = judge(conn, 1)
    assert level == 3
    assert "12 起" in words
    [alarm] = read_open_alarms(conn)
    found = read_together(conn, alarm, at(1))
    assert found is not None
    # none of the 199 random data sets had a likelier one: 1 in 200, and not the 0.01 that the rule tells of
    assert (found["kind"], found["count"], found["p"]) == ("cluster", 12, 0.005)
    assert found["expected"] is not None
    assert found["expected"] < 12
    assert {one["names"]["zh"][0] for one in found["members"]} == {"x"}


# --- all of them ------------------------------------------------------------------------------------------------------


def test_rule_that_fails_costs_itself_only(conn: Connection, camera: str) -> None:
    arm(conn, "video_event", FIRE)
    seen(conn, 0)
    seen(conn, 1)
    conn.execute(
        text(
            """
INSERT INTO rule (id, kind, alarm_kind, name_zh, name_en, watches, params, enabled, changed_at)
VALUES ('a-bad-one', 'geofence', 'limit', 'x', 'x', '{}',
  '{"polygon": {"type": "Polygon", "coordinates": "nothing"}}', true, now())
"""
        )
    )
    assert len(judge(conn, 10)) == 1
    assert conn.scalars(text("SELECT id FROM set_aside WHERE what = 'standing_rule'")).all() == ["a-bad-one"]


def test_level_is_told_once_and_nothing_twice(conn: Connection, camera: str) -> None:
    """A restart changes nothing: what was said stands in the alarms."""
    arm(conn, "video_event", FIRE)
    seen(conn, 0)
    seen(conn, 1)
    for second in (5, 6, 7):
        judge(conn, second)
    assert events(conn) == [("raised", 2)]
