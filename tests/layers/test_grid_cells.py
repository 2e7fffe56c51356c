"""Grid cells: districts drawn by hand, ugly ones by chance, and one of the demo city, looked at as they come out."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from app.grid_cells.making import run_making
from core.errors import Conflict, Forbidden, NotFound
from core.geodesy import metres_per_degree
from core.scope import Classification, Scope
from layers.area import area_meant
from layers.assets import read_asset, read_history
from layers.grid_cells.codes import FILLED, along_curve, number, part_digits, part_of
from layers.grid_cells.division import LARGE, SMALL, Ground, divide
from layers.grid_cells.faces import Metres, Shapes, sound
from layers.grid_cells.nouns import GridCellsIn, GridCellsMade
from layers.own import need_layer
from layers.within import read_within
from tests.layers.brought import LAT, LON
from tests.support import now

SIZE = 10_000
EAST, NORTH = metres_per_degree(LAT)
# what rounded corners make of a district, m²
NOTHING = 0.05
HAIR = 0.01


def placed(shape: shapely.Geometry) -> shapely.Geometry:
    """A shape in metres, put down in the city."""
    return shapely.transform(shape, lambda places: places / (EAST, NORTH) + (LON, LAT))


def line(*places: tuple[float, float]) -> shapely.Geometry:
    return placed(shapely.LineString(places))


def house(x: float, y: float, width: float = 20, depth: float = 10) -> shapely.Geometry:
    return placed(shapely.box(x, y, x + width, y + depth))


def ground(
    outline: shapely.Geometry, lines: list[shapely.Geometry] | None = None, houses: list[shapely.Geometry] | None = None
) -> Ground:
    return Ground(placed(outline), np.array(lines or [], dtype=object), np.array(houses or [], dtype=object))


@dataclass(frozen=True)
class Seen:
    """What can be seen of cells without knowing how they were made."""

    areas: list[float]
    uncovered: float
    beyond: float
    twice: float
    cut: int


def look(cells: Shapes, given: Ground) -> Seen:
    outline = sound(given.outline)
    metres = Metres.at(outline)
    union = shapely.union_all(cells)
    pairs = itertools.combinations(cells, 2)
    twice = sum(metres.area(one.intersection(other)) for one, other in pairs if one.intersects(other))
    held = [
        sum(metres.area(cell.intersection(building)) > HAIR for cell in cells)
        for building in map(sound, given.buildings)
    ]
    return Seen(
        sorted(metres.areas(cells).tolist()),
        metres.area(outline.difference(union)),
        metres.area(union.difference(outline)),
        twice,
        sum(count > 1 for count in held),
    )


def check(cells: Shapes, given: Ground) -> Seen:
    seen = look(cells, given)
    assert all(shapely.is_valid(cells))
    assert set(shapely.get_type_id(cells).tolist()) == {3}
    assert seen.uncovered < NOTHING
    assert seen.beyond < NOTHING
    assert seen.twice < NOTHING
    assert seen.cut == 0
    return seen


SQUARE = shapely.box(0, 0, 200, 200)
CROSS = [line((100, -50), (100, 250)), line((-50, 100), (250, 100))]


def test_cells_are_the_blocks_between_streets() -> None:
    given = ground(SQUARE, CROSS)
    assert check(divide(given, SIZE), given).areas == pytest.approx([10_000] * 4, rel=1e-3)


@pytest.mark.parametrize(
    ("width", "depth", "least"),
    [(400, 100, 4), (1_000, 1_000, 70), (150, 150, 2), (100, 140, 1)],
    ids=["a strip", "a field", "more than one", "less than two"],
)
def test_a_large_block_is_cut_into_parts_of_about_the_size(width: float, depth: float, least: int) -> None:
    given = ground(shapely.box(0, 0, width, depth))
    seen = check(divide(given, SIZE), given)
    assert len(seen.areas) >= least
    assert seen.areas[-1] <= LARGE * SIZE * 1.001
    assert seen.areas[0] >= SMALL * SIZE
    assert np.median(seen.areas) == pytest.approx(SIZE, rel=0.45)


def test_a_cut_lies_between_buildings() -> None:
    """Houses stand where a cut through the middle would go."""
    houses = [house(90, y) for y in range(5, 90, 20)]
    given = ground(shapely.box(0, 0, 200, 100), houses=houses)
    cells = divide(given, SIZE)
    assert len(check(cells, given).areas) == 2
    walls = shapely.union_all([shapely.boundary(one) for one in houses])
    edge = shapely.intersection(*shapely.boundary(cells))
    assert edge.distance(walls) * EAST > 1, "there is room, and it is kept"


def test_a_cut_goes_around_what_stands_everywhere() -> None:
    """No straight line leads through these staggered blocks of houses."""
    houses = [house(x + (12 if y % 40 else 0), y, 24, 15) for x in range(-10, 400, 28) for y in range(2, 90, 20)]
    given = ground(shapely.box(-20, 0, 420, 100), houses=houses)
    seen = check(divide(given, SIZE), given)
    assert len(seen.areas) >= 3
    assert seen.areas[-1] <= LARGE * SIZE * 1.001


def test_a_building_on_a_street_goes_whole_to_where_most_of_it_stands() -> None:
    given = ground(SQUARE, CROSS, [house(85, 40, 20), house(92, 90, 30, 30)])
    cells = divide(given, SIZE)
    check(cells, given)
    left = cells[shapely.contains(cells, placed(shapely.Point(50, 50)))]
    assert shapely.covers(left, placed(shapely.Point(104, 45))).all(), "15 of its 20 metres are west of the street"


def test_buildings_that_overlap_stay_together() -> None:
    given = ground(SQUARE, CROSS, [house(70, 40, 29), house(95, 42, 20)])
    check(divide(given, SIZE), given)


def test_walls_in_common_may_be_an_edge() -> None:
    """A row of houses, wall to wall, that is longer than two cells."""
    houses = [house(x, 0, 20, 100) for x in range(0, 400, 20)]
    given = ground(shapely.box(0, 0, 400, 100), houses=houses)
    assert len(check(divide(given, SIZE), given).areas) == 4


def test_a_building_larger_than_a_cell_makes_a_large_cell() -> None:
    given = ground(shapely.box(0, 0, 300, 300), houses=[house(20, 20, 260, 260)])
    assert check(divide(given, SIZE), given).areas[-1] > 67_000


def test_islands_of_traffic_go_to_a_neighbour() -> None:
    lines = [*CROSS, line((100, 80), (120, 100), (100, 120), (80, 100), (100, 80)), line((103, -50), (103, 250))]
    given = ground(SQUARE, lines)
    seen = check(divide(given, SIZE), given)
    assert len(seen.areas) == 4
    assert seen.areas[0] >= SMALL * SIZE


OUTLINES = {
    "a hole": shapely.box(0, 0, 400, 400).difference(shapely.box(100, 100, 250, 300)),
    "two parts": shapely.MultiPolygon([shapely.box(0, 0, 150, 150), shapely.box(300, 300, 500, 380)]),
    "a part of its own that is small": shapely.MultiPolygon([SQUARE, shapely.box(400, 0, 420, 20)]),
    "a crooked one": shapely.Polygon([(0, 0), (500, 30), (480, 90), (60, 60), (90, 400), (20, 410)]),
    "one that crosses itself": shapely.Polygon([(0, 0), (300, 300), (300, 0), (0, 300)]),
    "a needle": shapely.Polygon([(0, 0), (1_000, 3), (1_000, 6)]),
    "corners that no grid has": shapely.Point(211.123456789, 97.987654321).buffer(333.3333333),
}


@pytest.mark.parametrize("name", OUTLINES)
@pytest.mark.parametrize("lines", [[], CROSS], ids=["no streets", "streets"])
def test_a_district_of_any_form_is_covered(name: str, lines: list[shapely.Geometry]) -> None:
    given = ground(OUTLINES[name], lines, [house(40, 40), house(92, 91, 20, 20)])
    check(divide(given, SIZE), given)


def test_streets_that_end_in_the_open_part_nothing() -> None:
    given = ground(SQUARE, [line((100, 20), (100, 180)), line((20, 100), (90, 100))])
    cells = divide(given, SIZE)
    check(cells, given)
    assert all(len(shapely.get_coordinates(cell)) < 9 for cell in cells)


def test_the_same_district_gives_the_same_cells() -> None:
    given = ground(OUTLINES["a hole"], CROSS, [house(x, 47) for x in range(10, 380, 33)])
    first, second = divide(given, SIZE), divide(given, SIZE)
    assert shapely.to_wkb(first).tolist() == shapely.to_wkb(second).tolist()


PLACE = st.tuples(st.floats(-50, 450), st.floats(-50, 450))


@settings(max_examples=30)
@given(
    outline=st.sampled_from(sorted(OUTLINES)),
    streets=st.lists(st.lists(PLACE, min_size=2, max_size=4, unique=True), max_size=8),
    houses=st.lists(st.tuples(PLACE, st.floats(0.5, 120), st.floats(0.5, 120), st.floats(0, 3.2)), max_size=12),
)
def test_no_city_is_too_ugly(outline: str, streets: list[Any], houses: list[Any]) -> None:
    """Streets at random through houses at random: covered, nothing twice, no building cut."""
    built = [
        placed(shapely.affinity.rotate(shapely.box(x, y, x + w, y + d), a, use_radians=True))
        for (x, y), w, d, a in houses
    ]
    given = ground(OUTLINES[outline], [line(*places) for places in streets], built)
    within = Ground(given.outline, given.lines, np.array([b for b in built if sound(given.outline).intersects(b)]))
    check(divide(given, SIZE), within)


# --- codes ------------------------------------------------------------------------------------------------------------


def test_parts_are_numbered_below_subdistricts_that_there_are_not() -> None:
    assert [part_digits(part) for part in (1, 999, 1_000, 1_998, 1_999)] == [
        *("000001", "000999", "900001", "900999", "901001"),
    ]
    assert [part_of(f"320501{part_digits(part)}01") for part in (1, 999, 1_000, 5_000)] == [1, 999, 1_000, 5_000]
    assert part_of("32050100100201") is None, "subdistrict 001 is a real one"


def squares(count: int) -> Shapes:
    return np.array([house(100 * n, 100 * m, 100, 100) for n in range(count) for m in range(count)], dtype=object)


def test_codes_are_unique_and_of_14_digits_and_neighbours_share_a_part() -> None:
    cells = squares(15)
    codes = number("320501", cells, {})
    assert len(set(codes)) == 225
    assert all(re.fullmatch(r"320501000\d{5}", code) for code in codes)
    parts = {code[:12] for code in codes}
    assert len(parts) == -(-225 // FILLED)
    for part in parts:
        together = shapely.union_all(cells[[code[:12] == part for code in codes]])
        assert together.geom_type == "Polygon", "what is numbered together lies together"


def test_the_curve_never_jumps() -> None:
    points = np.array([shapely.Point(n % 16, n // 16) for n in range(256)], dtype=object)
    points = points[along_curve(points)]
    assert len(set(shapely.to_wkb(points).tolist())) == 256
    assert shapely.distance(points[:-1], points[1:]).tolist() == [1.0] * 255


def test_what_stays_keeps_its_code_and_what_is_new_takes_none_that_was() -> None:
    cells = squares(6)
    before = dict(zip(number("320501", cells, {}), cells, strict=True))
    gone = sorted(before)[-1]
    halves = [placed(shapely.box(0, 0, 40, 100)), placed(shapely.box(40, 0, 100, 100))]
    left = [shape for code, shape in before.items() if code != gone and not shape.equals(cells[0])]
    after = np.array([*left, *halves, house(900, 900, 100, 100)], dtype=object)
    codes = number("320501", after, before)
    assert codes[: len(left)] == [code for code, shape in before.items() if any(shape is one for one in left)]
    first = next(code for code, shape in before.items() if shape.equals(cells[0]))
    assert codes[len(left) + 1] == first, "the larger half is it still"
    new = {codes[len(left)], codes[-1]}
    assert len(new) == 2
    assert not new & set(before), "also not that of the one that is gone"


# --- the layer --------------------------------------------------------------------------------------------------------


def make(conn: Connection, *, dry_run: bool = False, scope: Scope | None = None, **said: Any) -> GridCellsMade:
    @contextmanager
    def transaction() -> Iterator[Connection]:
        yield conn

    given = GridCellsIn.model_validate(said)
    return run_making(transaction, given, "lin", dry_run=dry_run, **({} if scope is None else {"scope": scope}))


CODE = "990001"


def put_district(conn: Connection, code: str, outline: shapely.Geometry) -> None:
    sql = (
        "INSERT INTO district (code, name_zh, name_en, geom) VALUES (:code, '甲区', 'A', ST_GeomFromText(:shape, 4326))"
    )
    conn.execute(text(sql), {"code": code, "shape": placed(outline).wkt})


def put_street(conn: Connection, number: int, street: shapely.Geometry, klass: str = "minor") -> None:
    sql = """
