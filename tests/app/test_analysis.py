"""The multi-dimensional look: groups that add up, each thing in one of them, as far as somebody sees; hours and days of
the city's own clock."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean
from typing import Any
from uuid import uuid4

import geopandas as gpd
import h3
import pytest
import shapely
from sqlalchemy import Connection, text

from app.analysis.asking import analyse, describe_subjects, find_subject, read_places
from core.analysis import Asked, answering
from core.analysis.asked import groupings_of
from core.analysis.times import DAY, MONTH, STEPS, WEEK, YEAR, every
from core.errors import InputError, NotFound
from core.scope import EVERYTHING, Classification, Scope
from core.settings import Settings
from layers.analysed import subclass_named
from layers.imports.bring import bring
from tests.layers.brought import LAT, LON, frame, tables
from tests.layers.test_bring import plan_of, text_table
from tests.layers.test_layer_command import call
from tests.support import now

NOW = datetime(2026, 5, 4, tzinfo=UTC)
NOWHERE = frozenset({"999999"})


def ask(conn: Connection, subject: str, *, scope: Scope = EVERYTHING, most: int = answering.MOST, **asked: Any) -> Any:
    return analyse(conn, scope, subject, Asked(**asked), NOW, most)[0]


def counts(found: Any) -> dict[Any, int]:
    keys = [tuple(key["key"] for key in group["keys"]) for group in found["groups"]]
    return {
        (key[0] if len(key) == 1 else key): group["count"] for key, group in zip(keys, found["groups"], strict=True)
    }


def report(conn: Connection, at: datetime | None, district: str = "329902", **more: Any) -> None:
    """An incident that came in then."""
    given = {"kind": "flooding", "level": 3, "ended": None, "classification": 0, "lon": LON, "lat": LAT, **more}
    conn.execute(
        text("""
INSERT INTO incident (id, number, kind, level, status, titles, channel, district, classification, geom, opened_at,
  changed_at, ended_at, opened_by, version)
VALUES (:id, :number, :kind, :level, 'open', '{"zh": "水", "en": "Water"}', 'desk', :district, :classification,
  ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), :at, :at, :ended, 'tester', 1)
