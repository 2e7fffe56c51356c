"""Who is told: by whose sight, in which area, in which hours, how often, and what a receiver's state does to others."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from alerts import senders
from alerts.deliveries import Carriers, carried, deliver, kept, repeat, subscribed
from alerts.scoring import score_alarms
from alerts.senders import Delivery, Gone, Later, Message, Outcome, Reads, SenderKind, Sent, Target
from alerts.stages.base import Quiet
from alerts.stages.wanted import Filter
from alerts.subscriptions import preview
from core.errors import Conflict
from core.registry import Registry
from core.scope import Classification, Scope
from core.settings import Settings
from tests.alerts.helpers import change
from tests.support import now, wait_for

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass
class Ears:
    """Receivers by the id of their subscription; those in `answers` answer so, those in `deaf` not until they are let
    go."""

    heard: dict[str, list[str]] = field(default_factory=dict)
    batches: dict[str, int] = field(default_factory=dict)
    answers: dict[str, Outcome] = field(default_factory=dict)
    deaf: dict[str, threading.Event] = field(default_factory=dict)

    def render(self, reads: Reads, delivery: Delivery, to: Target, at: datetime) -> Message:
        return Message("", delivery.what, str(delivery.id))

    def send(self, to: Target, messages: Sequence[Message]) -> Sequence[Outcome]:
        if to.id in self.deaf:
            assert self.deaf[to.id].wait(60)
        if to.id in self.answers:
            return [self.answers[to.id]] * len(messages)
        self.heard.setdefault(to.id, []).extend(one.payload for one in messages)
        self.batches[to.id] = self.batches.get(to.id, 0) + 1
        return [Sent()] * len(messages)

    def close(self) -> None:
        """Nothing is open."""

    def of(self, name: str) -> list[str]:
        return self.heard.get(name, [])


@pytest.fixture
def ears(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Ears:
    made = Ears()
    kind = SenderKind("ear", lambda settings: made, give_up_s=3600)
    registry: Registry[SenderKind] = Registry("onemap.test_ears", [kind], key=lambda one: one.key)
    for module in (carried, subscribed, senders):
        monkeypatch.setattr(module, "SENDERS", registry)
    monkeypatch.setattr(carried, "JITTER", 0.0)
    with fresh_engine.begin() as conn:
        conn.execute(text("UPDATE subscription SET enabled = false"))
        conn.execute(text("DELETE FROM inhibition"))
    return made


@pytest.fixture
def carriers() -> Iterator[Carriers]:
    made = Carriers(Settings())
    yield made
    made.close()


def subscribe(db: Engine, name: str, **more: Any) -> None:
    given = {"filter": {"kinds": ["alarm"]}, "quiet": None, "digest_s": 0, "repeat_s": 0, "owner": None, **more}
    with db.begin() as conn:
        conn.execute(
            text(
                """
INSERT INTO subscription (id, name_zh, name_en, sender, filter, quiet, digest_s, repeat_s, owner, enabled)
VALUES (:id, :id, :id, 'ear', CAST(:filter AS jsonb), CAST(:quiet AS jsonb), :digest_s, :repeat_s, :owner, true)
"""
            ),
            {
                **given,
                "id": name,
                "filter": json.dumps(given["filter"]),
                "quiet": json.dumps(given["quiet"]) if given["quiet"] else None,
            },
        )


def account(db: Engine, name: str, **limits: Any) -> None:
    given = {"districts": None, "units": None, "classification": None, "enabled": True, **limits}
    with db.begin() as conn:
        conn.execute(
            text(
                """
