"""What is going on: risk, incidents, alarms, units, what cameras see."""

from __future__ import annotations

from core.levels import alarm_level, capital, urgency
from core.scope import alarm_classification, seen, seen_area, seen_incident, seen_unit, unit_district
from core.vocabulary import ENDED_INCIDENT, sql_list, table
from core.warned import in_force
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

INCIDENTS = LayerSpec(
    id="incidents",
    of_all=True,
    group="incidents",
    title={"zh": "事件", "en": "Incidents"},
    geometry="point",
    delivery="live",
    counted=f"incident WHERE status NOT IN {sql_list(ENDED_INCIDENT)}",
    counted_seen=f"incident WHERE status NOT IN {sql_list(ENDED_INCIDENT)} AND {_SEEN_INCIDENT}",
    updated="SELECT max(changed_at) FROM incident",
    updated_seen=f"SELECT max(changed_at) FROM incident WHERE {_SEEN_INCIDENT}",
    features=(
        "SELECT id::text, geom, jsonb_build_object('number', number, 'kind', kind, 'level', level, "
        "'status', status, 'title', titles) AS props "
        f"FROM incident WHERE status NOT IN {sql_list(ENDED_INCIDENT)} AND geom IS NOT NULL "
        f"AND {_SEEN_INCIDENT}"
    ),
    legend=URGENCIES,
)

ALARMS = LayerSpec(
    id="alarms",
    of_all=True,
    group="incidents",
    title={"zh": "告警", "en": "Alarms"},
    geometry="point",
    delivery="live",
    counted="alarm WHERE state <> 'normal'",
    counted_seen=f"alarm WHERE state <> 'normal' AND {_SEEN_ALARM}",
    updated="SELECT max(changed_at) FROM alarm",
    updated_seen=f"SELECT max(changed_at) FROM alarm WHERE {_SEEN_ALARM}",
    features=(
        f"""
SELECT id::text, geom, jsonb_build_object('kind', kind, 'level', level, 'state', state, 'message', message) AS props
FROM alarm WHERE state <> 'normal' AND geom IS NOT NULL
  AND {_SEEN_ALARM}
"""
    ),
    legend=ALARM_LEVELS,
)

UNITS = LayerSpec(
    id="units",
    of_all=True,
    group="forces",
    title={"zh": "力量", "en": "Units"},
    geometry="point",
    delivery="live",
    counted="unit",
    counted_seen=f"unit u WHERE {_SEEN_UNIT}",
    updated="SELECT max(time) FROM unit_state",
    updated_seen=f"SELECT max(time) FROM unit_state JOIN unit u ON u.id = unit_id WHERE {_SEEN_UNIT}",
    features=(
        "SELECT u.id, COALESCE(ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326), u.home) AS geom, "
        "jsonb_build_object('kind', u.kind, 'status', u.status, 'name_zh', u.name_zh, 'name_en', u.name_en) AS props "
        "FROM unit u LEFT JOIN unit_state s ON s.unit_id = u.id "
        f"WHERE {_SEEN_UNIT}"
    ),
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
