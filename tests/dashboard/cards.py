"""Cards as the server makes them, whole and typed, with what a test says about them."""

from __future__ import annotations

from typing import Any

from alerts.limits import Measure
from alerts.present import Alarm
from app.cards.nouns import (
    AlarmCard,
    AssetCard,
    CameraCard,
    Card,
    CardParts,
    FacilityCard,
    IncidentCard,
    NextStep,
    SensorCard,
    UnitCard,
    VideoEventCard,
)
from core.nouns import Risk
from core.viewer import Permission
from core.vocabulary import Text
from dispatch.present import Assignment, Incident, Unit
from dispatch.recommend import Recommended
from layers.assets import Asset
from layers.registers import Facility
from layers.sensors import Sensor
from layers.video import CameraWhole, VideoEvent

EVERY = frozenset(Permission)
MORNING = "2026-11-21T08:00:00Z"


def both(zh: str, en: str) -> Text:
    return {"zh": zh, "en": en}


def parts(identity: str, title: Text, **changes: Any) -> CardParts:
    plain: CardParts = {
        "id": identity,
        "title": title,
        "district_names": both("高淳区", "Gaochun"),
        "next": None,
        "recommendations": [],
        "acts": [],
        "around": None,
        "log": [],
        "people": {},
        "source": both("测试", "Test"),
    }
    return {**plain, **changes}  # type: ignore[typeddict-item]


RISK: Risk = {
    "score": 8.25,
    "band": {"level": 1, "low": 7.0, "high": 10.0},
    "q": 0.417,
    "confidence": 0.65,
    "words": both("一级告警：7 至 10 分。风险 8.3", "Level I alarm: 7 to 10. Risk 8.3"),
    "terms": [
        {"name": "hazard", "dimension": "hazard", "value": 8.0, "weight": 1, "text": both("致灾因子", "Hazard")},
        {"name": "coping", "dimension": "coping", "value": None, "weight": 1, "text": both("应对能力", "Coping")},
    ],
}
ACKNOWLEDGE: NextStep = {
    "action": "acknowledge",
    "label": both("确认告警", "Acknowledge"),
    "reason": both("尚无人确认", "Nobody has"),
    "method": "POST",
    "url": "/api/alarms/a1/acknowledge",
    "body": {},
}


def alarm_card(state: str = "unacknowledged", **changes: Any) -> AlarmCard:
    alarm: Alarm = {
        "id": "a1",
        "rule": "water-high",
        "kind": "water_level",
        "thing": {"type": "sensor", "id": "wl-1", "name": "北桥水位"},
        "names": both("北桥水位", "North Bridge"),
        "level": 1,
        "state": state,
        "active": True,
        "raised_at": MORNING,
        "changed_at": MORNING,
        "observed_at": MORNING,
        "metric": "water_level",
        "value": 3.42,
        "unit": "m",
        "message": both("水位 3.42 m", "Stage 3.42 m"),
        "risk": RISK,
        "incident": None,
        "acknowledged_by": None,
        "acknowledged_at": None,
        "shelved_until": None,
        "shelved_by": None,
        "shelved_reason": None,
        "useful": None,
        "owner": None,
        "escalated": None,
        "quiet_level": None,
        "line": "water:water",
        "muted": None,
        "chattering_since": None,
        "version": 1,
        "lon": 119.03,
        "lat": 31.36,
        "district": "320118",
    }
    title = both("北桥水位", "North Bridge")
    return {
        **parts("a1", title, **{"next": ACKNOWLEDGE, **changes}),
        "type": "alarm",
        "object": alarm,
        "risk": RISK,
        "judged": None,
        "measures": [],
        "together": None,
        "told": [],
    }


def assignment(**changes: Any) -> Assignment:
    plain: Assignment = {
        "id": "t1",
        "unit": "fire-01",
        "unit_names": both("消防01", "Fire 01"),
        "status": "assigned",
        "eta_s": 240.0,
        "distance_m": 1530.0,
        "assigned_at": MORNING,
        "accepted_at": None,
        "en_route_at": None,
        "on_scene_at": None,
        "clear_at": None,
    }
    return {**plain, **changes}  # type: ignore[typeddict-item]


def incident_card(
    status: str = "open", assignments: list[Assignment] | None = None, units: list[Recommended] | None = None
) -> IncidentCard:
    incident: Incident = {
        "id": "i1",
        "number": "20261121-0001",
        "kind": "flood",
        "level": 2,
        "status": status,
        "title": "积水",
        "titles": both("积水", "Flooding"),
        "text": None,
        "address": None,
        "channel": "desk",
        "opened_at": MORNING,
        "changed_at": MORNING,
        "ended_at": None,
        "in_danger": None,
        "risk": None,
        "assignments": assignments or [],
        "alarms": [],
        "version": 1,
        "lon": 119.0,
        "lat": 31.3,
        "district": "320118",
    }
    return {
        **parts("i1", both("积水", "Flooding"), recommendations=units or []),
        "type": "incident",
        "object": incident,
        "risk": None,
        "needed": ["water_rescue", "pumping"],
        "missing": ["pumping"] if assignments else ["water_rescue", "pumping"],
        "arrivals": {},
        "alarms": [],
        "judged": [],
        "rise": None,
    }