INSERT INTO account (username, name, role, lang, password, enabled, demo, created_at, districts, units, classification)
VALUES (:name, :name, 'viewer', 'zh', '', :enabled, false, now(), :districts, :units, :classification)
"""
            ),
            {"name": name, **given},
        )


def happen(db: Engine, level: int | None, at: datetime) -> None:
    with db.begin() as conn:
        assert change(conn, level, at, 12.5 if level else 1.0)
        score_alarms(conn, at, 8)


def deliver_all(db: Engine, carriers: Carriers, at: datetime) -> None:
    while deliver(db, carriers, at):
        pass


# --- who and where ----------------------------------------------------------------------------------------------------


def test_owner_is_told_only_what_they_may_see(fresh_engine: Engine, ears: Ears, carriers: Carriers) -> None:
    happen(fresh_engine, 1, now())
    with fresh_engine.begin() as conn:
        district = conn.scalar(text("SELECT district FROM alarm"))
        conn.execute(text("UPDATE sensor SET classification = 1 WHERE id = (SELECT thing_id FROM alarm)"))
    for name, limits in {
        "all": {},
        "here": {"districts": [district]},
        "elsewhere": {"districts": ["999999"]},
        "low": {"classification": 0},
        "gone": {"enabled": False},
    }.items():
        account(fresh_engine, name, **limits)
        subscribe(fresh_engine, f"of-{name}", owner=name)
    subscribe(fresh_engine, "citys")
    deliver_all(fresh_engine, carriers, now())
    assert set(ears.heard) == {"of-all", "of-here", "citys"}


def square(lon: float, lat: float, half: float) -> dict[str, Any]:
    west, east, south, north = lon - half, lon + half, lat - half, lat + half
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def test_area_that_was_drawn_decides(fresh_engine: Engine, ears: Ears, carriers: Carriers) -> None:
    happen(fresh_engine, 2, now())
    with fresh_engine.connect() as conn:
        place = conn.execute(text("SELECT ST_X(geom) AS lon, ST_Y(geom) AS lat, kind FROM alarm")).one()
    subscribe(fresh_engine, "in", filter={"area": square(place.lon, place.lat, 0.001)})
    subscribe(fresh_engine, "out", filter={"area": square(place.lon + 0.01, place.lat, 0.001)})
    subscribe(fresh_engine, "grave", filter={"level": 1})
    subscribe(fresh_engine, "mine", filter={"mine": True})
    deliver_all(fresh_engine, carriers, now())
    assert set(ears.heard) == {"in"}
    with fresh_engine.connect() as conn:
        for wanted, count in ((Filter(area=square(place.lon, place.lat, 0.001)), 1), (Filter(level=1), 0)):
            assert preview(conn, wanted, now() + timedelta(seconds=1), 30)["alarms"] == count
        nowhere = Scope(districts=frozenset({"999999"}), classification=Classification.OPEN)
        assert preview(conn, Filter(), now() + timedelta(seconds=1), 30, nowhere)["alarms"] == 0


def test_filter_that_cannot_be_used_stops_nobody_else(fresh_engine: Engine, ears: Ears, carriers: Carriers) -> None:
    subscribe(fresh_engine, "broken", filter={"distrikts": []})
    subscribe(fresh_engine, "whole")
    happen(fresh_engine, 1, now())
    deliver_all(fresh_engine, carriers, now())
    assert set(ears.heard) == {"whole"}


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "left_h"), [("21:59", 0), ("22:00", 9), ("23:30", 7.5), ("00:00", 7), ("06:59", 1 / 60), ("07:00", 0)]
)
def test_quiet_hours_reach_over_midnight(clock: str, left_h: float) -> None:
    at = datetime.combine(date(2026, 7, 1), time.fromisoformat(clock), SHANGHAI).astimezone(UTC)
    assert Quiet(time(22), time(7), SHANGHAI).left_s(at) == pytest.approx(left_h * 3600)


def test_quiet_hours_are_counted_where_the_clock_jumps() -> None:
    """Central Europe, the last Sunday of October: three o'clock comes twice."""
    berlin = ZoneInfo("Europe/Berlin")
    at = datetime(2026, 10, 24, 22, tzinfo=berlin)
    assert Quiet(time(22), time(7), berlin).left_s(at) == 10 * 3600


def quiet_now(at: datetime, zone: ZoneInfo) -> dict[str, str]:
    here = at.astimezone(zone)
    return {"begins": f"{here - timedelta(hours=1):%H:%M}", "ends": f"{here + timedelta(hours=1):%H:%M}"}


def zone_of(db: Engine) -> ZoneInfo:
    with db.connect() as conn:
        return ZoneInfo(str(conn.scalar(text("SELECT timezone FROM city"))))


