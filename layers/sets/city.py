"""What the city owns and watches: assets (部件), facilities, cameras, sensors."""

from __future__ import annotations

from core.scope import seen, seen_asset
from core.vocabulary import table
from layers.sets.base import MIDDLE, SQUARE_OF_TILE, mvt
from layers.spec import LayerSpec, LegendItem

# below zoom 14 points are gathered into a grid of 64 cells a tile side: how many, and how many are not well
_KEPT = seen_asset("district", "dept")
_SEEN = seen("district", "classification")
_ASSET_TILE = f"""
SELECT {mvt()}, id, class, subclass, state, name_zh, name_en, 1 AS count, (state <> 'normal')::int AS faults
FROM asset, bounds WHERE geom && bounds.box AND :z >= 14 AND {_KEPT} UNION ALL
SELECT {MIDDLE}, NULL, NULL, NULL, NULL, NULL, NULL, count(*)::int, (count(*) FILTER (WHERE state <> 'normal'))::int
FROM asset, bounds WHERE geom && bounds.box AND :z < 14 AND {_KEPT}
GROUP BY bounds.tile, {SQUARE_OF_TILE}
"""

ASSETS = LayerSpec(
    id="assets",
    group="assets",
    title={"zh": "城市部件", "en": "City assets"},
    geometry="point",
    delivery="tiles",
    counted="asset",
    counted_seen=f"asset WHERE {_KEPT}",
    tile=_ASSET_TILE,
    scoped=True,
    visible=False,
    legend=(
        *(
            LegendItem(key, {"zh": row["zh"], "en": row["en"]}, f"asset-{key}")
            for key, row in table("asset_classes").items()
        ),
        LegendItem("fault", {"zh": "异常", "en": "Fault"}, "asset-fault"),
    ),
)

FACILITIES = LayerSpec(
    id="facilities",
    group="assets",
    title={"zh": "重点设施", "en": "Facilities"},
    geometry="point",
    delivery="features",
    min_zoom=13,
    counted="facility",
    counted_seen=f"facility WHERE {_SEEN}",
    features=(
        f"""
SELECT id, geom, jsonb_build_object('kind', kind, 'name_zh', name_zh, 'name_en', name_en, 'capacity', capacity) AS props
FROM facility WHERE {_SEEN}
"""
    ),
    legend=(
        LegendItem("rescue", {"zh": "医院、消防、公安", "en": "Hospital, fire, police"}, "facility-rescue"),
        LegendItem("sensitive", {"zh": "学校、养老", "en": "Schools, care homes"}, "facility-sensitive"),
        LegendItem("hazardous", {"zh": "危化品单位", "en": "Hazardous sites"}, "facility-hazardous"),
        LegendItem("other", {"zh": "其他", "en": "Other"}, "facility-other"),
    ),
)

CAMERAS = LayerSpec(
    id="cameras",
    group="video",
    title={"zh": "视频监控", "en": "Cameras"},
    geometry="point",
    delivery="features",
    min_zoom=13,
    visible=False,
    counted="camera",
    counted_seen=f"camera WHERE {_SEEN}",
    features=(
        f"""
SELECT id, geom, jsonb_build_object('name_zh', name_zh, 'name_en', name_en, 'heading', heading, 'fov', fov) AS props
FROM camera WHERE {_SEEN}
"""
    ),
    legend=(LegendItem("camera", {"zh": "摄像机", "en": "Camera"}, "camera"),),
)

SENSORS = LayerSpec(
    id="sensors",
    group="sensing",
    title={"zh": "传感器", "en": "Sensors"},
    geometry="point",
    delivery="live",
    counted="sensor WHERE status <> 'retired'",
    counted_seen=f"sensor WHERE status <> 'retired' AND {_SEEN}",
    updated="SELECT max(received_at) FROM sensor_state",
    updated_seen=f"SELECT max(received_at) FROM sensor_state JOIN sensor ON id = sensor_id WHERE {_SEEN}",
    features=(
        f"""
SELECT id, geom, jsonb_build_object('kind', kind, 'name_zh', name_zh, 'name_en', name_en, 'status', status) AS props
FROM sensor WHERE geom IS NOT NULL AND {_SEEN}
"""
    ),
    legend=(
        LegendItem("normal", {"zh": "正常", "en": "Normal"}, "sensor"),
        LegendItem("stale", {"zh": "无新数据", "en": "No fresh data"}, "stale"),
    ),
)

SET = (ASSETS, FACILITIES, SENSORS, CAMERAS)
