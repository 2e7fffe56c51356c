"""Who is on it and what to do next: assignments with milestones, the recommended step, units to send."""

import json
from typing import Any

import msgspec
from dash import html

from app.dashboard import texts
from app.dashboard.card.words import Vocabulary, distance, duration
from app.dashboard.components import clock_time, wild
from app.dashboard.models import Card, Recommendation, Words
from core.vocabulary import DONE_INCIDENT, SHELVABLE_ALARM

MILESTONES = ("assigned_at", "accepted_at", "en_route_at", "on_scene_at", "clear_at")
MILESTONE_STATUS = {
    "assigned_at": "assigned",
    "accepted_at": "accepted",
    "en_route_at": "en_route",
    "on_scene_at": "on_scene",
    "clear_at": "clear",
}
SHELVE_MINUTES = 30
MAX_RECOMMENDED = 4


def api_button(
    label: list[Any], method: str, url: str, body: Any, *, confirm: bool = False, **more: Any
) -> html.Button:
    """A button that makes one API call (``assets/js/actions.mjs``); ``confirm`` asks for a second press."""
    call: dict[str, Any] = {"data-method": method, "data-url": url, "data-body": json.dumps(body, ensure_ascii=False)}
    parts: list[Any] = [html.Span(label, className="label")]
    if confirm:
        parts.append(html.Span(texts.both("card.confirm"), className="sure"))
        call["data-confirm"] = "1"
    return html.Button(parts, type="button", **{"className": "action", **call, **more})


def who(card: Card) -> list[Any]:
    """The units assigned to an incident and how far each has come."""
    if card.type != "incident":
        return []
    title = html.H3(texts.both("card.who"))
    assignments = card.object.get("assignments") or []
    if not assignments:
        return [html.Section([title, html.P(texts.both("card.who.none"), className="quiet")])]
    return [html.Section([title, html.Ul([_assignment(one) for one in assignments], className="assignments")])]


def _assignment(one: dict[str, Any]) -> html.Li:
    name = html.Button(
        texts.pair(one.get("unit_names") or {"zh": one["unit"]}),
        className="link",
        type="button",
        **wild({"data-select-type": "unit", "data-select-id": one["unit"]}),
    )
    status = html.Span(
        texts.known("milestone", one.get("status")), className="chip", **wild({"data-state": one.get("status") or ""})
    )
    reached = [_milestone(field, one[field]) for field in MILESTONES if one.get(field)]
    return html.Li([html.Div([name, status], className="line"), html.Ol(reached, className="milestones")])


def _milestone(field: str, moment: str) -> html.Li:
    return html.Li([html.Span(texts.known("milestone", MILESTONE_STATUS[field])), clock_time(moment)])


def next_step(card: Card, *, may_act: bool) -> list[Any]:
    """The one recommended action with its reason; a viewer reads the reason without the button."""
    step = card.next
    if step is None:
        return []
    reason = html.P(texts.pair(step.reason.as_dict()), className="reason")
    parts: list[Any] = [html.H3(texts.both("card.next")), reason]
    if not step.url and step.label != step.reason:
        parts.insert(1, html.P(texts.pair(step.label.as_dict()), className="calm"))
    if may_act and step.method and step.url:
        label = texts.pair(step.label.as_dict())
        more = {"className": "action primary", "data-testid": f"next-{step.action}", "data-next": step.action}
        parts.append(api_button(label, step.method, step.url, step.body, confirm=step.action == "assign", **more))
    return [html.Section(parts, className="next" if step.url else "next waiting")]


def recommended(card: Card, units: list[Recommendation], words: Vocabulary, *, may_act: bool) -> list[Any]:
    """The units to send, best first, each with its reasons."""
    if card.type != "incident" or card.object.get("status") in DONE_INCIDENT:
        return []
    title = html.H3(texts.both("card.recommended"))
    if not units:
        return [html.Section([title, html.P(texts.both("card.recommended.none"), className="quiet")])]
    lines = [_recommended(card.id, unit, words, may_act=may_act) for unit in units[:MAX_RECOMMENDED]]
    return [html.Section([title, html.Ul(lines, className="recommended")])]


def _recommended(incident: str, unit: Recommendation, words: Vocabulary, *, may_act: bool) -> html.Li:
    name = html.Button(
        texts.pair(unit.names.as_dict()),
        className="link",
        type="button",
        **wild({"data-select-type": "unit", "data-select-id": unit.unit}),
    )
    kind = html.Span(words.words("unit_kinds", unit.kind), className="quiet")
    way = html.Span([html.B(duration(unit.eta_s)), html.Span(distance(unit.distance_m))], className="way")
    parts: list[Any] = [html.Div([name, kind, way], className="line"), html.P(_join(unit.reasons), className="reason")]
    if may_act:
        url = f"/api/incidents/{incident}/assignments"
        parts.append(api_button(texts.both("card.assign"), "POST", url, {"unit": unit.unit}, confirm=True))
    return html.Li(parts)


def _join(reasons: list[Words]) -> list[Any]:
    joined: dict[str, str] = {
        lang: texts.text("list.separator", lang).join(msgspec.structs.asdict(reason)[lang] for reason in reasons)
        for lang in texts.LANGS
    }
    return texts.pair(joined)


def more_actions(card: Card) -> list[Any]:
    """What else can be done, quietly: shelve an alarm for a bounded time, with a reason."""
    if card.type != "alarm" or card.object.get("state") not in SHELVABLE_ALARM:
        return []
    body = {"minutes": SHELVE_MINUTES, "reason": texts.text("card.shelve.reason", "zh")}
    shelve = api_button(texts.both("card.shelve"), "POST", f"/api/alarms/{card.id}/shelve", body)
    return [html.Section([shelve], className="more-actions")]
