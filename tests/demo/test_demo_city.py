"""The city holds together: counts, geometry, identities, and the same bytes for the same seed."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from scipy.spatial import cKDTree

from demo.city import departments
from demo.city.compose import City
from demo.city.frame import BOX, to_lonlat, to_metres, unwarp_points, warp_points
from demo.city.network import strongly_connected, with_oneways
from demo.city.write import LAYERS, kept
from tests.support import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


def features(folder: Path, layer: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{layer}.geojsonl").read_text("utf-8").splitlines()]


def digest(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_gives_the_same_bytes_in_another_process(
    folder: Path, tmp_path: Path, seed: int, scale: float
) -> None:
    command = [sys.executable, "-m", "demo.city", "--out", str(tmp_path), "--seed", str(seed), "--scale", str(scale)]
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    subprocess.run(command, check=True, cwd=ROOT, env=environment, timeout=3 * PATIENCE_S)
    assert digest(tmp_path) == digest(folder)


def test_full_scale_counts(city: City) -> None:
    assert 40_000 <= len(city.buildings) <= 45_000
    assert len(city.assets) == 100_000
    assert len(city.sensors) == 1_000
    assert len(city.cameras) == 300
    assert len(city.units) == 150
    assert len(city.districts) == 5
    assert 1_100_000 < sum(b.people_night for b in city.buildings) < 1_300_000


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("hospital", 22, 28), ("school", 170, 190), ("kindergarten", 75, 85), ("nursing_home", 20, 28),
        ("fire_station", 16, 16), ("police_station", 28, 32), ("ambulance_station", 16, 20),
        ("hazardous_site", 36, 44), ("underpass", 11, 18), ("shelter", 30, 60), ("pump_station", 15, 30),
        ("government", 10, 30), ("metro_station", 20, 40), ("substation", 15, 30), ("gas_station", 25, 45),
    ],
)  # fmt: skip
def test_facilities_are_as_many_as_a_city_of_this_size_has(city: City, kind: str, least: int, most: int) -> None:
    assert least <= sum(f.kind == kind for f in city.facilities) <= most


@pytest.mark.parametrize(
    "layer",
    ["streets", "buildings", "facilities", "assets", "sensors", "cameras", "units", "water", "green", "gas_mains"],
)
def test_ids_are_unique(city: City, layer: str) -> None:
    found = Counter(identifier for identifier, _, _ in LAYERS[layer](city, 1.0))
    assert found
    assert max(found.values()) == 1


def test_every_junction_can_be_driven_to_from_every_other(city: City) -> None:
    assert strongly_connected(city.network.edges, len(city.network.nodes))
    assert sum(edge.oneway for edge in city.network.edges) >= 20


def test_a_street_whose_one_way_would_cut_the_city_stays_two_way(city: City) -> None:
    ends = Counter(n for e in city.network.edges for n in (e.from_node, e.to_node))
    stub = next(e for e in city.network.edges if ends[e.from_node] == 1 or ends[e.to_node] == 1)
    changed = with_oneways(city.network, [stub.name_zh])
    assert not next(e for e in changed.edges if e.id == stub.id).oneway


def test_streets_meet_only_at_junctions(city: City) -> None:
    lines = np.asarray([edge.line for edge in city.network.edges])
    left, right = shapely.STRtree(lines).query(lines, predicate="crosses")
    assert len(left[left != right]) == 0


def test_no_two_junctions_lie_on_one_spot(city: City) -> None:
    assert not cKDTree(city.network.nodes).query_pairs(1.0)


def test_each_street_begins_and_ends_at_its_junctions(city: City) -> None:
    for edge in city.network.edges:
        ends = shapely.get_coordinates(edge.line)[[0, -1]]
        nodes = city.network.nodes[[edge.from_node - 1, edge.to_node - 1]]
        assert np.abs(ends - nodes).max() < 0.11


def test_roads_cross_the_river_on_bridges_and_railways_in_tunnels_only(city: City) -> None:
    water = shapely.union_all([a.shape for a in city.water])
    rails = shapely.union_all([a.shape for a in city.railways])
    shapely.prepare(water)
    for edge in city.network.edges:
        if edge.line.intersects(water):
            assert edge.bridge or edge.line.intersection(water).length < 6.0, edge.name_zh
        if edge.line.crosses(rails):
            assert edge.tunnel or edge.bridge, edge.name_zh
    assert 5 <= len({e.name_zh for e in city.network.edges if e.name_zh.endswith("大桥")}) <= 12


@pytest.mark.parametrize(("ring", "bridge"), [("一环路", ""), ("二环路", "二环大桥"), ("三环路", "三环大桥")])
def test_ring_roads_are_closed(city: City, ring: str, bridge: str) -> None:
    own = [e for e in city.network.edges if e.name_zh in (ring, bridge) and e.road_class == "ring"]
    degree = Counter(n for e in own for n in (e.from_node, e.to_node))
    assert set(degree.values()) == {2}


@pytest.mark.parametrize("layer", ["water", "green"])
def test_no_building_stands_in_water_or_park(city: City, layer: str) -> None:
    outlines = np.asarray([b.outline for b in city.buildings])
    areas = [a.shape for a in getattr(city, layer)]
    hits = shapely.STRtree(outlines).query(areas, predicate="intersects")
    assert hits.shape[1] == 0


def test_no_building_stands_on_a_street_or_on_another(city: City) -> None:
    outlines = np.asarray([b.outline for b in city.buildings])
    tree = shapely.STRtree(outlines)
    assert tree.query([e.line for e in city.network.edges], predicate="intersects").shape[1] == 0
    left, right = tree.query(outlines, predicate="intersects")
    pairs = left < right
    shared = shapely.area(shapely.intersection(outlines[left[pairs]], outlines[right[pairs]]))
    assert shared.max(initial=0.0) < 0.01


def test_geometries_are_valid_and_inside_the_box(city: City) -> None:
    box = BOX.buffer(0.01)
    for layer, make in LAYERS.items():
        shapes = np.asarray([shape for _, shape, _ in make(city, 1.0)])
        assert shapely.is_valid(shapes).all(), layer
        assert shapely.covers(box, shapes).all(), layer


def test_written_districts_cover_the_extent_without_gap_or_overlap(folder: Path) -> None:
    shapes = [shapely.from_geojson(json.dumps(f["geometry"])) for f in features(folder, "districts")]
    west, south, east, north = json.loads((folder / "city.json").read_text("utf-8"))["bbox"]
    whole = shapely.box(west, south, east, north)
    assert shapely.union_all(shapes).symmetric_difference(whole).area < 1e-9 * whole.area
    assert sum(shape.area for shape in shapes) == pytest.approx(whole.area, rel=1e-9)


def test_district_population_is_that_of_its_buildings(city: City) -> None:
    population = sum(p["population"] for _, _, p in LAYERS["districts"](city, 1.0))
    assert population == sum(b.people_night for b in city.buildings)


def test_asset_ids_carry_region_class_subclass_and_serial(city: City) -> None:
    regions = {district.plan.code for district in city.districts}
    for asset in city.assets:
        assert re.fullmatch(r"\d{16}", asset.id)
        assert asset.id[:6] in regions
        assert asset.id[6:10] == asset.class_code + asset.subclass
    serials = sorted(int(a.id[10:]) for a in city.assets if a.id.startswith("3299020137"))
    assert serials == list(range(1, len(serials) + 1))


def test_asset_lies_in_the_district_its_id_names(city: City) -> None:
    area = {district.plan.code: district.area.buffer(0.5) for district in city.districts}
    for asset in city.assets[::97]:
        assert area[asset.id[:6]].contains(shapely.Point(asset.x, asset.y))


def test_thresholds_rise_from_blue_to_red(city: City) -> None:
    sites = [s for s in city.sensors if s.kind == "water_level"]
    for site in sites:
        steps = [site.thresholds["water_level"][level] for level in "4321"]
        assert steps == sorted(set(steps))
    river = [s.thresholds["water_level"] for s in sites if "chainage" in s.attributes]
    assert all(t["2"] - t["3"] == pytest.approx(0.3) for t in river)


def test_every_sensor_kind_has_a_spare(city: City) -> None:
    kinds = Counter(s.kind for s in city.sensors)
    assert len(kinds) == 10
    assert {s.kind for s in city.sensors if s.attributes.get("spare") is True} == set(kinds)


def test_every_unit_stands_at_a_station_that_exists(city: City) -> None:
    at = {f.id: (f.x, f.y) for f in city.facilities}
    assert all(at[u.station] == (u.x, u.y) for u in city.units)
    assert {"pumping", "gas_repair", "water_rescue", "hazmat", "medical"} <= {
        c for u in city.units for c in u.capabilities
    }


def test_a_smaller_city_is_part_of_the_larger(city: City, folder: Path, scale: float) -> None:
    buildings = features(folder, "buildings")
    whole = {b.id: b.height_m for b in city.buildings}
    assert 0.03 < len(buildings) / len(whole) < 0.07
    assert all(whole[f["id"]] == f["properties"]["height_m"] for f in buildings)
    assert all(kept(f["id"], scale) for f in buildings)


def test_written_coordinates_are_lonlat_with_seven_decimals(folder: Path) -> None:
    for feature in features(folder, "facilities"):
        lon, lat = feature["geometry"]["coordinates"]
        assert 118 < lon < 120
        assert 31 < lat < 32
        assert round(lon, 7) == lon


def test_plan_and_ground_and_lonlat_convert_both_ways() -> None:
    points = np.random.default_rng(3).uniform([-6000, -5000], [6000, 5000], (500, 2))
    assert np.abs(unwarp_points(warp_points(points)) - points).max() < 1e-3
    assert np.abs(to_metres(to_lonlat(points)) - points).max() < 1e-6


def test_heights_fall_from_the_centre_to_the_edge(city: City) -> None:
    def tallest(x: float, y: float, reach: float) -> float:
        near = [
            b.height_m for b in city.buildings
            if abs(b.outline.centroid.x - x) < reach and abs(b.outline.centroid.y - y) < reach
        ]  # fmt: skip
        return float(np.quantile(near, 0.98))

    assert tallest(900, 350, 600) > 100 > tallest(-5000, 0, 900)


@pytest.mark.parametrize("layer", departments.MAKERS)
def test_layers_of_the_departments_stand_in_the_city(city: City, layer: str) -> None:
    made = list(departments.MAKERS[layer](city.departments))
    [told] = [one for one in departments.described() if one["file"] == f"{layer}.geojsonl"]
    given: Any = told["given"]
    names = [column["name"] for column in given["columns"]]
    assert made
    assert all(list(props) == names for _, _, props in made)
    keys = [props[given["key"]] for _, _, props in made]
    assert len(set(keys)) == len(keys)
    shapes = np.asarray([shape for _, shape, _ in made], dtype=object)
    assert shapely.is_valid(shapes).all()
    assert shapely.intersects(shapely.buffer(BOX, 100.0), shapes).all()


def test_conflicts_lie_in_a_built_up_lot_and_a_control_line(city: City) -> None:
    lines = shapely.union_all([shape for _, _, shape in departments.lines_of(city.departments)])
    for _, part, _ in departments.plan_conflicts(city.departments):
        assert shapely.buffer(lines, 0.5).contains(part)
