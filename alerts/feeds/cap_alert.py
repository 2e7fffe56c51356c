"""Alarms of level I and II as CAP 1.2 alerts for field teams: scope Restricted, never a public warning.

The first message of an alarm is an Alert; each later change is an Update, the return to normal a Cancel, both naming
every earlier message of that alarm in references (CAP 1.2 section 3.2.1).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from core.cap import Alert, Area, Info, build, plain
from core.cap_check import HEADLINE
from core.clock import cap_time
from core.db import lock_key, notify_change
from core.geodesy import points_around
from core.i18n import say
from core.levels import lowered
from core.readings import place_and_what
from core.vocabulary import Text, label, reach_of, roman, table

VALID_H = {1: 6, 2: 6, 3: 12, 4: 12}
CIRCLE_POINTS = 24
RESPONSE = {"Alert": "Prepare", "Update": "Prepare", "Cancel": "AllClear"}
VERB = {"Alert": "cap.issued", "Update": "cap.updated", "Cancel": "cap.cancelled"}
LANGUAGES = (("zh", "zh-CN"), ("en", "en-US"))
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(:key)")
_ALARM = text("""
SELECT a.id, a.kind, a.names, a.level, a.active, a.message, a.risk, a.version, a.observed_at, a.district, a.thing_id,
  ST_X(a.geom) AS lon, ST_Y(a.geom) AS lat, d.name_zh, d.name_en
FROM alarm a LEFT JOIN district d ON d.code = a.district WHERE a.id = :id
""")
_EARLIER = text("""
SELECT identifier, sender, sent, msg_type, level, alarm_version FROM cap_alert WHERE alarm_id = :id
ORDER BY sent, identifier
""")
_REPLACED = text("UPDATE cap_alert SET replaced = true WHERE alarm_id = :id")
_SAVE = text("""
INSERT INTO cap_alert (identifier, alarm_id, alarm_version, sender, sent, msg_type, level, district, headline, expires,
  "references", replaced, body, geom)
VALUES (:identifier, :alarm, :version, :sender, :sent, :type, :level, :district, CAST(:headline AS jsonb), :expires,
  :references, false, :body, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326))
""")


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who speaks: sender and status from the settings, the city from the database."""

    sender: str
    status: str
    city: Text
    zone: str


@dataclass(frozen=True, slots=True)
class Issued:
    identifier: str
    district: str
    level: int
    xml: str


def read_issuer(conn: Connection, sender: str, status: str) -> Issuer:
    """A simulated city never says Actual, whatever the settings say."""
    row = conn.execute(text("SELECT name_zh, name_en, timezone, simulated FROM city")).one_or_none()
    if row is None:
        return Issuer(sender, status, {"zh": "", "en": ""}, "UTC")
    kind = "Exercise" if row.simulated and status == "Actual" else status
    return Issuer(sender, kind, {"zh": row.name_zh, "en": row.name_en}, row.timezone)


def issue(conn: Connection, alarm_id: UUID, issuer: Issuer, now: datetime) -> Issued | None:
    """Write the CAP message for the alarm as it stands; None where that has been told or need not be."""
    # one issues at a time, lest two tell the same; the alarms are not locked, for judgement takes them in another order
    conn.execute(_ONE_AT_A_TIME, {"key": lock_key("cap")})
    row = conn.execute(_ALARM, {"id": alarm_id}).one()
    earlier = conn.execute(_EARLIER, {"id": alarm_id}).all()
    msg_type = choose_type(row, earlier)
    if msg_type is None:
        return None
    sent = max([now.replace(microsecond=0), *(e.sent + timedelta(seconds=1) for e in earlier)])
    identifier = f"onemap-{row.id}-{row.version}"
    references = " ".join(f"{e.sender},{e.identifier},{cap_time(e.sent, issuer.zone)}" for e in earlier) or None
    alert = make_alert(row, issuer, msg_type, identifier, sent, references)
    xml = build(alert).decode()
    _save(conn, row, alert, headline(row, msg_type), xml)
    return Issued(identifier, row.district, row.level, xml)


def make_alert(
    alarm: Any, issuer: Issuer, msg_type: str, identifier: str, sent: datetime, references: str | None
) -> Alert:
    """Pure: the message as it goes out, in all languages."""
    expires = expires_at(alarm.level, sent)
    exercise = say("cap.exercise")
    return Alert(
        identifier=identifier,
        sender=issuer.sender,
        sent=sent,
        status=issuer.status,
        msg_type=msg_type,
        scope="Restricted",
        restriction=say("cap.restriction")["zh"],
        note=f"{exercise['zh']} / {exercise['en']}" if issuer.status == "Exercise" else None,
        references=references,
        zone=issuer.zone,
        info=tuple(make_info(alarm, issuer, msg_type, expires, lang, code) for lang, code in LANGUAGES),
    )


def expires_at(level: int, sent: datetime) -> datetime:
    return sent + timedelta(hours=VALID_H[level])


