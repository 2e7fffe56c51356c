"""What each importable layer looks like: its properties, its geometry, and the statement that makes rows of staged
features.

A feature is GeoJSON (RFC 7946) with `id`, `properties` and `geometry`. Staging holds (id text, props jsonb, geom
geometry).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import InputError
from core.scope import Classification

POINT, LINE = frozenset({"Point"}), frozenset({"LineString"})
AREA = frozenset({"Polygon", "MultiPolygon"})
NUMBER = (int, float)
Kinds = tuple[type, ...]
# GeoJSON from anywhere, nothing of which is sure before `ImportSpec.check`
Feature = Mapping[str, object]
# core.scope.Classification; left out, it stays what it is
CLASS: dict[str, Kinds] = {"classification": (int,)}
CLASSIFIED = "COALESCE((s.props->>'classification')::smallint, t.classification, 0)"
IN_DISTRICT = "COALESCE((SELECT d.code FROM district d WHERE ST_Covers(d.geom, s.geom) LIMIT 1), '000000')"


@dataclass(frozen=True, slots=True)
class ImportSpec:
    """`required` and `optional` name the properties and their JSON types; `clear` empties what was there before;
    `insert` makes rows of `staged s`."""

    layer: str
    geometry: frozenset[str]
    required: dict[str, Kinds]
    optional: dict[str, Kinds]
    clear: str
    insert: str
    numeric_id: bool = False
    # the table whose changes are kept (core.history), where they are
    history: str = ""

    def check(self, feature: Feature, where: str) -> None:
        """Raises InputError that names the place, the field and what was expected."""
        identity = feature.get("id")
        if identity is None:
            raise InputError(f"{where}: id: expected one", field="id")
        if self.numeric_id and not isinstance(identity, int):
            raise InputError(f"{where}: id: expected a whole number, got {identity!r}", field="id")
        shape = _part(feature, "geometry", where).get("type")
        if shape not in self.geometry:
            wanted = " or ".join(sorted(self.geometry))
            raise InputError(f"{where}: geometry: expected {wanted}, got {shape!r}", field="geometry")
        properties = _part(feature, "properties", where)
        for name, kinds in {**self.required, **self.optional}.items():
            _check_property(properties.get(name), kinds, name, where, name in self.required)
        level = properties.get("classification")
        if "classification" in self.optional and level is not None and level not in list(Classification):
            raise InputError(f"{where}: classification: expected 0, 1 or 2, got {level!r:.60}", field="classification")


def _part(feature: Feature, name: str, where: str) -> Feature:
    part = feature.get(name) or {}
    if not isinstance(part, Mapping):
        raise InputError(f"{where}: {name}: expected an object", field=name)
    return part


def _check_property(value: object, kinds: Kinds, name: str, where: str, required: bool) -> None:
    if value is None:
        if required:
            raise InputError(f"{where}: {name}: expected a value", field=name)
        return
    if (isinstance(value, bool) and bool not in kinds) or not isinstance(value, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise InputError(f"{where}: {name}: expected {wanted}, got {value!r:.60}", field=name)


NAMES: dict[str, Kinds] = {"name_zh": (str,), "name_en": (str,)}
SPECS = [
    ImportSpec(
        "districts",
        AREA,
        NAMES,
        {"population": (int,)},
        "DELETE FROM district",
        """
INSERT INTO district (code, name_zh, name_en, population, geom)
SELECT s.id, s.props->>'name_zh', s.props->>'name_en', (s.props->>'population')::int, s.geom
FROM staged s
""",
    ),
    ImportSpec(
        "streets",
        LINE,
        {"class": (str,), "oneway": (bool,), "speed_kmh": NUMBER, "from_node": (int,), "to_node": (int,)},
        {**NAMES, "bridge": (bool,), "tunnel": (bool,)},
        "DELETE FROM street",
        """
