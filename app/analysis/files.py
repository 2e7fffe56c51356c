"""An answer as a file: its table (CSV, XLSX), its areas (GeoJSON, GeoPackage), its chart and map as a page that needs
no network (HTML). It is written by a process of its own (app.files.outgoing)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import shapely
from sqlalchemy import Connection

from app.analysis.asking import understand
from app.analysis.drawing import draw_chart, draw_map, look, on_paper
from app.analysis.figures import Lang
from core.analysis import AnalysisObject, Asked, GroupObject, Question, answer
from core.analysis.answering import MOST_IN_FILE
from core.analysis.asked import COUNT
from core.clock import utc_now
from core.errors import InputError
from core.i18n import say
from core.scope import Scope
from core.texts import no_formula
from core.types import Box
from core.vocabulary import Text
from layers.columns import Column, ColumnType

TABLES, MAPS, PAGE = ("csv", "xlsx"), ("geojson", "gpkg"), "html"
# what a table has of each group besides its keys
FIGURES: tuple[tuple[str, ColumnType], ...] = (
    ("count", "integer"),
    ("value", "number"),
    ("share", "number"),
    ("km2", "number"),
    ("per_km2", "number"),
)


def told_of(subject: str, asked: Asked, lang: Lang) -> dict[str, object]:
    """As it goes over the line to the process that writes it."""
    return {"subject": subject, "asked": asdict(asked), "lang": lang}


def write_told(conn: Connection, told: dict[str, Any], path: Path, scope: Scope) -> int:
    given = dict(told["asked"])
    box: Box | None = tuple(given["bbox"]) if given["bbox"] else None
    return write_file(conn, told["subject"], Asked(**{**given, "bbox": box}), path, told["lang"], scope)


def write_file(conn: Connection, name: str, asked: Asked, path: Path, lang: Lang, scope: Scope) -> int:
    """By the ending of `path`; how many groups that were."""
    ending = path.suffix.removeprefix(".")
    if ending == PAGE:
        return write_page(conn, name, asked, path, lang, scope)
    subject, question, zone = understand(conn, scope, name, asked)
    if ending in MAPS and not any(one.place for one in question.by):
        raise InputError("by: a map needs a place to group by", field="by", reason="no_place_asked")
    found = answer(conn, subject, question, scope, zone, utc_now(), MOST_IN_FILE)
    rows = [values_of(group, question) for group in found["groups"]]
    if ending in TABLES:
        write_table(path, titled(found, lang), rows, [said_of(group, lang) for group in found["groups"]])
    else:
        write_areas(conn, path, found, question, rows, lang, scope)
    return len(rows)


def values_of(group: GroupObject, question: Question) -> list[Any]:
    """The figures of a group, the value once where it is the count."""
    return [group[name] for name, _ in figures_of(question.asks)]  # type: ignore[literal-required]


def figures_of(measure: str) -> list[tuple[str, ColumnType]]:
    return [one for one in FIGURES if measure != COUNT or one[0] != "value"]


def said_of(group: GroupObject, lang: Lang) -> list[str]:
    """Key and words of each grouping."""
    return [said for key in group["keys"] for said in (key["key"] or "", key["words"][lang])]


def titled(found: AnalysisObject, lang: Lang) -> list[Column]:
    """Columns under the words of people."""
    heads: list[tuple[Text, ColumnType]] = []
    for one in found["by"]:
        heads += [(say("analysis.file.key", what=one["title"]), "text"), (one["title"], "text")]
    measure = found["measure"]
    heads += [
        (measure["title"] if name == "value" else say(f"analysis.file.{name}"), kind)
        for name, kind in figures_of(measure["id"])
    ]
    return [Column(name, kind, title) for name, (title, kind) in zip(distinct(heads, lang), heads, strict=True)]


def distinct(heads: Sequence[tuple[Text, ColumnType]], lang: Lang) -> Iterator[str]:
    used: set[str] = set()
    for title, _ in heads:
        name, n = title[lang], 1
        while name in used:
            n += 1
            name = f"{title[lang]} {n}"
        used.add(name)
        yield name


def write_table(path: Path, columns: list[Column], rows: list[list[Any]], said: list[list[str]]) -> None:
    from layers.writers import OPENED, Heads

    clean = no_formula if path.suffix == ".csv" else str
    with OPENED[path.suffix.removeprefix(".")](path, Heads("analysis", tuple(columns), ())) as writer:
        for words, values in zip(said, rows, strict=True):
            writer.write([*map(clean, words), *values], None)


def write_areas(
    conn: Connection,
    path: Path,
    found: AnalysisObject,
    question: Question,
    rows: list[list[Any]],
    lang: Lang,
    scope: Scope,
) -> None:
    """A feature for each group, with the area it is in."""
    import geopandas as gpd

    at = next(n for n, one in enumerate(question.by) if one.place)
    place = question.by[at].place
    assert place is not None
    keys = [str(group["keys"][at]["key"]) for group in found["groups"]]
    shapes = place.draw(conn, scope, sorted(set(keys)))
    if not keys:
        raise InputError("by: there is nothing that you may see and asked for", field="by", reason="nothing_asked")
    names = [name for n, _ in enumerate(question.by, 1) for name in (f"key_{n}", f"name_{n}")]
    names += [name for name, _ in figures_of(question.asks)]
    told = [[*said_of(group, lang), *values] for group, values in zip(found["groups"], rows, strict=True)]
    frame = gpd.GeoDataFrame(
        {name: [line[n] for line in told] for n, name in enumerate(names)},
        geometry=[shapely.from_wkb(shapes[key]) if key in shapes else None for key in keys],
        crs="EPSG:4326",
    )
    driver = {"gpkg": "GPKG", "geojson": "GeoJSON"}[path.suffix.removeprefix(".")]
    frame.to_file(path, layer=found["subject"], driver=driver, engine="pyogrio")


# --- a page -----------------------------------------------------------------------------------------------------------

_PAGE = """<!DOCTYPE html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{style}</style></head>
<body><h1>{title}</h1><p>{told}</p>{figures}<script>{coasts}</script><script>{library}</script>
<script>{draw}</script></body></html>
"""
_STYLE = """
body { font: 15px/1.5 sans-serif; margin: 24px auto; max-width: 1100px; padding: 0 16px }
figure { margin: 16px 0; height: 560px }
"""
# Plotly fetches the coasts of the world before it draws any map; ours has none
_COASTS = 'window.PlotlyGeoAssets = { topojson: { world_110m: { type: "Topology", objects: {}, arcs: [] } } };'
_DRAW = """
for (const [id, figure] of Object.entries({figures}))
  Plotly.newPlot(id, figure.data, {{ ...figure.layout, autosize: true }}, {{ responsive: true, displaylogo: false }});
