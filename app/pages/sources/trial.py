"""What a source made of the message that was tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash import html

from app.dashboard import texts
from app.dashboard.card.words import figure
from app.dashboard.components import clock_time
from app.pages.parts import reason_words
from core.vocabulary import table

COLUMNS = ("sources.try.device", "sources.try.what", "sources.try.value", "sources.try.quality", "sources.try.time")
DEVICES = ("sensor_id", "unit_id", "camera_id", "device", "sender")


def outcome(told: Mapping[str, Any]) -> list[Any]:
    """Records in a table, or the reason why there are none."""
    unmatched = [] if told["matches"] else [html.P(texts.both("sources.try.unmatched"), className="warn")]
    error = told["error"]
    if error:
        return [*unmatched, html.P([html.B(reason_words(error["reason"])), " ", error["detail"]], className="error")]
    if not told["records"]:
        return [*unmatched, html.P(texts.both("sources.try.nothing"), className="warn")]
    head = html.Tr([html.Th(texts.both(key), scope="col") for key in COLUMNS])
    return [*unmatched, html.Table([html.Thead(head), html.Tbody([record_row(one) for one in told["records"]])])]


def record_row(record: Mapping[str, Any]) -> html.Tr:
    device = next((record[name] for name in DEVICES if record.get(name)), "")
    quality = record.get("quality")
    named = texts.pair(table("qualities").get(quality)) or [quality] if quality else ""
    time = clock_time(record["time"]) if record.get("time") else ""
    cells = (device, record.get("metric") or record["type"], reading_of(record), named, time)
    return html.Tr([html.Td(one) for one in cells])


def reading_of(record: Mapping[str, Any]) -> str:
    if record.get("value") is None:
        return str(record.get("kind") or record.get("status") or "")
    return f"{figure(record['value'])} {record.get('unit') or ''}".strip()
