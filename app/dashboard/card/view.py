"""The card in its fixed order, from typed values. No question is asked here twice and none of the network."""

from typing import Any

from dash import html

from app.cards.nouns import Card
from app.dashboard import texts
from app.dashboard.card import around, facts, pictures, steps
from app.dashboard.card.words import figure
from app.dashboard.components import clock_time, level_badge, wild
from core.nouns import LogLine, Risk, Term
from core.viewer import Permission

MAX_SCORE = 10.0


def card_main(card: Card, *, may: frozenset[Permission]) -> list[Any]:
    """What it is, how bad and why, where, since when, who is on it, what next."""
    parts: list[Any] = [_head(card)]
    if card["type"] in ("alarm", "incident"):
        parts.append(_risk(card["object"]["risk"]))
    parts += pictures.picture(card)
    parts.append(facts.fact_list(card))
    parts += steps.alarms(card)
    parts += steps.who(card)
    parts += steps.rise(card, may=may)
    parts += steps.next_step(card, may=may)
    parts += steps.recommended(card, may=may)
    return parts + facts.readings(card) + pictures.events(card)


def card_rest(card: Card, *, may: frozenset[Permission]) -> list[Any]:
    """What is around, what happened so far, other things that can be done, and where this comes from."""
    parts: list[Any] = around.around(card["around"]) if card["around"] else []
    parts += _log(card["log"]) if card["log"] or card["type"] in ("alarm", "incident") else []
    parts += steps.more_actions(card)
    parts.append(html.P([*texts.both("card.source"), ": ", *texts.pair(card["source"])], className="source"))
    return parts


def _head(card: Card) -> html.Header:
    level = facts.level_of(card)
    kind = [html.Span(texts.both(f"card.type.{card['type']}")), *facts.state_chip(card)]
    title = html.H2(texts.pair(card["title"]), id="card-title")
    badge = [level_badge(level, large=True)] if level else []
    return html.Header([*badge, html.Div([html.P(kind, className="kind"), title])], className="card-head")


def _risk(risk: Risk | None) -> html.Section:
    if risk is None:
        return html.Section([html.P(texts.both("card.risk.none"), className="quiet")], className="risk")
    score = html.P(
        [
            html.Span(texts.both("card.risk"), className="name"),
            html.B(f"{risk['score']:.1f}"),
            html.Span(texts.both("card.risk.of"), className="of"),
        ],
        className="score",
    )
    return html.Section([score, html.Ul([_term(term) for term in risk["terms"]], className="terms")], className="risk")


def _term(term: Term) -> html.Li:
    value = term["value"]
    shown = texts.both("card.risk.missing") if value is None else figure(round(value, 1))
    gauge = html.Meter(value=str(value or 0), min="0", max=str(MAX_SCORE), **wild({"aria-hidden": "true"}))
    name = html.Span(texts.pair(term["text"]), className="name")
    return html.Li([name, gauge, html.Span(shown, className="value")], className="missing" if value is None else "")


def _log(entries: list[LogLine]) -> list[Any]:
    title = html.H3(texts.both("card.log"))
    if not entries:
        return [html.Section([title, html.P(texts.both("card.log.none"), className="quiet")])]
    return [html.Section([title, html.Ol([_log_line(entry) for entry in entries], className="log")])]


def _log_line(entry: LogLine) -> html.Li:
    who = [html.Span(entry["who"], className="who")] if entry["who"] else []
    return html.Li([clock_time(entry["time"]), html.Span(texts.pair(entry["text"])), *who])