INSERT INTO street (id, name_zh, name_en, class, oneway, speed_kmh, bridge, tunnel, from_node, to_node, length_m, geom)
SELECT s.id::bigint, s.props->>'name_zh', s.props->>'name_en', s.props->>'class', (s.props->>'oneway')::bool,
  (s.props->>'speed_kmh')::float8, COALESCE((s.props->>'bridge')::bool, false),
  COALESCE((s.props->>'tunnel')::bool, false), (s.props->>'from_node')::bigint, (s.props->>'to_node')::bigint,
  ST_Length(s.geom::geography), s.geom
FROM staged s
""",
        numeric_id=True,
    ),
    ImportSpec(
        "railways",
        LINE,
        {},
        NAMES,
        "DELETE FROM street WHERE class = 'rail'",
        """
INSERT INTO street (id, name_zh, name_en, class, oneway, speed_kmh, bridge, tunnel, from_node, to_node, length_m, geom)
SELECT -1 - s.id::bigint, s.props->>'name_zh', s.props->>'name_en', 'rail', false, 0, false, false, 0, 0,
  ST_Length(s.geom::geography), s.geom
FROM staged s
""",
        numeric_id=True,
    ),
    *(
        ImportSpec(
            layer,
            AREA,
            {"kind": (str,)},
            NAMES,
            f"DELETE FROM area WHERE layer = '{layer}'",
            f"""
INSERT INTO area (id, layer, kind, name_zh, name_en, geom)
SELECT s.id::bigint, '{layer}', s.props->>'kind', s.props->>'name_zh', s.props->>'name_en', s.geom
FROM staged s
""",
            numeric_id=True,
        )
        for layer in ("water", "green")
    ),
    ImportSpec(
        "buildings",
        AREA,
        {"kind": (str,)},
        {**NAMES, "height_m": NUMBER, "people_day": (int,), "people_night": (int,)},
        "DELETE FROM building",
        """
INSERT INTO building (id, kind, name_zh, name_en, height_m, people_day, people_night, geom, center)
SELECT s.id::bigint, s.props->>'kind', s.props->>'name_zh', s.props->>'name_en', (s.props->>'height_m')::float8,
  (s.props->>'people_day')::int, (s.props->>'people_night')::int, s.geom, ST_PointOnSurface(s.geom)
FROM staged s
""",
        numeric_id=True,
    ),
    ImportSpec(
        "addresses",
        POINT,
        {"street_zh": (str,), "street_en": (str,), "number": (str,)},
        {},
        "DELETE FROM address",
        f"""
INSERT INTO address (id, street_zh, street_en, number, district, geom)
SELECT s.id, s.props->>'street_zh', s.props->>'street_en', s.props->>'number', {IN_DISTRICT}, s.geom
FROM staged s
""",
    ),
    ImportSpec(
        "facilities",
        POINT,
        {**NAMES, "kind": (str,)},
        {"capacity": (int,), "people_day": (int,), "people_night": (int,), "attributes": (dict,), **CLASS},
        "DELETE FROM facility WHERE id NOT IN (SELECT id FROM staged)",
        f"""
INSERT INTO facility (id, kind, name_zh, name_en, capacity, people_day, people_night, district, attributes, geom,
  classification)
SELECT s.id, s.props->>'kind', s.props->>'name_zh', s.props->>'name_en', (s.props->>'capacity')::int,
  (s.props->>'people_day')::int, (s.props->>'people_night')::int, {IN_DISTRICT},
  COALESCE(s.props->'attributes', '{{}}'), s.geom, {CLASSIFIED}
FROM staged s LEFT JOIN facility t ON t.id = s.id
ON CONFLICT (id) DO UPDATE SET kind = EXCLUDED.kind, name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en,
  capacity = EXCLUDED.capacity, people_day = EXCLUDED.people_day, people_night = EXCLUDED.people_night,
  district = EXCLUDED.district, attributes = EXCLUDED.attributes, geom = EXCLUDED.geom,
  classification = EXCLUDED.classification
