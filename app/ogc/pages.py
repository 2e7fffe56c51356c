"""What stands at `/ogc`, for people: plain pages without a script, in the language of the account. Each function makes
one of values; nothing here reads anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from starlette.responses import HTMLResponse

from app.dashboard import texts
from app.dashboard.texts import HTML_LANG, Lang
from app.ogc.markup import Markup, joined, tag
from app.ogc.place import Place
from layers.collection import Collection
from layers.formats import MEDIA
from layers.ogc.query import Answer
from layers.ogc.systems import SYSTEMS
from layers.ogc.tiles import has_tiles

STYLES = (
    "/vendor/@fontsource/noto-sans-sc/400.css",
    "/vendor/@fontsource/noto-sans-sc/600.css",
    "/fonts/page.css",
    "/assets/css/tokens.css",
    "/assets/css/base.css",
    "/assets/css/ogc.css",
)
# characters of a shape that are shown; the whole is a link away
SHOWN = 2_000
TURNS = ("first", "prev", "next")


@dataclass(frozen=True, slots=True)
class Frame:
    """What a page has around it: where it is served, language, theme, and the same page for programs."""

    place: Place
    lang: Lang
    theme: str
    kind: str
    other: str

    def say(self, key: str, **params: object) -> str:
        return texts.text(key, self.lang, **params)

    def link(self, words: str, path: str, **query: Any) -> Markup:
        return tag("a", words, href=self.place.url(path, query), class_="link")


def draw(frame: Frame, title: str, way: Iterable[Markup], *parts: Markup) -> HTMLResponse:
    """A whole page; `way` leads to what it stands in."""
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · {frame.say('app.name')}"),
        tag("link", rel="icon", type="image/svg+xml", href="/assets/icons/onemap.svg"),
        *(tag("link", rel="stylesheet", href=href) for href in STYLES),
        tag("link", rel="alternate", type=frame.kind, href=frame.other),
    ]
    home = [tag("a", frame.say("app.name"), href="/", class_="link"), frame.link(frame.say("ogc.title"), "")]
    crumbs = [tag("li", step) for step in (*home, *way)]
    foot = tag("a", frame.say("ogc.for_programs"), href=frame.other, rel="alternate", type=frame.kind, class_="link")
    body = [
        tag("header", tag("nav", tag("ol", *crumbs), aria_label=frame.say("ogc.way"))),
        tag("main", tag("h1", title), *parts),
        tag("footer", foot),
    ]
    html = tag(
        "html",
        tag("head", *head),
        tag("body", *body, class_="ogc"),
        lang=HTML_LANG[frame.lang],
        data_lang=frame.lang,
        data_theme=frame.theme,
    )
    return HTMLResponse(
        f"<!DOCTYPE html>\n{html}", headers={"Content-Language": HTML_LANG[frame.lang], "Vary": "Accept"}
    )


def landing(frame: Frame) -> HTMLResponse:
    links = [
        frame.link(frame.say("ogc.layers"), "/collections"),
        frame.link(frame.say("ogc.conformance"), "/conformance"),
        frame.link(frame.say("ogc.definition"), "/api", f="json"),
        frame.link(frame.say("ogc.grids"), "/tileMatrixSets", f="json"),
        tag("a", frame.say("ogc.qgis"), href=frame.place.url("/onemap.qgz", html=False), class_="link", download=""),
    ]
    return draw(
        frame,
        frame.say("ogc.title"),
        [],
        tag("p", frame.say("ogc.explain"), class_="quiet"),
        tag("ul", *(tag("li", link) for link in links), class_="links"),
    )


def conformance(frame: Frame, classes: Iterable[str]) -> HTMLResponse:
    return draw(
        frame,
        frame.say("ogc.conformance"),
        [],
        tag("ul", *(tag("li", tag("code", one)) for one in classes), class_="links"),
    )


def listed(frame: Frame, found: Iterable[Collection]) -> HTMLResponse:
    rows = [
        [
            frame.link(one.title[frame.lang], path_of(one)),
            tag("code", one.id),
            frame.link(frame.say("ogc.items"), f"{path_of(one)}/items"),
            frame.link(frame.say("ogc.queryables"), f"{path_of(one)}/queryables"),
        ]
        for one in found
    ]
    heads = [frame.say("own.column.title"), frame.say("own.field.layer"), "", ""]
    return draw(frame, frame.say("ogc.layers"), [], table(heads, rows))


def collection(frame: Frame, one: Collection, box: list[float] | None) -> HTMLResponse:
    path = path_of(one)
    links = [
        frame.link(frame.say("ogc.items"), f"{path}/items"),
        frame.link(frame.say("ogc.queryables"), f"{path}/queryables"),
        *([frame.link(frame.say("ogc.tiles"), f"{path}/tiles", f="json")] if has_tiles(one) else []),
        tag(
            "a",
            frame.say("ogc.qlr"),
            href=frame.place.url(f"{path}/onemap.qlr", html=False),
            class_="link",
            download="",
        ),
    ]
    facts = [(frame.say("own.field.layer"), tag("code", one.id))]
    if box is not None:
        facts.append((frame.say("ogc.extent"), tag("span", ", ".join(map(str, box)), class_="number")))
    facts.append((frame.say("ogc.systems"), joined(*(tag("div", tag("code", system)) for system in SYSTEMS))))
    return draw(
        frame,
        one.title[frame.lang],
        [frame.link(frame.say("ogc.layers"), "/collections")],
        tag("dl", *(part for name, value in facts for part in (tag("dt", name), tag("dd", value)))),
        tag("ul", *(tag("li", link) for link in links), class_="links"),
        downloads(frame, one),
    )


def items(frame: Frame, one: Collection, found: Answer, turns: Mapping[str, Mapping[str, Any]]) -> HTMLResponse:
    """A page of rows. `turns`: what is asked of the first, the previous and the next one, where there are such."""
    path = path_of(one)
    heads = [frame.say("own.key"), *(column.title[frame.lang] for column in one.columns)]
    rows = [
        [
            frame.link(feature["id"], f"{path}/items/{quote(feature['id'], safe='')}"),
            *(shown(feature["properties"][column.name], frame) for column in one.columns),
        ]
        for feature in found.features
    ]
    names = {"first": frame.say("ogc.first"), "prev": frame.say("ogc.previous"), "next": frame.say("ogc.next")}
    steps = [
        tag("a", names[rel], href=frame.place.url(f"{path}/items", turns[rel]), rel=rel, class_="action")
        for rel in TURNS
        if rel in turns
    ]
    return draw(
        frame,
        f"{one.title[frame.lang]} · {frame.say('ogc.items')}",
        [frame.link(frame.say("ogc.layers"), "/collections"), frame.link(one.title[frame.lang], path)],
        tag("p", frame.say("ogc.shown", n=len(rows)), class_="quiet"),
        table(heads, rows) if rows else tag("p", frame.say("ogc.nothing"), class_="notice"),
        tag("nav", *steps, class_="actions", aria_label=frame.say("ogc.pages")),
        downloads(frame, one),
    )


def item(frame: Frame, one: Collection, feature: Mapping[str, Any]) -> HTMLResponse:
    path = path_of(one)
    rows = [
        [column.title[frame.lang], tag("code", column.name), shown(feature["properties"][column.name], frame)]
        for column in one.columns
    ]
    drawn = orjson.dumps(feature["geometry"]).decode()
    if feature["geometry"] is not None:
        place = tag("code", drawn if len(drawn) <= SHOWN else f"{drawn[:SHOWN]}…", class_="shape")
        rows.append([frame.say("ogc.geometry"), tag("code", one.geometry), place])
    heads = [frame.say("own.column.title"), frame.say("own.column.name"), frame.say("ogc.value")]
    way = [
        frame.link(frame.say("ogc.layers"), "/collections"),
        frame.link(one.title[frame.lang], path),
        frame.link(frame.say("ogc.items"), f"{path}/items"),
    ]
    return draw(frame, str(feature["id"]), way, table(heads, rows))


def queryables(frame: Frame, one: Collection) -> HTMLResponse:
    rows = [
        [column.title[frame.lang], tag("code", column.name), frame.say(f"bring.type.{column.type}")]
        for column in one.columns
    ]
    rows.append([frame.say("ogc.geometry"), tag("code", one.geometry), frame.say("own.geometry")])
    heads = [frame.say("own.column.title"), frame.say("own.column.name"), frame.say("own.column.type")]
    way = [frame.link(frame.say("ogc.layers"), "/collections"), frame.link(one.title[frame.lang], path_of(one))]
    return draw(frame, f"{one.title[frame.lang]} · {frame.say('ogc.queryables')}", way, table(heads, rows))


# --- parts


def path_of(one: Collection) -> str:
    return f"/collections/{quote(one.id)}"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Markup:
    """Wider than the page it scrolls; the keyboard gets there too."""
    head = tag("tr", *(tag("th", words, scope="col") for words in heads))
    body = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="scroll", tabindex="0")


def shown(value: Any, frame: Frame) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return frame.say("ogc.yes" if value else "ogc.no")
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def downloads(frame: Frame, one: Collection) -> Markup:
    """The whole layer as a file; a feed token does not open it."""
    if frame.place.with_token:
        return joined()
    links = [
        tag(
            "a",
            "SHP" if kind == "zip" else kind.upper(),
            href=f"{frame.place.host}/api/layers/{quote(one.id)}/export?{urlencode({'format': kind})}",
            class_="action",
            download="",
        )
        for kind in MEDIA
    ]
    return tag("section", tag("h2", frame.say("own.out")), tag("div", *links, class_="actions"))