def recommended(eta_s: float = 100.0) -> Recommended:
    return {
        "unit": "fire-01",
        "kind": "fire",
        "names": both("消防01", "Fire 01"),
        "eta_s": eta_s,
        "distance_m": 1530.0,
        "capabilities": ["pumping"],
        "reasons": [both("最近", "Nearest"), both("空闲", "Free")],
    }


def judged_by(window_s: float = 0.0, **limits: float) -> Measure:
    """Limits by level: `l1=0.6`."""
    thresholds = {level.removeprefix("l"): limit for level, limit in limits.items()}
    function = "sum" if window_s else "last"
    return {
        "rule": "r",
        "metric": "water_level",
        "function": function,
        "window_s": window_s,
        "thresholds": thresholds,
    }


def sensor_card(values: dict[str, Any], measures: list[Measure] | None = None) -> SensorCard:
    sensor: Sensor = {
        "id": "wl-1",
        "kind": "water_level",
        "name": "水位",
        "names": both("水位", "Stage"),
        "status": "active",
        "interval_s": 60.0,
        "metrics": ["water_level"],
        "values": values,
        "heard_at": MORNING,
        "thresholds": {},
        "attributes": {},
        "source": "native",
        "first_seen_at": MORNING,
        "alarm_level": None,
        "lon": 119.03,
        "lat": 31.36,
        "district": "320118",
    }
    return {**parts("wl-1", both("水位", "Stage")), "type": "sensor", "object": sensor, "measures": measures or []}


def unit_card() -> UnitCard:
    unit: Unit = {
        "id": "fire-01",
        "kind": "fire",
        "name": "消防01",
        "names": both("消防01", "Fire 01"),
        "capabilities": ["fire"],
        "status": "available",
        "station": None,
        "lon": None,
        "lat": None,
        "heading": None,
        "speed": None,
        "battery": None,
        "seen_at": None,
        "incident": None,
    }
    return {**parts("fire-01", both("消防01", "Fire 01")), "type": "unit", "object": unit}


def video_event_card(**changes: Any) -> VideoEventCard:
    seen: VideoEvent = {
        "id": "cam-001/e1",
        "camera": "cam-001",
        "camera_names": both("北桥监控", "North Bridge Camera"),
        "event": "e1",
        "kind": "fire",
        "names": both("火情", "Fire"),
        "urgent": True,
        "score": 0.934,
        "zone": "东门",
        "time": MORNING,
        "ended_at": None,
        "quality": "good",
        "lon": 119.03,
        "lat": 31.36,
        "snapshot": "ab",
        "snapshot_url": "/api/pictures/ab.jpg",
        "thumbnail_url": "/api/pictures/ab/thumbnail.jpg",
    }
    shown: VideoEvent = {**seen, **changes}  # type: ignore[typeddict-item]
    title = both("火情 · 北桥监控", "Fire · North Bridge Camera")
    return {**parts("cam-001/e1", title), "type": "video_event", "object": shown, "incident": None}


def camera_card(**changes: Any) -> CameraCard:
    camera: CameraWhole = {
        "id": "cam-001",
        "name": "北桥监控",
        "names": both("北桥监控", "North Bridge Camera"),
        "lon": 119.03,
        "lat": 31.36,
        "heading": 90.0,
        "fov": 60.0,
        "district": "320118",
        "frame_at": MORNING,
        "event_at": None,
        "last_at": MORNING,
        "age_s": 20.0,
        "silent": False,
        "events": [video_event_card()["object"]],
        "picture": {
            "snapshot": "ab",
            "snapshot_url": "/api/pictures/ab.jpg",
            "thumbnail_url": "/api/pictures/ab/thumbnail.jpg",
            "label": None,
            "event": None,
            "received_at": MORNING,
        },
    }
    shown: CameraWhole = {**camera, **changes}  # type: ignore[typeddict-item]
    return {**parts("cam-001", both("北桥监控", "North Bridge Camera")), "type": "camera", "object": shown}


def facility_card() -> FacilityCard:
    facility: Facility = {
        "id": "school-1",
        "kind": "school",
        "names": both("一小", "School 1"),
        "capacity": None,
        "people_day": 900,
        "people_night": None,
        "attributes": {},
        "district": "320118",
        "lon": 119.03,
        "lat": 31.36,
    }
    return {**parts("school-1", both("一小", "School 1")), "type": "facility", "object": facility}


def asset_card() -> AssetCard:
    asset: Asset = {
        "id": "3201180101000001",
        "class": "01",
        "subclass": "0101",
        "names": both("上水井盖", "Water manhole cover"),
        "state": "normal",
        "dept": None,
        "owner_dept": None,
        "keeper_dept": None,
        "grid": None,
        "source": None,
        "note": None,
        "attributes": {},
        "version": 1,
        "changed_at": None,
        "installed": None,
        "district": "320118",
        "lon": 119.03,
        "lat": 31.36,
    }
    title = both("上水井盖", "Water manhole cover")
    return {**parts("3201180101000001", title), "type": "asset", "object": asset}


def every_card() -> list[Card]:
    """One of each type, with as little as may be known of it."""
    return [
        alarm_card(),
        incident_card(),
        sensor_card({}),
        unit_card(),
        video_event_card(lon=None, lat=None, zone=None, score=None, snapshot_url=None, thumbnail_url=None),
        camera_card(
            lon=None,
            lat=None,
            heading=None,
            district=None,
            frame_at=None,
            last_at=None,
            age_s=None,
            picture=None,
            events=[],
        ),
        facility_card(),
        asset_card(),
    ]
