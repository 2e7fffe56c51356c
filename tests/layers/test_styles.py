"""How a layer is drawn: classes from its values, the tone of a tile, the legend."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from sqlalchemy import Connection, text

from app.dashboard import texts
from app.index import ASSETS
from core.errors import Conflict, Forbidden, InputError, NotFound
from core.scope import EVERYTHING, Classification, Scope
from core.viewer import Permission, Viewer
from layers.imports.bring import bring
from layers.imports.plan import ColumnIn, Plan
from layers.own import need_layer, read_layers, spec_of, write_layer
from layers.own_changes import LayerChange, change_layer
from layers.served import read_tile
from layers.styles import CATEGORIES, OTHERS, RAMP, Icon, StyleIn, literal, tone
from tests.layers.test_bring import plan_of, text_table

NOW = datetime(2026, 5, 4, tzinfo=UTC)
KINDS = ["公园", "广场", "绿带", "it's: a 'park'", "林地", "湿地", "苗圃", "其它"]


def officer(**scope: Any) -> Viewer:
    return Viewer("lin", "Lin", "gis_officer", frozenset({Permission.LAYER_EDIT}), scope=Scope(**scope))


@pytest.fixture
def parks(conn: Connection, tmp_path: Path) -> str:
    """A hundred points: areas 1 to 100, the last without one; the first kinds are the commonest."""
    rows = "".join(
        f"p{n:03d},园{n},{KINDS[min(n % 11, 7)]},{n if n < 100 else ''},118.99,31.35\n" for n in range(1, 101)
    )
    table = text_table(tmp_path / "t", "编号,名称,类型,面积,经度,纬度\n" + rows)
    bring(conn, table, plan_of(table), "lin", NOW)
    return "parks"


def change(conn: Connection, who: Viewer | None = None, version: int = 1, **said: Any) -> Any:
    return change_layer(
        conn, "parks", LayerChange(version=version, **said), (who or officer()).scope, who or officer(), NOW
    )


def edges(layer: Any) -> list[float | None]:
    return [one["upto"] for one in layer.style["classes"]]


@pytest.mark.parametrize(
    ("method", "count", "expected"),
    [("equal", 4, [25.5, 50.0, 74.5, None]), ("quantile", 4, [25.5, 50.0, 74.5, None]), ("quantile", 2, [50.0, None])],
)
def test_numbers_in_classes(
    conn: Connection, parks: str, method: str, count: int, expected: list[float | None]
) -> None:
    layer = change(conn, style=StyleIn(by="面积", method=method, count=count))  # type: ignore[arg-type]
    assert edges(layer) == expected
    assert [one["token"] for one in layer.style["classes"]] == list(RAMP[-count:])


def test_natural_breaks_fall_into_the_gaps(conn: Connection, parks: str) -> None:
    conn.execute(
        text("""
UPDATE layer_row SET props = props || jsonb_build_object('面积',
  CASE WHEN key < 'p030' THEN 1 WHEN key < 'p060' THEN 50 ELSE 1000 END + right(key, 1)::int) WHERE layer_id = 'parks'
