"""`/open` for people: plain pages without a script. Each function makes one of values; nothing here reads anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlencode

from starlette.responses import HTMLResponse

from app.dashboard import texts
from app.dashboard.texts import HTML_LANG, Lang
from app.ogc.markup import Markup, joined, tag
from app.ogc.pages import STYLES, table
from core.catalogue.nouns import EntryObject
from core.vocabulary import Text, label
from layers.formats import MEDIA

Way = tuple[str, str]


def draw(title: str, home: Text, lang: Lang, here: str, *parts: Markup) -> HTMLResponse:
    """A whole page; `here` is its address, for the other language."""
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{title} · {home[lang]}"),
        tag("link", rel="icon", type="image/svg+xml", href="/assets/icons/onemap.svg"),
        *(tag("link", rel="stylesheet", href=href) for href in STYLES),
        tag("link", rel="alternate", type="application/ld+json", href="/open/catalogue"),
    ]
    other: Lang = "en" if lang == "zh" else "zh"
    turn = tag("a", texts.text("bar.language.short", lang), href=f"{here}?lang={other}", class_="link")
    crumbs = tag("ol", tag("li", tag("a", home[lang], href=f"/open?lang={lang}", class_="link")), tag("li", turn))
    programs = tag("a", "DCAT (JSON-LD)", href="/open/catalogue", class_="link")
    body = [
        tag("header", tag("nav", crumbs, aria_label=texts.text("ogc.way", lang))),
        tag("main", tag("h1", title), *parts),
        tag("footer", programs),
    ]
    html = tag("html", tag("head", *head), tag("body", *body, class_="ogc"), lang=HTML_LANG[lang], data_theme="light")
    return HTMLResponse(
        f"<!DOCTYPE html>\n{html}", headers={"Content-Language": HTML_LANG[lang], "Vary": "Accept-Language"}
    )


def address(one: EntryObject) -> str:
    return f"/open/layers/{quote(one['id'], safe='')}"


def list_page(found: Sequence[EntryObject], home: Text, lang: Lang) -> HTMLResponse:
    rows = [
        [
            tag("a", one["title"][lang], href=f"{address(one)}?lang={lang}", class_="link"),
            one["provider"] or "",
            summary(one, lang),
            words("update_cycles", one["cycle"], lang),
            (one["updated_at"] or "")[:10],
        ]
        for one in found
    ]
    heads = [
        texts.text(key, lang)
        for key in ("own.name", "catalogue.field.provider", "catalogue.summary", "catalogue.field.cycle", "own.changed")
    ]
    told = tag("p", texts.text("open.explain" if rows else "open.nothing", lang), class_="quiet")
    return draw(texts.text("open.title", lang), home, lang, "/open", told, *([table(heads, rows)] if rows else []))


def layer_page(one: EntryObject, home: Text, lang: Lang) -> HTMLResponse:
    facts: Iterable[tuple[str, str]] = (
        ("catalogue.field.provider", one["provider"] or ""),
        ("catalogue.field.contact", one["contact"] or ""),
        ("catalogue.field.cycle", words("update_cycles", one["cycle"], lang)),
        ("own.changed", (one["updated_at"] or "")[:10]),
        ("own.rows", "" if one["rows"] is None else f"{one['rows']:,}"),
    )
    listed = [part for key, value in facts if value for part in (tag("dt", texts.text(key, lang)), tag("dd", value))]
    columns = [[item["title"][lang], tag("code", item["name"]), item["type"]] for item in one["columns"]]
    heads = [texts.text(f"own.column.{name}", lang) for name in ("title", "name", "type")]
    return draw(
        one["title"][lang],
        home,
        lang,
        address(one),
        tag("p", summary(one, lang)),
        tag("dl", *listed),
        tag("h2", texts.text("own.out", lang)),
        tag("ul", *(tag("li", way) for way in ways(one)), class_="links"),
        tag("h2", texts.text("own.columns", lang)),
        table(heads, columns),
    )


def ways(one: EntryObject) -> list[Markup]:
    items = tag("a", "GeoJSON (API)", href=f"{address(one)}/items", class_="link")
    return [
        items,
        *(
            joined(
                tag(
                    "a",
                    "SHP" if kind == "zip" else kind.upper(),
                    href=f"{address(one)}/export?{urlencode({'format': kind})}",
                    class_="link",
                    download="",
                )
            )
            for kind in MEDIA
        ),
    ]


def summary(one: EntryObject, lang: Lang) -> str:
    return (one["summary_en"] if lang == "en" else one["summary_zh"]) or one["summary_zh"] or one["summary_en"] or ""


def words(name: str, key: str | None, lang: Lang) -> str:
    return (label(name, key) or {}).get(lang, "") if key else ""