def test_what_stands_after_the_quiet_hours_is_told_then_and_level_i_at_once(
    fresh_engine: Engine, ears: Ears, carriers: Carriers
) -> None:
    at = now()
    subscribe(fresh_engine, "sleeper", quiet=quiet_now(at, zone_of(fresh_engine)))
    subscribe(fresh_engine, "waker")
    happen(fresh_engine, 3, at)
    deliver_all(fresh_engine, carriers, at)
    assert (ears.of("sleeper"), ears.of("waker")) == ([], ["raised"])
    deliver_all(fresh_engine, carriers, at + timedelta(minutes=30))
    assert ears.of("sleeper") == []
    happen(fresh_engine, 1, at + timedelta(minutes=40))
    deliver_all(fresh_engine, carriers, at + timedelta(minutes=40))
    assert ears.of("sleeper") == ["worsened"]
    deliver_all(fresh_engine, carriers, at + timedelta(minutes=90))
    assert ears.of("sleeper") == ["worsened"], "they know it by now"


def test_what_came_and_went_in_the_quiet_hours_is_told_to_nobody(
    fresh_engine: Engine, ears: Ears, carriers: Carriers
) -> None:
    at = now()
    subscribe(fresh_engine, "sleeper", quiet=quiet_now(at, zone_of(fresh_engine)))
    happen(fresh_engine, 3, at)
    deliver_all(fresh_engine, carriers, at)
    happen(fresh_engine, None, at + timedelta(minutes=20))
    deliver_all(fresh_engine, carriers, at + timedelta(minutes=20))
    deliver_all(fresh_engine, carriers, at + timedelta(minutes=90))
    assert ears.of("sleeper") == []


def test_digest_waits_for_what_comes_with_it(fresh_engine: Engine, ears: Ears, carriers: Carriers) -> None:
    at = now()
    subscribe(fresh_engine, "digest", digest_s=600)
    happen(fresh_engine, 3, at)
    deliver_all(fresh_engine, carriers, at)
    assert ears.of("digest") == []
    deliver_all(fresh_engine, carriers, at + timedelta(seconds=601))
    assert (ears.of("digest"), ears.batches["digest"]) == (["raised"], 1)


def test_it_is_told_again_until_somebody_knows(fresh_engine: Engine, ears: Ears, carriers: Carriers) -> None:
    at = now()
    subscribe(fresh_engine, "insistent", repeat_s=300)
    subscribe(fresh_engine, "once")
    happen(fresh_engine, 2, at)
    deliver_all(fresh_engine, carriers, at)

    def turn(minutes: float) -> None:
        moment = at + timedelta(minutes=minutes)
        with fresh_engine.begin() as conn:
            repeat(conn, moment)
        deliver_all(fresh_engine, carriers, moment)

    turn(4)
    assert ears.of("insistent") == ["raised"]
    turn(5.1)
    turn(5.2)
    turn(10.5)
    assert ears.of("insistent") == ["raised", "repeated", "repeated"]
    assert ears.of("once") == ["raised"]
    with fresh_engine.begin() as conn:
        last = conn.scalar(text("SELECT max(id) FROM delivery WHERE subscription_id = 'insistent'"))
        assert kept.see(conn, int(last or 0), "duty", at)["state"] == "seen"
    turn(60)
    assert len(ears.of("insistent")) == 3


# --- receivers --------------------------------------------------------------------------------------------------------


def test_receiver_that_hangs_slows_nobody_else(fresh_engine: Engine, ears: Ears, carriers: Carriers) -> None:
    """And nothing of it is sent twice meanwhile."""
    for name in ("slow", "quick"):
        subscribe(fresh_engine, name)
    ears.deaf["slow"] = threading.Event()
    happen(fresh_engine, 3, now())
    deliver(fresh_engine, carriers, now(), patience_s=0.0)
    wait_for(lambda: ears.of("quick") == ["raised"])
    happen(fresh_engine, 2, now())
    deliver(fresh_engine, carriers, now(), patience_s=0.0)
    wait_for(lambda: deliver(fresh_engine, carriers, now(), patience_s=0.0) >= 0 and len(ears.of("quick")) == 2)
    assert ears.of("slow") == []
    ears.deaf["slow"].set()
    deliver_all(fresh_engine, carriers, now())
    assert ears.of("slow") == ears.of("quick") == ["raised", "worsened"]
    assert ears.batches["slow"] == 2


