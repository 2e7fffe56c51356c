"""Who is on it and what to do next: assignments with milestones, the recommended step, units to send."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from alerts.judged import Judged
from alerts.present import Alarm
from app.cards.acts import Act
from app.cards.nouns import Card, NextStep
from app.dashboard import texts
from app.dashboard.card.words import distance, road_time, value_now, way_to, worded
from app.dashboard.components import arrival, clock_time, level_badge, waited, wild
from core.viewer import Permission
from core.vocabulary import DANGER_LEVEL, DONE_INCIDENT, IncidentStatus, Text
from dispatch.present import OVER, Assignment, Incident
from dispatch.recommend import Recommended

MAX_RECOMMENDED = 4


def api_button(
    label: list[Any], method: str, url: str, body: Mapping[str, object] | None, *, confirm: bool = False, **more: Any
) -> html.Button:
    """A button that makes one API call (``assets/js/actions.mjs``); ``confirm`` asks for a second press."""
    call = {"data-method": method, "data-url": url, "data-body": json.dumps(body, ensure_ascii=False)}
    parts: list[Any] = [html.Span(label, className="label")]
    if confirm:
        parts.append(html.Span(texts.both("card.confirm"), className="sure"))
        call["data-confirm"] = "1"
    return html.Button(parts, type="button", **{"className": "action", **call, **more})


def who(card: Card) -> list[Any]:
    """The units assigned to an incident and how far each has come."""
    if card["type"] != "incident":
        return []
    title = html.H3(texts.both("card.who"))
    incident = card["object"]
    assignments = incident["assignments"]
    waits = [waited(incident["opened_at"], incident["level"])] if is_waiting(incident) else []
    if not assignments:
        nobody = html.P([*texts.both("card.who.none"), " ", *waits], className="quiet")
        return [html.Section([title, nobody])]
    lines = [_assignment(one, card["acts"], card["arrivals"].get(one["unit"])) for one in assignments]
    return [html.Section([title, *waits, html.Ul(lines, className="assignments")])]


def is_waiting(incident: Incident) -> bool:
    """Urgent, open, and nobody is on it."""
    running = any(one["status"] not in OVER for one in incident["assignments"])
    return incident["level"] <= DANGER_LEVEL and incident["status"] == IncidentStatus.OPEN and not running


def _assignment(one: Assignment, acts: Sequence[Act], arrives_at: str | None) -> html.Li:
    unit = one["unit"]
    name = way_to("unit", one["unit"], one["unit_names"])
    state = wild({"data-state": one["status"]})
    status = html.Span(worded("milestones", one["status"]), className="chip", **state)
    milestones = (
        ("assigned", one["assigned_at"]),
        ("accepted", one["accepted_at"]),
        ("en_route", one["en_route_at"]),
        ("on_scene", one["on_scene_at"]),
        ("clear", one["clear_at"]),
    )
    reached = [html.Li([html.Span(worded("milestones", what)), clock_time(time)]) for what, time in milestones if time]
    buttons = [act_button(one) for one in acts if one["about"] == unit]
    said = [html.Div(buttons, className="said")] if buttons else []
    arrives = [arrival(arrives_at, unit)] if arrives_at else []
    return html.Li(
        [html.Div([name, *arrives, status], className="line"), html.Ol(reached, className="milestones"), *said]
    )


def next_step(card: Card, *, may: frozenset[Permission]) -> list[Any]:
    """The one recommended action with its reason; who may do nothing reads the reason without the button."""
    step = card["next"]
    if step is None:
        return []
    parts: list[Any] = [html.H3(texts.both("card.next"))]
    if not step["url"] and step["label"] != step["reason"]:
        parts.append(html.P(texts.pair(step["label"]), className="calm"))
    parts.append(html.P(texts.pair(step["reason"]), className="reason"))
    if may and step["method"] and step["url"]:
        action = step["action"]
        more = {"className": "action primary", "data-testid": f"next-{action}", "data-next": action}
        label, confirm = texts.pair(step["label"]), action == "assign"
        parts.append(api_button(label, step["method"], step["url"], step["body"], confirm=confirm, **more))
    return [html.Section(parts, className="next" if step["url"] else "next waiting")]


def recommended(card: Card, *, may: frozenset[Permission]) -> list[Any]:
    """The units to send, best first, each with its reasons."""
    if card["type"] != "incident" or card["object"]["status"] in DONE_INCIDENT:
        return []
    title = html.H3(texts.both("card.recommended"))
    needs = _needs(card["missing"], sent=len(card["missing"]) < len(card["needed"]))
    if not card["recommendations"]:
        return [html.Section([title, *needs, html.P(texts.both("card.recommended.none"), className="quiet")])]
    lines = [_recommended(card["id"], unit, may=may) for unit in card["recommendations"][:MAX_RECOMMENDED]]
    return [html.Section([title, *needs, html.Ul(lines, className="recommended")])]


def _needs(missing: Sequence[str], *, sent: bool) -> list[html.P]:
    """What somebody has still to bring, the most important first."""
    if not missing:
        return []
    tags = [html.Span(worded("capabilities", name), className="tag") for name in missing]
    return [html.P([*texts.both("card.missing" if sent else "card.needed"), *tags], className="needs")]


def _recommended(incident: str, unit: Recommended, *, may: frozenset[Permission]) -> html.Li:
    name = way_to("unit", unit["unit"], unit["names"])
    kind = html.Span(worded("unit_kinds", unit["kind"]), className="quiet")
    way = html.Span([html.B(road_time(unit["eta_s"])), html.Span(distance(unit["distance_m"]))], className="way")
    reason = html.P(_join(unit["reasons"]), className="reason")
    parts: list[Any] = [html.Div([name, kind, way], className="line"), reason]
    if Permission.UNIT_ASSIGN in may:
        url = f"/api/incidents/{incident}/assignments"
        parts.append(api_button(texts.both("card.assign"), "POST", url, {"unit": unit["unit"]}, confirm=True))
    return html.Li(parts)


def _join(reasons: list[Text]) -> list[Any]:
    return texts.pair(
        {lang: texts.text("list.separator", lang).join(reason[lang] for reason in reasons) for lang in texts.LANGS}
    )


def act_button(act: Act, **more: Any) -> html.Button:
    """A button of an act: one call of the API, or a question first (``assets/js/ask.mjs``) where it has fields."""
    words = texts.pair(act["label"])
    shown = {"className": "action small", "data-act": act["name"], **more}
    if act["fields"]:
        ask = {"data-ask": json.dumps(act, ensure_ascii=False)}
        return html.Button(words, type="button", **{**shown, **ask})
    return api_button(words, act["method"], act["url"], act["body"], **shown)


def more_actions(card: Card) -> list[Any]:
    """What else can be done, quietly; the recommended step is not said twice."""
    step = card["next"]
    acts = [one for one in card["acts"] if one["about"] is None and not (step and is_same(one, step))]
    return [html.Section([act_button(one) for one in acts], className="more-actions")] if acts else []


def is_same(act: Act, step: NextStep) -> bool:
    return not act["fields"] and act["url"] == step["url"] and act["body"] == step["body"]


def rise(card: Card, *, may: frozenset[Permission]) -> list[Any]:
    """An alarm is graver than its incident: who may, sets the urgency; everybody else reads that it is so."""
    if card["type"] != "incident" or card["rise"] is None:
        return []
    step = card["rise"]
    parts: list[Any] = [html.P(texts.pair(step["reason"]), className="reason")]
    if Permission.INCIDENT_LEVEL in may and step["method"] and step["url"]:
        more: dict[str, Any] = {"className": "action", "data-testid": "next-rise"}
        parts.append(api_button(texts.pair(step["label"]), step["method"], step["url"], step["body"], **more))
    return [html.Section(parts, className="rise")]


def alarms(card: Card) -> list[Any]:
    """The alarms of an incident as they are now; what is judged follows the live channel (``assets/js/judged.mjs``)."""
    if card["type"] != "incident" or not card["alarms"]:
        return []
    now = {one["id"]: one for one in card["judged"]}
    lines = [_alarm(one, now.get(one["id"])) for one in card["alarms"]]
    return [html.Section([html.H3(texts.both("card.alarms")), html.Ul(lines, className="near alarms")])]


def _alarm(alarm: Alarm, now: Judged | None) -> html.Li:
    state = html.Span(worded("alarm_states", alarm["state"]), className="chip", **wild({"data-state": alarm["state"]}))
    value = [value_now(alarm, now)] if alarm["metric"] else []
    return html.Li([level_badge(alarm["level"]), way_to("alarm", alarm["id"], alarm["names"]), *value, state])
