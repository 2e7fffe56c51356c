"""Small components that every page is made of: toasts, errors in words, notices, the pane beside a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from app.dashboard import texts
from app.dashboard.components import icon_button, wild
from app.pages import ids
from core.clock import utc_now
from core.errors import Conflict, InputError, OneMapError
from core.scope import Classification
from core.vocabulary import label

# reasons that do not say what is wrong
PLAIN = (InputError.reason, Conflict.reason)


def toast(kind: str, words: list[Any]) -> html.Div:
    """`kind` is done or failed. It leaves by itself; a new one takes its place."""
    return html.Div(html.P(words), className=f"toast {kind}", key=utc_now().isoformat())


def done(key: str, **params: object) -> html.Div:
    return toast("done", texts.both(key, **params))


def error_words(exc: OneMapError) -> list[Any]:
    """The reason, in the page's language; of one that says no more than that something is wrong, its detail too."""
    why = texts.pair(texts.why(exc.reason, exc.about))
    return [*why, " ", html.Code(exc.message)] if exc.reason in PLAIN and not exc.about else why


def reason_words(reason: str) -> list[Any]:
    """Why a message could not be read; just that it could not, where we have no words for the reason."""
    name = f"reason.{reason}"
    try:
        return texts.both(name if name in texts.catalogue() else texts.reason_key(reason) or "error.undecodable")
    except KeyError:  # its words want to be filled in
        return texts.both("error.undecodable")


def action(
    component_id: str | ids.Key, key: str, *, primary: bool = False, small: bool = False, **more: Any
) -> html.Button:
    """A button with words. More attributes as `data_key="…"`."""
    looks = ["action", *(["primary"] if primary else []), *(["small"] if small else [])]
    attributes = {name.replace("_", "-"): value for name, value in more.items() if name.startswith(("data_", "aria_"))}
    rest = {name: value for name, value in more.items() if not name.startswith(("data_", "aria_"))}
    return html.Button(
        texts.both(key),
        id=component_id,
        type="button",
        n_clicks=0,
        className=" ".join(looks),
        **rest,
        **wild(attributes),
    )


def pane_head(title: list[Any], close: ids.Key) -> html.Header:
    """The head of what is opened beside a list; the heading takes the focus (`assets/js/pages/main.mjs`)."""
    button = icon_button(close, "close", "page.close")
    return html.Header([html.H2(title, tabIndex=-1), button])


def facts(pairs: list[tuple[str, Any]]) -> html.Dl:
    """Name and value, those that are empty left out."""
    rows = [html.Div([html.Dt(texts.both(key)), html.Dd(value)], className="fact") for key, value in pairs if value]
    return html.Dl(rows)


def made_here(lineage: Mapping[str, Any]) -> html.Span | None:
    """Where rows are from that no file has brought."""
    if lineage.get("kind") != "grid_cells":
        return None
    return html.Span(texts.both("cells.lineage", size=f"{lineage['size_m2']:,}"))


def lamp(state: str, key: str) -> html.Span:
    """Colour and shape, and the word for it."""
    return html.Span(
        [html.Span(className="lamp"), html.Span(texts.both(key))], className="state", **wild({"data-state": state})
    )


def dialog(key: str, title: str, go: str) -> dmc.Modal:
    """Asks once more what cannot be undone (`Acts.asked_twice`): `title` and `go` are texts, of its heading and of its
    button."""
    buttons = [
        action(ids.dialog_part(key, "stay"), "dialog.stay"),
        action(ids.dialog_part(key, "go"), go, primary=True, data_key="sure"),
    ]
    return dmc.Modal(
        [html.Div(id=ids.dialog_part(key, "words")), html.Div(buttons, className="actions")],
        id=ids.dialog(key),
        title=html.Span(texts.both(title)),
        centered=True,
        closeButtonProps={"aria-label": texts.named("page.close")},
    )


def tabs(key: str, panels: Sequence[tuple[str, list[Any], Any]], wanted: str) -> dmc.Tabs:
    """A tab for each panel (name, its words, what is in it); the one that is `wanted` is opened, else the first."""
    names = [name for name, _, _ in panels]
    heads = [dmc.TabsTab(html.Span(said), value=name, **wild({"data-tab": name})) for name, said, _ in panels]
    bodies = [dmc.TabsPanel(inner, value=name, **wild({"data-panel": name})) for name, _, inner in panels]
    return dmc.Tabs(
        [dmc.TabsList(heads), *bodies],
        id=key,
        value=wanted if wanted in names else names[0],
        keepMounted=True,
        activateTabWithKeyboard=True,
    )


def class_choices() -> tuple[tuple[str, list[Any]], ...]:
    """The classes that things and people have, as a choice of a form."""
    return tuple((str(int(one)), texts.pair(label("classifications", str(int(one))))) for one in Classification)
