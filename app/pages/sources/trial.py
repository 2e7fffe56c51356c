"""What a source made of the message that was tried."""

from __future__ import annotations

from typing import Any

from dash import html

from app.dashboard import texts
from app.dashboard.card.words import figure
from app.dashboard.components import clock_time
from app.pages.parts import reason_words
from core.types import JsonObject
from core.vocabulary import table
from ingest.admin.sources.nouns import Trial

COLUMNS = ("sources.try.device", "sources.try.what", "sources.try.value", "sources.try.quality", "sources.try.time")
DEVICES = ("sensor_id", "unit_id", "camera_id", "device", "sender")


def outcome(told: Trial) -> list[Any]:
    """Records in a table, or the reason why there are none."""
    unmatched = [] if told["matches"] else [html.P(texts.both("sources.try.unmatched"), className="warn")]
    error = told["error"]
    if error:
        return [*unmatched, html.P([html.B(reason_words(error["reason"])), " ", error["detail"]], className="error")]
    if not told["records"]:
        return [*unmatched, html.P(texts.both("sources.try.nothing"), className="warn")]
    head = html.Tr([html.Th(texts.both(key), scope="col") for key in COLUMNS])
    listed = html.Table([html.Thead(head), html.Tbody([record_row(one) for one in told["records"]])])
    wrong = [
        html.P([html.B(reason_words(one["reason"])), " ", one["detail"]], className="warn") for one in told["faults"]
    ]
    return [*unmatched, listed, *wrong]


def record_row(record: JsonObject) -> html.Tr:
    name = next((name for name in DEVICES if record.get(name)), "")
    device = called(record, name) if name else ""
    what = called(record, "metric") if record.get("metric") else str(record["type"])
    quality = str(record.get("quality") or "")
    named = texts.pair(table("qualities").get(quality)) or [quality] if quality else []
    time = clock_time(str(record["time"])) if record.get("time") else ""
    return html.Tr([html.Td(one) for one in (device, what, reading_of(record), named, time)])


def called(record: JsonObject, field: str) -> str:
    """What people call it, and the id it is kept under where that is another."""
    spelled = record.get("called")
    words = spelled.get(field) if isinstance(spelled, dict) else None
    return f"{words} ({record[field]})" if words else str(record[field])


def reading_of(record: JsonObject) -> str:
    value = record.get("value")
    if not isinstance(value, int | float):
        return str(record.get("kind") or record.get("status") or "")
    return f"{figure(value)} {record.get('unit') or ''}".strip()
