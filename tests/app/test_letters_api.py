"""Dead letters over the API and by command: read, searched, replayed once the cause is mended, discarded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from app.cli import main
from core.clock import rfc3339
from core.pgarray import to_pg_us
from core.settings import Settings, load_settings
from ingest.admin.letters import PREVIEW_BYTES, preview, read_text
from ingest.arrived import Arrived
from ingest.sources import read_sources
from ingest.writer import Writer
from tests.support import Administer, System, now

Json = dict[str, Any]
FILTER = "UPDATE source SET enabled = :on, options = '{}' WHERE id = 'tasmota'"


@pytest.fixture(scope="module")
def admin(served: System) -> Iterator[httpx.Client]:
    with served.api("admin") as client:
        yield client


@pytest.fixture(autouse=True)
def nothing_left(db: Engine, administer: Administer) -> Iterator[None]:
    """Letters, and what became of them, are gone before and after: other modules use this database too."""
    clear(db, administer)
    yield
    clear(db, administer)


def clear(db: Engine, administer: Administer) -> None:
    with administer(db) as conn:
        conn.execute(text("DELETE FROM dead_letter"))
        conn.execute(text(FILTER), {"on": False})
        conn.execute(text("DELETE FROM sensor WHERE id LIKE 'replayed-%'"))
        for table in ("sensor_state", "observation", "rollup_due"):
            conn.execute(text(f"DELETE FROM {table} WHERE sensor_id LIKE 'replayed-%'"))


def arrive(db: Engine, topic: str, payload: bytes, at: datetime | None = None) -> None:
    """What an ingester does with one message."""
    message = Arrived(topic, payload, 1, 1)
    with db.begin() as conn:
        sources = read_sources(conn, "onemap")
        moment = at or now()
        sources.decode(message, to_pg_us(moment))
        Writer(1).write(conn, [message], moment, sources.extent)


def letters(client: httpx.Client, **asked: Any) -> list[Json]:
    answer = client.get("/api/dead-letters", params=asked)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def test_letter_is_listed_with_its_reason_and_read_whole(db: Engine, admin: httpx.Client) -> None:
    arrive(db, "onemap/observation/d1", b'{"time": "yesterday", "metric": "gas", "value": 1}')
    [found] = letters(admin)
    assert (found["topic"], found["reason"], found["field"], found["source"], found["state"]) == (
        "onemap/observation/d1", "invalid_field", "time", "native", "waiting"
    )  # fmt: skip
    assert (found["form"], found["preview"][:8], found["size"]) == ("text", '{"time":', 50)
    whole = admin.get(f"/api/dead-letters/{found['id']}").json()
    assert json.loads(whole["text"])["metric"] == "gas"
    assert bytes.fromhex(whole["hex"]).decode() == whole["text"]
    assert whole["base64"] is None
    assert admin.get("/api/dead-letters/999999999").status_code == 404


def test_payload_that_is_no_text_is_shown_in_hexadecimal(db: Engine, admin: httpx.Client) -> None:
    arrive(db, "nowhere/at/all", b"\x00\xff\x10picture")
    [found] = letters(admin, source="-")
    assert (found["form"], found["preview"][:6], found["reason"]) == ("hex", "00ff10", "no_source")
    whole = admin.get(f"/api/dead-letters/{found['id']}").json()
    assert (whole["text"], whole["base64"]) == (None, "AP8QcGljdHVyZQ==")


@pytest.mark.parametrize(
    ("q", "wanted"),
    [
        ("水位", {"a/水位"}),
        ("WAT_R", set()),
        ("wat%", {"b/100wat%"}),
        ("HALF", {"c"}),
        ("半", {"c"}),
        ("\\", {"d\\e"}),
        ("zzz", set()),
    ],
)
def test_search_takes_words_as_they_are_in_topic_detail_and_payload(
    q: str, wanted: set[str], db: Engine, admin: httpx.Client
) -> None:
    for topic, payload in (("a/水位", b"1"), ("b/100wat%", b"2"), ("c", "half 半".encode()), ("d\\e", b"\xff")):
        arrive(db, topic, payload)
    assert {found["topic"] for found in letters(admin, q=q)} == wanted


def test_list_is_narrowed_by_reason_source_and_time_and_comes_in_pages(db: Engine, admin: httpx.Client) -> None:
    for n in range(5):
        arrive(db, f"x/{n}", b"", now() - timedelta(hours=n))
    arrive(db, "onemap/observation/d", b"{")
    assert len(letters(admin, reason="no_source")) == 5
    assert [found["topic"] for found in letters(admin, source="native")] == ["onemap/observation/d"]
    assert len(letters(admin, since=rfc3339(now() - timedelta(minutes=90)))) == 3
    seen: list[str] = []
    cursor = None
    while True:
        answer = admin.get("/api/dead-letters", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        seen += [found["topic"] for found in answer["items"]]
        if (cursor := answer["next"]) is None:
            break
    assert seen == ["onemap/observation/d", "x/4", "x/3", "x/2", "x/1", "x/0"]
    groups = admin.get("/api/dead-letters/reasons").json()["items"]
    assert [(g["reason"], g["source"], g["count"]) for g in groups] == [
        ("no_source", None, 5),
        ("not_json", "native", 1),
    ]
    assert groups[0]["first_at"] < groups[0]["last_at"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("?state=lost", "state"),
        ("?cursor=x", "cursor"),
        ("?limit=0", "limit"),
        ("?since=now", "since"),
        ("?q=%00", "q"),
        ("/0", "letter_id"),
    ],
)
def test_query_that_makes_no_sense_is_named(path: str, field: str, admin: httpx.Client) -> None:
    answer = admin.get(f"/api/dead-letters{path}")
    assert (answer.status_code, answer.json().get("field")) == (422, field)


def test_letter_is_replayed_once_its_source_reads_it(db: Engine, admin: httpx.Client, served: System) -> None:
    arrive(db, "tele/replayed-1/SENSOR", b'{"Temperature": 20}')
    arrive(db, "tele/replayed-2/SENSOR", b"nonsense")
    ids = [found["id"] for found in letters(admin)]
    assert admin.post("/api/dead-letters/replay", json={"ids": ids}).json() == {
        "read": 0, "still": {"no_source": 2}, "left": 0
    }  # fmt: skip
    with db.begin() as conn:
        conn.execute(text(FILTER), {"on": True})
    done = admin.post("/api/dead-letters/replay", json={"reason": "no_source", "source": "-"}).json()
    assert done == {"read": 1, "still": {"not_json": 1}, "left": 0}
    assert served.one("SELECT value FROM sensor_state WHERE sensor_id = 'replayed-1'") == 20
    [read] = letters(admin, state="replayed")
    assert (read["topic"], read["handled_by"], read["source"]) == ("tele/replayed-1/SENSOR", "admin", "tasmota")
    [left] = letters(admin)
    assert (left["reason"], left["source"]) == ("not_json", "tasmota")
    assert len(letters(admin, state="all")) == 2
    [*_, last] = served.rows("SELECT data FROM audit WHERE what = 'letters.replay' ORDER BY id")
    assert (last["data"]["read"], last["data"]["still"]) == (1, {"not_json": 1})
    assert admin.post("/api/dead-letters/replay", json={"ids": [read["id"]]}).json()["read"] == 0


def test_letter_that_no_replay_can_help_is_refused_one_with_the_reason(db: Engine, admin: httpx.Client) -> None:
    time = rfc3339(now())
    for value in (1.0, 2.5):
        body = {"time": time, "metric": "flow", "value": value, "unit": "L/s"}
        arrive(db, "onemap/observation/replayed-3", json.dumps(body).encode())
    [letter] = letters(admin)
    assert (letter["reason"], letter["replayable"]) == ("conflict", False)
    assert letter["detail"] == (
        f"sensor replayed-3, metric flow, time {time}: 1 L/s was stored before, 2.5 L/s came now"
    )
    answer = admin.post("/api/dead-letters/replay", json={"ids": [letter["id"]]})
    assert (answer.status_code, answer.json()["reason"]) == (409, "replay_is_no_help")
    assert "the first stays" in answer.json()["detail"]
    assert admin.post("/api/dead-letters/replay", json={"reason": "conflict"}).status_code == 409
    arrive(db, "x/y", b"")
    assert admin.post("/api/dead-letters/replay", json={}).json() == {"read": 0, "still": {"no_source": 1}, "left": 0}
    assert {one["reason"]: one["replayable"] for one in letters(admin)} == {"conflict": False, "no_source": True}


def test_letter_is_discarded_with_a_reason_and_then_waits_no_more(
    db: Engine, admin: httpx.Client, served: System
) -> None:
    arrive(db, "x/y", b"")
    [found] = letters(admin)
    body = {"ids": [found["id"]], "why": "测试设备"}
    assert admin.post("/api/dead-letters/discard", json=body).json() == {"discarded": 1}
    assert admin.post("/api/dead-letters/discard", json=body).json() == {"discarded": 0}
    assert letters(admin) == []
    assert [d["handled_by"] for d in letters(admin, state="discarded")] == ["admin"]
    assert admin.post("/api/dead-letters/replay", json={}).json() == {"read": 0, "still": {}, "left": 0}
    assert admin.get("/api/health").json()["dead_letters"] | {"last_at": None} == {
        "total": 1, "waiting": 0, "reasons": {}, "last_at": None
    }  # fmt: skip
    [audit, _] = served.rows("SELECT data FROM audit WHERE what = 'letters.discard' ORDER BY id")
    assert audit["data"] == body


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("replay", {"ids": [1], "reason": "x"}, "ids"),
        ("replay", {"ids": []}, "ids"),
        ("replay", {"ids": [0]}, "ids.0"),
        ("discard", {"ids": [1]}, "why"),
        ("discard", {"why": "x"}, "ids"),
        ("replay", {"id": 1}, "id"),
    ],
)
def test_request_that_makes_no_sense_is_named(path: str, body: Json, field: str, admin: httpx.Client) -> None:
    answer = admin.post(f"/api/dead-letters/{path}", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_letters_are_for_dispatchers_and_their_fate_for_administrators(
    viewer: httpx.Client, dispatcher: httpx.Client
) -> None:
    for path in ("", "/reasons", "/1"):
        assert viewer.get(f"/api/dead-letters{path}").status_code == 403
        assert dispatcher.get(f"/api/dead-letters{path}").status_code != 403
    for path, body in (("replay", {}), ("discard", {"ids": [1], "why": "x"})):
        assert dispatcher.post(f"/api/dead-letters/{path}", json=body).status_code == 403


def test_letters_are_replayed_by_command(
    db: Engine, app_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ONEMAP_DATABASE_URL", app_settings.database_url)
    monkeypatch.setenv("ONEMAP_MQTT_URL", app_settings.mqtt_url)
    load_settings.cache_clear()
    arrive(db, "tele/replayed-3/SENSOR", b'{"Temperature": 21}', now() - timedelta(hours=2))
    arrive(db, "tele/replayed-4/SENSOR", b"nonsense")
    with db.begin() as conn:
        conn.execute(text(FILTER), {"on": True})
    recent = rfc3339(now() - timedelta(hours=1))
    assert main(["replay", "--dead-letters", "--reason", "no_source", "--since", recent]) == 0
    told = capsys.readouterr().out
    assert "0 of 1 dead letters could be read" in told
    assert "1 still not: not_json" in told
    assert main(["replay", "--dead-letters", "--source", "-"]) == 0
    assert "1 of 1 dead letters could be read" in capsys.readouterr().out
    assert main(["replay", "--reason", "x"]) == 1
    assert "--dead-letters" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["replay", "--dead-letters", "--since", "2026-05-04T08:00:00"])
    assert "with an offset" in capsys.readouterr().err
    load_settings.cache_clear()


def test_preview_never_cuts_a_character_into_nonsense() -> None:
    body = ("a" + "水" * PREVIEW_BYTES).encode()
    head = preview(body[:PREVIEW_BYTES], len(body))
    assert head["form"] == "text"
    assert len(head["preview"]) == 500
    assert read_text(body[: PREVIEW_BYTES + 3]) is None
    assert read_text(b"a\tb\n") == "a\tb\n"
    assert read_text(b"a\x01") is None
