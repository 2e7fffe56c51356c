"""What is going on: risk, incidents, alarms, units, what cameras see."""

from __future__ import annotations

from core.levels import alarm_level, capital, urgency
from core.scope import alarm_classification, seen, seen_area, seen_incident, seen_unit, unit_district
from core.vocabulary import ENDED_INCIDENT, sql_list, table
from core.warned import in_force
from layers.collection import DISTRICT, NAMES, Collection, values_of
from layers.spec import LayerSpec, LegendItem

ALARM_LEVELS = tuple(LegendItem(key, capital(alarm_level(int(key))), f"level-{key}") for key in table("levels"))
URGENCIES = tuple(LegendItem(key, capital(urgency(int(key))), f"level-{key}") for key in table("levels"))
RISKS = tuple(
    LegendItem(key, {"zh": row["zh"], "en": row["en"]}, f"level-{key}") for key, row in table("risk_levels").items()
)

_SEEN_INCIDENT = seen_incident("incident.id", "district", "classification")
_SEEN_ALARM = seen_incident("alarm.incident_id", "district", alarm_classification("alarm.thing_type", "alarm.thing_id"))
_SEEN_UNIT = seen_unit("u.id", unit_district("u.station", "u.home"))
_OF_CAMERA = "video_event v LEFT JOIN camera c ON c.id = v.camera_id"
_SEEN_CAMERA = seen("c.district", "COALESCE(c.classification, 0)")

RISK_CELLS = LayerSpec(
    id="risk_cells",
    group="risk",
    title={"zh": "风险热区", "en": "Risk"},
    geometry="hex",
    delivery="live",
    counted="risk_cell WHERE level IS NOT NULL",
    counted_seen=f"risk_cell WHERE level IS NOT NULL AND {seen_area('districts')}",
    updated="SELECT max(scored_at) FROM risk_cell",
    updated_seen=f"SELECT max(scored_at) FROM risk_cell WHERE {seen_area('districts')}",
    legend=RISKS,
)

INCIDENTS = LayerSpec.of(
    Collection(
        "incidents",
        {"zh": "事件", "en": "Incidents"},
        "incident",
        key="incident.id::text",
        among=f"status NOT IN {sql_list(ENDED_INCIDENT)}",
        sight=_SEEN_INCIDENT,
        of_all=True,
        thing="incident",
        names=("titles->>'zh'", "titles->>'en'"),
        time="opened_at",
        values=values_of(
            ("number", "text", "编号", "Number", "number"),
            ("kind", "text", "类别", "Kind", "kind"),
            ("level", "integer", "紧急程度", "Urgency", "level"),
            ("status", "text", "状态", "Status", "status"),
            ("title_zh", "text", "标题", "Title", "titles->>'zh'"),
            ("address", "text", "地址", "Address", "address"),
            ("opened_at", "time", "接报时间", "Opened", "opened_at"),
            DISTRICT,
        ),
    ),
    group="incidents",
    geometry="point",
    delivery="live",
    updated="SELECT max(changed_at) FROM incident",
    updated_seen=f"SELECT max(changed_at) FROM incident WHERE {_SEEN_INCIDENT}",
    legend=URGENCIES,
)

ALARMS = LayerSpec.of(
    Collection(
        "alarms",
        {"zh": "告警", "en": "Alarms"},
        "alarm",
        key="alarm.id::text",
        among="state <> 'normal'",
        sight=_SEEN_ALARM,
        of_all=True,
        thing="alarm",
        names=("message->>'zh'", "message->>'en'"),
        time="raised_at",
        values=values_of(
            ("kind", "text", "类别", "Kind", "kind"),
            ("level", "integer", "级别", "Level", "level"),
            ("state", "text", "状态", "State", "state"),
            ("message_zh", "text", "内容", "Message", "message->>'zh'"),
            ("raised_at", "time", "告警时间", "Raised", "raised_at"),
            DISTRICT,
        ),
    ),
    group="incidents",
    geometry="point",
    delivery="live",
    updated="SELECT max(changed_at) FROM alarm",
    updated_seen=f"SELECT max(changed_at) FROM alarm WHERE {_SEEN_ALARM}",
    legend=ALARM_LEVELS,
)

UNITS = LayerSpec.of(
    Collection(
        "units",
        {"zh": "力量", "en": "Units"},
        "(SELECT u.*, COALESCE(ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326), u.home) AS geom, s.time AS seen_at "
        "FROM unit u LEFT JOIN unit_state s ON s.unit_id = u.id) AS u",
        key="u.id",
        sight=_SEEN_UNIT,
        of_all=True,
        thing="unit",
        time="seen_at",
        values=values_of(
            ("kind", "text", "类别", "Kind", "kind"),
            *NAMES,
            ("status", "text", "状态", "Status", "status"),
            ("seen_at", "time", "定位时间", "Position heard", "seen_at"),
        ),
    ),
    group="forces",
    geometry="point",
    delivery="live",
    updated="SELECT max(time) FROM unit_state",
    updated_seen=f"SELECT max(time) FROM unit_state JOIN unit u ON u.id = unit_id WHERE {_SEEN_UNIT}",
    legend=tuple(
        LegendItem(key, {"zh": row["zh"], "en": row["en"]}, f"unit-{key}") for key, row in table("unit_kinds").items()
    ),
)

VIDEO_EVENTS = LayerSpec(
    id="video_events",
    group="video",
    title={"zh": "视频线索", "en": "Video clues"},
    geometry="point",
    delivery="live",
    counted="video_event WHERE time > now() - interval '60 minutes'",
    counted_seen=f"{_OF_CAMERA} WHERE v.time > now() - interval '60 minutes' AND {_SEEN_CAMERA}",
    updated="SELECT max(time) FROM video_event",
    updated_seen=f"SELECT max(v.time) FROM {_OF_CAMERA} WHERE {_SEEN_CAMERA}",
    features=(
        "SELECT v.camera_id || '/' || v.event_id AS id, "
        "COALESCE(CASE WHEN v.quality <> 'outside' THEN v.geom END, c.geom, v.geom) AS geom, "
        "jsonb_build_object('camera', v.camera_id, 'kind', v.kind, 'score', v.score, 'zone', v.zone, "
        "'time', v.time, 'ended_at', v.ended_at) AS props "
        f"FROM {_OF_CAMERA} "
        "WHERE v.time > now() - interval '60 minutes' AND COALESCE(v.geom, c.geom) IS NOT NULL "
        f"AND {_SEEN_CAMERA}"
    ),
    legend=(
        LegendItem("urgent", {"zh": "火情、烟雾、积水等", "en": "Fire, smoke, water …"}, "video-urgent"),
        LegendItem("quiet", {"zh": "其他识别", "en": "Anything else"}, "video"),
    ),
)

WARNINGS = LayerSpec(
    id="warnings",
    group="risk",
    title={"zh": "外部预警", "en": "Outside warnings"},
    geometry="polygon",
    delivery="live",
    counted=f"({in_force('now()')}) AS w",
    updated="SELECT max(received_at) FROM warning",
    legend=tuple(
        LegendItem(key, {"zh": row["zh"], "en": row["en"]}, f"level-{key}")
        for key, row in table("warning_levels").items()
    ),
)

SET = (RISK_CELLS, WARNINGS, INCIDENTS, ALARMS, UNITS, VIDEO_EVENTS)
