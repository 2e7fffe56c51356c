"""The base map: districts, streets, buildings, water, green."""

from __future__ import annotations

from layers.collection import ALL, NAMES, Collection, values_of
from layers.grids import MERCATOR
from layers.spec import LayerSpec, LegendItem

MVT = "ST_AsMVTGeom(ST_Transform({geom}, :srid), bounds.tile, 4096, 64, true) AS mvt"


# squares of a tile's side over 64, numbered from where the world begins: the same in every tile of a level. Web
# Mercator's northing (OGC 17-083r4 annex D) in degrees of its square: no point has to be projected to be counted
_NORTHING = "degrees(ln(tan(radians(45 + greatest(least(ST_Y(geom), 85.06), -85.06) / 2))))"
SQUARE_OF_TILE = (
    "floor(ST_X(geom) * 64 * 2.0 ^ :z / 360), "
    f"floor(CASE WHEN :srid = {MERCATOR.srid} THEN {_NORTHING} ELSE ST_Y(geom) END * 64 * 2.0 ^ :z / 360)"
)
# where the points of such a square are gathered
MIDDLE = MVT.format(geom="ST_SetSRID(ST_MakePoint(avg(ST_X(geom)), avg(ST_Y(geom))), 4326)")


def mvt(geom: str = "geom") -> str:
    return MVT.format(geom=geom)


DISTRICTS = LayerSpec.of(
    Collection(
        "districts",
        {"zh": "行政区", "en": "Districts"},
        "district",
        key="code",
        sight=ALL,
        of_all=True,
        thing="district",
        values=values_of(
            ("code", "text", "代码", "Code", "code"),
            *NAMES,
            ("population", "integer", "人口", "Population", "population"),
        ),
    ),
    group="base",
    geometry="polygon",
    delivery="tiles",
    tile=f"SELECT {mvt()}, code, name_zh, name_en FROM district, bounds WHERE geom && bounds.box",
    legend=(LegendItem("district", {"zh": "区界", "en": "Boundary"}, "map-district"),),
)

STREETS = LayerSpec.of(
    Collection(
        "streets",
        {"zh": "道路", "en": "Streets"},
        "street",
        key="id",
        key_cast="bigint",
        sight=ALL,
        of_all=True,
        thing="street",
        values=values_of(
            *NAMES,
            ("class", "text", "等级", "Class", "class"),
            ("oneway", "boolean", "单行", "One way", "oneway"),
            ("speed_kmh", "number", "限速（km/h）", "Speed limit (km/h)", "speed_kmh"),
            ("bridge", "boolean", "桥梁", "Bridge", "bridge"),
            ("tunnel", "boolean", "隧道", "Tunnel", "tunnel"),
            ("length_m", "number", "长度（m）", "Length (m)", "length_m"),
        ),
    ),
    group="base",
    geometry="line",
    delivery="tiles",
    # what a scale cannot show is left out, and lines are thinned to half a pixel
    tile=(
        "SELECT ST_AsMVTGeom(ST_Simplify(ST_Transform(geom, :srid), :width / (512 * 2.0 ^ :z) / 2), "
        "bounds.tile, 4096, 64, true) AS mvt, "
        "name_zh, name_en, class, bridge, tunnel FROM street, bounds WHERE geom && bounds.box AND "
        "CASE class WHEN 'minor' THEN :z >= 13 WHEN 'path' THEN :z >= 14 WHEN 'secondary' THEN :z >= 11 ELSE true END"
    ),
    legend=(
        LegendItem("ring", {"zh": "环路", "en": "Ring road"}, "map-road-ring"),
        LegendItem("primary", {"zh": "主干路", "en": "Primary"}, "map-road-primary"),
        LegendItem("minor", {"zh": "支路", "en": "Minor"}, "map-road-minor"),
    ),
)

BUILDINGS = LayerSpec.of(
    Collection(
        "buildings",
        {"zh": "建筑", "en": "Buildings"},
        "building",
        key="id",
        key_cast="bigint",
        sight=ALL,
        of_all=True,
        thing="building",
        # as people in it are counted (core.exposure)
        stands="center",
        values=values_of(
            ("kind", "text", "用途", "Use", "kind"),
            *NAMES,
            ("height_m", "number", "高度（m）", "Height (m)", "height_m"),
        ),
    ),
    group="base",
    geometry="polygon",
    delivery="tiles",
    min_zoom=13,
    tile=f"SELECT {mvt()}, kind, height_m FROM building, bounds WHERE geom && bounds.box AND :z >= 13",
    legend=(LegendItem("building", {"zh": "建筑", "en": "Building"}, "map-building"),),
)


def _area(layer: str, zh: str, en: str) -> LayerSpec:
    return LayerSpec.of(
        Collection(
            layer,
            {"zh": zh, "en": en},
            "area",
            key="id",
            key_cast="bigint",
            among=f"layer = '{layer}'",
            sight=ALL,
            of_all=True,
            thing="area",
            values=values_of(("kind", "text", "类别", "Kind", "kind"), *NAMES),
        ),
        group="base",
        geometry="polygon",
        delivery="tiles",
        tile=f"SELECT {mvt()}, kind, name_zh, name_en FROM area, bounds WHERE layer = '{layer}' AND geom && bounds.box",
        legend=(LegendItem(layer, {"zh": zh, "en": en}, f"map-{layer}"),),
    )


WATER, GREEN = _area("water", "水域", "Water"), _area("green", "绿地", "Green")

# names of districts at a point inside them, for labels; part of the composite tile only
PLACES_TILE = """
SELECT ST_AsMVTGeom(ST_Transform(ST_PointOnSurface(geom), :srid), bounds.tile, 4096, 0, true) AS mvt, code, name_zh,
  name_en
FROM district, bounds WHERE geom && bounds.box
"""
SET = (DISTRICTS, STREETS, BUILDINGS, WATER, GREEN)