def choose_type(alarm: Any, earlier: Any) -> str | None:
    """Alert, Update or Cancel; None where the last message says what is so, or nothing was ever told and nothing
    burns."""
    if not earlier:
        return "Alert" if alarm.active and alarm.level <= 2 else None
    last = earlier[-1]
    if last.msg_type == "Cancel":
        return "Alert" if alarm.active and alarm.level <= 2 else None
    if not alarm.active:
        return "Cancel"
    return "Update" if alarm.level != last.level else None


def headline(alarm: Any, msg_type: str) -> Text:
    """【内部】〈何处〉〈何事〉〈几级〉告警. Public warnings are issued by those who may; this is none.

    Where a name is so long that receivers would cut the headline (section 3.2.2), the name is cut."""
    whole = _headline(alarm, alarm.names, msg_type)
    over = {lang: len(words) - HEADLINE for lang, words in whole.items()}
    if max(over.values()) <= 0:
        return whole
    names = {lang: shortened(name, over[lang]) if over[lang] > 0 else name for lang, name in alarm.names.items()}
    return _headline(alarm, names, msg_type)


def shortened(name: str, by: int) -> str:
    return f"{name[: max(len(name) - by - 1, 0)]}…"


def _headline(alarm: Any, names: Text, msg_type: str) -> Text:
    number = label("levels", str(alarm.level))
    return say(
        "cap.headline",
        title=place_and_what(names, label("alarm_kinds", alarm.kind)),
        level={"zh": f"{number['zh']}告警", "en": f"{lowered(number['en'])} alarm"},
        verb=say(VERB[msg_type]),
    )


def make_info(alarm: Any, issuer: Issuer, msg_type: str, expires: datetime, lang: str, code: str) -> Info:
    kind = table("alarm_kinds").get(alarm.kind, {})
    incident = table("incident_kinds").get(kind.get("incident_kind", ""), {})
    past = msg_type == "Cancel"
    return Info(
        category=incident.get("cap_category", "Other"),
        event=label("alarm_kinds", alarm.kind)[lang],
        urgency="Past" if past else kind.get("urgency", "Unknown"),
        severity=table("levels")[str(alarm.level)]["severity"],
        certainty=kind.get("certainty", "Unknown"),
        language=code,
        response_type=RESPONSE[msg_type],
        onset=alarm.observed_at,
        expires=expires,
        sender_name=say("cap.sender", city=issuer.city)[lang],
        headline=plain(headline(alarm, msg_type)[lang]),
        description=plain(describe(alarm)[lang]),
        instruction=None if past else say("cap.instruction")[lang],
        parameters=(("level", roman(alarm.level)), ("thing", alarm.thing_id)),
        areas=tuple(make_areas(alarm, reach_of(kind.get("incident_kind"), alarm.level), lang)),
    )


def describe(alarm: Any) -> Text:
    """What was measured, and the risk in a sentence; of one scored before there were sentences, its terms."""
    if not alarm.risk:
        return dict(alarm.message)
    if "words" in alarm.risk:
        return say("cap.described", message=alarm.message, words=alarm.risk["words"])
    terms = {
        lang: ("；" if lang == "zh" else "; ").join(t["text"][lang] for t in alarm.risk["terms"])
        for lang in ("zh", "en")
    }
    return say("cap.description", message=alarm.message, score=alarm.risk["score"], terms=terms)


def make_areas(alarm: Any, radius_m: float, lang: str) -> list[Area]:
    district = {"zh": alarm.name_zh or alarm.district, "en": alarm.name_en or alarm.district}
    words = say("cap.area", name=alarm.names, radius=round(radius_m), district=district)[lang]
    words, where = plain(words), plain(district[lang])
    if alarm.lon is None:
        return [Area(where, geocodes=(("GB/T 2260", alarm.district),))]
    codes = (("GB/T 2260", alarm.district),)
    ring = circle(alarm.lon, alarm.lat, radius_m)
    if any(abs(lon) > 180 for lon, _ in ring):
        # no polygon of CAP goes over the date line
        return [Area(words, circles=((alarm.lon, alarm.lat, radius_m / 1000),), geocodes=codes)]
    return [Area(words, polygons=(ring,), geocodes=codes)]


def circle(lon: float, lat: float, radius_m: float) -> tuple[tuple[float, float], ...]:
    """A closed ring of (lon, lat) at a geodesic distance about a point."""
    ring = points_around(lon, lat, radius_m, CIRCLE_POINTS)
    return (*ring, ring[0])


def _save(conn: Connection, alarm: Any, alert: Alert, words: Text, xml: str) -> None:
    if alert.references:
        conn.execute(_REPLACED, {"id": alarm.id})
    conn.execute(
        _SAVE,
        {
            "identifier": alert.identifier,
            "alarm": alarm.id,
            "version": alarm.version,
            "sender": alert.sender,
            "sent": alert.sent,
            "type": alert.msg_type,
            "level": alarm.level,
            "district": alarm.district,
            "headline": json.dumps(words),
            "expires": expires_at(alarm.level, alert.sent),
            "references": alert.references,
            "body": xml,
            "lon": alarm.lon,
            "lat": alarm.lat,
        },
    )
    notify_change(conn, "cap", [alert.identifier])
