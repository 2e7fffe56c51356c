"""The city itself: what stands where. Written by importers, read by everything."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import SECRET, Base, Name, Versioned, classified, known_class, point, shape
from core.types import JsonObject


class City(Base):
    """The one row that says which city this database is."""

    __tablename__ = "city"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    # region code, six digits (GB/T 2260); 000000 outside China
    code: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    timezone: Mapped[str]
    extent: Mapped[Any] = mapped_column(shape("POLYGON"))
    center: Mapped[Any] = mapped_column(point())
    # a simulated city never sends an Actual alert
    simulated: Mapped[bool]
    imported_at: Mapped[datetime]


class District(Base):
    __tablename__ = "district"
    __table_args__ = (Index("ix_district_geom", "geom", postgresql_using="gist"),)

    code: Mapped[str] = mapped_column(Name, primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    population: Mapped[int | None]
    geom: Mapped[Any] = mapped_column(shape())


class Street(Base):
    """One edge of the road graph, from junction to junction."""

    __tablename__ = "street"
    __table_args__ = (Index("ix_street_geom", "geom", postgresql_using="gist"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name_zh: Mapped[str | None]
    name_en: Mapped[str | None]
    # motorway, ring, primary, secondary, minor, path, rail; path and rail carry no units
    klass: Mapped[str] = mapped_column("class")
    oneway: Mapped[bool]
    speed_kmh: Mapped[float]
    bridge: Mapped[bool]
    tunnel: Mapped[bool]
    from_node: Mapped[int] = mapped_column(BigInteger)
    to_node: Mapped[int] = mapped_column(BigInteger)
    # geodesic, metres
    length_m: Mapped[float]
    geom: Mapped[Any] = mapped_column(shape("LINESTRING"))


class Building(Base):
    __tablename__ = "building"
    __table_args__ = (
        Index("ix_building_geom", "geom", postgresql_using="gist"),
        Index("ix_building_center", "center", postgresql_using="gist"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str]
    name_zh: Mapped[str | None]
    name_en: Mapped[str | None]
    height_m: Mapped[float | None]
    # people inside by day (8-18 h) and by night; null where nobody has counted
    people_day: Mapped[int | None]
    people_night: Mapped[int | None]
    geom: Mapped[Any] = mapped_column(shape())
    center: Mapped[Any] = mapped_column(point())


class Area(Base):
    """Water and green on the base map."""

    __tablename__ = "area"
    __table_args__ = (Index("ix_area_geom", "geom", postgresql_using="gist"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    # water or green
    layer: Mapped[str] = mapped_column(Name, primary_key=True)
    # river, lake, canal; park, wood, farmland, scenic
    kind: Mapped[str]
    name_zh: Mapped[str | None]
    name_en: Mapped[str | None]
    geom: Mapped[Any] = mapped_column(shape())


class Facility(Base):
    __tablename__ = "facility"
    __table_args__ = (Index("ix_facility_geom", "geom", postgresql_using="gist"), known_class())

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    capacity: Mapped[int | None]
    people_day: Mapped[int | None]
    people_night: Mapped[int | None]
    district: Mapped[str]
    classification: Mapped[int] = classified()
    attributes: Mapped[JsonObject]
    geom: Mapped[Any] = mapped_column(point())


class Asset(Base):
    """An urban component (部件), GB/T 30428.2: 16 digits name region, class, subclass and serial."""

    __tablename__ = "asset"
    __table_args__ = (Index("ix_asset_geom", "geom", postgresql_using="gist"),)

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    klass: Mapped[str] = mapped_column("class")
    subclass: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    state: Mapped[str]
    # who is in charge of it (主管), as scopes name departments; who owns it (权属), who keeps it (养护)
    dept: Mapped[str | None]
    owner_dept: Mapped[str | None]
    keeper_dept: Mapped[str | None]
    # its cell of the city's grid (单元网格)
    grid: Mapped[str | None]
    # where its entry is from
    source: Mapped[str | None]
    note: Mapped[str | None]
    attributes: Mapped[JsonObject] = mapped_column(server_default=text("'{}'::jsonb"))
    installed: Mapped[date | None]
    district: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    changed_at: Mapped[datetime | None]
    geom: Mapped[Any] = mapped_column(point())


class Sensor(Base):
    __tablename__ = "sensor"
    __table_args__ = (
        Index("ix_sensor_geom", "geom", postgresql_using="gist"),
        Index("ix_sensor_pending", "first_seen_at", "id", postgresql_where=text("status = 'pending'")),
        known_class(),
    )

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    kind: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    # active; pending: heard but not registered, stored and not judged; retired
    status: Mapped[str]
    interval_s: Mapped[float | None]
    metrics: Mapped[list[str]]
    # per-site values: metric -> level -> value
    thresholds: Mapped[JsonObject]
    attributes: Mapped[JsonObject]
    district: Mapped[str]
    classification: Mapped[int] = classified()
    geom: Mapped[Any | None] = mapped_column(point())
    first_seen_at: Mapped[datetime]
    # the source that first brought it; null where it was imported and not heard through one
    source_id: Mapped[str | None]


class Camera(Base):
    __tablename__ = "camera"
    __table_args__ = (Index("ix_camera_geom", "geom", postgresql_using="gist"), known_class())

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    heading: Mapped[float | None]
    fov: Mapped[float | None]
    district: Mapped[str]
    classification: Mapped[int] = classified()
    geom: Mapped[Any] = mapped_column(point())


class Source(Base):
    """Where messages come from, how to read what is under it, and what it means."""

    __tablename__ = "source"
    __table_args__ = (
        CheckConstraint("datum IN ('WGS84', 'GCJ-02', 'BD-09', 'CGCS2000')", name="datum"),
        CheckConstraint("cardinality(topic_filters) > 0", name="topic_filters"),
    )

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    # MQTT topic filters; {prefix} stands for our own first topic part
    topic_filters: Mapped[list[str]]
    decoder: Mapped[str]
    # of the decoder, checked against its own model
    options: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))
    datum: Mapped[str] = mapped_column(server_default="WGS84")
    # zone of times that come without an offset; null: the city's
    timezone: Mapped[str | None]
    # our metric -> the unit the device means, or {unit, scale, offset}
    units: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))
    # the device's name of a metric -> ours; null drops it
    metrics: Mapped[JsonObject] = mapped_column(server_default=text("'{}'"))
    # only metrics that are named above are kept
    only_mapped: Mapped[bool] = mapped_column(server_default=text("false"))
    # its clock counts whole seconds; null: as its decoder's makers do
    coarse: Mapped[bool | None]
    # put before the device's own id, so that two makers' ids never meet
    id_prefix: Mapped[str] = mapped_column(server_default="")
    # department that owns the devices
    owner: Mapped[str | None]
    # how often a device of it is expected to speak
    interval_s: Mapped[float | None]
    # six digits (GB/T 2260), for devices that do not say where they are
    district: Mapped[str | None]
    enabled: Mapped[bool]
    changed_at: Mapped[datetime | None]
    changed_by: Mapped[str | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))


class SourceVersion(Versioned, Base):
    """Append-only: the whole source after each change."""

    __tablename__ = "source_version"

    source_id: Mapped[str] = mapped_column(Name, primary_key=True)


class AssetEvent(Base):
    """Append-only: what changed of things that stand in the city (asset, sensor, camera), with the row before and
    after.

    A thing's row at a moment is `before` of its first event after it, else the row as it stands.
    """

    __tablename__ = "asset_event"
    __table_args__ = (
        Index("ix_asset_event_thing", "type", "thing_id", "id"),
        Index("ix_asset_event_time", "type", "time"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    # asset, sensor, camera
    type: Mapped[str] = mapped_column(Name)
    thing_id: Mapped[str] = mapped_column(Name)
    time: Mapped[datetime]
    # imported, gone, accepted, retired, changed, reverted
    what: Mapped[str]
    who: Mapped[str]
    # a file, or the API
    source: Mapped[str | None]
    # null where there was none, or there is none any more
    before: Mapped[JsonObject | None]
    after: Mapped[JsonObject | None]


class OwnLayer(Base):
    """A layer of the city's own (layers/own.py): what it is called, its columns, who may see it, where it is from."""

    __tablename__ = "layer"
    __table_args__ = (
        CheckConstraint("geometry IN ('point', 'line', 'polygon', 'none')", name="geometry"),
        known_class(),
    )

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    title_zh: Mapped[str]
    title_en: Mapped[str]
    tree_group: Mapped[str]
    geometry: Mapped[str]
    # a list of layers.columns.ColumnObject
    columns: Mapped[Any] = mapped_column(JSONB)
    # the name of the column that names its rows
    key: Mapped[str | None]
    style: Mapped[JsonObject]
    visible: Mapped[bool]
    min_zoom: Mapped[int] = mapped_column(SmallInteger)
    position: Mapped[int] = mapped_column(server_default=text("0"))
    classification: Mapped[int] = classified()
    # who may see it; null is everybody
    departments: Mapped[list[str] | None]
    lineage: Mapped[JsonObject]
    rows: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class LayerRow(Base):
    """A row of a layer of the city's own: its values by column, its place where it has one."""

    __tablename__ = "layer_row"
    __table_args__ = (
        Index("ix_layer_row_layer_id_geom", "layer_id", "geom", postgresql_using="gist"),
        UniqueConstraint("layer_id", "key"),
        Index("ix_layer_row_layer_id_id", "layer_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    layer_id: Mapped[str] = mapped_column(ForeignKey("layer.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(Name)
    props: Mapped[JsonObject]
    geom: Mapped[Any | None] = mapped_column(shape())
    # six-digit code of the district it lies in, 000000 where that is not known
    district: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    changed_at: Mapped[datetime]


class LayerRowEvent(Base):
    """Append-only: a change of one row of a layer of the city's own, by hand or by a program; an import says what it
    did in the layer's lineage. Rows and layers may be gone."""

    __tablename__ = "layer_row_event"
    __table_args__ = (Index("ix_layer_row_event_row", "layer_id", "row_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    layer_id: Mapped[str] = mapped_column(Name)
    row_id: Mapped[int] = mapped_column(BigInteger)
    time: Mapped[datetime]
    # create, replace, update, delete, revert
    what: Mapped[str]
    who: Mapped[str]
    # by which door: api, ogc
    source: Mapped[str]
    reason: Mapped[str | None]
    # key, values, geometry (GeoJSON), district, version; null where there was none, or there is none any more
    before: Mapped[JsonObject | None]
    after: Mapped[JsonObject | None]


class BaseMap(Base):
    """A base map of somebody else (layers/base_maps.py): where its tiles are, with the key that opens them."""

    __tablename__ = "base_map"
    __table_args__ = {"info": SECRET}

    id: Mapped[str] = mapped_column(Name, primary_key=True)
    title_zh: Mapped[str]
    title_en: Mapped[str]
    address: Mapped[str]
    subdomains: Mapped[list[str]]
    key: Mapped[str | None]
    # browsers fetch its tiles themselves
    direct: Mapped[bool]
    attribution: Mapped[str]
    attribution_url: Mapped[str | None]
    min_zoom: Mapped[int] = mapped_column(SmallInteger)
    max_zoom: Mapped[int] = mapped_column(SmallInteger)
    tile_size: Mapped[int] = mapped_column(SmallInteger)
    zoom_offset: Mapped[int] = mapped_column(SmallInteger)
    datum: Mapped[str]
    position: Mapped[int] = mapped_column(server_default=text("0"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    changed_at: Mapped[datetime]


class HistoryStart(Base):
    """The one row that says from when on the histories have full values."""

    __tablename__ = "history_start"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    since: Mapped[datetime]
