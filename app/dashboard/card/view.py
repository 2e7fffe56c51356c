"""The card in its fixed order, from typed values. No question is asked here twice and none of the network."""

from collections.abc import Mapping
from typing import Any

from dash import html

from app.cards.nouns import Card
from app.dashboard import texts
from app.dashboard.card import around, facts, pictures, steps
from app.dashboard.card.words import figure
from app.dashboard.components import age, clock_time, level_badge, wild
from core.nouns import LogLine, Risk, Term
from core.viewer import Permission
from core.vocabulary import Text

MAX_SCORE = 10.0


def card_head(card: Card) -> list[Any]:
    """What it is and how bad: stays in sight."""
    return [_head(card)]


def card_main(card: Card) -> list[Any]:
    """Why, where, since when, its alarms, who is on it."""
    parts: list[Any] = []
    if card["type"] in ("alarm", "incident"):
        parts += _risk(card["risk"])
    parts += pictures.picture(card)
    parts.append(facts.fact_list(card))
    parts += steps.alarms(card)
    parts += steps.who(card)
    return parts + facts.readings(card) + pictures.events(card)


def card_foot(card: Card, *, may: frozenset[Permission]) -> list[Any]:
    """What to do next: stays in sight."""
    return [*steps.rise(card, may=may), *steps.next_step(card, may=may)]


def card_rest(card: Card, *, may: frozenset[Permission]) -> list[Any]:
    """Whom to send, what is around, what happened so far, what else can be done, and where this comes from."""
    parts: list[Any] = steps.recommended(card, may=may)
    parts += around.around(card["around"]) if card["around"] else []
    parts += _log(card["log"], card["people"]) if card["log"] or card["type"] in ("alarm", "incident") else []
    parts += steps.more_actions(card)
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
    return [html.Section([html.Ul([_term(term) for term in risk["terms"]], className="terms")], className="risk")]


def _term(term: Term) -> html.Li:
    value = term["value"]
    shown = texts.both("card.risk.missing") if value is None else figure(round(value, 1))
    gauge = html.Meter(value=str(value or 0), min="0", max=str(MAX_SCORE), **wild({"aria-hidden": "true"}))
    since = term.get("since")
    said: list[Any] = [*texts.pair(term["text"]), " ", age(since)] if since else texts.pair(term["text"])
    name = html.Span(said, className="name")
    return html.Li([name, gauge, html.Span(shown, className="value")], className="missing" if value is None else "")


def _log(entries: list[LogLine], people: Mapping[str, Text]) -> list[Any]:
    title = html.H3(texts.both("card.log"))
    if not entries:
        return [html.Section([title, html.P(texts.both("card.log.none"), className="quiet")])]
    return [html.Section([title, html.Ol([_log_line(entry, people) for entry in entries], className="log")])]


def _log_line(entry: LogLine, people: Mapping[str, Text]) -> html.Li:
    who = [html.Span(texts.pair(people.get(entry["who"])) or entry["who"], className="who")] if entry["who"] else []
    return html.Li([clock_time(entry["time"]), html.Span(texts.pair(entry["text"])), *who])
