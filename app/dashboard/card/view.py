"""The card in its fixed order, from typed values. No question is asked here twice and none of the network."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from app.cards.nouns import Card
from app.dashboard import texts
from app.dashboard.card import around, facts, phones, pictures, steps, together, told
from app.dashboard.card.words import figure
from app.dashboard.components import age, clock_time, level_badge, wild
from core.nouns import LogLine, Risk, Term
from core.viewer import Permission
from core.vocabulary import Text, label

MAX_SCORE = 10.0


def card_head(card: Card) -> list[Any]:
    """What it is and how bad: stays in sight."""
    return [_head(card)]


def card_main(card: Card) -> list[Any]:
    """Why, where, since when, what lies together, its alarms, who is on it."""
    parts: list[Any] = []
    if card["type"] in ("alarm", "incident"):
        parts += _risk(card["risk"])
    parts += pictures.picture(card)
    parts.append(facts.fact_list(card))
    if card["type"] == "alarm":
        parts += together.together(card["together"])
    parts += steps.alarms(card)
    parts += steps.who(card)
    return parts + facts.readings(card) + pictures.events(card)


def card_foot(card: Card, *, may: frozenset[Permission]) -> list[Any]:
    """What to do next: stays in sight."""
    return [*steps.rise(card, may=may), *steps.next_step(card, may=may)]


def card_rest(card: Card, *, may: frozenset[Permission]) -> list[Any]:
    """Whom to send, what is around, who was told, what has happened, what else can be done, where this comes from."""
    parts: list[Any] = steps.recommended(card, may=may)
    parts += around.around(card["around"]) if card["around"] else []
    parts += told.told(card["told"]) if card["type"] == "alarm" else []
    parts += _log(card["log"], card["people"]) if card["log"] or card["type"] in ("alarm", "incident") else []
    parts += steps.more_actions(card)
    parts += phones.phones(card, may=may)
    parts.append(html.P([*texts.both("card.source"), ": ", *texts.pair(card["source"])], className="source"))
    return parts


def _head(card: Card) -> html.Header:
    level = facts.level_of(card)
    kind = [html.Span(texts.both(f"card.type.{card['type']}")), *facts.state_chip(card)]
    title = html.H2(texts.pair(card["title"]), id="card-title")
    badge = [level_badge(level, large=True)] if level else []
    score = _score(card["object"]["risk"]) if card["type"] in ("alarm", "incident") else []
    return html.Header([*badge, html.Div([html.P(kind, className="kind"), title], className="what"), *score])


def _score(risk: Risk | None) -> list[Any]:
    if risk is None:
        return []
    name = html.Span(texts.both("card.risk"), className="name")
    of = html.Span(texts.both("card.risk.of"), className="spoken")
    return [html.P([html.B(f"{risk['score']:.1f}"), name, of], className="score")]


def _risk(risk: Risk | None) -> list[Any]:
    if risk is None:
        return [html.Section([html.P(texts.both("card.risk.none"), className="quiet")], className="risk")]
    said = [html.P(texts.pair(risk["words"]), className="said")] if "words" in risk else []
    return [html.Section([*said, *_band(risk), *_terms(risk["terms"])], className="risk")]


def _band(risk: Risk) -> list[Any]:
    """Where in the scores that its level may have this one stands, and how much of what should be known is known."""
    band = risk.get("band")
    if band is None:
        return []
    gauge = html.Meter(
        value=str(risk["score"]), min=str(band["low"]), max=str(band["high"]), **wild({"aria-hidden": "true"})
    )
    ends = [html.Span(f"{band[end]:g}", className="value") for end in ("low", "high")]
    sure = html.Span(texts.both("card.risk.confidence", percent=round(100 * risk.get("confidence", 1.0))))
    return [html.P([ends[0], gauge, ends[1], sure], className="band")]


def _terms(terms: Sequence[Term]) -> list[Any]:
    """By dimension, in the order of the terms."""
    parts: list[Any] = []
    for dimension in dict.fromkeys(term["dimension"] for term in terms):
        rows = [_term(term) for term in terms if term["dimension"] == dimension]
        if dimension != "hazard":
            parts.append(html.H4(texts.pair(label("risk_dimensions", dimension))))
        parts.append(html.Ul(rows, className="terms hazard" if dimension == "hazard" else "terms"))
    return parts


def _term(term: Term) -> html.Li:
    value = term["value"]
    if term["dimension"] == "hazard" and value is not None:
        since = term.get("since")
        seen: list[Any] = [" ", age(since)] if since else []
        return html.Li(html.Span([*texts.pair(term["text"]), *seen], className="name"), className="plain")
    shown = texts.both("card.risk.missing") if value is None else figure(round(value, 1))
    gauge = html.Meter(value=str(value or 0), min="0", max=str(MAX_SCORE), **wild({"aria-hidden": "true"}))
    name = html.Span(texts.pair(term["text"]), className="name")
    return html.Li([name, gauge, html.Span(shown, className="value")], className="missing" if value is None else "")


def _log(entries: list[LogLine], people: Mapping[str, Text]) -> list[Any]:
    title = html.H3(texts.both("card.log"))
    if not entries:
        return [html.Section([title, html.P(texts.both("card.log.none"), className="quiet")])]
    return [html.Section([title, html.Ol([_log_line(entry, people) for entry in entries], className="log")])]


def _log_line(entry: LogLine, people: Mapping[str, Text]) -> html.Li:
    who = [html.Span(texts.pair(people.get(entry["who"])) or entry["who"], className="who")] if entry["who"] else []
    return html.Li([clock_time(entry["time"]), html.Span(texts.pair(entry["text"])), *who])