"""),
        {"id": uuid4(), "number": str(uuid4()), "at": at, "district": district, **given},
    )


@pytest.fixture
def quiet(conn: Connection) -> Connection:
    """No incident but those that a test reports, in a city whose clocks change."""
    conn.execute(text("UPDATE city SET timezone = 'Europe/Helsinki'"))
    assert conn.scalar(text("SELECT count(*) FROM incident")) == 0
    return conn


def cells(conn: Connection, folder: Path, *squares: tuple[float, float], size: float = 0.01, **plan: Any) -> None:
    """A layer of areas, `cell-0` and so on, with their south-west corners there."""
    path = folder / "cells.gpkg"
    shapes = [shapely.box(x, y, x + size, y + size) for x, y in squares]
    data = frame(shapes, code=[f"cell-{n}" for n in range(len(shapes))], name=[f"网格{n}" for n in range(len(shapes))])
    data.to_file(path, engine="pyogrio")
    [table] = tables(path, folder / "u")
    bring(conn, table, plan_of(table, "cells", key="code", **plan), "tester", now())


# --- exact counts -----------------------------------------------------------------------------------------------------


def test_districts_and_classes_are_counted_as_they_stand(conn: Connection) -> None:
    found = ask(conn, "assets", by="district", then="class")
    stand = Counter(
        (row.district, row.klass) for row in conn.execute(text("SELECT district, class AS klass FROM asset"))
    )
    assert counts(found) == stand
    assert found["total"]["count"] == sum(stand.values()) == sum(group["count"] for group in found["groups"])
    assert sum(group["share"] for group in found["groups"]) == pytest.approx(1)
    [first] = [one for one in found["groups"] if one["keys"][1]["key"] == "01"][:1]
    assert first["keys"][1]["words"] == {"zh": "公用设施", "en": "Public utilities"}
    km2 = conn.scalar(
        text("SELECT ST_Area(geom::geography) / 1e6 FROM district WHERE code = :code"),
        {"code": first["keys"][0]["key"]},
    )
    assert first["per_km2"] == pytest.approx(first["count"] / km2)


@pytest.mark.parametrize("resolution", [7, 9])
def test_every_thing_is_in_its_hexagon(conn: Connection, resolution: int) -> None:
    found = ask(conn, "assets", by=f"h3:{resolution}")
    rows = conn.execute(text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM asset"))
    assert counts(found) == Counter(h3.latlng_to_cell(row.lat, row.lon, resolution) for row in rows)
    one = found["groups"][0]
    names = set(conn.scalars(text("SELECT name_zh FROM district")))
    assert one["km2"] == pytest.approx(h3.cell_area(one["keys"][0]["key"], "km^2"))
    assert one["keys"][0]["words"]["zh"].split()[0] in names, "the district its middle is in"


def test_hexagons_and_what_the_database_knows_go_together(conn: Connection) -> None:
    found = ask(conn, "assets", by="district", then="h3:8")
    rows = conn.execute(text("SELECT district, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM asset"))
    assert counts(found) == Counter((row.district, h3.latlng_to_cell(row.lat, row.lon, 8)) for row in rows)
    turned = ask(conn, "assets", by="h3:8", then="district")
    assert {key[::-1]: n for key, n in counts(turned).items()} == counts(found)


def test_what_lies_between_two_areas_is_counted_once(conn: Connection, tmp_path: Path) -> None:
    cells(conn, tmp_path, (LON, LAT), (LON + 0.01, LAT))
    border = text_table(
        tmp_path / "p", f"编号,名称,经度,纬度\nb1,甲,{LON + 0.01},{LAT + 0.005}\nb2,乙,{LON + 0.5},{LAT}\n"
    )
    bring(conn, border, plan_of(border, "posts"), "tester", now())
    found = ask(conn, "posts", by="layer:cells")
    assert counts(found) == {"cell-0": 1}, "the first of the two by its key"
    assert found["left_out"] == {"place": 1, "time": 0, "number": 0}


def test_areas_hold_what_geopandas_finds_in_them(conn: Connection, tmp_path: Path) -> None:
    corners = [(LON - 0.02 + 0.01 * x, LAT - 0.02 + 0.01 * y) for x in range(6) for y in range(6)]
    cells(conn, tmp_path, *corners)
    found = ask(conn, "assets", by="layer:cells", then="class")
    rows = conn.execute(text("SELECT class AS klass, ST_X(geom) AS lon, ST_Y(geom) AS lat FROM asset")).all()
    points = gpd.GeoDataFrame(
        {"klass": [row.klass for row in rows]},
        geometry=gpd.points_from_xy([row.lon for row in rows], [row.lat for row in rows]),
        crs="EPSG:4326",
    )
    held = gpd.GeoDataFrame(
        {"code": [f"cell-{n}" for n in range(36)]},
        geometry=[shapely.box(x, y, x + 0.01, y + 0.01) for x, y in corners],
        crs="EPSG:4326",
    )
    joined = points.sjoin(held, predicate="within")
    assert len(joined) > 100
    assert counts(found) == Counter(zip(joined["code"], joined["klass"], strict=True))
    assert found["total"]["count"] + found["left_out"]["place"] == len(rows)
    assert found["groups"][0]["keys"][0]["words"]["zh"].startswith("网格")


def test_a_shape_is_counted_where_one_point_of_it_is(conn: Connection, tmp_path: Path) -> None:
    """An area that lies over several hexagons is in one of them."""
    cells(conn, tmp_path, (LON, LAT), (LON + 0.05, LAT), size=0.03)
    found = ask(conn, "cells", by="h3:9")
    assert found["total"]["count"] == 2
    assert set(counts(found).values()) == {1}


def test_sums_and_means_are_those_of_the_numbers(conn: Connection) -> None:
    rows = conn.execute(text("SELECT kind, capacity FROM facility")).all()
    summed = ask(conn, "facilities", by="kind", measure="sum:capacity")
    meant = ask(conn, "facilities", by="kind", measure="mean:capacity")
    for found, of in ((summed, sum), (meant, mean)):
        for group in found["groups"]:
            held = [row.capacity for row in rows if row.kind == group["keys"][0]["key"] and row.capacity is not None]
            assert group["value"] == (pytest.approx(of(held)) if held else None)  # type: ignore[operator]
    given = [row.capacity for row in rows if row.capacity is not None]
    assert (summed["total"]["value"], meant["total"]["value"]) == (sum(given), pytest.approx(mean(given)))
    assert summed["left_out"]["number"] == len(rows) - len(given)
    assert {group["share"] for group in meant["groups"]} == {None}
    placed = ask(conn, "facilities", by="h3:7", measure="mean:capacity")
    assert placed["total"]["value"] == pytest.approx(mean(given))


def test_largest_groups_are_given_and_the_rest_is_said(conn: Connection) -> None:
    for by in ("subclass", "h3:9"):
        whole, cut = ask(conn, "assets", by=by), ask(conn, "assets", by=by, most=3)
        assert len(cut["groups"]) == 3 < cut["groups_in_all"] == len(whole["groups"])
        assert cut["total"] == whole["total"]
        largest = sorted(counts(whole).values(), reverse=True)[:3]
        assert sorted(counts(cut).values(), reverse=True) == largest


def test_too_many_things_to_place_are_refused(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "MOST_PLACED", 10)
    with pytest.raises(InputError, match="cannot be placed at once") as caught:
        ask(conn, "assets", by="h3:8")
    assert caught.value.reason == "too_many_to_place"
    assert ask(conn, "assets", by="district")["total"]["count"] > 10


def test_every_subject_answers_by_everything_and_adds_up(conn: Connection, tmp_path: Path) -> None:
    """One contract for all that can be analysed, our own and the city's."""
    cells(conn, tmp_path, (LON, LAT), (LON + 0.01, LAT))
    places = read_places(conn, EVERYTHING)
    subjects = describe_subjects(conn, EVERYTHING)
    assert {"incidents", "alarms", "assets", "facilities", "sensors", "cameras", "cells"} <= {s["id"] for s in subjects}
    for subject in subjects:
        source = find_subject(conn, EVERYTHING, subject["id"])
        there = conn.scalar(text(f"SELECT count(*) FROM {source.source} WHERE {source.seen}"), EVERYTHING.params())
        assert [one["id"] for one in subject["groupings"]] == [one.id for one in groupings_of(source, places)]
        for grouping in subject["groupings"]:
            found = ask(conn, subject["id"], by=grouping["id"])
            left = found["left_out"]
            assert found["total"]["count"] + left["place"] + left["time"] == there, (subject["id"], grouping["id"])
            if found["groups_in_all"] == len(found["groups"]):
                assert sum(group["count"] for group in found["groups"]) == found["total"]["count"]