""",
    ),
    ImportSpec(
        "assets",
        POINT,
        {**NAMES, "class": (str,), "subclass": (str,)},
        {"state": (str,), "dept": (str,), "installed": (str,)},
        "DELETE FROM asset",
        """
INSERT INTO asset (id, class, subclass, name_zh, name_en, state, dept, installed, district, geom)
SELECT s.id, s.props->>'class', s.props->>'subclass', s.props->>'name_zh', s.props->>'name_en',
  COALESCE(s.props->>'state', 'normal'), s.props->>'dept', (s.props->>'installed')::date, left(s.id, 6), s.geom
FROM staged s
""",
        history="asset",
    ),
    ImportSpec(
        "sensors",
        POINT,
        {**NAMES, "kind": (str,), "metrics": (list,)},
        {"interval_s": NUMBER, "thresholds": (dict,), "attributes": (dict,), **CLASS},
        "SELECT 1",
        f"""
INSERT INTO sensor (id, kind, name_zh, name_en, status, interval_s, metrics, thresholds, attributes, district, geom,
  first_seen_at, classification)
SELECT s.id, s.props->>'kind', s.props->>'name_zh', s.props->>'name_en', 'active', (s.props->>'interval_s')::float8,
  ARRAY(SELECT jsonb_array_elements_text(s.props->'metrics')), COALESCE(s.props->'thresholds', '{{}}'),
  COALESCE(s.props->'attributes', '{{}}'), {IN_DISTRICT}, s.geom, now(), {CLASSIFIED}
FROM staged s LEFT JOIN sensor t ON t.id = s.id
ON CONFLICT (id) DO UPDATE SET kind = EXCLUDED.kind, name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en,
  status = 'active', interval_s = EXCLUDED.interval_s, metrics = EXCLUDED.metrics, thresholds = EXCLUDED.thresholds,
  attributes = EXCLUDED.attributes, district = EXCLUDED.district, geom = EXCLUDED.geom,
  classification = EXCLUDED.classification
""",
        history="sensor",
    ),
    ImportSpec(
        "cameras",
        POINT,
        NAMES,
        {"heading": NUMBER, "fov": NUMBER, **CLASS},
        "SELECT 1",
        f"""
INSERT INTO camera (id, name_zh, name_en, heading, fov, district, geom, classification)
SELECT s.id, s.props->>'name_zh', s.props->>'name_en', (s.props->>'heading')::float8, (s.props->>'fov')::float8,
  {IN_DISTRICT}, s.geom, {CLASSIFIED}
FROM staged s LEFT JOIN camera t ON t.id = s.id
ON CONFLICT (id) DO UPDATE SET name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en, heading = EXCLUDED.heading,
  fov = EXCLUDED.fov, district = EXCLUDED.district, geom = EXCLUDED.geom, classification = EXCLUDED.classification
""",
        history="camera",
    ),
    ImportSpec(
        "units",
        POINT,
        {**NAMES, "kind": (str,), "capabilities": (list,)},
        {"station": (str,), "plate": (str,)},
        "SELECT 1",
        """
INSERT INTO unit (id, kind, name_zh, name_en, capabilities, status, status_at, station, plate, home)
SELECT s.id, s.props->>'kind', s.props->>'name_zh', s.props->>'name_en',
  ARRAY(SELECT jsonb_array_elements_text(s.props->'capabilities')), 'available', now(), s.props->>'station',
  s.props->>'plate', s.geom
FROM staged s ORDER BY s.id COLLATE "C"
ON CONFLICT (id) DO UPDATE SET kind = EXCLUDED.kind, name_zh = EXCLUDED.name_zh, name_en = EXCLUDED.name_en,
  capabilities = EXCLUDED.capabilities, station = EXCLUDED.station, plate = EXCLUDED.plate,
  home = EXCLUDED.home
""",
        history="unit",
    ),
]
BY_LAYER = {spec.layer: spec for spec in SPECS}
