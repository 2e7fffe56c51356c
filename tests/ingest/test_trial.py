"""A source tried on a message: the example that is taken, what would be stored, what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Connection, text

from core.errors import InputError
from ingest.admin.sources.examples import find_example
from ingest.admin.sources.nouns import TryIn
from ingest.admin.sources.trial import try_source
from ingest.decoders.base import safe_name
from tests.support import now

BODY = {"list": [{"n": "东门-a", "t": 21.5, "浊": "x"}, {"n": "b", "t": "wet"}]}
OPTIONS = {"records": "list", "device": "n", "values": {"温度": "t", "浊度": "turb"}}


def letter(conn: Connection, topic: str, payload: bytes) -> None:
    conn.execute(
        text(
            "INSERT INTO dead_letter (received_at, topic, payload, properties, reason, detail) "
            "VALUES (:now, :topic, :payload, '{}', 'no_source', 'x')"
        ),
        {"now": now(), "topic": topic, "payload": payload},
    )


def test_newest_letter_on_the_topics_is_the_example(conn: Connection) -> None:
    letter(conn, "maker/a/up", b'{"old": 1}')
    letter(conn, "maker/b/up", b'{"new": 1}')
    letter(conn, "maker/b/up", b"\xff\xd8")
    letter(conn, "other/b/up", b"{}")
    assert find_example(conn, ["maker/+/up"], "onemap") == {"topic": "maker/b/up", "payload": '{"new": 1}'}
    assert find_example(conn, ["maker/a/#"], "onemap") == {"topic": "maker/a/up", "payload": '{"old": 1}'}
    assert find_example(conn, ["nobody/#"], "onemap") is None
    with pytest.raises(InputError):
        find_example(conn, ["a/#/b"], "onemap")


def test_else_what_a_device_sent_first(conn: Connection) -> None:
    told = json.dumps({"topic": "maker/c/up", "sent": '{"c": 1}'})
    conn.execute(text("UPDATE sensor SET attributes = CAST(:told AS jsonb) WHERE id = 'wl-spare'"), {"told": told})
    assert find_example(conn, ["maker/#"], "onemap") == {"topic": "maker/c/up", "payload": '{"c": 1}'}


def tried(conn: Connection, **change: Any) -> Any:
    body = {"topic": "maker/x", "payload": json.dumps(BODY, ensure_ascii=False), "decoder": "json"}
    asked = {**body, "topic_filters": ["maker/+"], "options": OPTIONS, **change}
    return try_source(conn, TryIn.model_validate(asked), "onemap", now())


def test_preview_shows_the_rows_their_spelling_and_what_is_wrong_with_the_others(conn: Connection) -> None:
    told = tried(conn)
    [row] = told["records"]
    assert (row["metric"], row["value"], row["sensor_id"]) == ("temperature", 21.5, safe_name("东门-a"))
    assert row["called"] == {"sensor_id": "东门-a"}
    [fault] = told["faults"]
    assert fault["field"] == "records.1.values.温度"
    assert fault["detail"] == 'records.1.values.温度: `t` expected a number, found "wet"'
    assert told["error"] is None


def test_message_of_which_nothing_can_be_kept_shows_why(conn: Connection) -> None:
    told = tried(conn, options={**OPTIONS, "records": "nothing.there"})
    assert (told["records"], told["faults"]) == ([], [])
    assert told["error"]["detail"] == "records: `nothing.there` expected a list, found nothing"


def test_expression_that_is_none_is_refused_at_its_field(conn: Connection) -> None:
    with pytest.raises(InputError) as caught:
        tried(conn, options={"values": {"t": "a["}})
    assert caught.value.field == "options.values.t"
    assert "`a[` is no JMESPath" in caught.value.message