# --- time -------------------------------------------------------------------------------------------------------------


def test_hours_and_days_are_those_of_the_city_when_its_clocks_change(quiet: Connection) -> None:
    report(quiet, datetime(2026, 3, 28, 22, 30, tzinfo=UTC))  # Sunday 0:30, winter time
    report(quiet, datetime(2026, 3, 29, 0, 30, tzinfo=UTC))  # 2:30
    report(quiet, datetime(2026, 3, 29, 1, 30, tzinfo=UTC))  # 4:30, an hour is left out
    report(quiet, datetime(2026, 3, 29, 21, 30, tzinfo=UTC))  # Monday 0:30, summer time
    found = ask(quiet, "incidents", by="weekday", then="hour")
    assert counts(found) == {("1", "00"): 1, ("7", "00"): 1, ("7", "02"): 1, ("7", "04"): 1}
    assert found["zone"] == "Europe/Helsinki"
    assert found["groups"][0]["keys"][0]["words"] == {"zh": "星期一", "en": "Monday"}
    assert found["groups"][0]["keys"][1]["words"] == {"zh": "0 时", "en": "00:00"}
    assert counts(ask(quiet, "incidents", by="day")) == {"2026-03-29": 3, "2026-03-30": 1}
    assert counts(ask(quiet, "incidents", by="week")) == {"2026-W13": 3, "2026-W14": 1}
    assert counts(ask(quiet, "incidents", by="month", then="year")) == {("2026-03", "2026"): 4}


