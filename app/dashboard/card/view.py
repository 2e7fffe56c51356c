"""The card in its fixed order, from values. No question is asked here twice and none of the network."""

from typing import Any

from dash import html

from app.dashboard import texts
from app.dashboard.card import around, facts, pictures, steps
from app.dashboard.card.words import Vocabulary, figure
from app.dashboard.components import clock_time, level_badge, notice, wild
from app.dashboard.models import Card, CardState, LogEntry, Risk, Term

MAX_SCORE = 10.0


def card_main(state: CardState, words: Vocabulary, *, may_act: bool) -> list[Any]:
    """What it is, how bad and why, where, since when, who is on it, what next."""
    if state.status == "failed":
        return [notice("card.failed", "failed", state.detail)]
    if state.card is None:
        return [notice("card.loading", "loading")] if state.status == "loading" else []
    card = state.card
    parts: list[Any] = [_head(card, words)]
    if card.type in ("alarm", "incident", "risk_cell"):
        parts.append(_risk(facts.risk_of(card)))
    parts += pictures.picture(card)
    parts.append(facts.fact_list(card, words))
    parts += steps.who(card)
    parts += steps.next_step(card, may_act=may_act)
    parts += steps.recommended(card, state.recommendations, words, may_act=may_act)
    return parts + facts.readings(card, words) + pictures.events(card)


def card_rest(state: CardState, words: Vocabulary, *, may_act: bool) -> list[Any]:
    """What is around, what happened so far, other things that can be done, and where this comes from."""
    if state.card is None or state.status == "failed":
        return []
    card = state.card
    parts: list[Any] = around.around(card.around, words) if card.around else []
    parts += _log(card.log) if card.log or card.type in ("alarm", "incident") else []
    parts += steps.more_actions(card) if may_act else []
    if card.source:
        parts.append(html.P([*texts.both("card.source"), ": ", *texts.pair(card.source.as_dict())], className="source"))
    return parts


def _head(card: Card, words: Vocabulary) -> html.Header:
    level = card.object.get("level") or card.object.get("alarm_level")
    kind = [html.Span(texts.both(f"card.type.{card.type}")), *facts.state_chip(card, words)]
    title = html.H2(texts.pair(card.title.as_dict()), id="card-title")
    badge = [level_badge(level, large=True)] if level else []
    return html.Header([*badge, html.Div([html.P(kind, className="kind"), title])], className="card-head")


def _risk(risk: Risk | None) -> html.Section:
    if risk is None:
        return html.Section([html.P(texts.both("card.risk.none"), className="quiet")], className="risk")
    score = html.P(
        [
            html.Span(texts.both("card.risk"), className="name"),
            html.B(f"{risk.score:.1f}"),
            html.Span(texts.both("card.risk.of"), className="of"),
        ],
        className="score",
    )
    return html.Section([score, html.Ul([_term(term) for term in risk.terms], className="terms")], className="risk")


def _term(term: Term) -> html.Li:
    value = texts.both("card.risk.missing") if term.value is None else figure(round(term.value, 1))
    gauge = html.Meter(value=str(term.value or 0), min="0", max=str(MAX_SCORE), **wild({"aria-hidden": "true"}))
    name = html.Span(texts.pair(term.text.as_dict()), className="name")
    return html.Li(
        [name, gauge, html.Span(value, className="value")], className="missing" if term.value is None else ""
    )


def _log(entries: list[LogEntry]) -> list[Any]:
    title = html.H3(texts.both("card.log"))
    if not entries:
        return [html.Section([title, html.P(texts.both("card.log.none"), className="quiet")])]
    return [html.Section([title, html.Ol([_log_line(entry) for entry in entries], className="log")])]


def _log_line(entry: LogEntry) -> html.Li:
    who = [html.Span(entry.who, className="who")] if entry.who else []
    return html.Li([clock_time(entry.time), html.Span(texts.pair(entry.text.as_dict())), *who])
