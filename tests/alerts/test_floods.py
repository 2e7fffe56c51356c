"""What a flood must not do: tell what is muted after a restart, leave a receiver with an alarm that is over, mute for
ever, tell what comes and goes for ever (KNOWN-TROUBLE, part B)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from alerts import senders
from alerts.chatter import watch_chatter
from alerts.deliveries import Carriers, carried, deliver, routed, subscribed
from alerts.folding import fold_all
from alerts.mutes import sync_mutes
from alerts.present import read_open_alarms
from alerts.rules.base import Finding, RuleRow, Thing
from alerts.senders import Message, Outcome, Reads, SenderKind, Sent, Target
from alerts.start import WAIT_AT_MOST, Start
from alerts.store import acknowledge_several
from core.pgarray import to_pg_us
from core.registry import Registry
from core.scope import EVERYTHING
from core.settings import Settings
from tests.support import now

LATER = timedelta(seconds=10)
DISTRICT = "321302"


def happen(conn: Connection, thing: str, kind: str, level: int | None, at: datetime) -> None:
    """A rule of this kind finds this level at a thing."""
    rule = RuleRow(f"test-{kind}", "threshold", kind, {"zh": kind, "en": kind}, {}, None)
    found = Finding(
        rule, Thing("sensor", thing, {"zh": thing, "en": thing}, DISTRICT), level, None, None, None, to_pg_us(at), None,
        "alarm.stale",
    )  # fmt: skip
    fold_all(conn, [found], at)


class Ear:
    """A receiver that takes everything."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def render(self, reads: Reads, delivery: Any, to: Target, at: datetime) -> Message:
        name = reads.conn.scalar(text("SELECT thing_id FROM alarm WHERE id::text = :id"), {"id": delivery.subject})
        return Message(str(name), delivery.what)

    def send(self, to: Target, messages: Sequence[Message]) -> Sequence[Outcome]:
        self.heard += [(m.topic, m.payload) for m in messages]
        return [Sent()] * len(messages)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def ear(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Ear:
    """The only subscription."""
    ear = Ear()
    registry: Registry[SenderKind] = Registry(
        "onemap.test_ears", [SenderKind("ear", lambda settings: ear)], key=lambda k: k.key
    )
    for module in (carried, subscribed, senders):
        monkeypatch.setattr(module, "SENDERS", registry)
    with fresh_engine.begin() as conn:
        conn.execute(text("DELETE FROM inhibition"))
        conn.execute(text("UPDATE subscription SET enabled = false"))
        conn.execute(
            text(
                "INSERT INTO subscription (id, name_zh, name_en, sender, filter, enabled) "
                "VALUES ('desk', '', '', 'ear', '{}', true)"
            )
        )
    return ear


def inhibit(conn: Connection, source: str, target: str, **more: Any) -> None:
    conn.execute(
        text(
            """
INSERT INTO inhibition (id, name_zh, name_en, source, target, equal, enabled, changed_at)
VALUES (:s || '-' || :t, '', '', jsonb_build_array(jsonb_build_object('label', 'kind', 'is', jsonb_build_array(:s))),
  jsonb_build_array(jsonb_build_object('label', 'kind', 'is', jsonb_build_array(:t))), '{district}', true, now())
"""
        ),
        {"s": source, "t": target},
    )


def tell(db: Engine, at: datetime, *, known: bool = True) -> None:
    carriers = Carriers(Settings())
    while deliver(db, carriers, at, known=known):
        pass


def muted(db: Engine) -> dict[str, str | None]:
    with db.connect() as conn:
        return {a["thing"]["id"]: a["muted"] and a["muted"]["stage"] for a in read_open_alarms(conn)}


def test_after_a_restart_nothing_muted_goes_out_until_its_cause_is_known(fresh_engine: Engine, ear: Ear) -> None:
    """Source and target have burned for an hour; the target's fact is judged first."""
    start, moment = Start(), now()
    with fresh_engine.begin() as conn:
        inhibit(conn, "rainstorm", "flow")
        conn.execute(text("INSERT INTO ingest_batch (partition, created_at, packed) VALUES (0, now(), '')"))
        happen(conn, "pipe", "flow", 3, moment)
    moment += LATER
    with fresh_engine.begin() as conn:
        assert start.is_over(conn, moment) is False
    tell(fresh_engine, moment, known=False)
    assert ear.heard == []
    with fresh_engine.begin() as conn:
        happen(conn, "gauge", "rainstorm", 2, moment)
        conn.execute(text("DELETE FROM ingest_batch"))
        assert start.is_over(conn, moment) is True
    tell(fresh_engine, moment + LATER)
    assert ear.heard == [("gauge", "raised")]
    assert muted(fresh_engine) == {"gauge": None, "pipe": "inhibit"}


def test_start_waits_for_what_had_arrived_before_it_and_not_for_ever(fresh_engine: Engine) -> None:
    start, moment = Start(), now()
    with fresh_engine.begin() as conn:
        assert start.is_over(conn, moment) is True, "nothing waits"
        add = text("INSERT INTO ingest_batch (partition, created_at, packed) VALUES (0, now(), '')")
        conn.execute(add)
        assert start.is_over(conn, moment) is True, "it came after the start"
        late = Start()
        assert late.is_over(conn, moment) is False
        conn.execute(add)
        assert late.is_over(conn, moment + WAIT_AT_MOST) is False
        assert late.is_over(conn, moment + WAIT_AT_MOST + LATER) is True


def test_who_was_told_of_the_start_is_told_of_the_end_though_it_is_muted_by_then(
    fresh_engine: Engine, ear: Ear
) -> None:
    moment = now()
    with fresh_engine.begin() as conn:
        inhibit(conn, "rainstorm", "flow")
        happen(conn, "pipe", "flow", 3, moment)
    moment += LATER
    tell(fresh_engine, moment)
    with fresh_engine.begin() as conn:
        happen(conn, "gauge", "rainstorm", 2, moment)
    moment += LATER
    tell(fresh_engine, moment)
    assert muted(fresh_engine)["pipe"] == "inhibit"
    with fresh_engine.begin() as conn:
        happen(conn, "pipe", "flow", 2, moment)  # a worsening of what is muted is told to nobody
        happen(conn, "pipe", "flow", None, moment)
    tell(fresh_engine, moment + LATER)
    assert ear.heard == [("pipe", "raised"), ("gauge", "raised"), ("pipe", "returned")]


def test_end_of_what_nobody_was_told_of_is_told_to_nobody(fresh_engine: Engine, ear: Ear) -> None:
    moment = now()
    with fresh_engine.begin() as conn:
        inhibit(conn, "rainstorm", "flow")
        happen(conn, "gauge", "rainstorm", 2, moment)
        happen(conn, "pipe", "flow", 3, moment)
    moment += LATER
    tell(fresh_engine, moment)
    with fresh_engine.begin() as conn:
        happen(conn, "pipe", "flow", None, moment)
        happen(conn, "gauge", "rainstorm", None, moment)
    tell(fresh_engine, moment + LATER)
    assert ear.heard == [("gauge", "raised"), ("gauge", "returned")]


def test_target_is_told_at_the_next_turn_once_its_cause_is_over(fresh_engine: Engine, ear: Ear) -> None:
    moment = now()
    with fresh_engine.begin() as conn:
        inhibit(conn, "rainstorm", "flow")
        happen(conn, "gauge", "rainstorm", 2, moment)
        happen(conn, "pipe", "flow", 3, moment)
    moment += LATER
    tell(fresh_engine, moment)
    with fresh_engine.begin() as conn:
        happen(conn, "gauge", "rainstorm", None, moment)
    tell(fresh_engine, moment + LATER)  # the cause's end
    tell(fresh_engine, moment + 2 * LATER)
    assert ear.heard == [("gauge", "raised"), ("gauge", "returned"), ("pipe", "unmuted")]
    assert muted(fresh_engine) == {"gauge": None, "pipe": None}
    with fresh_engine.connect() as conn:
        told = conn.scalars(
            text(
                "SELECT what FROM alarm_event e JOIN alarm a ON a.id = e.alarm_id WHERE thing_id = 'pipe' ORDER BY e.id"
            )
        ).all()
    assert told == ["raised", "muted", "unmuted"]


def test_end_never_overtakes_a_beginning_that_waits_for_its_mute(fresh_engine: Engine, ear: Ear) -> None:
    """The beginning is muted by what is not written down yet and stays queued; what comes after it stays too."""
    moment = now() + LATER
    with fresh_engine.begin() as conn:
        inhibit(conn, "rainstorm", "flow")
        happen(conn, "gauge", "rainstorm", 2, moment)
        for thing in ("pipe", "other"):
            happen(conn, thing, "flow", 3, moment)
        happen(conn, "other", "flow", 2, moment)
    with fresh_engine.begin() as conn:
        routed.route(conn, subscribed.read_subscriptions(conn), moment + LATER)
        left = conn.scalars(text("SELECT what FROM outbox WHERE routed_at IS NULL ORDER BY id")).all()
    assert left == ["raised", "raised", "worsened"]
    with fresh_engine.begin() as conn:
        happen(conn, "pipe", "flow", None, moment + LATER)
        happen(conn, "gauge", "rainstorm", None, moment + LATER)
    tell(fresh_engine, moment + 2 * LATER)
    for thing in ("gauge", "pipe"):
        assert [what for name, what in ear.heard if name == thing] == ["raised", "returned"], thing
    assert [what for name, what in ear.heard if name == "other"][:1] == ["raised"]


def test_beginning_whose_end_has_gone_by_is_told_to_nobody(fresh_engine: Engine, ear: Ear) -> None:
    moment = now() + LATER
    with fresh_engine.begin() as conn:
        happen(conn, "pipe", "flow", 3, moment)
        happen(conn, "pipe", "flow", None, moment)
        conn.execute(text("UPDATE outbox SET routed_at = now() WHERE what = 'returned'"))
    tell(fresh_engine, moment + LATER)
    assert ear.heard == []


def test_level_i_is_muted_by_nothing_less(fresh_engine: Engine, ear: Ear) -> None:
    moment = now()
    with fresh_engine.begin() as conn:
        inhibit(conn, "rainstorm", "flow")
        happen(conn, "gauge", "rainstorm", 2, moment)
        happen(conn, "pipe", "flow", 1, moment)
    tell(fresh_engine, moment + LATER)
    assert ("pipe", "raised") in ear.heard
    with fresh_engine.begin() as conn:
        happen(conn, "gauge", "rainstorm", 1, moment + LATER)
        sync_mutes(conn, moment + LATER)
    assert muted(fresh_engine)["pipe"] == "inhibit"


def test_silence_mutes_for_its_time_and_not_level_i_unless_it_says_so(fresh_engine: Engine, ear: Ear) -> None:
    moment = now()
    add = text(
        """
INSERT INTO silence (id, matchers, starts_at, ends_at, why, created_by, created_at, changed_at)
VALUES (:id, CAST(:m AS jsonb), :now, CAST(:now AS timestamptz) + interval '1 hour', 'works', 'me', :now, :now)
"""
    )
    with fresh_engine.begin() as conn:
        conn.execute(add, {"id": "s", "m": '[{"label": "district", "is": ["321302"]}]', "now": moment})
        happen(conn, "pipe", "flow", 3, moment)
        happen(conn, "gas", "gas", 1, moment)
    tell(fresh_engine, moment + LATER)
    assert ear.heard == [("gas", "raised")]
    with fresh_engine.begin() as conn:
        sync_mutes(conn, moment + timedelta(hours=1))
    tell(fresh_engine, moment + timedelta(hours=1))
    assert ear.heard == [("gas", "raised"), ("pipe", "unmuted")]


def flap(db: Engine, start: datetime, times: int, every_s: float) -> datetime:
    """It fires for half of every period; acknowledged each time it does."""
    moment = start
    for _ in range(times):
        for level in (3, None):
            with db.begin() as conn:
                happen(conn, "pipe", "flow", level, moment)
                watch_chatter(conn, moment)
                ids = conn.scalars(text("SELECT id FROM alarm WHERE state <> 'normal'")).all()
                acknowledge_several(conn, ids, EVERYTHING, "me", moment)
            tell(db, moment + timedelta(seconds=5))
            moment += timedelta(seconds=every_s / 2)
    return moment


def test_what_fires_300_of_every_600_s_is_told_each_time(fresh_engine: Engine, ear: Ear) -> None:
    flap(fresh_engine, now(), 4, 600)
    assert [what for _, what in ear.heard if what != "acknowledged"] == ["raised", "returned"] * 4


def test_what_comes_and_goes_fast_is_one_chattering_alarm_until_it_settles(fresh_engine: Engine, ear: Ear) -> None:
    moment = flap(fresh_engine, now(), 12, 60)
    said = [what for _, what in ear.heard if what != "acknowledged"]
    assert said == ["raised", "returned", "raised", "returned", "raised", "chattering"]
    with fresh_engine.connect() as conn:
        [alarm] = read_open_alarms(conn)
    assert (alarm["state"], alarm["active"], alarm["chattering_since"] is not None) == ("acknowledged", False, True)
    assert alarm["muted"] is None, "that it comes and goes is no silence"
    with fresh_engine.begin() as conn:
        assert watch_chatter(conn, moment + timedelta(minutes=8)) == 0
        happen(conn, "pipe", "flow", 2, moment + timedelta(minutes=8))  # worse than it ever was
    tell(fresh_engine, moment + timedelta(minutes=8, seconds=10))
    assert ear.heard[-1] == ("pipe", "worsened")
    with fresh_engine.begin() as conn:
        happen(conn, "pipe", "flow", None, moment + timedelta(minutes=10))
        assert watch_chatter(conn, moment + timedelta(minutes=20)) == 1
    tell(fresh_engine, moment + timedelta(minutes=21))
    assert ear.heard[-1] == ("pipe", "settled")
    with fresh_engine.begin() as conn:
        happen(conn, "pipe", "flow", 3, moment + timedelta(minutes=21))
        assert watch_chatter(conn, moment + timedelta(minutes=21)) == 0, "its history was cleared"


def test_group_waits_is_told_as_it_stands_at_its_turn_and_level_i_does_not_wait(fresh_engine: Engine, ear: Ear) -> None:
    moment = now()
    with fresh_engine.begin() as conn:
        inhibit(conn, "rainstorm", "flow")
        conn.execute(text("UPDATE route SET group_wait_s = 30, group_interval_s = 300"))
        happen(conn, "brief", "gas", 3, moment)
        happen(conn, "lasting", "gas", 3, moment)
        happen(conn, "grave", "gas", 1, moment)
        happen(conn, "pipe", "flow", 3, moment)
        happen(conn, "brief", "gas", None, moment)
    tell(fresh_engine, moment + LATER)
    assert ear.heard == [("grave", "raised")]
    with fresh_engine.begin() as conn:
        happen(conn, "gauge", "rainstorm", 1, moment + LATER)  # the cause comes within the wait
    tell(fresh_engine, moment + 2 * LATER)
    assert ear.heard == [("grave", "raised"), ("gauge", "raised")]
    tell(fresh_engine, moment + timedelta(seconds=45))
    assert ear.heard[2:] == [("lasting", "raised")]
    with fresh_engine.begin() as conn:
        happen(conn, "lasting", "gas", None, moment + timedelta(seconds=60))
        happen(conn, "other", "gas", 4, moment + timedelta(seconds=60))
    tell(fresh_engine, moment + timedelta(seconds=90))
    assert len(ear.heard) == 3, "the group has had its turn"
    tell(fresh_engine, moment + timedelta(seconds=45 + 301))
    assert ear.heard[3:] == [("lasting", "returned"), ("other", "raised")]


def test_repeat_tells_again_what_nobody_has_acknowledged(fresh_engine: Engine, ear: Ear) -> None:
    from alerts.around import read_tree
    from alerts.turns import queue_repeats

    moment = now()
    with fresh_engine.begin() as conn:
        conn.execute(text("UPDATE route SET repeat_interval_s = 600"))
        happen(conn, "pipe", "flow", 3, moment)
    tell(fresh_engine, moment + LATER)
    for minutes, again in ((5, 0), (11, 1), (12, 0)):
        with fresh_engine.begin() as conn:
            assert queue_repeats(conn, read_tree(conn), moment + timedelta(minutes=minutes)) == again
        tell(fresh_engine, moment + timedelta(minutes=minutes, seconds=5))
    assert ear.heard == [("pipe", "raised"), ("pipe", "repeated")]
