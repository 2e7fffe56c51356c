"""The OpenAPI document: every answer is described, every list pages; and walked page by page a list is the same
list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.main import make_app
from core.db import make_engine
from core.settings import Settings
from ingest.partitions import make_partitions
from tests.support import System, now

Json = dict[str, Any]
# a map of maps of texts
MAPS = {"/api/texts"}


@pytest.fixture(scope="module")
def document() -> Json:
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/none", mqtt_url="mqtt://127.0.0.1:1")
    found: Json = make_app(settings).openapi()
    return found


def answers(document: Json) -> Iterator[tuple[str, str, Json]]:
    """(path, method, schema) of every good answer in JSON."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status, told in operation["responses"].items():
                for kind, body in told.get("content", {}).items():
                    if status.startswith("2") and "json" in kind and "geo" not in kind:
                        yield path, method, resolve(document, body.get("schema", {}))


def resolve(document: Json, schema: Json) -> Json:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def is_loose(document: Json, schema: Json) -> bool:
    """Whether it says nothing of what the answer holds."""
    if schema.get("type") == "array":
        return is_loose(document, resolve(document, schema["items"]))
    return not any(told in schema for told in ("properties", "anyOf", "oneOf", "enum", "format"))


def test_it_says_which_refusals_may_be_tried_again(document: Json) -> None:
    told = document["paths"]["/api/incidents/{incident_id}/assignments"]["post"]["responses"]
    assert "`lost_race`" in told["409"]["description"]
    assert "`stale_version`" in told["409"]["description"]
    assert all(f"`{reason}`" in told["503"]["description"] for reason in ("database_away", "database_busy"))


def test_every_answer_says_what_it_holds(document: Json) -> None:
    told = list(answers(document))
    assert len(told) > 40
    loose = {path for path, _, schema in told if is_loose(document, schema)}
    assert loose == MAPS


def test_items_of_every_list_are_described(document: Json) -> None:
    for path, _, schema in answers(document):
        if "items" in schema.get("properties", {}):
            assert not is_loose(document, resolve(document, schema["properties"]["items"])), path


def test_every_list_pages(document: Json) -> None:
    lists = {
        path
        for path, method, schema in answers(document)
        if method == "get" and "items" in schema.get("properties", {})
    }
    assert {"/api/layers", "/api/cameras", "/api/sources", "/api/decoders", "/api/incidents/{incident_id}/log"} <= lists
    for path in sorted(lists):
        asked = {p["name"] for p in document["paths"][path]["get"]["parameters"] if p["in"] == "query"}
        assert {"limit", "cursor"} <= asked, path


@pytest.fixture(scope="module")
def admin(served: System) -> Iterator[httpx.Client]:
    with served.api("admin") as client:
        yield client


def walk(client: httpx.Client, path: str, limit: int, **asked: str) -> list[Json]:
    found: list[Json] = []
    cursor: str | None = None
    while True:
        answer = client.get(path, params={**asked, "limit": limit} | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


LISTS = {
    "/api/layers": "id",
    "/api/cameras": "id",
    "/api/sources": "id",
    "/api/decoders": "key",
    "/api/warnings": "id",
    "/api/dead-letters/reasons": "reason",
    "/api/search?q=a": "id",
}


@pytest.mark.parametrize("path", list(LISTS))
def test_list_walked_in_small_pages_is_the_whole_list(admin: httpx.Client, path: str) -> None:
    where, _, asked = path.partition("?q=")
    more = {"q": asked} if asked else {}
    key = LISTS[path]
    whole = [item[key] for item in walk(admin, where, 1000, **more)]
    assert [item[key] for item in walk(admin, where, 2, **more)] == whole
    if path in ("/api/layers", "/api/sources", "/api/decoders", "/api/cameras"):
        assert len(whole) > 2


@pytest.mark.parametrize("path", ["/api/layers", "/api/decoders", "/api/warnings", "/api/search?q=a"])
def test_cursor_that_no_answer_gave_is_refused(admin: httpx.Client, path: str) -> None:
    answer = admin.get(path, params={"q": "a", "cursor": "-1"} if "search" in path else {"cursor": "-1"})
    assert (answer.status_code, answer.json()["field"]) == (422, "cursor")


def test_series_walked_in_small_pages_is_the_whole_series(admin: httpx.Client, served: System) -> None:
    """Of readings a fraction of a millisecond apart too."""
    start = now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=30)
    engine = make_engine(served.settings)
    with engine.begin() as conn:
        make_partitions(conn, sorted({start.date(), (start + timedelta(hours=20)).date()}))
    engine.dispose()
    served.rows(
        """
INSERT INTO observation (sensor_id, metric, time, value, unit, quality, received_at)
SELECT 'wl-spare', 'walked', CAST(%s AS timestamptz) + mod(g, 3) * interval '0.0004 seconds' + (g / 3) * interval
  '70 minutes', g, 'm', 'good', now()
FROM generate_series(0, 23) g RETURNING 1
""",
        start,
    )
    served.rows(
        """
INSERT INTO rollup_due (sensor_id, metric, hour)
SELECT DISTINCT sensor_id, metric, date_trunc('hour', time) FROM observation WHERE metric = 'walked'
ON CONFLICT DO NOTHING RETURNING 1
"""
    )
    asked = {"metric": "walked", "from": start.isoformat(), "to": (start + timedelta(hours=20)).isoformat()}
    path = "/api/sensors/wl-spare/observations"
    for every in ({}, {"every": "600"}, {"every": "3600"}):
        whole = walk(admin, path, 1000, **asked, **every)
        assert len(whole) >= 8
        assert walk(admin, path, 1, **asked, **every) == whole


def test_log_of_an_incident_is_walked(admin: httpx.Client) -> None:
    body = {"kind": "noise", "level": 4, "title": "x", "lon": 119.0, "lat": 31.3}
    incident = admin.post("/api/incidents", json=body).json()
    ended = {"status": "cancelled", "version": incident["version"], "reason": "nothing there"}
    assert admin.post(f"/api/incidents/{incident['id']}/status", json=ended).status_code == 200
    path = f"/api/incidents/{incident['id']}/log"
    whole = walk(admin, path, 1000)
    assert len(whole) >= 2
    assert walk(admin, path, 1) == whole