INSERT INTO street (id, class, oneway, speed_kmh, bridge, tunnel, from_node, to_node, length_m, geom)
VALUES (:id, :class, false, 30, false, false, 0, 0, 1, ST_GeomFromText(:shape, 4326))
"""
    conn.execute(text(sql), {"id": 990_000_000 + number, "class": klass, "shape": street.wkt})


def put_house(conn: Connection, number: int, shape: shapely.Geometry, people: int | None) -> None:
    sql = """
INSERT INTO building (id, kind, people_night, geom, center) VALUES (:id, 'residential', :people,
  ST_GeomFromText(:shape, 4326), ST_PointOnSurface(ST_GeomFromText(:shape, 4326)))
"""
    conn.execute(text(sql), {"id": 990_000_000 + number, "people": people, "shape": shape.wkt})


def put_asset(conn: Connection, number: int, x: float, y: float, grid: str | None) -> str:
    code = f"{CODE}0101{number:06}"
    sql = """
INSERT INTO asset (id, class, subclass, name_zh, name_en, state, grid, district, geom)
VALUES (:id, '01', '01', '井盖', 'Cover', 'normal', :grid, :district, ST_GeomFromText(:shape, 4326))
"""
    given = {"id": code, "grid": grid, "district": CODE, "shape": placed(shapely.Point(x, y)).wkt}
    conn.execute(text(sql), given)
    return code


@pytest.fixture
def drawn(conn: Connection) -> Connection:
    """A district of four blocks far from the demo city's, with two houses in one of them."""
    away = shapely.box(60_000, 60_000, 60_200, 60_200)
    put_district(conn, CODE, away)
    for n, street in enumerate([((60_100, 59_900), (60_100, 60_300)), ((59_900, 60_100), (60_300, 60_100))]):
        put_street(conn, n, line(*street))
    put_house(conn, 1, house(60_020, 60_020), 30)
    put_house(conn, 2, house(60_050, 60_020), 12)
    put_house(conn, 3, house(60_140, 60_140), None)
    return conn


