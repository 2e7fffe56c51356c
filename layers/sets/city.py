"""What the city owns and watches: assets (部件), facilities, cameras, sensors."""

from __future__ import annotations

from core.scope import seen, seen_asset
from core.vocabulary import table
from layers.collection import DISTRICT, NAMES, Collection, values_of
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

ASSETS = LayerSpec.of(
    Collection(
        "assets",
        {"zh": "城市部件", "en": "City assets"},
        "asset",
        key="id",
        sight=_KEPT,
        thing="asset",
        version="version",
        # a component comes into the register and leaves it by a file: its code says its class and district
        edits=frozenset({"PATCH"}),
        values=values_of(
            ("code", "text", "标识码", "Code", "id"),
            ("class", "text", "大类", "Class", "class"),
            ("subclass", "text", "小类", "Subclass", "subclass"),
            *NAMES,
            ("state", "text", "状态", "State", "state"),
            ("dept", "text", "主管部门", "Department in charge", "dept"),
            ("owner_dept", "text", "权属单位", "Owner", "owner_dept"),
            ("keeper_dept", "text", "养护单位", "Keeper", "keeper_dept"),
            ("grid", "text", "单元网格", "Grid cell", "grid"),
            ("note", "text", "备注", "Note", "note"),
            ("installed", "date", "安装日期", "Installed", "installed"),
            DISTRICT,
        ),
    ),
    group="assets",
    geometry="point",
    delivery="tiles",
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

FACILITIES = LayerSpec.of(
    Collection(
        "facilities",
        {"zh": "重点设施", "en": "Facilities"},
        "facility",
        key="id",
        sight=_SEEN,
        thing="facility",
        values=values_of(
            ("kind", "text", "类别", "Kind", "kind"),
            *NAMES,
            ("capacity", "integer", "容量", "Capacity", "capacity"),
            ("people_day", "integer", "日间人数", "People by day", "people_day"),
            ("people_night", "integer", "夜间人数", "People by night", "people_night"),
            DISTRICT,
        ),
    ),
    group="assets",
    geometry="point",
    delivery="features",
    min_zoom=13,
    legend=(
        LegendItem("rescue", {"zh": "医院、消防、公安", "en": "Hospital, fire, police"}, "facility-rescue"),
        LegendItem("sensitive", {"zh": "学校、养老", "en": "Schools, care homes"}, "facility-sensitive"),
        LegendItem("hazardous", {"zh": "危化品单位", "en": "Hazardous sites"}, "facility-hazardous"),
        LegendItem("other", {"zh": "其他", "en": "Other"}, "facility-other"),
    ),
)

CAMERAS = LayerSpec.of(
    Collection(
        "cameras",
        {"zh": "视频监控", "en": "Cameras"},
        "camera",
        key="id",
        sight=_SEEN,
        thing="camera",
        values=values_of(
            *NAMES,
            ("heading", "number", "朝向（°）", "Heading (°)", "heading"),
            ("fov", "number", "视角（°）", "Field of view (°)", "fov"),
            DISTRICT,
        ),
    ),
    group="video",
    geometry="point",
    delivery="features",
    min_zoom=13,
    visible=False,
    legend=(LegendItem("camera", {"zh": "摄像机", "en": "Camera"}, "camera"),),
)

SENSORS = LayerSpec.of(
    Collection(
        "sensors",
        {"zh": "传感器", "en": "Sensors"},
        "sensor",
        key="id",
        among="status <> 'retired'",
        sight=_SEEN,
        thing="sensor",
        values=values_of(
            ("kind", "text", "类别", "Kind", "kind"), *NAMES, ("status", "text", "状态", "Status", "status"), DISTRICT
        ),
    ),
    group="sensing",
    geometry="point",
    delivery="live",
    updated="SELECT max(received_at) FROM sensor_state",
    updated_seen=f"SELECT max(received_at) FROM sensor_state JOIN sensor ON id = sensor_id WHERE {_SEEN}",
    legend=(
        LegendItem("normal", {"zh": "正常", "en": "Normal"}, "sensor"),
        LegendItem("stale", {"zh": "无新数据", "en": "No fresh data"}, "stale"),
    ),
)

SET = (ASSETS, FACILITIES, SENSORS, CAMERAS)