"""


def write_page(conn: Connection, name: str, asked: Asked, path: Path, lang: Lang, scope: Scope) -> int:
    """Chart and map with Plotly beside them in one file."""
    from plotly.offline import get_plotlyjs

    looked = look(conn, scope, name, asked, utc_now())
    drawn = {"chart": draw_chart(looked), "map": draw_map(conn, scope, looked, scale=True)}
    figures = {id_: on_paper(one.figure, lang) for id_, one in drawn.items() if one is not None}
    found = looked.answer
    by = " × ".join(one["title"][lang] for one in found["by"])
    title = f"{found['title'][lang]} · {by} · {found['measure']['title'][lang]}"
    at = datetime.fromisoformat(found["at"]).astimezone(ZoneInfo(found["zone"]))
    told = say("analysis.file.told", n=f"{found['total']['count']:,}", at=f"{at:%Y-%m-%d %H:%M}")[lang]
    script = orjson.dumps(figures).decode().replace("</", "<\\/")
    path.write_text(
        _PAGE.format(
            lang={"zh": "zh-CN", "en": "en"}[lang],
            title=escape(title),
            told=escape(told),
            style=_STYLE,
            figures="".join(f'<figure id="{id_}"></figure>' for id_ in figures),
            coasts=_COASTS,
            library=get_plotlyjs(),
            draw=_DRAW.format(figures=script),
        ),
        "utf-8",
    )
    return len(found["groups"])
