"""How far the work on a file is, and what came of it: figures, what is gone, what is refused, the first rows."""

from __future__ import annotations

from typing import Any

from dash import html

from app.dashboard import texts
from app.dashboard.components import wild
from app.files.line import error_of
from app.files.nouns import FileObject, ImportObject
from app.pages.ids import LayersId
from app.pages.own_layers.detail import map_link
from app.pages.parts import action, error_words

SHOWN, KEYS_SHOWN = 100, 20
FIGURES = ("read", "added", "changed", "same", "gone", "removed", "repaired", "placeless", "refused")


def outcome_view(answer: ImportObject, file: str, *, shown: bool, loaded: bool = False) -> list[Any]:
    """Figures, what is gone, what is refused, the first rows. Of a file that was only looked at no figures are told."""
    figures = answer["figures"]
    tallies = [
        html.Li([html.B(f"{figures[name]:,}"), html.Span(texts.both(f"bring.figure.{name}"))], className="tally")
        for name in FIGURES
        if figures[name] or name in ("read", "added")
    ]
    parts: list[Any] = []
    if not shown:
        parts.append(html.Ul(tallies, className="tallies", **wild({"data-testid": "bring-figures"})))
    if figures["gone"] and not shown:
        parts.append(gone_view(answer, offered=loaded and not figures["removed"]))
    if answer["refused"]:
        parts.append(refused_view(answer, None if shown else file))
    parts.append(rows_view(answer))
    return parts


def gone_view(answer: ImportObject, *, offered: bool) -> html.Div:
    named = ", ".join(answer["gone_keys"][:KEYS_SHOWN])
    rest = answer["figures"]["gone"] - min(len(answer["gone_keys"]), KEYS_SHOWN)
    told: list[Any] = [html.Span(texts.both("bring.gone", n=answer["figures"]["gone"])), " ", html.Code(named)]
    more: list[Any] = [" ", html.Span(texts.both("sources.more", n=rest))] if rest > 0 else []
    acts: list[Any] = (
        [action(LayersId.TAKE_AWAY.value, "bring.take_away", small=True, data_key="take-away")] if offered else []
    )
    return html.Div([html.P([*told, *more], className="warn"), *acts], className="gone")


def field_words(field: str) -> Any:
    """The column at fault as the file calls it; a place is no column."""
    return texts.both("bring.geometry") if field == "geometry" else html.Code(field) if field else ""


def refused_view(answer: ImportObject, file: str | None) -> html.Details:
    lines = [
        html.Tr([html.Td(str(one["row"])), html.Td(field_words(one["field"])), html.Td(texts.pair(dict(one["why"])))])
        for one in answer["refused"][:SHOWN]
    ]
    heads = ("bring.refused.row", "bring.refused.field", "bring.refused.why")
    head = html.Tr([html.Th(texts.both(key), scope="col") for key in heads])
    listed = html.Div(html.Table([html.Thead(head), html.Tbody(lines)]), className="result")
    address = f"/api/layers/files/{file}/refused"
    link = html.A(
        texts.both("bring.refused.file"), href=address, className="link", **wild({"data-key": "refused-file"})
    )
    return html.Details(
        [
            html.Summary(texts.both("bring.refused", n=f"{answer['figures']['refused']:,}")),
            listed,
            *([link] if file else []),
        ],
        open=True,
    )


def rows_view(answer: ImportObject) -> html.Section:
    """The first rows as they are kept."""
    columns: Any = answer["plan"]["columns"]
    names = [(one["name"], one["title_zh"], one["title_en"]) for one in columns]
    head = html.Tr(
        [html.Th(texts.pair({"zh": zh, "en": en}), scope="col") for _, zh, en in names]
        + [html.Th(texts.both("bring.geometry"), scope="col")]
    )
    rows = [
        html.Tr(
            [*(html.Td(said(row.get(name))) for name, _, _ in names), html.Td(html.Code(said(row["geometry"])[:60]))]
        )
        for row in answer["rows"]
    ]
    listed = html.Div(html.Table([html.Thead(head), html.Tbody(rows)]), className="result scroll", tabIndex=0)
    return html.Section(
        [html.H3(texts.both("bring.first", n=len(rows))), listed], **wild({"data-testid": "bring-rows"})
    )


def said(value: Any) -> str:
    return "" if value is None else str(value)


def progress_view(file: FileObject) -> list[Any]:
    """How far the work is, or how it ended."""
    if file["state"] == "working":
        whole = file["whole"]
        known: dict[str, Any] = {"value": str(file["done"]), "max": str(whole)} if whole else {}
        count = f"{file['done']:,} / {whole:,}" if whole else f"{file['done']:,}"
        return [
            html.Progress(**known),
            html.Span([html.Span(texts.both("bring.working")), " ", html.Span(count, className="figure")]),
            action(LayersId.STOP.value, "bring.stop", small=True, data_key="stop"),
        ]
    if file["state"] == "stopped":
        return [html.P(texts.both("bring.stopped"), className="warn")]
    if file["failure"]:
        return [html.P(error_words(error_of(file["failure"])), className="error", role="alert")]
    if file["state"] == "done" and file["mode"] == "load":
        layer = str(file["answer"]["plan"]["layer"]) if file["answer"] else ""
        return [html.P([html.Span(texts.both("bring.loaded")), " ", map_link(layer)], className="done")]
    return [html.P(texts.both("bring.checked"), className="done")] if file["state"] == "done" else []
