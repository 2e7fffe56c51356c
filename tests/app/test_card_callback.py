"""The card as the browser asks for it: one callback on the selection, answered as the person who selected."""

from __future__ import annotations

import json
from typing import Any

import httpx
from sqlalchemy import Engine, text

from tests.support import System

URL = "/_dash-update-component"
OUTPUTS = (
    ("card-head", "children"),
    ("card-main", "children"),
    ("card-rest", "children"),
    ("card-foot", "children"),
    ("card-drawn", "data"),
)


def select(api: httpx.Client, kind: str, identity: str, asked: int = 7, lang: str = "zh") -> httpx.Response:
    selected = {"type": kind, "id": identity, "asked": asked, "lang": lang}
    name = "...".join(f"{one}.{prop}" for one, prop in OUTPUTS)
    return api.post(
        URL,
        json={
            "output": f"..{name}..",
            "outputs": [{"id": one, "property": prop} for one, prop in OUTPUTS],
            "inputs": [{"id": "selection", "property": "data", "value": selected}],
            "changedPropIds": ["selection.data"],
        },
    )


def drawn(answer: httpx.Response) -> tuple[str, dict[str, Any]]:
    """The card as text, and what the browser is told of it."""
    assert answer.status_code == 200, answer.text
    parts = answer.json()["response"]
    shown = [parts["card-head"], parts["card-main"]]
    return json.dumps(shown, ensure_ascii=False), parts["card-drawn"]["data"]


def any_id(db: Engine, table: str, where: str = "true") -> str:
    with db.connect() as conn:
        return str(conn.scalar(text(f"SELECT id FROM {table} WHERE {where} ORDER BY id LIMIT 1")))


def test_selection_becomes_a_card_with_its_place_and_chart(db: Engine, viewer: httpx.Client) -> None:
    sensor = any_id(db, "sensor", "geom IS NOT NULL")
    words, told = drawn(select(viewer, "sensor", sensor))
    assert "card-title" in words
    assert told["asked"] == 7
    chart = told["chart"]
    assert {chart[name] for name in ("rule", "metric", "level", "unit")} == {None}
    assert chart["sensor"] == sensor
    assert all(measure["thresholds"] for measure in chart["measures"])
    assert told["lon"] is not None


def test_card_carries_no_vocabulary_to_the_server_and_back(db: Engine, viewer: httpx.Client) -> None:
    answer = select(viewer, "unit", any_id(db, "unit"))
    assert len(answer.request.content) < 1000
    assert "力量" in drawn(answer)[0]


def test_card_comes_in_the_language_of_the_page_and_packed(db: Engine, viewer: httpx.Client) -> None:
    unit = any_id(db, "unit")
    chinese, english = (select(viewer, "unit", unit, lang=lang) for lang in ("zh", "en"))
    assert "力量" in chinese.text
    assert "力量" not in english.text
    assert "Unit" in english.text
    assert '"lang": "en"' not in chinese.text
    assert english.headers["content-encoding"] == "br"
    assert english.headers["content-type"] == "application/json"


def test_what_is_not_there_says_so_and_is_no_error(viewer: httpx.Client) -> None:
    words, told = drawn(select(viewer, "sensor", "nobody"))
    assert "已不存在" in words
    assert told == {"asked": 7, "lon": None, "lat": None, "chart": None}


def test_what_cannot_be_read_says_so_and_shows_no_reason_of_ours(served: System, viewer: httpx.Client) -> None:
    words, _ = drawn(select(viewer, "dragon", "1"))
    assert "卡片未能读取" in words
    assert "expected" not in words
    assert "card_failed" in served.log("serve")


def test_strangers_get_no_card(stranger: httpx.Client) -> None:
    assert select(stranger, "unit", "fire-01").status_code == 401