def values(conn: Connection, layer: str = "grid-cells") -> dict[str, Any]:
    sql = "SELECT key, props, district FROM layer_row WHERE layer_id = :layer ORDER BY key"
    rows = conn.execute(text(sql), {"layer": layer}).all()
    assert all(row.props["code"] == row.key and row.props["district"] == row.district for row in rows)
    return {row.key: row.props for row in rows}


def at(conn: Connection, x: float, y: float, layer: str = "grid-cells") -> str:
    sql = "SELECT key FROM layer_row WHERE layer_id = :layer AND ST_Intersects(geom, ST_GeomFromText(:shape, 4326))"
    key = conn.scalar(text(sql), {"layer": layer, "shape": placed(shapely.Point(x, y)).wkt})
    assert isinstance(key, str)
    return key


def test_they_become_a_layer_of_the_city_s_own(drawn: Connection) -> None:
    made = make(drawn, district=CODE)
    assert (made["added"], made["changed"], made["same"], made["removed"]) == (4, 0, 0, 0)
    [told] = made["districts"]
    assert (told["district"], told["cells"], told["buildings"], told["cut"], told["at_border"]) == (CODE, 4, 3, 0, 0)
    assert told["median_m2"] == pytest.approx(SIZE, rel=0.01)
    assert told["uncovered_m2"] < NOTHING
    layer = need_layer(drawn, "grid-cells")
    assert (layer.title, layer.geometry, layer.key, layer.rows, layer.visible) == (
        {"zh": "单元网格", "en": "Grid cells"}, "polygon", "code", 4, False,
    )  # fmt: skip
    kept = values(drawn)
    assert set(kept) == {f"{CODE}000001{n:02}" for n in (1, 2, 3, 4)}
    houses = kept[at(drawn, 60_010, 60_010)]
    assert (houses["buildings"], houses["people_night"]) == (2, 42)
    assert (kept[at(drawn, 60_190, 60_010)]["buildings"], kept[at(drawn, 60_190, 60_010)]["people_night"]) == (0, 0)
    assert all(props["area_m2"] == pytest.approx(SIZE, rel=0.01) for props in kept.values())
    [entry] = drawn.execute(text("SELECT who, data FROM audit WHERE what = 'grid_cells.make'"))
    assert (entry.who, entry.data["added"], entry.data["district"]) == ("lin", 4, CODE)


