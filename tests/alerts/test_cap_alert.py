"""Alarms of level I and II as CAP alerts: Alert, Update, Cancel with references, valid, restricted, and in the
feeds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from uuid import UUID

import pytest
from capvalidator import check_schema
from lxml import etree
from shapely.geometry import Point, Polygon
from sqlalchemy import Connection, text

from alerts.feeds import index
from alerts.feeds.cap_alert import Issued, Issuer, issue, make_alert, read_issuer
from core.cap import build, parse
from core.cap_check import check
from core.clock import cap_time
from core.vocabulary import table
from tests.alerts.helpers import change
from tests.support import now

START = now().replace(microsecond=0)


def told(conn: Connection, alarm_id: UUID, at: datetime) -> Issued | None:
    return issue(conn, alarm_id, read_issuer(conn, "onemap@example.org", "Actual"), at)


def play(conn: Connection, levels: list[int | None]) -> list[str | None]:
    """The alarm takes these levels, a minute apart; the type of message each gave."""
    types, alarm_id = [], None
    for minute, level in enumerate(levels):
        at = START + timedelta(minutes=minute)
        alarm_id = change(conn, level, at) or alarm_id
        assert alarm_id is not None
        issued = told(conn, alarm_id, at)
        types.append(parse(issued.xml.encode()).msg_type if issued else None)
        if issued:
            result = check_schema(issued.xml.encode())
            assert result.passed, result.message
            assert check(issued.xml.encode()) == []
    return types


STORIES: list[tuple[str, list[int | None], list[str | None]]] = [
    ("level I is told", [1], ["Alert"]),
    ("level II is told", [2], ["Alert"]),
    ("level III is not", [3], [None]),
    ("worsening from III to II is the first message", [3, 2], [None, "Alert"]),
    ("a change of level is an update", [2, 1], ["Alert", "Update"]),
    ("easing below II is still told to those who were told", [1, 3], ["Alert", "Update"]),
    ("the return cancels", [1, 2, None], ["Alert", "Update", "Cancel"]),
    ("raised again after a cancel is a new alert", [1, None, 1], ["Alert", "Cancel", "Alert"]),
    ("raised again at III after a cancel is not told", [1, None, 3], ["Alert", "Cancel", None]),
    ("what was never told is not cancelled", [3, None], [None, None]),
]


@pytest.mark.parametrize(("why", "levels", "types"), STORIES, ids=[c[0] for c in STORIES])
def test_messages_of_a_story(why: str, levels: list[int | None], types: list[str | None], conn: Connection) -> None:
    assert play(conn, levels) == types


def test_same_alarm_is_not_told_twice(conn: Connection) -> None:
    alarm_id = change(conn, 1, START)
    assert alarm_id is not None
    assert told(conn, alarm_id, START) is not None
    assert told(conn, alarm_id, START) is None


def test_references_name_every_earlier_message_in_order(conn: Connection) -> None:
    play(conn, [2, 1, None])
    rows = conn.execute(
        text('SELECT identifier, sender, "references", replaced, body FROM cap_alert ORDER BY sent')
    ).all()
    assert rows[0].references is None
    documents = [parse(r.body.encode()) for r in rows]
    names = [f"{d.sender},{d.identifier},{d.sent.isoformat()}" for d in documents]
    assert [d.references for d in documents] == [None, names[0], f"{names[0]} {names[1]}"]
    assert [r.replaced for r in rows] == [True, True, False]


def test_messages_of_one_second_still_have_an_order(conn: Connection) -> None:
    for level in (2, 1):
        alarm_id = change(conn, level, START)
        assert alarm_id is not None
        told(conn, alarm_id, START)
    sent = list(conn.scalars(text("SELECT sent FROM cap_alert ORDER BY sent")))
    assert sent[0] < sent[1]


def test_simulated_city_never_says_actual(conn: Connection) -> None:
    alarm_id = change(conn, 1, START)
    assert alarm_id is not None
    issued = told(conn, alarm_id, START)
    assert issued is not None
    document = parse(issued.xml.encode())
    assert (document.status, document.scope, bool(document.restriction)) == ("Exercise", "Restricted", True)
    conn.execute(text("UPDATE city SET simulated = false"))
    assert read_issuer(conn, "x", "Actual").status == "Actual"


def test_area_is_a_closed_ring_about_the_place(conn: Connection) -> None:
    alarm_id = change(conn, 1, START)
    assert alarm_id is not None
    issued = told(conn, alarm_id, START)
    assert issued is not None
    where = conn.execute(text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat FROM alarm")).one()
    root = etree.fromstring(issued.xml.encode())
    pairs = [tuple(map(float, p.split(","))) for p in root.findtext(".//{*}polygon").split()]
    ring = Polygon([(lon, lat) for lat, lon in pairs])
    assert pairs[0] == pairs[-1]
    assert ring.is_valid
    assert ring.contains(Point(where.lon, where.lat))
    metres = conn.scalar(text("SELECT ST_Area(ST_GeomFromText(:wkt, 4326)::geography)"), {"wkt": ring.wkt})
    assert metres == pytest.approx(3.106 * 1200**2, rel=0.01)  # a river flood of level I reaches 1,200 m; 24 corners


def test_feeds_list_the_newest_message_of_each_alarm_by_area_until_it_expires(conn: Connection) -> None:
    play(conn, [2, 1])
    district = conn.scalar(text("SELECT district FROM alarm"))
    entries = index.list_entries(conn, START, None)
    assert [(e.msg_type, e.level) for e in entries] == [("Update", 1)]
    assert len(index.list_entries(conn, START, district)) == 1
    assert index.list_entries(conn, START, "999999") == []
    assert index.list_entries(conn, START + timedelta(hours=7), None) == []


def test_index_is_atom_rss_and_geojson_with_lat_lon_where_each_wants_it(conn: Connection) -> None:
    play(conn, [1])
    [entry] = index.list_entries(conn, START, None)
    assert entry.lon is not None
    feed = etree.fromstring(index.atom([entry], "https://x", "Asia/Shanghai", START, "en"))
    link = feed.find("{*}entry/{*}link")
    assert (link.get("href"), link.get("type")) == (
        f"https://x/feeds/alerts/{entry.identifier}.cap",
        "application/cap+xml",
    )
    assert feed.findtext("{*}entry/{*}point") == f"{entry.lat:.6f} {entry.lon:.6f}"
    assert feed.findtext("{*}updated").endswith("+08:00")
    items = etree.fromstring(index.rss([entry], "https://x", "UTC", "zh")).findall("channel/item")
    assert [i.findtext("guid") for i in items] == [link.get("href")]
    [feature] = index.geojson([entry], "https://x")["features"]
    assert feature["geometry"]["coordinates"] == [entry.lon, entry.lat]


def test_empty_index_is_valid_too() -> None:
    feed = etree.fromstring(index.atom([], "https://x", "UTC", START, "zh"))
    assert feed.findtext("{*}id")
    assert feed.findtext("{*}updated")
    assert feed.findall("{*}entry") == []


def test_control_character_in_a_name_does_not_keep_the_alert_from_going_out(conn: Connection) -> None:
    conn.execute(text("UPDATE sensor SET name_zh = E'东\\x0b关', name_en = E'East\\x01 gate' WHERE id = 'wl-spare'"))
    alarm_id = change(conn, 1, START)
    assert alarm_id is not None
    issued = told(conn, alarm_id, START)
    assert issued is not None
    result = check_schema(issued.xml.encode())
    assert result.passed, result.message
    assert "East\ufffd gate" in issued.xml
    for body in (
        index.atom(index.list_entries(conn, START, None), "http://x", "UTC", START, "en"),
        index.rss(index.list_entries(conn, START, None), "http://x", "UTC", "en"),
    ):
        etree.fromstring(body)


def test_dates_of_the_rss_do_not_depend_on_the_locale(conn: Connection) -> None:
    """RFC 822 names of days and months are English everywhere."""
    alarm_id = change(conn, 1, START)
    assert alarm_id is not None
    told(conn, alarm_id, START)
    entry = index.list_entries(conn, START, None)[0]
    fixed = replace(entry, sent=datetime(2026, 5, 4, 8, 0, 30, tzinfo=timezone(timedelta(hours=8))))
    assert b"<pubDate>Mon, 04 May 2026 00:00:30 +0000</pubDate>" in index.rss([fixed], "http://x", "UTC", "en")


NAMES = {"zh": "城北路下穿通道" * 20 + "\x07<b>", "en": "Chengbei underpass " * 15 + "\x00 & <b>"}


@pytest.mark.parametrize("msg_type", ["Alert", "Update", "Cancel"])
@pytest.mark.parametrize("kind", sorted(table("alarm_kinds")))
def test_whatever_goes_out_stands_every_check(kind: str, msg_type: str) -> None:
    """Of every kind, level and status, with a place and without, with names as they should not be."""
    for level in (1, 2, 3, 4):
        for place in ((119.0, 31.4), (179.9999, 10.0), (20.0, 89.9), (None, None)):
            alarm = SimpleNamespace(
                kind=kind, level=level, names=NAMES, message=NAMES, risk=None, observed_at=START, district="321302",
                thing_id="x", lon=place[0], lat=place[1], name_zh=None, name_en=None,
            )  # fmt: skip
            for status in ("Actual", "Exercise"):
                issuer = Issuer("onemap@example.org", status, {"zh": "市", "en": "City"}, "Asia/Shanghai")
                earlier = f"onemap@example.org,before,{cap_time(START - timedelta(hours=1), 'Asia/Shanghai')}"
                references = None if msg_type == "Alert" else earlier
                body = build(make_alert(alarm, issuer, msg_type, "onemap-1", START, references))
                result = check_schema(body)
                assert result.passed, result.message
                assert check(body) == []