def test_receiver_that_is_gone_stops_its_subscription_and_says_why(
    fresh_engine: Engine, ears: Ears, carriers: Carriers
) -> None:
    subscribe(fresh_engine, "left")
    subscribe(fresh_engine, "stays")
    ears.answers["left"] = Gone("it answers 410")
    happen(fresh_engine, 3, now())
    deliver_all(fresh_engine, carriers, now())
    with fresh_engine.connect() as conn:
        row = conn.execute(text("SELECT enabled, stopped_why, version FROM subscription WHERE id = 'left'")).one()
        version = conn.scalar(text("SELECT what FROM subscription_version WHERE subscription_id = 'left'"))
        [failed] = kept.list_deliveries(conn, subscription="left")
    assert (row.enabled, row.stopped_why, row.version, version) == (False, "it answers 410", 2, "stopped")
    assert (failed["state"], failed["error"]) == ("failed", "it answers 410")
    assert ears.of("stays") == ["raised"]


def test_what_nobody_took_for_long_is_given_up_shown_and_can_be_tried_again(
    fresh_engine: Engine, ears: Ears, carriers: Carriers
) -> None:
    subscribe(fresh_engine, "dead")
    ears.answers["dead"] = Later("nobody answers")
    at = now()
    happen(fresh_engine, 3, at)
    happen(fresh_engine, 2, at + timedelta(seconds=1))
    moment = at + timedelta(seconds=1)
    for _ in range(80):
        deliver_all(fresh_engine, carriers, moment)
        moment += timedelta(seconds=61)
    with fresh_engine.begin() as conn:
        found = kept.list_deliveries(conn, subscription="dead")
        assert [one["state"] for one in found] == ["failed", "failed"], "those behind it were given up with it"
        assert found[0]["error"] == "nobody answers"
        for one in reversed(found):
            kept.retry(conn, one["id"], "admin", moment)
    ears.answers.clear()
    deliver_all(fresh_engine, carriers, moment)
    assert ears.of("dead") == ["raised", "worsened"]
    with fresh_engine.begin() as conn, pytest.raises(Conflict):
        kept.retry(conn, found[0]["id"], "admin", moment)


def test_what_could_not_be_written_down_goes_out_again(
    fresh_engine: Engine, ears: Ears, carriers: Carriers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away in the moment a batch comes back: its queue stands still for that moment only."""
    subscribe(fresh_engine, "a")
    happen(fresh_engine, 3, now())
    with monkeypatch.context() as away:
        away.setattr(carried, "DONE", text("SELECT 1 / 0 WHERE :now IS NOT NULL AND :ids IS NOT NULL"))
        with pytest.raises(DBAPIError):
            deliver_all(fresh_engine, carriers, now())
    deliver_all(fresh_engine, carriers, now())
    assert ears.of("a") == ["raised", "raised"]


def test_sender_that_cannot_be_made_stops_no_other(
    fresh_engine: Engine, ears: Ears, carriers: Carriers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Settings) -> Ears:
        raise ValueError("a setting that cannot be")

    both = [SenderKind("ear", lambda settings: ears), SenderKind("broken", broken)]
    registry: Registry[SenderKind] = Registry("onemap.test_broken", both, key=lambda one: one.key)
    for module in (carried, subscribed, senders):
        monkeypatch.setattr(module, "SENDERS", registry)
    for name in ("a", "b"):
        subscribe(fresh_engine, name)
    with fresh_engine.begin() as conn:
        conn.execute(text("UPDATE subscription SET sender = 'broken' WHERE id = 'a'"))
    happen(fresh_engine, 3, now())
    deliver_all(fresh_engine, carriers, now())
    assert ears.of("b") == ["raised"]
    with fresh_engine.connect() as conn:
        [waits] = kept.list_deliveries(conn, subscription="a")
    assert (waits["state"], waits["error"]) == ("retrying", "ValueError: a setting that cannot be")


def test_batch_that_no_process_settled_goes_out_again(fresh_engine: Engine, ears: Ears, carriers: Carriers) -> None:
    """Killed in mid-delivery: at least once, in order, nothing forgotten."""
    subscribe(fresh_engine, "a")
    happen(fresh_engine, 3, now())
    deliver(fresh_engine, carriers, now(), patience_s=0.0)
    wait_for(lambda: ears.of("a") == ["raised"])
    happen(fresh_engine, 2, now())
    heir = Carriers(Settings())
    deliver_all(fresh_engine, heir, now())
    heir.close()
    assert ears.of("a") == ["raised", "raised", "worsened"]