def test_a_dry_run_keeps_nothing(drawn: Connection) -> None:
    told = make(drawn, district=CODE, dry_run=True, assets=True)
    assert told["added"] == 4
    assert drawn.scalar(text("SELECT count(*) FROM layer WHERE id = 'grid-cells'")) == 0
    assert drawn.scalar(text("SELECT count(*) FROM audit WHERE what = 'grid_cells.make'")) == 0
    assert make(drawn, district=CODE) == {**told, "assets": 0}


def test_made_again_what_stays_keeps_its_code(drawn: Connection) -> None:
    make(drawn, district=CODE)
    before = values(drawn)
    where = {place: at(drawn, *place) for place in [(60_010, 60_010), (60_190, 60_010), (60_190, 60_190)]}
    assert make(drawn, district=CODE)["same"] == 4
    assert values(drawn) == before
    gone = at(drawn, 60_010, 60_190)
    for n, x in ((8, 60_033), (9, 60_066)):
        put_street(drawn, n, line((x, 60_100), (x, 60_300)))
    drawn.execute(text("UPDATE layer SET title_zh = '网格', departments = '{works}' WHERE id = 'grid-cells'"))
    again = make(drawn, district=CODE)
    counted = (again["added"], again["changed"], again["same"], again["removed"])
    assert counted == (3, 1, 2, 1), "the neighbour in the south has the corners of the new ones on its edge"
    assert {place: at(drawn, *place) for place in where} == where
    assert gone not in values(drawn), "no third is it"
    layer = need_layer(drawn, "grid-cells")
    assert (layer.title["zh"], layer.departments, layer.rows) == ("网格", ("works",), 6)