""")
    )
    layer = change(conn, style=StyleIn(by="面积", method="natural", count=3))
    assert edges(layer) == [10.0, 59.0, None]


def test_the_commonest_values_and_the_others(conn: Connection, parks: str) -> None:
    layer = change(conn, style=StyleIn(by="类型"))
    assert layer.style["method"] == "categories"
    assert len(layer.style["classes"]) == CATEGORIES
    legend = spec_of(layer).legend
    assert [item.key for item in legend] == [str(n) for n in range(1, CATEGORIES + 2)]
    assert (legend[-1].label["zh"], legend[-1].token) == ("其他", OTHERS)


def test_a_row_has_the_tone_of_its_class(conn: Connection, parks: str) -> None:
    layer = change(conn, style=StyleIn(by="面积", method="equal", count=4))
    rows = conn.execute(text(f"SELECT key, {tone(layer.style)} AS tone FROM layer_row WHERE layer_id = 'parks'"))
    found = {row.key: row.tone for row in rows}
    assert [found[key] for key in ("p001", "p025", "p026", "p050", "p051", "p099", "p100")] == [1, 1, 2, 2, 3, 4, 0]
    layer = change(conn, version=2, style=StyleIn(by="类型"))
    classes = [one["value"] for one in layer.style["classes"]]
    rows = conn.execute(text(f"SELECT props->>'类型' AS kind, {tone(layer.style)} AS tone FROM layer_row"))
    for row in rows:
        assert row.tone == (classes.index(row.kind) + 1 if row.kind in classes else CATEGORIES + 1)


def test_the_tile_carries_it_and_the_legend_says_it(conn: Connection, parks: str) -> None:
    layer = change(conn, style=StyleIn(by="类型", colour="own-2", size=9, label=False))
    assert b"tone" in read_tile(conn, "parks", 16, 54429, 26752)
    described = spec_of(layer).describe(100, None)
    assert described["style"] == {"size": 9.0, "icon": None, "label": False}
    words = [entry["label"]["zh"] for entry in described["legend"]]
    assert "it's: a 'park'" in words
    layer = change(conn, version=2, style=StyleIn(by="面积", count=2))
    assert [entry.label["zh"] for entry in spec_of(layer).legend] == ["至 50", "大于 50"]
    layer = change(conn, version=3, style=StyleIn(colour="own-2"))
    assert [entry.token for entry in spec_of(layer).legend] == ["own-2"]


@pytest.mark.parametrize(
    ("style", "field"),
    [({"by": "颜色"}, "style.by"), ({"by": "类型", "method": "equal"}, "style.method")],
)
def test_what_cannot_be_is_said_by_its_field(conn: Connection, parks: str, style: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as refused:
        change(conn, style=StyleIn(**style))
    assert refused.value.field == field


@pytest.mark.parametrize("style", [{"colour": "red"}, {"size": 0}, {"count": 1}, {"count": 8}, {"method": "equal"}])
def test_what_no_style_has_is_refused_at_the_door(style: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        StyleIn(**style)


def test_no_words_of_a_file_become_sql(conn: Connection) -> None:
    for words in ("it's", "a:b :z", "\\", "😀", "'; DROP TABLE layer; --"):
        assert conn.scalar(text(f"SELECT {literal(words)}")) == words


def test_names_group_zoom_and_who_may_see(conn: Connection, parks: str) -> None:
    layer = change(
        conn, title_zh="城市公园", group="assets", min_zoom=12, visible=False, classification=1, departments=["parks"]
    )
    assert (layer.title["zh"], layer.title["en"], layer.group) == ("城市公园", "parks", "assets")
    assert (layer.min_zoom, layer.visible, layer.classification, layer.departments) == (12, False, 1, ("parks",))
    assert need_layer(conn, "parks").version == 2
    with pytest.raises(Conflict):
        change(conn, title_zh="迟了")
    with pytest.raises(ValidationError):
        LayerChange(version=2, group="nowhere")


def test_nobody_changes_more_than_they_see(conn: Connection, parks: str) -> None:
    low = officer(classification=Classification.OPEN)
    with pytest.raises(Forbidden):
        change(conn, low, classification=2)
    with pytest.raises(Forbidden):
        change(conn, officer(districts=frozenset({"320508"})), title_zh="别的")
    change(conn, classification=2)
    with pytest.raises(NotFound):
        change(conn, low, version=2, title_zh="别的")


@pytest.mark.parametrize("name", ["title_zh", "group", "visible", "min_zoom", "classification"])
def test_nothing_is_no_value(conn: Connection, parks: str, name: str) -> None:
    with pytest.raises(InputError) as refused:
        change(conn, **{name: None})
    assert refused.value.field == name


# --- icons ------------------------------------------------------------------------------------------------------------


def test_every_icon_is_a_pictogram_of_the_map_with_words_and_a_drawing_of_its_own() -> None:
    source = (ASSETS / "js" / "map" / "pictograms.mjs").read_text("utf-8")
    drawings = dict(re.findall(r"^  (\w+): (P\(.*\)),$", source, re.MULTILINE))
    icons = get_args(Icon)
    assert set(icons) <= set(drawings)
    assert len({drawings[name] for name in icons}) == len(icons) > 40
    assert {f"own.icon.{name}" for name in icons} <= set(texts.catalogue())


def test_points_have_an_icon(conn: Connection, parks: str) -> None:
    layer = change(conn, style=StyleIn(icon="tree", by="类型"))
    described = spec_of(layer).describe(100, None)
    assert described["style"] == {"size": None, "icon": "tree", "label": True}
    with pytest.raises(ValidationError):
        StyleIn(icon="dot")  # type: ignore[arg-type]
    conn.execute(text("UPDATE layer SET geometry = 'line' WHERE id = 'parks'"))
    with pytest.raises(InputError) as refused:
        change(conn, version=2, style=StyleIn(icon="tree"))
    assert refused.value.field == "style.icon"


# --- order ------------------------------------------------------------------------------------------------------------


def put(conn: Connection, name: str, geometry: str = "polygon", group: str = "planning", **more: Any) -> None:
    """A layer with nothing in it."""
    columns = list[ColumnIn]()
    given = Plan(layer=name, title_zh=name, title_en=name, geometry=geometry, columns=columns, group=group, **more)  # type: ignore[arg-type]
    write_layer(conn, name, given, "lin", NOW, {})


def order(conn: Connection, group: str = "planning", scope: Scope = EVERYTHING) -> list[str]:
    return [layer.id for layer in read_layers(conn, scope) if layer.group == group]


def move(conn: Connection, name: str, who: Viewer | None = None, **said: Any) -> None:
    who = who or officer()
    version = need_layer(conn, name).version
    change_layer(conn, name, LayerChange(version=version, **said), who.scope, who, NOW)


@pytest.fixture
def planned(conn: Connection) -> Connection:
    for name in ("a", "b", "c", "d"):
        put(conn, name)
    return conn


def test_what_nobody_has_put_in_order_stands_as_one_draws_it(conn: Connection) -> None:
    for name, geometry in (("a", "polygon"), ("b", "line"), ("c", "point"), ("d", "polygon")):
        put(conn, name, geometry)
    assert order(conn) == ["c", "b", "a", "d"]


def test_a_layer_is_put_above_another_or_below_all(planned: Connection) -> None:
    move(planned, "c", above="a")
    assert order(planned) == ["c", "a", "b", "d"]
    move(planned, "a", above="d")
    assert order(planned) == ["c", "b", "a", "d"]
    move(planned, "c", above=None)
    assert order(planned) == ["b", "a", "d", "c"]
    assert need_layer(planned, "c").version == 3
    assert need_layer(planned, "b").version == 1, "nobody has changed what stands beside"
    put(planned, "e")
    assert order(planned)[-1] == "e", "a new one comes below what was put in order"
    [entry] = planned.execute(text("SELECT data FROM audit WHERE what = 'layer.change' ORDER BY id DESC LIMIT 1"))
    assert entry.data == {"layer": "c", "above": None}


def test_a_layer_that_comes_into_a_group_stands_below_it_or_where_it_is_said(planned: Connection) -> None:
    put(planned, "x", group="drainage")
    put(planned, "y", group="drainage")
    move(planned, "y", group="planning")
    assert order(planned) == ["a", "b", "c", "d", "y"]
    move(planned, "x", group="planning", above="b")
    assert order(planned) == ["a", "x", "b", "c", "d", "y"]
    assert order(planned, "drainage") == []


@pytest.mark.parametrize("above", ["a", "nothing", "x"], ids=["itself", "none there is", "one of another group"])
def test_above_what_it_cannot_stand(planned: Connection, above: str) -> None:
    put(planned, "x", group="drainage")
    with pytest.raises(InputError) as refused:
        move(planned, "a", above=above)
    assert refused.value.field == "above"


def test_what_one_does_not_see_stays_where_it_is_and_is_not_told(planned: Connection) -> None:
    planned.execute(text("UPDATE layer SET classification = 2 WHERE id = 'b'"))
    narrow = officer(classification=Classification.OPEN)
    with pytest.raises(InputError):
        move(planned, "d", narrow, above="b")
    move(planned, "d", narrow, above="c")
    assert order(planned, scope=narrow.scope) == ["a", "d", "c"]
    assert order(planned) == ["a", "b", "d", "c"]
    with pytest.raises(NotFound):
        move(planned, "b", narrow, above="a")


def test_layers_are_listed_group_by_group_as_in_the_tree(planned: Connection) -> None:
    put(planned, "z", group="base")
    put(planned, "y", group="own")
    listed = [layer.id for layer in read_layers(planned) if layer.id in ("z", "a", "b", "c", "d", "y")]
    assert listed == ["z", "a", "b", "c", "d", "y"]
