"""What a camera saw: the picture with its age, and the list of a camera's newest events."""

from typing import Any

from dash import html

from app.cards.nouns import Card
from app.dashboard import texts
from app.dashboard.card.words import way_to
from app.dashboard.components import age, pictured, wild
from layers.video import LastPicture, PictureRef, VideoEvent


def picture(card: Card) -> list[Any]:
    """The picture of an event, or the last one of a camera; a press shows it full size (``assets/js/picture.mjs``)."""
    if card["type"] == "video_event":
        return [_picture(card["object"], None)]
    if card["type"] == "camera":
        last: LastPicture | None = card["object"]["picture"]
        return [_picture(last, last["received_at"] if last else None)]
    return []


def _picture(shown: PictureRef | None, taken_at: str | None) -> html.Button | html.P:
    if shown is None or not shown["thumbnail_url"]:
        return html.P(texts.both("card.picture.none"), className="picture-none quiet")
    image = html.Img(src=shown["thumbnail_url"], alt=texts.named("card.picture"))
    gone = html.Span(texts.both("card.picture.gone"), className="gone quiet")
    words = html.Span(texts.both("card.picture.open"), className="spoken")
    taken = [age(taken_at), pictured(taken_at)] if taken_at else []
    attributes = wild({"data-picture": shown["snapshot_url"], "data-taken": taken_at, "data-testid": "card-picture"})
    return html.Button([image, gone, words, *taken], className="picture", type="button", **attributes)


def events(card: Card) -> list[Any]:
    """A camera's newest events, each a way to its card."""
    if card["type"] != "camera":
        return []
    title = html.H3(texts.both("card.events"))
    found = card["object"]["events"]
    if not found:
        return [html.Section([title, html.P(texts.both("card.events.none"), className="quiet")])]
    return [html.Section([title, html.Ul([_event(one) for one in found], className="near events")])]


def _event(one: VideoEvent) -> html.Li:
    zone = html.Span(one["zone"] or "", className="quiet")
    return html.Li([way_to("video_event", one["id"], one["names"]), zone, html.Span(age(one["time"]), className="way")])