def test_one_district_is_made_and_the_others_stay(drawn: Connection) -> None:
    put_district(drawn, "990002", shapely.box(60_200, 60_000, 60_300, 60_200))
    make(drawn, district=CODE)
    other = make(drawn, district="990002")
    assert (other["added"], other["removed"]) == (2, 0)
    assert len(values(drawn)) == 6
    drawn.execute(text("DELETE FROM street WHERE id >= 990000000"))
    assert make(drawn, district="990002")["same"] == 2


def test_components_are_given_the_cell_in_which_they_stand(drawn: Connection) -> None:
    bare = put_asset(drawn, 1, 60_030, 60_060, None)
    others = put_asset(drawn, 2, 60_030, 60_065, "32050100100101")
    make(drawn, district=CODE)
    assert read_asset(drawn, bare)["grid"] is None, "nobody asked for it"
    done = make(drawn, district=CODE, assets=True)
    cell = at(drawn, 60_030, 60_060)
    assert (done["assets"], read_asset(drawn, bare)["grid"], read_asset(drawn, bare)["version"]) == (1, cell, 2)
    assert read_asset(drawn, others)["grid"] == "32050100100101", "a file has said so"
    [event] = read_history(drawn, bare)
    assert (event["what"], event["who"], event["source"]) == ("changed", "lin", "grid-cells")
    assert event["changes"] == {"grid": [None, cell]}
    assert make(drawn, district=CODE, assets=True)["assets"] == 0
    put_street(drawn, 9, line((59_900, 60_050), (60_100, 60_050)))
    again = make(drawn, district=CODE, assets=True)
    now_in = at(drawn, 60_030, 60_060)
    assert now_in != cell
    assert (again["assets"], read_asset(drawn, bare)["grid"]) == (1, now_in)


