"""What a camera saw: the picture with its age, and the list of a camera's newest events."""

from typing import Any

from dash import html

from app.dashboard import texts
from app.dashboard.components import age, wild
from app.dashboard.models import Card


def picture(card: Card) -> list[Any]:
    """The picture of an event, or the last one of a camera; a press shows it full size (``assets/js/picture.mjs``)."""
    if card.type not in ("video_event", "camera"):
        return []
    shown = card.object if card.type == "video_event" else card.object.get("picture") or {}
    if not shown.get("thumbnail_url"):
        return [html.P(texts.both("card.picture.none"), className="picture-none quiet")]
    image = html.Img(src=shown["thumbnail_url"], alt=texts.named("card.picture"))
    gone = html.Span(texts.both("card.picture.gone"), className="gone quiet")
    words = html.Span(texts.both("card.picture.open"), className="spoken")
    taken = [age(shown["received_at"])] if shown.get("received_at") else []
    attributes = wild({"data-picture": shown["snapshot_url"], "data-testid": "card-picture"})
    return [html.Button([image, gone, words, *taken], className="picture", type="button", **attributes)]


def events(card: Card) -> list[Any]:
    """A camera's newest events, each a way to its card."""
    if card.type != "camera":
        return []
    title = html.H3(texts.both("card.events"))
    found = card.object.get("events") or []
    if not found:
        return [html.Section([title, html.P(texts.both("card.events.none"), className="quiet")])]
    return [html.Section([title, html.Ul([_event(one) for one in found], className="near events")])]


def _event(one: dict[str, Any]) -> html.Li:
    target: dict[str, Any] = {"data-select-type": "video_event", "data-select-id": one["id"]}
    name = html.Button(texts.pair(one.get("names")), className="link", type="button", **target)
    zone = html.Span(one.get("zone") or "", className="quiet")
    return html.Li([name, zone, html.Span(age(one.get("time")), className="way")])
