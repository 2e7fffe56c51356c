"""What one client gets: in pages, in order, only what its viewer may see, and never more waiting than a bound."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from app.live.client import BYTES_TO_GO_ON, Client
from app.live.hub import PAGE, Changes, pages, say_to
from app.live.kinds import BY_SIGNAL, KINDS, PENDING_SHOWN, ReadAt
from app.live.told import Told
from core.settings import Settings
from core.viewer import Role, Viewer
from tests.people import person
from tests.support import now

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
ALL = person(Role.DISPATCHER)
ONE = person(Role.DISPATCHER, districts=frozenset({"321302"}))


def read(body: bytes) -> dict[str, Any]:
    return json.loads(b"{" + body)  # type: ignore[no-any-return]


def drain(client: Client) -> list[tuple[int, bytes]]:
    found = []
    while (waiting := client.take()) is not None:
        found.append(waiting)
    return found


def test_snapshot_of_many_comes_in_pages_the_first_replaces_the_others_add() -> None:
    items = [{"id": str(n)} for n in range(2 * PAGE + 1)]
    told = [read(body) for body in pages("sensor", items, NOW)]
    assert [(m["op"], len(m["items"])) for m in told] == [("snapshot", PAGE), ("upsert", PAGE), ("upsert", 1)]
    assert [i["id"] for m in told for i in m["items"]] == [i["id"] for i in items]


def test_empty_snapshot_is_told_too() -> None:
    [only] = [read(body) for body in pages("alarm", [], NOW)]
    assert (only["op"], only["items"]) == ("snapshot", [])


CASES = [
    ("everything", ALL, {"district": "321311"}, True),
    ("a thing of one's own district", ONE, {"district": "321302"}, True),
    ("a thing of another district", ONE, {"district": "321311"}, False),
    ("a thing of no district", ONE, {"district": "000000"}, True),
]


@pytest.mark.parametrize(("words", "viewer", "thing", "seen"), CASES, ids=[c[0] for c in CASES])
def test_what_a_viewer_may_see(words: str, viewer: Viewer, thing: dict[str, Any], seen: bool) -> None:
    assert KINDS["alarm"].may_see(viewer, {"id": "x", "classification": 0, "units": [], **thing}) is seen


def alarm(identity: str, district: str, **more: Any) -> dict[str, Any]:
    return {"id": identity, "district": district, "classification": 0, "units": [], **more}


def told_of(viewer: Viewer, changes: Changes, told: Told) -> list[tuple[str, list[str]]]:
    """What a viewer is told: which ops, of which ids."""
    said = [read(body) for body in say_to(viewer, changes, told, NOW).bodies]
    return [(m["op"], [i["id"] for i in m["items"]]) for m in said]


def test_client_gets_only_what_it_may_see_and_what_it_may_not_see_any_more_is_removed() -> None:
    told = Told()
    for viewer in (ALL, ONE):
        told.shown(viewer.sight, "alarm", ["gone", "theirs"])
    changes = Changes(KINDS["alarm"], [alarm("mine", "321302"), alarm("theirs", "321311")], ["gone"])
    assert told_of(ALL, changes, told) == [("upsert", ["mine", "theirs"]), ("remove", ["gone"])]
    assert told_of(ONE, changes, told) == [("upsert", ["mine"]), ("remove", ["gone", "theirs"])]
    assert told_of(ONE, changes, told) == [("upsert", ["mine"])], "that is said once"


def test_of_what_one_was_never_told_of_one_is_not_told_that_it_is_hidden_or_gone() -> None:
    told = Told()
    secret = alarm("theirs", "321302", classification=2)
    viewer = person(Role.DISPATCHER, classification=1)
    assert told_of(viewer, Changes(KINDS["alarm"], [secret], ["also-theirs"]), told) == []
    open_again = Changes(KINDS["alarm"], [{**secret, "classification": 1}], [])
    assert told_of(viewer, open_again, told) == [("upsert", ["theirs"])]
    assert told_of(viewer, Changes(KINDS["alarm"], [secret], []), told) == [("remove", ["theirs"])]
    told.keep([ALL.sight])
    assert told.take(viewer.sight, "alarm", ["theirs"]) == ([], ["theirs"])


def test_what_goes_while_a_snapshot_is_read_is_said_after_it() -> None:
    async def play() -> None:
        client, told = Client(ONE), Told()
        client.begin("alarm")
        for changes in (
            Changes(KINDS["alarm"], [], ["went", "came-back"]),
            Changes(KINDS["alarm"], [alarm("came-back", "321302")], []),
        ):
            said = say_to(ONE, changes, told, NOW)
            client.note("alarm", said.there, said.unsaid)
        assert client.gone_meanwhile("alarm", ["went", "came-back", "stayed"]) == ["went"]
        client.end("alarm")
        client.note("alarm", [], ["later"])
        assert client.gone_meanwhile("alarm", ["later"]) == []

    asyncio.run(play())


def test_whole_picture_for_one_district_has_only_that() -> None:
    changes = Changes(
        KINDS["incident"],
        [
            {"id": i, "district": d, "classification": 0, "assignments": []}
            for i, d in (("a", "321302"), ("b", "321311"))
        ],
        [],
        whole=True,
    )
    assert told_of(ONE, changes, Told()) == [("snapshot", ["a"])]


def test_every_kind_is_one_row_and_is_known_by_its_signals() -> None:
    assert list(KINDS) == [
        "alarm",
        "judged",
        "incident",
        "unit",
        "sensor",
        "risk_cell",
        "video_event",
        "warning",
        "layer",
        "health",
    ]
    assert {key for key, kind in KINDS.items() if kind.urgent} == {"alarm", "incident"}
    assert BY_SIGNAL["position"] == [KINDS["unit"]]


def test_memory_of_a_client_that_takes_nothing_is_bounded_and_the_gap_shows() -> None:
    async def play() -> None:
        client = Client(ALL, most=10_000)
        for _ in range(1000):
            client.put("alarm", b"x" * 100)
        assert client.size <= 10_000
        assert client.lost > 900
        seqs = [seq for seq, _ in drain(client)]
        assert seqs[-1] == 1000
        assert seqs[0] > 1, "what was lost shows as a gap"
        assert client.size == 0

    asyncio.run(play())


def test_page_waits_until_the_client_has_taken_what_came_before() -> None:
    async def play() -> None:
        client = Client(ALL)
        client.page(b"x" * (BYTES_TO_GO_ON + 1))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.room(), 0.05)
        assert client.take() is not None
        await asyncio.wait_for(client.room(), 5)

    asyncio.run(play())


def test_change_that_came_while_a_snapshot_was_read_follows_it() -> None:
    async def play() -> None:
        client = Client(ALL)
        client.begin("alarm")
        client.put("alarm", b"change")
        client.put("unit", b"another kind")
        client.page(b"snapshot")
        client.end("alarm")
        assert [body for _, body in drain(client)] == [b"another kind", b"snapshot", b"change"]

    asyncio.run(play())


def test_changes_held_back_are_bounded_too() -> None:
    async def play() -> None:
        client = Client(ALL, most=1000)
        client.begin("sensor")
        for _ in range(100):
            client.put("sensor", b"x" * 100)
        client.end("sensor")
        assert client.size <= 1000
        assert client.lost
        client.put("sensor", b"next")
        assert drain(client)[-1][0] > 1, "a gap: it will ask again"

    asyncio.run(play())


def test_device_that_makes_up_names_does_not_fill_every_browser(conn: Connection) -> None:
    """15,000 ids of one device in ten seconds were 10 MB in each."""
    before = len(KINDS["sensor"].read_all(conn, ReadAt(now(), Settings())))
    conn.execute(
        text(
            """
