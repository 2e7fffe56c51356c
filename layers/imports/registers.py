"""Our own registers as files fill them: urban components by their code (GB/T 30428.2), facilities, cameras, sensors,
units, buildings, streets, districts; what files call their fields, and the SQL that takes rows in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.vocabulary import Text, table
from layers.columns import ColumnType
from layers.imports.nouns import Unfit
from layers.imports.shapes import Family

ASSET_CODE = re.compile(r"\d{16}")
DISTRICT = "COALESCE((SELECT d.code FROM district d WHERE ST_Covers(d.geom, b.geom) LIMIT 1), '000000')"


@dataclass(frozen=True, slots=True)
class Known:
    """A field of a register: what else files call it; `words`: the vocabulary whose keys it holds, which files may say
    in either language; `several`: a list in one cell."""

    name: str
    type: ColumnType
    title: Text
    called: tuple[str, ...] = ()
    required: bool = False
    words: str = ""
    several: bool = False
    # of a number, the smallest there is
    least: float | None = None


@dataclass(frozen=True, slots=True)
class Register:
    """One of ours. `upsert` takes rows of `brought b` (key, props, geom) into `table t`; `like` narrows what is looked
    for as gone to things like those that the file has (SQL over a row `t`), `removable`: what is gone may be taken
    away. `rest`: fields of the file that the register has not are kept as attributes."""

    layer: str
    table: str
    key: str
    family: Family
    fields: tuple[Known, ...]
    upsert: str
    # what screens hear of it under another name (core.db.notify_change)
    told: str = ""
    like: str = "1"
    removable: bool = True
    rest: bool = False
    check: Callable[[dict[str, Any]], None] = lambda props: None


def known(name: str, zh: str, en: str, called: str = "", type_: ColumnType = "text", **more: Any) -> Known:
    return Known(name, type_, {"zh": zh, "en": en}, (zh, name, *called.split()), **more)


NAMES = (
    known("name_zh", "中文名称", "Chinese name", "名称 部件名称 设施名称 objname name 单位名称 简称", required=True),
    known("name_en", "英文名称", "English name", "name_en ename"),
)
CLASSED = known("classification", "数据级别", "Classification", "密级 级别", "integer")


def asset_code(props: dict[str, Any]) -> None:
    """Unfit where it is none; class and subclass are digits of it (GB/T 30428.2: region 6, class 2, subclass 2, serial
    6)."""
    code = str(props["id"])
    if not ASSET_CODE.fullmatch(code):
        raise Unfit("asset_code", got=repr(code[:40]))
    props.setdefault("class", code[6:8])
    props.setdefault("subclass", code[8:10])


def whole_number(props: dict[str, Any]) -> None:
    """The table's own number: 007 is 7."""
    if not re.fullmatch(r"\d{1,18}", str(props["id"])):
        raise Unfit("whole", got=repr(str(props["id"])[:40]))
    props["id"] = str(int(props["id"]))


def said(name: str, cast: str = "text") -> str:
    return f"CAST(b.props->>'{name}' AS {cast})"


def kept_or(name: str, *, column: str = "") -> str:
    """What the file says, else what is there."""
    return f"{column or name} = COALESCE(EXCLUDED.{column or name}, t.{column or name})"


def several(name: str) -> str:
    return f"ARRAY(SELECT jsonb_array_elements_text(COALESCE(b.props->'{name}', '[]')))"


# ends of streets that lie nearer together than this are one junction, degrees (about 0.1 m)
JUNCTION = 1e-6
SPEED = f"""
COALESCE({said("speed_kmh", "float8")}, o.speed_kmh, CASE {said("class")}
  {" ".join(f"WHEN '{key}' THEN {row['speed_kmh']}" for key, row in table("street_classes").items())} END)
"""


def junction(end: str) -> str:
    """The number of the junction at an end of a line: that of a street which is there, else one made of the place."""
    return f"""
COALESCE((SELECT CASE WHEN ST_DWithin(ST_StartPoint(s.geom), {end}, {JUNCTION}) THEN s.from_node ELSE s.to_node END
    FROM street s WHERE s.geom && ST_Expand({end}, {JUNCTION}) AND s.class <> 'rail'
      AND (ST_DWithin(ST_StartPoint(s.geom), {end}, {JUNCTION}) OR ST_DWithin(ST_EndPoint(s.geom), {end}, {JUNCTION}))
    ORDER BY s.id LIMIT 1),
  (round((ST_X({end}) + 180) / {JUNCTION}) * 180000001 + round((ST_Y({end}) + 90) / {JUNCTION}))::bigint)
"""


