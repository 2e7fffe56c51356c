"""Search over everything: what is typed finds what is meant, best and nearest first, as things stand in this very
transaction, and only what one may see."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, Engine, event, text

from app.finding import KINDS, PROVIDERS, search
from app.services.postgres import Cluster, ensure_database
from core.db import make_engine
from core.finding.addresses import locate
from core.finding.index import LIVING, NEAREST, POOL
from core.migrate import migrate
from core.scope import Classification, Scope
from core.settings import Settings
from core.types import LonLat
from tests.support import WORKER, admin_url, now

HERE = LonLat(118.99, 31.35)
NOWHERE = frozenset({"999999"})


def add_facility(
    conn: Connection, identity: str, zh: str, en: str, lon: float = HERE.lon, lat: float = HERE.lat
) -> None:
    conn.execute(
        text("""
INSERT INTO facility (id, kind, name_zh, name_en, district, attributes, geom)
VALUES (:id, 'school', :zh, :en, '000000', '{}', ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
"""),
        {"id": identity, "zh": zh, "en": en, "lon": lon, "lat": lat},
    )


def add_street(conn: Connection, identity: int, zh: str | None, en: str | None, lon: float = HERE.lon) -> None:
    conn.execute(
        text("""
INSERT INTO street (id, name_zh, name_en, class, oneway, speed_kmh, bridge, tunnel, from_node, to_node, length_m, geom)
VALUES (:id, :zh, :en, 'minor', false, 30, false, false, 1, 2, 100,
  ST_SetSRID(ST_MakeLine(ST_MakePoint(:lon, 31.35), ST_MakePoint(:lon + 0.001, 31.35)), 4326))
"""),
        {"id": identity, "zh": zh, "en": en, "lon": lon},
    )


def add_door(conn: Connection, identity: str, street: tuple[str, str], number: str, lon: float = HERE.lon) -> None:
    conn.execute(
        text("""
INSERT INTO address (id, street_zh, street_en, number, district, geom)
VALUES (:id, :zh, :en, :number, '000000', ST_SetSRID(ST_MakePoint(:lon, 31.35), 4326))
"""),
        {"id": identity, "zh": street[0], "en": street[1], "number": number, "lon": lon},
    )


def add_layer(conn: Connection, rows: int = 1, label: str = "name", **more: Any) -> None:
    columns = [
        {"name": name, "type": "text", "title": {"zh": name, "en": name}, "role": "label" if name == label else None}
        for name in ("name", "nick")
    ]
    given = {"columns": json.dumps(columns), "classification": 0, "departments": None, "now": now(), **more}
    conn.execute(
        text("""
INSERT INTO layer (id, title_zh, title_en, tree_group, geometry, columns, style, visible, min_zoom, classification,
  departments, lineage, created_by, created_at, changed_at)
VALUES ('cool_shops', '避暑点', 'Cooling places', 'own', 'point', CAST(:columns AS jsonb), '{}', true, 9,
  :classification, :departments, '{}', 'tester', :now, :now)
"""),
        given,
    )
    conn.execute(
        text("""
INSERT INTO layer_row (layer_id, key, props, geom, district, changed_at)
SELECT 'cool_shops', 'k-' || n, jsonb_build_object('name', '琉璃茶馆' || n, 'nick', '碧螺轩' || n),
  ST_SetSRID(ST_MakePoint(118.99 + 0.0001 * n, 31.35), 4326), '320118', :now
FROM generate_series(1, :rows) AS n
"""),
        {"rows": rows, "now": now()},
    )


def ids(conn: Connection, words: str, **more: Any) -> list[str]:
    return [hit["id"] for hit in search(conn, words, **more)]


# a name with three characters that are read in two ways, and one in English
BANK = ("bank", "重庆银行长江西路支行", "Zhongqing Bank Yangtze West Road Branch")
TYPED = [
    ("重庆银行长江西路支行", 0),
    ("BANK", 0),
    ("重庆银行（长江西路支行）", 0),
    ("重庆银", 1),
    ("长江西路", 2),
    ("西路 支行", 2),
    ("重庆长江", 3),
    ("支行银行重庆", 4),
    ("江长庆重", 4),
    ("chongqingyinhangchangjiangxiluzhihang", 5),
    ("chongqing yinhang", 5),
    ("chongq", 5),
    ("changjiangxilu", 6),
    ("yinhangchangj", 6),
    ("cqyh", 7),
    ("cjxl", 7),
    ("cqyinhang", 7),
    ("Zhongqing Bank Yangtze West Road Branch", 0),
    ("zhongqing ban", 1),
    ("yangtze west", 2),
    ("bank yangtze", 2),
    ("zhongqing yangtze", 3),
    ("branch yangtze", 4),
    ("branch yangtse", 8),
    ("Zhongqing Bnak", 8),
    ("zhngqing bank", 8),
    ("zhngqng bank", 8),
    ("yangtzze brnch", 8),
]


@pytest.mark.parametrize(("words", "match"), TYPED, ids=[words for words, _ in TYPED])
def test_what_is_typed_finds_what_is_meant(words: str, match: int, conn: Connection) -> None:
    add_facility(conn, *BANK)
    [hit] = [hit for hit in search(conn, words, near=HERE) if hit["id"] == "bank"]
    assert (hit["match"], hit["type"], hit["title"]["zh"], hit["distance_m"]) == (match, "facility", BANK[1], 0)


@pytest.mark.parametrize("words", ["重庆火车", "zhongguo", "cqhc", "Yangtze Market", "银行 重庆 学校", "qingchong"])
def test_what_was_not_meant_is_not_found(words: str, conn: Connection) -> None:
    add_facility(conn, *BANK)
    assert "bank" not in ids(conn, words)


def test_the_better_goes_before_the_nearer_and_the_nearer_before_the_farther(conn: Connection) -> None:
    add_facility(conn, "held", "老琉璃厂学校", "a", HERE.lon)
    add_facility(conn, "far", "琉璃厂学校", "b", HERE.lon + 0.02)
    add_facility(conn, "near", "琉璃厂学校", "c", HERE.lon + 0.01)
    add_facility(conn, "is", "琉璃厂", "d", HERE.lon + 0.03)
    found = search(conn, "琉璃厂", near=HERE)
    assert [hit["id"] for hit in found] == ["is", "near", "far", "held"]
    assert [hit["score"] for hit in found] == sorted((hit["score"] for hit in found), reverse=True)
    assert all(0 <= hit["score"] <= 1 for hit in found)
    assert ids(conn, "琉璃厂", near=LonLat(HERE.lon + 0.02, HERE.lat))[1:3] == ["far", "near"]
    assert ids(conn, "琉璃厂") == ids(conn, "琉璃厂")
    assert {hit["distance_m"] for hit in search(conn, "琉璃厂")} == {None}


def test_kinds_narrow(conn: Connection) -> None:
    whole = search(conn, "路", 1000)
    for kind in ("sensor", "camera", "street"):
        narrowed = search(conn, "路", 1000, kinds=[kind])
        assert {hit["type"] for hit in narrowed} == {kind}
        of_kind = [hit["id"] for hit in whole if hit["type"] == kind]
        assert len(narrowed) >= len(of_kind) > 0
    assert {hit["type"] for hit in search(conn, "路", 1000, kinds=["sensor", "camera"])} == {"sensor", "camera"}
    assert search(conn, "118.99, 31.35", kinds=["sensor"]) == []


def test_each_kind_stands_once_in_the_list() -> None:
    assert len(set(KINDS)) == len(KINDS) == len(PROVIDERS) + 1


# --- as things stand --------------------------------------------------------------------------------------------------


def test_a_thing_is_found_as_it_is_called_now(conn: Connection) -> None:
    add_facility(conn, "f-1", "琉璃一厂", "Glass Works")
    assert ids(conn, "琉璃一厂") == ["f-1"]
    conn.execute(text("UPDATE facility SET name_zh = '碧玉二厂', name_en = 'Jade Works' WHERE id = 'f-1'"))
    assert (ids(conn, "琉璃一厂"), ids(conn, "碧玉二厂"), ids(conn, "jade works")) == ([], ["f-1"], ["f-1"])
    conn.execute(text("UPDATE facility SET geom = ST_SetSRID(ST_MakePoint(119, 31.4), 4326) WHERE id = 'f-1'"))
    assert [(hit["lon"], hit["lat"]) for hit in search(conn, "碧玉二厂")] == [(119, 31.4)]
    conn.execute(text("UPDATE facility SET id = 'f-2' WHERE id = 'f-1'"))
    assert ids(conn, "碧玉二厂") == ["f-2"]
    conn.execute(text("DELETE FROM facility WHERE id = 'f-2'"))
    assert ids(conn, "碧玉二厂") == []


@pytest.mark.parametrize(
    "table", ["sensor", "camera", "unit", "facility", "asset", "building", "street", "area", "district"]
)
def test_no_change_leaves_an_entry_behind_or_out(table: str, conn: Connection) -> None:
    """Of some names, all that bear them: few rows, since what is rolled back lies about in tables that others count."""
    key = "code" if table == "district" else "id"
    place = {"unit": "home", "building": "center"}.get(table, "geom")
    names = conn.scalars(
        text(f"SELECT DISTINCT name_zh FROM {table} WHERE name_zh <> '' ORDER BY name_zh LIMIT 5"),
    ).all()
    few = {"names": list(names), "changed": [f"{name}改" for name in names]}
    before = entries(conn, table, few["names"])
    assert before
    conn.execute(text(f"UPDATE {table} SET {key} = {key} WHERE name_zh = ANY(:names)"), few)
    assert entries(conn, table, few["names"]) == before
    moved = f"{place} = ST_Translate({place}, 0.001, 0)"
    conn.execute(text(f"UPDATE {table} SET name_zh = name_zh || '改', {moved} WHERE name_zh = ANY(:names)"), few)
    changed = entries(conn, table, few["changed"])
    assert entries(conn, table, few["names"]) == []
    assert [thing for thing, _, _ in changed] == [thing for thing, _, _ in before]
    assert [zh for _, zh, _ in changed] == [f"{zh}改" for _, zh, _ in before]
    assert all(new != old for (_, _, new), (_, _, old) in zip(changed, before, strict=True))


def entries(conn: Connection, kind: str, names: list[str]) -> list[tuple[str, str, str]]:
    rows = conn.execute(
        text(
            "SELECT thing, zh, ST_AsText(geom) FROM search_name WHERE kind = :kind AND zh = ANY(:names) ORDER BY thing"
        ),
        {"kind": kind, "names": names},
    )
    return [(row[0], row[1], row[2]) for row in rows]


def test_what_is_retired_or_ended_is_not_found(conn: Connection) -> None:
    assert ids(conn, "wl-spare") == ["wl-spare"]
    conn.execute(text("UPDATE sensor SET status = 'retired' WHERE id = 'wl-spare'"))
    assert ids(conn, "wl-spare") == []
    conn.execute(text("UPDATE sensor SET status = 'active' WHERE id = 'wl-spare'"))
    assert ids(conn, "wl-spare") == ["wl-spare"]


def test_a_street_is_found_as_far_as_its_edges_go(conn: Connection) -> None:
    add_street(conn, -101, "琉璃厂路", "Glass Works Road")
    add_street(conn, -102, "琉璃厂路", "Glass Works Road", HERE.lon + 0.0012)
    assert ids(conn, "琉璃厂路") == ["-102"]
    add_street(conn, -103, "琉璃厂路", "Glass Works Road", HERE.lon + 0.1)
    assert set(ids(conn, "琉璃厂路")) == {"-102", "-103"}
    conn.execute(text("UPDATE street SET name_zh = '碧玉路' WHERE id = -103"))
    assert (ids(conn, "琉璃厂路"), ids(conn, "碧玉路")) == (["-102"], ["-103"])
    conn.execute(text("DELETE FROM street WHERE id IN (-102, -103)"))
    assert (ids(conn, "琉璃厂路"), ids(conn, "碧玉路")) == (["-101"], [])
    add_street(conn, -104, None, "Nameless in Chinese Road")
    assert search(conn, "nameless in chinese")[0]["title"]["zh"] == "Nameless in Chinese Road"


def test_a_unit_is_where_it_says_it_is_and_has_a_plate(conn: Connection) -> None:
    conn.execute(text("UPDATE unit SET plate = '苏A·D1234' WHERE id = 'fire-01'"))
    conn.execute(
        text("""
INSERT INTO unit_state (unit_id, time, lon, lat) VALUES ('fire-01', now(), 118.95, 31.33)
ON CONFLICT (unit_id) DO UPDATE SET lon = 118.95, lat = 31.33
""")
    )
    for words in ("苏A·D1234", "苏ad1234", "苏A D1234"):
        [hit] = search(conn, words, near=HERE)
        assert (hit["id"], hit["match"], hit["subtitle"]) == ("fire-01", 0, {"zh": "苏A·D1234", "en": "苏A·D1234"})
        assert (hit["lon"], hit["lat"]) == (118.95, 31.33)
        assert hit["distance_m"] == pytest.approx(4390, abs=60)


# --- rows of own layers -----------------------------------------------------------------------------------------------


def test_a_row_of_an_own_layer_is_found_with_its_layers_title(conn: Connection) -> None:
    add_layer(conn, 3)
    row = conn.scalar(text("SELECT 'cool_shops/' || id FROM layer_row WHERE key = 'k-2'"))
    for words in ("琉璃茶馆2", "liulichaguan2", "llcg2", "k-2"):
        hit = search(conn, words)[0]
        assert (hit["type"], hit["id"], hit["code"]) == ("row", row, "k-2"), words
        assert hit["subtitle"] == {"zh": "避暑点", "en": "Cooling places"}
    conn.execute(text("UPDATE layer_row SET props = '{\"name\": \"换了招牌\"}' WHERE key = 'k-2'"))
    assert (ids(conn, "琉璃茶馆2"), ids(conn, "换了招牌")) == ([], [row])
    conn.execute(text("DELETE FROM layer WHERE id = 'cool_shops'"))
    assert ids(conn, "琉璃茶馆") == []


def test_rows_are_found_by_the_column_that_labels_them_now(conn: Connection) -> None:
    add_layer(conn, 2)
    assert ids(conn, "碧螺轩") == []
    conn.execute(
        text("""
UPDATE layer SET columns = (SELECT jsonb_agg(c || jsonb_build_object('role',
  CASE c->>'name' WHEN 'nick' THEN 'label' END)) FROM jsonb_array_elements(columns) AS c) WHERE id = 'cool_shops'
""")
    )
    assert (len(ids(conn, "碧螺轩")), ids(conn, "琉璃茶馆")) == (2, [])


@pytest.mark.parametrize(
    ("layer", "scope", "seen"),
    [
        ({}, Scope(), True),
        ({}, Scope(districts=NOWHERE), False),
        ({}, Scope(districts=frozenset({"320118"})), True),
        ({}, Scope(city=False, units=frozenset({"fire-01"})), False),
        ({"classification": 2}, Scope(classification=Classification.INTERNAL), False),
        ({"classification": 2}, Scope(), True),
        ({"departments": ["parks"]}, Scope(departments=frozenset({"roads"})), False),
        ({"departments": ["parks"]}, Scope(departments=frozenset({"parks"})), True),
        ({"departments": ["parks"]}, Scope(), True),
    ],
)
def test_rows_are_found_by_whom_their_layer_is_shown_to(
    layer: dict[str, Any], scope: Scope, seen: bool, conn: Connection
) -> None:
    add_layer(conn, 2, **layer)
    assert bool(ids(conn, "琉璃茶馆", scope=scope)) is bool(ids(conn, "琉璃茶馆", scope=scope, kinds=["row"])) is seen


# --- street and number ------------------------------------------------------------------------------------------------

GLASS = ("琉璃厂路", "Glass Works Road")


def test_a_number_that_is_registered_is_found_however_it_is_said(conn: Connection) -> None:
    add_street(conn, -101, *GLASS)
    for number in ("8", "88", "12-14", "1214"):
        add_door(conn, f"d-{number}", GLASS, number)
    for words, wanted in (
        ("琉璃厂路88号", "d-88"),
        ("琉璃厂路 88", "d-88"),
        ("高淳区琉璃厂路88号门口有人摔倒", "d-88"),
        ("88 Glass Works Road", "d-88"),
        ("glass works road 88", "d-88"),
        ("琉璃厂路12-14号", "d-12-14"),
        ("琉璃厂路1214号", "d-1214"),
    ):
        hit = search(conn, words)[0]
        assert (hit["type"], hit["id"], hit["match"]) == ("address", wanted, 0), words
        [found] = locate(conn, words)
        assert (found.precision, found.id, found.street["zh"]) == ("number", wanted, "琉璃厂路"), words
    assert search(conn, "琉璃厂路88号")[0]["title"] == {"zh": "琉璃厂路88号", "en": "88 Glass Works Road"}
    assert ids(conn, "liulichanglu88")[0] == "d-88"


def test_a_number_that_nobody_has_registered_is_not_made_up(conn: Connection) -> None:
    add_street(conn, -101, *GLASS)
    add_door(conn, "d-8", GLASS, "8")
    [found] = locate(conn, "琉璃厂路99号")
    assert (found.precision, found.id, found.number) == ("street", "-101", "99")
    [hit] = search(conn, "琉璃厂路99号")
    assert (hit["type"], hit["id"], hit["match"]) == ("street", "-101", 2)
    assert hit["subtitle"] == {"zh": "仅到道路，99 号未登记", "en": "The street alone; number 99 is not registered"}
    assert locate(conn, "没有这条路99号") == locate(conn, "琉璃厂路") == []


def test_of_two_doors_of_one_number_the_nearer_goes_first(conn: Connection) -> None:
    add_door(conn, "west", GLASS, "8")
    add_door(conn, "east", GLASS, "8", HERE.lon + 0.1)
    assert [one.id for one in locate(conn, "琉璃厂路8号", near=HERE)] == ["west", "east"]
    assert [one.id for one in locate(conn, "琉璃厂路8号", near=LonLat(HERE.lon + 0.09, HERE.lat))] == ["east", "west"]
    assert ids(conn, "琉璃厂路8号", near=LonLat(HERE.lon + 0.09, HERE.lat)) == ["east", "west"]


def test_the_longest_name_of_a_street_is_the_one(conn: Connection) -> None:
    add_door(conn, "short", ("厂路", "Works Road"), "8")
    add_door(conn, "long", GLASS, "8")
    assert [one.id for one in locate(conn, "琉璃厂路8号")] == ["long", "short"]


def test_a_door_is_found_by_whom_its_district_is_given(conn: Connection) -> None:
    add_door(conn, "d-8", GLASS, "8")
    conn.execute(text("UPDATE address SET district = '320118' WHERE id = 'd-8'"))
    assert ids(conn, "琉璃厂路8号", scope=Scope(districts=NOWHERE)) == []
    assert ids(conn, "琉璃厂路8号", scope=Scope(districts=frozenset({"320118"}))) == ["d-8"]


def test_a_street_without_a_translation_goes_before_its_number(conn: Connection) -> None:
    add_door(conn, "d-12", ("Hämeentie", "Hämeentie"), "12")
    for words in ("Hämeentie 12", "hameentie 12", "Hämeentie 12 A 3"):
        assert search(conn, words)[0]["title"] == {"zh": "Hämeentie 12", "en": "Hämeentie 12"}, words


def test_positions_are_places_in_every_datum_they_may_be_meant_in(conn: Connection) -> None:
    found = [hit for hit in search(conn, "118.99, 31.38", near=HERE) if hit["type"] == "place"]
    assert [hit["subtitle"]["en"] for hit in found if hit["subtitle"]] == [
        "read as WGS 84",
        "read as GCJ-02",
        "read as BD-09",
    ]
    assert (found[0]["lon"], found[0]["lat"]) == (118.99, 31.38)
    assert found[0]["distance_m"] == pytest.approx(3336, abs=30)
    [named] = search(conn, "GCJ-02 118.99, 31.38")
    assert named["id"] == found[1]["id"]


# --- much, and anywhere -----------------------------------------------------------------------------------------------


def test_what_is_in_very_many_names_is_answered_by_what_is_near_and_what_begins_so(conn: Connection) -> None:
    conn.execute(
        text("""
INSERT INTO facility (id, kind, name_zh, name_en, district, attributes, geom)
SELECT 'many-' || n, 'school', '琉璃' || n || '厂', 'Glass ' || n, '000000', '{}',
  ST_SetSRID(ST_MakePoint(118.8 + 0.0001 * (n % 2000), 31.3 + 0.0001 * (n / 2000)), 4326)
FROM generate_series(1, :count) AS n
"""),
        {"count": 2 * POOL + NEAREST},
    )
    add_facility(conn, "begins", "厂前小学", "Before", 119.2)
    add_facility(conn, "is", "厂", "Works", 119.2)
    conn.execute(text("UPDATE unit SET name_zh = '驻厂一队' WHERE id = 'fire-01'"))
    wanted = conn.scalar(
        text(
            """
SELECT id FROM facility WHERE id LIKE 'many-%' ORDER BY geom <-> ST_SetSRID(ST_MakePoint(118.9, 31.3), 4326) LIMIT 1
"""
        )
    )
    for words in ("厂", "琉璃 厂"):
        found = search(conn, words, near=LonLat(118.9, 31.3))
        held = [hit["id"] for hit in found if hit["id"].startswith("many-")]
        assert held[0] == wanted, words
    assert ids(conn, "厂", near=LonLat(118.9, 31.3))[:2] == ["is", "begins"]
    assert "fire-01" in ids(conn, "厂", near=LonLat(118.9, 31.3))
    assert len(search(conn, "琉璃", 100, near=LonLat(120, 33), kinds=["facility"])) == 100
    assert LIVING < POOL


@pytest.mark.parametrize(
    "words", ["路", "r", "消防站", "renminlu", "rmdd", "Zhongshan Raod", "人民路1号", "31.3, 118.9"]
)
def test_a_question_takes_few_statements(words: str, conn: Connection) -> None:
    asked: list[str] = []
    count: Callable[..., None] = lambda *given: asked.append(given[2])  # noqa: E731
    event.listen(conn, "before_cursor_execute", count)
    search(conn, words, near=HERE)
    event.remove(conn, "before_cursor_execute", count)
    assert len(asked) <= 9


@pytest.fixture(scope="module")
def c_locale(cluster: Cluster) -> Any:
    """A database whose locale knows of no letters beyond ASCII."""
    name = f"test_c_locale_{WORKER}".rstrip("_")
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        conn.execute(
            sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0").format(
                sql.Identifier(name)
            )
        )
    ensure_database(cluster, name)
    url = cluster.url(name)
    migrate(Settings(database_url=url, migrate_database_url=admin_url(cluster, url)))
    engine = make_engine(Settings(database_url=url), pool_size=1)
    yield engine
    engine.dispose()
    with psycopg.connect(cluster.admin_url("postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def test_the_databases_locale_does_not_matter(c_locale: Engine) -> None:
    with c_locale.connect() as conn:
        assert conn.scalar(text("SELECT show_trgm('人民')")) == [], "no letters for this locale, so no trigrams"
        add_facility(conn, *BANK)
        add_facility(conn, "hame", "Hämeentie School", "HÄMEENTIE SCHOOL")
        for words, match in TYPED:
            found = {hit["id"]: hit["match"] for hit in search(conn, words, near=HERE)}
            assert found.get("bank") == match, words
        for words in ("hämeentie", "HAMEENTIE", "Hämeentei"):
            assert "hame" in ids(conn, words), words