def test_days_from_and_to_are_both_in_and_the_last_moment_is_out(quiet: Connection) -> None:
    report(quiet, datetime(2026, 3, 28, 21, 59, tzinfo=UTC))  # the 28th
    report(quiet, datetime(2026, 3, 28, 22, 0, tzinfo=UTC))  # the first moment of the 29th
    report(quiet, datetime(2026, 3, 29, 20, 59, tzinfo=UTC))  # its last minute
    report(quiet, datetime(2026, 3, 29, 21, 0, tzinfo=UTC))  # the 30th
    asked = {"by": "district", "since": "2026-03-29", "until": "2026-03-29"}
    assert ask(quiet, "incidents", **asked)["total"]["count"] == 2
    moments = {"since": "2026-03-29T00:00:00+02:00", "until": "2026-03-30T00:00:00+03:00"}
    assert ask(quiet, "incidents", by="district", **moments)["total"]["count"] == 2
    assert ask(quiet, "incidents", by="district", since="2026-03-30")["total"]["count"] == 1


def test_a_day_has_no_zone(conn: Connection) -> None:
    conn.execute(text("UPDATE city SET timezone = 'Pacific/Honolulu'"))
    rows = [one for one in conn.scalars(text("SELECT installed FROM asset")) if one is not None]
    found = ask(conn, "assets", by="month")
    assert counts(found) == Counter(day.isoformat()[:7] for day in rows)
    first = min(rows)
    held = ask(conn, "assets", by="day", since=first.isoformat(), until=first.isoformat())
    assert counts(held) == {first.isoformat(): rows.count(first)}
    assert "hour" not in {
        one["id"] for s in describe_subjects(conn, EVERYTHING) if s["id"] == "assets" for one in s["groupings"]
    }


def test_what_has_no_time_or_place_is_said_to_be_left_out(quiet: Connection) -> None:
    ended = datetime(2026, 3, 1, 10, tzinfo=UTC)
    report(quiet, ended - timedelta(minutes=30), ended=ended)
    report(quiet, ended)
    report(quiet, ended, district="000000", lon=None, lat=None)
    found = ask(quiet, "incidents", by="day", time="ended_at")
    assert (counts(found), found["left_out"]["time"]) == ({"2026-03-01": 1}, 2)
    for by in ("district", "h3:8"):
        held = ask(quiet, "incidents", by=by)
        assert (held["total"]["count"], held["left_out"]) == (2, {"place": 1, "time": 0, "number": 0})
    both = ask(quiet, "incidents", by="h3:8", then="day", time="ended_at")
    assert (both["total"]["count"], both["left_out"]["place"], both["left_out"]["time"]) == (1, 1, 1)
    lasted = ask(quiet, "incidents", by="kind", measure="mean:minutes")
    assert (lasted["total"]["value"], lasted["left_out"]["number"]) == (30.0, 2)


@pytest.mark.parametrize(
    ("step", "keys", "whole"),
    [
        (DAY, ["2026-02-27", "2026-03-01"], ["2026-02-27", "2026-02-28", "2026-03-01"]),
        (WEEK, ["2026-W52", "2027-W01"], ["2026-W52", "2026-W53", "2027-W01"]),
        (MONTH, ["2026-11", "2027-02"], ["2026-11", "2026-12", "2027-01", "2027-02"]),
        (YEAR, ["2024", "2026"], ["2024", "2025", "2026"]),
        (DAY, [], []),
    ],
)
def test_steps_between_the_first_and_the_last_are_filled_in(step: Any, keys: list[str], whole: list[str]) -> None:
    assert every(step, keys) == whole


def test_steps_that_turn_are_all_there() -> None:
    assert every(STEPS["hour"], ["03"]) == [f"{hour:02d}" for hour in range(24)]
    assert every(STEPS["weekday"], []) == list("1234567")


# --- what is narrowed -------------------------------------------------------------------------------------------------