REGISTERS: Mapping[str, Register] = {
    one.layer: one
    for one in (
        Register(
            "assets",
            "asset",
            "id",
            "point",
            (
                known("id", "标识码", "Code", "部件编码 部件标识码 编码 编号 objid bjbm code", required=True),
                *NAMES,
                known("class", "大类代码", "Class", "大类 大类编码"),
                known("subclass", "小类代码", "Subclass", "小类 小类编码"),
                known("state", "部件状态", "State", "状态 objstate 现状", words="asset_states"),
                known("dept", "主管部门", "In charge", "主管部门名称 deptname1 deptcode1 主管部门代码"),
                known("owner_dept", "权属单位", "Owner", "权属部门 权属单位名称 deptname2 deptcode2 权属"),
                known("keeper_dept", "养护单位", "Keeper", "养护部门 养护单位名称 deptname3 deptcode3 养护"),
                known("grid", "单元网格", "Grid cell", "所在单元网格 bgid 网格编码 网格编号 单元网格编码"),
                known("installed", "安装日期", "Installed", "初始时间 ordate 建成日期 安装时间", "date"),
                known("source", "数据来源", "Source", "datasource 来源"),
                known("note", "备注", "Note", "说明 remark"),
            ),
            f"""
INSERT INTO asset AS t (id, class, subclass, name_zh, name_en, state, dept, owner_dept, keeper_dept, grid, installed,
  source, note, attributes, district, geom)
SELECT b.key, {said("class")}, {said("subclass")}, {said("name_zh")},
  COALESCE({said("name_en")}, o.name_en, {said("name_zh")}), COALESCE({said("state")}, o.state, 'normal'),
  {said("dept")}, {said("owner_dept")}, {said("keeper_dept")}, {said("grid")}, {said("installed", "date")},
  {said("source")}, {said("note")}, COALESCE(b.props->'attributes', '{{}}'), left(b.key, 6), b.geom
FROM brought b LEFT JOIN asset o ON o.id = b.key
ON CONFLICT (id) DO UPDATE SET class = EXCLUDED.class, subclass = EXCLUDED.subclass, name_zh = EXCLUDED.name_zh,
  name_en = EXCLUDED.name_en, state = EXCLUDED.state, {kept_or("dept")}, {kept_or("owner_dept")},
  {kept_or("keeper_dept")}, {kept_or("grid")}, {kept_or("installed")}, {kept_or("source")}, {kept_or("note")},
  attributes = t.attributes || EXCLUDED.attributes, district = EXCLUDED.district, geom = EXCLUDED.geom
""",
            like="t.district || t.class || t.subclass",
            rest=True,
            check=asset_code,
        ),
        Register(
            "facilities",
            "facility",
            "id",
            "point",
            (
                known("id", "编号", "Id", "编码 代码 code 设施编号", required=True),
                *NAMES,
                known("kind", "类别", "Kind", "类型 设施类别 设施类型 type", required=True, words="facility_kinds"),
                known("capacity", "容量", "Capacity", "容纳人数 床位 座位", "integer", least=0),
                known("people_day", "日间人数", "People by day", "人数 白天人数", "integer", least=0),
                known("people_night", "夜间人数", "People by night", "夜晚人数", "integer"),
                CLASSED,
            ),
            f"""
INSERT INTO facility AS t (id, kind, name_zh, name_en, capacity, people_day, people_night, district, attributes, geom,
  classification)
SELECT b.key, {said("kind")}, {said("name_zh")}, COALESCE({said("name_en")}, o.name_en, {said("name_zh")}),
  {said("capacity", "int")}, {said("people_day", "int")}, {said("people_night", "int")}, {DISTRICT},
  COALESCE(b.props->'attributes', '{{}}'), b.geom, COALESCE({said("classification", "smallint")}, o.classification, 0)
FROM brought b LEFT JOIN facility o ON o.id = b.key
ON CONFLICT (id) DO UPDATE SET kind = EXCLUDED.kind, name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en,
  {kept_or("capacity")}, {kept_or("people_day")}, {kept_or("people_night")}, district = EXCLUDED.district,
  attributes = t.attributes || EXCLUDED.attributes, geom = EXCLUDED.geom, classification = EXCLUDED.classification
""",
            like="t.kind",
            rest=True,
        ),
        Register(
            "cameras",
            "camera",
            "id",
            "point",
            (
                known("id", "编号", "Id", "摄像机编号 国标编码 编码 code", required=True),
                *NAMES,
                known("heading", "朝向", "Heading", "方位角 方向", "number"),
                known("fov", "视场角", "Field of view", "视角", "number"),
                CLASSED,
            ),
            f"""
INSERT INTO camera AS t (id, name_zh, name_en, heading, fov, district, geom, classification)
SELECT b.key, {said("name_zh")}, COALESCE({said("name_en")}, o.name_en, {said("name_zh")}), {said("heading", "float8")},
  {said("fov", "float8")}, {DISTRICT}, b.geom, COALESCE({said("classification", "smallint")}, o.classification, 0)
FROM brought b LEFT JOIN camera o ON o.id = b.key
ON CONFLICT (id) DO UPDATE SET name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en, {kept_or("heading")},
  {kept_or("fov")}, district = EXCLUDED.district, geom = EXCLUDED.geom, classification = EXCLUDED.classification
""",
            told="video_event",
            removable=False,
        ),
        Register(
            "sensors",
            "sensor",
            "id",
            "point",
            (
                known("id", "编号", "Id", "设备编号 传感器编号 编码 code", required=True),
                *NAMES,
                known("kind", "类别", "Kind", "类型 设备类型 kind type", required=True, words="sensor_kinds"),
                known("metrics", "指标", "Metrics", "监测指标 metric", several=True),
                known("interval_s", "上报间隔", "Interval in seconds", "上报间隔秒 间隔", "number", least=1),
                CLASSED,
            ),
            f"""
INSERT INTO sensor AS t (id, kind, name_zh, name_en, status, interval_s, metrics, thresholds, attributes, district,
  geom, first_seen_at, classification)
SELECT b.key, {said("kind")}, {said("name_zh")}, COALESCE({said("name_en")}, o.name_en, {said("name_zh")}), 'active',
  {said("interval_s", "float8")}, {several("metrics")}, '{{}}', COALESCE(b.props->'attributes', '{{}}'), {DISTRICT},
  b.geom, :now, COALESCE({said("classification", "smallint")}, o.classification, 0)
FROM brought b LEFT JOIN sensor o ON o.id = b.key
ON CONFLICT (id) DO UPDATE SET kind = EXCLUDED.kind, name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en,
  {kept_or("interval_s")},
  metrics = CASE WHEN EXCLUDED.metrics = '{{}}' THEN t.metrics ELSE EXCLUDED.metrics END,
  attributes = t.attributes || EXCLUDED.attributes, district = EXCLUDED.district, geom = EXCLUDED.geom,
  classification = EXCLUDED.classification
""",
            told="sensor",
            removable=False,
            rest=True,
        ),
        Register(
            "units",
            "unit",
            "id",
            "point",
            (
                known("id", "编号", "Id", "力量编号 车牌 呼号 编码 code", required=True),
                *NAMES,
                known("kind", "类别", "Kind", "类型 队伍类别 kind type", required=True, words="unit_kinds"),
                known("capabilities", "能力", "Capabilities", "专长 能力清单", words="capabilities", several=True),
                known("station", "驻地", "Station", "驻地名称 站点 单位"),
            ),
            f"""
INSERT INTO unit AS t (id, kind, name_zh, name_en, capabilities, status, status_at, station, home)
SELECT b.key, {said("kind")}, {said("name_zh")}, COALESCE({said("name_en")}, o.name_en, {said("name_zh")}),
  {several("capabilities")}, 'available', :now, {said("station")}, b.geom
FROM brought b LEFT JOIN unit o ON o.id = b.key ORDER BY b.key COLLATE "C"
ON CONFLICT (id) DO UPDATE SET kind = EXCLUDED.kind, name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en,
  capabilities = CASE WHEN EXCLUDED.capabilities = '{{}}' THEN t.capabilities ELSE EXCLUDED.capabilities END,
  {kept_or("station")}, home = EXCLUDED.home
""",
            told="unit",
            removable=False,
        ),
        Register(
            "buildings",
            "building",
            "id",
            "polygon",
            (
                known("id", "编号", "Id", "楼栋编号 建筑编号 编码 code", required=True),
                known("name_zh", "名称", "Chinese name", "楼栋名称 建筑名称 name"),
                known("name_en", "英文名称", "English name"),
                known("kind", "类别", "Kind", "类型 用途 kind type", required=True),
                known("height_m", "高度", "Height", "楼高 height 建筑高度", "number"),
                known("people_day", "日间人数", "People by day", "白天人数", "integer"),
                known("people_night", "夜间人数", "People by night", "夜晚人数 居住人数", "integer"),
            ),
            f"""
INSERT INTO building AS t (id, kind, name_zh, name_en, height_m, people_day, people_night, geom, center)
SELECT CAST(b.key AS bigint), {said("kind")}, {said("name_zh")}, {said("name_en")}, {said("height_m", "float8")},
  {said("people_day", "int")}, {said("people_night", "int")}, b.geom, ST_PointOnSurface(b.geom)
FROM brought b
ON CONFLICT (id) DO UPDATE SET kind = EXCLUDED.kind, {kept_or("name_zh")}, {kept_or("name_en")},
  {kept_or("height_m")}, {kept_or("people_day")}, {kept_or("people_night")}, geom = EXCLUDED.geom,
  center = EXCLUDED.center
""",
            removable=False,
            check=whole_number,
        ),
        Register(
            "streets",
            "street",
            "id",
            "line",
            (
                known("id", "编号", "Id", "道路编号 路段编号 编码 code", required=True),
                known("name_zh", "道路名称", "Chinese name", "名称 路名 name"),
                known("name_en", "英文名称", "English name"),
                known("class", "道路等级", "Class", "等级 类别 道路类型", required=True, words="street_classes"),
                known("oneway", "单行", "One way", "是否单行 单行线", "boolean"),
                known("speed_kmh", "限速", "Speed limit (km/h)", "限速值 设计时速 speed", "number", least=0),
                known("bridge", "桥梁", "Bridge", "是否桥梁", "boolean"),
                known("tunnel", "隧道", "Tunnel", "是否隧道", "boolean"),
            ),
            f"""
INSERT INTO street AS t (id, name_zh, name_en, class, oneway, speed_kmh, bridge, tunnel, from_node, to_node, length_m,
  geom)
SELECT b.id, {said("name_zh")}, {said("name_en")}, {said("class")}, COALESCE({said("oneway", "bool")}, o.oneway, false),
  {SPEED}, COALESCE({said("bridge", "bool")}, o.bridge, false), COALESCE({said("tunnel", "bool")}, o.tunnel, false),
  {junction("ST_StartPoint(b.geom)")}, {junction("ST_EndPoint(b.geom)")}, ST_Length(b.geom::geography), b.geom
FROM (SELECT CAST(key AS bigint) AS id, props, geom FROM brought) AS b LEFT JOIN street o ON o.id = b.id
ON CONFLICT (id) DO UPDATE SET {kept_or("name_zh")}, {kept_or("name_en")}, class = EXCLUDED.class,
  oneway = EXCLUDED.oneway, speed_kmh = EXCLUDED.speed_kmh, bridge = EXCLUDED.bridge, tunnel = EXCLUDED.tunnel,
  from_node = EXCLUDED.from_node, to_node = EXCLUDED.to_node, length_m = EXCLUDED.length_m, geom = EXCLUDED.geom
""",
            removable=False,
            check=whole_number,
        ),
        Register(
            "districts",
            "district",
            "code",
            "polygon",
            (
                known("id", "行政区划代码", "Code", "区划代码 代码 编码 code adcode", required=True),
                *NAMES,
                known("population", "人口", "Population", "常住人口", "integer", least=0),
            ),
            f"""
INSERT INTO district AS t (code, name_zh, name_en, population, geom)
SELECT b.key, {said("name_zh")}, COALESCE({said("name_en")}, o.name_en, {said("name_zh")}),
  {said("population", "int")}, b.geom
FROM brought b LEFT JOIN district o ON o.code = b.key
ON CONFLICT (code) DO UPDATE SET name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en, {kept_or("population")},
  geom = EXCLUDED.geom
""",
            removable=False,
        ),
    )
}
