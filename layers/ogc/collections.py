"""Layers as collections of OGC API Features (OGC 17-069r4): ours and the city's own, each compiled from its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from core.scope import (
    EVERYTHING,
    Scope,
    alarm_classification,
    seen,
    seen_asset,
    seen_incident,
    seen_unit,
    unit_district,
)
from core.vocabulary import ENDED_INCIDENT, Text, sql_list
from layers.columns import CASTS, Column, ColumnType, with_role
from layers.own import OwnLayer, need_layer, prop, quoted, read_layers
from layers.served import LAYERS

Values = tuple[tuple[Column, str], ...]
# what a row of a layer of the city's own is to cards and search, by the layer and its number
ROW = "row"


@dataclass(frozen=True, slots=True)
class Collection:
    """`source` is what stands behind FROM; `key` the SQL of a feature's id, unique and in a total order, of which
    `key_cast` is the type; `values` the columns with their SQL; `seen` what of it a scope sees (core.scope). `time`:
    the moment a feature is of, where it has one. `thing`: what its features are to cards and search; `names`: the SQL
    of what they are called in Chinese and English; `stands`: of the place by which one is in an area or not."""

    id: str
    title: Text
    source: str
    key: str
    seen: str
    values: Values
    thing: str
    names: tuple[str, str] = ("name_zh", "name_en")
    stands: str = "geom"
    geom: str = "geom"
    key_cast: str = "text"
    time: str | None = None
    of_all: bool = False
    # whether its rows have a shape at all
    drawn: bool = True
    # SQL of a feature's version, which every change moves on
    version: str | None = None
    # by which methods of HTTP its features are changed (OGC 20-002)
    edits: frozenset[str] = frozenset()
    # what of a row goes out as a file, where that is not its columns
    taken: Values | None = None

    @property
    def outgoing(self) -> Values:
        """What of a row goes out as a file: its columns, and its id where no column is that."""
        if self.taken is not None:
            return self.taken
        if any(sql == self.key for _, sql in self.values):
            return self.values
        return ((CODE, f"({self.key})::text"), *self.values)

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(column for column, _ in self.values)

    @property
    def geometry(self) -> str:
        """What its place is called among the queryables."""
        name = "geometry"
        while self.sql_of(name) is not None:
            name += "_"
        return name

    def sql_of(self, name: str) -> str | None:
        """The SQL of a column by its name."""
        return next((sql for column, sql in self.values if column.name == name), None)


# as our registers take it in again (layers.imports.registers)
CODE = Column("code", "text", {"zh": "编号", "en": "Code"}, "key")
# name, type, Chinese, English, SQL
Told = tuple[str, ColumnType, str, str, str]


def _values(*told: Told) -> Values:
    return tuple((Column(name, kind, {"zh": zh, "en": en}), sql) for name, kind, zh, en, sql in told)


NAMES: tuple[Told, ...] = (
    ("name_zh", "text", "名称", "Name", "name_zh"),
    ("name_en", "text", "英文名称", "English name", "name_en"),
)
DISTRICT: Told = ("district", "text", "行政区", "District", "district")
ALL = "true"


def _area(layer: str) -> Collection:
    return Collection(
        id=layer,
        title=LAYERS[layer].title,
        source=f"(SELECT * FROM area WHERE layer = '{layer}') AS a",
        key="id",
        key_cast="bigint",
        seen=ALL,
        of_all=True,
        thing="area",
        values=_values(("kind", "text", "类别", "Kind", "kind"), *NAMES),
    )


OURS: tuple[Collection, ...] = (
    Collection(
        id="districts",
        title=LAYERS["districts"].title,
        source="district",
        key="code",
        seen=ALL,
        of_all=True,
        thing="district",
        values=_values(
            ("code", "text", "代码", "Code", "code"),
            *NAMES,
            ("population", "integer", "人口", "Population", "population"),
        ),
    ),
    Collection(
        id="streets",
        title=LAYERS["streets"].title,
        source="street",
        key="id",
        key_cast="bigint",
        seen=ALL,
        of_all=True,
        thing="street",
        values=_values(
            *NAMES,
            ("class", "text", "等级", "Class", "class"),
            ("oneway", "boolean", "单行", "One way", "oneway"),
            ("speed_kmh", "number", "限速（km/h）", "Speed limit (km/h)", "speed_kmh"),
            ("bridge", "boolean", "桥梁", "Bridge", "bridge"),
            ("tunnel", "boolean", "隧道", "Tunnel", "tunnel"),
            ("length_m", "number", "长度（m）", "Length (m)", "length_m"),
        ),
    ),
    Collection(
        id="buildings",
        title=LAYERS["buildings"].title,
        source="building",
        key="id",
        key_cast="bigint",
        seen=ALL,
        of_all=True,
        thing="building",
        # as people in it are counted (core.exposure)
        stands="center",
        values=_values(
            ("kind", "text", "用途", "Use", "kind"),
            *NAMES,
            ("height_m", "number", "高度（m）", "Height (m)", "height_m"),
        ),
    ),
    _area("water"),
    _area("green"),
    Collection(
        id="assets",
        title=LAYERS["assets"].title,
        source="asset",
        key="id",
        thing="asset",
        seen=seen_asset("district", "dept"),
        version="version",
        # a component comes into the register and leaves it by a file: its code says its class and district
        edits=frozenset({"PATCH"}),
        values=_values(
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
    Collection(
        id="facilities",
        title=LAYERS["facilities"].title,
        source="facility",
        key="id",
        thing="facility",
        seen=seen("district", "classification"),
        values=_values(
            ("kind", "text", "类别", "Kind", "kind"),
            *NAMES,
            ("capacity", "integer", "容量", "Capacity", "capacity"),
            ("people_day", "integer", "日间人数", "People by day", "people_day"),
            ("people_night", "integer", "夜间人数", "People by night", "people_night"),
            DISTRICT,
        ),
    ),
    Collection(
        id="cameras",
        title=LAYERS["cameras"].title,
        source="camera",
        key="id",
        thing="camera",
        seen=seen("district", "classification"),
        values=_values(
            *NAMES,
            ("heading", "number", "朝向（°）", "Heading (°)", "heading"),
            ("fov", "number", "视角（°）", "Field of view (°)", "fov"),
            DISTRICT,
        ),
    ),
    Collection(
        id="sensors",
        title=LAYERS["sensors"].title,
        source="sensor",
        key="id",
        thing="sensor",
        seen=f"status <> 'retired' AND {seen('district', 'classification')}",
        values=_values(
            ("kind", "text", "类别", "Kind", "kind"), *NAMES, ("status", "text", "状态", "Status", "status"), DISTRICT
        ),
    ),
    Collection(
        id="units",
        title=LAYERS["units"].title,
        source=(
            "(SELECT u.*, COALESCE(ST_SetSRID(ST_MakePoint(s.lon, s.lat), 4326), u.home) AS geom, s.time AS seen_at "
            "FROM unit u LEFT JOIN unit_state s ON s.unit_id = u.id) AS u"
        ),
        key="u.id",
        seen=seen_unit("u.id", unit_district("u.station", "u.home")),
        of_all=True,
        thing="unit",
        time="seen_at",
        values=_values(
            ("kind", "text", "类别", "Kind", "kind"),
            *NAMES,
            ("status", "text", "状态", "Status", "status"),
            ("seen_at", "time", "定位时间", "Position heard", "seen_at"),
        ),
    ),
    Collection(
        id="incidents",
        title=LAYERS["incidents"].title,
        source="incident",
        key="incident.id::text",
        seen=(
            f"status NOT IN {sql_list(ENDED_INCIDENT)} AND {seen_incident('incident.id', 'district', 'classification')}"
        ),
        of_all=True,
        thing="incident",
        names=("titles->>'zh'", "titles->>'en'"),
        time="opened_at",
        values=_values(
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
    Collection(
        id="alarms",
        title=LAYERS["alarms"].title,
        source="alarm",
        key="alarm.id::text",
        seen=(
            "state <> 'normal' AND "
            + seen_incident("alarm.incident_id", "district", alarm_classification("alarm.thing_type", "alarm.thing_id"))
        ),
        of_all=True,
        thing="alarm",
        names=("message->>'zh'", "message->>'en'"),
        time="raised_at",
        values=_values(
            ("kind", "text", "类别", "Kind", "kind"),
            ("level", "integer", "级别", "Level", "level"),
            ("state", "text", "状态", "State", "state"),
            ("message_zh", "text", "内容", "Message", "message->>'zh'"),
            ("raised_at", "time", "告警时间", "Raised", "raised_at"),
            DISTRICT,
        ),
    ),
)


def of_own(layer: OwnLayer) -> Collection:
    """A layer of the city's own."""
    key = Column("key", "text", {"zh": "标识", "en": "Key"})
    values: list[tuple[Column, str]] = [] if any(c.name == "key" for c in layer.columns) else [(key, "key")]
    held = [(column, f"CAST({prop(column)} AS {CASTS[column.type]})") for column in layer.columns]
    values += held
    # a day and a time as they came in, with the offset that they had
    taken = [(column, prop(column) if column.type in ("date", "time") else sql) for column, sql in held]
    moment = next((sql for column, sql in values if column.role == "time" and column.type == "time"), None)
    label = with_role(layer.columns, "label")
    name = prop(label) if label else "key"
    return Collection(
        id=layer.id,
        title=layer.title,
        source="layer_row",
        key="id",
        key_cast="bigint",
        seen=f"layer_id = {quoted(layer.id)} AND {seen('district', str(int(layer.classification)))}",
        values=tuple(values),
        thing=ROW,
        names=(name, name),
        time=moment,
        drawn=layer.geometry != "none",
        version="version",
        edits=frozenset({"POST", "PUT", "PATCH", "DELETE"}),
        taken=tuple(taken),
    )


def collections(conn: Connection, scope: Scope = EVERYTHING) -> list[Collection]:
    """Those of which a scope can see anything, the city's own last."""
    ours = [one for one in OURS if scope.city or one.of_all]
    return [*ours, *map(of_own, read_layers(conn, scope))]


def collection(conn: Connection, name: str, scope: Scope = EVERYTHING) -> Collection:
    """NotFound where there is none, or none that this scope may see."""
    found: Sequence[Collection] = [one for one in OURS if one.id == name and (scope.city or one.of_all)]
    return found[0] if found else of_own(need_layer(conn, name, scope))