def test_one_value_of_a_column_one_district_one_box(conn: Connection) -> None:
    rows = conn.execute(
        text("SELECT state, district, ST_X(geom) AS lon, ST_Y(geom) AS lat, owner_dept FROM asset")
    ).all()
    damaged = ask(conn, "assets", by="district", column="state", value="damaged")
    assert counts(damaged) == Counter(row.district for row in rows if row.state == "damaged")
    district = rows[0].district
    assert counts(ask(conn, "assets", by="state", district=district)) == Counter(
        row.state for row in rows if row.district == district
    )
    box = (LON, LAT, LON + 0.02, LAT + 0.02)
    inside = sum(box[0] <= row.lon <= box[2] and box[1] <= row.lat <= box[3] for row in rows)
    assert ask(conn, "assets", by="state", bbox=box)["total"]["count"] == inside > 0
    nobody = ask(conn, "assets", by="state", column="owner_dept", value="")
    assert nobody["total"]["count"] == sum(not row.owner_dept for row in rows) > 0


@pytest.mark.parametrize(
    ("subject", "asked", "field"),
    [
        ("assets", {"by": "nothing"}, "by"),
        ("assets", {"by": "hour"}, "by"),
        ("assets", {"by": "district", "then": "district"}, "then"),
        ("assets", {"by": "district", "then": "layer:nothing"}, "then"),
        ("assets", {"by": "h3:11"}, "by"),
        ("assets", {"measure": "sum:nothing"}, "measure"),
        ("incidents", {"measure": "sum:minutes"}, "measure"),
        ("assets", {"time": "opened_at"}, "time"),
        ("cameras", {"since": "2026-01-01"}, "from"),
        ("assets", {"since": "yesterday"}, "from"),
        ("assets", {"since": "2026-13-01"}, "from"),
        ("assets", {"until": "2026-01-01T00:00:00"}, "to"),
        ("assets", {"until": "9999-12-31"}, "to"),
        ("assets", {"since": "2026-01-02", "until": "2026-01-01"}, "to"),
        ("assets", {"district": "999999"}, "district"),
        ("assets", {"column": "state"}, "value"),
        ("assets", {"value": "damaged"}, "column"),
        ("assets", {"column": "nothing", "value": "x"}, "column"),
    ],
)
def test_what_cannot_be_asked_is_named(conn: Connection, subject: str, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        ask(conn, subject, **asked)
    assert caught.value.field == field


def test_columns_of_a_layer_that_are_called_like_something_else(conn: Connection, tmp_path: Path) -> None:
    head = "编号,district,it's,面积,开工,经度,纬度\n"
    body = f"a,东,x,1.5,2026-05-01,{LON},{LAT}\nb,东,y,2,2026-05-02,{LON},{LAT}\nc,西,,,2026-06-01,{LON},{LAT}\n"
    table = text_table(tmp_path, head + body, "works")
    bring(conn, table, plan_of(table, "works"), "tester", now())
    names = {column.id for column in find_subject(conn, EVERYTHING, "works").dimensions}
    quoted = next(name for name in names if name.startswith("it"))
    assert counts(ask(conn, "works", by="column:district")) == {"东": 2, "西": 1}
    assert set(counts(ask(conn, "works", by="district"))) != {"东", "西"}, "a place goes before a column"
    by_quoted = ask(conn, "works", by=quoted, measure="sum:面积")
    assert {group["keys"][0]["key"]: group["value"] for group in by_quoted["groups"]} == {
        "y": 2.0,
        "x": 1.5,
        None: None,
    }
    assert by_quoted["groups"][-1]["keys"][0]["words"]["zh"] == "未填写"
    assert counts(ask(conn, "works", by="month")) == {"2026-05": 2, "2026-06": 1}


def test_a_subclass_is_called_by_what_its_names_end_with() -> None:
    lamps = [("三环路路灯", "Third Ring street lamp"), ("中山路路灯", "Zhongshan Rd street lamp")]
    assert subclass_named("0137", lamps) == {"zh": "0137 路路灯", "en": "0137 street lamp"}
    assert subclass_named("0137", [("甲", "A"), ("乙", "B")]) == {"zh": "0137", "en": "0137"}
    assert subclass_named("0137", []) == {"zh": "0137", "en": "0137"}


# --- how far one sees -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["district", "kind", "h3:8"])
def test_an_account_of_a_district_counts_what_is_in_it(conn: Connection, by: str) -> None:
    district, there = conn.execute(
        text("SELECT district, count(*) FROM facility GROUP BY 1 ORDER BY 2 DESC LIMIT 1")
    ).one()
    found = ask(conn, "facilities", by=by, scope=Scope(districts=frozenset({district})))
    assert found["total"]["count"] + found["left_out"]["place"] == there
    assert ask(conn, "facilities", by=by, scope=Scope(districts=NOWHERE))["total"]["count"] == 0
    with pytest.raises(InputError, match="district"):
        ask(conn, "facilities", district=district, scope=Scope(districts=NOWHERE))


def test_what_is_classified_above_ones_own_is_not_counted(quiet: Connection) -> None:
    report(quiet, NOW)
    report(quiet, NOW, classification=2)
    scope = Scope(classification=Classification.INTERNAL)
    assert ask(quiet, "incidents", by="kind")["total"]["count"] == 2
    for by in ("kind", "h3:8", "hour"):
        assert ask(quiet, "incidents", by=by, scope=scope)["total"]["count"] == 1


def test_components_of_other_departments_are_not_counted(conn: Connection) -> None:
    dept, there = conn.execute(
        text("SELECT dept, count(*) FROM asset WHERE dept IS NOT NULL GROUP BY 1 ORDER BY 2 LIMIT 1")
    ).one()
    free = conn.scalar(text("SELECT count(*) FROM asset WHERE dept IS NULL")) or 0
    found = ask(conn, "assets", by="class", scope=Scope(departments=frozenset({dept})))
    assert found["total"]["count"] == there + free


def test_a_layer_that_one_may_not_see_is_no_subject_and_no_place(conn: Connection, tmp_path: Path) -> None:
    cells(conn, tmp_path, (LON, LAT), classification=Classification.SECRET)
    scope = Scope(classification=Classification.INTERNAL)
    assert "cells" in {one["id"] for one in describe_subjects(conn, EVERYTHING)}
    assert "cells" not in {one["id"] for one in describe_subjects(conn, scope)}
    with pytest.raises(NotFound):
        ask(conn, "cells", scope=scope)
    with pytest.raises(InputError) as caught:
        ask(conn, "assets", by="layer:cells", scope=scope)
    assert "layer:cells;" not in caught.value.message.partition("; got")[0]


def test_cells_of_other_districts_hold_nothing(conn: Connection, tmp_path: Path) -> None:
    cells(conn, tmp_path, *[(LON - 0.1 + 0.02 * n, LAT) for n in range(10)], size=0.02)
    districts = set(conn.scalars(text("SELECT district FROM layer_row WHERE layer_id = 'cells'")))
    assert len(districts) > 1
    one = min(districts)
    found = ask(conn, "assets", by="layer:cells", scope=Scope(districts=frozenset({one})))
    seen = set(conn.scalars(text("SELECT key FROM layer_row WHERE layer_id = 'cells' AND district = :d"), {"d": one}))
    assert set(counts(found)) <= seen


def test_who_sees_no_city_counts_only_what_they_were_sent_to(quiet: Connection) -> None:
    report(quiet, NOW)
    scope = replace(EVERYTHING, city=False, units=frozenset({"nobody"}))
    assert ask(quiet, "incidents", by="kind", scope=scope)["total"]["count"] == 0


# --- at the command line ----------------------------------------------------------------------------------------------


def test_the_command_counts_the_same(settings: Settings, conn: Connection) -> None:
    done = call(settings, "analysis", "assets", "--by", "district", "--then", "class", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["groups"] == ask(conn, "assets", by="district", then="class")["groups"]
    told = call(settings, "analysis", "assets", "--by", "class")
    assert "公用设施" in told.stdout
    assert " in 5 groups" in told.stderr
    assert call(settings, "analysis").stdout.splitlines()[0].split()[0] == "incidents"
    wrong = call(settings, "analysis", "assets", "--by", "hour")
    assert (wrong.returncode, "by: expected one of district" in wrong.stderr) == (1, True)


def test_an_answer_is_json(conn: Connection) -> None:
    assert json.loads(json.dumps(ask(conn, "assets", by="h3:8", then="class")))["by"][0]["id"] == "h3:8"
