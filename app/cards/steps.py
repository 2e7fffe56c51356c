"""What to do next about a thing: one recommendation with its reason, or none. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.present import Alarm
from app.cards.nouns import NextStep
from core.i18n import say
from core.levels import numbered, urgency
from core.readings import road_minutes
from core.types import Level
from core.vocabulary import ENDED_INCIDENT, AlarmState, IncidentStatus, Text, label, table
from dispatch.present import OVER, Incident
from dispatch.recommend import Recommended, names_of
from layers.video import VideoEvent

# alarms about a device that is silent: nobody is sent for them
SILENCE = ("stale", "source_stale")
UNSEEN = (AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED)
Body = dict[str, str | int | float | None]


def call(action: str, words: Text, reason: Text, url: str, body: Body) -> NextStep:
    return {"action": action, "label": words, "reason": reason, "method": "POST", "url": url, "body": body}


def only_words(words: Text, reason: Text) -> NextStep:
    return {"action": "none", "label": words, "reason": reason, "method": None, "url": None, "body": None}


def for_alarm(alarm: Alarm) -> NextStep | None:
    """Serious and without an incident: open one (that is the quickest way to help); else acknowledge what nobody has
    seen."""
    serious = alarm["active"] and alarm["level"] <= Level.III and alarm["kind"] not in SILENCE
    if serious and not alarm["incident"] and alarm["state"] != AlarmState.SHELVED:
        reason = say("next.create_incident.reason", level=numbered(alarm["level"]))
        return call("create_incident", say("next.create_incident"), reason, "/api/incidents", {"alarm": alarm["id"]})
    if alarm["state"] in UNSEEN:
        url = f"/api/alarms/{alarm['id']}/acknowledge"
        return call("acknowledge", say("next.acknowledge"), say("next.acknowledge.reason"), url, {})
    return None


def for_incident(incident: Incident, units: Sequence[Recommended], missing: Sequence[str] = ()) -> NextStep | None:
    """Close what is cleared; send the first of `units` while something needed is missing; else wait for those who are
    on it."""
    url = f"/api/incidents/{incident['id']}"
    if incident["status"] == IncidentStatus.CLEAR:
        body: Body = {"status": IncidentStatus.CLOSED, "version": incident["version"]}
        return call("status", say("next.close"), say("next.close.reason"), f"{url}/status", body)
    running = sum(one["status"] not in OVER for one in incident["assignments"])
    if running and not (missing and units):
        waiting = say("next.wait.missing", count=running, list=names_of(missing))
        return only_words(say("next.wait"), waiting if missing else say("next.wait.reason", count=running))
    if incident["status"] in ENDED_INCIDENT:
        return None
    if not units:
        return only_words(say("next.assign.none"), say("next.assign.none"))
    best = units[0]
    told = {"list": names_of(best["capabilities"]), "minutes": road_minutes(best["eta_s"])}
    reason = say("next.assign.missing" if running else "next.assign.reason", **told)
    words = say("next.assign", unit=best["names"])
    return call("assign", words, reason, f"{url}/assignments", {"unit": best["unit"]})


def rise(incident: Incident, alarms: Sequence[Alarm]) -> NextStep | None:
    """An alarm that holds is graver than its incident: how urgent that is, a person says."""
    worst = min((a["level"] for a in alarms if a["active"]), default=None)
    if worst is None or worst >= incident["level"] or incident["status"] in ENDED_INCIDENT:
        return None
    words = {"to": urgency(worst), "now": urgency(incident["level"]), "now_alarm": numbered(worst)}
    body: Body = {"level": worst, "version": incident["version"]}
    url = f"/api/incidents/{incident['id']}/level"
    return call("level", say("next.rise", **words), say("next.rise.reason", **words), url, body)


def for_video_event(seen: VideoEvent, kind: str | None, incident: str | None) -> NextStep | None:
    """What a camera saw is a guess: a person looks at the picture and reports it, unless it is known already."""
    if kind is None or incident or seen["lon"] is None:
        return None
    body: Body = {
        "kind": kind,
        "level": table("incident_kinds")[kind]["level"],
        "lon": seen["lon"],
        "lat": seen["lat"],
        "title": " ".join(part for part in (seen["zone"], seen["names"]["zh"]) if part),
        "address": seen["zone"] or None,
        "classification": seen["classification"],
    }
    reason = say("next.report_seen.reason", kind=label("incident_kinds", kind))
    return call("create_incident", say("next.report_seen"), reason, "/api/incidents", body)