INSERT INTO sensor (id, kind, name_zh, name_en, status, metrics, thresholds, attributes, district, first_seen_at)
SELECT 'made-up-' || n, 'unknown', 'x', 'x', 'pending', '{}', '{}', '{}', '000000', now() + make_interval(secs => n)
FROM generate_series(1, 15000) AS n
"""
        )
    )
    conn.execute(
        text(
            """
INSERT INTO sensor_state (sensor_id, metric, time, value, quality, received_at)
SELECT id, 'm', now(), 1, 'good', now() FROM sensor WHERE id LIKE 'made-up-%'
"""
        )
    )
    whole = KINDS["sensor"].read_all(conn, ReadAt(now(), Settings()))
    assert len(whole) == before + PENDING_SHOWN
    heard = KINDS["sensor"].read_some(conn, ["made-up-9000"], ReadAt(now(), Settings(), now() - timedelta(seconds=60)))
    pending = [item for item in heard if item["status"] == "pending"]
    assert len(pending) == PENDING_SHOWN
    assert sum(len(body) for body in pages("sensor", pending, NOW)) < 1_000_000
    conn.execute(text("UPDATE sensor SET status = 'active' WHERE id = 'made-up-9000'"))
    registered = KINDS["sensor"].read_some(conn, ["made-up-9000"], ReadAt(now(), Settings()))
    assert [item["id"] for item in registered] == ["made-up-9000"]


def test_warning_that_has_ended_leaves_the_screens() -> None:
    kind = KINDS["warning"]
    assert BY_SIGNAL["warning"] == [kind]
    assert [kind.is_over({"state": state}) for state in ("in_force", "superseded", "expired")] == [False, True, True]
