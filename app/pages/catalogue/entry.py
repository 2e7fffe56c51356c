"""The pane of one entry: what is known and measured of it, the form of what is said, asking for access."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from app.asking import Asking
from app.catalogue.keeping import ask_access, change_entry, keeps
from app.catalogue.listing import need_entry, need_resource
from app.dashboard import texts
from app.dashboard.components import clock_time
from app.pages import forms, ids
from app.pages.catalogue.listing import freshness, share
from app.pages.forms import Answer, Form, Kind, Section, Values
from app.pages.ids import CatalogueId
from app.pages.parts import done, facts, lamp, made_here, pane_head
from core.catalogue.entries import EntryIn
from core.catalogue.nouns import EntryObject, Name
from core.catalogue.nouns import Kind as ResourceKind
from core.catalogue.requests import RequestIn
from core.vocabulary import label, table

KEY, ASKING = "entry", "request"
FAMILY, ASKED = "catalogue.field", "catalogue.request.field"
SECTIONS = (
    Section((("provider", "department"), "contact", "summary_zh", "summary_en", ("cycle", "category"), "code")),
    Section(("sharing", "terms", "open"), "catalogue.sharing"),
)


def choices(name: str) -> tuple[tuple[str, list[Any]], ...]:
    return tuple((key, texts.pair(dict(words))) for key, words in table(name).items())


def entry_form() -> Form:
    return forms.form_of(
        EntryIn,
        KEY,
        FAMILY,
        SECTIONS,
        cycle={"kind": Kind.CHOICE, "choices": choices("update_cycles"), "nullable": True},
        category={"kind": Kind.CHOICE, "choices": choices("catalogue_classes"), "nullable": True},
        sharing={"kind": Kind.CHOICE, "choices": choices("sharing_classes"), "nullable": True},
        open={"kind": Kind.TICK},
    )


def request_form(departments: frozenset[str] | None) -> Form:
    """`departments`: those of who asks; any where they have no limit."""
    form = forms.form_of(RequestIn, ASKING, ASKED)
    if departments is None:
        return form
    named = tuple((code, [code]) for code in sorted(departments))
    return form.changed("department", kind=Kind.CHOICE, choices=named)


def name_of(values: Mapping[str, Any]) -> Name:
    return Name(ResourceKind(values["kind"]), str(values["id"]))


def pane(asking: Asking, base: Values, values: Values) -> html.Div:
    resource, entry = need_resource(asking.conn, asking.viewer, name_of(base))
    edits = keeps(resource, entry, asking.viewer)
    form = entry_form()
    parts: list[Any] = [
        pane_head(texts.pair(dict(base["title"])), ids.press(KEY, "close")),
        lacks_view(base),
        known_view(base),
        overlaps_view(base),
        items_view(base),
    ]
    parts += (
        [forms.draw(form, values, locked=False, base=base), forms.save_button(form)] if edits else [said_view(base)]
    )
    return html.Div([*parts, *asking_view(asking, base)], className="account layer-detail")


def said_view(base: Values) -> html.Dl:
    """What is said of it, for who reads."""
    chosen = {"cycle": "update_cycles", "category": "catalogue_classes", "sharing": "sharing_classes"}
    told: list[tuple[str, Any]] = []
    for name in ("provider", "contact", "summary_zh", "summary_en", "cycle", "category", "code", "sharing", "terms"):
        value = base[name]
        if value and name in chosen:
            value = html.Span(texts.pair(label(chosen[name], value)))
        told.append((f"catalogue.field.{name}", value))
    return facts(told)


def lacks_view(base: Values) -> Any:
    if not base["lacks"]:
        return lamp("fresh", "catalogue.complete")
    listed = [html.Li(texts.both(f"catalogue.lack.{name}")) for name in base["lacks"]]
    return html.Div([lamp("late", "catalogue.lacking"), html.Ul(listed)], className="hint")


def known_view(base: Values) -> html.Dl:
    lineage: Mapping[str, Any] = base["lineage"]
    kept = ("file", "table", "datum", "encoding", "decoder")
    departments = [html.Code(one) for one in base["departments"] or ()]
    said = [clock_time(base["changed_at"]), f" · {base['changed_by']}"] if base["changed_at"] else None
    fresh = freshness(base["in_cycle"])
    uses = texts.both("catalogue.used_by", n=base["uses"], m=base["users"])
    return facts(
        [
            ("catalogue.kind", html.Span([*texts.both(f"catalogue.kind.{base['kind']}"), " ", html.Code(base["id"])])),
            ("own.rows", None if base["rows"] is None else f"{base['rows']:,}"),
            ("own.changed", clock_time(base["updated_at"]) if base["updated_at"] else None),
            ("catalogue.freshness", lamp(fresh, f"catalogue.fresh.{fresh}")),
            ("catalogue.filled", share(base["filled"])),
            ("catalogue.refused", share(base["refused"])),
            ("catalogue.uses", html.Span(uses)),
            ("own.field.classification", html.Span(texts.pair(label("classifications", str(base["classification"]))))),
            ("own.field.departments", html.Span(departments) if departments else None),
            ("own.lineage", made_here(lineage) or " · ".join(str(lineage[n]) for n in kept if lineage.get(n))),
            ("catalogue.reach", None if base["reach"] else html.Span(texts.both("catalogue.no_reach"))),
            ("catalogue.said", said),
        ]
    )


def overlaps_view(base: Values) -> Any:
    if not base["overlaps"]:
        return None
    listed = [
        html.Li([*texts.pair(dict(one["title"])), " ", html.Code(one["id"]), f" {share(one['share'])}"])
        for one in base["overlaps"]
    ]
    return html.Section([html.H3(texts.both("catalogue.overlaps")), html.Ul(listed)])


def items_view(base: Values) -> html.Details:
    rows = [
        html.Tr(
            [html.Td(texts.pair(dict(one["title"]))), html.Td(html.Code(one["name"])), html.Td(html.Code(one["type"]))]
        )
        for one in base["columns"]
    ]
    heads = ("own.column.title", "own.column.name", "own.column.type")
    head = html.Tr([html.Th(texts.both(key), scope="col") for key in heads])
    listed = html.Div(html.Table([html.Thead(head), html.Tbody(rows)]), className="result")
    return html.Details([html.Summary(texts.both("catalogue.items_n", n=len(rows))), listed])


def asking_view(asking: Asking, base: Values) -> list[Any]:
    """Asking for access, where it is shared on conditions."""
    if base["sharing"] != "conditional":
        return []
    form = request_form(asking.viewer.scope.departments)
    return [
        html.Section(
            [
                html.H3(texts.both("catalogue.ask")),
                forms.draw(form, {}, locked=False, base={"kind": base["kind"], "id": base["id"]}),
                forms.save_button(form),
            ]
        )
    ]


class EntryHandler:
    """Changing what is said of a source or a layer."""

    key = KEY
    pane = CatalogueId.PANE.value
    lines: tuple[str, ...] = ()
    trial: Form | None = None

    def form(self, values: Mapping[str, Any]) -> Form:
        return entry_form()

    def save(self, asking: Asking, base: Values, values: dict[str, Any]) -> Answer:
        given, errors = forms.check(entry_form(), EntryIn, {**blank_to_none(values), "version": base["version"]})
        if given is None:
            return Answer(errors)
        told = change_entry(asking.conn, asking.viewer, name_of(base), given, asking.now)
        return Answer(pane=pane(asking, dict(told), dict(told)), toast=done("accounts.saved"), changed=True)

    def newer(self, asking: Asking, base: Values) -> Values:
        return dict(need_entry(asking.conn, asking.viewer, name_of(base), asking.now))

    def draw(self, asking: Asking, base: Values, values: Values) -> html.Div:
        return pane(asking, base, values)

    def dry_run(self, asking: Asking, base: Values, values: dict[str, Any], trial: dict[str, Any]) -> Answer:
        raise NotImplementedError


class RequestHandler(EntryHandler):
    """Asking for access."""

    key = ASKING

    def form(self, values: Mapping[str, Any]) -> Form:
        return request_form(None)

    def save(self, asking: Asking, base: Values, values: dict[str, Any]) -> Answer:
        given, errors = forms.check(request_form(None), RequestIn, values)
        if given is None:
            return Answer(errors)
        ask_access(asking.conn, asking.viewer, name_of(base), given, asking.now)
        return Answer(pane=open_entry(asking, name_of(base)), toast=done("catalogue.asked_for"), changed=True)


def blank_to_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if value == "" else value for name, value in values.items()}


def open_entry(asking: Asking, name: Name) -> html.Div:
    found: EntryObject = need_entry(asking.conn, asking.viewer, name, asking.now)
    return pane(asking, dict(found), dict(found))