def test_rows_of_a_file_are_not_replaced(drawn: Connection) -> None:
    make(drawn, district=CODE)
    drawn.execute(text("UPDATE layer SET lineage = '{\"file\": \"网格.zip\"}' WHERE id = 'grid-cells'"))
    with pytest.raises(Conflict) as refused:
        make(drawn, district=CODE)
    assert refused.value.reason == "layer_not_made"
    assert make(drawn, district=CODE, layer="grid-cells-2")["added"] == 4
    with pytest.raises(Conflict):
        make(drawn, district=CODE, layer="streets")


def test_a_district_there_is_none_of(drawn: Connection) -> None:
    with pytest.raises(NotFound):
        make(drawn, district="990009")


@pytest.mark.parametrize(
    ("scope", "assets"),
    [
        (Scope(districts=frozenset({CODE})), False),
        (Scope(city=False), False),
        (Scope(departments=frozenset({"works"})), True),
        (Scope(classification=Classification.OPEN), True),
    ],
    ids=["some districts", "no city", "components of a department", "components of a class"],
)
def test_who_sees_a_part_makes_nothing_of_the_whole(drawn: Connection, scope: Scope, assets: bool) -> None:
    with pytest.raises(Forbidden):
        make(drawn, district=CODE, scope=scope, assets=assets)


def test_nobody_replaces_cells_that_they_do_not_see(drawn: Connection) -> None:
    make(drawn, district=CODE)
    drawn.execute(text("UPDATE layer SET classification = 2 WHERE id = 'grid-cells'"))
    with pytest.raises(Forbidden):
        make(drawn, district=CODE, scope=Scope(classification=Classification.OPEN))


def test_a_district_of_the_demo_city(conn: Connection) -> None:
    """As it comes: thousands of houses, hundreds of streets, a river."""
    made = make(conn, district="329906", layer="demo-cells", assets=True)
    [told] = made["districts"]
    assert told["cells"] == made["added"] == need_layer(conn, "demo-cells").rows
    assert told["buildings"] > 500
    assert (told["cut"], told["overlapping_m2"] < 0.1, told["uncovered_m2"] < 0.1) == (0, True, True)
    assert 0.8 * SIZE < told["median_m2"] < 1.2 * SIZE
    assert told["p5_m2"] > SMALL * SIZE
    assert told["p95_m2"] < LARGE * SIZE
    # measured once more, by the database
    row = conn.execute(
        text("""
SELECT count(*) AS cells, count(*) FILTER (WHERE NOT ST_IsValid(r.geom)) AS wrong, min(length(r.key)) AS digits,
  sum(ST_Area(r.geom)) / max(ST_Area(d.geom)) AS share
FROM layer_row r JOIN district d ON d.code = r.district WHERE r.layer_id = 'demo-cells'
""")
    ).one()
    assert (row.cells, row.wrong, row.digits) == (told["cells"], 0, 14)
    assert row.share == pytest.approx(1, abs=1e-9)
    cut = conn.scalar(
        text("""
SELECT count(*) FROM (
  SELECT b.id FROM building b JOIN layer_row r ON r.layer_id = 'demo-cells' AND r.geom && b.geom
    AND ST_Area(ST_Intersection(r.geom, b.geom)::geography) > 0.01 GROUP BY b.id HAVING count(*) > 1) AS twice
""")
    )
    assert cut == 0
    assert made["assets"] == conn.scalar(text("SELECT count(*) FROM asset WHERE left(grid, 6) = '329906'"))
    assert made["assets"] > 100
    key, lon, lat = conn.execute(
        text("SELECT key, ST_X(p), ST_Y(p) FROM (SELECT key, ST_PointOnSurface(geom) AS p FROM layer_row "
             "WHERE layer_id = 'demo-cells' AND (props->>'buildings')::int > 3 ORDER BY key LIMIT 1) AS one")
    ).one()  # fmt: skip
    area = area_meant(conn, {"type": "Point", "coordinates": [lon, lat]}, of="demo-cells")
    inside = read_within(conn, area, now())
    assert inside["name"] == {"zh": key, "en": key}
    counted = conn.scalar(text("SELECT (props->>'buildings')::int FROM layer_row WHERE key = :key"), {"key": key})
    assert inside["buildings"] == counted
